//! Operators of a model that can run on a part of their rows, by the rules of the runtime's kernels.

use std::ops::Range;

use super::super::runtime_network::{ALIGNMENT, Memory, RuntimeOperator, RuntimeSubgraph};
use super::super::tail;
use crate::import::tflite::operators;
use crate::import::tflite::schema::{At, Operator, SubGraph};
use crate::{AccessMap, ElementType, Graph, OperatorId, RowMap, TensorId, TileAxis};

/// Rows of a tensor along the axis that is split. Rows outside of the tensor are padding.
pub(super) type Rows = Range<i64>;

/// The first subgraph of a model.
pub(super) struct TileNetwork<'a> {
    pub(super) subgraph: &'a RuntimeSubgraph,
    pub(super) operators: Vec<TileOperator>,
    /// By tensor: the operator that writes it.
    pub(super) producer: Vec<Option<usize>>,
    pub(super) is_read: Vec<bool>,
    /// By operator: bytes of scratch.
    pub(super) scratch: &'a [u64],
    /// By operator: bytes in the tail.
    pub(super) tails: Vec<u64>,
    /// Cost of all operators.
    pub(super) cost: u64,
}

pub(super) struct TileOperator {
    /// The axes along which the operator can be split.
    pub(super) rules: Vec<RowRule>,
    /// Cost of all rows.
    pub(super) cost: u64,
}

/// How an operator runs on a part of its rows along an axis.
pub(super) struct RowRule {
    pub(super) axis: usize,
    /// Rows of the outputs.
    pub(super) rows: i64,
    pub(super) kernel: RowKernel,
    /// By position in the list of inputs: true if a row of the outputs reads some rows of the input, false if it
    /// reads all of them.
    pub(super) by_rows: Vec<bool>,
}

pub(super) enum RowKernel {
    /// Row `r` reads row `r` of each input.
    Same,
    /// A convolution or pooling.
    Window(RowWindow),
}

/// The window of a convolution or pooling along an axis.
#[derive(Clone, Copy)]
pub(super) struct RowWindow {
    pub(super) stride: i64,
    /// Number of rows from the first to the last one that an output row reads.
    reach: i64,
    /// Padding before the first row.
    before: i64,
    /// Rows of the input.
    input: i64,
    /// True for `SAME` padding.
    pub(super) is_same: bool,
    /// True if padding has a value, as in convolutions; false if the kernel leaves it out, as in pooling.
    pub(super) may_pad: bool,
    /// Padding along the other spatial axis.
    pub(super) across: [i64; 2],
}

/// Largest stride of windows that keep their padding.
const MAX_STRIDE: i64 = 8;

/// The most rows of an operator that is split.
const MAX_ROWS: u64 = 1 << 16;

/// The rows that an output range reads, and padding rows before and after them.
pub(super) struct WindowReads {
    pub(super) rows: Rows,
    pub(super) pads: [i64; 2],
}

impl RowWindow {
    pub(super) fn reads(&self, rows: &Rows) -> WindowReads {
        let start = rows.start * self.stride - self.before;
        let end = (rows.end - 1) * self.stride - self.before + self.reach;
        let pads = [(-start).max(0), (end - self.input).max(0)];
        WindowReads { rows: start.clamp(0, self.input)..end.clamp(0, self.input), pads }
    }

    /// The output rows that the kernel computes from these input rows with its own padding; none if they are not
    /// aligned to the output rows of the whole operator.
    pub(super) fn computed(&self, supplied: &Rows) -> Option<Rows> {
        let length = supplied.end - supplied.start;
        let (before, count) = if self.is_same {
            let count = (length + self.stride - 1) / self.stride;
            (((count - 1) * self.stride + self.reach - length).max(0) / 2, count)
        } else {
            (0, (length - self.reach + self.stride) / self.stride)
        };
        let first = supplied.start - before + self.before;
        let is_aligned = first.rem_euclid(self.stride) == 0 && count > 0;
        is_aligned.then(|| first.div_euclid(self.stride)..first.div_euclid(self.stride) + count)
    }

    /// The fewest input rows from which the kernel with its own padding computes these output rows.
    pub(super) fn supply(&self, rows: &Rows) -> Option<Rows> {
        let needed = self.reads(rows).rows;
        // Windows that are aligned differ by whole strides, and the padding by less than two.
        let most = 2 * self.stride.min(MAX_STRIDE);
        let spans = (0..=most).flat_map(|before| (0..=most).map(move |after| (before, after)));
        let spans =
            spans.map(|(before, after)| (needed.start - before).max(0)..(needed.end + after).min(self.input));
        let fits = spans.filter(|span| {
            self.computed(span).is_some_and(|found| found.start <= rows.start && rows.end <= found.end)
        });
        fits.min_by_key(|span| span.end - span.start)
    }
}

/// The rows for which `is_good` holds, around `rows`, for which it does.
pub(super) fn extended(rows: &Rows, within: &Rows, is_good: impl Fn(i64) -> bool) -> Rows {
    let mut good = rows.clone();
    while good.start > within.start && is_good(good.start - 1) {
        good.start -= 1;
    }
    while good.end < within.end && is_good(good.end) {
        good.end += 1;
    }
    good
}

impl<'a> TileNetwork<'a> {
    /// `graph` is the first subgraph with the access maps of its operators; its ids are positions in the subgraph.
    /// `bytes` are the tables of the file.
    pub(super) fn new(
        graph: &Graph,
        subgraph: &'a RuntimeSubgraph,
        scratch: &'a [u64],
        (bytes, table): (&[u8], SubGraph<'_>),
    ) -> Self {
        let mut producer = vec![None; subgraph.tensors.len()];
        let tables: Vec<Operator> = table.operators().into_iter().flatten().collect();
        let mut list = Vec::with_capacity(tables.len());
        for (number, operator) in subgraph.operators.iter().enumerate() {
            for output in &operator.read.outputs {
                producer[output.index()] = Some(number);
            }
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
            let outputs =
                operator.read.outputs.iter().filter_map(|id| subgraph.tensors[id.index()].elements());
            let cost = outputs.map(|count| count.saturating_mul(each)).fold(0, u64::saturating_add);
            list.push(TileOperator { rules, cost });
        }
        let mut is_read = vec![false; subgraph.tensors.len()];
        for id in subgraph.operators.iter().flat_map(|operator| &operator.read.inputs) {
            is_read[id.index()] = true;
        }
        let cost = list.iter().map(|operator| operator.cost).fold(0, u64::saturating_add);
        let tails = subgraph.operators.iter().map(|operator| tail::operator(subgraph, operator)).collect();
        Self { subgraph, operators: list, producer, is_read, scratch, tails, cost }
    }

    pub(super) fn rule(&self, operator: usize, axis: usize) -> Option<&RowRule> {
        self.operators[operator].rules.iter().find(|rule| rule.axis == axis)
    }

    /// Bytes of a part of a tensor in the head: `rows` rows along `axis`, and `columns` more columns along the other
    /// spatial axis.
    pub(super) fn part_bytes(&self, tensor: usize, axis: usize, rows: i64, columns: i64) -> u64 {
        let tensor = &self.subgraph.tensors[tensor];
        let shape = tensor.shape.as_deref().unwrap_or_default();
        let width = tensor.element_type.and_then(ElementType::bits).unwrap_or(8) / 8;
        let dims = shape.iter().enumerate().map(|(at, &dim)| match at {
            _ if at == axis => rows.unsigned_abs(),
            _ if columns > 0 && at == other_axis(axis) => dim + columns.unsigned_abs(),
            _ => dim,
        });
        let bytes = dims.fold(width, u64::saturating_mul);
        bytes.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
    }
}

/// The other spatial axis of an image: columns for rows.
pub(super) fn other_axis(axis: usize) -> usize {
    3_usize.saturating_sub(axis)
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
            let window = RowWindow {
                stride,
                reach,
                before,
                input: rows,
                is_same: !is_valid,
                may_pad,
                across: [left, right],
            };
            Some(RowKernel::Window(window))
        }
        _ => None,
    }
}
