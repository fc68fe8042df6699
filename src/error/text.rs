//! Messages of bounded length: files may contain names of megabytes.

use std::borrow::Cow;

/// Shortens a name for a message: files may contain names of megabytes.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    cut_to(name, 100)
}

/// Shortens a message that contains names to a length that fits a log.
pub(crate) fn cut(message: &str) -> Cow<'_, str> {
    cut_within(message, 900)
}

/// Shortens a message to about `bytes` bytes, at most about 100 more. Shortens names, which are in
/// backquotes, first, so that the rest of the message stays complete.
pub(crate) fn cut_within(message: &str, bytes: usize) -> Cow<'_, str> {
    if message.len() <= bytes {
        return Cow::Borrowed(message);
    }
    let parts: Vec<_> = message.split('`').map(|part| cut_to(part, 200)).collect();
    Cow::Owned(cut_to(&parts.join("`"), bytes).into_owned())
}

/// Shortens the middle of a text: a message starts with its subject and ends with the advice to the user.
fn cut_to(text: &str, bytes: usize) -> Cow<'_, str> {
    if text.len() <= bytes {
        return Cow::Borrowed(text);
    }
    let is_boundary = |&at: &usize| text.is_char_boundary(at);
    let head = &text[..(0..=bytes / 2).rev().find(is_boundary).unwrap_or(0)];
    let tail = &text[(text.len() - bytes / 3..text.len()).find(is_boundary).unwrap_or(text.len())..];
    Cow::Owned(format!("{head} .. ({} bytes in all) .. {tail}", text.len()))
}
