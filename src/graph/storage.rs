//! The memory that holds a tensor, and what a run may do with the contents of graph inputs.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Graph, Tensor, TensorKind, Variables};
use crate::error::{Error, Named, Result, Subject};
use crate::support::ids::TensorId;

/// The memory that holds a tensor.
///
/// | storage | bytes of the arena | offset | aliases |
/// | --- | --- | --- | --- |
/// | arena | its size | chosen by the plan | as operators permit |
/// | outside | none | none | none: permissions that concern the tensor are not used |
/// | pool | its size, of that pool | chosen by the plan | with tensors that may be in the same pool |
///
/// ```
/// use plimsoll::{Graph, Planner, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let frame = net.input("frame", TensorSpec::bytes(4096).outside());
/// let edges = net.tensor("edges", TensorSpec::bytes(512));
/// net.operator("detect").reads([frame]).writes([edges]);
/// net.output(edges);
/// let graph = net.build()?;
/// let plan = Planner::new().plan(&graph)?;
/// assert_eq!((plan.arena_bytes, plan.offset(frame)), (512, None));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Storage {
    /// The memory that the plan lays out. Constants, and variables with [`Variables::Outside`], are
    /// outside nevertheless.
    #[default]
    Arena,
    /// A buffer of the caller, which is the tensor's own for the whole run.
    Outside,
    /// The pool with this name, for as long as the tensor is live. Only plans for several memories
    /// ([`Planner::place`](crate::Planner::place)) have pools.
    Pool(Arc<str>),
}

impl Storage {
    /// The storage of this name: `arena`, `outside`, or the name of a pool.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "arena" => Self::Arena,
            "outside" => Self::Outside,
            pool => Self::Pool(pool.into()),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arena => "arena",
            Self::Outside => "outside",
            Self::Pool(name) => name,
        })
    }
}

/// The permitted use of the contents of a graph input.
///
/// ```
/// use plimsoll::{Graph, InputContents, Planner, SharingLevel, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let [a, b] = ["a", "b"].map(|name| net.tensor(name, TensorSpec::bytes(64)));
/// net.operator("relu").reads([x]).writes([a]).in_place(x, a);
/// net.operator("conv").reads([a]).writes([b]);
/// net.output(b);
/// let mut graph = net.build()?;
/// let planner = Planner::new().share(SharingLevel::All);
/// assert_eq!(planner.plan(&graph)?.arena_bytes, 128); // `b` reuses the bytes of `x`
/// graph.set_input_contents(x, InputContents::Preserved)?;
/// assert_eq!(planner.plan(&graph)?.arena_bytes, 192);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum InputContents {
    /// Other tensors may have the bytes after the last operator that reads the input.
    #[default]
    Reusable,
    /// The contents stay in the same bytes to the end of the run: no other contents are written to them.
    Preserved,
    /// As reusable, and the last operator that reads the input may write its output over it, if it
    /// [permits](crate::Permit) that.
    Overwritable,
}

impl InputContents {
    /// All values with their names.
    pub const NAMED: [(&'static str, Self); 3] =
        [("reusable", Self::Reusable), ("preserved", Self::Preserved), ("overwritable", Self::Overwritable)];
}

impl Tensor {
    /// The memory that holds the tensor.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        const ARENA: &Storage = &Storage::Arena;
        self.spec.storage().unwrap_or(ARENA)
    }

    /// The permitted use of the contents of a graph input; no meaning for other tensors.
    #[must_use]
    pub fn input_contents(&self) -> InputContents {
        self.contents
    }

    /// Returns true for graph inputs whose contents must stay in their bytes to the end of the run.
    #[must_use]
    pub fn is_preserved(&self) -> bool {
        self.kind == TensorKind::Input && self.contents == InputContents::Preserved
    }

    /// Returns true for graph inputs that operators may overwrite after the last read.
    #[must_use]
    pub fn is_overwritable(&self) -> bool {
        self.contents == InputContents::Overwritable
    }

    /// Returns true if the contents must be in memory after the last step: for graph outputs and
    /// preserved inputs. Variables and constants are kept by their kind.
    pub(crate) fn is_needed_at_end(&self) -> bool {
        self.is_output || self.is_preserved()
    }

    /// Returns true if the tensor is in a buffer of the caller.
    pub(crate) fn is_outside(&self) -> bool {
        *self.storage() == Storage::Outside
    }

    /// Returns true if a plan reserves bytes for the tensor while it is live: it is no constant, no operator
    /// must write it in vain, and it is not outside.
    pub(crate) fn is_planned(&self, variables: Variables) -> bool {
        let is_present = match self.kind {
            TensorKind::Constant => false,
            TensorKind::Variable => variables == Variables::Arena || *self.storage() != Storage::Arena,
            TensorKind::Input => true,
            TensorKind::Intermediate => self.producer.is_some(),
        };
        is_present && !self.is_outside()
    }
}

impl Graph {
    /// Sets the memory that holds a tensor, like [`TensorSpec::outside`](crate::TensorSpec::outside) and
    /// [`TensorSpec::in_pool`](crate::TensorSpec::in_pool).
    ///
    /// # Errors
    /// [`Error::Storage`] if the tensor cannot be there, or [`Error::UnknownTensor`]. The graph is unchanged then.
    pub fn set_storage(&mut self, id: TensorId, storage: Storage) -> Result<()> {
        let tensor = self.known_tensor(id)?;
        let before = tensor.spec.clone();
        tensor.spec.set_storage(storage);
        let checked = check_alone(id, tensor).and_then(|()| self.check_placements_of(id));
        if checked.is_err() {
            self.tensors[id.index()].spec = before;
        }
        checked
    }

    /// Sets what a run may do with the contents of a graph input. Has no effect on other tensor kinds.
    ///
    /// # Errors
    /// [`Error::UnknownTensor`]; [`Error::Cycle`] and [`Error::Constraint`] if relative placements cannot be
    /// satisfied any more. The graph is unchanged then.
    pub fn set_input_contents(&mut self, id: TensorId, contents: InputContents) -> Result<()> {
        let is_input = self.known_tensor(id)?.kind == TensorKind::Input;
        self.set_contents(is_input.then_some(id), contents)
    }

    /// Sets what a run may do with the contents of all graph inputs, except in bodies.
    ///
    /// # Errors
    /// As [`set_input_contents`](Self::set_input_contents).
    pub fn set_contents_of_inputs(&mut self, contents: InputContents) -> Result<()> {
        let inputs = self.tensor_ids().filter(|id| self.tensor(*id).kind == TensorKind::Input);
        self.set_contents(inputs.collect::<Vec<_>>(), contents)
    }

    fn set_contents(
        &mut self,
        inputs: impl IntoIterator<Item = TensorId>,
        contents: InputContents,
    ) -> Result<()> {
        let set = |id: TensorId| (id, std::mem::replace(&mut self.tensors[id.index()].contents, contents));
        let before: Vec<(TensorId, InputContents)> = inputs.into_iter().map(set).collect();
        // Operators that read an overwritable input run before an output takes its place.
        let placements = self.constraints.list.clone();
        self.replace_placements(placements).inspect_err(|_| {
            for (id, contents) in before {
                self.tensors[id.index()].contents = contents;
            }
        })
    }

    fn known_tensor(&mut self, id: TensorId) -> Result<&mut Tensor> {
        let count = self.tensors.len();
        let unknown = Error::UnknownTensor { subject: Subject::Storage, tensor: id, count };
        self.tensors.get_mut(id.index()).ok_or(unknown)
    }

    fn check_placements_of(&self, id: TensorId) -> Result<()> {
        let placements = self.constraints.list.iter().map(|placement| [placement.tensor, placement.of]);
        placements.filter(|ids| ids.contains(&id)).try_for_each(|ids| check_placed(ids, &self.tensors))
    }
}

fn storage_error(tensor: Named<TensorId>, problem: String) -> Error {
    Error::Storage { tensor, problem }
}

/// Checks that two tensors at a fixed distance can be in one memory whose layout the plan chooses.
///
/// # Errors
/// [`Error::Storage`].
pub(super) fn check_placed(ids: [TensorId; 2], tensors: &[Tensor]) -> Result<()> {
    let [one, other] = ids.map(|id| tensors[id.index()].storage());
    if one == other && *one != Storage::Outside {
        return Ok(());
    }
    let [first, second] = ids.map(|id| tensors[id.index()].named(id));
    let problem = format!(
        "({one}) is placed relative to tensor {second} ({other}), but a plan chooses distances only within one \
         memory; remove the placement, or use a variable for state that one run leaves for the next"
    );
    Err(storage_error(first, problem))
}

/// Checks the storage of a tensor by itself.
///
/// # Errors
/// [`Error::Storage`].
pub(super) fn check_alone(id: TensorId, tensor: &Tensor) -> Result<()> {
    match (tensor.storage(), tensor.fixed_offset()) {
        (Storage::Outside, Some(offset)) => {
            let problem =
                format!("is outside of the arena, but has the fixed offset {offset}; remove one of the two");
            Err(storage_error(tensor.named(id), problem))
        }
        _ => Ok(()),
    }
}

impl Graph {
    /// The graph with the arena as the storage of tensors that must be in pools, and without their fixed offsets.
    pub(crate) fn without_pools(&self) -> Cow<'_, Self> {
        let in_pool = |tensor: &Tensor| matches!(tensor.storage(), Storage::Pool(_));
        if !self.tensors.iter().any(in_pool) {
            return Cow::Borrowed(self);
        }
        let mut graph = self.clone();
        for tensor in graph.tensors.iter_mut().filter(|tensor| in_pool(tensor)) {
            tensor.spec.forget_place();
        }
        Cow::Owned(graph)
    }

    /// Checks that no tensor must be in a named pool, for plans of one arena.
    ///
    /// # Errors
    /// [`Error::Storage`] with the first tensor that must be in a pool.
    pub(crate) fn check_one_arena(&self) -> Result<()> {
        let in_pool = self.iter_tensors().find_map(|(id, tensor)| match tensor.storage() {
            Storage::Pool(name) => Some((id, name)),
            _ => None,
        });
        let Some((id, name)) = in_pool else { return Ok(()) };
        let problem = format!(
            "must be in pool `{}`, but a plan of one arena has no pools; plan for several memories",
            crate::error::short(name)
        );
        Err(storage_error(self.named_tensor(id), problem))
    }
}
