//! Merging of shared objects: small tensors inside of large ones.

mod hosts;
mod packing;
mod search;

use std::fmt;

use super::occupancy::align_up;
use super::order::Orders;
use super::{Allocation, Knapsack, Strategy, height};
use crate::bound::lower_bound;
use crate::error::{Error, Result};
use crate::ids::BufferId;
use crate::limits::{Limits, Meter, Stop};
use crate::objects::Objects;
use crate::problem::Problem;
use crate::sorting::sort_by_keys;
use packing::{Object, Packer};
use search::Search;

/// Buffer merging: from the shared objects of another strategy, objects are
/// merged so that smaller tensors sit inside the free parts, in space and time,
/// of larger ones. An object may then hold several tensors side by side. The
/// result is never larger than what it started from, and says which tensor lives
/// inside which ([`Objects::inside`]).
///
/// Objects are merged pair by pair, the smallest into where that saves most,
/// until no merge helps; then a local search moves tensors between objects and
/// packs several objects into one, until the bound of offsets is reached or the
/// node limit met (a node is a tensor placed, or a block of 64 looked at).
/// Nothing guarantees that the least is found, but the bound says how far it may
/// be. What has a fixed offset makes one object, from 0 to its end.
///
/// Published for shared buffers with savings of 15 to 35 %.
///
/// ```
/// use plimsoll::allocate::Merge;
/// use plimsoll::{Buffer, Planner, Problem};
///
/// // As whole objects 900 + 500; the late ones fit into the early one.
/// let sizes = [(900, 0..1), (400, 1..2), (500, 1..2)];
/// let buffers = sizes.map(|(size, live)| Buffer::new(size, live)).to_vec();
/// let solution = Planner::new().strategy(Merge::new()).solve(&Problem::new(buffers)?)?;
/// assert_eq!(solution.height, 900);
/// # Ok::<(), plimsoll::Error>(())
/// ```
pub struct Merge {
    start: Box<dyn Strategy>,
    seed: u64,
}

/// Nodes where the limits name no number, besides those of the start.
const DEFAULT_NODES: u64 = 1_000_000;

impl Default for Merge {
    fn default() -> Self {
        Self { start: Box::new(Knapsack::new()), seed: 0 }
    }
}

impl fmt::Debug for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merge").field("start", &self.start.name()).field("seed", &self.seed).finish()
    }
}

impl Merge {
    /// Merges the objects of [`Knapsack`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Merges the objects of this strategy. If it has none, its whole arena
    /// counts as one.
    #[must_use]
    pub fn of(strategy: impl Strategy + 'static) -> Self {
        Self { start: Box::new(strategy), seed: 0 }
    }

    /// Another local search.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The objects to merge: of what may lie anywhere, those of the first
    /// strategy; what is fixed is one more.
    fn start(&self, problem: &Problem, limits: &Limits) -> Result<Start> {
        let is_fixed = |id: &BufferId| problem.buffer(*id).fixed_offset().is_some();
        let (fixed, free): (Vec<_>, Vec<_>) = problem.ids().partition(is_fixed);
        let limits = limits.clone().share(2);
        if fixed.is_empty() {
            let whole = self.start.allocate(problem, &limits)?;
            self.check(problem, &whole)?;
            // Told to stop, it is at once.
            let objects = if is_told(whole.stop) { Vec::new() } else { objects_of(problem, &free, &whole) };
            return Ok(Start { objects, nodes: whole.nodes, stop: whole.stop, whole: Some(whole) });
        }
        let rest = part_of(problem, &free)?;
        let part = self.start.allocate(&rest, &limits)?;
        self.check(&rest, &part)?;
        let pinned = fixed.into_iter().map(|id| (id, problem.buffer(id).fixed_offset().unwrap_or(0)));
        let mut objects = objects_of(problem, &free, &part);
        objects.push(Object::of(pinned.collect(), true, problem));
        Ok(Start { objects, nodes: part.nodes, stop: part.stop, whole: None })
    }

    /// Where a strategy of someone else's is the start, what it returns need not
    /// be in order; whether it is right is for the verifier to say.
    fn check(&self, problem: &Problem, allocation: &Allocation) -> Result<()> {
        let expected = problem.buffers().len();
        let objects = allocation.objects.as_ref().map(|objects| objects.of_buffer.len());
        let got = [allocation.offsets.len(), objects.unwrap_or(expected)];
        if let Some(got) = got.into_iter().find(|&got| got != expected) {
            return Err(self.refused(&format!("gave places or objects to {got} of {expected} buffers")));
        }
        let ends = |id: &BufferId| allocation.offsets[id.index()].checked_add(problem.buffer(*id).size());
        match problem.ids().find(|id| ends(id).is_none()) {
            Some(id) => Err(self.refused(&format!("put buffer `{}` beyond 2^64-1 bytes", problem.name(id)))),
            None => Ok(()),
        }
    }

    fn refused(&self, what: &str) -> Error {
        let reason = format!("strategy `{}` {what}", self.start.name());
        Error::Refused { strategy: self.name().to_owned(), reason }
    }
}

/// Whether that is to be obeyed at once.
fn is_told(stop: Stop) -> bool {
    matches!(stop, Stop::Deadline | Stop::Cancelled)
}

/// What there is before anything is merged.
struct Start {
    /// None are named if the strategy was told to stop and returned the whole.
    objects: Vec<Object>,
    /// What the strategy returned, if nothing is fixed.
    whole: Option<Allocation>,
    nodes: u64,
    stop: Stop,
}

fn part_of(problem: &Problem, ids: &[BufferId]) -> Result<Problem> {
    let buffers = ids.iter().map(|&id| problem.buffer(id).clone()).collect();
    Problem::named(buffers, ids.iter().map(|&id| problem.name(id)).collect())
}

/// The objects of an allocation of these buffers; without any, its whole arena.
fn objects_of(problem: &Problem, ids: &[BufferId], allocation: &Allocation) -> Vec<Object> {
    let group = |place: usize| match &allocation.objects {
        Some(objects) => objects.of_buffer[place].map_or((1u64, place), |object| (0, object as usize)),
        None => (0, 0),
    };
    let with_size = (0..ids.len()).filter(|&place| problem.buffer(ids[place]).size() > 0);
    let mut keyed: Vec<_> = with_size.map(|place| (group(place), place)).collect();
    sort_by_keys(&mut keyed, |&((kind, number), _)| [kind, number as u64]);
    let groups = keyed.chunk_by(|a, b| a.0 == b.0).map(|group| {
        let placed = group.iter().map(|&(_, place)| (ids[place], allocation.offsets[place]));
        unplaced(placed.collect(), problem)
    });
    groups.collect()
}

/// An object that starts at the last place below its tensors at which all of
/// them are aligned.
fn unplaced(mut members: Vec<(BufferId, u64)>, problem: &Problem) -> Object {
    let alignment = members.iter().map(|&(id, _)| problem.buffer(id).alignment()).max().unwrap_or(1);
    let lowest = members.iter().map(|&(_, offset)| offset).min().unwrap_or(0);
    for (_, offset) in &mut members {
        *offset -= lowest & !(alignment - 1);
    }
    Object::of(members, false, problem)
}

impl Strategy for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        if let Some(id) = problem.ids().find(|&id| !problem.buffer(id).gaps().is_empty()) {
            let reason = format!("buffer `{}` has gaps, which objects do not know", problem.name(id));
            return Err(Error::Refused { strategy: self.name().to_owned(), reason });
        }
        let Start { objects, whole, nodes, stop } = self.start(problem, limits)?;
        let whole = match whole {
            Some(first) if is_told(stop) => return Ok(Allocation { nodes, stop, ..first }),
            whole => whole,
        };
        let bound = lower_bound(problem).bytes;
        if is_told(stop) {
            return Ok(Allocation { nodes, stop, ..lay_out(problem, objects, bound) });
        }
        let first = whole.unwrap_or_else(|| lay_out(problem, objects.clone(), bound));
        let mut meter = Meter::new(limits, nodes.saturating_add(DEFAULT_NODES));
        let (objects, stop) = merged(problem, objects, (self.seed, bound), nodes, &mut meter);
        let nodes = meter.nodes();
        let Some(objects) = objects else { return Ok(Allocation { nodes, stop, ..first }) };
        let of_start = first.objects.as_ref().map_or(&[][..], |objects| &objects.of_buffer);
        let mut merged = lay_out(problem, objects, bound);
        if let Some(objects) = &mut merged.objects {
            objects.inside = hosts::find(problem, &merged.offsets, &objects.of_buffer, of_start);
        }
        // Paddings of layouts that are not ours, and beside what is fixed, are
        // not in the sum that was searched for.
        let worse = height(problem, &merged.offsets) > height(problem, &first.offsets);
        let best = if worse { first } else { merged };
        Ok(Allocation { nodes, stop, ..best })
    }
}

/// What the search makes of objects, after so many nodes; none if it is told to stop before
/// it begins.
fn merged(
    problem: &Problem,
    objects: Vec<Object>,
    (seed, bound): (u64, u64),
    nodes: u64,
    meter: &mut Meter<'_>,
) -> (Option<Vec<Object>>, Stop) {
    if let Err(stop) = meter.spend(nodes) {
        return (Some(objects).filter(|_| !is_told(stop)), stop);
    }
    let orders = Orders::new(problem);
    let packer = Packer::new(problem, &orders.timeline.sections);
    let mut search = match Search::new(objects, packer, &orders, (seed, bound), meter) {
        Ok(search) => search,
        Err(stop) => return (None, stop),
    };
    let stop = search.run(meter).err().unwrap_or(Stop::Finished);
    (Some(search.objects), stop)
}

/// Objects one after the other: what is pinned, then those of large alignment;
/// last the one of the rest whose size is least a multiple of its alignment.
/// Each reaches to the next.
fn lay_out(problem: &Problem, mut objects: Vec<Object>, bound: u64) -> Allocation {
    sort_by_keys(&mut objects, |object| {
        let first = object.members.iter().map(|&(id, _)| id.index()).min();
        [!object.height, first.map_or(0, |id| id as u64)]
    });
    let class = |object: &Object| if object.pinned { 0 } else { !object.alignment };
    sort_by_keys(&mut objects, |object| [class(object), object.padding()]);
    let mut offsets: Vec<u64> =
        problem.buffers().iter().map(|buffer| buffer.fixed_offset().unwrap_or(0)).collect();
    let mut of_buffer = vec![None; offsets.len()];
    let mut starts = Vec::with_capacity(objects.len());
    let mut top = 0;
    for (number, object) in objects.iter().enumerate() {
        let start = if object.pinned { 0 } else { align_up(top, object.alignment) };
        for &(id, offset) in &object.members {
            offsets[id.index()] = start + offset;
            of_buffer[id.index()] = Some(number as u32).filter(|_| problem.buffer(id).size() > 0);
        }
        starts.push(start);
        top = start + object.height;
    }
    let ends = starts.iter().copied().skip(1).chain([top]);
    let sizes = starts.iter().zip(ends).map(|(start, end)| end - start).collect();
    let mut shared = Objects::new(of_buffer, sizes, starts);
    shared.lower_bound = bound;
    Allocation { objects: Some(shared), ..Allocation::new(offsets) }
}
