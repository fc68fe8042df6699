//! Error messages for relative placements that cannot be satisfied.

use super::layout::AliasBuilder;
use super::rigid::Member;
use super::{SharingLevel, in_force, level};
use crate::graph::{Graph, Permit, RelativePlacement, Side, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// Maximum number of operators or tensors that a reason names.
const MAX_NAMED: usize = 3;

impl AliasBuilder<'_> {
    /// Explains why two tensors may not overlap at a step at which both are live. Lists all
    /// reasons, each with a remedy.
    pub(super) fn why_not(&mut self, one: Member, other: Member) -> String {
        let (read, write) = self.by_start(one, other);
        let bytes = read.end.min(write.end) - read.from.max(write.from);
        let [a, b] = [read.id, write.id].map(|id| name(self.graph, id));
        let reasons = self.reasons(read, write).join("; also, ");
        format!("tensors {a} and {b} would have {bytes} bytes in common while both are needed: {reasons}")
    }

    /// Returns the reasons why `write` may not overlap `read`, each with a remedy.
    fn reasons(&mut self, read: Member, write: Member) -> Vec<String> {
        let graph = self.graph;
        let [a, b] = [read.id, write.id].map(|id| name(graph, id));
        if graph.are_kept_apart(read.id, write.id) {
            return vec![format!("they are kept apart; remove that constraint or the placement")];
        }
        let Some(writer) = graph.tensor(write.id).producer() else {
            return vec![format!("both are in memory before the first operator; place them apart")];
        };
        let operator = format!("operator `{}`", graph.operator(writer).name());
        if graph.tensor(read.id).producer() == Some(writer) {
            return vec![format!("{operator} writes both; place them apart")];
        }
        let mut reasons = Vec::new();
        if graph.operator(writer).inputs().contains(&read.id) {
            reasons.extend(self.not_permitted(writer, read, write));
            reasons.extend(self.not_overwritable(read.id));
            if !self.origins.has_own_bytes(self.graph, write.id) {
                reasons.push(format!(
                    "all bytes of {b} come from other tensors, and {operator} writes none of them"
                ));
            }
        } else {
            reasons.push(if graph.tensor(read.id).readers().is_empty() {
                // Only an input can be in memory without a reader.
                format!(
                    "no operator reads {a}, and {operator} writes {b} at the first step; place them apart, or leave out \
                     the state"
                )
            } else {
                let text = format!("{operator} writes {b} while {a} is needed and does not read it");
                format!("{text}; place them apart")
            });
            reasons.extend(is_needed_afterwards(graph, read.id));
        }
        let late = self.late_readers(read.id, write.live.start);
        if !late.is_empty() {
            let verb = if late.len() == 1 { "reads" } else { "read" };
            let remedy = if late.iter().any(|&id| depends_on(graph, id, writer)) {
                format!("its result is needed for that; read {b} instead, or copy {a} first")
            } else {
                format!("run {operator} last, or read {b} instead")
            };
            let late = join_names(&late, |&id| format!("`{}`", graph.operator(id).name()));
            reasons.push(format!("{late} {verb} {a} after {operator} overwrites it; {remedy}"));
        }
        if reasons.is_empty() {
            reasons.push(format!("{operator} cannot write {b} over other bytes of {a} that it still reads"));
        }
        reasons
    }

    /// Returns the reason why an operator's permissions do not cover an output over an input, at
    /// this distance and level of sharing.
    fn not_permitted(&self, writer: OperatorId, read: Member, write: Member) -> Option<String> {
        let graph = self.graph;
        let [a, b] = [read.id, write.id].map(|id| name(graph, id));
        let operator = format!("operator `{}`", graph.operator(writer).name());
        let concerns = |permit: &&Permit| (permit.input(), permit.output()) == (read.id, write.id);
        let permits: Vec<&Permit> = graph.operator(writer).permits().iter().filter(concerns).collect();
        let distance = write.from - read.from;
        let fitting: Vec<&&Permit> = permits.iter().filter(|permit| fits(graph, permit, distance)).collect();
        if permits.is_empty() {
            return Some(format!("nothing permits {operator} to write {b} over {a}; add a permission"));
        }
        if fitting.is_empty() {
            let where_to = join_names(&permits, |permit| allowed(graph, permit));
            let text =
                format!("{operator} permits {b} {where_to} of {a}, but it would be at {distance} bytes");
            return Some(format!("{text}; place it there"));
        }
        if fitting.iter().any(|permit| in_force(graph, permit, self.sharing)) {
            return None;
        }
        let lowest = fitting.iter().map(|permit| level(permit)).min().unwrap_or(SharingLevel::All);
        let text =
            format!("{operator} permits it only at the sharing level `{}` or above", level_name(lowest));
        Some(format!("{text}, and this is `{}`; raise the level", level_name(self.sharing)))
    }

    /// Returns the reason why a tensor's contents must survive the run.
    fn not_overwritable(&mut self, tensor: TensorId) -> Option<String> {
        if let Some(text) = is_needed_afterwards(self.graph, tensor) {
            return Some(text);
        }
        let kept = self.origins.first_preserved(self.graph, tensor)?;
        let prefix = if kept == tensor {
            String::new()
        } else {
            format!("{} holds bytes of {}: ", name(self.graph, tensor), name(self.graph, kept))
        };
        let kept_name = name(self.graph, kept);
        Some(match self.graph.tensor(kept).kind() {
            TensorKind::Input => format!(
                "{prefix}{kept_name} is a graph input that may not be overwritten; declare it overwritable"
            ),
            _ => format!("{prefix}{kept_name} keeps its contents after the run; copy it first"),
        })
    }

    /// Returns the operators that read a tensor after a step.
    fn late_readers(&self, tensor: TensorId, step: u32) -> Vec<OperatorId> {
        let runs_after = |&id: &OperatorId| {
            let outputs = self.graph.operator(id).outputs();
            let written = outputs.iter().filter(|output| self.graph.tensor(**output).producer() == Some(id));
            written.filter_map(|output| self.live[output.index()]).any(|live| live.start > step)
        };
        let mut late: Vec<OperatorId> =
            self.graph.tensor(tensor).readers().iter().copied().filter(runs_after).collect();
        late.dedup();
        late
    }

    /// Explains why two tensors cannot have a distance, whatever other tensors do.
    pub(super) fn why_nowhere(&self, placement: &RelativePlacement) -> String {
        let [tensor, of] = [placement.tensor, placement.of].map(|id| self.graph.tensor(id));
        let alignments = [placement.tensor, placement.of].map(|id| self.contents.alignment(self.graph, id));
        let alignment = alignments[0].min(alignments[1]);
        let fixed = (tensor.fixed_offset(), of.fixed_offset());
        if let (Some(inner), Some(outer)) = fixed
            && i128::from(inner) - i128::from(outer) != i128::from(placement.at)
        {
            let distance = i128::from(inner) - i128::from(outer);
            return format!(
                "their fixed offsets {inner} and {outer} are {distance} bytes apart; change one of them"
            );
        }
        if let (Some(offset), None) = fixed
            && offset < placement.at
        {
            return format!("its fixed offset {offset} is less than {}; use a higher one", placement.at);
        }
        if !placement.at.is_multiple_of(alignment) {
            return format!(
                "{} is not a multiple of {alignment}, but tensors `{}` and `{}` both start at multiples of \
                 {alignment}; use a multiple of {alignment}",
                placement.at,
                tensor.name(),
                of.name()
            );
        }
        "alignments or fixed offsets of tensors that are placed with them do not allow it; \
         use a multiple of the largest alignment"
            .to_owned()
    }
}

/// Returns whether an operator needs the results of another one, directly or through other operators.
fn depends_on(graph: &Graph, id: OperatorId, other: OperatorId) -> bool {
    let mut reached = vec![false; graph.operators().len()];
    let mut open = vec![other];
    while let Some(next) = open.pop() {
        for &output in graph.operator(next).outputs() {
            for &reader in graph.tensor(output).readers() {
                if !std::mem::replace(&mut reached[reader.index()], true) {
                    open.push(reader);
                }
            }
        }
    }
    reached[id.index()]
}

/// The quoted name of a tensor.
fn name(graph: &Graph, id: TensorId) -> String {
    format!("`{}`", graph.tensor(id).name())
}

/// Joins the texts of up to [`MAX_NAMED`] entries, followed by the number of the others.
fn join_names<T>(all: &[T], text: impl Fn(&T) -> String) -> String {
    let first: Vec<String> = all.iter().take(MAX_NAMED).map(text).collect();
    match all.len().saturating_sub(MAX_NAMED) {
        0 => first.join(" and "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Returns a reason if a tensor is a graph output or a variable.
fn is_needed_afterwards(graph: &Graph, tensor: TensorId) -> Option<String> {
    let checked = graph.tensor(tensor);
    let text = match checked.kind() {
        _ if checked.is_output() => "is an output of the graph, which is read after the run; copy it first",
        _ if checked.is_preserved() => "is an input that is preserved to the end of the run; copy it first",
        TensorKind::Variable => "is a variable, which keeps its contents after the run; copy it first",
        _ => return None,
    };
    Some(format!("{} {text}", name(graph, tensor)))
}

/// Returns true if a permission covers an output at this distance from the start of the input.
fn fits(graph: &Graph, permit: &Permit, distance: i128) -> bool {
    let bytes = |id: TensorId| i128::from(graph.tensor(id).bytes());
    match *permit {
        Permit::InPlace { input, output } => distance == 0 && bytes(output) <= bytes(input),
        Permit::View { at, .. } => distance == i128::from(at),
        Permit::ConcatSlice { at, .. } => -distance == i128::from(at),
        Permit::Overlap { input, output, bytes: max_bytes, lower } => {
            let (lower_tensor, distance_up) =
                if lower == Side::Input { (input, distance) } else { (output, -distance) };
            distance_up >= 0 && bytes(lower_tensor) - distance_up <= i128::from(max_bytes)
        }
    }
}

/// Describes the distances that a permission covers.
fn allowed(graph: &Graph, permit: &Permit) -> String {
    let bytes = |id: TensorId| graph.tensor(id).bytes();
    match *permit {
        Permit::InPlace { input, output } if bytes(output) > bytes(input) => {
            format!("over at most {} bytes", bytes(input))
        }
        Permit::InPlace { .. } => "at 0 bytes".to_owned(),
        Permit::View { at, .. } => format!("at {at} bytes"),
        Permit::ConcatSlice { at, .. } => format!("at -{at} bytes"),
        Permit::Overlap { bytes, lower: Side::Input, .. } => format!("over the last {bytes} bytes"),
        Permit::Overlap { bytes, lower: Side::Output, .. } => {
            format!("with its last {bytes} bytes over the first")
        }
    }
}

/// The name of a level on the command line.
fn level_name(level: SharingLevel) -> &'static str {
    match level {
        SharingLevel::None => "none",
        SharingLevel::Views => "views",
        SharingLevel::InPlace => "inplace",
        SharingLevel::All => "all",
    }
}
