//! Long calls without the interpreter lock that an interrupt ends.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use plimsoll::CancelToken;
use pyo3::prelude::*;

/// Time between two looks for signals.
const POLL: Duration = Duration::from_millis(20);

/// The stack of the worker, as large as that of a main thread.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` on a thread while this one waits for its end and for signals. A signal whose handler raises an
/// exception, such as Ctrl-C, cancels the work; the exception is returned once the work has stopped.
pub fn run<T: Send>(py: Python<'_>, work: impl FnOnce(CancelToken) -> T + Send) -> PyResult<T> {
    let token = CancelToken::new();
    let done = Done::default();
    thread::scope(|scope| {
        let (worker_token, done) = (token.clone(), &done);
        let body = move || {
            let _guard = SetOnDrop(done);
            work(worker_token)
        };
        let worker = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, body)?;
        let mut interrupt = Ok(());
        while interrupt.is_ok() && !py.detach(|| done.wait(POLL)) {
            interrupt = py.check_signals();
        }
        if interrupt.is_err() {
            token.cancel();
        }
        let result = py.detach(|| worker.join());
        interrupt?;
        Ok(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// A flag that a thread can wait for.
#[derive(Default)]
struct Done {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Done {
    /// Waits until the flag is set, at most for `time`; returns whether it is.
    fn wait(&self, time: Duration) -> bool {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_set {
            return true;
        }
        *self.changed.wait_timeout(is_set, time).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Sets the flag at the end of the work, also after a panic.
struct SetOnDrop<'a>(&'a Done);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        *self.0.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }
}
