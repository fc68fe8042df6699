"""Plans models with functions, and runs the planned files and the originals in ONNX Runtime.

    python tests/onnx/functions.py target/release/plimsoll [SEEDS]

A planned file has the calls of functions inlined. The script checks that outputs are equal bit by bit, that every
node of the planned file is a tensor of the plan, and that the arena is that of the model that
`onnx.inliner.inline_local_functions` makes. Needs the packages onnx and onnxruntime (requirements.txt).
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnx
import onnx.inliner
import onnxruntime
from onnx import AttributeProto, TensorProto, helper

onnxruntime.set_default_logger_severity(3)

OWN = "my.own"
VERSION = 18
SETS = [helper.make_opsetid("", VERSION), helper.make_opsetid(OWN, 1)]


def value(name, *dims, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, dims)


def call(function, inputs, outputs, **more):
    return helper.make_node(function, inputs, outputs, domain=OWN, **more)


def function(name, inputs, outputs, nodes, attributes=(), defaults=(), sets=SETS):
    return helper.make_function(OWN, name, inputs, outputs, nodes, sets, list(attributes), list(defaults))


def referring(node, name, reference, kind):
    node.attribute.append(AttributeProto(name=name, ref_attr_name=reference, type=kind))
    return node


def made(nodes, functions, inputs, outputs, sets=SETS):
    graph = helper.make_graph(nodes, "functions", inputs, outputs)
    model = helper.make_model(graph, functions=functions, opset_imports=sets, ir_version=10)
    onnx.checker.check_model(model)
    return model


def branch(name, *nodes):
    return helper.make_graph(list(nodes), name, [], [value(nodes[-1].output[0], None, None)])


def fixed_models():
    """Cases that are easy to get wrong, as (name, model)."""
    node = helper.make_node
    x, y, condition = value("x", 4, 8), value("y", None, None), value("condition", kind=TensorProto.BOOL)
    wide = [node("Concat", ["a"] * 20, ["wide"], axis=0), node("ReduceMax", ["wide"], ["b"], keepdims=0)]
    narrow = function("Narrow", ["a"], ["b"], wide[:1] + [node("Identity", ["wide"], ["b"])])
    yield "nested", made(
        [call("Twice", ["x"], ["y"], name="top")],
        [function("Inner", ["a"], ["b"], [node("Exp", ["a"], ["t"]), node("Neg", ["t"], ["b"])]),
         function("Twice", ["a"], ["b"], [call("Inner", ["a"], ["t"]), call("Inner", ["t"], ["b"])])], [x], [y])
    yield "several calls", made(
        [call("Narrow", ["x"], ["u"]), call("Narrow", ["u"], ["v"]), node("Shape", ["x"], ["s"]),
         node("Constant", [], ["zero"], value_ints=[0, 0]), node("Slice", ["v", "zero", "s"], ["w"]),
         node("Add", ["w", "x"], ["y"])], [narrow], [x], [y])
    leaky = [referring(node("LeakyRelu", ["a"], ["b"]), "alpha", "slope", AttributeProto.FLOAT)]
    defaults = [helper.make_attribute("slope", 0.25)]
    yield "attributes and defaults", made(
        [call("Leaky", ["x"], ["u"]), call("Leaky", ["u"], ["y"], slope=0.5)],
        [function("Leaky", ["a"], ["b"], leaky, defaults=defaults)], [x], [y])
    softmax = [referring(node("Softmax", ["a"], ["b"]), "axis", "along", AttributeProto.INT)]
    yield "an attribute that is not given", made(
        [call("Soft", ["x"], ["u"]), call("Soft", ["u"], ["y"], along=0)],
        [function("Soft", ["a"], ["b"], softmax, ["along"])], [x], [y])
    yield "an attribute through two functions", made(
        [call("Outer", ["x"], ["y"], depth=0)],
        [function("Soft", ["a"], ["b"], softmax, ["along"]),
         function("Outer", ["a"], ["b"], [referring(call("Soft", ["a"], ["b"]), "along", "depth", AttributeProto.INT)],
                  ["depth"])], [x], [y])
    clip = function("Limit", ["a", "low", "high"], ["b"], [node("Clip", ["a", "low", "high"], ["b"])])
    yield "absent inputs", made(
        [node("Constant", [], ["one"], value_float=0.5), call("Limit", ["x"], ["u"]),
         call("Limit", ["u", "", "one"], ["v"]), call("Limit", ["v", "one"], ["y"])], [clip], [x], [y])
    two = function("Two", ["a"], ["b", "c"], [node("Exp", ["a"], ["b"]), node("Neg", ["b"], ["c"])])
    yield "absent outputs", made(
        [call("Two", ["x"], ["", "u"]), call("Two", ["u"], ["y", ""])], [two], [x], [y])
    choice = node("If", ["c"], ["b"], then_branch=branch("yes", node("Exp", ["a"], ["r"])),
                  else_branch=branch("no", call("Inner", ["a"], ["q"]), node("Neg", ["q"], ["r2"])))
    yield "a body in a function, a call in the body", made(
        [call("Choose", ["condition", "x"], ["u"]), call("Choose", ["condition", "u"], ["y"])],
        [function("Inner", ["a"], ["b"], [node("Sin", ["a"], ["t"]), node("Cos", ["t"], ["b"])]),
         function("Choose", ["c", "a"], ["b"], [choice])], [x, condition], [y])
    yield "a call in a body", made(
        [node("If", ["condition"], ["y"],
              then_branch=branch("yes", call("Two", ["x"], ["r", "s"]), node("Add", ["r", "s"], ["t"])),
              else_branch=branch("no", call("Two", ["x"], ["r3", ""]), node("Identity", ["r3"], ["t3"])))], [two], [x, condition], [y])
    yield "names of the file like those of a call", made(
        [call("Two", ["x"], ["top.2/b", "top.1/c"], name="top"), call("Two", ["top.2/b"], ["u", ""], name="a/top"),
         node("Sum", ["top.2/b", "top.1/c", "u"], ["y"])], [two], [x], [y])
    yield "one name around the call and in it", made(
        [call("Swap", ["a", "x"], ["t", "b"]), node("Sub", ["t", "b"], ["y"])],
        [function("Swap", ["x", "a"], ["b", "t"], [node("Exp", ["x"], ["t"]), node("Neg", ["a"], ["b"])])],
        [value("a", 4, 8), x], [y])
    yield "another version that means the same", made(
        [call("Old", ["x"], ["y"])],
        [function("Old", ["a"], ["b"], [node("Exp", ["a"], ["t"]), node("Softmax", ["t"], ["b"], axis=1)],
                  sets=[helper.make_opsetid("", VERSION)])], [x], [y])
    constant = helper.make_tensor("w", TensorProto.FLOAT, [8, 64], numpy.linspace(-1, 1, 512).tolist())
    yield "constants in a function", made(
        [call("Dense", ["x"], ["u"]), call("Dense", ["u"], ["y"])],
        [function("Dense", ["a"], ["b"], [
            node("Constant", [], ["w"], value=constant), node("MatMul", ["a", "w"], ["t"]),
            node("Constant", [], ["axes"], value_ints=[1]), node("ReduceMean", ["t", "axes"], ["m"], keepdims=1),
            node("Add", ["a", "m"], ["b"])])], [x], [y])


def drawn_model(seed):
    """Functions of wide and narrow tensors, some of which call others."""
    draw = random.Random(seed)
    functions = []
    for number in range(draw.randint(1, 4)):
        nodes, known = [], ["a", "b"]
        for step in range(draw.randint(1, 6)):
            kind = draw.choice(["wide", "wide", "op", "add", "call"])
            pick = lambda: draw.choice(known)
            out = draw.choice([f"t{step}", f"a{step}", f"x{step}"])
            if kind == "wide":
                nodes += [helper.make_node("Concat", [pick()] * draw.randint(2, 40), [out + "w"], axis=0),
                          helper.make_node("ReduceMean", [out + "w", "axes"], [out], keepdims=1)]
            elif kind == "call" and functions:
                other = draw.choice(functions)
                nodes.append(call(other.name, [pick(), pick()], [out]))
            elif kind == "add":
                nodes.append(helper.make_node("Add", [pick(), pick()], [out]))
            else:
                nodes.append(helper.make_node(draw.choice(["Sin", "Neg", "Sigmoid"]), [pick()], [out]))
            known.append(out)
        nodes = [helper.make_node("Constant", [], ["axes"], value_ints=[0])] + nodes
        nodes.append(helper.make_node("Sum", known[-3:], ["result"]))
        functions.append(function(f"F{number}", ["a", "b"], ["result"], nodes))
    nodes, known = [], ["x", "a"]
    for step in range(draw.randint(1, 5)):
        nodes.append(call(draw.choice(functions).name, [draw.choice(known), draw.choice(known)], [f"t{step}"]))
        known.append(f"t{step}")
    nodes.append(helper.make_node("Sum", known, ["y"]))
    return made(nodes, functions, [value("x", 1, 8), value("a", 1, 8)], [value("y", 1, 8)])


def outputs(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    draw, results = numpy.random.default_rng(1), []
    for condition in [True, False]:
        inputs = {}
        for one in session.get_inputs():
            numbers = draw.standard_normal([dim or 1 for dim in one.shape]).astype(numpy.float32)
            inputs[one.name] = numpy.array(condition) if one.type == "tensor(bool)" else numbers
        results += session.run(None, inputs)
    return results


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def names(graph):
    for node in graph.node:
        yield from node.output
        for attribute in node.attribute:
            yield from names(attribute.g)


def compare(plimsoll, name, model, folder):
    old, new, plan, inlined = (str(folder / file) for file in ["old.onnx", "new.onnx", "plan.json", "inlined.onnx"])
    onnx.save(model, old)
    onnx.save(onnx.inliner.inline_local_functions(model), inlined)
    arenas = []
    expected = outputs(old)
    for sharing in ["none", "all"]:
        run(plimsoll, "plan", old, "--share", sharing, "--out", new, "--out", plan)
        run(plimsoll, "verify", new)
        run(plimsoll, "verify", old, plan)
        planned = onnx.load(new)
        onnx.checker.check_model(planned)
        written = list(names(planned.graph))
        assert len(planned.functions) == 0, f"{name}: functions are left"
        assert len(set(written)) == len(written), f"{name}: a name is written twice"
        for before, after in zip(expected, outputs(new), strict=True):
            assert before.tobytes() == after.tobytes(), f"{name}, sharing {sharing}: outputs differ"
        arenas.append(json.loads(Path(plan).read_text())["arena_bytes"])
        run(plimsoll, "plan", inlined, "--share", sharing, "--out", plan)
        reference = json.loads(Path(plan).read_text())["arena_bytes"]
        assert arenas[-1] == reference, f"{name}, sharing {sharing}: arena {arenas[-1]}, inlined by onnx {reference}"
    return arenas


def main():
    plimsoll, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30
    models = list(fixed_models()) + [(f"drawn {seed}", drawn_model(seed)) for seed in range(seeds)]
    for name, model in models:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{name}: arenas {compare(plimsoll, name, model, Path(folder))}, equal outputs")
    print(f"{len(models)} models with functions: outputs and arenas equal")


if __name__ == "__main__":
    main()
