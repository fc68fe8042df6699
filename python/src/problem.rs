//! Buffer lists and their solutions.

use std::path::PathBuf;
use std::sync::Arc;

use plimsoll::export::json;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::report::{Colour, html, svg, text};
use plimsoll::{Buffer, CancelToken, PlanView};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{error, import_error};
use crate::interrupt;
use crate::options::{PlanOptions, import_options};
use crate::output;
use crate::plan::{Placement, columns, placements};

/// Buffers with sizes and live ranges, without a graph.
#[pyclass(frozen, module = "pyplimsoll")]
pub struct Problem {
    name: String,
    problem: Arc<plimsoll::Problem>,
}

/// Verified offsets of a problem.
#[pyclass(frozen, module = "pyplimsoll")]
pub struct Solution {
    name: String,
    problem: Arc<plimsoll::Problem>,
    found: plimsoll::Solution,
}

#[pymethods]
impl Problem {
    /// A problem from columns of numbers of 64 bits in the byte order of the machine. The columns of alignments and
    /// fixed offsets may be empty; the largest number stands for no fixed offset.
    #[staticmethod]
    #[pyo3(signature = (sizes, starts, ends, alignments, offsets, names = None, name = "buffers"))]
    fn from_columns(
        sizes: &[u8],
        starts: &[u8],
        ends: &[u8],
        alignments: &[u8],
        offsets: &[u8],
        names: Option<Vec<String>>,
        name: &str,
    ) -> PyResult<Self> {
        let [sizes, starts, ends, alignments, offsets] =
            [sizes, starts, ends, alignments, offsets].map(numbers);
        for (what, column) in
            [("starts", &starts), ("ends", &ends), ("align", &alignments), ("offsets", &offsets)]
        {
            let is_optional = matches!(what, "align" | "offsets") && column.is_empty();
            if column.len() != sizes.len() && !is_optional {
                return Err(error(format!("{what} has {} numbers, sizes has {}", column.len(), sizes.len())));
            }
        }
        let mut buffers = Vec::with_capacity(sizes.len());
        for (index, &size) in sizes.iter().enumerate() {
            let step = |what: &str, step: u64| {
                u32::try_from(step)
                    .map_err(|_| error(format!("{what}[{index}] is {step}; the limit is {}", u32::MAX)))
            };
            let live = step("starts", starts[index])?..step("ends", ends[index])?;
            let mut buffer = Buffer::new(size, live);
            if let Some(&alignment) = alignments.get(index) {
                buffer = buffer.align(alignment);
            }
            if let Some(&offset) = offsets.get(index).filter(|&&offset| offset != u64::MAX) {
                buffer = buffer.at(offset);
            }
            buffers.push(buffer);
        }
        let problem = match names {
            Some(names) => plimsoll::Problem::named(buffers, names),
            None => plimsoll::Problem::new(buffers),
        };
        Ok(Self { name: name.to_owned(), problem: Arc::new(problem.map_err(error)?) })
    }

    /// Chooses offsets.
    #[pyo3(signature = (**options))]
    fn solve(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Solution> {
        let options = PlanOptions::new(options)?;
        if options.tiling.is_some() {
            return Err(error("a buffer list has no operators; tile=True needs a network"));
        }
        let solve = |token: CancelToken| {
            let (capacity, reserved) = options.limits_of_memory();
            let problem = (*self.problem).clone().with_capacity(capacity).with_reserved(reserved)?;
            let solution = options.planner(token)?.solve(&problem)?;
            Ok((problem, solution))
        };
        let (problem, found) = interrupt::run(py, solve)?.map_err(|reason: plimsoll::Error| error(reason))?;
        Ok(Solution { name: self.name.clone(), problem: Arc::new(problem), found })
    }

    fn __len__(&self) -> usize {
        self.problem.buffers().len()
    }

    fn __repr__(&self) -> String {
        format!("Problem({:?}: {} buffers)", self.name, self.problem.buffers().len())
    }
}

#[pymethods]
impl Solution {
    /// Size of the arena in bytes.
    #[getter]
    fn arena(&self) -> u64 {
        self.found.height
    }

    /// Lower bound on the arena in bytes.
    #[getter]
    fn bound(&self) -> u64 {
        self.found.lower_bound.bytes
    }

    /// `optimal`, `feasible`, `infeasible` or `unknown`.
    #[getter]
    fn status(&self) -> String {
        self.found.status.to_string()
    }

    /// True if the arena fits the capacity, or no capacity is given.
    #[getter]
    fn fits(&self) -> bool {
        self.found.status.fits()
    }

    /// Relative distance of the arena from the bound: 0.01 is one percent.
    #[getter]
    fn gap(&self) -> f64 {
        self.found.gap()
    }

    /// Name of the strategy that found the offsets.
    #[getter]
    fn strategy(&self) -> &str {
        &self.found.strategy
    }

    /// Search nodes spent.
    #[getter]
    fn nodes(&self) -> u64 {
        self.found.nodes
    }

    /// Why the search stopped: `finished`, `node limit` or `deadline`.
    #[getter]
    fn stop(&self) -> String {
        self.found.stop.to_string()
    }

    /// Offsets in bytes, by buffer.
    #[getter]
    fn offsets(&self) -> Vec<u64> {
        self.found.offsets.clone()
    }

    /// The places of all buffers.
    #[getter]
    fn placements(&self) -> Vec<Placement> {
        placements(&self.view(), ["buffer", "scratch"])
    }

    /// Names, and the offsets, sizes, starts and ends as numbers of 64 bits, for arrays.
    fn columns(&self) -> (Vec<String>, [Vec<u8>; 4]) {
        columns(&self.placements())
    }

    /// The summary that the command prints.
    fn summary(&self) -> String {
        text::summary(&self.view(), None)
    }

    /// The plan as PLAN.json (docs/plan-format.md).
    fn to_json(&self) -> String {
        json::write(&self.view(), &ImportOptions::default())
    }

    /// A memory map as SVG.
    fn to_svg(&self) -> String {
        let view = self.view();
        svg::write(&view, Colour::of(&view))
    }

    /// A report as one HTML page.
    fn to_html(&self) -> String {
        html::write(&self.view())
    }

    /// Writes files; their names decide the formats: .json, .csv, .svg, .html, .trace.json, .h, .c. All files appear
    /// together or none does. Returns notes.
    #[pyo3(signature = (*paths, allow_over_capacity = false))]
    fn save(&self, py: Python<'_>, paths: Vec<PathBuf>, allow_over_capacity: bool) -> PyResult<Vec<String>> {
        let fits = allow_over_capacity || self.fits();
        let target =
            output::Target { view: self.view(), import: ImportOptions::default(), fits, model: None };
        output::save(py, &paths, &target)
    }

    /// The places as a structured numpy array: name, offset, size, start, end.
    fn to_numpy<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        output::to_numpy(this.as_any())
    }

    /// Summary and memory map, for notebooks.
    fn _repr_html_(&self) -> String {
        output::notebook_html(&self.view())
    }

    fn __repr__(&self) -> String {
        format!("Solution({:?}: {}, {})", self.name, text::bytes(self.arena()), self.status())
    }
}

impl Solution {
    fn view(&self) -> PlanView<'_> {
        PlanView::of_solution(&self.name, &self.problem, &self.found)
    }
}

/// The numbers of a column.
fn numbers(column: &[u8]) -> Vec<u64> {
    let (chunks, _) = column.as_chunks::<8>();
    chunks.iter().map(|&bytes| u64::from_ne_bytes(bytes)).collect()
}

/// Reads a buffer list in CSV.
#[pyfunction]
#[pyo3(signature = (path, align = 16, **options))]
pub fn read_buffers(
    py: Python<'_>,
    path: PathBuf,
    align: u64,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Problem> {
    let mut options = import_options(options)?;
    options.alignment = Some(align);
    let imported = interrupt::run(py, |token| {
        options.cancel = Some(token);
        import::read(&path, &options)
    })?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    match imported.map_err(import_error)? {
        Imported::Problem(problem) => Ok(Problem { name, problem: Arc::new(problem) }),
        _ => Err(error(format!("{}: a network, not a buffer list", path.display()))),
    }
}
