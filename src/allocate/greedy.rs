//! Greedy placement: one buffer after the other, never moved again.

use super::first_fit::first_allocation;
use super::occupancy::{Fit, Occupancy, Request};
use super::order::{Order, Orders};
use super::{Allocation, Strategy};
use crate::error::Result;
use crate::ids::BufferId;
use crate::limits::{Limits, Meter, Stop};
use crate::problem::Problem;

/// Places buffers in a fixed order, each in a hole between those placed before
/// it. Made by the constructors, one for each order known in the field.
///
/// O(n^2) time in the worst case and O(n) space; see `docs/algorithms.md` for
/// what that means in practice. Fixed buffers go first.
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
        let placed = placer.place(self.order, self.fit, u64::MAX, &mut meter);
        let nodes = meter.nodes();
        Ok(match placed {
            Ok(_) => Allocation { nodes, ..Allocation::new(placer.offsets) },
            Err(stop) => Allocation { stop, nodes, ..first },
        })
    }
}

/// Steps of inner loops for a block of the occupancy.
const STEPS_OF_A_VISIT: usize = 64;

/// Places the same problem again and again, in other orders.
pub(super) struct Placer<'a> {
    problem: &'a Problem,
    orders: &'a Orders<'a>,
    occupancy: Occupancy,
    pub(super) offsets: Vec<u64>,
}

impl<'a> Placer<'a> {
    pub(super) fn new(problem: &'a Problem, orders: &'a Orders<'a>) -> Self {
        let offsets = vec![0; problem.buffers().len()];
        Self { problem, orders, occupancy: Occupancy::default(), offsets }
    }

    /// Work done so far, the same on every machine.
    pub(super) fn visits(&self) -> u64 {
        self.occupancy.visits()
    }

    /// Places everything and returns the height; none as soon as it is sure to
    /// be `limit` or more.
    ///
    /// # Errors
    /// Why it must stop before that.
    pub(super) fn place(
        &mut self,
        order: Order,
        fit: Fit,
        limit: u64,
        meter: &mut Meter<'_>,
    ) -> Result<Option<u64>, Stop> {
        self.occupancy.clear();
        let mut height = self.place_fixed();
        for id in self.orders.sorted(order) {
            let before = self.occupancy.visits();
            let buffer = self.problem.buffer(id);
            let pieces = self.orders.timeline.pieces(id);
            let request = Request { pieces, size: buffer.size(), alignment: buffer.alignment() };
            let offset = self.occupancy.find(request, fit);
            height = height.max(self.put(id, offset));
            meter.charge(STEPS_OF_A_VISIT * (1 + self.occupancy.visits() - before) as usize)?;
            if height >= limit {
                return Ok(None);
            }
        }
        Ok(Some(height))
    }

    fn place_fixed(&mut self) -> u64 {
        let mut height = 0;
        for (id, buffer) in self.problem.ids().zip(self.problem.buffers()) {
            let Some(offset) = buffer.fixed_offset() else { continue };
            height = height.max(self.put(id, offset));
        }
        height
    }

    /// Returns where it ends.
    fn put(&mut self, id: BufferId, offset: u64) -> u64 {
        let size = self.problem.buffer(id).size();
        self.offsets[id.index()] = offset;
        if size > 0 {
            for &piece in self.orders.timeline.pieces(id) {
                self.occupancy.insert(piece, offset, size);
            }
        }
        offset + size
    }
}
