//! The rows of all operators of a region, stripe by stripe.

use super::kernel::{RowKernel, Rows, TilePadding};
use super::network::{RowRule, TileNetwork};

/// Consecutive operators that run stripe by stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) struct TileRegion {
    /// Positions in the subgraph's list of operators, in execution order.
    pub(in crate::export) operators: Vec<usize>,
    pub(in crate::export) axis: usize,
    pub(in crate::export) cut: StripeCut,
}

/// How a region is cut into stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::export) struct StripeCut {
    pub(in crate::export) stripes: i64,
    /// True if rows that two stripes need are kept by the first one, false if the second one computes them again.
    pub(in crate::export) is_carried: bool,
    /// True if padding is explicit (`PAD`), false if windows keep their padding and wrong rows are cut off.
    pub(super) is_padded: bool,
    /// True if exits are written piece by piece into one tensor (`DYNAMIC_UPDATE_SLICE`), false if their pieces are
    /// concatenated.
    pub(super) is_updated: bool,
}

/// An operator in one stripe.
#[derive(Clone, Debug)]
pub(super) struct StripeTile {
    /// The rows that it must compute; empty if it does not run.
    pub(super) computed: Rows,
    /// The rows of its inputs that it needs.
    pub(super) reads: Rows,
    pub(super) padding: TilePadding,
    /// The rows that readers in the stripe need; empty if there are none.
    pub(super) needed: Rows,
}

const NOTHING: Rows = 0..0;

/// The tiles of a region by stripe and operator; none if a window cannot be aligned.
pub(super) fn tiles(
    network: &TileNetwork,
    region: &TileRegion,
    is_exit: &[bool],
) -> Option<Vec<Vec<StripeTile>>> {
    let (count, cut) = (region.operators.len(), &region.cut);
    let rules: Vec<&RowRule> =
        region.operators.iter().map(|&id| network.rule(id, region.axis)).collect::<Option<_>>()?;
    let producers = producers(network, region);
    let mut done = vec![0; count];
    let mut all = Vec::new();
    for stripe in 1..=cut.stripes {
        let mut needed = vec![NOTHING; count];
        let mut tiles = Vec::with_capacity(count);
        for at in (0..count).rev() {
            let rule = rules[at];
            let end = if is_exit[at] { rule.rows * stripe / cut.stripes } else { 0 };
            let own = if end > done[at] { done[at]..end } else { NOTHING };
            let wanted = hull(&needed[at], &own);
            let outputs = &network.operators[region.operators[at]].outputs;
            let is_carried =
                cut.is_carried && !outputs.iter().any(|&output| network.tensors[output].is_inner);
            let computed = if is_carried { wanted.start.max(done[at])..wanted.end } else { wanted.clone() };
            let computed = if computed.is_empty() { NOTHING } else { computed };
            done[at] = done[at].max(wanted.end);
            let mut tile = StripeTile {
                computed: NOTHING,
                reads: NOTHING,
                padding: TilePadding::Kept,
                needed: needed[at].clone(),
            };
            if !computed.is_empty() {
                (tile.reads, tile.padding) = reads(rule, &computed, cut)?;
                if tile.reads.is_empty() {
                    return None;
                }
                tile.computed = computed;
                for &producer in &producers[at] {
                    needed[producer] = hull(&needed[producer], &tile.reads);
                }
            }
            tiles.push(tile);
        }
        tiles.reverse();
        all.push(tiles);
    }
    Some(all)
}

/// By operator of a region: the operators of the region that write rows that it reads.
fn producers(network: &TileNetwork, region: &TileRegion) -> Vec<Vec<usize>> {
    let own = |&id: &usize| {
        let inputs = network.operators[id].inputs.iter().flatten();
        let writers = inputs.filter_map(|&input| network.producer[input]);
        writers.filter_map(|writer| region.operators.iter().position(|&other| other == writer)).collect()
    };
    region.operators.iter().map(own).collect()
}

/// The smallest range that contains both; an empty range contains nothing.
fn hull(one: &Rows, other: &Rows) -> Rows {
    match (one.is_empty(), other.is_empty()) {
        (true, _) => other.clone(),
        (_, true) => one.clone(),
        _ => one.start.min(other.start)..one.end.max(other.end),
    }
}

/// The rows of the inputs for these rows of the outputs, and the padding of the tile.
fn reads(rule: &RowRule, computed: &Rows, cut: &StripeCut) -> Option<(Rows, TilePadding)> {
    match &rule.kernel {
        RowKernel::Same => Some((computed.clone(), TilePadding::Kept)),
        RowKernel::Window(window) => window.tile(computed, cut.is_padded),
        RowKernel::Transposed(window) => window.tile(computed),
        RowKernel::Scaled(scale) => Some((scale.supply(computed), TilePadding::Kept)),
    }
}
