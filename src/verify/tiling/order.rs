//! Rule W8: every operator runs, and keeps its order.

use std::collections::BTreeMap;

use super::check::Check;
use crate::graph::TensorKind;
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::OperatorOrigin;
use crate::verify::Rule;

impl Check<'_> {
    /// W8.
    pub(super) fn each_operator_runs(&mut self) {
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
