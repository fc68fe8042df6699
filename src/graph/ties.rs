//! Where tensors must lie in relation to each other, whatever a planner thinks best.

use super::{Permit, Side, Tensor, TensorKind};
use crate::error::{Error, Result};
use crate::ids::{OperatorId, TensorId};
use crate::places::OffsetUnionFind;
use crate::sorting::sort_by_keys;

/// A tensor that must start so many bytes after another one's start: a duty, where
/// [`Permit`] is a permission.
///
/// It gives no right to share memory. Where the two have bytes in common, either one's life
/// ends before the other's begins, or an operator permits what they then do: such a
/// permission is used at any [`Sharing`](crate::Sharing).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RelativePlacement {
    /// The one that is placed.
    pub tensor: TensorId,
    /// The other one.
    pub of: TensorId,
    /// Bytes from the other one's start to this one's; may be past its end.
    pub at: u64,
}

/// All duties of a graph's tensors.
#[derive(Clone, Debug, Default)]
pub(super) struct Ties {
    pub(super) list: Vec<RelativePlacement>,
    /// Each the lower number first, ascending.
    pub(super) apart: Vec<[TensorId; 2]>,
    /// By tensor: the root of its group, and how far from there it is. Empty without ties.
    places: Vec<(u32, i128)>,
}

impl Ties {
    /// O(tensors) where there are any.
    pub(super) fn new(
        list: Vec<RelativePlacement>,
        mut apart: Vec<[TensorId; 2]>,
        tensors: &[Tensor],
    ) -> Result<Self> {
        for pair in &mut apart {
            if pair[0] > pair[1] {
                pair.swap(0, 1);
            }
            check_ids("what is kept apart", *pair, tensors)?;
        }
        sort_by_keys(&mut apart, |pair| pair.map(|id| id.index() as u64));
        apart.dedup();
        let mut places = OffsetUnionFind::new(if list.is_empty() { 0 } else { tensors.len() });
        for one in &list {
            check_ids("a relative placement", [one.tensor, one.of], tensors)?;
            let (inner, outer) = (places.find(one.tensor.index()), places.find(one.of.index()));
            if !places.tie(one.tensor, one.of, one.at) {
                let why = format!("from the other placements it is {} bytes", inner.1 - outer.1);
                return Err(wrong(one, why, tensors));
            }
        }
        let ties =
            Self { places: (0..places.len()).map(|id| places.find(id)).map(small).collect(), list, apart };
        ties.check_extent(tensors)?;
        Ok(ties)
    }

    /// Whether the ends of each group are less than 2^64 bytes apart.
    fn check_extent(&self, tensors: &[Tensor]) -> Result<()> {
        let mut extents = vec![(0i128, 0i128); self.places.len()];
        for (&(root, at), tensor) in self.places.iter().zip(tensors) {
            let extent = &mut extents[root as usize];
            *extent = (extent.0.min(at), extent.1.max(at + i128::from(tensor.bytes)));
        }
        let is_large = |one: &&RelativePlacement| {
            let (lowest, end) = extents[self.places[one.tensor.index()].0 as usize];
            end - lowest > i128::from(u64::MAX)
        };
        match self.list.iter().find(is_large) {
            None => Ok(()),
            Some(one) => Err(wrong(one, "with the others, they take more than 2^64-1 bytes", tensors)),
        }
    }

    /// How far one is after the other, if that is given.
    pub(super) fn distance(&self, one: TensorId, other: TensorId) -> Option<i128> {
        let (own, from) = (self.places.get(one.index())?, self.places.get(other.index())?);
        (own.0 == from.0).then(|| own.1 - from.1)
    }

    /// Whether the two tensors of a permission lie as it says, as they must.
    pub(super) fn force(&self, permit: &Permit, tensors: &[Tensor]) -> bool {
        let Some(after) = self.distance(permit.output(), permit.input()) else { return false };
        match *permit {
            Permit::InPlace { .. } => after == 0,
            Permit::View { at, .. } => after == i128::from(at),
            Permit::Piece { at, .. } => after == -i128::from(at),
            Permit::Overlap { input, output, bytes, lower } => {
                let (lower, up) = if lower == Side::Input { (input, after) } else { (output, -after) };
                let end = i128::from(tensors[lower.index()].bytes);
                (0..end).contains(&up) && end - up <= i128::from(bytes)
            }
        }
    }

    /// Pairs (before, after) of operators that keep tensors of one place in the order of the
    /// file: all that touch the one before what writes the other. The square of the tensors
    /// that are placed relative to each other.
    pub(super) fn waits(
        &self,
        order: &[OperatorId],
        operators: usize,
        tensors: &[Tensor],
    ) -> Vec<(OperatorId, OperatorId)> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let mut step = vec![0u32; operators];
        for (place, id) in (1..).zip(order) {
            step[id.index()] = place;
        }
        // What nobody reads or writes is an input, and there at the first step.
        let users = |tensor: &Tensor| match (&tensor.producer, order.first()) {
            (None, Some(&first)) if tensor.readers.is_empty() => vec![first],
            _ => tensor.readers.iter().chain(&tensor.producer).copied().collect(),
        };
        let last_use = |tensor: &Tensor| users(tensor).iter().map(|id| step[id.index()]).max().unwrap_or(0);
        let live = |id: usize| {
            let tensor = &tensors[id];
            let takes_part = tensor.kind.is_activation();
            (takes_part && tensor.bytes > 0).then(|| Life {
                root: self.places[id].0,
                from: self.places[id].1,
                end: self.places[id].1 + i128::from(tensor.bytes),
                born: tensor.producer.map_or(0, |id| step[id.index()]),
                dies: if tensor.is_output { u32::MAX } else { last_use(tensor) },
                tensor: TensorId::new(id),
            })
        };
        let mut lives: Vec<Life> = (0..tensors.len()).filter_map(live).collect();
        sort_by_keys(&mut lives, |life| [life.root.into(), life.born.into()]);
        let mut waits = Vec::new();
        for (place, life) in lives.iter().enumerate() {
            let Some(writer) = tensors[life.tensor.index()].producer else { continue };
            // What died before a tensor came that covers this one waits already.
            let mut covered = 0;
            for before in lives[..place].iter().rev().take_while(|before| before.root == life.root) {
                let meet = before.from < life.end && life.from < before.end;
                if !meet || before.dies > life.born || before.dies <= covered || before.born == life.born {
                    continue;
                }
                let users = users(&tensors[before.tensor.index()]).into_iter();
                waits.extend(users.filter(|&user| user != writer).map(|user| (user, writer)));
                if before.from <= life.from && life.end <= before.end {
                    covered = covered.max(before.born);
                }
            }
        }
        waits
    }
}

/// A tensor in a group: its bytes, and the steps of the file's order, from 1, in which it is
/// needed.
struct Life {
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

fn check_ids(place: &str, ids: [TensorId; 2], tensors: &[Tensor]) -> Result<()> {
    super::validate::listed(&ids, tensors.len(), place)?;
    let name = |id: TensorId| tensors[id.index()].name.to_string();
    if let Some(&constant) = ids.iter().find(|id| tensors[id.index()].kind == TensorKind::Constant) {
        let problem = format!("tensor `{}` is a constant, which lies elsewhere", name(constant));
        return Err(Error::Constraint { place: place.to_owned(), problem });
    }
    if ids[0] == ids[1] {
        let problem = format!("tensor `{}` is named twice", name(ids[0]));
        return Err(Error::Constraint { place: place.to_owned(), problem });
    }
    Ok(())
}

pub(super) fn wrong(one: &RelativePlacement, why: impl std::fmt::Display, tensors: &[Tensor]) -> Error {
    let name = |id: TensorId| &tensors[id.index()].name;
    let text =
        format!("tensor `{}` at {} bytes of tensor `{}`: {why}", name(one.tensor), one.at, name(one.of));
    Error::Constraint { place: "a relative placement".to_owned(), problem: text }
}
