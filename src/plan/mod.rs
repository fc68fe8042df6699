//! Plans: an order, offsets and bounds, in terms of the graph.

mod pools;
mod tiled;
mod view;

pub use crate::effects::Alias;
pub(crate) use pools::key;
pub use pools::{PoolPlan, Residency, Route, Traffic, Transfer, Use};
pub use tiled::{TiledPlan, TiledPoolPlan, TilingView};
pub use view::{PlanView, ViewRow, ViewedPlan};

use std::ops::Range;

use crate::graph::{Graph, Occupant, Variables};
use crate::problem::{LiveRange, Nesting, Objects, Status, gap};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::Stop;
use crate::support::sorting::with_key;

/// The offset, size and live range of a tensor or scratch buffer in the arena.
///
/// Example: [`Plan`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Offset from the start of the arena, in bytes.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The steps at which the tensor or scratch buffer is live.
    pub live: LiveRange,
}

impl Placement {
    /// The offset of the first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// A lower bound on the arena for one order, with a certificate: tensors and scratch buffers that are
/// live at one step, or one that has a fixed offset.
///
/// Example: [`Plan`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanBound {
    /// The bound in bytes.
    pub bytes: u64,
    /// The part of the bound that the causes prove, in bytes. An exhaustive search proves the rest,
    /// for which there is no short certificate.
    pub certified: u64,
    /// The step at which the causes are live.
    pub step: u32,
    /// The tensors and scratch buffers of the certificate.
    pub causes: Vec<Occupant>,
}

/// A fixed part of the arena that several tensors use one after the other.
///
/// Example: [`Knapsack`](crate::allocate::Knapsack) and [`Merge`](crate::allocate::Merge) make shared objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize))]
pub struct SharedObject {
    /// Size in bytes.
    pub bytes: u64,
    /// Bytes from the start of the arena.
    pub offset: u64,
}

/// A tensor or scratch buffer within the memory of a larger one that is not live at the same time.
///
/// Example: [`Knapsack`](crate::allocate::Knapsack) and [`Merge`](crate::allocate::Merge) make shared objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanNesting {
    /// The smaller tensor or scratch buffer.
    pub guest: Occupant,
    /// The larger tensor or scratch buffer.
    pub host: Occupant,
    /// Offset from the start of the larger one, in bytes.
    pub at: u64,
}

/// Shared objects, and the assignment of tensors and scratch buffers to them.
///
/// Example: [`Knapsack`](crate::allocate::Knapsack) and [`Merge`](crate::allocate::Merge) make shared objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanObjects {
    /// The objects.
    pub list: Vec<SharedObject>,
    /// Index of the object of each tensor, by tensor id.
    pub of_tensor: Vec<Option<u32>>,
    /// Index of the object of each scratch buffer, by operator id.
    pub of_scratch: Vec<Option<u32>>,
    /// Merged objects: which occupants lie within which larger ones.
    pub nestings: Vec<PlanNesting>,
    /// The strategy's lower bound on the sum of object sizes. The verifier does not check it.
    pub lower_bound: u64,
}

impl PlanObjects {
    /// Index of the object of a tensor or scratch buffer.
    #[must_use]
    pub fn of(&self, occupant: Occupant) -> Option<u32> {
        match occupant {
            Occupant::Tensor(id) => self.of_tensor.get(id.index()).copied().flatten(),
            Occupant::Scratch(id) => self.of_scratch.get(id.index()).copied().flatten(),
        }
    }

    /// The sum of the sizes, in bytes.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.list.iter().map(|object| object.bytes).fold(0, u64::saturating_add)
    }
}

/// The plan of one body of an operator.
///
/// Example: [`OperatorBuilder::runs`](crate::OperatorBuilder::runs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPlan {
    /// The operator that runs the body.
    pub operator: OperatorId,
    /// Position of the body in [`Operator::bodies`](crate::Operator::bodies).
    pub body: usize,
    /// The plan of the body. Offsets count from the start of the body's memory
    /// ([`Plan::body_offset`]).
    pub plan: Plan,
    /// Inputs and outputs of the operator inside the body's memory, by offset; the same list for all
    /// bodies of an operator. If it is empty, the operator's scratch buffer is the body's memory.
    pub linked: Vec<LinkedTensor>,
}

/// An input or an output of an operator that a plan keeps inside the memory of the operator's bodies.
///
/// Its bytes are also those of the tensors that [links](crate::BodyLink) join to it. The bodies may overwrite
/// an input after their last read, and use the bytes of an output before they write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedTensor {
    /// The tensor of the graph around the body.
    pub tensor: TensorId,
    /// Offset from the start of the body's memory, in bytes.
    pub at: u64,
}

/// An order of operators, and an offset for every tensor and scratch buffer in the arena.
///
/// Plans are plain data, so that [`verify`](crate::verify::verify) can check plans from other
/// sources. Every plan that this library returns has passed the verifier.
///
/// ```
/// use plimsoll::{Graph, Occupant, Planner, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(32));
/// let pool = net.operator("pool").reads([x]).writes([y]).scratch(16).id();
/// net.output(y);
/// let plan = Planner::new().plan(&net.build()?)?;
/// assert_eq!((plan.arena_bytes, plan.bound()), (112, 112));
/// let scratch = plan.placement(Occupant::Scratch(pool)).expect("scratch is in the arena");
/// assert_eq!(scratch.bytes, 16);
/// for (occupant, placement) in plan.placements() {
///     println!("{occupant:?}: {} bytes at {}, live {}", placement.bytes, placement.offset, placement.live);
/// }
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// The operators in the order in which they run, without folded ones.
    pub order: Vec<OperatorId>,
    /// Placements by tensor id; none for tensors that are not in the arena.
    pub tensors: Vec<Option<Placement>>,
    /// Placements of scratch buffers by operator id; none for operators without a scratch buffer.
    pub scratch: Vec<Option<Placement>>,
    /// Size of the arena in bytes.
    pub arena_bytes: u64,
    /// Alignment of tensors that request none, in bytes.
    pub alignment: u64,
    /// The location of variables.
    pub variables: Variables,
    /// The capacity of the arena in bytes, if one is given.
    pub capacity: Option<u64>,
    /// Byte ranges of the arena that no tensor or scratch buffer may use, ascending.
    pub reserved: Vec<Range<u64>>,
    /// A lower bound on the arena for this order.
    pub lower_bound: PlanBound,
    /// A lower bound on the arena over all orders, in bytes; none if only this order was
    /// considered. A search proves it, for which there is no short certificate.
    pub bound_over_orders: Option<u64>,
    /// The outcome of planning.
    pub status: Status,
    /// Name of the strategy that found the offsets.
    pub strategy: String,
    /// Shared objects, if the strategy assigns them.
    pub objects: Option<PlanObjects>,
    /// The aliases: tensors that share memory while both are live, sorted by tensor.
    pub aliases: Vec<Alias>,
    /// Plans of the bodies of operators that run, sorted by operator and position. The arenas of an
    /// operator's bodies begin at the same byte ([`Plan::body_offset`]): that of the operator's scratch
    /// buffer, unless inputs or outputs lie in front of it. The memory that the operator itself needs
    /// comes after them.
    pub bodies: Vec<BodyPlan>,
    /// Number of search nodes spent.
    pub nodes: u64,
    /// The reason why the search stopped.
    pub stop: Stop,
}

impl Plan {
    /// Creates a plan for `graph` in program order that places nothing.
    #[must_use]
    pub fn unplaced(graph: &Graph) -> Self {
        Self {
            order: graph.program_order().to_vec(),
            tensors: vec![None; graph.tensors().len()],
            scratch: vec![None; graph.operators().len()],
            arena_bytes: 0,
            alignment: 1,
            variables: Variables::default(),
            capacity: None,
            reserved: Vec::new(),
            lower_bound: PlanBound::default(),
            bound_over_orders: None,
            status: Status::Feasible,
            strategy: String::new(),
            objects: None,
            aliases: Vec::new(),
            bodies: Vec::new(),
            nodes: 0,
            stop: Stop::Finished,
        }
    }

    /// Sets the shared objects to those of buffers; `occupants` are the contents of the buffers.
    pub(crate) fn set_objects(&mut self, objects: &Objects, occupants: &[Occupant]) {
        let list = objects.offsets.iter().zip(&objects.sizes);
        let nestings = objects.nestings.iter().map(|&Nesting { guest, host, at }| {
            let [guest, host] = [guest, host].map(|id| occupants[id.index()]);
            PlanNesting { guest, host, at }
        });
        let mut all = PlanObjects {
            list: list.map(|(&offset, &bytes)| SharedObject { bytes, offset }).collect(),
            of_tensor: vec![None; self.tensors.len()],
            of_scratch: vec![None; self.scratch.len()],
            nestings: nestings.collect(),
            lower_bound: objects.lower_bound,
        };
        for (occupant, object) in occupants.iter().zip(&objects.of_buffer) {
            match occupant {
                Occupant::Tensor(id) => all.of_tensor[id.index()] = *object,
                Occupant::Scratch(id) => all.of_scratch[id.index()] = *object,
            }
        }
        self.objects = Some(all);
    }

    /// The offset of a tensor in bytes; none if it is not in the arena.
    #[must_use]
    pub fn offset(&self, tensor: TensorId) -> Option<u64> {
        Some(self.placement(Occupant::Tensor(tensor))?.offset)
    }

    /// The placement of a tensor or scratch buffer; none if it is not in the arena.
    #[must_use]
    pub fn placement(&self, occupant: Occupant) -> Option<Placement> {
        match occupant {
            Occupant::Tensor(id) => self.tensors.get(id.index()).copied().flatten(),
            Occupant::Scratch(id) => self.scratch.get(id.index()).copied().flatten(),
        }
    }

    /// Places a tensor or scratch buffer in the arena, and enlarges the arena to hold it.
    ///
    /// ```
    /// use plimsoll::verify::verify;
    /// use plimsoll::{Graph, Liveness, Placement, Plan, TensorSpec, Variables};
    ///
    /// let mut net = Graph::builder("net");
    /// let x = net.input("x", TensorSpec::bytes(64));
    /// let y = net.tensor("y", TensorSpec::bytes(32));
    /// net.operator("pool").reads([x]).writes([y]).scratch(16);
    /// net.output(y);
    /// let graph = net.build()?;
    ///
    /// // A plan without any reuse of memory.
    /// let liveness = Liveness::new(&graph, graph.program_order(), 1, Variables::Arena)?;
    /// let mut plan = Plan::unplaced(&graph);
    /// for (&occupant, buffer) in liveness.occupants().iter().zip(liveness.problem().buffers()) {
    ///     let (offset, bytes, live) = (plan.arena_bytes, buffer.size(), buffer.live());
    ///     plan.set_placement(occupant, Placement { offset, bytes, live });
    /// }
    /// assert_eq!(plan.arena_bytes, 112);
    /// assert_eq!(verify(&graph, &plan), Ok(()));
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the plan was made for a graph without this tensor or operator.
    pub fn set_placement(&mut self, occupant: Occupant, placement: Placement) {
        self.arena_bytes = self.arena_bytes.max(placement.end());
        match occupant {
            Occupant::Tensor(id) => self.tensors[id.index()] = Some(placement),
            Occupant::Scratch(id) => self.scratch[id.index()] = Some(placement),
        }
    }

    /// All placements in the arena: tensors by id, then scratch buffers by operator.
    pub fn placements(&self) -> impl Iterator<Item = (Occupant, Placement)> + '_ {
        let tensors = self.tensors.iter().enumerate();
        let scratch = self.scratch.iter().enumerate();
        let tensors = tensors.filter_map(|(i, place)| Some((Occupant::Tensor(TensorId::new(i)), (*place)?)));
        let scratch =
            scratch.filter_map(|(i, place)| Some((Occupant::Scratch(OperatorId::new(i)), (*place)?)));
        tensors.chain(scratch)
    }

    /// The offset in the arena at which the bodies of an operator begin; none if the operator has no
    /// planned bodies or they need no memory.
    #[must_use]
    pub fn body_offset(&self, operator: OperatorId) -> Option<u64> {
        let body = entries_of(&self.bodies, operator).first()?;
        match body.linked.first() {
            Some(linked) => self.offset(linked.tensor)?.checked_sub(linked.at),
            None => Some(self.placement(Occupant::Scratch(operator))?.offset),
        }
    }

    /// The plans of an operator's bodies, by position.
    pub fn bodies_of(&self, operator: OperatorId) -> impl Iterator<Item = &Self> {
        bodies_of(&self.bodies, operator)
    }

    /// The arena in bytes without any reuse of memory: the sum of all sizes, without padding.
    #[must_use]
    pub fn no_reuse_bytes(&self) -> u64 {
        self.placements().map(|(_, place)| place.bytes).fold(0, u64::saturating_add)
    }

    /// The lower bound to compare the arena with, in bytes: over all orders if known, otherwise for
    /// this order.
    #[must_use]
    pub fn bound(&self) -> u64 {
        self.bound_over_orders.unwrap_or(self.lower_bound.bytes)
    }

    /// The relative distance of the arena from [`bound`](Self::bound): 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        gap(self.arena_bytes, self.bound())
    }
}

/// Size of the scratch buffer between the linked tensors of a body plan, and its offset in the memory of the
/// bodies, which ends at `end` or behind the last linked tensor.
pub(crate) fn scratch_between(
    linked: &[LinkedTensor],
    bytes: impl Fn(TensorId) -> u64,
    end: u64,
) -> (u64, u64) {
    let mut from = 0;
    for tensor in linked {
        if tensor.at != from {
            return (from, tensor.at.saturating_sub(from));
        }
        from = from.saturating_add(bytes(tensor.tensor));
    }
    (from, end.saturating_sub(from))
}

/// The plans of an operator's bodies in a list that is sorted by operator.
pub(crate) fn bodies_of(bodies: &[BodyPlan], operator: OperatorId) -> impl Iterator<Item = &Plan> {
    entries_of(bodies, operator).iter().map(|body| &body.plan)
}

/// The part of a list that is sorted by operator.
pub(crate) fn entries_of(bodies: &[BodyPlan], operator: OperatorId) -> &[BodyPlan] {
    with_key(bodies, operator, |body| body.operator)
}
