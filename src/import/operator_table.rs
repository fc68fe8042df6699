//! Tables of operator types, one for each format: the columns that all formats have, and the search by name.

use std::sync::OnceLock;

use super::folding::Effects;
use super::permits::PermitRule;

/// A row of a table: operator types of which the importer knows the same.
pub(crate) struct OperatorTypes<C> {
    /// Domain of the names; empty for the operators of the format itself.
    pub(super) domain: &'static str,
    pub(super) names: &'static [&'static str],
    pub(super) permits: PermitRule,
    pub(crate) effects: Effects,
    /// Columns of the format.
    pub(super) columns: C,
}

impl<C> OperatorTypes<C> {
    /// A row of operators that permit no sharing and have no effects.
    pub(super) const fn new(domain: &'static str, names: &'static [&'static str], columns: C) -> Self {
        Self { domain, names, permits: PermitRule::Nothing, effects: Effects::Pure, columns }
    }

    pub(super) const fn permits(mut self, permits: PermitRule) -> Self {
        self.permits = permits;
        self
    }

    pub(super) const fn effects(mut self, effects: Effects) -> Self {
        self.effects = effects;
        self
    }
}

/// Number of names in all rows.
pub(super) const fn name_count<C>(rows: &[OperatorTypes<C>]) -> usize {
    let (mut names, mut row) = (0, 0);
    while row < rows.len() {
        names += rows[row].names.len();
        row += 1;
    }
    names
}

/// Position of a name: the row, and the name in it.
type Position = (u16, u16);

/// A table with `NAMES` names, which are sorted at the first search.
pub(super) struct OperatorTable<C: 'static, const NAMES: usize> {
    rows: &'static [OperatorTypes<C>],
    /// An array, as memory for a map would never be released, and would be more than that of a small file.
    sorted: OnceLock<[Position; NAMES]>,
}

impl<C, const NAMES: usize> OperatorTable<C, NAMES> {
    pub(super) const fn new(rows: &'static [OperatorTypes<C>]) -> Self {
        Self { rows, sorted: OnceLock::new() }
    }

    /// The row of an operator type. O(log names).
    pub(super) fn find(&self, domain: &str, op_type: &str) -> Option<&'static OperatorTypes<C>> {
        let sorted = self.sorted.get_or_init(|| self.sorted_positions());
        let found = sorted.binary_search_by_key(&(domain, op_type), |&position| self.key(position)).ok()?;
        Some(&self.rows[usize::from(sorted[found].0)])
    }

    fn sorted_positions(&self) -> [Position; NAMES] {
        let mut all = [(0, 0); NAMES];
        let of_row = |(row, types): (u16, &OperatorTypes<C>)| {
            (0..types.names.len() as u16).map(move |name| (row, name))
        };
        all.iter_mut()
            .zip((0..).zip(self.rows).flat_map(of_row))
            .for_each(|(slot, position)| *slot = position);
        all.sort_unstable_by_key(|&position| self.key(position));
        all
    }

    fn key(&self, (row, name): Position) -> (&'static str, &'static str) {
        let row = &self.rows[usize::from(row)];
        (row.domain, row.names[usize::from(name)])
    }
}
