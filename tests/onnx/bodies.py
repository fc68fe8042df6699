"""Runs generated models with bodies in ONNX Runtime, and compares planned files with the originals.

    python tests/onnx/bodies.py target/release/plimsoll [SEEDS]

Each model is a chain of operators with `If` (also nested), `Loop` with carried state and scan outputs, or
`Scan`. The nodes of a body are in a random valid order. The script compares the arena with the least bytes that are
live at once in the best of all orders, which it finds by exhaustive search: at an operator with bodies, the inputs, the
outputs and the rest of the largest body are live. No plan needs less. A plan may need more, as an input and an output do
not share bytes, although the body may read the one before it writes the other.
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


def bodies_of(node):
    """The bodies of a node, and for each the inputs that are kept to the end of a turn."""
    graphs = {attribute.name: attribute.g for attribute in node.attribute if attribute.HasField("g")}
    graphs = [graphs[name] for name in ["then_branch", "else_branch", "body"] if name in graphs]
    names = [[value.name for value in graph.input] for graph in graphs]
    scanned = next((attribute.i for attribute in node.attribute if attribute.name == "num_scan_inputs"), 0)
    kept = {"If": lambda own: [], "Loop": lambda own: own[1:], "Scan": lambda own: own[: len(own) - scanned]}
    return [(graph, kept[node.op_type](own)) for graph, own in zip(graphs, names)]


def least_live(graph, sizes, workspaces, kept):
    """The least bytes that are live at once, over all orders of the nodes.

    `sizes` are those of the tensors in the arena, `workspaces` of the nodes by position.
    """
    nodes = [(place, node) for place, node in enumerate(graph.node) if any(name in sizes for name in node.output)]
    reads = {place: {name for name in captured(node) if name in sizes} for place, node in nodes}
    writes = {place: {name for name in node.output if name in sizes} for place, node in nodes}
    made = set().union(*writes.values()) if nodes else set()
    to_the_end = {output.name for output in graph.output} | set(kept)
    known = {}

    def search(done):
        if len(done) == len(nodes):
            return 0
        if done not in known:
            left = [place for place, _ in nodes if place not in done]
            there = {name for name in sizes if name not in made} | set().union(*(writes[place] for place in done))
            needed = to_the_end.union(*(reads[place] for place in left))
            # Inputs are there when the first node runs, whether or not one reads them.
            needed |= set() if done else there
            best = None
            for place in left:
                if not reads[place] <= there:
                    continue
                live = (there & needed) | writes[place]
                peak = max(sum(sizes[name] for name in live) + workspaces.get(place, 0), search(done | {place}))
                best = peak if best is None else min(best, peak)
            known[done] = best
        return known[done]

    return search(frozenset())


def linked_in(node, body, sizes):
    """Pairs of a tensor around a body and a tensor of the body that may be the same bytes."""
    results = {"If": body.output, "Loop": body.input[2:], "Scan": body.input}[node.op_type]
    own = {name for inner in body.node for name in inner.output} | {value.name for value in body.input}
    pairs = [(output, inner.name) for output, inner in zip(node.output, results) if output in sizes]
    pairs = [(output, inner) for output, inner in pairs if inner in own]
    captured_here = {name for inner in body.node for name in captured(inner)} - own
    return pairs + [(name, name) for name in sorted(captured_here) if node.op_type == "If" and name in sizes]


def least(graph, sizes, plan, kept=()):
    """The least bytes that are live at once in a graph, in the best order and whatever a plan links.

    An operator's inputs and outputs are live while it runs, so its bodies add what they need beyond those that
    may lie inside them. `plan` gives the sizes of tensors in bodies."""
    workspaces = {}
    plans = {(entry["operator"], entry["body"]): entry["plan"] for entry in plan.get("bodies", [])}
    for place, node in enumerate(graph.node):
        pairs = [linked_in(node, body, sizes) for body, _ in bodies_of(node)]
        linked = sum(sizes[outer] for outer in {outer for of_body in pairs for outer, _ in of_body})
        for number, (body, kept_in_body) in enumerate(bodies_of(node)):
            inner = plans[place, number]
            captured_here = {one: sizes[one] for one, other in pairs[number] if one == other}
            needed = least(body, sizes_of(inner) | captured_here, inner, kept_in_body)
            workspaces[place] = max(workspaces.get(place, 0), needed - linked)
    return least_live(graph, sizes, workspaces, kept)


def sizes_of(plan):
    return {entry["name"]: entry["bytes"] for entry in plan["tensors"] if entry["kind"] != "constant"}


def count_of_bodies(plan):
    return sum(1 + count_of_bodies(entry["plan"]) for entry in plan.get("bodies", []))


def main(plimsoll, seeds):
    bodies = equal = proven = moved = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            source, planned, plan = (str(Path(folder) / name) for name in ["m.onnx", "planned.onnx", "plan.json"])
            onnx.save(model(seed), source)
            run = [plimsoll, "plan", source, "--align", "1", "--out", planned, "--out", plan]
            subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
            for verify in [[source, plan], [planned]]:
                subprocess.run([plimsoll, "verify", *verify], check=True, stdout=subprocess.DEVNULL)
            graph, found = onnx.load(source).graph, json.loads(Path(plan).read_text())
            bodies += count_of_bodies(found)
            bound = least(graph, sizes_of(found), found)
            assert bound <= found["arena_bytes"], (seed, bound, found["arena_bytes"])
            equal += bound == found["arena_bytes"]
            proven += found["status"] == "optimal"
            moved += onnx.load(source).graph != onnx.load(planned).graph
            for one, other in zip(outputs(source), outputs(planned), strict=True):
                numpy.testing.assert_array_equal(one, other, err_msg=f"seed {seed}")
    print(f"{seeds} models with {bodies} bodies, {moved} written in another order: equal results")
    print(f"{equal} of {seeds} arenas have the least live bytes of all orders; {proven} are proven minimal")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)
