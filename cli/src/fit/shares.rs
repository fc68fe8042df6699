//! Shares of networks that fit, by capacity, level and family.

use std::collections::BTreeMap;

use plimsoll::report::text::short_bytes;

use super::levels::{LEVELS, Row};
use crate::Failure;
use crate::output::{one_line, table};

/// Without weights, and with them.
const WITH_WEIGHTS: [(bool, &str); 2] = [(false, "activations"), (true, "activations and weights")];

fn fitting(rows: &[&Row], level: usize, with_weights: bool, capacity: u64) -> usize {
    rows.iter().filter(|row| row.needed(level, with_weights) <= capacity).count()
}

fn percent(part: usize, of: usize) -> String {
    format!("{:.0}", 100.0 * part as f64 / of.max(1) as f64)
}

/// Two tables over all, and two by family.
pub fn markdown(rows: &[Row], capacities: &[u64], by_family: bool) -> String {
    let all: Vec<&Row> = rows.iter().collect();
    let count = rows.len();
    let proven = rows.iter().filter(|row| row.proven).count();
    let mut parts: Vec<String> = Vec::new();
    for (with_weights, title) in WITH_WEIGHTS {
        parts.push(format!("{count} networks, {title}: how many fit\n"));
        parts.push(format!("{}\n", by_level(&all, capacities, with_weights)));
    }
    parts.push(format!("{proven} of {count} proven the least at the last level\n"));
    let (first, last) = (LEVELS[0], LEVELS[LEVELS.len() - 1]);
    for (with_weights, title) in WITH_WEIGHTS.into_iter().filter(|_| by_family) {
        parts.push(format!("By family, {title}: % that fit, `{first}` -> `{last}`\n"));
        parts.push(format!("{}\n", families(&all, capacities, with_weights)));
    }
    parts.join("\n")
}

fn by_level(rows: &[&Row], capacities: &[u64], with_weights: bool) -> comfy_table::Table {
    let sizes = capacities.iter().map(|&capacity| size_text(capacity));
    let header: Vec<String> = std::iter::once("level".to_owned()).chain(sizes).collect();
    let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    for (level, name) in LEVELS.iter().enumerate() {
        let shares = capacities.iter().map(|&capacity| {
            let count = fitting(rows, level, with_weights, capacity);
            format!("{count} ({} %)", percent(count, rows.len()))
        });
        table.add_row(std::iter::once((*name).to_owned()).chain(shares));
    }
    table
}

fn families(rows: &[&Row], capacities: &[u64], with_weights: bool) -> comfy_table::Table {
    let mut members: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        members.entry(&row.family).or_default().push(row);
    }
    let sizes = capacities.iter().map(|&capacity| size_text(capacity));
    let header: Vec<String> = ["family", "networks"].map(str::to_owned).into_iter().chain(sizes).collect();
    let mut table = table(&header.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    for (family, own) in members.into_iter().chain([("all", rows.to_vec())]) {
        let shares = capacities.iter().map(|&capacity| {
            let share = |level| percent(fitting(&own, level, with_weights, capacity), own.len());
            format!("{} -> {}", share(0), share(LEVELS.len() - 1))
        });
        let first = [one_line(family), own.len().to_string()];
        table.add_row(first.into_iter().chain(shares));
    }
    table
}

/// Millions of bytes look like those, and powers of two like theirs.
pub fn size_text(bytes: u64) -> String {
    if bytes > 0 && bytes.is_multiple_of(1_000_000) {
        return format!("{} MB", bytes / 1_000_000);
    }
    let short = short_bytes(bytes);
    let unit = short.rsplit(' ').next().unwrap_or("");
    short.strip_suffix(&format!(".00 {unit}")).map_or(short.clone(), |whole| format!("{whole} {unit}"))
}

/// A line for each family, level and capacity.
pub fn csv_of(rows: &[Row], capacities: &[u64]) -> Result<String, Failure> {
    let mut members: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        members.entry(&row.family).or_default().push(row);
    }
    let all = ("all", rows.iter().collect::<Vec<_>>());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["family", "weights", "level", "capacity", "networks", "fit"])?;
    for (family, own) in std::iter::once(all).chain(members) {
        for (with_weights, _) in WITH_WEIGHTS {
            for (level, name) in LEVELS.iter().enumerate() {
                for &capacity in capacities {
                    writer.write_record([
                        family,
                        if with_weights { "yes" } else { "no" },
                        name,
                        &capacity.to_string(),
                        &own.len().to_string(),
                        &fitting(&own, level, with_weights, capacity).to_string(),
                    ])?;
                }
            }
        }
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.to_string())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_their_own_unit() {
        let told = [2_000_000, 2 << 20, 1 << 19, 1536, 1_500_000, 0, 100].map(size_text);
        assert_eq!(told, ["2 MB", "2 MiB", "512 KiB", "1.50 KiB", "1.43 MiB", "0 B", "100 B"]);
    }
}
