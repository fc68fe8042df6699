//! The library as such: ABI number, version, features, and names of statuses.

use std::ffi::{CStr, c_char};

use super::status::{
    PLIMSOLL_ABI, PLIMSOLL_ERROR_ARGUMENT, PLIMSOLL_ERROR_CALLBACK, PLIMSOLL_ERROR_CANCELLED,
    PLIMSOLL_ERROR_DOES_NOT_FIT, PLIMSOLL_ERROR_IMPORT, PLIMSOLL_ERROR_INVALID, PLIMSOLL_ERROR_IO,
    PLIMSOLL_ERROR_NULL, PLIMSOLL_ERROR_PANIC, PLIMSOLL_ERROR_REFUSED, PLIMSOLL_ERROR_STATE,
    PLIMSOLL_ERROR_TOO_SMALL, PLIMSOLL_ERROR_UNSUPPORTED, PLIMSOLL_ERROR_WRONG_PLAN, PLIMSOLL_OK,
};

/// Returns the ABI number of the library, which must equal the program's `PLIMSOLL_ABI`.
#[unsafe(no_mangle)]
pub extern "C" fn plimsoll_abi() -> u32 {
    PLIMSOLL_ABI
}

/// Returns the version of the library, as in "1.2.3". The text is static. The version of the header is
/// `PLIMSOLL_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn plimsoll_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no zero byte"),
        };
    VERSION.as_ptr()
}

/// Returns 1 if the library was built with a feature: "csv", "json", "onnx", "parallel", "report" or
/// "tflite". Returns 0 for other names and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_has_feature(name: *const c_char) -> i32 {
    if name.is_null() {
        return 0;
    }
    let features = [
        ("csv", cfg!(feature = "csv")),
        ("json", cfg!(feature = "json")),
        ("onnx", cfg!(feature = "onnx")),
        ("parallel", cfg!(feature = "parallel")),
        ("report", cfg!(feature = "report")),
        ("tflite", cfg!(feature = "tflite")),
    ];
    // SAFETY: the caller passes a text that ends with a zero byte.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let is_on = features.iter().any(|&(feature, is_on)| is_on && feature.as_bytes() == name);
    i32::from(is_on)
}

/// Returns the name of a status, as in "PLIMSOLL_ERROR_NULL", or "unknown status". The text is static.
#[unsafe(no_mangle)]
pub extern "C" fn plimsoll_status_name(status: i32) -> *const c_char {
    let name = match status {
        PLIMSOLL_OK => c"PLIMSOLL_OK",
        PLIMSOLL_ERROR_NULL => c"PLIMSOLL_ERROR_NULL",
        PLIMSOLL_ERROR_ARGUMENT => c"PLIMSOLL_ERROR_ARGUMENT",
        PLIMSOLL_ERROR_STATE => c"PLIMSOLL_ERROR_STATE",
        PLIMSOLL_ERROR_INVALID => c"PLIMSOLL_ERROR_INVALID",
        PLIMSOLL_ERROR_REFUSED => c"PLIMSOLL_ERROR_REFUSED",
        PLIMSOLL_ERROR_WRONG_PLAN => c"PLIMSOLL_ERROR_WRONG_PLAN",
        PLIMSOLL_ERROR_IMPORT => c"PLIMSOLL_ERROR_IMPORT",
        PLIMSOLL_ERROR_IO => c"PLIMSOLL_ERROR_IO",
        PLIMSOLL_ERROR_UNSUPPORTED => c"PLIMSOLL_ERROR_UNSUPPORTED",
        PLIMSOLL_ERROR_TOO_SMALL => c"PLIMSOLL_ERROR_TOO_SMALL",
        PLIMSOLL_ERROR_CALLBACK => c"PLIMSOLL_ERROR_CALLBACK",
        PLIMSOLL_ERROR_PANIC => c"PLIMSOLL_ERROR_PANIC",
        PLIMSOLL_ERROR_DOES_NOT_FIT => c"PLIMSOLL_ERROR_DOES_NOT_FIT",
        PLIMSOLL_ERROR_CANCELLED => c"PLIMSOLL_ERROR_CANCELLED",
        _ => c"unknown status",
    };
    name.as_ptr()
}
