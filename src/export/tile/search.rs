//! Tilings of little memory within a cost, counted as the runtime runs them: entries and exits exist as a whole, and
//! slices, padding and concatenations are copies.
//!
//! **What is decided.** A path over the positions of an order: each edge is an operator that runs as a whole, or a
//! segment with a cut. Labels keep the paths to each position that no other one beats in extra cost and bytes of the tail:
//! each tile needs a record of its own there. The least capacity with a path within the budget is found by bisection, the
//! least arena by a walk through all capacities. All are optimal for the live bytes in this order, among equal stripes, up
//! to the ladder of stripe counts, [`TileRules`](super::TileRules), [`most_work`], [`MAX_LABELS`] and [`MAX_CAPACITIES`].
//!
//! **What is pruned.** Segments without an operator that exceeds the least possible capacity, and segments through which
//! more bytes are live than without tiling.

use super::draft::{DraftKind, DraftOperator, TiledDraft};
use super::live::peak;
use super::network::{TileNetwork, TileOperator};
use super::stripes::{StripeCut, TileRegion};
use crate::Effort;
use crate::support::limits::Limits;

/// Number of drafted operators after half of which a search evaluates short segments only, and after which none.
fn most_work(effort: Effort) -> u64 {
    match effort {
        Effort::Quick => 200_000,
        Effort::Default => 6_000_000,
        Effort::Thorough => 24_000_000,
    }
}

const SHORT_LENGTH: usize = 8;

/// Numbers of stripes that are tried.
const STRIPES: [i64; 14] = [2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48];

/// The most labels of a position.
const MAX_LABELS: usize = 8;

/// The most capacities that are tried for the least arena.
const MAX_CAPACITIES: usize = 120;

/// Regions in an order.
#[derive(Clone)]
pub(in crate::export) struct FoundTiling {
    pub(in crate::export) regions: Vec<TileRegion>,
    /// Live bytes at the largest step, and bytes of the tail that tiling adds.
    pub(in crate::export) arena: u64,
}

/// The cost of paths that decides between those within a capacity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::export) enum Least {
    Extra,
    Tail,
}

/// The search over one order.
pub(in crate::export) struct TileSearch<'n> {
    network: &'n TileNetwork,
    limits: &'n Limits,
    order: Vec<usize>,
    /// By tensor; none for tensors outside of the head.
    lives: Vec<Option<StepSpan>>,
    /// Live bytes and scratch at each step, if every operator runs as a whole.
    loads: Vec<u64>,
    segments: Vec<TileSegment>,
    /// By position: segments that start there.
    by_start: Vec<Vec<usize>>,
}

/// The first and the last step at which a tensor is live, both included: step 0 is before all operators, that of position
/// `p` is `p + 1`, and one after all operators follows, at which graph outputs are live.
type StepSpan = (usize, usize);

struct TileSegment {
    end: usize,
    /// Ways to cut it, by ascending bytes and descending cost.
    variants: Vec<RegionVariant>,
}

struct RegionVariant {
    region: TileRegion,
    bytes: u64,
    extra: u64,
    tail: u64,
}

/// A path to a position.
#[derive(Clone, Copy)]
struct Label {
    extra: u64,
    tail: u64,
    /// Position before the last edge, and the label there.
    from: (usize, usize),
    /// Segment and variant; none if an operator runs as a whole.
    cut: Option<(usize, usize)>,
}

impl<'n> TileSearch<'n> {
    /// `updates` says whether exits may be written piece by piece. After the deadline, no more segments are evaluated, and
    /// no paths are found; a node limit counts drafted operators.
    pub(in crate::export) fn new(
        network: &'n TileNetwork,
        order: &[usize],
        updates: bool,
        (max_extra, effort): (u64, Effort),
        limits: &'n Limits,
    ) -> Self {
        let lives = lives(network, order);
        let loads = loads(network, order, &lives);
        let by_start = vec![Vec::new(); order.len()];
        let (order, segments) = (order.to_vec(), Vec::new());
        let mut search = Self { network, limits, order, lives, loads, segments, by_start };
        search.evaluate_segments(updates, max_extra, limits.most_nodes(u64::MAX).min(most_work(effort)));
        search
    }

    /// Live bytes at the largest step if every operator runs as a whole.
    pub(super) fn untiled_bytes(&self) -> u64 {
        self.loads.iter().copied().max().unwrap_or(0)
    }

    fn evaluate_segments(&mut self, updates: bool, max_extra: u64, most_work: u64) {
        let whole = |at: &usize| self.network.operators[self.order[*at]].rules.is_empty();
        let floor = (0..self.order.len()).filter(whole).map(|at| self.loads[at]).max().unwrap_or(0);
        let most = self.untiled_bytes();
        let mut work = 0;
        // Short segments come first, so that the limit of work leaves out long ones.
        let axes = self.network.axes();
        for length in 1..=self.network.rules.max_length.min(self.order.len()) {
            for start in 0..=self.order.len() - length {
                let end = start + length;
                let is_hot = self.loads[start..end].iter().any(|&load| load > floor);
                if !is_hot || (work > most_work / 2 && length > SHORT_LENGTH) || work > most_work {
                    continue;
                }
                if self.limits.poll().is_err() {
                    return;
                }
                let mut variants = Vec::new();
                work += self.work_of_draft();
                for &axis in &axes {
                    let is_tileable = |&id: &usize| self.network.rule(id, axis).is_some();
                    if self.order[start..end].iter().all(is_tileable) {
                        self.cut_segment(
                            (start, end),
                            axis,
                            updates,
                            [most, max_extra],
                            &mut work,
                            &mut variants,
                        );
                    }
                }
                if !variants.is_empty() {
                    self.by_start[start].push(self.segments.len());
                    self.segments.push(TileSegment { end, variants: frontier(variants) });
                }
            }
        }
    }

    /// Work for lists with an entry for each tensor.
    fn work_of_draft(&self) -> u64 {
        1 + self.lives.len() as u64 / 16
    }

    /// Evaluates the cuts of a segment along an axis.
    fn cut_segment(
        &self,
        (start, end): (usize, usize),
        axis: usize,
        updates: bool,
        [most, max_extra]: [u64; 2],
        work: &mut u64,
        variants: &mut Vec<RegionVariant>,
    ) {
        let operators = self.order[start..end].to_vec();
        let Some(is_exit) = self.exits(&operators, end, axis) else { return };
        let through = self.through(start, end);
        if through >= most {
            return;
        }
        let exits = operators.iter().zip(&is_exit).filter(|(_, is_exit)| **is_exit);
        let rows = exits.filter_map(|(&id, _)| Some(self.network.rule(id, axis)?.rows)).max().unwrap_or(0);
        for &[is_carried, is_padded, is_updated] in self.network.rules.cuts {
            if is_updated && !updates {
                continue;
            }
            for stripes in STRIPES.into_iter().filter(|&stripes| stripes <= rows) {
                let cut = StripeCut { stripes, is_carried, is_padded, is_updated };
                let region = TileRegion { operators: operators.clone(), axis, cut };
                let mut draft = TiledDraft::new(self.network);
                let is_possible = draft.region(self.network, &region, &is_exit).is_some();
                *work += draft.operators.len() as u64 + self.work_of_draft();
                if !is_possible || draft.extra > max_extra {
                    // More stripes compute more rows again.
                    break;
                }
                let dies = |tensor: usize| !self.lives_until(tensor, end);
                let bytes = through.saturating_add(peak(self.network, &draft, dies));
                if bytes < most {
                    let tail = self.tail(&draft, &region);
                    variants.push(RegionVariant { region, bytes, extra: draft.extra, tail });
                }
            }
        }
    }

    /// For each operator of a segment, whether its outputs exist as a whole; none if the segment reads one of its tensors
    /// as a whole.
    fn exits(&self, operators: &[usize], end: usize, axis: usize) -> Option<Vec<bool>> {
        for &id in operators {
            let (read, rule) = (&self.network.operators[id], self.network.rule(id, axis)?);
            for (input, by_rows) in read.inputs.iter().zip(&rule.by_rows) {
                let producer = input.and_then(|input| self.network.producer[input]);
                let is_written = producer.is_some_and(|producer| operators.contains(&producer));
                let is_inner = input.is_some_and(|input| self.network.tensors[input].is_inner);
                if (!by_rows && is_written) || (is_inner && !is_written) {
                    return None;
                }
            }
        }
        let is_exit = |&id: &usize| {
            let outputs = &self.network.operators[id].outputs;
            outputs.iter().any(|&output| self.lives_until(output, end) || !self.network.is_read[output])
        };
        let is_exit: Vec<bool> = operators.iter().map(is_exit).collect();
        let exits = operators.iter().zip(&is_exit).filter(|(_, is_exit)| **is_exit);
        let mut outputs = exits.flat_map(|(&id, _)| &self.network.operators[id].outputs);
        (!outputs.any(|&output| self.network.tensors[output].is_inner)).then_some(is_exit)
    }

    /// True if a tensor is live at position `end` or later.
    fn lives_until(&self, tensor: usize, end: usize) -> bool {
        self.lives[tensor].is_some_and(|(_, last)| last > end)
    }

    /// Bytes of tensors that are live before, in and after a segment.
    fn through(&self, start: usize, end: usize) -> u64 {
        let lives = self.lives.iter().zip(&self.network.tensors);
        let through =
            lives.filter(|(live, _)| live.is_some_and(|(first, last)| first <= start && last > end));
        through.map(|(_, tensor)| tensor.bytes).fold(0, u64::saturating_add)
    }

    /// Bytes of the tail that a region adds.
    fn tail(&self, draft: &TiledDraft, region: &TileRegion) -> u64 {
        let each = |operator: &DraftOperator| match operator.kind {
            DraftKind::Whole(operator) | DraftKind::Tile { operator, .. } => {
                self.network.operators[operator].records
            }
            _ => self.network.rules.copy_records,
        };
        let tiled = draft.operators.iter().map(each).fold(0, u64::saturating_add);
        let whole = region.operators.iter().map(|&id| self.network.operators[id].records);
        tiled.saturating_sub(whole.fold(0, u64::saturating_add))
    }

    /// Bytes of steps and segments, ascending, below `below`.
    fn capacities(&self, below: u64) -> Vec<u64> {
        let cuts = self.segments.iter().flat_map(|segment| &segment.variants).map(|variant| variant.bytes);
        let mut capacities: Vec<u64> =
            cuts.chain(self.loads.iter().copied()).filter(|&bytes| bytes < below).collect();
        capacities.sort_unstable();
        capacities.dedup();
        capacities
    }

    /// The path of least live bytes, below `below`, whose extra cost is at most `max_extra`.
    pub(super) fn least_bytes(&self, max_extra: u64, below: u64) -> Option<FoundTiling> {
        let capacities = self.capacities(below);
        let (mut low, mut high) = (0, capacities.len());
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.cheapest_path(capacities[middle], max_extra, Least::Tail) {
                Some(found) => {
                    high = middle;
                    best = Some(found);
                }
                None => low = middle + 1,
            }
        }
        best
    }

    /// Paths of small live bytes and tail together, by ascending sum, each with another sum.
    pub(super) fn small_arenas(&self, max_extra: u64) -> Vec<FoundTiling> {
        let below = self.untiled_bytes();
        let capacities = self.capacities(below);
        let step = capacities.len().div_ceil(MAX_CAPACITIES).max(1);
        let paths = capacities
            .into_iter()
            .step_by(step)
            .filter_map(|capacity| self.cheapest_path(capacity, max_extra, Least::Tail));
        let mut paths: Vec<FoundTiling> = paths.filter(|found| found.arena < below).collect();
        paths.sort_by_key(|found| found.arena);
        paths.dedup_by_key(|found| found.arena);
        paths
    }

    /// The cheapest path within `capacity` bytes and `max_extra`; none after the deadline.
    pub(super) fn cheapest_path(&self, capacity: u64, max_extra: u64, least: Least) -> Option<FoundTiling> {
        self.limits.poll().ok()?;
        let count = self.order.len();
        let mut labels: Vec<Vec<Label>> = vec![Vec::new(); count + 1];
        labels[0].push(Label { extra: 0, tail: 0, from: (0, 0), cut: None });
        for start in 0..count {
            let here = std::mem::take(&mut labels[start]);
            for (at, label) in here.iter().enumerate() {
                let from = (start, at);
                if self.loads[start] <= capacity {
                    offer(&mut labels[start + 1], Label { from, cut: None, ..*label });
                }
                for &number in &self.by_start[start] {
                    let segment = &self.segments[number];
                    let variants = segment.variants.iter().enumerate();
                    for (variant, found) in variants.take_while(|(_, variant)| variant.bytes <= capacity) {
                        let extra = label.extra.saturating_add(found.extra);
                        let tail = label.tail.saturating_add(found.tail);
                        let label = Label { extra, tail, from, cut: Some((number, variant)) };
                        if extra <= max_extra {
                            offer(&mut labels[segment.end], label);
                        }
                    }
                }
            }
            labels[start] = here;
        }
        let key = |label: &Label| match least {
            Least::Extra => (label.extra, label.tail),
            Least::Tail => (label.tail, label.extra),
        };
        let (at, _) = labels[count].iter().enumerate().min_by_key(|(_, label)| key(label))?;
        Some(self.followed(&labels, at))
    }

    fn followed(&self, labels: &[Vec<Label>], last: usize) -> FoundTiling {
        let (mut end, mut at) = (self.order.len(), last);
        let tail = labels[end][at].tail;
        let (mut regions, mut bytes) = (Vec::new(), 0);
        while end > 0 {
            let Label { from, cut, .. } = labels[end][at];
            match cut {
                Some((segment, variant)) => {
                    let variant = &self.segments[segment].variants[variant];
                    bytes = bytes.max(variant.bytes);
                    regions.push(variant.region.clone());
                }
                None => bytes = bytes.max(self.loads[from.0]),
            }
            (end, at) = from;
        }
        regions.reverse();
        FoundTiling { regions, arena: bytes.saturating_add(tail) }
    }

    /// A region in about twice as many stripes, and in as many as possible; with its padding, and with explicit padding:
    /// windows that keep theirs compute wrong rows at both ends of each stripe.
    pub(super) fn finer(&self, region: &TileRegion) -> Vec<TileRegion> {
        let rules = region.operators.iter().filter_map(|&id| self.network.rule(id, region.axis));
        let rows = rules.map(|rule| rule.rows).max().unwrap_or(0);
        let more = STRIPES.into_iter().filter(|&stripes| stripes > region.cut.stripes && stripes <= rows);
        let twice = more.clone().find(|&stripes| stripes >= 2 * region.cut.stripes);
        let mut counts: Vec<i64> = twice.into_iter().chain(more.max()).collect();
        counts.dedup();
        let mut cuts = Vec::new();
        for stripes in counts {
            let kept = StripeCut { stripes, ..region.cut };
            cuts.push(kept);
            cuts.extend((!kept.is_padded).then_some(StripeCut { is_padded: true, ..kept }));
        }
        cuts.into_iter().map(|cut| TileRegion { cut, ..region.clone() }).collect()
    }

    /// The operators of a model with these regions.
    pub(in crate::export) fn draft(&self, regions: &[TileRegion]) -> Option<TiledDraft> {
        let mut draft = TiledDraft::new(self.network);
        let mut position = 0;
        let mut regions = regions.iter().peekable();
        while position < self.order.len() {
            let id = self.order[position];
            if let Some(region) = regions.next_if(|region| region.operators.first() == Some(&id)) {
                position += region.operators.len();
                let is_exit = self.exits(&region.operators, position, region.axis)?;
                draft.region(self.network, region, &is_exit)?;
            } else {
                draft.whole(self.network, id);
                position += 1;
            }
        }
        Some(draft)
    }
}

/// Adds a label that no other one beats.
fn offer(labels: &mut Vec<Label>, label: Label) {
    let beats = |one: &Label, other: &Label| one.extra <= other.extra && one.tail <= other.tail;
    if labels.iter().any(|other| beats(other, &label)) {
        return;
    }
    labels.retain(|other| !beats(&label, other));
    if labels.len() < MAX_LABELS {
        labels.push(label);
    }
}

/// The variants that no other one beats in bytes, cost and tail, by ascending bytes.
fn frontier(mut variants: Vec<RegionVariant>) -> Vec<RegionVariant> {
    variants.sort_by_key(|variant| (variant.bytes, variant.tail, variant.extra));
    let mut kept: Vec<RegionVariant> = Vec::new();
    for variant in variants {
        if kept.iter().all(|other| variant.extra < other.extra || variant.tail < other.tail) {
            kept.push(variant);
        }
    }
    kept
}

fn lives(network: &TileNetwork, order: &[usize]) -> Vec<Option<StepSpan>> {
    let mut lives: Vec<Option<StepSpan>> = vec![None; network.tensors.len()];
    let mut touch = |tensor: usize, at: usize| {
        let live = lives[tensor].get_or_insert((at, at));
        *live = (live.0.min(at), live.1.max(at));
    };
    for &input in &network.inputs {
        touch(input, 0);
    }
    for (at, &id) in order.iter().enumerate() {
        let TileOperator { reads, outputs, .. } = &network.operators[id];
        for &tensor in reads.iter().chain(outputs) {
            touch(tensor, at + 1);
        }
    }
    for &output in &network.outputs {
        touch(output, order.len() + 1);
    }
    for (tensor, live) in network.tensors.iter().zip(&mut lives) {
        if tensor.bytes == 0 {
            *live = None;
        }
    }
    // A tensor in the head that no operator writes is live from the start.
    for (producer, live) in network.producer.iter().zip(&mut lives) {
        if let (None, Some(live)) = (producer, live) {
            live.0 = 0;
        }
    }
    lives
}

/// Bytes of an input that dies at a step and whose memory the output takes.
fn overwritten(
    network: &TileNetwork,
    operator: &TileOperator,
    lives: &[Option<StepSpan>],
    step: usize,
) -> u64 {
    let inputs = operator.overwrites.iter().filter_map(|&at| operator.inputs[at]);
    let dying = inputs.filter(|&input| lives[input].is_some_and(|(_, last)| last == step));
    let bytes = dying.map(|input| network.tensors[input].bytes).max().unwrap_or(0);
    bytes.min(operator.outputs.first().map_or(0, |&output| network.tensors[output].bytes))
}

fn loads(network: &TileNetwork, order: &[usize], lives: &[Option<StepSpan>]) -> Vec<u64> {
    let count = order.len();
    let mut change = vec![0_i128; count + 2];
    for (tensor, live) in network.tensors.iter().zip(lives) {
        let Some((first, last)) = *live else { continue };
        let (first, end) = (first.saturating_sub(1).min(count), last.min(count));
        change[first] += i128::from(tensor.bytes);
        change[end] -= i128::from(tensor.bytes);
    }
    let mut live = 0;
    let load = |(at, &id): (usize, &usize)| {
        live += change[at];
        let operator = &network.operators[id];
        let live = u64::try_from(live).unwrap_or(u64::MAX).saturating_add(operator.scratch);
        live.saturating_sub(overwritten(network, operator, lives, at + 1))
    };
    order.iter().enumerate().map(load).collect()
}
