//! `plimsoll verify`: is this plan right for this input?

use plimsoll::export::json::PlanDocument;
use plimsoll::import::Imported;
use plimsoll::verify::{Violations, verify, verify_solution};

use crate::arguments::VerifyArguments;
use crate::inputs::read;
use crate::{Answer, Failure};

pub fn run(arguments: &VerifyArguments) -> Result<Answer, Failure> {
    let at_plan = |error: &dyn std::fmt::Display| format!("{}: {error}", arguments.plan.display());
    let text = std::fs::read_to_string(&arguments.plan).map_err(|error| at_plan(&error))?;
    let document = PlanDocument::from_json(&text).map_err(|error| at_plan(&error))?;
    let options = document.options.to_options().map_err(|error| at_plan(&error))?;
    let verdict = match read(&arguments.input, &options)? {
        Imported::Graph(imported) => {
            document.to_plan(&imported.graph).map(|plan| verify(&imported.graph, &plan))
        }
        Imported::Problem(problem) => {
            let problem = problem.with_capacity(document.capacity_bytes);
            document.to_solution(&problem).map(|solution| verify_solution(&problem, &solution))
        }
        _ => return Err("this kind of input is not supported here".into()),
    };
    Ok(match verdict {
        Ok(Ok(())) => {
            let arena = document.arena_bytes;
            println!(
                "right: {} places in an arena of {arena} bytes",
                document.tensors.len() + document.scratch.len()
            );
            Answer::Yes
        }
        Ok(Err(violations)) => wrong(&violations),
        Err(mismatch) => {
            println!("wrong: {mismatch}");
            Answer::No
        }
    })
}

fn wrong(violations: &Violations) -> Answer {
    for violation in violations.list() {
        println!("wrong: {violation}");
    }
    Answer::No
}
