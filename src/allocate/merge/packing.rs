//! Objects with several tensors side by side.

use crate::allocate::occupancy::{Fit, Occupancy, Request};
use crate::problem::Problem;
use crate::support::arithmetic::align_up;
use crate::support::ids::BufferId;
use crate::support::limits::{Budget, Stop};

/// Tensors packed into one object.
#[derive(Clone, Debug, Default)]
pub(super) struct PackedObject {
    /// Tensors with their offsets from the start of the object.
    pub(super) members: Vec<(BufferId, u64)>,
    /// End of the topmost tensor.
    pub(super) height: u64,
    /// Largest alignment of its tensors.
    pub(super) alignment: u64,
    /// True if it holds fixed buffers and therefore starts where the arena does.
    pub(super) pinned: bool,
}

impl PackedObject {
    pub(super) fn of(members: Vec<(BufferId, u64)>, pinned: bool, problem: &Problem) -> Self {
        let end = |&(id, offset): &(BufferId, u64)| offset + problem.buffer(id).size();
        let alignment = members.iter().map(|&(id, _)| problem.buffer(id).alignment()).max();
        Self {
            height: members.iter().map(end).max().unwrap_or(0),
            alignment: alignment.unwrap_or(1),
            members,
            pinned,
        }
    }

    /// Bytes that the object adds to the arena. Objects of large alignment lie below others, so
    /// a multiple of the alignment leaves no padding between them.
    pub(super) fn size(&self) -> u64 {
        align_up(self.height, self.alignment)
    }

    pub(super) fn padding(&self) -> u64 {
        self.size() - self.height
    }
}

/// Packs tensors of one problem repeatedly and reuses its memory.
pub(super) struct ObjectPacker<'a> {
    pub(super) problem: &'a Problem,
    pub(super) sections: &'a [(u32, u32)],
    occupancy: Occupancy,
    members: Vec<(BufferId, u64)>,
}

impl<'a> ObjectPacker<'a> {
    pub(super) fn new(problem: &'a Problem, sections: &'a [(u32, u32)]) -> Self {
        Self { problem, sections, occupancy: Occupancy::default(), members: Vec::new() }
    }

    /// Places `guests` into the holes of `kept`, in the given order; the object grows if it must.
    /// Returns `None` as soon as the height is known to reach `limit`.
    pub(super) fn pack(
        &mut self,
        kept: &[(BufferId, u64)],
        guests: &[BufferId],
        fit: Fit,
        limit: u64,
        budget: &mut Budget<'_>,
    ) -> Result<Option<&[(BufferId, u64)]>, Stop> {
        budget.spend(1 + kept.len() as u64)?;
        let visits = self.occupancy.visits();
        let packed = self.place(kept, guests, fit, limit);
        // A finished packing is kept; the next call reports the limit.
        let _ = budget.spend((self.members.len() - kept.len()) as u64 + self.occupancy.visits() - visits);
        Ok(packed.then_some(self.members.as_slice()))
    }

    fn place(&mut self, kept: &[(BufferId, u64)], guests: &[BufferId], fit: Fit, limit: u64) -> bool {
        self.occupancy.clear();
        self.members.clear();
        for &(id, offset) in kept {
            self.insert(id, offset);
        }
        for &id in guests {
            let buffer = self.problem.buffer(id);
            let sections = self.sections[id.index()];
            let request = Request { pieces: &[sections], size: buffer.size(), alignment: buffer.alignment() };
            let offset = self.occupancy.find(request, fit);
            if offset + buffer.size() >= limit {
                return false;
            }
            self.insert(id, offset);
        }
        true
    }

    fn insert(&mut self, id: BufferId, offset: u64) {
        let size = self.problem.buffer(id).size();
        // A fixed buffer of size zero occupies nothing, but counts for the height.
        if size > 0 {
            self.occupancy.insert(self.sections[id.index()], offset, size);
        }
        self.members.push((id, offset));
    }
}
