//! Compressed sparse rows: lists of different lengths in one array.

/// Rows of numbers, stored one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// By row: the position of its first entry. The last element is the number of entries.
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Rows {
    /// Stores rows. O(entries).
    pub(crate) fn new(rows: impl IntoIterator<Item = impl IntoIterator<Item = u32>>) -> Self {
        let mut built = Self { starts: vec![0], entries: Vec::new() };
        for row in rows {
            built.entries.extend(row);
            built.starts.push(built.entries.len() as u32);
        }
        built
    }

    /// `count` empty rows.
    pub(super) fn empty(count: usize) -> Self {
        Self { starts: vec![0; count + 1], entries: Vec::new() }
    }

    /// The transpose: for each of `0..columns`, the rows that contain it, ascending. O(entries).
    pub(crate) fn transposed(&self, columns: usize) -> Self {
        let mut starts = vec![0; columns + 1];
        for &column in &self.entries {
            starts[column as usize + 1] += 1;
        }
        for column in 0..columns {
            starts[column + 1] += starts[column];
        }
        let mut next = starts.clone();
        let mut entries = vec![0; self.entries.len()];
        for row in 0..self.count() {
            for &column in self.row(row) {
                entries[next[column as usize] as usize] = row;
                next[column as usize] += 1;
            }
        }
        Self { starts, entries }
    }

    #[inline]
    pub(crate) fn row(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.entries[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    /// All rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.count()).map(|number| self.row(number))
    }

    /// The number of entries in all rows.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of rows.
    pub(super) fn count(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }
}
