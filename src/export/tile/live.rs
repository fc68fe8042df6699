//! Live bytes of the operators of a region.

use super::draft::{DraftId, DraftKind, DraftOperator, TiledDraft};
use super::network::{TileNetwork, TileOperator};

/// The most live bytes of a drafted region, without the tensors that are live through it. `dies` says of a tensor of the
/// model whether no operator reads it after the region. O(tensors + operands).
pub(super) fn peak(network: &TileNetwork, draft: &TiledDraft, dies: impl Fn(usize) -> bool) -> u64 {
    let mut lives = DraftLives::new(network, draft);
    if network.rules.shares_rows {
        lives.place_pieces();
        lives.release_entries(&dies);
    } else {
        lives.keep_entries(&dies);
    }
    lives.peak()
}

/// Live ranges of the tensors of a draft, in steps: one for each operator, both ends included.
struct DraftLives<'d> {
    network: &'d TileNetwork,
    draft: &'d TiledDraft,
    /// By new tensor.
    first: Vec<usize>,
    last: Vec<usize>,
    bytes: Vec<u64>,
    /// Bytes of tensors of the model that become live or dead before each step.
    change: Vec<i64>,
}

impl<'d> DraftLives<'d> {
    fn new(network: &'d TileNetwork, draft: &'d TiledDraft) -> Self {
        let count = draft.operators.len();
        let none = vec![0; draft.tensors.len()];
        let bytes = (0..draft.tensors.len()).map(|new| draft_bytes(network, draft, new)).collect();
        let change = vec![0; count + 2];
        let mut lives = Self { network, draft, first: none.clone(), last: none, bytes, change };
        for (step, operator) in draft.operators.iter().enumerate() {
            for new in operator.inputs.iter().flatten().filter_map(|&id| id.checked_sub(draft.first_new)) {
                lives.last[new] = step;
            }
            let is_update = matches!(operator.kind, DraftKind::Update { .. });
            for &output in &operator.outputs {
                match lives.new_tensor(output) {
                    Some(new) => {
                        (lives.first[new], lives.last[new]) = (step, step);
                        if is_update {
                            lives.bytes[new] = 0;
                        }
                    }
                    None if is_update => {}
                    None => lives.add(network.tensors[output].bytes, step, count),
                }
            }
        }
        lives.keep_updated();
        lives
    }

    /// The position of a tensor among the new ones; none for a tensor of the model.
    fn new_tensor(&self, id: DraftId) -> Option<usize> {
        id.checked_sub(self.draft.first_new)
    }

    fn add(&mut self, bytes: u64, first: usize, last: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX / 4);
        self.change[first] += bytes;
        self.change[last + 1] -= bytes;
    }

    /// The tensor of an exit that is written piece by piece stays until the end.
    fn keep_updated(&mut self) {
        let count = self.draft.operators.len();
        for operator in &self.draft.operators {
            let is_update = matches!(operator.kind, DraftKind::Update { .. });
            let written = operator.inputs.first().copied().flatten().filter(|_| is_update);
            if let Some(new) = written.and_then(|id| self.new_tensor(id))
                && self.bytes[new] > 0
            {
                self.last[new] = count;
            }
        }
    }

    /// Tensors of the model that die in the region stay until their last reader.
    fn keep_entries(&mut self, dies: &impl Fn(usize) -> bool) {
        for (input, step) in self.entries() {
            if dies(input) {
                self.add(self.network.tensors[input].bytes, 0, step);
            }
        }
    }

    /// Tensors of the model that the region reads, each with its last reader.
    fn entries(&self) -> Vec<(usize, usize)> {
        let mut entries: Vec<(usize, usize)> = Vec::new();
        for (step, operator) in self.draft.operators.iter().enumerate() {
            for &input in operator.inputs.iter().flatten().filter(|&&input| input < self.draft.first_new) {
                match entries.iter_mut().find(|(id, _)| *id == input) {
                    Some(entry) => entry.1 = step,
                    None => entries.push((input, step)),
                }
            }
        }
        entries
    }

    /// Pieces lie in the output of their concatenation. Outer concatenations come later, so they are placed first.
    fn place_pieces(&mut self) {
        let count = self.draft.operators.len();
        for (step, operator) in self.draft.operators.iter().enumerate().rev() {
            let DraftKind::Concatenation { axis } = operator.kind else { continue };
            let output = operator.outputs[0];
            let last = self.new_tensor(output).map_or(count, |new| self.last[new]);
            let mut inside = 0;
            let mut start = 0;
            let first_new = self.draft.first_new;
            for piece in operator.inputs.iter().flatten().filter_map(|&id| id.checked_sub(first_new)) {
                if self.is_place(piece, axis, start) {
                    inside += self.bytes[piece];
                    self.last[piece] = self.last[piece].max(last);
                }
                start += self.draft.tensors[piece].rows.end - self.draft.tensors[piece].rows.start;
            }
            if let Some(new) = self.new_tensor(output) {
                self.bytes[new] = self.bytes[new].saturating_sub(inside);
            } else {
                // The output was counted as a whole.
                let inside = i64::try_from(inside.min(self.network.tensors[output].bytes)).unwrap_or(0);
                self.change[step] -= inside;
                self.change[count + 1] += inside;
            }
        }
    }

    /// Returns whether row `start` of a tensor like `part` is a place for a part: the rows are contiguous and start at a
    /// multiple of the alignment.
    fn is_place(&self, part: usize, axis: usize, start: i64) -> bool {
        let tensor = self.draft.tensors[part].tensor;
        let shape = self.network.tensors[tensor].shape.as_deref().unwrap_or_default();
        shape.iter().take(axis).all(|&dim| dim == 1)
            && self.network.is_aligned_row(tensor, axis, start.unsigned_abs())
    }

    /// Slices of a tensor of the model that only they read are views of it: each of its rows dies with the last of
    /// the slices that contain it. Slices come in the order of their rows.
    fn release_entries(&mut self, dies: &impl Fn(usize) -> bool) {
        for (input, last) in self.entries() {
            let readers = self.draft.operators.iter().enumerate();
            let readers = readers.filter(|(_, operator)| operator.inputs.contains(&Some(input)));
            let mut slices: Vec<(i64, usize, usize)> = Vec::new();
            let mut are_views = true;
            for (step, operator) in readers {
                let new = operator.outputs.first().and_then(|&output| self.new_tensor(output));
                match (&operator.kind, new) {
                    (&DraftKind::Slice { axis, from }, Some(new)) if self.is_place(new, axis, from) => {
                        slices.push((from, new, step));
                    }
                    _ => are_views = false,
                }
            }
            // A view takes no bytes while its tensor is live.
            if !dies(input) {
                for &(_, new, _) in &slices {
                    self.bytes[new] = 0;
                }
            } else if are_views {
                self.release(input, last, &slices);
            } else {
                self.add(self.network.tensors[input].bytes, 0, last);
            }
        }
    }

    fn release(&mut self, input: usize, last_slice: usize, slices: &[(i64, usize, usize)]) {
        let all = self.network.tensors[input].bytes;
        let mut released = 0;
        let mut until = last_slice;
        for (at, &(_, new, _)) in slices.iter().enumerate() {
            until = until.max(self.last[new]);
            self.bytes[new] = 0;
            let rows = &self.draft.tensors[new];
            let end = match slices.get(at + 1) {
                Some(&(next, _, _)) => self.network.part_bytes(input, rows.axis, next, 0),
                None => all,
            };
            self.add(end.saturating_sub(released), 0, until);
            released = released.max(end);
        }
    }

    fn peak(mut self) -> u64 {
        for new in 0..self.draft.tensors.len() {
            self.add(self.bytes[new], self.first[new], self.last[new]);
        }
        let mut live = 0;
        let mut peak = 0;
        for (step, operator) in self.draft.operators.iter().enumerate() {
            live += self.change[step];
            let dying = |id: DraftId| self.new_tensor(id).filter(|&new| self.last[new] == step);
            let overwritten = overwritten(self.network, operator, |id| Some(self.bytes[dying(id)?]));
            let output = operator.outputs.first().and_then(|&id| self.new_tensor(id));
            let overwritten = overwritten.min(output.map_or(0, |new| self.bytes[new]));
            let scratch = tile_scratch(self.network, &operator.kind);
            peak = peak.max(live.unsigned_abs().saturating_sub(overwritten) + scratch);
        }
        peak
    }
}

/// Bytes of a part that dies at a tile and whose memory the tile's output may take. `dying` returns the bytes of a
/// part that dies there.
fn overwritten(
    network: &TileNetwork,
    operator: &DraftOperator,
    dying: impl Fn(DraftId) -> Option<u64>,
) -> u64 {
    let DraftKind::Tile { operator: id, .. } = operator.kind else { return 0 };
    let inputs = network.operators[id].overwrites.iter().filter_map(|&at| operator.inputs[at]);
    inputs.filter_map(dying).max().unwrap_or(0)
}

/// Scratch of a tile: that of the operator by its share of rows.
fn tile_scratch(network: &TileNetwork, kind: &DraftKind) -> u64 {
    let DraftKind::Tile { operator, rows, .. } = kind else { return 0 };
    let TileOperator { scratch: whole, rules, .. } = &network.operators[*operator];
    let all = rules.first().map_or(1, |rule| rule.rows.max(1));
    let share = u128::from(*whole) * u128::from((rows.end - rows.start).unsigned_abs());
    u64::try_from(share / u128::from(all.unsigned_abs())).unwrap_or(*whole)
}

fn draft_bytes(network: &TileNetwork, draft: &TiledDraft, new: usize) -> u64 {
    let rows = &draft.tensors[new];
    let columns = rows.columns[0] + rows.columns[1];
    network.part_bytes(rows.tensor, rows.axis, rows.rows.end - rows.rows.start, columns)
}
