use std::sync::Arc;

use smallvec::SmallVec;

use super::dependencies::Dependencies;
use super::placement_constraints::PlacementConstraints;
use super::shapes::SharedShapes;
use super::text::CompactText;
use super::{
    AccessMap, BodyLink, Graph, InputContents, Operator, Permit, RelativePlacement, Side, Storage, Tensor,
    TensorKind, TensorSpec, TileAxis, access, bodies, permit, validate,
};
use crate::error::{Error, Result, Subject};
use crate::support::ids::{OperatorId, TensorId};

/// Collects operators and tensors; [`build`](Self::build) checks them all.
///
/// ```
/// use plimsoll::{ElementType::Int8, Graph, TensorSpec};
///
/// let mut net = Graph::builder("tiny");
/// let image = net.input("image", TensorSpec::shaped(Int8, [1, 32, 32, 3]));
/// let weights = net.constant("weights", TensorSpec::bytes(432));
/// let features = net.tensor("features", TensorSpec::shaped(Int8, [1, 32, 32, 16]));
/// net.operator("conv").reads([image, weights]).writes([features]).scratch(256);
/// net.output(features);
/// let graph = net.build()?;
/// assert_eq!(graph.tensor(features).bytes(), 16384);
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    name: String,
    pub(super) operators: Vec<Operator>,
    pub(super) tensors: Vec<Tensor>,
    pub(super) outputs: Vec<TensorId>,
    contents: Vec<(TensorId, InputContents)>,
    pub(super) placements: Vec<RelativePlacement>,
    pub(super) apart: Vec<[TensorId; 2]>,
    /// True if the graph is folded once it is built.
    pub(super) folds: bool,
    too_many: Option<&'static str>,
    shapes: SharedShapes,
}

impl GraphBuilder {
    /// Creates a builder for an empty graph with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a graph input: the caller writes it before the first step.
    pub fn input(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Input, spec)
    }

    /// Adds a constant (weight). Constants are outside of the arena.
    pub fn constant(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Constant, spec)
    }

    /// Adds a variable: state that outlives a run. Operators may read and write it. Operators that
    /// access the same variable keep the order in which they were added.
    pub fn variable(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Variable, spec)
    }

    /// Adds an intermediate: one operator writes it, any number of operators read it.
    pub fn tensor(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Intermediate, spec)
    }

    /// Adds a tensor of any kind.
    pub fn add_tensor(
        &mut self,
        name: impl Into<String>,
        kind: TensorKind,
        mut spec: TensorSpec,
    ) -> TensorId {
        if self.tensors.len() + 1 >= TensorId::MAX_COUNT {
            self.too_many = Some("tensors");
            return TensorId::new(0);
        }
        self.shapes.share(&mut spec);
        self.tensors.push(Tensor {
            name: CompactText::from(name.into()),
            kind,
            is_output: false,
            contents: InputContents::default(),
            spec,
            bytes: 0,
            producer: None,
            readers: SmallVec::new(),
        });
        TensorId::new(self.tensors.len() - 1)
    }

    /// Permits operators to overwrite a graph input after its last read: the caller does not need
    /// its contents after the run. Has no effect on other tensor kinds.
    pub fn overwritable(&mut self, input: TensorId) -> &mut Self {
        self.input_contents(input, InputContents::Overwritable)
    }

    /// Keeps the contents of a graph input in its bytes to the end of the run. Has no effect on other tensor
    /// kinds.
    pub fn preserved(&mut self, input: TensorId) -> &mut Self {
        self.input_contents(input, InputContents::Preserved)
    }

    /// Sets what a run may do with the contents of a graph input. Has no effect on other tensor kinds.
    pub fn input_contents(&mut self, input: TensorId, contents: InputContents) -> &mut Self {
        self.contents.push((input, contents));
        self
    }

    /// Sets the memory that holds a tensor that was added before.
    ///
    /// # Panics
    /// If this builder did not create the id.
    pub fn storage(&mut self, tensor: TensorId, storage: Storage) -> &mut Self {
        self.tensors[tensor.index()].spec.set_storage(storage);
        self
    }

    /// Lets a tensor that states no alignment start at any byte.
    pub(crate) fn align_to_bytes(&mut self, tensor: TensorId) {
        let spec = &mut self.tensors[tensor.index()].spec;
        if spec.alignment().is_none() {
            *spec = spec.clone().align(1);
        }
    }

    /// Constrains a tensor to start `at` bytes after the start of another tensor in every plan. At 0
    /// bytes, the two are colocated. Together with a permission of an operator that reads one of
    /// them and writes the other, this is a must-alias constraint. See [`RelativePlacement`].
    ///
    /// If the two have bytes in common and no permission lets them be live at once, their operators
    /// keep program order. Planning time is quadratic in the number of tensors that are placed
    /// relative to each other.
    pub fn place_at(&mut self, tensor: TensorId, of: TensorId, at: u64) -> &mut Self {
        self.placements.push(RelativePlacement { tensor, of, at });
        self
    }

    /// Forbids two tensors to have a byte in common while both are live, whatever operators permit:
    /// a must-not-alias constraint.
    pub fn keep_apart(&mut self, one: TensorId, other: TensorId) -> &mut Self {
        self.apart.push([one, other]);
        self
    }

    /// Marks a tensor of any kind as a graph output.
    pub fn output(&mut self, tensor: TensorId) -> &mut Self {
        self.outputs.push(tensor);
        self
    }

    /// Adds an operator. Use the returned builder to add its inputs, outputs and properties.
    pub fn operator(&mut self, name: impl Into<String>) -> OperatorBuilder<'_> {
        if self.operators.len() + 1 >= OperatorId::MAX_COUNT {
            self.too_many = Some("operators");
            self.operators.pop();
        }
        self.operators.push(Operator {
            name: CompactText::from(name.into()),
            op_type: CompactText::default(),
            inputs: SmallVec::new(),
            outputs: SmallVec::new(),
            permits: Box::default(),
            foldable: false,
            folded: false,
            access: None,
            extras: None,
        });
        let id = OperatorId::new(self.operators.len() - 1);
        OperatorBuilder { operator: &mut self.operators[id.index()], id }
    }

    /// Returns the builder of an operator that was added before; none if this builder did not
    /// create the id.
    pub fn operator_mut(&mut self, id: OperatorId) -> Option<OperatorBuilder<'_>> {
        let operator = self.operators.get_mut(id.index())?;
        Some(OperatorBuilder { operator, id })
    }

    /// Reserves memory for `count` further operators, for importers that know the number.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn reserve_operators(&mut self, count: usize) {
        self.operators.reserve_exact(count);
    }

    /// Reserves memory for `count` further tensors.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn reserve_tensors(&mut self, count: usize) {
        self.tensors.reserve_exact(count);
    }

    /// The shape of a tensor that has one and is no upper bound.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn exact_shape(&self, id: TensorId) -> Option<&[u64]> {
        let tensor = self.tensors.get(id.index()).filter(|tensor| !tensor.is_upper_bound())?;
        tensor.shape()
    }

    /// Returns whether an operator can be split along an axis: the axis is valid, and has more than one row.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn can_split(&self, id: OperatorId, axis: &TileAxis) -> bool {
        let Some(operator) = self.operators.get(id.index()) else { return false };
        let rows = operator.outputs.first().zip(axis.outputs().first());
        let rows = rows.and_then(|(&output, &at)| self.tensors[output.index()].shape()?.get(at).copied());
        rows.is_some_and(|rows| rows > 1) && access::problem(operator, axis, &self.tensors).is_none()
    }

    /// Kind and description of a tensor.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn described(&self, id: TensorId) -> Option<(TensorKind, &TensorSpec)> {
        self.tensors.get(id.index()).map(|tensor| (tensor.kind, &tensor.spec))
    }

    /// Number of tensors added.
    #[must_use]
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    /// Number of operators added.
    #[must_use]
    pub fn operator_count(&self) -> usize {
        self.operators.len()
    }

    /// Checks all definitions and creates the graph.
    ///
    /// O((operators + edges) log operators).
    ///
    /// # Errors
    /// The first error found, with the operator or tensor concerned: [`Error::UnknownTensor`],
    /// [`Error::UnknownOperator`], [`Error::SizeOverflow`], [`Error::Unsized`],
    /// [`Error::Alignment`], [`Error::FixedMisaligned`],
    /// [`Error::TwoProducers`], [`Error::NotWritable`], [`Error::NoProducer`],
    /// [`Error::MemoryOrder`], [`Error::Storage`], [`Error::Permit`], [`Error::Access`], [`Error::Constraint`], [`Error::Cycle`], [`Error::TooMany`],
    /// [`Error::Body`].
    pub fn build(mut self) -> Result<Graph> {
        // Importers that add tensors one by one leave unused capacity, and those that add operators alike.
        self.tensors.shrink_to_fit();
        self.operators.shrink_to_fit();
        if let Some(what) = self.too_many {
            return Err(Error::TooMany { what, max: TensorId::MAX_COUNT - 1 });
        }
        validate::ids(&self.operators, self.tensors.len())?;
        validate::listed(&self.outputs, self.tensors.len(), Subject::Outputs)?;
        let with_contents: Vec<TensorId> = self.contents.iter().map(|&(id, _)| id).collect();
        validate::listed(&with_contents, self.tensors.len(), Subject::InputContents)?;
        for id in &self.outputs {
            self.tensors[id.index()].is_output = true;
        }
        for &(id, contents) in &self.contents {
            let tensor = &mut self.tensors[id.index()];
            if tensor.kind == TensorKind::Input {
                tensor.contents = contents;
            }
        }
        validate::tensors(&mut self.tensors)?;
        validate::connect(&self.operators, &mut self.tensors)?;
        validate::producers(&self.operators, &self.tensors)?;
        permit::check(&self.operators, &self.tensors)?;
        access::check(&self.operators, &self.tensors)?;
        let constraints = PlacementConstraints::new(self.placements, self.apart, &self.tensors)?;
        let dependencies = Dependencies::new(&self.operators, &self.tensors, &constraints)?;
        let extent = bodies::check(&mut self.operators, &self.tensors)?;
        let Self { name, operators, tensors, folds, .. } = self;
        let mut graph = Graph { name, operators, tensors, constraints, dependencies, extent };
        if folds {
            graph.fold_constants();
        }
        Ok(graph)
    }
}

/// Adds inputs, outputs and properties to one operator of a [`GraphBuilder`].
///
/// Example: [`GraphBuilder`](crate::GraphBuilder).
#[derive(Debug)]
pub struct OperatorBuilder<'a> {
    operator: &'a mut Operator,
    id: OperatorId,
}

// Each method has taken effect when it returns, so the caller may drop the result.
#[allow(clippy::must_use_candidate)]
impl OperatorBuilder<'_> {
    /// Adds tensors that the operator reads.
    pub fn reads(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.operator.inputs.extend(tensors);
        self
    }

    /// Adds tensors that the operator writes.
    pub fn writes(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.operator.outputs.extend(tensors);
        self
    }

    /// Sets the size of the scratch buffer in bytes. The scratch buffer is live only while the operator runs.
    pub fn scratch(self, bytes: u64) -> Self {
        if bytes > 0 || self.operator.extras.is_some() {
            self.operator.extras.get_or_insert_default().scratch_bytes = bytes;
        }
        self
    }

    /// Adds graphs that the operator runs one at a time, any number of times: the branches of a
    /// conditional, the body of a loop.
    ///
    /// A plan gives each body a block of memory within the operator's scratch buffer. All bodies of an
    /// operator use the same block, one after the other, so the memory of a body is live while the
    /// operator runs, together with the operator's inputs and outputs. The operator writes the
    /// inputs of a body before each run of the body and reads its outputs afterwards. No tensor of a
    /// body outlives the body's run. A tensor of the enclosing graph that a body reads is an input of
    /// the operator, not a tensor of the body. Offsets in a body, fixed offsets included, count
    /// from the start of the block. A body has no variables.
    pub fn runs(self, bodies: impl IntoIterator<Item = impl Into<Arc<Graph>>>) -> Self {
        let mut bodies = bodies.into_iter().map(Into::into).peekable();
        if bodies.peek().is_some() {
            self.operator.extras.get_or_insert_default().bodies.extend(bodies);
        }
        self
    }

    /// Links tensors of the bodies to inputs and outputs of the operator, so that a plan can keep them in the
    /// same bytes. See [`BodyLink`].
    pub fn links(self, links: impl IntoIterator<Item = BodyLink>) -> Self {
        let mut links = links.into_iter().peekable();
        if links.peek().is_some() {
            self.operator.extras.get_or_insert_default().links.extend(links);
        }
        self
    }

    /// Sets the type of the operator, such as `Conv`. It is shown, never interpreted.
    pub fn op_type(self, op_type: impl Into<String>) -> Self {
        self.operator.op_type = CompactText::from(op_type.into());
        self
    }

    /// Adds control dependencies: operators that must run before this one.
    pub fn after(self, operators: impl IntoIterator<Item = OperatorId>) -> Self {
        let mut operators = operators.into_iter().peekable();
        if operators.peek().is_some() {
            self.operator.extras.get_or_insert_default().runs_after.extend(operators);
        }
        self
    }

    /// Permits the operator to run at compile time if all of its inputs are constants: the operator
    /// has no side effects and draws no random numbers. See [`Graph::fold_constants`].
    pub fn foldable(self) -> Self {
        self.operator.foldable = true;
        self
    }

    /// States which rows of its inputs the operator reads for rows of its outputs, so that tiling can
    /// run it on a part of its rows. See [`AccessMap`].
    pub fn access(self, map: impl Into<Arc<AccessMap>>) -> Self {
        self.operator.access = Some(map.into());
        self
    }

    /// Adds permissions for inputs and outputs to share memory.
    pub fn permits(self, permits: impl IntoIterator<Item = Permit>) -> Self {
        let mut all = std::mem::take(&mut self.operator.permits).into_vec();
        all.extend(permits);
        self.operator.permits = all.into_boxed_slice();
        self
    }

    pub(super) fn clear_permits(self) -> Self {
        self.operator.permits = Box::default();
        self
    }

    /// Adds [`Permit::InPlace`]: the output may overwrite the input.
    pub fn in_place(self, input: TensorId, output: TensorId) -> Self {
        self.permits([Permit::InPlace { input, output }])
    }

    /// Adds [`Permit::View`]: the output consists of the input's bytes from `at` on.
    pub fn view(self, input: TensorId, output: TensorId, at: u64) -> Self {
        self.permits([Permit::View { input, output, at }])
    }

    /// Adds [`Permit::ConcatSlice`]: the output contains the input's bytes from `at` on.
    pub fn concat_slice(self, input: TensorId, output: TensorId, at: u64) -> Self {
        self.permits([Permit::ConcatSlice { input, output, at }])
    }

    /// Adds [`Permit::Overlap`]: up to `bytes` bytes at the end of the tensor with the lower offset
    /// may be the start of the other tensor.
    pub fn overlap(self, input: TensorId, output: TensorId, bytes: u64, lower: Side) -> Self {
        self.permits([Permit::Overlap { input, output, bytes, lower }])
    }

    /// The operator's id.
    #[must_use]
    pub fn id(&self) -> OperatorId {
        self.id
    }
}
