//! Bytes covered by a changing set of ranges.

/// The union of ranges that are added and removed: a segment tree over the elementary intervals between
/// their ends (Bentley, Algorithms for Klee's rectangle problems, 1977). A change takes O(log ranges).
pub(crate) struct CoverageTree {
    /// Starts and ends of all ranges, ascending, each once.
    cuts: Vec<u64>,
    nodes: Vec<CoverageNode>,
}

#[derive(Clone, Copy, Default)]
struct CoverageNode {
    /// Number of ranges that cover the whole node, but not its whole parent.
    whole: i32,
    /// Bytes covered by these ranges or by ranges counted below the node.
    bytes: u64,
    /// End of the highest covered byte; 0 if none is covered.
    top: u64,
}

impl CoverageTree {
    /// An empty union, to which any of the given ranges may be added.
    pub(crate) fn new(ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let cuts = super::sorting::unique(ranges.flat_map(|(start, end)| [start, end]));
        let leaves = cuts.len().saturating_sub(1).next_power_of_two();
        Self { cuts, nodes: vec![CoverageNode::default(); 2 * leaves] }
    }

    /// The number of covered bytes, and the end of the highest one.
    pub(crate) fn covered(&self) -> (u64, u64) {
        (self.nodes[1].bytes, self.nodes[1].top)
    }

    /// Adds a range (`by` 1), or removes one that was added (`by` -1).
    pub(crate) fn change(&mut self, (start, end): (u64, u64), by: i32) {
        let position = |cut: u64| self.cuts.partition_point(|&other| other < cut);
        let range = (position(start), position(end));
        // An interval that ends at `u64::MAX` by saturation may be empty.
        if range.0 < range.1 {
            self.change_node(1, (0, self.nodes.len() / 2), range, by);
        }
    }

    fn change_node(&mut self, node: usize, span: (usize, usize), range: (usize, usize), by: i32) {
        if range.1 <= span.0 || span.1 <= range.0 {
            return;
        }
        if range.0 <= span.0 && span.1 <= range.1 {
            self.nodes[node].whole += by;
        } else {
            let middle = usize::midpoint(span.0, span.1);
            self.change_node(2 * node, (span.0, middle), range, by);
            self.change_node(2 * node + 1, (middle, span.1), range, by);
        }
        self.nodes[node] = self.counted(node, span);
    }

    fn counted(&self, node: usize, span: (usize, usize)) -> CoverageNode {
        let whole = self.nodes[node].whole;
        if whole > 0 {
            // A covered node lies between two ends of ranges, so both of its ends are cuts.
            let (bottom, top) = (self.cuts[span.0], self.cuts[span.1]);
            return CoverageNode { whole, bytes: top - bottom, top };
        }
        match (self.nodes.get(2 * node), self.nodes.get(2 * node + 1)) {
            (Some(low), Some(high)) => {
                CoverageNode { whole, bytes: low.bytes + high.bytes, top: low.top.max(high.top) }
            }
            _ => CoverageNode { whole, bytes: 0, top: 0 },
        }
    }
}
