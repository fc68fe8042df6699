//! Constraints on placement: relative placements and must-not-alias pairs.

use super::{Permit, Side, Tensor, TensorKind};
use crate::error::{ConstraintSubject, Error, Result, Subject};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::offset_union_find::OffsetUnionFind;
use crate::support::sorting::sort_by_keys;

/// A constraint: `tensor` must start `at` bytes after the start of `of` in every plan.
///
/// The constraint does not permit sharing by itself. If the two have bytes in common, either the
/// live range of one must end before that of the other begins, or an operator must
/// [permit](Permit) the alias. A plan uses such a permission at any level of
/// [`SharingLevel`](crate::SharingLevel).
///
/// Example: [`ConstraintSubject`](crate::error::ConstraintSubject).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativePlacement {
    /// The tensor that is placed.
    pub tensor: TensorId,
    /// The tensor that it is placed relative to.
    pub of: TensorId,
    /// Distance in bytes from the start of `of` to the start of `tensor`; may exceed the size of
    /// `of`.
    pub at: u64,
}

impl RelativePlacement {
    /// The constraint as the subject of an error.
    pub(crate) fn subject(&self, tensors: &[Tensor]) -> ConstraintSubject {
        let [tensor, of] = [self.tensor, self.of].map(|id| tensors[id.index()].named(id));
        ConstraintSubject::Placement { tensor, of, at: self.at }
    }
}

/// All placement constraints of a graph.
#[derive(Clone, Debug, Default)]
pub(super) struct PlacementConstraints {
    /// The relative placements.
    pub(super) list: Vec<RelativePlacement>,
    /// Must-not-alias pairs: the lower id first, in ascending order.
    pub(super) apart: Vec<[TensorId; 2]>,
    /// By tensor: the root of its rigid group, and its offset from the root. Empty without
    /// relative placements.
    positions: Vec<(u32, i128)>,
}

impl PlacementConstraints {
    /// Checks and indexes constraints. O(tensors) if there are relative placements.
    ///
    /// # Errors
    /// [`Error::Constraint`] or [`Error::UnknownTensor`].
    pub(super) fn new(
        list: Vec<RelativePlacement>,
        mut apart: Vec<[TensorId; 2]>,
        tensors: &[Tensor],
    ) -> Result<Self> {
        for pair in &mut apart {
            if pair[0] > pair[1] {
                pair.swap(0, 1);
            }
            super::validate::listed(&*pair, tensors.len(), Subject::KeptApart)?;
            check_ids(*pair, tensors, || {
                let [first, second] = pair.map(|id| tensors[id.index()].named(id));
                ConstraintSubject::KeptApart { first, second }
            })?;
        }
        sort_by_keys(&mut apart, |pair| pair.map(|id| id.index() as u64));
        apart.dedup();
        let mut groups = OffsetUnionFind::new(if list.is_empty() { 0 } else { tensors.len() });
        for placement in &list {
            let ids = [placement.tensor, placement.of];
            super::validate::listed(&ids, tensors.len(), Subject::RelativePlacement)?;
            check_ids(ids, tensors, || placement.subject(tensors))?;
            super::storage::check_placed(ids, tensors)?;
            let (inner, outer) = (groups.find(placement.tensor.index()), groups.find(placement.of.index()));
            if !groups.tie(placement.tensor, placement.of, placement.at) {
                let why = format!("the other placements put it at {} bytes", inner.1 - outer.1);
                return Err(unsatisfied(placement, why, tensors));
            }
        }
        let constraints =
            Self { positions: (0..groups.len()).map(|id| groups.find(id)).map(small).collect(), list, apart };
        constraints.check_extent(tensors)?;
        Ok(constraints)
    }

    /// Checks that each rigid group extends over less than 2^64 bytes.
    fn check_extent(&self, tensors: &[Tensor]) -> Result<()> {
        let mut extents = vec![(0i128, 0i128); self.positions.len()];
        for (&(root, at), tensor) in self.positions.iter().zip(tensors) {
            let extent = &mut extents[root as usize];
            *extent = (extent.0.min(at), extent.1.max(at + i128::from(tensor.bytes)));
        }
        let is_large = |placement: &&RelativePlacement| {
            let (lowest, end) = extents[self.positions[placement.tensor.index()].0 as usize];
            end - lowest > i128::from(u64::MAX)
        };
        match self.list.iter().find(is_large) {
            None => Ok(()),
            Some(placement) => {
                let why =
                    "together with the other placements, the tensors extend over more than 2^64-1 bytes";
                Err(unsatisfied(placement, why, tensors))
            }
        }
    }

    /// The distance from the start of `of` to the start of `tensor`, if relative placements fix it.
    pub(super) fn distance(&self, tensor: TensorId, of: TensorId) -> Option<i128> {
        let (position, origin) = (self.positions.get(tensor.index())?, self.positions.get(of.index())?);
        (position.0 == origin.0).then(|| position.1 - origin.1)
    }

    /// Returns true if relative placements demand a distance that the permission covers.
    pub(super) fn demand(&self, permit: &Permit, tensors: &[Tensor]) -> bool {
        let Some(after) = self.distance(permit.output(), permit.input()) else { return false };
        match *permit {
            Permit::InPlace { .. } => after == 0,
            Permit::View { at, .. } => after == i128::from(at),
            Permit::ConcatSlice { at, .. } => after == -i128::from(at),
            Permit::Overlap { input, output, bytes, lower } => {
                let (lower, up) = if lower == Side::Input { (input, after) } else { (output, -after) };
                let end = i128::from(tensors[lower.index()].bytes);
                (0..end).contains(&up) && end - up <= i128::from(bytes)
            }
        }
    }

    /// Returns pairs (before, after) of operators that keep overlapping tensors in program order: if
    /// the live range of a tensor ends before that of another one begins, all operators that access
    /// the former run before the writer of the latter. Quadratic in the number of tensors that are
    /// placed relative to each other.
    pub(super) fn order_pairs(
        &self,
        order: &[OperatorId],
        operators: usize,
        tensors: &[Tensor],
    ) -> Vec<(OperatorId, OperatorId)> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let mut step = vec![0u32; operators];
        for (number, id) in (1..).zip(order) {
            step[id.index()] = number;
        }
        // A tensor without producer and readers is an input; it is live at the first step.
        let users = |tensor: &Tensor| match (&tensor.producer, order.first()) {
            (None, Some(&first)) if tensor.readers.is_empty() => vec![first],
            _ => tensor.readers.iter().chain(&tensor.producer).copied().collect(),
        };
        let last_use = |tensor: &Tensor| users(tensor).iter().map(|id| step[id.index()]).max().unwrap_or(0);
        let live = |id: usize| {
            let tensor = &tensors[id];
            let is_in_arena = tensor.kind.is_activation();
            (is_in_arena && tensor.bytes > 0).then(|| Lifetime {
                root: self.positions[id].0,
                from: self.positions[id].1,
                end: self.positions[id].1 + i128::from(tensor.bytes),
                born: tensor.producer.map_or(0, |id| step[id.index()]),
                dies: if tensor.is_needed_at_end() { u32::MAX } else { last_use(tensor) },
                tensor: TensorId::new(id),
            })
        };
        let mut lives: Vec<Lifetime> = (0..tensors.len()).filter_map(live).collect();
        sort_by_keys(&mut lives, |life| [life.root.into(), life.born.into()]);
        let mut pairs = Vec::new();
        for (index, life) in lives.iter().enumerate() {
            let Some(writer) = tensors[life.tensor.index()].producer else { continue };
            // The writer of an earlier tensor that covers this one already waits for all tensors
            // that died before it, so these need no pairs.
            let mut covered = 0;
            for before in lives[..index].iter().rev().take_while(|before| before.root == life.root) {
                let overlap = before.from < life.end && life.from < before.end;
                if !overlap || before.dies > life.born || before.dies <= covered || before.born == life.born {
                    continue;
                }
                let users = users(&tensors[before.tensor.index()]).into_iter();
                pairs.extend(users.filter(|&user| user != writer).map(|user| (user, writer)));
                if before.from <= life.from && life.end <= before.end {
                    covered = covered.max(before.born);
                }
            }
        }
        pairs
    }
}

/// A tensor of a rigid group: its byte range relative to the root, and the steps of program order,
/// from 1, at which it is live.
struct Lifetime {
    root: u32,
    from: i128,
    end: i128,
    born: u32,
    dies: u32,
    tensor: TensorId,
}

fn small((root, at): (usize, i128)) -> (u32, i128) {
    (root as u32, at)
}

/// Checks that two tensors differ and are not constants.
fn check_ids(ids: [TensorId; 2], tensors: &[Tensor], subject: impl Fn() -> ConstraintSubject) -> Result<()> {
    let name = |id: TensorId| tensors[id.index()].name.to_string();
    if let Some(&constant) = ids.iter().find(|id| tensors[id.index()].kind == TensorKind::Constant) {
        let problem = format!("tensor `{}` is a constant, which is outside of the arena", name(constant));
        return Err(Error::Constraint { subject: subject(), problem });
    }
    if ids[0] == ids[1] {
        let problem = format!("tensor `{}` is named twice", name(ids[0]));
        return Err(Error::Constraint { subject: subject(), problem });
    }
    Ok(())
}

/// The error for a relative placement that cannot be satisfied.
pub(super) fn unsatisfied(
    placement: &RelativePlacement,
    problem: impl std::fmt::Display,
    tensors: &[Tensor],
) -> Error {
    Error::Constraint { subject: placement.subject(tensors), problem: problem.to_string() }
}
