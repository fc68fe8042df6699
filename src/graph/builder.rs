use std::sync::Arc;

use smallvec::SmallVec;

use super::dependencies::Dependencies;
use super::text::Text;
use super::ties::Ties;
use super::{
    Graph, Operator, Permit, RelativePlacement, Side, Tensor, TensorKind, TensorSpec, bodies, permit,
    validate,
};
use crate::error::{Error, Result};
use crate::ids::{OperatorId, TensorId};

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
    operators: Vec<Operator>,
    tensors: Vec<Tensor>,
    outputs: Vec<TensorId>,
    overwritable: Vec<TensorId>,
    placements: Vec<RelativePlacement>,
    apart: Vec<[TensorId; 2]>,
    overfull: Option<&'static str>,
}

impl GraphBuilder {
    /// A graph of this name, as yet empty.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// An external input: written by the caller before the first step.
    pub fn input(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Input, spec)
    }

    /// A constant (weight): lives outside of the arena.
    pub fn constant(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Constant, spec)
    }

    /// A variable: state that outlives a run. Operators may read and write it;
    /// those that touch the same one keep the order in which they were added.
    pub fn variable(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Variable, spec)
    }

    /// An intermediate: written by one operator, read by any number.
    pub fn tensor(&mut self, name: impl Into<String>, spec: TensorSpec) -> TensorId {
        self.add_tensor(name, TensorKind::Intermediate, spec)
    }

    /// A tensor of any kind.
    pub fn add_tensor(&mut self, name: impl Into<String>, kind: TensorKind, spec: TensorSpec) -> TensorId {
        if self.tensors.len() + 1 >= TensorId::MAX_COUNT {
            self.overfull = Some("tensors");
            return TensorId::new(0);
        }
        self.tensors.push(Tensor {
            name: Text::from(name.into()),
            kind,
            is_output: false,
            overwritable: false,
            spec,
            bytes: 0,
            producer: None,
            readers: SmallVec::new(),
        });
        TensorId::new(self.tensors.len() - 1)
    }

    /// Says that operators may overwrite this input once nobody reads it any more: the
    /// caller does not need it after the run. Of other kinds, it says nothing.
    pub fn overwritable(&mut self, input: TensorId) -> &mut Self {
        self.overwritable.push(input);
        self
    }

    /// Says that a tensor must lie `at` bytes after the start of another one, in every plan;
    /// at 0 bytes, the two are colocated. With a permission of an operator that reads the one
    /// and writes the other, it is a must-alias. See [`RelativePlacement`].
    ///
    /// Where both have bytes in common and nothing permits them to be there at once, their
    /// operators keep the order of the file. Planning takes the square of the tensors that
    /// are tied to each other.
    pub fn place_at(&mut self, tensor: TensorId, of: TensorId, at: u64) -> &mut Self {
        self.placements.push(RelativePlacement { tensor, of, at });
        self
    }

    /// Says that no plan may let these two have a byte in common while both are needed,
    /// whatever operators permit: must-not-alias.
    pub fn keep_apart(&mut self, one: TensorId, other: TensorId) -> &mut Self {
        self.apart.push([one, other]);
        self
    }

    /// Marks a tensor of any kind as a graph output.
    pub fn output(&mut self, tensor: TensorId) -> &mut Self {
        self.outputs.push(tensor);
        self
    }

    /// Adds an operator; what it reads and writes is said on the result.
    pub fn operator(&mut self, name: impl Into<String>) -> OperatorBuilder<'_> {
        if self.operators.len() + 1 >= OperatorId::MAX_COUNT {
            self.overfull = Some("operators");
            self.operators.pop();
        }
        self.operators.push(Operator {
            name: Text::from(name.into()),
            op_type: Text::default(),
            inputs: SmallVec::new(),
            outputs: SmallVec::new(),
            permits: Vec::new(),
            foldable: false,
            folded: false,
            rare: None,
        });
        let id = OperatorId::new(self.operators.len() - 1);
        OperatorBuilder { operator: &mut self.operators[id.index()], id }
    }

    /// An operator that was added before, to say more about it; none if the
    /// id is not of this builder.
    pub fn operator_mut(&mut self, id: OperatorId) -> Option<OperatorBuilder<'_>> {
        let operator = self.operators.get_mut(id.index())?;
        Some(OperatorBuilder { operator, id })
    }

    /// Makes room for so many further operators, for importers that know their number.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn reserve_operators(&mut self, count: usize) {
        self.operators.reserve_exact(count);
    }

    /// The same of tensors.
    #[allow(dead_code)] // not every set of features has an importer
    pub(crate) fn reserve_tensors(&mut self, count: usize) {
        self.tensors.reserve_exact(count);
    }

    /// How many tensors were added.
    #[must_use]
    pub fn tensor_count(&self) -> usize {
        self.tensors.len()
    }

    /// Checks everything and makes the graph.
    ///
    /// O((operators + edges) log operators).
    ///
    /// # Errors
    /// The first mistake found, naming the culprit: [`Error::UnknownTensor`],
    /// [`Error::UnknownOperator`], [`Error::SizeOverflow`], [`Error::Unsized`],
    /// [`Error::Alignment`], [`Error::FixedMisaligned`],
    /// [`Error::TwoProducers`], [`Error::NotWritable`], [`Error::NoProducer`],
    /// [`Error::Permit`], [`Error::Constraint`], [`Error::Cycle`], [`Error::TooMany`],
    /// [`Error::Body`].
    pub fn build(mut self) -> Result<Graph> {
        // What importers add one by one, without its number.
        self.tensors.shrink_to_fit();
        if let Some(what) = self.overfull {
            return Err(Error::TooMany { what, max: TensorId::MAX_COUNT - 1 });
        }
        validate::ids(&self.operators, self.tensors.len())?;
        validate::listed(&self.outputs, self.tensors.len(), "the list of graph outputs")?;
        validate::listed(&self.overwritable, self.tensors.len(), "the list of overwritable inputs")?;
        for id in &self.outputs {
            self.tensors[id.index()].is_output = true;
        }
        for id in &self.overwritable {
            self.tensors[id.index()].overwritable = true;
        }
        validate::tensors(&mut self.tensors)?;
        validate::connect(&self.operators, &mut self.tensors)?;
        validate::producers(&self.operators, &self.tensors)?;
        permit::check(&self.operators, &self.tensors)?;
        let ties = Ties::new(self.placements, self.apart, &self.tensors)?;
        let dependencies = Dependencies::new(&self.operators, &self.tensors, &ties)?;
        let extent = bodies::check(&mut self.operators)?;
        let Self { name, operators, tensors, .. } = self;
        Ok(Graph { name, operators, tensors, ties, dependencies, extent })
    }
}

/// Says what an operator reads, writes and needs.
#[derive(Debug)]
pub struct OperatorBuilder<'a> {
    operator: &'a mut Operator,
    id: OperatorId,
}

// Each call has done its work; what it returns may be dropped.
#[allow(clippy::must_use_candidate)]
impl OperatorBuilder<'_> {
    /// Tensors that it reads; added to those said before.
    pub fn reads(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.operator.inputs.extend(tensors);
        self
    }

    /// Tensors that it writes; added to those said before.
    pub fn writes(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        self.operator.outputs.extend(tensors);
        self
    }

    /// Workspace in bytes, alive only while the operator runs.
    pub fn scratch(self, bytes: u64) -> Self {
        if bytes > 0 || self.operator.rare.is_some() {
            self.operator.rare.get_or_insert_default().scratch_bytes = bytes;
        }
        self
    }

    /// Graphs that the operator runs while it runs, one at a time, any number of times: the branches
    /// of a conditional, the body of a loop. Added to those said before.
    ///
    /// A plan gives each body a block of memory within the operator's workspace, the same block to
    /// all of them. So what a body needs is counted while the operator runs, beside the operator's
    /// inputs and outputs. Inputs of a body are written before each run of it, its outputs are read
    /// after it, and nothing in it outlives that. What a body reads of the graph around it is an
    /// input of the operator, and no tensor of the body. Offsets in a body count from the start of
    /// the block, fixed ones too. A body has no variables.
    pub fn runs(self, bodies: impl IntoIterator<Item = impl Into<Arc<Graph>>>) -> Self {
        let mut bodies = bodies.into_iter().map(Into::into).peekable();
        if bodies.peek().is_some() {
            self.operator.rare.get_or_insert_default().bodies.extend(bodies);
        }
        self
    }

    /// What it computes, as in `Conv`; shown, never interpreted.
    pub fn op_type(self, op_type: impl Into<String>) -> Self {
        self.operator.op_type = Text::from(op_type.into());
        self
    }

    /// Order-only dependencies: operators that must run before this one.
    pub fn after(self, operators: impl IntoIterator<Item = OperatorId>) -> Self {
        let mut operators = operators.into_iter().peekable();
        if operators.peek().is_some() {
            self.operator.rare.get_or_insert_default().runs_after.extend(operators);
        }
        self
    }

    /// Says that the operator may run at compile time once all of its inputs
    /// are constants: it has no side effects and draws no random numbers.
    /// See [`Graph::fold_constants`].
    pub fn foldable(self) -> Self {
        self.operator.foldable = true;
        self
    }

    /// Memory that an input and an output may share; added to what was said before.
    pub fn permits(self, permits: impl IntoIterator<Item = Permit>) -> Self {
        self.operator.permits.extend(permits);
        self
    }

    /// [`Permit::InPlace`]: the output may be written over the input.
    pub fn in_place(self, input: TensorId, output: TensorId) -> Self {
        self.permits([Permit::InPlace { input, output }])
    }

    /// [`Permit::View`]: the output is bytes of the input, from `at` on.
    pub fn view(self, input: TensorId, output: TensorId, at: u64) -> Self {
        self.permits([Permit::View { input, output, at }])
    }

    /// [`Permit::Piece`]: the input is bytes of the output, from `at` on.
    pub fn piece(self, input: TensorId, output: TensorId, at: u64) -> Self {
        self.permits([Permit::Piece { input, output, at }])
    }

    /// [`Permit::Overlap`]: so many bytes at the end of the lower one may be the start of
    /// the upper one.
    pub fn overlap(self, input: TensorId, output: TensorId, bytes: u64, lower: Side) -> Self {
        self.permits([Permit::Overlap { input, output, bytes, lower }])
    }

    /// The operator's id.
    #[must_use]
    pub fn id(&self) -> OperatorId {
        self.id
    }
}
