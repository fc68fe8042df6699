"""Tests tools/same_outputs.py, which `plimsoll plan --check` runs.

    python tests/onnx/outputs.py

Pairs of small models whose outputs are equal, differ a little, or differ where one has no number.
"""

import pathlib
import subprocess
import sys
import tempfile

import onnx
from onnx import TensorProto, helper

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "same_outputs.py"


def model(path, nodes, outputs, shape=(2, 3), constants=()):
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "g", [info("x")], [info(name) for name in outputs], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def main():
    node = helper.make_node
    relu, root = node("Relu", ["x"], ["y"]), [node("Sqrt", ["x"], ["z"])]
    constant = lambda value: [helper.make_tensor("c", TensorProto.FLOAT, [], [value])]
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: pathlib.Path(folder) / f"{name}.onnx"
        plain = model(path("plain"), [relu], ["y"])
        named = model(path("named"), [relu], ["y"], ("batch", 3))
        large = model(path("large"), [relu], ["y"], (4, 3))
        near = model(path("near"), [node("Relu", ["x"], ["r"]), node("Mul", ["r", "c"], ["y"])], ["y"], constants=constant(1.00001))
        numbers = model(path("numbers"), [relu, node("Abs", ["x"], ["z"])], ["y", "z"])
        roots = model(path("roots"), [relu, *root], ["y", "z"])
        near_roots = model(path("near_roots"), [node("Relu", ["x"], ["r"]), node("Mul", ["r", "c"], ["y"]), *root], ["y", "z"],
                           constants=constant(1.00001))
        index = path("index")
        graph = helper.make_graph([node("Gather", ["c", "x"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.INT64, [4])],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])], [helper.make_tensor("c", TensorProto.FLOAT, [1], [0.5])])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(index))
        cases = [
            (plain, plain, 0, "equal bit by bit"),
            # The second model has numbers for dimensions with names.
            (named, plain, 0, "equal bit by bit"),
            (plain, large, 1, "other inputs"),
            (plain, near, 0, "outputs differ by up to"),
            # Roots of negative numbers are no numbers. They are equal to each other, but to no number.
            (roots, roots, 0, "equal bit by bit"),
            (roots, near_roots, 0, "outputs differ by up to"),
            (numbers, roots, 1, "outputs differ by up to inf"),
            (roots, numbers, 1, "outputs differ by up to inf"),
            (index, index, 2, "the first model fails on random inputs"),
        ]
        failures = 0
        for first, second, status, text in cases:
            done = subprocess.run([sys.executable, SCRIPT, first, second, "--tolerance", "1e-4"], capture_output=True, text=True)
            if done.returncode != status or text not in done.stdout:
                failures += 1
                print(f"FAILED: {first.stem} and {second.stem}: status {done.returncode}, {done.stdout}{done.stderr}")
    print(f"{len(cases)} pairs of models compared, {failures} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
