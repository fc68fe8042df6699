//! Errors of the library as Python exceptions.

use plimsoll::import::ImportError;
use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyValueError};

pyo3::create_exception!(
    pyplimsoll,
    PlimsollError,
    PyValueError,
    "An error of the planner or of a file, with the library's message."
);

/// An error with the message of the library.
#[allow(clippy::needless_pass_by_value)] // for `map_err`
pub fn error(message: impl ToString) -> PyErr {
    PlimsollError::new_err(message.to_string())
}

/// The exception of a failed import: the operating system's for files that cannot be read.
pub fn import_error(error: ImportError) -> PyErr {
    match error {
        ImportError::Read { path, source } => match source.raw_os_error() {
            Some(number) => PyOSError::new_err((number, source.to_string(), path)),
            None => PyOSError::new_err(format!("{}: {source}", path.display())),
        },
        other => self::error(other),
    }
}
