use super::boundary::{Outcome, free, give, guard, mutable, reference};
use crate::CancelToken;

/// Stops a search from another thread. Any thread may use it at any time.
pub struct plimsoll_cancel {
    pub(super) token: CancelToken,
}

/// Makes a token that is not cancelled. Free it with `plimsoll_cancel_free`; that
/// may be done while options that were given it are in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_new(cancel: *mut *mut plimsoll_cancel) -> i32 {
    guard(|| {
        let place = unsafe { mutable(cancel, "cancel") }?;
        give(place, plimsoll_cancel { token: CancelToken::new() });
        Ok(())
    })
}

/// Asks every search that was given this token to stop soon; each returns the
/// best that it has, with PLIMSOLL_STOP_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_cancel(cancel: *const plimsoll_cancel) -> i32 {
    guard(|| -> Outcome {
        unsafe { reference(cancel, "cancel") }?.token.cancel();
        Ok(())
    })
}

/// Frees a token; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_free(cancel: *mut plimsoll_cancel) {
    unsafe { free(cancel) };
}
