//! From a document to a plan for several memories.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{PoolEntry, PoolPlanDocument, ResidencyEntry};
use crate::export::json::read::{
    Counts, bodies_of, check_hash, live, named_in, named_tensor, parse, shares_of,
};
use crate::export::json::{DocumentError, POOL_FORMAT};
use crate::export::names::tensor_names;
use crate::export::{graph_hash, tiling_hash};
use crate::{
    Error, Graph, Occupant, Pool, PoolId, PoolPlan, Pools, Residency, TiledPoolPlan, Traffic, Transfer, Use,
};

impl PoolPlanDocument {
    /// Reads a plan for several memories. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`DocumentError::Malformed`] with the position, [`DocumentError::Format`].
    pub fn from_json(text: &str) -> Result<Self, DocumentError> {
        parse(text, POOL_FORMAT)
    }

    /// The memories of the plan.
    ///
    /// # Errors
    /// [`DocumentError::Pools`] if they are invalid.
    pub fn to_pools(&self) -> Result<Pools, DocumentError> {
        let pools = || -> Result<Pools, Error> {
            // `Pools::new` refuses more than `MAX_COUNT`; converting one more suffices to make it do so.
            let list = self.pools.iter().take(Pools::MAX_COUNT + 1).map(PoolEntry::to_pool);
            let mut pools = Pools::new(list)?.loading(self.loading).prefetch(self.prefetch);
            if let Some(name) = &self.inputs {
                pools = pools.inputs(name)?;
            }
            if let Some(name) = &self.outputs {
                pools = pools.outputs(name)?;
            }
            Ok(pools)
        };
        pools().map_err(DocumentError::Pools)
    }

    /// The plan for `graph` that the document claims. References to the graph are checked; everything
    /// else is as stated.
    ///
    /// # Errors
    /// The first reference that does not fit this graph.
    pub fn to_plan(&self, graph: &Graph) -> Result<PoolPlan, DocumentError> {
        if self.tiling.is_some() {
            return Err(DocumentError::Tiled);
        }
        self.plan_of(graph, || check_hash(self.graph_hash.as_ref(), || graph_hash(graph)))
    }

    /// The tiled plan for the untiled `graph` that the document claims. The tiled graph is made again from the
    /// regions; the origins of its operators and tensors are as stated
    /// ([`verify_tiled_pools`](crate::verify::verify_tiled_pools) checks them).
    ///
    /// # Errors
    /// [`DocumentError::NotTiled`], [`DocumentError::Tiling`], and the first reference that does not fit the graph.
    pub fn to_tiled_plan(&self, graph: &Graph) -> Result<TiledPoolPlan, DocumentError> {
        let entry = self.tiling.as_ref().ok_or(DocumentError::NotTiled)?;
        check_hash(self.graph_hash.as_ref(), || tiling_hash(graph))?;
        let tiling = entry.to_tiling(graph)?;
        let tiled = entry.to_tiled(graph, &tiling)?;
        let plan = self.plan_of(&tiled.graph, || Ok(()))?;
        Ok(TiledPoolPlan { tiling, tiled, plan, cost: entry.cost })
    }

    /// The plan for the graph whose indices the document has.
    fn plan_of(
        &self,
        graph: &Graph,
        check_model: impl FnOnce() -> Result<(), DocumentError>,
    ) -> Result<PoolPlan, DocumentError> {
        let pools = self.to_pools()?;
        let mut plan = PoolPlan::unplaced(graph, &pools);
        plan.order = Counts::of(graph).order(&self.order)?;
        let names = tensor_names(graph);
        plan.residencies = self.residencies(graph, &pools, &names)?;
        plan.transfers = self.transfers(graph, &pools, &names)?;
        plan.uses = self.uses(graph, &pools)?;
        for entry in &self.tensors {
            let list = entry.aliases.as_ref();
            shares_of(graph, &names, (entry.index, &entry.name), list, &mut plan.aliases)?;
        }
        plan.aliases.sort_by_key(|alias| alias.tensor);
        check_model()?;
        plan.bodies = bodies_of(graph, &self.bodies)?;
        (plan.alignment, plan.variables) = (self.alignment, self.variables);
        plan.used = self.pools.iter().map(|pool| pool.used_bytes).collect();
        let traffic = |pool: &PoolEntry| Traffic { read: pool.read_bytes, written: pool.written_bytes };
        plan.traffic = self.pools.iter().map(traffic).collect();
        plan.preloaded = self.preloaded_bytes;
        (plan.cost, plan.lower_bound, plan.unavoidable_cost) = (self.cost, self.lower_bound, self.floor);
        Ok(plan)
    }

    /// Residency intervals: tensors by id, then scratch, each by pool and time.
    fn residencies(
        &self,
        graph: &Graph,
        pools: &Pools,
        names: &[Cow<'_, str>],
    ) -> Result<Vec<Residency>, DocumentError> {
        let mut list = ResidencyReader { pools, residencies: Vec::new(), seen: HashSet::new() };
        for entry in &self.tensors {
            let id = named_tensor(graph, names, entry.index, &entry.name)?;
            let what = || format!("tensor {} (`{}`)", entry.index, entry.name);
            list.add(Occupant::Tensor(id), entry.bytes, &entry.residencies, &what)?;
        }
        for (position, entry) in self.scratch.iter().enumerate() {
            let id =
                Counts::of(graph).operator(entry.operator, || format!("entry {position} of `scratch`"))?;
            let what = || format!("the scratch of operator {} (`{}`)", id, graph.operator(id).name());
            list.add(Occupant::Scratch(id), entry.bytes, &entry.residencies, &what)?;
        }
        list.residencies.sort_by_key(|residency| (residency.occupant, residency.pool, residency.live.start));
        Ok(list.residencies)
    }

    fn transfers(
        &self,
        graph: &Graph,
        pools: &Pools,
        names: &[Cow<'_, str>],
    ) -> Result<Vec<Transfer>, DocumentError> {
        let entries = self.transfers.iter().enumerate();
        let transfers = entries.map(|(position, entry)| {
            let place = || format!("entry {position} of `transfers`");
            let id = named_in(graph, names, (entry.index, &entry.tensor), place)?;
            Ok(Transfer {
                tensor: id,
                step: entry.step,
                due: entry.due.unwrap_or(entry.step),
                from: pool(pools, &entry.from, place)?,
                to: pool(pools, &entry.to, place)?,
                bytes: entry.bytes,
            })
        });
        transfers.collect()
    }

    fn uses(&self, graph: &Graph, pools: &Pools) -> Result<Vec<Use>, DocumentError> {
        let uses = self.uses.iter().enumerate().map(|(position, entry)| {
            let place = || format!("entry {position} of `uses`");
            let occupant = Counts::of(graph).occupant(entry.occupant, place)?;
            Ok(Use { step: entry.step, occupant, pool: pool(pools, &entry.pool, place)? })
        });
        uses.collect()
    }
}

impl PoolEntry {
    fn to_pool(&self) -> Pool {
        let mut pool = Pool::new(self.name.clone()).alignment(self.alignment);
        (pool.capacity, pool.largest) = (self.capacity_bytes, self.largest_bytes);
        if let Some(holds) = &self.holds {
            pool = pool.only(holds.iter().copied());
        }
        (pool.read, pool.write) = (self.read_cost, self.write_cost);
        (pool.copy_from, pool.copy_to) = (self.copy_from_cost, self.copy_to_cost);
        pool
    }
}

/// Collects residency intervals and refuses two entries for one occupant.
struct ResidencyReader<'a> {
    pools: &'a Pools,
    residencies: Vec<Residency>,
    seen: HashSet<Occupant>,
}

impl ResidencyReader<'_> {
    fn add(
        &mut self,
        occupant: Occupant,
        bytes: u64,
        entries: &[ResidencyEntry],
        what: &dyn Fn() -> String,
    ) -> Result<(), DocumentError> {
        if !self.seen.insert(occupant) {
            return Err(DocumentError::Twice { what: what() });
        }
        for entry in entries {
            self.residencies.push(Residency {
                occupant,
                pool: pool(self.pools, &entry.pool, || format!("a residency interval of {}", what()))?,
                offset: entry.offset,
                bytes: entry.bytes.unwrap_or(bytes),
                live: live(entry.live),
            });
        }
        Ok(())
    }
}

fn pool(pools: &Pools, name: &str, place: impl Fn() -> String) -> Result<PoolId, DocumentError> {
    let id = pools.ids().find(|&id| pools.pool(id).name() == name);
    id.ok_or_else(|| DocumentError::UnknownPool { place: place(), pool: name.to_owned() })
}
