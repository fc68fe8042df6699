//! `plimsoll verify`: checks a plan against its input.

mod model;
mod pools;
mod verdict;

use plimsoll::export::json::{POOL_FORMAT, PlanDocument, format_of};
use plimsoll::import::{Imported, contents};
use plimsoll::verify::{verify, verify_solution, verify_tiled_plan};

use crate::arguments::VerifyArguments;
use crate::inputs::{UNSUPPORTED_INPUT, error_at, is_onnx, read, text};
use crate::outcome::{Failure, Outcome};
use verdict::{import_summary, print_verdict, tiling_summary};

pub fn run(arguments: &VerifyArguments) -> Result<Outcome, Failure> {
    let input = &arguments.input;
    let Some(plan) = &arguments.plan else {
        if is_onnx(input) {
            if arguments.scratch.is_some() || arguments.target.is_some() {
                return Err(error_at(input, &"--target and --scratch need a .tflite input"));
            }
            return model::verify_onnx(input);
        }
        return model::verify_tflite(arguments);
    };
    let text = text(plan, contents(plan)?)?;
    if format_of(&text).is_ok_and(|format| format == POOL_FORMAT) {
        return pools::verify_document(input, plan, &text);
    }
    let document = PlanDocument::from_json(&text).map_err(|error| error_at(plan, &error))?;
    let options = document.options.to_options().map_err(|error| error_at(plan, &error))?;
    let verdict = match read(input, &options)? {
        Imported::Graph(imported) if document.tiling.is_some() => {
            document.to_tiled_plan(&imported.graph).map(|plan| verify_tiled_plan(&imported.graph, &plan))
        }
        Imported::Graph(imported) => {
            document.to_plan(&imported.graph).map(|plan| verify(&imported.graph, &plan))
        }
        Imported::Problem(problem) => {
            let reserved = document.reserved.iter().map(|&[start, end]| start..end);
            let problem = problem.with_capacity(document.capacity_bytes).with_reserved(reserved)?;
            document.to_solution(&problem).map(|solution| verify_solution(&problem, &solution))
        }
        _ => return Err(error_at(input, &UNSUPPORTED_INPUT)),
    };
    print_verdict(verdict, || {
        let arena = document.arena_bytes;
        let buffers = document.tensors.len() + document.scratch.len();
        let (import, bound) = (import_summary(&options), bound_summary(&document));
        let tiling = tiling_summary(document.tiling.as_ref());
        format!("{buffers} buffers in an arena of {arena} bytes{tiling}{import}\n{bound}")
    })
}

/// The part of the claimed lower bound that the verifier has proven from the certificate. The
/// remainder is the result of a search, which the verifier does not repeat.
fn bound_summary(document: &PlanDocument) -> String {
    let bound = document.lower_bound_bytes;
    let certificate = document.lower_bound.as_ref();
    let certified = certificate.map_or(0, |entry| entry.certified_bytes.unwrap_or(bound));
    format!("lower bound: certified {certified} of {bound} bytes")
}
