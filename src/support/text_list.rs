//! Lists of texts in one allocation: a graph may have a million names, and the smallest string takes 56 bytes.

/// Texts, stored one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextList {
    text: String,
    /// By text: the position after its last byte.
    ends: Vec<usize>,
}

impl TextList {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { text: String::new(), ends: Vec::with_capacity(count) }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    /// The text at a position, if there is one.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }

    /// All texts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl<T: AsRef<str>> FromIterator<T> for TextList {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let texts = texts.into_iter();
        let mut list = Self::with_capacity(texts.size_hint().0);
        texts.for_each(|text| list.push(text.as_ref()));
        list.text.shrink_to_fit();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::TextList;

    #[test]
    fn texts_are_found_by_position() {
        let list: TextList = ["a", "", "bcd"].into_iter().collect();
        let texts: Vec<_> = (0..4).map(|index| list.get(index)).collect();
        assert_eq!(texts, [Some("a"), Some(""), Some("bcd"), None]);
        assert!(list.iter().eq(["a", "", "bcd"]));
        assert_eq!((list.len(), list.is_empty(), TextList::default().is_empty()), (3, false, true));
    }
}
