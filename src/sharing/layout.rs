//! Which tensors share memory in a given order, and where they lie in each other.

use super::contents::{Contents, Places, Relation, Stretch, Stretches};
use super::{How, Sharing};
use crate::graph::{Graph, Permit, Side};
use crate::ids::{OperatorId, TensorId};
use crate::problem::LiveRange;
use crate::sorting::sort_by_keys;

/// What to share, of all that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    sharing: Sharing,
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
    InPlace(Relation),
    Clash,
}

/// Tensors of a group, each so many bytes from the place of its root.
type Members = Vec<(TensorId, i128)>;

#[derive(Clone)]
pub(crate) struct Making<'a> {
    graph: &'a Graph,
    contents: &'a Contents,
    /// By tensor: when it is live.
    live: &'a [Option<LiveRange>],
    alignment: u64,
    places: Places,
    may_in_place: bool,
    /// Contents as far as they are shared.
    stretches: Stretches,
    /// By root.
    members: Vec<Members>,
    shares: Vec<Relation>,
    allowances: Vec<Allowance>,
}

impl<'a> Making<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        contents: &'a Contents,
        live: &'a [Option<LiveRange>],
        alignment: u64,
        sharing: Sharing,
    ) -> Self {
        let members = graph.tensor_ids().map(|id| vec![(id, 0)]).collect();
        let places = Places::new(graph.tensors().len());
        let stretches = Stretches::new(graph.tensors().len());
        Self {
            graph,
            contents,
            live,
            alignment,
            places,
            may_in_place: sharing >= Sharing::InPlace,
            stretches,
            members,
            shares: Vec::new(),
            allowances: Vec::new(),
        }
    }

    /// Lets as much be shared as can be, the contents first, what runs first before the rest.
    pub(crate) fn grant(&mut self, order: &[OperatorId], wish: Wish) {
        let mut step = vec![u32::MAX; self.graph.operators().len()];
        for (place, id) in (0..).zip(order) {
            step[id.index()] = place;
        }
        let wanted = |relation: &&Relation| match relation.how {
            How::View | How::Slice => wish.sharing >= Sharing::Views,
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
            for &id in order {
                self.allow(id);
            }
        }
    }

    /// Lets one thing be shared, if nothing is in the way.
    pub(crate) fn tie(&mut self, relation: Relation) -> bool {
        let Relation { tensor, of, at, how, .. } = relation;
        let changed = if how == How::Concat { of } else { tensor };
        let before = self.stretches.take(changed);
        match how {
            How::View | How::Slice => self.stretches.make_view(self.graph, tensor, of, at),
            How::Concat => {
                let pieces = self.shares.iter().filter(|share| share.of == of && share.how == How::Concat);
                let pieces = pieces.map(|share| (share.at, share.tensor)).chain([(at, tensor)]);
                self.stretches.join(self.graph, of, pieces.collect());
            }
            How::InPlace | How::Overlap => {}
        }
        let is_tied = self.tie_places(relation);
        if !is_tied {
            self.stretches.put(changed, before);
        }
        is_tied
    }

    fn tie_places(&mut self, relation: Relation) -> bool {
        let Relation { tensor, of, at, how, .. } = relation;
        let (inner, outer) = (self.places.find(tensor.index()), self.places.find(of.index()));
        let distance = outer.1 + i128::from(at) - inner.1;
        if inner.0 == outer.0 {
            if distance == 0 && !self.shares.contains(&relation) {
                self.shares.push(relation);
            }
            return distance == 0;
        }
        let moved: Members =
            self.members[inner.0].iter().map(|&(id, place)| (id, place + distance)).collect();
        let there = &self.members[outer.0];
        let mut in_place = Vec::new();
        for &one in &moved {
            for &other in there {
                match self.meeting(one, other) {
                    Meeting::Clash => return false,
                    Meeting::InPlace(relation) => in_place.push(relation),
                    Meeting::Right => {}
                }
            }
        }
        if !self.is_aligned(moved.iter().chain(there)) {
            return false;
        }
        self.places.tie(tensor, of, at);
        self.members[inner.0] = Vec::new();
        self.members[outer.0].extend(moved);
        if how != How::InPlace {
            self.shares.push(relation);
        }
        self.shares.extend(in_place);
        true
    }

    /// What it means that two tensors are where they are.
    fn meeting(&self, one: (TensorId, i128), other: (TensorId, i128)) -> Meeting {
        let (Some(a), Some(b)) = (self.live[one.0.index()], self.live[other.0.index()]) else {
            return Meeting::Right;
        };
        let end = |(id, place): (TensorId, i128)| place + i128::from(self.graph.tensor(id).bytes());
        if !a.overlaps(b) || end(one) <= other.1 || end(other) <= one.1 || self.same_bytes(one, other) {
            return Meeting::Right;
        }
        // At the first step, what nobody writes was there before.
        let written = |id: TensorId| self.graph.tensor(id).producer().is_some();
        let in_order = (a.start, written(one.0)) <= (b.start, written(other.0));
        let (input, output) = if in_order { (one.0, other.0) } else { (other.0, one.0) };
        let (first, then) = if in_order { (a, b) } else { (b, a) };
        let relation = |operator| Relation { operator, tensor: output, of: input, at: 0, how: How::InPlace };
        let relation = self.graph.tensor(output).producer().map(relation);
        let dies_there = one.1 == other.1 && first.end == then.start + 1;
        match relation.filter(|relation| dies_there && self.may_write_over(relation)) {
            Some(relation) => Meeting::InPlace(relation),
            None => Meeting::Clash,
        }
    }

    /// Whether the operator permits it, and nobody needs what is overwritten, if that dies at
    /// its step.
    fn may_write_over(&self, relation: &Relation) -> bool {
        let Relation { operator, tensor: output, of: input, .. } = *relation;
        let permits = self.graph.operator(operator).permits();
        let bytes = self.graph.tensor(output).bytes();
        self.may_in_place
            && permits.contains(&Permit::InPlace { input, output })
            && self.stretches.is_own(output)
            && 0 < bytes
            && bytes <= self.graph.tensor(input).bytes()
            && self.may_overwrite(input)
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
            let alignment = self.graph.tensor(id).alignment().unwrap_or(self.alignment);
            (place - lowest) % i128::from(alignment) == 0
        });
        let first = fixed.next();
        let most = members.map(|&(id, _)| self.graph.tensor(id).alignment().unwrap_or(self.alignment)).max();
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
            let _ = inputs.into_iter().any(|input| self.write_over(operator, input, output));
        }
    }

    /// Writes an output over an input, if that may be.
    pub(crate) fn write_over(&mut self, operator: OperatorId, input: TensorId, output: TensorId) -> bool {
        let relation = Relation { operator, tensor: output, of: input, at: 0, how: How::InPlace };
        let both_live = self.live[input.index()].is_some() && self.live[output.index()].is_some();
        both_live && self.may_write_over(&relation) && self.tie(relation)
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
    pub(crate) fn allow(&mut self, operator: OperatorId) {
        for permit in self.graph.operator(operator).permits() {
            let Permit::Overlap { input, output, bytes, lower } = *permit else { continue };
            let (Some(read), Some(written)) = (self.live[input.index()], self.live[output.index()]) else {
                continue;
            };
            let sizes = [input, output].map(|id| self.graph.tensor(id).bytes());
            let bytes = bytes.min(sizes[0]).min(sizes[1]);
            let roots = [input, output].map(|id| self.places.find(id.index()).0);
            if bytes > 0 && roots[0] != roots[1] && read.end == written.start + 1 && self.may_overwrite(input)
            {
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
        Layout { place, shares: self.shares, allowances: self.allowances, group_count }
    }
}

impl Wish {
    /// What to try, the most first, nothing last.
    pub(crate) fn variants(sharing: Sharing) -> [Self; 6] {
        let all = Self { sharing, in_place: sharing >= Sharing::InPlace, last: false };
        [
            all,
            Self { last: true, ..all },
            Self { sharing: sharing.min(Sharing::InPlace), ..all },
            Self { in_place: false, ..all },
            Self { sharing: sharing.min(Sharing::Views), in_place: false, ..all },
            Self { sharing: Sharing::None, in_place: false, ..all },
        ]
    }
}
