//! Objects as packings of their own: several tensors side by side.

use crate::allocate::occupancy::{Fit, Occupancy, Request, align_up};
use crate::ids::BufferId;
use crate::limits::{Meter, Stop};
use crate::problem::Problem;

/// Tensors packed into one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    /// Each with its offset from the object's start.
    pub(super) members: Vec<(BufferId, u64)>,
    /// The end of the topmost.
    pub(super) height: u64,
    /// The largest among its members.
    pub(super) alignment: u64,
    /// It starts where the arena does, and holds what has a fixed offset.
    pub(super) pinned: bool,
}

impl Object {
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

    /// What it adds to the arena: objects of large alignment lie below those of
    /// small, so a whole number of alignments leaves no padding between them.
    pub(super) fn size(&self) -> u64 {
        align_up(self.height, self.alignment)
    }

    pub(super) fn padding(&self) -> u64 {
        self.size() - self.height
    }
}

/// Packs the tensors of one problem again and again.
pub(super) struct Packer<'a> {
    pub(super) problem: &'a Problem,
    pub(super) sections: &'a [(u32, u32)],
    occupancy: Occupancy,
    members: Vec<(BufferId, u64)>,
}

impl<'a> Packer<'a> {
    pub(super) fn new(problem: &'a Problem, sections: &'a [(u32, u32)]) -> Self {
        Self { problem, sections, occupancy: Occupancy::default(), members: Vec::new() }
    }

    /// Puts `guests` into the holes of `kept`, in this order, which grows where
    /// it must; none as soon as it is sure to reach `limit`.
    ///
    /// # Errors
    /// Why the search must stop.
    pub(super) fn pack(
        &mut self,
        kept: &[(BufferId, u64)],
        guests: &[BufferId],
        fit: Fit,
        limit: u64,
        meter: &mut Meter<'_>,
    ) -> Result<Option<&[(BufferId, u64)]>, Stop> {
        meter.spend(1 + kept.len() as u64)?;
        let visits = self.occupancy.visits();
        let packed = self.place(kept, guests, fit, limit);
        // What is done is not thrown away: who comes next is told to stop.
        let _ = meter.spend((self.members.len() - kept.len()) as u64 + self.occupancy.visits() - visits);
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
        // The arena reaches to what is fixed, even if that takes no room.
        if size > 0 {
            self.occupancy.insert(self.sections[id.index()], offset, size);
        }
        self.members.push((id, offset));
    }
}
