//! Infers nodes one by one: finds the rule of the operator, applies it, and records the result in a scope.
//!
//! Bodies may run any number of times, so their cost is limited: nodes, names and numbers that
//! are visited count as work ([`MAX_WORK`]), and element values and reasons that are kept have a limit in all.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::declared::DeclarationCheck;
use super::scope::{Fact, Scope, UnknownShape};
use crate::error::short;
use crate::import::dims::{ensure, sizes};
use crate::import::onnx::description::Description;
use crate::import::onnx::descriptions;
use crate::import::onnx::graph::{OnnxGraph, OnnxNode};
use crate::import::onnx::inferred::BodyShapes;
use crate::import::onnx::operator_sets::OperatorSets;
use crate::import::onnx::operator_types::{self, BLOCKED, MICROSOFT, NEWEST, OnnxShapeRule};
use crate::import::onnx::rules::bounds;
use crate::import::onnx::rules::call::{CallInput, NodeCall};
use crate::import::onnx::value::{Elements, Inferred, Outputs, Value};

/// Limit of work in bodies, which may run several times: visited nodes, with their names and numbers.
const MAX_WORK: usize = 5_000_000;

const WORK_EXCEEDED: &str = "shape inference in bodies exceeds its limit of 5 million steps";
/// Limit of element values that are kept for tensors of more than [`SMALL`] elements, in all.
const MAX_VALUES: usize = 4_000_000;

/// Limit in bytes of all reasons that are kept.
const MAX_REASONS: usize = 1 << 18;

/// A tensor that holds a shape has no more elements; elements of such tensors are always kept.
const SMALL: usize = 32;

/// Memory of a tensor of a sequence, in element values.
const TENSOR_VALUES: usize = 64;

/// State of inference for one model.
pub(super) struct ShapeInference<'b, 'm> {
    sets: &'b OperatorSets<'m>,
    /// Work done so far, see [`MAX_WORK`].
    work: usize,
    /// Element values kept so far, see [`MAX_VALUES`].
    values: usize,
    /// Bytes of reasons kept so far, see [`MAX_REASONS`].
    reasons: usize,
    /// Replaces reasons beyond the limit.
    short_reason: Rc<str>,
    /// Values of symbolic dimensions.
    bound: &'b BTreeMap<String, u64>,
    /// Shapes in bodies.
    pub bodies: BodyShapes<'m>,
}

impl<'b, 'm> ShapeInference<'b, 'm> {
    pub fn new(sets: &'b OperatorSets<'m>, bound: &'b BTreeMap<String, u64>) -> Self {
        Self {
            sets,
            work: 0,
            values: 0,
            reasons: 0,
            short_reason: "the shape cannot be inferred".into(),
            bound,
            bodies: BodyShapes::default(),
        }
    }

    /// Defines the initializers of a graph or a body.
    pub fn initializers(&mut self, graph: &'m OnnxGraph, scope: &mut Scope<'_, 'm>) {
        for tensor in &graph.initializer {
            if !scope.mentions(&tensor.name) {
                continue;
            }
            let value = tensor.value();
            let reason = || format!("the shape of the initializer `{}` is invalid", short(&tensor.name));
            self.define(&tensor.name, value.ok_or_else(|| UnknownShape::new(reason())), scope);
        }
        for sparse in &graph.sparse_initializer {
            let Some(values) = &sparse.values else { continue };
            let value = sizes(&sparse.dims).and_then(|dims| Value::new(values.data_type, dims));
            self.define(&values.name, value.map_err(UnknownShape::new), scope);
        }
    }

    /// Records the value of a tensor in a scope, without its elements if too many are kept already.
    pub fn define(&mut self, name: &'m str, mut fact: Fact, scope: &mut Scope<'_, 'm>) {
        if let Ok(value) = &mut fact {
            let length = value.data.as_ref().map_or(0, Elements::len);
            // A tensor of a sequence takes more memory than a number.
            let count = if value.is_sequence() { length * TENSOR_VALUES } else { length };
            let is_counted = count > SMALL;
            if is_counted {
                self.values += count;
            }
            if is_counted && self.values > MAX_VALUES {
                value.data = None;
            }
        }
        if !name.is_empty() {
            scope.set(name, fact);
        }
    }

    /// Infers a node of a body, within the limit of work. The body may have declarations.
    fn limited_node(
        &mut self,
        node: &'m OnnxNode,
        declared: Option<&HashMap<&str, Description>>,
        scope: &mut Scope<'_, 'm>,
    ) {
        self.work += cost(node);
        if self.work > MAX_WORK {
            for name in node.output().iter() {
                self.define(name, Err(UnknownShape::new(WORK_EXCEEDED)), scope);
            }
            return;
        }
        let facts = self.outputs(node, scope);
        let changed = declared.and_then(|_| DeclarationCheck::changed_input(node, scope));
        // Notes are about the graph only, so the body gets a check of its own, whose notes are dropped.
        let mut check = DeclarationCheck::default();
        for (name, fact) in node.output().iter().zip(facts) {
            let fact = match declared {
                Some(declared) => {
                    let node = (node, scope.first_input(node));
                    check.settled(node, name, fact, declared.get(name), changed)
                }
                None => fact,
            };
            self.define(name, fact, scope);
        }
    }

    /// Infers a body with these inputs and returns its outputs, each with its value or the reason.
    fn run(
        &mut self,
        body: &'m OnnxGraph,
        outer: &Scope<'_, 'm>,
        inputs: Vec<Value>,
    ) -> Inferred<Vec<Inferred<Value>>> {
        ensure!(
            body.input.len() == inputs.len(),
            "its body has {} inputs, not {}",
            body.input.len(),
            inputs.len()
        );
        let mut inner = Scope::inside(outer);
        for (input, value) in body.input.iter().zip(inputs) {
            inner.set(&input.name, Ok(value));
        }
        self.body(body, &mut inner);
        let fact = |name: &str| match inner.get(name) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(unknown)) => Err(format!("in its body, {}", unknown.reason)),
            None => Err(format!("its body does not define its output `{name}`")),
        };
        let outputs = body.output.iter().map(|output| fact(&output.name)).collect();
        self.bodies.insert(body, inner.into_inner());
        Ok(outputs)
    }

    /// Infers the nodes of a body whose inputs `scope` defines. Shapes that the body declares count as in the
    /// graph.
    fn body(&mut self, body: &'m OnnxGraph, scope: &mut Scope<'_, 'm>) {
        // A body may run any number of times, so its declarations count as work.
        self.work += body.initializer.len() + body.sparse_initializer.len() + body.output.len();
        self.work += body.value_info.len() + body.input.len();
        if self.work > MAX_WORK {
            body.node.iter().for_each(|node| self.limited_node(node, None, scope));
            return;
        }
        self.initializers(body, scope);
        let declared = descriptions::of_body(body, self.bound);
        for input in &body.input {
            let is_declared = |value: &Value| {
                let declared = declared.get(&*input.name);
                declared.is_none_or(|declared| declared.admits(value.data_type, &value.dims))
            };
            let changed = match scope.get(&input.name) {
                Some(Ok(value)) if !is_declared(value) => value.clone().changed(true),
                _ => continue,
            };
            scope.set(&input.name, Ok(changed));
        }
        body.node.iter().for_each(|node| self.limited_node(node, Some(&declared), scope));
    }

    /// Makes a reason; beyond [`MAX_REASONS`], a short text that takes no memory, as messages show only a few
    /// reasons.
    fn unknown(&mut self, reason: &str) -> UnknownShape {
        if self.reasons > MAX_REASONS {
            return UnknownShape { reason: Rc::clone(&self.short_reason), is_dependent: false };
        }
        let unknown = UnknownShape::new(reason);
        self.reasons += unknown.reason.len();
        unknown
    }

    /// Infers the outputs of a node. If the rule fails and the shape of an input is unknown, the outputs get
    /// the reason of that input, so that messages name the root cause.
    pub fn outputs(&mut self, node: &'m OnnxNode, scope: &Scope<'_, 'm>) -> Vec<Fact> {
        // Rules divide by the number of outputs.
        if node.output().is_empty() {
            return Vec::new();
        }
        let mut cause = None;
        let inputs: Vec<CallInput> = node
            .input()
            .iter()
            .map(|name| match scope.get(name) {
                _ if name.is_empty() => CallInput::Absent,
                Some(Ok(value)) => CallInput::Known(value),
                Some(Err(unknown)) => {
                    cause.get_or_insert(unknown);
                    CallInput::Unknown
                }
                None => CallInput::Unknown,
            })
            .collect();
        match self.values(node, &inputs, scope) {
            Ok(values) => {
                let mut facts: Vec<Fact> = values.into_iter().map(Ok).collect();
                if facts.len() < node.output().len() {
                    let reason = format!("the shape rule of {} has no such output", node.described());
                    let missing = self.unknown(&reason);
                    facts.resize(node.output().len(), Err(missing));
                }
                facts
            }
            Err(reason) => {
                let unknown = if let Some(cause) = cause {
                    UnknownShape { reason: Rc::clone(&cause.reason), is_dependent: true }
                } else {
                    let node = node.described();
                    self.unknown(&format!("the output shape of {node} cannot be inferred: {reason}"))
                };
                vec![Err(unknown); node.output().len()]
            }
        }
    }

    /// Applies the rule of a node: that of its operator, or of the bodies that it runs.
    fn values(&mut self, node: &'m OnnxNode, inputs: &[CallInput], scope: &Scope<'_, 'm>) -> Outputs {
        let domain = node.domain();
        let version = self.sets.version(node, domain);
        let version = match (version, domain) {
            (Some(version), _) => version,
            (None, MICROSOFT | BLOCKED) => 1,
            (None, _) => {
                let name = if domain.is_empty() { "ai.onnx" } else { domain };
                return Err(format!("the file imports no operator set of the domain `{name}`"));
            }
        };
        let row = operator_types::find(domain, node.op_type());
        let columns = row.map(|row| &row.columns);
        let Some((since, shape)) = columns.and_then(|row| Some((row.since, row.shape.as_ref()?))) else {
            return Err(without_rule(node.op_type()).to_owned());
        };
        ensure!(
            version >= since && (version <= NEWEST || !domain.is_empty()),
            "its shape rule supports operator sets {since} to {NEWEST}, not {version}"
        );
        let call = NodeCall { node, version, inputs };
        match shape {
            OnnxShapeRule::Rule(rule, bound) => {
                rule(&call).and_then(|outputs| bounds::mark_outputs(&call, *bound, outputs))
            }
            OnnxShapeRule::BodyRule(rule) => rule(&call, &mut |body, inputs| self.run(body, scope, inputs)),
        }
    }
}

/// The reason why an operator has no shape rule.
fn without_rule(op_type: &str) -> &'static str {
    match op_type {
        "SequenceMap" | "ZipMap" => {
            "its result is a sequence, which has no shape; give it one with as many elements as all its tensors"
        }
        _ => "the operator has no shape rule",
    }
}

/// Work of one visit of a node: in proportion to its names and numbers.
fn cost(node: &OnnxNode) -> usize {
    let numbers = node.attribute.iter().map(|attribute| attribute.ints.len() + attribute.floats.len() + 1);
    let names = node.input().iter().chain(node.output().iter()).map(|name| 1 + name.len() / 16);
    10 + numbers.sum::<usize>() + names.sum::<usize>()
}
