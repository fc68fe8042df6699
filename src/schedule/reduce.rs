//! What can be decided before the search, without losing an optimum.

use bitvec::vec::BitVec;

use super::absorb::absorb;
use super::network::{Network, Paddings};
use super::postpone::postpone;
use super::rows::Rows;
use super::saves::{Save, Saves};
use super::trees::{Segment, trees};
use super::twins::order_twins;
use crate::limits::{Meter, Stop};
use crate::sorting::unique;

/// A smaller network, and the operators of the larger one that each of its operators
/// stands for, in the order in which they run.
pub(super) struct Reduced {
    pub(super) network: Network,
    pub(super) stands_for: Rows,
}

impl Reduced {
    /// All reductions.
    ///
    /// # Errors
    /// Why it must stop.
    pub(super) fn new(network: &Network, meter: &mut Meter<'_>) -> Result<Self, Stop> {
        // About a microsecond for each operator and reduction.
        let steps = 512 * network.operator_count() as usize;
        meter.work(steps)?;
        let network = without_redundant(network, meter)?;
        meter.work(steps)?;
        let absorbed = absorb(&network, meter)?;
        meter.work(steps)?;
        let mut reduced = assemble(&network, &absorbed);
        meter.work(steps)?;
        reduced = reduced.then(merge_trees(&reduced.network, meter)?);
        meter.work(steps)?;
        let parts = postpone(&reduced.network, meter)?;
        reduced = reduced.then(assemble(&reduced.network, &parts));
        meter.work(steps)?;
        order_twins(&mut reduced.network);
        meter.work(steps)?;
        Ok(reduced)
    }

    /// With a further reduction of this one's network.
    fn then(&self, mut reduced: Self) -> Self {
        reduced.stands_for = Rows::new(reduced.stands_for.rows().map(|row| self.expand(row)));
        reduced
    }

    /// An order of the larger network.
    pub(super) fn expand(&self, order: &[u32]) -> Vec<u32> {
        order.iter().flat_map(|&operator| self.stands_for.row(operator)).copied().collect()
    }
}

/// What becomes one operator.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Operators of the larger network in the order in which they run; none if they have
    /// gone to another part.
    pub(super) sequence: Vec<u32>,
    pub(super) reads: Vec<u32>,
    /// See [`Network::early`].
    pub(super) early: Vec<u32>,
    pub(super) writes: Vec<u32>,
    /// Operators of the larger network; its own do not count.
    pub(super) before: Vec<u32>,
    pub(super) saves: Vec<Save>,
    pub(super) transient: u64,
    pub(super) padding: u64,
}

impl Part {
    /// An operator as it is.
    pub(super) fn single(network: &Network, operator: u32) -> Self {
        Self {
            sequence: vec![operator],
            reads: network.reads.row(operator).to_vec(),
            early: network.early.row(operator).to_vec(),
            writes: network.writes.row(operator).to_vec(),
            before: network.before.row(operator).to_vec(),
            saves: network.saves.of(operator),
            transient: network.transient[operator as usize],
            padding: network.paddings.transient[operator as usize],
        }
    }

    /// A segment of a tree's order, each after the one before.
    fn segment(network: &Network, segment: Segment, previous: Option<u32>) -> Self {
        let members = unique(segment.operators.clone());
        let inside = |operator: u32| members.binary_search(&operator).is_ok();
        let of_all = |rows: &Rows| -> Vec<u32> {
            unique(members.iter().flat_map(|&member| rows.row(member)).copied().collect())
        };
        let (mut reads, mut writes) = (of_all(&network.reads), of_all(&network.writes));
        let read_inside = |tensor: u32| network.readers.row(tensor).iter().all(|&reader| inside(reader));
        reads.retain(|tensor| writes.binary_search(tensor).is_err());
        writes.retain(|&tensor| network.stays[tensor as usize] || !read_inside(tensor));
        let within = segment.hill + i128::from(network.bytes(&reads)) - i128::from(network.bytes(&writes));
        Self {
            sequence: segment.operators,
            // What a segment reads it alone reads; it may die before the hill.
            early: reads.clone(),
            reads,
            writes,
            before: of_all(&network.before).into_iter().chain(previous).collect(),
            saves: Vec::new(),
            transient: u64::try_from(within).unwrap_or(0),
            padding: 0,
        }
    }
}

/// Without dependencies that follow from others: an operator need not wait for one that
/// another waits for, for which it waits itself. What it reads stays as it is.
fn without_redundant(network: &Network, meter: &mut Meter<'_>) -> Result<Network, Stop> {
    let mut smaller = network.clone();
    if network.operator_count() <= MOST {
        let later = descendants(network);
        meter.work(network.before.len() * network.operator_count() as usize / 64)?;
        let follows = |&(operator, before): &(u32, u32)| {
            // The last ones have the most that they wait for.
            let others = network.before.row(operator).iter().rev();
            others.take_while(|&&other| other > before).any(|&other| later[before as usize][other as usize])
        };
        smaller.set_waits(network.waits().filter(|wait| !follows(wait)).collect());
    }
    Ok(smaller)
}

/// Each segment of a tree's best order becomes one operator, after the segment before it.
fn merge_trees(network: &Network, meter: &mut Meter<'_>) -> Result<Reduced, Stop> {
    let mut by_root: Vec<Option<Vec<Segment>>> = (0..network.operator_count()).map(|_| None).collect();
    let mut inner = vec![false; by_root.len()];
    for tree in trees(network, meter)? {
        let members = tree.iter().flat_map(|segment| &segment.operators);
        members.for_each(|&operator| inner[operator as usize] = true);
        // The root is the last of the tree in any order.
        if let Some(&root) = tree.last().and_then(|segment| segment.operators.last()) {
            by_root[root as usize] = Some(tree);
        }
    }
    let mut parts: Vec<Part> = Vec::new();
    for operator in 0..network.operator_count() {
        if let Some(tree) = by_root[operator as usize].take() {
            let mut previous = None;
            for segment in tree {
                let last = segment.operators.last().copied();
                parts.push(Part::segment(network, segment, previous));
                previous = last;
            }
        } else if !inner[operator as usize] {
            parts.push(Part::single(network, operator));
        }
    }
    Ok(assemble(network, &parts))
}

/// A network with an operator for each part that is there.
fn assemble(network: &Network, parts: &[Part]) -> Reduced {
    let kept: Vec<&Part> = parts.iter().filter(|part| !part.sequence.is_empty()).collect();
    let mut number_of = vec![0; network.operator_count() as usize];
    for (part, number) in kept.iter().zip(0..) {
        part.sequence.iter().for_each(|&operator| number_of[operator as usize] = number);
    }
    let rows = |row: fn(&Part) -> &[u32]| Rows::new(kept.iter().map(|part| row(part).iter().copied()));
    let paddings = kept.iter().map(|part| part.padding).collect();
    let mut smaller = Network {
        reads: rows(|part| &part.reads),
        early: rows(|part| &part.early),
        writes: rows(|part| &part.writes),
        saves: Saves::new(kept.iter().map(|part| part.saves.clone())),
        transient: kept.iter().map(|part| part.transient).collect(),
        paddings: Paddings { transient: paddings, ..network.paddings.clone() },
        ..network.clone()
    };
    smaller.readers = smaller.reads.transposed(smaller.sizes.len());
    let waits = kept.iter().zip(0..).flat_map(|(part, number)| {
        let before = part.before.iter().map(|&operator| number_of[operator as usize]);
        before.filter(move |&other| other != number).map(move |other| (number, other))
    });
    smaller.set_waits(waits.collect());
    Reduced { network: smaller, stands_for: rows(|part| &part.sequence) }
}

/// No network with more operators is looked at for twins or redundant dependencies: a bit
/// for each pair.
pub(super) const MOST: u32 = 8_192;

/// By operator: all that come after it in any order.
pub(super) fn descendants(network: &Network) -> Vec<BitVec<u64>> {
    let count = network.operator_count() as usize;
    let mut later: Vec<BitVec<u64>> = vec![BitVec::repeat(false, count); count];
    for operator in (0..count).rev() {
        let (own, others) = later[operator..].split_first_mut().expect("one of them");
        for &next in network.after.row(operator as u32) {
            own.set(next as usize, true);
            *own |= &others[next as usize - operator - 1];
        }
    }
    later
}
