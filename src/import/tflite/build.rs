//! Builds graphs from the tables of subgraphs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::access::OperatorAccess;
use super::operators::{self, Read};
use super::schema::{Model, SubGraph};
use super::shapes::{self, BodyInput, GivenShapes, MAX_WORK, SubgraphShapes, TensorFact};
use super::tensors::{self, DescribedTensor, TensorUse};
use super::{given, malformed, operator_types, text};
use crate::graph::{Graph, GraphBuilder, Permit, TensorKind, TensorSpec};
use crate::import::folding::{Effects, Holds, OperatorAdder};
use crate::import::permits::{self, PermitRule};
use crate::import::{
    ImportError, ImportOptions, ImportedGraph, listed_names, listing, short, states, upper_bounds,
};
use crate::support::ids::{OperatorId, TensorId};

/// Limit of nested bodies.
const DEEPEST: usize = 16;

/// Names and sizes of variables in bodies, by subgraph and tensor.
type BodyVariables = BTreeMap<(usize, usize), (String, TensorSpec)>;

/// Bodies that have been built, by subgraph, shapes of inputs, and whether outputs become inputs of the next
/// iteration.
type BodyCache = HashMap<(usize, Vec<BodyInput>, bool), (Arc<Graph>, BodyVariables)>;

/// Builds the graph of a model with the bodies of its operators.
pub(super) struct ModelBuilder<'a> {
    model: Model<'a>,
    bytes: &'a [u8],
    options: &'a ImportOptions,
    subgraphs: Vec<SubGraph<'a>>,
    /// Shapes in the options.
    given: GivenShapes,
    notes: Vec<String>,
    /// Subgraphs whose bodies are being built, outermost first.
    stack: Vec<usize>,
    known: BodyCache,
    /// Work of shape inference in bodies, see [`MAX_WORK`].
    work: usize,
    /// By subgraph: true if it is in the graph, as the first subgraph or as a body.
    is_reached: Vec<bool>,
}

/// A subgraph with its operators and the inferred facts about its tensors.
struct ParsedSubgraph<'a> {
    subgraph: SubGraph<'a>,
    operators: Vec<Read>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    roles: Vec<TensorUse>,
    facts: Vec<TensorFact<'a>>,
}

impl ParsedSubgraph<'_> {
    fn is_variable(&self, id: TensorId) -> bool {
        let tensors = self.subgraph.tensors();
        tensors.is_some_and(|tensors| tensors.get(id.index()).is_variable().unwrap_or(false))
    }
}

/// A run of a subgraph by an operator.
#[derive(Clone, Copy)]
struct BodyRun<'i> {
    index: usize,
    /// Shapes of the tensors that are copied to the inputs of the subgraph.
    inputs: &'i [BodyInput],
    /// True if outputs of one run are inputs of the next one.
    carries: bool,
}

impl<'a> ModelBuilder<'a> {
    pub(super) fn new(model: Model<'a>, bytes: &'a [u8], options: &'a ImportOptions) -> Self {
        let subgraphs: Vec<_> = model.subgraphs().into_iter().flatten().collect();
        let is_reached = vec![false; subgraphs.len()];
        let (notes, stack, known, work) = (Vec::new(), Vec::new(), BodyCache::new(), 0);
        let given = GivenShapes::new();
        Self { model, bytes, options, subgraphs, given, notes, stack, known, work, is_reached }
    }

    /// Builds the graph of the first subgraph.
    pub(super) fn graph(mut self, name: &str) -> Result<ImportedGraph, ImportError> {
        let Some(&first) = self.subgraphs.first() else {
            return Err(malformed("the model has no subgraph"));
        };
        let (model, bytes) = (self.model, self.bytes);
        let mut part = self.read(first)?;
        self.given = given::shapes(&self.subgraphs, &part.roles, self.options)?;
        self.options.check_cancelled()?;
        let SubgraphShapes { facts, notes } =
            shapes::infer(model, bytes, first, &part.operators, &self.given);
        (part.facts, self.notes) = (facts, notes);
        self.enter(0);
        let (builder, _) = self.add(name, &part, None)?;
        self.notes.extend(note_of_others(&self.subgraphs, &self.is_reached));
        let notes = std::mem::take(&mut self.notes);
        let mut imported = self.finish(builder, notes, &part)?;
        permit_states(&mut imported.graph, &part, self.options)?;
        states::keep(&mut imported.graph, self.options)?;
        imported.notes.extend(upper_bounds::note(&imported.graph));
        Ok(imported)
    }

    fn enter(&mut self, index: usize) {
        self.stack.push(index);
        self.is_reached[index] = true;
    }

    fn read(&self, subgraph: SubGraph<'a>) -> Result<ParsedSubgraph<'a>, ImportError> {
        let count = subgraph.tensors().map_or(0, |tensors| tensors.len());
        let inputs = operators::tensor_ids(subgraph.inputs(), count, "the list of graph inputs")?;
        let outputs = operators::tensor_ids(subgraph.outputs(), count, "the list of graph outputs")?;
        let operators = operators::read(self.model, subgraph)?;
        let mut roles = vec![TensorUse::default(); count];
        for input in &inputs {
            roles[input.index()].is_input = true;
        }
        for input in operators.iter().flat_map(|operator| &operator.inputs) {
            roles[input.index()].is_read = true;
        }
        for result in operators.iter().flat_map(|operator| &operator.outputs).chain(&outputs) {
            roles[result.index()].is_result = true;
        }
        Ok(ParsedSubgraph { subgraph, operators, inputs, outputs, roles, facts: Vec::new() })
    }

    /// Adds the tensors and operators of a subgraph to a builder. Also returns the variables of a body.
    fn add(
        &mut self,
        name: &str,
        part: &ParsedSubgraph<'a>,
        body: Option<BodyRun<'_>>,
    ) -> Result<(GraphBuilder, BodyVariables), ImportError> {
        let described = describe_tensors(self.model, part.subgraph, &part.roles, &part.facts)?;
        self.notes.extend(note_of_blanks(&described));
        let is_outer = |tensor: &DescribedTensor| body.is_some() && tensor.kind == TensorKind::Variable;
        // In a body, a variable is state outside the body, like that behind a handle: its users keep the order
        // of the file.
        let holds = |tensor: &DescribedTensor| if is_outer(tensor) { Holds::Resource } else { tensor.holds };
        let mut adder = OperatorAdder::new(described.iter().map(holds).collect());
        let (mut builder, mut variables) = (GraphBuilder::new(name), BodyVariables::new());
        for (number, tensor) in described.into_iter().enumerate() {
            let kind = match body {
                // A variable outlives the body, so it is a tensor of the outermost graph.
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
        let mut access = OperatorAccess::new(self.bytes, part.subgraph, &part.facts);
        for (number, operator) in part.operators.iter().enumerate() {
            self.options.check_cancelled()?;
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
            let effects = operator_types::find(names.1).map_or(Effects::Pure, |row| row.effects);
            let table = part.subgraph.operators().map(|operators| operators.get(number));
            if let Some(name) = table.and_then(|table| operators::variable(self.bytes, names.1, table)) {
                adder.name_variable(&outputs, name);
            }
            let with_tensors = adder.add(&mut builder, names, effects, true, &inputs, &outputs);
            let id = with_tensors.runs(bodies).id();
            if body.is_none() {
                access.state(&mut builder, id, operator, number);
            }
        }
        Ok((builder, variables))
    }

    /// Bodies that an operator runs, and the variables in them.
    fn bodies(
        &mut self,
        part: &ParsedSubgraph<'a>,
        number: usize,
    ) -> Result<(Vec<Arc<Graph>>, BodyVariables), ImportError> {
        let (mut bodies, mut variables) = (Vec::new(), BodyVariables::new());
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
        // The condition of IF is not an input of its branches.
        let from = usize::from(read.op_type == "IF");
        let shape = |id: Option<usize>| part.facts[id?].shape();
        let mut inputs: Vec<BodyInput> = all.iter().skip(from).map(|id| shape(*id)).collect();
        if read.op_type == "WHILE" {
            // A state may become smaller in an iteration.
            for (input, output) in inputs.iter_mut().flatten().zip(&read.outputs) {
                input.upper |= part.facts[output.index()].upper;
            }
        }
        for (place, index) in called.into_iter().enumerate() {
            let carries = read.op_type == "WHILE" && place == 1;
            let (body, inner) = self.body(&read.name, BodyRun { index, inputs: &inputs, carries })?;
            bodies.push(body);
            variables.extend(inner);
        }
        Ok((bodies, variables))
    }

    /// Builds a subgraph as a body, or returns the same body from the cache.
    fn body(&mut self, caller: &str, run: BodyRun<'_>) -> Result<(Arc<Graph>, BodyVariables), ImportError> {
        let wrong = |what: &str| {
            malformed(format!("operator `{}` runs subgraph {}, {what}", short(caller), run.index))
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
        let key = (run.index, run.inputs.to_vec(), run.carries);
        if let Some((body, variables)) = self.known.get(&key) {
            return Ok((Arc::clone(body), variables.clone()));
        }
        self.enter(run.index);
        let mut part = self.read(subgraph)?;
        let body = (run.index, subgraph, &*part.operators);
        part.facts = shapes::infer_body(self.model, self.bytes, body, &self.given, &key.1, &mut self.work);
        if self.work > MAX_WORK {
            return Err(wrong("and all subgraphs are run with too many different shapes"));
        }
        let name = text(subgraph.name());
        let place = || format!("in subgraph `{}`", short(&name));
        let added = self.add(&name, &part, Some(run));
        let (builder, variables) = added.map_err(|error| error.within(&place()))?;
        let body = Arc::new(self.finish(builder, Vec::new(), &part)?.graph);
        self.stack.pop();
        self.known.insert(key, (Arc::clone(&body), variables.clone()));
        Ok((body, variables))
    }

    /// Builds, checks and folds the graph and adds permissions.
    fn finish(
        &self,
        builder: GraphBuilder,
        notes: Vec<String>,
        part: &ParsedSubgraph<'a>,
    ) -> Result<ImportedGraph, ImportError> {
        let joins = operators::joins(part.subgraph, &part.operators);
        let mut imported = crate::import::finish(builder, notes, self.options)?;
        let rule = |id: OperatorId| {
            let row = operator_types::find(&part.operators[id.index()].op_type);
            match row.map_or(PermitRule::Nothing, |row| row.permits) {
                PermitRule::Concatenation if !joins[id.index()] => PermitRule::Nothing,
                rule => rule,
            }
        };
        // The second input of a slice holds its start, which must be a constant of the file.
        let begin = |_: &Graph, id: OperatorId| {
            let start = &part.facts[part.operators[id.index()].inputs.get(1)?.index()];
            let numbers = start.values().filter(|_| !start.is_computed())?;
            numbers.iter().map(|&number| u64::try_from(number as i64).ok()).collect()
        };
        permits::add(&mut imported.graph, self.options.multi_pass, rule, begin)?;
        Ok(imported)
    }
}

/// Permits operators with bodies to write a new state over the old one. The runtimes copy the inputs of IF and WHILE to its
/// bodies first, and results of bodies to its outputs last. WHILE, in between, copies each input to the output of the same
/// number, so only that output may have the address of the input.
fn permit_states(
    graph: &mut Graph,
    part: &ParsedSubgraph<'_>,
    options: &ImportOptions,
) -> Result<(), ImportError> {
    for (past, present) in &options.states {
        let named =
            |ids: &[TensorId], name: &str| ids.iter().copied().find(|&id| graph.tensor(id).name() == name);
        let (Some(old), Some(new)) = (named(&part.inputs, past), named(&part.outputs, present)) else {
            continue;
        };
        let Some(writer) = graph.tensor(new).producer() else { continue };
        let operator = &part.operators[writer.index()];
        let position = |ids: &[TensorId], id: TensorId| ids.iter().position(|&one| one == id);
        let is_read = match &*operator.op_type {
            "IF" => operator.inputs.contains(&old),
            "WHILE" => position(&operator.inputs, old) == position(&operator.outputs, new),
            _ => false,
        };
        if is_read && old != new {
            graph.permit(writer, [Permit::InPlace { input: old, output: new }])?;
        }
    }
    Ok(())
}

/// Marks the inputs of a body. They are copies, so operators may overwrite them, except in the body of a loop: its
/// inputs stay live until the outputs are computed, so that outputs can be copied to inputs one by one.
fn add_body_inputs(builder: &mut GraphBuilder, part: &ParsedSubgraph<'_>, run: BodyRun<'_>) {
    for &input in &part.inputs {
        if run.carries {
            builder.output(input);
        } else {
            builder.overwritable(input);
        }
    }
}

fn describe_tensors(
    model: Model<'_>,
    subgraph: SubGraph<'_>,
    roles: &[TensorUse],
    facts: &[TensorFact<'_>],
) -> Result<Vec<DescribedTensor>, ImportError> {
    let mut described = Vec::with_capacity(roles.len());
    // Root causes, and tensors whose shape is unknown because that of another tensor is.
    let (mut causes, mut others) = (Vec::new(), Vec::new());
    for (index, (tensor, &role)) in subgraph.tensors().into_iter().flatten().zip(roles).enumerate() {
        match tensors::describe(tensor, index, role, &facts[index], model.buffers())? {
            Ok(tensor) => described.push(tensor),
            Err(shape) if facts[index].reason.is_none() && role.is_result => others.push(shape),
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

/// A note that names tensors that operators read but nothing writes. A runtime must provide their memory, but
/// the file does not determine their live ranges.
fn note_of_blanks(tensors: &[DescribedTensor]) -> Option<String> {
    let blanks = tensors.iter().filter(|tensor| tensor.is_blank);
    let names = listed_names(blanks.map(|tensor| tensor.name.as_str()))?;
    Some(format!("tensors that nothing fills, taken for constants: {names}"))
}

/// A note that names the subgraphs that are not planned: initializers of other signatures, and bodies of operators
/// whose bodies are not supported.
fn note_of_others(subgraphs: &[SubGraph<'_>], is_reached: &[bool]) -> Option<String> {
    let others = subgraphs.iter().zip(is_reached).filter(|(_, is_reached)| !**is_reached);
    let names = listing(others.map(|(subgraph, _)| {
        let operators = subgraph.operators().map_or(0, |operators| operators.len());
        let plural = if operators == 1 { "" } else { "s" };
        format!("`{}` ({operators} operator{plural})", short(&text(subgraph.name())))
    }))?;
    Some(format!("subgraphs not planned: {names}"))
}
