//! The memories of a target.

use std::ffi::c_char;

use super::boundary::{Failure, assign, choice, create, free, guard, mutable, power_of_two, text};
use super::record_size::read;
use super::records::plimsoll_pool;
use super::status::{
    PLIMSOLL_COST_IN_PLACE, PLIMSOLL_HOLDS_ACTIVATIONS, PLIMSOLL_HOLDS_ALL, PLIMSOLL_HOLDS_CONSTANTS,
    PLIMSOLL_HOLDS_SCRATCH, PLIMSOLL_HOLDS_VARIABLES, PLIMSOLL_LOADING_EACH_RUN, PLIMSOLL_LOADING_ONCE,
    PLIMSOLL_NO_INDEX, PLIMSOLL_NONE,
};
use crate::{Content, Loading, Pool, Pools};

/// The memories (pools) of a target, fast ones first. The last one is the backing store, which holds
/// everything that no other pool holds. No thread may change them while another uses them;
/// otherwise any number of threads may use them at the same time.
#[derive(Default)]
pub struct plimsoll_pools {
    list: Vec<Pool>,
    inputs: Option<u32>,
    outputs: Option<u32>,
    loading: Loading,
    prefetch: u32,
}

impl plimsoll_pools {
    pub(super) fn pools(&self) -> Result<Pools, Failure> {
        let mut pools = Pools::new(self.list.iter().cloned())?.loading(self.loading).prefetch(self.prefetch);
        if let Some(number) = self.inputs {
            pools = pools.inputs(self.name(number)?)?;
        }
        if let Some(number) = self.outputs {
            pools = pools.outputs(self.name(number)?)?;
        }
        Ok(pools)
    }

    fn name(&self, number: u32) -> Result<&str, Failure> {
        let pool = self.list.get(number as usize);
        Ok(pool.ok_or_else(|| Failure::argument(format!("there is no pool {number}")))?.name())
    }
}

/// Creates a target without memories: inputs and outputs in the backing store, constants loaded once,
/// no prefetch. Free it with `plimsoll_pools_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_new(pools: *mut *mut plimsoll_pools) -> i32 {
    unsafe { create(pools, "pools", || Ok(plimsoll_pools::default())) }
}

/// Adds a memory, slower than those before it. Memories count from 0; at most 8 are possible. The
/// last one must accept everything, and names must differ; `plimsoll_graph_place` checks both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_add(
    pools: *mut plimsoll_pools,
    name: *const c_char,
    pool: *const plimsoll_pool,
    record_size: usize,
) -> i32 {
    guard(|| {
        let pools = unsafe { mutable(pools, "pools") }?;
        let name = unsafe { text(name, "name") }?;
        let record = &unsafe { read(pool, record_size, "pool") }?;
        if pools.list.len() == Pools::MAX_COUNT {
            let message = format!("pool `{name}`: at most {} pools are possible", Pools::MAX_COUNT);
            return Err(Failure::argument(message));
        }
        pools.list.push(self::pool(name, record)?);
        Ok(())
    })
}

fn pool(name: &str, record: &plimsoll_pool) -> Result<Pool, Failure> {
    let &plimsoll_pool { capacity, largest, holds, .. } = record;
    let alignment = power_of_two(record.alignment)?;
    if holds & !PLIMSOLL_HOLDS_ALL != 0 || record.unused != 0 {
        return Err(Failure::argument(format!("pool `{name}`: `holds` or `unused` has unknown bits")));
    }
    let bits = [
        (PLIMSOLL_HOLDS_ACTIVATIONS, Content::Activations),
        (PLIMSOLL_HOLDS_CONSTANTS, Content::Constants),
        (PLIMSOLL_HOLDS_VARIABLES, Content::Variables),
        (PLIMSOLL_HOLDS_SCRATCH, Content::Scratch),
    ];
    let holds = bits.into_iter().filter(|&(bit, _)| holds & bit != 0).map(|(_, content)| content);
    let mut pool = Pool::new(name).alignment(alignment).only(holds);
    pool = pool.read_cost(record.read_cost).write_cost(record.write_cost);
    if capacity != PLIMSOLL_NONE {
        pool = pool.capacity(capacity);
    }
    if largest != PLIMSOLL_NONE {
        pool = pool.largest(largest);
    }
    let copied = [record.copy_from_cost, record.copy_to_cost];
    if copied == [PLIMSOLL_COST_IN_PLACE; 2] {
        return Ok(pool);
    }
    let cost = |copied, in_place| if copied == PLIMSOLL_COST_IN_PLACE { in_place } else { copied };
    Ok(pool.copy_costs(cost(copied[0], record.read_cost), cost(copied[1], record.write_cost)))
}

/// Sets the pool into which the caller writes inputs, by its number; PLIMSOLL_NO_INDEX for the
/// backing store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_set_inputs(pools: *mut plimsoll_pools, pool: u32) -> i32 {
    let pool = Some(pool).filter(|&pool| pool != PLIMSOLL_NO_INDEX);
    unsafe { assign(pools, "pools", |pools| &mut pools.inputs, || Ok(pool)) }
}

/// Sets the pool from which the caller reads outputs, like `plimsoll_pools_set_inputs`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_set_outputs(pools: *mut plimsoll_pools, pool: u32) -> i32 {
    let pool = Some(pool).filter(|&pool| pool != PLIMSOLL_NO_INDEX);
    unsafe { assign(pools, "pools", |pools| &mut pools.outputs, || Ok(pool)) }
}

/// Sets when constants are copied on chip: `PLIMSOLL_LOADING_...`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_set_loading(pools: *mut plimsoll_pools, loading: i32) -> i32 {
    let loadings = [(PLIMSOLL_LOADING_ONCE, Loading::Once), (PLIMSOLL_LOADING_EACH_RUN, Loading::EachRun)];
    let loading = || choice(&loadings, loading, "loading", "LOADING");
    unsafe { assign(pools, "pools", |pools| &mut pools.loading, loading) }
}

/// Sets the prefetch distance: a transfer has its destination this many steps before an operator
/// needs the data, so that copying and computing overlap; 1 is double buffering.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_set_prefetch(pools: *mut plimsoll_pools, steps: u32) -> i32 {
    unsafe { assign(pools, "pools", |pools| &mut pools.prefetch, || Ok(steps)) }
}

/// Frees a target; NULL is allowed. Plans for it stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_pools_free(pools: *mut plimsoll_pools) {
    unsafe { free(pools) };
}
