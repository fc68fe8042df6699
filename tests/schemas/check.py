"""Checks the JSON Schemas in docs/schemas against the command.

    python tests/schemas/check.py target/release/plimsoll

Plans that the command writes and graphs that it reads must be valid, with no property that the
schema leaves out. Without a required property the command refuses a document; without an optional
one it reads it.
"""

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "examples/models/nas_cell_irregular_int8.tflite"
GRAPH = {
    "name": "g",
    "ops": [
        {"name": "a", "type": "Relu", "inputs": [0, 5], "outputs": [1], "scratch": 64, "after": [], "foldable": False,
         "permits": [{"how": "in_place", "input": 0, "output": 1}],
         "access": {"cost_per_element": 9, "axes": [{"outputs": [0], "inputs": [
             {"axis": 0, "numerator": 2, "denominator": 1, "first": -1, "last": 1, "outside": "edge"}, None]}]}},
        {"name": "b", "type": "If", "inputs": [1], "outputs": [2], "bodies": [
            {"name": "body", "ops": [{"name": "c", "type": "Relu", "inputs": [0], "outputs": [1]}],
             "tensors": [{"name": "x", "kind": "constant", "bytes": 16}, {"name": "y", "kind": "output", "bytes": 32}]}],
         "links": [{"tensor": 1, "body": 0, "inner": 0}, {"tensor": 2, "body": 0, "inner": 1}]},
        {"name": "d", "type": "Concat", "inputs": [2], "outputs": [3, 4], "permits": [
            {"how": "overlap", "input": 2, "output": 3, "bytes": 16, "lower": "input"},
            {"how": "view", "input": 2, "output": 4, "at": 0}]},
    ],
    "tensors": [
        {"name": "in", "kind": "input", "shape": [4, 4], "dtype": "int8", "overwritable": True},
        {"name": "t", "kind": "intermediate", "shape": [2, 8], "dtype": "int8", "alignment": 16, "memory_order": [1, 0]},
        {"name": "u", "kind": "intermediate", "bytes": 32},
        {"name": "v", "kind": "output", "bytes": 32},
        {"name": "w", "kind": "output", "bytes": 16},
        {"name": "x", "kind": "constant", "bytes": 16},
    ],
    "outputs": [1],
    "apart": [[0, 3]],
}
BUFFERS = "id,lower,upper,size,gaps\na,0,4,64,1-2\nb,1,2,64,\nc,3,6,100,\n"


def closed(schema):
    """The schema with every object closed to properties that it does not list."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [closed(entry) for entry in schema]
    return schema


def validators():
    schemas = {path.name: json.loads(path.read_text()) for path in (ROOT / "docs/schemas").glob("*.json")}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    closed_schemas = [(name, Resource.from_contents(closed(schema))) for name, schema in schemas.items()]
    registry = Registry().with_resources(closed_schemas)
    return {name.split(".")[0]: Draft202012Validator(closed(schema), registry=registry) for name, schema in schemas.items()}


class Command:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)

    def plan(self, model, *options):
        """The plan of a model as JSON."""
        out = self.folder / "plan.json"
        done = self.run("plan", model, "--out", out, *options)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(out.read_text())

    def graph(self, model):
        """The graph of a model as JSON."""
        out = self.folder / "model.graph.json"
        done = self.run("plan", model, "--out", out)
        assert done.returncode == 0, done.stderr
        return json.loads(out.read_text())

    def reads_plan(self, model, document):
        path = self.folder / "changed.json"
        path.write_text(json.dumps(document))
        done = self.run("verify", model, path)
        return not (done.returncode == 2 or "invalid: not a plan" in done.stdout)

    def reads_graph(self, document):
        path = self.folder / "graph.json"
        path.write_text(json.dumps(document))
        return self.run("plan", path).returncode != 2


def without_each(document, schema, root):
    """Copies of the document without one property each, and whether the schema requires it.

    Properties of one object or of the first entry of a list stand for the others."""
    schema = root["$defs"][schema["$ref"].split("/")[-1]] if schema.get("$ref", "").startswith("#/$defs/") else schema
    if isinstance(document, dict) and "properties" in schema:
        for name, value in document.items():
            rest = {key: entry for key, entry in document.items() if key != name}
            yield rest, name in schema.get("required", []), name
            for changed, required, path in without_each(value, schema["properties"][name], root):
                yield {**document, name: changed}, required, f"{name}.{path}"
    elif isinstance(document, list) and document and isinstance(schema.get("items"), dict):
        for changed, required, path in without_each(document[0], schema["items"], root):
            yield [changed, *document[1:]], required, path


def main():
    program = sys.argv[1]
    schemas = validators()
    checked = refused = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = Command(program, folder)
        graph, buffers = folder / "model.json", folder / "buffers.csv"
        graph.write_text(json.dumps(GRAPH))
        buffers.write_text(BUFFERS)
        documents = [
            ("plan", MODEL, command.plan(MODEL)),
            ("plan", MODEL, command.plan(MODEL, "--share", "all", "--capacity", "1KiB", "--reserve", "0..64")),
            ("plan", MODEL, command.plan(MODEL, "--as", "int8", "--strategy", "merge")),
            ("plan", MODEL, command.plan(MODEL, "--tile", "--max-extra-macs", "10%", "--share", "all")),
            ("plan", graph, command.plan(graph, "--share", "all", "--inputs", "overwritable")),
            ("plan", buffers, command.plan(buffers, "--align", "1")),
            ("pool-plan", MODEL, command.plan(MODEL, "--memory", "l2=40KiB", "--share", "all")),
            ("pool-plan", MODEL, command.plan(MODEL, "--memory", "npu")),
            ("pool-plan", graph, command.plan(graph, "--memory", "l2=64")),
            ("graph", None, GRAPH),
            ("graph", None, command.graph(MODEL)),
            ("graph", None, command.graph(graph)),
        ]
        for kind, model, document in documents:
            errors = list(schemas[kind].iter_errors(document))
            assert not errors, f"{kind} of {model}: {errors[0].json_path}: {errors[0].message}"
            for changed, required, path in without_each(document, schemas[kind].schema, schemas[kind].schema):
                reads = command.reads_graph(changed) if model is None else command.reads_plan(model, changed)
                assert not (required and reads), f"{kind}: read without `{path}`, which the schema requires"
                if not required and kind != "graph":
                    assert reads, f"{kind}: refused without `{path}`, which the schema leaves optional"
                refused += not reads
                checked += 1
    print(f"{len(documents)} documents are valid; {checked} with a property less, {refused} of them refused")


main()
