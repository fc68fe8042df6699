//! Traffic of the backing store by tensor and operator scratch, and whether it is avoidable.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll::{
    Alias, AliasKind, Content, Graph, Loading, Occupant, OperatorId, PoolPlan, Storage, TensorId, TensorKind,
};
use serde::Serialize;

use super::kind_of;

/// Bytes that a run moves between the chip and the backing store for one tensor or scratch.
#[derive(Serialize)]
pub struct TensorTraffic {
    pub name: String,
    pub kind: &'static str,
    /// Size of the tensor or scratch.
    pub bytes: u64,
    pub read: u64,
    pub written: u64,
    /// True if larger on-chip memories would save some of the traffic.
    pub avoidable: bool,
    #[serde(skip)]
    content: Content,
}

impl TensorTraffic {
    pub fn total(&self) -> u64 {
        self.read + self.written
    }

    pub fn is_weight(&self) -> bool {
        self.content == Content::Constants
    }
}

/// All traffic of the backing store: tensors by id, then scratch by operator id.
pub fn backing_store_traffic(graph: &Graph, plan: &PoolPlan) -> Vec<TensorTraffic> {
    let mut ledger = TrafficLedger::new(graph, plan);
    ledger.count_operators();
    ledger.count_transfers();
    ledger.entries()
}

struct TrafficLedger<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    /// Bytes read from and written to the backing store: tensors by id, then scratch by operator id.
    moved: Vec<[u64; 2]>,
    /// By tensor: whether an operator of the plan reads it.
    is_read: Vec<bool>,
}

impl<'a> TrafficLedger<'a> {
    fn new(graph: &'a Graph, plan: &'a PoolPlan) -> Self {
        let count = graph.tensors().len();
        let moved = vec![[0; 2]; count + graph.operators().len()];
        Self { graph, plan, moved, is_read: vec![false; count] }
    }

    /// Index of an occupant in `moved`.
    fn index_of(&self, occupant: Occupant) -> usize {
        match occupant {
            Occupant::Tensor(id) => id.index(),
            Occupant::Scratch(id) => self.graph.tensors().len() + id.index(),
            _ => unreachable!("an occupant is a tensor or scratch"),
        }
    }

    /// Adds the bytes that operators read and write in the backing store without a copy.
    fn count_operators(&mut self) {
        for &id in &self.plan.order {
            for input in self.graph.operator(id).inputs() {
                self.is_read[input.index()] = true;
            }
        }
        let backing_store = self.plan.pools.backing_store_id();
        let all = self.plan.accesses(self.graph).into_iter();
        for (_, _, access) in all.filter(|&(_, pool, _)| pool == backing_store) {
            let index = self.index_of(access.occupant);
            let [read, written] = self.moved[index];
            self.moved[index] = [read + access.read, written + access.written];
        }
    }

    /// Adds copies from and to the backing store.
    fn count_transfers(&mut self) {
        let backing_store = self.plan.pools.backing_store_id();
        for transfer in &self.plan.transfers {
            if transfer.from == backing_store {
                self.moved[transfer.tensor.index()][0] += transfer.bytes;
            }
            if transfer.to == backing_store {
                self.moved[transfer.tensor.index()][1] += transfer.bytes;
            }
        }
    }

    /// Unavoidable traffic of a tensor: bytes to read from the backing store and to write there,
    /// however large on-chip memories are.
    fn unavoidable(&self, id: TensorId) -> [u64; 2] {
        let (pools, tensor) = (&self.plan.pools, self.graph.tensor(id));
        let backing_store = pools.backing_store_id();
        let stored = match tensor.storage() {
            Storage::Pool(name) => pools.named(name).ok(),
            Storage::Outside => return [0, 0],
            _ => None,
        };
        let is_read = match tensor.kind() {
            TensorKind::Input => {
                stored.unwrap_or(pools.inputs_in()) == backing_store && self.is_read[id.index()]
            }
            TensorKind::Constant => pools.loads() == Loading::EachRun,
            TensorKind::Variable | TensorKind::Intermediate => false,
        };
        let is_written = tensor.is_output()
            && tensor.producer().is_some()
            && stored.unwrap_or(pools.outputs_in()) == backing_store;
        [is_read, is_written].map(|is_moved| if is_moved { tensor.bytes() } else { 0 })
    }

    /// Entries with traffic.
    ///
    /// Tensors with common bytes are judged together, because the unavoidable traffic of one may be
    /// counted at another. A group has avoidable traffic if it moves more than its members must, or
    /// if one tensor moves more than its size.
    fn entries(self) -> Vec<TensorTraffic> {
        let count = self.graph.tensors().len();
        let groups = groups(count, &self.plan.aliases);
        let mut avoidable_groups: BTreeSet<usize> = BTreeSet::new();
        for direction in [0, 1] {
            let mut sums: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
            for id in self.graph.tensor_ids() {
                let sum = sums.entry(groups[id.index()]).or_default();
                let moved = self.moved[id.index()][direction];
                *sum = (sum.0 + moved, sum.1 + self.unavoidable(id)[direction]);
                if moved > self.graph.tensor(id).bytes() {
                    avoidable_groups.insert(groups[id.index()]);
                }
            }
            let excess = sums.into_iter().filter(|(_, (moved, unavoidable))| moved > unavoidable);
            avoidable_groups.extend(excess.map(|(group, _)| group));
        }
        let tensors = self.graph.tensor_ids().map(|id| {
            let tensor = self.graph.tensor(id);
            let kind = kind_of(tensor);
            let avoidable = avoidable_groups.contains(&groups[id.index()]);
            let [read, written] = self.moved[id.index()];
            let (name, bytes, content) = (tensor.name().to_owned(), tensor.bytes(), Content::of(tensor));
            TensorTraffic { name, kind, bytes, read, written, avoidable, content }
        });
        let scratch = self.graph.operator_ids().map(|id: OperatorId| {
            let operator = self.graph.operator(id);
            let [read, written] = self.moved[count + id.index()];
            let (name, bytes) = (operator.name().to_owned(), operator.scratch_bytes());
            let content = Content::Scratch;
            TensorTraffic { name, kind: "workspace", bytes, read, written, avoidable: true, content }
        });
        tensors.chain(scratch).filter(|entry| entry.total() > 0).collect()
    }
}

/// Numbers of groups by tensor: tensors have the same number if they have common bytes.
///
/// A union-find whose root is the smallest index of a group.
fn groups(count: usize, aliases: &[Alias]) -> Vec<usize> {
    let mut parents: Vec<usize> = (0..count).collect();
    for alias in aliases
        .iter()
        .filter(|alias| matches!(alias.kind, AliasKind::View | AliasKind::Slice | AliasKind::Concat))
    {
        let (first, second) =
            (root(&mut parents, alias.tensor.index()), root(&mut parents, alias.of.index()));
        parents[first.max(second)] = first.min(second);
    }
    (0..count).map(|index| root(&mut parents, index)).collect()
}

/// Finds the root of an index and halves the path to it.
fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}
