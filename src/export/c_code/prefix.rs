//! What all names of a plan begin with.

use std::fmt;

/// C99 tells macros apart by 63 letters; the longest ending that all plans have takes 18.
const LONGEST: usize = 45;
/// `plimsoll_` takes the other nine.
const LONGEST_WORDS: usize = 36;

/// What all names in the C code of a plan begin with: types and objects as it is, macros in
/// upper case. Plans whose prefixes differ in more than case go into one program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SymbolPrefix {
    lower: String,
    upper: String,
}

/// Why a text cannot begin names in C and C++.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SymbolPrefixError {
    /// There is nothing of it.
    #[error("a symbol prefix has at least one letter")]
    Empty,
    /// A letter that no name of C has.
    #[error(
        "symbol prefix `{prefix}`: `{letter}` cannot be in a name; letters, digits and single underscores can"
    )]
    Letter {
        /// The text.
        prefix: String,
        /// The first such letter.
        letter: char,
    },
    /// Names do not begin with digits, and those that begin with an underscore are the
    /// compiler's.
    #[error("symbol prefix `{prefix}` begins with `{letter}`, which a name of a program cannot")]
    Start {
        /// The text.
        prefix: String,
        /// How it begins.
        letter: char,
    },
    /// Names with two underscores in a row are the compiler's in C++.
    #[error("symbol prefix `{prefix}` has two underscores in a row; such names are the compiler's")]
    Underscores {
        /// The text.
        prefix: String,
    },
    /// Compilers need not tell names apart by more than 63 letters.
    #[error("symbol prefix `{prefix}` has {length} letters; there is room for {LONGEST}")]
    Long {
        /// The text.
        prefix: String,
        /// How many there are.
        length: usize,
    },
}

impl SymbolPrefix {
    /// A prefix of the user's own: a letter, then letters, digits and single underscores, at
    /// most 45. One underscore at its end may be there or not: `net_` is `net`.
    ///
    /// # Errors
    /// [`SymbolPrefixError`] names what no name can have.
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
        if lower.len() > LONGEST {
            return Err(SymbolPrefixError::Long { prefix, length: lower.len() });
        }
        Ok(Self::of(lower.to_owned()))
    }

    /// `plimsoll_` and the model's name, as an identifier. Where that loses anything of the
    /// name, a hash of it follows: two models must not share a prefix, or the second header
    /// would be skipped in silence.
    #[must_use]
    pub fn of_model(model: &str) -> Self {
        let letters =
            model.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        // Two underscores in a row are reserved in C++.
        let words = letters.collect::<String>();
        let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
        let words = words.join("_");
        if words == model && words.len() <= LONGEST_WORDS {
            return Self::of(format!("plimsoll_{words}"));
        }
        let kept = words.get(..LONGEST_WORDS - 9).unwrap_or(&words).trim_end_matches('_');
        let kept = if kept.is_empty() { "model" } else { kept };
        Self::of(format!("plimsoll_{kept}_{:08x}", fnv1a_32(model.as_bytes())))
    }

    fn of(lower: String) -> Self {
        Self { upper: lower.to_ascii_uppercase(), lower }
    }

    /// What types and objects begin with.
    #[must_use]
    pub fn lower(&self) -> &str {
        &self.lower
    }

    /// What macros begin with.
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

/// The 32-bit FNV-1a hash (Fowler, Noll, Vo): short, and the same everywhere.
fn fnv1a_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The same of 64 bits.
pub(super) fn fnv1a_64(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
