//! Shortening of long names.

/// The width of a text in letters; non-ASCII characters count as two.
pub(super) fn letter_count(name: &str) -> usize {
    name.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> usize {
    if letter.is_ascii() { 1 } else { 2 }
}

/// From this width on, a shortened name keeps its beginning; below, the end alone tells more.
const MIN_WIDTH_FOR_HEAD: usize = 16;

/// Shortens a name to `width` letters by cutting it before its middle, or at its beginning: names
/// within one network tend to begin alike.
pub(super) fn shortened(name: &str, width: usize) -> String {
    if letter_count(name) <= width {
        return name.to_owned();
    }
    let for_head = if width < MIN_WIDTH_FOR_HEAD { 0 } else { (width - 1) / 3 };
    let for_tail = width.saturating_sub(1) - for_head;
    let head: String = fill(name.chars(), for_head).collect();
    let mut tail: Vec<char> = fill(name.chars().rev(), for_tail).collect();
    tail.reverse();
    head + "\u{2026}" + &tail.into_iter().collect::<String>()
}

fn fill(letters: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut used = 0;
    letters.take_while(move |&letter| {
        used += letter_width(letter);
        used <= width
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("conv", 4), "conv");
        assert_eq!(shortened("model/block_1/relu", 16), "model\u{2026}ock_1/relu");
        assert_eq!(shortened("model/block_1/relu", 9), "\u{2026}k_1/relu");
        assert_eq!(shortened("\u{5c42}\u{5c42}\u{5c42}\u{5c42}", 7), "\u{2026}\u{5c42}\u{5c42}\u{5c42}");
        assert_eq!(shortened("conv", 0), "\u{2026}");
    }
}
