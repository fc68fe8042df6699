//! Merging rigid groups, and the conflicts between their members.
//!
//! An alias fixes the distance of two tensors and thereby merges their rigid groups. The merge is
//! possible if (1) alignments and fixed offsets of all members agree, and (2) each pair of members
//! that would overlap in bytes and time either holds the same contents there or may overwrite one
//! another by an operator's permission. The largest group stays in place and only members of the
//! others are looked up in it, so a tensor is moved O(log n) times over all merges. Pairs of one
//! class are skipped, as they hold the same contents. The output of the new aliases is checked part
//! by part, each with the class of the tensor whose contents the part holds, and its class is joined
//! with theirs after the check. So a tensor is not compared with the members whose contents it holds.

use smallvec::SmallVec;

use super::AliasKind;
use super::classes::ContentClasses;
use super::contents::{Alias, output};
use super::layout::AliasBuilder;
use super::merge::{GroupMerge, MergeConflict, bytes};
use super::rigid::{GroupOffsets, Member, RigidGroup};
use crate::graph::{Permit, Side};
use crate::support::ids::TensorId;
use crate::support::limits::Budget;
use crate::support::sorting::{sort_by_keys, unique};

/// A group that a merge moves. It is out of the builder while its members are checked, so that they need not be
/// copied: most merges of large groups fail at the first members.
struct MovedGroup {
    root: usize,
    /// Offset of its root from the root of the group that stays.
    distance: i128,
    /// The group, or none if the root is its only tensor: a concatenation may have a million such parts.
    group: Option<Box<RigidGroup>>,
}

impl AliasBuilder<'_> {
    /// Returns the offset that a tensor will have from the root of the merged group, or none if the
    /// tensor belongs to none of the groups.
    pub(super) fn position_in(&mut self, merge: &GroupMerge, tensor: TensorId) -> Option<i128> {
        let (root, at) = self.positions.find(tensor.index());
        if root == merge.outer {
            return Some(at);
        }
        let index = merge.moved.binary_search_by_key(&root, |&(root, _)| root).ok()?;
        Some(at + merge.moved[index].1)
    }

    /// Plans the merge that puts each tensor at its offset from the start of `of`.
    ///
    /// # Errors
    /// [`MergeConflict::Offsets`] if the tensors have other distances already, or if two of them
    /// demand different offsets of one group.
    pub(super) fn plan_merge(
        &mut self,
        of: TensorId,
        tensors: Vec<(TensorId, u64)>,
    ) -> Result<GroupMerge, MergeConflict> {
        let outer = self.positions.find(of.index());
        let mut moved = Vec::new();
        for &(tensor, at) in &tensors {
            let (root, position) = self.positions.find(tensor.index());
            let distance = outer.1 + i128::from(at) - position;
            // Tensors of one group must already have the demanded distance.
            if root != outer.0 {
                moved.push((root, distance));
            } else if distance != 0 {
                return Err(MergeConflict::Offsets);
            }
        }
        sort_by_keys(&mut moved, |&(root, _)| [root as u64, 0]);
        moved.dedup();
        if moved.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(MergeConflict::Offsets);
        }
        Ok(GroupMerge { of, tensors, outer: outer.0, moved })
    }

    /// Performs a planned merge if no members conflict. Otherwise, the groups stay as they were. `claimed` are the
    /// content aliases of one output that hold after the merge and did not before.
    ///
    /// Costs O(log^2 n) for each member of the groups but the largest, and for each pair of
    /// members of different classes that overlap.
    pub(super) fn merge(
        &mut self,
        merge: &GroupMerge,
        claimed: &[Alias],
        budget: &mut Budget<'_>,
    ) -> Result<(), MergeConflict> {
        let GroupMerge { of, outer, ref moved, .. } = *merge;
        if moved.is_empty() {
            self.join_classes(claimed);
            return Ok(());
        }
        let mut parts: Vec<(usize, i128)> = [(outer, 0)].into_iter().chain(moved.iter().copied()).collect();
        let offsets = parts.iter().map(|&(root, distance)| self.offsets(root).moved(distance));
        let offsets = GroupOffsets::merged(&offsets).ok_or(MergeConflict::Offsets)?;
        // Keep the largest group in place and move the others: each time a tensor moves, its group at
        // least doubles, so it moves O(log n) times in all.
        let largest = (0..parts.len()).rev().max_by_key(|&part| self.member_count(parts[part].0));
        parts.swap(0, largest.unwrap_or(0));
        // Check the output of the aliases last, so that all members whose contents it holds are already in
        // the groups that it is compared with, where their classes are skipped.
        if let Some(output) = claimed.first().map(|alias| self.positions.find(output(alias).index()).0) {
            parts[1..].sort_by_key(|&(root, _)| root == output);
        }
        let (root, distance) = parts[0];
        let mut host = self.take_group(root);
        host.shift(distance);
        let take =
            |&(root, distance): &(usize, i128)| MovedGroup { root, distance, group: self.take_stored(root) };
        let moved: Vec<MovedGroup> = parts[1..].iter().map(take).collect();
        drop(parts);
        let mut written_over = Vec::new();
        // The check reads the classes while it changes other fields, and joins none.
        let classes = std::mem::take(&mut self.classes);
        let moved_group = self.check_members(&host, &moved, merge, &classes, &mut written_over, budget);
        self.classes = classes;
        let mut moved_group = match moved_group {
            Ok(moved_group) => moved_group,
            Err(conflict) => {
                host.shift(-distance);
                self.set_group(root, host);
                for MovedGroup { root, group, .. } in moved {
                    group.into_iter().for_each(|group| self.set_group(root, group));
                }
                return Err(conflict);
            }
        };
        // Nothing can fail from here on. All moves take effect together.
        for &(tensor, at) in &merge.tensors {
            self.positions.tie(tensor, of, at);
        }
        drop(moved);
        self.join_classes(claimed);
        // The many single parts of a concatenation are more than the largest part.
        if moved_group.len() > host.len() {
            std::mem::swap(&mut *host, &mut moved_group);
        }
        host.absorb(offsets, moved_group.members(), &self.classes);
        self.set_group(outer, host);
        // The trees return members in an order that depends on their history, so sort for
        // deterministic plans.
        sort_by_keys(&mut written_over, |alias| [alias.tensor.index() as u64, alias.of.index() as u64]);
        written_over.dedup();
        for alias in written_over {
            self.share(alias);
        }
        Ok(())
    }

    /// Checks the members of the moved groups against each other and against the host, which stays
    /// in place. Returns the moved members as one group and collects the aliases that permit
    /// overlaps.
    fn check_members(
        &mut self,
        host: &RigidGroup,
        parts: &[MovedGroup],
        merge: &GroupMerge,
        classes: &ContentClasses,
        written_over: &mut Vec<Alias>,
        budget: &mut Budget<'_>,
    ) -> Result<RigidGroup, MergeConflict> {
        let mut moved_group = RigidGroup::empty();
        for part in parts {
            let single = if part.group.is_none() { self.single_member(part.root) } else { None };
            let members = || {
                let several = part.group.iter().flat_map(|group| group.members());
                several.chain(single).map(|member| member.moved(part.distance))
            };
            // Members of one part do not conflict with each other: their distances have not changed. So
            // each member is compared with the host and with the parts before its own.
            for member in members() {
                let mut work = 8;
                for probe in self.probes(member, classes) {
                    for group in [host, &moved_group] {
                        group.for_each_overlapping(&probe, classes, &mut work, |other| {
                            written_over.extend(self.resolve_overlap(member, other)?);
                            let work = 8 + std::mem::take(&mut self.origins.work);
                            budget.charge(work as usize).map_err(MergeConflict::Stopped)
                        })?;
                    }
                }
                work += std::mem::take(&mut self.origins.work);
                budget.charge(work as usize)?;
                self.check_kept_apart(member, merge)?;
            }
            for member in members() {
                moved_group.insert(member, classes);
            }
        }
        Ok(moved_group)
    }

    /// Cuts a member into ranges of one class each: a part whose contents are those of another tensor
    /// belongs to that tensor's class.
    fn probes(&mut self, member: Member, classes: &ContentClasses) -> SmallVec<[Member; 2]> {
        let mut probes: SmallVec<[Member; 2]> = SmallVec::new();
        for (at, of) in self.origins.parts(self.graph, member.id) {
            let (from, class) = (member.from + i128::from(at), classes.find(of));
            if let Some(last) = probes.last_mut() {
                if last.class == class {
                    continue;
                }
                last.end = from;
            }
            probes.push(Member { class, from, ..member });
        }
        probes
    }

    /// Joins the class of an output with those of the tensors whose contents its aliases show.
    fn join_classes(&mut self, claimed: &[Alias]) {
        let outputs = unique(claimed.iter().map(output));
        for (id, live) in outputs.into_iter().filter_map(|id| Some((id, self.live[id.index()]?))) {
            let from = self.positions.find(id.index()).1;
            let end = from + i128::from(self.graph.tensor(id).bytes());
            let classes = std::mem::take(&mut self.classes);
            let parts = self.probes(Member { id, class: id, from, end, live }, &classes);
            self.classes = classes;
            for part in parts {
                let classes = [id, part.class].map(|id| self.classes.find(id));
                let [own, of] = classes.map(|class| (class, self.positions.find(class.index()).1));
                self.classes.join(self.graph, own, of, (part.from, part.end));
            }
        }
    }

    /// Returns an error if a member would overlap a tensor that must not alias it.
    fn check_kept_apart(&mut self, member: Member, merge: &GroupMerge) -> Result<(), MergeConflict> {
        for id in self.kept_apart.get(&member.id).cloned().unwrap_or_default() {
            // The lookup by overlap skips members of the same class, so constraints on them are
            // checked here.
            if let (Some(from), Some(live)) = (self.position_in(merge, id), self.live[id.index()]) {
                let end = from + i128::from(self.graph.tensor(id).bytes());
                let other = Member { id, class: id, from, end, live };
                if member.overlaps(&other) {
                    return Err(MergeConflict::Members(member, other));
                }
            }
        }
        Ok(())
    }

    /// Returns the alias that permits two members to overlap, or none if they hold the same
    /// contents there. An overwritten member must die at the step of the operator that overwrites
    /// it: the later live range starts at the last step of the earlier one.
    fn resolve_overlap(&mut self, one: Member, other: Member) -> Result<Option<Alias>, MergeConflict> {
        // A must-not-alias constraint applies even if both hold the same contents.
        if self.graph.are_kept_apart(one.id, other.id) {
            return Err(MergeConflict::Members(one, other));
        }
        if self.same_bytes(one, other) {
            return Ok(None);
        }
        let (read, write) = self.by_start(one, other);
        let alias = match write.from - read.from {
            0 => self.in_place(read.id, write.id).or_else(|| self.partial_overlap(read, write)),
            _ => self.partial_overlap(read, write),
        };
        // If the read member lives on, later readers would see the overwritten bytes.
        let dies_there = read.live.end == write.live.start + 1;
        alias.filter(|_| dies_there).map(Some).ok_or(MergeConflict::Members(one, other))
    }

    /// Returns two members in the order in which their live ranges start.
    pub(super) fn by_start(&self, one: Member, other: Member) -> (Member, Member) {
        // At the first step, graph inputs are live before the output of the first operator.
        let begin = |member: Member| (member.live.start, self.graph.tensor(member.id).producer().is_some());
        if begin(one) <= begin(other) { (one, other) } else { (other, one) }
    }

    /// Returns the in-place alias of an output and an input if the producer permits it, it writes
    /// some of the output's bytes, and nobody needs the input after the run. The caller checks that
    /// the input dies at the producer's step.
    pub(super) fn in_place(&mut self, input: TensorId, output: TensorId) -> Option<Alias> {
        let operator = self.graph.tensor(output).producer()?;
        let bytes = self.graph.tensor(output).bytes();
        let is_permitted =
            self.contents.overwrites(input, output).contains(&Permit::InPlace { input, output })
                && self.origins.has_own_bytes(self.graph, output)
                && 0 < bytes
                && bytes <= self.graph.tensor(input).bytes()
                && self.may_overwrite(input);
        is_permitted.then_some(Alias { operator, tensor: output, of: input, at: 0, kind: AliasKind::InPlace })
    }

    /// Returns the partial overlap of a read and a written member if a permission covers their
    /// distance.
    fn partial_overlap(&mut self, read: Member, write: Member) -> Option<Alias> {
        let (input, output) = (read.id, write.id);
        let operator = self.graph.tensor(output).producer()?;
        let alias = |permit: &Permit| {
            let Permit::Overlap { bytes, lower, .. } = *permit else { return None };
            let (below, above) = if lower == Side::Input { (read, write) } else { (write, read) };
            let (tensor, of) = (above.id, below.id);
            let at = u64::try_from(above.from - below.from).ok()?;
            let is_permitted = self.graph.tensor(of).bytes().saturating_sub(at) <= bytes;
            is_permitted.then_some(Alias { operator, tensor, of, at, kind: AliasKind::Overlap })
        };
        let alias = self.contents.overwrites(input, output).iter().find_map(alias);
        alias.filter(|_| self.origins.has_own_bytes(self.graph, output) && self.may_overwrite(input))
    }

    /// Returns true if two members hold the same contents in all bytes that they have in common.
    pub(super) fn same_bytes(&mut self, one: Member, other: Member) -> bool {
        let (from, end) = (one.from.max(other.from), one.end.min(other.end));
        let within = |member: Member| (member.id, bytes(from - member.from));
        self.origins.are_same(self.graph, within(one), within(other), bytes(end - from))
    }
}
