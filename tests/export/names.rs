use std::collections::HashSet;

use plimsoll::export::unique_names;
use proptest::prelude::*;

#[test]
fn names_that_look_like_ours_are_no_trap() {
    assert_eq!(unique_names(["x", "x#0", "x", "x#0#0"]), ["x#0#0#0", "x#0", "x#2", "x#0#0"]);
    assert_eq!(unique_names(["", "#0", "", "#2"]), ["#0#0", "#0", "#2#2", "#2"]);
    assert_eq!(unique_names(["x#1", "x", "x#1", "x"]), ["x#1#0", "x#1", "x#1#2", "x#3"]);
    assert!(unique_names([]).is_empty());
}

proptest! {
    #[test]
    fn names_are_unique_and_good_ones_stay(names in prop::collection::vec("x{0,2}(#[0-3]){0,3}", 0..12)) {
        let unique = unique_names(names.iter().map(String::as_str));
        let different: HashSet<&String> = unique.iter().collect();
        prop_assert_eq!(different.len(), names.len(), "{:?}", unique);
        for (name, result) in names.iter().zip(&unique) {
            let once = names.iter().filter(|other| *other == name).count() == 1;
            prop_assert!(result.starts_with(name.as_str()));
            prop_assert_eq!(result == name, once && !name.is_empty());
        }
    }
}
