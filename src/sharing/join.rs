//! Joining rigid groups: which members would meet, and whether they may.

use super::How;
use super::contents::Relation;
use super::layout::{Making, bytes};
use super::rigid::{Member, RigidGroup};
use crate::graph::{Permit, Side};
use crate::ids::TensorId;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

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
pub(super) struct Joining {
    of: TensorId,
    /// Tensors that are to be so many bytes into it.
    tensors: Vec<(TensorId, u64)>,
    pub(super) outer: usize,
    /// By root, ascending: how far each group is moved.
    pub(super) moved: Vec<(usize, i128)>,
}

impl Making<'_> {
    /// Where a tensor is from the root of groups that are joined, if it is in one of them.
    pub(super) fn place_in(&mut self, joining: &Joining, tensor: TensorId) -> Option<i128> {
        let (root, at) = self.places.find(tensor.index());
        if root == joining.outer {
            return Some(at);
        }
        let own = joining.moved.binary_search_by_key(&root, |&(root, _)| root).ok()?;
        Some(at + joining.moved[own].1)
    }

    /// What it takes for tensors to be so many bytes into another one.
    pub(super) fn joining(
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
    pub(super) fn join(&mut self, joining: &Joining, meter: &mut Meter<'_>) -> Result<(), Obstacle> {
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
        for relation in written_over {
            self.share(relation);
        }
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
            for member in part {
                fresh.insert(member);
            }
        }
        Ok(fresh)
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
    pub(super) fn in_place(&mut self, input: TensorId, output: TensorId) -> Option<Relation> {
        let operator = self.graph.tensor(output).producer()?;
        let bytes = self.graph.tensor(output).bytes();
        let may = self.contents.overwrites(input, output).contains(&Permit::InPlace { input, output })
            && self.origins.has_own_bytes(self.graph, output)
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
        found.filter(|_| self.origins.has_own_bytes(self.graph, output) && self.may_overwrite(input))
    }

    /// Whether what two tensors have in common of places has the same contents.
    pub(super) fn same_bytes(&mut self, one: Member, other: Member) -> bool {
        let (from, end) = (one.from.max(other.from), one.end.min(other.end));
        let within = |member: Member| (member.id, bytes(from - member.from));
        self.origins.are_same(self.graph, within(one), within(other), bytes(end - from))
    }
}
