//! Bytes that go through each memory, step by step.

use std::collections::BTreeMap;

use crate::{Graph, How, Occupant, Operator, OperatorId, PoolId, PoolPlan, Share, TensorId};

/// Of one memory, by step: bytes read and written together.
pub(in crate::report) struct Moved {
    /// By operators.
    pub in_place: Vec<u64>,
    /// By copies.
    pub copied: Vec<u64>,
}

/// By memory. What is copied while several operators run counts for all of their steps
/// evenly; what is copied after the last step, for that one. O((V + E) log V + steps of copies).
pub(in crate::report) fn by_step(graph: &Graph, plan: &PoolPlan) -> Vec<Moved> {
    let steps = plan.order.len().max(1);
    let none = || Moved { in_place: vec![0; steps], copied: vec![0; steps] };
    let mut moved: Vec<Moved> = plan.pools.ids().map(|_| none()).collect();
    let places = Places::new(plan);
    let mut shares = BTreeMap::<OperatorId, Vec<&Share>>::new();
    for share in &plan.shares {
        shares.entry(share.operator).or_default().push(share);
    }
    for (step, &id) in plan.order.iter().enumerate() {
        let Some(operator) = graph.operators().get(id.index()) else { continue };
        let shares = shares.get(&id).map_or(&[][..], Vec::as_slice);
        for (occupant, bytes) in accesses(graph, id, operator, shares) {
            if let Some(pool) = places.at(step as u32, occupant) {
                add(&mut moved[pool.index()].in_place[step], bytes);
            }
        }
    }
    let (last, count) = (steps - 1, moved.len());
    for one in plan.transfers.iter().filter(|one| one.from.index().max(one.to.index()) < count) {
        let first = (one.step.min(one.due) as usize).min(last);
        let end = (one.due as usize).clamp(first + 1, steps);
        let count = (end - first) as u64;
        for step in first..end {
            // What cannot be shared out evenly comes first.
            let bytes = one.bytes / count + u64::from(((step - first) as u64) < one.bytes % count);
            for pool in [one.from, one.to] {
                add(&mut moved[pool.index()].copied[step], bytes);
            }
        }
    }
    moved
}

fn add(sum: &mut u64, bytes: u64) {
    *sum = sum.saturating_add(bytes);
}

/// Where operators find what.
struct Places<'a> {
    plan: &'a PoolPlan,
    said: BTreeMap<(u32, Key), PoolId>,
}

/// Ordered, unlike an [`Occupant`].
type Key = (bool, usize);

fn key(occupant: Occupant) -> Key {
    match occupant {
        Occupant::Tensor(id) => (false, id.index()),
        Occupant::Scratch(id) => (true, id.index()),
    }
}

impl<'a> Places<'a> {
    fn new(plan: &'a PoolPlan) -> Self {
        let said = plan.uses.iter().map(|one| ((one.step, key(one.occupant)), one.pool)).collect();
        Self { plan, said }
    }

    fn at(&self, step: u32, occupant: Occupant) -> Option<PoolId> {
        let said = self.said.get(&(step, key(occupant))).copied();
        let there = self.plan.stays_of(occupant).filter(|stay| stay.live.contains(step));
        let mut pools =
            there.map(|stay| stay.pool).filter(|pool| pool.index() < self.plan.pools.list().len());
        match said {
            Some(said) => pools.find(|&pool| pool == said),
            None => pools.min(),
        }
    }
}

/// What an operator reads and writes, each with its bytes: not what its outputs are views of, nor
/// what was made right where its output has it.
fn accesses(graph: &Graph, id: OperatorId, operator: &Operator, shares: &[&Share]) -> Vec<(Occupant, u64)> {
    let (inputs, outputs) = (operator.inputs(), operator.outputs());
    let is_view =
        |one: &Share, output: TensorId| one.tensor == output && matches!(one.how, How::View | How::Slice);
    let is_there = |input: TensorId| {
        let pieces = shares.iter().filter(|one| one.how == How::Concat && one.tensor == input).count();
        let all_views = || {
            let mut outputs = outputs.iter();
            outputs.all(|&output| shares.iter().any(|one| is_view(one, output) && one.of == input))
        };
        match pieces {
            0 => !outputs.is_empty() && all_views(),
            _ => pieces >= inputs.iter().filter(|&&one| one == input).count(),
        }
    };
    let mut accesses = Vec::new();
    for (place, &input) in inputs.iter().enumerate() {
        if !inputs[..place].contains(&input) && !is_there(input) {
            accesses.push((Occupant::Tensor(input), graph.tensor(input).bytes()));
        }
    }
    for &output in outputs {
        if !shares.iter().any(|one| is_view(one, output)) {
            accesses.push((Occupant::Tensor(output), written(graph, output, shares)));
        }
    }
    let scratch = operator.scratch_bytes();
    accesses.extend([(Occupant::Scratch(id), scratch); 2]);
    accesses
}

/// All of an output but the pieces that are there.
fn written(graph: &Graph, output: TensorId, shares: &[&Share]) -> u64 {
    let bytes = graph.tensor(output).bytes();
    let pieces = shares.iter().filter(|one| one.how == How::Concat && one.of == output);
    let mut pieces: Vec<(u64, u64)> = pieces
        .filter_map(|one| {
            let piece = graph.tensors().get(one.tensor.index())?.bytes();
            Some((one.at.min(bytes), one.at.saturating_add(piece).min(bytes)))
        })
        .collect();
    pieces.sort_unstable();
    let (mut there, mut end) = (0, 0);
    for (from, to) in pieces {
        there += to.saturating_sub(from.max(end));
        end = end.max(to);
    }
    bytes - there
}
