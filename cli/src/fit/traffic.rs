//! What goes to and from home, by tensor and workspace, and whether it has to.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll::effects::{Access, accesses};
use plimsoll::{Content, Graph, How, Loading, Occupant, OperatorId, PoolPlan, Share, TensorId, TensorKind};
use serde::Serialize;

use super::kind_of;

/// Bytes that a run moves between the chip and home for one tensor or workspace.
#[derive(Serialize)]
pub struct Moved {
    pub name: String,
    pub kind: &'static str,
    /// Of the tensor or workspace.
    pub bytes: u64,
    pub read: u64,
    pub written: u64,
    /// Whether larger memories on chip would save some of it.
    pub avoidable: bool,
    #[serde(skip)]
    content: Content,
}

impl Moved {
    pub fn total(&self) -> u64 {
        self.read + self.written
    }

    pub fn is_weight(&self) -> bool {
        self.content == Content::Constants
    }
}

/// Everything that goes to or from home, by tensor id, then workspaces by operator id.
pub fn at_home(graph: &Graph, plan: &PoolPlan) -> Vec<Moved> {
    let mut ledger = Ledger::new(graph, plan);
    ledger.operators();
    ledger.copies();
    ledger.listed()
}

struct Ledger<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    shares: BTreeMap<usize, Vec<Share>>,
    /// Bytes read and written at home: tensors by id, then workspaces by operator id.
    moved: Vec<[u64; 2]>,
    /// Whether an operator of this run reads it.
    is_read: Vec<bool>,
}

impl<'a> Ledger<'a> {
    fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let mut shares: BTreeMap<usize, Vec<Share>> = BTreeMap::new();
        for share in &plan.shares {
            shares.entry(share.operator.index()).or_default().push(*share);
        }
        let count = graph.tensors().len();
        let moved = vec![[0; 2]; count + graph.operators().len()];
        Self { graph, plan, shares, moved, is_read: vec![false; count] }
    }

    fn place(&self, occupant: Occupant) -> usize {
        match occupant {
            Occupant::Tensor(id) => id.index(),
            Occupant::Scratch(id) => self.graph.tensors().len() + id.index(),
            _ => unreachable!("there are tensors and workspaces"),
        }
    }

    /// What operators read and write in place.
    fn operators(&mut self) {
        let home = self.plan.pools.home_id();
        let said = self.plan.uses.iter();
        let said: BTreeMap<(u32, usize), _> =
            said.map(|one| ((one.step, self.place(one.occupant)), one.pool)).collect();
        let is_home = |ledger: &Self, step: u32, occupant: Occupant| {
            let pool = said.get(&(step, ledger.place(occupant))).copied().or_else(|| {
                let there = ledger.plan.stays_of(occupant).filter(|stay| stay.live.contains(step));
                there.map(|stay| stay.pool).min()
            });
            pool == Some(home)
        };
        for (step, &id) in (0..).zip(&self.plan.order) {
            for input in self.graph.operator(id).inputs() {
                self.is_read[input.index()] = true;
            }
            let shares = self.shares.get(&id.index()).map_or(&[][..], Vec::as_slice);
            for Access { occupant, read, written } in accesses(self.graph, id, shares) {
                if is_home(self, step, occupant) {
                    let place = self.place(occupant);
                    let [all_read, all_written] = self.moved[place];
                    self.moved[place] = [all_read + read, all_written + written];
                }
            }
        }
    }

    fn copies(&mut self) {
        let home = self.plan.pools.home_id();
        for one in &self.plan.transfers {
            if one.from == home {
                self.moved[one.tensor.index()][0] += one.bytes;
            }
            if one.to == home {
                self.moved[one.tensor.index()][1] += one.bytes;
            }
        }
    }

    /// What has to be read from home, and written there.
    fn needed(&self, id: TensorId) -> [u64; 2] {
        let (pools, tensor) = (&self.plan.pools, self.graph.tensor(id));
        let home = pools.home_id();
        let comes = match tensor.kind() {
            TensorKind::Input => pools.inputs_in() == home && self.is_read[id.index()],
            TensorKind::Constant => pools.loads() == Loading::EachRun,
            TensorKind::Variable | TensorKind::Intermediate => false,
        };
        let goes = tensor.is_output() && tensor.producer().is_some() && pools.outputs_in() == home;
        [comes, goes].map(|needed| if needed { tensor.bytes() } else { 0 })
    }

    /// Tensors that have bytes in common are judged together, as what must be read or
    /// written of one may be counted at another.
    fn listed(self) -> Vec<Moved> {
        let count = self.graph.tensors().len();
        let groups = groups(count, &self.plan.shares);
        let mut above: BTreeSet<usize> = BTreeSet::new();
        for direction in [0, 1] {
            let mut sums: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
            for id in self.graph.tensor_ids() {
                let sum = sums.entry(groups[id.index()]).or_default();
                let moved = self.moved[id.index()][direction];
                *sum = (sum.0 + moved, sum.1 + self.needed(id)[direction]);
                if moved > self.graph.tensor(id).bytes() {
                    above.insert(groups[id.index()]);
                }
            }
            let over = sums.into_iter().filter(|(_, (moved, needed))| moved > needed);
            above.extend(over.map(|(group, _)| group));
        }
        let tensors = self.graph.tensor_ids().map(|id| {
            let tensor = self.graph.tensor(id);
            let kind = kind_of(tensor);
            let avoidable = above.contains(&groups[id.index()]);
            let [read, written] = self.moved[id.index()];
            let (name, bytes, content) = (tensor.name().to_owned(), tensor.bytes(), Content::of(tensor));
            Moved { name, kind, bytes, read, written, avoidable, content }
        });
        let scratch = self.graph.operator_ids().map(|id: OperatorId| {
            let operator = self.graph.operator(id);
            let [read, written] = self.moved[count + id.index()];
            let (name, bytes) = (operator.name().to_owned(), operator.scratch_bytes());
            let content = Content::Scratch;
            Moved { name, kind: "workspace", bytes, read, written, avoidable: true, content }
        });
        tensors.chain(scratch).filter(|one| one.total() > 0).collect()
    }
}

/// By tensor: a number that those have in common that share bytes.
fn groups(count: usize, shares: &[Share]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..count).collect();
    for share in shares.iter().filter(|one| matches!(one.how, How::View | How::Slice | How::Concat)) {
        let (one, other) = (root(&mut group, share.tensor.index()), root(&mut group, share.of.index()));
        group[one.max(other)] = one.min(other);
    }
    (0..count).map(|one| root(&mut group, one)).collect()
}

fn root(group: &mut [usize], mut one: usize) -> usize {
    while group[one] != one {
        group[one] = group[group[one]];
        one = group[one];
    }
    one
}
