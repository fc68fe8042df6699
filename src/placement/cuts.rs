//! What fits by load but has no offsets is cut off: branch and bound on the stays that cannot
//! lie together, of which one has to be shorter or elsewhere.

use super::Search;
use super::instance::Instance;
use super::pack::{Packer, conflict, pack};
use super::split::{Outcome, least_by_load};
use super::state::{Chosen, State};
use crate::error::Result;
use crate::support::limits::{Limits, Meter, Stop};
use crate::support::random::{Keys, Random};

/// An item is not in a pool: at a cell of its way, or throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    item: usize,
    /// None for throughout.
    cell: Option<usize>,
    pool: usize,
}

/// Placements without what is cut off.
struct Node {
    bound: f64,
    cuts: Vec<Cut>,
    /// The best by load, if it is known already.
    best: Option<Chosen>,
}

/// Most ways on from one node.
const MOST_BRANCHES: usize = 400;

impl Search<'_> {
    /// Raises the bound above placements that have no offsets, and finds the best that has.
    pub(super) fn cut_off(&mut self, meter: &mut Meter<'_>, limits: &Limits) -> Result<Stop> {
        if self.instance.prefetch > 0 || self.instance.is_large() {
            return Ok(Stop::Finished);
        }
        let root = Node { bound: self.bound, cuts: Vec::new(), best: Some(self.best.clone()) };
        let mut tree = Tree { open: vec![root], given_up: f64::INFINITY, seen: Keys::default() };
        let mut stop = Stop::Finished;
        while let Some(node) = tree.lowest() {
            if node.bound > self.enough().min(tree.given_up) {
                tree.open.push(node);
                break;
            }
            if let Err(why) = meter.spend(1) {
                tree.open.push(node);
                stop = why;
                break;
            }
            if let Some(why) = self.branch(node, &mut tree, meter, limits)? {
                stop = why;
                break;
            }
        }
        let known = self.laid.as_ref().map_or(f64::INFINITY, |laid| laid.0.cost as f64);
        let left = tree.open.iter().map(|node| node.bound).fold(tree.given_up, f64::min);
        if left.min(known) < f64::INFINITY {
            self.bound = self.bound.max(left.min(known));
        }
        Ok(stop)
    }

    /// Only what costs at most this is of use.
    fn enough(&self) -> f64 {
        self.laid.as_ref().map_or(f64::INFINITY, |laid| laid.0.cost as f64 - 1.0 + self.tolerance())
    }

    fn tolerance(&self) -> f64 {
        super::tolerance(self.magnitude)
    }

    fn branch(
        &mut self,
        mut node: Node,
        tree: &mut Tree,
        meter: &mut Meter<'_>,
        limits: &Limits,
    ) -> Result<Option<Stop>> {
        let best = if let Some(best) = node.best.take() {
            best
        } else {
            match self.solve(&mut node, meter) {
                Ok(Some(best)) => best,
                Ok(None) => {
                    if node.bound <= self.enough() - 2.0 * self.tolerance() {
                        tree.given_up = tree.given_up.min(node.bound);
                    }
                    return Ok(None);
                }
                Err(stop) => {
                    tree.open.push(node);
                    return Ok(Some(stop));
                }
            }
        };
        let quick = limits.clone().at_most(super::QUICK);
        let (packed, nodes, stop) = pack(self.instance, &best, Packer::Search(&quick))?;
        if matches!(stop, Stop::Cancelled | Stop::Deadline) {
            tree.open.push(node);
            return Ok(Some(stop));
        }
        if let Err(stop) = meter.spend(nodes) {
            tree.open.push(node);
            return Ok(Some(stop));
        }
        if packed.over.is_empty() {
            if node.bound < best.cost as f64 - 1.0 + self.tolerance() {
                tree.given_up = tree.given_up.min(node.bound);
            }
            if self.laid.as_ref().is_none_or(|known| best.cost < known.0.cost) {
                self.laid = Some((best, packed.laid));
            }
        } else if packed.never == 0 {
            tree.given_up = tree.given_up.min(node.bound);
        } else {
            let pool = packed.never.trailing_zeros() as usize;
            let conflict = conflict(self.instance, &best, pool, &quick)?;
            tree.grow(self.instance, &node, pool, &conflict, &best);
        }
        Ok(None)
    }

    /// The best of a node by load, if it is of use; raises the node's bound.
    fn solve(&self, node: &mut Node, meter: &mut Meter<'_>) -> Result<Option<Chosen>, Stop> {
        let instance = without(self.instance, &node.cuts);
        let known = self.enough() + 1.0 - self.tolerance();
        let known = if known < f64::INFINITY { known } else { 2.0 * self.magnitude + 2.0 };
        let (Outcome { bound, best }, result) =
            least_by_load(&instance, &self.rates, (known, self.small), meter);
        node.bound = node.bound.max(bound);
        let Some((_, ways)) = best else { return result.map(|()| None) };
        let mut state = State::new(self.instance);
        state.adopt(&ways);
        Ok(Some(state.chosen))
    }
}

struct Tree {
    open: Vec<Node>,
    /// Nodes with this bound were left, undecided.
    given_up: f64,
    /// Cuts that were made before.
    seen: Keys,
}

impl Tree {
    fn lowest(&mut self) -> Option<Node> {
        let mut best: Option<usize> = None;
        for (place, node) in self.open.iter().enumerate() {
            if best.is_none_or(|best| node.bound < self.open[best].bound) {
                best = Some(place);
            }
        }
        best.map(|place| self.open.remove(place))
    }

    /// One node for each way to break a conflict.
    fn grow(
        &mut self,
        instance: &Instance,
        node: &Node,
        pool: usize,
        conflict: &[(usize, std::ops::Range<usize>)],
        best: &Chosen,
    ) {
        let mut cuts: Vec<Cut> = Vec::new();
        for (item, cells) in conflict {
            let way = &best.ways[instance.cells_of(*item)];
            let item = *item;
            if instance.items[item].whole >> way[0] & 1 == 1 {
                cuts.push(Cut { item, cell: None, pool });
                continue;
            }
            // Where it has to be at first and at last, it has no choice.
            let free = cells.clone().filter(|&cell| cell > 0 && cell + 1 < way.len());
            cuts.extend(free.map(|cell| Cut { item, cell: Some(cell), pool }));
        }
        if cuts.len() > MOST_BRANCHES {
            self.given_up = self.given_up.min(node.bound);
            return;
        }
        for cut in cuts {
            let mut all = node.cuts.clone();
            all.push(cut);
            all.sort_unstable();
            if self.seen.insert(key(&all)) {
                self.open.push(Node { bound: node.bound, cuts: all, best: None });
            }
        }
    }
}

fn key(cuts: &[Cut]) -> u128 {
    cuts.iter().fold(0, |key, cut| {
        let cell = cut.cell.map_or(0, |cell| cell as u64 + 1);
        let own = (cut.item as u64) << 35 | cell << 3 | cut.pool as u64;
        u128::wrapping_add(key, Random::new(own).key())
    })
}

fn without(instance: &Instance, cuts: &[Cut]) -> Instance {
    let mut instance = instance.clone();
    for cut in cuts {
        match cut.cell {
            None => instance.items[cut.item].whole &= !(1 << cut.pool),
            Some(cell) => {
                let cells = instance.cells_of(cut.item);
                instance.cells[cells][cell] &= !(1 << cut.pool);
            }
        }
    }
    instance
}
