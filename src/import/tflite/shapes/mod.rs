//! Shape inference: each operator's rule gives the shapes of its outputs from those of its inputs.
//!
//! A file states shapes, but may leave them out, state those of one run of a model whose sizes
//! depend on data, or be wrong. So every operator is inferred, in the order of the file, and the
//! file's shape counts only where there is no rule ([`Why::NoRule`]) and the operator's inputs
//! have the shapes that the file states for them. Where graph inputs get other shapes
//! ([`Given`]), all that follows from them changes by the same rules.
//!
//! Cost: one pass over the operators of a subgraph, and over a body for each operator that runs
//! it, up to [`MOST_WORK`].

mod bodies;
mod call;
mod custom;
mod elementwise;
mod fact;
mod fold;
mod layout;
mod pieces;
mod products;
mod strided;
mod table;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;

use super::operators::Read;
use super::schema::{Model, Operator, SubGraph};
use crate::import::listing;
use crate::import::short;
use call::{Call, MOST_AXES};
pub(super) use fact::Fact;

/// Tensors and operators that are looked at, bodies included.
pub(super) const MOST_WORK: usize = 1 << 24;

/// Shapes that the user gives, by tensor.
pub(super) type Given = BTreeMap<usize, Vec<u64>>;

/// A shape that a rule gives an output.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    dims: Vec<u64>,
    /// Each dimension is this or less, depending on data.
    upper: bool,
}

/// Why a rule gives no shapes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// Nothing is known of this operator.
    NoRule,
    /// The shape of an input is unknown.
    Unknown,
    /// The shapes depend on this, which is computed at run time.
    Data(String),
    /// The inputs do not go together.
    Wrong(String),
}

type Outcome = Result<Vec<Shape>, Why>;

/// What is found for a subgraph.
pub(super) struct Inferred<'a> {
    pub(super) facts: Vec<Fact<'a>>,
    /// What the user should know, a sentence each.
    pub(super) notes: Vec<String>,
}

/// Infers the shapes of the first subgraph's tensors. `bytes` are the file's tables.
pub(super) fn infer<'a>(
    model: Model<'a>,
    bytes: &'a [u8],
    subgraph: SubGraph<'a>,
    operators: &[Read],
    given: &Given,
) -> Inferred<'a> {
    let mut engine = Engine { model, bytes, given, work: 0, contradictions: Vec::new(), depth: 0 };
    let facts = engine.run(subgraph, operators, &[]);
    let notes = notes(&facts, given, &engine.contradictions);
    Inferred { facts, notes }
}

/// The same of a subgraph that an operator runs with inputs of these shapes. Adds to `work`, of which
/// there is [`MOST_WORK`] for all bodies: nothing is inferred beyond that.
pub(super) fn infer_body<'a>(
    model: Model<'a>,
    bytes: &'a [u8],
    subgraph: SubGraph<'a>,
    operators: &[Read],
    inputs: &[Option<Vec<u64>>],
    work: &mut usize,
) -> Vec<Fact<'a>> {
    let given = Given::new();
    let mut engine =
        Engine { model, bytes, given: &given, work: *work, contradictions: Vec::new(), depth: 1 };
    let facts = engine.run(subgraph, operators, inputs);
    *work = engine.work;
    facts
}

struct Engine<'a, 'g> {
    model: Model<'a>,
    bytes: &'a [u8],
    given: &'g Given,
    work: usize,
    depth: usize,
    /// Outputs whose shape in the file is not the one inferred, in the first subgraph.
    contradictions: Vec<String>,
}

impl<'a> Engine<'a, '_> {
    /// `inputs` are the shapes of the subgraph's inputs, if an operator runs it.
    fn run(
        &mut self,
        subgraph: SubGraph<'a>,
        operators: &[Read],
        inputs: &[Option<Vec<u64>>],
    ) -> Vec<Fact<'a>> {
        let mut facts = self.begin(subgraph, operators, inputs);
        self.walk(&mut facts, subgraph, operators);
        facts
    }

    /// Looks at every operator.
    fn walk(&mut self, facts: &mut [Fact<'a>], subgraph: SubGraph<'a>, operators: &[Read]) {
        let tables = subgraph.operators().into_iter().flatten();
        for (read, operator) in operators.iter().zip(tables) {
            self.work += 1 + read.inputs.len() + read.outputs.len();
            self.apply(facts, read, operator);
        }
    }

    /// The facts before any operator is looked at.
    fn begin(
        &mut self,
        subgraph: SubGraph<'a>,
        operators: &[Read],
        inputs: &[Option<Vec<u64>>],
    ) -> Vec<Fact<'a>> {
        let buffers = self.model.buffers();
        let tensors = subgraph.tensors().into_iter().flatten();
        let mut facts: Vec<Fact<'a>> = tensors.map(|tensor| Fact::new(tensor, buffers)).collect();
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
                Some(dims) => fact.as_input(dims.clone()),
                None => fact.as_input(fact.declared.clone()),
            }
        }
        if self.depth == 0 {
            for (&tensor, dims) in self.given {
                if let Some(fact) = facts.get_mut(tensor).filter(|fact| !fact.is_result) {
                    fact.dims = Some(dims.clone());
                }
            }
        }
        facts
    }

    /// Sets what is found for an operator's outputs.
    fn apply(&mut self, facts: &mut [Fact<'a>], read: &Read, operator: Operator<'a>) {
        let Some(first) = read.outputs.first() else { return };
        let inputs = operator.inputs().into_iter().flatten();
        let inputs: Vec<Option<usize>> =
            inputs.map(|id| usize::try_from(id).ok().filter(|&id| id < facts.len())).collect();
        let known = inputs.iter().flatten().map(|&id| &facts[id]);
        let has_moved = known.clone().any(|fact| fact.has_moved() || fact.shape_dependent);
        let is_upper = known.clone().any(|fact| fact.upper);
        let depends = known.clone().any(|fact| fact.shape_dependent)
            || matches!(read.op_type.as_str(), "SHAPE" | "RANK") && has_moved;
        let declared = facts[first.index()].declared.clone();
        let element_type = facts[first.index()].element_type;
        let output_count = read.outputs.len();
        let call =
            Call { facts, inputs, output_count, declared: declared.as_deref(), operator, bytes: self.bytes };
        let outcome = self.outcome(&read.op_type, &call);
        let mut values = fold::outputs(&read.op_type, &call, element_type).into_iter();
        let mut shapes = match outcome {
            Ok(shapes) => Ok(shapes.into_iter()),
            Err(why) => Err(why),
        };
        for id in &read.outputs {
            let shape = match &mut shapes {
                Ok(shapes) => shapes.next().ok_or(Why::NoRule),
                Err(why) => Err(why.clone()),
            };
            let context =
                Context { op: &read.name, has_moved, is_upper: is_upper && read.op_type != "RESHAPE" };
            self.settle(&mut facts[id.index()], id.index(), shape, &context);
            let fact = &mut facts[id.index()];
            fact.shape_dependent = depends;
            let count = fact.dims.as_ref().and_then(|dims| call::product(dims).ok());
            fact.computed = values.next().filter(|values| !fact.upper && count == Some(values.len() as u64));
        }
    }

    fn outcome(&mut self, op_type: &str, call: &Call<'_>) -> Outcome {
        if self.work > MOST_WORK {
            return Err(Why::NoRule);
        }
        if let Some(found) = self.through_bodies(op_type, call) {
            return found;
        }
        let found = table::rule(op_type).ok_or(Why::NoRule)?(call)?;
        if found.iter().any(|shape| shape.dims.len() > MOST_AXES) { Err(Why::NoRule) } else { Ok(found) }
    }

    /// The shape of an output, from its rule, the user or the file.
    fn settle(&mut self, fact: &mut Fact<'_>, id: usize, shape: Result<Shape, Why>, context: &Context<'_>) {
        let given = if self.depth == 0 { self.given.get(&id) } else { None };
        fact.why = None;
        match (shape, given) {
            (Ok(shape), Some(given)) if !shape.upper && !context.is_upper && shape.dims != *given => {
                fact.why =
                    Some(format!("it is given {given:?}, but `{}` makes it {:?}", context.op, shape.dims));
            }
            (_, Some(given)) => fact.dims = Some(given.clone()),
            (Ok(shape), None) => {
                fact.upper = shape.upper || context.is_upper;
                let is_news =
                    !context.has_moved && !fact.upper && fact.signature.is_none() && self.depth == 0;
                if let Some(declared) =
                    fact.declared.as_ref().filter(|declared| is_news && **declared != shape.dims)
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
            (Err(why), None) => self.fall_back(fact, why, context),
        }
    }

    /// The file's shape, if nothing speaks against it.
    fn fall_back(&mut self, fact: &mut Fact<'_>, why: Why, context: &Context<'_>) {
        let is_firm = !context.has_moved && !context.is_upper && !fact.is_open();
        let op = short(context.op);
        fact.why = match why {
            Why::Unknown => None,
            Why::Data(what) => Some(format!("its shape depends on {what}")),
            Why::NoRule | Why::Wrong(_) if is_firm && fact.declared.is_some() => {
                if let (Why::Wrong(what), 0) = (&why, self.depth) {
                    self.contradictions.push(format!("`{op}`: {what}"));
                }
                fact.dims.clone_from(&fact.declared);
                return;
            }
            Why::NoRule if context.has_moved => Some(format!(
                "there is no shape rule for `{op}`, whose inputs have other shapes than in the file"
            )),
            Why::NoRule => Some(format!("there is no shape rule for `{op}`")),
            Why::Wrong(what) => Some(format!("`{op}`: {what}")),
        };
    }
}

/// The operator that writes a tensor.
struct Context<'a> {
    op: &'a str,
    /// Inputs have other shapes than in the file.
    has_moved: bool,
    is_upper: bool,
}

fn notes(facts: &[Fact<'_>], given: &Given, contradictions: &[String]) -> Vec<String> {
    let name = |fact: &Fact<'_>| short(&fact.name).into_owned();
    let shown = |fact: &Fact<'_>| format!("`{}` {:?}", name(fact), fact.dims.as_deref().unwrap_or_default());
    let inputs = || facts.iter().enumerate().filter(|(id, fact)| fact.is_input && !given.contains_key(id));
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
    sentences.into_iter().filter_map(|(what, which)| Some(format!("{what}: {}", which?))).collect()
}
