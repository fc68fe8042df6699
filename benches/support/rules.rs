//! Placement rules of other compilers, for comparison: a tensor is on chip for all of its live range
//! or not at all.

use plimsoll::{Graph, LiveRange, Liveness, Loading, Occupant, OperatorId, TensorId, TensorKind};

/// A tensor or a workspace that may be placed on chip.
pub struct Candidate {
    pub bytes: u64,
    pub live: LiveRange,
    /// Bytes that a run moves to and from DDR if it is in DDR.
    pub off: u64,
    /// Bytes moved if it is on chip: inputs are loaded, outputs are stored.
    pub on: u64,
    pub is_constant: bool,
}

/// All tensors and workspaces of a graph that runs in this order.
pub fn candidates(graph: &Graph, order: &[OperatorId], loading: Loading) -> Vec<Candidate> {
    let liveness = Liveness::new(graph, order, 1, plimsoll::Variables::Arena).expect("an order");
    let steps = liveness.steps().max(1);
    let mut all = Vec::new();
    for (occupant, buffer) in liveness.occupants().iter().zip(liveness.problem().buffers()) {
        let bytes = buffer.size();
        let (off, on) = match *occupant {
            Occupant::Tensor(id) => traffic(graph, order, id),
            _ => (2 * bytes, 0),
        };
        all.push(Candidate { bytes, live: buffer.live(), off, on, is_constant: false });
    }
    for id in graph.tensor_ids().filter(|&id| graph.tensor(id).kind() == TensorKind::Constant) {
        let (off, _) = traffic(graph, order, id);
        let bytes = graph.tensor(id).bytes();
        let on = if loading == Loading::Once { 0 } else { bytes.min(off) };
        let live = LiveRange { start: 0, end: steps };
        all.push(Candidate { bytes, live, off, on, is_constant: true });
    }
    all.retain(|one| one.off > 0);
    all
}

/// Bytes moved if a tensor is in DDR, and if it is on chip.
fn traffic(graph: &Graph, order: &[OperatorId], id: TensorId) -> (u64, u64) {
    let tensor = graph.tensor(id);
    let operators = || order.iter().map(|&one| graph.operator(one));
    let reads = operators().filter(|one| one.inputs().contains(&id)).count() as u64;
    let writes = operators().filter(|one| one.outputs().contains(&id)).count() as u64;
    let comes = u64::from(tensor.kind() != TensorKind::Intermediate && reads > 0);
    let goes = u64::from((tensor.is_output() || tensor.kind() == TensorKind::Variable) && writes > 0);
    ((reads + writes) * tensor.bytes(), (comes + goes) * tensor.bytes())
}

/// Bytes moved by a choice.
fn cost(all: &[Candidate], is_on: &[bool]) -> u64 {
    all.iter().zip(is_on).map(|(one, &is_on)| if is_on { one.on } else { one.off }).sum()
}

/// Largest first, each at the lowest offset at which it fits.
pub fn largest_first(all: &[Candidate], capacity: u64) -> u64 {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&one| (std::cmp::Reverse(all[one].bytes), one));
    greedy(all, &order, capacity)
}

/// By bytes saved per byte of memory, as in compilers like XLA, each at the lowest offset at which it
/// fits.
pub fn by_value(all: &[Candidate], capacity: u64) -> u64 {
    let value = |one: usize| {
        let one = &all[one];
        one.off.saturating_sub(one.on) as f64 / one.bytes.max(1) as f64
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|&one, &other| value(other).total_cmp(&value(one)).then(one.cmp(&other)));
    greedy(all, &order, capacity)
}

fn greedy(all: &[Candidate], order: &[usize], capacity: u64) -> u64 {
    let mut is_on = vec![false; all.len()];
    let mut placed: Vec<(u64, usize)> = Vec::new();
    for &one in order.iter().filter(|&&one| all[one].on < all[one].off) {
        let meets = |other: usize| {
            let (a, b) = (all[one].live, all[other].live);
            a.start < b.end && b.start < a.end
        };
        let mut offset = 0;
        for &(start, other) in placed.iter().filter(|placed| meets(placed.1)) {
            if offset + all[one].bytes <= start {
                break;
            }
            offset = offset.max(start + all[other].bytes);
        }
        if offset + all[one].bytes <= capacity {
            is_on[one] = true;
            let place = placed.partition_point(|placed| *placed < (offset, one));
            placed.insert(place, (offset, one));
        }
    }
    cost(all, &is_on)
}

/// By load only, as Vela does it: of each group of activations that overlap in time where the load is
/// too high, the best subset of the twenty most valuable ones, by enumeration. Constants stay in DDR.
/// Does not check whether offsets exist.
pub fn by_load(all: &[Candidate], capacity: u64) -> u64 {
    let mut is_on: Vec<bool> =
        all.iter().map(|one| !one.is_constant && one.bytes <= capacity && one.on < one.off).collect();
    let steps = all.iter().map(|one| one.live.end).max().unwrap_or(0) as usize;
    let mut load = vec![0u64; steps];
    for (one, _) in all.iter().zip(&is_on).filter(|pair| *pair.1) {
        load[one.live.start as usize..one.live.end as usize].iter_mut().for_each(|sum| *sum += one.bytes);
    }
    let is_over: Vec<bool> = load.iter().map(|&sum| sum > capacity).collect();
    let touches = |one: &Candidate| is_over[one.live.start as usize..one.live.end as usize].contains(&true);
    let mut open: Vec<usize> = (0..all.len()).filter(|&one| is_on[one] && touches(&all[one])).collect();
    open.sort_by_key(|&one| (all[one].live.start, one));
    let mut from = 0;
    while from < open.len() {
        let mut end = all[open[from]].live.end;
        let mut to = from + 1;
        while to < open.len() && all[open[to]].live.start < end {
            end = end.max(all[open[to]].live.end);
            to += 1;
        }
        choose(all, &open[from..to], capacity, &mut load, &mut is_on);
        from = to;
    }
    cost(all, &is_on)
}

fn choose(all: &[Candidate], group: &[usize], capacity: u64, load: &mut [u64], is_on: &mut [bool]) {
    let mut add = |one: usize, sign: bool| {
        let range = all[one].live.start as usize..all[one].live.end as usize;
        for sum in &mut load[range] {
            *sum = if sign { *sum + all[one].bytes } else { *sum - all[one].bytes };
        }
    };
    let mut best: Vec<usize> = group.to_vec();
    best.sort_by_key(|&one| (std::cmp::Reverse(all[one].off - all[one].on), one));
    for &one in group {
        add(one, false);
        is_on[one] = false;
    }
    best.truncate(20);
    let mut search = Search { all, items: &best, capacity, load, taken: Vec::new(), best: (0, Vec::new()) };
    search.go(0, 0);
    let chosen = search.best.1;
    for one in chosen {
        is_on[one] = true;
        let range = all[one].live.start as usize..all[one].live.end as usize;
        load[range].iter_mut().for_each(|sum| *sum += all[one].bytes);
    }
}

struct Search<'a> {
    all: &'a [Candidate],
    items: &'a [usize],
    capacity: u64,
    load: &'a mut [u64],
    taken: Vec<usize>,
    best: (u64, Vec<usize>),
}

impl Search<'_> {
    fn go(&mut self, place: usize, saved: u64) {
        if saved > self.best.0 {
            self.best = (saved, self.taken.clone());
        }
        let left: u64 = self.items[place..].iter().map(|&one| self.all[one].off - self.all[one].on).sum();
        if place == self.items.len() || saved + left <= self.best.0 {
            return;
        }
        let one = self.items[place];
        let (live, bytes) = (self.all[one].live, self.all[one].bytes);
        let range = live.start as usize..live.end as usize;
        if self.load[range.clone()].iter().all(|sum| sum + bytes <= self.capacity) {
            self.load[range.clone()].iter_mut().for_each(|sum| *sum += bytes);
            self.taken.push(one);
            self.go(place + 1, saved + self.all[one].off - self.all[one].on);
            self.taken.pop();
            self.load[range].iter_mut().for_each(|sum| *sum -= bytes);
        }
        self.go(place + 1, saved);
    }
}
