//! What would help, as lines of a report.

use plimsoll::report::text::{bytes, short_bytes};

use super::{Capacity, Help, Kind};
use crate::fit::Lines;
use crate::output::one_line;

/// Tensors and remedies that are told.
const SHOWN: usize = 10;

pub fn about(lines: &mut Lines, help: &Help) {
    let beside = if help.weights > 0 {
        format!(", {} of them weights", short_bytes(help.weights))
    } else {
        String::new()
    };
    let (missing, needed) = (bytes(help.missing), short_bytes(help.needed));
    let (pool, room) = (&help.pool, short_bytes(help.room));
    lines.say("missing", &format!("{missing}: {needed} are needed{beside}, {pool} has {room}"));
    if let Some(peak) = &help.peak {
        let (step, name, live) = (peak.step, &peak.operator, bytes(peak.bytes));
        lines.say("peak", &format!("{live} at step {step}, {} `{name}`", peak.op_type));
        for one in peak.live.iter().take(SHOWN) {
            let (name, kind) = (one_line(&one.name), one.kind);
            let used = if one.used { "used there" } else { "waits" };
            lines.say("", &format!("{:>11}  {name} ({kind}, {used})", short_bytes(one.bytes)));
        }
        if let Some(rest) = peak.live.get(SHOWN..).filter(|rest| !rest.is_empty()) {
            let together = rest.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
            lines.say("", &format!("and {} more, {} together", rest.len(), short_bytes(together)));
        }
    }
    let found = match help.remedies.len() {
        0 => format!("nothing of what was tried, but more memory{}", help.bank()),
        count => format!("each by itself, {count} found{}:", help.bank()),
    };
    lines.say("would help", &found);
    for one in help.remedies.iter().take(SHOWN) {
        let needs = if one.fits {
            format!("fits{} with {}", help.bank_name(), short_bytes(one.arena))
        } else {
            format!("still needs {}", bytes(one.arena))
        };
        let estimate = match one.kind {
            Kind::Stripes => "; an estimate, without what stripes need of their neighbours",
            Kind::NotKept => "; an estimate, without what making it again needs",
            _ => "",
        };
        let saves = short_bytes(one.saves);
        lines.say("", &format!("{saves:>11}  less, {needs}: {}{estimate}", one.what));
    }
    if let Some(rest) = help.remedies.get(SHOWN..).filter(|rest| !rest.is_empty()) {
        lines.say("", &format!("and {} more, which save less or cost more", rest.len()));
    }
    if help.is_cut_short {
        lines.say("", "not all remedies were tried, as the network is large");
    }
    lines.say("more memory", &format!("{}{}", more_memory(&help.capacity), help.bank()));
}

impl Help {
    /// The memory that everything above is about and its size, where there are several.
    fn bank(&self) -> String {
        let (pool, room) = (&self.pool, short_bytes(self.room));
        if self.is_one_of_several { format!(", all in {pool} ({room})") } else { String::new() }
    }

    fn bank_name(&self) -> String {
        if self.is_one_of_several { format!(" {}", self.pool) } else { String::new() }
    }
}

fn more_memory(capacity: &Capacity) -> String {
    let enough = if capacity.confirmed { "are enough" } else { "are needed by the plan found" };
    let order = if capacity.over_orders { "any order" } else { "this order" };
    let least = if capacity.arena == capacity.arena_lower_bound {
        format!("no arena is smaller, in {order}")
    } else {
        format!("no arena is below {}, in {order}", bytes(capacity.arena_lower_bound))
    };
    format!("{} {enough}; {least}", bytes(capacity.bytes))
}
