//! Table of operators with a shape rule.

use super::call::OperatorCall;
use super::{RuleResult, custom, elementwise, layout, pieces, products, strided, window};

/// Computes the output shapes of an operator.
pub(super) type OperatorRule = fn(&OperatorCall<'_>) -> RuleResult;

/// The shape rule of an operator type; none for types without a rule.
#[rustfmt::skip]
pub(super) fn rule(op_type: &str) -> Option<OperatorRule> {
    Some(match op_type {
        "ABS" | "BUCKETIZE" | "CAST" | "CEIL" | "COMPLEX_ABS" | "COS" | "CUMSUM"
        | "DENSIFY" | "DEQUANTIZE" | "DYNAMIC_UPDATE_SLICE" | "ELU" | "EXP" | "FAKE_QUANT" | "FLOOR" | "GELU"
        | "HARD_SWISH" | "IMAG" | "L2_NORMALIZATION" | "LEAKY_RELU" | "LOCAL_RESPONSE_NORMALIZATION" | "LOG"
        | "LOGICAL_NOT" | "LOGISTIC" | "LOG_SOFTMAX" | "MATRIX_SET_DIAG" | "NEG" | "QUANTIZE" | "REAL" | "RELU"
        | "RELU6" | "RELU_0_TO_1" | "RELU_N1_TO_1" | "REVERSE_SEQUENCE" | "REVERSE_V2" | "ROUND" | "RSQRT" | "SIGN"
        | "SIN" | "SOFTMAX" | "SQRT" | "SQUARE" | "TANH" | "ZEROS_LIKE" | "ADD_N" | "PRELU" | "CUSTOM:SignalWindow" => elementwise::same,
        "ADD" | "ATAN2" | "BITWISE_XOR" | "DIV" | "EQUAL" | "FLOOR_DIV" | "FLOOR_MOD" | "GREATER" | "GREATER_EQUAL"
        | "LESS" | "LESS_EQUAL" | "LOGICAL_AND" | "LOGICAL_OR" | "MAXIMUM" | "MINIMUM" | "MUL" | "NOT_EQUAL" | "POW"
        | "RIGHT_SHIFT" | "SELECT_V2" | "SQUARED_DIFFERENCE" | "SUB" => elementwise::broadcast,
        "BROADCAST_ARGS" => elementwise::broadcast_args,
        "SELECT" => elementwise::select,

        "AVERAGE_POOL_2D" | "L2_POOL_2D" | "MAX_POOL_2D" => window::pool,
        "BATCH_TO_SPACE_ND" => window::batch_to_space,
        "CONV_2D" => window::conv_2d,
        "CONV_3D" => window::conv_3d,
        "CONV_3D_TRANSPOSE" => window::conv_3d_transpose,
        "CUSTOM:Convolution2DTransposeBias" => window::transpose_conv_bias,
        "DEPTHWISE_CONV_2D" => window::depthwise_conv_2d,
        "DEPTH_TO_SPACE" => window::depth_to_space,
        "DILATE" => window::dilate,
        "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => window::resize,
        "SPACE_TO_BATCH_ND" => window::space_to_batch,
        "SPACE_TO_DEPTH" => window::space_to_depth,
        "TRANSPOSE_CONV" => window::transpose_conv,

        "BROADCAST_TO" => layout::broadcast_to,
        "EXPAND_DIMS" => layout::expand_dims,
        "FILL" | "RANDOM_STANDARD_NORMAL" | "RANDOM_UNIFORM" => layout::shape_from_first,
        "MATRIX_DIAG" => layout::matrix_diag,
        "MIRROR_PAD" | "PAD" | "PADV2" => layout::pad,
        "RANK" | "VAR_HANDLE" | "HASHTABLE" => layout::scalar,
        "RESHAPE" => layout::reshape,
        "SCATTER_ND" => layout::shape_from_third,
        "SHAPE" => layout::shape,
        "SPARSE_TO_DENSE" => layout::shape_from_second,
        "SQUEEZE" => layout::squeeze,
        "TILE" => layout::tile,
        "TRANSPOSE" => layout::transpose,

        "CONCATENATION" => pieces::concatenation,
        "EMBEDDING_LOOKUP" => pieces::embedding_lookup,
        "GATHER" => pieces::gather,
        "GATHER_ND" => pieces::gather_nd,
        "MULTINOMIAL" => pieces::multinomial,
        "NON_MAX_SUPPRESSION_V4" | "NON_MAX_SUPPRESSION_V5" => pieces::non_max_suppression,
        "ONE_HOT" => pieces::one_hot,
        "PACK" => pieces::pack,
        "RANGE" => pieces::range,
        "SEGMENT_SUM" => pieces::segment_sum,
        "SLICE" => pieces::slice,
        "SPLIT" => pieces::split,
        "SPLIT_V" => pieces::split_v,
        "STRIDED_SLICE" => strided::strided_slice,
        "TOPK_V2" => pieces::top_k,
        "UNIQUE" => pieces::unique,
        "UNPACK" => pieces::unpack,
        "UNSORTED_SEGMENT_MAX" | "UNSORTED_SEGMENT_MIN" | "UNSORTED_SEGMENT_PROD" | "UNSORTED_SEGMENT_SUM" =>
            pieces::unsorted_segments,
        "WHERE" => pieces::indices_where,

        "ARG_MAX" | "ARG_MIN" => products::arg,
        "BATCH_MATMUL" => products::batch_matmul,
        "BIDIRECTIONAL_SEQUENCE_LSTM" => products::bidirectional_lstm,
        "BIDIRECTIONAL_SEQUENCE_RNN" => products::bidirectional_rnn,
        "FULLY_CONNECTED" => products::fully_connected,
        "LSTM" => products::lstm,
        "MEAN" | "REDUCE_ALL" | "REDUCE_ANY" | "REDUCE_MAX" | "REDUCE_MIN" | "REDUCE_PROD" | "SUM" =>
            products::reduce,
        "RNN" => products::rnn,
        "SVDF" => products::svdf,
        "UNIDIRECTIONAL_SEQUENCE_LSTM" => products::sequence_lstm,
        "UNIDIRECTIONAL_SEQUENCE_RNN" => products::sequence_rnn,

        "CUSTOM:TFLite_Detection_PostProcess" => custom::detection_post_process,
        _ => return None,
    })
}
