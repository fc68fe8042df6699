"""Sizes of operators that ONNX Runtime's optimizer, quantizer and converters write, beside those of a run.

    python tests/onnx/operators.py target/release/plimsoll [--table]

Each model has one operator, or a few on a sequence. It runs in ONNX Runtime without optimizations, and every output must have the
size that the plan has, or a smaller one where PLAN.json marks an upper bound. With `--table`, the script prints rows for
`tests/import/operators/table.tsv` of the models that ran.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

MICROSOFT, LEARNED = "com.microsoft", "ai.onnx.ml"
RANDOM = np.random.default_rng(1)
# Operators that this build of ONNX Runtime does not have.
NOT_IMPLEMENTED = "NOT_IMPLEMENTED"


def floats(*shape):
    return RANDOM.random(shape).astype(np.float32)


def bytes_of(*shape):
    return RANDOM.integers(0, 255, shape).astype(np.uint8)


def longs(*numbers):
    return np.array(numbers, np.int64)


def ints(*numbers):
    return np.array(numbers, np.int32)


SCALES = {"xs": np.float32(0.1), "xz": np.uint8(3), "ws": np.float32(0.2), "wz": np.uint8(4)}
SCALES |= {"ys": np.float32(0.3), "yz": np.uint8(5)}
SCALES = {name: np.array(value) for name, value in SCALES.items()}
# Inputs of these names are constants of the file.
CONSTANT = {*SCALES, "w", "b", "table", "at", "axes", "size"}


class Cases:
    """Models with the arrays of their inputs."""

    def __init__(self):
        self.all = []

    def add(self, nodes, arrays, outputs=("y",), given=()):
        nodes = nodes if isinstance(nodes, list) else [nodes]
        read = {name for node in nodes for name in node.input}
        arrays = {name: array for name, array in (SCALES | arrays).items() if name in read}
        self.all.append((nodes, arrays, list(outputs), list(given)))

    def one(self, op, inputs, arrays, outputs=("y",), domain=MICROSOFT, given=(), **attributes):
        node = helper.make_node(op, inputs.split(","), list(outputs), domain=domain, **attributes)
        self.add(node, arrays, outputs, given)


def attention(cases):
    x, cache = {"x": floats(2, 5, 6)}, floats(2, 2, 2, 3, 4)
    packed = x | {"w": floats(6, 24), "b": floats(24)}
    cases.one("Attention", "x,w,b", packed, num_heads=2)
    cases.one("Attention", "x,w,b,,p", packed | {"p": cache}, "yq", num_heads=2)
    cases.one("Attention", "x,w,b", x | {"w": floats(6, 28), "b": floats(28)}, num_heads=2, qkv_hidden_sizes=[8, 8, 12])
    packed = {"x": bytes_of(2, 5, 6), "w": bytes_of(6, 24), "b": floats(24)}
    cases.one("QAttention", "x,w,b,xs,ws,,xz,wz", packed, "yq", num_heads=2)
    cases.one("QAttention", "x,w,b,xs,ws,,xz,wz,p", packed | {"p": cache}, "yq", num_heads=2, unidirectional=1)
    parts = {"x": floats(2, 5, 8), "k": floats(2, 5, 8), "v": floats(2, 5, 8)}
    cases.one("MultiHeadAttention", "x,k,v", parts, "yac", num_heads=2)
    past = {"p": floats(2, 2, 3, 4), "q": floats(2, 2, 3, 4)}
    cases.one("MultiHeadAttention", "x,k,v,,,,p,q", parts | past, "yac", num_heads=2)
    cases.one("MultiHeadAttention", "x,k,v", parts | {"k": floats(2, 2, 7, 4), "v": floats(2, 2, 7, 4)}, num_heads=2)
    step = {"x": floats(2, 1, 8), "k": floats(2, 1, 8), "v": floats(2, 1, 8), "p": floats(2, 2, 6, 4), "q": floats(2, 2, 6, 4)}
    step["n"] = ints(3)
    cases.one("DecoderMaskedMultiHeadAttention", "x,k,v,,,p,q,n", step, "yac", num_heads=2, past_present_share_buffer=1)
    for before, total in (3, 8), (0, 5), (16, 8):
        arrays = {"x": floats(1, 5, 16), "k": floats(1, 5, 8), "v": floats(1, 5, 8), "n": ints(total - 1)}
        arrays |= {"p": floats(1, 1, before, 8), "q": floats(1, 1, before, 8), "t": np.array(total, np.int32)}
        heads = {"num_heads": 2, "kv_num_heads": 1}
        cases.one("GroupQueryAttention", "x,k,v,p,q,n,t", arrays, "yac", **heads)
        cases.one("GroupQueryAttention", "x,k,v,p,q,n,at", arrays | {"at": arrays["t"]}, "yac", **heads)
        cases.one("GroupQueryAttention", "x,k,v,p,q,n,t", arrays, "yac", given=["--value", f"t={total}"], **heads)
    arrays = {"x": floats(1, 5, 32), "n": ints(4), "t": np.array(5, np.int32)}
    cases.one("GroupQueryAttention", "x,,,,,n,t", arrays, "yac", num_heads=2, kv_num_heads=1)
    arrays = {"x": floats(2, 5, 8), "p": longs(0), "c": floats(16, 2), "s": floats(16, 2)}
    cases.one("RotaryEmbedding", "x,p,c,s", arrays)
    arrays = {"x": floats(2, 5, 12), "k": floats(2, 5, 6), "v": floats(2, 5, 10)}
    cases.one("LinearAttention", "x,k,v", arrays, "ys", q_num_heads=4, kv_num_heads=2, update_rule="linear")
    cases.one("LinearAttention", "k,k,v", arrays, "ys", q_num_heads=2, kv_num_heads=2, update_rule="linear")
    cases.one("CausalConvWithState", "x,w", {"x": floats(2, 4, 7), "w": floats(4, 1, 3)}, "ys")
    arrays = {"x": floats(2, 4, 7), "w": floats(4, 1, 3), "p": floats(2, 4, 2)}
    cases.one("CausalConvWithState", "x,w,,p", arrays, "ys")


def normalization(cases):
    arrays = {"x": floats(2, 5, 8), "k": floats(2, 5, 8), "w": floats(8)}
    for op in "SkipLayerNormalization", "SkipSimplifiedLayerNormalization":
        cases.one(op, "x,k,w", arrays, ["y", "", "", "s"])
    words = {"i": ints(1, 2, 3, 4).reshape(2, 2), "j": ints(0, 0, 1, 1).reshape(2, 2)}
    tables = {"w": (9, 8), "p": (9, 8), "s": (2, 8), "g": (8,), "b": (8,)}
    arrays = words | {name: floats(*shape) for name, shape in tables.items()}
    cases.one("EmbedLayerNormalization", "i,,w,p,,g,b", arrays, "yke")
    cases.one("EmbedLayerNormalization", "i,j,w,p,s,g,b,i", arrays, "yk", mask_index_type=1)
    arrays = words | {name: bytes_of(*shape) for name, shape in tables.items()}
    cases.one("QEmbedLayerNormalization", "i,j,w,p,s,g,b,i,xs,xs,xs,xs,xs,xz,xz,xz,xz,xz", arrays, "yk")
    for op in "BiasGelu", "FastGelu":
        cases.one(op, "x,b", {"x": floats(2, 5, 8), "b": floats(8)})


def quantized(cases):
    cases.one("QLinearAdd", "x,xs,xz,v,ws,wz,ys,yz", {"x": bytes_of(2, 3, 4), "v": bytes_of(3, 1)})
    arrays = {"c": np.ones((4, 1, 1), bool), "x": bytes_of(3, 4), "v": bytes_of(3, 1)}
    cases.one("QLinearWhere", "c,x,xs,xz,v,ws,wz,ys,yz", arrays)
    for last in 0, 1:
        x = {"x": bytes_of(1, 9, 8, 4) if last else bytes_of(1, 4, 9, 8)}
        cases.one("QLinearGlobalAveragePool", "x,xs,xz,ys,yz", x, channels_last=last)
        for ceil in 0, 1:
            window = {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 0], "ceil_mode": ceil}
            cases.one("QLinearAveragePool", "x,xs,xz,ys,yz", x, channels_last=last, **window)
        for groups in 1, 2, 4:
            window = {"strides": [2, 1], "dilations": [1, 2], "pads": [1, 0, 1, 1], "group": groups}
            arrays = x | {"w": bytes_of(8, 4 // groups, 3, 2)}
            cases.one("QLinearConv", "x,xs,xz,w,ws,wz,ys,yz", arrays, channels_last=last, **window)
        arrays = x | {"w": bytes_of(8, 4, 3, 2)}
        cases.one("QLinearConv", "x,xs,xz,w,ws,wz,ys,yz", arrays, channels_last=last, strides=[2, 3], auto_pad="SAME_UPPER")
    cases.one("NhwcMaxPool", "x", {"x": bytes_of(1, 9, 8, 4)}, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1)
    cases.one("NhwcMaxPool", "x", {"x": bytes_of(2, 9, 4)}, kernel_shape=[3], strides=[2], pads=[1, 1])
    arrays = {"x": bytes_of(2, 3), "w": bytes_of(5, 3)}
    cases.one("QGemm", "x,xs,xz,w,ws,wz,,ys,yz", arrays, transB=1)
    cases.one("QGemm", "x,xs,xz,w,ws,wz", arrays, transB=1)


def products(cases):
    for flags in range(16):
        a, b, rows, columns = (flags >> bit & 1 for bit in range(4))
        left, right = [2, 3, 4] if a else [2, 4, 3], [2, 5, 3] if b else [2, 3, 5]
        left = [left[1], left[0], left[2]] if rows else left
        right = [right[1], right[0], right[2]] if columns else right
        given = {"transA": a, "transB": b, "transBatchA": rows, "transBatchB": columns}
        cases.one("FusedMatMul", "x,v", {"x": floats(*left), "v": floats(*right)}, **given)
    arrays = {"x": floats(2, 4, 32), "w": bytes_of(64), "b": floats(8)}
    cases.one("MatMulBnb4", "x,w,b", arrays, K=32, N=4, quant_type=1, block_size=16)
    for bits, width in (4, 16), (8, 32):
        arrays = {"w": bytes_of(5, width), "i": longs(0, 3).reshape(2, 1), "b": floats(5, 2)}
        given = {"bits": bits, "block_size": 16, "gather_axis": 0, "quantize_axis": 1}
        cases.one("GatherBlockQuantized", "w,i,b", arrays, **given)
    cases.one("CDist", "x,v", {"x": floats(4, 3), "v": floats(5, 3)}, metric="euclidean")
    arrays = {"x": floats(1, 3, 8, 8), "v": floats(2, 4), "i": ints(0, 0), "size": ints(4, 5)}
    cases.one("CropAndResize", "x,v,i,size", arrays)
    cases.one("Pad", "x,at", {"x": floats(2, 3), "at": longs(1, 0, 2, 1)}, mode="constant")
    cases.one("Unique", "x", {"x": floats(6)}, "yic")
    cases.one("Trilu", "x", {"x": floats(2, 3, 3)})
    cases.one("GatherND", "x,i", {"x": floats(2, 3, 4), "i": longs(0, 1).reshape(1, 2)})
    arrays = {"x": floats(6, 8), "v": floats(6, 2), "w": floats(2, 16, 8), "b": floats(2, 8, 16)}
    cases.one("MoE", "x,v,w,,b", arrays, k=1, activation_type="relu")


def learned(cases):
    tree = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0]}
    tree |= {"nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0]}
    tree |= {"nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0]}
    kernel = {"kernel_type": "RBF", "kernel_params": [0.1, 0.0, 3.0]}

    def one(op, arrays, outputs=("y",), inputs="x", **attributes):
        cases.one(op, inputs, arrays, outputs, LEARNED, **attributes)

    for shape in (3, 4), (4,):
        x = {"x": floats(*shape)}
        text = {"x": np.full(shape, "a", object)}
        references = ["--input-shape", f"x={'x'.join(map(str, shape))}:uint64"]
        for classes in 2, 3, 4:
            labels, pairs = {"classlabels_ints": list(range(classes))}, classes * (classes - 1) // 2
            for rows in {classes, 1} if classes == 2 else {classes}:
                linear = {"coefficients": [0.1] * 4 * rows, "intercepts": [0.0] * rows}
                one("LinearClassifier", x, "yz", **linear, **labels)
            one("LinearRegressor", x, coefficients=[0.1] * 4 * classes, intercepts=[0.0] * classes, targets=classes)
            vectors = {"vectors_per_class": [1] * classes, "support_vectors": [0.1] * 4 * classes, "rho": [0.1] * pairs}
            vectors |= {"coefficients": [0.2] * classes * (classes - 1)} | kernel | labels
            one("SVMClassifier", x, "yz", **vectors)
            one("SVMClassifier", x, "yz", **vectors, prob_a=[0.1] * pairs, prob_b=[0.1] * pairs)
            if len(shape) == 2:
                leaves = {"class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, classes - 1]}
                one("TreeEnsembleClassifier", x, "yz", classlabels_int64s=list(range(classes)), class_weights=[1.0, 1.0], **leaves, **tree)
                leaves = {"target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, classes - 1]}
                for kind in np.float32, np.float64:
                    arrays = {"x": x["x"].astype(kind)}
                    one("TreeEnsembleRegressor", arrays, n_targets=classes, target_weights=[1.0, 1.0], **leaves, **tree)
        one("SVMRegressor", x, coefficients=[0.2, 0.1], n_supports=2, support_vectors=[0.1] * 8, rho=[0.1], **kernel)
        for kind in np.float32, np.float64, np.int64:
            one("Normalizer", {"x": x["x"].astype(kind)}, norm="L2")
            one("Scaler", {"x": x["x"].astype(kind)}, offset=[0.1] * 4, scale=[1.0] * 4)
        one("Binarizer", x, threshold=0.5)
        one("Imputer", x, imputed_value_floats=[0.5] * 4, replaced_value_float=0.0)
        one("ArrayFeatureExtractor", x | {"i": longs(0, 2)}, inputs="x,i")
        one("ArrayFeatureExtractor", x | {"i": longs(0, 2).reshape(1, 2)}, inputs="x,i")
        one("FeatureVectorizer", x | {"v": x["x"]}, inputs="x,v", inputdimensions=[4, 4])
        whole = {"x": x["x"].astype(np.int64)}
        one("OneHotEncoder", whole, cats_int64s=[0, 1, 2], zeros=1)
        one("LabelEncoder", whole, keys_int64s=[0, 1], values_floats=[0.1, 0.2])
        one("OneHotEncoder", text, cats_strings=["a", "b"], zeros=1, given=references)
        one("LabelEncoder", text, keys_strings=["a", "b"], values_int64s=[1, 2], given=references)
        cases.one("RegexFullMatch", "x", text, domain="", given=references, pattern="a.*")
        grams = {"ngram_indexes": [0, 1, 5], "ngram_counts": [0], "pool_int64s": [1, 2, 3]}
        grams |= {"max_skip_count": 0, "min_gram_length": 1, "max_gram_length": 1}
        cases.one("TfIdfVectorizer", "x", whole, domain="", mode="TF", **grams)


def sequences(cases):
    node = helper.make_node
    x, at = {"x": floats(6, 4)}, {"at": longs(1)[0:1].reshape(()), "p": longs(1)[0:1].reshape(())}
    for keep in 0, 1:
        split = node("SplitToSequence", ["x"], ["s"], axis=0, keepdims=keep)
        for place in "at", "p":
            cases.add([split, node("SequenceAt", ["s", place], ["y"])], x | at)
        cases.add([split, node("ConcatFromSequence", ["s"], ["y"], axis=0, new_axis=1), node("SequenceLength", ["s"], ["n"])], x, "yn")
        cases.add([split, node("SequenceErase", ["s", "p"], ["e"]), node("ConcatFromSequence", ["e"], ["y"], axis=-1)], x | at)
    for size in np.array(4, np.int64), longs(1, 5), longs(2, 2, 2):
        split = node("SplitToSequence", ["x", "size"], ["s"], axis=0)
        for place in "at", "p":
            cases.add([split, node("SequenceAt", ["s", place], ["y"])], x | at | {"size": size}, "sy")
    two, added = x | {"v": floats(3), "u": floats(2, 2, 2)}, floats(2, 2, 2)
    for position in -1, 0, 2, -2:
        nodes = [node("SequenceConstruct", ["x", "v"], ["s"]), node("SequenceInsert", ["s", "u", "axes"], ["t"])]
        for place in 0, 1, -1:
            arrays = two | {"u": added, "axes": longs(position)[0:1].reshape(()), "at": longs(place)[0:1].reshape(())}
            cases.add([*nodes, node("SequenceErase", ["t"], ["e"]), node("SequenceAt", ["t", "at"], ["y"])], arrays, "stey")
    nodes = [node("SequenceEmpty", [], ["e"]), node("SequenceInsert", ["e", "x"], ["s"]), node("SequenceInsert", ["s", "v"], ["t"])]
    cases.add([*nodes, node("SequenceAt", ["t", "p"], ["y"])], x | at | {"v": floats(3, 4)}, "sty")
    nodes = [node("NonZero", ["x"], ["i"]), node("SequenceConstruct", ["i", "i"], ["s"])]
    cases.add([*nodes, node("ConcatFromSequence", ["s"], ["y"], axis=1)], x, "sy")


def model_of(nodes, arrays, outputs):
    element = helper.np_dtype_to_tensor_dtype
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.STRING if array.dtype == object else element(array.dtype), array.shape)
        for name, array in arrays.items()
        if name not in CONSTANT
    ]
    constants = [numpy_helper.from_array(array, name) for name, array in arrays.items() if name in CONSTANT]
    results = [onnx.ValueInfoProto(name=name) for name in outputs if name]
    graph = helper.make_graph(nodes, "g", inputs, results, constants)
    versions = ("", 21), (MICROSOFT, 1), (LEARNED, 3)
    sets = [helper.make_opsetid(domain, version) for domain, version in versions]
    return helper.make_model(graph, opset_imports=sets, ir_version=10)


def run(model, arrays, outputs):
    """Results by name; none if ONNX Runtime has no kernel."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        if NOT_IMPLEMENTED in str(error):
            return None
        raise
    names = [name for name in outputs if name]
    return dict(zip(names, session.run(names, {name: arrays[name] for name in arrays if name not in CONSTANT})))


def size(result):
    return sum(map(size, result)) if isinstance(result, list) else result.nbytes


def planned(plimsoll, model, given):
    with tempfile.TemporaryDirectory() as folder:
        file, plan = Path(folder) / "m.onnx", Path(folder) / "plan.json"
        onnx.save(model, file)
        command = [plimsoll, "plan", file, "--align", "1", "--fold", "none", "--out", plan, *given]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{model.graph.node}\n{done.stderr}")
        return {tensor["name"]: tensor for tensor in json.loads(plan.read_text())["tensors"]}


def row(node, arrays, results):
    """A row of the table."""
    element = lambda array: 8 if array.dtype == object else helper.np_dtype_to_tensor_dtype(array.dtype)
    shaped = lambda array: f"{element(array)}[{','.join(map(str, array.shape))}]"

    def described(name):
        if not name:
            return ""
        array = arrays[name]
        few = name in CONSTANT and array.size <= 8
        return shaped(array) + ("=" + ",".join(str(number) for number in array.flatten()) if few else "")

    def text(attribute):
        value = helper.get_attribute_value(attribute)
        kinds = {"INT": "i", "FLOAT": "f", "STRING": "s", "INTS": "I", "FLOATS": "F", "STRINGS": "S"}
        kind = kinds[onnx.AttributeProto.AttributeType.Name(attribute.type)]
        plain = lambda one: one.decode() if isinstance(one, bytes) else f"{one:g}" if isinstance(one, float) else str(one)
        return f"{attribute.name}:{kind}=" + (",".join(map(plain, value)) if kind in "IFS" else plain(value))

    operator = f"{node.domain}.{node.op_type}"
    attributes = ";".join(text(attribute) for attribute in node.attribute)
    outputs = ";".join(shaped(results[name]) if name else "" for name in node.output)
    version = 3 if node.domain == LEARNED else 1
    return "\t".join([operator, str(version), ";".join(map(described, node.input)), attributes, outputs])


def main():
    plimsoll, cases = sys.argv[1], Cases()
    for family in attention, normalization, quantized, products, learned, sequences:
        family(cases)
    equal, bounds, wrong, without = 0, 0, [], 0
    for nodes, arrays, outputs, given in cases.all:
        model = model_of(nodes, arrays, outputs)
        results = run(model, arrays, outputs)
        tensors = planned(plimsoll, model, given)
        if results is None:
            without += 1
            continue
        for name, result in results.items():
            needed, tensor = size(result), tensors[name]
            if tensor["bytes"] == needed:
                equal += 1
            elif tensor.get("upper_bound") and tensor["bytes"] > needed:
                bounds += 1
            else:
                wrong.append(f"{nodes[-1].op_type} `{name}`: {tensor['bytes']} bytes planned, {needed} needed")
        if "--table" in sys.argv and len(nodes) == 1 and nodes[0].domain and not given:
            print(row(nodes[0], arrays, results))
    print(f"{len(cases.all)} models: {equal} sizes equal, {bounds} upper bounds, {without} models without a kernel", file=sys.stderr)
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
