//! Beam search for orders.

use super::charge_nodes;
use super::network::Network;
use super::ready_cursor::{ReadyCursor, path_from_root, zobrist_keys};
use crate::support::limits::{Budget, Stop};
use crate::support::random::Keys;
use crate::support::sorting::{Keyed, sort_keyed};

/// An executed set that the search has kept: a node of the tree of partial orders.
struct BeamNode {
    parent: u32,
    /// The operators that ran since the parent: a range of the list of all operators that ran.
    ran: (u32, u32),
}

/// An executed set in the current level of the beam.
#[derive(Clone, Copy)]
struct BeamState {
    node: u32,
    peak: u64,
    key: u128,
}

/// A candidate for the next level: one more operator after a set of the current level.
struct BeamCandidate {
    peak: u64,
    state: u32,
    operator: u32,
    key: u128,
}

/// Searches for an order with a peak below `above`. A level of the beam holds up to `width` executed
/// sets. Of all their successors, those with the lowest peaks, then the fewest live bytes, form
/// the next level. Seeds other than 0 break ties at random.
///
/// Pruned: successors beyond the width (this may lose the optimum, so the result proves nothing),
/// successors at or above the incumbent peak, and executed sets that were reached before. Within a
/// level, candidates are sorted by peak, so the first candidate that reaches a set is the best one.
///
/// O(n w r (d + log (w r))) for n operators of degree d, width w and r ready operators. Stops early
/// if the budget of nodes will not suffice at the pace so far.
pub(super) fn beam(
    network: &Network,
    width: usize,
    above: u64,
    seed: u64,
    budget: &mut Budget<'_>,
) -> Result<Option<(u64, Vec<u32>)>, Stop> {
    let zobrist = zobrist_keys(network.operator_count());
    let mut walk = ReadyCursor::new(network);
    let (mut nodes_kept, mut ran): (Vec<BeamNode>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut best: Option<(u64, u32)> = None;
    let mut level: Vec<BeamState> = Vec::new();
    let mut sets: Vec<usize> = Vec::new();
    let words = walk.state.done.as_raw_slice().len();
    let mut reached = Keys::default();
    let mut candidates = vec![BeamCandidate { peak: 0, state: u32::MAX, operator: u32::MAX, key: 0 }];
    // Sort keys: peak, live bytes, and a random number to break ties, with the index of the
    // candidate in the low 32 bits.
    let mut ranks: Vec<Keyed> = vec![([0, 0], 0)];
    let pace = Pace { from: budget.nodes(), quota: budget.remaining() };
    loop {
        pace.check(&walk, budget.nodes())?;
        // Build the next level from the best candidates. `go_to` toggles only the operators in which
        // two sets differ.
        let (mut next_level, mut next_sets) = (Vec::new(), Vec::new());
        for &(_, rank) in &ranks {
            let candidate = &candidates[(rank & u64::from(u32::MAX)) as usize];
            let below = best.map_or(above, |best| best.0);
            if next_level.len() == width || candidate.peak >= below {
                break;
            }
            let mut state =
                BeamState { node: nodes_kept.len() as u32, peak: candidate.peak, key: candidate.key };
            let (parent, from) = (candidate.state, ran.len() as u32);
            // The candidate of the empty set has no parent.
            if parent < u32::MAX {
                let first = parent as usize * words;
                let work = walk.go_to(&sets[first..first + words]);
                walk.toggle(candidate.operator);
                ran.push(candidate.operator);
                charge_nodes(budget, 1, work)?;
            }
            walk.run_free_operators(below - 1, budget, |operator, bytes| {
                ran.push(operator);
                state.peak = state.peak.max(bytes);
                state.key ^= zobrist[operator as usize];
            })?;
            // Another order of the same operators has been kept before.
            if !reached.insert(state.key) {
                ran.truncate(from as usize);
                continue;
            }
            let parent = level.get(parent as usize).map_or(u32::MAX, |state: &BeamState| state.node);
            nodes_kept.push(BeamNode { parent, ran: (from, ran.len() as u32) });
            if walk.is_at_end() {
                best = Some((state.peak, state.node));
                continue;
            }
            next_level.push(state);
            next_sets.extend_from_slice(walk.state.done.as_raw_slice());
        }
        if next_level.is_empty() {
            break;
        }
        (level, sets) = (next_level, next_sets);
        candidates.clear();
        ranks.clear();
        for (number, state) in level.iter().enumerate() {
            let first = number * words;
            let work = walk.go_to(&sets[first..first + words]);
            for &operator in walk.ready() {
                let step = walk.state.step(operator);
                let key = state.key ^ zobrist[operator as usize];
                let peak = state.peak.max(step.bytes);
                // The random number is a hash of the set, so a tie is broken in the same way wherever it
                // occurs, and no state of a generator has to be kept.
                let draw = if seed == 0 { 0 } else { (key as u64).wrapping_mul(2 * seed + 1) >> 32 };
                ranks.push(([peak, step.after], (draw << 32) | candidates.len() as u64));
                candidates.push(BeamCandidate { peak, state: number as u32, operator, key });
            }
            // The candidates are sorted as well, which the factor accounts for.
            charge_nodes(budget, 0, work + 4 * walk.ready_work)?;
        }
        sort_keyed(&mut ranks);
    }
    Ok(best.map(|(peak, end)| (peak, path_to(&nodes_kept, &ran, end))))
}

/// Checks that the budget suffices for the rest of the beam search.
struct Pace {
    /// Nodes spent before the beam search.
    from: u64,
    /// Nodes that the beam search may spend.
    quota: u64,
}

impl Pace {
    /// Compares the nodes spent with the share of operators that have run. The first half of the
    /// operators may take twice the average, because the number of ready operators shrinks.
    ///
    /// # Errors
    /// [`Stop::Nodes`] if an eighth of the budget is spent and the rest will not suffice.
    fn check(&self, walk: &ReadyCursor<'_>, nodes: u64) -> Result<(), Stop> {
        let spent = nodes - self.from;
        let (done, all) = (walk.state.done_count, walk.state.network.operator_count());
        let needed = u128::from(spent) * u128::from(all);
        let is_hopeless = spent > self.quota / 8 && needed > 2 * u128::from(self.quota) * u128::from(done);
        if is_hopeless { Err(Stop::Nodes) } else { Ok(()) }
    }
}

/// The operators on the path from the root to a node, in the order in which they run.
fn path_to(nodes_kept: &[BeamNode], ran: &[u32], end: u32) -> Vec<u32> {
    let path = path_from_root(end, |node| nodes_kept[node as usize].parent);
    let operators = path.into_iter().flat_map(|node| {
        let (from, to) = nodes_kept[node as usize].ran;
        &ran[from as usize..to as usize]
    });
    operators.copied().collect()
}
