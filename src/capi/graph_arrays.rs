//! Graphs as arrays of records: adding many tensors and operators by one call, and reading a built graph.

use std::ffi::c_char;

use super::boundary::{
    Failure, Outcome, array, copy_list, copy_out, guard, mutable, read, read_text, reference, text,
};
use super::graph::{kind, no_operator, no_tensor, placed, plimsoll_graph, tensor_ids};
use super::record_size::{copy_records, read_all};
use super::records::{plimsoll_operator, plimsoll_permit, plimsoll_tensor};
use super::sharing::permit_record;
use super::status::{
    PLIMSOLL_NONE, PLIMSOLL_OPERATOR_FOLDABLE, PLIMSOLL_OPERATOR_FOLDED, PLIMSOLL_TENSOR_CONSTANT,
    PLIMSOLL_TENSOR_INPUT, PLIMSOLL_TENSOR_INTERMEDIATE, PLIMSOLL_TENSOR_IS_OUTPUT,
    PLIMSOLL_TENSOR_IS_OUTSIDE, PLIMSOLL_TENSOR_IS_OVERWRITABLE, PLIMSOLL_TENSOR_IS_PRESERVED,
    PLIMSOLL_TENSOR_IS_UPPER_BOUND, PLIMSOLL_TENSOR_VARIABLE,
};
use crate::{Operator, Storage, Tensor, TensorId, TensorKind, TensorSpec};

/// Adds `count` tensors and writes the index of the first one; the others follow it. `names` has a name for
/// each tensor. If a tensor is refused, none is added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_tensors(
    graph: *mut plimsoll_graph,
    tensors: *const plimsoll_tensor,
    record_size: usize,
    names: *const *const c_char,
    count: usize,
    first: *mut u32,
) -> i32 {
    guard(|| {
        let builder = unsafe { mutable(graph, "graph") }?.builder()?;
        let out = unsafe { mutable(first, "first") }?;
        let records = unsafe { read_all(tensors, record_size, count, "tensors") }?;
        let names = unsafe { texts(names, count, "names") }?;
        let specs = records.iter().map(spec_of).collect::<Result<Vec<_>, Failure>>()?;
        check_indices(builder.tensor_count(), count, "tensors")?;
        *out = builder.tensor_count() as u32;
        for ((record, name), (kind, spec)) in records.iter().zip(names).zip(specs) {
            let id = builder.add_tensor(name, kind, spec);
            if record.flags & PLIMSOLL_TENSOR_IS_OUTPUT != 0 {
                builder.output(id);
            }
            if record.flags & PLIMSOLL_TENSOR_IS_OVERWRITABLE != 0 {
                builder.overwritable(id);
            }
            if record.flags & PLIMSOLL_TENSOR_IS_PRESERVED != 0 {
                builder.preserved(id);
            }
        }
        Ok(())
    })
}

/// Borrows an array of texts of the caller.
unsafe fn texts<'a>(
    texts: *const *const c_char,
    count: usize,
    name: &'static str,
) -> Result<Vec<&'a str>, Failure> {
    let texts = unsafe { array(texts, count, name) }?;
    texts.iter().map(|&pointer| unsafe { text(pointer, name) }).collect()
}

/// Refuses more items than 32-bit indices count, rather than to wrap around.
fn check_indices(present: usize, added: usize, what: &str) -> Outcome {
    match present.checked_add(added) {
        Some(total) if total <= TensorId::MAX_COUNT => Ok(()),
        _ => {
            Err(Failure::argument(format!("{added} {what} besides {present} are more than a graph may have")))
        }
    }
}

fn spec_of(record: &plimsoll_tensor) -> Result<(TensorKind, TensorSpec), Failure> {
    let known = PLIMSOLL_TENSOR_IS_OUTPUT
        | PLIMSOLL_TENSOR_IS_OVERWRITABLE
        | PLIMSOLL_TENSOR_IS_UPPER_BOUND
        | PLIMSOLL_TENSOR_IS_PRESERVED
        | PLIMSOLL_TENSOR_IS_OUTSIDE;
    let contents = PLIMSOLL_TENSOR_IS_OVERWRITABLE | PLIMSOLL_TENSOR_IS_PRESERVED;
    if record.flags & contents == contents {
        return Err(Failure::argument("an input cannot be both overwritable and preserved"));
    }
    if record.flags & !known != 0 {
        return Err(Failure::argument(format!("unknown flags {:#x} of a tensor", record.flags & !known)));
    }
    let mut spec = placed(TensorSpec::bytes(record.bytes), record.alignment, record.fixed_offset);
    if record.flags & PLIMSOLL_TENSOR_IS_UPPER_BOUND != 0 {
        spec = spec.upper_bound();
    }
    if record.flags & PLIMSOLL_TENSOR_IS_OUTSIDE != 0 {
        spec = spec.outside();
    }
    Ok((kind(record.kind)?, spec))
}

/// Adds `count` operators and writes the index of the first one; the others follow it in program order.
///
/// `operands` has `operand_count` indices of tensors: the inputs of the first operator, its outputs, then
/// those of the next one. `names` has a name for each operator, and `op_types` a type, or is NULL. If an
/// operator is refused, none is added.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_add_operators(
    graph: *mut plimsoll_graph,
    operators: *const plimsoll_operator,
    record_size: usize,
    names: *const *const c_char,
    op_types: *const *const c_char,
    count: usize,
    operands: *const u32,
    operand_count: usize,
    first: *mut u32,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let present = graph.operator_count();
        let builder = graph.builder()?;
        let out = unsafe { mutable(first, "first") }?;
        let records = unsafe { read_all(operators, record_size, count, "operators") }?;
        let names = unsafe { texts(names, count, "names") }?;
        let op_types =
            if op_types.is_null() { vec![""; count] } else { unsafe { texts(op_types, count, "op_types") }? };
        let operands = tensor_ids(unsafe { array(operands, operand_count, "operands") }?)?;
        check_operators(&records, operands.len())?;
        check_indices(present, count, "operators")?;
        *out = present as u32;
        let mut operands = operands.into_iter();
        for ((record, name), op_type) in records.iter().zip(names).zip(op_types) {
            let operator = builder.operator(name).op_type(op_type).scratch(record.scratch_bytes);
            let operator = operator.reads(operands.by_ref().take(record.input_count as usize));
            let operator = operator.writes(operands.by_ref().take(record.output_count as usize));
            if record.flags & PLIMSOLL_OPERATOR_FOLDABLE != 0 {
                operator.foldable();
            }
        }
        Ok(())
    })
}

fn check_operators(records: &[plimsoll_operator], operands: usize) -> Outcome {
    let mut needed = 0u64;
    for record in records {
        if record.flags & !PLIMSOLL_OPERATOR_FOLDABLE != 0 {
            return Err(Failure::argument(format!(
                "flags {:#x} of an operator that is added; only PLIMSOLL_OPERATOR_FOLDABLE is allowed",
                record.flags
            )));
        }
        needed += u64::from(record.input_count) + u64::from(record.output_count);
    }
    if needed == operands as u64 {
        Ok(())
    } else {
        Err(Failure::argument(format!("the operators have {needed} operands; `operands` has {operands}")))
    }
}

/// Copies out the tensors of a built graph, by index. `count` receives their number. With NULL for
/// `tensors` only `count` is written; if `capacity` is less than `count`, too, and the call returns
/// PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensors(
    graph: *const plimsoll_graph,
    tensors: *mut plimsoll_tensor,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || Ok(unsafe { reference(graph, "graph") }?.built()?.tensors().iter().map(tensor_record));
    unsafe { copy_records(tensors, record_size, capacity, count, listed) }
}

fn tensor_record(tensor: &Tensor) -> plimsoll_tensor {
    let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
    plimsoll_tensor {
        bytes: tensor.bytes(),
        alignment: tensor.alignment().unwrap_or(0),
        fixed_offset: tensor.fixed_offset().unwrap_or(PLIMSOLL_NONE),
        kind: match tensor.kind() {
            TensorKind::Input => PLIMSOLL_TENSOR_INPUT,
            TensorKind::Constant => PLIMSOLL_TENSOR_CONSTANT,
            TensorKind::Variable => PLIMSOLL_TENSOR_VARIABLE,
            TensorKind::Intermediate => PLIMSOLL_TENSOR_INTERMEDIATE,
        },
        flags: flag(tensor.is_output(), PLIMSOLL_TENSOR_IS_OUTPUT)
            | flag(tensor.is_overwritable(), PLIMSOLL_TENSOR_IS_OVERWRITABLE)
            | flag(tensor.is_upper_bound(), PLIMSOLL_TENSOR_IS_UPPER_BOUND)
            | flag(tensor.is_preserved(), PLIMSOLL_TENSOR_IS_PRESERVED)
            | flag(*tensor.storage() == Storage::Outside, PLIMSOLL_TENSOR_IS_OUTSIDE),
    }
}

/// Copies out the operators of a built graph, by index. `count` as for `plimsoll_graph_tensors`. The operands
/// of the first operator begin at the start of `plimsoll_graph_operands`, those of each other operator after
/// those of the operator before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operators(
    graph: *const plimsoll_graph,
    operators: *mut plimsoll_operator,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed =
        || Ok(unsafe { reference(graph, "graph") }?.built()?.operators().iter().map(operator_record));
    unsafe { copy_records(operators, record_size, capacity, count, listed) }
}

fn operator_record(operator: &Operator) -> plimsoll_operator {
    let foldable = if operator.is_foldable() { PLIMSOLL_OPERATOR_FOLDABLE } else { 0 };
    let folded = if operator.is_folded() { PLIMSOLL_OPERATOR_FOLDED } else { 0 };
    plimsoll_operator {
        scratch_bytes: operator.scratch_bytes(),
        input_count: operator.inputs().len() as u32,
        output_count: operator.outputs().len() as u32,
        flags: foldable | folded,
        unused: 0,
    }
}

/// Copies out the operands of all operators of a built graph, as indices of tensors: for each operator, its
/// inputs, then its outputs. `count` as for `plimsoll_graph_tensors`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operands(
    graph: *const plimsoll_graph,
    operands: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let ids =
            graph.operators().iter().flat_map(|operator| operator.inputs().iter().chain(operator.outputs()));
        Ok(ids.map(|id| id.index() as u32))
    };
    unsafe { copy_list(operands, capacity, count, listed) }
}

/// Copies out the permissions of all operators of a built graph, by operator. `count` as for
/// `plimsoll_graph_tensors`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_permits(
    graph: *const plimsoll_graph,
    permits: *mut plimsoll_permit,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let graph = unsafe { reference(graph, "graph") }?.built()?;
        let of_operators = graph.iter_operators();
        Ok(of_operators.flat_map(|(id, operator)| {
            operator.permits().iter().map(move |&permit| permit_record(id.index() as u32, permit))
        }))
    };
    unsafe { copy_records(permits, record_size, capacity, count, listed) }
}

/// Copies out the operators that must run before an operator of a built graph although no tensor connects
/// them. `count` as for `plimsoll_graph_tensors`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_dependencies(
    graph: *const plimsoll_graph,
    operator_: u32,
    before: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    let listed = || {
        let operator = unsafe { reference(graph, "graph") }?.operator(operator_)?;
        Ok(operator.runs_after().iter().map(|id| id.index() as u32))
    };
    unsafe { copy_list(before, capacity, count, listed) }
}

/// Copies out the type of an operator of a built graph, as in "Conv"; empty if unknown. `size` as for
/// `plimsoll_graph_tensor_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_type(
    graph: *const plimsoll_graph,
    operator_: u32,
    op_type: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe {
        read_text((graph, "graph"), (op_type, capacity, size), |graph| {
            Ok(graph.operator(operator_)?.op_type())
        })
    }
}

/// Copies out the element type of a tensor of a built graph, as in "int8"; empty if unknown. `size` as for
/// `plimsoll_graph_tensor_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_element_type(
    graph: *const plimsoll_graph,
    tensor: u32,
    element_type: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe {
        read_text((graph, "graph"), (element_type, capacity, size), |graph| {
            Ok(graph.tensor(tensor)?.element_type().map_or("", crate::ElementType::name))
        })
    }
}

/// Copies out the dimensions of a tensor of a built graph. `rank` receives their number, or
/// PLIMSOLL_NO_INDEX if the tensor has no shape; with NULL for `dims` only `rank` is written. If
/// `capacity` is less than the number of dimensions, the call returns PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_shape(
    graph: *const plimsoll_graph,
    tensor: u32,
    dims: *mut u64,
    capacity: usize,
    rank: *mut u32,
) -> i32 {
    guard(|| {
        let tensor = unsafe { reference(graph, "graph") }?.tensor(tensor)?;
        let out = unsafe { mutable(rank, "rank") }?;
        let Some(shape) = tensor.shape() else {
            *out = super::status::PLIMSOLL_NO_INDEX;
            return Ok(());
        };
        *out = shape.len() as u32;
        unsafe { copy_out(shape, dims, capacity, &mut 0) }
    })
}

/// Copies out the name of a graph. `size` as for `plimsoll_graph_tensor_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_name(
    graph: *const plimsoll_graph,
    name: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    unsafe { read_text((graph, "graph"), (name, capacity, size), |graph| Ok(graph.built()?.name())) }
}

/// Attaches a number of the caller's choice to a tensor, such as an address of the caller's object. The
/// library does not use it. For a graph that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_tensor_data(
    graph: *mut plimsoll_graph,
    tensor: u32,
    data: u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        graph.check_tensor(tensor)?;
        set_data(&mut graph.tensor_data, tensor, data);
        Ok(())
    })
}

/// Attaches a number of the caller's choice to an operator, like `plimsoll_graph_set_tensor_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_operator_data(
    graph: *mut plimsoll_graph,
    operator_: u32,
    data: u64,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        graph.check_operator(operator_)?;
        set_data(&mut graph.operator_data, operator_, data);
        Ok(())
    })
}

fn set_data(all: &mut Vec<u64>, index: u32, data: u64) {
    let index = index as usize;
    if all.len() <= index {
        all.resize(index + 1, 0);
    }
    all[index] = data;
}

impl plimsoll_graph {
    fn check_tensor(&self, index: u32) -> Outcome {
        if (index as usize) < self.tensor_count() { Ok(()) } else { Err(no_tensor(index)) }
    }

    fn check_operator(&self, index: u32) -> Outcome {
        if (index as usize) < self.operator_count() { Ok(()) } else { Err(no_operator(index)) }
    }
}

/// Writes the number that `plimsoll_graph_set_tensor_data` attached to a tensor, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_data(
    graph: *const plimsoll_graph,
    tensor: u32,
    data: *mut u64,
) -> i32 {
    let stated = |graph: &plimsoll_graph| {
        graph.check_tensor(tensor)?;
        Ok(graph.tensor_data.get(tensor as usize).copied().unwrap_or(0))
    };
    unsafe { read((graph, "graph"), (data, "data"), stated) }
}

/// Writes the number that `plimsoll_graph_set_operator_data` attached to an operator, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_operator_data(
    graph: *const plimsoll_graph,
    operator_: u32,
    data: *mut u64,
) -> i32 {
    let stated = |graph: &plimsoll_graph| {
        graph.check_operator(operator_)?;
        Ok(graph.operator_data.get(operator_ as usize).copied().unwrap_or(0))
    };
    unsafe { read((graph, "graph"), (data, "data"), stated) }
}
