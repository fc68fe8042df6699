//! Shape inference: the rule of an operator computes the shapes of its outputs from those of its inputs.
//!
//! A file declares shapes, but these may be missing, wrong, or those of one run of a model whose sizes depend on
//! data. So every operator is inferred, in the order of the file. The declared shape counts only if the
//! operator has no rule ([`NoShape::NoRule`]) and its inputs have their declared shapes. If graph inputs
//! get other shapes ([`GivenShapes`]), the shapes that follow from them change by the same rules.
//!
//! Cost: one pass over the operators of a subgraph, and over a body for each operator that runs it, up to
//! [`MAX_WORK`].

mod bodies;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::operator_types::{self, TfliteOperatorTypes};
use super::operators::Read;
use super::options::{OptionFields, Options};
use super::rules::call::{MAX_AXES, NoShape, OperatorCall, OutputShape, RuleResult};
pub(super) use super::rules::fact::TensorFact;
use super::rules::fold;
use super::schema::{Model, Operator, SubGraph};
use crate::import::computed_shape::ComputedShape;
use crate::import::dims::product;
use crate::import::listing;
use crate::import::short;

/// Limit of work: visited tensors and operators, bodies included.
pub(super) const MAX_WORK: usize = 1 << 24;

/// Shapes that the user gives, by subgraph and tensor.
pub(super) type GivenShapes = BTreeMap<(usize, usize), Vec<u64>>;

/// The shape of an input of a body; none if it is unknown.
pub(super) type BodyInput = Option<OutputShape>;

/// Result of inference for a subgraph.
pub(super) struct SubgraphShapes<'a> {
    /// By tensor index.
    pub(super) facts: Vec<TensorFact<'a>>,
    /// Notes for the user, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Infers the shapes of the first subgraph. `bytes` are the tables of the file.
pub(super) fn infer<'a>(
    model: Model<'a>,
    bytes: &'a [u8],
    subgraph: SubGraph<'a>,
    operators: &[Read],
    given: &GivenShapes,
) -> SubgraphShapes<'a> {
    let mut engine = SubgraphInference::new((model, bytes), given, (0, 0));
    let facts = engine.run(subgraph, operators, &[]);
    let notes = notes(&facts, given, &engine.contradictions);
    SubgraphShapes { facts, notes }
}

/// Infers the shapes of a subgraph that an operator runs with inputs of these shapes. Adds to `work`, whose limit
/// for all bodies is [`MAX_WORK`]; beyond it nothing is inferred.
pub(super) fn infer_body<'a>(
    model: Model<'a>,
    bytes: &'a [u8],
    (at, subgraph, operators): (usize, SubGraph<'a>, &[Read]),
    given: &GivenShapes,
    inputs: &[BodyInput],
    work: &mut usize,
) -> Vec<TensorFact<'a>> {
    let mut engine = SubgraphInference::new((model, bytes), given, (at, 1));
    engine.work = *work;
    let facts = engine.run(subgraph, operators, inputs);
    *work = engine.work;
    facts
}

/// State of inference.
struct SubgraphInference<'a, 'g> {
    model: Model<'a>,
    bytes: &'a [u8],
    given: &'g GivenShapes,
    work: usize,
    /// Index of the subgraph that is being inferred.
    at: usize,
    /// True if bodies nest too deep, maybe without an end. The bodies are built then to find the error.
    nests_too_deep: bool,
    /// Nesting of the subgraph that is being inferred; 0 for the first subgraph.
    depth: usize,
    /// Declared shapes that contradict inferred ones, in the first subgraph.
    contradictions: Vec<String>,
}

impl<'a, 'g> SubgraphInference<'a, 'g> {
    /// `at` and `depth` are those of the subgraph that is inferred first.
    fn new(
        (model, bytes): (Model<'a>, &'a [u8]),
        given: &'g GivenShapes,
        (at, depth): (usize, usize),
    ) -> Self {
        let contradictions = Vec::new();
        Self { model, bytes, given, work: 0, at, nests_too_deep: false, depth, contradictions }
    }

    /// Infers a subgraph. `inputs` are the shapes of its inputs if an operator runs it, else empty.
    fn run(
        &mut self,
        subgraph: SubGraph<'a>,
        operators: &[Read],
        inputs: &[BodyInput],
    ) -> Vec<TensorFact<'a>> {
        let mut facts = self.begin(subgraph, operators, inputs);
        self.walk(&mut facts, subgraph, operators);
        facts
    }

    /// Infers every operator, in the order of the file.
    fn walk(&mut self, facts: &mut [TensorFact<'a>], subgraph: SubGraph<'a>, operators: &[Read]) {
        let tables = subgraph.operators().into_iter().flatten();
        for (read, operator) in operators.iter().zip(tables) {
            self.work += 1 + read.inputs.len() + read.outputs.len();
            self.apply(facts, read, operator);
        }
    }

    /// Facts of all tensors before any operator is inferred.
    fn begin(
        &mut self,
        subgraph: SubGraph<'a>,
        operators: &[Read],
        inputs: &[BodyInput],
    ) -> Vec<TensorFact<'a>> {
        let buffers = self.model.buffers();
        let tensors = subgraph.tensors().into_iter().flatten();
        let mut facts: Vec<TensorFact<'a>> =
            tensors.map(|tensor| TensorFact::new(tensor, buffers, self.bytes)).collect();
        self.work += facts.len();
        for id in operators.iter().flat_map(|operator| &operator.outputs) {
            facts[id.index()].is_result = true;
        }
        for fact in facts.iter_mut().filter(|fact| !fact.is_result) {
            fact.dims.clone_from(&fact.declared);
        }
        let listed = subgraph.inputs().into_iter().flatten();
        for (position, id) in listed.enumerate() {
            let Some(fact) = usize::try_from(id).ok().and_then(|id| facts.get_mut(id)) else { continue };
            match inputs.get(position) {
                Some(shape) => fact.as_body_input(shape.clone()),
                None => fact.as_input(fact.declared.clone()),
            }
        }
        if self.depth == 0 {
            for (&(_, tensor), dims) in self.given.iter().filter(|((subgraph, _), _)| *subgraph == 0) {
                if let Some(fact) = facts.get_mut(tensor).filter(|fact| !fact.is_result) {
                    fact.dims = Some(dims.clone());
                }
            }
        }
        facts
    }

    /// Infers the outputs of an operator.
    fn apply(&mut self, facts: &mut [TensorFact<'a>], read: &Read, operator: Operator<'a>) {
        let Some(first) = read.outputs.first() else { return };
        let inputs = operator.inputs().into_iter().flatten();
        let inputs: Vec<Option<usize>> =
            inputs.map(|id| usize::try_from(id).ok().filter(|&id| id < facts.len())).collect();
        let input_facts = inputs.iter().flatten().map(|&id| &facts[id]);
        let has_changed_inputs =
            input_facts.clone().any(|fact| fact.differs_from_declared() || fact.shape_dependent);
        let is_upper = input_facts.clone().any(|fact| fact.upper);
        let depends_on_changed_shape = input_facts.clone().any(|fact| fact.shape_dependent)
            || matches!(read.op_type.as_str(), "SHAPE" | "RANK") && has_changed_inputs;
        let declared = facts[first.index()].declared.clone();
        let element_type = facts[first.index()].element_type;
        let row = operator_types::find(&read.op_type);
        let call = OperatorCall {
            facts,
            inputs,
            output_count: read.outputs.len(),
            declared: declared.as_deref(),
            options: Options {
                operator,
                bytes: self.bytes,
                fields: row.map_or(OptionFields::NONE, |row| row.columns.options),
            },
        };
        let mut shapes = self.output_shapes(&read.op_type, row, &call).map(Vec::into_iter);
        let mut values = fold::outputs(&read.op_type, &call, element_type).into_iter();
        // An elementwise operator does not change which dimensions are bounds.
        let keeps_rows = read.op_type == "CAST" && call.input(0).is_some_and(|fact| fact.only_rows_depend);
        let only_rows_depend = read.op_type == "WHERE" && !is_upper || keeps_rows;
        // The rule of RESHAPE decides itself.
        let is_upper = is_upper && read.op_type != "RESHAPE";
        let known = computed_shape(&read.op_type).filter(|_| !self.given.is_empty());
        let input = known.and_then(|_| call.input(0)).filter(|fact| !fact.upper);
        let computed = known.zip(input.and_then(|fact| fact.dims.clone()));
        let context = ProducerContext { op: &read.name, has_changed_inputs, is_upper, computed };
        for id in &read.outputs {
            let shape = match &mut shapes {
                Ok(shapes) => shapes.next().ok_or(NoShape::NoRule),
                Err(reason) => Err(reason.clone()),
            };
            let fact = &mut facts[id.index()];
            self.settle(fact, id.index(), shape, &context);
            fact.only_rows_depend = only_rows_depend;
            fact.shape_dependent = depends_on_changed_shape;
            let count = fact.dims.as_ref().and_then(|dims| product(dims).ok());
            fact.computed = values.next().filter(|values| !fact.upper && count == Some(values.len() as u64));
        }
    }

    /// Applies the rule of an operator, or infers the bodies that it runs.
    fn output_shapes(
        &mut self,
        op_type: &str,
        row: Option<&TfliteOperatorTypes>,
        call: &OperatorCall<'_>,
    ) -> RuleResult {
        let row = row.filter(|_| self.work <= MAX_WORK).ok_or(NoShape::NoRule)?;
        if let Some(shapes) = self.through_bodies(op_type, call) {
            return shapes;
        }
        let shapes = row.columns.shape.ok_or(NoShape::NoRule)?(call)?;
        if shapes.iter().any(|shape| shape.dims.len() > MAX_AXES) { Err(NoShape::NoRule) } else { Ok(shapes) }
    }

    /// Decides on the shape of an output: the shape that the user gives, the inferred one, or the declared one.
    fn settle(
        &mut self,
        fact: &mut TensorFact<'_>,
        id: usize,
        shape: Result<OutputShape, NoShape>,
        context: &ProducerContext<'_>,
    ) {
        let given = self.given.get(&(self.at, id));
        fact.reason = None;
        match (shape, given) {
            (Ok(shape), Some(given)) if !shape.upper && !context.is_upper && shape.dims != *given => {
                fact.reason = Some(format!(
                    "it is given {given:?}, but its inferred shape by `{}` is {:?}",
                    context.op, shape.dims
                ));
            }
            (_, Some(given)) => {
                match context.computed.as_ref().filter(|(known, input)| !known.admits(input, given)) {
                    Some((_, input)) => {
                        let op = context.op;
                        let reason = format!("`{op}` of a tensor of shape {input:?} cannot return it");
                        fact.reason = Some(format!("it is given {given:?}, but {reason}"));
                    }
                    None => fact.dims = Some(given.clone()),
                }
            }
            (Ok(shape), None) => {
                fact.upper = shape.upper || context.is_upper;
                let may_contradict =
                    !context.has_changed_inputs && !fact.upper && fact.signature.is_none() && self.depth == 0;
                if let Some(declared) =
                    fact.declared.as_ref().filter(|declared| may_contradict && **declared != shape.dims)
                {
                    self.contradictions.push(format!(
                        "`{}` is {declared:?} in the file, but {:?} by its operator `{}`",
                        short(&fact.name),
                        shape.dims,
                        context.op
                    ));
                }
                fact.dims = Some(shape.dims);
            }
            (Err(reason), None) => self.fall_back(fact, reason, context),
        }
    }

    /// Uses the declared shape of an output without an inferred one, if the inputs have their declared shapes and
    /// no dimension is open. Else sets the reason.
    fn fall_back(&mut self, fact: &mut TensorFact<'_>, reason: NoShape, context: &ProducerContext<'_>) {
        let is_reliable = !context.has_changed_inputs && !context.is_upper && !fact.is_open();
        let op = short(context.op);
        fact.reason = match reason {
            NoShape::UnknownInput => None,
            NoShape::DataDependent(data) => Some(format!("its shape depends on {data}")),
            // The body cannot be planned either, whatever the file declares for the result.
            NoShape::InBody(reason) => Some(reason),
            NoShape::NoRule | NoShape::Invalid(_) if is_reliable && fact.declared.is_some() => {
                if let (NoShape::Invalid(text), 0) = (&reason, self.depth) {
                    self.contradictions.push(format!("`{op}`: {text}"));
                }
                fact.dims.clone_from(&fact.declared);
                return;
            }
            NoShape::NoRule if context.has_changed_inputs => Some(format!(
                "there is no shape rule for `{op}`, whose inputs have other shapes than in the file"
            )),
            NoShape::NoRule => Some(format!("there is no shape rule for `{op}`")),
            NoShape::Invalid(text) => Some(format!("`{op}`: {text}")),
        };
    }
}

/// The known shapes of the outputs of an operator whose shapes may be computed at run time.
fn computed_shape(op_type: &str) -> Option<ComputedShape> {
    Some(match op_type {
        "EXPAND_DIMS" | "RESHAPE" | "SQUEEZE" | "TRANSPOSE" => ComputedShape::SameElements,
        "BROADCAST_TO" => ComputedShape::Broadcast,
        "TILE" => ComputedShape::Repeated,
        "MIRROR_PAD" | "PAD" | "PADV2" | "RESIZE_BILINEAR" | "RESIZE_NEAREST_NEIGHBOR" => {
            ComputedShape::SameRank
        }
        _ => return None,
    })
}

/// The producer of an output, for decisions about its shape.
struct ProducerContext<'a> {
    op: &'a str,
    /// True if inputs have shapes other than the declared ones.
    has_changed_inputs: bool,
    /// True if inputs have upper bounds as shapes.
    is_upper: bool,
    /// The known shape of an output whose shape is computed, with the shape of the first input; for given shapes.
    computed: Option<(ComputedShape, Vec<u64>)>,
}

/// Notes about assumptions, upper bounds and contradictions.
fn notes(facts: &[TensorFact<'_>], given: &GivenShapes, contradictions: &[String]) -> Vec<String> {
    let name = |fact: &TensorFact<'_>| short(&fact.name).into_owned();
    let shown =
        |fact: &TensorFact<'_>| format!("`{}` {:?}", name(fact), fact.dims.as_deref().unwrap_or_default());
    let inputs =
        || facts.iter().enumerate().filter(|(id, fact)| fact.is_input && !given.contains_key(&(0, *id)));
    let open = inputs().filter(|(_, fact)| fact.signature.is_some());
    let open = listing(open.map(|(_, fact)| {
        format!("{} (open: {:?})", shown(fact), fact.signature.as_deref().unwrap_or_default())
    }));
    let scalars = inputs().filter(|(_, fact)| fact.is_taken_for_scalar);
    let scalars = listing(scalars.map(|(_, fact)| format!("`{}`", name(fact))));
    let upper = listing(facts.iter().filter(|fact| fact.upper).map(shown));
    let sentences = [
        (
            "graph inputs with open dimensions, planned at the shape in the file; --input-shape sets another",
            open,
        ),
        ("graph inputs without dimensions, planned as scalars; --input-shape sets a shape", scalars),
        ("sizes that depend on data, planned at their upper bound", upper),
        ("shapes in the file contradict its operators", listing(contradictions.iter().cloned())),
    ];
    sentences.into_iter().filter_map(|(title, tensors)| Some(format!("{title}: {}", tensors?))).collect()
}
