//! From a plan or a solution to a PLAN.json.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::document::arena;
use super::{
    AliasEntry, AliasesEntry, BodyEntry, BoundEntry, FORMAT, ImportRecord, LinkedEntry, NestingEntry,
    ObjectList, OccupantEntry, PlanDocument, ScratchEntry, TensorEntry, TensorRole, TilingEntry,
};
use crate::export::names::{row_names, tensor_names};
use crate::export::{graph_hash, problem_hash, tiling_hash};
use crate::import::ImportOptions;
use crate::{
    Alias, BodyPlan, Graph, LiveRange, Occupant, OperatorId, Plan, PlanObjects, PlanView, Problem, Solution,
    TensorId, TiledPlan, ViewRow, ViewedPlan,
};

impl PlanDocument {
    /// The document of a plan for a graph that was imported with these options.
    #[must_use]
    pub fn of_graph(graph: &Graph, plan: &Plan, options: &ImportOptions) -> Self {
        Self::of_view(&PlanView::of_plan(graph, plan), plan, options)
    }

    /// The document of a tiled plan; the untiled graph was imported with these options.
    ///
    /// ```
    /// use plimsoll::export::json::PlanDocument;
    /// use plimsoll::import::ImportOptions;
    /// use plimsoll::tiling::TilingGoal;
    /// use plimsoll::verify::verify_tiled_plan;
    /// use plimsoll::{AccessMap, ElementType::Int8, Graph, Planner, RowMap, TensorSpec, TileAxis};
    ///
    /// let mut net = Graph::builder("net");
    /// let shape = |channels| TensorSpec::shaped(Int8, [1, 32, 32, channels]);
    /// let (x, middle, y) = (net.input("x", shape(4)), net.tensor("middle", shape(64)), net.tensor("y", shape(4)));
    /// let rows = || TileAxis::new([1], [Some((1, RowMap::window(3, 1, 1, 1)))]);
    /// net.operator("expand").reads([x]).writes([middle]).access(AccessMap::new(9 * 4, [rows()]));
    /// net.operator("reduce").reads([middle]).writes([y]).access(AccessMap::new(9 * 64, [rows()]));
    /// net.output(y);
    /// let graph = net.build()?;
    /// let planner = Planner::new();
    /// let untiled = planner.plan(&graph)?;
    /// let plan = planner.tile(&graph, &untiled, &TilingGoal::least_memory())?.expect("tiling helps");
    ///
    /// let text = PlanDocument::of_tiled(&graph, &plan, &ImportOptions::default()).to_json();
    /// let read = PlanDocument::from_json(&text)?.to_tiled_plan(&graph)?;
    /// assert_eq!((&read.tiling, &read.plan.tensors), (&plan.tiling, &plan.plan.tensors));
    /// assert!(verify_tiled_plan(&graph, &read).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn of_tiled(graph: &Graph, plan: &TiledPlan, options: &ImportOptions) -> Self {
        Self::of_view(&PlanView::of_tiled(graph, plan, None), &plan.plan, options)
    }

    /// The document of offsets for the buffers of `model`, imported with these options.
    #[must_use]
    pub fn of_problem(model: &str, problem: &Problem, solution: &Solution, options: &ImportOptions) -> Self {
        let view = PlanView::of_solution(model, problem, solution);
        let ViewedPlan::Arena(plan) = &view.plan else { unreachable!("a solution has one arena") };
        Self::of_view(&view, plan, options)
    }

    pub(super) fn of_view(view: &PlanView<'_>, plan: &Plan, options: &ImportOptions) -> Self {
        let bound = &plan.lower_bound;
        let certified_bytes = Some(bound.certified).filter(|&certified| certified < bound.bytes);
        let mut lower_bound = BoundEntry { certified_bytes, step: bound.step, ..BoundEntry::default() };
        for &cause in &bound.causes {
            match cause {
                Occupant::Tensor(id) => lower_bound.tensors.push(id.index()),
                Occupant::Scratch(id) => lower_bound.scratch.push(id.index()),
            }
        }
        let mut aliases = view.graph.map_or_else(Vec::new, |graph| aliases(graph, &plan.aliases));
        let (mut tensors, mut scratch) = (Vec::new(), Vec::new());
        for (row, name) in view.rows.iter().zip(row_names(view)) {
            if row.is_scratch() {
                scratch.push(ScratchEntry::of(row));
            } else {
                let aliases = aliases.get_mut(row.index()).map(std::mem::take).and_then(entry_of);
                tensors.push(TensorEntry { aliases, ..TensorEntry::of(view.graph, row, name) });
            }
        }
        Self {
            format: FORMAT.to_owned(),
            model: view.model.to_owned(),
            status: plan.status,
            strategy: plan.strategy.clone(),
            arena_bytes: plan.arena_bytes,
            lower_bound_bytes: bound.bytes,
            bound_over_orders_bytes: plan.bound_over_orders,
            capacity_bytes: plan.capacity,
            reserved: plan.reserved.iter().map(|range| [range.start, range.end]).collect(),
            alignment: if view.graph.is_some() { plan.alignment } else { options.alignment.unwrap_or(1) },
            variables: plan.variables,
            options: ImportRecord::of(options),
            graph_hash: fingerprint(view),
            order: view.graph.map(|_| plan.order.iter().copied().map(OperatorId::index).collect()),
            folded: view.graph.map_or_else(Vec::new, folded),
            lower_bound: Some(lower_bound),
            objects: plan.objects.as_ref().map(ObjectList::of),
            tensors,
            scratch,
            bodies: view.graph.map_or_else(Vec::new, |graph| bodies(graph, &plan.bodies)),
            tiling: view.tiling.as_ref().map(TilingEntry::of),
        }
    }

    /// The text of the document, with a line for each field and each tensor.
    #[must_use]
    pub fn to_json(&self) -> String {
        text(self)
    }
}

/// The fingerprint of the model; that of a tiled plan is about the untiled graph.
fn fingerprint(view: &PlanView<'_>) -> Option<String> {
    if let Some(tiling) = &view.tiling {
        return Some(tiling_hash(tiling.untiled));
    }
    view.graph.map(graph_hash).or_else(|| view.problem.map(problem_hash))
}

/// The folded operators.
pub(super) fn folded(graph: &Graph) -> Vec<usize> {
    let folded = graph.operator_ids().filter(|&id| graph.operator(id).is_folded());
    folded.map(OperatorId::index).collect()
}

impl ObjectList {
    fn of(objects: &PlanObjects) -> Self {
        let nestings = objects.nestings.iter();
        let nestings = nestings.map(|nestings| NestingEntry {
            guest: nestings.guest.into(),
            host: nestings.host.into(),
            at: nestings.at,
        });
        Self {
            lower_bound_bytes: objects.lower_bound,
            list: objects.list.clone(),
            nestings: nestings.collect(),
        }
    }
}

impl From<Occupant> for OccupantEntry {
    fn from(occupant: Occupant) -> Self {
        match occupant {
            Occupant::Tensor(id) => Self::Tensor(id.index()),
            Occupant::Scratch(id) => Self::Scratch(id.index()),
        }
    }
}

impl TensorEntry {
    fn of(graph: Option<&Graph>, row: &ViewRow<'_>, name: String) -> Self {
        let tensor = graph.and_then(|graph| graph.tensors().get(row.index()));
        let kind = tensor.map(|tensor| TensorRole::of(tensor.kind(), tensor.is_output()));
        Self {
            index: row.index(),
            name,
            bytes: row.place.bytes,
            upper_bound: tensor.is_some_and(crate::Tensor::is_upper_bound),
            kind: kind.unwrap_or_default(),
            pool: arena(),
            offset: row.place.offset,
            live: steps(row.place.live),
            gaps: row.gaps.iter().copied().map(steps).collect(),
            object: row.object,
            aliases: None,
        }
    }
}

impl ScratchEntry {
    fn of(row: &ViewRow<'_>) -> Self {
        let (operator, place, object) = (row.index(), row.place, row.object);
        Self { operator, bytes: place.bytes, offset: place.offset, live: Some(steps(place.live)), object }
    }
}

/// The plans of the bodies that the graph has. Their options and fingerprints are left out, as those of
/// the graph include the bodies.
pub(super) fn bodies(graph: &Graph, plans: &[BodyPlan]) -> Vec<BodyEntry> {
    let entry = |body_plan: &BodyPlan| {
        let operator = graph.operators().get(body_plan.operator.index())?;
        let linked: Vec<TensorId> = body_plan.linked.iter().map(|linked| linked.tensor).collect();
        let body = operator.linked_body(body_plan.body, &linked)?;
        let plan = PlanDocument::of_graph(&body, &body_plan.plan, &ImportOptions::default());
        let plan = PlanDocument { graph_hash: None, ..plan };
        let linked = body_plan.linked.iter();
        let linked =
            linked.map(|linked| LinkedEntry { tensor: linked.tensor.index(), at: linked.at }).collect();
        Some(BodyEntry { operator: body_plan.operator.index(), body: body_plan.body, linked, plan })
    };
    plans.iter().filter_map(entry).collect()
}

/// The aliases of each tensor.
pub(super) fn aliases(graph: &Graph, list: &[Alias]) -> Vec<Vec<AliasEntry>> {
    let names = tensor_names(graph);
    let mut aliases = vec![Vec::new(); names.len()];
    for alias in list {
        let Some(of_tensor) = aliases.get_mut(alias.tensor.index()) else { continue };
        of_tensor.push(AliasEntry {
            tensor: names[alias.of.index()].clone(),
            index: alias.of.index(),
            operator: alias.operator.index(),
            kind: alias.kind,
            at: alias.at,
        });
    }
    aliases
}

pub(super) fn entry_of(mut list: Vec<AliasEntry>) -> Option<AliasesEntry> {
    match list.len() {
        0 => None,
        1 => list.pop().map(AliasesEntry::One),
        _ => Some(AliasesEntry::Several(list)),
    }
}

pub(super) fn steps(live: LiveRange) -> [u32; 2] {
    [live.start, live.end]
}

/// The text of a document, with a line for each field, and for each object of a list.
pub(super) fn text(document: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let serialized =
        document.serialize(&mut Serializer::with_formatter(&mut bytes, LineFormatter::default()));
    serialized.expect("texts, numbers and maps with text keys are JSON");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is text")
}

/// Writes a line for each field of a document, and for each object in a field's list; for the fields of `tiling`
/// alike.
#[derive(Default)]
struct LineFormatter {
    /// Number of objects and lists around the current value.
    depth: usize,
    /// 1 within `tiling`, 0 elsewhere: number of objects around the fields that have lines, without their own.
    base: usize,
    field: FieldState,
    /// True from the start of a list's entry, for lists that are fields with a line.
    is_entry: bool,
    /// True if the current list has an object and therefore a line for each entry.
    has_lines: bool,
}

/// Role of the next text or value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum FieldState {
    #[default]
    Value,
    /// The key of a field of the document.
    Key,
    /// The value of `tiling`.
    Tiling,
}

impl LineFormatter {
    /// Number of objects and lists around the current value, from the object whose fields have lines.
    fn level(&self) -> usize {
        self.depth - self.base
    }

    /// Writes `before` and starts a line at this level of indentation.
    fn line<W: ?Sized + io::Write>(&self, writer: &mut W, before: &str, level: usize) -> io::Result<()> {
        write(writer, before)?;
        write(writer, "\n")?;
        (0..level + self.base).try_for_each(|_| write(writer, "  "))
    }
}

impl Formatter for LineFormatter {
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if std::mem::take(&mut self.field) == FieldState::Tiling {
            self.base = 1;
        }
        if self.level() == 2 && self.is_entry {
            self.has_lines = true;
            self.line(writer, "", 2)?;
        }
        self.depth += 1;
        write(writer, "{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.level() > 0 {
            return write(writer, "}");
        }
        self.line(writer, "", 0)?;
        self.base = 0;
        write(writer, "}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.is_entry = false;
        self.field = if self.depth == 1 { FieldState::Key } else { FieldState::Value };
        let comma = if first { "" } else { "," };
        if self.level() == 1 { self.line(writer, comma, 1) } else { write(writer, comma) }
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        if self.field == FieldState::Key && text == "tiling" {
            self.field = FieldState::Tiling;
        }
        write(writer, text)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.field == FieldState::Key {
            self.field = FieldState::Value;
        }
        write(writer, if self.level() == 1 { ": " } else { ":" })
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        write(writer, "[")
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.is_entry = self.level() == 2;
        write(writer, if first { "" } else { "," })
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if self.level() == 1 && std::mem::take(&mut self.has_lines) {
            self.line(writer, "", 1)?;
        }
        write(writer, "]")
    }
}

fn write<W: ?Sized + io::Write>(writer: &mut W, text: &str) -> io::Result<()> {
    writer.write_all(text.as_bytes())
}
