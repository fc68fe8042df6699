//! What can be decided before the search, without losing an optimum.

use bitvec::vec::BitVec;

use super::network::{Network, Paddings};
use super::rows::Rows;
use super::sorting::{Keyed, sort, unique, unique_pairs};
use super::trees::{Segment, trees};

/// A smaller network, and the operators of the larger one that each of its operators
/// stands for, in the order in which they run.
pub(super) struct Reduced {
    pub(super) network: Network,
    pub(super) stands_for: Rows,
}

impl Reduced {
    /// All reductions.
    pub(super) fn new(network: &Network) -> Self {
        let merged = merge_trees(&without_redundant(network));
        let mut reduced = postpone(&merged.network);
        reduced.stands_for = Rows::new(reduced.stands_for.rows().map(|row| merged.expand(row)));
        order_twins(&mut reduced.network);
        reduced
    }

    /// An order of the larger network.
    pub(super) fn expand(&self, order: &[u32]) -> Vec<u32> {
        order.iter().flat_map(|&operator| self.stands_for.row(operator)).copied().collect()
    }
}

/// Without dependencies that follow from others: an operator need not wait for one that
/// another waits for, for which it waits itself. What it reads stays as it is.
fn without_redundant(network: &Network) -> Network {
    let mut smaller = network.clone();
    if network.operator_count() <= MOST {
        let later = descendants(network);
        let follows = |operator: u32, before: u32| {
            let others = network.before.row(operator).iter();
            others.into_iter().any(|&other| later[before as usize][other as usize])
        };
        let row = |operator: u32| network.before.row(operator).iter().map(move |&before| (operator, before));
        let waits = (0..network.operator_count()).flat_map(row);
        let waits: Vec<(u32, u32)> = waits.filter(|&(operator, before)| !follows(operator, before)).collect();
        smaller.set_waits(&waits);
    }
    smaller
}

/// Each segment of a tree's best order becomes one operator, after the segment before it.
fn merge_trees(network: &Network) -> Reduced {
    let mut segments: Vec<Option<Vec<Segment>>> = (0..network.operator_count()).map(|_| None).collect();
    let mut inner = vec![false; segments.len()];
    for tree in trees(network) {
        let members = tree.iter().flat_map(|segment| &segment.operators);
        members.for_each(|&operator| inner[operator as usize] = true);
        // The root is the last of the tree in any order.
        if let Some(&root) = tree.last().and_then(|segment| segment.operators.last()) {
            segments[root as usize] = Some(tree);
        }
    }
    let mut groups: Vec<(Vec<u32>, Option<i128>, bool)> = Vec::new();
    for operator in 0..network.operator_count() {
        if let Some(tree) = segments[operator as usize].take() {
            let named = tree.into_iter().enumerate();
            groups.extend(named.map(|(place, part)| (part.operators, Some(part.hill), place > 0)));
        } else if !inner[operator as usize] {
            groups.push((vec![operator], None, false));
        }
    }
    regroup(network, &groups)
}

/// A network of groups of operators: their members, the most bytes that they take within,
/// if that is not told by the only member, and whether a group waits for that before it.
fn regroup(network: &Network, groups: &[(Vec<u32>, Option<i128>, bool)]) -> Reduced {
    let mut group_of = vec![0; network.operator_count() as usize];
    for (number, group) in groups.iter().enumerate() {
        group.0.iter().for_each(|&member| group_of[member as usize] = number as u32);
    }
    let origin = writers(network);
    let mut parts = Network::empty(groups.len());
    let (mut reads, mut writes, mut early) = (Vec::new(), Vec::new(), Vec::new());
    let mut waits: Vec<(u32, u32)> = Vec::new();
    for (number, (members, hill, chained)) in groups.iter().enumerate() {
        let number = number as u32;
        let inside = |operator: u32| group_of[operator as usize] == number;
        let of_all = |row: &Rows| -> Vec<u32> {
            unique(members.iter().flat_map(|&member| row.row(member)).copied().collect())
        };
        let from_outside = |&tensor: &u32| origin[tensor as usize].is_none_or(|writer| !inside(writer));
        let to_outside = |&tensor: &u32| {
            network.stays[tensor as usize]
                || network.readers.row(tensor).iter().any(|&reader| !inside(reader))
        };
        let read: Vec<u32> = of_all(&network.reads).into_iter().filter(from_outside).collect();
        let written: Vec<u32> = of_all(&network.writes).into_iter().filter(to_outside).collect();
        let at = number as usize;
        if let Some(hill) = *hill {
            // What a segment reads it alone reads; it may die before the hill.
            let transient = hill + i128::from(bytes(network, &read)) - i128::from(bytes(network, &written));
            parts.transient[at] = u64::try_from(transient).unwrap_or(0);
            early.push(read.clone());
        } else {
            parts.transient[at] = network.transient[members[0] as usize];
            parts.paddings.transient[at] = network.paddings.transient[members[0] as usize];
            early.push(network.early.row(members[0]).to_vec());
        }
        if *chained {
            waits.push((number, number - 1));
        }
        let before = of_all(&network.before).into_iter().filter(|&other| !inside(other));
        waits.extend(before.map(|other| (number, group_of[other as usize])));
        reads.push(read);
        writes.push(written);
    }
    unique_pairs(&mut waits);
    let mut smaller = Network {
        reads: Rows::new(reads),
        writes: Rows::new(writes),
        early: Rows::new(early),
        transient: parts.transient,
        paddings: Paddings { transient: parts.paddings.transient, ..network.paddings.clone() },
        ..network.clone()
    };
    smaller.readers = smaller.reads.transposed(smaller.sizes.len());
    smaller.set_waits(&waits);
    Reduced { network: smaller, stands_for: Rows::new(groups.iter().map(|group| group.0.iter().copied())) }
}

/// By tensor: the operator that writes it.
fn writers(network: &Network) -> Vec<Option<u32>> {
    let mut writers = vec![None; network.sizes.len()];
    for operator in 0..network.operator_count() {
        for &tensor in network.writes.row(operator) {
            writers[tensor as usize] = Some(operator);
        }
    }
    writers
}

/// An operator as it changes by what is put into it.
#[derive(Default)]
struct Part {
    sequence: Vec<u32>,
    reads: Vec<u32>,
    early: Vec<u32>,
    before: Vec<u32>,
    transient: u64,
    gone: bool,
}

/// Puts operators right before the only one that waits for them, where that costs
/// nothing in any order.
///
/// Let `w` alone wait for `v`, `v` write `K` bytes and free `F <= K`. In any order, move
/// `v` later, to right before `w`. The steps between lose `K` bytes and keep `F`. The step
/// of `v` takes what is live before that of `w` in the old order, less `K`, plus `F`, plus
/// `K` and what is live at `v` alone, `T(v)`: no more than `w` takes in the old order, if
/// `F + T(v)` is at most what `w` writes and needs for itself. So both can be one
/// operator, which takes what `w` does. `F` is what `v` frees at most: what it reads and
/// `w` does not. What others read too it may free or not (`Network::early`).
///
/// What is rounded up could hang over the end of the arena before it is moved and not
/// after; inputs that are live at the first step only, too, need to know who is first.
/// Neither is touched.
fn postpone(network: &Network) -> Reduced {
    let count = network.operator_count();
    let part = |operator: u32| Part {
        sequence: vec![operator],
        reads: network.reads.row(operator).to_vec(),
        early: network.early.row(operator).to_vec(),
        before: network.before.row(operator).to_vec(),
        transient: network.transient[operator as usize],
        gone: false,
    };
    let mut parts: Vec<Part> = (0..count).map(part).collect();
    let mut into: Vec<u32> = (0..count).collect();
    for operator in 0..count {
        let &[next] = network.after.row(operator) else { continue };
        let Some(freed) = freed_by(network, &parts[operator as usize], operator, next, &into) else {
            continue;
        };
        let written = bytes(network, network.writes.row(operator));
        let most_freed = bytes(network, &freed);
        let (own, target) = (parts[operator as usize].transient, &parts[next as usize]);
        let least =
            bytes(network, network.writes.row(next)) + target.transient - bytes(network, &target.early);
        if most_freed > written || most_freed + own > least {
            continue;
        }
        let moved = std::mem::replace(&mut parts[operator as usize], Part { gone: true, ..Part::default() });
        let target = &mut parts[next as usize];
        target.sequence.splice(0..0, moved.sequence);
        let inner = network.writes.row(operator);
        target.reads.retain(|tensor| !inner.contains(tensor));
        target.reads.extend(moved.reads);
        target.before.retain(|&before| before != operator);
        target.before.extend(moved.before);
        // What the next one reads too, dies no sooner.
        target.early.extend(moved.early.into_iter().filter(|tensor| freed.contains(tensor)));
        target.early.extend(&freed);
        target.early = unique(std::mem::take(&mut target.early));
        target.transient += written;
        into[operator as usize] = next;
    }
    rebuild(network, parts)
}

/// What an operator may free before the next one runs; none if something is in the way
/// of moving it.
fn freed_by(network: &Network, part: &Part, operator: u32, next: u32, into: &[u32]) -> Option<Vec<u32>> {
    let padded = |operator: u32| {
        let paddings = &network.paddings;
        let row = network.writes.row(operator).iter().chain(network.reads.row(operator));
        paddings.transient[operator as usize] > 0
            || row.map(|&tensor| paddings.tensors[tensor as usize]).any(|padding| padding > 0)
    };
    let stays = |tensor: u32| network.stays[tensor as usize];
    // Others that read it wait for the next one as well, so that alone is noted.
    let read_by_others = |&tensor: &u32| network.readers.row(tensor) != [next];
    if network.first > 0
        || network.writes.row(operator).iter().any(read_by_others)
        || (network.paddings.any && (padded(operator) || padded(next)))
        || network.writes.row(operator).iter().any(|&tensor| stays(tensor))
    {
        return None;
    }
    let read_by_next = |tensor: u32| {
        network.readers.row(tensor).iter().any(|&reader| reader == next || end(into, reader) == next)
    };
    Some(part.reads.iter().copied().filter(|&tensor| !stays(tensor) && !read_by_next(tensor)).collect())
}

/// Where an operator has gone.
fn end(into: &[u32], mut operator: u32) -> u32 {
    while into[operator as usize] != operator {
        operator = into[operator as usize];
    }
    operator
}

fn bytes(network: &Network, tensors: &[u32]) -> u64 {
    tensors.iter().map(|&tensor| network.sizes[tensor as usize]).sum()
}

fn rebuild(network: &Network, mut parts: Vec<Part>) -> Reduced {
    let mut number = vec![u32::MAX; parts.len()];
    let mut kept = Vec::new();
    for (operator, part) in parts.iter_mut().enumerate() {
        if !part.gone {
            number[operator] = kept.len() as u32;
            kept.push(operator as u32);
        }
    }
    let mut smaller = network.clone();
    smaller.transient = kept.iter().map(|&operator| parts[operator as usize].transient).collect();
    smaller.paddings.transient =
        kept.iter().map(|&operator| network.paddings.transient[operator as usize]).collect();
    let reads = |&operator: &u32| unique(parts[operator as usize].reads.clone());
    smaller.reads = Rows::new(kept.iter().map(reads));
    smaller.early = Rows::new(kept.iter().map(|&operator| parts[operator as usize].early.iter().copied()));
    smaller.writes = Rows::new(kept.iter().map(|&operator| network.writes.row(operator).iter().copied()));
    smaller.readers = smaller.reads.transposed(smaller.sizes.len());
    let mut waits: Vec<(u32, u32)> = Vec::new();
    for &operator in &kept {
        let before = &parts[operator as usize].before;
        waits.extend(before.iter().map(|&other| (number[operator as usize], number[other as usize])));
    }
    unique_pairs(&mut waits);
    smaller.set_waits(&waits);
    let stands_for =
        Rows::new(kept.iter().map(|&operator| std::mem::take(&mut parts[operator as usize].sequence)));
    Reduced { network: smaller, stands_for }
}

/// No network with more operators is looked at for twins or redundant dependencies: a bit
/// for each pair.
const MOST: u32 = 8_192;

/// Puts operators that are alike into one order.
///
/// Let `a` and `b` read and wait for the same, write the same sizes and need the same for
/// themselves, and let all that wait for `b` come after `a` in any order. In an order in
/// which `b` runs before `a`, exchange them: everything that waits for either still comes
/// after it, and every step takes what it did before. So `b` may wait for `a`. By
/// exchange of neighbours, a whole chain of such pairs can be sorted.
fn order_twins(network: &mut Network) {
    let count = network.operator_count();
    if count > MOST {
        return;
    }
    let mixed = |operator: u32| {
        let fold =
            |mixed: u64, &part: &u64| (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let first = network.after.row(operator).iter().min().copied();
        let first = first.map_or(u64::MAX, u64::from);
        (likeness(network, operator).iter().fold(0, fold), first, u64::from(operator))
    };
    let mut ranked: Vec<Keyed> = (0..count).map(mixed).collect();
    sort(&mut ranked);
    if ranked.windows(2).all(|pair| pair[0].0 != pair[1].0) {
        return;
    }
    let later = descendants(network);
    let mut waits: Vec<(u32, u32)> = Vec::new();
    for pair in ranked.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let (a, b) = (pair[0].2 as u32, pair[1].2 as u32);
        let same = network.after.row(a) == network.after.row(b);
        let after = || network.after.row(b).iter().all(|&next| later[a as usize][next as usize]);
        if likeness(network, a) == likeness(network, b) && (same || after()) {
            waits.push((b, a));
        }
    }
    if waits.is_empty() {
        return;
    }
    for operator in 0..count {
        waits.extend(network.before.row(operator).iter().map(|&other| (operator, other)));
    }
    unique_pairs(&mut waits);
    network.set_waits(&waits);
}

/// The same for operators that are alike: what they read and wait for, what they write.
fn likeness(network: &Network, operator: u32) -> Vec<u64> {
    let paddings = &network.paddings;
    let mut key = vec![network.transient[operator as usize], paddings.transient[operator as usize]];
    for row in [network.reads.row(operator), network.early.row(operator), network.before.row(operator)] {
        key.push(row.len() as u64);
        key.extend(row.iter().map(|&entry| u64::from(entry)));
    }
    let of_tensor = |&tensor: &u32| {
        let at = tensor as usize;
        [network.sizes[at], paddings.tensors[at], u64::from(network.stays[at])]
    };
    let mut written: Vec<[u64; 3]> = network.writes.row(operator).iter().map(of_tensor).collect();
    written.sort_unstable();
    key.extend(written.into_iter().flatten());
    key
}

/// By operator: all that come after it in any order.
fn descendants(network: &Network) -> Vec<BitVec<u64>> {
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
