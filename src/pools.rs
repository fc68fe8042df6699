//! The memories that there are.

use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor, TensorKind};
use crate::ids::PoolId;
use crate::occupant::Occupant;

/// What a pool may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Content {
    /// Inputs, outputs, and what lies between operators.
    Activations,
    /// Weights and other data that no run changes.
    Constants,
    /// State that outlives a run.
    Variables,
    /// Workspaces of operators.
    Scratch,
}

impl Content {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Activations, Self::Constants, Self::Variables, Self::Scratch];

    /// What a tensor is.
    #[must_use]
    pub fn of(tensor: &Tensor) -> Self {
        match tensor.kind() {
            TensorKind::Constant => Self::Constants,
            TensorKind::Variable => Self::Variables,
            TensorKind::Input | TensorKind::Intermediate => Self::Activations,
        }
    }

    pub(crate) fn of_occupant(graph: &Graph, occupant: Occupant) -> Self {
        match occupant {
            Occupant::Tensor(id) => Self::of(graph.tensor(id)),
            Occupant::Scratch(_) => Self::Scratch,
        }
    }
}

/// A memory: an L1, an L2, a bank, DDR.
///
/// Costs are per byte, in a unit of the caller's: only their proportions matter.
/// Without any, all is free.
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
    /// A memory of any size that may hold everything, at no cost.
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

    /// On-chip memory: so many bytes, at no cost.
    #[must_use]
    pub fn on_chip(name: impl Into<String>, bytes: u64) -> Self {
        Self::new(name).capacity(bytes)
    }

    /// Off-chip memory: any size; each byte read or written costs one.
    #[must_use]
    pub fn off_chip(name: impl Into<String>) -> Self {
        Self::new(name).read_cost(1).write_cost(1)
    }

    /// At most so many bytes.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Every offset is a multiple of this power of two, besides what the tensors ask for.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Nothing above this size, in bytes, can live here.
    #[must_use]
    pub fn largest(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// Only this can live here.
    #[must_use]
    pub fn only(mut self, holds: impl IntoIterator<Item = Content>) -> Self {
        self.holds = holds.into_iter().collect();
        self
    }

    /// What each byte costs that an operator reads from here in place, and, unless that is
    /// said, each that is copied from here.
    #[must_use]
    pub fn read_cost(mut self, cost: u32) -> Self {
        self.read = cost;
        self
    }

    /// What each byte costs that an operator writes here in place, and, unless that is
    /// said, each that is copied to here.
    #[must_use]
    pub fn write_cost(mut self, cost: u32) -> Self {
        self.write = cost;
        self
    }

    /// What each byte costs that is copied from here and to here, where that differs from
    /// access in place: with `read_cost(2)` and `copy_costs(1, 1)`, weights are worth
    /// streaming.
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

    /// How many bytes there are, if there is a limit.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.capacity
    }

    /// What every offset is a multiple of, besides what the tensors ask for.
    #[must_use]
    pub fn offset_alignment(&self) -> u64 {
        self.alignment
    }

    /// Whether something of this kind and size can live here.
    #[must_use]
    pub fn takes(&self, content: Content, bytes: u64) -> bool {
        bytes <= self.capacity.unwrap_or(u64::MAX) && self.takes_at_any_capacity(content, bytes)
    }

    /// Returns whether this pool would take something of so many bytes if it were large enough.
    pub(crate) fn takes_at_any_capacity(&self, content: Content, bytes: u64) -> bool {
        bytes <= self.largest.unwrap_or(u64::MAX) && self.holds.contains(&content)
    }

    /// What a byte costs that an operator reads here and writes here.
    pub(crate) fn in_place(&self) -> (u64, u64) {
        (self.read.into(), self.write.into())
    }

    /// What a byte costs that is copied from here and to here.
    pub(crate) fn copied(&self) -> (u64, u64) {
        (self.copy_from.unwrap_or(self.read).into(), self.copy_to.unwrap_or(self.write).into())
    }
}

/// When constants and variables come on chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Loading {
    /// Before the first run: those that are resident stay there from run to run, at no cost.
    #[default]
    Once,
    /// In each run anew, as other programs use the memory between two runs.
    EachRun,
}

/// The memories of a machine, fast ones first. The last one is home: constants, variables
/// and everything that has no place elsewhere live there, so it takes all of them.
///
/// ```
/// use plimsoll::{Pool, Pools};
///
/// let pools = Pools::new([Pool::on_chip("l2", 2 << 20).alignment(64), Pool::off_chip("ddr")])?;
/// assert_eq!(pools.home().name(), "ddr");
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
    /// The most pools of one machine.
    pub const MAX_COUNT: usize = 8;

    /// These, fast ones first. Inputs come from home and outputs go there.
    ///
    /// # Errors
    /// [`Error::Pools`] if there is none or more than [`MAX_COUNT`](Self::MAX_COUNT), two
    /// have one name, an alignment is no power of two, or the last does not take everything.
    pub fn new(pools: impl IntoIterator<Item = Pool>) -> Result<Self> {
        let list: Vec<Pool> = pools.into_iter().collect();
        let wrong = |text: String| Err(Error::Pools(text));
        let Some(home) = list.last() else { return wrong("there is none".to_owned()) };
        if list.len() > Self::MAX_COUNT {
            let most = Self::MAX_COUNT;
            return wrong(format!("more than {most} are given, and at most {most} may be"));
        }
        for (place, pool) in list.iter().enumerate() {
            if list[..place].iter().any(|other| other.name == pool.name) {
                return wrong(format!("two are called `{}`", pool.name));
            }
            if !pool.alignment.is_power_of_two() {
                let (place, alignment) = (format!("pool `{}`", pool.name), pool.alignment);
                return Err(Error::Alignment { place, alignment });
            }
        }
        if home.largest.is_some() || Content::ALL.iter().any(|content| !home.holds.contains(content)) {
            return wrong(format!("the last, `{}`, must take everything", home.name));
        }
        let home = PoolId::new(list.len() - 1);
        Ok(Self { list, inputs: home, outputs: home, loading: Loading::Once, prefetch: 0 })
    }

    /// Where the caller puts inputs.
    ///
    /// # Errors
    /// [`Error::Pools`] if no pool has this name.
    pub fn inputs(mut self, name: &str) -> Result<Self> {
        self.inputs = self.named(name)?;
        Ok(self)
    }

    /// Where the caller takes outputs from.
    ///
    /// # Errors
    /// [`Error::Pools`] if no pool has this name.
    pub fn outputs(mut self, name: &str) -> Result<Self> {
        self.outputs = self.named(name)?;
        Ok(self)
    }

    /// When constants come on chip.
    #[must_use]
    pub fn loading(mut self, loading: Loading) -> Self {
        self.loading = loading;
        self
    }

    /// So many steps before an operator needs it, what is copied has its place, so that
    /// copying and computing go on at once; 1 is double buffering.
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

    /// The pool of this id.
    ///
    /// # Panics
    /// If the id is not of these pools.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.list[id.index()]
    }

    /// The last one.
    #[must_use]
    pub fn home(&self) -> &Pool {
        self.pool(self.home_id())
    }

    /// The id of the last one.
    #[must_use]
    pub fn home_id(&self) -> PoolId {
        PoolId::new(self.list.len() - 1)
    }

    /// Ids of all pools.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = PoolId> + use<> {
        (0..self.list.len()).map(PoolId::new)
    }

    /// The pool of this name.
    ///
    /// # Errors
    /// [`Error::Pools`] if there is none.
    pub fn named(&self, name: &str) -> Result<PoolId> {
        self.ids().find(|&id| self.pool(id).name == name).ok_or_else(|| {
            let names: Vec<String> = self.list.iter().map(|pool| format!("`{}`", pool.name)).collect();
            Error::Pools(format!("none is called `{name}`; there are {}", names.join(", ")))
        })
    }

    /// Where the caller puts inputs.
    #[must_use]
    pub fn inputs_in(&self) -> PoolId {
        self.inputs
    }

    /// Where the caller takes outputs from.
    #[must_use]
    pub fn outputs_in(&self) -> PoolId {
        self.outputs
    }

    /// When constants come on chip.
    #[must_use]
    pub fn loads(&self) -> Loading {
        self.loading
    }

    /// How many steps before its use what is copied has its place.
    #[must_use]
    pub fn prefetch_steps(&self) -> u32 {
        self.prefetch
    }
}
