//! Pools: the memories of a target.

use crate::error::{Error, Named, PoolsProblem, Result, Subject};
use crate::graph::{Graph, Occupant, Storage, Tensor, TensorKind};
use crate::support::ids::PoolId;

/// A kind of content that a pool may hold.
///
/// Example: [`Pools`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Content {
    /// Inputs, outputs and intermediates.
    Activations,
    /// Constants: weights and other data that no run changes.
    Constants,
    /// State that outlives a run.
    Variables,
    /// Scratch buffers of operators.
    Scratch,
}

impl Content {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Activations, Self::Constants, Self::Variables, Self::Scratch];

    /// The kind of a tensor.
    #[must_use]
    pub fn of(tensor: &Tensor) -> Self {
        match tensor.kind() {
            TensorKind::Constant => Self::Constants,
            TensorKind::Variable => Self::Variables,
            TensorKind::Input | TensorKind::Intermediate => Self::Activations,
        }
    }

    /// The kind of a tensor or scratch buffer.
    pub(crate) fn of_occupant(graph: &Graph, occupant: Occupant) -> Self {
        match occupant {
            Occupant::Tensor(id) => Self::of(graph.tensor(id)),
            Occupant::Scratch(_) => Self::Scratch,
        }
    }
}

/// A memory of the target: an L1, an L2, a bank, DDR.
///
/// Costs are per byte, in a unit that the caller chooses: only their ratios matter. The default
/// costs are 0.
///
/// Example: [`Pools`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    pub(crate) name: String,
    pub(crate) capacity: Option<u64>,
    pub(crate) alignment: u64,
    pub(crate) largest: Option<u64>,
    pub(crate) holds: Vec<Content>,
    pub(crate) read: u32,
    pub(crate) write: u32,
    pub(crate) copy_from: Option<u32>,
    pub(crate) copy_to: Option<u32>,
}

impl Pool {
    /// A memory of unlimited size that may hold all kinds of content, at no cost.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            capacity: None,
            alignment: 1,
            largest: None,
            holds: Content::ALL.to_vec(),
            read: 0,
            write: 0,
            copy_from: None,
            copy_to: None,
        }
    }

    /// On-chip memory of `bytes` bytes, at no cost.
    #[must_use]
    pub fn on_chip(name: impl Into<String>, bytes: u64) -> Self {
        Self::new(name).capacity(bytes)
    }

    /// Off-chip memory of unlimited size. Each byte read or written costs 1.
    #[must_use]
    pub fn off_chip(name: impl Into<String>) -> Self {
        Self::new(name).read_cost(1).write_cost(1)
    }

    /// Sets the capacity in bytes.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Sets the minimum alignment of all offsets in the pool, a power of two.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Sets the maximum size in bytes of a tensor or scratch buffer in the pool.
    #[must_use]
    pub fn largest(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// Restricts the pool to these kinds of content.
    #[must_use]
    pub fn only(mut self, holds: impl IntoIterator<Item = Content>) -> Self {
        self.holds = holds.into_iter().collect();
        self
    }

    /// Sets the cost of each byte that an operator reads from the pool in place. It is also the cost
    /// of each byte copied from the pool, unless [`copy_costs`](Self::copy_costs) sets another.
    #[must_use]
    pub fn read_cost(mut self, cost: u32) -> Self {
        self.read = cost;
        self
    }

    /// Sets the cost of each byte that an operator writes to the pool in place. It is also the cost
    /// of each byte copied to the pool, unless [`copy_costs`](Self::copy_costs) sets another.
    #[must_use]
    pub fn write_cost(mut self, cost: u32) -> Self {
        self.write = cost;
        self
    }

    /// Sets the costs of each byte copied from the pool and to the pool, if they differ from access
    /// in place. With `read_cost(2)` and `copy_costs(1, 1)`, for example, streaming weights into
    /// another pool pays off.
    #[must_use]
    pub fn copy_costs(mut self, from: u32, to: u32) -> Self {
        (self.copy_from, self.copy_to) = (Some(from), Some(to));
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id and the name, for errors.
    fn named(&self, id: PoolId) -> Named<PoolId> {
        Named::new(id, &*self.name)
    }

    /// The capacity in bytes; none if it is unlimited.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.capacity
    }

    /// The minimum alignment of all offsets in the pool.
    #[must_use]
    pub fn offset_alignment(&self) -> u64 {
        self.alignment
    }

    /// Returns true if the pool can hold content of this kind and size.
    #[must_use]
    pub fn takes(&self, content: Content, bytes: u64) -> bool {
        bytes <= self.capacity.unwrap_or(u64::MAX) && self.takes_at_any_capacity(content, bytes)
    }

    /// Returns true if the pool could hold content of this kind and size with an unlimited capacity.
    pub(crate) fn takes_at_any_capacity(&self, content: Content, bytes: u64) -> bool {
        bytes <= self.largest.unwrap_or(u64::MAX) && self.holds.contains(&content)
    }

    /// The costs of a byte that an operator reads and writes in place.
    pub(crate) fn in_place(&self) -> (u64, u64) {
        (self.read.into(), self.write.into())
    }

    /// The costs of a byte that is copied from the pool and to the pool.
    pub(crate) fn copied(&self) -> (u64, u64) {
        (self.copy_from.unwrap_or(self.read).into(), self.copy_to.unwrap_or(self.write).into())
    }
}

/// The time at which resident constants and variables are loaded on chip.
///
/// Example: [`Pools`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Loading {
    /// Before the first run. Resident constants and variables stay on chip between runs, so that
    /// loading them costs nothing.
    #[default]
    Once,
    /// In each run, because other programs use the memory between runs.
    EachRun,
}

/// The memories of a target, fast ones first. The last pool is the backing store: it holds
/// constants, variables, and all content that is not in another pool, so it must accept every kind
/// and size.
///
/// ```
/// use plimsoll::{Pool, Pools};
///
/// let pools = Pools::new([Pool::on_chip("l2", 2 << 20).alignment(64), Pool::off_chip("ddr")])?;
/// assert_eq!(pools.backing_store().name(), "ddr");
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pools {
    list: Vec<Pool>,
    inputs: PoolId,
    outputs: PoolId,
    loading: Loading,
    prefetch: u32,
}

impl Pools {
    /// The maximum number of pools.
    pub const MAX_COUNT: usize = 8;

    /// Creates a list of pools, fast ones first. Inputs and outputs are in the backing store unless
    /// [`inputs`](Self::inputs) and [`outputs`](Self::outputs) name other pools.
    ///
    /// # Errors
    /// [`Error::Pools`] if the list is empty or has more than [`MAX_COUNT`](Self::MAX_COUNT) pools,
    /// if two pools have the same name, or if the last pool does not accept every kind and size;
    /// [`Error::Alignment`] if an alignment is not a power of two.
    pub fn new(pools: impl IntoIterator<Item = Pool>) -> Result<Self> {
        let list: Vec<Pool> = pools.into_iter().collect();
        let invalid = |problem| Err(Error::Pools(problem));
        let Some(backing_store) = list.last() else {
            return invalid(PoolsProblem::Empty);
        };
        if list.len() > Self::MAX_COUNT {
            return invalid(PoolsProblem::TooMany { max: Self::MAX_COUNT });
        }
        for (index, pool) in list.iter().enumerate() {
            if list[..index].iter().any(|other| other.name == pool.name) {
                return invalid(PoolsProblem::RepeatedName { name: pool.name.clone() });
            }
            if !pool.alignment.is_power_of_two() {
                let subject = Subject::Pool(pool.named(PoolId::new(index)));
                return Err(Error::Alignment { subject, alignment: pool.alignment });
            }
        }
        if backing_store.largest.is_some()
            || Content::ALL.iter().any(|content| !backing_store.holds.contains(content))
        {
            let pool = backing_store.named(PoolId::new(list.len() - 1));
            return invalid(PoolsProblem::BackingStore { pool });
        }
        let backing_store = PoolId::new(list.len() - 1);
        Ok(Self { list, inputs: backing_store, outputs: backing_store, loading: Loading::Once, prefetch: 0 })
    }

    /// Sets the pool where the caller writes inputs.
    ///
    /// # Errors
    /// [`Error::Pools`] if no pool has this name.
    pub fn inputs(mut self, name: &str) -> Result<Self> {
        self.inputs = self.named(name)?;
        Ok(self)
    }

    /// Sets the pool where the caller reads outputs.
    ///
    /// # Errors
    /// [`Error::Pools`] if no pool has this name.
    pub fn outputs(mut self, name: &str) -> Result<Self> {
        self.outputs = self.named(name)?;
        Ok(self)
    }

    /// Sets the time at which resident constants and variables are loaded.
    #[must_use]
    pub fn loading(mut self, loading: Loading) -> Self {
        self.loading = loading;
        self
    }

    /// Sets the number of steps before an operator's step at which the destination of a copy is
    /// reserved, so that copies run in parallel with operators. 1 is double buffering.
    #[must_use]
    pub fn prefetch(mut self, steps: u32) -> Self {
        self.prefetch = steps;
        self
    }

    /// The pools, fast ones first.
    #[must_use]
    pub fn list(&self) -> &[Pool] {
        &self.list
    }

    /// The pool with this id.
    ///
    /// # Panics
    /// If the list has no pool with this id.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.list[id.index()]
    }

    /// The backing store: the last pool.
    #[must_use]
    pub fn backing_store(&self) -> &Pool {
        self.pool(self.backing_store_id())
    }

    /// The id of the backing store.
    #[must_use]
    pub fn backing_store_id(&self) -> PoolId {
        PoolId::new(self.list.len() - 1)
    }

    /// The pools with their ids, fast ones first.
    ///
    /// ```
    /// use plimsoll::{Pool, Pools};
    ///
    /// let pools = Pools::new([Pool::on_chip("l2", 1 << 20), Pool::off_chip("ddr")])?;
    /// let names: Vec<_> = pools.iter().map(|(id, pool)| (id.index(), pool.name())).collect();
    /// assert_eq!(names, [(0, "l2"), (1, "ddr")]);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PoolId, &Pool)> {
        self.list.iter().enumerate().map(|(index, pool)| (PoolId::new(index), pool))
    }

    /// The id and the name of a pool, for errors.
    pub(crate) fn named_pool(&self, id: PoolId) -> Named<PoolId> {
        self.pool(id).named(id)
    }

    /// Ids of all pools.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = PoolId> + use<> {
        (0..self.list.len()).map(PoolId::new)
    }

    /// The id of the pool with this name.
    ///
    /// # Errors
    /// [`Error::Pools`] if no pool has this name.
    pub fn named(&self, name: &str) -> Result<PoolId> {
        self.ids().find(|&id| self.pool(id).name == name).ok_or_else(|| {
            let known = self.ids().map(|id| self.named_pool(id)).collect();
            Error::Pools(PoolsProblem::UnknownName { name: name.to_owned(), known })
        })
    }

    /// The pool that a tensor has as its storage; none if it has none, or one that does not exist.
    pub(crate) fn storing(&self, tensor: &Tensor) -> Option<PoolId> {
        match tensor.storage() {
            Storage::Pool(name) => self.ids().find(|&id| *self.pool(id).name == **name),
            _ => None,
        }
    }

    /// Checks that every pool exists that a tensor has as its storage.
    ///
    /// # Errors
    /// [`Error::Storage`] with the first tensor whose pool does not exist.
    pub(crate) fn check_storages(&self, graph: &Graph) -> Result<()> {
        for (id, tensor) in graph.iter_tensors() {
            if let Storage::Pool(name) = tensor.storage()
                && self.storing(tensor).is_none()
            {
                let known: Vec<String> = self.ids().map(|id| self.named_pool(id).to_string()).collect();
                let (name, known) = (crate::error::short(name), known.join(", "));
                let problem =
                    format!("must be in pool `{name}`, which does not exist; the pools are {known}");
                return Err(Error::Storage { tensor: graph.named_tensor(id), problem });
            }
        }
        Ok(())
    }

    /// The pool where the caller writes inputs.
    #[must_use]
    pub fn inputs_in(&self) -> PoolId {
        self.inputs
    }

    /// The pool where the caller reads outputs.
    #[must_use]
    pub fn outputs_in(&self) -> PoolId {
        self.outputs
    }

    /// The time at which resident constants and variables are loaded.
    #[must_use]
    pub fn loads(&self) -> Loading {
        self.loading
    }

    /// The number of steps before an operator's step at which the destination of a copy is
    /// reserved.
    #[must_use]
    pub fn prefetch_steps(&self) -> u32 {
        self.prefetch
    }
}
