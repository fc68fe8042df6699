//! Rule W7 for tiles.

use std::ops::Range;

use super::check::{Check, asked};
use crate::graph::{Operator, Permit, TileAxis};
use crate::support::ids::OperatorId;

impl Check<'_> {
    /// W7: the permission holds for the rows of a tile.
    pub(super) fn is_permitted(
        &self,
        id: OperatorId,
        node: &Operator,
        axis: &TileAxis,
        rows: &Range<u64>,
        permit: Permit,
    ) -> bool {
        let (input, output) = (self.of(permit.input()), self.of(permit.output()));
        // The kernel may read the input at several positions, by several maps.
        let read_at = |at: usize| {
            let (own, map) = axis.inputs().get(at).copied().flatten()?;
            let count = self.graph.tensor(input).shape()?.get(own).copied()?;
            Some((own, asked(map, rows, count).rows))
        };
        let positions = node.inputs().iter().enumerate().filter(|(_, other)| **other == input);
        let Some(reads) = positions.map(|(at, _)| read_at(at)).collect::<Option<Vec<_>>>() else {
            return false;
        };
        let parts =
            self.tiled.graph.operator(id).inputs().iter().filter(|&&new| self.of(new) == input).count();
        let Some(&(own, _)) = reads.first() else { return false };
        let part = self.rows(permit.input(), own);
        let are_within = reads.iter().all(|(_, read)| part.start <= read.start && read.end <= part.end);
        if parts != 1
            || !are_within
            || self.is_whole(permit.input())
                && self.row_bytes(input, own) * (part.end - part.start)
                    != self.tiled.graph.tensor(permit.input()).bytes()
        {
            return false;
        }
        match permit {
            // A whole tensor has rows that other tiles read.
            Permit::InPlace { .. } => {
                !self.is_whole(permit.input())
                    && !self.is_kept_input(permit.input())
                    && node.permits().contains(&Permit::InPlace { input, output })
            }
            Permit::View { at, .. } => {
                let [(own, read)] = reads.as_slice() else { return false };
                let row = self.row_bytes(input, *own);
                node.permits().contains(&Permit::View { input, output, at: 0 })
                    && at == (read.start - part.start) * row
                    && (read.end - read.start) * row == self.tiled.graph.tensor(permit.output()).bytes()
            }
            Permit::ConcatSlice { .. } | Permit::Overlap { .. } => false,
        }
    }
}
