//! Random pools, and simulation of plans for several pools on bytes.

use plimsoll::{
    Alias, AliasKind, Content, Graph, InputContents, Loading, Occupant, OperatorId, Permit, Pool, PoolId,
    PoolPlan, Pools, Residency, Storage, TensorId, TensorKind, Transfer, Variables,
};

use super::sharing::Draw;

/// One to four random pools for a graph of `bytes` bytes: capacities, alignments, costs, kinds of
/// content, and the pools of inputs and outputs.
pub fn drawn_pools(draw: &mut Draw, bytes: u64) -> Pools {
    drawn_pools_aligned(draw, bytes, true)
}

/// Random pools without alignments.
pub fn drawn_pools_unaligned(draw: &mut Draw, bytes: u64) -> Pools {
    drawn_pools_aligned(draw, bytes, false)
}

fn drawn_pools_aligned(draw: &mut Draw, bytes: u64, aligned: bool) -> Pools {
    let shift = |draw: &mut Draw, shifts: &[u32]| {
        let shift = shifts[draw.below(shifts.len() as u64) as usize];
        if aligned { shift } else { 0 }
    };
    let count = draw.below(4);
    let mut list = Vec::new();
    for number in 0..count {
        let mut pool = Pool::on_chip(format!("chip{number}"), 1 + draw.below(bytes.max(1)))
            .alignment(1 << shift(draw, &[0, 0, 2, 4, 6]))
            .read_cost(draw.below(3) as u32)
            .write_cost(draw.below(3) as u32);
        if draw.below(6) == 0 {
            pool = pool.largest(1 + draw.below(bytes.max(1)));
        }
        if draw.below(6) == 0 {
            let kept = draw.below(4) as usize;
            pool = pool.only(Content::ALL.into_iter().filter(|&one| one != Content::ALL[kept]));
        }
        if draw.below(6) == 0 {
            pool = pool.copy_costs(draw.below(2) as u32, draw.below(2) as u32);
        }
        list.push(pool);
    }
    let backing_store = Pool::new("ddr")
        .alignment(1 << shift(draw, &[0, 0, 3, 6]))
        .read_cost(2 + draw.below(6) as u32)
        .write_cost(2 + draw.below(6) as u32);
    list.push(if draw.below(3) == 0 { backing_store.copy_costs(1, 1) } else { backing_store });
    let loading = if draw.below(2) == 0 { Loading::Once } else { Loading::EachRun };
    let names: Vec<String> = list.iter().map(|pool| pool.name().to_owned()).collect();
    let mut ends = || if draw.below(4) == 0 { draw.below(count + 1) } else { count } as usize;
    let (inputs, outputs) = (ends(), ends());
    let pools = Pools::new(list).unwrap().inputs(&names[inputs]).unwrap().outputs(&names[outputs]).unwrap();
    pools.loading(loading).prefetch(draw.below(4).min(draw.below(4)) as u32)
}

/// Simulates a plan on bytes, with copies once as early and once as late as possible, and compares all
/// outputs and variables with runs in which every tensor has memory of its own. Bytes outside of
/// all residency intervals are overwritten at every step.
pub fn run_on_bytes(graph: &Graph, plan: &PoolPlan, seed: u64) -> Result<(), String> {
    run(graph, plan, seed, true)
}

/// Simulates a plan as [`run_on_bytes`] does, but keeps bytes outside of all residency intervals.
pub fn run_on_quiet_bytes(graph: &Graph, plan: &PoolPlan, seed: u64) -> Result<(), String> {
    run(graph, plan, seed, false)
}

fn run(graph: &Graph, plan: &PoolPlan, seed: u64, noisy: bool) -> Result<(), String> {
    for early in [true, false] {
        let when = |text| format!("{text}, with copies done {}", if early { "early" } else { "late" });
        Machine::new(graph, plan, seed, (early, noisy)).check_two_runs().map_err(when)?;
    }
    Ok(())
}

type Bytes = Vec<u8>;

struct Machine<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    draw: Draw,
    early: bool,
    noisy: bool,
    pools: Vec<Bytes>,
    /// The reference contents of each tensor.
    values: Vec<Bytes>,
    /// The contents of variables outside of the pools.
    outside: Vec<Bytes>,
}

impl<'a> Machine<'a> {
    fn new(graph: &'a Graph, plan: &'a PoolPlan, seed: u64, (early, noisy): (bool, bool)) -> Self {
        let mut draw = Draw(seed);
        let pools = plan.used.iter().map(|&bytes| noise(&mut draw, bytes)).collect();
        let values: Vec<Bytes> =
            graph.tensors().iter().map(|tensor| noise(&mut draw, tensor.bytes())).collect();
        Self { graph, plan, draw, early, noisy, pools, outside: values.clone(), values }
    }

    fn steps(&self) -> u32 {
        (self.plan.order.len() as u32).max(1)
    }

    fn kind(&self, id: TensorId) -> TensorKind {
        self.graph.tensor(id).kind()
    }

    fn name(&self, id: TensorId) -> &str {
        self.graph.tensor(id).name()
    }

    fn is_outside(&self, id: TensorId) -> bool {
        match self.graph.tensor(id).storage() {
            Storage::Outside => true,
            Storage::Arena => {
                self.kind(id) == TensorKind::Variable && self.plan.variables == Variables::Outside
            }
            _ => false,
        }
    }

    /// The pool that the tensor has as its storage, or `other`.
    fn pool_of(&self, id: TensorId, other: PoolId) -> PoolId {
        match self.graph.tensor(id).storage() {
            Storage::Pool(name) => self.plan.pools.named(name).expect("a pool of the plan"),
            _ => other,
        }
    }

    /// The place of a preserved input for the whole run.
    fn preserved(&self) -> Vec<(TensorId, Residency)> {
        let inputs = self.graph.tensor_ids().filter(|&id| {
            self.kind(id) == TensorKind::Input
                && self.graph.tensor(id).input_contents() == InputContents::Preserved
                && self.graph.tensor(id).bytes() > 0
                && !self.is_outside(id)
        });
        let place = |id| self.residency(id, self.pool_of(id, self.plan.pools.inputs_in()), 0);
        inputs.map(|id| (id, place(id).expect("an input has a place"))).collect()
    }

    fn check_preserved(&self) -> Result<(), String> {
        for (id, place) in self.preserved() {
            if self.load(&place) != self.values[id.index()] {
                return Err(format!("the input `{}` is not preserved", self.name(id)));
            }
        }
        Ok(())
    }

    fn check_two_runs(mut self) -> Result<(), String> {
        let kept: Vec<(TensorId, Residency)> = self
            .graph
            .tensor_ids()
            .filter(|&id| matches!(self.kind(id), TensorKind::Constant | TensorKind::Variable))
            .filter_map(|id| Some((id, self.kept(id)?)))
            .collect();
        for &(id, residency) in &kept {
            let value = self.values[id.index()].clone();
            self.store(&residency, &value);
        }
        for run in 0..2 {
            self.scribble(&kept.iter().map(|kept| kept.1).collect::<Vec<_>>());
            let graph = self.graph;
            let inputs = graph.tensor_ids().filter(|&id| graph.tensor(id).kind() == TensorKind::Input);
            for id in inputs {
                self.values[id.index()] = noise(&mut self.draw, self.graph.tensor(id).bytes());
                if self.is_outside(id) {
                    self.outside[id.index()].clone_from(&self.values[id.index()]);
                } else if self.graph.tensor(id).bytes() > 0 {
                    let residency = self
                        .residency(id, self.pool_of(id, self.plan.pools.inputs_in()), 0)
                        .ok_or("an input has no place")?;
                    let value = self.values[id.index()].clone();
                    self.store(&residency, &value);
                }
            }
            self.run().map_err(|text| format!("run {run}: {text}"))?;
            self.check_end().map_err(|text| format!("end of run {run}: {text}"))?;
        }
        Ok(())
    }

    /// The residency interval of a constant or variable that stays in place between two runs.
    fn kept(&self, id: TensorId) -> Option<Residency> {
        let occupant = Occupant::Tensor(id);
        let residencies: Vec<Residency> = self.plan.residencies_of(occupant).copied().collect();
        let moves = self.plan.transfers.iter().any(|one| one.tensor == id);
        let is_stored = matches!(self.graph.tensor(id).storage(), Storage::Pool(_));
        let may =
            is_stored || self.kind(id) == TensorKind::Variable || self.plan.pools.loads() == Loading::Once;
        match residencies.as_slice() {
            [only] if may && !moves => Some(*only),
            _ => self.residency(id, self.plan.pools.backing_store_id(), 0),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let plan = self.plan;
        let mut under_way: Vec<(Transfer, Bytes, Residency)> = Vec::new();
        for step in 0..=self.steps() {
            let due: Vec<Transfer> = plan.transfers.iter().filter(|one| one.due == step).copied().collect();
            let is_new = |one: &Transfer| {
                one.step == step
                    && self.residency(one.tensor, one.to, step).is_some_and(|to| to.live.start == step)
            };
            let (new, old): (Vec<Transfer>, Vec<Transfer>) = due.into_iter().partition(is_new);
            for one in old {
                if one.step < one.due {
                    let place = under_way.iter().position(|begun| begun.0 == one).unwrap();
                    let (_, _, to) = under_way.remove(place);
                    if !self.early {
                        let from = self.residency(one.tensor, one.from, step - 1).ok_or("no source")?;
                        let value = self.load(&from);
                        self.store(&to, &value);
                    }
                } else {
                    self.copy(&one, step - 1, if step == self.steps() { step - 1 } else { step })?;
                }
            }
            let mut live: Vec<Residency> =
                plan.residencies.iter().filter(|one| one.live.contains(step)).copied().collect();
            if step == self.steps() {
                live = plan.residencies.iter().filter(|one| one.live.end == step).copied().collect();
            }
            if self.noisy {
                self.scribble(&live);
            }
            for one in new {
                self.copy(&one, step, step)?;
            }
            for one in plan.transfers.iter().filter(|one| one.step == step && one.due > step) {
                let from = self.residency(one.tensor, one.from, step).ok_or("no source")?;
                let to = self.residency(one.tensor, one.to, step).ok_or("no destination")?;
                let value = self.load(&from);
                let first = if self.early { value.clone() } else { noise(&mut self.draw, one.bytes) };
                self.store(&to, &first);
                under_way.push((*one, value, to));
            }
            if let Some(&id) = plan.order.get(step as usize) {
                self.operate(step, id)?;
            }
            self.check_preserved()?;
        }
        Ok(())
    }

    fn copy(&mut self, one: &Transfer, from: u32, to: u32) -> Result<(), String> {
        let from = self.residency(one.tensor, one.from, from).ok_or("no source")?;
        let to = self.residency(one.tensor, one.to, to).ok_or("no destination")?;
        let value = self.load(&from);
        self.store(&to, &value);
        Ok(())
    }

    /// Runs an operator. Its outputs are a hash of all inputs, except for views and concatenations,
    /// whose outputs consist of bytes of inputs.
    fn operate(&mut self, step: u32, id: OperatorId) -> Result<(), String> {
        let (graph, plan) = (self.graph, self.plan);
        let operator = graph.operator(id);
        let aliases: Vec<Alias> = plan.aliases.iter().filter(|alias| alias.operator == id).copied().collect();
        let found: Vec<Option<Bytes>> =
            operator.inputs().iter().map(|&input| self.operand(step, input)).collect();
        let own: Vec<&Bytes> = operator.inputs().iter().map(|input| &self.values[input.index()]).collect();
        let reference: Vec<Bytes> = operator
            .outputs()
            .iter()
            .map(|&output| kernel(graph, id, output, &|k: usize| Some(own[k].clone())).unwrap())
            .collect();
        if operator.scratch_bytes() > 0 {
            let residency =
                plan.residency_at(step, Occupant::Scratch(id)).copied().ok_or("no scratch buffer")?;
            let value = noise(&mut self.draw, residency.bytes);
            self.store(&residency, &value);
        }
        let mut writes = Vec::new();
        for &output in operator.outputs() {
            let left_out = |alias: &Alias| match alias.kind {
                AliasKind::View | AliasKind::Slice => {
                    (alias.tensor == output).then(|| 0..graph.tensor(output).bytes())
                }
                AliasKind::Concat => {
                    (alias.of == output).then(|| alias.at..alias.at + graph.tensor(alias.tensor).bytes())
                }
                _ => None,
            };
            let there: Vec<std::ops::Range<u64>> = aliases.iter().filter_map(left_out).collect();
            let written: Vec<u64> = (0..graph.tensor(output).bytes())
                .filter(|byte| !there.iter().any(|range| range.contains(byte)))
                .collect();
            if written.is_empty() {
                continue;
            }
            let skipped = |k: usize| {
                let input = operator.inputs()[k];
                aliases.iter().any(|alias| alias.kind == AliasKind::Concat && alias.tensor == input)
            };
            let value = kernel(graph, id, output, &|k: usize| match &found[k] {
                None if skipped(k) => Some(vec![0; graph.tensor(operator.inputs()[k]).bytes() as usize]),
                found => found.clone(),
            });
            let lost = || format!("operator `{}` misses an input", operator.name());
            writes.push((output, written, value.ok_or_else(lost)?));
        }
        for (output, written, value) in writes {
            if self.is_outside(output) {
                self.outside[output.index()] = value;
                continue;
            }
            let residency = plan.residency_at(step, Occupant::Tensor(output)).copied();
            let residency =
                residency.ok_or_else(|| format!("`{}` has no place at {step}", self.name(output)))?;
            let pool = &mut self.pools[residency.pool.index()];
            for byte in written {
                pool[(residency.offset + byte) as usize] = value[byte as usize];
            }
        }
        for (&output, value) in operator.outputs().iter().zip(reference) {
            self.values[output.index()] = value;
        }
        Ok(())
    }

    fn operand(&self, step: u32, id: TensorId) -> Option<Bytes> {
        if self.is_outside(id) {
            return Some(self.outside[id.index()].clone());
        }
        if self.graph.tensor(id).bytes() == 0 {
            return Some(Vec::new());
        }
        Some(self.load(self.plan.residency_at(step, Occupant::Tensor(id))?))
    }

    fn check_end(&self) -> Result<(), String> {
        let last = self.steps() - 1;
        for id in self.graph.tensor_ids().filter(|&id| self.graph.tensor(id).bytes() > 0) {
            let tensor = self.graph.tensor(id);
            let mut places: Vec<Option<Residency>> = Vec::new();
            if tensor.is_output() && tensor.kind() != TensorKind::Constant && !self.is_outside(id) {
                places.push(self.residency(id, self.pool_of(id, self.plan.pools.outputs_in()), last));
            }
            if tensor.kind() == TensorKind::Variable && !self.is_outside(id) {
                places.push(self.kept(id));
            }
            if tensor.kind() == TensorKind::Constant
                && self.plan.residencies_of(Occupant::Tensor(id)).next().is_some()
            {
                places.push(self.kept(id));
            }
            for place in places {
                let place = place.ok_or_else(|| format!("`{}` is not where it should be", tensor.name()))?;
                if self.load(&place) != self.values[id.index()] {
                    return Err(format!("`{}` has wrong contents", tensor.name()));
                }
            }
            if self.is_outside(id) && self.outside[id.index()] != self.values[id.index()] {
                return Err(format!("`{}` has wrong contents", tensor.name()));
            }
        }
        Ok(())
    }

    fn residency(&self, id: TensorId, pool: PoolId, step: u32) -> Option<Residency> {
        self.plan
            .residencies_of(Occupant::Tensor(id))
            .find(|one| one.pool == pool && one.live.contains(step))
            .copied()
    }

    fn load(&self, residency: &Residency) -> Bytes {
        self.pools[residency.pool.index()][residency.offset as usize..residency.end() as usize].to_vec()
    }

    fn store(&mut self, residency: &Residency, value: &[u8]) {
        self.pools[residency.pool.index()][residency.offset as usize..residency.end() as usize]
            .copy_from_slice(value);
    }

    /// Overwrites bytes outside of residency intervals, as other programs may do.
    fn scribble(&mut self, kept: &[Residency]) {
        for (number, pool) in self.pools.iter_mut().enumerate() {
            let mut free = vec![true; pool.len()];
            for residency in kept.iter().filter(|residency| residency.pool.index() == number) {
                free[residency.offset as usize..residency.end() as usize].fill(false);
            }
            for (byte, _) in pool.iter_mut().zip(free).filter(|one| one.1) {
                *byte = self.draw.below(256) as u8;
            }
        }
    }
}

fn noise(draw: &mut Draw, bytes: u64) -> Bytes {
    (0..bytes).map(|_| draw.below(256) as u8).collect()
}

/// Computes an output of an operator; none if an input that it needs is missing.
fn kernel(
    graph: &Graph,
    id: OperatorId,
    output: TensorId,
    input: &dyn Fn(usize) -> Option<Bytes>,
) -> Option<Bytes> {
    let operator = graph.operator(id);
    let bytes = graph.tensor(output).bytes() as usize;
    let number = |id: TensorId| operator.inputs().iter().position(|&one| one == id).unwrap();
    let mut pieces: Vec<(usize, Bytes)> = Vec::new();
    for permit in operator.permits().iter().filter(|permit| permit.output() == output) {
        match *permit {
            Permit::View { input: of, at, .. } if bytes > 0 => {
                return Some(input(number(of))?[at as usize..at as usize + bytes].to_vec());
            }
            Permit::ConcatSlice { input: of, at, .. } => pieces.push((at as usize, input(number(of))?)),
            _ => {}
        }
    }
    let mut seed = id.index() as u64 * 1000 + output.index() as u64;
    if pieces.is_empty() {
        for number in 0..operator.inputs().len() {
            for byte in input(number)? {
                seed = Draw(seed ^ u64::from(byte)).below(u64::MAX);
            }
        }
    }
    let mut made = noise(&mut Draw(seed), bytes as u64);
    for (at, piece) in pieces {
        made[at..at + piece.len()].copy_from_slice(&piece);
    }
    Some(made)
}
