//! Rigid groups: tensors at fixed distances from each other, found by bytes and live range.
//!
//! A group that grows asks which of its members meet a new one in bytes and in time. Members
//! are therefore kept in bounding volume trees of doubling sizes (Bentley and Saxe, 1980): an
//! insertion rebuilds small trees only, n insertions cost O(n log^2 n), and a query enters
//! only boxes that meet the new member. Groups are joined by inserting the smaller one into
//! the larger one.

use smallvec::SmallVec;

use crate::ids::TensorId;
use crate::problem::LiveRange;

/// A tensor of a group that has bytes and is live at some step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) id: TensorId,
    /// Members of one class hold the same contents wherever they have bytes in common.
    pub(super) class: TensorId,
    /// Bytes from the start of the group's root to the start and to the end of the tensor.
    pub(super) from: i128,
    pub(super) end: i128,
    pub(super) live: LiveRange,
}

impl Member {
    pub(super) fn moved(self, distance: i128) -> Self {
        Self { from: self.from + distance, end: self.end + distance, ..self }
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.from < other.end && other.from < self.end && self.live.overlaps(other.live)
    }
}

#[derive(Clone, Debug)]
pub(super) struct RigidGroup {
    /// Bytes from the start of the root to position 0 of the stored members: so that a large
    /// group that is joined to another root stays as it is.
    origin: i128,
    frame: Frame,
    count: usize,
    /// Members that are in no tree yet, fewer than `LOOSE`.
    loose: SmallVec<[Member; 1]>,
    /// Each more than twice as large as the next one.
    trees: Vec<Tree>,
}

/// The positions that a group can have: one residue modulo its largest alignment, which decides
/// the residues modulo all others, as alignments are powers of two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Of the lowest tensor, from the root.
    lowest: i128,
    /// The largest alignment of its tensors.
    alignment: u64,
    /// The offset of the root, modulo the alignment.
    residue: u64,
    /// The offset of the root that fixed offsets demand.
    root: Option<i128>,
}

/// Members that are not in a tree.
const LOOSE: usize = 16;

/// Members in a leaf of a tree.
const LEAF: usize = 8;

impl RigidGroup {
    /// A tensor, which is its own root. It is a member only if something can meet it.
    pub(super) fn new(member: Option<Member>, alignment: u64, fixed_offset: Option<u64>) -> Self {
        Self {
            origin: 0,
            frame: Frame { lowest: 0, alignment, residue: 0, root: fixed_offset.map(i128::from) },
            count: member.iter().len(),
            loose: member.into_iter().collect(),
            trees: Vec::new(),
        }
    }

    pub(super) fn empty() -> Self {
        Self::new(None, 1, None)
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::empty())
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// How many bytes above a multiple of an alignment a position from the root always lies. The
    /// alignment is at most the group's.
    pub(super) fn above(&self, position: i128, alignment: u64) -> u64 {
        modulo(i128::from(self.frame.residue) + position, alignment)
    }

    /// All members, at their positions from the root.
    pub(super) fn members(&self) -> impl Iterator<Item = Member> + '_ {
        let stored = self.trees.iter().flat_map(|tree| &tree.members).chain(&self.loose);
        stored.map(|member| member.moved(self.origin))
    }

    pub(super) fn insert(&mut self, member: Member) {
        self.count += 1;
        self.loose.push(member.moved(-self.origin));
        if self.loose.len() < LOOSE {
            return;
        }
        let mut members = std::mem::take(&mut self.loose).into_vec();
        while let Some(tree) = self.trees.pop_if(|tree| tree.members.len() <= 2 * members.len()) {
            members.extend(tree.members);
        }
        self.trees.push(Tree::new(members));
    }

    /// Calls `visit` for the members of other classes that meet a tensor, until it fails.
    /// Adds the boxes and members looked at to `work`.
    pub(super) fn meeting<E>(
        &self,
        probe: &Member,
        work: &mut u64,
        mut visit: impl FnMut(Member) -> Result<(), E>,
    ) -> Result<(), E> {
        let own = probe.moved(-self.origin);
        let mut look = |member: &Member| {
            if member.class != own.class && member.meets(&own) {
                visit(member.moved(self.origin))
            } else {
                Ok(())
            }
        };
        *work += self.loose.len() as u64;
        self.loose.iter().try_for_each(&mut look)?;
        self.trees.iter().try_for_each(|tree| tree.meeting(&own, work, &mut look))
    }

    /// Where groups can lie that have these distances from one root; none if their alignments
    /// or fixed offsets do not allow it.
    pub(super) fn frame<'g>(parts: impl Iterator<Item = (&'g Self, i128)> + Clone) -> Option<Frame> {
        Frame::joined(&parts.map(|(group, distance)| group.frame.moved(distance)))
    }

    /// Measures positions from a root that is so far before the present one.
    pub(super) fn shift(&mut self, distance: i128) {
        self.origin += distance;
    }

    /// Takes in the members of other groups around the same root.
    pub(super) fn join(&mut self, frame: Frame, members: impl Iterator<Item = Member>) {
        self.frame = frame;
        members.for_each(|member| self.insert(member));
    }
}

impl Frame {
    fn moved(self, distance: i128) -> Self {
        let residue = modulo(i128::from(self.residue) - distance, self.alignment);
        let root = self.root.map(|root| root - distance);
        Self { lowest: self.lowest + distance, residue, root, ..self }
    }

    /// The frame of groups that lie around one root, if there is one: the coarsest of them decides
    /// the residue, and the others have to agree.
    fn joined(parts: &(impl Iterator<Item = Self> + Clone)) -> Option<Self> {
        let lowest = parts.clone().map(|part| part.lowest).min()?;
        let Self { alignment, residue, .. } = parts.clone().max_by_key(|part| part.alignment)?;
        let mut roots = parts.clone().filter_map(|part| part.root);
        let root = roots.next();
        let fits = root.is_none_or(|root| root + lowest >= 0 && modulo(root, alignment) == residue);
        let agree = roots.all(|other| Some(other) == root)
            && parts.clone().all(|part| residue % part.alignment == part.residue);
        (fits && agree).then_some(Self { lowest, alignment, residue, root })
    }
}

/// A position modulo an alignment.
fn modulo(position: i128, alignment: u64) -> u64 {
    position.rem_euclid(alignment.into()) as u64
}

/// Members in a binary tree of boxes, built once. Each half is a contiguous part of the list.
#[derive(Clone, Debug)]
struct Tree {
    members: Vec<Member>,
    /// As a heap: those of the halves of `i` are `2 i + 1` and `2 i + 2`.
    boxes: Vec<Hull>,
}

/// The least box of bytes and time that holds some members.
#[derive(Clone, Copy, Debug)]
struct Hull {
    from: i128,
    end: i128,
    live: LiveRange,
    /// None if they are of several classes.
    class: Option<TensorId>,
}

impl Tree {
    fn new(members: Vec<Member>) -> Self {
        let mut tree = Self { members, boxes: Vec::new() };
        tree.build(0, 0, tree.members.len(), 0);
        tree
    }

    /// Splits at the median, in turn by bytes and by time.
    fn build(&mut self, node: usize, from: usize, end: usize, depth: u32) {
        let own = &mut self.members[from..end];
        let hull = Hull::of(own);
        if end - from > LEAF {
            let bytes_and_time = |one: &Member| (one.from, i128::from(one.live.start), one.id);
            let time_and_bytes = |one: &Member| (i128::from(one.live.start), one.from, one.id);
            let half = own.len() / 2;
            match depth % 2 {
                0 => own.select_nth_unstable_by_key(half, time_and_bytes),
                _ => own.select_nth_unstable_by_key(half, bytes_and_time),
            };
        }
        if self.boxes.len() <= node {
            self.boxes.resize(node + 1, hull);
        }
        self.boxes[node] = hull;
        if end - from > LEAF {
            let middle = usize::midpoint(from, end);
            self.build(2 * node + 1, from, middle, depth + 1);
            self.build(2 * node + 2, middle, end, depth + 1);
        }
    }

    fn meeting<E>(
        &self,
        probe: &Member,
        work: &mut u64,
        look: &mut impl FnMut(&Member) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut open: SmallVec<[(usize, usize, usize); 32]> = SmallVec::new();
        open.push((0, 0, self.members.len()));
        while let Some((node, from, end)) = open.pop() {
            *work += 1;
            if !self.boxes[node].may_meet(probe) {
                continue;
            }
            if end - from <= LEAF {
                *work += (end - from) as u64;
                self.members[from..end].iter().try_for_each(&mut *look)?;
            } else {
                let middle = usize::midpoint(from, end);
                open.extend([(2 * node + 2, middle, end), (2 * node + 1, from, middle)]);
            }
        }
        Ok(())
    }
}

impl Hull {
    fn of(members: &[Member]) -> Self {
        let Member { from, end, live, class, .. } = members[0];
        let mut hull = Self { from, end, live, class: Some(class) };
        for one in &members[1..] {
            hull.from = hull.from.min(one.from);
            hull.end = hull.end.max(one.end);
            hull.live.start = hull.live.start.min(one.live.start);
            hull.live.end = hull.live.end.max(one.live.end);
            hull.class = hull.class.filter(|&class| class == one.class);
        }
        hull
    }

    fn may_meet(&self, probe: &Member) -> bool {
        self.from < probe.end
            && probe.from < self.end
            && self.live.overlaps(probe.live)
            && self.class != Some(probe.class)
    }
}
