//! Rigid groups: tensors at fixed distances from each other, indexed by bytes and live range.
//!
//! Before a tensor joins a group, the builder needs all members that overlap it in bytes and in
//! time. Members are therefore kept in bounding volume trees whose sizes double, by the logarithmic
//! method (Bentley and Saxe, 1980): an insertion rebuilds small trees only, and n insertions cost
//! O(n log^2 n). A query visits only boxes that overlap the tensor. Two groups are merged by
//! inserting the members of the smaller one into the larger one, so each tensor is inserted
//! O(log n) times.

use smallvec::SmallVec;

use super::classes::ContentClasses;
use crate::problem::LiveRange;
use crate::support::ids::TensorId;

/// A tensor of a rigid group. Tensors without bytes or live steps are not members, as nothing can
/// overlap them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) id: TensorId,
    /// A tensor of the member's [class](ContentClasses): members of one class never conflict.
    pub(super) class: TensorId,
    /// Offsets of the tensor's start and end from the start of the group's root, in bytes.
    pub(super) from: i128,
    pub(super) end: i128,
    pub(super) live: LiveRange,
}

impl Member {
    /// The member at an offset that is higher by `distance`.
    pub(super) fn moved(self, distance: i128) -> Self {
        Self { from: self.from + distance, end: self.end + distance, ..self }
    }

    /// Returns true if two members have bytes in common and are live at a common step.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.from < other.end && other.from < self.end && self.live.overlaps(other.live)
    }
}

/// Tensors at fixed distances from each other. Positions are offsets from the root tensor.
#[derive(Clone, Debug)]
pub(super) struct RigidGroup {
    /// Offset of position 0 of the stored members from the root. A change of the root changes
    /// this number only, so that a merge need not touch the members of the largest group.
    origin: i128,
    /// The offsets that the group may have in the arena.
    offsets: GroupOffsets,
    /// Number of members.
    count: usize,
    /// Members that are in no tree yet, fewer than `MAX_LOOSE`.
    loose: SmallVec<[Member; 1]>,
    /// Trees of members. Each is more than twice as large as the next one.
    trees: Vec<MemberTree>,
}

/// The offsets that a group may have in the arena. Its root must have one residue modulo the largest
/// alignment. That residue determines the residues modulo all other alignments, as alignments are
/// powers of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupOffsets {
    /// Offset of the lowest tensor from the root.
    lowest: i128,
    /// The largest alignment of the group's tensors.
    alignment: u64,
    /// The root's offset in the arena, modulo the alignment.
    residue: u64,
    /// The root's offset in the arena, if a tensor of the group has a fixed offset.
    root: Option<i128>,
}

/// Number of members at which the loose ones are moved into a tree.
const MAX_LOOSE: usize = 16;

/// Maximum number of members in a leaf of a tree.
const MAX_LEAF: usize = 8;

impl RigidGroup {
    /// The group of a single tensor, which is its own root. `member` is none if nothing can overlap
    /// the tensor.
    pub(super) fn new(member: Option<Member>, offsets: GroupOffsets) -> Self {
        Self {
            origin: 0,
            offsets,
            count: member.iter().len(),
            loose: member.into_iter().collect(),
            trees: Vec::new(),
        }
    }

    /// A group without members.
    pub(super) fn empty() -> Self {
        Self::new(None, GroupOffsets::single(1, None))
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The arena offset of a position, modulo an alignment that is at most the group's.
    pub(super) fn residue(&self, position: i128, alignment: u64) -> u64 {
        modulo(i128::from(self.offsets.residue) + position, alignment)
    }

    /// All members, with offsets from the root.
    pub(super) fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let stored = self.trees.iter().flat_map(|tree| &tree.members).chain(&self.loose);
        stored.map(|member| member.moved(self.origin))
    }

    /// Adds a member. O(log^2 n) amortized.
    pub(super) fn insert(&mut self, member: Member, classes: &ContentClasses) {
        self.count += 1;
        self.loose.push(member.moved(-self.origin));
        if self.loose.len() < MAX_LOOSE {
            return;
        }
        // Merge all trees that are at most twice as large as the new one. So each member is rebuilt
        // O(log n) times, and there are O(log n) trees.
        let mut members = std::mem::take(&mut self.loose).into_vec();
        while let Some(tree) = self.trees.pop_if(|tree| tree.members.len() <= 2 * members.len()) {
            members.extend(tree.members);
        }
        self.trees.push(MemberTree::new(members, classes));
    }

    /// Calls `visit` for each member of another class that overlaps `probe`, until `visit` fails. The
    /// class of `probe` is a representative. Adds the number of visited boxes and members to `work`.
    pub(super) fn for_each_overlapping<E>(
        &self,
        probe: &Member,
        classes: &ContentClasses,
        work: &mut u64,
        mut visit: impl FnMut(Member) -> Result<(), E>,
    ) -> Result<(), E> {
        let probe = probe.moved(-self.origin);
        let mut look = |member: &Member| {
            if member.overlaps(&probe) && classes.find(member.class) != probe.class {
                visit(member.moved(self.origin))
            } else {
                Ok(())
            }
        };
        *work += self.loose.len() as u64;
        self.loose.iter().try_for_each(&mut look)?;
        self.trees.iter().try_for_each(|tree| tree.for_each_overlapping(&probe, classes, work, &mut look))
    }

    /// The offsets that the group may have.
    pub(super) fn offsets(&self) -> GroupOffsets {
        self.offsets
    }

    /// Makes positions relative to a root that is `distance` bytes before the present one.
    pub(super) fn shift(&mut self, distance: i128) {
        self.origin += distance;
    }

    /// Adds the members of other groups, which are relative to the same root.
    pub(super) fn absorb(
        &mut self,
        offsets: GroupOffsets,
        members: impl Iterator<Item = Member>,
        classes: &ContentClasses,
    ) {
        self.offsets = offsets;
        members.for_each(|member| self.insert(member, classes));
    }
}

impl GroupOffsets {
    /// The offsets that a single tensor may have.
    pub(super) fn single(alignment: u64, fixed_offset: Option<u64>) -> Self {
        Self { lowest: 0, alignment, residue: 0, root: fixed_offset.map(i128::from) }
    }

    /// The offsets by a root that is `distance` bytes before the present one.
    pub(super) fn moved(self, distance: i128) -> Self {
        let residue = modulo(i128::from(self.residue) - distance, self.alignment);
        // A root that is `distance` bytes lower: subtract the distance from residues and fixed offsets.
        let root = self.root.map(|root| root - distance);
        Self { lowest: self.lowest + distance, residue, root, ..self }
    }

    /// The offsets of a merged group, given those of its parts by a common root. The largest alignment determines the
    /// residue, and the residues of the other groups must agree with it. None if alignments or fixed offsets
    /// contradict each other.
    pub(super) fn merged(parts: &(impl Iterator<Item = Self> + Clone)) -> Option<Self> {
        let lowest = parts.clone().map(|part| part.lowest).min()?;
        let Self { alignment, residue, .. } = parts.clone().max_by_key(|part| part.alignment)?;
        let mut roots = parts.clone().filter_map(|part| part.root);
        let root = roots.next();
        // No tensor may start below the arena, and a fixed offset must have the residue.
        let fits = root.is_none_or(|root| root + lowest >= 0 && modulo(root, alignment) == residue);
        let agree = roots.all(|other| Some(other) == root)
            && parts.clone().all(|part| residue % part.alignment == part.residue);
        (fits && agree).then_some(Self { lowest, alignment, residue, root })
    }
}

/// The non-negative remainder of a position modulo an alignment.
fn modulo(position: i128, alignment: u64) -> u64 {
    position.rem_euclid(alignment.into()) as u64
}

/// A static bounding volume tree: a k-d tree over bytes and time. Each subtree is a contiguous part
/// of the list of members.
#[derive(Clone, Debug)]
struct MemberTree {
    members: Vec<Member>,
    /// Bounding boxes in heap order: the children of node `i` are `2 i + 1` and `2 i + 2`.
    boxes: Vec<BoundingBox>,
}

/// The bounding box of some members in bytes and time.
#[derive(Clone, Copy, Debug)]
struct BoundingBox {
    from: i128,
    end: i128,
    live: LiveRange,
    /// The class of all members, or none if they have several classes.
    class: Option<TensorId>,
}

impl MemberTree {
    /// Builds a tree. O(n log n).
    fn new(mut members: Vec<Member>, classes: &ContentClasses) -> Self {
        // Classes may have been joined since a member was inserted.
        for member in &mut members {
            member.class = classes.find(member.class);
        }
        let mut tree = Self { members, boxes: Vec::new() };
        tree.build(0, 0, tree.members.len(), 0);
        tree
    }

    /// Builds a subtree over `from..end`: splits at the median, alternately by time and by bytes.
    fn build(&mut self, node: usize, from: usize, end: usize, depth: u32) {
        let span = &mut self.members[from..end];
        let bounds = BoundingBox::of(span);
        if end - from > MAX_LEAF {
            let bytes_and_time = |member: &Member| (member.from, i128::from(member.live.start), member.id);
            let time_and_bytes = |member: &Member| (i128::from(member.live.start), member.from, member.id);
            let half = span.len() / 2;
            // Alternating axes bound the boxes in both dimensions. The id makes the order total, so the
            // tree does not depend on the order of insertion.
            match depth % 2 {
                0 => span.select_nth_unstable_by_key(half, time_and_bytes),
                _ => span.select_nth_unstable_by_key(half, bytes_and_time),
            };
        }
        if self.boxes.len() <= node {
            self.boxes.resize(node + 1, bounds);
        }
        self.boxes[node] = bounds;
        if end - from > MAX_LEAF {
            let middle = usize::midpoint(from, end);
            self.build(2 * node + 1, from, middle, depth + 1);
            self.build(2 * node + 2, middle, end, depth + 1);
        }
    }

    fn for_each_overlapping<E>(
        &self,
        probe: &Member,
        classes: &ContentClasses,
        work: &mut u64,
        look: &mut impl FnMut(&Member) -> Result<(), E>,
        // Iterative, so that the depth of the tree does not matter.
    ) -> Result<(), E> {
        // An explicit stack: a box that does not overlap the probe is skipped with its whole subtree.
        let mut pending: SmallVec<[(usize, usize, usize); 32]> = SmallVec::new();
        pending.push((0, 0, self.members.len()));
        while let Some((node, from, end)) = pending.pop() {
            *work += 1;
            if !self.boxes[node].may_overlap(probe, classes) {
                continue;
            }
            if end - from <= MAX_LEAF {
                *work += (end - from) as u64;
                self.members[from..end].iter().try_for_each(&mut *look)?;
            } else {
                let middle = usize::midpoint(from, end);
                pending.extend([(2 * node + 2, middle, end), (2 * node + 1, from, middle)]);
            }
        }
        Ok(())
    }
}

impl BoundingBox {
    /// The bounding box of at least one member.
    fn of(members: &[Member]) -> Self {
        let Member { from, end, live, class, .. } = members[0];
        let mut bounds = Self { from, end, live, class: Some(class) };
        for member in &members[1..] {
            bounds.from = bounds.from.min(member.from);
            bounds.end = bounds.end.max(member.end);
            bounds.live.start = bounds.live.start.min(member.live.start);
            bounds.live.end = bounds.live.end.max(member.live.end);
            bounds.class = bounds.class.filter(|&class| class == member.class);
        }
        bounds
    }

    /// Returns true if a member in the box may overlap `probe` and be of another class.
    fn may_overlap(&self, probe: &Member, classes: &ContentClasses) -> bool {
        self.from < probe.end
            && probe.from < self.end
            && self.live.overlaps(probe.live)
            && self.class.is_none_or(|class| classes.find(class) != probe.class)
    }
}
