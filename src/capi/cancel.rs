//! Tokens that stop searches from another thread.

use super::boundary::{Failure, Outcome, create, free, guard, reference};
use crate::CancelToken;

/// A token that stops searches from another thread. Any thread may use it at any time.
pub struct plimsoll_cancel_token {
    pub(super) token: CancelToken,
}

/// Creates a token that is not cancelled. Free it with `plimsoll_cancel_token_free`, even while options
/// that refer to it are in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_token_new(cancel: *mut *mut plimsoll_cancel_token) -> i32 {
    unsafe { create(cancel, "cancel", || Ok(plimsoll_cancel_token { token: CancelToken::new() })) }
}

/// Asks every search with this token to stop soon. Each search returns the best plan found, with
/// PLIMSOLL_STOP_CANCELLED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_token_cancel(cancel: *const plimsoll_cancel_token) -> i32 {
    guard(|| -> Outcome {
        unsafe { reference(cancel, "cancel") }?.token.cancel();
        Ok(())
    })
}

/// Frees a token; NULL is allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_cancel_token_free(cancel: *mut plimsoll_cancel_token) {
    unsafe { free(cancel) };
}

/// The token, if the pointer is not NULL.
pub(super) unsafe fn token_of(cancel: *const plimsoll_cancel_token) -> Result<Option<CancelToken>, Failure> {
    if cancel.is_null() {
        return Ok(None);
    }
    Ok(Some(unsafe { reference(cancel, "cancel") }?.token.clone()))
}
