//! From a PLAN.json to a plan or a solution.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::document::arena;
use super::{
    AliasesEntry, BodyEntry, DocumentError, FORMAT, NestingEntry, ObjectList, OccupantEntry, PlanDocument,
    TensorEntry,
};
use crate::export::names::{tensor_names, unique_names};
use crate::export::{graph_hash, problem_hash, tiling_hash};
use crate::import::json::Object;
use crate::{
    Alias, BodyPlan, BufferId, Graph, LinkedTensor, LiveRange, LowerBound, Nesting, Objects, Occupant,
    OperatorId, Placement, Plan, PlanBound, PlanNesting, PlanObjects, Problem, Solution, Stop, TensorId,
    TiledPlan,
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
        if self.tiling.is_some() {
            return Err(DocumentError::Tiled);
        }
        self.plan_of(graph, || check_hash(self.graph_hash.as_ref(), || graph_hash(graph)))
    }

    /// The tiled plan for the untiled `graph` that the document claims. The tiled graph is made again from the
    /// regions; the origins of its operators and tensors are as stated
    /// ([`verify_tiled_plan`](crate::verify::verify_tiled_plan) checks them).
    ///
    /// # Errors
    /// [`DocumentError::NotTiled`], [`DocumentError::Tiling`], and the first reference that does not fit the graph.
    pub fn to_tiled_plan(&self, graph: &Graph) -> Result<TiledPlan, DocumentError> {
        let entry = self.tiling.as_ref().ok_or(DocumentError::NotTiled)?;
        check_hash(self.graph_hash.as_ref(), || tiling_hash(graph))?;
        let tiling = entry.to_tiling(graph)?;
        let tiled = entry.to_tiled(graph, &tiling)?;
        let plan = self.plan_of(&tiled.graph, || Ok(()))?;
        let (cost, expected_bytes) = (entry.cost, entry.expected_bytes);
        Ok(TiledPlan { tiling, tiled, plan, cost, expected_bytes, family_bound: entry.family_bound })
    }

    /// The plan for the graph whose indices the document has. `check_model` runs once tensors are found, as a tensor
    /// of another name tells more than another fingerprint.
    fn plan_of(
        &self,
        graph: &Graph,
        check_model: impl FnOnce() -> Result<(), DocumentError>,
    ) -> Result<Plan, DocumentError> {
        let order = self.order.as_ref().ok_or(DocumentError::NoOrder)?;
        // Before the plan is made: finding unique names needs as much memory.
        let names = tensor_names(graph);
        let mut plan = Plan::unplaced(graph);
        plan.order = Counts::of(graph).order(order)?;
        self.place_tensors(graph, &names, &mut plan)?;
        self.place_scratch(graph, &mut plan)?;
        check_model()?;
        plan.arena_bytes = self.arena_bytes;
        plan.alignment = self.alignment;
        plan.variables = self.variables;
        plan.capacity = self.capacity_bytes;
        plan.reserved = self.reserved.iter().map(|&[start, end]| start..end).collect();
        plan.bodies = bodies_of(graph, &self.bodies)?;
        plan.lower_bound = self.bound(Counts::of(graph))?;
        plan.bound_over_orders = self.bound_over_orders_bytes;
        plan.status = self.status;
        plan.strategy.clone_from(&self.strategy);
        plan.objects = self.objects_of(Counts::of(graph))?;
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
        let names: Vec<String> = problem.ids().map(|id| problem.name(id)).collect();
        let names = unique_names(names.iter().map(String::as_str));
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
        let counts = Counts { tensor: "buffer", tensors: offsets.len(), operators: 0 };
        let PlanBound { bytes, certified, step, causes } = self.bound(counts)?;
        let buffers = causes.into_iter().filter_map(buffer).collect();
        Ok(Solution {
            offsets,
            height: self.arena_bytes,
            lower_bound: LowerBound { bytes, certified, step, buffers },
            status: self.status,
            strategy: self.strategy.clone(),
            objects: self.objects_of(counts)?.map(objects_of_buffers),
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

    fn place_tensors(
        &self,
        graph: &Graph,
        names: &[Cow<'_, str>],
        plan: &mut Plan,
    ) -> Result<(), DocumentError> {
        for entry in &self.tensors {
            entry.check_supported()?;
            let id = named_tensor(graph, names, entry.index, &entry.name)?;
            if !entry.gaps.is_empty() {
                return Err(DocumentError::Gaps { tensor: entry.name.clone() });
            }
            let place = Placement { offset: entry.offset, bytes: entry.bytes, live: live(entry.live) };
            if plan.tensors[id.index()].replace(place).is_some() {
                return Err(DocumentError::Twice {
                    what: format!("tensor {} (`{}`)", entry.index, entry.name),
                });
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
            let id =
                Counts::of(graph).operator(entry.operator, || format!("entry {position} of `scratch`"))?;
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
    fn bound(&self, counts: Counts) -> Result<PlanBound, DocumentError> {
        let bytes = self.lower_bound_bytes;
        let Some(entry) = &self.lower_bound else {
            return Ok(PlanBound { bytes, ..PlanBound::default() });
        };
        let place = || "the lower bound".to_owned();
        let tensors = entry.tensors.iter().map(|&index| OccupantEntry::Tensor(index));
        let scratch = entry.scratch.iter().map(|&index| OccupantEntry::Scratch(index));
        let causes = tensors.chain(scratch).map(|entry| counts.occupant(entry, place));
        let (causes, certified) = (causes.collect::<Result<_, _>>()?, entry.certified_bytes.unwrap_or(bytes));
        Ok(PlanBound { bytes, certified, step: entry.step, causes })
    }

    /// The list of shared objects. If entries name objects and the list is absent, it is empty, so that
    /// the verifier reports them.
    fn object_list(&self) -> Option<Cow<'_, ObjectList>> {
        let of_tensors = self.tensors.iter().map(|entry| entry.object);
        let mut objects = of_tensors.chain(self.scratch.iter().map(|entry| entry.object));
        let is_named = objects.any(|object| object.is_some());
        let list = self.objects.as_ref().map(Cow::Borrowed);
        list.or_else(|| is_named.then(|| Cow::Owned(ObjectList::default())))
    }

    /// Shared objects. The indices of `tensors` and `scratch` were checked before.
    fn objects_of(&self, counts: Counts) -> Result<Option<PlanObjects>, DocumentError> {
        let Some(objects) = self.object_list() else { return Ok(None) };
        let occupant = |entry| counts.occupant(entry, || "the list of shared objects".to_owned());
        let nestings = objects.nestings.iter().map(|&NestingEntry { guest, host, at }| {
            Ok(PlanNesting { guest: occupant(guest)?, host: occupant(host)?, at })
        });
        let nestings = nestings.collect::<Result<_, DocumentError>>()?;
        let mut of_tensor = vec![None; counts.tensors];
        let mut of_scratch = vec![None; counts.operators];
        for entry in &self.tensors {
            of_tensor[entry.index] = entry.object;
        }
        for entry in self.scratch.iter().filter(|entry| entry.operator < counts.operators) {
            of_scratch[entry.operator] = entry.object;
        }
        let lower_bound = objects.lower_bound_bytes;
        Ok(Some(PlanObjects { list: objects.list.clone(), of_tensor, of_scratch, nestings, lower_bound }))
    }
}

/// The buffer of a tensor of a solution.
fn buffer(occupant: Occupant) -> Option<BufferId> {
    match occupant {
        Occupant::Tensor(id) => Some(BufferId::new(id.index())),
        Occupant::Scratch(_) => None,
    }
}

/// The shared objects of a solution, whose buffers are called tensors in the document.
fn objects_of_buffers(objects: PlanObjects) -> Objects {
    let sizes = objects.list.iter().map(|object| object.bytes).collect();
    let offsets = objects.list.iter().map(|object| object.offset).collect();
    let nestings = objects.nestings.iter().filter_map(|nestings| {
        Some(Nesting { guest: buffer(nestings.guest)?, host: buffer(nestings.host)?, at: nestings.at })
    });
    let nestings = nestings.collect();
    let (of_buffer, lower_bound) = (objects.of_tensor, objects.lower_bound);
    let mut objects = Objects::new(of_buffer, sizes, offsets);
    (objects.nestings, objects.lower_bound) = (nestings, lower_bound);
    objects
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
/// Example: the [module](crate::export::json).
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
    let (line, column) = (error.line(), error.column());
    DocumentError::Malformed { reason: error.to_string(), line, column }
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
        let operator = Counts::of(graph).operator(entry.operator, place)?;
        let bodies = graph.operator(operator).bodies();
        let Some(body) = bodies.get(entry.body) else {
            let (index, count) = (entry.body, bodies.len());
            return Err(DocumentError::OutOfRange { place: place(), what: "body", index, count });
        };
        if entry.plan.format != FORMAT {
            let found = format!("`{}` in {}", entry.plan.format, place());
            return Err(DocumentError::Format { found, expected: FORMAT });
        }
        let linked = entry.linked.iter().map(|linked| {
            Ok::<_, DocumentError>(LinkedTensor {
                tensor: Counts::of(graph).tensor(linked.tensor, place)?,
                at: linked.at,
            })
        });
        let linked: Vec<LinkedTensor> = linked.collect::<Result<_, _>>()?;
        let tensors: Vec<TensorId> = linked.iter().map(|linked| linked.tensor).collect();
        let body =
            graph.operator(operator).linked_body(entry.body, &tensors).unwrap_or_else(|| Arc::clone(body));
        Ok(BodyPlan { operator, body: entry.body, plan: entry.plan.to_plan(&body)?, linked })
    };
    let mut plans: Vec<BodyPlan> = entries.iter().enumerate().map(plan).collect::<Result<_, _>>()?;
    plans.sort_by_key(|plan| (plan.operator, plan.body));
    Ok(plans)
}

/// Adds the shares of a tensor; its index and name were checked before.
pub(super) fn shares_of(
    graph: &Graph,
    names: &[Cow<'_, str>],
    (index, name): (usize, &str),
    list: Option<&AliasesEntry>,
    aliases: &mut Vec<Alias>,
) -> Result<(), DocumentError> {
    for alias in list.into_iter().flat_map(AliasesEntry::list) {
        let place = || format!("`shares` of tensor `{name}`");
        let of = named_in(graph, names, (alias.index, &alias.tensor), place)?;
        aliases.push(Alias {
            operator: Counts::of(graph).operator(alias.operator, place)?,
            tensor: TensorId::new(index),
            of,
            at: alias.at,
            kind: alias.kind,
        });
    }
    Ok(())
}

/// The tensor of an entry, which states its name as well.
pub(super) fn named_tensor(
    graph: &Graph,
    names: &[Cow<'_, str>],
    index: usize,
    name: &str,
) -> Result<TensorId, DocumentError> {
    let id = Counts::of(graph).tensor(index, || format!("the entry of tensor `{name}`"))?;
    if names[index] == name {
        return Ok(id);
    }
    Err(DocumentError::Name { index, planned: name.to_owned(), actual: names[index].to_string() })
}

/// A tensor to which another entry refers by index and name.
pub(super) fn named_in(
    graph: &Graph,
    names: &[Cow<'_, str>],
    (index, name): (usize, &str),
    place: impl Fn() -> String,
) -> Result<TensorId, DocumentError> {
    let id = Counts::of(graph).tensor(index, &place)?;
    if names[index] == name {
        return Ok(id);
    }
    let (tensor, other) = (name.to_owned(), names[index].to_string());
    Err(DocumentError::Alias { place: place(), index, tensor, other })
}

pub(super) fn live([start, end]: [u32; 2]) -> LiveRange {
    LiveRange { start, end }
}

/// The numbers of tensors and operators, which bound the indices of a document.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    /// `tensor`, or `buffer` for a problem.
    tensor: &'static str,
    tensors: usize,
    operators: usize,
}

impl Counts {
    pub(super) fn of(graph: &Graph) -> Self {
        Self { tensor: "tensor", tensors: graph.tensors().len(), operators: graph.operators().len() }
    }

    pub(super) fn tensor(self, index: usize, place: impl Fn() -> String) -> Result<TensorId, DocumentError> {
        check_index(self.tensor, index, self.tensors, place).map(TensorId::new)
    }

    pub(super) fn operator(
        self,
        index: usize,
        place: impl Fn() -> String,
    ) -> Result<OperatorId, DocumentError> {
        check_index("operator", index, self.operators, place).map(OperatorId::new)
    }

    pub(super) fn occupant(
        self,
        entry: OccupantEntry,
        place: impl Fn() -> String,
    ) -> Result<Occupant, DocumentError> {
        match entry {
            OccupantEntry::Tensor(index) => self.tensor(index, place).map(Occupant::Tensor),
            OccupantEntry::Scratch(index) => self.operator(index, place).map(Occupant::Scratch),
        }
    }

    /// The operators in the order of execution.
    pub(super) fn order(self, order: &[usize]) -> Result<Vec<OperatorId>, DocumentError> {
        let steps = order.iter().enumerate();
        steps.map(|(step, &index)| self.operator(index, || format!("step {step} of the order"))).collect()
    }
}

fn check_index(
    what: &'static str,
    index: usize,
    count: usize,
    place: impl Fn() -> String,
) -> Result<usize, DocumentError> {
    if index < count {
        return Ok(index);
    }
    Err(DocumentError::OutOfRange { place: place(), what, index, count })
}

fn geometry(bytes: u64, live: LiveRange, gaps: &[LiveRange]) -> String {
    let texts: Vec<String> = gaps.iter().map(LiveRange::to_string).collect();
    let but = if texts.is_empty() { "" } else { " but " };
    format!("{bytes} bytes live {live}{but}{}", texts.join(", "))
}
