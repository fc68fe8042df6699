//! The memory of tensors, and what a run may do with graph inputs, as the options state.

use super::{ImportError, ImportOptions, listed_names};
use crate::graph::{Graph, InputContents, Storage, Tensor, TensorKind};
use crate::support::ids::TensorId;

/// The name that stands for all graph inputs.
const ALL_INPUTS: &str = "@inputs";
/// The name that stands for all graph outputs.
const ALL_OUTPUTS: &str = "@outputs";

/// Sets storages and contents of inputs.
///
/// # Errors
/// [`ImportError::Memory`] for an unknown name, and the errors of [`Graph::set_storage`].
pub(super) fn apply(graph: &mut Graph, options: &ImportOptions) -> Result<(), ImportError> {
    if options.input_contents != InputContents::Reusable {
        graph.set_contents_of_inputs(options.input_contents)?;
    }
    for (name, &contents) in &options.contents_of {
        for id in named(graph, name, "input", is_input)? {
            graph.set_input_contents(id, contents)?;
        }
    }
    set_all(graph, options, ALL_INPUTS, is_input)?;
    set_all(graph, options, ALL_OUTPUTS, |tensor| {
        tensor.is_output() && tensor.kind() != TensorKind::Constant
    })?;
    let is_name = |name: &&String| name.as_str() != ALL_INPUTS && name.as_str() != ALL_OUTPUTS;
    for name in options.storage.keys().filter(is_name) {
        for id in named(graph, name, "tensor", |_| true)? {
            graph.set_storage(id, options.storage[name].clone())?;
        }
    }
    Ok(())
}

fn is_input(tensor: &Tensor) -> bool {
    tensor.kind() == TensorKind::Input
}

/// Sets the storage that the options give to all tensors of a kind, except those with a storage of their own.
fn set_all(
    graph: &mut Graph,
    options: &ImportOptions,
    all: &str,
    is_meant: impl Fn(&Tensor) -> bool,
) -> Result<(), ImportError> {
    let Some(storage) = options.storage.get(all) else { return Ok(()) };
    let has_own =
        |tensor: &Tensor| *tensor.storage() != Storage::Arena || options.storage.contains_key(tensor.name());
    let meant = |id: &TensorId| is_meant(graph.tensor(*id)) && !has_own(graph.tensor(*id));
    for id in graph.tensor_ids().filter(meant).collect::<Vec<_>>() {
        graph.set_storage(id, storage.clone())?;
    }
    Ok(())
}

/// The tensors of a name. The error lists all names.
fn named(
    graph: &Graph,
    name: &str,
    kind: &str,
    is_meant: impl Fn(&Tensor) -> bool,
) -> Result<Vec<TensorId>, ImportError> {
    let meant = |id: &TensorId| is_meant(graph.tensor(*id));
    let found = graph.tensor_ids().filter(meant).filter(|&id| graph.tensor(id).name() == name);
    let found: Vec<TensorId> = found.collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let list = listed_names(graph.tensor_ids().filter(meant).map(|id| graph.tensor(id).name()));
    let reason = format!("the graph has no {kind} of this name; {kind}s are {}", list.unwrap_or_default());
    Err(ImportError::Memory { name: name.to_owned(), reason })
}

/// Refuses such options for a list of buffers, which has no inputs and no storages.
pub(super) fn check_none(options: &ImportOptions) -> Result<(), ImportError> {
    let first = options.contents_of.keys().chain(options.storage.keys()).next();
    let Some(name) = first else { return Ok(()) };
    let reason = "a list of buffers has no inputs and one memory; give a graph".to_owned();
    Err(ImportError::Memory { name: name.clone(), reason })
}
