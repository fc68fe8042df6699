//! From a subgraph's tables to a graph.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::operators::{self, Read};
use super::schema::{Model, SubGraph};
use super::shapes::{self, Fact, Inferred, MOST_WORK};
use super::tensors::{self, Described, Role};
use super::{FORMAT, given, text};
use crate::graph::{Graph, GraphBuilder, TensorKind, TensorSpec};
use crate::ids::TensorId;
use crate::import::foldable::{Holds, OperatorAdder};
use crate::import::{
    ImportError, ImportOptions, ImportedGraph, listing, permits, short, states, upper_bounds,
};

/// Bodies of IF and WHILE within each other.
const DEEPEST: usize = 16;

/// Tensors of variables, by subgraph and tensor: their name and size.
type Variables = BTreeMap<(usize, usize), (String, TensorSpec)>;

/// Bodies that were built, by subgraph, shapes of inputs, and whether inputs are carried over.
type Known = HashMap<(usize, Vec<Option<Vec<u64>>>, bool), (Arc<Graph>, Variables)>;

/// Builds the graph of a model, with the bodies of its operators.
pub(super) struct Build<'a> {
    model: Model<'a>,
    bytes: &'a [u8],
    options: &'a ImportOptions,
    subgraphs: Vec<SubGraph<'a>>,
    notes: Vec<String>,
    /// Subgraphs whose bodies are being built, outermost first.
    stack: Vec<usize>,
    known: Known,
    /// What was done to infer shapes in bodies.
    work: usize,
    /// By subgraph: whether it is in the graph.
    is_reached: Vec<bool>,
}

/// A subgraph as it is read, with what is inferred of its tensors.
struct Part<'a> {
    subgraph: SubGraph<'a>,
    operators: Vec<Read>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    roles: Vec<Role>,
    facts: Vec<Fact<'a>>,
}

impl Part<'_> {
    fn is_variable(&self, id: TensorId) -> bool {
        let tensors = self.subgraph.tensors();
        tensors.is_some_and(|tensors| tensors.get(id.index()).is_variable().unwrap_or(false))
    }
}

/// How an operator runs a subgraph.
#[derive(Clone, Copy)]
struct Run<'i> {
    index: usize,
    /// What the subgraph's inputs are copies of.
    inputs: &'i [Option<usize>],
    /// Outputs of one run are inputs of the next.
    carries: bool,
}

impl<'a> Build<'a> {
    pub(super) fn new(model: Model<'a>, bytes: &'a [u8], options: &'a ImportOptions) -> Self {
        let subgraphs: Vec<_> = model.subgraphs().into_iter().flatten().collect();
        let is_reached = vec![false; subgraphs.len()];
        let (notes, stack, known, work) = (Vec::new(), Vec::new(), Known::new(), 0);
        Self { model, bytes, options, subgraphs, notes, stack, known, work, is_reached }
    }

    /// The graph of the first subgraph.
    pub(super) fn graph(mut self, name: &str) -> Result<ImportedGraph, ImportError> {
        let Some(&first) = self.subgraphs.first() else {
            return Err(ImportError::malformed(FORMAT, "the model has no subgraph"));
        };
        let (model, bytes) = (self.model, self.bytes);
        let mut part = self.read(first)?;
        let given = given::shapes(first, &part.roles, self.options)?;
        self.options.go_on()?;
        let Inferred { facts, notes } = shapes::infer(model, bytes, first, &part.operators, &given);
        (part.facts, self.notes) = (facts, notes);
        self.enter(0);
        let (builder, _) = self.add(name, &part, None)?;
        self.notes.extend(note_of_others(&self.subgraphs, &self.is_reached));
        let notes = std::mem::take(&mut self.notes);
        let mut imported = self.finish(builder, notes, &part)?;
        states::keep(&mut imported.graph, self.options)?;
        imported.notes.extend(upper_bounds::note(&imported.graph));
        Ok(imported)
    }

    fn enter(&mut self, index: usize) {
        self.stack.push(index);
        self.is_reached[index] = true;
    }

    fn read(&self, subgraph: SubGraph<'a>) -> Result<Part<'a>, ImportError> {
        let count = subgraph.tensors().map_or(0, |tensors| tensors.len());
        let inputs = operators::tensor_ids(subgraph.inputs(), count, "the list of graph inputs")?;
        let outputs = operators::tensor_ids(subgraph.outputs(), count, "the list of graph outputs")?;
        let operators = operators::read(self.model, subgraph)?;
        let mut roles = vec![Role::default(); count];
        for input in &inputs {
            roles[input.index()].is_input = true;
        }
        for input in operators.iter().flat_map(|operator| &operator.inputs) {
            roles[input.index()].is_read = true;
        }
        for result in operators.iter().flat_map(|operator| &operator.outputs).chain(&outputs) {
            roles[result.index()].is_result = true;
        }
        Ok(Part { subgraph, operators, inputs, outputs, roles, facts: Vec::new() })
    }

    /// Tensors and operators of a subgraph; those of variables too, where it is a body.
    fn add(
        &mut self,
        name: &str,
        part: &Part<'a>,
        body: Option<Run<'_>>,
    ) -> Result<(GraphBuilder, Variables), ImportError> {
        let described = describe_tensors(self.model, part.subgraph, &part.roles, &part.facts)?;
        self.notes.extend(note_of_blanks(&described));
        let is_outer = |tensor: &Described| body.is_some() && tensor.kind == TensorKind::Variable;
        // In a body, a variable is what a handle refers to: its users keep the order of the file.
        let holds = |tensor: &Described| if is_outer(tensor) { Holds::Resource } else { tensor.holds };
        let mut adder = OperatorAdder::new(described.iter().map(holds).collect());
        let (mut builder, mut variables) = (GraphBuilder::new(name), Variables::new());
        for (number, tensor) in described.into_iter().enumerate() {
            let kind = match body {
                // It outlives the body, so the graph around all bodies has it.
                Some(run) if tensor.kind == TensorKind::Variable => {
                    variables.insert((run.index, number), (tensor.name.clone(), tensor.spec.clone()));
                    TensorKind::Constant
                }
                _ => tensor.kind,
            };
            builder.add_tensor(tensor.name, kind, tensor.spec);
        }
        if let Some(run) = body {
            add_body_inputs(&mut builder, part, run);
        }
        for output in &part.outputs {
            builder.output(*output);
        }
        let mut own = BTreeMap::new();
        for (number, operator) in part.operators.iter().enumerate() {
            self.options.go_on()?;
            let (bodies, inner) = self.bodies(part, number)?;
            let mut inputs = operator.inputs.clone();
            if body.is_some() {
                variables.extend(inner);
            } else {
                for (place, (name, spec)) in inner {
                    let add = || (builder.variable(name, spec), adder.add_state());
                    inputs.push(own.entry(place).or_insert_with(add).0);
                }
            }
            let names = (&*operator.name, &*operator.op_type);
            let is_own = |id: &&TensorId| body.is_none() || !part.is_variable(**id);
            let outputs: Vec<TensorId> = operator.outputs.iter().filter(is_own).copied().collect();
            adder.add(&mut builder, names, true, &inputs, &outputs).runs(bodies);
        }
        Ok((builder, variables))
    }

    /// The bodies that an operator runs, and the variables in them.
    fn bodies(
        &mut self,
        part: &Part<'a>,
        number: usize,
    ) -> Result<(Vec<Arc<Graph>>, Variables), ImportError> {
        let (mut bodies, mut variables) = (Vec::new(), Variables::new());
        let read = &part.operators[number];
        let Some(operator) = part.subgraph.operators().map(|operators| operators.get(number)) else {
            return Ok((bodies, variables));
        };
        let (called, count) = (operators::called(self.bytes, &read.op_type, operator), part.facts.len());
        if called.is_empty() {
            return Ok((bodies, variables));
        }
        let all = operator.inputs().into_iter().flatten();
        let all: Vec<Option<usize>> =
            all.map(|id| usize::try_from(id).ok().filter(|&id| id < count)).collect();
        // The condition of IF is no input of its branches.
        let inputs = if read.op_type == "IF" { all.get(1..).unwrap_or_default() } else { &all };
        for (place, index) in called.into_iter().enumerate() {
            let carries = read.op_type == "WHILE" && place == 1;
            let (body, inner) = self.body(part, &read.name, Run { index, inputs, carries })?;
            bodies.push(body);
            variables.extend(inner);
        }
        Ok((bodies, variables))
    }

    /// A subgraph as a body.
    fn body(
        &mut self,
        outer: &Part<'a>,
        caller: &str,
        run: Run<'_>,
    ) -> Result<(Arc<Graph>, Variables), ImportError> {
        let wrong = |what: &str| {
            ImportError::malformed(
                FORMAT,
                format!("operator `{}` runs subgraph {}, {what}", short(caller), run.index),
            )
        };
        let Some(&subgraph) = self.subgraphs.get(run.index) else {
            return Err(wrong(&format!("but there are {}", self.subgraphs.len())));
        };
        if self.stack.contains(&run.index) {
            return Err(wrong("which in the end runs itself"));
        }
        if self.stack.len() > DEEPEST {
            return Err(wrong(&format!("more than {DEEPEST} subgraphs deep")));
        }
        let facts: Vec<Option<&Fact<'a>>> = run.inputs.iter().map(|id| Some(&outer.facts[(*id)?])).collect();
        let dims: Vec<Option<Vec<u64>>> = facts.iter().map(|fact| (*fact)?.dims.clone()).collect();
        let is_upper = facts.iter().flatten().any(|fact| fact.upper);
        let key = (run.index, dims, run.carries);
        if let Some((body, variables)) = self.known.get(&key) {
            return Ok((Arc::clone(body), variables.clone()));
        }
        self.enter(run.index);
        let mut part = self.read(subgraph)?;
        part.facts =
            shapes::infer_body(self.model, self.bytes, subgraph, &part.operators, &key.1, &mut self.work);
        if self.work > MOST_WORK {
            return Err(wrong("and all subgraphs are run with too many different shapes"));
        }
        if is_upper {
            part.facts.iter_mut().filter(|fact| fact.is_computed()).for_each(|fact| fact.upper = true);
        }
        let name = text(subgraph.name());
        let (builder, variables) = self.add(&name, &part, Some(run)).map_err(|error| within(&name, error))?;
        let body = Arc::new(self.finish(builder, Vec::new(), &part)?.graph);
        self.stack.pop();
        self.known.insert(key, (Arc::clone(&body), variables.clone()));
        Ok((body, variables))
    }

    /// Checks, folds, and adds permissions.
    fn finish(
        &self,
        builder: GraphBuilder,
        notes: Vec<String>,
        part: &Part<'a>,
    ) -> Result<ImportedGraph, ImportError> {
        let joins = operators::joins(part.subgraph, &part.operators);
        let begins = part.operators.iter().map(|read| operators::begin(self.model, part.subgraph, read));
        let begins: Vec<_> = begins.collect();
        let mut imported = crate::import::finish(builder, notes, self.options)?;
        let begin = |_: &Graph, id: crate::ids::OperatorId| begins[id.index()].clone();
        permits::add(&mut imported.graph, self.options.multi_pass, |id| joins[id.index()], |_| true, begin)?;
        Ok(imported)
    }
}

/// Inputs of a body are copies, so operators may overwrite them. Those of a loop's body are kept until
/// the outputs that come after them are there, so that these can be copied one by one.
fn add_body_inputs(builder: &mut GraphBuilder, part: &Part<'_>, run: Run<'_>) {
    for &input in &part.inputs {
        if run.carries {
            builder.output(input);
        } else {
            builder.overwritable(input);
        }
    }
}

/// The error with the name of the subgraph.
fn within(name: &str, error: ImportError) -> ImportError {
    match error {
        ImportError::Unshaped { tensors, remedy } => {
            let named = |tensor: String| format!("{tensor} in subgraph `{}`", short(name));
            ImportError::Unshaped { tensors: tensors.into_iter().map(named).collect(), remedy }
        }
        other => other,
    }
}

fn describe_tensors(
    model: Model<'_>,
    subgraph: SubGraph<'_>,
    roles: &[Role],
    facts: &[Fact<'_>],
) -> Result<Vec<Described>, ImportError> {
    let mut described = Vec::with_capacity(roles.len());
    // Tensors whose shape is unknown by themselves, and those that follow from them.
    let (mut causes, mut others) = (Vec::new(), Vec::new());
    for (index, (tensor, &role)) in subgraph.tensors().into_iter().flatten().zip(roles).enumerate() {
        match tensors::describe(tensor, index, role, &facts[index], model.buffers())? {
            Ok(tensor) => described.push(tensor),
            Err(shape) if facts[index].why.is_none() && role.is_result => others.push(shape),
            Err(shape) => causes.push(shape),
        }
    }
    if causes.is_empty() && others.is_empty() {
        return Ok(described);
    }
    let tensors = if causes.is_empty() { others } else { causes };
    let remedy = "set shapes of inputs, or of these tensors, by --input-shape NAME=SHAPE, or convert the model \
                  again with fixed input shapes (an input signature without `None`)";
    Err(ImportError::Unshaped { tensors, remedy: remedy.to_owned() })
}

/// Names tensors that a runtime must find memory for, but for whose contents,
/// and so for whose live ranges, nothing in the file stands.
fn note_of_blanks(tensors: &[Described]) -> Option<String> {
    let blanks = tensors.iter().filter(|tensor| tensor.is_blank);
    let names = listing(blanks.map(|tensor| format!("`{}`", short(&tensor.name))))?;
    Some(format!("tensors that nothing fills, taken for constants: {names}"))
}

/// Names the subgraphs that are not in the graph: initializers of other signatures, and bodies of
/// operators that are not known to run any.
fn note_of_others(subgraphs: &[SubGraph<'_>], is_reached: &[bool]) -> Option<String> {
    let others = subgraphs.iter().zip(is_reached).filter(|(_, is_reached)| !**is_reached);
    let names = listing(others.map(|(subgraph, _)| {
        let operators = subgraph.operators().map_or(0, |operators| operators.len());
        let plural = if operators == 1 { "" } else { "s" };
        format!("`{}` ({operators} operator{plural})", short(&text(subgraph.name())))
    }))?;
    Some(format!("subgraphs not planned: {names}"))
}
