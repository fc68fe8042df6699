use std::ffi::{c_char, c_void};
use std::ops::ControlFlow;

use super::problem::record;
use super::records::{plimsoll_buffer, plimsoll_progress};
use super::status::PLIMSOLL_NONE;
use crate::allocate::{Allocation, Strategy};
use crate::{Error, Limits, Problem, Progress};

/// Looks at how far a search is; a number other than 0 stops it. Called now and
/// then on the thread that plans. Must return: no exception, no longjmp.
pub type plimsoll_progress_fn =
    Option<unsafe extern "C" fn(userdata: *mut c_void, progress: *const plimsoll_progress) -> i32>;

/// Takes a line of text, which is gone when it returns. Called on the thread that
/// plans, at the beginning and end of each plan. Must return.
pub type plimsoll_log_fn = Option<unsafe extern "C" fn(userdata: *mut c_void, line: *const c_char)>;

/// Chooses an offset in bytes for each of `count` buffers. `capacity` is a wish,
/// or PLIMSOLL_NONE. A number other than 0 ends planning with
/// PLIMSOLL_ERROR_CALLBACK. What it chooses is verified like the work of the
/// library. Called on the thread that plans. Must return.
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

/// A function of the caller's, with what it wants to be told.
#[derive(Clone, Copy)]
pub(super) struct Callback<F> {
    pub(super) function: F,
    pub(super) userdata: *mut c_void,
}

// SAFETY: it is called on the thread that plans and on no other; whoever shares
// options between threads answers for what `userdata` points to, as the header says.
unsafe impl<F> Send for Callback<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Callback<F> {}

impl Callback<ProgressFunction> {
    pub(super) fn call(self, progress: Progress) -> ControlFlow<()> {
        let Progress { nodes, best, bound } = progress;
        let progress = plimsoll_progress { nodes, best, bound };
        // SAFETY: the caller's function, with the caller's data.
        match unsafe { (self.function)(self.userdata, &raw const progress) } {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }
}

/// A strategy of the caller's.
pub(super) struct Theirs {
    name: String,
    callback: Callback<StrategyFunction>,
}

impl Theirs {
    pub(super) fn new(name: &str, callback: Callback<StrategyFunction>) -> Self {
        Self { name: name.to_owned(), callback }
    }
}

/// How a strategy of the caller's tells that it failed: the prefix of a reason.
pub(super) const CALLBACK_FAILED: &str = "the callback returned ";

impl Strategy for Theirs {
    fn name(&self) -> &str {
        &self.name
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> crate::Result<Allocation> {
        let buffers: Vec<plimsoll_buffer> = problem.buffers().iter().map(record).collect();
        let mut offsets = vec![0; buffers.len()];
        let capacity = problem.capacity().unwrap_or(PLIMSOLL_NONE);
        let Callback { function, userdata } = self.callback;
        // SAFETY: both arrays have as many entries as is said; the caller's
        // function, with the caller's data.
        let status =
            unsafe { function(userdata, buffers.as_ptr(), buffers.len(), capacity, offsets.as_mut_ptr()) };
        if status == 0 {
            return Ok(Allocation::new(offsets));
        }
        Err(Error::Refused { strategy: self.name.clone(), reason: format!("{CALLBACK_FAILED}{status}") })
    }
}
