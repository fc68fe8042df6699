//! Chooses what is shared: contents first, then outputs written over inputs, then overlaps.

use std::collections::BTreeMap;

use super::contents::{Relation, output};
use super::layout::{Allowance, Making, WORK_OF_A_TIE};
use super::{How, Sharing};
use crate::graph::{Permit, Side};
use crate::ids::{OperatorId, TensorId};
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// What to share, of all that may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(super) sharing: Sharing,
    /// Views of a part.
    pub(super) slices: bool,
    pub(super) in_place: bool,
    /// Of several inputs to write over, the last instead of the first.
    pub(super) last: bool,
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

/// Relations of one output whose tensors are in one group: all of them can be used, or none.
#[derive(Default)]
struct Unit {
    wanted: Vec<Relation>,
    /// Relations that hold as soon as the wanted ones do, if they agree with them.
    companions: Vec<Relation>,
}

impl Making<'_> {
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
        meter.work(WORK_OF_A_TIE)?;
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

    /// Lets tensors of different groups overlap in part, now that all groups are made.
    ///
    /// # Errors
    /// Why it was stopped.
    pub(crate) fn allow(&mut self, order: &[OperatorId], meter: &mut Meter<'_>) -> Result<(), Stop> {
        let graph = self.graph;
        let permits = |&id: &OperatorId| graph.operator(id).permits().iter().map(move |permit| (id, permit));
        for (operator, permit) in order.iter().flat_map(permits) {
            meter.charge(8)?;
            meter.work(WORK_OF_A_TIE / 4)?;
            let Permit::Overlap { input, output, bytes, lower } = *permit else { continue };
            let (Some(read), Some(written)) = (self.live[input.index()], self.live[output.index()]) else {
                continue;
            };
            let (lower, upper) = if lower == Side::Input { (input, output) } else { (output, input) };
            let [of_lower, of_upper] = [lower, upper].map(|id| self.graph.tensor(id).bytes());
            // The lower one may reach beyond all of the upper one.
            let reach = bytes.min(of_lower);
            let roots = [input, output].map(|id| self.places.find(id.index()).0);
            let may = self.may_overwrite(input)
                && self.origins.has_own_bytes(self.graph, output)
                && !self.graph.are_kept_apart(input, output);
            if may && reach.min(of_upper) > 0 && roots[0] != roots[1] && read.end == written.start + 1 {
                self.allowances.push(Allowance { operator, lower, upper, output, reach });
            }
        }
        Ok(())
    }
}
