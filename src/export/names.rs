//! Unique names, as files repeat and omit names.

use std::collections::HashMap;

/// Makes names unique. A unique, non-empty name stays; `#` and its position are appended to any other.
///
/// ```
/// use plimsoll::export::unique_names;
///
/// assert_eq!(unique_names(["x", "y", "x", ""]), ["x#0", "y", "x#2", "#3"]);
/// ```
///
/// A name in the file can itself look like `x#0`. It keeps that name, and the `x` becomes `x#0#0`.
pub fn unique_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for &name in &names {
        *count.entry(name).or_default() += 1;
    }
    let is_kept = |name: &str| !name.is_empty() && count.get(name) == Some(&1);
    let unique = names.iter().enumerate().map(|(index, &name)| {
        if is_kept(name) {
            return name.to_owned();
        }
        let mut unique = format!("{name}#{index}");
        // Two generated names differ after the last `#`, so they can collide only with names that
        // are kept.
        while is_kept(&unique) {
            unique = format!("{unique}#{index}");
        }
        unique
    });
    unique.collect()
}
