//! Which tensors share memory in a given order, and where they lie in each other.

use std::collections::BTreeMap;

use super::contents::{Contents, Relation};
use super::grant::Wish;
use super::join::{Joining, Obstacle};
use super::origins::Origins;
use super::rigid::{Member, RigidGroup};
use super::{Alignment, How, Interrupted, Sharing};
use crate::error::Error;
use crate::graph::Graph;
use crate::ids::{OperatorId, TensorId};
use crate::limits::{Limits, Meter, Stop};
use crate::places::Places;
use crate::problem::LiveRange;

/// A tensor that may start within another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) operator: OperatorId,
    pub(crate) lower: TensorId,
    pub(crate) upper: TensorId,
    /// Which of the two is the operator's output.
    pub(crate) output: TensorId,
    /// The lower one may end so many bytes above the start of the upper one.
    pub(crate) reach: u64,
}

/// Groups of tensors that lie at fixed distances from each other.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// By tensor: its group, and bytes from the start of that.
    pub(crate) place: Vec<Option<(u32, u64)>>,
    /// What is shared: a tensor, so many bytes into another.
    pub(crate) shares: Vec<Relation>,
    pub(crate) allowances: Vec<Allowance>,
    pub(crate) group_count: u32,
}

/// Steps until it is known whether tensors may be tied, beside those for members that meet: a
/// microsecond.
pub(super) const WORK_OF_A_TIE: usize = 512;

impl Layout {
    /// What is shared in an order. When a limit is met first, only what constraints demand:
    /// that is built without limits, in near-linear time.
    ///
    /// # Errors
    /// [`Error::Constraint`] if a constraint cannot be satisfied; [`Error::Cancelled`].
    pub(crate) fn within(
        limits: &Limits,
        graph: &Graph,
        contents: &Contents,
        live: &[Option<LiveRange>],
        alignment: Alignment,
        (order, wish): (&[OperatorId], Wish),
    ) -> Result<(Self, Stop), Error> {
        let build = |limits: &Limits, wish: Option<Wish>| -> Result<Self, Interrupted> {
            let mut meter = Meter::new(limits, u64::MAX);
            let mut making = Making::new(graph, contents, live, alignment, contents.sharing, &mut meter)?;
            if let Some(wish) = wish {
                making.grant(order, wish, &mut meter)?;
            }
            Ok(making.finish())
        };
        let unlimited = || match build(&Limits::new(), None) {
            Err(Interrupted::Invalid(error)) => Err(error),
            layout => Ok(layout.expect("without limits, nothing stops it")),
        };
        match build(limits, Some(wish)) {
            Ok(layout) => Ok((layout, Stop::Finished)),
            Err(Interrupted::Stopped(Stop::Cancelled)) => Err(Error::Cancelled),
            Err(Interrupted::Invalid(error)) => Err(error),
            Err(Interrupted::Stopped(stop)) => Ok((unlimited()?, stop)),
        }
    }
}

/// Builds the groups of an order. Near-linear: each phase costs O(log^2 n) for a relation and
/// for each pair of tensors that meet in bytes and time and are no views of one tensor. One
/// that was [stopped](Stop) must not be used any more.
#[derive(Clone)]
pub(crate) struct Making<'a> {
    pub(super) graph: &'a Graph,
    pub(super) contents: &'a Contents,
    /// By tensor: when it is live.
    pub(super) live: &'a [Option<LiveRange>],
    pub(super) places: Places,
    pub(super) sharing: Sharing,
    /// Where contents come from, as far as they are shared.
    pub(super) origins: Origins,
    /// By root.
    pub(super) groups: Vec<RigidGroup>,
    /// By operator.
    pub(super) shares: Vec<Vec<Relation>>,
    /// Those of them that write over an input.
    written: Vec<Relation>,
    /// By tensor: those that are kept apart from it. Empty if none is.
    pub(super) apart: BTreeMap<TensorId, Vec<TensorId>>,
    pub(super) allowances: Vec<Allowance>,
}

impl<'a> Making<'a> {
    /// With what relative placement demands.
    ///
    /// # Errors
    /// [`Error::Constraint`] if that cannot be; why it was stopped.
    pub(crate) fn new(
        graph: &'a Graph,
        contents: &'a Contents,
        live: &'a [Option<LiveRange>],
        alignment: impl Into<Alignment>,
        sharing: Sharing,
        meter: &mut Meter<'_>,
    ) -> Result<Self, Interrupted> {
        let alignment = alignment.into();
        let group = |(id, tensor): (TensorId, &crate::graph::Tensor)| {
            let place = |live| Member { id, class: id, from: 0, end: tensor.bytes().into(), live };
            let member = live[id.index()].filter(|_| tensor.bytes() > 0).map(place);
            RigidGroup::new(member, alignment.of(tensor), tensor.fixed_offset())
        };
        meter.charge(8 * graph.tensors().len())?;
        let mut apart: BTreeMap<TensorId, Vec<TensorId>> = BTreeMap::new();
        for &[one, other] in graph.kept_apart() {
            apart.entry(one).or_default().push(other);
            apart.entry(other).or_default().push(one);
        }
        let mut making = Self {
            graph,
            contents,
            live,
            places: Places::new(graph.tensors().len()),
            sharing,
            origins: Origins::new(graph),
            groups: graph.tensor_ids().zip(graph.tensors()).map(group).collect(),
            shares: vec![Vec::new(); graph.operators().len()],
            written: Vec::new(),
            apart,
            allowances: Vec::new(),
        };
        if !making.has_forced() {
            return Ok(making);
        }
        let mut with_views = making.clone();
        let is_forced =
            |relation: &Relation| graph.distance(relation.tensor, relation.of) == Some(relation.at.into());
        match making.place(is_forced, meter) {
            Ok(()) => Ok(making),
            // Two may only lie there because both are views of another.
            Err(Interrupted::Invalid(_)) => with_views.place(|_| true, meter).map(|()| with_views),
            Err(stopped) => Err(stopped),
        }
    }

    /// Puts tensors where they must lie; what shares contents first, so that this is known of
    /// all that meet.
    fn place(
        &mut self,
        is_forced: impl Fn(&Relation) -> bool,
        meter: &mut Meter<'_>,
    ) -> Result<(), Interrupted> {
        let graph = self.graph;
        for &relation in self.contents.relations.iter().filter(|relation| is_forced(relation)) {
            self.tie(&[relation], meter)?;
        }
        for one in graph.relative_placements() {
            if [one.tensor, one.of].iter().any(|id| self.live[id.index()].is_none()) {
                continue;
            }
            let joined = self
                .joining(one.of, vec![(one.tensor, one.at)])
                .and_then(|joining| self.join(&joining, meter));
            joined.map_err(|obstacle| match obstacle {
                Obstacle::Stopped(stop) => Interrupted::Stopped(stop),
                Obstacle::Places => self.refused(one, None),
                Obstacle::Clash(first, other) => self.refused(one, Some((first, other))),
            })?;
        }
        Ok(())
    }

    fn refused(
        &mut self,
        one: &crate::graph::RelativePlacement,
        clash: Option<(Member, Member)>,
    ) -> Interrupted {
        let name = |id: TensorId| self.graph.tensor(id).name();
        let place = format!("tensor `{}` at {} bytes of tensor `{}`", name(one.tensor), one.at, name(one.of));
        let problem = match clash {
            Some((first, other)) => self.why_not(first, other),
            None => self.why_nowhere(one),
        };
        Interrupted::Invalid(Error::Constraint { place, problem })
    }

    /// Lets these, which concern one output, be shared, if nothing is in the way of any.
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn tie(&mut self, relations: &[Relation], meter: &mut Meter<'_>) -> Result<bool, Stop> {
        let contents = self.contents;
        if relations[0].how == How::Concat && !self.has_forced() {
            let companions = contents.of(relations[0].operator).concat();
            return self.tie_with(relations, &companions, meter);
        }
        self.tie_with(relations, &[], meter)
    }

    /// The same, with other relations that are used if they hold then.
    pub(super) fn tie_with(
        &mut self,
        relations: &[Relation],
        companions: &[Relation],
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        meter.charge(8 * (relations.len() + companions.len()))?;
        meter.work(WORK_OF_A_TIE)?;
        let mut added = Vec::new();
        let is_tied = self.try_to_tie(relations, companions, &mut added, meter)?;
        for one in added {
            if is_tied {
                self.share(one);
            } else {
                self.origins.retract(self.graph, &one);
            }
        }
        Ok(is_tied)
    }

    fn try_to_tie(
        &mut self,
        relations: &[Relation],
        companions: &[Relation],
        added: &mut Vec<Relation>,
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        let says_contents = |one: &&Relation| one.how != How::InPlace;
        for one in relations.iter().filter(says_contents) {
            match self.origins.met_by(self.graph, one) {
                Some(known) if known == one => {}
                Some(_) => return Ok(false),
                None => self.claim(*one, added),
            }
        }
        if added.is_empty() && relations.iter().all(|one| says_contents(&one)) {
            return Ok(true);
        }
        let tensors = relations.iter().map(|one| (one.tensor, one.at)).collect();
        let Ok(joining) = self.joining(relations[0].of, tensors) else { return Ok(false) };
        if self.has_forced() {
            let companions = self.touching(&joining, meter)?;
            self.claim_companions(&companions, &joining, added);
        } else {
            self.claim_companions(companions, &joining, added);
        }
        if !added.is_empty() && !self.forced_hold(meter)? {
            return Ok(false);
        }
        match self.join(&joining, meter) {
            Ok(()) => Ok(true),
            Err(Obstacle::Stopped(stop)) => Err(stop),
            Err(Obstacle::Clash(..) | Obstacle::Places) => Ok(false),
        }
    }

    /// From now on, nothing else may be said of these bytes.
    fn claim(&mut self, relation: Relation, added: &mut Vec<Relation>) {
        self.origins.state(self.graph, relation);
        added.push(relation);
    }

    /// Relations of tensors in the groups that are joined, but for the largest: with relative
    /// placement, any of them may hold then. A relation between two tensors of one group is
    /// claimed already or cannot be: both are live when its operator runs.
    fn touching(&self, joining: &Joining, meter: &mut Meter<'_>) -> Result<Vec<Relation>, Stop> {
        let graph = self.graph;
        let mut roots: Vec<usize> =
            joining.moved.iter().map(|&(root, _)| root).chain([joining.outer]).collect();
        let largest = (0..roots.len()).max_by_key(|&part| self.groups[roots[part]].len());
        roots.swap_remove(largest.unwrap_or(0));
        let mut operators = Vec::new();
        for member in roots.into_iter().flat_map(|root| self.groups[root].members()) {
            let tensor = graph.tensor(member.id);
            operators.extend(tensor.producer().into_iter().chain(tensor.readers().iter().copied()));
        }
        operators.sort_unstable();
        operators.dedup();
        let relations: Vec<Relation> =
            operators.iter().flat_map(|&id| self.contents.of(id).into_iter().flatten()).copied().collect();
        meter.charge(8 * (operators.len() + relations.len()))?;
        Ok(relations)
    }

    /// Claims what else holds once these groups are one.
    fn claim_companions(&mut self, companions: &[Relation], joining: &Joining, added: &mut Vec<Relation>) {
        for other in companions {
            if self.origins.met_by(self.graph, other).is_some() {
                continue;
            }
            let [own, of] = [other.tensor, other.of].map(|id| self.place_in(joining, id));
            if own.zip(of).is_some_and(|(own, of)| own == of + i128::from(other.at)) {
                self.claim(*other, added);
            }
        }
    }

    pub(super) fn has_forced(&self) -> bool {
        !self.graph.relative_placements().is_empty()
    }

    /// Whether what is written over because it must be still may be.
    fn forced_hold(&mut self, meter: &mut Meter<'_>) -> Result<bool, Stop> {
        if !self.has_forced() {
            return Ok(true);
        }
        meter.charge(8 * self.written.len())?;
        let written = self.written.clone();
        Ok(written.iter().all(|share| {
            let (output, input) = match self.graph.tensor(share.tensor).producer() {
                Some(producer) if producer == share.operator => (share.tensor, share.of),
                _ => (share.of, share.tensor),
            };
            self.origins.has_own_bytes(self.graph, output) && self.may_overwrite(input)
        }))
    }

    pub(super) fn share(&mut self, relation: Relation) {
        self.shares[relation.operator.index()].push(relation);
        if matches!(relation.how, How::InPlace | How::Overlap) {
            self.written.push(relation);
        }
    }

    /// Whether nobody needs the tensor's bytes after the run.
    pub(super) fn may_overwrite(&mut self, tensor: TensorId) -> bool {
        !self.graph.tensor(tensor).is_output() && self.origins.is_replaceable(self.graph, tensor)
    }

    /// Makes the groups of live tensors, by their roots. A group begins at a multiple of its largest
    /// alignment, so that bytes may be left free below its lowest tensor. No offsets are lost:
    /// the distances decide how far above such a multiple the lowest tensor lies.
    pub(crate) fn finish(mut self) -> Layout {
        let count = self.graph.tensors().len();
        let found: Vec<(usize, i128)> = (0..count).map(|id| self.places.find(id)).collect();
        let is_live = |id: usize| self.live[id].is_some();
        // By root: the position of the lowest tensor, and the largest alignment.
        let mut live: Vec<Option<(i128, u64)>> = vec![None; count];
        for (id, &(root, from)) in self.graph.tensor_ids().zip(&found).filter(|(id, _)| is_live(id.index())) {
            let own = (from, self.contents.alignment(self.graph, id));
            let joined = |known: (i128, u64)| (known.0.min(own.0), known.1.max(own.1));
            live[root] = Some(live[root].map_or(own, joined));
        }
        let mut group_count = 0;
        // By root: the number of its group, and the position at which that begins.
        let mut starts = vec![None; count];
        for (root, lowest) in live.iter().enumerate() {
            if let &Some((lowest, alignment)) = lowest {
                let above = self.groups[root].above(lowest, alignment);
                starts[root] = Some((group_count, lowest - i128::from(above)));
                group_count += 1;
            }
        }
        let place = found.iter().enumerate().map(|(id, &(root, from))| {
            let (number, start) = starts[root].filter(|_| is_live(id))?;
            Some((number, bytes(from - start)))
        });
        let place = place.collect();
        let shares = self.shares.into_iter().flatten().collect();
        Layout { place, shares, allowances: self.allowances, group_count }
    }
}

/// A distance within a group that fits a plan.
pub(super) fn bytes(distance: i128) -> u64 {
    u64::try_from(distance).expect("a distance from a lower to a higher byte")
}

#[cfg(test)]
mod tests;
