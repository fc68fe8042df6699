//! Rules 5 and 8: the run is replayed on pools that remember of every byte what it holds, copies
//! included. All that is read must be whole where it is found.

use super::access::{reads, written};
use super::places::{Places, Start};
use super::transfers::{self, Copy};
use super::{Found, Violation, name, pool_name};
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, PoolId, TensorId};
use crate::occupant::{Occupant, Variables};
use crate::plan::Share;
use crate::pool_plan::{PoolPlan, Stay};
use crate::verify::memory::{self, Memory};
use crate::verify::permitted::{Overlaps, Shares};

/// What a byte is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// What was written to a tensor at a step, counted from one: a variable's contents change.
    Tensor(TensorId, u32),
    /// Nobody knows yet: a copy is under way, of this place in the list.
    UnderWay(usize),
}

type Stretch = memory::Stretch<Source>;

/// A pool's bytes, and when each was last written, by a count of writes.
#[derive(Default)]
struct Pool {
    memory: Memory<Source>,
    written: Memory<u64>,
}

/// A copy that is under way: since which write, and what it takes along.
struct Begun {
    since: u64,
    contents: Vec<Stretch>,
}

pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    places: &Places<'_>,
    (copies, shares): (&[Copy], &[Shares]),
    found: &mut Found,
) {
    let mut replay = Replay {
        graph,
        plan,
        places,
        copies,
        shares,
        pools: plan.pools.ids().map(|_| Pool::default()).collect(),
        truths: vec![Vec::new(); graph.tensors().len()],
        begun: copies.iter().map(|_| None).collect(),
        writes: 0,
        found,
    };
    replay.start();
    let mut due = 0;
    let timed = copies.iter().zip(0..).filter(|(copy, _)| copy.takes_time());
    let mut starts: Vec<(u64, usize)> =
        timed.map(|(copy, number)| (copy.transfer.step.into(), number)).collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    for step in 0..=places.steps() {
        if replay.found.is_done() {
            return;
        }
        let first = due;
        while copies.get(due).is_some_and(|copy| copy.transfer.due == step) {
            due += 1;
        }
        for is_new in [false, true] {
            for number in (first..due).filter(|&number| copies[number].is_new == is_new) {
                replay.finish(number);
            }
        }
        while let Some((_, number)) = starts.next_if(|&(start, _)| start == u64::from(step)) {
            replay.begin(number);
        }
        if let Some(&id) = plan.order.get(step as usize) {
            replay.run(step, id);
        }
    }
    replay.end();
}

struct Replay<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    places: &'a Places<'a>,
    copies: &'a [Copy],
    /// By operator.
    shares: &'a [Shares],
    pools: Vec<Pool>,
    /// By tensor, once it is written: what it holds.
    truths: Vec<Vec<Stretch>>,
    /// By copy, while it is under way.
    begun: Vec<Option<Begun>>,
    writes: u64,
    found: &'a mut Found,
}

impl Replay<'_> {
    fn own(&self, id: TensorId, version: u32) -> Stretch {
        let end = self.graph.tensor(id).bytes();
        Stretch { from: 0, end, source: Source::Tensor(id, version), at: 0 }
    }

    /// What a tensor holds, where it lies.
    fn placed(&self, id: TensorId, stay: &Stay) -> Vec<Stretch> {
        let truth = self.truths[id.index()].iter().filter(|own| own.from < own.end);
        truth.map(|own| own.moved_up(stay.offset)).collect()
    }

    fn write(&mut self, pool: PoolId, stretch: Stretch) {
        self.touch(pool, stretch.from, stretch.end);
        self.pools[pool.index()].memory.write(stretch);
    }

    fn clear(&mut self, pool: PoolId, from: u64, end: u64) {
        self.touch(pool, from, end);
        self.pools[pool.index()].memory.clear(from, end);
    }

    fn touch(&mut self, pool: PoolId, from: u64, end: u64) {
        self.writes += 1;
        let stretch = memory::Stretch { from, end, source: self.writes, at: from };
        self.pools[pool.index()].written.write(stretch);
    }

    /// All bytes of a tensor hold what they should.
    fn expect(&mut self, id: TensorId, stay: &Stay, when: impl Fn() -> String) {
        let memory = &self.pools[stay.pool.index()].memory;
        let wrong = memory.wrong(self.placed(id, stay));
        let Some((byte, held)) = wrong else { return };
        let tensor = |id: TensorId| name(self.graph, Occupant::Tensor(id));
        let holds = match held {
            Some(Source::Tensor(other, _)) if other == id => format!("other bytes of {}", tensor(id)),
            Some(Source::Tensor(other, _)) => format!("bytes of {}", tensor(other)),
            Some(Source::UnderWay(number)) => {
                let what = transfers::what(self.graph, self.plan, &self.copies[number].transfer);
                format!("what {what} brings")
            }
            None => "nothing of use".to_owned(),
        };
        let (pool, tensor) = (pool_name(self.plan, stay.pool), tensor(id));
        let text = format!("{}, byte {byte} of {pool} should be of {tensor} but holds {holds}", when());
        self.found.add(Violation::Stale(text));
    }

    /// What the caller and earlier runs have written.
    fn start(&mut self) {
        let mut there = Vec::new();
        for id in self.graph.tensor_ids() {
            if self.graph.tensor(id).kind() != TensorKind::Intermediate {
                self.truths[id.index()] = vec![self.own(id, 0)];
            }
            match self.places.start(id) {
                Start::Later => {}
                Start::At(stay) => there.push((id, stay)),
                Start::Missing(pool) => self.missing(id, pool, "when the run starts"),
            }
        }
        for (id, stay) in &there {
            for stretch in self.placed(*id, stay) {
                self.write(stay.pool, stretch);
            }
        }
        for (id, stay) in &there {
            if self.found.is_done() {
                return;
            }
            self.expect(*id, stay, || "when the run starts".to_owned());
        }
    }

    fn missing(&mut self, id: TensorId, pool: PoolId, when: &str) {
        let (what, pool) = (name(self.graph, Occupant::Tensor(id)), pool_name(self.plan, pool));
        self.found.add(Violation::Stay(format!("{what} has no place in {pool} {when}")));
    }

    /// What a copy takes along must be whole when it starts.
    fn take(&mut self, number: usize) -> Vec<Stretch> {
        let Copy { transfer, from, .. } = self.copies[number];
        let what = transfers::what(self.graph, self.plan, &transfer);
        if self.truths[transfer.tensor.index()].is_empty() {
            self.found.add(Violation::Transfer(format!("{what}: the tensor is not yet written")));
        }
        self.expect(transfer.tensor, &from, || format!("when {what} starts"));
        self.truths[transfer.tensor.index()].clone()
    }

    /// From now on, nobody knows what is at the destination.
    fn begin(&mut self, number: usize) {
        let contents = self.take(number);
        let to = self.copies[number].to;
        self.write(to.pool, under_way(number, &to));
        self.begun[number] = Some(Begun { since: self.writes, contents });
    }

    /// What was under way, or takes no time, is there.
    fn finish(&mut self, number: usize) {
        let copy = self.copies[number];
        let contents = match self.begun[number].take() {
            None => self.take(number),
            Some(Begun { since, contents }) => {
                self.check_undisturbed(number, since);
                contents
            }
        };
        for stretch in contents.iter().filter(|own| own.from < own.end) {
            self.write(copy.to.pool, stretch.moved_up(copy.to.offset));
        }
    }

    /// Nobody wrote to source or destination since.
    fn check_undisturbed(&mut self, number: usize, since: u64) {
        let Copy { transfer, from, to, .. } = self.copies[number];
        let mut source = self.pools[from.pool.index()].written.held(from.offset, from.end());
        let changed =
            source.find(|held| held.source > since).map(|held| (held.from.max(from.offset), from.pool));
        let lost = self.pools[to.pool.index()].memory.wrong([under_way(number, &to)]);
        let lost = lost.map(|(byte, _)| (byte, to.pool));
        for (end, wrong) in [("source", changed), ("destination", lost)] {
            let Some((byte, pool)) = wrong else { continue };
            let what = transfers::what(self.graph, self.plan, &transfer);
            let pool = pool_name(self.plan, pool);
            let text =
                format!("{what}: byte {byte} of {pool}, of its {end}, is written while it is under way");
            self.found.add(Violation::Transfer(text));
        }
    }

    fn run(&mut self, step: u32, id: OperatorId) {
        let (graph, operator) = (self.graph, self.graph.operator(id));
        let shares = &self.shares[id.index()];
        let mut read = Vec::new();
        for input in reads(operator, shares) {
            if let Some(stay) = self.operand(step, id, Occupant::Tensor(input), graph.tensor(input).bytes()) {
                self.expect(input, &stay, || {
                    format!("when operator `{}` reads at step {step}", operator.name())
                });
                read.push((input, stay));
            }
        }
        let mut ranges: Vec<Range> = Vec::new();
        let scratch = Occupant::Scratch(id);
        if let Some(stay) = self.operand(step, id, scratch, operator.scratch_bytes()) {
            ranges.push(Range { of: scratch, pool: stay.pool, from: stay.offset, end: stay.end() });
        }
        let mut outputs = Vec::new();
        for &output in operator.outputs() {
            self.truths[output.index()] = self.truth(step, output, shares);
            let parts = written(graph, output, shares);
            let occupant = Occupant::Tensor(output);
            let needed = if parts.is_empty() { 0 } else { graph.tensor(output).bytes() };
            let Some(Stay { pool, offset, .. }) = self.operand(step, id, occupant, needed) else { continue };
            let range = |(from, end)| Range { of: occupant, pool, from: offset + from, end: offset + end };
            ranges.extend(parts.into_iter().map(range));
            outputs.push(output);
        }
        self.check_shares(step, id);
        self.check_operands(id, &read, &ranges);
        for range in &ranges {
            self.put(step, range);
        }
        for output in outputs {
            if let Some(stay) = self.places.at(step, Occupant::Tensor(output)) {
                self.expect(output, &stay, || format!("after operator `{}` at step {step}", operator.name()));
            }
        }
    }

    /// Where an operator finds what it reads or writes so many bytes of.
    fn operand(&mut self, step: u32, id: OperatorId, occupant: Occupant, bytes: u64) -> Option<Stay> {
        if bytes == 0 || self.is_outside(occupant) {
            return None;
        }
        let stay = self.places.at(step, occupant);
        if stay.is_none() {
            let (what, operator) = (name(self.graph, occupant), self.graph.operator(id).name());
            let text =
                format!("{what} ({bytes} bytes) has no place when operator `{operator}` runs at step {step}");
            self.found.add(Violation::Stay(text));
        }
        stay
    }

    fn is_outside(&self, occupant: Occupant) -> bool {
        let Occupant::Tensor(id) = occupant else { return false };
        self.graph.tensor(id).kind() == TensorKind::Variable && self.plan.variables == Variables::Outside
    }

    fn put(&mut self, step: u32, range: &Range) {
        let Occupant::Tensor(output) = range.of else {
            return self.clear(range.pool, range.from, range.end);
        };
        let Some(stay) = self.places.at(step, range.of) else { return };
        for held in memory::between(&self.placed(output, &stay), range.from, range.end) {
            self.write(range.pool, held);
        }
    }

    /// What an output holds: bytes of what it is a view of, bytes of the pieces that were made
    /// in it, and its own.
    fn truth(&self, step: u32, output: TensorId, shares: &Shares) -> Vec<Stretch> {
        if let Some(&Share { of, at, .. }) = shares.view(output) {
            return memory::cut(&self.truths[of.index()], at, self.graph.tensor(output).bytes());
        }
        let mut pieces = shares.pieces_of(output).to_vec();
        pieces.sort_by_key(|share| share.at);
        memory::covered(
            self.own(output, step + 1),
            pieces.iter().map(|one| (one.at, self.truths[one.tensor.index()].clone())),
        )
    }

    /// Those that share memory lie at the distance that is said, and what may be written over
    /// another is where that is.
    fn check_shares(&mut self, step: u32, id: OperatorId) {
        for share in self.shares[id.index()].all() {
            let [own, other] = [share.tensor, share.of].map(|id| self.places.at(step, Occupant::Tensor(id)));
            let (Some(own), Some(other)) = (own, other) else { continue };
            if own.pool == other.pool && other.offset.checked_add(share.at) == Some(own.offset) {
                continue;
            }
            let [tensor, of] = [share.tensor, share.of].map(|id| name(self.graph, Occupant::Tensor(id)));
            let [pool, other_pool] = [own.pool, other.pool].map(|pool| pool_name(self.plan, pool));
            let text = format!(
                "at step {step}, {tensor} lies at {} of {pool}, not at {} of {of}, which lies at {} of {other_pool}",
                own.offset, share.at, other.offset
            );
            self.found.add(Violation::Share(text));
        }
    }

    /// Nothing is written over what the operator reads, unless that is permitted, nor twice.
    fn check_operands(&mut self, id: OperatorId, read: &[(TensorId, Stay)], ranges: &[Range]) {
        let operator = self.graph.operator(id).name();
        let mut wrong = Vec::new();
        for pool in self.plan.pools.ids() {
            let here = |(input, stay): &(TensorId, Stay)| {
                (stay.pool == pool).then_some((stay.offset, stay.end(), *input))
            };
            let read = Overlaps::new(read.iter().filter_map(here).collect());
            let written = || ranges.iter().zip(0..).filter(|one| one.0.pool == pool);
            let others = written().map(|(one, number)| (one.from, one.end, (one.of, number)));
            let others = Overlaps::new(others.collect::<Vec<(u64, u64, (Occupant, usize))>>());
            for (one, number) in written() {
                for input in read.of(one.from, one.end) {
                    if !self.shares[id.index()].may_meet(one.of, input, || self.may_overwrite(input)) {
                        let what = name(self.graph, one.of);
                        let input = name(self.graph, Occupant::Tensor(input));
                        wrong.push(format!("operator `{operator}` writes {what} over its input {input}"));
                    }
                }
                // Each pair once.
                let before =
                    others.of(one.from, one.end).filter(|other| other.1 < number && other.0 != one.of);
                for (other, _) in before {
                    let (what, other) = (name(self.graph, one.of), name(self.graph, other));
                    wrong.push(format!("operator `{operator}` writes {what} over {other}"));
                }
            }
        }
        for text in wrong {
            self.found.add(Violation::Share(text));
        }
    }

    /// Whether the caller and later runs do not count on these bytes.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        let kept = |held: &Stretch| {
            let Source::Tensor(source, _) = held.source else { return true };
            let source = self.graph.tensor(source);
            match source.kind() {
                TensorKind::Variable | TensorKind::Constant => true,
                TensorKind::Input => !source.is_overwritable(),
                TensorKind::Intermediate => false,
            }
        };
        !self.graph.tensor(tensor).is_output() && !self.truths[tensor.index()].iter().any(kept)
    }

    /// Where the next run looks for it, it is.
    fn check_return(&mut self, id: TensorId, end: &Stay) {
        let Start::At(start) = self.places.start(id) else { return };
        let is_kept = self.graph.tensor(id).kind() != TensorKind::Input;
        if is_kept && start.pool == end.pool && start.offset != end.offset {
            let (what, pool) = (name(self.graph, Occupant::Tensor(id)), pool_name(self.plan, end.pool));
            let text = format!(
                "{what} lies at {} of {pool} when the run starts, but at {} when it ends",
                start.offset, end.offset
            );
            self.found.add(Violation::Stay(text));
        }
    }

    /// What the caller and later runs read.
    fn end(&mut self) {
        let last = self.places.steps() - 1;
        for id in self.graph.tensor_ids() {
            if self.found.is_done() {
                return;
            }
            let occupant = Occupant::Tensor(id);
            let needs_none = self.graph.tensor(id).bytes() == 0 || self.is_outside(occupant);
            let is_nowhere =
                self.graph.tensor(id).kind() == TensorKind::Constant && self.places.of(occupant).is_empty();
            if needs_none || is_nowhere {
                continue;
            }
            for pool in self.places.ends(id) {
                match self.places.find(occupant, pool, last) {
                    Some(stay) => {
                        self.expect(id, &stay, || "when the run ends".to_owned());
                        self.check_return(id, &stay);
                    }
                    None => self.missing(id, pool, "when the run ends"),
                }
            }
        }
    }
}

/// All bytes of a copy's destination.
fn under_way(number: usize, to: &Stay) -> Stretch {
    Stretch { from: to.offset, end: to.end(), source: Source::UnderWay(number), at: 0 }
}

/// Bytes that an operator writes.
#[derive(Clone, Copy)]
struct Range {
    of: Occupant,
    pool: PoolId,
    from: u64,
    end: u64,
}
