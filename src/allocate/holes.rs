//! Free ranges of the arena, searched by size and alignment.

use crate::support::random::Random;

const NONE: u32 = u32::MAX;

/// The holes between the buffers that are live at one moment, and the space above the topmost
/// buffer, in a treap ordered by offset.
///
/// For each alignment in use, a node stores the maximum room of the holes in its subtree,
/// counted from the first aligned offset of each hole. So the lowest hole with room for a buffer
/// is found in O(log n) with any mix of alignments. An update takes O(a log n) for `a`
/// alignments, of which there are at most 64.
#[derive(Debug)]
pub(super) struct Holes {
    alignments: Vec<u64>,
    nodes: Vec<Node>,
    /// Maximum room by node and alignment.
    room: Vec<u64>,
    unused: Vec<u32>,
    root: u32,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    start: u64,
    end: u64,
    below: u32,
    above: u32,
    priority: u64,
}

impl Holes {
    /// A free arena, for buffers with the given alignments.
    pub(super) fn new(alignments: impl Iterator<Item = u64>) -> Self {
        let used = alignments.fold(0, |used, alignment| used | alignment);
        let alignments = (0..64).map(|bit| 1 << bit).filter(|bit| used & bit != 0).collect();
        let random = Random::new(0);
        let (nodes, room, unused) = (Vec::new(), Vec::new(), Vec::new());
        let mut holes = Self { alignments, nodes, room, unused, root: NONE, random };
        holes.insert(0, u64::MAX);
        holes
    }

    /// Lowest aligned offset of at least `from` at which `size` bytes are free.
    pub(super) fn lowest(&self, size: u64, alignment: u64, from: u64) -> Option<u64> {
        let class = self.alignments.iter().position(|&own| own == alignment)?;
        self.lowest_under(self.root, (size, class), from)
    }

    /// Searches a subtree. At most one hole begins below `from` and ends above it, so one path is
    /// followed in addition to the path to the result: O(log n).
    fn lowest_under(&self, node: u32, (size, class): (u64, usize), from: u64) -> Option<u64> {
        if node == NONE || self.room[self.row(node) + class] < size {
            return None;
        }
        let Node { start, end, below, above, .. } = self.nodes[node as usize];
        let lower = if from < start { self.lowest_under(below, (size, class), from) } else { None };
        let own = || {
            let offset = aligned(start.max(from), self.alignments[class])?;
            (end.checked_sub(offset)? >= size).then_some(offset)
        };
        lower.or_else(own).or_else(|| self.lowest_under(above, (size, class), from))
    }

    /// Allocates bytes from the hole that contains them.
    pub(super) fn take(&mut self, offset: u64, size: u64) {
        let Some(Node { start, end, .. }) = self.at_or_below(offset) else { return };
        debug_assert!(offset + size <= end, "{offset}+{size} is not free in {start}..{end}");
        match (start < offset, offset + size < end) {
            (false, false) => self.root = self.remove(self.root, start),
            (false, true) => self.resize(self.root, start, (offset + size, end)),
            (true, _) => {
                self.resize(self.root, start, (start, offset));
                if offset + size < end {
                    self.insert(offset + size, end);
                }
            }
        }
    }

    /// Frees bytes, and joins the hole with adjacent ones.
    pub(super) fn give_back(&mut self, offset: u64, size: u64) {
        let end = offset + size;
        let next = self.at_or_below(end).filter(|next| next.start == end);
        let before = offset.checked_sub(1).and_then(|last| self.at_or_below(last));
        match (before.filter(|before| before.end == offset), next) {
            (None, None) => self.insert(offset, end),
            (None, Some(next)) => self.resize(self.root, next.start, (offset, next.end)),
            (Some(before), None) => self.resize(self.root, before.start, (before.start, end)),
            (Some(before), Some(next)) => {
                self.root = self.remove(self.root, next.start);
                self.resize(self.root, before.start, (before.start, next.end));
            }
        }
    }

    /// The last hole that begins at or below an offset.
    fn at_or_below(&self, offset: u64) -> Option<Node> {
        let (mut node, mut found) = (self.root, None);
        while node != NONE {
            let own = self.nodes[node as usize];
            if own.start <= offset {
                (found, node) = (Some(own), own.above);
            } else {
                node = own.below;
            }
        }
        found
    }

    fn insert(&mut self, start: u64, end: u64) {
        let node = Node { start, end, below: NONE, above: NONE, priority: self.random.next() };
        let number = self.unused.pop().unwrap_or(self.nodes.len() as u32);
        if number as usize == self.nodes.len() {
            self.nodes.push(node);
            self.room.resize(self.nodes.len() * self.alignments.len(), 0);
        }
        self.nodes[number as usize] = node;
        self.refresh(number);
        self.root = self.insert_under(self.root, number);
    }

    fn insert_under(&mut self, root: u32, number: u32) -> u32 {
        let Node { start, priority, .. } = self.nodes[number as usize];
        if root == NONE {
            return number;
        }
        let own = self.nodes[root as usize];
        if priority > own.priority {
            let (below, above) = self.split(root, start);
            (self.nodes[number as usize].below, self.nodes[number as usize].above) = (below, above);
            self.refresh(number);
            return number;
        }
        if start < own.start {
            self.nodes[root as usize].below = self.insert_under(own.below, number);
        } else {
            self.nodes[root as usize].above = self.insert_under(own.above, number);
        }
        self.refresh(root);
        root
    }

    /// Splits a subtree into the holes that begin below an offset and the others.
    fn split(&mut self, root: u32, offset: u64) -> (u32, u32) {
        if root == NONE {
            return (NONE, NONE);
        }
        let own = self.nodes[root as usize];
        let parts = if own.start < offset {
            let (below, above) = self.split(own.above, offset);
            self.nodes[root as usize].above = below;
            (root, above)
        } else {
            let (below, above) = self.split(own.below, offset);
            self.nodes[root as usize].below = above;
            (below, root)
        };
        self.refresh(root);
        parts
    }

    /// Joins two subtrees; all holes of the first lie below those of the second.
    fn merge(&mut self, below: u32, above: u32) -> u32 {
        if below == NONE || above == NONE {
            return if below == NONE { above } else { below };
        }
        let (lower, upper) = (self.nodes[below as usize], self.nodes[above as usize]);
        let root = if lower.priority > upper.priority {
            self.nodes[below as usize].above = self.merge(lower.above, above);
            below
        } else {
            self.nodes[above as usize].below = self.merge(below, upper.below);
            above
        };
        self.refresh(root);
        root
    }

    /// Removes the hole with the given start, which must exist.
    fn remove(&mut self, root: u32, start: u64) -> u32 {
        let own = self.nodes[root as usize];
        if own.start == start {
            self.unused.push(root);
            return self.merge(own.below, own.above);
        }
        if start < own.start {
            self.nodes[root as usize].below = self.remove(own.below, start);
        } else {
            self.nodes[root as usize].above = self.remove(own.above, start);
        }
        self.refresh(root);
        root
    }

    /// Changes the hole with the given start, which must exist and keep its order.
    fn resize(&mut self, node: u32, start: u64, range: (u64, u64)) {
        let own = self.nodes[node as usize];
        if own.start == start {
            (self.nodes[node as usize].start, self.nodes[node as usize].end) = range;
        } else {
            self.resize(if start < own.start { own.below } else { own.above }, start, range);
        }
        self.refresh(node);
    }

    fn refresh(&mut self, node: u32) {
        let Node { start, end, below, above, .. } = self.nodes[node as usize];
        for class in 0..self.alignments.len() {
            let first = aligned(start, self.alignments[class]).unwrap_or(u64::MAX);
            let under = |child: u32| if child == NONE { 0 } else { self.room[self.row(child) + class] };
            let most = end.saturating_sub(first).max(under(below)).max(under(above));
            let row = self.row(node);
            self.room[row + class] = most;
        }
    }

    fn row(&self, node: u32) -> usize {
        node as usize * self.alignments.len()
    }
}

/// Rounds an offset up to a multiple of a power of two; `None` on overflow, as an alignment of
/// another buffer may exceed every offset.
fn aligned(offset: u64, alignment: u64) -> Option<u64> {
    Some(offset.checked_add(alignment - 1)? & !(alignment - 1))
}
