//! From a plan or a solution to a PLAN.json.

use serde::Serialize;

use super::document::arena;
use super::{
    AliasEntry, AliasesEntry, BodyEntry, BoundEntry, FORMAT, ImportRecord, LinkedEntry, NestingEntry,
    ObjectEntry, ObjectList, OccupantEntry, PlanDocument, ScratchEntry, TensorEntry, TensorRole,
};
use crate::export::items::{self, Item};
use crate::export::{graph_hash, problem_hash};
use crate::import::ImportOptions;
use crate::{
    Alias, BodyPlan, Graph, LiveRange, Occupant, OperatorId, Plan, PlanBound, Problem, Solution, TensorId,
    Variables,
};

impl PlanDocument {
    /// The document of a plan for a graph that was imported with these options.
    #[must_use]
    pub fn of_graph(graph: &Graph, plan: &Plan, options: &ImportOptions) -> Self {
        let PlanBound { bytes, certified, step, .. } = plan.lower_bound;
        let certified_bytes = Some(certified).filter(|&certified| certified < bytes);
        let mut lower_bound = BoundEntry { certified_bytes, step, ..BoundEntry::default() };
        for &cause in &plan.lower_bound.causes {
            match cause {
                Occupant::Tensor(id) => lower_bound.tensors.push(id.index()),
                Occupant::Scratch(id) => lower_bound.scratch.push(id.index()),
            }
        }
        let folded = graph.operator_ids().filter(|&id| graph.operator(id).is_folded());
        let mut aliases = aliases(graph, &plan.aliases);
        let tensors = items::tensors(graph, plan).into_iter().map(|item| {
            let tensor = &graph.tensors()[item.index];
            let aliases = entry_of(std::mem::take(&mut aliases[item.index]));
            let role = TensorRole::of(tensor.kind(), tensor.is_output());
            TensorEntry { aliases, upper_bound: tensor.is_upper_bound(), ..TensorEntry::of(item, role) }
        });
        Self {
            format: FORMAT.to_owned(),
            model: graph.name().to_owned(),
            status: plan.status,
            strategy: plan.strategy.clone(),
            arena_bytes: plan.arena_bytes,
            lower_bound_bytes: plan.lower_bound.bytes,
            bound_over_orders_bytes: plan.bound_over_orders,
            capacity_bytes: plan.capacity,
            reserved: plan.reserved.iter().map(|range| [range.start, range.end]).collect(),
            alignment: plan.alignment,
            variables: plan.variables,
            options: ImportRecord::of(options),
            graph_hash: Some(graph_hash(graph)),
            order: Some(plan.order.iter().copied().map(OperatorId::index).collect()),
            folded: folded.map(OperatorId::index).collect(),
            lower_bound: Some(lower_bound),
            objects: plan.objects.as_ref().map(|objects| ObjectList {
                lower_bound_bytes: objects.lower_bound,
                list: objects
                    .list
                    .iter()
                    .map(|object| ObjectEntry::of(object.offset, object.bytes))
                    .collect(),
                nestings: objects
                    .nestings
                    .iter()
                    .map(|nestings| NestingEntry {
                        guest: nestings.guest.into(),
                        host: nestings.host.into(),
                        at: nestings.at,
                    })
                    .collect(),
            }),
            tensors: tensors.collect(),
            scratch: items::scratch(graph, plan).iter().map(ScratchEntry::of).collect(),
            bodies: bodies(graph, &plan.bodies),
        }
    }

    /// The document of offsets for the buffers of `model`, imported with these options.
    #[must_use]
    pub fn of_problem(model: &str, problem: &Problem, solution: &Solution, options: &ImportOptions) -> Self {
        let bound = &solution.lower_bound;
        let tensors = items::buffers(problem, solution).into_iter();
        Self {
            format: FORMAT.to_owned(),
            model: model.to_owned(),
            status: solution.status,
            strategy: solution.strategy.clone(),
            arena_bytes: solution.height,
            lower_bound_bytes: bound.bytes,
            bound_over_orders_bytes: None,
            capacity_bytes: problem.capacity(),
            reserved: problem.reserved().iter().map(|range| [range.start, range.end]).collect(),
            alignment: options.alignment.unwrap_or(1),
            variables: Variables::default(),
            options: ImportRecord::of(options),
            graph_hash: Some(problem_hash(problem)),
            order: None,
            folded: Vec::new(),
            lower_bound: Some(BoundEntry {
                certified_bytes: Some(bound.certified).filter(|&certified| certified < bound.bytes),
                step: bound.step,
                tensors: bound.buffers.iter().map(|id| id.index()).collect(),
                scratch: Vec::new(),
            }),
            objects: solution.objects.as_ref().map(|objects| ObjectList {
                lower_bound_bytes: objects.lower_bound,
                list: objects
                    .offsets
                    .iter()
                    .zip(&objects.sizes)
                    .map(|(&at, &size)| ObjectEntry::of(at, size))
                    .collect(),
                nestings: objects
                    .nestings
                    .iter()
                    .map(|nestings| NestingEntry {
                        guest: OccupantEntry::Tensor(nestings.guest.index()),
                        host: OccupantEntry::Tensor(nestings.host.index()),
                        at: nestings.at,
                    })
                    .collect(),
            }),
            tensors: tensors.map(|item| TensorEntry::of(item, TensorRole::Intermediate)).collect(),
            scratch: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// The text of the document, with a line for each field and each tensor.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut fields = vec![
            field("format", &self.format),
            field("model", &self.model),
            field("status", &self.status.to_string()),
            field("strategy", &self.strategy),
            field("arena_bytes", &self.arena_bytes),
            field("lower_bound_bytes", &self.lower_bound_bytes),
        ];
        fields.extend(self.bound_over_orders_bytes.map(|bytes| field("bound_over_orders_bytes", &bytes)));
        fields.push(field("capacity_bytes", &self.capacity_bytes));
        if !self.reserved.is_empty() {
            fields.push(field("reserved", &self.reserved));
        }
        fields.push(field("alignment", &self.alignment));
        fields.push(field("variables", variables_text(self.variables)));
        fields.push(field("options", &self.options));
        fields.extend(self.graph_hash.as_ref().map(|hash| field("graph_hash", hash)));
        fields.extend(self.order.as_ref().map(|order| field("order", order)));
        fields.push(field("folded", &self.folded));
        fields.extend(self.lower_bound.as_ref().map(|bound| field("lower_bound", bound)));
        fields.extend(self.objects.as_ref().map(|objects| field("objects", objects)));
        fields.push(list("tensors", &self.tensors));
        fields.push(list("scratch", &self.scratch));
        if !self.bodies.is_empty() {
            fields.push(list("bodies", &self.bodies));
        }
        format!("{{\n{}\n}}\n", fields.join(",\n"))
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

impl ObjectEntry {
    fn of(offset: u64, bytes: u64) -> Self {
        Self { bytes, offset }
    }
}

impl TensorEntry {
    fn of(item: Item, kind: TensorRole) -> Self {
        let place = item.place;
        Self {
            index: item.index,
            name: item.name,
            bytes: place.bytes,
            upper_bound: false,
            kind,
            pool: arena(),
            offset: place.offset,
            live: steps(place.live),
            gaps: item.gaps.into_iter().map(steps).collect(),
            object: item.object,
            aliases: None,
        }
    }
}

impl ScratchEntry {
    fn of(item: &Item) -> Self {
        let place = item.place;
        Self {
            operator: item.index,
            bytes: place.bytes,
            offset: place.offset,
            live: Some(steps(place.live)),
            object: item.object,
        }
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

/// The shares of each tensor.
pub(super) fn aliases(graph: &Graph, list: &[Alias]) -> Vec<Vec<AliasEntry>> {
    let names = items::tensor_names(graph);
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

pub(super) fn variables_text(variables: Variables) -> &'static str {
    match variables {
        Variables::Arena => "arena",
        Variables::Outside => "outside",
    }
}

pub(super) fn field(name: &str, value: &(impl Serialize + ?Sized)) -> String {
    format!("  \"{name}\": {}", json(value))
}

pub(super) fn list(name: &str, entries: &[impl Serialize]) -> String {
    if entries.is_empty() {
        return field(name, entries);
    }
    let lines: Vec<String> = entries.iter().map(|entry| format!("    {}", json(entry))).collect();
    format!("  \"{name}\": [\n{}\n  ]", lines.join(",\n"))
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("texts, numbers and maps with text keys are JSON")
}
