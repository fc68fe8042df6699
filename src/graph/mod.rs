//! The graph that a compiler describes: operators, tensors, dependencies, permissions to share
//! memory, and constraints on placement.

mod access;
mod bodies;
mod builder;
mod dependencies;
mod edit;
mod element_type;
mod fold;
mod links;
mod occupant;
mod operator;
mod permit;
mod placement_constraints;
mod pools;
mod role;
mod shapes;
mod states;
mod storage;
mod tensor;
mod text;
mod validate;
mod windowed;

pub use access::{AccessMap, Outside, RowMap, RowsRead, TileAxis};
use bodies::BodyExtent;
pub use builder::{GraphBuilder, OperatorBuilder};
pub use element_type::{ElementType, UnknownElementType};
pub(crate) use links::Block;
pub use links::BodyLink;
pub use occupant::{Occupant, Variables};
pub use operator::Operator;
pub use permit::{Permit, Side};
pub use placement_constraints::RelativePlacement;
pub use pools::{Content, Loading, Pool, Pools};
pub use role::TensorRole;
pub use storage::{InputContents, Storage};
#[cfg(feature = "tflite")]
pub(crate) use tensor::Shape;
pub use tensor::{Tensor, TensorKind, TensorSpec};
pub use windowed::Windowed;

use crate::error::{Error, Named, OrderProblem, Result, Subject};
use crate::support::ids::{OperatorId, TensorId};
use dependencies::Dependencies;
use placement_constraints::PlacementConstraints;

/// A checked graph of operators and tensors. [`GraphBuilder`] creates it.
///
/// Guarantees: every id is in range, every intermediate that is read or is an output has exactly
/// one producer, alignments are powers of two, sizes fit 64 bits, and the operators have a valid
/// order.
///
/// ```
/// use plimsoll::{Graph, TensorSpec};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(32));
/// let pool = net.operator("pool").reads([x]).writes([y]).id();
/// net.output(y);
/// let graph = net.build()?;
/// assert_eq!(graph.program_order(), [pool]);
/// assert_eq!(graph.tensor(y).producer(), Some(pool));
/// assert_eq!(graph.operator(pool).name(), "pool");
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    name: String,
    operators: Vec<Operator>,
    tensors: Vec<Tensor>,
    constraints: PlacementConstraints,
    dependencies: Dependencies,
    extent: BodyExtent,
}

impl Graph {
    /// Creates a builder for a graph with this name.
    pub fn builder(name: impl Into<String>) -> GraphBuilder {
        GraphBuilder::new(name)
    }

    /// The graph's name; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All operators, folded ones included, by id.
    #[must_use]
    pub fn operators(&self) -> &[Operator] {
        &self.operators
    }

    /// All tensors, constants included, by id.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The operator with this id.
    ///
    /// # Panics
    /// If the graph has no operator with this id.
    #[must_use]
    pub fn operator(&self, id: OperatorId) -> &Operator {
        &self.operators[id.index()]
    }

    /// The tensor with this id.
    ///
    /// # Panics
    /// If the graph has no tensor with this id.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }

    /// The id and the name of an operator, for errors.
    pub(crate) fn named_operator(&self, id: OperatorId) -> Named<OperatorId> {
        self.operator(id).named(id)
    }

    /// The id and the name of a tensor, for errors.
    pub(crate) fn named_tensor(&self, id: TensorId) -> Named<TensorId> {
        self.tensor(id).named(id)
    }

    /// Ids of all operators, folded ones included.
    pub fn operator_ids(&self) -> impl ExactSizeIterator<Item = OperatorId> + use<> {
        (0..self.operators.len()).map(OperatorId::new)
    }

    /// Ids of all tensors.
    pub fn tensor_ids(&self) -> impl ExactSizeIterator<Item = TensorId> + use<> {
        (0..self.tensors.len()).map(TensorId::new)
    }

    /// All operators with their ids, folded ones included.
    ///
    /// ```
    /// use plimsoll::Graph;
    ///
    /// let mut net = Graph::builder("net");
    /// net.operator("conv");
    /// net.operator("relu");
    /// let graph = net.build()?;
    /// let names: Vec<_> = graph.iter_operators().map(|(id, operator)| (id.index(), operator.name())).collect();
    /// assert_eq!(names, [(0, "conv"), (1, "relu")]);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    #[must_use]
    pub fn iter_operators(&self) -> impl ExactSizeIterator<Item = (OperatorId, &Operator)> {
        self.operators.iter().enumerate().map(|(index, operator)| (OperatorId::new(index), operator))
    }

    /// All tensors with their ids, constants included.
    ///
    /// ```
    /// use plimsoll::{Graph, TensorSpec};
    ///
    /// let mut net = Graph::builder("net");
    /// net.input("x", TensorSpec::bytes(16));
    /// net.constant("w", TensorSpec::bytes(4));
    /// let graph = net.build()?;
    /// let sizes: Vec<_> = graph.iter_tensors().map(|(id, tensor)| (id.index(), tensor.bytes())).collect();
    /// assert_eq!(sizes, [(0, 16), (1, 4)]);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    #[must_use]
    pub fn iter_tensors(&self) -> impl ExactSizeIterator<Item = (TensorId, &Tensor)> {
        self.tensors.iter().enumerate().map(|(index, tensor)| (TensorId::new(index), tensor))
    }

    /// The program order: a valid order of the operators that run, without folded ones.
    ///
    /// It is the order in which operators were added, if that order is valid. Otherwise, it is the
    /// topological order that always runs the ready operator with the lowest id.
    #[must_use]
    pub fn program_order(&self) -> &[OperatorId] {
        &self.dependencies.program_order
    }

    /// The dependencies as pairs (before, after) that every order must respect: producers before
    /// readers, [`Operator::runs_after`], operators that access the same variable in program order,
    /// and the order that relative placements demand. A pair may occur several times.
    pub fn dependencies(&self) -> impl Iterator<Item = (OperatorId, OperatorId)> + '_ {
        self.dependencies.pairs()
    }

    /// Folds operators that may run at compile time and read constants only: they leave the order,
    /// and their outputs become constants. Folds in bodies, too. Returns the number of folded
    /// operators of this graph, without bodies.
    ///
    /// O(operators + edges).
    pub fn fold_constants(&mut self) -> usize {
        let folded = fold::fold(&mut self.operators, &mut self.tensors, &self.dependencies);
        self.dependencies.remove_folded(&self.operators);
        self.each_body(|body| {
            body.fold_constants();
        });
        folded
    }

    /// Changes the type of all floating-point elements to `element_type`, as if the network had been
    /// quantized. Integers, booleans and tensors that are described by bytes keep their size.
    ///
    /// # Errors
    /// [`Error::NoWidth`] if elements of the type have no width, [`Error::SizeOverflow`] if a size
    /// no longer fits 64 bits, [`Error::Constraint`] if a relative placement would not be a whole
    /// number of bytes. The graph is unchanged then.
    pub fn count_floats_as(&mut self, element_type: ElementType) -> Result<()> {
        // Without placements and bodies, `recount` fails before it changes anything, so no copy is
        // needed.
        if self.constraints.list.is_empty() && !self.has_bodies() {
            return self.recount(element_type);
        }
        let mut counted = self.clone();
        counted.recount(element_type)?;
        let mut result = Ok(());
        counted.each_body(|body| {
            if result.is_ok() {
                result = body.count_floats_as(element_type);
            }
        });
        result?;
        *self = counted;
        Ok(())
    }

    /// Changes the element type of this graph's tensors, without bodies.
    fn recount(&mut self, element_type: ElementType) -> Result<()> {
        if element_type.bits().is_none_or(|bits| bits == 0) {
            return Err(Error::NoWidth { element_type: element_type.name() });
        }
        let retyped = |(id, tensor): (TensorId, &Tensor)| match &tensor.spec.size {
            tensor::Size::Shaped(old, shape) if old.is_float() => {
                validate::shaped_bytes(|| tensor.named(id), element_type, shape).map(Some)
            }
            _ => Ok(None),
        };
        let sizes = self.iter_tensors().map(retyped).collect::<Result<Vec<_>>>()?;
        let placements = self.rescaled_placements(element_type, &sizes)?;
        self.rescale_permits(element_type, &sizes);
        for (tensor, size) in self.tensors.iter_mut().zip(sizes) {
            if let (Some(bytes), tensor::Size::Shaped(old, _)) = (size, &mut tensor.spec.size) {
                tensor.bytes = bytes;
                *old = element_type;
            }
        }
        self.replace_placements(placements)
    }

    /// Returns the relative placements after a change of sizes. Tensors that both change to this
    /// element type stay as many elements apart as before; other distances keep their bytes.
    fn rescaled_placements(
        &self,
        element_type: ElementType,
        sizes: &[Option<u64>],
    ) -> Result<Vec<RelativePlacement>> {
        let bits = |id: TensorId| self.tensor(id).element_type().and_then(ElementType::bits);
        let rescaled = |placement: &RelativePlacement| {
            let both = [placement.tensor, placement.of].iter().all(|id| sizes[id.index()].is_some());
            if !both || bits(placement.tensor) != bits(placement.of) {
                return Ok(*placement);
            }
            let at = bits(placement.of).zip(element_type.bits());
            let at = at.and_then(|(old, new)| permit::rescaled(placement.at, old, new));
            at.map(|at| RelativePlacement { at, ..*placement }).ok_or_else(|| {
                placement_constraints::unsatisfied(
                    placement,
                    "the distance is not a whole number of elements of the new type",
                    &self.tensors,
                )
            })
        };
        self.constraints.list.iter().map(rescaled).collect()
    }

    /// Replaces the relative placements. Changes nothing if there is an error.
    fn replace_placements(&mut self, placements: Vec<RelativePlacement>) -> Result<()> {
        if placements.is_empty() {
            return Ok(());
        }
        let constraints =
            PlacementConstraints::new(placements, self.constraints.apart.clone(), &self.tensors)?;
        self.dependencies = Dependencies::new(&self.operators, &self.tensors, &constraints)?;
        self.constraints = constraints;
        self.dependencies.remove_folded(&self.operators);
        Ok(())
    }

    /// Adds permissions to an operator of a finished graph, like [`OperatorBuilder::permits`].
    ///
    /// # Errors
    /// [`Error::Permit`] or [`Error::UnknownOperator`]. The graph is unchanged then.
    pub fn permit(&mut self, id: OperatorId, permits: impl IntoIterator<Item = Permit>) -> Result<()> {
        let count = self.operators.len();
        let unknown = || Error::UnknownOperator { subject: Subject::Permission, operator: id, count };
        let operator = self.operators.get_mut(id.index()).ok_or_else(unknown)?;
        let before = operator.permits.len();
        operator.permits = operator.permits.iter().copied().chain(permits).collect();
        let checked = permit::check_one((id, operator), before, &self.tensors);
        if checked.is_err() {
            operator.permits = operator.permits[..before].into();
        }
        checked
    }

    /// The relative placements, see [`GraphBuilder::place_at`].
    #[must_use]
    pub fn relative_placements(&self) -> &[RelativePlacement] {
        &self.constraints.list
    }

    /// The must-not-alias constraints: pairs of tensors that may not have a byte in common while both
    /// are live. In each pair, the lower id comes first; pairs are in ascending order.
    #[must_use]
    pub fn kept_apart(&self) -> &[[TensorId; 2]] {
        &self.constraints.apart
    }

    /// Returns true if two tensors must not alias. O(log pairs).
    pub(crate) fn are_kept_apart(&self, one: TensorId, other: TensorId) -> bool {
        self.constraints.apart.binary_search(&[one.min(other), one.max(other)]).is_ok()
    }

    /// The distance in bytes from the start of `of` to the start of `tensor` that relative placements
    /// demand, if they do.
    pub(crate) fn distance(&self, tensor: TensorId, of: TensorId) -> Option<i128> {
        self.constraints.distance(tensor, of)
    }

    /// Returns true if relative placements demand the distance of a permission.
    pub(crate) fn is_forced(&self, permit: &Permit) -> bool {
        self.constraints.demand(permit, &self.tensors)
    }

    /// Sets the order of the axes of a tensor in memory, like [`TensorSpec::memory_order`]. Permissions
    /// do not change.
    ///
    /// # Errors
    /// [`Error::MemoryOrder`] or [`Error::UnknownTensor`]. The graph is unchanged then.
    pub fn set_memory_order(&mut self, id: TensorId, axes: impl IntoIterator<Item = usize>) -> Result<()> {
        let count = self.tensors.len();
        let unknown = Error::UnknownTensor { subject: Subject::MemoryOrder, tensor: id, count };
        let tensor = self.tensors.get_mut(id.index()).ok_or(unknown)?;
        let before = tensor.spec.clone();
        tensor.spec = before.clone().memory_order(axes);
        let checked = validate::memory_order(id, tensor);
        if checked.is_err() {
            tensor.spec = before;
        }
        checked
    }

    /// Scales the permissions of tensors with a new size to this element type. Of permissions between
    /// tensors that do not both change, only those to write in place remain.
    fn rescale_permits(&mut self, element_type: ElementType, sizes: &[Option<u64>]) {
        let tensors = &self.tensors;
        let bits = |id: TensorId| tensors[id.index()].element_type().and_then(ElementType::bits);
        let rescaled = |permit: &Permit| {
            let (input, output) = (permit.input(), permit.output());
            match (sizes[input.index()], sizes[output.index()]) {
                (None, None) => Some(*permit),
                (Some(_), Some(_)) if bits(input) == bits(output) => {
                    permit.rescaled(bits(input)?, element_type.bits()?)
                }
                _ => Some(*permit).filter(|permit| matches!(permit, Permit::InPlace { .. })),
            }
        };
        for operator in &mut self.operators {
            operator.permits = operator.permits.iter().filter_map(rescaled).collect();
        }
    }

    /// By operator: its position in an order; `u32::MAX` for operators that the order does not have.
    pub(crate) fn positions_in(&self, order: &[OperatorId]) -> Vec<u32> {
        let mut positions = vec![u32::MAX; self.operators.len()];
        for (position, id) in (0..).zip(order) {
            positions[id.index()] = position;
        }
        positions
    }

    /// Checks that `order` contains every operator that runs exactly once and respects all
    /// dependencies.
    ///
    /// O(operators + edges).
    ///
    /// # Errors
    /// [`Error::Order`] with the first violation found.
    pub fn check_order(&self, order: &[OperatorId]) -> Result<()> {
        let invalid = |problem| Err(Error::Order(problem));
        let mut step_of = vec![u32::MAX; self.operators.len()];
        for (step, &id) in order.iter().enumerate() {
            let Some(operator) = self.operators.get(id.index()) else {
                let count = self.operators.len();
                return invalid(OrderProblem::UnknownOperator { step, operator: id, count });
            };
            if operator.folded {
                return invalid(OrderProblem::Folded { operator: self.named_operator(id), step });
            }
            if step_of[id.index()] != u32::MAX {
                let (operator, first) = (self.named_operator(id), step_of[id.index()] as usize);
                return invalid(OrderProblem::Repeated { operator, first, second: step });
            }
            step_of[id.index()] = step as u32;
        }
        if let Some(&missing) = self.program_order().iter().find(|id| step_of[id.index()] == u32::MAX) {
            return invalid(OrderProblem::Missing { operator: self.named_operator(missing) });
        }
        for (before, after) in self.dependencies() {
            let (early, late) = (step_of[before.index()], step_of[after.index()]);
            if early >= late {
                let [operator, needs] = [after, before].map(|id| self.named_operator(id));
                let (step, needs_step) = (late as usize, early as usize);
                return invalid(OrderProblem::TooEarly { operator, step, needs, needs_step });
            }
        }
        Ok(())
    }
}
