//! Compressed sparse rows: lists of different lengths in one array.

use std::ops::Range;

use super::limits::{Budget, Stop};

/// Rows of entries, stored one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Rows<T = u32> {
    /// By row: the position of its first entry. The last element is the number of entries.
    starts: Vec<u32>,
    entries: Vec<T>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self::empty(0)
    }
}

impl<T> Rows<T> {
    /// Stores rows. O(entries).
    pub(crate) fn new(rows: impl IntoIterator<Item = impl IntoIterator<Item = T>>) -> Self {
        let mut built = Self::default();
        for row in rows {
            built.push(row);
        }
        built
    }

    /// Like [`new`](Self::new), and charges the meter for each row and entry.
    pub(crate) fn metered(
        rows: impl IntoIterator<Item = impl IntoIterator<Item = T>>,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Stop> {
        let mut built = Self::default();
        for row in rows {
            let before = built.len();
            built.push(row);
            budget.charge(1 + built.len() - before)?;
        }
        Ok(built)
    }

    /// Stores pairs of a row in `0..count` and an entry, which are sorted by row. O(pairs + count).
    pub(crate) fn of_sorted(count: usize, pairs: impl IntoIterator<Item = (u32, T)>) -> Self {
        let mut pairs = pairs.into_iter().peekable();
        let mut built = Self::default();
        for row in 0..count as u32 {
            built.push(std::iter::from_fn(|| Some(pairs.next_if(|pair| pair.0 == row)?.1)));
        }
        built
    }

    /// `count` empty rows.
    pub(crate) fn empty(count: usize) -> Self {
        Self { starts: vec![0; count + 1], entries: Vec::new() }
    }

    /// Adds a row after the last one.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = T>) {
        self.entries.extend(row);
        self.starts.push(self.entries.len() as u32);
    }

    /// Frees the memory that was reserved for further rows.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.entries.shrink_to_fit();
        self.starts.shrink_to_fit();
    }

    #[inline]
    pub(crate) fn row(&self, number: u32) -> &[T] {
        &self.entries[self.range(number)]
    }

    /// The position of a row's first entry among the entries of all rows.
    #[inline]
    pub(crate) fn start(&self, number: u32) -> u32 {
        self.starts[number as usize]
    }

    /// The positions of a row's entries among the entries of all rows.
    #[inline]
    pub(crate) fn range(&self, number: u32) -> Range<usize> {
        self.starts[number as usize] as usize..self.starts[number as usize + 1] as usize
    }

    /// All rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[T]> {
        (0..self.count()).map(|number| self.row(number))
    }

    /// The entries of all rows.
    pub(crate) fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The number of entries in all rows.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> u32 {
        (self.starts.len() - 1) as u32
    }
}

impl Rows {
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
}
