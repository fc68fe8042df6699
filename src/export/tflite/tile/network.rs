//! Operators of a model that can run on a part of their rows, by the rules of the runtime's kernels.

use super::super::runtime_network::{ALIGNMENT, Memory, RuntimeOperator, RuntimeSubgraph, RuntimeTensor};
use super::super::tail;
use crate::export::tile::{
    RowKernel, RowRule, RowWindow, TileNetwork, TileOperator, TileRules, TileTensor, WindowPadding,
    other_axis,
};
use crate::import::tflite::operators;
use crate::import::tflite::schema::{At, Operator, SubGraph};
use crate::{AccessMap, ElementType, Graph, OperatorId, RowMap, SharingLevel, TensorId, TileAxis};

/// The most rows of an operator that is split.
const MAX_ROWS: u64 = 1 << 16;

const RULES: TileRules = TileRules {
    alignment: ALIGNMENT,
    copy_records: tail::ADDED_COPY,
    // The limit of `CONCATENATION`.
    max_pieces: 10,
    cuts: &[
        [false, true, false],
        [false, false, false],
        [true, true, false],
        [true, false, false],
        [false, true, true],
        [false, false, true],
        [true, true, true],
        [true, false, true],
    ],
    max_length: 40,
    shares_rows: false,
};

/// The first subgraph of a model. `graph` is this subgraph with the access maps of its operators; its ids are positions
/// in the subgraph. `bytes` are the tables of the file. Slices and pieces share memory if `level` permits the aliases of
/// all kernels.
pub(super) fn network(
    graph: &Graph,
    subgraph: &RuntimeSubgraph,
    scratch: &[u64],
    (bytes, table): (&[u8], SubGraph<'_>),
    level: SharingLevel,
) -> TileNetwork {
    let tables: Vec<Operator> = table.operators().into_iter().flatten().collect();
    let operators = subgraph.operators.iter().enumerate().map(|(number, operator)| {
        let node = graph.operator(OperatorId::new(number));
        let has_state = !operator.calls.is_empty() || !node.runs_after().is_empty();
        let is_valid = operators::has_valid_padding(bytes, &operator.read.op_type, tables[number]);
        let is_plain = !has_state && is_plain(bytes, tables[number]);
        let rules = match node.access().filter(|_| is_plain) {
            Some(access) if has_inferred_shapes(graph, subgraph, operator) => {
                rules(access, node.inputs(), (subgraph, operator), is_valid)
            }
            _ => Vec::new(),
        };
        let each = node.access().map_or(0, AccessMap::cost_per_element);
        let outputs = operator.read.outputs.iter().filter_map(|id| subgraph.tensors[id.index()].elements());
        TileOperator {
            inputs: operator.inputs.iter().map(|id| id.map(TensorId::index)).collect(),
            reads: numbers(&operator.read.inputs),
            outputs: numbers(&operator.read.outputs),
            rules,
            cost: outputs.map(|count| count.saturating_mul(each)).fold(0, u64::saturating_add),
            scratch: scratch[number],
            records: tail::operator(subgraph, operator),
            overwrites: Vec::new(),
        }
    });
    let tensor = |tensor: &RuntimeTensor| TileTensor {
        shape: tensor.shape.clone(),
        bits: tensor.element_type.and_then(ElementType::bits).unwrap_or(8) / 8 * 8,
        bytes: tensor.bytes,
        is_inner: false,
    };
    let tensors = subgraph.tensors.iter().map(tensor).collect();
    let ends = [numbers(&subgraph.inputs), numbers(&subgraph.outputs)];
    let rules = TileRules { shares_rows: level == SharingLevel::All, ..RULES };
    TileNetwork::new(tensors, operators.collect(), ends, rules)
}

fn numbers(ids: &[TensorId]) -> Vec<usize> {
    ids.iter().map(|id| id.index()).collect()
}

/// True if an operator has only the fields that its tiles have: no custom options, mutable inputs, intermediate tensors or
/// options of later versions.
fn is_plain(bytes: &[u8], operator: Operator<'_>) -> bool {
    const CUSTOM_FORMAT: u16 = 6;
    const LISTS: [u16; 3] = [5, 7, 8];
    let is_set = |slot: u16| {
        let Some(place) = operator.field_at(slot) else { return false };
        if slot == CUSTOM_FORMAT {
            return false;
        }
        // Lists may be empty.
        let length = |place: usize| bytes.get(place..)?.first_chunk().map(|four| u32::from_le_bytes(*four));
        let list = length(place).and_then(|offset| length(place.checked_add(offset as usize)?));
        !LISTS.contains(&slot) || list != Some(0)
    };
    !(5..operator.slots()).any(is_set)
}

/// True if the file declares the shapes for which the access map is stated.
fn has_inferred_shapes(graph: &Graph, subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> bool {
    let mut touched = operator.read.inputs.iter().chain(&operator.read.outputs);
    touched.all(|id| graph.tensor(*id).shape() == subgraph.tensors[id.index()].shape.as_deref())
}

/// The axes along which an operator can be split.
fn rules(
    access: &AccessMap,
    inputs: &[TensorId],
    (subgraph, operator): (&RuntimeSubgraph, &RuntimeOperator),
    is_valid: bool,
) -> Vec<RowRule> {
    let touched = operator.read.inputs.iter().chain(&operator.read.outputs);
    if touched.clone().any(|id| subgraph.tensors[id.index()].memory == Memory::Tail) {
        return Vec::new();
    }
    let is_sliced = |id: &TensorId| {
        let tensor = &subgraph.tensors[id.index()];
        let is_supported = matches!(
            tensor.element_type,
            Some(ElementType::Int8 | ElementType::Int16 | ElementType::Float32)
        );
        tensor.memory == Memory::Head && is_supported && tensor.bytes > 0
    };
    if !operator.read.outputs.iter().all(is_sliced) || operator.read.outputs.is_empty() {
        return Vec::new();
    }
    let rule = |axis: &TileAxis| {
        let along = *axis.outputs().first()?;
        let shape = subgraph.tensors[operator.read.outputs[0].index()].shape.as_ref()?;
        let is_image_axis = along > 0 && along + 1 < shape.len() && shape[along] <= MAX_ROWS;
        if !is_image_axis || axis.outputs().iter().any(|&other| other != along) {
            return None;
        }
        let map_of = |id: &TensorId| {
            let at = inputs.iter().position(|input| input == id)?;
            axis.inputs().get(at).copied().flatten()
        };
        let mut maps = Vec::new();
        let mut by_rows = Vec::new();
        for input in &operator.inputs {
            let map = input.as_ref().and_then(map_of);
            by_rows.push(map.is_some());
            if let (Some(id), Some((own, map))) = (input, map) {
                if own != along || !is_sliced(id) {
                    return None;
                }
                maps.push((*id, map));
            }
        }
        let kernel = kernel((access, inputs), (subgraph, operator), along, &maps, is_valid)?;
        Some(RowRule { axis: along, rows: i64::try_from(shape[along]).ok()?, kernel, by_rows })
    };
    access.axes().iter().filter_map(rule).collect()
}

/// The kernel of an operator along an axis; none for operator types whose kernels are not known to compute the same
/// rows from a part of the input.
fn kernel(
    (access, inputs): (&AccessMap, &[TensorId]),
    (subgraph, operator): (&RuntimeSubgraph, &RuntimeOperator),
    along: usize,
    maps: &[(TensorId, RowMap)],
    is_valid: bool,
) -> Option<RowKernel> {
    match operator.read.op_type.as_str() {
        "ABS" | "ADD" | "CEIL" | "CONCATENATION" | "DEQUANTIZE" | "DIV" | "ELU" | "EXP" | "FLOOR"
        | "GELU" | "HARD_SWISH" | "L2_NORMALIZATION" | "LEAKY_RELU" | "LOGISTIC" | "LOG_SOFTMAX"
        | "MAXIMUM" | "MINIMUM" | "MUL" | "NEG" | "PRELU" | "QUANTIZE" | "RELU" | "RELU6" | "ROUND"
        | "RSQRT" | "SOFTMAX" | "SPLIT" | "SPLIT_V" | "SQRT" | "SQUARE" | "SQUARED_DIFFERENCE" | "SUB"
        | "TANH" => {
            let is_same = !maps.is_empty() && maps.iter().all(|(_, map)| *map == RowMap::SAME);
            is_same.then_some(RowKernel::Same)
        }
        "AVERAGE_POOL_2D" | "CONV_2D" | "DEPTHWISE_CONV_2D" | "MAX_POOL_2D" => {
            let &[(input, map)] = maps else { return None };
            let across = access.axes().iter().find(|axis| axis.outputs() == [other_axis(along)])?;
            let at = inputs.iter().position(|id| *id == input)?;
            let (own, beside) = across.inputs().get(at).copied().flatten()?;
            let output = operator.read.outputs[0];
            let length = |id: TensorId, axis: usize| {
                let shape = subgraph.tensors[id.index()].shape.as_ref()?;
                i64::try_from(*shape.get(axis)?).ok()
            };
            let window = |map: RowMap, axis: usize| {
                let (stride, denominator, first, last) = map.numbers();
                let stride = i64::from(stride);
                let (rows, output) = (length(input, axis)?, length(output, axis)?);
                let is_plain = denominator == 1 && stride > 0 && rows > 0 && output > 0 && first <= 0;
                let end = (output - 1) * stride + last + 1;
                is_plain.then_some((stride, last - first + 1, -first, rows, (end - rows).max(0)))
            };
            let (stride, reach, before, rows, _) = window(map, along)?;
            let (_, _, left, _, right) = window(beside, own)?;
            let may_pad = operator.read.op_type.ends_with("CONV_2D");
            let padding = WindowPadding::Named { is_same: !is_valid, may_pad, across: [left, right] };
            let window = RowWindow { stride, reach, before, input: rows, padding };
            Some(RowKernel::Window(window))
        }
        _ => None,
    }
}
