//! Table of operators with a shape rule. `docs/onnx.md` lists the same operators; a test compares the two.

use super::call::NodeCall;
use super::value::{Inferred, Value};
use super::{
    attention, chosen, convolution, elementwise, layout, making, normalization, pieces, products, quantised,
    recurrent, reduction, resize, signal,
};

/// Computes the outputs of a node: element type, shape and, if known, elements. A rule may return fewer
/// outputs than the node has; the others have no inferred shape.
pub(super) type ShapeRule = fn(&NodeCall) -> Inferred<Vec<Value>>;

/// The newest operator set of the standard that the rules support.
pub(super) const NEWEST: i64 = 28;

/// The domain of the operators of ONNX Runtime.
pub(super) const MICROSOFT: &str = "com.microsoft";

/// Operators with the same rule.
pub(super) struct RuleFamily {
    pub domain: &'static str,
    /// The first operator set that the rule supports.
    pub since: i64,
    pub rule: ShapeRule,
    pub names: &'static [&'static str],
}

const fn standard(since: i64, rule: ShapeRule, names: &'static [&'static str]) -> RuleFamily {
    RuleFamily { domain: "", since, rule, names }
}

const fn runtime(rule: ShapeRule, names: &'static [&'static str]) -> RuleFamily {
    RuleFamily { domain: MICROSOFT, since: 1, rule, names }
}

/// Operators that run bodies (`bodies`), with the first operator set that is supported. They need the scope
/// around the node, which a rule does not see.
pub(super) const WITH_BODIES: [(&str, i64); 3] = [("If", 1), ("Loop", 1), ("Scan", 9)];

#[rustfmt::skip] // a line for each family
pub(super) const FAMILIES: &[RuleFamily] = &[
    standard(1, elementwise::identity, &["Identity"]),
    standard(1, elementwise::unary, &[
        "Abs", "Ceil", "Floor", "Neg", "Not", "Reciprocal", "Relu", "Round", "Sign", "Sqrt",
    ]),
    standard(1, elementwise::same, &[
        "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Celu", "Clip", "Cos", "Cosh", "CumProd",
        "CumSum", "Elu", "Erf", "Exp", "Gelu", "GroupNormalization", "HardSigmoid", "HardSwish", "Hardmax",
        "InstanceNormalization", "LRN", "LeakyRelu", "Log", "LogSoftmax", "LpNormalization",
        "MeanVarianceNormalization", "Mish", "PRelu", "ReverseSequence", "RotaryEmbedding",
        "Scatter", "ScatterElements", "ScatterND", "Selu", "Shrink", "Sigmoid", "Sin", "Sinh", "Softmax",
        "Softplus", "Softsign", "Swish", "Tan", "Tanh", "TensorScatter", "ThresholdedRelu", "Trilu",
    ]),
    standard(1, elementwise::test, &["IsInf", "IsNaN"]),
    standard(1, elementwise::binary, &[
        "Add", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Mod", "Mul", "Pow", "Sub",
    ]),
    standard(1, elementwise::comparison, &[
        "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor",
    ]),
    standard(1, elementwise::variadic, &["Max", "Mean", "Min", "Sum"]),
    standard(9, elementwise::choose, &["Where"]),
    standard(6, elementwise::cast, &["Cast"]),
    standard(26, elementwise::bit_cast, &["BitCast"]),
    standard(15, elementwise::cast_like, &["CastLike"]),
    standard(1, elementwise::drawn_like, &["Bernoulli", "RandomNormalLike", "RandomUniformLike"]),
    standard(1, elementwise::dropout, &["Dropout"]),
    standard(1, convolution::conv, &["Conv"]),
    standard(10, convolution::conv_integer, &["ConvInteger"]),
    standard(10, convolution::qlinear_conv, &["QLinearConv"]),
    standard(19, convolution::deform_conv, &["DeformConv"]),
    standard(1, convolution::conv_transpose, &["ConvTranspose"]),
    standard(1, convolution::pool, &["AveragePool", "MaxPool"]),
    standard(2, convolution::pool, &["LpPool"]),
    standard(1, convolution::global_pool, &["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"]),
    standard(9, convolution::max_unpool, &["MaxUnpool"]),
    standard(1, convolution::max_roi_pool, &["MaxRoiPool"]),
    standard(10, convolution::roi_align, &["RoiAlign"]),
    standard(18, convolution::col2im, &["Col2Im"]),
    standard(1, products::matmul, &["MatMul"]),
    standard(10, products::matmul_integer, &["MatMulInteger"]),
    standard(10, products::qlinear_matmul, &["QLinearMatMul"]),
    standard(1, products::gemm, &["Gemm"]),
    standard(11, products::det, &["Det"]),
    standard(12, products::einsum, &["Einsum"]),
    standard(1, layout::reshape, &["Reshape"]),
    standard(1, layout::flatten, &["Flatten"]),
    standard(1, layout::squeeze, &["Squeeze"]),
    standard(1, layout::unsqueeze, &["Unsqueeze"]),
    standard(1, layout::transpose, &["Transpose"]),
    standard(8, layout::expand, &["Expand"]),
    standard(1, layout::tile, &["Tile"]),
    standard(1, layout::depth_to_space, &["DepthToSpace"]),
    standard(1, layout::space_to_depth, &["SpaceToDepth"]),
    standard(1, pieces::concat, &["Concat"]),
    standard(1, pieces::split, &["Split"]),
    standard(1, pieces::slice, &["Slice"]),
    standard(1, pieces::gather, &["Gather"]),
    standard(11, pieces::gather_elements, &["GatherElements"]),
    standard(11, pieces::gather_nd, &["GatherND"]),
    standard(1, pieces::pad, &["Pad"]),
    standard(18, pieces::center_crop_pad, &["CenterCropPad"]),
    standard(9, chosen::compress, &["Compress"]),
    standard(9, chosen::non_zero, &["NonZero"]),
    standard(10, chosen::non_max_suppression, &["NonMaxSuppression"]),
    standard(11, chosen::unique, &["Unique"]),
    standard(1, making::constant, &["Constant"]),
    standard(9, making::constant_of_shape, &["ConstantOfShape"]),
    standard(1, making::shape, &["Shape"]),
    standard(1, making::count, &["Size"]),
    standard(11, making::range, &["Range"]),
    standard(9, making::eye_like, &["EyeLike"]),
    standard(9, making::one_hot, &["OneHot"]),
    standard(1, making::drawn, &["RandomNormal", "RandomUniform"]),
    standard(7, making::multinomial, &["Multinomial"]),
    standard(1, resize::upsample, &["Upsample"]),
    standard(10, resize::resize, &["Resize"]),
    standard(16, resize::grid_sample, &["GridSample"]),
    standard(20, resize::affine_grid, &["AffineGrid"]),
    standard(1, reduction::reduce, &[
        "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceProd", "ReduceSum", "ReduceSumSquare",
    ]),
    standard(1, reduction::arg, &["ArgMax", "ArgMin"]),
    standard(1, reduction::top_k, &["TopK"]),
    standard(12, reduction::loss, &["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"]),
    standard(1, recurrent::recurrent, &["GRU", "LSTM", "RNN"]),
    // Experimental until version 10, and still written by converters from Core ML.
    standard(1, elementwise::same, &["ImageScaler"]),
    standard(1, normalization::batch, &["BatchNormalization"]),
    standard(23, normalization::root_mean_square, &["RMSNormalization"]),
    standard(1, normalization::layer, &["LayerNormalization"]),
    // An operator of ONNX Runtime, which writes it in the standard domain.
    standard(1, normalization::root_mean_square, &["SimplifiedLayerNormalization"]),
    standard(10, quantised::quantize, &["QuantizeLinear"]),
    standard(10, quantised::dequantize, &["DequantizeLinear"]),
    standard(11, quantised::dynamic_quantize, &["DynamicQuantizeLinear"]),
    standard(23, attention::standard, &["Attention"]),
    standard(17, signal::dft, &["DFT"]),
    standard(17, signal::stft, &["STFT"]),
    standard(17, signal::window, &["BlackmanWindow", "HammingWindow", "HannWindow"]),
    standard(17, signal::mel_weights, &["MelWeightMatrix"]),

    runtime(elementwise::same, &[
        "BiasAdd", "BiasGelu", "BiasSoftmax", "FastGelu", "Gelu", "GroupNorm", "Inverse", "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QuickGelu",
        "RotaryEmbedding",
    ]),
    runtime(convolution::conv, &["FusedConv"]),
    runtime(convolution::qlinear_conv, &["QLinearConv"]),
    runtime(convolution::qlinear_average_pool, &["QLinearAveragePool"]),
    runtime(convolution::global_pool, &["QLinearGlobalAveragePool"]),
    runtime(recurrent::dynamic_quantize_lstm, &["DynamicQuantizeLSTM"]),
    runtime(products::fused_matmul, &["FusedMatMul", "TransposeMatMul"]),
    runtime(products::gemm, &["FusedGemm"]),
    runtime(products::matmul_to_float, &["MatMulIntegerToFloat"]),
    runtime(products::dynamic_quantize_matmul, &["DynamicQuantizeMatMul"]),
    runtime(products::matmul_n_bits, &["MatMulNBits"]),
    runtime(products::qgemm, &["QGemm"]),
    runtime(pieces::qlinear_concat, &["QLinearConcat"]),
    runtime(normalization::skip, &["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]),
    runtime(normalization::embed, &["EmbedLayerNormalization"]),
    runtime(quantised::quantize, &["QuantizeLinear"]),
    runtime(quantised::dequantize, &["DequantizeLinear"]),
    runtime(quantised::qlinear_binary, &["QLinearAdd", "QLinearMul"]),
    runtime(attention::packed, &["Attention"]),
    runtime(attention::multi_head, &["MultiHeadAttention"]),
    runtime(attention::group_query, &["GroupQueryAttention"]),
];
