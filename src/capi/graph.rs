//! Graphs: construction, validation and queries.

use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{
    Failure, array, choice, create, free, guard, mutable, read, read_text, reference, text,
};
use super::status::{
    PLIMSOLL_ERROR_STATE, PLIMSOLL_NONE, PLIMSOLL_TENSOR_CONSTANT, PLIMSOLL_TENSOR_INPUT,
    PLIMSOLL_TENSOR_INTERMEDIATE, PLIMSOLL_TENSOR_VARIABLE,
};
use crate::import::ImportedGraph;
use crate::{
    BodyLink, ElementType, Graph, GraphBuilder, Operator, OperatorBuilder, OperatorId, Tensor, TensorId,
    TensorKind, TensorSpec,
};

/// A graph of operators and tensors. Add operators and tensors first, then build it once, then
/// plan it any number of times. Until it is built, only one thread at a time may use it; after
/// that, any number.
pub struct plimsoll_graph {
    stage: Stage,
    /// Notes of the importer, a line each.
    notes: String,
    /// Numbers of the caller, by tensor and by operator; 0 beyond the end.
    pub(super) tensor_data: Vec<u64>,
    pub(super) operator_data: Vec<u64>,
}

enum Stage {
    Building(GraphBuilder),
    Built(Arc<Graph>),
}

impl plimsoll_graph {
    pub(super) fn imported(ImportedGraph { graph, notes }: ImportedGraph) -> Self {
        Self { notes: notes.join("\n"), ..Self::of_built(Arc::new(graph)) }
    }

    pub(super) fn of_built(graph: Arc<Graph>) -> Self {
        Self::at(Stage::Built(graph))
    }

    fn at(stage: Stage) -> Self {
        Self { stage, notes: String::new(), tensor_data: Vec::new(), operator_data: Vec::new() }
    }

    /// A copy that can be changed.
    pub(super) fn edit(&self) -> Self {
        let stage = match &self.stage {
            Stage::Building(builder) => Stage::Building(builder.clone()),
            Stage::Built(graph) => Stage::Building(graph.edit()),
        };
        Self {
            stage,
            notes: self.notes.clone(),
            tensor_data: self.tensor_data.clone(),
            operator_data: self.operator_data.clone(),
        }
    }

    pub(super) fn remove_operator_data(&mut self, index: usize) {
        if index < self.operator_data.len() {
            self.operator_data.remove(index);
        }
    }

    pub(super) fn tensor_count(&self) -> usize {
        match &self.stage {
            Stage::Building(builder) => builder.tensor_count(),
            Stage::Built(graph) => graph.tensors().len(),
        }
    }

    pub(super) fn operator_count(&self) -> usize {
        match &self.stage {
            Stage::Building(builder) => builder.operator_count(),
            Stage::Built(graph) => graph.operators().len(),
        }
    }

    pub(super) fn built(&self) -> Result<&Arc<Graph>, Failure> {
        match &self.stage {
            Stage::Built(graph) => Ok(graph),
            Stage::Building(_) => Err(not_built()),
        }
    }

    pub(super) fn builder(&mut self) -> Result<&mut GraphBuilder, Failure> {
        match &mut self.stage {
            Stage::Building(builder) => Ok(builder),
            Stage::Built(_) => Err(Failure::new(
                PLIMSOLL_ERROR_STATE,
                "the graph is already built; nothing can be added to it",
            )),
        }
    }

    /// An operator of a graph that is built.
    pub(super) fn operator(&self, index: u32) -> Result<&Operator, Failure> {
        self.built()?.operators().get(index as usize).ok_or_else(|| no_operator(index))
    }

    /// A tensor of a graph that is built.
    pub(super) fn tensor(&self, index: u32) -> Result<&Tensor, Failure> {
        self.built()?.tensors().get(index as usize).ok_or_else(|| no_tensor(index))
    }

    /// An operator of a graph that is not built.
    pub(super) fn operator_mut(&mut self, index: u32) -> Result<OperatorBuilder<'_>, Failure> {
        let builder = self.builder()?;
        operator_id(index).and_then(|id| builder.operator_mut(id)).ok_or_else(|| no_operator(index))
    }

    pub(super) fn change(&mut self) -> Result<&mut Graph, Failure> {
        match &mut self.stage {
            // Plans hold an `Arc` of the graph that they were made from; they must not see the change.
            Stage::Built(graph) => Ok(Arc::make_mut(graph)),
            Stage::Building(_) => Err(not_built()),
        }
    }
}

/// Converts an index to an operator id; `None` if no graph can have so many operators.
fn not_built() -> Failure {
    Failure::new(PLIMSOLL_ERROR_STATE, "the graph is not built; call plimsoll_graph_build first")
}

pub(super) fn no_operator(index: u32) -> Failure {
    Failure::argument(format!("there is no operator {index}"))
}

pub(super) fn operator_id(index: u32) -> Option<OperatorId> {
    ((index as usize) < OperatorId::MAX_COUNT).then(|| OperatorId::new(index as usize))
}

pub(super) fn kind(number: i32) -> Result<TensorKind, Failure> {
    let kinds = [
        (PLIMSOLL_TENSOR_INPUT, TensorKind::Input),
        (PLIMSOLL_TENSOR_CONSTANT, TensorKind::Constant),
        (PLIMSOLL_TENSOR_VARIABLE, TensorKind::Variable),
        (PLIMSOLL_TENSOR_INTERMEDIATE, TensorKind::Intermediate),
    ];
    choice(&kinds, number, "tensor kind", "TENSOR")
}

pub(super) fn element_type(name: &str) -> Result<ElementType, Failure> {
    name.parse().map_err(|error| Failure::argument(format!("{error}")))
}

pub(super) fn placed(mut spec: TensorSpec, alignment: u64, fixed_offset: u64) -> TensorSpec {
    if alignment != 0 {
        spec = spec.align(alignment);
    }
    if fixed_offset == PLIMSOLL_NONE { spec } else { spec.at(fixed_offset) }
}

/// Converts indices to tensor ids. An index may refer to a tensor that is added later;
/// `plimsoll_graph_build` rejects those that remain unknown.
pub(super) fn tensor_ids(indices: &[u32]) -> Result<Vec<TensorId>, Failure> {
    let id = |&index: &u32| match index as usize {
        number if number < TensorId::MAX_COUNT => Ok(TensorId::new(number)),
        _ => Err(no_tensor(index)),
    };
    indices.iter().map(id).collect()
}

/// Creates an empty graph with a name. Free it with `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_new(name: *const c_char, graph: *mut *mut plimsoll_graph) -> i32 {
    let new = || Ok(plimsoll_graph::at(Stage::Building(GraphBuilder::new(unsafe { text(name, "name") }?))));
    unsafe { create(graph, "graph", new) }
}

/// Adds a tensor of `bytes` bytes and writes its index, counted from 0.
///
/// `kind` is `PLIMSOLL_TENSOR_...`. `alignment` is a power of two in bytes, or 0 for the alignment
/// of the options. `fixed_offset` is the required offset in bytes, or PLIMSOLL_NONE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_tensor(
    graph: *mut plimsoll_graph,
    name: *const c_char,
    kind: i32,
    bytes: u64,
    alignment: u64,
    fixed_offset: u64,
    tensor: *mut u32,
) -> i32 {
    guard(|| unsafe {
        add_tensor(graph, name, kind, TensorSpec::bytes(bytes), (alignment, fixed_offset), tensor)
    })
}

/// Adds a tensor of `rank` dimensions with an element type such as "int8", "float16" or "int4", like
/// `plimsoll_graph_add_tensor`. The size follows from both; sub-byte elements are packed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_shaped_tensor(
    graph: *mut plimsoll_graph,
    name: *const c_char,
    kind: i32,
    element_type: *const c_char,
    dims: *const u64,
    rank: usize,
    alignment: u64,
    fixed_offset: u64,
    tensor: *mut u32,
) -> i32 {
    guard(|| {
        let element_type = self::element_type(unsafe { text(element_type, "element_type") }?)?;
        let dims = unsafe { array(dims, rank, "dims") }?;
        let spec = TensorSpec::shaped(element_type, dims);
        unsafe { add_tensor(graph, name, kind, spec, (alignment, fixed_offset), tensor) }
    })
}

unsafe fn add_tensor(
    graph: *mut plimsoll_graph,
    name: *const c_char,
    number: i32,
    spec: TensorSpec,
    (alignment, fixed_offset): (u64, u64),
    tensor: *mut u32,
) -> Result<(), Failure> {
    let builder = unsafe { mutable(graph, "graph") }?.builder()?;
    let out = unsafe { mutable(tensor, "tensor") }?;
    let name = unsafe { text(name, "name") }?;
    let spec = placed(spec, alignment, fixed_offset);
    *out = builder.add_tensor(name, kind(number)?, spec).index() as u32;
    Ok(())
}

/// Marks a tensor of any kind as a graph output: it is live to the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_output(graph: *mut plimsoll_graph, tensor: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        builder.output(tensor_ids(&[tensor])?[0]);
        Ok(())
    })
}

/// Adds an operator and writes its index, counted from 0 in program order.
///
/// `op_type` is the type of the operator, as in "Conv"; NULL if unknown. The operator reads
/// `input_count` tensors, possibly with repetitions, and writes `output_count`. Its scratch of
/// `scratch_bytes` bytes is live only while it runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_operator(
    graph: *mut plimsoll_graph,
    name: *const c_char,
    op_type: *const c_char,
    inputs: *const u32,
    input_count: usize,
    outputs: *const u32,
    output_count: usize,
    scratch_bytes: u64,
    operator_: *mut u32,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let out = unsafe { mutable(operator_, "operator_") }?;
        let name = unsafe { text(name, "name") }?;
        let op_type = if op_type.is_null() { "" } else { unsafe { text(op_type, "op_type") }? };
        let inputs = tensor_ids(unsafe { array(inputs, input_count, "inputs") }?)?;
        let outputs = tensor_ids(unsafe { array(outputs, output_count, "outputs") }?)?;
        let operator = builder.operator(name).op_type(op_type);
        *out = operator.reads(inputs).writes(outputs).scratch(scratch_bytes).id().index() as u32;
        Ok(())
    })
}

/// Adds a control dependency: operator `after` must run after operator `before`, although no tensor
/// connects them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_dependency(
    graph: *mut plimsoll_graph,
    before: u32,
    after: u32,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let first = graph.operator_mut(before)?.id();
        graph.operator_mut(after)?.after([first]);
        Ok(())
    })
}

/// Adds a body to an operator: a built graph that runs while the operator runs, any number of times,
/// one body at a time. A body is a branch of a conditional, or the condition or body of a loop. A
/// value that the body reads from the graph around it is an input of the operator, not a tensor of
/// the body. A body may not have variables. The body is copied; free it like any graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_body(
    graph: *mut plimsoll_graph,
    operator_: u32,
    body: *const plimsoll_graph,
) -> i32 {
    guard(|| {
        if std::ptr::eq(graph, body) {
            return Err(Failure::argument("a graph cannot be a body of itself"));
        }
        let body = Arc::clone(unsafe { reference(body, "body") }?.built()?);
        unsafe { mutable(graph, "graph") }?.operator_mut(operator_)?.runs([body]);
        Ok(())
    })
}

/// Links a tensor of a body to an input or output of the operator that runs it, so that a plan can keep both in
/// the same bytes (`plimsoll_plan_body_offset`). `body` is the position of the body, `inner` the index of its
/// tensor. For an output of the operator, `inner` is an output of the body that is the result after its last run.
/// For an input, `inner` is a constant of the body, whose operators read it, and the body runs at most once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_link_body(
    graph: *mut plimsoll_graph,
    operator_: u32,
    body: usize,
    tensor: u32,
    inner: u32,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let link = BodyLink { tensor: tensor_ids(&[tensor])?[0], body, inner: tensor_ids(&[inner])?[0] };
        graph.operator_mut(operator_)?.links([link]);
        Ok(())
    })
}

/// Writes the number of bodies of an operator of a built graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_body_count(
    graph: *const plimsoll_graph,
    operator_: u32,
    count: *mut usize,
) -> i32 {
    unsafe { read((graph, "graph"), (count, "count"), |graph| Ok(graph.operator(operator_)?.bodies().len())) }
}

/// Creates a graph from a body of an operator of a built graph, by position. Free it with
/// `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_body(
    graph: *const plimsoll_graph,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_graph,
) -> i32 {
    let of_operator = || {
        let body = unsafe { reference(graph, "graph") }?.operator(operator_)?.bodies().get(position);
        let body = body.ok_or_else(|| no_body(operator_, position))?;
        Ok(plimsoll_graph::of_built(Arc::clone(body)))
    };
    unsafe { create(body, "body", of_operator) }
}

pub(super) fn no_tensor(index: u32) -> Failure {
    Failure::argument(format!("there is no tensor {index}"))
}

pub(super) fn no_body(operator: u32, position: usize) -> Failure {
    Failure::argument(format!("operator {operator} has no planned body {position}"))
}

/// Marks an operator as foldable: it may run at compile time once all of its inputs are constants,
/// as it has no side effects and draws no random numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_foldable(graph: *mut plimsoll_graph, operator_: u32) -> i32 {
    guard(|| {
        unsafe { mutable(graph, "graph") }?.operator_mut(operator_)?.foldable();
        Ok(())
    })
}

/// Validates the graph and completes it: from then on it can be planned, and nothing can be added.
/// PLIMSOLL_ERROR_INVALID names the first error: a tensor with two producers or none, a cycle, an
/// unknown index. The graph is then unchanged.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_build(graph: *mut plimsoll_graph) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let built = graph.builder()?.clone().build()?;
        graph.stage = Stage::Built(Arc::new(built));
        Ok(())
    })
}

/// Folds foldable operators that read only constants, until none is left, and writes the number of
/// folded operators. For a built graph that no other thread uses. Earlier plans do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_fold_constants(graph: *mut plimsoll_graph, count: *mut usize) -> i32 {
    guard(|| {
        let out = unsafe { mutable(count, "count") }?;
        let graph = unsafe { mutable(graph, "graph") }?.change()?;
        graph.fold_constants();
        *out = graph.operators().iter().filter(|operator| operator.is_folded()).count();
        Ok(())
    })
}

/// Counts every floating-point element with the size of this element type, as if the model were
/// quantized. For a built graph that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_count_floats_as(
    graph: *mut plimsoll_graph,
    element_type: *const c_char,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?.change()?;
        graph.count_floats_as(self::element_type(unsafe { text(element_type, "element_type") }?)?)?;
        Ok(())
    })
}

/// Writes the number of tensors of a built graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_count(graph: *const plimsoll_graph, count: *mut usize) -> i32 {
    unsafe { read((graph, "graph"), (count, "count"), |graph| Ok(graph.built()?.tensors().len())) }
}

/// Writes the number of operators of a built graph, folded operators included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_count(
    graph: *const plimsoll_graph,
    count: *mut usize,
) -> i32 {
    unsafe { read((graph, "graph"), (count, "count"), |graph| Ok(graph.built()?.operators().len())) }
}

/// Writes the size in bytes of a tensor of a built graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_bytes(
    graph: *const plimsoll_graph,
    tensor: u32,
    bytes: *mut u64,
) -> i32 {
    unsafe { read((graph, "graph"), (bytes, "bytes"), |graph| Ok(graph.tensor(tensor)?.bytes())) }
}

/// Copies out the name of a tensor of a built graph. `size` receives the size of the name,
/// terminating zero byte included; see `plimsoll_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_name(
    graph: *const plimsoll_graph,
    tensor: u32,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe { read_text((graph, "graph"), (name, capacity, size), |graph| Ok(graph.tensor(tensor)?.name())) }
}

/// Copies out the name of an operator of a built graph, like `plimsoll_graph_tensor_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_name(
    graph: *const plimsoll_graph,
    operator_: u32,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe {
        read_text((graph, "graph"), (name, capacity, size), |graph| Ok(graph.operator(operator_)?.name()))
    }
}

/// Copies out the notes of the importer, a line each: parts of the model that it left out and
/// assumptions that it made. Empty if there are none. `size` as for `plimsoll_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_notes(
    graph: *const plimsoll_graph,
    notes: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe { read_text((graph, "graph"), (notes, capacity, size), |graph| Ok(&graph.notes)) }
}

/// Frees a graph; NULL is allowed. Plans of the graph stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_free(graph: *mut plimsoll_graph) {
    unsafe { free(graph) };
}
