//! Applies a sharing policy: chooses which aliases an order uses.
//!
//! The choice is greedy and proceeds in three phases, each in the order in which operators run:
//! content aliases (views, slices, concatenations), then outputs in place of inputs, then partial
//! overlaps of different rigid groups. An alias is used unless it conflicts with an alias that was
//! chosen earlier. No phase prunes soundly: a choice that is made early may rule out a better one.
//! The planner therefore compares several policies, and bounds never depend on the choice.

use std::ops::Range;

use super::contents::{Alias, output};
use super::layout::{AliasBuilder, OverlapAllowance, WORK_OF_A_TIE};
use super::policy::SharingPolicy;
use super::{AliasKind, SharingLevel};
use crate::graph::{Permit, Side};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::limits::{Budget, Stop};
use crate::support::rows::Rows;
use crate::support::sorting::{sort_by_keys, unique, with_key};

/// Aliases of one output by units: aliases whose tensors are in one rigid group. Their distances are fixed
/// already, so either all aliases of a unit can be used or none.
struct AliasUnits {
    wanted: Rows<Alias>,
    /// By unit: other aliases that hold as soon as the wanted ones do, provided that the distances agree.
    companions: Rows<Alias>,
}

/// The two parts of the key of an alias of one output: the other tensor and the offset.
fn place(alias: &Alias) -> [u64; 2] {
    let other = if alias.kind == AliasKind::Concat { alias.tensor } else { alias.of };
    [other.index() as u64, alias.at]
}

impl AliasUnits {
    /// The wanted aliases of some units, and their companions.
    fn of(&self, units: Range<u32>) -> [&[Alias]; 2] {
        [&self.wanted, &self.companions].map(|rows| {
            let [start, end] = [units.start, units.end].map(|unit| rows.start(unit) as usize);
            &rows.entries()[start..end]
        })
    }
}

impl AliasBuilder<'_> {
    /// Uses as many of the policy's aliases as possible, in the order in which operators run.
    pub(crate) fn apply_policy(
        &mut self,
        order: &[OperatorId],
        policy: SharingPolicy,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        // Phase 1: content aliases. They determine which bytes an operator writes and which inputs must
        // survive. In-place aliases depend on both, so they come later.
        let step = self.graph.positions_in(order);
        let is_wanted = |alias: &Alias| match alias.kind {
            AliasKind::View => policy.sharing >= SharingLevel::Views,
            AliasKind::Slice => policy.slices && policy.sharing >= SharingLevel::Views,
            AliasKind::Concat => policy.sharing >= SharingLevel::All,
            AliasKind::InPlace | AliasKind::Overlap => false,
        };
        let all = &self.contents.aliases;
        let wanted = (0_u32..).zip(all).filter(|(_, alias)| is_wanted(alias));
        let mut numbers: Vec<u32> = wanted.map(|(number, _)| number).collect();
        sort_by_keys(&mut numbers, |&number| [step[all[number as usize].operator.index()].into(), 0]);
        drop(step);
        let output_of = |number: u32| output(&all[number as usize]);
        for numbers in numbers.chunk_by(|&first, &second| output_of(first) == output_of(second)) {
            let aliases: Vec<Alias> = numbers.iter().map(|&number| all[number as usize]).collect();
            // A concatenation of k pieces would compare its group with each piece in turn. Merging all
            // pieces at once compares each pair of members once and gives the same result, see
            // `try_add_units`. Relative placement makes the result depend on the order of the aliases,
            // so aliases are then added one by one.
            if let &[only] = aliases.as_slice() {
                self.try_add(&[only], budget)?;
            } else if self.has_forced() {
                for alias in aliases {
                    self.try_add(&[alias], budget)?;
                }
            } else {
                let units = self.units(&aliases);
                drop(aliases);
                self.try_add_units(&units, 0..units.wanted.count(), budget)?;
            }
        }
        // Phase 2: in-place outputs. All content aliases are fixed now, so it is known which bytes an
        // operator writes and which inputs must survive.
        if policy.in_place {
            for &id in order {
                self.write_in_place(id, policy.last_input, budget)?;
            }
        }
        // Phase 3: partial overlaps between groups.
        if policy.sharing >= SharingLevel::All {
            self.collect_overlaps(order, budget)?;
        }
        Ok(())
    }

    /// Partitions the aliases of one output by the rigid groups of their tensors.
    fn units(&mut self, wanted: &[Alias]) -> AliasUnits {
        // By root: the first wanted alias of a unit, which gives the units their order.
        let roots: Vec<u32> = wanted.iter().map(|alias| self.root(alias)).collect();
        let mut number: Vec<(u32, u32)> = unique(roots.iter().copied().zip(0..));
        number.dedup_by_key(|&mut (root, _)| root);
        let mut order = unique(number.iter().map(|&(_, first)| first));
        for (_, first) in &mut number {
            *first = order.partition_point(|other| other < first) as u32;
        }
        let count = std::mem::take(&mut order).len();
        let unit = |root: u32| {
            let index = number.binary_search_by_key(&root, |&(root, _)| root).ok()?;
            Some(number[index].1)
        };
        let rows = |mut pairs: Vec<(u32, Alias)>| {
            sort_by_keys(&mut pairs, |&(unit, _)| [unit.into(), 0]);
            Rows::of_sorted(count, pairs)
        };
        let wanted_pairs = wanted.iter().zip(roots).filter_map(|(&alias, root)| Some((unit(root)?, alias)));
        let wanted_rows = rows(wanted_pairs.collect());
        // Aliases that the policy does not want, or that were dropped, may hold all the same once the
        // distances of a group are fixed. Recording them lets members with equal contents overlap.
        let contents = self.contents;
        let others = contents.of(wanted[0].operator).into_iter().flatten();
        let known: Vec<[u64; 2]> = unique(wanted.iter().map(place));
        let is_other = |alias: &&Alias| {
            output(alias) == output(&wanted[0]) && known.binary_search(&place(alias)).is_err()
        };
        let of_output = others.filter(is_other);
        let companions = of_output.filter_map(|&alias| Some((unit(self.root(&alias))?, alias))).collect();
        AliasUnits { wanted: wanted_rows, companions: rows(companions) }
    }

    /// The root of the group of an alias's tensor.
    fn root(&mut self, alias: &Alias) -> u32 {
        self.positions.find(alias.tensor.index()).0 as u32
    }

    /// Uses all of these units or, if they conflict, each half of them by itself.
    ///
    /// The result equals that of adding the units one after the other: a conflict is between two
    /// units or between a unit and the rest, so a set without a conflict can be added whole. With
    /// `c` conflicting units out of `k`, this takes O(c log k) attempts instead of k.
    fn try_add_units(
        &mut self,
        units: &AliasUnits,
        range: Range<u32>,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let [wanted, companions] = units.of(range.clone());
        let is_tied = self.try_add_with(wanted, companions, budget)?;
        if !is_tied && range.len() > 1 {
            let middle = range.start + range.len() as u32 / 2;
            self.try_add_units(units, range.start..middle, budget)?;
            self.try_add_units(units, middle..range.end, budget)?;
        }
        Ok(())
    }

    /// Places each output of an operator over the first (or last) input that it may replace.
    fn write_in_place(
        &mut self,
        operator: OperatorId,
        last_input: bool,
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let operator = self.graph.operator(operator);
        let in_place = |permit: &Permit| match *permit {
            Permit::InPlace { input, output } => Some((output, input)),
            _ => None,
        };
        let mut pairs: Vec<(TensorId, TensorId)> = operator.permits().iter().filter_map(in_place).collect();
        if last_input {
            pairs.reverse();
        }
        sort_by_keys(&mut pairs, |(output, _)| [output.index() as u64, 0]);
        budget.charge(8 * (1 + operator.permits().len()))?;
        budget.work(WORK_OF_A_TIE)?;
        for &output in operator.outputs() {
            for &(_, input) in with_key(&pairs, output, |pair| pair.0) {
                if self.try_write_in_place(input, output, budget)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Places an output over an input if the two rigid groups can be merged. Returns whether the
    /// alias is used.
    pub(crate) fn try_write_in_place(
        &mut self,
        input: TensorId,
        output: TensorId,
        budget: &mut Budget<'_>,
    ) -> Result<bool, Stop> {
        if self.live[input.index()].is_none() || self.live[output.index()].is_none() {
            return Ok(false);
        }
        // An earlier merge may have used this alias already, if it moved the two tensors together.
        match self.in_place(input, output) {
            Some(alias) if self.aliases[alias.operator.index()].contains(&alias) => Ok(true),
            Some(alias) => self.try_add(&[alias], budget),
            None => Ok(false),
        }
    }

    /// Records which tensors of different rigid groups may overlap in part. The distance of such
    /// tensors is left to the strategy, so this comes after all groups are complete.
    pub(crate) fn collect_overlaps(
        &mut self,
        order: &[OperatorId],
        budget: &mut Budget<'_>,
    ) -> Result<(), Stop> {
        let graph = self.graph;
        let permits = |&id: &OperatorId| graph.operator(id).permits().iter().map(move |permit| (id, permit));
        for (operator, permit) in order.iter().flat_map(permits) {
            budget.charge(8)?;
            budget.work(WORK_OF_A_TIE / 4)?;
            let Permit::Overlap { input, output, bytes, lower } = *permit else { continue };
            let (Some(read), Some(written)) = (self.live[input.index()], self.live[output.index()]) else {
                continue;
            };
            let (lower, upper) = if lower == Side::Input { (input, output) } else { (output, input) };
            let [of_lower, of_upper] = [lower, upper].map(|id| self.graph.tensor(id).bytes());
            // The lower tensor may extend beyond the end of the upper one.
            let reach = bytes.min(of_lower);
            let roots = [input, output].map(|id| self.positions.find(id.index()).0);
            let is_permitted = self.may_overwrite(input)
                && self.origins.has_own_bytes(self.graph, output)
                && !self.graph.are_kept_apart(input, output);
            // Tensors of one group have a fixed distance, which `merge` has checked. An overlap can
            // only save bytes if the input dies at the step of the output.
            if is_permitted
                && reach.min(of_upper) > 0
                && roots[0] != roots[1]
                && read.end == written.start + 1
            {
                self.allowances.push(OverlapAllowance { operator, lower, upper, output, reach });
            }
        }
        Ok(())
    }
}
