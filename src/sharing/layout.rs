//! The aliases of one order and the rigid groups that they form.
//!
//! The builder starts with one rigid group for each tensor, merges the groups of relative
//! placements, and then adds aliases one by one or several at once. An alias is added only if
//! (1) no other alias defines the same bytes of the output, (2) bytes that must be overwritten
//! by relative placement still may be, and (3) the merge of the rigid groups has no conflict.
//! These invariants hold after each addition, so the result is valid at any time. Nothing is
//! pruned here: the exhaustive search of small graphs calls [`AliasBuilder::try_add`] and
//! [`AliasBuilder::try_write_in_place`] with and without each alias.

use std::borrow::Cow;
use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::classes::ContentClasses;
use super::contents::{Alias, ContentAliases};
use super::merge::{GroupMerge, MergeConflict, bytes};
use super::origins::Origins;
use super::policy::SharingPolicy;
use super::rigid::{GroupOffsets, Member, RigidGroup};
use super::{AliasKind, Alignment, Interrupted, SharingLevel};
use crate::error::Error;
use crate::graph::Graph;
use crate::problem::LiveRange;
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::{Budget, Limits, Stop};
use crate::support::offset_union_find::OffsetUnionFind;
use crate::support::sorting::unique;

/// A permission for two tensors of different rigid groups to overlap in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OverlapAllowance {
    pub(crate) operator: OperatorId,
    pub(crate) lower: TensorId,
    pub(crate) upper: TensorId,
    /// The tensor of the two that is the output of the operator.
    pub(crate) output: TensorId,
    /// The lower tensor may extend at most so many bytes beyond the start of the upper one.
    pub(crate) reach: u64,
}

/// The rigid groups of an order, and the aliases that they come from.
#[derive(Clone, Debug)]
pub(crate) struct AliasLayout {
    /// By tensor: its group, and its offset from the start of the group.
    pub(crate) position: Vec<Option<(u32, u64)>>,
    /// The aliases in use.
    pub(crate) aliases: Vec<Alias>,
    /// Permitted overlaps of different groups, whose distances the strategy chooses.
    pub(crate) allowances: Vec<OverlapAllowance>,
    pub(crate) group_count: u32,
}

/// Steps until it is known whether tensors may be tied, beside those for members that meet: a
/// microsecond.
pub(super) const WORK_OF_A_TIE: usize = 512;

impl AliasLayout {
    /// Builds the layout of an order by a policy.
    ///
    /// If a limit is reached, returns the layout with only those aliases that constraints demand,
    /// and the reason for stopping. That layout is built without limits, in near-linear time.
    ///
    /// # Errors
    /// [`Error::Constraint`] if a constraint cannot be satisfied; [`Error::Cancelled`].
    pub(crate) fn within(
        limits: &Limits,
        graph: &Graph,
        contents: &ContentAliases,
        live: &[Option<LiveRange>],
        alignment: Alignment,
        (order, policy): (&[OperatorId], SharingPolicy),
    ) -> Result<(Self, Stop), Error> {
        let build = |limits: &Limits, policy: Option<SharingPolicy>| -> Result<Self, Interrupted> {
            let mut budget = Budget::new(limits, u64::MAX);
            let mut builder =
                AliasBuilder::new(graph, contents, live, alignment, contents.sharing, &mut budget)?;
            if let Some(policy) = policy {
                builder.apply_policy(order, policy, &mut budget)?;
            }
            Ok(builder.finish())
        };
        // Constraints must hold in every plan, so their aliases are built without limits.
        let unlimited = || match build(&Limits::new(), None) {
            Err(Interrupted::Invalid(error)) => Err(error),
            layout => Ok(layout.expect("without limits, nothing stops it")),
        };
        match build(limits, Some(policy)) {
            Ok(layout) => Ok((layout, Stop::Finished)),
            Err(Interrupted::Stopped(Stop::Cancelled)) => Err(Error::Cancelled),
            Err(Interrupted::Invalid(error)) => Err(error),
            Err(Interrupted::Stopped(stop)) => Ok((unlimited()?, stop)),
        }
    }
}

/// Builds the aliases and rigid groups of an order.
///
/// Near-linear: each phase costs O(log^2 n) for each alias and for each pair of tensors that
/// overlap in bytes and time and belong to different [classes](ContentClasses). After a call returned
/// [a reason for stopping](Stop), the builder is inconsistent and must not be used.
#[derive(Clone)]
pub(crate) struct AliasBuilder<'a> {
    pub(super) graph: &'a Graph,
    pub(super) contents: &'a ContentAliases,
    /// By tensor: its live range, or none if it is not in the arena.
    pub(super) live: &'a [Option<LiveRange>],
    /// The offset of each tensor from the root of its rigid group.
    pub(super) positions: OffsetUnionFind,
    pub(super) sharing: SharingLevel,
    /// The content aliases in use, for the comparison of contents.
    pub(super) origins: Origins,
    /// Tensors that hold the same contents, so that checks of merges skip their pairs.
    pub(super) classes: ContentClasses,
    /// By root of the union-find: the group's members; none for a tensor that is alone in its group or
    /// is no root. Most tensors never join a group, so only groups of several tensors are stored.
    groups: Vec<Option<Box<RigidGroup>>>,
    alignment: Alignment,
    /// By operator: the aliases in use.
    pub(super) aliases: Vec<SmallVec<[Alias; 1]>>,
    /// The aliases in use that overwrite an input, if the graph has relative placements.
    overwriting: Vec<Alias>,
    /// By tensor: tensors that must not alias it.
    pub(super) kept_apart: BTreeMap<TensorId, Vec<TensorId>>,
    pub(super) allowances: Vec<OverlapAllowance>,
}

impl<'a> AliasBuilder<'a> {
    /// Creates a builder with the aliases and merges that relative placement demands.
    ///
    /// # Errors
    /// [`Error::Constraint`] if relative placements cannot be satisfied, or the reason for
    /// stopping.
    pub(crate) fn new(
        graph: &'a Graph,
        contents: &'a ContentAliases,
        live: &'a [Option<LiveRange>],
        alignment: impl Into<Alignment>,
        sharing: SharingLevel,
        budget: &mut Budget<'_>,
    ) -> Result<Self, Interrupted> {
        let alignment = alignment.into();
        budget.charge(8 * graph.tensors().len())?;
        let mut kept_apart: BTreeMap<TensorId, Vec<TensorId>> = BTreeMap::new();
        for &[first, second] in graph.kept_apart() {
            kept_apart.entry(first).or_default().push(second);
            kept_apart.entry(second).or_default().push(first);
        }
        let mut builder = Self {
            graph,
            contents,
            live,
            positions: OffsetUnionFind::new(graph.tensors().len()),
            sharing,
            origins: Origins::new(graph),
            classes: ContentClasses::new(graph.tensors().len()),
            groups: vec![None; graph.tensors().len()],
            alignment,
            aliases: vec![SmallVec::new(); graph.operators().len()],
            overwriting: Vec::new(),
            kept_apart,
            allowances: Vec::new(),
        };
        // Without relative placements, every tensor starts in a group of its own.
        if !builder.has_forced() {
            return Ok(builder);
        }
        let mut with_views = builder.clone();
        let is_forced = |alias: &Alias| graph.distance(alias.tensor, alias.of) == Some(alias.at.into());
        match builder.satisfy_placements(is_forced, budget) {
            Ok(()) => Ok(builder),
            // Two tensors may satisfy their placements only because both are views of a third one.
            // So try again with all content aliases.
            Err(Interrupted::Invalid(_)) => {
                with_views.satisfy_placements(|_| true, budget).map(|()| with_views)
            }
            Err(stopped) => Err(stopped),
        }
    }

    /// The group of a root.
    pub(super) fn group(&self, root: usize) -> Cow<'_, RigidGroup> {
        if let Some(group) = &self.groups[root] {
            return Cow::Borrowed(group);
        }
        Cow::Owned(RigidGroup::new(self.single_member(root), self.single_offsets(root)))
    }

    /// The member of the group of a root that is its only tensor. Tensors without bytes or outside of the arena have a
    /// group, so that distances to them are known, but no member: nothing can conflict with them.
    pub(super) fn single_member(&self, root: usize) -> Option<Member> {
        let (id, bytes) = (TensorId::new(root), self.graph.tensors()[root].bytes());
        let member = |live| Member { id, class: id, from: 0, end: bytes.into(), live };
        self.live[root].filter(|_| bytes > 0).map(member)
    }

    fn single_offsets(&self, root: usize) -> GroupOffsets {
        let tensor = &self.graph.tensors()[root];
        GroupOffsets::single(self.alignment.of(tensor), tensor.fixed_offset())
    }

    /// The offsets that the group of a root may have.
    pub(super) fn offsets(&self, root: usize) -> GroupOffsets {
        self.groups[root].as_ref().map_or_else(|| self.single_offsets(root), |group| group.offsets())
    }

    /// Number of members of the group of a root.
    pub(super) fn member_count(&self, root: usize) -> usize {
        let single = || usize::from(self.single_member(root).is_some());
        self.groups[root].as_ref().map_or_else(single, |group| group.len())
    }

    /// Takes the group of a root, if it is stored: if several tensors form it.
    pub(super) fn take_stored(&mut self, root: usize) -> Option<Box<RigidGroup>> {
        self.groups[root].take()
    }

    /// Takes the group of a root.
    pub(super) fn take_group(&mut self, root: usize) -> Box<RigidGroup> {
        self.take_stored(root).unwrap_or_else(|| Box::new(self.group(root).into_owned()))
    }

    /// Stores the group of a root.
    pub(super) fn set_group(&mut self, root: usize, group: Box<RigidGroup>) {
        self.groups[root] = Some(group);
    }

    /// Merges the groups of relative placements. Adds the content aliases that `is_forced` selects
    /// before that: a merge may be valid only because members hold the same contents.
    fn satisfy_placements(
        &mut self,
        is_forced: impl Fn(&Alias) -> bool,
        budget: &mut Budget<'_>,
    ) -> Result<(), Interrupted> {
        let graph = self.graph;
        for &alias in self.contents.aliases.iter().filter(|alias| is_forced(alias)) {
            self.try_add(&[alias], budget)?;
        }
        for placement in graph.relative_placements() {
            if [placement.tensor, placement.of].iter().any(|id| self.live[id.index()].is_none()) {
                continue;
            }
            let merged = self
                .plan_merge(placement.of, vec![(placement.tensor, placement.at)])
                .and_then(|merge| self.merge(&merge, &[], budget));
            merged.map_err(|conflict| match conflict {
                MergeConflict::Stopped(stop) => Interrupted::Stopped(stop),
                MergeConflict::Offsets => self.unsatisfied(placement, None),
                MergeConflict::Members(first, other) => self.unsatisfied(placement, Some((first, other))),
            })?;
        }
        Ok(())
    }

    /// Builds the error for a relative placement that cannot be satisfied.
    fn unsatisfied(
        &mut self,
        placement: &crate::graph::RelativePlacement,
        conflict: Option<(Member, Member)>,
    ) -> Interrupted {
        let subject = placement.subject(self.graph.tensors());
        let problem = match conflict {
            Some((first, other)) => self.why_not(first, other),
            None => self.why_nowhere(placement),
        };
        Interrupted::Invalid(Error::Constraint { subject, problem })
    }

    /// Uses aliases of one output if none of them conflicts; otherwise uses none. Returns whether
    /// they are used.
    pub(crate) fn try_add(&mut self, aliases: &[Alias], budget: &mut Budget<'_>) -> Result<bool, Stop> {
        let contents = self.contents;
        if aliases[0].kind == AliasKind::Concat && !self.has_forced() {
            let companions = contents.of(aliases[0].operator).concat();
            return self.try_add_with(aliases, &companions, budget);
        }
        self.try_add_with(aliases, &[], budget)
    }

    /// Like [`tie`](Self::try_add), but also uses the companions whose distances hold after the merge.
    pub(super) fn try_add_with(
        &mut self,
        aliases: &[Alias],
        companions: &[Alias],
        budget: &mut Budget<'_>,
    ) -> Result<bool, Stop> {
        // Claims come before the merge, because the merge compares contents under them.
        budget.charge(8 * (aliases.len() + companions.len()))?;
        budget.work(WORK_OF_A_TIE)?;
        let mut added = Vec::new();
        let is_tied = self.try_claim_and_merge(aliases, companions, &mut added, budget)?;
        for alias in added {
            if is_tied {
                self.share(alias);
            } else {
                self.origins.remove(self.graph, &alias);
            }
        }
        Ok(is_tied)
    }

    fn try_claim_and_merge(
        &mut self,
        aliases: &[Alias],
        companions: &[Alias],
        added: &mut Vec<Alias>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, Stop> {
        // 1. No other alias may define the same bytes. An alias that is in use already is kept.
        let is_content_alias = |alias: &&Alias| alias.kind != AliasKind::InPlace;
        for alias in aliases.iter().filter(is_content_alias) {
            match self.origins.overlapping(self.graph, alias) {
                Some(claimed) if claimed == alias => {}
                Some(_) => return Ok(false),
                None => self.claim(*alias, added),
            }
        }
        if added.is_empty() && aliases.iter().all(|alias| is_content_alias(&alias)) {
            return Ok(true);
        }
        let tensors = aliases.iter().map(|alias| (alias.tensor, alias.at)).collect();
        // 2. The distances must agree with those that are fixed. The merge may make further aliases
        // hold. They are claimed before members are compared, so that these members count as equal.
        let Ok(merge) = self.plan_merge(aliases[0].of, tensors) else { return Ok(false) };
        if self.has_forced() {
            let companions = self.candidate_companions(&merge, budget)?;
            self.claim_companions(&companions, &merge, added);
        } else {
            self.claim_companions(companions, &merge, added);
        }
        if !added.is_empty() && !self.overwrites_still_permitted(budget)? {
            return Ok(false);
        }
        // 3. Members of the merged groups must not conflict. `try_add_with` retracts all claims on failure.
        match self.merge(&merge, added, budget) {
            Ok(()) => Ok(true),
            Err(MergeConflict::Stopped(stop)) => Err(stop),
            Err(MergeConflict::Members(..) | MergeConflict::Offsets) => Ok(false),
        }
    }

    /// Records that an alias defines its bytes, so that no other alias may define them.
    fn claim(&mut self, alias: Alias, added: &mut Vec<Alias>) {
        self.origins.add(self.graph, alias);
        added.push(alias);
    }

    /// Returns the aliases of all tensors in the merged groups except the largest group. With
    /// relative placement, any of these aliases may hold after the merge. Aliases within the
    /// largest group need no look: both tensors are live when the operator runs, so such an alias
    /// is claimed already or would be a conflict.
    fn candidate_companions(&self, merge: &GroupMerge, budget: &mut Budget<'_>) -> Result<Vec<Alias>, Stop> {
        let graph = self.graph;
        let mut roots: Vec<usize> = merge.moved.iter().map(|&(root, _)| root).chain([merge.outer]).collect();
        // Leaving out the largest group keeps the total work near-linear, as in `merge`.
        let largest = (0..roots.len()).max_by_key(|&part| self.member_count(roots[part]));
        roots.swap_remove(largest.unwrap_or(0));
        let mut operators = Vec::new();
        for root in roots {
            for member in self.group(root).members() {
                let tensor = graph.tensor(member.id);
                operators.extend(tensor.producer().into_iter().chain(tensor.readers().iter().copied()));
            }
        }
        let operators = unique(operators);
        let aliases: Vec<Alias> =
            operators.iter().flat_map(|&id| self.contents.of(id).into_iter().flatten()).copied().collect();
        budget.charge(8 * (operators.len() + aliases.len()))?;
        Ok(aliases)
    }

    /// Claims the companions whose distances hold once the groups are merged.
    fn claim_companions(&mut self, companions: &[Alias], merge: &GroupMerge, added: &mut Vec<Alias>) {
        for alias in companions {
            if self.origins.overlapping(self.graph, alias).is_some() {
                continue;
            }
            let [inner, outer] = [alias.tensor, alias.of].map(|id| self.position_in(merge, id));
            if inner.zip(outer).is_some_and(|(inner, outer)| inner == outer + i128::from(alias.at)) {
                self.claim(*alias, added);
            }
        }
    }

    /// Returns true if the graph has relative placements.
    pub(super) fn has_forced(&self) -> bool {
        !self.graph.relative_placements().is_empty()
    }

    /// Returns true if all overwriting aliases in use are still permitted. A new content alias may
    /// revoke the permission: the overwritten tensor may now hold bytes that are needed later.
    fn overwrites_still_permitted(&mut self, budget: &mut Budget<'_>) -> Result<bool, Stop> {
        if !self.has_forced() {
            return Ok(true);
        }
        budget.charge(8 * self.overwriting.len())?;
        let overwriting = std::mem::take(&mut self.overwriting);
        let is_permitted = overwriting.iter().all(|alias| {
            let (output, input) = match self.graph.tensor(alias.tensor).producer() {
                Some(producer) if producer == alias.operator => (alias.tensor, alias.of),
                _ => (alias.of, alias.tensor),
            };
            self.origins.has_own_bytes(self.graph, output) && self.may_overwrite(input)
        });
        self.overwriting = overwriting;
        Ok(is_permitted)
    }

    /// Records an alias as used.
    pub(super) fn share(&mut self, alias: Alias) {
        self.aliases[alias.operator.index()].push(alias);
        if self.has_forced() && matches!(alias.kind, AliasKind::InPlace | AliasKind::Overlap) {
            self.overwriting.push(alias);
        }
    }

    /// Returns true if nobody needs the tensor's bytes after the run.
    pub(super) fn may_overwrite(&mut self, tensor: TensorId) -> bool {
        !self.graph.tensor(tensor).is_needed_at_end() && self.origins.is_replaceable(self.graph, tensor)
    }

    /// Returns the groups of live tensors.
    ///
    /// A group starts at a multiple of its largest alignment, so bytes below its lowest tensor may
    /// remain free. No offsets are lost: the distances determine the lowest tensor's offset modulo
    /// this alignment.
    pub(crate) fn finish(mut self) -> AliasLayout {
        // The lists below need memory of the size of these, which are of no more use.
        (self.origins, self.classes) = (Origins::default(), ContentClasses::default());
        let (graph, live) = (self.graph, self.live);
        let is_live = |id: &TensorId| live[id.index()].is_some();
        let mut roots: Vec<u32> = Vec::new();
        for id in graph.tensor_ids().filter(is_live) {
            roots.push(self.positions.find(id.index()).0 as u32);
        }
        let roots = unique(roots);
        // By group: the offset of the lowest tensor from the root, and the largest alignment.
        let mut extents: Vec<(i128, u64)> = vec![(i128::MAX, 1); roots.len()];
        let number = |root: usize| roots.partition_point(|&other| (other as usize) < root);
        for id in graph.tensor_ids().filter(is_live) {
            let (root, from) = self.positions.find(id.index());
            let extent = &mut extents[number(root)];
            *extent = (extent.0.min(from), extent.1.max(self.contents.alignment(graph, id)));
        }
        // By group: the offset of its start from the root.
        let start = |(&root, (lowest, alignment))| {
            lowest - i128::from(self.group(root as usize).residue(lowest, alignment))
        };
        let starts: Vec<i128> = roots.iter().zip(extents).map(start).collect();
        self.groups = Vec::new();
        let position = graph.tensor_ids().map(|id| {
            let (root, from) = Some(id).filter(is_live).map(|id| self.positions.find(id.index()))?;
            Some((number(root) as u32, bytes(from - starts[number(root)])))
        });
        let (position, group_count) = (position.collect(), roots.len() as u32);
        let aliases = self.aliases.into_iter().flatten().collect();
        AliasLayout { position, aliases, allowances: self.allowances, group_count }
    }
}

#[cfg(test)]
mod tests;
