//! The operators of a tiled model, in execution order, before they are written to a file.

use super::kernel::{Rows, TilePadding};
use super::network::{RowRule, TileNetwork, TileOperator};
use super::stripes::{StripeTile, TileRegion, tiles};

/// A tensor of the tiled model: a number below the number of tensors of the model is a tensor of the model, others
/// are [`TiledDraft::tensors`].
pub(in crate::export) type DraftId = usize;

/// The operators of a tiled model or of one region.
pub(in crate::export) struct TiledDraft {
    /// Number of tensors of the model.
    pub(in crate::export) first_new: usize,
    pub(in crate::export) tensors: Vec<RowsOf>,
    pub(in crate::export) operators: Vec<DraftOperator>,
    /// Cost of all tiles less that of their operators as a whole.
    pub(in crate::export) extra: u64,
}

/// A new tensor: rows of a tensor of the model.
#[derive(Clone, Debug)]
pub(in crate::export) struct RowsOf {
    pub(in crate::export) tensor: usize,
    pub(in crate::export) axis: usize,
    /// Rows outside of the tensor are padding.
    pub(in crate::export) rows: Rows,
    /// Columns of padding along the other spatial axis.
    pub(in crate::export) columns: [i64; 2],
}

#[derive(Clone, Debug)]
pub(in crate::export) struct DraftOperator {
    pub(in crate::export) kind: DraftKind,
    pub(in crate::export) inputs: Vec<Option<DraftId>>,
    pub(in crate::export) outputs: Vec<DraftId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::export) enum DraftKind {
    /// An operator of the model, unchanged.
    Whole(usize),
    /// An operator of the model on a part of its rows.
    Tile {
        operator: usize,
        rows: Rows,
        padding: TilePadding,
    },
    /// Rows of the input from `from` on, along `axis`.
    Slice {
        axis: usize,
        from: i64,
    },
    /// Rows of padding before and after the input along `axis`, and columns.
    Pad {
        axis: usize,
        rows: [i64; 2],
        columns: [i64; 2],
    },
    Concatenation {
        axis: usize,
    },
    /// Writes rows into a tensor, from row `from` on.
    Update {
        axis: usize,
        from: i64,
    },
}

/// Rows of a tensor in the current stripe.
#[derive(Clone)]
struct RowPart {
    id: DraftId,
    /// The rows that the tensor has.
    rows: Rows,
    /// The rows with the contents of the untiled tensor; the others are spoilt by padding.
    good: Rows,
}

impl TiledDraft {
    pub(super) fn new(network: &TileNetwork) -> Self {
        let first_new = network.tensors.len();
        Self { first_new, tensors: Vec::new(), operators: Vec::new(), extra: 0 }
    }

    pub(super) fn whole(&mut self, network: &TileNetwork, operator: usize) {
        let TileOperator { inputs, outputs, .. } = &network.operators[operator];
        self.push(DraftKind::Whole(operator), inputs.clone(), outputs.clone());
    }

    /// Adds the operators of a region; none if it cannot be tiled like this. `is_exit` says for each operator of it
    /// whether its outputs exist as a whole.
    pub(super) fn region(
        &mut self,
        network: &TileNetwork,
        region: &TileRegion,
        is_exit: &[bool],
    ) -> Option<()> {
        let stripes = tiles(network, region, is_exit)?;
        let mut of_tensor = vec![None; self.first_new];
        for (at, &id) in region.operators.iter().enumerate() {
            for (output, &tensor) in network.operators[id].outputs.iter().enumerate() {
                of_tensor[tensor] = Some((at, output));
            }
        }
        let parts = region.operators.iter().map(|&id| network.operators[id].outputs.len());
        let parts: Vec<Vec<Option<RowPart>>> = parts.map(|count| vec![None; count]).collect();
        let pieces = parts.iter().map(|outputs| vec![Vec::new(); outputs.len()]).collect();
        let done = vec![0; parts.len()];
        let first = self.operators.len();
        let mut maker = RegionDraft { draft: self, network, region, is_exit, of_tensor, parts, pieces, done };
        for stripe in 0..stripes.len() {
            maker.stripe(&stripes[stripe], stripes.get(stripe + 1))?;
        }
        maker.join_exits()?;
        if network.rules.shares_rows {
            self.slice_entries_first(first);
        }
        Some(())
    }

    /// Moves slices of tensors of the model in front of the operators from `first` on. As views, they take no memory,
    /// and the rows of the tensor can die one by one after them.
    fn slice_entries_first(&mut self, first: usize) {
        let is_of_entry = |operator: &DraftOperator| {
            let is_entry = operator.inputs.first().copied().flatten().is_some_and(|id| id < self.first_new);
            is_entry && matches!(operator.kind, DraftKind::Slice { .. })
        };
        // The sort is stable.
        self.operators[first..].sort_by_key(|operator| !is_of_entry(operator));
    }

    /// Adds a tensor with rows of a tensor of the model.
    fn tensor(&mut self, tensor: usize, axis: usize, rows: Rows, columns: [i64; 2]) -> DraftId {
        self.tensors.push(RowsOf { tensor, axis, rows, columns });
        self.first_new + self.tensors.len() - 1
    }

    fn push(&mut self, kind: DraftKind, inputs: Vec<Option<DraftId>>, outputs: Vec<DraftId>) {
        self.operators.push(DraftOperator { kind, inputs, outputs });
    }
}

/// A region while its stripes are drafted.
struct RegionDraft<'d, 'n> {
    draft: &'d mut TiledDraft,
    network: &'n TileNetwork,
    region: &'d TileRegion,
    is_exit: &'d [bool],
    /// By tensor: the operator of the region that writes it, and which of its outputs it is.
    of_tensor: Vec<Option<(usize, usize)>>,
    /// By operator and output: the rows that exist.
    parts: Vec<Vec<Option<RowPart>>>,
    /// By operator and output: consecutive rows of an exit.
    pieces: Vec<Vec<Vec<(DraftId, Rows)>>>,
    /// By operator: end of the rows of exits.
    done: Vec<i64>,
}

impl<'n> RegionDraft<'_, 'n> {
    fn stripe(&mut self, tiles: &[StripeTile], next: Option<&Vec<StripeTile>>) -> Option<()> {
        let last = self.last_readers(tiles);
        for (at, tile) in tiles.iter().enumerate() {
            if !tile.computed.is_empty() {
                self.tile(at, tile)?;
            }
            for producer in (0..=at).filter(|&producer| last[producer] == at) {
                self.leave(producer, next.map(|next| &next[producer]));
            }
        }
        Some(())
    }

    /// By operator: the operator that reads its rows last in a stripe; the operator itself if none does.
    fn last_readers(&self, tiles: &[StripeTile]) -> Vec<usize> {
        let mut last: Vec<usize> = (0..tiles.len()).collect();
        for (at, _) in tiles.iter().enumerate().filter(|(_, tile)| !tile.computed.is_empty()) {
            let inputs = &self.network.operators[self.region.operators[at]].inputs;
            for (producer, _) in inputs.iter().flatten().filter_map(|&id| self.of_tensor[id]) {
                last[producer] = last[producer].max(at);
            }
        }
        last
    }

    fn rule(&self, at: usize) -> &'n RowRule {
        self.network.rule(self.region.operators[at], self.region.axis).expect("the region was checked")
    }

    /// The rows of a part, as a tensor of exactly these rows.
    fn cut(&mut self, tensor: usize, part: &RowPart, rows: &Rows) -> DraftId {
        if part.rows == *rows {
            return part.id;
        }
        let axis = self.region.axis;
        let id = self.draft.tensor(tensor, axis, rows.clone(), [0; 2]);
        let kind = DraftKind::Slice { axis, from: rows.start - part.rows.start };
        self.draft.push(kind, vec![Some(part.id)], vec![id]);
        id
    }

    /// The part of an input that exists: rows of an earlier tile, or the whole tensor.
    fn part_of(&self, tensor: usize) -> Option<RowPart> {
        if let Some((producer, output)) = self.of_tensor[tensor] {
            return self.parts[producer][output].clone();
        }
        let shape = self.network.tensors[tensor].shape.as_ref()?;
        let rows = 0..i64::try_from(*shape.get(self.region.axis)?).ok()?;
        Some(RowPart { id: tensor, rows: rows.clone(), good: rows })
    }

    /// Adds an operator on the rows of its tile.
    fn tile(&mut self, at: usize, tile: &StripeTile) -> Option<()> {
        let (operator, rule) = (self.region.operators[at], self.rule(at));
        let read = &self.network.operators[operator];
        let by_rows = read.inputs.iter().zip(&rule.by_rows).filter(|(_, by_rows)| **by_rows);
        let tensors: Vec<usize> = by_rows.filter_map(|(id, _)| *id).collect();
        let parts: Vec<RowPart> = tensors.iter().map(|&id| self.part_of(id)).collect::<Option<_>>()?;
        let is_there =
            |part: &RowPart| part.good.start <= tile.reads.start && tile.reads.end <= part.good.end;
        if !parts.iter().all(is_there) {
            return None;
        }
        let supplied = self.supplied(rule, tile, &tensors, &parts);
        let ids: Vec<DraftId> =
            tensors.iter().zip(&parts).map(|(&tensor, part)| self.cut(tensor, part, &supplied)).collect();
        let ids = match tile.padding {
            TilePadding::Valid { rows, across } => {
                vec![self.padded(tensors[0], ids[0], &supplied, (rows, across))]
            }
            TilePadding::Kept | TilePadding::Explicit(_) => ids,
        };
        let (rows, good) = Self::computed(rule, tile, &supplied, &parts)?;
        let mut ids = ids.into_iter();
        let inputs = read.inputs.iter().zip(&rule.by_rows);
        let inputs = inputs.map(|(&id, &by_rows)| if by_rows { ids.next() } else { id });
        let inputs = inputs.collect();
        let outputs = &read.outputs;
        let new: Vec<DraftId> = outputs
            .iter()
            .map(|&tensor| self.draft.tensor(tensor, self.region.axis, rows.clone(), [0; 2]))
            .collect();
        let kind = DraftKind::Tile { operator, rows: rows.clone(), padding: tile.padding };
        self.draft.push(kind, inputs, new.clone());
        self.count(operator, rule, &rows);
        let end = self.done[at].max(good.end.min(tile.computed.end));
        for (output, (&tensor, id)) in outputs.iter().zip(new).enumerate() {
            let part = RowPart { id, rows: rows.clone(), good: good.clone() };
            if self.is_exit[at] && self.done[at] < end {
                let piece = self.done[at]..end;
                let id = self.cut(tensor, &part, &piece);
                self.add_piece((at, output), tensor, id, piece);
            }
            let part = self.behind_kept((at, output), tensor, part, tile);
            self.parts[at][output] = Some(part);
        }
        self.done[at] = end;
        Some(())
    }

    /// The rows of the inputs that the tile gets: all rows that exist, if its padding is kept and it computes the right
    /// rows from them, or exactly those that it needs.
    fn supplied(&self, rule: &RowRule, tile: &StripeTile, tensors: &[usize], parts: &[RowPart]) -> Rows {
        let all = &parts[0].rows;
        let is_new = tensors.iter().all(|&id| self.of_tensor[id].is_some());
        let is_one = parts.iter().all(|part| part.rows == *all);
        if self.region.cut.is_padded || tile.padding != TilePadding::Kept || !is_new || !is_one {
            return tile.reads.clone();
        }
        let fits = rule
            .kernel
            .computed(all)
            .is_some_and(|found| found.start <= tile.computed.start && tile.computed.end <= found.end);
        if fits { all.clone() } else { tile.reads.clone() }
    }

    /// The rows that a tile computes, and those of them that are not spoilt.
    fn computed(
        rule: &RowRule,
        tile: &StripeTile,
        supplied: &Rows,
        parts: &[RowPart],
    ) -> Option<(Rows, Rows)> {
        let mut good = supplied.clone();
        for part in parts {
            good = good.start.max(part.good.start)..good.end.min(part.good.end);
        }
        if tile.padding != TilePadding::Kept {
            return Some((tile.computed.clone(), tile.computed.clone()));
        }
        let rows = rule.kernel.computed(supplied)?;
        let within = rows.start.max(0)..rows.end.min(rule.rows);
        let is_good = |row: i64| {
            let reads = rule.kernel.reads_of_row(row);
            good.start <= reads.start && reads.end <= good.end
        };
        let is_right = within.start <= tile.computed.start && tile.computed.end <= within.end;
        let all = is_right && tile.computed.clone().all(is_good);
        all.then(|| (rows, extended(&tile.computed, &within, is_good)))
    }

    fn padded(
        &mut self,
        tensor: usize,
        input: DraftId,
        supplied: &Rows,
        (rows, columns): ([i64; 2], [i64; 2]),
    ) -> DraftId {
        if rows == [0, 0] && columns == [0, 0] {
            return input;
        }
        let axis = self.region.axis;
        let all = supplied.start - rows[0]..supplied.end + rows[1];
        let id = self.draft.tensor(tensor, axis, all, columns);
        self.draft.push(DraftKind::Pad { axis, rows, columns }, vec![Some(input)], vec![id]);
        id
    }

    fn count(&mut self, operator: usize, rule: &RowRule, rows: &Rows) {
        let cost = u128::from(self.network.operators[operator].cost);
        let cost = cost * u128::from((rows.end - rows.start).unsigned_abs());
        let cost = cost / u128::from(rule.rows.unsigned_abs().max(1));
        self.draft.extra = self.draft.extra.saturating_add(u64::try_from(cost).unwrap_or(u64::MAX));
    }

    /// Puts the rows that the stripe before has kept in front of those of a tile, if readers need them.
    fn behind_kept(
        &mut self,
        (at, output): (usize, usize),
        tensor: usize,
        part: RowPart,
        tile: &StripeTile,
    ) -> RowPart {
        let is_needed = !tile.needed.is_empty() && tile.needed.start < tile.computed.start;
        let Some(kept) = self.parts[at][output].take().filter(|_| is_needed) else { return part };
        let rows = kept.rows.start..tile.computed.end;
        let new = self.cut(tensor, &part, &tile.computed);
        let id = self.draft.tensor(tensor, self.region.axis, rows.clone(), [0; 2]);
        let kind = DraftKind::Concatenation { axis: self.region.axis };
        self.draft.push(kind, vec![Some(kept.id), Some(new)], vec![id]);
        RowPart { id, rows: rows.clone(), good: rows }
    }

    /// After the last read of an operator's rows in a stripe: keeps those that the next stripe needs.
    fn leave(&mut self, at: usize, next: Option<&StripeTile>) {
        let outputs = &self.network.operators[self.region.operators[at]].outputs;
        for (output, &tensor) in outputs.iter().enumerate() {
            let Some(part) = self.parts[at][output].take() else { continue };
            let Some(next) = next else { continue };
            let end = if next.computed.is_empty() { part.good.end } else { next.computed.start };
            let rows = next.needed.start.max(part.good.start)..end;
            if !self.region.cut.is_carried {
                continue;
            }
            if next.needed.is_empty() {
                // A later stripe may need the rows.
                self.parts[at][output] = Some(part);
            } else if !rows.is_empty() {
                let id = self.cut(tensor, &part, &rows);
                self.parts[at][output] = Some(RowPart { id, rows: rows.clone(), good: rows });
            }
        }
    }

    /// Adds a piece of an exit. The kernels concatenate a limited number of pieces at once.
    fn add_piece(&mut self, (at, output): (usize, usize), tensor: usize, id: DraftId, rows: Rows) {
        let axis = self.region.axis;
        let all = self.rule(at).rows;
        let pieces = &mut self.pieces[at][output];
        if self.region.cut.is_updated {
            let is_last = rows.end == all;
            let (kind, inputs) = match pieces.pop() {
                None => {
                    let pads = [rows.start, all - rows.end];
                    (DraftKind::Pad { axis, rows: pads, columns: [0; 2] }, vec![Some(id)])
                }
                Some((whole, _)) => {
                    (DraftKind::Update { axis, from: rows.start }, vec![Some(whole), Some(id)])
                }
            };
            let whole = if is_last { tensor } else { self.draft.tensor(tensor, axis, 0..all, [0; 2]) };
            self.draft.push(kind, inputs, vec![whole]);
            self.pieces[at][output].push((whole, 0..rows.end));
            return;
        }
        pieces.push((id, rows.clone()));
        if pieces.len() == self.network.rules.max_pieces && rows.end < all {
            let pieces = std::mem::take(pieces);
            let rows = pieces[0].1.start..rows.end;
            let id = self.draft.tensor(tensor, axis, rows.clone(), [0; 2]);
            self.concatenate(&pieces, id);
            self.pieces[at][output].push((id, rows));
        }
    }

    fn concatenate(&mut self, pieces: &[(DraftId, Rows)], output: DraftId) {
        let inputs = pieces.iter().map(|piece| Some(piece.0)).collect();
        let kind = DraftKind::Concatenation { axis: self.region.axis };
        self.draft.push(kind, inputs, vec![output]);
    }

    /// Makes the exits whole.
    fn join_exits(&mut self) -> Option<()> {
        for at in (0..self.region.operators.len()).filter(|&at| self.is_exit[at]) {
            let operator = self.region.operators[at];
            if self.done[at] != self.rule(at).rows {
                return None;
            }
            let outputs = &self.network.operators[operator].outputs;
            for (output, &tensor) in outputs.iter().enumerate().filter(|_| !self.region.cut.is_updated) {
                let pieces = std::mem::take(&mut self.pieces[at][output]);
                self.concatenate(&pieces, tensor);
            }
        }
        for &operator in &self.region.operators {
            self.draft.extra = self.draft.extra.saturating_sub(self.network.operators[operator].cost);
        }
        Some(())
    }
}

/// The rows for which `is_good` holds, around `rows`, for which it does.
fn extended(rows: &Rows, within: &Rows, is_good: impl Fn(i64) -> bool) -> Rows {
    let mut good = rows.clone();
    while good.start > within.start && is_good(good.start - 1) {
        good.start -= 1;
    }
    while good.end < within.end && is_good(good.end) {
        good.end += 1;
    }
    good
}
