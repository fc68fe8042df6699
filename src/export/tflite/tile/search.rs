//! Tilings of little memory within a cost, counted as the runtime runs them: entries and exits exist as a whole, and
//! slices, padding and concatenations are copies.
//!
//! **What is decided.** A path over the positions of an order: each edge is an operator that runs as a whole, or a
//! segment with a cut. The cheapest path within a capacity is a shortest path; the least capacity with a path within the
//! budget is found by bisection. Both are optimal for the live bytes in this order, among equal stripes, up to the
//! ladder of stripe counts, [`MAX_LENGTH`] and [`MAX_WORK`].
//!
//! **What is pruned.** Segments without an operator that exceeds the least possible capacity, and segments through which
//! more bytes are live than without tiling.

use super::draft::{Draft, DraftKind};
use super::network::TileNetwork;
use super::stripes::{Cut, TileRegion};

/// Largest number of operators in a region.
const MAX_LENGTH: usize = 40;

/// Number of drafted operators after which a search evaluates short segments only, and none.
const MAX_WORK: u64 = 6_000_000;
const SHORT_LENGTH: usize = 8;

/// Numbers of stripes that are tried.
const STRIPES: [i64; 14] = [2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48];

/// Regions in an order, and their extra cost.
pub(super) struct FoundTiling {
    pub(super) regions: Vec<TileRegion>,
    pub(super) extra: u64,
}

/// The search over one order.
pub(super) struct TileSearch<'n> {
    network: &'n TileNetwork<'n>,
    order: Vec<usize>,
    /// By tensor: position of the first and of the last step at which it is live, both included; none for tensors outside of
    /// the head. Graph inputs are live before position 0, graph outputs after the last one.
    lives: Vec<Option<(i64, i64)>>,
    /// Live bytes and scratch at each step, if every operator runs as a whole.
    loads: Vec<u64>,
    segments: Vec<Segment>,
}

struct Segment {
    start: usize,
    end: usize,
    /// Ways to cut it, by ascending bytes and descending cost.
    variants: Vec<Variant>,
}

struct Variant {
    region: TileRegion,
    bytes: u64,
    extra: u64,
}

#[derive(Clone, Copy)]
struct Step {
    extra: u64,
    from: usize,
    /// Segment and variant; none if an operator runs as a whole.
    cut: Option<(usize, usize)>,
}

impl<'n> TileSearch<'n> {
    /// `updates` says whether exits may be written piece by piece.
    pub(super) fn new(network: &'n TileNetwork<'n>, order: &[usize], updates: bool, max_extra: u64) -> Self {
        let lives = lives(network, order);
        let loads = loads(network, order, &lives);
        let mut search = Self { network, order: order.to_vec(), lives, loads, segments: Vec::new() };
        search.evaluate_segments(updates, max_extra);
        search
    }

    /// Live bytes at the largest step if every operator runs as a whole.
    pub(super) fn untiled_bytes(&self) -> u64 {
        self.loads.iter().copied().max().unwrap_or(0)
    }

    fn evaluate_segments(&mut self, updates: bool, max_extra: u64) {
        let whole = |at: &usize| self.network.operators[self.order[*at]].rules.is_empty();
        let floor = (0..self.order.len()).filter(whole).map(|at| self.loads[at]).max().unwrap_or(0);
        let most = self.untiled_bytes();
        let mut work = 0;
        // Short segments come first, so that the limit of work leaves out long ones.
        for length in 1..=MAX_LENGTH.min(self.order.len()) {
            for start in 0..=self.order.len() - length {
                let end = start + length;
                let is_hot = self.loads[start..end].iter().any(|&load| load > floor);
                if !is_hot || (work > MAX_WORK / 2 && length > SHORT_LENGTH) || work > MAX_WORK {
                    continue;
                }
                let mut variants = Vec::new();
                for axis in [1, 2] {
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
                    self.segments.push(Segment { start, end, variants: frontier(variants) });
                }
            }
        }
    }

    /// Evaluates the cuts of a segment along an axis.
    fn cut_segment(
        &self,
        (start, end): (usize, usize),
        axis: usize,
        updates: bool,
        [most, max_extra]: [u64; 2],
        work: &mut u64,
        variants: &mut Vec<Variant>,
    ) {
        let operators = self.order[start..end].to_vec();
        let Some(is_exit) = self.exits(&operators, end, axis) else { return };
        let through = self.through(start, end);
        if through >= most {
            return;
        }
        let exits = operators.iter().zip(&is_exit).filter(|(_, is_exit)| **is_exit);
        let rows = exits.filter_map(|(&id, _)| Some(self.network.rule(id, axis)?.rows)).max().unwrap_or(0);
        for [is_carried, is_padded, is_updated] in CUTS {
            if is_updated && !updates {
                continue;
            }
            for stripes in STRIPES.into_iter().filter(|&stripes| stripes <= rows) {
                let cut = Cut { stripes, is_carried, is_padded, is_updated };
                let region = TileRegion { operators: operators.clone(), axis, cut };
                let mut draft = Draft::new(self.network);
                let is_possible = draft.region(self.network, &region, &is_exit).is_some();
                *work += draft.operators.len() as u64 + 1;
                if !is_possible || draft.extra > max_extra {
                    // More stripes compute more rows again.
                    break;
                }
                let bytes = through.saturating_add(self.peak(&draft, end));
                if bytes < most {
                    variants.push(Variant { region, bytes, extra: draft.extra });
                }
            }
        }
    }

    /// For each operator of a segment, whether its outputs exist as a whole; none if the segment reads one of its tensors
    /// as a whole.
    fn exits(&self, operators: &[usize], end: usize, axis: usize) -> Option<Vec<bool>> {
        for &id in operators {
            let (read, rule) = (&self.network.subgraph.operators[id], self.network.rule(id, axis)?);
            for (input, by_rows) in read.inputs.iter().zip(&rule.by_rows) {
                let producer = input.and_then(|input| self.network.producer[input.index()]);
                if !by_rows && producer.is_some_and(|producer| operators.contains(&producer)) {
                    return None;
                }
            }
        }
        let is_exit = |&id: &usize| {
            let outputs = &self.network.subgraph.operators[id].read.outputs;
            outputs
                .iter()
                .any(|output| self.lives_until(output.index(), end) || !self.network.is_read[output.index()])
        };
        Some(operators.iter().map(is_exit).collect())
    }

    /// True if a tensor is live at position `end` or later.
    fn lives_until(&self, tensor: usize, end: usize) -> bool {
        self.lives[tensor].is_some_and(|(_, last)| last >= end as i64)
    }

    /// Bytes of tensors that are live before, in and after a segment.
    fn through(&self, start: usize, end: usize) -> u64 {
        let (start, end) = (start as i64, end as i64);
        let lives = self.lives.iter().zip(&self.network.subgraph.tensors);
        let through =
            lives.filter(|(live, _)| live.is_some_and(|(first, last)| first < start && last >= end));
        through.map(|(_, tensor)| tensor.bytes).fold(0, u64::saturating_add)
    }

    /// The most live bytes of a drafted segment, without the tensors that are live through it.
    fn peak(&self, draft: &Draft, end: usize) -> u64 {
        let count = draft.operators.len();
        let mut change = vec![0i64; count + 2];
        let mut add = |bytes: u64, first: usize, last: usize| {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 4);
            change[first] += bytes;
            change[last + 1] -= bytes;
        };
        let mut first = vec![0; draft.tensors.len()];
        let mut last = vec![0; draft.tensors.len()];
        let mut bytes: Vec<u64> = draft.tensors.iter().map(|rows| draft_bytes(self.network, rows)).collect();
        let mut is_written_to = vec![false; draft.tensors.len()];
        let mut entries: Vec<(usize, usize)> = Vec::new();
        for (step, operator) in draft.operators.iter().enumerate() {
            for &input in operator.inputs.iter().flatten() {
                match input.checked_sub(draft.first_new) {
                    Some(new) => last[new] = step,
                    None => match entries.iter_mut().find(|(id, _)| *id == input) {
                        Some(entry) => entry.1 = step,
                        None => entries.push((input, step)),
                    },
                }
            }
            let is_update = matches!(operator.kind, DraftKind::Update { .. });
            if is_update && let Some(new) = operator.inputs[0].and_then(|id| id.checked_sub(draft.first_new))
            {
                is_written_to[new] = true;
            }
            for &output in &operator.outputs {
                match output.checked_sub(draft.first_new) {
                    Some(new) => {
                        (first[new], last[new]) = (step, step);
                        if is_update {
                            bytes[new] = 0;
                        }
                    }
                    None if is_update => {}
                    None => add(self.network.subgraph.tensors[output].bytes, step, count),
                }
            }
        }
        for (input, step) in entries {
            let is_inner = self.lives[input].is_some_and(|(_, last)| last < end as i64);
            let is_through = self.lives[input].is_none() || !is_inner;
            if !is_through {
                add(self.network.subgraph.tensors[input].bytes, 0, step);
            }
        }
        for new in 0..draft.tensors.len() {
            // The tensor of an exit that is written piece by piece stays.
            let stays = is_written_to[new] && bytes[new] > 0;
            add(bytes[new], first[new], if stays { count } else { last[new] });
        }
        let mut live = 0;
        let mut peak = 0;
        for (step, change) in change.into_iter().take(count).enumerate() {
            live += change;
            peak = peak.max(live.unsigned_abs() + self.tile_scratch(&draft.operators[step].kind));
        }
        peak
    }

    /// Scratch of a tile: that of the operator by its share of rows.
    fn tile_scratch(&self, kind: &DraftKind) -> u64 {
        let DraftKind::Tile { operator, rows, .. } = kind else { return 0 };
        let whole = self.network.scratch[*operator];
        let all = self.network.operators[*operator].rules.first().map_or(1, |rule| rule.rows.max(1));
        let share = u128::from(whole) * u128::from((rows.end - rows.start).unsigned_abs());
        u64::try_from(share / u128::from(all.unsigned_abs())).unwrap_or(whole)
    }

    /// The path of least memory whose extra cost is at most `max_extra`, below `below` bytes.
    pub(super) fn least_bytes(&self, max_extra: u64, below: u64) -> Option<FoundTiling> {
        let cuts = self.segments.iter().flat_map(|segment| &segment.variants).map(|variant| variant.bytes);
        let mut capacities: Vec<u64> =
            cuts.chain(self.loads.iter().copied()).filter(|&bytes| bytes < below).collect();
        capacities.sort_unstable();
        capacities.dedup();
        let (mut low, mut high) = (0, capacities.len());
        let mut best = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.cheapest_path(capacities[middle]).filter(|found| found.extra <= max_extra) {
                Some(found) => {
                    high = middle;
                    best = Some(found);
                }
                None => low = middle + 1,
            }
        }
        best
    }

    /// The cheapest path within `capacity` bytes.
    pub(super) fn cheapest_path(&self, capacity: u64) -> Option<FoundTiling> {
        let count = self.order.len();
        let mut steps: Vec<Option<Step>> = vec![None; count + 1];
        steps[0] = Some(Step { extra: 0, from: 0, cut: None });
        let mut by_start: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (number, segment) in self.segments.iter().enumerate() {
            by_start[segment.start].push(number);
        }
        for start in 0..count {
            let Some(Step { extra, .. }) = steps[start] else { continue };
            if self.loads[start] <= capacity {
                offer(&mut steps[start + 1], Step { extra, from: start, cut: None });
            }
            for &number in &by_start[start] {
                let segment = &self.segments[number];
                let fits =
                    segment.variants.iter().enumerate().filter(|(_, variant)| variant.bytes <= capacity);
                if let Some((at, variant)) = fits.min_by_key(|(_, variant)| variant.extra) {
                    let extra = extra.saturating_add(variant.extra);
                    offer(&mut steps[segment.end], Step { extra, from: start, cut: Some((number, at)) });
                }
            }
        }
        self.followed(&steps)
    }

    fn followed(&self, steps: &[Option<Step>]) -> Option<FoundTiling> {
        let mut end = self.order.len();
        let extra = steps[end]?.extra;
        let mut regions = Vec::new();
        while end > 0 {
            let step = steps[end]?;
            if let Some((segment, variant)) = step.cut {
                regions.push(self.segments[segment].variants[variant].region.clone());
            }
            end = step.from;
        }
        regions.reverse();
        Some(FoundTiling { regions, extra })
    }

    /// The operators of a model with these regions.
    pub(super) fn draft(&self, regions: &[TileRegion]) -> Option<Draft> {
        let mut draft = Draft::new(self.network);
        let mut position = 0;
        let mut regions = regions.iter().peekable();
        while position < self.order.len() {
            let id = self.order[position];
            match regions.next_if(|region| region.operators.first() == Some(&id)) {
                Some(region) => {
                    position += region.operators.len();
                    let is_exit = self.exits(&region.operators, position, region.axis)?;
                    draft.region(self.network, region, &is_exit)?;
                }
                None => {
                    draft.whole(self.network, id);
                    position += 1;
                }
            }
        }
        Some(draft)
    }
}

/// Carried halos, explicit padding, exits written piece by piece.
const CUTS: [[bool; 3]; 8] = [
    [false, true, false],
    [false, false, false],
    [true, true, false],
    [true, false, false],
    [false, true, true],
    [false, false, true],
    [true, true, true],
    [true, false, true],
];

fn draft_bytes(network: &TileNetwork<'_>, rows: &super::draft::RowsOf) -> u64 {
    let columns = rows.columns[0] + rows.columns[1];
    network.part_bytes(rows.tensor, rows.axis, rows.rows.end - rows.rows.start, columns)
}

fn offer(slot: &mut Option<Step>, step: Step) {
    if slot.is_none_or(|old| step.extra < old.extra) {
        *slot = Some(step);
    }
}

/// The variants that no other one beats in bytes and cost.
fn frontier(mut variants: Vec<Variant>) -> Vec<Variant> {
    variants.sort_by_key(|variant| (variant.bytes, variant.extra, variant.region.cut.stripes));
    let mut least = u64::MAX;
    variants.retain(|variant| {
        let is_better = variant.extra < least;
        least = least.min(variant.extra);
        is_better
    });
    variants
}

/// The cost that a goal allows.
pub(super) fn max_extra(cost: u64, ppm: u64) -> u64 {
    u64::try_from(u128::from(cost) * u128::from(ppm) / 1_000_000).unwrap_or(u64::MAX)
}

fn lives(network: &TileNetwork<'_>, order: &[usize]) -> Vec<Option<(i64, i64)>> {
    let mut lives: Vec<Option<(i64, i64)>> = vec![None; network.subgraph.tensors.len()];
    let mut touch = |tensor: usize, at: i64| {
        let live = lives[tensor].get_or_insert((at, at));
        *live = (live.0.min(at), live.1.max(at));
    };
    for input in &network.subgraph.inputs {
        touch(input.index(), -1);
    }
    for (at, &id) in order.iter().enumerate() {
        let read = &network.subgraph.operators[id].read;
        for tensor in read.inputs.iter().chain(&read.outputs) {
            touch(tensor.index(), at as i64);
        }
    }
    for output in &network.subgraph.outputs {
        touch(output.index(), order.len() as i64);
    }
    for (tensor, live) in network.subgraph.tensors.iter().zip(&mut lives) {
        if tensor.bytes == 0 {
            *live = None;
        }
    }
    // A tensor in the head that no operator writes is live from the start.
    for (producer, live) in network.producer.iter().zip(&mut lives) {
        if let (None, Some(live)) = (producer, live) {
            live.0 = -1;
        }
    }
    lives
}

fn loads(network: &TileNetwork<'_>, order: &[usize], lives: &[Option<(i64, i64)>]) -> Vec<u64> {
    let mut loads: Vec<u64> = order.iter().map(|&id| network.scratch[id]).collect();
    for (tensor, live) in network.subgraph.tensors.iter().zip(lives) {
        let Some((first, last)) = live else { continue };
        for load in loads.iter_mut().enumerate().filter(|(at, _)| (*first..=*last).contains(&(*at as i64))) {
            *load.1 += tensor.bytes;
        }
    }
    loads
}
