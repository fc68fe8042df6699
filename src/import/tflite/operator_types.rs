//! The table of operators of TensorFlow Lite: everything that the importer knows about an operator type. Graph JSON,
//! whose types may be those of TensorFlow Lite, uses it as well.

use std::sync::LazyLock;

use super::options::{BodyFields, WindowFields};
#[cfg(feature = "tflite")]
use super::rules::{
    call::{OperatorCall, RuleResult, single},
    custom, elementwise, layout, pieces, products, strided, window,
};
use crate::import::folding::Effects::{self, Impure, MakesConstants, Pure, SharesState};
use crate::import::permits::PermitRule::{
    self, Concatenation, InPlace, InPlaceByRow, Nothing, Slice, Split, Update, View,
};

/// Operator types of which the importer knows the same. What tiling will need to know about an operator, such as the
/// region of an input that a region of the output needs, belongs into another column.
pub(crate) struct TfliteOperatorTypes {
    names: &'static [&'static str],
    /// None without a shape rule.
    pub(super) shape: Option<ShapeRule>,
    pub(super) permits: PermitRule,
    pub(crate) effects: Effects,
    pub(super) window: Option<WindowFields>,
    pub(super) bodies: Option<BodyFields>,
}

/// Computes the output shapes of an operator.
#[cfg(feature = "tflite")]
pub(super) type ShapeRule = fn(&OperatorCall<'_>) -> RuleResult;

#[cfg(not(feature = "tflite"))]
pub(super) type ShapeRule = std::convert::Infallible;

/// The shape rule of a row, in builds with the importer.
#[cfg(feature = "tflite")]
macro_rules! shape {
    ($rule:expr) => {
        Some($rule)
    };
}

#[cfg(not(feature = "tflite"))]
macro_rules! shape {
    ($rule:expr) => {
        None
    };
}

const fn row(names: &'static [&'static str], shape: Option<ShapeRule>) -> TfliteOperatorTypes {
    TfliteOperatorTypes { names, shape, permits: Nothing, effects: Pure, window: None, bodies: None }
}

impl TfliteOperatorTypes {
    const fn permits(mut self, permits: PermitRule) -> Self {
        self.permits = permits;
        self
    }

    const fn effects(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self
    }

    const fn window(mut self, window: WindowFields) -> Self {
        self.window = Some(window);
        self
    }

    const fn bodies(mut self, bodies: BodyFields) -> Self {
        self.bodies = Some(bodies);
        self
    }
}

/// Number of names in the table.
const NAMES: usize = {
    let (mut names, mut row) = (0, 0);
    while row < TABLE.len() {
        names += TABLE[row].names.len();
        row += 1;
    }
    names
};

/// The row of an operator type. Custom operators and builtin operators that this version does not know may have any
/// effect.
pub(crate) fn find(op_type: &str) -> Option<&'static TfliteOperatorTypes> {
    // An array, as memory for a map would never be released.
    static ROWS: LazyLock<[(&str, usize); NAMES]> = LazyLock::new(|| {
        let names = |(row, types): (usize, &'static TfliteOperatorTypes)| {
            types.names.iter().map(move |name| (*name, row))
        };
        let mut all = [("", 0); NAMES];
        all.iter_mut().zip(TABLE.iter().enumerate().flat_map(names)).for_each(|(slot, entry)| *slot = entry);
        all.sort_unstable();
        all
    });
    static UNKNOWN: TfliteOperatorTypes = row(&[], None).effects(SharesState);
    let is_unknown = || ["CUSTOM:", "BUILTIN_"].iter().any(|prefix| op_type.starts_with(prefix));
    match ROWS.binary_search_by_key(&op_type, |entry| entry.0) {
        Ok(found) => Some(&TABLE[ROWS[found].1]),
        Err(_) => is_unknown().then_some(&UNKNOWN),
    }
}

#[rustfmt::skip] // compact rows
static TABLE: &[TfliteOperatorTypes] = &[
    row(&["ABS", "CAST", "CEIL", "DENSIFY", "FLOOR", "SQRT"], shape!(elementwise::same)).effects(MakesConstants),
    row(&["ADD_N", "ATAN2", "BUCKETIZE", "COMPLEX_ABS", "COS", "CUMSUM", "ELU", "FAKE_QUANT", "IMAG",
        "LOCAL_RESPONSE_NORMALIZATION", "LOG", "LOGICAL_NOT", "MATRIX_SET_DIAG", "REAL", "RELU_0_TO_1",
        "RELU_N1_TO_1", "REVERSE_SEQUENCE", "REVERSE_V2", "ROUND", "SIGN", "SIN", "SQUARE", "TANH",
        "ZEROS_LIKE"], shape!(elementwise::same)),
    row(&["DEQUANTIZE", "EXP", "NEG", "QUANTIZE", "RSQRT"],
        shape!(elementwise::same)).permits(InPlace).effects(MakesConstants),
    row(&["DYNAMIC_UPDATE_SLICE"], shape!(elementwise::same)).permits(Update),
    row(&["GELU", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "PRELU", "RELU", "RELU6"],
        shape!(elementwise::same)).permits(InPlace),
    row(&["L2_NORMALIZATION", "LOG_SOFTMAX", "SOFTMAX"], shape!(elementwise::same)).permits(InPlaceByRow),
    row(&["ADD", "DIV", "MUL", "SUB"], shape!(elementwise::broadcast)).permits(InPlace).effects(MakesConstants),
    row(&["BITWISE_XOR", "EQUAL", "FLOOR_DIV", "FLOOR_MOD", "GREATER", "GREATER_EQUAL", "LESS",
        "LESS_EQUAL", "LOGICAL_AND", "LOGICAL_OR", "NOT_EQUAL", "RIGHT_SHIFT"], shape!(elementwise::broadcast)),
    row(&["MAXIMUM", "MINIMUM", "POW", "SELECT_V2"], shape!(elementwise::broadcast)).effects(MakesConstants),
    row(&["SQUARED_DIFFERENCE"], shape!(elementwise::broadcast)).permits(InPlace),
    row(&["BROADCAST_ARGS"], shape!(elementwise::broadcast_args)),
    row(&["SELECT"], shape!(elementwise::select)).effects(MakesConstants),
    row(&["AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"], shape!(window::pool))
        .window(WindowFields { options: 5, stride: &[2, 1], dilation: &[], kernel: &[4, 3] }),
    row(&["BATCH_TO_SPACE_ND"], shape!(window::batch_to_space)),
    row(&["CONV_2D"], shape!(window::conv_2d))
        .window(WindowFields { options: 1, stride: &[2, 1], dilation: &[5, 4], kernel: &[] }),
    row(&["CONV_3D"], shape!(window::conv_3d))
        .window(WindowFields { options: 106, stride: &[1, 3, 2], dilation: &[5, 7, 6], kernel: &[] }),
    row(&["CONV_3D_TRANSPOSE"], shape!(|call| single(call.target_shape(0)?))),
    row(&["DEPTHWISE_CONV_2D"], shape!(window::depthwise_conv_2d))
        .window(WindowFields { options: 2, stride: &[2, 1], dilation: &[6, 5], kernel: &[] }),
    row(&["DEPTH_TO_SPACE"], shape!(window::depth_to_space)),
    row(&["DILATE"], shape!(window::dilate)),
    row(&["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"], shape!(window::resize)),
    row(&["SPACE_TO_BATCH_ND"], shape!(window::space_to_batch)),
    row(&["SPACE_TO_DEPTH"], shape!(window::space_to_depth)),
    row(&["TRANSPOSE_CONV"], shape!(window::transpose_conv))
        .window(WindowFields { options: 49, stride: &[2, 1], dilation: &[], kernel: &[] }),
    row(&["BROADCAST_TO"], shape!(layout::broadcast_to)),
    row(&["EXPAND_DIMS"], shape!(layout::expand_dims)).permits(View).effects(MakesConstants),
    row(&["FILL"], shape!(|call| single(call.target_shape(0)?))).effects(MakesConstants),
    row(&["RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"], shape!(|call| single(call.target_shape(0)?))).effects(Impure),
    row(&["MATRIX_DIAG"], shape!(layout::matrix_diag)),
    row(&["MIRROR_PAD"], shape!(layout::pad)),
    row(&["PAD", "PADV2"], shape!(layout::pad)).effects(MakesConstants),
    row(&["RANK"], shape!(|_| single(Vec::new()))),
    row(&["HASHTABLE", "VAR_HANDLE"], shape!(|_| single(Vec::new()))).effects(SharesState),
    row(&["RESHAPE"], shape!(layout::reshape)).permits(View).effects(MakesConstants),
    row(&["SCATTER_ND"], shape!(|call| single(call.target_shape(2)?))),
    row(&["SHAPE"], shape!(layout::shape)).effects(MakesConstants),
    row(&["SPARSE_TO_DENSE"], shape!(|call| single(call.target_shape(1)?))),
    row(&["SQUEEZE"], shape!(layout::squeeze)).permits(View).effects(MakesConstants),
    row(&["TILE"], shape!(layout::tile)).effects(MakesConstants),
    row(&["TRANSPOSE"], shape!(layout::transpose)).effects(MakesConstants),
    row(&["CONCATENATION"], shape!(pieces::concatenation)).permits(Concatenation).effects(MakesConstants),
    row(&["EMBEDDING_LOOKUP"], shape!(pieces::embedding_lookup)),
    row(&["GATHER"], shape!(pieces::gather)).effects(MakesConstants),
    row(&["GATHER_ND"], shape!(pieces::gather_nd)),
    row(&["MULTINOMIAL"], shape!(pieces::multinomial)).effects(Impure),
    row(&["NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"], shape!(pieces::non_max_suppression)),
    row(&["ONE_HOT"], shape!(pieces::one_hot)),
    row(&["PACK"], shape!(pieces::pack)).effects(MakesConstants),
    row(&["RANGE"], shape!(pieces::range)).effects(MakesConstants),
    row(&["SEGMENT_SUM"], shape!(pieces::segment_sum)),
    row(&["SLICE"], shape!(pieces::slice)).permits(Slice).effects(MakesConstants),
    row(&["SPLIT"], shape!(pieces::split)).permits(Split).effects(MakesConstants),
    row(&["SPLIT_V"], shape!(pieces::split_v)).permits(Split).effects(MakesConstants),
    row(&["STRIDED_SLICE"], shape!(strided::strided_slice)).effects(MakesConstants),
    row(&["TOPK_V2"], shape!(pieces::top_k)),
    row(&["UNIQUE"], shape!(pieces::unique)),
    row(&["UNPACK"], shape!(pieces::unpack)).effects(MakesConstants),
    row(&["UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM"],
        shape!(pieces::unsorted_segments)),
    row(&["WHERE"], shape!(pieces::indices_where)),
    row(&["ARG_MAX", "ARG_MIN"], shape!(products::arg)),
    row(&["BATCH_MATMUL"], shape!(products::batch_matmul)),
    row(&["BIDIRECTIONAL_SEQUENCE_LSTM"], shape!(products::bidirectional_lstm)).effects(Impure),
    row(&["BIDIRECTIONAL_SEQUENCE_RNN"], shape!(products::bidirectional_rnn)).effects(Impure),
    row(&["FULLY_CONNECTED"], shape!(products::fully_connected)),
    row(&["LSTM"], shape!(products::lstm)).effects(Impure),
    row(&["MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"],
        shape!(products::reduce)),
    row(&["RNN"], shape!(products::rnn)).effects(Impure),
    row(&["SVDF"], shape!(products::svdf)).effects(Impure),
    row(&["UNIDIRECTIONAL_SEQUENCE_LSTM"], shape!(products::sequence_lstm)).effects(Impure),
    row(&["UNIDIRECTIONAL_SEQUENCE_RNN"], shape!(products::sequence_rnn)).effects(Impure),
    row(&["CUSTOM:Convolution2DTransposeBias"], shape!(window::transpose_conv_bias)).effects(SharesState),
    row(&["CUSTOM:SignalWindow"], shape!(elementwise::same)).effects(SharesState),
    row(&["CUSTOM:TFLite_Detection_PostProcess"], shape!(custom::detection_post_process)).effects(SharesState),
    row(&["ASSIGN_VARIABLE", "CALL", "CUSTOM", "DELEGATE", "HASHTABLE_FIND", "HASHTABLE_IMPORT",
        "HASHTABLE_SIZE", "PLACEHOLDER_FOR_GREATER_OP_CODES", "READ_VARIABLE", "STABLEHLO_CASE",
        "STABLEHLO_COMPOSITE", "STABLEHLO_CUSTOM_CALL", "STABLEHLO_WHILE"], None).effects(SharesState),
    row(&["STABLEHLO_RNG_BIT_GENERATOR"], None).effects(Impure),
    row(&["IF"], None).effects(SharesState).bodies(BodyFields { options: 92, count: 2 }),
    row(&["WHILE"], None).effects(SharesState).bodies(BodyFields { options: 93, count: 2 }),
    row(&["CALL_ONCE"], None).effects(SharesState).bodies(BodyFields { options: 103, count: 1 }),
];
