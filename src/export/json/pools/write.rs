//! From a plan for several memories to a document.

use super::{
    PoolEntry, PoolPlanDocument, PoolScratchEntry, PoolTensorEntry, ResidencyEntry, TransferEntry, UseEntry,
};
use crate::export::json::write::{AliasEntries, bodies, folded, outside, steps, text};
use crate::export::json::{ImportRecord, POOL_FORMAT, TensorRole, TilingEntry};
use crate::export::names::tensor_names;
use crate::export::{graph_hash, tiling_hash};
use crate::import::ImportOptions;
use crate::{
    Content, Graph, Occupant, OperatorId, PlanView, Pool, PoolId, PoolPlan, Residency, TensorId, Traffic,
};

impl PoolPlanDocument {
    /// The document of a plan for a graph that was imported with these options.
    #[must_use]
    pub fn of_graph(graph: &Graph, plan: &PoolPlan, options: &ImportOptions) -> Self {
        let name = |id| pool_name(plan, id);
        let pools = plan.pools.list().iter().enumerate().map(|(number, pool)| {
            let used = plan.used.get(number).copied().unwrap_or(0);
            PoolEntry::of(pool, used, plan.traffic.get(number).copied().unwrap_or_default())
        });
        Self {
            format: POOL_FORMAT.to_owned(),
            model: graph.name().to_owned(),
            cost: plan.cost,
            lower_bound: plan.lower_bound,
            floor: plan.unavoidable_cost,
            preloaded_bytes: plan.preloaded,
            alignment: plan.alignment,
            variables: plan.variables,
            loading: plan.pools.loads(),
            prefetch: plan.pools.prefetch_steps(),
            inputs: Some(name(plan.pools.inputs_in())),
            outputs: Some(name(plan.pools.outputs_in())),
            options: ImportRecord::of(options),
            graph_hash: Some(graph_hash(graph)),
            order: plan.order.iter().copied().map(OperatorId::index).collect(),
            folded: folded(graph),
            pools: pools.collect(),
            tensors: tensors(graph, plan),
            outside: outside(graph),
            scratch: scratch(graph, plan),
            transfers: transfers(graph, plan),
            uses: uses(plan),
            bodies: bodies(graph, &plan.bodies),
            tiling: None,
        }
    }

    /// The document of a view, whose graph and plan these are.
    pub(in crate::export::json) fn of_view(
        view: &PlanView<'_>,
        graph: &Graph,
        plan: &PoolPlan,
        options: &ImportOptions,
    ) -> Self {
        let document = Self::of_graph(graph, plan, options);
        let Some(tiling) = &view.tiling else { return document };
        let graph_hash = Some(tiling_hash(tiling.untiled));
        Self { graph_hash, tiling: Some(TilingEntry::of(tiling)), ..document }
    }

    /// The text of the document, with a line for each field, pool, tensor and transfer.
    #[must_use]
    pub fn to_json(&self) -> String {
        text(self)
    }
}

impl PoolEntry {
    fn of(pool: &Pool, used_bytes: u64, traffic: Traffic) -> Self {
        let holds = (pool.holds != Content::ALL).then(|| pool.holds.clone());
        Self {
            name: pool.name.clone(),
            capacity_bytes: pool.capacity,
            alignment: pool.alignment,
            largest_bytes: pool.largest,
            holds,
            read_cost: pool.read,
            write_cost: pool.write,
            copy_from_cost: pool.copy_from,
            copy_to_cost: pool.copy_to,
            used_bytes,
            read_bytes: traffic.read,
            written_bytes: traffic.written,
        }
    }
}

impl ResidencyEntry {
    fn of(residency: &Residency, plan: &PoolPlan, bytes: u64) -> Self {
        Self {
            pool: pool_name(plan, residency.pool),
            offset: residency.offset,
            bytes: Some(residency.bytes).filter(|&stated| stated != bytes),
            live: steps(residency.live),
        }
    }
}

fn residencies(plan: &PoolPlan, occupant: Occupant, bytes: u64) -> Vec<ResidencyEntry> {
    plan.residencies_of(occupant).map(|residency| ResidencyEntry::of(residency, plan, bytes)).collect()
}

fn tensors(graph: &Graph, plan: &PoolPlan) -> Vec<PoolTensorEntry> {
    let names = tensor_names(graph);
    let aliases = AliasEntries::of(graph, &plan.aliases);
    let entries = names.into_iter().zip(graph.tensors()).enumerate();
    let entries = entries.filter_map(|(index, (name, tensor))| {
        let id = TensorId::new(index);
        let (bytes, aliases) = (tensor.bytes(), aliases.of_tensor(index));
        let residencies = residencies(plan, Occupant::Tensor(id), bytes);
        if residencies.is_empty() && aliases.is_none() {
            return None;
        }
        let pool = plan.pool_of(id).map(|pool| pool_name(plan, pool));
        let kind = TensorRole::of(tensor.kind(), tensor.is_output());
        let name = name.into_owned();
        Some(PoolTensorEntry { index, name, bytes, kind, pool, residencies, aliases })
    });
    entries.collect()
}

fn scratch(graph: &Graph, plan: &PoolPlan) -> Vec<PoolScratchEntry> {
    let flat = plan.flattened(graph);
    let entries = graph.operator_ids().filter_map(|id| {
        let bytes = flat.operator(id).scratch_bytes();
        let residencies = residencies(plan, Occupant::Scratch(id), bytes);
        (!residencies.is_empty()).then(|| PoolScratchEntry { operator: id.index(), bytes, residencies })
    });
    entries.collect()
}

fn transfers(graph: &Graph, plan: &PoolPlan) -> Vec<TransferEntry> {
    let names = tensor_names(graph);
    let name = |id| pool_name(plan, id);
    let exist = plan.transfers.iter().filter(|transfer| transfer.tensor.index() < names.len());
    let entries = exist.map(|transfer| TransferEntry {
        tensor: names[transfer.tensor.index()].to_string(),
        index: transfer.tensor.index(),
        step: transfer.step,
        due: Some(transfer.due),
        from: name(transfer.from),
        to: name(transfer.to),
        bytes: transfer.bytes,
    });
    entries.collect()
}

fn uses(plan: &PoolPlan) -> Vec<UseEntry> {
    let entries = plan.uses.iter().map(|access| UseEntry {
        step: access.step,
        occupant: access.occupant.into(),
        pool: pool_name(plan, access.pool),
    });
    entries.collect()
}

/// The name of a pool; plans from files can refer to pools that do not exist.
fn pool_name(plan: &PoolPlan, id: PoolId) -> String {
    plan.pools.list().get(id.index()).map_or_else(|| format!("#{id}"), |pool| pool.name().to_owned())
}
