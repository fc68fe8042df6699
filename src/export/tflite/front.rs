//! Writer of new tables in front of an existing flatbuffer.
//!
//! Offsets in a flatbuffer are relative and point forward, so a new root in front of the old bytes may
//! point into them, and the old bytes need no change.

use super::TfliteError;

/// The old bytes start at a multiple of this number, so that aligned data stays aligned.
const ALIGNMENT: usize = 16;

/// Maximum length of a file: tables and vectors lie in the first 2 GiB, as offsets have 31 bits.
const LONGEST: usize = 1 << 31;

/// Target of an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A position in the old bytes.
    Old(usize),
    /// A position in the new bytes.
    New(usize),
}

/// A field of a new table. Every field that this module writes has four bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Number(u32),
    Offset(Target),
    /// An offset that [`Front::link`] sets later.
    Later,
}

/// The new bytes. Their offsets are resolved when the start of the old bytes is known.
pub(super) struct Front {
    bytes: Vec<u8>,
    links: Vec<(usize, Target)>,
}

impl Front {
    /// Starts with an unset root offset and the file identifier.
    pub(super) fn new(identifier: [u8; 4]) -> Self {
        let mut bytes = vec![0; 4];
        bytes.extend(identifier);
        Self { bytes, links: Vec::new() }
    }

    /// Records the target of the offset at `place`.
    pub(super) fn link(&mut self, place: usize, target: Target) {
        self.links.push((place, target));
    }

    /// Appends a table with these fields, sorted by slot. Returns the positions of the table and of each
    /// field.
    pub(super) fn table(&mut self, fields: &[(u16, Field)]) -> (usize, Vec<usize>) {
        const WIDTH: usize = 4;
        let slots = fields.last().map_or(0, |field| usize::from(field.0) + 1);
        let vtable_bytes = 4 + 2 * slots;
        // The vtable lies directly before the table, which starts at a multiple of 4.
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

    /// Appends a vector of offsets. Returns the positions of the vector and of each offset.
    pub(super) fn offsets(&mut self, targets: &[Field]) -> (usize, Vec<usize>) {
        self.pad(4, 0);
        let place = self.bytes.len();
        self.bytes.extend((targets.len() as u32).to_le_bytes());
        (place, targets.iter().map(|&target| self.field(target)).collect())
    }

    /// Appends a vector of bytes, whose first byte is at a multiple of 16, and a terminating zero. Returns
    /// the position of the vector.
    pub(super) fn data(&mut self, data: &[u8]) -> usize {
        self.pad(ALIGNMENT, 4);
        let place = self.bytes.len();
        self.bytes.extend((data.len() as u32).to_le_bytes());
        self.bytes.extend(data);
        self.bytes.push(0);
        place
    }

    /// Appends a vector of 32-bit numbers. Returns its position.
    pub(super) fn numbers(&mut self, numbers: &[i32]) -> usize {
        self.pad(4, 0);
        let place = self.bytes.len();
        self.bytes.extend((numbers.len() as u32).to_le_bytes());
        self.bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        place
    }

    /// Appends a name. Returns its position.
    pub(super) fn text(&mut self, text: &str) -> usize {
        self.pad(4, 0);
        let place = self.bytes.len();
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend(text.bytes());
        self.bytes.push(0);
        place
    }

    /// Pads with zeros so that the position `behind` bytes after the end is a multiple of `alignment`.
    fn pad(&mut self, alignment: usize, behind: usize) {
        let end = (self.bytes.len() + behind).next_multiple_of(alignment) - behind;
        self.bytes.resize(end, 0);
    }

    /// Resolves all offsets and appends the old bytes. Returns the file and the position of the old bytes
    /// in it.
    ///
    /// # Errors
    /// [`TfliteError::File`] if the result exceeds the maximum length of a flatbuffer.
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
