//! Walks through the nodes, and finds the rule of each.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::call::{Call, Slot};
use super::declared::Check;
use super::scope::{Fact, Scope, Setting, Unknown, domain, versions};
use super::table::{FAMILIES, Family, MICROSOFT, NEWEST, WITH_BODIES};
use super::value::{Data, Told, Value};
use super::{bodies, bounds};
use crate::error::short;
use crate::import::onnx::bodies::BodyShapes;
use crate::import::onnx::descriptions;
use crate::import::onnx::messages::{Attribute, Function, Graph, Node};

/// How much is done inside of bodies and functions, which may call each other: names and
/// numbers of nodes that are looked at.
const MOST_WORK: usize = 5_000_000;

/// How many numbers of larger tensors are remembered in all.
const MOST_NUMBERS: usize = 4_000_000;

/// How many bytes of reasons are remembered in all.
const MOST_TOLD: usize = 1 << 18;

/// Shapes have no more numbers, and are always remembered.
const SMALL: usize = 32;

/// Functions within functions.
const DEEPEST: u32 = 16;

pub(super) struct Engine<'b, 'm> {
    rules: HashMap<(&'static str, &'static str), &'static Family>,
    /// None where a name stands for several.
    functions: HashMap<(&'m str, &'m str), Option<&'m Function>>,
    work: usize,
    numbers: usize,
    /// Bytes of reasons that are remembered.
    told: usize,
    /// Stands for the others.
    untold: Rc<str>,
    depth: u32,
    /// Values of symbolic dimensions.
    bound: &'b BTreeMap<String, u64>,
    /// What is found in bodies, but not in those within functions, which may be run any number of times.
    pub bodies: BodyShapes<'m>,
}

impl<'b, 'm> Engine<'b, 'm> {
    pub fn new(functions: &'m [Function], bound: &'b BTreeMap<String, u64>) -> Self {
        let all = FAMILIES
            .iter()
            .flat_map(|family| family.names.iter().map(move |name| ((family.domain, *name), family)));
        let mut own = HashMap::new();
        for function in functions {
            let name = (domain(&function.domain), function.name.as_str());
            own.entry(name).and_modify(|several| *several = None).or_insert(Some(function));
        }
        Self {
            rules: all.collect(),
            functions: own,
            work: 0,
            numbers: 0,
            told: 0,
            untold: "its operator cannot tell the shape".into(),
            depth: 0,
            bound,
            bodies: BodyShapes::default(),
        }
    }

    pub fn initializers(&mut self, graph: &'m Graph, scope: &mut Scope<'_, 'm>) {
        for tensor in &graph.initializer {
            if !scope.mentions(&tensor.name) {
                continue;
            }
            let value = Value::of_tensor(tensor);
            let fact = value.ok_or_else(|| {
                Unknown::new(format!("the shape of the initializer `{}` is invalid", short(&tensor.name)))
            });
            self.define(&tensor.name, fact, scope);
        }
        for sparse in &graph.sparse_initializer {
            let Some(values) = &sparse.values else { continue };
            let value = super::value::sizes(&sparse.dims).and_then(|dims| Value::new(values.data_type, dims));
            self.define(&values.name, value.map_err(Unknown::new), scope);
        }
    }

    /// Those of a body, which count as work: a body may run any number of times.
    pub fn body_initializers(&mut self, body: &'m Graph, scope: &mut Scope<'_, 'm>) {
        self.work += body.initializer.len() + body.sparse_initializer.len() + body.output.len();
        if self.work <= MOST_WORK {
            self.initializers(body, scope);
        }
    }

    /// Remembers what is known of a tensor.
    pub fn define(&mut self, name: &'m str, mut fact: Fact, scope: &mut Scope<'_, 'm>) {
        if let Ok(value) = &mut fact {
            let held = value.data.as_ref().map_or(0, Data::len);
            if held > SMALL {
                self.numbers += held;
            }
            if held > SMALL && self.numbers > MOST_NUMBERS {
                value.data = None;
            }
        }
        if !name.is_empty() {
            scope.set(name, fact);
        }
    }

    /// In a body or a function, where limits hold.
    pub fn node_into(&mut self, node: &'m Node, scope: &mut Scope<'_, 'm>) {
        self.work += cost(node);
        let facts = if self.work > MOST_WORK {
            vec![Err(Unknown::new("functions and bodies are nested too much")); node.output().len()]
        } else {
            self.outputs(node, scope)
        };
        for (name, fact) in node.output().iter().zip(facts) {
            self.define(name, fact, scope);
        }
    }

    /// Runs through the nodes of a body, in whose scope its inputs are. What it declares counts as in
    /// the graph.
    pub fn body(&mut self, body: &'m Graph, scope: &mut Scope<'_, 'm>) {
        self.body_initializers(body, scope);
        self.work += body.value_info.len() + body.input.len();
        if self.work > MOST_WORK {
            body.node.iter().for_each(|node| self.node_into(node, scope));
            return;
        }
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
        for node in &body.node {
            self.work += cost(node);
            if self.work > MOST_WORK {
                self.node_into(node, scope);
                continue;
            }
            let facts = self.outputs(node, scope);
            let changed = Check::changed_input(node, scope);
            // Of shapes in bodies that differ from those declared, no note is made.
            let mut check = Check::default();
            for (name, fact) in node.output().iter().zip(facts) {
                let fact = check.settled(node, name, fact, declared.get(name), changed);
                self.define(name, fact, scope);
            }
        }
    }

    /// Messages show a few reasons; the others are not remembered.
    fn reason(&mut self, node: &Node, reason: &str) -> Unknown {
        if self.told > MOST_TOLD {
            return Unknown { reason: Rc::clone(&self.untold), follows: false };
        }
        let unknown = Unknown::new(format!("{} {reason}", title(node)));
        self.told += unknown.reason.len();
        unknown
    }

    /// What is known of each output of a node. Where that fails as an input is not known, the reason is
    /// why that is not, so that messages name the root cause.
    pub fn outputs(&mut self, node: &'m Node, scope: &Scope<'_, 'm>) -> Vec<Fact> {
        // Rules may count on an output.
        if node.output().is_empty() {
            return Vec::new();
        }
        let mut cause = None;
        let slots: Vec<Slot> = node
            .input()
            .iter()
            .map(|name| match scope.get(name) {
                _ if name.is_empty() => Slot::Absent,
                Some(Ok(value)) => Slot::Known(value),
                Some(Err(unknown)) => {
                    cause.get_or_insert(unknown);
                    Slot::Unknown
                }
                None => Slot::Unknown,
            })
            .collect();
        match self.values(node, &slots, scope) {
            Ok(values) => {
                let mut facts: Vec<Fact> = values.into_iter().map(Ok).collect();
                if facts.len() < node.output().len() {
                    let missing = self.reason(node, "cannot tell the shape of this output");
                    facts.resize(node.output().len(), Err(missing));
                }
                facts
            }
            Err(reason) => {
                let unknown = match cause {
                    Some(cause) => Unknown { reason: Rc::clone(&cause.reason), follows: true },
                    None => self.reason(node, &format!("cannot tell the shape: {reason}")),
                };
                vec![Err(unknown); node.output().len()]
            }
        }
    }

    fn values(&mut self, node: &'m Node, slots: &[Slot], scope: &Scope<'_, 'm>) -> Told<Vec<Value>> {
        let attributes = attributes(node, scope.setting);
        let domain = domain(node.domain());
        if let Some(function) = self.functions.get(&(domain, node.op_type())) {
            let Some(function) = *function else {
                return Err("the file has several functions of this name".to_owned());
            };
            let call = Call { node, version: 0, inputs: slots, attributes: &attributes };
            return self.function(function, &call);
        }
        let version = scope.setting.versions.get(domain).copied();
        let version = match (version, domain) {
            (Some(version), _) => version,
            (None, MICROSOFT) => 1,
            (None, _) => {
                return Err(format!("the file does not say which version of the domain `{domain}` it uses"));
            }
        };
        let with_bodies = WITH_BODIES.iter().find(|(name, _)| domain.is_empty() && *name == node.op_type());
        let rule = self.rules.get(&(domain, node.op_type())).copied();
        let since = match (with_bodies, rule) {
            (Some((_, since)), _) => *since,
            (None, Some(family)) => family.since,
            (None, None) => return Err("this operator is not known".to_owned()),
        };
        if version < since || (domain.is_empty() && version > NEWEST) {
            return Err(format!("versions {since} to {NEWEST} of this operator are known, not {version}"));
        }
        let call = Call { node, version, inputs: slots, attributes: &attributes };
        match (rule, node.op_type()) {
            (Some(family), _) => (family.rule)(&call).and_then(|outputs| bounds::of(&call, outputs)),
            (None, "If") => bodies::branch(self, &call, scope),
            (None, "Loop") => bodies::repeat(self, &call, scope),
            (None, _) => bodies::scan(self, &call, scope),
        }
    }

    /// Runs through a function of the model's own.
    fn function(&mut self, function: &'m Function, call: &Call<'_, 'm>) -> Told<Vec<Value>> {
        if self.depth >= DEEPEST {
            return Err(format!("functions call each other more than {DEEPEST} deep"));
        }
        // What every call costs besides the nodes.
        self.work += function.attribute_proto.len() + function.opset_import.len() + function.output.len();
        if self.work > MOST_WORK {
            return Err("functions and bodies are nested too much".to_owned());
        }
        let defaults = function.attribute_proto.iter().map(|attribute| (&*attribute.name, attribute));
        let mut given: HashMap<&'m str, &'m Attribute> = defaults.collect();
        given.extend(call.attributes.iter().copied());
        let setting = Setting { versions: versions(&function.opset_import), given: Some(given) };
        let mut scope = Scope::of_function(&setting);
        for (name, fact) in function.input.iter().zip(bodies::facts_of(call)) {
            if let Some(fact) = fact {
                self.define(name, fact, &mut scope);
            }
        }
        self.depth += 1;
        for node in &function.node {
            self.node_into(node, &mut scope);
        }
        self.depth -= 1;
        let fact = |name: &String| match scope.get(name) {
            Some(Ok(value)) => Ok(value.clone()),
            Some(Err(unknown)) => Err(format!("inside, {}", unknown.reason)),
            None => Err(format!("the function does not define its output `{name}`")),
        };
        function.output.iter().map(fact).collect()
    }
}

/// The attributes of a node, where those of the caller of a function are put in.
fn attributes<'m>(node: &'m Node, setting: &Setting<'m>) -> Vec<(&'m str, &'m Attribute)> {
    let all = node.attribute.iter().filter_map(|attribute| {
        let reference = attribute.ref_attr_name.as_str();
        match &setting.given {
            Some(given) if !reference.is_empty() => {
                given.get(reference).map(|caller| (&*attribute.name, *caller))
            }
            _ => Some((&*attribute.name, attribute)),
        }
    });
    all.collect()
}

fn cost(node: &Node) -> usize {
    let numbers = node.attribute.iter().map(|attribute| attribute.ints.len() + attribute.floats.len() + 1);
    let names = node.input().iter().chain(node.output().iter()).map(|name| 1 + name.len() / 16);
    10 + numbers.sum::<usize>() + names.sum::<usize>()
}

/// How messages name a node.
pub(super) fn title(node: &Node) -> String {
    let (name, op_type) = (short(node.title()), short(node.op_type()));
    match node.domain() {
        "" | "ai.onnx" => format!("node `{name}` ({op_type})"),
        domain => format!("node `{name}` ({}.{op_type})", short(domain)),
    }
}
