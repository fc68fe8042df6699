//! A lower bound on the arena of a body from tensors that are disjoint, although they need not be live together.
//!
//! Linked tensors are disjoint by definition. Two operands of one operator are live together, so they are disjoint, unless
//! aliases make them share bytes. Tensors that a chain of permissions connects form a group. Operands of different groups
//! are disjoint in every plan.
//!
//! *Aliases*: let all permissions within a group be for whole tensors of one size, along a tree. Then a plan either uses them all,
//! so that the group is one block of bytes, or leaves one unused, whose input and output are then disjoint. So for each
//! threshold, the arena has at least as many bytes as the threshold, or all groups whose pairs need that many are blocks.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::graph::{Graph, Operator, Permit};
use crate::sharing::SharingLevel;
use crate::support::ids::TensorId;

/// Limit of thresholds that are tried, the largest first.
const MAX_THRESHOLDS: usize = 8;

/// A lower bound on the arena of a body whose linked tensors are disjoint. O(thresholds * operands * linked tensors).
pub(super) fn disjoint_bytes(body: &Graph, linked: &[TensorId], sharing: SharingLevel) -> u64 {
    let running = body.program_order().iter().map(|&id| body.operator(id));
    let operands: Vec<Vec<TensorId>> = running.map(|operator| activations(body, operator)).collect();
    let groups = Groups::new(body, linked, sharing);
    let costs: BTreeSet<u64> = groups.list.iter().filter_map(|group| group.cost_of_no_alias).collect();
    let thresholds = costs.into_iter().rev().take(MAX_THRESHOLDS).chain([u64::MAX]);
    let bound = |threshold| {
        LoadAtThreshold { body, linked, groups: &groups, threshold }.bytes(&operands).min(threshold)
    };
    thresholds.map(bound).max().unwrap_or(0)
}

/// The operands of an operator that need memory, each once.
fn activations(body: &Graph, operator: &Operator) -> Vec<TensorId> {
    let all = operator.inputs().iter().chain(operator.outputs()).copied();
    let mut all: Vec<TensorId> = all.filter(|id| body.tensor(*id).kind().is_activation()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Tensors that a chain of permissions connects.
#[derive(Default)]
struct Group {
    tensors: usize,
    permits: usize,
    /// True if a permission is not for two whole tensors of one size.
    is_partial: bool,
    linked: Vec<TensorId>,
    /// The least bytes of the two tensors of a permission, which the arena needs if the permission is not used. None
    /// unless the group may be one block.
    cost_of_no_alias: Option<u64>,
}

struct Groups {
    /// By tensor: the position in the list.
    of_tensor: Vec<usize>,
    list: Vec<Group>,
}

impl Groups {
    fn new(body: &Graph, linked: &[TensorId], sharing: SharingLevel) -> Self {
        let is_activation = |id: TensorId| body.tensor(id).kind().is_activation();
        let running = body.program_order().iter().map(|&id| body.operator(id));
        let permits = running.flat_map(|operator| operator.permits().iter().copied());
        let permits: Vec<Permit> = permits
            .filter(|permit| is_activation(permit.input()) && is_activation(permit.output()))
            .filter(|_| sharing != SharingLevel::None)
            .collect();
        let mut roots: Vec<usize> = (0..body.tensors().len()).collect();
        for permit in &permits {
            let (input, output) =
                (root(&mut roots, permit.input().index()), root(&mut roots, permit.output().index()));
            roots[input] = output;
        }
        let of_tensor: Vec<usize> = (0..roots.len()).map(|tensor| root(&mut roots, tensor)).collect();
        let mut groups = Self { list: (0..of_tensor.len()).map(|_| Group::default()).collect(), of_tensor };
        for &group in &groups.of_tensor {
            groups.list[group].tensors += 1;
        }
        for &tensor in linked {
            groups.list[groups.of_tensor[tensor.index()]].linked.push(tensor);
        }
        let pairs: HashSet<(TensorId, TensorId)> =
            permits.iter().map(|permit| (permit.input(), permit.output())).collect();
        for (input, output) in pairs {
            let group = &mut groups.list[groups.of_tensor[input.index()]];
            group.permits += 1;
            let both = body.tensor(input).bytes().saturating_add(body.tensor(output).bytes());
            group.cost_of_no_alias = Some(group.cost_of_no_alias.map_or(both, |least| least.min(both)));
        }
        for permit in &permits {
            let is_whole = matches!(permit, Permit::InPlace { .. } | Permit::View { at: 0, .. })
                && body.tensor(permit.input()).bytes() == body.tensor(permit.output()).bytes();
            groups.list[groups.of_tensor[permit.input().index()]].is_partial |= !is_whole;
        }
        for group in &mut groups.list {
            let is_tree = group.permits + 1 == group.tensors;
            if group.is_partial || !is_tree || group.linked.len() > 1 {
                group.cost_of_no_alias = None;
            }
        }
        groups
    }

    fn of(&self, tensor: TensorId) -> usize {
        self.of_tensor[tensor.index()]
    }
}

/// The root of a tensor; halves the path to it.
fn root(roots: &mut [usize], mut tensor: usize) -> usize {
    while roots[tensor] != tensor {
        roots[tensor] = roots[roots[tensor]];
        tensor = roots[tensor];
    }
    tensor
}

/// Disjoint bytes if all groups whose pairs need at least `threshold` bytes are blocks.
struct LoadAtThreshold<'a> {
    body: &'a Graph,
    linked: &'a [TensorId],
    groups: &'a Groups,
    threshold: u64,
}

/// Bytes with one address throughout: a tensor, or a group that is a block.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Tensor(TensorId),
    Block(usize),
}

impl LoadAtThreshold<'_> {
    fn place(&self, tensor: TensorId) -> Place {
        let group = self.groups.of(tensor);
        let cost = self.groups.list[group].cost_of_no_alias;
        if cost.is_some_and(|cost| cost >= self.threshold) {
            Place::Block(group)
        } else {
            Place::Tensor(tensor)
        }
    }

    /// The largest sum over the operators.
    fn bytes(&self, operands: &[Vec<TensorId>]) -> u64 {
        let mut met: HashMap<TensorId, HashSet<Place>> = HashMap::new();
        for operands in operands {
            for &linked in operands.iter().filter(|operand| self.linked.contains(operand)) {
                let others =
                    operands.iter().filter(|other| self.groups.of(**other) != self.groups.of(linked));
                met.entry(linked).or_default().extend(others.map(|&other| self.place(other)));
            }
        }
        let nothing = HashSet::new();
        let of_operator = |operands: &Vec<TensorId>| {
            let added = self.linked.iter().filter(|linked| !operands.contains(linked)).filter(|&&linked| {
                let met = met.get(&linked).unwrap_or(&nothing);
                operands.iter().all(|&operand| self.is_apart(linked, operand, met))
            });
            added.map(|&tensor| self.bytes_of(tensor)).fold(self.operand_bytes(operands), u64::saturating_add)
        };
        operands.iter().map(of_operator).max().unwrap_or(0)
    }

    /// Returns whether a linked tensor has no byte in common with an operand.
    fn is_apart(&self, linked: TensorId, operand: TensorId, met: &HashSet<Place>) -> bool {
        let of_block = match self.place(operand) {
            Place::Block(group) => self.groups.list[group].linked.first().copied(),
            Place::Tensor(_) => None,
        };
        let is_at_another_linked_tensor = of_block.is_some_and(|other| other != linked);
        self.linked.contains(&operand) || is_at_another_linked_tensor || met.contains(&self.place(operand))
    }

    /// Bytes of the operands of one operator. Of a group that is no block, the linked tensors are disjoint, and others may
    /// share bytes.
    fn operand_bytes(&self, operands: &[TensorId]) -> u64 {
        let mut of_group: HashMap<usize, (u64, u64)> = HashMap::new();
        for &operand in operands {
            let (largest, linked) = of_group.entry(self.groups.of(operand)).or_default();
            *largest = (*largest).max(self.bytes_of(operand));
            if self.linked.contains(&operand) {
                *linked += self.bytes_of(operand);
            }
        }
        of_group.values().map(|&(largest, linked)| largest.max(linked)).fold(0, u64::saturating_add)
    }

    fn bytes_of(&self, tensor: TensorId) -> u64 {
        self.body.tensor(tensor).bytes()
    }
}
