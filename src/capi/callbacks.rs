//! Callbacks of the caller: progress, log, and custom strategies.

use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;

use super::problem::record;
use super::record_size::RecordArray;
use super::records::{plimsoll_buffer, plimsoll_progress};
use super::status::PLIMSOLL_NONE;
use crate::allocate::{Allocation, Strategy};
use crate::{Error, Limits, Problem, Progress};

/// Receives the progress of a search; a result other than 0 stops the search. Called now and then
/// on the thread that plans. Must return: no exception, no longjmp.
pub type plimsoll_progress_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, progress: *const plimsoll_progress) -> i32>;

/// Receives a line of log text, valid during the call. Called on the thread that plans, at the
/// beginning and end of each plan. Must return.
pub type plimsoll_log_fn = Option<unsafe extern "C" fn(userdata: *mut c_void, line: *const c_char)>;

/// Chooses an offset in bytes for each of `count` buffers, of the record size given with the callback. `capacity` is the arena capacity in
/// bytes to aim for, or PLIMSOLL_NONE; exceeding it is no error. A result other than 0 ends planning
/// with PLIMSOLL_ERROR_CALLBACK. The library verifies the offsets as it verifies those of its own
/// strategies. Called on the thread that plans. Must return.
pub type plimsoll_strategy_fn = Option<
    unsafe extern "C" fn(
        userdata: *mut c_void,
        buffers: *const plimsoll_buffer,
        count: usize,
        capacity: u64,
        offsets: *mut u64,
    ) -> i32,
>;

pub(super) type ProgressFunction = unsafe extern "C" fn(*mut c_void, *const plimsoll_progress) -> i32;
pub(super) type LogFunction = unsafe extern "C" fn(*mut c_void, *const c_char);
pub(super) type StrategyFunction =
    unsafe extern "C" fn(*mut c_void, *const plimsoll_buffer, usize, u64, *mut u64) -> i32;

/// A function of the caller and the pointer that it receives as `userdata`.
#[derive(Clone, Copy)]
pub(super) struct Callback<F> {
    pub(super) function: F,
    pub(super) userdata: *mut c_void,
    /// Size of the records that the function expects; 0 for functions without records.
    pub(super) record_size: usize,
}

// SAFETY: only the thread that plans calls it. The header makes callers who share options between
// threads responsible for the data behind `userdata`.
unsafe impl<F> Send for Callback<F> {}
// SAFETY: as for `Send`.
unsafe impl<F> Sync for Callback<F> {}

impl Callback<ProgressFunction> {
    pub(super) fn call(self, progress: Progress) -> ControlFlow<()> {
        let Progress { nodes, best, bound } = progress;
        let progress = RecordArray::new(&[plimsoll_progress { nodes, best, bound }], self.record_size);
        // SAFETY: the caller registered this function together with this `userdata` and record size.
        match unsafe { (self.function)(self.userdata, progress.as_ptr()) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// A strategy implemented by a function of the caller.
pub(super) struct CallbackStrategy {
    name: String,
    callback: Callback<StrategyFunction>,
}

impl CallbackStrategy {
    pub(super) fn new(name: &str, callback: Callback<StrategyFunction>) -> Self {
        Self { name: name.to_owned(), callback }
    }
}

impl Strategy for CallbackStrategy {
    fn name(&self) -> &str {
        &self.name
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> crate::Result<Allocation> {
        let buffers: Vec<plimsoll_buffer> = problem.buffers().iter().map(record).collect();
        let mut offsets = vec![0; buffers.len()];
        let capacity = problem.capacity().unwrap_or(PLIMSOLL_NONE);
        let Callback { function, userdata, record_size } = self.callback;
        let records = RecordArray::new(&buffers, record_size);
        // SAFETY: both arrays have `buffers.len()` entries, and the caller registered this function
        // together with this `userdata` and record size.
        let status =
            unsafe { function(userdata, records.as_ptr(), buffers.len(), capacity, offsets.as_mut_ptr()) };
        if status == 0 {
            return Ok(Allocation::new(offsets));
        }
        Err(Error::StrategyFailed { strategy: self.name.clone(), status })
    }
}
