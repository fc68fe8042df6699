//! Constants and checks of the places of tensors or scratch. They are stored as numbers and written as text when they
//! are needed, as the text is several times as large.

use std::io::{self, Write};

use super::CCode;
use super::tables::NamedRow;
use super::text::identifiers;
use crate::support::text_list::TextList;
use crate::{PoolId, ViewRow};

/// Places of tensors, or of scratch.
#[derive(Clone, Debug, Default)]
pub(super) struct CPlaces {
    /// Prefix of the names of constants: empty, or `SCRATCH_`.
    kind: &'static str,
    /// The names in macros of the occupants with one place. Others, with several residency intervals, have no constants.
    names: TextList,
    /// The places of these occupants.
    by_name: Vec<CPlace>,
    /// All places, to be checked; empty for an arena, where all places have names.
    all: Vec<CPlace>,
}

/// Offset, size, alignment and pool of a row.
#[derive(Clone, Copy, Debug)]
struct CPlace {
    pool: PoolId,
    offset: u64,
    bytes: u64,
    alignment: u64,
}

impl CPlace {
    fn of(row: &ViewRow<'_>) -> Self {
        let ViewRow { memory: pool, place, alignment, .. } = *row;
        Self { pool, offset: place.offset, bytes: place.bytes, alignment }
    }
}

impl CPlaces {
    pub(super) fn new(kind: &'static str, rows: &[NamedRow<'_>], is_pools: bool) -> Self {
        let intervals = rows.chunk_by(|a, b| a.0.index() == b.0.index());
        let single: Vec<_> = intervals.filter(|intervals| intervals.len() == 1).flatten().collect();
        let names = identifiers(single.iter().map(|(row, name)| (row.index(), &**name)));
        let all = rows.iter().filter(|_| is_pools).map(|(row, _)| CPlace::of(row)).collect();
        let by_name = single.into_iter().map(|(row, _)| CPlace::of(row)).collect();
        Self { kind, names: names.into_iter().collect(), by_name, all }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &CPlace)> {
        self.names.iter().zip(&self.by_name)
    }
}

impl CCode {
    /// Writes all constants: those of memories, the offset and size of each tensor or scratch, and sizes of tensors in
    /// buffers of the caller.
    pub(super) fn write_constants(&self, out: &mut dyn Write) -> io::Result<()> {
        let upper = self.prefix.upper();
        out.write_all(self.constants[0].as_bytes())?;
        for places in &self.places {
            let kind = places.kind;
            for (name, CPlace { pool, offset, bytes, .. }) in places.iter() {
                if self.is_pools {
                    writeln!(out, "#define {upper}_{kind}POOL_OF_{name} {pool}U")?;
                }
                writeln!(out, "#define {upper}_{kind}OFFSET_{name} {offset}ULL")?;
                writeln!(out, "#define {upper}_{kind}BYTES_{name} {bytes}ULL")?;
            }
        }
        out.write_all(self.constants[1].as_bytes())
    }

    /// Writes the conditions of a correct plan for the compiler to check.
    pub(super) fn write_checks(&self, out: &mut dyn Write) -> io::Result<()> {
        let upper = self.prefix.upper();
        writeln!(out, "\n/* Every place is inside its memory and aligned. */")?;
        for memory in &self.memories {
            let label = format!("{}_ALIGNMENT", memory.name);
            let alignment = format!("{upper}_{label}");
            let is_power_of_two =
                format!("{alignment} != 0ULL && ({alignment} & ({alignment} - 1ULL)) == 0ULL");
            self.assert(&label, &is_power_of_two, out)?;
        }
        for places in &self.places {
            let kind = places.kind;
            for (name, place) in places.iter().filter(|_| !self.is_pools) {
                let [offset, bytes] = ["OFFSET", "BYTES"].map(|of| format!("{upper}_{kind}{of}_{name}"));
                let condition = inside(&offset, &bytes, &format!("{upper}_ARENA_BYTES"), place.alignment);
                self.assert(&format!("{kind}{name}"), &condition, out)?;
            }
            let kind = if kind.is_empty() { "PLACE_" } else { kind };
            for (number, place) in places.all.iter().enumerate() {
                let [offset, bytes] = [place.offset, place.bytes].map(|number| format!("{number}ULL"));
                let all = format!("{upper}_POOL_{}_BYTES", place.pool);
                let condition = inside(&offset, &bytes, &all, place.alignment);
                self.assert(&format!("{kind}{number}"), &condition, out)?;
            }
        }
        Ok(())
    }
}

/// A condition: the range ends inside the memory and is aligned, without a sum that could overflow.
fn inside(offset: &str, bytes: &str, all: &str, alignment: u64) -> String {
    format!("{bytes} <= {all} && {offset} <= {all} - {bytes} && {offset} % {alignment}ULL == 0ULL")
}
