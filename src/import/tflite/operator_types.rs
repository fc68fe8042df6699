//! The table of operators of TensorFlow Lite: everything that the importer knows about an operator type. Graph JSON,
//! whose types may be those of TensorFlow Lite, uses it as well.

use super::options::{OptionFields, WindowFields};
#[cfg(feature = "tflite")]
use super::rules::{
    call::{OperatorCall, RuleResult, single},
    custom, elementwise, layout, pieces, products, strided, window,
};
use crate::import::folding::Effects::{Impure, MakesConstants, SharesState};
use crate::import::operator_table::{OperatorTable, OperatorTypes, name_count};
use crate::import::permits::PermitRule::{Concatenation, InPlace, InPlaceByRow, Slice, Split, Update, View};

/// A row of the table.
pub(crate) type TfliteOperatorTypes = OperatorTypes<TfliteColumns>;

/// Facts of the importer about TensorFlow Lite operators besides permissions and effects. `access.rs` has their
/// access maps, as operators of one row read their inputs in different ways.
pub(crate) struct TfliteColumns {
    /// None without a shape rule.
    pub(super) shape: Option<ShapeRule>,
    pub(super) options: OptionFields,
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
    OperatorTypes::new("", names, TfliteColumns { shape, options: OptionFields::NONE })
}

impl TfliteOperatorTypes {
    const fn options(mut self, options_type: u8) -> Self {
        self.columns.options.options_type = options_type;
        self
    }

    const fn window(mut self, window: WindowFields) -> Self {
        self.columns.options.window = Some(window);
        self
    }

    const fn bodies(mut self, count: u16) -> Self {
        self.columns.options.bodies = count;
        self
    }
}

static TABLE: OperatorTable<TfliteColumns, { name_count(ROWS) }> = OperatorTable::new(ROWS);

/// The row of an operator type. Custom operators and builtin operators that this version does not know may have any
/// effect.
pub(crate) fn find(op_type: &str) -> Option<&'static TfliteOperatorTypes> {
    static UNKNOWN: TfliteOperatorTypes = row(&[], None).effects(SharesState);
    let is_unknown = || ["CUSTOM:", "BUILTIN_"].iter().any(|prefix| op_type.starts_with(prefix));
    TABLE.find("", op_type).or_else(|| is_unknown().then_some(&UNKNOWN))
}

/// The options of an operator type.
#[cfg(feature = "tflite")]
pub(super) fn options(op_type: &str) -> OptionFields {
    find(op_type).map_or(OptionFields::NONE, |row| row.columns.options)
}

#[rustfmt::skip] // compact rows
static ROWS: &[TfliteOperatorTypes] = &[
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
    row(&["AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"], shape!(window::pool)).options(5)
        .window(WindowFields { stride: &[2, 1], dilation: &[], kernel: &[4, 3] }),
    row(&["BATCH_TO_SPACE_ND"], shape!(window::batch_to_space)),
    row(&["CONV_2D"], shape!(window::conv_2d)).options(1)
        .window(WindowFields { stride: &[2, 1], dilation: &[5, 4], kernel: &[] }),
    row(&["CONV_3D"], shape!(window::conv_3d)).options(106)
        .window(WindowFields { stride: &[1, 3, 2], dilation: &[5, 7, 6], kernel: &[] }),
    row(&["CONV_3D_TRANSPOSE"], shape!(|call| single(call.target_shape(0)?))),
    row(&["DEPTHWISE_CONV_2D"], shape!(window::depthwise_conv_2d)).options(2)
        .window(WindowFields { stride: &[2, 1], dilation: &[6, 5], kernel: &[] }),
    row(&["DEPTH_TO_SPACE"], shape!(window::depth_to_space)).options(94),
    row(&["DILATE"], shape!(window::dilate)),
    row(&["RESIZE_BILINEAR"], shape!(window::resize)).options(15),
    row(&["RESIZE_NEAREST_NEIGHBOR"], shape!(window::resize)).options(74),
    row(&["SPACE_TO_BATCH_ND"], shape!(window::space_to_batch)),
    row(&["SPACE_TO_DEPTH"], shape!(window::space_to_depth)).options(19),
    row(&["TRANSPOSE_CONV"], shape!(window::transpose_conv)).options(49)
        .window(WindowFields { stride: &[2, 1], dilation: &[], kernel: &[] }),
    row(&["BROADCAST_TO"], shape!(layout::broadcast_to)),
    row(&["EXPAND_DIMS"], shape!(layout::expand_dims)).permits(View).effects(MakesConstants),
    row(&["FILL"], shape!(|call| single(call.target_shape(0)?))).effects(MakesConstants),
    row(&["RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"], shape!(|call| single(call.target_shape(0)?))).effects(Impure),
    row(&["MATRIX_DIAG"], shape!(layout::matrix_diag)),
    row(&["MIRROR_PAD"], shape!(layout::pad)),
    row(&["PAD", "PADV2"], shape!(layout::pad)).effects(MakesConstants),
    row(&["RANK"], shape!(|_| single(Vec::new()))),
    row(&["HASHTABLE"], shape!(|_| single(Vec::new()))).effects(SharesState),
    row(&["VAR_HANDLE"], shape!(|_| single(Vec::new()))).effects(SharesState).options(111),
    row(&["RESHAPE"], shape!(layout::reshape)).options(17).permits(View).effects(MakesConstants),
    row(&["SCATTER_ND"], shape!(|call| single(call.target_shape(2)?))),
    row(&["SHAPE"], shape!(layout::shape)).effects(MakesConstants),
    row(&["SPARSE_TO_DENSE"], shape!(|call| single(call.target_shape(1)?))),
    row(&["SQUEEZE"], shape!(layout::squeeze)).options(30).permits(View).effects(MakesConstants),
    row(&["TILE"], shape!(layout::tile)).effects(MakesConstants),
    row(&["TRANSPOSE"], shape!(layout::transpose)).effects(MakesConstants),
    row(&["CONCATENATION"], shape!(pieces::concatenation)).options(10).permits(Concatenation).effects(MakesConstants),
    row(&["EMBEDDING_LOOKUP"], shape!(pieces::embedding_lookup)),
    row(&["GATHER"], shape!(pieces::gather)).options(23).effects(MakesConstants),
    row(&["GATHER_ND"], shape!(pieces::gather_nd)),
    row(&["MULTINOMIAL"], shape!(pieces::multinomial)).effects(Impure),
    row(&["NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"], shape!(pieces::non_max_suppression)),
    row(&["ONE_HOT"], shape!(pieces::one_hot)).options(61),
    row(&["PACK"], shape!(pieces::pack)).options(59).effects(MakesConstants),
    row(&["RANGE"], shape!(pieces::range)).effects(MakesConstants),
    row(&["SEGMENT_SUM"], shape!(pieces::segment_sum)),
    row(&["SLICE"], shape!(pieces::slice)).permits(Slice).effects(MakesConstants),
    row(&["SPLIT"], shape!(pieces::split)).permits(Split).effects(MakesConstants),
    row(&["SPLIT_V"], shape!(pieces::split_v)).permits(Split).effects(MakesConstants),
    row(&["STRIDED_SLICE"], shape!(strided::strided_slice)).options(32).effects(MakesConstants),
    row(&["TOPK_V2"], shape!(pieces::top_k)),
    row(&["UNIQUE"], shape!(pieces::unique)),
    row(&["UNPACK"], shape!(pieces::unpack)).options(64).effects(MakesConstants),
    row(&["UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_MIN", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_SUM"],
        shape!(pieces::unsorted_segments)),
    row(&["WHERE"], shape!(pieces::indices_where)),
    row(&["ARG_MAX", "ARG_MIN"], shape!(products::arg)),
    row(&["BATCH_MATMUL"], shape!(products::batch_matmul)).options(101),
    row(&["BIDIRECTIONAL_SEQUENCE_LSTM"], shape!(products::bidirectional_lstm)).options(69).effects(Impure),
    row(&["BIDIRECTIONAL_SEQUENCE_RNN"], shape!(products::bidirectional_rnn)).options(70).effects(Impure),
    row(&["FULLY_CONNECTED"], shape!(products::fully_connected)).options(8),
    row(&["LSTM"], shape!(products::lstm)).options(14).effects(Impure),
    row(&["MEAN", "REDUCE_ALL", "REDUCE_ANY", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUM"],
        shape!(products::reduce)).options(27),
    row(&["RNN"], shape!(products::rnn)).effects(Impure),
    row(&["SVDF"], shape!(products::svdf)).options(6).effects(Impure),
    row(&["UNIDIRECTIONAL_SEQUENCE_LSTM"], shape!(products::sequence_lstm)).options(71).effects(Impure),
    row(&["UNIDIRECTIONAL_SEQUENCE_RNN"], shape!(products::sequence_rnn)).effects(Impure),
    row(&["CUSTOM:Convolution2DTransposeBias"], shape!(window::transpose_conv_bias)).effects(SharesState),
    row(&["CUSTOM:SignalWindow"], shape!(elementwise::same)).effects(SharesState),
    row(&["CUSTOM:TFLite_Detection_PostProcess"], shape!(custom::detection_post_process)).effects(SharesState),
    row(&["ASSIGN_VARIABLE", "CALL", "CUSTOM", "DELEGATE", "HASHTABLE_FIND", "HASHTABLE_IMPORT",
        "HASHTABLE_SIZE", "PLACEHOLDER_FOR_GREATER_OP_CODES", "READ_VARIABLE", "STABLEHLO_CASE",
        "STABLEHLO_COMPOSITE", "STABLEHLO_CUSTOM_CALL", "STABLEHLO_WHILE"], None).effects(SharesState),
    row(&["STABLEHLO_RNG_BIT_GENERATOR"], None).effects(Impure),
    row(&["IF"], None).effects(SharesState).options(92).bodies(2),
    row(&["WHILE"], None).effects(SharesState).options(93).bodies(2),
    row(&["CALL_ONCE"], None).effects(SharesState).options(103).bodies(1),
];
