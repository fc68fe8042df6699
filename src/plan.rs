//! The result, in the graph's terms.

use std::fmt;
use std::ops::Range;

use crate::graph::Graph;
use crate::ids::{OperatorId, TensorId};
use crate::limits::Stop;
use crate::occupant::{Occupant, Variables};
use crate::problem::LiveRange;

/// What is known of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// The arena is as low as the lower bound: no offsets need less.
    Optimal,
    /// A right plan; a lower one may or may not exist.
    Feasible,
    /// Nothing fits the capacity, as the lower bound is larger. The plan is there
    /// all the same: a right one that needs more.
    Infeasible,
    /// The lowest arena found is larger than the capacity, but the lower bound is
    /// not: something else may fit.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Optimal => "optimal",
            Status::Feasible => "feasible",
            Status::Infeasible => "infeasible",
            Status::Unknown => "unknown",
        })
    }
}

impl Status {
    /// Whether the arena is within the capacity, if there is one.
    #[must_use]
    pub fn fits(self) -> bool {
        matches!(self, Status::Optimal | Status::Feasible)
    }

    pub(crate) fn of(height: u64, lower_bound: u64, capacity: Option<u64>) -> Self {
        let capacity = capacity.unwrap_or(u64::MAX);
        if lower_bound > capacity {
            Status::Infeasible
        } else if height > capacity {
            Status::Unknown
        } else if height == lower_bound {
            Status::Optimal
        } else {
            Status::Feasible
        }
    }
}

/// Where something lies in the arena, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The steps at which it is live.
    pub live: LiveRange,
}

impl Placement {
    /// The first byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// No arena is smaller for this order, and what causes that: all of these are
/// live at one step, or one of them has a fixed offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanBound {
    /// The bound in bytes.
    pub bytes: u64,
    /// What the causes show of it. What is above, an exhaustive search has shown,
    /// which has no short certificate.
    pub certified: u64,
    /// The step at which the causes are live.
    pub step: u32,
    /// Who causes it.
    pub causes: Vec<Occupant>,
}

/// A fixed part of the arena that several tensors share, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedObject {
    /// Bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// A tensor or workspace in the memory of a larger one, which is not live at the
/// same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanInside {
    /// The smaller one.
    pub guest: Occupant,
    /// The larger one.
    pub host: Occupant,
    /// Bytes from the start of the larger one.
    pub at: u64,
}

pub use crate::effects::Share;

/// Shared objects, and who is in which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanObjects {
    /// The objects, by number.
    pub list: Vec<SharedObject>,
    /// The object of each tensor, by tensor id.
    pub of_tensor: Vec<Option<u32>>,
    /// The object of each workspace, by operator id.
    pub of_scratch: Vec<Option<u32>>,
    /// Where objects were merged: what was put into what.
    pub inside: Vec<PlanInside>,
    /// No sharing of objects has a smaller sum of sizes, says the strategy; not
    /// checked by the verifier.
    pub lower_bound: u64,
}

impl PlanObjects {
    /// The object of an occupant.
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

/// The plan of a body of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyPlan {
    /// The operator that runs the body.
    pub operator: OperatorId,
    /// Position of the body in [`Operator::bodies`](crate::Operator::bodies).
    pub body: usize,
    /// The plan of the body; offsets count from the start of the operator's workspace.
    pub plan: Plan,
}

/// An order, and a place for everything that needs one.
///
/// It is plain data, so a plan from elsewhere can be filled in and given to
/// [`verify`](crate::verify::verify). Plans that this library returns have
/// passed that check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plan {
    /// Operators in the order to run; folded ones are left out.
    pub order: Vec<OperatorId>,
    /// By tensor id; none for what needs no place in the arena.
    pub tensors: Vec<Option<Placement>>,
    /// Workspaces by operator id; none for operators that need none.
    pub scratch: Vec<Option<Placement>>,
    /// Size of the arena in bytes.
    pub arena_bytes: u64,
    /// Alignment of what asks for none.
    pub alignment: u64,
    /// Where variables live.
    pub variables: Variables,
    /// Bytes that there are, if that was said.
    pub capacity: Option<u64>,
    /// Ranges of the arena that nothing may use, in bytes from its start, ascending.
    pub reserved: Vec<Range<u64>>,
    /// No arena is smaller than this for this order.
    pub lower_bound: PlanBound,
    /// No arena of any order is smaller than this; none if only this order was looked at.
    /// Found by a search, which has no short certificate.
    pub bound_over_orders: Option<u64>,
    /// What is known of it.
    pub status: Status,
    /// The strategy that found the offsets.
    pub strategy: String,
    /// Shared objects, if the strategy thinks in them.
    pub objects: Option<PlanObjects>,
    /// Tensors that share memory while both are needed, by tensor.
    pub shares: Vec<Share>,
    /// Plans of the bodies of operators that run, by operator and position. They lie at the start of
    /// the operator's workspace, one over the other, before what the operator itself needs.
    pub bodies: Vec<BodyPlan>,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the search for it stopped.
    pub stop: Stop,
}

impl Plan {
    /// A plan for `graph` that places nothing yet, in file order.
    #[must_use]
    pub fn unplaced(graph: &Graph) -> Self {
        Self {
            order: graph.file_order().to_vec(),
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
            shares: Vec::new(),
            bodies: Vec::new(),
            nodes: 0,
            stop: Stop::Finished,
        }
    }

    /// The tensor's offset in bytes; none if it has no place in the arena.
    #[must_use]
    pub fn offset(&self, tensor: TensorId) -> Option<u64> {
        Some(self.placement(Occupant::Tensor(tensor))?.offset)
    }

    /// Where an occupant lies; none if it has no place in the arena.
    #[must_use]
    pub fn placement(&self, occupant: Occupant) -> Option<Placement> {
        match occupant {
            Occupant::Tensor(id) => self.tensors.get(id.index()).copied().flatten(),
            Occupant::Scratch(id) => self.scratch.get(id.index()).copied().flatten(),
        }
    }

    /// Everything in the arena: tensors by id, then workspaces by operator.
    pub fn placements(&self) -> impl Iterator<Item = (Occupant, Placement)> + '_ {
        let tensors = self.tensors.iter().enumerate();
        let scratch = self.scratch.iter().enumerate();
        let tensors = tensors.filter_map(|(i, place)| Some((Occupant::Tensor(TensorId::new(i)), (*place)?)));
        let scratch =
            scratch.filter_map(|(i, place)| Some((Occupant::Scratch(OperatorId::new(i)), (*place)?)));
        tensors.chain(scratch)
    }

    /// Plans of an operator's bodies, by position.
    pub fn bodies_of(&self, operator: OperatorId) -> impl Iterator<Item = &Self> {
        bodies_of(&self.bodies, operator)
    }

    /// Bytes that the arena would need if nothing shared memory, without
    /// paddings.
    #[must_use]
    pub fn no_reuse_bytes(&self) -> u64 {
        self.placements().map(|(_, place)| place.bytes).fold(0, u64::saturating_add)
    }

    /// What the arena is measured by: over all orders, or else for this one, no arena is
    /// smaller.
    #[must_use]
    pub fn bound(&self) -> u64 {
        self.bound_over_orders.unwrap_or(self.lower_bound.bytes)
    }

    /// How far the arena is above [`bound`](Self::bound): 0.01 is one percent.
    #[must_use]
    pub fn gap(&self) -> f64 {
        gap(self.arena_bytes, self.bound())
    }
}

/// Plans of an operator's bodies in a list by operator.
pub(crate) fn bodies_of(bodies: &[BodyPlan], operator: OperatorId) -> impl Iterator<Item = &Plan> {
    let from = bodies.partition_point(|one| one.operator < operator);
    bodies[from..].iter().take_while(move |one| one.operator == operator).map(|one| &one.plan)
}

/// How far `height` is above `bound`, relative to the bound.
pub(crate) fn gap(height: u64, bound: u64) -> f64 {
    match bound {
        0 => 0.0,
        bound => height as f64 / bound as f64 - 1.0,
    }
}
