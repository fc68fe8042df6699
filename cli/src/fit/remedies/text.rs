//! Remedies as lines of a report.

use plimsoll::report::text::{bytes, short_bytes};

use super::peak::{LiveBuffer, PeakStep};
use super::{Capacity, Help, RemedyKind};
use crate::fit::{ReportLines, SHOWN};
use crate::output::one_line;

/// Adds the missing memory, the peak and the remedies to a report.
pub fn add_help(lines: &mut ReportLines, help: &Help) {
    let weights = if help.weights > 0 {
        format!(" ({} of them weights)", short_bytes(help.weights))
    } else {
        String::new()
    };
    let (missing, needed) = (bytes(help.missing), short_bytes(help.needed));
    let (pool, room) = (&help.pool, short_bytes(help.room));
    lines.add("missing", &format!("{missing}: {needed} are needed{weights}, {pool} has {room}"));
    if let Some(peak) = &help.peak {
        add_peak(lines, peak);
    }
    let summary = match help.remedies.len() {
        0 => format!("none found except more memory{}", help.pool_text()),
        count => format!("{count} found, each applied alone{}:", help.pool_text()),
    };
    lines.add("remedies", &summary);
    for remedy in help.remedies.iter().take(SHOWN) {
        let saved = short_bytes(remedy.saves);
        let arena = if remedy.fits {
            format!("fits{} with {}", help.pool_name(), short_bytes(remedy.arena))
        } else {
            format!("still needs {}", bytes(remedy.arena))
        };
        let remark = match remedy.kind {
            RemedyKind::NotKept => " (estimate, without memory to recompute it)",
            _ => "",
        };
        lines.add("", &format!("{saved:>11}  saved, {arena}: {}{remark}", remedy.description));
    }
    if let Some(rest) = help.remedies.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        lines.add("", &format!("and {} more, which save less or cost more", rest.len()));
    }
    if help.is_cut_short {
        lines.add("", "some remedies were not tried because the network is large or the time limit is met");
    }
    lines.add("more memory", &format!("{}{}", capacity_text(&help.capacity), help.pool_text()));
}

fn add_peak(lines: &mut ReportLines, peak: &PeakStep) {
    let (step, name, live) = (peak.step, &peak.operator, bytes(peak.bytes));
    lines.add("peak", &format!("{live} at step {step}, {} `{name}`", peak.op_type));
    let entry = |buffer: &LiveBuffer| {
        let role = if buffer.used { "used" } else { "idle" };
        (buffer.bytes, format!("{} ({}, {role})", one_line(&buffer.name), buffer.kind))
    };
    lines.add_list(&peak.live.iter().map(entry).collect::<Vec<_>>());
}

impl Help {
    /// Name and capacity of the memory, if there are several on chip.
    fn pool_text(&self) -> String {
        let (pool, room) = (&self.pool, short_bytes(self.room));
        if self.names_pool { format!(" (all in {pool}, {room})") } else { String::new() }
    }

    /// Name of the memory, if there are several on chip.
    fn pool_name(&self) -> String {
        if self.names_pool { format!(" {}", self.pool) } else { String::new() }
    }
}

fn capacity_text(capacity: &Capacity) -> String {
    let verdict = if capacity.confirmed { "are enough" } else { "are needed by the plan found" };
    let orders = if capacity.over_orders { "any order" } else { "this order" };
    let bound = if capacity.arena == capacity.arena_lower_bound {
        format!("arena proven minimal for {orders}")
    } else {
        format!("arena lower bound {} for {orders}", bytes(capacity.arena_lower_bound))
    };
    format!("{} {verdict}; {bound}", bytes(capacity.bytes))
}
