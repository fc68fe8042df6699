//! The graph of a tiling computes what the untiled graph computes.
//!
//! Each tensor of the tiled graph has a *label*: a tensor `t` of the untiled graph and rows `a..b` of it
//! along one axis, or all of `t`. The claim is that each tensor holds the rows of its label when it has been
//! written. By induction over the order it suffices that every operator, if its inputs hold their labels,
//! writes the labels of its outputs:
//!
//! - *W1*: a label names a tensor and rows that exist, and the tensor has their size. Inputs, constants,
//!   variables and outputs of the untiled graph exist as a whole, once, and keep kind, size and
//!   permission to be overwritten.
//! - *W2*: an operator that runs as a whole reads and writes the whole tensors of one operator of the
//!   untiled graph, position by position, with its scratch and its bodies.
//! - *W3*: a tile reads exactly the rows that its operator's access map asks for, and its padding is exactly
//!   what lies outside of the tensor. Its inputs hold these rows, in parts that follow each other in memory.
//! - *W4*: a tile writes the rows that it states, of each output of its operator.
//! - *W5*: a carry keeps rows that its inputs hold.
//! - *W6*: a join's parts are all rows of its label, each row once; parts of joins and splits lie where the
//!   label has these rows, whatever the plan, and rows follow each other in memory.
//! - *W7*: a permission to share memory is one that the untiled operator gives, and holds for the rows.
//! - *W8*: every operator of the untiled graph runs as a whole once, or in tiles (in none if no row is read); operators that access one
//!   variable, and those that must run after others, keep their order.
//!
//! Access maps are taken from the untiled graph; that they are true is the compiler's promise. Nothing
//! here is shared with `tiling`. O(n log n) for n tensors and edges of the tiled graph.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Rule;
use super::violation::ViolationCollector;
use crate::graph::{Graph, Operator, Outside, Permit, RowMap, RowsRead, Tensor, TensorKind, TileAxis};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::{OperatorOrigin, TiledGraph};

pub(super) fn check(graph: &Graph, tiled: &TiledGraph, violations: &mut ViolationCollector) {
    let is_complete = tiled.tensors.len() == tiled.graph.tensors().len()
        && tiled.operators.len() == tiled.graph.operators().len();
    if !is_complete {
        violations
            .add(Rule::TileLabel, "a tensor or an operator of the tiled graph has no origin".to_owned());
        return;
    }
    let check = Check { graph, tiled, violations };
    check.run();
    if violations.is_empty() {
        super::tiling_constraints::check(graph, tiled, violations);
    }
}

struct Check<'a> {
    graph: &'a Graph,
    tiled: &'a TiledGraph,
    violations: &'a mut ViolationCollector,
}

impl Check<'_> {
    fn run(mut self) {
        for id in self.tiled.graph.tensor_ids() {
            self.label(id);
        }
        if !self.violations.is_empty() {
            return;
        }
        self.whole_tensors();
        for id in self.tiled.graph.operator_ids() {
            self.operator(id);
        }
        self.each_operator_runs();
    }

    fn wrong(&mut self, rule: Rule, id: OperatorId, problem: impl AsRef<str>) {
        let name = self.tiled.graph.operator(id).name();
        self.violations.add(rule, format!("operator `{name}` of the tiled graph {}", problem.as_ref()));
    }

    /// The rows of a tensor: those of its label, or all along `axis`.
    fn rows(&self, id: TensorId, axis: usize) -> Range<u64> {
        let origin = &self.tiled.tensors[id.index()];
        let all = || {
            self.graph.tensor(origin.tensor).shape().and_then(|shape| shape.get(axis)).copied().unwrap_or(0)
        };
        origin.rows.clone().unwrap_or_else(|| 0..all())
    }

    fn of(&self, id: TensorId) -> TensorId {
        self.tiled.tensors[id.index()].tensor
    }

    fn is_whole(&self, id: TensorId) -> bool {
        self.tiled.tensors[id.index()].rows.is_none()
    }

    /// W1 for one tensor.
    fn label(&mut self, id: TensorId) {
        let origin = &self.tiled.tensors[id.index()];
        let tensor = self.tiled.graph.tensor(id);
        let name = tensor.name();
        let Some(old) = self.graph.tensors().get(origin.tensor.index()) else {
            self.violations.add(
                Rule::TileLabel,
                format!("tensor `{name}` is labelled with tensor {}, which does not exist", origin.tensor),
            );
            return;
        };
        let Some(rows) = &origin.rows else {
            let is_same = tensor.kind() == old.kind()
                && tensor.bytes() == old.bytes()
                && tensor.is_output() == old.is_output()
                && (old.is_overwritable() || !tensor.is_overwritable());
            if !is_same {
                self.violations.add(
                    Rule::TileLabel,
                    format!("tensor `{name}` differs from tensor `{}` in kind, size or use", old.name()),
                );
            }
            return;
        };
        let axis = self.split_axis(id);
        let (Some(axis), Some(old_shape), Some(shape)) = (axis, old.shape(), tensor.shape()) else {
            self.violations.add(
                Rule::TileLabel,
                format!("tensor `{name}` is a part of tensor `{}` along no axis", old.name()),
            );
            return;
        };
        let expected: Vec<u64> = old_shape
            .iter()
            .enumerate()
            .map(|(at, &dim)| if at == axis { rows.end.saturating_sub(rows.start) } else { dim })
            .collect();
        let is_right = rows.start < rows.end
            && rows.end <= old_shape[axis]
            && shape == expected
            && tensor.element_type() == old.element_type()
            && tensor.kind() == TensorKind::Intermediate
            && !tensor.is_output();
        if !is_right {
            self.violations.add(
                Rule::TileLabel,
                format!(
                    "tensor `{name}` is not rows {}..{} of tensor `{}` along axis {axis}",
                    rows.start,
                    rows.end,
                    old.name()
                ),
            );
        }
    }

    /// The axis along which a part has rows: the one in which its shape differs, or the one that its
    /// producer states.
    fn split_axis(&self, id: TensorId) -> Option<usize> {
        let origin = &self.tiled.tensors[id.index()];
        let producer = self.tiled.graph.tensor(id).producer()?;
        match &self.tiled.operators[producer.index()] {
            OperatorOrigin::Tile { operator, axis, .. } => {
                let output =
                    self.tiled.graph.operator(producer).outputs().iter().position(|&output| output == id)?;
                let node = self.graph.operators().get(operator.index())?;
                node.access()?.axes().get(*axis)?.outputs().get(output).copied()
            }
            OperatorOrigin::Split { axis, .. }
            | OperatorOrigin::Carry { axis, .. }
            | OperatorOrigin::Join { axis, .. } => {
                let rank = self.graph.tensor(origin.tensor).shape()?.len();
                (*axis < rank).then_some(*axis)
            }
            OperatorOrigin::Whole(_) => None,
        }
    }

    /// W1: what must exist as a whole does, once.
    fn whole_tensors(&mut self) {
        let mut count = vec![0u32; self.graph.tensors().len()];
        for origin in self.tiled.tensors.iter().filter(|origin| origin.rows.is_none()) {
            count[origin.tensor.index()] += 1;
        }
        for (tensor, count) in self.graph.tensors().iter().zip(count) {
            let must = tensor.kind() != TensorKind::Intermediate || tensor.is_output();
            if count > 1 || must && count == 0 {
                self.violations.add(
                    Rule::TileLabel,
                    format!("tensor `{}` exists {count} times as a whole", tensor.name()),
                );
            }
        }
    }

    fn operator(&mut self, id: OperatorId) {
        let tiled = self.tiled;
        if !self.has_axis(&tiled.operators[id.index()]) {
            return self.wrong(Rule::TilePlace, id, "moves rows of a tensor or an axis that does not exist");
        }
        match &tiled.operators[id.index()] {
            OperatorOrigin::Whole(old) => self.whole_operator(id, *old),
            OperatorOrigin::Tile { operator, axis, rows, reads, .. } => {
                self.tile(id, *operator, *axis, rows, reads);
            }
            OperatorOrigin::Split { tensor, axis } => self.split(id, *tensor, *axis),
            OperatorOrigin::Carry { tensor, axis, rows } => self.carry(id, *tensor, *axis, rows),
            OperatorOrigin::Join { tensor, axis } => self.join(id, *tensor, *axis),
        }
    }

    /// Returns whether the tensor and the axis of an operator that moves rows exist.
    fn has_axis(&self, origin: &OperatorOrigin) -> bool {
        let (OperatorOrigin::Split { tensor, axis }
        | OperatorOrigin::Carry { tensor, axis, .. }
        | OperatorOrigin::Join { tensor, axis }) = origin
        else {
            return true;
        };
        let shape = self.graph.tensors().get(tensor.index()).and_then(Tensor::shape);
        shape.is_some_and(|shape| *axis < shape.len())
    }

    /// W2 and W7.
    fn whole_operator(&mut self, id: OperatorId, old: OperatorId) {
        let Some(node) = self.graph.operators().get(old.index()) else {
            return self.wrong(
                Rule::TileWhole,
                id,
                format!("stands for operator {old}, which does not exist"),
            );
        };
        let new = self.tiled.graph.operator(id);
        let are_same = |ids: &[TensorId], old: &[TensorId]| {
            ids.len() == old.len()
                && ids.iter().zip(old).all(|(&id, &old)| self.is_whole(id) && self.of(id) == old)
        };
        let is_right = are_same(new.inputs(), node.inputs())
            && are_same(new.outputs(), node.outputs())
            && new.scratch_bytes() >= node.scratch_bytes()
            && new.bodies().len() == node.bodies().len();
        if !is_right {
            return self.wrong(
                Rule::TileWhole,
                id,
                format!("is not operator `{}` on its own tensors", node.name()),
            );
        }
        let renamed = |permit: &Permit| renamed(*permit, self.of(permit.input()), self.of(permit.output()));
        if !new.permits().iter().map(renamed).all(|permit| node.permits().contains(&permit)) {
            self.wrong(
                Rule::TilePermit,
                id,
                format!("has a permission that operator `{}` does not give", node.name()),
            );
        }
    }

    /// W3, W4 and W7.
    fn tile(
        &mut self,
        id: OperatorId,
        old: OperatorId,
        axis: usize,
        rows: &Range<u64>,
        reads: &[Option<RowsRead>],
    ) {
        let node = self.graph.operators().get(old.index());
        let Some((node, axis)) = node.and_then(|node| Some((node, node.access()?.axes().get(axis)?))) else {
            return self.wrong(Rule::TileWrite, id, "is a tile of an operator that cannot be split so");
        };
        self.tile_writes(id, node, axis, rows);
        if reads.len() != node.inputs().len() {
            return self.wrong(
                Rule::TileRead,
                id,
                format!("states {} reads for {} inputs", reads.len(), node.inputs().len()),
            );
        }
        for (at, (&input, stated)) in node.inputs().iter().zip(reads).enumerate() {
            match axis.inputs().get(at).copied().flatten() {
                None => self.reads_whole(id, input, stated.as_ref()),
                Some((own, map)) => {
                    let count = self.graph.tensor(input).shape().map_or(0, |shape| shape[own]);
                    let asked = asked(map, rows, count);
                    if stated.as_ref() != Some(&asked) {
                        let name = self.graph.tensor(input).name().to_owned();
                        self.wrong(Rule::TileRead, id, format!("states to read {stated:?} of tensor `{name}`, but rows {}..{} ask for {asked:?}", rows.start, rows.end));
                    }
                    self.holds_rows(id, Rule::TileRead, input, own, &asked.rows);
                }
            }
        }
        let permits = self.tiled.graph.operator(id).permits().to_vec();
        for permit in permits {
            if !self.is_permitted(id, node, axis, rows, permit) {
                self.wrong(
                    Rule::TilePermit,
                    id,
                    format!(
                        "has the permission {permit:?}, which operator `{}` does not give for these rows",
                        node.name()
                    ),
                );
            }
        }
        let is_known = |input: &TensorId| node.inputs().contains(&self.of(*input));
        if !self.tiled.graph.operator(id).inputs().iter().all(is_known)
            || self.tiled.graph.operator(id).scratch_bytes() < node.scratch_bytes()
        {
            self.wrong(
                Rule::TileRead,
                id,
                format!("reads a tensor that operator `{}` does not read, or lacks scratch", node.name()),
            );
        }
    }

    fn tile_writes(&mut self, id: OperatorId, node: &Operator, axis: &TileAxis, rows: &Range<u64>) {
        let outputs = self.tiled.graph.operator(id).outputs();
        let is_right = outputs.len() == node.outputs().len()
            && outputs
                .iter()
                .zip(node.outputs())
                .zip(axis.outputs())
                .all(|((&new, &old), &axis)| self.of(new) == old && self.rows(new, axis) == *rows);
        if !is_right || rows.is_empty() {
            self.wrong(
                Rule::TileWrite,
                id,
                format!(
                    "does not write rows {}..{} of the outputs of operator `{}`",
                    rows.start,
                    rows.end,
                    node.name()
                ),
            );
        }
    }

    fn reads_whole(&mut self, id: OperatorId, input: TensorId, stated: Option<&RowsRead>) {
        let inputs = self.tiled.graph.operator(id).inputs();
        let is_read = inputs.iter().any(|&new| self.of(new) == input && self.is_whole(new));
        if !is_read || stated.is_some() {
            let name = self.graph.tensor(input).name().to_owned();
            self.wrong(Rule::TileRead, id, format!("must read all of tensor `{name}`"));
        }
    }

    /// The inputs hold these rows, in parts that follow each other in memory.
    fn holds_rows(&mut self, id: OperatorId, rule: Rule, tensor: TensorId, axis: usize, rows: &Range<u64>) {
        let inputs = self.tiled.graph.operator(id).inputs();
        let mut parts: Vec<(Range<u64>, TensorId)> = inputs
            .iter()
            .filter(|&&new| self.of(new) == tensor)
            .map(|&new| (self.rows(new, axis), new))
            .collect();
        parts.sort_unstable_by_key(|(rows, id)| (rows.start, rows.end, *id));
        parts.dedup();
        parts.retain(|(part, _)| part.start < rows.end && rows.start < part.end);
        let mut next = rows.start;
        let mut before: Option<&(Range<u64>, TensorId)> = None;
        for part in &parts {
            if part.0.start > next {
                break;
            }
            if let Some(before) = before
                && !self.follows(before, part, tensor, axis)
            {
                let name = self.tiled.graph.tensor(part.1).name().to_owned();
                return self.wrong(
                    Rule::TilePlace,
                    id,
                    format!("reads `{name}`, which need not follow the rows before it in memory"),
                );
            }
            next = next.max(part.0.end);
            before = Some(part);
        }
        if next < rows.end {
            let name = self.graph.tensor(tensor).name().to_owned();
            self.wrong(
                rule,
                id,
                format!(
                    "needs rows {}..{} of tensor `{name}`, but row {next} is in none of its inputs",
                    rows.start, rows.end
                ),
            );
        }
    }

    fn row_bytes(&self, tensor: TensorId, axis: usize) -> u64 {
        let tensor = self.graph.tensor(tensor);
        tensor.bytes() / tensor.shape().map_or(1, |shape| shape[axis].max(1))
    }

    /// True if the graph demands that two parts lie as far apart as their rows.
    fn follows(
        &self,
        one: &(Range<u64>, TensorId),
        other: &(Range<u64>, TensorId),
        tensor: TensorId,
        axis: usize,
    ) -> bool {
        let distance = i128::from(other.0.start - one.0.start) * i128::from(self.row_bytes(tensor, axis));
        rows_follow_each_other(self.graph.tensor(tensor), axis)
            && self.tiled.graph.distance(other.1, one.1) == Some(distance)
    }

    /// W5 and W7.
    fn carry(&mut self, id: OperatorId, tensor: TensorId, axis: usize, rows: &Range<u64>) {
        let new = self.tiled.graph.operator(id);
        let is_right = matches!(new.outputs(), [output] if self.of(*output) == tensor && self.rows(*output, axis) == *rows && !self.is_whole(*output));
        if !is_right {
            return self.wrong(
                Rule::TileCarry,
                id,
                format!("does not write rows {}..{}", rows.start, rows.end),
            );
        }
        self.holds_rows(id, Rule::TileCarry, tensor, axis, rows);
        for permit in self.tiled.graph.operator(id).permits().to_vec() {
            // Rows move down, in ascending order.
            let is_down = matches!(permit, Permit::InPlace { .. })
                && self.rows(permit.input(), axis).start <= rows.start;
            if !is_down || self.is_kept_input(permit.input()) {
                self.wrong(
                    Rule::TilePermit,
                    id,
                    format!("has the permission {permit:?}, but does not move its rows down"),
                );
            }
        }
    }

    /// W6 and W7.
    fn split(&mut self, id: OperatorId, tensor: TensorId, axis: usize) {
        let new = self.tiled.graph.operator(id);
        let [whole] = new.inputs() else {
            return self.wrong(Rule::TilePlace, id, "does not read one tensor");
        };
        let is_right = self.of(*whole) == tensor && self.is_whole(*whole);
        self.parts_lie_in(id, is_right, tensor, axis, *whole, new.outputs());
        let views = |permit: &Permit| match *permit {
            Permit::View { input, output, at } => {
                input == *whole && at == self.rows(output, axis).start * self.row_bytes(tensor, axis)
            }
            _ => false,
        };
        if !new.permits().iter().all(views) {
            self.wrong(Rule::TilePermit, id, "has a permission other than that of a view of rows");
        }
    }

    /// W6 and W7.
    fn join(&mut self, id: OperatorId, tensor: TensorId, axis: usize) {
        let new = self.tiled.graph.operator(id);
        let [output] = new.outputs() else {
            return self.wrong(Rule::TilePlace, id, "does not write one tensor");
        };
        let is_right = self.of(*output) == tensor;
        self.parts_lie_in(id, is_right, tensor, axis, *output, new.inputs());
        let mut parts: Vec<Range<u64>> = new.inputs().iter().map(|&part| self.rows(part, axis)).collect();
        parts.sort_unstable_by_key(|rows| rows.start);
        let all = self.rows(*output, axis);
        let mut next = all.start;
        for rows in &parts {
            if rows.start != next {
                break;
            }
            next = rows.end;
        }
        if next != all.end || parts.iter().any(|rows| rows.start >= next) {
            let name = self.graph.tensor(tensor).name().to_owned();
            self.wrong(
                Rule::TilePlace,
                id,
                format!(
                    "joins parts of tensor `{name}` in which row {next} of {} is missing or occurs twice",
                    all.end
                ),
            );
        }
        let row = self.row_bytes(tensor, axis);
        let pieces = |permit: &Permit| match *permit {
            Permit::ConcatSlice { input, output, at } => {
                let before = self.rows(input, axis).start.checked_sub(all.start);
                output == new.outputs()[0] && before.is_some_and(|rows| at == rows * row)
            }
            _ => false,
        };
        if !new.permits().iter().all(pieces) {
            self.wrong(Rule::TilePermit, id, "has a permission other than that of a part of a tensor");
        }
    }

    /// Parts of one tensor lie where it has these rows, in every plan.
    fn parts_lie_in(
        &mut self,
        id: OperatorId,
        is_right: bool,
        tensor: TensorId,
        axis: usize,
        whole: TensorId,
        parts: &[TensorId],
    ) {
        let rank = self
            .graph
            .tensors()
            .get(tensor.index())
            .and_then(|tensor| tensor.shape())
            .map_or(0, <[u64]>::len);
        if !is_right || axis >= rank {
            return self.wrong(Rule::TilePlace, id, format!("does not concern tensor {tensor}"));
        }
        let row = self.row_bytes(tensor, axis);
        let start = self.rows(whole, axis).start;
        let lies = |part: &TensorId| {
            let rows = i128::from(self.rows(*part, axis).start) - i128::from(start);
            let distance = rows * i128::from(row);
            self.of(*part) == tensor && self.tiled.graph.distance(*part, whole) == Some(distance)
        };
        if !rows_follow_each_other(self.graph.tensor(tensor), axis) || !parts.iter().all(lies) {
            let name = self.graph.tensor(tensor).name().to_owned();
            self.wrong(
                Rule::TilePlace,
                id,
                format!("has parts of tensor `{name}` that need not lie where it has their rows"),
            );
        }
    }

    /// True for a graph input that must not be overwritten, and for parts of one.
    fn is_kept_input(&self, id: TensorId) -> bool {
        let tensor = self.graph.tensor(self.of(id));
        tensor.kind() != TensorKind::Intermediate && !tensor.is_overwritable()
    }

    /// W7: the permission holds for the rows of a tile.
    fn is_permitted(
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

    /// W8.
    fn each_operator_runs(&mut self) {
        let mut whole = vec![0u32; self.graph.operators().len()];
        let mut tiles = vec![0u32; self.graph.operators().len()];
        for origin in &self.tiled.operators {
            // W2 and W4 refuse operators that do not exist.
            let count = match origin {
                OperatorOrigin::Whole(id) => whole.get_mut(id.index()),
                OperatorOrigin::Tile { operator, .. } => tiles.get_mut(operator.index()),
                _ => None,
            };
            if let Some(count) = count {
                *count += 1;
            }
        }
        for (at, operator) in self.graph.operators().iter().enumerate() {
            let runs = whole[at] + tiles[at].min(1);
            // Rows that nothing reads need not be computed; outputs that must exist are checked by W1.
            let may_rest =
                operator.is_folded() || operator.access().is_some() && !operator.outputs().is_empty();
            if runs > 1 || operator.is_folded() && runs > 0 || runs == 0 && !may_rest {
                self.violations.add(
                    Rule::TileOrder,
                    format!(
                        "operator `{}` runs {} times as a whole and in {} tiles",
                        operator.name(),
                        whole[at],
                        tiles[at]
                    ),
                );
            }
        }
        self.variables_keep_order();
        self.control_keeps_order(&tiles);
    }

    fn variables_keep_order(&mut self) {
        let mut accesses: [BTreeMap<TensorId, Vec<OperatorId>>; 2] = Default::default();
        let graphs = [self.graph, &self.tiled.graph];
        for (graph, accesses) in graphs.into_iter().zip(&mut accesses) {
            for &id in graph.program_order() {
                let node = graph.operator(id);
                for &tensor in node.inputs().iter().chain(node.outputs()) {
                    if graph.tensor(tensor).kind() == TensorKind::Variable {
                        accesses.entry(tensor).or_default().push(id);
                    }
                }
            }
        }
        let [old, new] = accesses;
        let renamed: BTreeMap<TensorId, Vec<Option<OperatorId>>> = new
            .into_iter()
            .map(|(tensor, ids)| {
                let whole = |id: OperatorId| match self.tiled.operators[id.index()] {
                    OperatorOrigin::Whole(old) => Some(old),
                    _ => None,
                };
                (self.of(tensor), ids.into_iter().map(whole).collect())
            })
            .collect();
        let old: BTreeMap<_, Vec<_>> =
            old.into_iter().map(|(tensor, ids)| (tensor, ids.into_iter().map(Some).collect())).collect();
        if old != renamed {
            self.violations.add(Rule::TileOrder, "operators access a variable in another order".to_owned());
        }
    }

    fn control_keeps_order(&mut self, tiles: &[u32]) {
        let mut new = vec![None; self.graph.operators().len()];
        for (at, origin) in self.tiled.operators.iter().enumerate() {
            if let OperatorOrigin::Whole(id) = origin
                && let Some(new) = new.get_mut(id.index())
            {
                *new = Some(OperatorId::new(at));
            }
        }
        for id in self.graph.operator_ids().filter(|id| !self.graph.operator(*id).is_folded()) {
            for before in self.graph.operator(id).runs_after() {
                if self.graph.operator(*before).is_folded() {
                    continue;
                }
                let follows = new[id.index()].zip(new[before.index()]).is_some_and(|(late, early)| {
                    self.tiled.graph.operator(late).runs_after().contains(&early)
                });
                if !follows || tiles[id.index()] + tiles[before.index()] > 0 {
                    let (late, early) = (self.graph.operator(id).name(), self.graph.operator(*before).name());
                    self.violations.add(
                        Rule::TileOrder,
                        format!("operator `{late}` need not run after operator `{early}`"),
                    );
                }
            }
        }
    }
}

/// True if all axes outside of this one in memory have one entry.
fn rows_follow_each_other(tensor: &Tensor, axis: usize) -> bool {
    let (Some(shape), Some(order)) = (tensor.shape(), tensor.memory_order()) else { return false };
    order.iter().take_while(|&&outer| outer != axis).all(|&outer| shape[outer] == 1)
}

fn renamed(permit: Permit, input: TensorId, output: TensorId) -> Permit {
    match permit {
        Permit::InPlace { .. } => Permit::InPlace { input, output },
        Permit::View { at, .. } => Permit::View { input, output, at },
        Permit::ConcatSlice { at, .. } => Permit::ConcatSlice { input, output, at },
        Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
    }
}

/// The rows of an input with `count` rows that output rows `rows` read by a map, row by row at both ends.
fn asked(map: RowMap, rows: &Range<u64>, count: u64) -> RowsRead {
    if rows.is_empty() || count == 0 {
        return RowsRead { rows: 0..0, before: 0, after: 0 };
    }
    let (numerator, denominator, first, last) = map.numbers();
    let quotient = |row: u64, term: i64| {
        let (product, divisor) =
            (i128::from(row) * i128::from(numerator) + i128::from(term), i128::from(denominator));
        let (quotient, rest) = (product / divisor, product % divisor);
        if rest < 0 { quotient - 1 } else { quotient }
    };
    let (lowest, highest) = (quotient(rows.start, first), quotient(rows.end - 1, last));
    let count = i128::from(count);
    let number = |rows: i128| u64::try_from(rows).unwrap_or(0);
    if map.outside() == Outside::Edge {
        let [from, to] = [lowest, highest].map(|row| row.max(0).min(count - 1));
        return RowsRead { rows: number(from)..number(to) + 1, before: 0, after: 0 };
    }
    // Rows below zero, within, and from `count` on.
    let within = |row: i128| row.max(0).min(count);
    let all = highest + 1 - lowest;
    RowsRead {
        rows: number(within(lowest))..number(within(highest + 1)),
        before: number((-lowest).min(all)),
        after: number((highest + 1 - count).min(all)),
    }
}
