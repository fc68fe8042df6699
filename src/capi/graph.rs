use std::ffi::c_char;
use std::sync::Arc;

use super::boundary::{Failure, array, copy_text, free, give, guard, mutable, reference, text};
use super::status::{
    PLIMSOLL_ERROR_STATE, PLIMSOLL_NONE, PLIMSOLL_TENSOR_CONSTANT, PLIMSOLL_TENSOR_INPUT,
    PLIMSOLL_TENSOR_INTERMEDIATE, PLIMSOLL_TENSOR_VARIABLE,
};
use crate::import::ImportedGraph;
use crate::{ElementType, Graph, GraphBuilder, OperatorId, TensorId, TensorKind, TensorSpec};

/// Operators and tensors. It is added to first, then built once, then planned any
/// number of times. Not to be used by two threads at the same time as long as it
/// is not built; after that, any number may.
pub struct plimsoll_graph {
    stage: Stage,
    /// Of the importer, a line each.
    notes: String,
}

enum Stage {
    Building(GraphBuilder),
    Built(Arc<Graph>),
}

impl plimsoll_graph {
    pub(super) fn imported(ImportedGraph { graph, notes }: ImportedGraph) -> Self {
        Self { stage: Stage::Built(Arc::new(graph)), notes: notes.join("\n") }
    }

    pub(super) fn built(&self) -> Result<&Arc<Graph>, Failure> {
        match &self.stage {
            Stage::Built(graph) => Ok(graph),
            Stage::Building(_) => Err(Failure::new(PLIMSOLL_ERROR_STATE, "the graph is not built yet")),
        }
    }

    pub(super) fn builder(&mut self) -> Result<&mut GraphBuilder, Failure> {
        match &mut self.stage {
            Stage::Building(builder) => Ok(builder),
            Stage::Built(_) => {
                Err(Failure::new(PLIMSOLL_ERROR_STATE, "the graph is built; nothing can be added to it"))
            }
        }
    }

    pub(super) fn change(&mut self) -> Result<&mut Graph, Failure> {
        match &mut self.stage {
            // Plans that were made of it keep the one they know.
            Stage::Built(graph) => Ok(Arc::make_mut(graph)),
            Stage::Building(_) => Err(Failure::new(PLIMSOLL_ERROR_STATE, "the graph is not built yet")),
        }
    }
}

/// None if no operator can have this index.
pub(super) fn operator_id(index: u32) -> Option<OperatorId> {
    ((index as usize) < OperatorId::MAX_COUNT).then(|| OperatorId::new(index as usize))
}

fn kind(number: i32) -> Result<TensorKind, Failure> {
    Ok(match number {
        PLIMSOLL_TENSOR_INPUT => TensorKind::Input,
        PLIMSOLL_TENSOR_CONSTANT => TensorKind::Constant,
        PLIMSOLL_TENSOR_VARIABLE => TensorKind::Variable,
        PLIMSOLL_TENSOR_INTERMEDIATE => TensorKind::Intermediate,
        _ => return Err(Failure::argument(format!("{number} is no kind of tensor"))),
    })
}

pub(super) fn element_type(name: &str) -> Result<ElementType, Failure> {
    name.parse().map_err(|error| Failure::argument(format!("{error}")))
}

fn placed(mut spec: TensorSpec, alignment: u64, fixed_offset: u64) -> TensorSpec {
    if alignment != 0 {
        spec = spec.align(alignment);
    }
    if fixed_offset == PLIMSOLL_NONE { spec } else { spec.at(fixed_offset) }
}

/// An id as the library counts them; what is out of range is refused when the
/// graph is built, as things may be added in any order.
pub(super) fn tensor_ids(indices: &[u32]) -> Result<Vec<TensorId>, Failure> {
    let known = |&index: &u32| {
        let index = index as usize;
        if index < TensorId::MAX_COUNT {
            Ok(TensorId::new(index))
        } else {
            Err(Failure::argument(format!("{index} is no tensor")))
        }
    };
    indices.iter().map(known).collect()
}

/// Makes an empty graph of this name. Free it with `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_new(name: *const c_char, graph: *mut *mut plimsoll_graph) -> i32 {
    guard(|| {
        let place = unsafe { mutable(graph, "graph") }?;
        let name = unsafe { text(name, "name") }?;
        give(place, plimsoll_graph { stage: Stage::Building(GraphBuilder::new(name)), notes: String::new() });
        Ok(())
    })
}

/// Adds a tensor of `bytes` bytes and writes its index: they count from 0.
///
/// `kind` is `PLIMSOLL_TENSOR_...`; `alignment` a power of two in bytes, or 0 for
/// that of the options; `fixed_offset` the offset in bytes that it must have, or
/// PLIMSOLL_NONE.
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

/// The same of a tensor of `rank` dimensions with elements of a type such as
/// "int8", "float16" or "int4"; its size follows, sub-byte elements packed.
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
    let place = unsafe { mutable(tensor, "tensor") }?;
    let name = unsafe { text(name, "name") }?;
    let spec = placed(spec, alignment, fixed_offset);
    *place = builder.add_tensor(name, kind(number)?, spec).index() as u32;
    Ok(())
}

/// Marks a tensor of any kind as a graph output: it lives to the end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_output(graph: *mut plimsoll_graph, tensor: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        builder.output(tensor_ids(&[tensor])?[0]);
        Ok(())
    })
}

/// Adds an operator and writes its index: they count from 0, in file order.
///
/// `op_type` says what it computes, as in "Conv" (NULL: nothing said). It reads
/// `input_count` tensors, one perhaps more than once, and writes `output_count`.
/// `scratch_bytes` of workspace are alive only while it runs.
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
        let place = unsafe { mutable(operator_, "operator_") }?;
        let name = unsafe { text(name, "name") }?;
        let op_type = if op_type.is_null() { "" } else { unsafe { text(op_type, "op_type") }? };
        let inputs = tensor_ids(unsafe { array(inputs, input_count, "inputs") }?)?;
        let outputs = tensor_ids(unsafe { array(outputs, output_count, "outputs") }?)?;
        let operator = builder.operator(name).op_type(op_type);
        *place = operator.reads(inputs).writes(outputs).scratch(scratch_bytes).id().index() as u32;
        Ok(())
    })
}

/// Says that operator `after` must run after operator `before`, although it
/// reads nothing of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_dependency(
    graph: *mut plimsoll_graph,
    before: u32,
    after: u32,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let unknown = |index: u32| Failure::argument(format!("{index} is no operator"));
        let id = |index: u32| operator_id(index).ok_or_else(|| unknown(index));
        let (first, then) = (id(before)?, id(after)?);
        builder.operator_mut(first).ok_or_else(|| unknown(before))?;
        builder.operator_mut(then).ok_or_else(|| unknown(after))?.after([first]);
        Ok(())
    })
}

/// Adds a body to an operator: a built graph that the operator runs while it runs, any number of
/// times, one body at a time: a branch of a conditional, the condition or the body of a loop. What it
/// reads of the graph around it is an input of the operator, and no tensor of the body. It may not
/// have variables. The body is copied; free it as any graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_body(
    graph: *mut plimsoll_graph,
    operator_: u32,
    body: *const plimsoll_graph,
) -> i32 {
    guard(|| {
        if std::ptr::eq(graph, body) {
            return Err(Failure::argument("a graph is no body of itself"));
        }
        let body = Arc::clone(unsafe { reference(body, "body") }?.built()?);
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let operator = operator_id(operator_).and_then(|id| builder.operator_mut(id));
        operator.ok_or_else(|| Failure::argument(format!("{operator_} is no operator")))?.runs([body]);
        Ok(())
    })
}

/// How many bodies an operator of a built graph has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_body_count(
    graph: *const plimsoll_graph,
    operator_: u32,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let place = unsafe { mutable(count, "count") }?;
        *place = bodies(unsafe { reference(graph, "graph") }?, operator_)?.len();
        Ok(())
    })
}

/// A body of an operator of a built graph, by position, as a graph. Free it with
/// `plimsoll_graph_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_body(
    graph: *const plimsoll_graph,
    operator_: u32,
    position: usize,
    body: *mut *mut plimsoll_graph,
) -> i32 {
    guard(|| {
        let place = unsafe { mutable(body, "body") }?;
        let own = bodies(unsafe { reference(graph, "graph") }?, operator_)?.get(position);
        let own = own.ok_or_else(|| no_body(operator_, position))?;
        give(place, plimsoll_graph { stage: Stage::Built(Arc::clone(own)), notes: String::new() });
        Ok(())
    })
}

fn bodies(graph: &plimsoll_graph, operator: u32) -> Result<&[Arc<Graph>], Failure> {
    let known = graph.built()?.operators().get(operator as usize);
    Ok(known.ok_or_else(|| Failure::argument(format!("{operator} is no operator")))?.bodies())
}

pub(super) fn no_body(operator: u32, position: usize) -> Failure {
    Failure::argument(format!("operator {operator} has no body {position} that runs"))
}

/// Says that an operator may run at compile time once all of its inputs are
/// constants: it has no side effects and draws no random numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_mark_foldable(graph: *mut plimsoll_graph, operator_: u32) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let operator = operator_id(operator_).and_then(|id| builder.operator_mut(id));
        operator.ok_or_else(|| Failure::argument(format!("{operator_} is no operator")))?.foldable();
        Ok(())
    })
}

/// Checks all that was added; from then on the graph can be planned, and nothing
/// added to it. PLIMSOLL_ERROR_INVALID names the first mistake: a tensor with two
/// producers or none, a cycle, an unknown index. The graph is then as it was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_build(graph: *mut plimsoll_graph) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let built = graph.builder()?.clone().build()?;
        graph.stage = Stage::Built(Arc::new(built));
        Ok(())
    })
}

/// Folds away operators that were marked for it and read constants only, again
/// and again; writes how many are folded then. Of a built graph that no other
/// thread uses. Plans that were made before stay as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_fold_constants(graph: *mut plimsoll_graph, count: *mut usize) -> i32 {
    guard(|| {
        let place = unsafe { mutable(count, "count") }?;
        let graph = unsafe { mutable(graph, "graph") }?.change()?;
        graph.fold_constants();
        *place = graph.operators().iter().filter(|operator| operator.is_folded()).count();
        Ok(())
    })
}

/// Counts every floating-point element as one of this type, as if quantized. Of a
/// built graph that no other thread uses.
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

/// How many tensors a built graph has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_count(graph: *const plimsoll_graph, count: *mut usize) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        *unsafe { mutable(count, "count") }? = graph.tensors().len();
        Ok(())
    })
}

/// How many operators a built graph has, folded ones included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_count(
    graph: *const plimsoll_graph,
    count: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        *unsafe { mutable(count, "count") }? = graph.operators().len();
        Ok(())
    })
}

/// The size in bytes of a tensor of a built graph.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_bytes(
    graph: *const plimsoll_graph,
    tensor: u32,
    bytes: *mut u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let place = unsafe { mutable(bytes, "bytes") }?;
        let tensor = graph.tensors().get(tensor as usize);
        *place = tensor.ok_or_else(|| Failure::argument("no such tensor"))?.bytes();
        Ok(())
    })
}

/// Copies out the name of a tensor of a built graph. `size` is what it needs, its
/// zero byte included; see `plimsoll_last_error`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_name(
    graph: *const plimsoll_graph,
    tensor: u32,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let tensor = graph.tensors().get(tensor as usize);
        let tensor = tensor.ok_or_else(|| Failure::argument("no such tensor"))?;
        unsafe { copy_text(tensor.name(), name, capacity, size) }
    })
}

/// Copies out the name of an operator of a built graph, in the same way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_name(
    graph: *const plimsoll_graph,
    operator_: u32,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let operator = graph.operators().get(operator_ as usize);
        let operator = operator.ok_or_else(|| Failure::argument("no such operator"))?;
        unsafe { copy_text(operator.name(), name, capacity, size) }
    })
}

/// Copies out what the importer of a graph left out or took for granted, a line
/// each; empty if there is nothing to say. `size` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_notes(
    graph: *const plimsoll_graph,
    notes: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?;
        unsafe { copy_text(&graph.notes, notes, capacity, size) }
    })
}

/// Frees a graph; NULL is allowed. Plans that were made of it stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_free(graph: *mut plimsoll_graph) {
    unsafe { free(graph) };
}
