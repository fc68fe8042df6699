//! The table of ONNX operators: everything that the importer knows about an operator type. Graph JSON, whose types may be
//! those of ONNX, uses it as well.
//!
//! `docs/onnx.md` lists the operators with a shape rule; a test compares the two.

#[cfg(feature = "onnx")]
use super::rules::{
    attention, blocked, bodies, bounds, convolution, creation, elementwise, layout, learned, normalization,
    pieces, products, recurrent, reduction, resize, selection, sequences, signal, states,
};
#[cfg(feature = "onnx")]
use super::rules::{
    bounds::Bound::{self, Axes, Broadcast, Elements, Monotone, MonotoneInFirst, Same, Unknown},
    call::NodeCall,
};
#[cfg(feature = "onnx")]
use super::value::{Outputs, Value, types};
use crate::import::folding::Effects::{Impure, MakesConstants, OfBodies};
use crate::import::operator_table::{OperatorTable, OperatorTypes, name_count};
use crate::import::permits::PermitRule::{
    Concatenation, InPlace, InPlaceByRow, Slice, Split, Transpose, Update, View,
};

/// The newest operator set of the standard that the shape rules support.
pub(super) const NEWEST: i64 = 28;

/// The domain of the operators of ONNX Runtime.
pub(super) const MICROSOFT: &str = "com.microsoft";

/// The domain of the operators of classical machine learning.
pub(super) const LEARNED: &str = "ai.onnx.ml";

/// The domain of the operators of ONNX Runtime on channels in blocks.
pub(super) const BLOCKED: &str = "com.microsoft.nchwc";

/// A row of the table.
pub(crate) type OnnxOperatorTypes = OperatorTypes<OnnxColumns>;

/// Facts of the importer about ONNX operators besides permissions and effects. `access/table.rs` has their access
/// maps, as operators of one row read their inputs in different ways.
pub(crate) struct OnnxColumns {
    /// The first operator set that the shape rule supports.
    pub(super) since: i64,
    /// None without a shape rule.
    pub(super) shape: Option<OnnxShapeRule>,
}

/// Shape inference for an operator, in builds that infer shapes.
pub(super) enum OnnxShapeRule {
    /// A rule, and the effect of bounded inputs.
    #[cfg(feature = "onnx")]
    Rule(fn(&NodeCall) -> Outputs, Bound),
    /// The rule of an operator that runs bodies.
    #[cfg(feature = "onnx")]
    BodyRule(for<'m> fn(&NodeCall<'_, 'm>, &mut bodies::RunBody<'m, '_>) -> Outputs),
}

/// The shape inference of a row, in builds that infer shapes.
#[cfg(feature = "onnx")]
macro_rules! shape {
    ($rule:expr, $bound:expr) => {
        Some(OnnxShapeRule::Rule($rule, $bound))
    };
    ($rule:expr) => {
        Some(OnnxShapeRule::BodyRule($rule))
    };
}

#[cfg(not(feature = "onnx"))]
macro_rules! shape {
    ($($rule:tt)*) => {
        None
    };
}

const fn standard(
    since: i64,
    names: &'static [&'static str],
    shape: Option<OnnxShapeRule>,
) -> OnnxOperatorTypes {
    OperatorTypes::new("", names, OnnxColumns { since, shape })
}

const fn runtime(names: &'static [&'static str], shape: Option<OnnxShapeRule>) -> OnnxOperatorTypes {
    OperatorTypes::new(MICROSOFT, names, OnnxColumns { since: 1, shape })
}

const fn learned(names: &'static [&'static str], shape: Option<OnnxShapeRule>) -> OnnxOperatorTypes {
    OperatorTypes::new(LEARNED, names, OnnxColumns { since: 1, shape })
}

const fn blocked(names: &'static [&'static str], shape: Option<OnnxShapeRule>) -> OnnxOperatorTypes {
    OperatorTypes::new(BLOCKED, names, OnnxColumns { since: 1, shape })
}

static TABLE: OperatorTable<OnnxColumns, { name_count(ROWS) }> = OperatorTable::new(ROWS);

/// The row of an operator type. The domain of the standard is the empty one.
pub(crate) fn find(domain: &str, op_type: &str) -> Option<&'static OnnxOperatorTypes> {
    TABLE.find(domain, op_type)
}

#[rustfmt::skip] // compact rows
static ROWS: &[OnnxOperatorTypes] = &[
    standard(1, &["Identity"], shape!(elementwise::identity, Same)).permits(View).effects(MakesConstants),
    standard(1, &["Abs", "Ceil", "Floor"], shape!(elementwise::unary, Same)).effects(MakesConstants),
    standard(1, &["Neg", "Sqrt"], shape!(elementwise::unary, Same)).permits(InPlace).effects(MakesConstants),
    standard(1, &["Not", "Reciprocal", "Round", "Sign"], shape!(elementwise::unary, Same)),
    standard(1, &["Relu"], shape!(elementwise::unary, Same)).permits(InPlace),
    standard(1, &["Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Celu", "Cos", "Cosh",
        "CumProd", "CumSum", "Hardmax", "LRN", "Log", "Mish", "ReverseSequence", "Selu", "Shrink", "Sin",
        "Sinh", "Softsign", "Swish", "Tan", "ThresholdedRelu", "Trilu"], shape!(elementwise::same, Same)),
    standard(1, &["Clip", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "PRelu", "Sigmoid",
        "Softplus", "Tanh"], shape!(elementwise::same, Same)).permits(InPlace),
    standard(1, &["Exp"], shape!(elementwise::same, Same)).permits(InPlace).effects(MakesConstants),
    standard(1, &["GroupNormalization", "InstanceNormalization", "LogSoftmax", "LpNormalization",
        "MeanVarianceNormalization", "Softmax"], shape!(elementwise::same, Same)).permits(InPlaceByRow),
    // ImageScaler was experimental until version 10, and converters from Core ML still write it.
    standard(1, &["ImageScaler", "RotaryEmbedding"], shape!(elementwise::same, Unknown)),
    standard(1, &["Scatter", "ScatterElements", "ScatterND", "TensorScatter"],
        shape!(elementwise::same, Same)).permits(Update),
    standard(1, &["IsInf", "IsNaN"], shape!(|call| elementwise::like(call, types::BOOL), Same)),
    standard(1, &["Add", "Div", "Mul", "Pow", "Sub"],
        shape!(elementwise::binary, Broadcast)).permits(InPlace).effects(MakesConstants),
    standard(1, &["BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Mod"],
        shape!(elementwise::binary, Broadcast)),
    standard(1, &["And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or", "Xor"],
        shape!(elementwise::comparison, Broadcast)),
    standard(1, &["Max", "Min"], shape!(elementwise::variadic, Broadcast)).effects(MakesConstants),
    standard(1, &["Mean"], shape!(elementwise::variadic, Broadcast)),
    standard(1, &["Sum"], shape!(elementwise::variadic, Broadcast)).permits(InPlace),
    standard(9, &["Where"], shape!(elementwise::choose, Broadcast)).permits(InPlace).effects(MakesConstants),
    standard(6, &["Cast"], shape!(elementwise::cast, Same)).effects(MakesConstants),
    standard(26, &["BitCast"], shape!(elementwise::bit_cast, Same)),
    standard(15, &["CastLike"], shape!(elementwise::cast_like, Same)),
    standard(1, &["Bernoulli", "RandomNormalLike", "RandomUniformLike"],
        shape!(elementwise::typed_like, Same)).effects(Impure),
    standard(1, &["Dropout"], shape!(elementwise::dropout, Same)).permits(View).effects(Impure),
    standard(1, &["Conv"], shape!(|call| convolution::conv(call, 1, call.input(0)?.data_type), MonotoneInFirst)),
    standard(10, &["ConvInteger"], shape!(|call| convolution::conv(call, 1, types::INT32), MonotoneInFirst)),
    standard(10, &["QLinearConv"],
        shape!(|call| convolution::conv(call, 3, call.input(7)?.data_type), MonotoneInFirst)),
    standard(19, &["DeformConv"], shape!(|call| convolution::conv(call, 1, call.input(0)?.data_type), Unknown)),
    standard(1, &["ConvTranspose"], shape!(convolution::conv_transpose, Unknown)),
    standard(1, &["AveragePool", "MaxPool"], shape!(convolution::pool, Monotone)),
    standard(2, &["LpPool"], shape!(convolution::pool, Monotone)),
    standard(1, &["GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"], shape!(convolution::global_pool, Monotone)),
    standard(9, &["MaxUnpool"], shape!(convolution::max_unpool, Unknown)),
    standard(1, &["MaxRoiPool"], shape!(convolution::max_roi_pool, Monotone)),
    standard(10, &["RoiAlign"], shape!(convolution::roi_align, Monotone)),
    standard(18, &["Col2Im"], shape!(convolution::col2im, Unknown)),
    standard(1, &["MatMul"], shape!(|call| products::matmul(call, [0, 1], call.input(0)?.data_type), Monotone)),
    standard(10, &["MatMulInteger"], shape!(|call| products::matmul(call, [0, 1], types::INT32), Monotone)),
    standard(10, &["QLinearMatMul"],
        shape!(|call| products::matmul(call, [0, 3], call.input(7)?.data_type), Monotone)),
    standard(1, &["Gemm"], shape!(products::gemm, Monotone)),
    standard(11, &["Det"], shape!(products::det, Unknown)),
    standard(12, &["Einsum"], shape!(products::einsum, Unknown)),
    standard(1, &["Reshape"], shape!(layout::reshape, Monotone)).permits(View).effects(MakesConstants),
    standard(1, &["Flatten"], shape!(layout::flatten, Monotone)).permits(View).effects(MakesConstants),
    standard(1, &["Squeeze"], shape!(layout::squeeze, Axes(bounds::squeeze))).permits(View).effects(MakesConstants),
    standard(1, &["Unsqueeze"],
        shape!(layout::unsqueeze, Axes(bounds::unsqueeze))).permits(View).effects(MakesConstants),
    standard(1, &["Transpose"],
        shape!(layout::transpose, Axes(bounds::transpose))).permits(Transpose).effects(MakesConstants),
    standard(8, &["Expand"], shape!(layout::expand, Monotone)).effects(MakesConstants),
    standard(1, &["Tile"], shape!(layout::tile, Monotone)).effects(MakesConstants),
    standard(1, &["DepthToSpace"], shape!(layout::depth_to_space, Unknown)),
    standard(1, &["SpaceToDepth"], shape!(layout::space_to_depth, Unknown)),
    standard(1, &["Concat"], shape!(pieces::concat, Monotone)).permits(Concatenation).effects(MakesConstants),
    standard(1, &["Split"], shape!(pieces::split, Monotone)).permits(Split).effects(MakesConstants),
    standard(1, &["Slice"], shape!(pieces::slice, Same)).permits(Slice).effects(MakesConstants),
    standard(1, &["Gather"], shape!(pieces::gather, Axes(bounds::gather))).effects(MakesConstants),
    standard(11, &["GatherElements"], shape!(pieces::gather_elements, Monotone)),
    standard(11, &["GatherND"], shape!(pieces::gather_nd, Axes(bounds::gather_nd))),
    standard(1, &["Pad"], shape!(pieces::pad, Monotone)).effects(MakesConstants),
    standard(18, &["CenterCropPad"], shape!(pieces::center_crop_pad, Unknown)),
    standard(9, &["Compress"], shape!(selection::compress, Monotone)),
    standard(9, &["NonZero"], shape!(selection::non_zero, Monotone)),
    standard(10, &["NonMaxSuppression"], shape!(selection::non_max_suppression, Monotone)),
    standard(11, &["Unique"], shape!(selection::unique, Monotone)),
    standard(1, &["Constant"], shape!(creation::constant, Unknown)).effects(MakesConstants),
    standard(9, &["ConstantOfShape"], shape!(creation::constant_of_shape, Unknown)).effects(MakesConstants),
    standard(1, &["Shape"], shape!(creation::shape, Elements)).effects(MakesConstants),
    standard(1, &["Size"], shape!(creation::count, Elements)),
    standard(11, &["SequenceConstruct"], shape!(sequences::construct, Monotone)),
    standard(11, &["SequenceEmpty"], shape!(|_| Ok(vec![Value::sequence(Vec::new())?]), Monotone)),
    standard(11, &["SequenceInsert"], shape!(sequences::insert, Monotone)),
    standard(11, &["SequenceErase"], shape!(sequences::erase, Monotone)),
    standard(11, &["SequenceAt"], shape!(sequences::at, Monotone)),
    standard(11, &["SequenceLength"], shape!(sequences::length, Elements)),
    standard(11, &["SplitToSequence"], shape!(sequences::split, Monotone)),
    standard(11, &["ConcatFromSequence"], shape!(sequences::concat, Monotone)),
    // An optional value has the memory of its tensor. If it is empty, nothing reads it.
    standard(15, &["Optional", "OptionalGetElement"], shape!(elementwise::identity, Same)),
    standard(15, &["OptionalHasElement"], shape!(|_| creation::scalar(types::BOOL), Elements)),
    standard(11, &["Range"], shape!(creation::range, Unknown)).effects(MakesConstants),
    standard(9, &["EyeLike"], shape!(elementwise::typed_like, Unknown)),
    standard(9, &["OneHot"], shape!(creation::one_hot, Monotone)),
    standard(1, &["RandomNormal", "RandomUniform"], shape!(creation::drawn, Unknown)).effects(Impure),
    standard(7, &["Multinomial"], shape!(creation::multinomial, Unknown)).effects(Impure),
    standard(1, &["Upsample"], shape!(resize::upsample, Monotone)),
    standard(10, &["Resize"], shape!(resize::resize, Unknown)),
    standard(16, &["GridSample"], shape!(resize::grid_sample, Unknown)),
    standard(20, &["AffineGrid"], shape!(resize::affine_grid, Unknown)),
    standard(1, &["ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
        "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"], shape!(reduction::reduce, Monotone)),
    standard(1, &["ArgMax", "ArgMin"], shape!(reduction::arg, Monotone)),
    standard(1, &["TopK"], shape!(reduction::top_k, Monotone)),
    standard(12, &["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"], shape!(reduction::loss, Unknown)),
    standard(1, &["GRU", "LSTM", "RNN"], shape!(|call| recurrent::recurrent(call, 2), Monotone)),
    standard(1, &["BatchNormalization"], shape!(normalization::batch, Monotone)).permits(InPlace),
    standard(23, &["RMSNormalization"], shape!(normalization::layer, Monotone)).permits(InPlaceByRow),
    standard(1, &["LayerNormalization"], shape!(normalization::layer, Monotone)).permits(InPlaceByRow),
    // An operator of ONNX Runtime, which writes it in the standard domain.
    standard(1, &["SimplifiedLayerNormalization"], shape!(normalization::layer, Monotone)).permits(InPlaceByRow),
    standard(10, &["QuantizeLinear"], shape!(elementwise::quantize, Same)).effects(MakesConstants),
    standard(10, &["DequantizeLinear"], shape!(elementwise::dequantize, Same)).effects(MakesConstants),
    standard(11, &["DynamicQuantizeLinear"], shape!(elementwise::dynamic_quantize, Monotone)),
    standard(23, &["Attention"], shape!(attention::standard, Unknown)),
    standard(17, &["DFT"], shape!(signal::dft, Unknown)),
    standard(17, &["STFT"], shape!(signal::stft, Unknown)),
    standard(17, &["BlackmanWindow", "HammingWindow", "HannWindow"], shape!(signal::window, Unknown)),
    standard(17, &["MelWeightMatrix"], shape!(signal::mel_weights, Unknown)),
    // Operators of the first versions of the standard.
    standard(1, &["Affine", "ParametricSoftplus", "Scale", "ScaledTanh"], shape!(elementwise::same, Same)),
    standard(27, &["CausalConvWithState"], shape!(states::causal_conv, Unknown)),
    standard(27, &["LinearAttention"], shape!(states::linear_attention, Unknown)),
    standard(28, &["SwiGLU"], shape!(elementwise::same, Unknown)),
    standard(20, &["RegexFullMatch"], shape!(|call| elementwise::like(call, types::BOOL), Same)),
    standard(20, &["StringConcat"], shape!(learned::joined_text, Broadcast)),
    standard(10, &["StringNormalizer"], shape!(learned::normalized_text, Monotone)),
    standard(9, &["TfIdfVectorizer"], shape!(learned::ngrams, Monotone)),
    runtime(&["BiasAdd", "BiasSoftmax", "ComplexMul", "ComplexMulConj", "GemmaRotaryEmbedding", "GroupNorm", "Inverse",
        "LongformerAttention", "MoE", "QLinearLeakyRelu", "QMoE", "QOrderedGelu", "RotaryEmbedding", "ScaledSiLU"],
        shape!(elementwise::same, Unknown)),
    runtime(&["BiasGelu", "FastGelu", "QLinearSigmoid", "QLinearSoftmax", "QuickGelu", "Trilu"],
        shape!(elementwise::same, Same)),
    runtime(&["BiasSplitGelu"], shape!(elementwise::halved, Unknown)),
    runtime(&["SwiGLU"], shape!(elementwise::swiglu, Unknown)),
    runtime(&["CausalConvWithState"], shape!(states::causal_conv, Unknown)),
    runtime(&["LinearAttention"], shape!(states::linear_attention, Unknown)),
    runtime(&["SkipGroupNorm"], shape!(normalization::skip_group, Unknown)),
    runtime(&["NhwcConv", "NhwcFusedConv"],
        shape!(|call| convolution::conv(call, 1, call.input(0)?.data_type), Unknown)),
    runtime(&["NhwcMaxPool"], shape!(convolution::pool, Unknown)),
    runtime(&["GridSample"], shape!(resize::grid_sample, Unknown)),
    runtime(&["CropAndResize"], shape!(pieces::crop_and_resize, Unknown)),
    runtime(&["CDist"], shape!(products::distances, Monotone)),
    runtime(&["GatherND"], shape!(pieces::gather_nd, Unknown)),
    runtime(&["GatherBlockQuantized"], shape!(pieces::gather_blocks, Unknown)),
    runtime(&["TorchEmbedding"], shape!(pieces::embedding, Unknown)),
    runtime(&["IsAllFinite"], shape!(|_| creation::scalar(types::BOOL), Elements)),
    runtime(&["Pad"], shape!(|call| pieces::pad(&call.at_version(18)), Unknown)),
    runtime(&["Range"], shape!(creation::range, Unknown)),
    runtime(&["Unique"], shape!(selection::unique, Monotone)),
    runtime(&["QLinearReduceMean"], shape!(reduction::qlinear_mean, Unknown)),
    runtime(&["QLinearWhere"], shape!(elementwise::qlinear_choose, Monotone)),
    runtime(&["MatMulInteger16"], shape!(|call| products::matmul(call, [0, 1], types::INT32), Unknown)),
    runtime(&["MatMulFpQ4"], shape!(products::matmul_packed, Unknown)),
    runtime(&["GemmFastGelu"],
        shape!(|call| products::matmul(call, [0, 1], call.input(0)?.data_type), Unknown)),
    runtime(&["Gelu"], shape!(elementwise::same, Same)).permits(InPlace),
    runtime(&["FusedConv"], shape!(|call| convolution::conv(call, 1, call.input(0)?.data_type), Unknown)),
    runtime(&["QLinearConv"], shape!(|call| convolution::conv(call, 3, call.input(7)?.data_type), MonotoneInFirst)),
    runtime(&["QLinearAveragePool"], shape!(convolution::pool, Unknown)),
    runtime(&["QLinearGlobalAveragePool"], shape!(convolution::global_pool, Unknown)),
    runtime(&["DynamicQuantizeLSTM"], shape!(|call| recurrent::recurrent(call, 1), Unknown)),
    runtime(&["FusedMatMul", "FusedMatMulActivation", "TransposeMatMul"], shape!(products::fused_matmul, Unknown)),
    runtime(&["FusedGemm"], shape!(products::gemm, Unknown)),
    runtime(&["MatMulIntegerToFloat"],
        shape!(|call| products::matmul(call, [0, 1], call.input(2)?.data_type), Unknown)),
    runtime(&["DynamicQuantizeMatMul"],
        shape!(|call| products::matmul(call, [0, 1], call.input(0)?.data_type), Unknown)),
    runtime(&["MatMulBnb4", "MatMulNBits"], shape!(products::matmul_n_bits, Unknown)),
    runtime(&["QGemm"], shape!(products::qgemm, Unknown)),
    runtime(&["QLinearConcat"], shape!(pieces::qlinear_concat, Unknown)),
    runtime(&["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"],
        shape!(normalization::skip, Unknown)).permits(InPlaceByRow),
    runtime(&["EmbedLayerNormalization"], shape!(|call| normalization::embed(call, 2), Unknown)),
    runtime(&["QEmbedLayerNormalization"], shape!(|call| normalization::embed(call, 8), Unknown)),
    runtime(&["QuantizeLinear"], shape!(elementwise::quantize, Same)),
    runtime(&["DequantizeLinear"], shape!(elementwise::dequantize, Same)),
    runtime(&["QLinearAdd", "QLinearMul"], shape!(elementwise::qlinear_binary, Monotone)),
    runtime(&["Attention"], shape!(attention::packed, Unknown)),
    runtime(&["QAttention"], shape!(attention::quantized, Unknown)),
    runtime(&["DecoderMaskedMultiHeadAttention"], shape!(attention::one_step, Unknown)),
    runtime(&["DecoderMaskedSelfAttention"], shape!(attention::packed, Unknown)),
    runtime(&["SparseAttention"], shape!(attention::sparse, Unknown)),
    runtime(&["RelativePositionBias"], shape!(attention::position_bias, Unknown)),
    runtime(&["GatedRelativePositionBias"], shape!(attention::gated_position_bias, Unknown)),
    runtime(&["MultiHeadAttention"], shape!(attention::multi_head, Unknown)),
    runtime(&["GroupQueryAttention"], shape!(attention::group_query, Unknown)),
    standard(1, &["If"], shape!(bodies::branch)).effects(OfBodies),
    standard(1, &["Loop"], shape!(bodies::repeat)).effects(OfBodies),
    standard(9, &["Scan"], shape!(bodies::scan)).effects(OfBodies),
    standard(1, &["SequenceMap"], None).effects(OfBodies),
    runtime(&["BiasDropout"], shape!(elementwise::bias_dropout, Unknown)).effects(Impure),
    blocked(&["Conv"], shape!(convolution::conv_of_any_channels, Axes(blocked::of_spatial))),
    blocked(&["AveragePool", "MaxPool"], shape!(convolution::pool, Axes(blocked::kept))),
    blocked(&["GlobalAveragePool", "GlobalMaxPool"], shape!(convolution::global_pool, Axes(blocked::kept))),
    blocked(&["ReorderInput"], shape!(blocked::reorder_input, Monotone)),
    blocked(&["ReorderOutput"], shape!(blocked::reorder_output, Axes(blocked::of_spatial))),
    blocked(&["Upsample"], shape!(blocked::upsample, Axes(blocked::kept))),
    learned(&["Binarizer", "Imputer"], shape!(elementwise::same, Same)),
    learned(&["Normalizer", "Scaler"], shape!(|call| elementwise::like(call, types::FLOAT), Same)),
    learned(&["ArrayFeatureExtractor"], shape!(learned::extracted, Monotone)),
    learned(&["CategoryMapper"], shape!(learned::category_mapper, Same)),
    learned(&["FeatureVectorizer"], shape!(learned::features, Monotone)),
    learned(&["LabelEncoder"], shape!(learned::label_encoder, Same)),
    learned(&["LinearClassifier"], shape!(learned::linear_classifier, Monotone)),
    learned(&["LinearRegressor"], shape!(|call| learned::regression(call, "targets", types::FLOAT), Monotone)),
    learned(&["OneHotEncoder"], shape!(learned::one_hot, Monotone)),
    learned(&["SVMClassifier"], shape!(learned::vector_classifier, Monotone)),
    learned(&["SVMRegressor"], shape!(|call| learned::regression(call, "", types::FLOAT), Monotone)),
    learned(&["TreeEnsemble"],
        shape!(|call| learned::regression(call, "n_targets", call.input(0)?.data_type), Monotone)),
    learned(&["TreeEnsembleClassifier"], shape!(learned::tree_classifier, Monotone)),
    learned(&["TreeEnsembleRegressor"],
        shape!(|call| learned::regression(call, "n_targets", types::FLOAT), Monotone)),
    runtime(&["BitmaskBiasDropout", "BitmaskDropout", "Sampling"], None).effects(Impure),
];

#[cfg(all(test, feature = "onnx"))]
mod tests {
    use super::*;

    /// The operators of a domain with a shape rule, each with its first version.
    fn listed(domain: &str) -> Vec<String> {
        let rows = ROWS.iter().filter(|row| row.domain == domain && row.columns.shape.is_some());
        let mut all: Vec<_> =
            rows.flat_map(|row| row.names.iter().map(|name| (*name, row.columns.since))).collect();
        all.sort_unstable();
        let text = |(name, since)| if since == 1 { format!("`{name}`") } else { format!("`{name}` {since}") };
        all.into_iter().map(text).collect()
    }

    #[test]
    fn the_documentation_lists_what_the_table_has() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/onnx.md");
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for domain in ["", MICROSOFT, BLOCKED, LEARNED] {
            let list = listed(domain);
            assert!(list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
            let list = list.join(", ");
            assert!(text.contains(&list), "docs/onnx.md should have\n{list}.");
        }
        assert!(text.contains(&format!("up to operator set {NEWEST}")));
    }
}
