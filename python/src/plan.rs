//! Plans of networks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use plimsoll::export::json;
use plimsoll::import::ImportOptions;
use plimsoll::report::{Colour, html, svg, text};
use plimsoll::{CancelToken, Graph, Keep, PlanView, PreviousPlan, TiledPlan};
use pyo3::prelude::*;

use crate::errors::error;
use crate::options::PlanOptions;
use crate::output::{self, Source};

/// A verified plan: an order of the operators, and an offset for every tensor in one arena.
#[pyclass(frozen, module = "pyplimsoll")]
pub struct Plan {
    graph: Arc<Graph>,
    /// The plan of the graph as it is.
    untiled: plimsoll::Plan,
    /// The tiled plan, if one needs less memory.
    tiled: Option<Box<TiledPlan>>,
    options: PlanOptions,
    source: Option<Arc<Source>>,
}

/// The place of a tensor, scratch buffer or buffer in the arena.
#[pyclass(frozen, get_all, eq, module = "pyplimsoll")]
#[derive(Clone, PartialEq, Eq)]
pub struct Placement {
    /// Name of the tensor or buffer, or of the operator of a scratch buffer.
    name: String,
    /// `tensor`, `scratch` or `buffer`.
    kind: &'static str,
    /// Offset from the start of the arena in bytes.
    offset: u64,
    /// Size in bytes.
    bytes: u64,
    /// First step of the live range.
    start: u32,
    /// Step behind the live range.
    end: u32,
}

#[pymethods]
impl Placement {
    fn __repr__(&self) -> String {
        let Self { name, kind, offset, bytes, start, end } = self;
        format!("Placement({name:?}: {kind}, {bytes} bytes at {offset}, live {start}..{end})")
    }
}

#[pymethods]
impl Plan {
    /// Size of the arena in bytes.
    #[getter]
    fn arena(&self) -> u64 {
        self.best().arena_bytes
    }

    /// Lower bound on the arena in bytes.
    #[getter]
    fn bound(&self) -> u64 {
        self.best().bound()
    }

    /// `optimal`, `feasible`, `infeasible` or `unknown`.
    #[getter]
    fn status(&self) -> String {
        self.best().status.to_string()
    }

    /// True if the arena fits the capacity, or no capacity is given.
    #[getter]
    fn fits(&self) -> bool {
        self.best().status.fits()
    }

    /// Relative distance of the arena from the bound: 0.01 is one percent.
    #[getter]
    fn gap(&self) -> f64 {
        self.best().gap()
    }

    /// Capacity of the arena in bytes, if one is given.
    #[getter]
    fn capacity(&self) -> Option<u64> {
        self.best().capacity
    }

    /// Alignment of tensors that request none, in bytes.
    #[getter]
    fn align(&self) -> u64 {
        self.best().alignment
    }

    /// Bytes without any reuse of memory.
    #[getter]
    fn no_reuse(&self) -> u64 {
        self.best().no_reuse_bytes()
    }

    /// Name of the strategy that found the offsets.
    #[getter]
    fn strategy(&self) -> &str {
        &self.best().strategy
    }

    /// Search nodes spent.
    #[getter]
    fn nodes(&self) -> u64 {
        self.best().nodes
    }

    /// Why the search stopped: `finished`, `node limit` or `deadline`.
    #[getter]
    fn stop(&self) -> String {
        self.best().stop.to_string()
    }

    /// Names of the operators in the order in which they run.
    #[getter]
    fn order(&self) -> Vec<&str> {
        let graph = self.planned_graph();
        self.best().order.iter().map(|&id| graph.operator(id).name()).collect()
    }

    /// Positions of the operators in the graph, in the order in which they run; of a tiled plan in the tiled graph.
    #[getter]
    fn order_indices(&self) -> Vec<usize> {
        self.best().order.iter().map(|id| id.index()).collect()
    }

    /// Offsets in bytes, by the name of the tensor.
    ///
    /// Raises `PlimsollError` if tensors have the same name; use `placements` then.
    #[getter]
    fn offsets(&self) -> PyResult<HashMap<String, u64>> {
        let mut offsets = HashMap::new();
        for placement in self.placements().into_iter().filter(|placement| placement.kind == "tensor") {
            if let Some(name) =
                offsets.insert(placement.name.clone(), placement.offset).map(|_| placement.name)
            {
                return Err(error(format!(
                    "two tensors are named `{name}`; use `placements` instead of `offsets`"
                )));
            }
        }
        Ok(offsets)
    }

    /// All places: tensors by their positions in the graph, then scratch buffers by operator.
    #[getter]
    fn placements(&self) -> Vec<Placement> {
        placements(&self.view(), ["tensor", "scratch"])
    }

    /// True if regions of operators run stripe by stripe.
    #[getter]
    fn is_tiled(&self) -> bool {
        self.tiled.is_some()
    }

    /// Arena of the graph without tiling, in bytes.
    #[getter]
    fn untiled_arena(&self) -> u64 {
        self.untiled.arena_bytes
    }

    /// Multiply-accumulates of rows that stripes compute again, as a fraction of those of the network.
    #[getter]
    #[allow(clippy::cast_precision_loss)] // a fraction for people
    fn extra_macs(&self) -> f64 {
        let cost = self.tiled.as_ref().map(|tiled| tiled.cost);
        cost.map_or(0.0, |cost| cost.extra as f64 / cost.untiled.max(1) as f64)
    }

    /// The summary that the command prints.
    fn summary(&self) -> String {
        text::summary(&self.view(), None)
    }

    /// The plan as PLAN.json (docs/plan-format.md).
    fn to_json(&self) -> String {
        json::write(&self.view(), &self.import_options())
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

    /// Writes files; their names decide the formats: .json, .csv, .svg, .html, .trace.json, .graph.json, .h, .c,
    /// .onnx, .tflite.
    ///
    /// All files appear together or none does. Code and models of a plan that does not fit its capacity are written
    /// with `allow_over_capacity` only. Returns notes.
    #[pyo3(signature = (*paths, allow_over_capacity = false))]
    fn save(&self, py: Python<'_>, paths: Vec<PathBuf>, allow_over_capacity: bool) -> PyResult<Vec<String>> {
        let target = output::Target {
            view: self.view(),
            import: self.import_options(),
            fits: allow_over_capacity || self.fits(),
            model: self.source.as_deref().map(|source| output::Model {
                source,
                graph: &self.graph,
                plan: self.tiled.is_none().then_some(&self.untiled),
                options: &self.options,
            }),
        };
        output::save(py, &paths, &target)
    }

    /// Names, and the offsets, sizes, starts and ends as numbers of 64 bits, for arrays.
    fn columns(&self) -> (Vec<String>, [Vec<u8>; 4]) {
        columns(&self.placements())
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
        let tiled = if self.tiled.is_some() { ", tiled" } else { "" };
        let bytes = text::bytes(self.arena());
        format!("Plan({:?}: {bytes}, {}{tiled})", self.graph.name(), self.status())
    }
}

impl Plan {
    pub fn new(
        graph: Arc<Graph>,
        options: PlanOptions,
        source: Option<Arc<Source>>,
        token: CancelToken,
    ) -> plimsoll::Result<Self> {
        let planner = options.planner(token)?;
        let untiled = planner.plan(&graph)?;
        let tiled = match &options.tiling {
            Some(goal) if goal.capacity.is_none() || !untiled.status.fits() => {
                planner.tile(&graph, &untiled, goal)?
            }
            _ => None,
        };
        Ok(Self { graph, untiled, tiled: tiled.map(Box::new), options, source })
    }

    /// A plan from the plan of an earlier version of the graph, without tiling.
    pub fn again(
        graph: Arc<Graph>,
        (previous, keep): (&Self, Keep),
        options: PlanOptions,
        source: Option<Arc<Source>>,
        token: CancelToken,
    ) -> plimsoll::Result<Self> {
        let earlier = PreviousPlan::new(&previous.graph, &previous.untiled, &graph);
        let untiled = options.planner(token)?.replan(&graph, &earlier, keep)?;
        Ok(Self { graph, untiled, tiled: None, options, source })
    }

    fn best(&self) -> &plimsoll::Plan {
        self.tiled.as_ref().map_or(&self.untiled, |tiled| &tiled.plan)
    }

    fn planned_graph(&self) -> &Graph {
        self.tiled.as_ref().map_or(&*self.graph, |tiled| &tiled.tiled.graph)
    }

    fn view(&self) -> PlanView<'_> {
        match &self.tiled {
            Some(tiled) => PlanView::of_tiled(&self.graph, tiled, Some(&self.untiled)),
            None => PlanView::of_plan(&self.graph, &self.untiled),
        }
    }

    fn import_options(&self) -> ImportOptions {
        self.source.as_ref().map_or_else(ImportOptions::default, |source| source.options().clone())
    }
}

/// The rows of a view; `kinds` are the names of a tensor and of a scratch buffer.
pub fn placements(view: &PlanView<'_>, [tensor, scratch]: [&'static str; 2]) -> Vec<Placement> {
    let placement = |row: &plimsoll::ViewRow<'_>| Placement {
        name: row.name.clone().into_owned(),
        kind: if row.is_scratch() { scratch } else { tensor },
        offset: row.place.offset,
        bytes: row.place.bytes,
        start: row.place.live.start,
        end: row.place.live.end,
    };
    view.rows.iter().map(placement).collect()
}

/// The names, and the other fields as numbers of 64 bits in the byte order of the machine.
pub fn columns(placements: &[Placement]) -> (Vec<String>, [Vec<u8>; 4]) {
    let column = |field: fn(&Placement) -> u64| {
        placements.iter().flat_map(|place| field(place).to_ne_bytes()).collect()
    };
    let names = placements.iter().map(|place| place.name.clone()).collect();
    let numbers = [
        column(|place| place.offset),
        column(|place| place.bytes),
        column(|place| place.start.into()),
        column(|place| place.end.into()),
    ];
    (names, numbers)
}
