//! Names that tell things apart, although files repeat and omit them.

use std::collections::HashMap;

/// Makes names unique. One that is there once, and not empty, stays as it is;
/// to any other, `#` and its position are added.
///
/// ```
/// use plimsoll::export::unique_names;
///
/// assert_eq!(unique_names(["x", "y", "x", ""]), ["x#0", "y", "x#2", "#3"]);
/// ```
///
/// A name of the file may itself look like `x#0`. It keeps that name, and the
/// `x` becomes `x#0#0`.
pub fn unique_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for &name in &names {
        *count.entry(name).or_default() += 1;
    }
    let stays = |name: &str| !name.is_empty() && count.get(name) == Some(&1);
    let unique = names.iter().enumerate().map(|(index, &name)| {
        if stays(name) {
            return name.to_owned();
        }
        let mut unique = format!("{name}#{index}");
        // Two names made here differ in what follows the last `#`, so only
        // names that stay can be in the way.
        while stays(&unique) {
            unique = format!("{unique}#{index}");
        }
        unique
    });
    unique.collect()
}
