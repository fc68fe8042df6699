//! Branch and bound over the intervals to keep.

use super::bound::{Membership, NodeBound, Relaxation};
use super::fill::Filling;
use super::improve::Improver;
use crate::allocate::knapsack::{SharingVerdict, share_greedily, share_within};
use crate::allocate::object_intervals::{OUTSIDE, ObjectInterval, ObjectProblem, ObjectSharing};
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::sort_by_keys;

fn too_large(interval: &ObjectInterval, capacity: u64) -> Membership {
    if interval.size > capacity { Membership::Outside } else { Membership::Open }
}

/// The incumbent.
pub(super) struct BestChoice {
    pub(super) sharing: ObjectSharing,
    pub(super) value: u64,
}

pub(super) struct ChoiceSearch<'a> {
    shared: &'a ObjectProblem<'a>,
    values: &'a [u64],
    capacity: u64,
    relaxation: Relaxation<'a>,
    memberships: Vec<Membership>,
    pub(super) best: BestChoice,
    /// Decisions on the path to the current node: the interval, the bound of the node that
    /// branched on it, and whether keeping it has been tried.
    path: Vec<(usize, u64, bool)>,
    /// The current node.
    next: Option<NodeOutcome>,
    /// Largest bound of a leaf that could not be decided within its limits.
    unknown: u64,
}

/// Nodes before the search first pauses for improvements.
const FIRST_SEARCH_NODES: u64 = 10_000;

/// Result of evaluating a node.
enum NodeOutcome {
    Done,
    Branch { on: usize, bound: u64 },
}

impl<'a> ChoiceSearch<'a> {
    pub(super) fn new(shared: &'a ObjectProblem<'a>, values: &'a [u64], capacity: u64) -> Self {
        let nothing = ObjectSharing { object: vec![OUTSIDE; values.len()], sizes: Vec::new() };
        Self {
            shared,
            values,
            capacity,
            relaxation: Relaxation::new(&shared.intervals, shared.sections, values, capacity),
            memberships: shared.intervals.iter().map(|interval| too_large(interval, capacity)).collect(),
            best: BestChoice { sharing: nothing, value: 0 },
            path: Vec::new(),
            next: None,
            unknown: 0,
        }
    }

    /// Runs the search. Returns the bound proven and the reason for stopping.
    pub(super) fn run(&mut self, budget: &mut Budget<'_>) -> (u64, Stop) {
        let stop = self.alternate(budget);
        let open = match stop {
            Ok(()) => 0,
            // The current node is not evaluated, so the bound of its parent counts.
            Err(_) => {
                self.path.iter().map(|&(_, bound, _)| bound).max().unwrap_or_else(|| self.values.iter().sum())
            }
        };
        let bound = self.best.value.max(self.unknown).max(open);
        (
            bound,
            stop.err().unwrap_or(if self.unknown > self.best.value { Stop::Nodes } else { Stop::Finished }),
        )
    }

    /// Phase 1: greedy choices. Phase 2: the tree search and the improvement of the incumbent
    /// alternate, each for twice as long as before.
    fn alternate(&mut self, budget: &mut Budget<'_>) -> Result<(), Stop> {
        let intervals = &self.shared.intervals;
        let orders = self.orders();
        let mut improver = Improver::new(self.values, orders.clone());
        let all = self.all_shared(budget);
        let mut best = Filling::shrunk(intervals, all, self.values, self.capacity);
        best.fill(orders[0].iter().copied(), budget)?;
        for order in orders {
            let mut filling = Filling::empty(intervals, self.capacity);
            let stopped = filling.fill(order.into_iter(), budget);
            if improver.value(&filling) > improver.value(&best) {
                best = filling;
            }
            self.propose(best.sharing.clone());
            stopped?;
        }
        let mut quota = FIRST_SEARCH_NODES;
        self.next = Some(self.node(false, budget)?);
        loop {
            if self.descend(budget.nodes() + quota, budget)? {
                return Ok(());
            }
            let until = budget.nodes() + quota;
            while budget.nodes() < until {
                let stopped = improver.step(&mut best, budget);
                if improver.value(&best) > self.best.value {
                    self.propose(best.sharing.clone());
                }
                stopped?;
            }
            quota *= 2;
        }
    }

    /// A sharing of all intervals that are not larger than the capacity; the objects may exceed
    /// it together.
    fn all_shared(&self, budget: &mut Budget<'_>) -> ObjectSharing {
        let (inside, intervals) = self.selected(|membership| membership == Membership::Open);
        self.spread(&inside, share_greedily(&intervals, self.shared.sections, budget))
    }

    /// The intervals of a kind, with their indices.
    fn selected(&self, is_selected: impl Fn(Membership) -> bool) -> (Vec<usize>, Vec<ObjectInterval>) {
        let selected = (0..self.memberships.len()).filter(|&i| is_selected(self.memberships[i]));
        selected.map(|i| (i, self.shared.intervals[i])).unzip()
    }

    /// A sharing of the selected intervals as one of all intervals, in which the others are outside.
    fn spread(&self, selected: &[usize], part: ObjectSharing) -> ObjectSharing {
        let mut object = vec![OUTSIDE; self.memberships.len()];
        for (&i, &shared_object) in selected.iter().zip(&part.object) {
            object[i] = shared_object;
        }
        ObjectSharing { object, sizes: part.sizes }
    }

    /// Orders for filling: by value per byte, by size, and by value per byte and section.
    fn orders(&self) -> Vec<Vec<usize>> {
        let intervals = &self.shared.intervals;
        let densest: Vec<usize> = self.relaxation.densest_first().iter().map(|&i| i as usize).collect();
        let mut largest = densest.clone();
        sort_by_keys(&mut largest, |&i| [!intervals[i].size, 0]);
        let mut briefest = densest.clone();
        let area = |i: usize| {
            let interval = &intervals[i];
            u128::from(interval.size) * u128::from(interval.end - interval.first)
        };
        sort_by_keys(&mut briefest, |&i| {
            let worth = (u128::from(self.values[i]) << 64) / area(i).max(1);
            [!((worth >> 64) as u64), !(worth as u64)]
        });
        vec![densest, largest, briefest]
    }

    fn propose(&mut self, sharing: ObjectSharing) {
        let value = sharing.value(self.values);
        if value > self.best.value && self.shared.height(&sharing) <= self.capacity {
            self.best = BestChoice { sharing, value };
        }
    }

    /// Searches depth first until a number of nodes; leaving an interval outside is tried before
    /// keeping it. Returns true if the tree is exhausted.
    fn descend(&mut self, until: u64, budget: &mut Budget<'_>) -> Result<bool, Stop> {
        while let Some(node) = self.next.take() {
            // The problem is a maximisation: the bound is the largest value still possible.
            let bound = self.path.first().map_or(self.best.value, |&(_, bound, _)| bound);
            (budget.best, budget.bound) = (self.best.value, bound);
            let keep = match node {
                NodeOutcome::Branch { on, bound } => {
                    self.path.push((on, bound, false));
                    self.memberships[on] = Membership::Outside;
                    false
                }
                NodeOutcome::Done => {
                    if !self.backtrack() {
                        return Ok(true);
                    }
                    true
                }
            };
            self.next = Some(self.node(keep, budget)?);
            if budget.nodes() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Backtracks to the next decision for which keeping has not been tried; false if there is
    /// none.
    fn backtrack(&mut self) -> bool {
        while let Some((on, bound, tried)) = self.path.pop() {
            self.memberships[on] = Membership::Open;
            if !tried && bound > self.best.value {
                self.memberships[on] = Membership::Kept;
                self.path.push((on, bound, true));
                return true;
            }
        }
        false
    }

    /// Evaluates a node. `same` means that the set of intervals not outside is that of the
    /// parent, so that its sharing need not be computed again.
    fn node(&mut self, same: bool, budget: &mut Budget<'_>) -> Result<NodeOutcome, Stop> {
        // A node is pruned if its relaxation, or that of its parent, is not above the incumbent. It
        // branches on an interval of a crowded section; if no section is crowded, the question remains
        // whether the intervals can share objects within the capacity. A sharing that fits closes the
        // node if it reaches the bound. A leaf that stays undecided raises `unknown`, so the bound
        // reported remains valid.
        let above = self.path.last().map_or(u64::MAX, |&(_, bound, _)| bound);
        let bound = self.relaxation.of(&self.memberships);
        let looks = bound.as_ref().map_or(0, |bound| bound.looks) + self.memberships.len() as u64;
        budget.spend(1 + looks / 64)?;
        let Some(NodeBound { value, branching_interval, .. }) = bound else { return Ok(NodeOutcome::Done) };
        let bound = value.min(above);
        if bound <= self.best.value {
            return Ok(NodeOutcome::Done);
        }
        if let Some(on) = branching_interval {
            return Ok(NodeOutcome::Branch { on, bound });
        }
        // Without a crowded section, the search branches on the undecided interval of the lowest value
        // per byte: leaving it outside loses least.
        let next = self.relaxation.densest_first().iter().rev().map(|&i| i as usize);
        let next = next.into_iter().find(|&i| self.memberships[i] == Membership::Open);
        if !same || next.is_none() {
            match self.share(budget)? {
                SharingVerdict::Fits(sharing) => {
                    self.propose(sharing);
                    if self.best.value >= bound {
                        return Ok(NodeOutcome::Done);
                    }
                }
                SharingVerdict::Unknown if next.is_none() => self.unknown = self.unknown.max(bound),
                SharingVerdict::Unknown | SharingVerdict::Never => {}
            }
        }
        Ok(next.map_or(NodeOutcome::Done, |on| NodeOutcome::Branch { on, bound }))
    }

    /// Decides whether all intervals that are not outside can share objects within the capacity.
    fn share(&self, budget: &mut Budget<'_>) -> Result<SharingVerdict, Stop> {
        let (inside, intervals) = self.selected(|membership| membership != Membership::Outside);
        let verdict = share_within(&intervals, self.shared.sections, self.capacity, budget)?;
        let SharingVerdict::Fits(part) = verdict else { return Ok(verdict) };
        let sharing = self.spread(&inside, part);
        let fits = self.shared.height(&sharing) <= self.capacity;
        Ok(if fits { SharingVerdict::Fits(sharing) } else { SharingVerdict::Unknown })
    }
}
