//! Names in 24 bytes, without an allocation if they are short: a graph may have a million operators
//! and tensors, and even the smallest heap allocation takes 32 bytes.

use std::fmt;
use std::ops::Deref;

/// Maximum length of an inline name; chosen so that [`CompactText`] has 24 bytes.
const INLINE: usize = 22;

/// An immutable string that stores short contents inline.
#[derive(Clone)]
pub(crate) enum CompactText {
    Inline { length: u8, bytes: [u8; INLINE] },
    Heap(Box<str>),
}

impl CompactText {
    fn inline(text: &str) -> Option<Self> {
        let mut bytes = [0; INLINE];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self::Inline { length: text.len() as u8, bytes })
    }
}

impl Default for CompactText {
    fn default() -> Self {
        Self::Inline { length: 0, bytes: [0; INLINE] }
    }
}

impl From<String> for CompactText {
    fn from(text: String) -> Self {
        Self::inline(&text).unwrap_or_else(|| Self::Heap(text.into_boxed_str()))
    }
}

impl Deref for CompactText {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            // The bytes are always valid UTF-8, so the default is never used.
            Self::Inline { length, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*length)]).unwrap_or_default()
            }
            Self::Heap(text) => text,
        }
    }
}

impl fmt::Display for CompactText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

impl fmt::Debug for CompactText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_lengths_are_kept() {
        assert_eq!(size_of::<CompactText>(), 24);
        for text in [
            "",
            "x",
            "0123456789012345678901",
            "01234567890123456789012",
            "0123456789012345678é1",
            "ééééééééééé",
            "éééééééééééé",
        ] {
            let kept = CompactText::from(text.to_owned());
            assert_eq!(&*kept, text);
            assert_eq!(matches!(kept, CompactText::Inline { .. }), text.len() <= INLINE);
            assert_eq!(format!("{kept} {kept:?}"), format!("{text} {text:?}"));
        }
        assert_eq!(&*CompactText::default(), "");
    }
}
