//! Greedy placement: one buffer after the other, without moving any again.

use super::first_fit::first_allocation;
use super::occupancy::{Fit, Occupancy, Request};
use super::order::{Order, Orders};
use super::section_tree::SectionTree;
use super::{Allocation, Strategy};
use crate::error::Result;
use crate::problem::Problem;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Limits, Stop};

/// Places buffers in a fixed order, each in a hole between those placed before. The constructors
/// give the orders known in the literature.
///
/// First fit takes O(n log n) if no buffer is fixed or has gaps. The others take O(n^2) time in
/// the worst case, when many long live ranges overlap; with the lowest hole they take nearly
/// O(n log n) if each buffer overlaps few others in time or they lie close together. Space is
/// O(n log n). `docs/algorithms.md` has measurements. Fixed buffers are placed first.
///
/// Example: [`by_name`](crate::allocate::by_name) runs all strategies.
#[derive(Clone, Copy, Debug)]
pub struct Greedy {
    name: &'static str,
    order: Order,
    fit: Fit,
}

impl Greedy {
    /// Largest size first, in the lowest hole (Pisarchyk & Lee, arXiv 2001.03288).
    #[must_use]
    pub const fn by_size() -> Self {
        Self { name: "greedy-by-size", order: Order::SizeStart, fit: Fit::Lowest }
    }

    /// By the largest load of the steps at which a buffer is live, then by size, in the lowest
    /// hole (breadth of Pisarchyk & Lee: the bytes that an operator needs at the same time).
    #[must_use]
    pub const fn by_breadth() -> Self {
        Self { name: "greedy-by-breadth", order: Order::BreadthSize, fit: Fit::Lowest }
    }

    /// Buffers with most conflicts in time first (`greedy_by_conflicts` of TVM), in the lowest
    /// hole.
    #[must_use]
    pub const fn by_conflict() -> Self {
        Self { name: "greedy-by-conflict", order: Order::ConflictSize, fit: Fit::Lowest }
    }

    /// Largest product of size and live steps first, in the lowest hole.
    #[must_use]
    pub const fn by_area() -> Self {
        Self { name: "greedy-by-area", order: Order::AreaLength, fit: Fit::Lowest }
    }

    /// In order of start, in the lowest hole, as a first-fit allocator at run time.
    #[must_use]
    pub const fn first_fit() -> Self {
        Self { name: "first-fit", order: Order::StartEnd, fit: Fit::Lowest }
    }

    /// In order of start, in the smallest hole that is large enough, as a best-fit allocator at
    /// run time.
    #[must_use]
    pub const fn best_fit() -> Self {
        Self { name: "best-fit", order: Order::StartEnd, fit: Fit::Tightest }
    }

    pub(super) const fn choices(self) -> (Order, Fit) {
        (self.order, self.fit)
    }
}

impl Strategy for Greedy {
    fn name(&self) -> &str {
        self.name
    }

    /// If a limit stops it, the result is first fit, which only cancellation stops. One node is
    /// 2048 steps of inner loops.
    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let first = first_allocation(problem, limits)?;
        if first.stop != Stop::Finished || self.choices() == Self::first_fit().choices() {
            return Ok(first);
        }
        let orders = Orders::new(problem);
        let mut placer = Placer::new(problem, &orders);
        let mut budget = Budget::new(limits, u64::MAX);
        let result = placer.place(self.order, self.fit, (u64::MAX, u64::MAX), &mut budget);
        let nodes = budget.nodes();
        Ok(match result {
            Ok(_) => Allocation { nodes, ..Allocation::new(placer.offsets) },
            Err(stop) => Allocation { nodes, stop, ..first },
        })
    }
}

/// Steps of inner loops per visited block of the occupancy.
const STEPS_OF_A_VISIT: u64 = 64;

/// Places one problem repeatedly, in different orders, and reuses its memory.
pub(super) struct Placer<'a> {
    problem: &'a Problem,
    orders: &'a Orders<'a>,
    occupancy: Occupancy,
    /// Replaces the occupancy for the lowest hole where that is faster.
    tree: Option<SectionTree>,
    pub(super) offsets: Vec<u64>,
}

/// Number of buffers from which on the section tree is faster.
const TREE_FROM: usize = 2_000;

impl<'a> Placer<'a> {
    pub(super) fn new(problem: &'a Problem, orders: &'a Orders<'a>) -> Self {
        let offsets = vec![0; problem.buffers().len()];
        let tree = suits_tree(problem).then(|| {
            let sizes = problem.buffers().iter().map(crate::problem::Buffer::size).filter(|&size| size > 0);
            SectionTree::new(orders.timeline.section_count(), sizes.min().unwrap_or(1))
        });
        Self { problem, orders, occupancy: Occupancy::default(), tree, offsets }
    }

    /// Work so far, in visited blocks; independent of the machine.
    pub(super) fn visits(&self) -> u64 {
        self.occupancy.visits() + self.tree.as_ref().map_or(0, |tree| tree.steps() / STEPS_OF_A_VISIT)
    }

    /// Places all buffers and returns the height. Returns `None` as soon as the height is known
    /// to be at least `limit` or [`visits`](Self::visits) exceed `most_visits`.
    pub(super) fn place(
        &mut self,
        order: Order,
        fit: Fit,
        (limit, most_visits): (u64, u64),
        budget: &mut Budget<'_>,
    ) -> Result<Option<u64>, Stop> {
        self.occupancy.clear();
        self.tree.iter_mut().for_each(SectionTree::clear);
        let by_tree = fit == Fit::Lowest && self.tree.is_some();
        let mut height = self.place_fixed(by_tree, budget)?;
        for id in self.orders.sorted(order) {
            let before = self.visits();
            let buffer = self.problem.buffer(id);
            let pieces = self.orders.timeline.pieces(id);
            let request = Request { pieces, size: buffer.size(), alignment: buffer.alignment() };
            let offset = match &mut self.tree {
                Some(tree) if by_tree => tree.lowest(pieces, buffer.size(), buffer.alignment()),
                _ => self.occupancy.find(request, fit),
            };
            height = height.max(self.put(id, offset, by_tree));
            budget.charge((STEPS_OF_A_VISIT * (1 + self.visits() - before)) as usize)?;
            if height >= limit || before > most_visits {
                return Ok(None);
            }
        }
        Ok(Some(height))
    }

    fn place_fixed(&mut self, by_tree: bool, budget: &mut Budget<'_>) -> Result<u64, Stop> {
        let mut height = 0;
        for (id, buffer) in self.problem.iter() {
            let Some(offset) = buffer.fixed_offset() else { continue };
            let before = self.visits();
            height = height.max(self.put(id, offset, by_tree));
            budget.charge((STEPS_OF_A_VISIT * (1 + self.visits() - before)) as usize)?;
        }
        Ok(height)
    }

    /// Places a buffer and returns its end.
    fn put(&mut self, id: BufferId, offset: u64, by_tree: bool) -> u64 {
        let size = self.problem.buffer(id).size();
        self.offsets[id.index()] = offset;
        if size > 0 {
            for &piece in self.orders.timeline.pieces(id) {
                match &mut self.tree {
                    Some(tree) if by_tree => tree.insert(piece, offset, size),
                    _ => self.occupancy.insert(piece, offset, size),
                }
            }
        }
        offset + size
    }
}

/// Returns whether the problem has many buffers, of which few are fixed. Fixed buffers may be far apart
/// and split the sets of the tree into many ranges.
fn suits_tree(problem: &Problem) -> bool {
    let buffers = problem.buffers();
    let fixed = buffers.iter().filter(|buffer| buffer.fixed_offset().is_some()).count();
    buffers.len() >= TREE_FROM && fixed <= buffers.len() / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocate::first_fit::tests::drawn;
    use crate::support::random::Random;

    /// Fixed buffers, gaps, mixed alignments and sizes of zero, in several orders.
    #[test]
    fn the_tree_of_sections_finds_the_holes_of_the_occupancy() {
        let (mut random, limits) = (Random::new(3), Limits::new());
        for case in 0..2000 {
            let problem = drawn(&mut random);
            let orders = Orders::new(&problem);
            let sizes = problem.buffers().iter().map(crate::problem::Buffer::size).filter(|&size| size > 0);
            let smallest = sizes.min().unwrap_or(1);
            for order in [Order::SizeStart, Order::ConflictSize, Order::StartEnd] {
                let offsets = [true, false].map(|by_tree| {
                    let mut placer = Placer::new(&problem, &orders);
                    let tree = SectionTree::new(orders.timeline.section_count(), smallest);
                    placer.tree = by_tree.then_some(tree);
                    placer
                        .place(order, Fit::Lowest, (u64::MAX, u64::MAX), &mut Budget::new(&limits, u64::MAX))
                        .unwrap();
                    placer.offsets
                });
                assert_eq!(offsets[0], offsets[1], "case {case}, {order:?}: {problem:?}");
            }
        }
    }
}
