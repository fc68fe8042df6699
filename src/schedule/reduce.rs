//! Reductions of a network that preserve an optimal order.

use super::absorb::absorb;
use super::closure::{MAX_CLOSURE, descendants};
use super::merged::MergedOperator;
use super::network::{Network, Paddings};
use super::postpone::postpone;
use super::savings::SavingTable;
use super::trees::{Segment, trees};
use super::twins::order_twins;
use crate::support::limits::{Budget, Stop};
use crate::support::rows::Rows;

/// A reduced network, and the operators of the original network that each of its operators stands
/// for, in the order in which they run.
pub(super) struct ReducedNetwork {
    pub(super) network: Network,
    pub(super) expansion: Rows,
}

impl ReducedNetwork {
    /// Applies all reductions, in this order:
    ///
    /// 1. Drop redundant dependencies, so that more operators have a single predecessor or successor.
    /// 2. Merge operators that cost nothing into their predecessor (`absorb`).
    /// 3. Replace trees by their optimal segments (`trees`).
    /// 4. Merge operators into their successor where that costs nothing (`postpone`).
    /// 5. Order identical operators (`twins`).
    ///
    /// Each step preserves at least one optimal order of the network that it gets, so their composition
    /// does. Redundant dependencies and identical operators need the transitive closure, one bit for
    /// each pair of operators, and are skipped for large networks.
    pub(super) fn new(network: &Network, budget: &mut Budget<'_>) -> Result<Self, Stop> {
        // Each reduction takes about a microsecond for each operator.
        let steps = 512 * network.operator_count() as usize;
        budget.work(steps)?;
        let network = without_redundant(network, budget)?;
        budget.work(steps)?;
        let absorbed = absorb(&network, budget)?;
        budget.work(steps)?;
        let mut reduced = assemble(&network, &absorbed);
        budget.work(steps)?;
        reduced = reduced.then(merge_trees(&reduced.network, budget)?);
        budget.work(steps)?;
        let parts = postpone(&reduced.network, budget)?;
        reduced = reduced.then(assemble(&reduced.network, &parts));
        budget.work(steps)?;
        order_twins(&mut reduced.network);
        budget.work(steps)?;
        Ok(reduced)
    }

    /// Composes this reduction with a further reduction of its network.
    fn then(&self, mut reduced: Self) -> Self {
        reduced.expansion = Rows::new(reduced.expansion.rows().map(|row| self.expand(row)));
        reduced
    }

    /// Converts an order of the reduced network to an order of the original network.
    pub(super) fn expand(&self, order: &[u32]) -> Vec<u32> {
        order.iter().flat_map(|&operator| self.expansion.row(operator)).copied().collect()
    }
}

/// Removes dependencies that follow from others by transitivity. The tensors that operators read do
/// not change, so all orders and their steps stay the same. O(dependencies * operators / 64).
fn without_redundant(network: &Network, budget: &mut Budget<'_>) -> Result<Network, Stop> {
    let mut smaller = network.clone();
    if network.operator_count() <= MAX_CLOSURE {
        let later = descendants(network);
        budget.work(network.before.len() * network.operator_count() as usize / 64)?;
        let follows = |&(operator, before): &(u32, u32)| {
            // Later predecessors have more ancestors, so they are tried first.
            let others = network.before.row(operator).iter().rev();
            others.take_while(|&&other| other > before).any(|&other| later[before as usize][other as usize])
        };
        smaller.set_dependencies(network.dependencies().filter(|pair| !follows(pair)).collect());
    }
    Ok(smaller)
}

/// Replaces each segment of a tree's optimal order by one operator that depends on the previous
/// segment.
fn merge_trees(network: &Network, budget: &mut Budget<'_>) -> Result<ReducedNetwork, Stop> {
    let mut by_root: Vec<Option<Vec<Segment>>> = (0..network.operator_count()).map(|_| None).collect();
    let mut inner = vec![false; by_root.len()];
    for tree in trees(network, budget)? {
        let members = tree.iter().flat_map(|segment| &segment.operators);
        members.for_each(|&operator| inner[operator as usize] = true);
        // The root is the last operator of the tree in any order, so the segments take its place.
        if let Some(&root) = tree.last().and_then(|segment| segment.operators.last()) {
            by_root[root as usize] = Some(tree);
        }
    }
    let mut parts: Vec<MergedOperator> = Vec::new();
    for operator in 0..network.operator_count() {
        if let Some(tree) = by_root[operator as usize].take() {
            let mut previous = None;
            for segment in tree {
                let last = segment.operators.last().copied();
                parts.push(MergedOperator::segment(network, segment, previous));
                previous = last;
            }
        } else if !inner[operator as usize] {
            parts.push(MergedOperator::single(network, operator));
        }
    }
    Ok(assemble(network, &parts))
}

/// Builds a network with one operator for each non-empty merged operator.
fn assemble(network: &Network, parts: &[MergedOperator]) -> ReducedNetwork {
    let kept: Vec<&MergedOperator> = parts.iter().filter(|part| !part.sequence.is_empty()).collect();
    let mut number_of = vec![0; network.operator_count() as usize];
    for (part, number) in kept.iter().zip(0..) {
        part.sequence.iter().for_each(|&operator| number_of[operator as usize] = number);
    }
    let rows =
        |row: fn(&MergedOperator) -> &[u32]| Rows::new(kept.iter().map(|part| row(part).iter().copied()));
    let paddings = kept.iter().map(|part| part.padding).collect();
    let mut smaller = Network {
        reads: rows(|part| &part.reads),
        early: rows(|part| &part.early),
        writes: rows(|part| &part.writes),
        savings: SavingTable::new(kept.iter().map(|part| part.savings.clone())),
        transient: kept.iter().map(|part| part.transient).collect(),
        paddings: Paddings { transient: paddings, ..network.paddings.clone() },
        ..network.clone()
    };
    smaller.readers = smaller.reads.transposed(smaller.sizes.len());
    let dependencies = kept.iter().zip(0..).flat_map(|(part, number)| {
        let before = part.before.iter().map(|&operator| number_of[operator as usize]);
        before.filter(move |&other| other != number).map(move |other| (number, other))
    });
    smaller.set_dependencies(dependencies.collect());
    ReducedNetwork { network: smaller, expansion: rows(|part| &part.sequence) }
}
