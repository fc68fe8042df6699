//! Networks in NHWC layout (channels innermost), for targets that compute convolutions and pooling
//! row by row: the overlaps that become possible and the views that do not.

use std::collections::HashMap;
use std::path::Path;

use flatbuffers::{ForwardsUOffset, Table, Vector};
use plimsoll::{Graph, Operator, Permit, Side, Tensor, TensorKind, TensorSpec, Windowed};
use prost::Message;

/// Rows and columns of a kernel, from the attributes of the operator.
#[derive(Clone, Copy)]
struct Kernel {
    window: [u64; 2],
    stride: [u64; 2],
    dilation: [u64; 2],
    padding: Padding,
    by_channel: bool,
}

#[derive(Clone, Copy)]
enum Padding {
    /// Above and left.
    Given([u64; 2]),
    /// As much as the output needs, the odd one below and right.
    Same,
}

/// The network with channels innermost, with permissions for safe overlaps.
pub fn channels_last(graph: &Graph, path: &Path) -> Graph {
    let bytes = std::fs::read(path).expect("a file");
    if path.extension().is_some_and(|ending| ending == "tflite") {
        return with_tflite_overlaps(graph, &bytes);
    }
    let kernels = onnx_kernels(&bytes);
    rebuilt(graph, |operator| {
        let kernel = kernels.get(graph.tensor(*operator.outputs().first()?).name())?;
        overlap(graph, operator, *kernel, [2, 3, 1])
    })
}

/// Permission for the output of an operator to overlap its input. `dims` are the dimensions of rows,
/// columns and channels in the shapes of both.
fn overlap(graph: &Graph, operator: &Operator, kernel: Kernel, dims: [usize; 3]) -> Option<Permit> {
    let (&input, &output) = (operator.inputs().first()?, operator.outputs().first()?);
    let shape = |tensor: &Tensor| {
        let shape = tensor.shape().filter(|shape| shape.len() == 4 && shape[0] == 1)?;
        Some(dims.map(|dim| shape[dim]))
    };
    let [read, written] = [input, output].map(|id| graph.tensor(id));
    let (from, to) = (shape(read)?, shape(written)?);
    let bits = |tensor: &Tensor| tensor.element_type().and_then(plimsoll::ElementType::bits);
    let element_bytes = [bits(read)?.div_ceil(8), bits(written)?.div_ceil(8)];
    let padding = match kernel.padding {
        Padding::Given(padding) => padding,
        Padding::Same => [0, 1].map(|axis| {
            let reach = kernel.dilation[axis] * (kernel.window[axis] - 1) + 1;
            ((to[axis].max(1) - 1) * kernel.stride[axis] + reach).saturating_sub(from[axis]) / 2
        }),
    };
    let Kernel { window, stride, dilation, by_channel, .. } = kernel;
    let windowed = Windowed {
        input: from,
        output: to,
        window,
        stride,
        padding,
        dilation,
        by_channel,
        descending: false,
        element_bytes,
    };
    let bytes = windowed.safe_overlap().filter(|&bytes| bytes > 0)?;
    Some(Permit::Overlap { input, output, bytes, lower: Side::Output })
}

/// The graph with channels innermost in four-dimensional tensors: permissions that remain valid, and
/// those that are added.
fn rebuilt(graph: &Graph, added: impl Fn(&Operator) -> Option<Permit>) -> Graph {
    let mut net = Graph::builder(graph.name());
    for (id, tensor) in graph.iter_tensors() {
        let spec = match (tensor.element_type(), tensor.shape()) {
            (Some(element_type), Some(shape)) if tensor.kind() != TensorKind::Constant => {
                TensorSpec::shaped(element_type, shape)
            }
            _ => TensorSpec::bytes(tensor.bytes()),
        };
        net.add_tensor(tensor.name(), tensor.kind(), spec);
        if tensor.is_output() {
            net.output(id);
        }
        if tensor.is_overwritable() {
            net.overwritable(id);
        }
    }
    let mut number = vec![None; graph.operators().len()];
    for (id, operator) in graph.iter_operators().filter(|(_, one)| !one.is_folded()) {
        let kept = operator.permits().iter().copied().filter(|permit| holds(graph, permit));
        let permits: Vec<Permit> = kept.chain(added(operator)).collect();
        let after = operator.runs_after().iter().filter_map(|before| number[before.index()]);
        let after: Vec<_> = after.collect();
        let added = net.operator(operator.name()).op_type(operator.op_type());
        let added = added.reads(operator.inputs().iter().copied()).writes(operator.outputs().iter().copied());
        number[id.index()] = Some(added.scratch(operator.scratch_bytes()).after(after).permits(permits).id());
    }
    net.build().expect("the same graph")
}

/// Returns whether a permission remains valid with channels innermost.
fn holds(graph: &Graph, permit: &Permit) -> bool {
    let shapes = [permit.input(), permit.output()].map(|id| graph.tensor(id).shape().unwrap_or(&[]));
    // A tensor of one dimension has the same layout.
    let is_plain = |shape: &[u64]| shape.len() != 4 || shape[1] == 1 || shape[2] * shape[3] == 1;
    match permit {
        Permit::InPlace { .. } => true,
        _ => shapes.iter().all(|shape| is_plain(shape)) || shapes[0] == shapes[1],
    }
}

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Nodes>,
}

#[derive(Clone, PartialEq, Message)]
struct Nodes {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Initializer>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int64, tag = "3")]
    integer: i64,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
    #[prost(int64, repeated, tag = "8")]
    integers: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Initializer {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
}

/// Operators by the name of their first output.
fn onnx_kernels(bytes: &[u8]) -> HashMap<String, Kernel> {
    let nodes = Model::decode(bytes).expect("an ONNX model").graph.unwrap_or_default();
    let weights = nodes.initializer.iter().map(|one| (one.name.as_str(), one.dims.as_slice()));
    let weights: HashMap<&str, &[i64]> = weights.collect();
    let kernel = |node: &Node| Some((node.output.first()?.clone(), onnx_kernel(node, &weights)?));
    nodes.node.iter().filter_map(kernel).collect()
}

fn onnx_kernel(node: &Node, weights: &HashMap<&str, &[i64]>) -> Option<Kernel> {
    let is_pool = ["MaxPool", "AveragePool"].contains(&node.op_type.as_str());
    if !is_pool && node.op_type != "Conv" {
        return None;
    }
    let attribute = |name: &str| node.attribute.iter().find(|one| one.name == name);
    let two = |list: &[i64]| Some([u64::try_from(*list.first()?).ok()?, u64::try_from(*list.get(1)?).ok()?]);
    let numbers = |name: &str| attribute(name).and_then(|one| two(&one.integers));
    let dims = node.input.get(1).and_then(|name| weights.get(name.as_str()));
    let window = numbers("kernel_shape").or_else(|| two(dims?.get(2..)?))?;
    let group = attribute("group").map_or(1, |one| one.integer);
    // Each filter of a depthwise convolution has one channel.
    let is_depthwise = group > 1 && dims?.get(1) == Some(&1);
    let padding = match attribute("auto_pad").map_or(&b"NOTSET"[..], |one| &one.text) {
        b"NOTSET" => Padding::Given(numbers("pads").unwrap_or([0, 0])),
        b"VALID" => Padding::Given([0, 0]),
        b"SAME_UPPER" => Padding::Same,
        _ => return None,
    };
    Some(Kernel {
        window,
        stride: numbers("strides").unwrap_or([1, 1]),
        dilation: numbers("dilations").unwrap_or([1, 1]),
        padding,
        by_channel: is_pool || is_depthwise,
    })
}

/// Field of a table by its number in the schema.
fn field(number: u16) -> u16 {
    4 + 2 * number
}

/// The network, which has channels innermost already.
fn with_tflite_overlaps(graph: &Graph, bytes: &[u8]) -> Graph {
    type Tables<'a> = ForwardsUOffset<Vector<'a, ForwardsUOffset<Table<'a>>>>;
    let mut overlapping = graph.clone();
    let root = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
    // The files are test data that the importer has accepted, so their tables are valid.
    #[allow(unsafe_code)]
    let operators = unsafe {
        let model = Table::new(bytes, root);
        let subgraphs = model.get::<Tables>(field(2), None).expect("subgraphs");
        subgraphs.get(0).get::<Tables>(field(3), None).expect("operators")
    };
    for ((id, operator), table) in graph.iter_operators().zip(operators) {
        #[allow(unsafe_code)]
        let options = unsafe { table.get::<ForwardsUOffset<Table>>(field(4), None) };
        let kernel = options.and_then(|options| tflite_kernel(graph, operator, &options));
        if let Some(permit) = kernel.and_then(|kernel| overlap(graph, operator, kernel, [1, 2, 3])) {
            overlapping.permit(id, [permit]).expect("its own tensors");
        }
    }
    overlapping
}

fn tflite_kernel(graph: &Graph, operator: &Operator, options: &Table<'_>) -> Option<Kernel> {
    #[allow(unsafe_code)]
    let number = |at: u16, default: i32| unsafe { options.get::<i32>(field(at), Some(default)) };
    #[allow(unsafe_code)]
    let padding = unsafe { options.get::<i8>(field(0), Some(0)) };
    let pair = |rows: u16, columns: u16, default: i32| {
        let [rows, columns] =
            [rows, columns].map(|at| number(at, default).and_then(|it| u64::try_from(it).ok()));
        Some([rows?, columns?])
    };
    let weights = || graph.tensor(*operator.inputs().get(1)?).shape().filter(|shape| shape.len() == 4);
    let (window, dilation, by_channel) = match operator.op_type() {
        "CONV_2D" => (weights().map(|shape| [shape[1], shape[2]])?, pair(5, 4, 1)?, false),
        "DEPTHWISE_CONV_2D" => (weights().map(|shape| [shape[1], shape[2]])?, pair(6, 5, 1)?, true),
        "MAX_POOL_2D" | "AVERAGE_POOL_2D" => (pair(4, 3, 0)?, [1, 1], true),
        _ => return None,
    };
    let padding = if padding == Some(0) { Padding::Same } else { Padding::Given([0, 0]) };
    Some(Kernel { window, stride: pair(2, 1, 0)?, dilation, padding, by_channel })
}
