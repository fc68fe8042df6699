//! Names of models as C comments, strings and identifiers.

use std::borrow::Cow;
use std::fmt::Write;

use crate::AliasKind;
use crate::export::names::numbered;

/// Longest string that a C99 compiler must accept.
const MAX_STRING: usize = 4095;
/// Longest name of a tensor in a macro. With a prefix of eight letters and `_OFFSET_` it has the 63
/// letters by which C99 distinguishes names.
const MAX_IDENTIFIER: usize = 47;
/// An underscore and a number of 32 bits.
const MAX_NUMBER: usize = 11;

/// A name for use in a comment, which no character of it can end.
pub(super) fn comment(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    let text: String = name.chars().map(|c| if safe(c) { c } else { '_' }).take(60).collect();
    if text.is_empty() { "a model".to_owned() } else { text }
}

/// A C string literal. Bytes other than printable ASCII are octal escapes, and question marks are
/// escaped, as two in a row can begin a trigraph.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for &byte in &text.as_bytes()[..text.len().min(MAX_STRING)] {
        match byte {
            b'"' | b'\\' | b'?' => {
                quoted.push('\\');
                quoted.push(byte.into());
            }
            b' '..=b'~' => quoted.push(byte.into()),
            // Always three digits, or a digit that follows would belong to the escape.
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes every letter"),
        }
    }
    quoted.push('"');
    quoted
}

/// Unique endings of macros, in the order of the names: names in upper case, with single underscores
/// in place of other characters. An underscore and the index follow if the result is not unique, too
/// long or empty.
pub(super) fn identifiers<'a>(named: impl IntoIterator<Item = (usize, &'a str)>) -> Vec<String> {
    let reduced: Vec<(usize, String)> = named.into_iter().map(|(index, name)| (index, words(name))).collect();
    let reduced: Vec<(usize, &str)> = reduced.iter().map(|(index, words)| (*index, words.as_str())).collect();
    let is_allowed = |words: &str| !words.is_empty() && words.len() <= MAX_IDENTIFIER;
    let with_number = |stem: &str, index: usize| match stem {
        "" => index.to_string(),
        stem => format!("{stem}_{index}"),
    };
    numbered(&reduced, is_allowed, stem, with_number).into_iter().map(Cow::into_owned).collect()
}

/// The part of words before a number.
fn stem(words: &str) -> &str {
    words.get(..MAX_IDENTIFIER - MAX_NUMBER).unwrap_or(words).trim_end_matches('_')
}

/// The words of a name joined by single underscores; C++ reserves two in a row.
fn words(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_uppercase()
}

/// The number of a kind of sharing, as in `PLIMSOLL_SHARE_...`.
pub(super) fn number_of(kind: AliasKind) -> u32 {
    match kind {
        AliasKind::View => 0,
        AliasKind::Slice => 1,
        AliasKind::Concat => 2,
        AliasKind::InPlace => 3,
        AliasKind::Overlap => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_legal_and_unique() {
        let of = |names: &[&str]| identifiers(names.iter().copied().enumerate());
        assert_eq!(
            of(&["conv1/Relu:0", "a b", "a_b", "", "\u{5c42}"]),
            ["CONV1_RELU_0", "A_B_1", "A_B_2", "3", "4"]
        );
        // Names that look like generated ones are handled.
        assert_eq!(of(&["x", "X", "x 0", "x_0_0"]), ["X_0_0_0", "X_1", "X_0", "X_0_0"]);
        assert_eq!(of(&["", "0"]), ["0_0", "0"]);
        let long = "l".repeat(60);
        assert_eq!(of(&[&long, "y"]), [format!("{}_0", "L".repeat(36)), "Y".to_owned()]);
        assert_eq!(of(&[&long[..47]]), ["L".repeat(47)]);
    }
}
