//! Names of models as comments, strings and identifiers of C.

use std::collections::HashMap;
use std::fmt::Write;

use crate::How;

/// What a C99 compiler must accept in one string.
const LONGEST_STRING: usize = 4095;
/// Of what is named after a tensor. With a prefix of eight letters, and `_OFFSET_` between,
/// that makes the 63 letters by which C99 tells names apart.
const LONGEST_IDENTIFIER: usize = 47;
/// An underscore and a number of 32 bits.
const LONGEST_NUMBER: usize = 11;

/// A name within a comment, which nothing in it must end.
pub(super) fn comment(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    let text: String = name.chars().map(|c| if safe(c) { c } else { '_' }).take(60).collect();
    if text.is_empty() { "a model".to_owned() } else { text }
}

/// A C string: bytes other than plain ASCII by their octal number, and no two
/// question marks in a row, which could be a trigraph.
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for &byte in &text.as_bytes()[..text.len().min(LONGEST_STRING)] {
        match byte {
            b'"' | b'\\' | b'?' => {
                quoted.push('\\');
                quoted.push(byte.into());
            }
            b' '..=b'~' => quoted.push(byte.into()),
            // Three digits always, or a digit that follows would be read too.
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes every letter"),
        }
    }
    quoted.push('"');
    quoted
}

/// Endings of macros, each unlike all others: names in upper case, with single underscores for
/// all that is no letter or digit. One that is not unique then, or too long, or of which
/// nothing is left, ends with an underscore and its index. In the order given.
pub(super) fn identifiers<'a>(named: impl IntoIterator<Item = (usize, &'a str)>) -> Vec<String> {
    let reduced: Vec<(usize, String)> = named.into_iter().map(|(index, name)| (index, words(name))).collect();
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(reduced.len());
    for (_, words) in &reduced {
        *count.entry(words).or_default() += 1;
    }
    let stays =
        |words: &str| !words.is_empty() && words.len() <= LONGEST_IDENTIFIER && count.get(words) == Some(&1);
    let unique = reduced.iter().map(|(index, words)| {
        if stays(words) {
            return words.clone();
        }
        let kept = words.get(..LONGEST_IDENTIFIER - LONGEST_NUMBER).unwrap_or(words);
        let kept = kept.trim_end_matches('_');
        let mut unique = if kept.is_empty() { index.to_string() } else { format!("{kept}_{index}") };
        // Two names made here differ in their last number, so only names that stay can be in
        // the way.
        while stays(&unique) {
            unique = format!("{unique}_{index}");
        }
        unique
    });
    unique.collect()
}

/// Two underscores in a row are reserved in C++.
fn words(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_uppercase()
}

/// The numbers of `PLIMSOLL_SHARE_...`.
pub(super) fn number_of(how: How) -> u32 {
    match how {
        How::View => 0,
        How::Slice => 1,
        How::Concat => 2,
        How::InPlace => 3,
        How::Overlap => 4,
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
        // Names that look like ours are no trap.
        assert_eq!(of(&["x", "X", "x 0", "x_0_0"]), ["X_0_0_0", "X_1", "X_0", "X_0_0"]);
        assert_eq!(of(&["", "0"]), ["0_0", "0"]);
        let long = "l".repeat(60);
        assert_eq!(of(&[&long, "y"]), [format!("{}_0", "L".repeat(36)), "Y".to_owned()]);
        assert_eq!(of(&[&long[..47]]), ["L".repeat(47)]);
    }
}
