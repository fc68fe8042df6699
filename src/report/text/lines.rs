//! Lines of a summary: a key and a value in each.

use std::fmt::Write;

use super::{bytes, short_bytes};
use crate::report::rectangles::or_number;
use crate::report::shorten::shortened;
use crate::{BodyPlan, Graph, Stop};

/// Maximum number of listed items, such as causes of the lower bound; of more, only their number is
/// shown.
pub(super) const MAX_LISTED: usize = 8;

/// Width of a name in letters: a line should fit a terminal.
pub(super) const NAME_WIDTH: usize = 80;

#[derive(Default)]
pub(super) struct SummaryLines {
    pub(super) text: String,
}

impl SummaryLines {
    pub(super) fn line(&mut self, key: &str, value: impl AsRef<str>) {
        // Names may contain line breaks; a line of the summary must not.
        let value: String =
            value.as_ref().chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        writeln!(self.text, "{key:<15}{value}").expect("a string takes every letter");
    }

    /// Lists the arenas of bodies, the largest first.
    pub(super) fn bodies(&mut self, graph: &Graph, bodies: &[BodyPlan]) {
        if bodies.is_empty() {
            return;
        }
        self.line("bodies", format!("{}, in the scratch of their operators", bodies.len()));
        let members = bodies.iter().filter_map(|entry| {
            let operator = graph.operators().get(entry.operator.index())?;
            let body = operator.bodies().get(entry.body)?;
            let runs = or_number(operator.name(), entry.operator.index());
            let name = or_number(body.name(), entry.body);
            let bound = entry.plan.bound();
            let above = entry.plan.arena_bytes > bound;
            let gap = if above { format!(" (lower bound {})", bytes(bound)) } else { String::new() };
            Some((format!("{name} of {runs}{gap}"), entry.plan.arena_bytes))
        });
        self.list(members.collect());
    }

    /// Lists names and sizes, the largest first.
    pub(super) fn list(&mut self, mut members: Vec<(String, u64)>) {
        // The sort is stable: equal sizes stay in the order of their ids.
        members.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        let (shown, rest) = members.split_at(members.len().min(MAX_LISTED));
        let width = shown.iter().map(|&(_, size)| short_bytes(size).len()).max().unwrap_or(0);
        for (name, size) in shown {
            self.line("", format!("{:>width$}  {}", short_bytes(*size), shortened(name, NAME_WIDTH)));
        }
        if !rest.is_empty() {
            let total = total(rest.iter().map(|&(_, size)| size));
            self.line("", format!("and {} more, {} in total", rest.len(), short_bytes(total)));
        }
    }
}

/// Adds sizes that may exceed 64 bits together.
pub(super) fn total(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

/// The reason why a search stopped early, as a clause after the gap.
pub(super) fn stop_text(stop: Stop) -> String {
    if stop == Stop::Finished { String::new() } else { format!("; the search stopped: {stop}") }
}
