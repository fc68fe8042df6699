//! `plimsoll verify`: is this plan right for this input?

use std::path::Path;

use plimsoll::export::json::{DocumentError, POOL_FORMAT, PlanDocument, PoolPlanDocument, format_of};
use plimsoll::import::{Fold, ImportOptions, Imported, contents};
use plimsoll::verify::{Violations, verify, verify_pools, verify_solution};

use crate::arguments::VerifyArguments;
use crate::inputs::{read, text};
use crate::output::{one_line, say};
use crate::target::kernel_scratch;
use crate::{Answer, Failure, onnx, tflm};

pub fn run(arguments: &VerifyArguments) -> Result<Answer, Failure> {
    let Some(plan) = &arguments.plan else {
        if onnx::is_onnx(&arguments.input) {
            if arguments.scratch.is_some() || arguments.target.is_some() {
                return Err(
                    "--target and --scratch are for TensorFlow Lite Micro: they go with a .tflite".into()
                );
            }
            return onnx::verify(&arguments.input);
        }
        let scratch = || kernel_scratch(arguments.target, arguments.scratch.as_deref());
        return tflm::verify(&arguments.input, &scratch);
    };
    let at_plan = |error: &dyn std::fmt::Display| format!("{}: {error}", plan.display());
    let text = text(plan, contents(plan)?)?;
    if format_of(&text).is_ok_and(|format| format == POOL_FORMAT) {
        return in_pools(&arguments.input, plan, &text);
    }
    let document = PlanDocument::from_json(&text).map_err(|error| at_plan(&error))?;
    let options = document.options.to_options().map_err(|error| at_plan(&error))?;
    let verdict = match read(&arguments.input, &options)? {
        Imported::Graph(imported) => {
            document.to_plan(&imported.graph).map(|plan| verify(&imported.graph, &plan))
        }
        Imported::Problem(problem) => {
            let reserved = document.reserved.iter().map(|&[start, end]| start..end);
            let problem = problem.with_capacity(document.capacity_bytes).with_reserved(reserved)?;
            document.to_solution(&problem).map(|solution| verify_solution(&problem, &solution))
        }
        _ => return Err("this kind of input is not supported here".into()),
    };
    answer(verdict, || {
        let arena = document.arena_bytes;
        let places = document.tensors.len() + document.scratch.len();
        let (how, proof) = (imported_how(&options), proof_text(&document));
        format!("{places} places in an arena of {arena} bytes{how}\n{proof}")
    })
}

/// How much of the claimed lower bound the verifier has proven again: the rest is the result of a
/// search, which is not repeated.
fn proof_text(document: &PlanDocument) -> String {
    let bound = document.lower_bound_bytes;
    let certificate = document.lower_bound.as_ref();
    let certified = certificate.map_or(0, |entry| entry.certified_bytes.unwrap_or(bound));
    format!("lower bound: certified {certified} of {bound} bytes")
}

/// A plan for several memories.
fn in_pools(input: &Path, plan: &Path, text: &str) -> Result<Answer, Failure> {
    let at_plan = |error: &dyn std::fmt::Display| format!("{}: {error}", plan.display());
    let document = PoolPlanDocument::from_json(text).map_err(|error| at_plan(&error))?;
    let options = document.options.to_options().map_err(|error| at_plan(&error))?;
    let Imported::Graph(imported) = read(input, &options)? else {
        return wrong(["the plan is of a graph, not of buffers".to_owned()]);
    };
    let verdict = document.to_plan(&imported.graph).map(|plan| verify_pools(&imported.graph, &plan));
    answer(verdict, || {
        let entries = document.tensors.iter().map(|entry| &entry.stays);
        let places: usize =
            entries.chain(document.scratch.iter().map(|entry| &entry.stays)).map(Vec::len).sum();
        let (pools, copies) = (document.pools.len(), document.transfers.len());
        format!(
            "{places} places in {pools} pools, {copies} copies, cost {}{}",
            document.cost,
            imported_how(&options)
        )
    })
}

fn answer(
    verdict: Result<Result<(), Violations>, DocumentError>,
    right: impl FnOnce() -> String,
) -> Result<Answer, Failure> {
    match verdict {
        Ok(Ok(())) => {
            say(&format!("right: {}\n", right()))?;
            Ok(Answer::Yes)
        }
        Ok(Err(violations)) => wrong(violations.list().iter().map(ToString::to_string)),
        Err(mismatch) => wrong([mismatch.to_string()]),
    }
}

pub fn wrong(reasons: impl IntoIterator<Item = String>) -> Result<Answer, Failure> {
    let lines = reasons.into_iter().map(|reason| format!("wrong: {}\n", one_line(&reason)));
    say(&lines.collect::<String>())?;
    Ok(Answer::No)
}

/// The plan itself says how its input is to be read, so the user should see
/// what is out of the ordinary.
pub fn imported_how(options: &ImportOptions) -> String {
    let mut how = Vec::new();
    how.extend(options.floats_as.map(|element_type| format!("floats as {element_type}")));
    if options.fold == Fold::None {
        how.push("nothing folded".to_owned());
    }
    how.extend(options.dims.iter().map(|(name, value)| format!("{} = {value}", one_line(name))));
    how.extend(
        options
            .input_shapes
            .iter()
            .map(|(name, shape)| format!("{} of shape {}", one_line(name), one_line(&shape.to_string()))),
    );
    how.extend(
        options
            .values
            .iter()
            .map(|(name, numbers)| format!("{} = {}", one_line(name), one_line(&format!("{numbers:?}")))),
    );
    how.extend(
        options
            .states
            .iter()
            .map(|(input, output)| format!("{} in the place of {}", one_line(output), one_line(input))),
    );
    if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) }
}
