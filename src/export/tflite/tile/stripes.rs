//! The rows of all operators of a region, stripe by stripe.

use super::network::{RowKernel, RowRule, Rows, TileNetwork};

/// Consecutive operators that run stripe by stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TileRegion {
    /// Positions in the subgraph's list of operators, in execution order.
    pub(super) operators: Vec<usize>,
    pub(super) axis: usize,
    pub(super) cut: Cut,
}

/// How a region is cut into stripes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) stripes: i64,
    /// True if rows that two stripes need are kept by the first one, false if the second one computes them again.
    pub(super) is_carried: bool,
    /// True if padding is explicit (`PAD`), false if windows keep their padding and wrong rows are cut off.
    pub(super) is_padded: bool,
    /// True if exits are written piece by piece into one tensor (`DYNAMIC_UPDATE_SLICE`), false if their pieces are
    /// concatenated.
    pub(super) is_updated: bool,
}

/// Padding of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TilePadding {
    /// The options of the operator.
    Kept,
    /// `VALID`, after explicit padding of these rows before and after, and of the columns.
    Valid([i64; 2]),
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
    network: &TileNetwork<'_>,
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
            let computed =
                if cut.is_carried { wanted.start.max(done[at])..wanted.end } else { wanted.clone() };
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
fn producers(network: &TileNetwork<'_>, region: &TileRegion) -> Vec<Vec<usize>> {
    let own = |&id: &usize| {
        let inputs = network.subgraph.operators[id].inputs.iter().flatten();
        let writers = inputs.filter_map(|input| network.producer[input.index()]);
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
fn reads(rule: &RowRule, computed: &Rows, cut: &Cut) -> Option<(Rows, TilePadding)> {
    let RowKernel::Window(window) = &rule.kernel else { return Some((computed.clone(), TilePadding::Kept)) };
    let exact = window.reads(computed);
    if window.computed(&exact.rows).as_ref() == Some(computed) {
        return Some((exact.rows, TilePadding::Kept));
    }
    let is_unpadded = exact.pads == [0, 0] && window.across == [0, 0];
    if is_unpadded || (cut.is_padded && window.may_pad) {
        return Some((exact.rows, TilePadding::Valid(exact.pads)));
    }
    Some((window.supply(computed)?, TilePadding::Kept))
}
