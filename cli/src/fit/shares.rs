//! Numbers and shares of networks that fit, by capacity, level and family.

use std::collections::BTreeMap;

use plimsoll::report::text::short_bytes;

use super::levels::{LEVELS, Row, UNTILED, levels_of};
use crate::outcome::Failure;
use crate::output::{csv_text, one_line, table};

/// Titles of the tables without and with weights.
const WITH_WEIGHTS: [(bool, &str); 2] = [(false, "activations"), (true, "activations and weights")];

fn count_fitting(rows: &[&Row], level: usize, with_weights: bool, capacity: u64) -> usize {
    rows.iter().filter(|row| row.needed(level, with_weights) <= capacity).count()
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.0}", 100.0 * part as f64 / whole.max(1) as f64)
}

/// Two tables of all networks and, if asked for, two by family.
pub fn markdown(rows: &[Row], capacities: &[u64], has_families: bool) -> String {
    let all: Vec<&Row> = rows.iter().collect();
    let count = rows.len();
    let proven = rows.iter().filter(|row| row.proven).count();
    let mut parts: Vec<String> = Vec::new();
    for (with_weights, title) in WITH_WEIGHTS {
        parts.push(format!("{count} networks, {title}: number that fit\n"));
        parts.push(format!("{}\n", level_table(&all, capacities, with_weights)));
    }
    let levels = levels_of(rows);
    let level =
        if levels.len() > UNTILED { format!("level `{}`", LEVELS[UNTILED - 1]) } else { "last level".into() };
    parts.push(format!("{proven} of {count} proven minimal at the {level}\n"));
    let (first, last) = (levels[0], levels[levels.len() - 1]);
    for (with_weights, title) in WITH_WEIGHTS.into_iter().filter(|_| has_families) {
        parts.push(format!("By family, {title}: % that fit, `{first}` -> `{last}`\n"));
        parts.push(format!("{}\n", family_table(&all, capacities, with_weights)));
    }
    parts.join("\n")
}

/// Table with a row per level: number and share of networks that fit each capacity.
fn level_table(rows: &[&Row], capacities: &[u64], with_weights: bool) -> comfy_table::Table {
    let lines = levels_of(rows.iter().copied()).iter().enumerate().map(|(level, name)| {
        let shares = capacities.iter().map(move |&capacity| {
            let count = count_fitting(rows, level, with_weights, capacity);
            format!("{count} ({} %)", percent(count, rows.len()))
        });
        std::iter::once((*name).to_owned()).chain(shares)
    });
    table(&header(&["level"], capacities), 1, lines)
}

/// These titles, then the capacities.
fn header(first: &[&str], capacities: &[u64]) -> Vec<String> {
    let sizes = capacities.iter().map(|&capacity| size_text(capacity));
    first.iter().map(|&title| title.to_owned()).chain(sizes).collect()
}

/// Rows by family.
fn by_family<'a>(rows: impl Iterator<Item = &'a Row>) -> BTreeMap<&'a str, Vec<&'a Row>> {
    let mut families: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        families.entry(&row.family).or_default().push(row);
    }
    families
}

/// Table with a row per family: shares at the first and the last level.
fn family_table(rows: &[&Row], capacities: &[u64], with_weights: bool) -> comfy_table::Table {
    let last = levels_of(rows.iter().copied()).len() - 1;
    let families = by_family(rows.iter().copied()).into_iter().chain([("all", rows.to_vec())]);
    let lines = families.map(|(family, members)| {
        let count = members.len();
        let shares = capacities.iter().map(move |&capacity| {
            let share = |level| percent(count_fitting(&members, level, with_weights, capacity), count);
            format!("{} -> {}", share(0), share(last))
        });
        [one_line(family), count.to_string()].into_iter().chain(shares)
    });
    table(&header(&["family", "networks"], capacities), 1, lines)
}

/// Size in the unit in which a capacity is given: multiples of a million bytes in MB, others in KiB or
/// MiB.
pub fn size_text(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(1_000_000) {
        return format!("{} MB", bytes / 1_000_000);
    }
    let short = short_bytes(bytes);
    let unit = short.rsplit(' ').next().unwrap_or("");
    short.strip_suffix(&format!(".00 {unit}")).map_or(short.clone(), |whole| format!("{whole} {unit}"))
}

/// CSV with a row per family, level and capacity.
pub fn csv_of(rows: &[Row], capacities: &[u64]) -> Result<String, Failure> {
    let all = ("all", rows.iter().collect::<Vec<_>>());
    let mut lines = Vec::new();
    for (family, members) in std::iter::once(all).chain(by_family(rows.iter())) {
        for (with_weights, _) in WITH_WEIGHTS {
            for (level, name) in levels_of(rows).iter().enumerate() {
                for &capacity in capacities {
                    let weights = if with_weights { "yes" } else { "no" };
                    let fit = count_fitting(&members, level, with_weights, capacity);
                    let texts = [family, weights, name].map(str::to_owned);
                    let numbers =
                        [capacity, members.len() as u64, fit as u64].map(|number| number.to_string());
                    lines.push(texts.into_iter().chain(numbers));
                }
            }
        }
    }
    csv_text(&["family", "weights", "level", "capacity", "networks", "fit"], lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_their_unit() {
        let texts = [2_000_000, 2 << 20, 1 << 19, 1536, 1_500_000, 0, 100].map(size_text);
        assert_eq!(texts, ["2 MB", "2 MiB", "512 KiB", "1.50 KiB", "1.43 MiB", "0 B", "100 B"]);
    }
}
