//! What a compiler knows: operators, tensors, and who needs whom.

mod bodies;
mod builder;
mod dependencies;
mod element_type;
mod fold;
mod operator;
mod permit;
mod tensor;
mod text;
mod ties;
mod validate;
mod windowed;

use bodies::Extent;
pub use builder::{GraphBuilder, OperatorBuilder};
pub use element_type::{ElementType, UnknownElementType};
pub use operator::Operator;
pub use permit::{Permit, Side};
pub use tensor::{Shape, Tensor, TensorKind, TensorSpec};
pub use ties::RelativePlacement;
pub use windowed::Windowed;

use crate::error::{Error, Result};
use crate::ids::{OperatorId, TensorId};
use dependencies::Dependencies;
use ties::Ties;

/// Operators and tensors that passed every check; made by [`GraphBuilder`].
///
/// Guarantees: every id is in range, every needed intermediate has exactly one
/// producer, alignments are powers of two, sizes fit 64 bits, and the operators
/// can be run in some order.
#[derive(Clone, Debug)]
pub struct Graph {
    name: String,
    operators: Vec<Operator>,
    tensors: Vec<Tensor>,
    ties: Ties,
    dependencies: Dependencies,
    extent: Extent,
}

impl Graph {
    /// A builder for a graph of this name.
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

    /// The operator of this id.
    ///
    /// # Panics
    /// If the id is not of this graph.
    #[must_use]
    pub fn operator(&self, id: OperatorId) -> &Operator {
        &self.operators[id.index()]
    }

    /// The tensor of this id.
    ///
    /// # Panics
    /// If the id is not of this graph.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.index()]
    }

    /// Ids of all operators, folded ones included.
    pub fn operator_ids(&self) -> impl ExactSizeIterator<Item = OperatorId> + use<> {
        (0..self.operators.len()).map(OperatorId::new)
    }

    /// Ids of all tensors.
    pub fn tensor_ids(&self) -> impl ExactSizeIterator<Item = TensorId> + use<> {
        (0..self.tensors.len()).map(TensorId::new)
    }

    /// The operators that run, in an order in which they can: by id wherever
    /// that is possible, so the order in which they were added if that works.
    ///
    /// Folded operators are left out.
    #[must_use]
    pub fn file_order(&self) -> &[OperatorId] {
        &self.dependencies.file_order
    }

    /// Every pair (before, after) of operators that any order must respect:
    /// producers before readers, [`Operator::runs_after`], and operators that
    /// touch the same variable in their file order. A pair may repeat.
    pub fn dependencies(&self) -> impl Iterator<Item = (OperatorId, OperatorId)> + '_ {
        self.dependencies.pairs()
    }

    /// Folds away operators that may run at compile time and read constants
    /// only: they leave the order, and their outputs become constants. The same is done
    /// in bodies. Returns how many operators of this graph are folded.
    ///
    /// O(operators + edges).
    pub fn fold_constants(&mut self) -> usize {
        let folded = fold::fold(&mut self.operators, &mut self.tensors, &self.dependencies);
        self.dependencies.forget_folded(&self.operators);
        self.each_body(|body| {
            body.fold_constants();
        });
        folded
    }

    /// Counts every floating-point element as one of `element_type`, as if the
    /// network had been quantized. Integers, truth values and tensors given in
    /// bytes keep their size.
    ///
    /// # Errors
    /// [`Error::NoWidth`] if the type has none, [`Error::SizeOverflow`] where the
    /// wider type no longer fits, [`Error::Constraint`] where a relative placement would
    /// not be at a byte; the graph is as it was.
    pub fn count_floats_as(&mut self, element_type: ElementType) -> Result<()> {
        // Without placements and bodies, nothing is refused once sizes have changed.
        if self.ties.list.is_empty() && !self.has_bodies() {
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

    fn recount(&mut self, element_type: ElementType) -> Result<()> {
        if element_type.bits().is_none_or(|bits| bits == 0) {
            return Err(Error::NoWidth { element_type: element_type.name() });
        }
        let retyped = |tensor: &Tensor| match &tensor.spec.size {
            tensor::Size::Shaped(own, shape) if own.is_float() => {
                validate::shaped_bytes(&tensor.name, element_type, shape).map(Some)
            }
            _ => Ok(None),
        };
        let sizes = self.tensors.iter().map(retyped).collect::<Result<Vec<_>>>()?;
        let placements = self.rescaled_placements(element_type, &sizes)?;
        self.rescale_permits(element_type, &sizes);
        for (tensor, size) in self.tensors.iter_mut().zip(sizes) {
            if let (Some(bytes), tensor::Size::Shaped(own, _)) = (size, &mut tensor.spec.size) {
                tensor.bytes = bytes;
                *own = element_type;
            }
        }
        self.place_anew(placements)
    }

    /// Relative placements as they are once tensors have these sizes: between two that become
    /// elements of this type, as many elements apart as before.
    fn rescaled_placements(
        &self,
        element_type: ElementType,
        sizes: &[Option<u64>],
    ) -> Result<Vec<RelativePlacement>> {
        let bits = |id: TensorId| self.tensor(id).element_type().and_then(ElementType::bits);
        let rescaled = |one: &RelativePlacement| {
            let both = [one.tensor, one.of].iter().all(|id| sizes[id.index()].is_some());
            if !both || bits(one.tensor) != bits(one.of) {
                return Ok(*one);
            }
            let at = bits(one.of).zip(element_type.bits());
            let at = at.and_then(|(old, new)| permit::rescaled(one.at, old, new));
            at.map(|at| RelativePlacement { at, ..*one })
                .ok_or_else(|| ties::wrong(one, "that is no number of elements", &self.tensors))
        };
        self.ties.list.iter().map(rescaled).collect()
    }

    /// Nothing changes if there is an error.
    fn place_anew(&mut self, placements: Vec<RelativePlacement>) -> Result<()> {
        if placements.is_empty() {
            return Ok(());
        }
        let ties = Ties::new(placements, self.ties.apart.clone(), &self.tensors)?;
        self.dependencies = Dependencies::new(&self.operators, &self.tensors, &ties)?;
        self.ties = ties;
        self.dependencies.forget_folded(&self.operators);
        Ok(())
    }

    /// Adds permissions to an operator, as [`OperatorBuilder::permits`] does before the graph
    /// is made.
    ///
    /// # Errors
    /// [`Error::Permit`], and [`Error::UnknownOperator`]; the graph is as it was.
    pub fn permit(&mut self, id: OperatorId, permits: impl IntoIterator<Item = Permit>) -> Result<()> {
        let count = self.operators.len();
        let place = || "a permission".to_owned();
        let unknown = || Error::UnknownOperator { place: place(), operator: id, count };
        let operator = self.operators.get_mut(id.index()).ok_or_else(unknown)?;
        let before = operator.permits.len();
        // Most operators have one or none; a list that grows would make room for four.
        if before == 0 {
            operator.permits = permits.into_iter().collect();
        } else {
            operator.permits.extend(permits);
        }
        let checked = permit::check_one(operator, before, &self.tensors);
        if checked.is_err() {
            operator.permits.truncate(before);
        }
        checked
    }

    /// Tensors that must lie at fixed distances from others, as said to the builder.
    #[must_use]
    pub fn relative_placements(&self) -> &[RelativePlacement] {
        &self.ties.list
    }

    /// Pairs of tensors that may never have a byte in common while both are needed, each the
    /// lower id first, ascending.
    #[must_use]
    pub fn kept_apart(&self) -> &[[TensorId; 2]] {
        &self.ties.apart
    }

    /// Whether these two are kept apart. O(log pairs).
    pub(crate) fn are_kept_apart(&self, one: TensorId, other: TensorId) -> bool {
        self.ties.apart.binary_search(&[one.min(other), one.max(other)]).is_ok()
    }

    /// How far one must lie after the other.
    pub(crate) fn distance(&self, one: TensorId, other: TensorId) -> Option<i128> {
        self.ties.distance(one, other)
    }

    /// Whether what is permitted is as it must be, by relative placement.
    pub(crate) fn is_forced(&self, permit: &Permit) -> bool {
        self.ties.force(permit, &self.tensors)
    }

    /// Lets every input be overwritten once it is read.
    pub fn overwrite_inputs(&mut self) {
        for tensor in &mut self.tensors {
            tensor.overwritable |= tensor.kind == TensorKind::Input;
        }
    }

    /// Gives the new state of a run the place of the old one: an output the address of an input, which
    /// may be overwritten. The next run then finds the state where it reads it, without a copy.
    ///
    /// A plan exists only if nothing reads the old state after the new one is written, and if the
    /// operator that writes the one while it reads the other [permits](Permit) it.
    ///
    /// # Errors
    /// [`Error::Constraint`] if these are no input and output of the same size, or if other
    /// relative placements are in the way; the graph is as it was.
    pub fn keep_state(&mut self, input: TensorId, output: TensorId) -> Result<()> {
        let one = RelativePlacement { tensor: output, of: input, at: 0 };
        let known = |id: TensorId| self.tensors.get(id.index());
        let (Some(old), Some(new)) = (known(input), known(output)) else {
            return self.place_anew([self.ties.list.clone(), vec![one]].concat());
        };
        let place = || format!("the state `{}` -> `{}`", old.name(), new.name());
        let wrong = |problem: String| Err(Error::Constraint { place: place(), problem });
        if old.kind() != TensorKind::Input || !new.is_output() {
            return wrong("a state goes from an input of the graph to an output".to_owned());
        }
        if old.bytes() != new.bytes() {
            let (from, to) = (old.bytes(), new.bytes());
            return wrong(format!(
                "the input has {from} bytes, the output {to}; both must have the same size"
            ));
        }
        if input != output {
            self.place_anew([self.ties.list.clone(), vec![one]].concat())?;
        }
        self.tensors[input.index()].overwritable = true;
        Ok(())
    }

    /// As the tensors that have a size here become elements of this type. A permission
    /// between tensors that do not both become so is only kept in place.
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

    /// Checks that `order` names every operator that runs, once, and respects
    /// all dependencies.
    ///
    /// O(operators + edges).
    ///
    /// # Errors
    /// [`Error::Order`], naming the first operator out of place.
    pub fn check_order(&self, order: &[OperatorId]) -> Result<()> {
        let mut step_of = vec![u32::MAX; self.operators.len()];
        for (step, &id) in order.iter().enumerate() {
            let Some(operator) = self.operators.get(id.index()) else {
                let text = format!(
                    "step {step} names operator {id}, but the graph has {} operators",
                    self.operators.len()
                );
                return Err(Error::Order(text));
            };
            if operator.folded {
                return Err(Error::Order(format!(
                    "operator `{}` at step {step} is folded away",
                    operator.name
                )));
            }
            if step_of[id.index()] != u32::MAX {
                return Err(Error::Order(format!(
                    "operator `{}` stands at step {} and at step {step}",
                    operator.name,
                    step_of[id.index()]
                )));
            }
            step_of[id.index()] = step as u32;
        }
        if let Some(&missing) = self.file_order().iter().find(|id| step_of[id.index()] == u32::MAX) {
            return Err(Error::Order(format!("operator `{}` is missing", self.operator(missing).name)));
        }
        for (before, after) in self.dependencies() {
            let (early, late) = (step_of[before.index()], step_of[after.index()]);
            if early >= late {
                return Err(Error::Order(format!(
                    "operator `{}` at step {late} needs operator `{}`, which runs at step {early}",
                    self.operator(after).name,
                    self.operator(before).name
                )));
            }
        }
        Ok(())
    }
}
