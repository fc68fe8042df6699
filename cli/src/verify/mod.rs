//! `plimsoll verify`: is this plan right for this input?

mod answer;
mod model;
mod pools;

use plimsoll::export::json::{POOL_FORMAT, PlanDocument, format_of};
use plimsoll::import::{Imported, contents};
use plimsoll::verify::{verify, verify_solution};

use crate::arguments::VerifyArguments;
use crate::inputs::{is_onnx, read, text};
use crate::{Answer, Failure};
use answer::{answer, imported_how};

pub fn run(arguments: &VerifyArguments) -> Result<Answer, Failure> {
    let Some(plan) = &arguments.plan else {
        if is_onnx(&arguments.input) {
            if arguments.scratch.is_some() || arguments.target.is_some() {
                return Err(
                    "--target and --scratch are for TensorFlow Lite Micro: they go with a .tflite".into()
                );
            }
            return model::onnx(&arguments.input);
        }
        return model::tflite(arguments);
    };
    let at_plan = |error: &dyn std::fmt::Display| format!("{}: {error}", plan.display());
    let text = text(plan, contents(plan)?)?;
    if format_of(&text).is_ok_and(|format| format == POOL_FORMAT) {
        return pools::check(&arguments.input, plan, &text);
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
