//! Placed rectangles, searched for holes.

use crate::support::arithmetic::align_up;

/// Rectangles sorted by offset, in blocks that a search can skip.
///
/// A search for a hole goes upwards and tracks the highest end of the rectangles that meet the
/// new buffer in time. It skips a block if none of its rectangles reaches above that end or meets
/// the buffer in time; within a block the time test runs over all rectangles at once (SIMD).
/// Linear in the worst case, but the interference graph (180 million pairs for 62 000 buffers) is
/// never stored, and a pair costs a fraction of a nanosecond.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    blocks: Vec<RectangleBlock>,
    /// Summaries of the blocks by ascending offset, which a search reads first.
    index: Vec<Summary>,
    visits: u64,
}

const BLOCK: usize = 64;

/// Unused slots hold a range that meets nothing. Sections are `i32` because baseline x86-64
/// compares vectors of signed integers only. There are at most as many sections as pieces of live
/// ranges, and 2^31 pieces are out of reach of this structure.
#[derive(Debug)]
struct RectangleBlock {
    len: usize,
    first: [i32; BLOCK],
    end: [i32; BLOCK],
    offset: [u64; BLOCK],
    top: [u64; BLOCK],
}

#[derive(Clone, Copy, Debug)]
struct Summary {
    block: u32,
    first: i32,
    end: i32,
    lowest: u64,
    top: u64,
}

/// Buffer to place: ranges of sections of its pieces, ascending; size and alignment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) pieces: &'a [(u32, u32)],
    pub(super) size: u64,
    pub(super) alignment: u64,
}

/// Choice of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The lowest hole that is large enough.
    Lowest,
    /// The smallest hole that is large enough; of equal ones, the lowest.
    Tightest,
}

impl Occupancy {
    /// Removes all rectangles and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.index.clear();
    }

    /// Number of blocks searched since construction: a measure of work that is independent of
    /// the machine.
    pub(super) fn visits(&self) -> u64 {
        self.visits
    }

    /// Offset of a hole for `request`, or else the lowest offset above all rectangles that meet it
    /// in time.
    pub(super) fn find(&mut self, request: Request<'_>, fit: Fit) -> u64 {
        self.find_from(request, fit, 0)
    }

    /// Like [`find`](Self::find), for offsets of at least `from`.
    pub(super) fn find_from(&mut self, request: Request<'_>, fit: Fit, from: u64) -> u64 {
        let Request { pieces, size, alignment } = request;
        let (first, end) = signed((pieces[0].0, pieces[pieces.len() - 1].1));
        let mut top = from;
        let mut hole = None;
        let mut slack = u64::MAX;
        'search: for summary in &self.index {
            if summary.top <= top || summary.first >= end || summary.end <= first {
                continue;
            }
            self.visits += 1;
            let block = &self.blocks[summary.block as usize];
            let mut groups = block.meeting(pieces);
            while let Some(slot) = groups.next() {
                let offset = block.offset[slot];
                let start = align_up(top, alignment);
                if offset >= start && offset - start >= size && offset - start - size < slack {
                    hole = Some(start);
                    slack = offset - start - size;
                    if fit == Fit::Lowest || slack == 0 {
                        break 'search;
                    }
                }
                top = top.max(block.top[slot]);
            }
        }
        hole.unwrap_or_else(|| align_up(top, alignment))
    }

    /// Adds a rectangle.
    pub(super) fn insert(&mut self, sections: (u32, u32), offset: u64, size: u64) {
        if self.index.is_empty() {
            self.add_block(0, RectangleBlock::empty());
        }
        let mut place = self.index.partition_point(|summary| summary.lowest <= offset).saturating_sub(1);
        if self.blocks[self.index[place].block as usize].len == BLOCK {
            self.split(place);
            if self.index[place + 1].lowest <= offset {
                place += 1;
            }
        }
        let summary = &mut self.index[place];
        let block = &mut self.blocks[summary.block as usize];
        let (first, end) = signed(sections);
        block.insert((first, end), offset, offset + size);
        summary.first = summary.first.min(first);
        summary.end = summary.end.max(end);
        summary.lowest = summary.lowest.min(offset);
        summary.top = summary.top.max(offset + size);
    }

    fn split(&mut self, place: usize) {
        let number = self.index[place].block;
        let upper = self.blocks[number as usize].split();
        self.index[place] = self.blocks[number as usize].summary(number);
        self.add_block(place + 1, upper);
    }

    fn add_block(&mut self, place: usize, block: RectangleBlock) {
        let number = self.blocks.len() as u32;
        self.index.insert(place, block.summary(number));
        self.blocks.push(block);
    }
}

impl RectangleBlock {
    fn empty() -> Self {
        Self { len: 0, first: [i32::MAX; BLOCK], end: [0; BLOCK], offset: [0; BLOCK], top: [0; BLOCK] }
    }

    /// Slots whose sections meet one of the pieces, ascending.
    #[allow(clippy::needless_bitwise_bool)] // without branches, so that it becomes vector code
    fn meeting(&self, pieces: &[(u32, u32)]) -> Meeting {
        let mut flags = [0u8; BLOCK];
        for &piece in pieces {
            let (first, end) = signed(piece);
            for ((flag, own_first), own_end) in flags.iter_mut().zip(&self.first).zip(&self.end) {
                *flag |= u8::from((*own_first < end) & (first < *own_end));
            }
        }
        let mut words = [0; BLOCK / 8];
        for (word, bytes) in words.iter_mut().zip(flags.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        Meeting { words, at: 0 }
    }

    fn insert(&mut self, sections: (i32, i32), offset: u64, top: u64) {
        let at = self.offset[..self.len].partition_point(|&other| other <= offset);
        self.first.copy_within(at..self.len, at + 1);
        self.end.copy_within(at..self.len, at + 1);
        self.offset.copy_within(at..self.len, at + 1);
        self.top.copy_within(at..self.len, at + 1);
        (self.first[at], self.end[at]) = sections;
        self.offset[at] = offset;
        self.top[at] = top;
        self.len += 1;
    }

    /// Keeps the lower half and returns the upper one.
    fn split(&mut self) -> RectangleBlock {
        const HALF: usize = BLOCK / 2;
        let mut upper = RectangleBlock::empty();
        upper.first[..HALF].copy_from_slice(&self.first[HALF..]);
        upper.end[..HALF].copy_from_slice(&self.end[HALF..]);
        upper.offset[..HALF].copy_from_slice(&self.offset[HALF..]);
        upper.top[..HALF].copy_from_slice(&self.top[HALF..]);
        self.first[HALF..].fill(i32::MAX);
        self.end[HALF..].fill(0);
        (self.len, upper.len) = (HALF, HALF);
        upper
    }

    fn summary(&self, block: u32) -> Summary {
        Summary {
            block,
            first: self.first[..self.len].iter().copied().min().unwrap_or(i32::MAX),
            end: self.end[..self.len].iter().copied().max().unwrap_or(0),
            lowest: self.offset[..self.len].first().copied().unwrap_or(u64::MAX),
            top: self.top[..self.len].iter().copied().max().unwrap_or(0),
        }
    }
}

/// Iterator over the nonzero bytes of eight words, as slot numbers.
struct Meeting {
    words: [u64; BLOCK / 8],
    at: usize,
}

impl Meeting {
    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.words[self.at] == 0 {
            self.at += 1;
            if self.at == self.words.len() {
                self.at -= 1;
                return None;
            }
        }
        let word = &mut self.words[self.at];
        let slot = self.at * 8 + word.trailing_zeros() as usize / 8;
        *word &= *word - 1;
        Some(slot)
    }
}

fn signed(sections: (u32, u32)) -> (i32, i32) {
    (sections.0.cast_signed(), sections.1.cast_signed())
}
