//! One sort for many lists.

/// Sorts by two keys; what ties stays in its order. Every list of this size and kind
/// comes here, so that the library holds one sort instead of thirty. `!key` descends.
pub(super) fn sort_by_keys<T: Copy>(items: &mut [T], keys: impl Fn(T) -> [u64; 2]) {
    let places = items.iter().zip(0..);
    let mut keyed: Vec<([u64; 2], u32)> = places.map(|(&item, place)| (keys(item), place)).collect();
    keyed.sort_unstable();
    let before = items.to_vec();
    for (item, (_, place)) in items.iter_mut().zip(keyed) {
        *item = before[place as usize];
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_decide_and_ties_stay() {
        let mut items = [(2, 7, 'a'), (1, 5, 'b'), (2, 7, 'c'), (1, 9, 'd'), (2, 6, 'e')];
        super::sort_by_keys(&mut items, |(first, second, _)| [first, !second]);
        assert_eq!(items.map(|item| item.2), ['d', 'b', 'a', 'c', 'e']);
    }
}
