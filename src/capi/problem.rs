//! Packing problems: lists of buffers without a graph.

use std::ffi::c_char;

use super::boundary::{self, Failure, array, create, free, guard, reference, text};
use super::record_size::read_all;
use super::records::{plimsoll_buffer, plimsoll_gap};
use super::status::PLIMSOLL_NONE;
use crate::verify::verify_offsets;
use crate::{Buffer, Problem};

/// A packing problem: buffers that need offsets. Immutable; any number of threads may use it at the
/// same time.
pub struct plimsoll_problem {
    pub(super) problem: Problem,
}

fn buffer(record: &plimsoll_buffer) -> Buffer {
    let buffer = Buffer::new(record.size, record.start..record.end).align(record.alignment);
    if record.fixed_offset == PLIMSOLL_NONE { buffer } else { buffer.at(record.fixed_offset) }
}

pub(super) fn record(buffer: &Buffer) -> plimsoll_buffer {
    plimsoll_buffer {
        size: buffer.size(),
        alignment: buffer.alignment(),
        fixed_offset: buffer.fixed_offset().unwrap_or(PLIMSOLL_NONE),
        start: buffer.live().start,
        end: buffer.live().end,
    }
}

/// Creates a problem from `count` buffers, which are validated and copied. Buffer `i` of the array
/// has index `i`. `names` is NULL, or has a name for each buffer, which messages show.
///
/// Free it with `plimsoll_problem_free`. PLIMSOLL_ERROR_INVALID names the first invalid buffer: an
/// empty live range, an alignment that is not a power of two, fixed offsets that overlap, sizes
/// beyond 64 bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_new(
    buffers: *const plimsoll_buffer,
    record_size: usize,
    count: usize,
    names: *const *const c_char,
    problem: *mut *mut plimsoll_problem,
) -> i32 {
    let (gaps, gap_size) = (std::ptr::null(), size_of::<plimsoll_gap>());
    unsafe { plimsoll_problem_new_with_gaps(buffers, record_size, count, names, gaps, gap_size, 0, problem) }
}

/// Creates a problem like `plimsoll_problem_new`, with `gap_count` gaps in any order: steps at which
/// other buffers may use the memory of a live buffer. A gap must leave its buffer live for at least a
/// step at either end, and must not touch another gap of the buffer; otherwise
/// PLIMSOLL_ERROR_INVALID names both. `buffer_size` and `gap_size` are the sizes of the records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_new_with_gaps(
    buffers: *const plimsoll_buffer,
    buffer_size: usize,
    count: usize,
    names: *const *const c_char,
    gaps: *const plimsoll_gap,
    gap_size: usize,
    gap_count: usize,
    problem: *mut *mut plimsoll_problem,
) -> i32 {
    let new = || {
        let buffers =
            unsafe { read_all(buffers, buffer_size, count, "buffers") }?.iter().map(buffer).collect();
        let names = if names.is_null() { &[] } else { unsafe { array(names, count, "names") }? };
        let names: Result<Vec<String>, Failure> =
            names.iter().map(|&name| unsafe { text(name, "names[i]") }.map(str::to_owned)).collect();
        let buffers = with_gaps(buffers, &unsafe { read_all(gaps, gap_size, gap_count, "gaps") }?)?;
        Ok(plimsoll_problem { problem: Problem::named(buffers, names?)? })
    };
    unsafe { create(problem, "problem", new) }
}

fn with_gaps(mut buffers: Vec<Buffer>, gaps: &[plimsoll_gap]) -> Result<Vec<Buffer>, Failure> {
    let keyed = gaps.iter().zip(0..).map(|(gap, position)| (u64::from(gap.buffer), position));
    let mut sorted: Vec<(u64, usize)> = keyed.collect();
    sorted.sort_unstable();
    for gaps_of_buffer in sorted.chunk_by(|a, b| a.0 == b.0) {
        let (index, count) = (gaps_of_buffer[0].0, buffers.len());
        let Some(buffer) = buffers.get_mut(index as usize) else {
            return Err(Failure::argument(format!("gap of buffer {index}: there are only {count} buffers")));
        };
        let ranges = gaps_of_buffer.iter().map(|&(_, position)| gaps[position].start..gaps[position].end);
        *buffer = buffer.clone().with_gaps(ranges);
    }
    Ok(buffers)
}

/// Writes the number of buffers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_buffer_count(
    problem: *const plimsoll_problem,
    count: *mut usize,
) -> i32 {
    let buffers = |problem: &plimsoll_problem| Ok(problem.problem.buffers().len());
    unsafe { boundary::read((problem, "problem"), (count, "count"), buffers) }
}

/// Verifies `count` offsets, one for each buffer: alignment, fixed offsets, an arena of `arena_bytes`,
/// and no overlap of buffers that are live at the same time. PLIMSOLL_ERROR_WRONG_PLAN if an offset
/// is wrong.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_verify(
    problem: *const plimsoll_problem,
    offsets: *const u64,
    count: usize,
    arena_bytes: u64,
) -> i32 {
    guard(|| {
        let problem = unsafe { reference(problem, "problem") }?;
        let offsets = unsafe { array(offsets, count, "offsets") }?;
        Ok(verify_offsets(&problem.problem, offsets, arena_bytes)?)
    })
}

/// Frees a problem; NULL is allowed. Plans of the problem stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_problem_free(problem: *mut plimsoll_problem) {
    unsafe { free(problem) };
}
