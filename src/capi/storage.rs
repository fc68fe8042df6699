//! The memory of tensors, and what a run may do with the contents of graph inputs.

use std::ffi::c_char;

use super::boundary::{Failure, copy_text, guard, mutable, reference, text};
use super::graph::{no_tensor, plimsoll_graph};
use super::import::plimsoll_import_options;
use super::status::{PLIMSOLL_INPUT_OVERWRITABLE, PLIMSOLL_INPUT_PRESERVED, PLIMSOLL_INPUT_REUSABLE};
use crate::{InputContents, Storage, TensorId};

fn contents(number: i32) -> Result<InputContents, Failure> {
    Ok(match number {
        PLIMSOLL_INPUT_REUSABLE => InputContents::Reusable,
        PLIMSOLL_INPUT_PRESERVED => InputContents::Preserved,
        PLIMSOLL_INPUT_OVERWRITABLE => InputContents::Overwritable,
        _ => return Err(Failure::argument(format!("unknown contents {number}; use PLIMSOLL_INPUT_..."))),
    })
}

pub(super) fn tensor_id(graph: &plimsoll_graph, index: u32) -> Result<TensorId, Failure> {
    if (index as usize) < graph.tensor_count() {
        Ok(TensorId::new(index as usize))
    } else {
        Err(no_tensor(index))
    }
}

/// Sets the memory that holds a tensor: "arena", the default; "outside", a buffer of the caller, which takes
/// no bytes of the plan and shares none; or the name of a pool of `plimsoll_place_graph`, in which the tensor
/// then is for as long as it is live. Outside, a tensor can have neither a fixed offset nor a relative
/// placement.
///
/// In a graph that is not built, `plimsoll_graph_build` validates the storage; in a built graph, which no
/// other thread may use, this call does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_storage(
    graph: *mut plimsoll_graph,
    tensor: u32,
    memory: *const c_char,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let storage = Storage::from_name(unsafe { text(memory, "memory") }?);
        let id = tensor_id(graph, tensor)?;
        match graph.builder() {
            Ok(builder) => _ = builder.storage(id, storage),
            Err(_) => graph.change()?.set_storage(id, storage)?,
        }
        Ok(())
    })
}

/// Copies out the memory that holds a tensor of a built graph: "arena", "outside" or the name of a pool.
/// `size` as for `plimsoll_graph_tensor_name`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_tensor_storage(
    graph: *const plimsoll_graph,
    tensor: u32,
    memory: *mut c_char,
    capacity: usize,
    size: *mut usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { reference(graph, "graph") }?;
        let id = tensor_id(graph, tensor)?;
        let storage = graph.built()?.tensor(id).storage().to_string();
        unsafe { copy_text(&storage, memory, capacity, size) }
    })
}

/// Sets what a run may do with the contents of a graph input, `PLIMSOLL_INPUT_...`; no effect on other
/// tensors. For a graph that no other thread uses, built or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_input_contents(
    graph: *mut plimsoll_graph,
    tensor: u32,
    contents: i32,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        let contents = self::contents(contents)?;
        let id = tensor_id(graph, tensor)?;
        match graph.builder() {
            Ok(builder) => _ = builder.input_contents(id, contents),
            Err(_) => graph.change()?.set_input_contents(id, contents)?,
        }
        Ok(())
    })
}

/// Sets what a run may do with the contents of a graph input, by name, or of all others for NULL:
/// `PLIMSOLL_INPUT_...`. An unknown name is an error of the import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_input_contents(
    options: *mut plimsoll_import_options,
    name: *const c_char,
    contents: i32,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        let contents = self::contents(contents)?;
        if name.is_null() {
            options.input_contents = contents;
        } else {
            options.contents_of.insert(unsafe { text(name, "name") }?.to_owned(), contents);
        }
        Ok(())
    })
}

/// Sets the memory that holds a tensor, by name, as `plimsoll_graph_set_storage` does; the names "@inputs"
/// and "@outputs" stand for all graph inputs and outputs without a storage of their own. NULL for `memory`
/// restores the storage of the file. An unknown name is an error of the import.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_import_options_set_storage(
    options: *mut plimsoll_import_options,
    name: *const c_char,
    memory: *const c_char,
) -> i32 {
    guard(|| {
        let options = &mut unsafe { mutable(options, "options") }?.options;
        let name = unsafe { text(name, "name") }?;
        if memory.is_null() {
            options.storage.remove(name);
        } else {
            let storage = Storage::from_name(unsafe { text(memory, "memory") }?);
            options.storage.insert(name.to_owned(), storage);
        }
        Ok(())
    })
}
