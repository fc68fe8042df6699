//! Which tensors share memory in a given order, and where they lie in each other.

use super::contents::{Apart, Contents, Relation, Said, Stretches, output};
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

/// A tensor of a group, and its bytes from the place of the group's root.
#[derive(Clone, Copy)]
struct Member {
    id: TensorId,
    from: i128,
    end: i128,
}

impl Member {
    fn moved(self, distance: i128) -> Self {
        Self { from: self.from + distance, end: self.end + distance, ..self }
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
    members: Vec<Vec<Member>>,
    /// By operator.
    shares: Vec<Vec<Relation>>,
    /// By output: those of the shares that say where its bytes come from.
    said: Vec<Apart>,
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
        let count = graph.tensors().len();
        let member = |id: TensorId| Member { id, from: 0, end: graph.tensor(id).bytes().into() };
        let members = graph.tensor_ids().map(|id| vec![member(id)]).collect();
        let (places, stretches) = (Places::new(count), Stretches::new(graph));
        let (shares, said) = (vec![Vec::new(); graph.operators().len()], vec![Apart::default(); count]);
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
            said,
            allowances: Vec::new(),
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
            self.tie(&[relation]);
        }
        for one in graph.relative_placements() {
            if [one.tensor, one.of].iter().any(|id| self.live[id.index()].is_none()) {
                continue;
            }
            self.joining(one.of, vec![(one.tensor, one.at)])
                .and_then(|joining| self.join(&joining))
                .map_err(|obstacle| self.cannot_place(one, &obstacle))?;
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
        for of_output in relations.chunk_by(|one, other| output(one) == output(other)) {
            self.tie_pieces(of_output);
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

    /// Lets of these, which concern one output, be shared what can be, the first ones before the
    /// others. All at once, where that can be.
    fn tie_pieces(&mut self, pieces: &[Relation]) {
        let at_once = pieces.len() == 1 || !self.has_forced();
        if !(at_once && self.tie(pieces)) && pieces.len() > 1 {
            let (first, rest) = pieces.split_at(pieces.len() / 2);
            self.tie_pieces(first);
            self.tie_pieces(rest);
        }
    }

    /// Lets these, which concern one output, be shared, if nothing is in the way of any.
    pub(crate) fn tie(&mut self, relations: &[Relation]) -> bool {
        let mut added = Vec::new();
        let is_tied = self.try_to_tie(relations, &mut added);
        for one in added {
            if is_tied {
                self.shares[one.operator.index()].push(one);
            } else {
                self.said[output(&one).index()].remove(self.graph, &one);
            }
        }
        is_tied
    }

    fn try_to_tie(&mut self, relations: &[Relation], added: &mut Vec<Relation>) -> bool {
        let says_contents = |one: &&Relation| one.how != How::InPlace;
        for one in relations.iter().filter(says_contents) {
            match self.said[output(one).index()].met_by(self.graph, one) {
                Some(known) if known == one => {}
                Some(_) => return false,
                None => self.claim(*one, added),
            }
        }
        if added.is_empty() && relations.iter().all(|one| says_contents(&one)) {
            return true;
        }
        let tensors = relations.iter().map(|one| (one.tensor, one.at)).collect();
        let Ok(joining) = self.joining(relations[0].of, tensors) else { return false };
        self.claim_companions(&relations[0], &joining, added);
        let before = self.say(added);
        let is_tied = self.forced_hold() && self.join(&joining).is_ok();
        if !is_tied {
            before.into_iter().rev().for_each(|said| self.stretches.put(said));
        }
        is_tied
    }

    /// From now on, nothing else may be said of these bytes.
    fn claim(&mut self, relation: Relation, added: &mut Vec<Relation>) {
        self.said[output(&relation).index()].add(self.graph, relation);
        added.push(relation);
    }

    /// Says where bytes come from that are shared from now on; what was said before.
    fn say(&mut self, added: &[Relation]) -> Vec<Said> {
        let mut before = Vec::new();
        for (number, one) in added.iter().enumerate() {
            let output = output(one);
            if added[..number].iter().any(|other| self::output(other) == output) {
                continue;
            }
            before.push(self.stretches.take(output));
            if one.how == How::Concat {
                let pieces = self.said[output.index()].iter().map(|piece| (piece.at, piece.tensor));
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

    /// What else is the same once these groups are one: other pieces of a concatenation, and
    /// with relative placement, anything.
    fn claim_companions(&mut self, relation: &Relation, joining: &Joining, added: &mut Vec<Relation>) {
        let contents = self.contents;
        let candidates = match self.has_forced() {
            true => [&contents.relations[..], &contents.dropped[..]],
            false if relation.how == How::Concat => contents.of(relation.operator),
            false => return,
        };
        for other in candidates.into_iter().flatten() {
            if self.said[output(other).index()].met_by(self.graph, other).is_some() {
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

    /// Puts groups together, if nothing is in the way.
    fn join(&mut self, joining: &Joining) -> std::result::Result<(), Obstacle> {
        let Joining { of, outer, .. } = *joining;
        if joining.moved.is_empty() {
            return Ok(());
        }
        let mut all = self.members[outer].clone();
        let mut written_over = Vec::new();
        for &(root, distance) in &joining.moved {
            let there = all.len();
            for one in self.members[root].iter().map(|one| one.moved(distance)) {
                for &other in &all[..there] {
                    match self.meeting(one, other) {
                        Meeting::Clash => return Err(Obstacle::Clash(one.id, other.id)),
                        Meeting::Over(relation) => written_over.push(relation),
                        Meeting::Right => {}
                    }
                }
                all.push(one);
            }
        }
        if !self.is_aligned(&all) {
            return Err(Obstacle::Places);
        }
        for &(tensor, at) in &joining.tensors {
            self.places.tie(tensor, of, at);
        }
        for &(root, _) in &joining.moved {
            self.members[root] = Vec::new();
        }
        self.members[outer] = all;
        for relation in written_over {
            self.shares[relation.operator.index()].push(relation);
        }
        Ok(())
    }

    /// What it means that two tensors are where they are.
    fn meeting(&self, one: Member, other: Member) -> Meeting {
        if one.end <= other.from || other.end <= one.from {
            return Meeting::Right;
        }
        let (Some(a), Some(b)) = (self.live[one.id.index()], self.live[other.id.index()]) else {
            return Meeting::Right;
        };
        if !a.overlaps(b) {
            return Meeting::Right;
        }
        if self.graph.are_kept_apart(one.id, other.id) {
            return Meeting::Clash;
        }
        if self.same_bytes(one, other) {
            return Meeting::Right;
        }
        // At the first step, what nobody writes was there before.
        let written = |id: TensorId| self.graph.tensor(id).producer().is_some();
        let in_order = (a.start, written(one.id)) <= (b.start, written(other.id));
        let (first, then) = if in_order { (a, b) } else { (b, a) };
        let dies_there = first.end == then.start + 1;
        let (read, write) = if in_order { (one, other) } else { (other, one) };
        let over = || match write.from - read.from {
            0 => self.in_place(read.id, write.id).or_else(|| self.overlap(read, write)),
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
    fn overlap(&self, read: Member, write: Member) -> Option<Relation> {
        let (input, output) = (read.id, write.id);
        let operator = self.graph.tensor(output).producer()?;
        let relation = |permit: &Permit| {
            let Permit::Overlap { bytes, lower, .. } = *permit else { return None };
            let (below, above) = if lower == Side::Input { (read, write) } else { (write, read) };
            let (tensor, of) = (above.id, below.id);
            let at = u64::try_from(above.from - below.from).ok()?;
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
    fn same_bytes(&self, one: Member, other: Member) -> bool {
        let (from, end) = (one.from.max(other.from), one.end.min(other.end));
        self.stretches.touched(one.id, from - one.from, end - one.from).iter().all(|own| {
            let start = one.from + i128::from(own.from);
            let (from, end) = (start - other.from, start + i128::from(own.bytes) - other.from);
            self.stretches.touched(other.id, from, end).iter().all(|there| {
                let distance = other.from + i128::from(there.from) - start;
                own.source == there.source && i128::from(there.at) - i128::from(own.at) == distance
            })
        })
    }

    /// Whether all members can be aligned, and at their fixed offsets: from the lowest on,
    /// which is aligned for all.
    fn is_aligned(&self, members: &[Member]) -> bool {
        let lowest = members.iter().map(|member| member.from).min().unwrap_or(0);
        let mut fixed = members.iter().filter_map(|member| {
            Some(i128::from(self.graph.tensor(member.id).fixed_offset()?) - (member.from - lowest))
        });
        let alignment = |member: &Member| self.alignment.of(self.graph.tensor(member.id));
        let all_aligned =
            members.iter().all(|member| (member.from - lowest) % i128::from(alignment(member)) == 0);
        let first = fixed.next();
        let most = members.iter().map(alignment).max();
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
        both_live
            && self.in_place(input, output).is_some_and(|relation| {
                self.shares[relation.operator.index()].contains(&relation) || self.tie(&[relation])
            })
    }

    /// Whether nobody needs the tensor's bytes after the run.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        !self.graph.tensor(tensor).is_output()
            && self.stretches.of(tensor).iter().all(|stretch| {
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
            let (lower, upper) = if lower == Side::Input { (input, output) } else { (output, input) };
            let [reach, of_upper] = [lower, upper].map(|id| self.graph.tensor(id).bytes());
            // The lower one may reach beyond all of the upper one.
            let reach = bytes.min(reach);
            let roots = [input, output].map(|id| self.places.find(id.index()).0);
            let may = self.may_overwrite(input)
                && self.stretches.is_own(output)
                && !self.graph.are_kept_apart(input, output);
            if may && reach.min(of_upper) > 0 && roots[0] != roots[1] && read.end == written.start + 1 {
                self.allowances.push(Allowance { operator, lower, upper, output, reach });
            }
        }
    }

    pub(crate) fn finish(self) -> Layout {
        let mut place = vec![None; self.graph.tensors().len()];
        let mut group_count = 0;
        for members in &self.members {
            let placed = |member: &&Member| self.live[member.id.index()].is_some();
            let Some(lowest) = members.iter().filter(placed).map(|member| member.from).min() else {
                continue;
            };
            for &Member { id, from, .. } in members.iter().filter(placed) {
                let at = u64::try_from(from - lowest).expect("the lowest is the lowest");
                place[id.index()] = Some((group_count, at));
            }
            group_count += 1;
        }
        let shares = self.shares.into_iter().flatten().collect();
        Layout { place, shares, allowances: self.allowances, group_count }
    }
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
