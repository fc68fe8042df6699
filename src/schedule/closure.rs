//! The transitive closure of the dependencies.

use bitvec::vec::BitVec;

use super::network::Network;

/// Maximum number of operators for reductions that need the transitive closure: it takes one bit for
/// each pair of operators.
pub(super) const MAX_CLOSURE: u32 = 8_192;

/// By operator: the set of its descendants. O(dependencies * operators / 64).
pub(super) fn descendants(network: &Network) -> Vec<BitVec> {
    let count = network.operator_count() as usize;
    let mut later: Vec<BitVec> = vec![BitVec::repeat(false, count); count];
    for operator in (0..count).rev() {
        let (of_operator, others) = later[operator..].split_first_mut().expect("one of them");
        for &next in network.after.row(operator as u32) {
            of_operator.set(next as usize, true);
            *of_operator |= &others[next as usize - operator - 1];
        }
    }
    later
}
