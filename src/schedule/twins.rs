//! Operators that are alike.

use super::network::Network;
use super::reduce::{MOST, descendants};
use super::saves::Save;
use crate::sorting::{Keyed, sort_keyed};

/// Puts operators that are alike into one order.
///
/// Let `a` and `b` read and wait for the same, write the same sizes and need the same for
/// themselves, and let all that wait for `b` come after `a` in any order. In an order in
/// which `b` runs before `a`, exchange them: everything that waits for either still comes
/// after it, and every step takes what it did before. So `b` may wait for `a`. By
/// exchange of neighbours, a whole chain of such pairs can be sorted.
pub(super) fn order_twins(network: &mut Network) {
    let count = network.operator_count();
    if count > MOST {
        return;
    }
    let mixed = |operator: u32| {
        let fold =
            |mixed: u64, &part: &u64| (mixed ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let first = network.after.row(operator).iter().min().copied();
        let first = first.map_or(u64::MAX, u64::from);
        ([likeness(network, operator).iter().fold(0, fold), first], u64::from(operator))
    };
    let mut ranked: Vec<Keyed> = (0..count).map(mixed).collect();
    sort_keyed(&mut ranked);
    let alike = |pair: &&[Keyed]| pair[0].0[0] == pair[1].0[0];
    if !ranked.windows(2).any(|pair| alike(&pair)) {
        return;
    }
    let later = descendants(network);
    let mut waits: Vec<(u32, u32)> = Vec::new();
    for pair in ranked.windows(2).filter(alike) {
        let (a, b) = (pair[0].1 as u32, pair[1].1 as u32);
        let same = network.after.row(a) == network.after.row(b);
        let after = || network.after.row(b).iter().all(|&next| later[a as usize][next as usize]);
        if likeness(network, a) == likeness(network, b) && (same || after()) {
            waits.push((b, a));
        }
    }
    if waits.is_empty() {
        return;
    }
    waits.extend(network.waits());
    network.set_waits(waits);
}

/// The same for operators that are alike: what they read and wait for, what they write.
fn likeness(network: &Network, operator: u32) -> Vec<u64> {
    let paddings = &network.paddings;
    let mut key = vec![network.transient[operator as usize], paddings.transient[operator as usize]];
    for row in [network.reads.row(operator), network.early.row(operator), network.before.row(operator)] {
        key.push(row.len() as u64);
        key.extend(row.iter().map(|&entry| u64::from(entry)));
    }
    for Save { pair, needs } in network.saves.of(operator) {
        key.extend([pair.output.into(), pair.input.into(), pair.seat as u64]);
        key.extend([pair.most, pair.output_bytes, pair.input_bytes, needs.len() as u64]);
        key.extend(needs.iter().map(|&entry| u64::from(entry)));
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
