"""Runs generated models with bodies in ONNX Runtime, and compares planned files with the originals.

    python tests/onnx/bodies.py target/release/plimsoll [SEEDS]

Each model is a chain of operators with `If` (also nested), `Loop` with carried state and scan outputs, or
`Scan`. The nodes of a body are in a random valid order. The script checks the arena against its own count: at an
operator with bodies, the inputs, the outputs and the largest body are live.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper

SIZE = 4


class Drawn:
    """Unique names, and a random number generator with a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.count = 0

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"


def shuffled(drawn, nodes, known):
    """The nodes in a random valid order."""
    left, done, known = list(nodes), [], set(known)
    own = {name for node in nodes for name in node.output}
    while left:
        ready = [node for node in left if all(name in known or name not in own for name in captured(node))]
        node = drawn.random.choice(ready)
        left.remove(node)
        known.update(node.output)
        done.append(node)
    return done


def captured(node):
    """Names that a node or one of its bodies reads."""
    names = list(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                names += captured(inner)
            names += [output.name for output in attribute.g.output]
    return [name for name in names if name]


def value(name, shape=(1, SIZE), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, list(shape))


def part(drawn, x, condition, depth):
    """Nodes from `x` through some wide tensors to a tensor of the shape of `x`."""
    nodes, ends = [], []
    for _ in range(drawn.random.randint(1, 3)):
        wide, narrow = drawn.name("wide"), drawn.name("narrow")
        width = drawn.random.choice([1, 8, 32, 64])
        nodes += [
            helper.make_node("Concat", [x] * width, [wide], axis=0),
            helper.make_node("ReduceMean", [wide], [narrow], axes=[0], keepdims=1),
        ]
        ends.append(narrow)
    if depth > 0 and drawn.random.random() < 0.7:
        made, end = operator(drawn, x, condition, depth - 1)
        nodes += made
        ends.append(end)
    result = drawn.name("sum")
    nodes.append(helper.make_node("Sum", ends, [result]))
    return shuffled(drawn, nodes, [x, condition]), result


def operator(drawn, x, condition, depth):
    """Nodes that include an operator with bodies."""
    return drawn.random.choice([branch, loop, scan])(drawn, x, condition, depth)


def branch(drawn, x, condition, depth):
    bodies = []
    for which in range(2):
        nodes, end = part(drawn, x, condition, depth)
        bodies.append(helper.make_graph(nodes, f"branch{which}", [], [value(end)]))
    result = drawn.name("if")
    return [helper.make_node("If", [condition], [result], then_branch=bodies[0], else_branch=bodies[1])], result


def loop(drawn, x, condition, depth):
    turn, go, state = drawn.name("turn"), drawn.name("go"), drawn.name("state")
    count, always = drawn.name("count"), drawn.name("always")
    nodes, end = part(drawn, state, condition, depth)
    still, after, scanned = drawn.name("still"), drawn.name("after"), drawn.name("scanned")
    nodes += [
        helper.make_node("Identity", [go], [still]),
        helper.make_node("Add", [end, x], [after]),
        helper.make_node("Mul", [state, end], [scanned]),
    ]
    inputs = [value(turn, (), TensorProto.INT64), value(go, (), TensorProto.BOOL), value(state)]
    outputs = [value(still, (), TensorProto.BOOL), value(after), value(scanned)]
    body = helper.make_graph(shuffled(drawn, nodes, [turn, go, state]), "turn", inputs, outputs)
    last, all_of_them, mean, result = (drawn.name(prefix) for prefix in ["last", "all", "mean", "loop"])
    turns = drawn.random.randint(1, 4)
    return [
        constant(count, TensorProto.INT64, [turns]),
        constant(always, TensorProto.BOOL, [True]),
        helper.make_node("Loop", [count, always, x], [last, all_of_them], body=body),
        helper.make_node("ReduceMean", [all_of_them], [mean], axes=[0], keepdims=0),
        helper.make_node("Add", [last, mean], [result]),
    ], result


def scan(drawn, x, condition, depth):
    state, one, rows = drawn.name("state"), drawn.name("one"), drawn.name("rows")
    nodes, end = part(drawn, state, condition, depth)
    after, out = drawn.name("after"), drawn.name("out")
    nodes += [helper.make_node("Add", [end, one], [after]), helper.make_node("Sub", [end, state], [out])]
    body = helper.make_graph(
        shuffled(drawn, nodes, [state, one]), "row", [value(state), value(one, (SIZE,))], [value(after), value(out)]
    )
    last, all_of_them, mean, result = (drawn.name(prefix) for prefix in ["last", "all", "mean", "scan"])
    return [
        helper.make_node("Concat", [x] * 3, [rows], axis=0),
        helper.make_node("Scan", [x, rows], [last, all_of_them], body=body, num_scan_inputs=1),
        helper.make_node("ReduceMean", [all_of_them], [mean], axes=[0], keepdims=0),
        helper.make_node("Add", [last, mean], [result]),
    ], result


def constant(name, kind, numbers):
    return helper.make_node("Constant", [], [name], value=helper.make_tensor(name, kind, [], numbers))


def model(seed):
    drawn = Drawn(seed)
    nodes, x = [], "x"
    for _ in range(drawn.random.randint(1, 3)):
        made, x = operator(drawn, x, "condition", 2)
        nodes += made
    inputs = [value("x"), value("condition", (), TensorProto.BOOL)]
    graph = helper.make_graph(shuffled(drawn, nodes, ["x", "condition"]), "bodies", inputs, [value(x)])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made


def outputs(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    draw = numpy.random.default_rng(1)
    results = []
    for condition in [True, False]:
        x = draw.standard_normal((1, SIZE), dtype=numpy.float32)
        results += session.run(None, {"x": x, "condition": numpy.array(condition)})
    return results


def check_bodies(plan):
    """Returns the number of bodies, and asserts that each lies within its operator's workspace."""
    workspaces = {entry["operator"]: entry["bytes"] for entry in plan["scratch"]}
    count = 0
    for body in plan.get("bodies", []):
        inner = body["plan"]
        assert inner["arena_bytes"] <= workspaces.get(body["operator"], 0), (body["operator"], inner["arena_bytes"])
        count += 1 + check_bodies(inner)
    for operator, size in workspaces.items():
        step = plan["order"].index(operator)
        live = [entry for entry in plan["tensors"] if entry["live"][0] <= step < entry["live"][1]]
        assert plan["arena_bytes"] >= size + sum(entry["bytes"] for entry in live)
    return count


def main(plimsoll, seeds):
    bodies = moved = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            source, planned, plan = (str(Path(folder) / name) for name in ["m.onnx", "planned.onnx", "plan.json"])
            onnx.save(model(seed), source)
            run = [plimsoll, "plan", source, "--align", "1", "--out", planned, "--out", plan]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
            for verify in [[source, plan], [planned]]:
                subprocess.run([plimsoll, "verify", *verify], check=True, stdout=subprocess.DEVNULL)
            bodies += check_bodies(json.loads(Path(plan).read_text()))
            moved += onnx.load(source).graph != onnx.load(planned).graph
            for one, other in zip(outputs(source), outputs(planned), strict=True):
                numpy.testing.assert_array_equal(one, other, err_msg=f"seed {seed}")
    print(f"{seeds} models with {bodies} bodies, {moved} written in another order: equal results")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
