//! Operators of a model that can run on a part of their rows, and the memory of its tensors.

use std::collections::BTreeSet;

use super::node::TileNode;
use super::window::windows;
use crate::export::tile::{
    RowKernel, RowRule, RowScale, RowTransposed, RowWindow, TileNetwork, TileOperator, TileRules, TileTensor,
    WindowPadding,
};
use crate::import::ImportOptions;
use crate::{
    AccessMap, ElementType, Graph, OperatorId, Permit, Plan, RowMap, SharingLevel, TensorId, TensorKind,
    TileAxis,
};

/// The most rows of a tensor that is split.
const MAX_ROWS: u64 = 1 << 16;

/// Largest factor of interpolation that is split.
const MAX_FACTOR: u64 = 16;

/// A model and the statements about it.
pub(super) struct TileSource<'a> {
    /// The model with the sizes that count.
    pub(super) graph: &'a Graph,
    /// The same with the element types of the file.
    pub(super) types: &'a Graph,
    pub(super) nodes: &'a [TileNode<'a>],
    pub(super) options: &'a ImportOptions,
    /// Version of the standard operators.
    pub(super) version: i64,
}

impl TileSource<'_> {
    pub(super) fn network(&self, untiled: &Plan, level: SharingLevel) -> TileNetwork {
        let alignment = untiled.alignment.max(1);
        let named = self.named_tensors();
        let operators = self.graph.operator_ids().map(|id| self.operator(id, untiled, level, &named));
        let tensor = |id: TensorId| {
            let tensor = self.graph.tensor(id);
            let bytes = if tensor.kind() == TensorKind::Constant { 0 } else { tensor.bytes() };
            TileTensor {
                shape: tensor.shape().map(<[u64]>::to_vec),
                bits: tensor.element_type().and_then(ElementType::bits).unwrap_or(8),
                bytes: bytes.checked_next_multiple_of(alignment).unwrap_or(u64::MAX),
                is_inner: self.is_fused(id),
            }
        };
        let tensors: Vec<TileTensor> = self.graph.tensor_ids().map(tensor).collect();
        let of_kind = |is_right: &dyn Fn(TensorId) -> bool| {
            self.graph.tensor_ids().filter(|&id| is_right(id)).map(TensorId::index).collect()
        };
        let inputs = of_kind(&|id| self.graph.tensor(id).kind() == TensorKind::Input);
        let outputs = of_kind(&|id| self.graph.tensor(id).is_output());
        let rules = TileRules {
            alignment,
            // Records count operators: of tilings of equal cost, the one with the fewest is the best.
            copy_records: 1,
            max_pieces: usize::MAX,
            cuts: &[[false, true, false], [true, true, false]],
            max_length: 64,
            shares_rows: false,
        };
        TileNetwork::new(tensors, operators.collect(), [inputs, outputs], rules)
    }

    /// True for numbers between an operator and its quantization, which runtimes fuse into a quantized operator. With a
    /// slice or a concatenation in between, they would compute with other roundings.
    fn is_fused(&self, id: TensorId) -> bool {
        let is_of = |id: OperatorId, types: &[&str]| {
            !self.graph.operator(id).is_folded() && types.contains(&self.nodes[id.index()].op_type)
        };
        let is_quantized = |id: TensorId| {
            let mut readers = self.graph.tensor(id).readers().iter();
            readers.any(|&reader| is_of(reader, &["QuantizeLinear"]))
        };
        let is_activated = |reader: OperatorId| {
            is_of(reader, &["Clip", "Relu"])
                && self.graph.operator(reader).outputs().iter().any(|&output| is_quantized(output))
        };
        let tensor = self.graph.tensor(id);
        tensor.producer().is_some_and(|producer| {
            is_of(producer, &["DequantizeLinear"])
                || is_quantized(id)
                || tensor.readers().iter().any(|&reader| is_activated(reader))
        })
    }

    /// Tensors to which the import options refer by their names.
    fn named_tensors(&self) -> BTreeSet<&str> {
        let ImportOptions { input_shapes, values, states, .. } = self.options;
        let names = input_shapes.keys().chain(values.keys()).chain(states.keys()).chain(states.values());
        names.map(String::as_str).collect()
    }

    fn operator(
        &self,
        id: OperatorId,
        untiled: &Plan,
        level: SharingLevel,
        named: &BTreeSet<&str>,
    ) -> TileOperator {
        let (operator, node) = (self.graph.operator(id), &self.nodes[id.index()]);
        if operator.is_folded() {
            // It needs no memory, and takes no part in the order.
            return TileOperator::default();
        }
        let mut present = operator.inputs().iter().copied();
        let input = |name: &&str| {
            if name.is_empty() { None } else { present.next().map(TensorId::index) }
        };
        let inputs: Vec<Option<usize>> = node.inputs.iter().map(input).collect();
        let is_conversion = matches!(node.op_type, "QuantizeLinear" | "DequantizeLinear");
        let each = operator.access().map_or(0, AccessMap::cost_per_element);
        let each = if is_conversion { 0 } else { each };
        let elements = |id: &TensorId| self.graph.tensor(*id).shape().map_or(0, product);
        let cost = operator.outputs().iter().map(|id| elements(id).saturating_mul(each));
        let bodies = untiled.bodies.iter().filter(|body| body.operator == id);
        let bodies = bodies.map(|body| body.plan.arena_bytes).fold(0, u64::saturating_add);
        let mut described = TileOperator {
            reads: operator.inputs().iter().map(|id| id.index()).collect(),
            outputs: operator.outputs().iter().map(|id| id.index()).collect(),
            rules: Vec::new(),
            cost: cost.fold(0, u64::saturating_add),
            scratch: operator.scratch_bytes().saturating_add(bodies),
            records: 1,
            overwrites: self.overwrites(id, level, &inputs),
            inputs,
        };
        described.rules = self.rules(id, &described, named);
        described
    }

    /// Positions of inputs whose memory the first output may take.
    fn overwrites(&self, id: OperatorId, level: SharingLevel, inputs: &[Option<usize>]) -> Vec<usize> {
        let operator = self.graph.operator(id);
        let is_allowed = |permit: &Permit| match permit {
            Permit::InPlace { .. } => level >= SharingLevel::InPlace,
            Permit::View { .. } => level >= SharingLevel::Views,
            _ => false,
        };
        let is_used = |permit: &&Permit| {
            let input = self.graph.tensor(permit.input());
            let is_free = input.kind() == TensorKind::Intermediate || input.is_overwritable();
            is_allowed(permit) && is_free && Some(&permit.output()) == operator.outputs().first()
        };
        let permits = operator.permits().iter().filter(is_used);
        permits
            .filter_map(|permit| inputs.iter().position(|&id| id == Some(permit.input().index())))
            .collect()
    }

    /// The axes along which an operator can be split.
    fn rules(&self, id: OperatorId, described: &TileOperator, named: &BTreeSet<&str>) -> Vec<RowRule> {
        let operator = self.graph.operator(id);
        let node = &self.nodes[id.index()];
        let is_plain = operator.bodies().is_empty() && operator.runs_after().is_empty();
        let has_names = described.inputs.iter().zip(&node.inputs).all(|(&id, name)| match id {
            Some(id) => self.graph.tensor(TensorId::new(id)).name() == *name,
            None => name.is_empty(),
        });
        let has_all = described.reads.len() == described.inputs.iter().flatten().count();
        let is_split = |&id: &TensorId| {
            self.element_number(id).is_some() && !named.contains(self.graph.tensor(id).name())
        };
        let outputs = operator.outputs();
        let Some(access) = operator.access() else { return Vec::new() };
        if !is_plain || !has_names || !has_all || outputs.is_empty() || !outputs.iter().all(is_split) {
            return Vec::new();
        }
        access.axes().iter().filter_map(|axis| self.rule(id, access, axis, described)).collect()
    }

    /// Number of the element type of a tensor that can be split; none for constants, sizes that depend on data, and types
    /// of which `Slice` and `Concat` have no kernels.
    pub(super) fn element_number(&self, id: TensorId) -> Option<i32> {
        let (tensor, sized) = (self.types.tensor(id), self.graph.tensor(id));
        if sized.kind() == TensorKind::Constant || sized.is_upper_bound() || sized.bytes() == 0 {
            return None;
        }
        Some(match tensor.element_type()? {
            ElementType::Float32 => 1,
            ElementType::UInt8 => 2,
            ElementType::Int8 => 3,
            ElementType::UInt16 => 4,
            ElementType::Int16 => 5,
            ElementType::Int32 => 6,
            ElementType::Int64 => 7,
            ElementType::Bool => 9,
            ElementType::Float16 => 10,
            ElementType::Float64 => 11,
            ElementType::BFloat16 => 16,
            _ => return None,
        })
    }

    fn rule(
        &self,
        id: OperatorId,
        access: &AccessMap,
        axis: &TileAxis,
        described: &TileOperator,
    ) -> Option<RowRule> {
        let operator = self.graph.operator(id);
        let along = *axis.outputs().first()?;
        let rows = *self.graph.tensor(*operator.outputs().first()?).shape()?.get(along)?;
        if rows > MAX_ROWS || axis.outputs().iter().any(|&other| other != along) {
            return None;
        }
        let mut maps = Vec::new();
        let mut by_rows = Vec::new();
        let mut at = 0;
        for input in &described.inputs {
            let map = input.and_then(|_| axis.inputs().get(at).copied().flatten());
            at += usize::from(input.is_some());
            by_rows.push(map.is_some());
            let (Some(tensor), Some((own, map))) = (*input, map) else { continue };
            if own != along || self.element_number(TensorId::new(tensor)).is_none() {
                return None;
            }
            maps.push((tensor, map));
        }
        let kernel = self.kernel(id, access, along, &maps)?;
        Some(RowRule { axis: along, rows: i64::try_from(rows).ok()?, kernel, by_rows })
    }

    /// The kernel of an operator along an axis; none for operators whose attributes and constants do not allow it to run
    /// on a part of the rows.
    fn kernel(
        &self,
        id: OperatorId,
        access: &AccessMap,
        along: usize,
        maps: &[(usize, RowMap)],
    ) -> Option<RowKernel> {
        let node = &self.nodes[id.index()];
        let rows = |tensor: usize| self.graph.tensor(TensorId::new(tensor)).shape()?.get(along).copied();
        let output = rows(self.graph.operator(id).outputs()[0].index())?;
        let is_same = !maps.is_empty()
            && maps.iter().all(|&(tensor, map)| map == RowMap::SAME && rows(tensor) == Some(output));
        if is_same && has_same_rows(node) {
            return Some(RowKernel::Same);
        }
        let &[(input, map)] = maps else { return None };
        let input = rows(input)?;
        let spatial = along.checked_sub(2)?;
        match (node.domain, node.op_type) {
            ("", "Conv" | "ConvInteger" | "QLinearConv" | "AveragePool" | "LpPool" | "MaxPool")
            | ("com.microsoft", "FusedConv" | "QLinearConv" | "QLinearAveragePool") => {
                let window = *windows(self.graph, id, node, access)?.get(spatial)?;
                let (stride, reach, before) = (window.stride, window.reach, window.before);
                let padding = WindowPadding::Explicit;
                Some(RowKernel::Window(RowWindow { stride, reach, before, input: window.input, padding }))
            }
            ("", "SpaceToDepth") => {
                let stride = node.attribute("blocksize")?.i.filter(|&block| block > 0)?;
                let input = i64::try_from(input).ok()?;
                let padding = WindowPadding::Explicit;
                Some(RowKernel::Window(RowWindow { stride, reach: stride, before: 0, input, padding }))
            }
            ("", "ConvTranspose") => transposed(node, self.graph, id, spatial).map(RowKernel::Transposed),
            ("", "DepthToSpace") => scale(input, output, map).map(RowKernel::Scaled),
            ("", "Resize" | "Upsample") => {
                let scale = scale(input, output, map)?;
                (scale.factor.count_ones() == 1 && is_local(node, self.version))
                    .then_some(RowKernel::Scaled(scale))
            }
            _ => None,
        }
    }
}

/// Operators of which row `r` reads row `r`, and whose attributes and constants do not depend on the number of rows.
#[rustfmt::skip]
fn has_same_rows(node: &TileNode<'_>) -> bool {
    // Until version 9, parameters may belong to rows.
    if node.op_type == "BatchNormalization" && node.int("spatial", 1) == 0 {
        return false;
    }
    // Without axes, a tile of one row would lose its axis.
    let has_axes = node.inputs.len() > 1 || node.attribute("axes").is_some();
    if node.op_type == "Squeeze" && !has_axes {
        return false;
    }
    match node.domain {
        "" => matches!(
            node.op_type,
            "Abs" | "Acos" | "Acosh" | "Asin" | "Asinh" | "Atan" | "Atanh" | "Cast" | "Ceil" | "Celu" | "Cos" | "Cosh"
            | "Elu" | "Erf" | "Exp" | "Floor" | "Gelu" | "HardSigmoid" | "HardSwish" | "Identity" | "IsInf" | "IsNaN"
            | "LeakyRelu" | "Log" | "Mish" | "Neg" | "Not" | "Reciprocal" | "Relu" | "Round" | "Selu" | "Shrink"
            | "Sigmoid" | "Sign" | "Sin" | "Sinh" | "Softplus" | "Softsign" | "Sqrt" | "Swish" | "Tan" | "Tanh"
            | "ThresholdedRelu" | "BitwiseNot" | "CastLike" | "Clip"
            | "Add" | "And" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Div" | "Equal" | "Greater"
            | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "Sub" | "Xor"
            | "Max" | "Mean" | "Min" | "Sum" | "Where" | "Dropout" | "BatchNormalization" | "GroupNormalization"
            | "InstanceNormalization" | "LayerNormalization" | "RMSNormalization" | "SimplifiedLayerNormalization"
            | "MeanVarianceNormalization" | "LpNormalization" | "TopK" | "LRN" | "Softmax" | "LogSoftmax" | "Hardmax"
            | "CumSum" | "CumProd" | "QuantizeLinear" | "DequantizeLinear" | "GlobalAveragePool" | "GlobalLpPool"
            | "GlobalMaxPool" | "MatMul" | "MatMulInteger" | "QLinearMatMul" | "Gemm" | "Squeeze" | "Unsqueeze"
            | "Transpose" | "Concat" | "Split" | "Slice" | "Pad" | "Tile" | "Gather" | "GatherElements" | "ReduceL1"
            | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean" | "ReduceMin"
            | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" | "ArgMax" | "ArgMin"
        ),
        "com.microsoft" => matches!(
            node.op_type,
            "Gelu" | "QuickGelu" | "QLinearLeakyRelu" | "QLinearSigmoid" | "BiasAdd" | "BiasGelu" | "FastGelu"
            | "QLinearAdd" | "QLinearMul" | "QuantizeLinear" | "DequantizeLinear" | "SkipLayerNormalization"
            | "SkipSimplifiedLayerNormalization" | "QLinearGlobalAveragePool" | "QLinearConcat"
        ),
        _ => false,
    }
}

/// The window of a transposed convolution along a spatial axis; none if padding follows from the output.
fn transposed(node: &TileNode<'_>, graph: &Graph, id: OperatorId, spatial: usize) -> Option<RowTransposed> {
    let window = TransposedWindow::of(node, graph, id)?.get(spatial).copied()?;
    let TransposedWindow { stride, reach, before, input, .. } = window;
    (reach >= stride).then_some(RowTransposed { stride, reach, before, input })
}

/// The window of a transposed convolution along an axis, with the rows that it cuts off.
#[derive(Clone, Copy)]
pub(super) struct TransposedWindow {
    stride: i64,
    reach: i64,
    pub(super) before: i64,
    /// Negative if rows without contributions follow.
    pub(super) after: i64,
    input: i64,
}

impl TransposedWindow {
    /// The windows by spatial axis.
    pub(super) fn of(node: &TileNode<'_>, graph: &Graph, id: OperatorId) -> Option<Vec<Self>> {
        let operator = graph.operator(id);
        let shape = |tensor: Option<&TensorId>| graph.tensor(*tensor?).shape();
        let (input, weights) = (shape(operator.inputs().first())?, shape(operator.inputs().get(1))?);
        let output = shape(operator.outputs().first())?;
        let rank = input.len().checked_sub(2)?;
        let is_explicit = matches!(node.text("auto_pad", "NOTSET"), b"NOTSET" | b"");
        let has_shape = node.attribute("output_shape").is_some_and(|shape| !shape.ints.is_empty());
        if !is_explicit || has_shape || weights.len() != rank + 2 || output.len() != rank + 2 {
            return None;
        }
        let [strides, dilations] = ["strides", "dilations"]
            .map(|name| node.ints(name, rank, 1).filter(|list| list.iter().all(|&n| n > 0)));
        let (strides, dilations, pads) = (strides?, dilations?, node.ints("pads", 2 * rank, 0)?);
        let window = |at: usize| {
            let [input, kernel, output] =
                [input, weights, output].map(|shape| i64::try_from(shape[at + 2]).ok());
            let (input, output) = (input?, output?);
            let reach = (kernel? - 1).checked_mul(dilations[at])?.checked_add(1)?;
            let all = (input - 1).checked_mul(strides[at])?.checked_add(reach)?;
            let (stride, before) = (strides[at], pads[at]);
            let after = all.checked_sub(before)?.checked_sub(output)?;
            (before >= 0 && after > -stride).then_some(Self { stride, reach, before, after, input })
        };
        (0..rank).map(window).collect()
    }
}

/// Interpolation by a whole number.
fn scale(input: u64, output: u64, map: RowMap) -> Option<RowScale> {
    let (numerator, denominator, ..) = map.numbers();
    let factor = output.checked_div(input).filter(|&factor| (2..=MAX_FACTOR).contains(&factor))?;
    let is_exact = output == input * factor && u64::from(numerator) * factor == u64::from(denominator);
    let number = |number: u64| i64::try_from(number).ok();
    is_exact.then_some(RowScale { factor: number(factor)?, map, input: number(input)? })
}

/// True if coordinates of interpolation do not depend on the number of rows, and sizes are stated as scales.
fn is_local(node: &TileNode<'_>, version: i64) -> bool {
    let is_mode = matches!(node.text("mode", "nearest"), b"nearest" | b"linear" | b"bilinear");
    if node.op_type == "Upsample" || version < 11 {
        return is_mode;
    }
    let coordinates = node.text("coordinate_transformation_mode", "half_pixel");
    let has = |input: usize| node.inputs.get(input).is_some_and(|name| !name.is_empty());
    is_mode
        && matches!(coordinates, b"half_pixel" | b"pytorch_half_pixel" | b"asymmetric")
        && node.int("antialias", 0) == 0
        && has(2)
        && !has(3)
}

fn product(shape: &[u64]) -> u64 {
    shape.iter().fold(1, |all, &dim| all.saturating_mul(dim))
}
