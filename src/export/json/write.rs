//! From a plan or a solution to a PLAN.json.

use std::borrow::Cow;
use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::document::arena;
use super::{
    AliasEntry, AliasesEntry, BodyEntry, BoundEntry, FORMAT, ImportRecord, LinkedEntry, NestingEntry,
    ObjectList, OccupantEntry, OutsideEntry, PlanDocument, ScratchEntry, TensorEntry, TensorRole,
    TilingEntry,
};
use crate::export::names::{row_names, tensor_names};
use crate::export::{graph_hash, problem_hash, tiling_hash};
use crate::import::ImportOptions;
use crate::support::sorting::with_key;
use crate::support::text::text_of;
use crate::{
    Alias, BodyPlan, Graph, LiveRange, Occupant, OperatorId, Plan, PlanObjects, PlanView, Problem, Solution,
    Storage, TensorId, TiledPlan, ViewRow, ViewedPlan,
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
        Self::with_tensors(TensorEntries::of(view, plan).iter().collect(), view, plan, options)
    }

    /// The text of the document, with a line for each field and each tensor.
    #[must_use]
    pub fn to_json(&self) -> String {
        text(self)
    }
}

impl<T> PlanDocument<T> {
    fn with_tensors(tensors: T, view: &PlanView<'_>, plan: &Plan, options: &ImportOptions) -> Self {
        let bound = &plan.lower_bound;
        let certified_bytes = Some(bound.certified).filter(|&certified| certified < bound.bytes);
        let mut lower_bound = BoundEntry { certified_bytes, step: bound.step, ..BoundEntry::default() };
        for &cause in &bound.causes {
            match cause {
                Occupant::Tensor(id) => lower_bound.tensors.push(id.index()),
                Occupant::Scratch(id) => lower_bound.scratch.push(id.index()),
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
            outside: view.graph.map_or_else(Vec::new, outside),
            scratch: view.rows.iter().filter(|row| row.is_scratch()).map(ScratchEntry::of).collect(),
            bodies: view.graph.map_or_else(Vec::new, |graph| bodies(graph, &plan.bodies)),
            tiling: view.tiling.as_ref().map(TilingEntry::of),
        }
    }
}

/// A plan as the text of a PLAN.json. The entries of tensors are made one at a time: all of them would need more
/// memory than the graph.
pub(crate) type PlanText<'v> = PlanDocument<TensorEntries<'v>>;

impl<'v> PlanText<'v> {
    pub(crate) fn of(view: &'v PlanView<'_>, plan: &'v Plan, options: &ImportOptions) -> Self {
        Self::with_tensors(TensorEntries::of(view, plan), view, plan, options)
    }

    /// Writes the text.
    pub(crate) fn write(&self, out: impl io::Write) -> io::Result<()> {
        write_text(self, out)
    }
}

/// The entries of the tensors in the arena.
pub(crate) struct TensorEntries<'v> {
    graph: Option<&'v Graph>,
    rows: &'v [ViewRow<'v>],
    names: Vec<Cow<'v, str>>,
    aliases: Option<AliasEntries<'v>>,
}

impl<'v> TensorEntries<'v> {
    fn of(view: &'v PlanView<'_>, plan: &'v Plan) -> Self {
        let aliases = view.graph.map(|graph| AliasEntries::of(graph, &plan.aliases));
        Self { graph: view.graph, rows: &view.rows, names: row_names(view), aliases }
    }

    fn iter(&self) -> impl Iterator<Item = TensorEntry> {
        let tensors = self.rows.iter().zip(&self.names).filter(|(row, _)| !row.is_scratch());
        tensors.map(|(row, name)| {
            let aliases = self.aliases.as_ref().and_then(|aliases| aliases.of_tensor(row.index()));
            TensorEntry { aliases, ..TensorEntry::of(self.graph, row, name.to_string()) }
        })
    }
}

impl Serialize for TensorEntries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
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

/// The tensors in buffers of the caller.
pub(super) fn outside(graph: &Graph) -> Vec<OutsideEntry> {
    let is_outside = |tensor: &crate::Tensor| *tensor.storage() == Storage::Outside;
    if !graph.tensors().iter().any(is_outside) {
        return Vec::new();
    }
    let named = graph.tensors().iter().zip(tensor_names(graph)).enumerate();
    let entry = |(index, (tensor, name)): (usize, (&crate::Tensor, Cow<'_, str>))| OutsideEntry {
        index,
        name: name.into_owned(),
        bytes: tensor.bytes(),
        kind: TensorRole::of(tensor.kind(), tensor.is_output()),
    };
    named.filter(|(_, (tensor, _))| is_outside(tensor)).map(entry).collect()
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

/// The entries of aliases, by tensor.
pub(super) struct AliasEntries<'v> {
    /// Unique names of all tensors; empty without aliases.
    names: Vec<Cow<'v, str>>,
    /// Sorted by tensor.
    aliases: Vec<&'v Alias>,
}

impl<'v> AliasEntries<'v> {
    pub(super) fn of(graph: &'v Graph, aliases: &'v [Alias]) -> Self {
        let names = if aliases.is_empty() { Vec::new() } else { tensor_names(graph) };
        let mut aliases: Vec<&Alias> = aliases.iter().collect();
        // The sort is stable: the aliases of a tensor stay in the order of the plan.
        aliases.sort_by_key(|alias| alias.tensor);
        Self { names, aliases }
    }

    /// The entry of a tensor, if it has aliases.
    pub(super) fn of_tensor(&self, index: usize) -> Option<AliasesEntry> {
        let aliases = with_key(&self.aliases, TensorId::new(index), |alias| alias.tensor);
        let entry = |alias: &&Alias| AliasEntry {
            tensor: self.names[alias.of.index()].to_string(),
            index: alias.of.index(),
            operator: alias.operator.index(),
            kind: alias.kind,
            at: alias.at,
        };
        match aliases {
            [] => None,
            [alias] => Some(AliasesEntry::One(entry(alias))),
            several => Some(AliasesEntry::Several(several.iter().map(entry).collect())),
        }
    }
}

pub(super) fn steps(live: LiveRange) -> [u32; 2] {
    [live.start, live.end]
}

/// The text of a document, with a line for each field, and for each object of a list.
pub(super) fn text(document: &impl Serialize) -> String {
    text_of(|out| write_text(document, out))
}

/// Writes the [`text`] of a document.
pub(super) fn write_text(document: &impl Serialize, mut out: impl io::Write) -> io::Result<()> {
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut out, LineFormatter::default()))?;
    out.write_all(b"\n")
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
