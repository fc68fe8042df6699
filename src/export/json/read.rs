//! From a PLAN.json to a plan or a solution.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::document::arena;
use super::{
    AliasesEntry, BodyEntry, DocumentError, FORMAT, NestingEntry, ObjectList, OccupantEntry, PlanDocument,
    TensorEntry,
};
use crate::export::{graph_hash, items, problem_hash};
use crate::import::json::Object;
use crate::{
    Alias, BodyPlan, BufferId, Graph, LiveRange, LowerBound, Nesting, Objects, Occupant, OperatorId,
    Placement, Plan, PlanBound, PlanNesting, PlanObjects, Problem, SharedObject, Solution, Stop, TensorId,
};

impl PlanDocument {
    /// Reads a PLAN.json. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] with the position, [`DocumentError::Format`].
    pub fn from_json(text: &str) -> Result<Self, DocumentError> {
        parse(text, FORMAT)
    }

    /// The plan for `graph` that the document claims. References to the graph are checked; everything
    /// else is as stated.
    ///
    /// # Errors
    /// The first reference that does not fit this graph.
    pub fn to_plan(&self, graph: &Graph) -> Result<Plan, DocumentError> {
        let order = self.order.as_ref().ok_or(DocumentError::NoOrder)?;
        let mut plan = Plan::unplaced(graph);
        let steps = order.iter().enumerate();
        let steps =
            steps.map(|(step, &index)| operator(graph, index, || format!("step {step} of the order")));
        plan.order = steps.collect::<Result<_, _>>()?;
        self.place_tensors(graph, &mut plan)?;
        self.place_scratch(graph, &mut plan)?;
        check_hash(self.graph_hash.as_ref(), || graph_hash(graph))?;
        plan.arena_bytes = self.arena_bytes;
        plan.alignment = self.alignment;
        plan.variables = self.variables;
        plan.capacity = self.capacity_bytes;
        plan.reserved = self.reserved.iter().map(|&[start, end]| start..end).collect();
        plan.bodies = bodies_of(graph, &self.bodies)?;
        plan.lower_bound = self.bound(&plan.flattened(graph))?;
        plan.bound_over_orders = self.bound_over_orders_bytes;
        plan.status = self.status;
        plan.strategy.clone_from(&self.strategy);
        plan.objects = self.objects_of(graph)?;
        let names = items::tensor_names(graph);
        for entry in &self.tensors {
            let list = entry.aliases.as_ref();
            shares_of(graph, &names, (entry.index, &entry.name), list, &mut plan.aliases)?;
        }
        plan.aliases.sort_by_key(|alias| alias.tensor);
        Ok(plan)
    }

    /// The solution of `problem` that the document claims. Buffers are identified by name, so their
    /// sizes and live ranges are compared as well.
    ///
    /// # Errors
    /// The first entry that does not fit this problem.
    pub fn to_solution(&self, problem: &Problem) -> Result<Solution, DocumentError> {
        let names = items::buffer_names(problem);
        let mut offsets = Vec::with_capacity(names.len());
        for (index, (buffer, entry)) in problem.buffers().iter().zip(self.entries_of(&names)?).enumerate() {
            if entry.index != index {
                let buffer = entry.name.clone();
                return Err(DocumentError::Index { buffer, planned: entry.index, actual: index });
            }
            let gaps: Vec<LiveRange> = entry.gaps.iter().copied().map(live).collect();
            if (entry.bytes, live(entry.live), &gaps[..]) != (buffer.size(), buffer.live(), buffer.gaps()) {
                return Err(DocumentError::Geometry {
                    buffer: entry.name.clone(),
                    planned: geometry(entry.bytes, live(entry.live), &gaps),
                    actual: geometry(buffer.size(), buffer.live(), buffer.gaps()),
                });
            }
            offsets.push(entry.offset);
        }
        check_hash(self.graph_hash.as_ref(), || problem_hash(problem))?;
        Ok(Solution {
            offsets,
            height: self.arena_bytes,
            lower_bound: self.bound_of_problem(problem)?,
            status: self.status,
            strategy: self.strategy.clone(),
            objects: self.objects_of_problem(&names)?,
            nodes: 0,
            stop: Stop::Finished,
        })
    }

    /// The entry of each name. Every entry must have one of the names, and every name an entry.
    fn entries_of(&self, names: &[String]) -> Result<Vec<&TensorEntry>, DocumentError> {
        let mut entries: HashMap<&str, &TensorEntry> = HashMap::with_capacity(self.tensors.len());
        for entry in &self.tensors {
            entry.check_supported()?;
            if entries.insert(&entry.name, entry).is_some() {
                return Err(DocumentError::Twice { what: format!("buffer `{}`", entry.name) });
            }
        }
        let (mut ordered, mut missing) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            match entries.remove(name.as_str()) {
                Some(entry) => ordered.push(entry),
                None => missing.push(name.clone()),
            }
        }
        let unknown = self.tensors.iter().filter(|entry| entries.contains_key(entry.name.as_str()));
        let unknown: Vec<String> = unknown.map(|entry| entry.name.clone()).collect();
        if !unknown.is_empty() {
            return Err(DocumentError::Unknown { ids: unknown });
        }
        if missing.is_empty() { Ok(ordered) } else { Err(DocumentError::Missing { ids: missing }) }
    }

    fn place_tensors(&self, graph: &Graph, plan: &mut Plan) -> Result<(), DocumentError> {
        let names = items::tensor_names(graph);
        for entry in &self.tensors {
            entry.check_supported()?;
            let id = tensor(graph, entry.index, || format!("the entry of tensor `{}`", entry.name))?;
            let actual = &names[id.index()];
            if *actual != entry.name {
                let (planned, actual) = (entry.name.clone(), actual.clone());
                return Err(DocumentError::Name { index: entry.index, planned, actual });
            }
            if !entry.gaps.is_empty() {
                return Err(DocumentError::Gaps { tensor: entry.name.clone() });
            }
            let place = Placement { offset: entry.offset, bytes: entry.bytes, live: live(entry.live) };
            if plan.tensors[id.index()].replace(place).is_some() {
                return Err(DocumentError::Twice { what: format!("tensor {} (`{actual}`)", entry.index) });
            }
        }
        Ok(())
    }

    fn place_scratch(&self, graph: &Graph, plan: &mut Plan) -> Result<(), DocumentError> {
        let mut step_of = vec![0; graph.operators().len()];
        for (step, id) in plan.order.iter().enumerate() {
            step_of[id.index()] = step as u32;
        }
        for (position, entry) in self.scratch.iter().enumerate() {
            let id = operator(graph, entry.operator, || format!("entry {position} of `scratch`"))?;
            let step = step_of[id.index()];
            let steps = entry.live.unwrap_or([step, step + 1]);
            let place = Placement { offset: entry.offset, bytes: entry.bytes, live: live(steps) };
            if plan.scratch[id.index()].replace(place).is_some() {
                let what = format!("the scratch of operator {} (`{}`)", id, graph.operator(id).name());
                return Err(DocumentError::Twice { what });
            }
        }
        Ok(())
    }

    /// The lower bound with its certificate. A bound without a certificate is a claim without proof.
    fn bound(&self, graph: &Graph) -> Result<PlanBound, DocumentError> {
        let bytes = self.lower_bound_bytes;
        let Some(entry) = &self.lower_bound else {
            return Ok(PlanBound { bytes, ..PlanBound::default() });
        };
        let mut causes = Vec::new();
        for &index in &entry.tensors {
            causes.push(Occupant::Tensor(tensor(graph, index, in_bound)?));
        }
        for &index in &entry.scratch {
            causes.push(Occupant::Scratch(operator(graph, index, in_bound)?));
        }
        Ok(PlanBound { bytes, certified: entry.certified_bytes.unwrap_or(bytes), step: entry.step, causes })
    }

    fn bound_of_problem(&self, problem: &Problem) -> Result<LowerBound, DocumentError> {
        let bytes = self.lower_bound_bytes;
        let Some(entry) = &self.lower_bound else {
            return Ok(LowerBound { bytes, certified: 0, step: 0, buffers: Vec::new() });
        };
        let count = problem.buffers().len();
        let buffer = |&index: &usize| match index {
            index if index < count => Ok(BufferId::new(index)),
            index => Err(DocumentError::OutOfRange { place: in_bound(), what: "buffer", index, count }),
        };
        let buffers = entry.tensors.iter().map(buffer).collect::<Result<_, _>>()?;
        Ok(LowerBound { bytes, certified: entry.certified_bytes.unwrap_or(bytes), step: entry.step, buffers })
    }

    /// The list of shared objects. If entries name objects and the list is absent, it is empty, so that
    /// the verifier reports them.
    fn object_list(&self) -> Option<Cow<'_, ObjectList>> {
        let mut objects = self
            .tensors
            .iter()
            .map(|entry| entry.object)
            .chain(self.scratch.iter().map(|entry| entry.object));
        let is_named = objects.any(|object| object.is_some());
        let list = self.objects.as_ref().map(Cow::Borrowed);
        list.or_else(|| is_named.then(|| Cow::Owned(ObjectList::default())))
    }

    /// Shared objects. The indices of `tensors` and `scratch` were checked before.
    fn objects_of(&self, graph: &Graph) -> Result<Option<PlanObjects>, DocumentError> {
        let Some(objects) = self.object_list() else { return Ok(None) };
        let occupant = |entry: OccupantEntry| {
            Ok(match entry {
                OccupantEntry::Tensor(index) => Occupant::Tensor(tensor(graph, index, in_objects)?),
                OccupantEntry::Scratch(index) => Occupant::Scratch(operator(graph, index, in_objects)?),
            })
        };
        let nestings = objects.nestings.iter().map(|&NestingEntry { guest, host, at }| {
            Ok(PlanNesting { guest: occupant(guest)?, host: occupant(host)?, at })
        });
        let nestings = nestings.collect::<Result<_, DocumentError>>()?;
        let list =
            objects.list.iter().map(|object| SharedObject { offset: object.offset, bytes: object.bytes });
        let mut of_tensor = vec![None; graph.tensors().len()];
        let mut of_scratch = vec![None; graph.operators().len()];
        for entry in &self.tensors {
            of_tensor[entry.index] = entry.object;
        }
        for entry in &self.scratch {
            of_scratch[entry.operator] = entry.object;
        }
        let lower_bound = objects.lower_bound_bytes;
        Ok(Some(PlanObjects { list: list.collect(), of_tensor, of_scratch, nestings, lower_bound }))
    }

    fn objects_of_problem(&self, names: &[String]) -> Result<Option<Objects>, DocumentError> {
        let Some(objects) = self.object_list() else { return Ok(None) };
        let of_buffer = self.entries_of(names)?.into_iter().map(|entry| entry.object).collect();
        let sizes = objects.list.iter().map(|object| object.bytes).collect();
        let offsets = objects.list.iter().map(|object| object.offset).collect();
        let mut objects_of_buffers = Objects::new(of_buffer, sizes, offsets);
        objects_of_buffers.lower_bound = objects.lower_bound_bytes;
        let buffer = |entry: OccupantEntry| match entry {
            OccupantEntry::Tensor(index) if index < names.len() => Ok(BufferId::new(index)),
            OccupantEntry::Tensor(index) => {
                let count = names.len();
                Err(DocumentError::OutOfRange { place: in_objects(), what: "buffer", index, count })
            }
            OccupantEntry::Scratch(index) => {
                Err(DocumentError::OutOfRange { place: in_objects(), what: "operator", index, count: 0 })
            }
        };
        for &NestingEntry { guest, host, at } in &objects.nestings {
            objects_of_buffers.nestings.push(Nesting { guest: buffer(guest)?, host: buffer(host)?, at });
        }
        Ok(Some(objects_of_buffers))
    }
}

impl TensorEntry {
    /// Refuses memories that later versions may support, rather than misread them.
    fn check_supported(&self) -> Result<(), DocumentError> {
        let tensor = self.name.clone();
        if self.pool != arena() {
            return Err(DocumentError::Pool { tensor, pool: self.pool.clone() });
        }
        Ok(())
    }
}

/// Reads the format that a document states.
///
/// # Errors
/// [`DocumentError::Malformed`], and [`DocumentError::Format`] if no format is stated.
pub fn format_of(text: &str) -> Result<String, DocumentError> {
    #[derive(Deserialize)]
    struct Head<'a> {
        // Left as raw text, as the value may be of any type and size.
        #[serde(borrow)]
        format: Option<&'a RawValue>,
    }
    let Object(head): Object<Head> = serde_json::from_str(text).map_err(malformed)?;
    let Some(format) = head.format else {
        return Err(DocumentError::Format { found: "not stated".to_owned(), expected: FORMAT });
    };
    serde_json::from_str(format.get())
        .map_err(|_| DocumentError::Format { found: format!("`{format}`"), expected: FORMAT })
}

/// Reads a document of the expected format.
pub(super) fn parse<T: DeserializeOwned>(text: &str, expected: &'static str) -> Result<T, DocumentError> {
    // A later version may have other fields, so the format is read first.
    match format_of(text) {
        Ok(format) if format == expected => {
            serde_json::from_str(text).map(|document: Object<T>| document.0).map_err(malformed)
        }
        Ok(format) => Err(DocumentError::Format { found: format!("`{format}`"), expected }),
        Err(DocumentError::Format { found, .. }) => Err(DocumentError::Format { found, expected }),
        Err(error) => Err(error),
    }
}

/// Takes the error by value, as `map_err` passes it so.
#[allow(clippy::needless_pass_by_value)]
fn malformed(error: serde_json::Error) -> DocumentError {
    DocumentError::Malformed(error.to_string())
}

pub(super) fn check_hash(
    planned: Option<&String>,
    actual: impl FnOnce() -> String,
) -> Result<(), DocumentError> {
    let Some(planned) = planned else { return Ok(()) };
    let actual = actual();
    if *planned == actual {
        return Ok(());
    }
    Err(DocumentError::OtherModel { planned: planned.clone(), actual })
}

/// The plans of bodies, by operator and position.
pub(super) fn bodies_of(graph: &Graph, entries: &[BodyEntry]) -> Result<Vec<BodyPlan>, DocumentError> {
    let plan = |(position, entry): (usize, &BodyEntry)| {
        let place = || format!("entry {position} of `bodies`");
        let operator = operator(graph, entry.operator, place)?;
        let bodies = graph.operator(operator).bodies();
        let Some(body) = bodies.get(entry.body) else {
            let (index, count) = (entry.body, bodies.len());
            return Err(DocumentError::OutOfRange { place: place(), what: "body", index, count });
        };
        if entry.plan.format != FORMAT {
            let found = format!("`{}` in {}", entry.plan.format, place());
            return Err(DocumentError::Format { found, expected: FORMAT });
        }
        Ok(BodyPlan { operator, body: entry.body, plan: entry.plan.to_plan(body)? })
    };
    let mut plans: Vec<BodyPlan> = entries.iter().enumerate().map(plan).collect::<Result<_, _>>()?;
    plans.sort_by_key(|plan| (plan.operator, plan.body));
    Ok(plans)
}

/// Adds the shares of a tensor; its index and name were checked before.
pub(super) fn shares_of(
    graph: &Graph,
    names: &[String],
    (index, name): (usize, &str),
    list: Option<&AliasesEntry>,
    aliases: &mut Vec<Alias>,
) -> Result<(), DocumentError> {
    for alias in list.into_iter().flat_map(AliasesEntry::list) {
        let place = || format!("`shares` of tensor `{name}`");
        let of = tensor(graph, alias.index, place)?;
        if names[of.index()] != alias.tensor {
            let (tensor, other) = (alias.tensor.clone(), names[of.index()].clone());
            return Err(DocumentError::Shares { place: place(), index: alias.index, tensor, other });
        }
        aliases.push(Alias {
            operator: operator(graph, alias.operator, place)?,
            tensor: TensorId::new(index),
            of,
            at: alias.at,
            kind: alias.kind,
        });
    }
    Ok(())
}

fn in_objects() -> String {
    "the list of shared objects".to_owned()
}

fn in_bound() -> String {
    "the lower bound".to_owned()
}

pub(super) fn live([start, end]: [u32; 2]) -> LiveRange {
    LiveRange { start, end }
}

pub(super) fn tensor(
    graph: &Graph,
    index: usize,
    place: impl Fn() -> String,
) -> Result<TensorId, DocumentError> {
    let count = graph.tensors().len();
    if index < count {
        return Ok(TensorId::new(index));
    }
    Err(DocumentError::OutOfRange { place: place(), what: "tensor", index, count })
}

pub(super) fn operator(
    graph: &Graph,
    index: usize,
    place: impl Fn() -> String,
) -> Result<OperatorId, DocumentError> {
    let count = graph.operators().len();
    if index < count {
        return Ok(OperatorId::new(index));
    }
    Err(DocumentError::OutOfRange { place: place(), what: "operator", index, count })
}

fn geometry(bytes: u64, live: LiveRange, gaps: &[LiveRange]) -> String {
    let texts: Vec<String> = gaps.iter().map(LiveRange::to_string).collect();
    let but = if texts.is_empty() { "" } else { " but " };
    format!("{bytes} bytes live {live}{but}{}", texts.join(", "))
}
