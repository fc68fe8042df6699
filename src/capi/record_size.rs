//! Records of the size that the caller's program was compiled with.
//!
//! A later version of the library may append fields to a record, so a program and the library may have
//! records of different sizes. Each function that takes or fills records therefore has an argument with
//! the size of the caller's record:
//!
//! - If the caller's record is smaller, fields beyond its end have their defaults on the way in, and are
//!   left out on the way out.
//! - If the caller's record is larger, fields that the library does not know must be 0 on the way in, and
//!   are set to 0 on the way out.

use std::borrow::Cow;

use super::boundary::{Failure, Outcome, guard, is_copied, null};

/// Maximum size of a record in bytes: no version has a larger one.
const MAX_SIZE: usize = 4096;

/// A record of the ABI.
///
/// # Safety
/// The type is `repr(C)` and consists of integers without padding, so that its bytes may be read and any
/// bytes are a valid value.
pub(super) unsafe trait Record: Copy {
    /// The name in the header.
    const NAME: &'static str;
    /// The values of fields beyond the end of the caller's record.
    const DEFAULT: Self;
}

/// Implements [`Record`] for records of the stated sizes, with their defaults.
macro_rules! records {
    ($($name:ident: $size:literal bytes = $default:expr;)*) => {
        $(
            const _: () = assert!(size_of::<$name>() == $size);

            // SAFETY: `records.rs` declares integers only, and states sizes without padding.
            unsafe impl Record for $name {
                const NAME: &'static str = stringify!($name);
                const DEFAULT: Self = $default;
            }
        )*
    };
    (zero: $($name:ident: $size:literal bytes;)*) => {
        // SAFETY: all bytes 0 are a valid value of a record.
        records! { $($name: $size bytes = unsafe { std::mem::zeroed() };)* }
    };
}

pub(super) use records;

/// Checks the size of the caller's record: a multiple of the alignment, so that no field is cut.
pub(super) fn check_size<T: Record>(record_size: usize) -> Outcome {
    if record_size == 0 || record_size > MAX_SIZE || !record_size.is_multiple_of(align_of::<T>()) {
        return Err(Failure::argument(format!(
            "a record of {record_size} bytes; pass sizeof({}), which is {} in this version",
            T::NAME,
            size_of::<T>()
        )));
    }
    Ok(())
}

/// Reads a record of the caller.
///
/// # Safety
/// `pointer` is NULL or points to `record_size` readable bytes.
pub(super) unsafe fn read<T: Record>(
    pointer: *const T,
    record_size: usize,
    name: &str,
) -> Result<T, Failure> {
    if pointer.is_null() {
        return Err(null(name));
    }
    check_size::<T>(record_size)?;
    let mut record = T::DEFAULT;
    let known = record_size.min(size_of::<T>());
    // SAFETY: both have at least `known` bytes, and any bytes are a valid record.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut record).cast::<u8>(), known) };
    // SAFETY: the caller's record has `record_size` bytes.
    let unknown = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), record_size - known) };
    if unknown.iter().any(|&byte| byte != 0) {
        return Err(Failure::argument(format!(
            "`{name}`: the record sets fields that this version does not have; set them to 0"
        )));
    }
    Ok(record)
}

/// Reads an array of records of the caller. NULL is allowed for an empty array.
///
/// # Safety
/// `pointer` is NULL or points to `count` records of `record_size` bytes.
pub(super) unsafe fn read_all<'a, T: Record>(
    pointer: *const T,
    record_size: usize,
    count: usize,
    name: &str,
) -> Result<Cow<'a, [T]>, Failure> {
    check_size::<T>(record_size)?;
    if record_size == size_of::<T>() {
        return Ok(Cow::Borrowed(unsafe { super::boundary::array(pointer, count, name) }?));
    }
    if count > 0 && pointer.is_null() {
        return Err(null(name));
    }
    if count.checked_mul(record_size.max(size_of::<T>())).is_none_or(|bytes| isize::try_from(bytes).is_err())
    {
        return Err(Failure::argument(format!("`{name}`: {count} entries exceed the address space")));
    }
    let bytes = pointer.cast::<u8>();
    // SAFETY: record `index` begins `index * record_size` bytes after the start of the array.
    let record =
        |index: usize| unsafe { read(bytes.add(index * record_size).cast::<T>(), record_size, name) };
    (0..count).map(record).collect()
}

/// Writes a record into the caller's record.
///
/// # Safety
/// `out` is NULL or points to `record_size` writable bytes.
pub(super) unsafe fn write<T: Record>(record: &T, out: *mut T, record_size: usize, name: &str) -> Outcome {
    if out.is_null() {
        return Err(null(name));
    }
    check_size::<T>(record_size)?;
    // SAFETY: the caller's record has `record_size` bytes.
    unsafe { put(record, out.cast(), record_size) };
    Ok(())
}

/// Copies a record to `record_size` bytes at `out`.
unsafe fn put<T: Record>(record: &T, out: *mut u8, record_size: usize) {
    let known = record_size.min(size_of::<T>());
    // SAFETY: `out` has `record_size` bytes, the record has at least `known`.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(record).cast::<u8>(), out, known);
        out.add(known).write_bytes(0, record_size - known);
    }
}

/// Body of an exported function that copies out records. Copies nothing if `out` is NULL, or if `capacity` is too
/// small, see [`is_copied`].
///
/// # Safety
/// `out` is NULL or has `capacity` records of `record_size` bytes; `count` is NULL or writable.
pub(super) unsafe fn copy_records<T: Record, I: IntoIterator<Item = T>>(
    out: *mut T,
    record_size: usize,
    capacity: usize,
    count: *mut usize,
    records: impl FnOnce() -> Result<I, Failure>,
) -> i32 {
    guard(|| {
        let records: Vec<T> = records()?.into_iter().collect();
        check_size::<T>(record_size)?;
        if unsafe { is_copied(records.len(), out, capacity, count) }? {
            for (index, record) in records.iter().enumerate() {
                // SAFETY: the caller states that `out` has `capacity` records, which is enough.
                unsafe { put(record, out.cast::<u8>().add(index * record_size), record_size) };
            }
        }
        Ok(())
    })
}

/// Records at the distance that a callback expects, aligned like the records of every version.
pub(super) struct RecordArray<T> {
    words: Vec<u64>,
    record: std::marker::PhantomData<T>,
}

impl<T: Record> RecordArray<T> {
    /// Lays out records of `record_size` bytes, which [`check_size`] has accepted.
    pub(super) fn new(items: &[T], record_size: usize) -> Self {
        let mut words = vec![0u64; (items.len() * record_size).div_ceil(8)];
        for (index, item) in items.iter().enumerate() {
            // SAFETY: the words have `record_size` bytes for each item.
            unsafe { put(item, words.as_mut_ptr().cast::<u8>().add(index * record_size), record_size) };
        }
        Self { words, record: std::marker::PhantomData }
    }

    pub(super) fn as_ptr(&self) -> *const T {
        self.words.as_ptr().cast()
    }
}
