//! The prefix of all names of a plan's C code.

use std::fmt;
use std::io::{self, Write};

/// C99 distinguishes macros by 63 letters; the longest common ending of a plan's names takes 18.
const MAX_PREFIX: usize = 45;
/// `plimsoll_` takes the other nine.
const MAX_WORDS: usize = 36;

/// The prefix of all names in the C code of a plan: types and objects as given, macros in upper case.
/// Plans whose prefixes differ in more than case can be used in one program.
///
/// Example: the [module](crate::export::c_code).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SymbolPrefix {
    lower: String,
    upper: String,
}

/// Reason for which a text is no prefix of names in C and C++.
///
/// Example: the [module](crate::export::c_code).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolPrefixError {
    /// The text is empty.
    #[error("symbol prefix is empty; use at least one letter")]
    Empty,
    /// A character that C names cannot contain.
    #[error(
        "symbol prefix `{prefix}`: names cannot contain `{letter}`; use letters, digits and single underscores"
    )]
    Letter {
        /// The text.
        prefix: String,
        /// The first invalid character.
        letter: char,
    },
    /// A first character that names of a program cannot have: a digit, or an underscore, with which
    /// names reserved for the compiler begin.
    #[error("symbol prefix `{prefix}`: names cannot begin with `{letter}`; begin with a letter")]
    Start {
        /// The text.
        prefix: String,
        /// The first character.
        letter: char,
    },
    /// Two underscores in a row: C++ reserves such names for the compiler.
    #[error("symbol prefix `{prefix}`: C++ reserves names with two underscores in a row; use single ones")]
    Underscores {
        /// The text.
        prefix: String,
    },
    /// Too long: compilers need not distinguish names by more than 63 letters.
    #[error("symbol prefix `{prefix}`: {length} letters are too long; use at most {MAX_PREFIX}")]
    Long {
        /// The text.
        prefix: String,
        /// Number of letters.
        length: usize,
    },
}

impl SymbolPrefix {
    /// Checks a prefix: a letter, then letters, digits and single underscores, at most 45. An underscore
    /// at its end is optional: `net_` is `net`.
    ///
    /// # Errors
    /// [`SymbolPrefixError`] if names cannot begin with the text.
    pub fn new(text: &str) -> Result<Self, SymbolPrefixError> {
        let prefix = text.to_owned();
        let Some(first) = text.chars().next() else { return Err(SymbolPrefixError::Empty) };
        if let Some(letter) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
            return Err(SymbolPrefixError::Letter { prefix, letter });
        }
        if !first.is_ascii_alphabetic() {
            return Err(SymbolPrefixError::Start { prefix, letter: first });
        }
        if text.contains("__") {
            return Err(SymbolPrefixError::Underscores { prefix });
        }
        let lower = text.strip_suffix('_').unwrap_or(text);
        if lower.len() > MAX_PREFIX {
            return Err(SymbolPrefixError::Long { prefix, length: lower.len() });
        }
        Ok(Self::of(lower.to_owned()))
    }

    /// Derives a prefix from the name of a model: `plimsoll_` and the name as an identifier. If the
    /// conversion loses a part of the name, a hash of the name follows: if two models shared a prefix,
    /// the include guard would silently skip the second header.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let letters =
            model.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        // C++ reserves two underscores in a row.
        let words = letters.collect::<String>();
        let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
        let words = words.join("_");
        if words == model && words.len() <= MAX_WORDS {
            return Self::of(format!("plimsoll_{words}"));
        }
        let kept = words.get(..MAX_WORDS - 9).unwrap_or(&words).trim_end_matches('_');
        let kept = if kept.is_empty() { "model" } else { kept };
        Self::of(format!("plimsoll_{kept}_{:08x}", fnv1a_32(model.as_bytes())))
    }

    fn of(lower: String) -> Self {
        Self { upper: lower.to_ascii_uppercase(), lower }
    }

    /// Prefix of types and objects.
    #[must_use]
    pub fn lower(&self) -> &str {
        &self.lower
    }

    /// Prefix of macros.
    #[must_use]
    pub fn upper(&self) -> &str {
        &self.upper
    }
}

impl fmt::Display for SymbolPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lower)
    }
}

impl std::str::FromStr for SymbolPrefix {
    type Err = SymbolPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

/// The 32-bit FNV-1a hash (Fowler, Noll, Vo): short, and equal on all machines.
fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The 64-bit FNV-1a hash of the bytes so far.
pub(super) struct Fnv1a64(pub(super) u64);

impl Default for Fnv1a64 {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv1a64 {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        let next = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, next);
    }
}

impl Write for Fnv1a64 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
