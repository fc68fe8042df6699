//! Inlines the calls of functions that a model defines, so that the memory inside of them is planned and
//! their nodes are ordered like all others.
//!
//! [`Inliner`] works on two representations of nodes: decoded ones, for the import (`decoded`), and ones with
//! all their bytes, for written models (`wire`). Both give the tensors of a call the same names:
//! `CALL.NUMBER/NAME`, where `NUMBER` counts the calls.
//!
//! Time and space are linear in the inlined nodes, which have a limit ([`Inliner::new`]).

mod call_node;
mod decoded;
mod renaming;
mod wire;
mod wire_field;
mod wire_messages;

use std::collections::{HashMap, HashSet};

use crate::error::short;
use crate::import::{ImportError, ImportOptions};
use call_node::{CallNode, FunctionDefinition, FunctionKey, NAME_BYTES, NodeSize};
pub(super) use decoded::inline;
use renaming::Renaming;
pub use wire::inlined;

/// Limit of functions that call each other.
const MAX_FUNCTION_DEPTH: usize = 64;

/// Limit of bodies within each other. The decoder has about the same limit for one function.
const MAX_BODY_DEPTH: usize = 30;

/// Limit in bytes of the inlined nodes of a small model.
const MIN_LIMIT: usize = 16 << 20;

/// The limit of a large model, as a multiple of the bytes of its nodes.
const GROWTH: usize = 10;

/// All functions of a model. Only positions by name are kept, as a file may have a million functions.
struct Definitions<'m, N: CallNode> {
    functions: &'m [N::Function],
    by_key: HashMap<FunctionKey<'m>, FunctionPosition>,
}

#[derive(Clone, Copy)]
struct FunctionPosition {
    index: u32,
    /// True if the model defines several functions of this name.
    is_repeated: bool,
}

impl<'m, N: CallNode> Definitions<'m, N> {
    fn new(functions: &'m [N::Function]) -> Self {
        let mut by_key = HashMap::with_capacity(functions.len());
        // A message has at most 2 GiB, and a function takes at least two bytes of it.
        for (function, index) in functions.iter().zip(0_u32..) {
            let position = by_key.entry(N::definition(function).key);
            position
                .and_modify(|known: &mut FunctionPosition| known.is_repeated = true)
                .or_insert(FunctionPosition { index, is_repeated: false });
        }
        Self { functions, by_key }
    }
}

/// State of inlining for one model.
struct Inliner<'m, N: CallNode> {
    definitions: &'m Definitions<'m, N>,
    /// First parts of names in the model that look like `CALL.NUMBER`.
    taken: HashSet<String>,
    /// The number of the last call.
    calls: usize,
    /// Bytes left for inlined nodes.
    left: usize,
    limit: usize,
    options: &'m ImportOptions,
    /// Functions that are being inlined, outermost first.
    open: Vec<FunctionKey<'m>>,
    /// Bodies around the node that is being added.
    body_depth: usize,
}

impl<'m, N: CallNode> Inliner<'m, N> {
    /// `nodes` are the nodes of the graph, `inputs` its inputs.
    fn new<'n>(
        definitions: &'m Definitions<'m, N>,
        nodes: &'n [N],
        inputs: impl Iterator<Item = &'n str>,
        options: &'m ImportOptions,
    ) -> Self
    where
        N: 'n,
    {
        let mut taken = HashSet::new();
        let mut add = |name: &str| taken.extend(numbered_part(name).map(str::to_owned));
        inputs.for_each(&mut add);
        for node in nodes {
            node.for_each_name(&mut add);
        }
        let functions = definitions.functions.iter().flat_map(|function| N::definition(function).nodes);
        let bytes =
            nodes.iter().chain(functions).map(|node| node.size().bytes).fold(0, usize::saturating_add);
        let limit = bytes.saturating_mul(GROWTH).max(MIN_LIMIT);
        Self { definitions, taken, calls: 0, left: limit, limit, options, open: Vec::new(), body_depth: 0 }
    }

    /// Nodes with all calls replaced, those in bodies included.
    fn nodes(&mut self, nodes: Vec<N>) -> Result<Vec<N>, ImportError> {
        let mut all = Vec::with_capacity(nodes.len());
        nodes.into_iter().try_for_each(|node| self.add(node, &mut all))?;
        Ok(all)
    }

    /// Adds a node whose names are final, or what it stands for if it is a call.
    fn add(&mut self, mut node: N, all: &mut Vec<N>) -> Result<(), ImportError> {
        self.options.check_cancelled()?;
        let NodeSize { depth, .. } = node.size();
        if depth + self.body_depth > MAX_BODY_DEPTH {
            let reason = format!("bodies are nested more than {MAX_BODY_DEPTH} deep");
            return Err(self.error(&reason));
        }
        if let Some(position) = self.definitions.by_key.get(&node.function_key()).copied() {
            return self.call(position, &node, all);
        }
        if depth > 0 {
            self.body_depth += 1;
            node.for_each_body(&mut |nodes| self.nodes(nodes))?;
            self.body_depth -= 1;
        }
        all.push(node);
        Ok(())
    }

    /// Adds the nodes of a function for a call of it.
    fn call(&mut self, position: FunctionPosition, call: &N, all: &mut Vec<N>) -> Result<(), ImportError> {
        let function = &N::definition(&self.definitions.functions[position.index as usize]);
        self.open(function, position)?;
        check_call(function, call).map_err(|reason| self.error(&reason))?;
        let mut renaming = self.renaming(function, position.index + 1, call);
        let (aliases, outputs) = alias_outputs(function, call);
        renaming.names.extend(outputs);
        let mut defined: HashSet<&str> = HashSet::new();
        for node in function.nodes {
            renaming.spend(node.size().bytes);
            let renamed = renaming.has_room().then(|| node.renamed(&mut renaming));
            let renamed = renamed.filter(|_| renaming.has_room()).ok_or_else(|| self.too_many())?;
            self.left = renaming.left;
            self.add(renamed, all)?;
            renaming.left = self.left;
            defined.extend(node.outputs());
        }
        self.check_outputs(function, call, &defined)?;
        for (from, to) in aliases {
            let from = renaming.name(from);
            if !from.is_empty() {
                let imports = if function.has_standard { position.index + 1 } else { 0 };
                all.push(N::identity(&from, to, imports));
            }
        }
        self.open.pop();
        Ok(())
    }

    /// Starts a call.
    fn open(
        &mut self,
        function: &FunctionDefinition<'m, N>,
        position: FunctionPosition,
    ) -> Result<(), ImportError> {
        let key = function.key;
        if position.is_repeated {
            return Err(self.error(&format!("the file defines several functions {}", shown(key))));
        }
        if let Some(start) = self.open.iter().position(|open| *open == key) {
            let circle: Vec<String> =
                self.open[start..].iter().chain([&key]).map(|key| shown(*key)).collect();
            let reason = format!("{} calls itself: {}", shown(key), circle.join(" -> "));
            return Err(self.error(&reason));
        }
        if self.open.len() >= MAX_FUNCTION_DEPTH {
            return Err(self.error(&format!("functions call each other more than {MAX_FUNCTION_DEPTH} deep")));
        }
        self.open.push(key);
        // An empty function takes time as well, and so do its names.
        let names = function.inputs.len() + function.outputs.len() + function.defaults.len();
        let bytes = names.saturating_mul(NAME_BYTES).saturating_add(size_of::<N>());
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.too_many())?;
        Ok(())
    }

    /// Names and attributes of the nodes of a call, before its outputs are known.
    fn renaming<'c>(
        &mut self,
        function: &'c FunctionDefinition<'m, N>,
        imports: u32,
        call: &'c N,
    ) -> Renaming<'c, N::Attribute> {
        let mut given: HashMap<&str, &N::Attribute> =
            function.defaults.iter().map(|default| (N::attribute_name(default), default)).collect();
        given.extend(call.attributes().iter().map(|attribute| (N::attribute_name(attribute), attribute)));
        let inputs = call.inputs().into_iter().chain(std::iter::repeat(""));
        let names = function.inputs.iter().map(String::as_str).zip(inputs).collect();
        let prefix = self.prefix(call.title());
        Renaming { prefix, names, given, imports, left: self.left, local: Vec::new() }
    }

    /// A first part for the names of a call that no name of the model has.
    fn prefix(&mut self, title: &str) -> String {
        let last = title.rsplit('/').find(|part| !part.is_empty()).unwrap_or("");
        let plain = last.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
        let stem: String = plain.take(40).collect();
        loop {
            self.calls += 1;
            let prefix = format!("{stem}.{}", self.calls);
            if !self.taken.contains(&prefix) {
                return prefix + "/";
            }
        }
    }

    /// Checks that a function defines the outputs that a call uses.
    fn check_outputs(
        &self,
        function: &FunctionDefinition<'m, N>,
        call: &N,
        defined: &HashSet<&str>,
    ) -> Result<(), ImportError> {
        let inputs: HashSet<&str> = function.inputs.iter().map(String::as_str).collect();
        let outputs = function.outputs.iter().zip(call.outputs());
        let mut used = outputs.filter(|(_, used)| !used.is_empty()).map(|(output, _)| output);
        let is_missing =
            |output: &&String| !defined.contains(output.as_str()) && !inputs.contains(output.as_str());
        match used.find(is_missing) {
            None => Ok(()),
            Some(output) => Err(self.error(&format!(
                "{} does not define its output `{}`",
                shown(function.key),
                short(output)
            ))),
        }
    }

    fn too_many(&self) -> ImportError {
        self.error(&format!(
            "their nodes take more than {} MiB, the larger of {} MiB and {GROWTH} times the nodes of the file; \
             fewer or smaller calls fit, and so does a file in which they are inlined \
             (onnx.inliner.inline_local_functions)",
            self.limit >> 20,
            MIN_LIMIT >> 20
        ))
    }

    /// An error about the innermost function.
    fn error(&self, reason: &str) -> ImportError {
        let place = self.open.last().map(|key| format!("in function {}, ", shown(*key)));
        ImportError::Functions { reason: place.unwrap_or_default() + reason }
    }
}

/// Checks that a call fits the inputs and outputs of a function.
fn check_call<N: CallNode>(function: &FunctionDefinition<'_, N>, call: &N) -> Result<(), String> {
    let fits = |kind: &str, given: usize, declared: usize| {
        let title = short(call.title());
        let reason = || format!("the call `{title}` has {given} {kind}, but the function has {declared}");
        if given > declared { Err(reason()) } else { Ok(()) }
    };
    fits("inputs", call.inputs().len(), function.inputs.len())?;
    fits("outputs", call.outputs().len(), function.outputs.len())
}

/// Pairs of a name in a function and a name around its call.
type NamePairs<'c> = Vec<(&'c str, &'c str)>;

/// The outputs of a call that its nodes write directly, and those that are copies of an input or of another output.
fn alias_outputs<'c, N: CallNode>(
    function: &'c FunctionDefinition<'_, N>,
    call: &'c N,
) -> (NamePairs<'c>, NamePairs<'c>) {
    let inputs: HashSet<&str> = function.inputs.iter().map(String::as_str).collect();
    let (mut aliases, mut direct) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (inner, outer) in function.outputs.iter().map(String::as_str).zip(call.outputs()) {
        if outer.is_empty() {
            continue;
        }
        let is_copy = inputs.contains(inner) || !seen.insert(inner);
        if is_copy { &mut aliases } else { &mut direct }.push((inner, outer));
    }
    (aliases, direct)
}

/// The first part of a name if it looks like `CALL.NUMBER`.
fn numbered_part(name: &str) -> Option<&str> {
    let (part, _) = name.split_once('/')?;
    let (_, number) = part.rsplit_once('.')?;
    let is_number = !number.is_empty() && number.bytes().all(|letter| letter.is_ascii_digit());
    is_number.then_some(part)
}

/// A function in messages.
fn shown(key: FunctionKey<'_>) -> String {
    let dot = if key.domain.is_empty() { "" } else { "." };
    let colon = if key.overload.is_empty() { "" } else { ":" };
    format!("`{}{dot}{}{colon}{}`", short(key.domain), short(key.name), short(key.overload))
}
