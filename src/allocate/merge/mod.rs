//! Merging of shared objects: small tensors in the free parts of large objects.

mod hosts;
mod packing;
mod search;

use super::order::Orders;
use super::{Allocation, Knapsack, Strategy};
use crate::error::{Error, Refusal, Result};
use crate::problem::{Objects, Problem, lower_bound};
use crate::support::arithmetic::align_up;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::sorting::sort_by_keys;
use packing::{ObjectPacker, PackedObject};
use search::MergeSearch;

/// Buffer merging: merges the shared objects of another strategy, so that small tensors lie in
/// the free parts, in space and time, of larger ones.
///
/// An object may then hold several tensors side by side. The result is never larger than that of
/// the first strategy, and [`Objects::nestings`] lists the tensors that lie inside others.
///
/// Objects are merged in pairs, the smallest into the one where that saves most, until no merge
/// helps. Then a local search moves tensors between objects and packs several objects into one,
/// until it reaches the lower bound of offsets or the node limit (a node is a tensor placed or a
/// block of 64 searched). The result need not be optimal; the lower bound limits the
/// difference. All buffers with fixed offsets form one object, from 0 to their end.
///
/// Published results for shared buffers are savings of 15 to 35 %.
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
#[derive(Debug)]
pub struct Merge {
    start: Box<dyn Strategy>,
    seed: u64,
}

/// Default number of nodes, in addition to those of the first strategy.
const DEFAULT_NODES: u64 = 1_000_000;

impl Default for Merge {
    fn default() -> Self {
        Self { start: Box::new(Knapsack::new()), seed: 0 }
    }
}

impl Merge {
    /// Merges the objects of [`Knapsack`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Merges the objects of the given strategy. An arena without objects counts as one object.
    #[must_use]
    pub fn of(strategy: impl Strategy + 'static) -> Self {
        Self { start: Box::new(strategy), seed: 0 }
    }

    /// Sets the random seed of the local search. Equal seeds give equal results.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Computes the objects to merge: those of the first strategy for buffers without fixed
    /// offsets, and one object for the fixed ones.
    fn start(&self, problem: &Problem, limits: &Limits) -> Result<MergeStart> {
        let is_fixed = |id: &BufferId| problem.buffer(*id).fixed_offset().is_some();
        let (fixed, free): (Vec<_>, Vec<_>) = problem.ids().partition(is_fixed);
        let limits = limits.clone().share(2);
        if fixed.is_empty() {
            let whole = self.start.allocate(problem, &limits)?;
            self.check(problem, &whole)?;
            // After a deadline or cancellation, the result is returned without merging.
            let objects = if must_stop(whole.stop) { Vec::new() } else { objects_of(problem, &free, &whole) };
            return Ok(MergeStart { objects, nodes: whole.nodes, stop: whole.stop, whole: Some(whole) });
        }
        let rest = part_of(problem, &free)?;
        let part = self.start.allocate(&rest, &limits)?;
        self.check(&rest, &part)?;
        let pinned = fixed.into_iter().map(|id| (id, problem.buffer(id).fixed_offset().unwrap_or(0)));
        let mut objects = objects_of(problem, &free, &part);
        objects.push(PackedObject::of(pinned.collect(), true, problem));
        Ok(MergeStart { objects, nodes: part.nodes, stop: part.stop, whole: None })
    }

    /// Checks the sizes and sums of a result, which may come from a user's strategy. The verifier
    /// checks later whether the result is valid.
    fn check(&self, problem: &Problem, allocation: &Allocation) -> Result<()> {
        let expected = problem.buffers().len();
        let objects = allocation.objects.as_ref().map(|objects| objects.of_buffer.len());
        let got = [allocation.offsets.len(), objects.unwrap_or(expected)];
        if let Some(got) = got.into_iter().find(|&got| got != expected) {
            return Err(self.refused(&format!("returned offsets or objects for {got} of {expected} buffers")));
        }
        let ends = |id: &BufferId| allocation.offsets[id.index()].checked_add(problem.buffer(*id).size());
        match problem.ids().find(|id| ends(id).is_none()) {
            Some(id) => {
                Err(self.refused(&format!("placed buffer `{}` beyond 2^64-1 bytes", problem.name(id))))
            }
            None => Ok(()),
        }
    }

    fn refused(&self, problem: &str) -> Error {
        Error::refused(self.name(), format!("strategy `{}` {problem}", self.start.name()))
    }
}

/// Returns whether to stop at once, without any further phase.
fn must_stop(stop: Stop) -> bool {
    matches!(stop, Stop::Deadline | Stop::Cancelled)
}

/// The objects before any merge.
struct MergeStart {
    /// Empty if the strategy had to stop at once and returned a whole allocation.
    objects: Vec<PackedObject>,
    /// Allocation of the first strategy, if no buffer has a fixed offset.
    whole: Option<Allocation>,
    nodes: u64,
    stop: Stop,
}

fn part_of(problem: &Problem, ids: &[BufferId]) -> Result<Problem> {
    let buffers = ids.iter().map(|&id| problem.buffer(id).clone()).collect();
    Problem::named(buffers, ids.iter().map(|&id| problem.name(id)).collect())
}

/// Objects of an allocation of these buffers; without objects, the whole arena is one.
fn objects_of(problem: &Problem, ids: &[BufferId], allocation: &Allocation) -> Vec<PackedObject> {
    let group = |index: usize| match &allocation.objects {
        Some(objects) => objects.of_buffer[index].map_or((1u64, index), |object| (0, object as usize)),
        None => (0, 0),
    };
    let with_size = (0..ids.len()).filter(|&index| problem.buffer(ids[index]).size() > 0);
    let mut keyed: Vec<_> = with_size.map(|index| (group(index), index)).collect();
    sort_by_keys(&mut keyed, |&((kind, number), _)| [kind, number as u64]);
    let groups = keyed.chunk_by(|a, b| a.0 == b.0).map(|group| {
        let placed = group.iter().map(|&(_, index)| (ids[index], allocation.offsets[index]));
        unplaced(placed.collect(), problem)
    });
    groups.collect()
}

/// Creates an object from placed tensors. It starts at the last offset below them at which all
/// keep their alignments.
fn unplaced(mut members: Vec<(BufferId, u64)>, problem: &Problem) -> PackedObject {
    let alignment = members.iter().map(|&(id, _)| problem.buffer(id).alignment()).max().unwrap_or(1);
    let lowest = members.iter().map(|&(_, offset)| offset).min().unwrap_or(0);
    for (_, offset) in &mut members {
        *offset -= lowest & !(alignment - 1);
    }
    PackedObject::of(members, false, problem)
}

impl Strategy for Merge {
    fn name(&self) -> &'static str {
        "merge"
    }

    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        if let Some(id) = problem.ids().find(|&id| !problem.buffer(id).gaps().is_empty()) {
            let reason = Refusal::Gaps { buffer: problem.named_buffer(id) };
            return Err(Error::Refused { strategy: self.name().to_owned(), reason });
        }
        let MergeStart { objects, whole, nodes, stop } = self.start(problem, limits)?;
        let whole = match whole {
            Some(first) if must_stop(stop) => return Ok(Allocation { nodes, stop, ..first }),
            whole => whole,
        };
        // The lower bound of offsets holds for merged objects as well, since their tensors have
        // offsets.
        let bound = lower_bound(problem).bytes;
        if must_stop(stop) {
            return Ok(Allocation { nodes, stop, ..lay_out(problem, objects, bound) });
        }
        let first = whole.unwrap_or_else(|| lay_out(problem, objects.clone(), bound));
        let mut budget = Budget::new(limits, nodes.saturating_add(DEFAULT_NODES));
        let (objects, stop) = merged(problem, objects, (self.seed, bound), nodes, &mut budget);
        let nodes = budget.nodes();
        let Some(objects) = objects else { return Ok(Allocation { nodes, stop, ..first }) };
        let of_start = first.objects.as_ref().map_or(&[][..], |objects| &objects.of_buffer);
        let mut merged = lay_out(problem, objects, bound);
        if let Some(objects) = &mut merged.objects {
            objects.nestings = hosts::find(problem, &merged.offsets, &objects.of_buffer, of_start);
        }
        // The sum of sizes, which the search minimises, leaves out the padding of other layouts
        // and next to fixed buffers.
        let worse = problem.height(&merged.offsets) > problem.height(&first.offsets);
        let best = if worse { first } else { merged };
        Ok(Allocation { nodes, stop, ..best })
    }
}

/// Searches from the given objects, after `nodes` nodes spent by the first strategy. Returns
/// `None` if it must stop before it begins.
fn merged(
    problem: &Problem,
    objects: Vec<PackedObject>,
    (seed, bound): (u64, u64),
    nodes: u64,
    budget: &mut Budget<'_>,
) -> (Option<Vec<PackedObject>>, Stop) {
    if let Err(stop) = budget.spend(nodes) {
        return (Some(objects).filter(|_| !must_stop(stop)), stop);
    }
    let orders = Orders::new(problem);
    let packer = ObjectPacker::new(problem, &orders.timeline.sections);
    let mut search = match MergeSearch::new(objects, packer, &orders, (seed, bound), budget) {
        Ok(search) => search,
        Err(stop) => return (None, stop),
    };
    let stop = search.run(budget).err().unwrap_or(Stop::Finished);
    (Some(search.objects), stop)
}

/// Lays out objects one after the other: the pinned one first, then those of large alignment,
/// and last the one with the largest padding among those of the smallest alignment. The size of
/// each object extends to the start of the next.
fn lay_out(problem: &Problem, mut objects: Vec<PackedObject>, bound: u64) -> Allocation {
    sort_by_keys(&mut objects, |object| {
        let first = object.members.iter().map(|&(id, _)| id.index()).min();
        [!object.height, first.map_or(0, |id| id as u64)]
    });
    let class = |object: &PackedObject| if object.pinned { 0 } else { !object.alignment };
    sort_by_keys(&mut objects, |object| [class(object), object.padding()]);
    let mut offsets = problem.fixed_offsets();
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
