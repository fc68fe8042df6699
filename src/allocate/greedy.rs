//! Greedy placement: one buffer after the other, never moved again.

use super::first_fit::first_allocation;
use super::occupancy::{Fit, Occupancy, Request};
use super::order::{Order, Orders};
use super::section_tree::SectionTree;
use super::{Allocation, Strategy};
use crate::error::Result;
use crate::ids::BufferId;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// Places buffers in a fixed order, each in a hole between those placed before
/// it. Made by the constructors, one for each order known in the field.
///
/// First fit is O(n log n) where no buffer is fixed or has gaps. The others take O(n^2) time in
/// the worst case, long lives of which many overlap, and are near O(n log n) for the lowest
/// hole where each buffer meets few others or they lie close together; O(n log n) space. See
/// `docs/algorithms.md` for what that means in practice. Fixed buffers go first.
#[derive(Clone, Copy, Debug)]
pub struct Greedy {
    name: &'static str,
    order: Order,
    fit: Fit,
}

impl Greedy {
    /// Largest first, in the lowest hole (Pisarchyk & Lee, arXiv 2001.03288).
    #[must_use]
    pub const fn by_size() -> Self {
        Self { name: "greedy-by-size", order: Order::SizeStart, fit: Fit::Lowest }
    }

    /// By the fullest step that a buffer is live at, then by size (Pisarchyk &
    /// Lee's breadth: the bytes that an operator needs at once).
    #[must_use]
    pub const fn by_breadth() -> Self {
        Self { name: "greedy-by-breadth", order: Order::BreadthSize, fit: Fit::Lowest }
    }

    /// Those that meet most others in time first (TVM's
    /// `greedy_by_conflicts`), in the lowest hole.
    #[must_use]
    pub const fn by_conflict() -> Self {
        Self { name: "greedy-by-conflict", order: Order::ConflictSize, fit: Fit::Lowest }
    }

    /// Largest product of size and length of life first, in the lowest hole.
    #[must_use]
    pub const fn by_area() -> Self {
        Self { name: "greedy-by-area", order: Order::AreaLength, fit: Fit::Lowest }
    }

    /// In the order in which they start to live, in the lowest hole: what a
    /// first-fit allocator would do at run time.
    #[must_use]
    pub const fn first_fit() -> Self {
        Self { name: "first-fit", order: Order::StartEnd, fit: Fit::Lowest }
    }

    /// In the order in which they start to live, in the smallest hole that is
    /// large enough: what a best-fit allocator would do at run time.
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

    /// Stopped before it is done, it returns the offsets of first fit, which only
    /// cancellation stops. A node is 2048 steps of inner loops.
    fn allocate(&self, problem: &Problem, limits: &Limits) -> Result<Allocation> {
        let first = first_allocation(problem, limits)?;
        if first.stop != Stop::Finished || self.choices() == Self::first_fit().choices() {
            return Ok(first);
        }
        let orders = Orders::new(problem);
        let mut placer = Placer::new(problem, &orders);
        let mut meter = Meter::new(limits, u64::MAX);
        let result = placer.place(self.order, self.fit, (u64::MAX, u64::MAX), &mut meter);
        let nodes = meter.nodes();
        Ok(match result {
            Ok(_) => Allocation { nodes, ..Allocation::new(placer.offsets) },
            Err(stop) => Allocation { nodes, stop, ..first },
        })
    }
}

/// Steps of inner loops for a block of the occupancy.
const STEPS_OF_A_VISIT: u64 = 64;

/// Places the same problem again and again, in other orders.
pub(super) struct Placer<'a> {
    problem: &'a Problem,
    orders: &'a Orders<'a>,
    occupancy: Occupancy,
    /// For the lowest hole instead of the occupancy, where that is quicker.
    tree: Option<SectionTree>,
    pub(super) offsets: Vec<u64>,
}

/// The tree of sections is quicker from so many buffers on.
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

    /// Work done so far, the same on every machine.
    pub(super) fn visits(&self) -> u64 {
        self.occupancy.visits() + self.tree.as_ref().map_or(0, |tree| tree.steps() / STEPS_OF_A_VISIT)
    }

    /// Places everything and returns the height; none as soon as it is sure to
    /// be `limit` or more, or [`visits`](Self::visits) is above `most_visits`.
    ///
    /// # Errors
    /// Why it must stop before that.
    pub(super) fn place(
        &mut self,
        order: Order,
        fit: Fit,
        (limit, most_visits): (u64, u64),
        meter: &mut Meter<'_>,
    ) -> Result<Option<u64>, Stop> {
        self.occupancy.clear();
        self.tree.iter_mut().for_each(SectionTree::clear);
        let by_tree = fit == Fit::Lowest && self.tree.is_some();
        let mut height = self.place_fixed(by_tree, meter)?;
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
            meter.charge((STEPS_OF_A_VISIT * (1 + self.visits() - before)) as usize)?;
            if height >= limit || before > most_visits {
                return Ok(None);
            }
        }
        Ok(Some(height))
    }

    fn place_fixed(&mut self, by_tree: bool, meter: &mut Meter<'_>) -> Result<u64, Stop> {
        let mut height = 0;
        for (id, buffer) in self.problem.ids().zip(self.problem.buffers()) {
            let Some(offset) = buffer.fixed_offset() else { continue };
            let before = self.visits();
            height = height.max(self.put(id, offset, by_tree));
            meter.charge((STEPS_OF_A_VISIT * (1 + self.visits() - before)) as usize)?;
        }
        Ok(height)
    }

    /// Returns where it ends.
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

/// Whether buffers are many, and not most of them fixed: fixed ones may lie apart from each other,
/// and make many ranges.
fn suits_tree(problem: &Problem) -> bool {
    let buffers = problem.buffers();
    let fixed = buffers.iter().filter(|buffer| buffer.fixed_offset().is_some()).count();
    buffers.len() >= TREE_FROM && fixed <= buffers.len() / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocate::first_fit::tests::drawn;
    use crate::random::Random;

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
                        .place(order, Fit::Lowest, (u64::MAX, u64::MAX), &mut Meter::new(&limits, u64::MAX))
                        .unwrap();
                    placer.offsets
                });
                assert_eq!(offsets[0], offsets[1], "case {case}, {order:?}: {problem:?}");
            }
        }
    }
}
