//! What every function does at the boundary: check pointers, catch panics, keep
//! the message.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::{
    PLIMSOLL_ABI, PLIMSOLL_ERROR_ARGUMENT, PLIMSOLL_ERROR_CANCELLED, PLIMSOLL_ERROR_DOES_NOT_FIT,
    PLIMSOLL_ERROR_INVALID, PLIMSOLL_ERROR_NULL, PLIMSOLL_ERROR_PANIC, PLIMSOLL_ERROR_REFUSED,
    PLIMSOLL_ERROR_TOO_SMALL, PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_OK,
};
use crate::Error;
use crate::import::cut_within;

/// Why a call failed: a status and a message.
pub(super) struct Failure {
    pub(super) status: i32,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(status: i32, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::new(PLIMSOLL_ERROR_ARGUMENT, message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Refused { .. } => PLIMSOLL_ERROR_REFUSED,
            Error::WrongPlan { .. } => PLIMSOLL_ERROR_WRONG_PLAN,
            Error::DoesNotFit(_) => PLIMSOLL_ERROR_DOES_NOT_FIT,
            Error::Cancelled => PLIMSOLL_ERROR_CANCELLED,
            Error::UnknownStrategy { .. } | Error::NoCapacity => PLIMSOLL_ERROR_ARGUMENT,
            _ => PLIMSOLL_ERROR_INVALID,
        };
        Self::new(status, error.to_string())
    }
}

pub(super) type Outcome = Result<(), Failure>;

/// Bytes of a message; cut ones have some 100 more.
const LONGEST_MESSAGE: usize = 1900;

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of a function; nothing unwinds beyond it.
pub(super) fn guard(body: impl FnOnce() -> Outcome) -> i32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => PLIMSOLL_OK,
        Ok(Err(failure)) => keep(&failure),
        Err(payload) => keep(&panicked(payload)),
    }
}

// Not inlined: one of each, instead of one for every function of the ABI.
#[cold]
#[inline(never)]
fn keep(failure: &Failure) -> i32 {
    // Names in files and texts of callers have any length.
    let text = cut_within(&failure.message, LONGEST_MESSAGE).into_owned();
    // At the end of a thread there may be no place for it any more.
    let _ = MESSAGE.try_with(|message| *message.borrow_mut() = text);
    failure.status
}

#[cold]
#[inline(never)]
fn panicked(payload: Box<dyn Any + Send>) -> Failure {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = format!("a mistake in the library: {}", text.unwrap_or("no message"));
    // What it holds may panic as it is dropped.
    std::mem::forget(payload);
    Failure::new(PLIMSOLL_ERROR_PANIC, text)
}

/// Frees what was made by [`give`]; NULL is nothing to free.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller hands back what `give` gave, once.
            drop(unsafe { Box::from_raw(pointer) });
        }));
    }
}

/// Hands an object over. The place to write it to was checked before.
pub(super) fn give<T>(place: &mut *mut T, object: T) {
    *place = Box::into_raw(Box::new(object));
}

#[cold]
#[inline(never)]
fn null(name: &str) -> Failure {
    Failure::new(PLIMSOLL_ERROR_NULL, format!("`{name}` is NULL"))
}

pub(super) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller passes NULL or an object of the type the header says.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

pub(super) unsafe fn mutable<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: as above, and no other call uses it at this time.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// An array; NULL is an empty one.
pub(super) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check_size::<T>(count, name)?;
    // SAFETY: the caller says that so many are there.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

fn check_size<T>(count: usize, name: &str) -> Outcome {
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if fits { Ok(()) } else { Err(Failure::argument(format!("`{name}` cannot have {count} entries"))) }
}

/// A text that ends with a zero byte.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller passes a text that ends with a zero byte.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map_err(|error| Failure::argument(format!("`{name}` is not UTF-8: {error}")))
}

/// Copies `items` out and writes how many there are. Without a place to copy to,
/// only that; with one that is too small, nothing else.
pub(super) unsafe fn copy_out<T: Copy>(
    items: &[T],
    place: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Outcome {
    *unsafe { mutable(count, "count") }? = items.len();
    if place.is_null() {
        return Ok(());
    }
    if capacity < items.len() {
        let message = format!("there is room for {capacity}, but {} are needed", items.len());
        return Err(Failure::new(PLIMSOLL_ERROR_TOO_SMALL, message));
    }
    // SAFETY: the caller says that there is room for `capacity`, which is enough.
    unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), place, items.len()) };
    Ok(())
}

/// Copies a text out with a zero byte at its end, which `size` counts.
pub(super) unsafe fn copy_text(text: &str, place: *mut c_char, capacity: usize, size: *mut usize) -> Outcome {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    // C takes a zero byte for the end.
    bytes.extend(text.bytes().filter(|&byte| byte != 0).map(u8::cast_signed));
    bytes.push(0);
    unsafe { copy_out(&bytes, place.cast::<i8>(), capacity, size) }
}

/// The ABI number of the library: the program's `PLIMSOLL_ABI` must be the same.
#[unsafe(no_mangle)]
pub extern "C" fn plimsoll_abi() -> u32 {
    PLIMSOLL_ABI
}

/// The version of the library, as in "1.2.3". Lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn plimsoll_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no zero byte"),
        };
    VERSION.as_ptr()
}

/// Copies out the message of the last call that failed on this thread: what is
/// wrong, naming the culprit, in at most 2 KiB; empty if none failed. Calls that
/// succeed leave it as it is.
///
/// `size` is what the text needs, its zero byte included. With NULL for `text`
/// only that is written; if `capacity` is less, nothing but that, and the call
/// returns PLIMSOLL_ERROR_TOO_SMALL (without a message of its own). Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_last_error(text: *mut c_char, capacity: usize, size: *mut usize) -> i32 {
    let message = MESSAGE.try_with(|message| message.borrow().clone()).unwrap_or_default();
    match catch_unwind(AssertUnwindSafe(|| unsafe { copy_text(&message, text, capacity, size) })) {
        Ok(Ok(())) => PLIMSOLL_OK,
        Ok(Err(failure)) => failure.status,
        Err(_) => PLIMSOLL_ERROR_PANIC,
    }
}
