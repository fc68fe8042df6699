//! Sorting by integer keys, with one instance of the sort in the library.

/// Two sort keys and an item number.
pub(crate) type Keyed = ([u64; 2], u64);

/// Sorts by the keys, then by item number. All sorts by keys use this function, so that the
/// library contains one instance of the generic sort instead of thirty.
#[inline(never)]
pub(crate) fn sort_keyed(keyed: &mut [Keyed]) {
    // The comparison of a tuple is inlined; that of an array is a call.
    keyed.sort_unstable_by_key(|&([first, second], number)| (first, second, number));
}

/// Sorts stably by two keys. `!key` sorts in descending order.
pub(crate) fn sort_by_keys<T>(items: &mut [T], keys: impl Fn(&T) -> [u64; 2]) {
    let mut keyed: Vec<Keyed> =
        items.iter().zip(0..).map(|(item, position)| (keys(item), position)).collect();
    sort_keyed(&mut keyed);
    // Applies the permutation in position, cycle by cycle.
    for start in 0..items.len() {
        let mut position = start;
        loop {
            let from = std::mem::replace(&mut keyed[position].1, position as u64) as usize;
            if from == start {
                break;
            }
            items.swap(position, from);
            position = from;
        }
    }
}

#[inline(never)]
pub(crate) fn ascend(numbers: &mut [u64]) {
    numbers.sort_unstable();
}

pub(crate) fn descend(numbers: &mut [u64]) {
    ascend(numbers);
    numbers.reverse();
}

/// Sorts pairs of a step and an item number. A pair is one 64-bit number during the sort, which
/// dominates the time of a sweep.
pub(crate) fn in_time(moments: impl Iterator<Item = (u32, u32)>) -> impl Iterator<Item = (u32, usize)> {
    let mut packed: Vec<u64> =
        moments.map(|(moment, number)| u64::from(moment) << 32 | u64::from(number)).collect();
    ascend(&mut packed);
    packed.into_iter().map(|packed| ((packed >> 32) as u32, packed as u32 as usize))
}

/// Sorts and removes duplicates.
pub(crate) fn unique<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    #[inline(never)]
    fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
        items.sort_unstable();
        items.dedup();
        items
    }
    sorted(items.into_iter().collect())
}

/// Returns each item once, in the order of first appearance. O(n log n).
pub(crate) fn each_once<T: Ord + Copy>(items: &[T]) -> impl Iterator<Item = T> {
    let mut sorted: Vec<(T, usize)> = items.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    sorted.dedup_by_key(|entry| entry.0);
    let mut is_first = vec![false; items.len()];
    for (_, position) in sorted {
        is_first[position] = true;
    }
    items.iter().zip(is_first).filter(|(_, is_first)| *is_first).map(|(&item, _)| item)
}

/// The items with this key, of items that are sorted by it. O(log n).
pub(crate) fn with_key<T, K: Ord + Copy>(items: &[T], key: K, key_of: impl Fn(&T) -> K) -> &[T] {
    let from = items.partition_point(|item| key_of(item) < key);
    let count = items[from..].partition_point(|item| key_of(item) == key);
    &items[from..from + count]
}

#[cfg(test)]
mod tests {
    #[test]
    fn keys_decide_and_ties_stay() {
        let mut items = [(2, 7, 'a'), (1, 5, 'b'), (2, 7, 'c'), (1, 9, 'd'), (2, 6, 'e')];
        super::sort_by_keys(&mut items, |&(first, second, _)| [first, !second]);
        assert_eq!(items.map(|item| item.2), ['d', 'b', 'a', 'c', 'e']);
    }
}
