//! Which tensors share memory in a given order, and where they lie in each other.

use super::contents::{Contents, Relation, Stretch, Stretches};
use super::{Alignment, How, Sharing, in_force};
use crate::error::{Error, Result};
use crate::graph::{Graph, Permit, RelativePlacement, Side};
use crate::ids::{OperatorId, TensorId};
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
    pub(crate) bytes: u64,
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

/// What it means that two tensors have places in common.
enum Meeting {
    /// Nothing, or that they hold the same.
    Right,
    /// That one is written over the other, as it may be.
    Over(Relation),
    Clash,
}

/// Why two groups do not go together.
enum Obstacle {
    /// Two of them need a byte at one time.
    Clash(TensorId, TensorId),
    Places,
}

/// Tensors of a group, each so many bytes from the place of its root.
type Members = Vec<(TensorId, i128)>;

#[derive(Clone)]
pub(crate) struct Making<'a> {
    graph: &'a Graph,
    contents: &'a Contents,
    /// By tensor: when it is live.
    live: &'a [Option<LiveRange>],
    alignment: Alignment,
    places: Places,
    sharing: Sharing,
    /// Contents as far as they are shared.
    stretches: Stretches,
    /// By root.
    members: Vec<Members>,
    /// By operator.
    shares: Vec<Vec<Relation>>,
    allowances: Vec<Allowance>,
}

impl<'a> Making<'a> {
    /// With what relative placement demands.
    ///
    /// # Errors
    /// [`Error::Constraint`] if that cannot be.
    pub(crate) fn new(
        graph: &'a Graph,
        contents: &'a Contents,
        live: &'a [Option<LiveRange>],
        alignment: impl Into<Alignment>,
        sharing: Sharing,
    ) -> Result<Self> {
        let members = graph.tensor_ids().map(|id| vec![(id, 0)]).collect();
        let places = Places::new(graph.tensors().len());
        let stretches = Stretches::new(graph.tensors().len());
        let (shares, allowances) = (vec![Vec::new(); graph.operators().len()], Vec::new());
        let mut making = Self {
            graph,
            contents,
            live,
            alignment: alignment.into(),
            places,
            sharing,
            stretches,
            members,
            shares,
            allowances,
        };
        if !making.has_forced() {
            return Ok(making);
        }
        let mut with_views = making.clone();
        let is_forced =
            |relation: &Relation| graph.distance(relation.tensor, relation.of) == Some(relation.at.into());
        match making.place(is_forced) {
            Ok(()) => Ok(making),
            // Two may only lie there because both are views of another.
            Err(_) => with_views.place(|_| true).map(|()| with_views),
        }
    }

    /// Puts tensors where they must lie; what shares contents first, so that this is known of
    /// all that meet.
    fn place(&mut self, is_forced: impl Fn(&Relation) -> bool) -> Result<()> {
        let graph = self.graph;
        for &relation in self.contents.relations.iter().filter(|relation| is_forced(relation)) {
            self.tie(relation);
        }
        for one in graph.relative_placements() {
            if [one.tensor, one.of].iter().any(|id| self.live[id.index()].is_none()) {
                continue;
            }
            self.join(one.tensor, one.of, one.at).map_err(|obstacle| self.cannot_place(one, &obstacle))?;
        }
        Ok(())
    }

    fn cannot_place(&self, one: &RelativePlacement, obstacle: &Obstacle) -> Error {
        let name = |id: TensorId| self.graph.tensor(id).name();
        let why = match *obstacle {
            Obstacle::Clash(first, other) => format!(
                "tensors `{}` and `{}` would have bytes in common while both are needed, \
                 which nothing permits at this level of sharing",
                name(first),
                name(other)
            ),
            Obstacle::Places => "alignments or fixed offsets do not allow it".to_owned(),
        };
        let place = format!("tensor `{}` at {} bytes of tensor `{}`", name(one.tensor), one.at, name(one.of));
        Error::Constraint { place, problem: why }
    }

    /// Lets as much be shared as can be, the contents first, what runs first before the rest.
    pub(crate) fn grant(&mut self, order: &[OperatorId], wish: Wish) {
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
        for relation in relations {
            self.tie(relation);
        }
        for &id in order {
            if wish.in_place {
                self.write_in_place(id, wish.last);
            }
        }
        if wish.sharing >= Sharing::All {
            self.allow(order);
        }
    }

    /// Lets one thing be shared, if nothing is in the way.
    pub(crate) fn tie(&mut self, relation: Relation) -> bool {
        let Relation { operator, tensor, of, at, how } = relation;
        if self.shares[operator.index()].contains(&relation) {
            return true;
        }
        if how != How::InPlace && !self.is_free_for(&relation) {
            return false;
        }
        let mut added = if how == How::InPlace { Vec::new() } else { vec![relation] };
        added.extend(self.companions(&relation));
        let before = self.say(&added);
        let is_tied = self.forced_hold() && self.join(tensor, of, at).is_ok();
        if is_tied {
            for one in added {
                self.shares[one.operator.index()].push(one);
            }
        } else {
            for (id, stretches) in before.into_iter().rev() {
                self.stretches.put(id, stretches);
            }
        }
        is_tied
    }

    /// Says where bytes come from that are shared from now on; what was said before.
    fn say(&mut self, added: &[Relation]) -> Vec<(TensorId, Vec<Stretch>)> {
        let mut before = Vec::new();
        for (number, one) in added.iter().enumerate() {
            let output = output(one);
            if added[..number].iter().any(|other| self::output(other) == output) {
                continue;
            }
            before.push((output, self.stretches.take(output)));
            if one.how == How::Concat {
                let own = self.shares[one.operator.index()].iter().chain(added);
                let pieces = own.filter(|share| share.of == output && share.how == How::Concat);
                let pieces = pieces.map(|share| (share.at, share.tensor)).collect();
                self.stretches.join(self.graph, output, pieces);
            } else {
                self.stretches.make_view(self.graph, output, one.of, one.at);
            }
            if self.has_forced() {
                // What is forced was said before, and knew nothing of this.
                before.extend(self.stretches.look_through(self.graph, output));
            }
        }
        before
    }

    /// What else is the same once these two lie there: the other pieces of a concatenation,
    /// and with relative placement, anything.
    fn companions(&mut self, relation: &Relation) -> Vec<Relation> {
        let contents = self.contents;
        let has_forced = self.has_forced();
        let candidates = match has_forced {
            true => &contents.relations[..],
            false if relation.how == How::Concat => contents.of(relation.operator),
            false => return Vec::new(),
        };
        let (inner, outer) =
            (self.places.find(relation.tensor.index()), self.places.find(relation.of.index()));
        let distance = outer.1 + i128::from(relation.at) - inner.1;
        let places = &mut self.places;
        let mut place = |id: TensorId| match places.find(id.index()) {
            (root, at) if root == outer.0 => Some(at),
            (root, at) if root == inner.0 => Some(at + distance),
            _ => None,
        };
        let mut companions = Vec::new();
        let candidates = candidates.iter().chain(&contents.dropped);
        for other in candidates.filter(|other| *other != relation) {
            let places = place(other.tensor).zip(place(other.of));
            let lies_there = places.is_some_and(|(own, of)| own == of + i128::from(other.at));
            if lies_there && (has_forced || other.operator == relation.operator) {
                companions.push(*other);
            }
        }
        companions
            .retain(|other| !self.shares[other.operator.index()].contains(other) && self.is_free_for(other));
        companions
    }

    /// Whether nothing is said of the output's bytes that contradicts this.
    fn is_free_for(&self, relation: &Relation) -> bool {
        let end = |one: &Relation| one.at + self.graph.tensor(one.tensor).bytes();
        self.shares[relation.operator.index()].iter().filter(|other| output(other) == output(relation)).all(
            |other| match (other.how, relation.how) {
                (How::InPlace | How::Overlap, _) => true,
                (How::Concat, How::Concat) => end(other) <= relation.at || end(relation) <= other.at,
                _ => false,
            },
        )
    }

    fn has_forced(&self) -> bool {
        !self.graph.relative_placements().is_empty()
    }

    /// Whether what is written over because it must be still may be.
    fn forced_hold(&self) -> bool {
        let holds = |share: &Relation| match share.how {
            How::InPlace => self.stretches.is_own(share.tensor) && self.may_overwrite(share.of),
            How::Overlap => {
                let (output, input) = match self.graph.tensor(share.tensor).producer() {
                    Some(producer) if producer == share.operator => (share.tensor, share.of),
                    _ => (share.of, share.tensor),
                };
                self.stretches.is_own(output) && self.may_overwrite(input)
            }
            How::View | How::Slice | How::Concat => true,
        };
        !self.has_forced() || self.shares.iter().flatten().all(holds)
    }

    /// Puts two groups together, if nothing is in the way.
    fn join(&mut self, tensor: TensorId, of: TensorId, at: u64) -> std::result::Result<(), Obstacle> {
        let (inner, outer) = (self.places.find(tensor.index()), self.places.find(of.index()));
        let distance = outer.1 + i128::from(at) - inner.1;
        if inner.0 == outer.0 {
            return if distance == 0 { Ok(()) } else { Err(Obstacle::Places) };
        }
        let moved: Members =
            self.members[inner.0].iter().map(|&(id, place)| (id, place + distance)).collect();
        let there = &self.members[outer.0];
        let mut written_over = Vec::new();
        for &one in &moved {
            for &other in there {
                match self.meeting(one, other) {
                    Meeting::Clash => return Err(Obstacle::Clash(one.0, other.0)),
                    Meeting::Over(relation) => written_over.push(relation),
                    Meeting::Right => {}
                }
            }
        }
        if !self.is_aligned(moved.iter().chain(there)) {
            return Err(Obstacle::Places);
        }
        self.places.tie(tensor, of, at);
        self.members[inner.0] = Vec::new();
        self.members[outer.0].extend(moved);
        for relation in written_over {
            self.shares[relation.operator.index()].push(relation);
        }
        Ok(())
    }

    /// What it means that two tensors are where they are.
    fn meeting(&self, one: (TensorId, i128), other: (TensorId, i128)) -> Meeting {
        let (Some(a), Some(b)) = (self.live[one.0.index()], self.live[other.0.index()]) else {
            return Meeting::Right;
        };
        let end = |(id, place): (TensorId, i128)| place + i128::from(self.graph.tensor(id).bytes());
        if !a.overlaps(b) || end(one) <= other.1 || end(other) <= one.1 {
            return Meeting::Right;
        }
        if self.graph.are_kept_apart(one.0, other.0) {
            return Meeting::Clash;
        }
        if self.same_bytes(one, other) {
            return Meeting::Right;
        }
        // At the first step, what nobody writes was there before.
        let written = |id: TensorId| self.graph.tensor(id).producer().is_some();
        let in_order = (a.start, written(one.0)) <= (b.start, written(other.0));
        let (input, output) = if in_order { (one.0, other.0) } else { (other.0, one.0) };
        let (first, then) = if in_order { (a, b) } else { (b, a) };
        let dies_there = first.end == then.start + 1;
        let (read, write) = if in_order { (one, other) } else { (other, one) };
        let over = || match write.1 - read.1 {
            0 => self.in_place(input, output).or_else(|| self.overlap(read, write)),
            _ => self.overlap(read, write),
        };
        dies_there.then(over).flatten().map_or(Meeting::Clash, Meeting::Over)
    }

    /// Whether the operator permits it, and nobody needs what is overwritten, if that dies at
    /// its step.
    fn in_place(&self, input: TensorId, output: TensorId) -> Option<Relation> {
        let operator = self.graph.tensor(output).producer()?;
        let permit = Permit::InPlace { input, output };
        let bytes = self.graph.tensor(output).bytes();
        let may = self.graph.operator(operator).permits().contains(&permit)
            && in_force(self.graph, &permit, self.sharing)
            && self.stretches.is_own(output)
            && 0 < bytes
            && bytes <= self.graph.tensor(input).bytes()
            && self.may_overwrite(input);
        may.then_some(Relation { operator, tensor: output, of: input, at: 0, how: How::InPlace })
    }

    /// Whether the lower one may reach so far into the upper one.
    fn overlap(&self, read: (TensorId, i128), write: (TensorId, i128)) -> Option<Relation> {
        let (input, output) = (read.0, write.0);
        let operator = self.graph.tensor(output).producer()?;
        let relation = |permit: &Permit| {
            let Permit::Overlap { bytes, lower, .. } = *permit else { return None };
            let ((of, start), (tensor, upper)) =
                if lower == Side::Input { (read, write) } else { (write, read) };
            let at = u64::try_from(upper - start).ok()?;
            let may = (permit.input(), permit.output()) == (input, output)
                && self.graph.tensor(of).bytes().saturating_sub(at) <= bytes
                && in_force(self.graph, permit, self.sharing);
            may.then_some(Relation { operator, tensor, of, at, how: How::Overlap })
        };
        let may = self.stretches.is_own(output) && self.may_overwrite(input);
        let permits = may.then(|| self.graph.operator(operator).permits());
        permits.into_iter().flatten().find_map(relation)
    }

    /// Whether what two tensors have in common of places has the same contents.
    fn same_bytes(&self, one: (TensorId, i128), other: (TensorId, i128)) -> bool {
        let stretches = |(id, place): (TensorId, i128)| {
            let own = self.stretches.of(self.graph, id).into_iter();
            own.map(move |Stretch { from, bytes, source, at }| {
                (place + i128::from(from), i128::from(bytes), source, at)
            })
        };
        let others: Vec<_> = stretches(other).collect();
        stretches(one).all(|(from, bytes, source, at)| {
            others.iter().all(|&(from2, bytes2, source2, at2)| {
                let apart = from + bytes <= from2 || from2 + bytes2 <= from;
                apart || (source == source2 && i128::from(at) - from == i128::from(at2) - from2)
            })
        })
    }

    /// Whether all members can be aligned, and at their fixed offsets: from the lowest on,
    /// which is aligned for all.
    fn is_aligned<'m>(&self, members: impl Iterator<Item = &'m (TensorId, i128)> + Clone) -> bool {
        let lowest = members.clone().map(|member| member.1).min().unwrap_or(0);
        let mut fixed = members.clone().filter_map(|&(id, place)| {
            Some(i128::from(self.graph.tensor(id).fixed_offset()?) - (place - lowest))
        });
        let all_aligned = members.clone().all(|&(id, place)| {
            let alignment = self.alignment.of(self.graph.tensor(id));
            (place - lowest) % i128::from(alignment) == 0
        });
        let first = fixed.next();
        let most = members.map(|&(id, _)| self.alignment.of(self.graph.tensor(id))).max();
        let fits = first.is_none_or(|offset| offset >= 0 && offset % i128::from(most.unwrap_or(1)) == 0);
        all_aligned && fits && fixed.all(|offset| Some(offset) == first)
    }

    fn write_in_place(&mut self, operator: OperatorId, last: bool) {
        let graph = self.graph;
        let permits = graph.operator(operator).permits();
        for &output in graph.operator(operator).outputs() {
            let over = |permit: &Permit| match *permit {
                Permit::InPlace { input, output: own } if own == output => Some(input),
                _ => None,
            };
            let mut inputs: Vec<TensorId> = permits.iter().filter_map(over).collect();
            if last {
                inputs.reverse();
            }
            let _ = inputs.into_iter().any(|input| self.write_over(input, output));
        }
    }

    /// Writes an output over an input, if that may be.
    pub(crate) fn write_over(&mut self, input: TensorId, output: TensorId) -> bool {
        let both_live = self.live[input.index()].is_some() && self.live[output.index()].is_some();
        both_live && self.in_place(input, output).is_some_and(|relation| self.tie(relation))
    }

    /// Whether nobody needs the tensor's bytes after the run.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        !self.graph.tensor(tensor).is_output()
            && self.stretches.of(self.graph, tensor).iter().all(|stretch| {
                let source = self.graph.tensor(stretch.source);
                match source.kind() {
                    crate::graph::TensorKind::Intermediate => true,
                    crate::graph::TensorKind::Input => source.is_overwritable(),
                    _ => false,
                }
            })
    }

    /// Lets tensors of different groups overlap in part, now that all groups are made.
    pub(crate) fn allow(&mut self, order: &[OperatorId]) {
        let graph = self.graph;
        let permits = |&id: &OperatorId| graph.operator(id).permits().iter().map(move |permit| (id, permit));
        for (operator, permit) in order.iter().flat_map(permits) {
            let Permit::Overlap { input, output, bytes, lower } = *permit else { continue };
            let (Some(read), Some(written)) = (self.live[input.index()], self.live[output.index()]) else {
                continue;
            };
            let sizes = [input, output].map(|id| self.graph.tensor(id).bytes());
            let bytes = bytes.min(sizes[0]).min(sizes[1]);
            let roots = [input, output].map(|id| self.places.find(id.index()).0);
            let may = self.may_overwrite(input) && !self.graph.are_kept_apart(input, output);
            if may && bytes > 0 && roots[0] != roots[1] && read.end == written.start + 1 {
                let (lower, upper) = if lower == Side::Input { (input, output) } else { (output, input) };
                self.allowances.push(Allowance { operator, lower, upper, bytes });
            }
        }
    }

    pub(crate) fn finish(self) -> Layout {
        let mut place = vec![None; self.graph.tensors().len()];
        let mut group_count = 0;
        for members in &self.members {
            let placed = |member: &&(TensorId, i128)| self.live[member.0.index()].is_some();
            let Some(lowest) = members.iter().filter(placed).map(|member| member.1).min() else { continue };
            for &(id, at) in members.iter().filter(placed) {
                let at = u64::try_from(at - lowest).expect("the lowest is the lowest");
                place[id.index()] = Some((group_count, at));
            }
            group_count += 1;
        }
        let shares = self.shares.into_iter().flatten().collect();
        Layout { place, shares, allowances: self.allowances, group_count }
    }
}

/// The tensor of whose bytes a relation says where they come from.
fn output(relation: &Relation) -> TensorId {
    if relation.how == How::Concat { relation.of } else { relation.tensor }
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
