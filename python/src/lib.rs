//! The native part of the Python package `pyplimsoll`: graphs, plans, buffer lists and their options.
//!
//! Every call that plans or reads a file releases the interpreter and ends on an interrupt (`interrupt`).
// Functions that Python calls own their arguments.
#![allow(clippy::needless_pass_by_value)]

mod errors;
mod graph;
mod interrupt;
mod options;
mod output;
mod plan;
mod problem;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::errors::PlimsollError;
    #[pymodule_export]
    use super::graph::{Graph, Operator, Tensor, from_bytes, read};
    #[pymodule_export]
    use super::plan::{Placement, Plan};
    #[pymodule_export]
    use super::problem::{Problem, Solution, read_buffers};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("READING_OPTIONS", super::options::READING.to_vec())?;
        module.add("PLANNING_OPTIONS", super::options::PLANNING.to_vec())
    }
}
