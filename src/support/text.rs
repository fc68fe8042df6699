//! Texts that writers of files make in memory.

use std::io;

/// The text that `write` writes.
pub(crate) fn text_of(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).expect("a vector takes every byte");
    String::from_utf8(bytes).expect("the bytes are those of texts")
}
