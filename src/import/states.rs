//! States: outputs that replace inputs in the next run.

use super::{ImportError, ImportOptions, listed_names};
use crate::error::Error;
use crate::graph::{Graph, Tensor, TensorKind};
use crate::support::ids::TensorId;

/// Pairs the inputs and outputs that the options name.
pub(super) fn keep(graph: &mut Graph, options: &ImportOptions) -> Result<(), ImportError> {
    for (input, output) in &options.states {
        let wrong = |reason: String| {
            let (input, output) = (input.clone(), output.clone());
            ImportError::State { input, output, reason }
        };
        let is_input = |tensor: &Tensor| tensor.kind() == TensorKind::Input;
        let from = named(graph, input, "input", is_input).map_err(wrong)?;
        let to = named(graph, output, "output", Tensor::is_output).map_err(wrong)?;
        graph.keep_state(from, to).map_err(|error| match error {
            Error::Constraint { problem, .. } => wrong(problem),
            other => other.into(),
        })?;
    }
    Ok(())
}

/// Refuses states for a list of buffers, which has no inputs and outputs.
pub(super) fn check_none(options: &ImportOptions) -> Result<(), ImportError> {
    let Some((input, output)) = options.states.first_key_value() else { return Ok(()) };
    let (input, output) = (input.clone(), output.clone());
    let reason = "a list of buffers has no inputs and outputs; give a graph".to_owned();
    Err(ImportError::State { input, output, reason })
}

/// Finds the input or output of a name. The error lists all names.
fn named(
    graph: &Graph,
    name: &str,
    kind: &str,
    is_meant: impl Fn(&Tensor) -> bool,
) -> Result<TensorId, String> {
    let meant = |id: &TensorId| is_meant(graph.tensor(*id));
    let mut found = graph.tensor_ids().filter(meant).filter(|&id| graph.tensor(id).name() == name);
    if let Some(id) = found.next() {
        return Ok(id);
    }
    let list = listed_names(graph.tensor_ids().filter(meant).map(|id| graph.tensor(id).name()));
    let list = list.unwrap_or_default();
    Err(format!("the graph has no {kind} `{name}`; {kind}s are {list}"))
}
