//! The boundary of the ABI: checks of pointers, the guard that catches panics, the error message
//! of each thread, and copies of results to the caller's memory.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::status::{
    PLIMSOLL_ERROR_ARGUMENT, PLIMSOLL_ERROR_CALLBACK, PLIMSOLL_ERROR_CANCELLED, PLIMSOLL_ERROR_DOES_NOT_FIT,
    PLIMSOLL_ERROR_INVALID, PLIMSOLL_ERROR_NULL, PLIMSOLL_ERROR_PANIC, PLIMSOLL_ERROR_REFUSED,
    PLIMSOLL_ERROR_TOO_SMALL, PLIMSOLL_ERROR_UNSUPPORTED, PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_NONE,
    PLIMSOLL_OK,
};
use crate::Error;
use crate::import::cut_within;
use crate::verify::Violations;

/// The reason for which a call failed: a status and a message.
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

impl From<Violations> for Failure {
    fn from(violations: Violations) -> Self {
        Self::new(PLIMSOLL_ERROR_WRONG_PLAN, violations.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Refused { .. } => PLIMSOLL_ERROR_REFUSED,
            Error::StrategyFailed { .. } => PLIMSOLL_ERROR_CALLBACK,
            Error::WrongPlan { .. } => PLIMSOLL_ERROR_WRONG_PLAN,
            Error::DoesNotFit(_) => PLIMSOLL_ERROR_DOES_NOT_FIT,
            Error::Cancelled => PLIMSOLL_ERROR_CANCELLED,
            Error::UnknownStrategy { .. } | Error::NoCapacity => PLIMSOLL_ERROR_ARGUMENT,
            _ => PLIMSOLL_ERROR_INVALID,
        };
        Self::new(status, error.to_string())
    }
}

/// The result of an expression that needs a feature; builds without the feature refuse the call.
macro_rules! needs_feature {
    ($feature:literal, $result:expr) => {{
        #[cfg(feature = $feature)]
        {
            $result
        }
        #[cfg(not(feature = $feature))]
        {
            Err($crate::capi::boundary::missing_feature($feature))
        }
    }};
}
pub(super) use needs_feature;

#[allow(dead_code)] // builds with all features need no refusal
pub(super) fn missing_feature(feature: &str) -> Failure {
    Failure::new(PLIMSOLL_ERROR_UNSUPPORTED, format!("this build lacks the feature `{feature}`"))
}

pub(super) type Outcome = Result<(), Failure>;

/// Longest message in bytes before the note that a cut message carries (about 100 bytes more).
const MAX_MESSAGE_BYTES: usize = 1900;

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of an exported function. Returns the status, keeps the message of a failure, and
/// turns a panic into PLIMSOLL_ERROR_PANIC: unwinding into C is undefined behavior.
pub(super) fn guard(body: impl FnOnce() -> Outcome) -> i32 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => PLIMSOLL_OK,
        Ok(Err(failure)) => record_failure(&failure),
        Err(payload) => record_failure(&panic_failure(payload)),
    }
}

// Cold and not inlined: `guard` is instantiated for every exported function, this one once.
#[cold]
#[inline(never)]
fn record_failure(failure: &Failure) -> i32 {
    // A message can quote names from files and texts of callers, which have any length.
    let text = cut_within(&failure.message, MAX_MESSAGE_BYTES).into_owned();
    // The thread-local may already be destroyed when a destructor calls at the end of a thread.
    let _ = MESSAGE.try_with(|message| *message.borrow_mut() = text);
    failure.status
}

#[cold]
#[inline(never)]
fn panic_failure(payload: Box<dyn Any + Send>) -> Failure {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text = format!("internal error: {}", text.unwrap_or("no message"));
    // Dropping a payload can panic again, outside of any guard.
    std::mem::forget(payload);
    Failure::new(PLIMSOLL_ERROR_PANIC, text)
}

/// Frees an object created by [`give`]; does nothing for NULL.
pub(super) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller passes a pointer from `give`, and passes it once.
            drop(unsafe { Box::from_raw(pointer) });
        }));
    }
}

/// Moves an object to the heap and writes its handle to an output pointer that was checked before.
pub(super) fn give<T>(out: &mut *mut T, object: T) {
    *out = Box::into_raw(Box::new(object));
}

#[cold]
#[inline(never)]
pub(super) fn null(name: &str) -> Failure {
    Failure::new(PLIMSOLL_ERROR_NULL, format!("`{name}` is NULL"))
}

pub(super) unsafe fn reference<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller passes NULL or an object of the type that the header states.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

pub(super) unsafe fn mutable<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: as in `reference`; the header forbids other calls on this object at the same time.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// Borrows an array of the caller. NULL is allowed for an empty array.
pub(super) unsafe fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    check_size::<T>(count, name)?;
    // SAFETY: the caller states that the array has `count` entries; their total size was checked.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

fn check_size<T>(count: usize, name: &str) -> Outcome {
    let fits = count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok());
    if fits {
        Ok(())
    } else {
        Err(Failure::argument(format!("`{name}`: {count} entries exceed the address space")))
    }
}

/// Borrows a zero-terminated UTF-8 text of the caller.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str, Failure> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller passes a text that ends with a zero byte.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map_err(|error| Failure::argument(format!("`{name}` is not UTF-8: {error}")))
}

/// Writes the number of entries to `count`. Returns whether they are to be copied: not if `out` is NULL, which is
/// how callers query the count. Too small a `capacity` is an error.
pub(super) unsafe fn is_copied<T>(
    entries: usize,
    out: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Result<bool, Failure> {
    *unsafe { mutable(count, "count") }? = entries;
    if !out.is_null() && capacity < entries {
        let message = format!("capacity {capacity} is too small; {entries} entries are needed");
        return Err(Failure::new(PLIMSOLL_ERROR_TOO_SMALL, message));
    }
    Ok(!out.is_null())
}

/// Copies `items` to `out`, if [`is_copied`] says so.
pub(super) unsafe fn copy_out<T: Copy>(
    items: &[T],
    out: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Outcome {
    if unsafe { is_copied(items.len(), out, capacity, count) }? {
        // SAFETY: the caller states that `out` has `capacity` entries, which is enough.
        unsafe { std::ptr::copy_nonoverlapping(items.as_ptr(), out, items.len()) };
    }
    Ok(())
}

/// Body of an exported function that copies out a list of numbers, as [`copy_out`] does.
pub(super) unsafe fn copy_list<T: Copy, I: IntoIterator<Item = T>>(
    out: *mut T,
    capacity: usize,
    count: *mut usize,
    list: impl FnOnce() -> Result<I, Failure>,
) -> i32 {
    guard(|| {
        let items: Vec<T> = list()?.into_iter().collect();
        unsafe { copy_out(&items, out, capacity, count) }
    })
}

/// Copies a text out with a terminating zero byte, which `size` includes.
pub(super) unsafe fn copy_text(text: &str, out: *mut c_char, capacity: usize, size: *mut usize) -> Outcome {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    // A zero byte inside the text would end it early in C.
    bytes.extend(text.bytes().filter(|&byte| byte != 0).map(u8::cast_signed));
    bytes.push(0);
    unsafe { copy_out(&bytes, out.cast::<i8>(), capacity, size) }
}

/// Copies out the message of the last call that failed on this thread: the error and the tensor,
/// operator or argument that caused it, in at most 2 KiB. Empty if no call has failed. Successful
/// calls do not change it. Any thread may call it.
///
/// `size` receives the size of the text in bytes, terminating zero byte included; it may be NULL. With
/// NULL for `text`, the function writes only `size`. If `capacity` is less than `size`, the function
/// copies as much of the text as fits, with a terminating zero byte, and returns
/// PLIMSOLL_ERROR_TOO_SMALL, without a new message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_last_error(text: *mut c_char, capacity: usize, size: *mut usize) -> i32 {
    let copy = || {
        let message = MESSAGE.try_with(|message| message.borrow().replace('\0', "")).unwrap_or_default();
        let unused = &mut 0;
        let size = if size.is_null() { unused } else { size };
        if text.is_null() || capacity > message.len() {
            return unsafe { copy_text(&message, text, capacity, size) };
        }
        if capacity > 0 {
            let fits = (0..capacity).rfind(|&at| message.is_char_boundary(at)).unwrap_or(0);
            unsafe { copy_text(&message[..fits], text, capacity, size) }?;
        }
        unsafe { copy_text(&message, std::ptr::null_mut(), 0, size) }?;
        Err(Failure::new(PLIMSOLL_ERROR_TOO_SMALL, ""))
    };
    match catch_unwind(AssertUnwindSafe(copy)) {
        Ok(Ok(())) => PLIMSOLL_OK,
        Ok(Err(failure)) => failure.status,
        Err(_) => PLIMSOLL_ERROR_PANIC,
    }
}

/// Reads a flag argument.
pub(super) fn flag(number: i32) -> Result<bool, Failure> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Failure::argument(format!("invalid flag {number}; use 0 or 1"))),
    }
}

/// The value of a number of the ABI. `what` and the prefix of the constants are for the message.
pub(super) fn choice<T: Copy>(
    choices: &[(i32, T)],
    number: i32,
    what: &str,
    prefix: &str,
) -> Result<T, Failure> {
    let found = choices.iter().find(|choice| choice.0 == number);
    found.map(|choice| choice.1).ok_or_else(|| unknown(number, what, prefix))
}

pub(super) fn unknown(number: impl Display, what: &str, prefix: &str) -> Failure {
    Failure::argument(format!("unknown {what} {number}; use PLIMSOLL_{prefix}_..."))
}

pub(super) fn power_of_two(alignment: u64) -> Result<u64, Failure> {
    if alignment.is_power_of_two() {
        return Ok(alignment);
    }
    Err(Failure::argument(format!("alignment {alignment} is not a power of two")))
}

pub(super) fn number_or_none(number: u64) -> Option<u64> {
    Some(number).filter(|&number| number != PLIMSOLL_NONE)
}

/// Sets a field of an object; a wrong value leaves the object as it is.
pub(super) unsafe fn assign<O, T>(
    object: *mut O,
    name: &str,
    field: impl FnOnce(&mut O) -> &mut T,
    value: impl FnOnce() -> Result<T, Failure>,
) -> i32 {
    guard(|| {
        let object = unsafe { mutable(object, name) }?;
        *field(object) = value()?;
        Ok(())
    })
}

/// Gives the caller a new object.
pub(super) unsafe fn create<T>(
    out: *mut *mut T,
    name: &str,
    object: impl FnOnce() -> Result<T, Failure>,
) -> i32 {
    guard(|| {
        let out = unsafe { mutable(out, name) }?;
        give(out, object()?);
        Ok(())
    })
}

/// Writes a value of an object.
pub(super) unsafe fn read<O, T>(
    (object, object_name): (*const O, &str),
    (out, out_name): (*mut T, &str),
    value: impl FnOnce(&O) -> Result<T, Failure>,
) -> i32 {
    guard(|| {
        let object = unsafe { reference(object, object_name) }?;
        let out = unsafe { mutable(out, out_name) }?;
        *out = value(object)?;
        Ok(())
    })
}

/// Copies out a text of an object.
pub(super) unsafe fn read_text<O>(
    (object, name): (*const O, &str),
    (out, capacity, size): (*mut c_char, usize, *mut usize),
    text: impl FnOnce(&O) -> Result<&str, Failure>,
) -> i32 {
    guard(|| unsafe { copy_text(text(reference(object, name)?)?, out, capacity, size) })
}
