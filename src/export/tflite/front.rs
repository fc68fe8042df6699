//! New tables in front of an old flatbuffer.
//!
//! Offsets in a flatbuffer lead forward and are relative, so a new root in front of the old
//! bytes may point into them, and they need no change.

use super::TfliteError;

/// The old bytes start at a multiple of this, so that all that is aligned stays so.
const ALIGNMENT: usize = 16;

/// Tables and vectors lie in the first 2 GiB, as the format's offsets have 31 bits.
const LONGEST: usize = 1 << 31;

/// What an offset leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A place in the old bytes.
    Old(usize),
    /// A place in the new ones.
    New(usize),
}

/// A field of a new table: all that are needed here take four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Number(u32),
    Offset(Target),
    /// To be set by [`Front::link`].
    Later,
}

/// New bytes; offsets in them are set once it is known where the old ones start.
pub(super) struct Front {
    bytes: Vec<u8>,
    links: Vec<(usize, Target)>,
}

impl Front {
    /// The offset of the root, to be set, and the identifier.
    pub(super) fn new(identifier: [u8; 4]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(identifier);
        Self { bytes, links: Vec::new() }
    }

    /// Sets the offset at `place`.
    pub(super) fn link(&mut self, place: usize, target: Target) {
        self.links.push((place, target));
    }

    /// A table with these fields by slot, ascending. Returns where it is, and where each field
    /// is.
    pub(super) fn table(&mut self, fields: &[(u16, Field)]) -> (usize, Vec<usize>) {
        const WIDTH: usize = 4;
        let slots = fields.last().map_or(0, |field| usize::from(field.0) + 1);
        let vtable_bytes = 4 + 2 * slots;
        // The vtable ends where the table begins, at a multiple of 4.
        let table = (self.bytes.len() + vtable_bytes).next_multiple_of(WIDTH);
        let vtable = table - vtable_bytes;
        self.bytes.resize(vtable, 0);
        let mut entries = vec![0u16; 2 + slots];
        entries[0] = vtable_bytes as u16;
        entries[1] = (WIDTH + WIDTH * fields.len()) as u16;
        for (position, field) in fields.iter().enumerate() {
            entries[2 + usize::from(field.0)] = (WIDTH + WIDTH * position) as u16;
        }
        self.bytes.extend(entries.into_iter().flat_map(u16::to_le_bytes));
        self.bytes.extend((vtable_bytes as u32).to_le_bytes());
        let places = fields.iter().map(|&(_, field)| self.field(field)).collect();
        (table, places)
    }

    fn field(&mut self, field: Field) -> usize {
        let place = self.bytes.len();
        let number = match field {
            Field::Number(number) => number,
            Field::Offset(target) => {
                self.link(place, target);
                0
            }
            Field::Later => 0,
        };
        self.bytes.extend(number.to_le_bytes());
        place
    }

    /// A vector of offsets. Returns where it is, and where each offset is.
    pub(super) fn offsets(&mut self, targets: &[Field]) -> (usize, Vec<usize>) {
        self.pad(4, 0);
        let place = self.bytes.len();
        self.bytes.extend((targets.len() as u32).to_le_bytes());
        (place, targets.iter().map(|&target| self.field(target)).collect())
    }

    /// A vector of bytes, the first of them at a multiple of 16, with a zero behind it.
    pub(super) fn data(&mut self, data: &[u8]) -> usize {
        self.pad(ALIGNMENT, 4);
        let place = self.bytes.len();
        self.bytes.extend((data.len() as u32).to_le_bytes());
        self.bytes.extend(data);
        self.bytes.push(0);
        place
    }

    /// So that what comes after `behind` more bytes is at a multiple of `alignment`.
    fn pad(&mut self, alignment: usize, behind: usize) {
        let end = (self.bytes.len() + behind).next_multiple_of(alignment) - behind;
        self.bytes.resize(end, 0);
    }

    /// All of it, then the old bytes. Returns the file, and where the old bytes start.
    ///
    /// # Errors
    /// If that is longer than a flatbuffer can be.
    pub(super) fn before(mut self, old: &[u8]) -> Result<(Vec<u8>, usize), TfliteError> {
        self.pad(ALIGNMENT, 0);
        let start = self.bytes.len();
        if start.checked_add(old.len()).is_none_or(|length| length > LONGEST) {
            let reason = format!("a file of {} bytes has no room for a plan: 2 GiB are the most", old.len());
            return Err(TfliteError::File(reason));
        }
        for &(place, target) in &self.links {
            let target = match target {
                Target::Old(at) => start + at,
                Target::New(at) => at,
            };
            self.bytes[place..place + 4].copy_from_slice(&((target - place) as u32).to_le_bytes());
        }
        self.bytes.extend_from_slice(old);
        Ok((self.bytes, start))
    }
}
