//! Which tensors share memory in a given order, and where they lie in each other.

use std::collections::BTreeMap;

use super::contents::{Contents, Relation, output};
use super::origins::Origins;
use super::rigid::{Member, RigidGroup};
use super::{Alignment, How, Interrupted, Sharing};
use crate::error::Error;
use crate::graph::{Graph, Permit, Side};
use crate::ids::{OperatorId, TensorId};
use crate::limits::{Limits, Meter, Stop};
use crate::places::Places;
use crate::problem::LiveRange;
use crate::sorting::sort_by_keys;

/// What to share, of all that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    sharing: Sharing,
    /// Views of a part.
    slices: bool,
    in_place: bool,
    /// Of several inputs to write over, the last instead of the first.
    last: bool,
}

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

impl Layout {
    /// What is shared in an order. When a limit is met first, only what constraints demand:
    /// that is built without limits, in near-linear time.
    ///
    /// # Errors
    /// [`Error::Constraint`] if a constraint cannot be satisfied.
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
            built => Ok(built.expect("without limits, nothing stops it")),
        };
        match build(limits, Some(wish)) {
            Ok(layout) => Ok((layout, Stop::Finished)),
            Err(Interrupted::Invalid(error)) => Err(error),
            Err(Interrupted::Stopped(stop)) => Ok((unlimited()?, stop)),
        }
    }
}

/// Why two groups do not go together.
pub(super) enum Obstacle {
    /// Two of them need a byte at one time.
    Clash(Member, Member),
    /// Alignments, fixed offsets or distances.
    Places,
    Stopped(Stop),
}

impl From<Stop> for Obstacle {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// Groups that are to become one with that of a tensor.
struct Joining {
    of: TensorId,
    /// Tensors that are to be so many bytes into it.
    tensors: Vec<(TensorId, u64)>,
    outer: usize,
    /// By root, ascending: how far each group is moved.
    moved: Vec<(usize, i128)>,
}

/// Relations of one output whose tensors are in one group: all of them can be used, or none.
#[derive(Default)]
struct Unit {
    wanted: Vec<Relation>,
    /// Relations that hold as soon as the wanted ones do, if they agree with them.
    companions: Vec<Relation>,
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
    places: Places,
    pub(super) sharing: Sharing,
    /// Where contents come from, as far as they are shared.
    pub(super) origins: Origins,
    /// By root.
    groups: Vec<RigidGroup>,
    /// By operator.
    shares: Vec<Vec<Relation>>,
    /// Those of them that write over an input.
    written: Vec<Relation>,
    /// By tensor: those that are kept apart from it. Empty if none is.
    apart: BTreeMap<TensorId, Vec<TensorId>>,
    allowances: Vec<Allowance>,
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

    /// Lets as much be shared as can be, the contents first, what runs first before the rest.
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn grant(
        &mut self,
        order: &[OperatorId],
        wish: Wish,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let mut step = vec![u32::MAX; self.graph.operators().len()];
        for (place, id) in (0..).zip(order) {
            step[id.index()] = place;
        }
        let wanted = |relation: &&Relation| match relation.how {
            How::View => wish.sharing >= Sharing::Views,
            How::Slice => wish.slices && wish.sharing >= Sharing::Views,
            How::Concat => wish.sharing >= Sharing::All,
            How::InPlace | How::Overlap => false,
        };
        let mut relations: Vec<Relation> = self.contents.relations.iter().filter(wanted).copied().collect();
        sort_by_keys(&mut relations, |relation| [u64::from(step[relation.operator.index()]), 0]);
        for of_output in relations.chunk_by(|one, other| output(one) == output(other)) {
            if let [only] = of_output {
                self.tie(&[*only], meter)?;
            } else if self.has_forced() {
                for &relation in of_output {
                    self.tie(&[relation], meter)?;
                }
            } else {
                let units = self.units(of_output);
                self.tie_units(&units, meter)?;
            }
        }
        if wish.in_place {
            for &id in order {
                self.write_in_place(id, wish.last, meter)?;
            }
        }
        if wish.sharing >= Sharing::All {
            self.allow(order, meter)?;
        }
        Ok(())
    }

    /// Relations of one output by the groups of their tensors, in the order of the first ones.
    fn units(&mut self, wanted: &[Relation]) -> Vec<Unit> {
        let mut number = BTreeMap::new();
        let mut units: Vec<Unit> = Vec::new();
        for &relation in wanted {
            let root = self.places.find(relation.tensor.index()).0;
            let unit = *number.entry(root).or_insert(units.len());
            if unit == units.len() {
                units.push(Unit::default());
            }
            units[unit].wanted.push(relation);
        }
        let contents = self.contents;
        for &relation in contents.of(wanted[0].operator).into_iter().flatten() {
            let root = self.places.find(relation.tensor.index()).0;
            if output(&relation) == output(&wanted[0])
                && let Some(&unit) = number.get(&root)
            {
                units[unit].companions.push(relation);
            }
        }
        units
    }

    /// Lets be shared what can be, the first ones before the others. All at once, where that
    /// can be.
    fn tie_units(&mut self, units: &[Unit], meter: &mut Meter<'_>) -> Result<(), Stop> {
        let all = |of: fn(&Unit) -> &Vec<Relation>| units.iter().flat_map(of).copied().collect::<Vec<_>>();
        let is_tied = self.tie_with(&all(|unit| &unit.wanted), &all(|unit| &unit.companions), meter)?;
        if !is_tied && units.len() > 1 {
            let (first, rest) = units.split_at(units.len() / 2);
            self.tie_units(first, meter)?;
            self.tie_units(rest, meter)?;
        }
        Ok(())
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
    fn tie_with(
        &mut self,
        relations: &[Relation],
        companions: &[Relation],
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        meter.charge(8 * (relations.len() + companions.len()))?;
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

    /// Where a tensor is from the root of groups that are joined, if it is in one of them.
    fn place_in(&mut self, joining: &Joining, tensor: TensorId) -> Option<i128> {
        let (root, at) = self.places.find(tensor.index());
        if root == joining.outer {
            return Some(at);
        }
        let own = joining.moved.binary_search_by_key(&root, |&(root, _)| root).ok()?;
        Some(at + joining.moved[own].1)
    }

    fn has_forced(&self) -> bool {
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
            self.origins.is_own(output) && self.may_overwrite(input)
        }))
    }

    /// What it takes for tensors to be so many bytes into another one.
    fn joining(
        &mut self,
        of: TensorId,
        tensors: Vec<(TensorId, u64)>,
    ) -> std::result::Result<Joining, Obstacle> {
        let outer = self.places.find(of.index());
        let mut moved = Vec::new();
        for &(tensor, at) in &tensors {
            let inner = self.places.find(tensor.index());
            let distance = outer.1 + i128::from(at) - inner.1;
            if inner.0 != outer.0 {
                moved.push((inner.0, distance));
            } else if distance != 0 {
                return Err(Obstacle::Places);
            }
        }
        sort_by_keys(&mut moved, |&(root, _)| [root as u64, 0]);
        moved.dedup();
        if moved.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(Obstacle::Places);
        }
        Ok(Joining { of, tensors, outer: outer.0, moved })
    }

    /// Puts groups together, if nothing is in the way. The largest stays as it is; members of
    /// the others are compared with those that they meet in bytes and time.
    fn join(&mut self, joining: &Joining, meter: &mut Meter<'_>) -> Result<(), Obstacle> {
        let Joining { of, outer, ref moved, .. } = *joining;
        if moved.is_empty() {
            return Ok(());
        }
        let mut parts: Vec<(usize, i128)> = [(outer, 0)].into_iter().chain(moved.iter().copied()).collect();
        let groups = parts.iter().map(|&(root, distance)| (&self.groups[root], distance));
        let frame = RigidGroup::frame(groups).ok_or(Obstacle::Places)?;
        let largest = (0..parts.len()).rev().max_by_key(|&part| self.groups[parts[part].0].len());
        parts.swap(0, largest.unwrap_or(0));
        let (root, distance) = parts[0];
        let mut host = self.groups[root].take();
        host.shift(distance);
        let mut written_over = Vec::new();
        let fresh = match self.compare(&host, &parts[1..], joining, &mut written_over, meter) {
            Ok(fresh) => fresh,
            Err(obstacle) => {
                host.shift(-distance);
                self.groups[root] = host;
                return Err(obstacle);
            }
        };
        for &(tensor, at) in &joining.tensors {
            self.places.tie(tensor, of, at);
        }
        parts[1..].iter().for_each(|&(root, _)| drop(self.groups[root].take()));
        host.join(frame, fresh.members());
        self.groups[outer] = host;
        // In an order that does not depend on how members were found.
        sort_by_keys(&mut written_over, |one| [one.tensor.index() as u64, one.of.index() as u64]);
        written_over.into_iter().for_each(|relation| self.share(relation));
        Ok(())
    }

    /// The members of some groups around one root, if they may lie with each other and with
    /// those of the host.
    fn compare(
        &mut self,
        host: &RigidGroup,
        parts: &[(usize, i128)],
        joining: &Joining,
        written_over: &mut Vec<Relation>,
        meter: &mut Meter<'_>,
    ) -> Result<RigidGroup, Obstacle> {
        let mut fresh = RigidGroup::empty();
        for &(root, distance) in parts {
            let class = |member: Member| Member { class: self.origins.class(member.id), ..member };
            let part: Vec<Member> =
                self.groups[root].members().map(|member| class(member.moved(distance))).collect();
            for &one in &part {
                let mut work = 8;
                for group in [host, &fresh] {
                    group.meeting(&one, &mut work, |other| {
                        written_over.extend(self.meeting(one, other)?);
                        let work = 8 + std::mem::take(&mut self.origins.work);
                        meter.charge(work as usize).map_err(Obstacle::Stopped)
                    })?;
                }
                meter.charge(work as usize)?;
                self.check_apart(one, joining)?;
            }
            part.into_iter().for_each(|member| fresh.insert(member));
        }
        Ok(fresh)
    }

    fn share(&mut self, relation: Relation) {
        self.shares[relation.operator.index()].push(relation);
        if matches!(relation.how, How::InPlace | How::Overlap) {
            self.written.push(relation);
        }
    }

    /// Whether a member that is joined meets a tensor that is kept apart from it.
    fn check_apart(&mut self, one: Member, joining: &Joining) -> Result<(), Obstacle> {
        for id in self.apart.get(&one.id).cloned().unwrap_or_default() {
            if let (Some(from), Some(live)) = (self.place_in(joining, id), self.live[id.index()]) {
                let end = from + i128::from(self.graph.tensor(id).bytes());
                let other = Member { id, class: id, from, end, live };
                if one.meets(&other) {
                    return Err(Obstacle::Clash(one, other));
                }
            }
        }
        Ok(())
    }

    /// What it means that two tensors meet in bytes and time: that they hold the same, or that
    /// one may be written over the other.
    fn meeting(&mut self, one: Member, other: Member) -> Result<Option<Relation>, Obstacle> {
        if self.graph.are_kept_apart(one.id, other.id) {
            return Err(Obstacle::Clash(one, other));
        }
        if self.same_bytes(one, other) {
            return Ok(None);
        }
        let (read, write) = self.in_time(one, other);
        let over = match write.from - read.from {
            0 => self.in_place(read.id, write.id).or_else(|| self.overlap(read, write)),
            _ => self.overlap(read, write),
        };
        let dies_there = read.live.end == write.live.start + 1;
        over.filter(|_| dies_there).map(Some).ok_or(Obstacle::Clash(one, other))
    }

    /// The one that is there first, and the other one.
    pub(super) fn in_time(&self, one: Member, other: Member) -> (Member, Member) {
        // At the first step, what nobody writes was there before.
        let begin = |member: Member| (member.live.start, self.graph.tensor(member.id).producer().is_some());
        if begin(one) <= begin(other) { (one, other) } else { (other, one) }
    }

    /// Whether the operator permits it, and nobody needs what is overwritten, if that dies at
    /// its step.
    fn in_place(&mut self, input: TensorId, output: TensorId) -> Option<Relation> {
        let operator = self.graph.tensor(output).producer()?;
        let bytes = self.graph.tensor(output).bytes();
        let may = self.contents.overwrites(input, output).contains(&Permit::InPlace { input, output })
            && self.origins.is_own(output)
            && 0 < bytes
            && bytes <= self.graph.tensor(input).bytes()
            && self.may_overwrite(input);
        may.then_some(Relation { operator, tensor: output, of: input, at: 0, how: How::InPlace })
    }

    /// Whether the lower one may reach so far into the upper one.
    fn overlap(&mut self, read: Member, write: Member) -> Option<Relation> {
        let (input, output) = (read.id, write.id);
        let operator = self.graph.tensor(output).producer()?;
        let relation = |permit: &Permit| {
            let Permit::Overlap { bytes, lower, .. } = *permit else { return None };
            let (below, above) = if lower == Side::Input { (read, write) } else { (write, read) };
            let (tensor, of) = (above.id, below.id);
            let at = u64::try_from(above.from - below.from).ok()?;
            let may = self.graph.tensor(of).bytes().saturating_sub(at) <= bytes;
            may.then_some(Relation { operator, tensor, of, at, how: How::Overlap })
        };
        let found = self.contents.overwrites(input, output).iter().find_map(relation);
        found.filter(|_| self.origins.is_own(output) && self.may_overwrite(input))
    }

    /// Whether what two tensors have in common of places has the same contents.
    pub(super) fn same_bytes(&mut self, one: Member, other: Member) -> bool {
        let (from, end) = (one.from.max(other.from), one.end.min(other.end));
        let within = |member: Member| (member.id, bytes(from - member.from));
        self.origins.are_same(self.graph, within(one), within(other), bytes(end - from))
    }

    fn write_in_place(
        &mut self,
        operator: OperatorId,
        last: bool,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stop> {
        let operator = self.graph.operator(operator);
        let over = |permit: &Permit| match *permit {
            Permit::InPlace { input, output } => Some((output, input)),
            _ => None,
        };
        let mut pairs: Vec<(TensorId, TensorId)> = operator.permits().iter().filter_map(over).collect();
        if last {
            pairs.reverse();
        }
        sort_by_keys(&mut pairs, |(output, _)| [output.index() as u64, 0]);
        meter.charge(8 * (1 + operator.permits().len()))?;
        for &output in operator.outputs() {
            let from = pairs.partition_point(|pair| pair.0 < output);
            for &(_, input) in pairs[from..].iter().take_while(|pair| pair.0 == output) {
                if self.write_over(input, output, meter)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes an output over an input, if that may be.
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn write_over(
        &mut self,
        input: TensorId,
        output: TensorId,
        meter: &mut Meter<'_>,
    ) -> Result<bool, Stop> {
        if self.live[input.index()].is_none() || self.live[output.index()].is_none() {
            return Ok(false);
        }
        match self.in_place(input, output) {
            Some(relation) if self.shares[relation.operator.index()].contains(&relation) => Ok(true),
            Some(relation) => self.tie(&[relation], meter),
            None => Ok(false),
        }
    }

    /// Whether nobody needs the tensor's bytes after the run.
    pub(super) fn may_overwrite(&mut self, tensor: TensorId) -> bool {
        !self.graph.tensor(tensor).is_output() && self.origins.is_replaceable(self.graph, tensor)
    }

    /// Lets tensors of different groups overlap in part, now that all groups are made.
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn allow(&mut self, order: &[OperatorId], meter: &mut Meter<'_>) -> Result<(), Stop> {
        let graph = self.graph;
        let permits = |&id: &OperatorId| graph.operator(id).permits().iter().map(move |permit| (id, permit));
        for (operator, permit) in order.iter().flat_map(permits) {
            meter.charge(8)?;
            let Permit::Overlap { input, output, bytes, lower } = *permit else { continue };
            let (Some(read), Some(written)) = (self.live[input.index()], self.live[output.index()]) else {
                continue;
            };
            let (lower, upper) = if lower == Side::Input { (input, output) } else { (output, input) };
            let [reach, of_upper] = [lower, upper].map(|id| self.graph.tensor(id).bytes());
            // The lower one may reach beyond all of the upper one.
            let reach = bytes.min(reach);
            let roots = [input, output].map(|id| self.places.find(id.index()).0);
            let may = self.may_overwrite(input)
                && self.origins.is_own(output)
                && !self.graph.are_kept_apart(input, output);
            if may && reach.min(of_upper) > 0 && roots[0] != roots[1] && read.end == written.start + 1 {
                self.allowances.push(Allowance { operator, lower, upper, output, reach });
            }
        }
        Ok(())
    }

    /// The groups of what is live, by their roots.
    pub(crate) fn finish(mut self) -> Layout {
        let count = self.graph.tensors().len();
        let found: Vec<(usize, i128)> = (0..count).map(|id| self.places.find(id)).collect();
        let is_live = |id: usize| self.live[id].is_some();
        let mut lowest: Vec<Option<i128>> = vec![None; count];
        for (_, &(root, from)) in found.iter().enumerate().filter(|&(id, _)| is_live(id)) {
            lowest[root] = Some(lowest[root].map_or(from, |lowest| lowest.min(from)));
        }
        let mut group_count = 0;
        let mut number = vec![0; count];
        for root in (0..count).filter(|&root| lowest[root].is_some()) {
            number[root] = group_count;
            group_count += 1;
        }
        let place = found.iter().enumerate().map(|(id, &(root, from))| {
            let lowest = lowest[root].filter(|_| is_live(id))?;
            Some((number[root], bytes(from - lowest)))
        });
        let place = place.collect();
        let shares = self.shares.into_iter().flatten().collect();
        Layout { place, shares, allowances: self.allowances, group_count }
    }
}

/// A distance within a group that fits a plan.
fn bytes(distance: i128) -> u64 {
    u64::try_from(distance).expect("a distance from a lower to a higher byte")
}

impl Wish {
    /// What to try, the most first, nothing last.
    pub(crate) fn variants(sharing: Sharing) -> [Self; 8] {
        let all = Self { sharing, slices: true, in_place: sharing >= Sharing::InPlace, last: false };
        [
            all,
            Self { last: true, ..all },
            Self { slices: false, ..all },
            Self { sharing: sharing.min(Sharing::InPlace), ..all },
            Self { sharing: sharing.min(Sharing::InPlace), slices: false, ..all },
            Self { in_place: false, ..all },
            Self { sharing: sharing.min(Sharing::Views), in_place: false, ..all },
            Self { sharing: Sharing::None, in_place: false, ..all },
        ]
    }
}

#[cfg(test)]
mod tests;
