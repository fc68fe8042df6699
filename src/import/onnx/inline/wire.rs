//! Inlining of nodes with all their bytes, for written models.

use std::borrow::Cow;
use std::collections::BTreeMap;

use prost::Message;
use prost::encoding::{self, DecodeContext};

use super::call_node::{CallNode, FunctionDefinition, FunctionKey, NAME_BYTES, NodeSize, ReplaceNodes};
use super::renaming::Renaming;
use super::wire_field::{Kept, NamedField};
use super::wire_messages::{
    AttributeFields, FUNCTIONS, GraphFields, ModelFields, NodeFields, WireAttribute, WireFunction, WireGraph,
    WireModel, WireNode, WireSparse,
};
use super::{Definitions, Inliner};
use crate::error::short;
use crate::import::onnx::messages::{OperatorSet, domain, malformed};
use crate::import::{ImportError, ImportOptions};

/// The bytes of a model with the calls of its functions inlined, as the import does it: tensors have
/// the same names, and operators the same order. The same bytes if no function is called. Of a model that defines
/// no functions, only the outermost fields are read.
///
/// ```
/// let model = std::fs::read("examples/models/squeezenet1_1.onnx")?;
/// let inlined = plimsoll::import::onnx_inlined(&model)?;
/// assert_eq!(*inlined, model); // the model calls no functions
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ImportError::Malformed`] if the bytes are not an ONNX model; [`ImportError::Functions`] for functions that the
/// import refuses, and for a function that imports another version of an operator set than the model.
pub fn inlined(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ImportError> {
    // Decoded nodes take twenty times the bytes of the smallest nodes.
    if !defines_functions(bytes)? {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut model = WireModel::decode(bytes).map_err(malformed)?;
    let functions = std::mem::take(&mut model.functions);
    let ModelFields { graph, opset_import, .. } = &mut model.fields;
    let Some(graph) = graph else { return Ok(Cow::Borrowed(bytes)) };
    let options = ImportOptions::default();
    let definitions = Definitions::new(&functions);
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    let mut inliner = Inliner::new(&definitions, &graph.node, inputs, &options);
    graph.node = inliner.nodes(std::mem::take(&mut graph.node))?;
    if inliner.calls == 0 {
        return Ok(Cow::Borrowed(bytes));
    }
    add_operator_sets(opset_import, &graph.node, &functions)?;
    if !model.training_info.is_empty() {
        // Training graphs may call functions.
        model.functions = functions;
    }
    Ok(Cow::Owned(model.encode_to_vec()))
}

/// Returns true if a model defines functions.
fn defines_functions(mut bytes: &[u8]) -> Result<bool, ImportError> {
    while !bytes.is_empty() {
        let (tag, wire_type) = encoding::decode_key(&mut bytes).map_err(malformed)?;
        if tag == FUNCTIONS {
            return Ok(true);
        }
        encoding::skip_field(wire_type, tag, &mut bytes, DecodeContext::default()).map_err(malformed)?;
    }
    Ok(false)
}

/// Adds the operator sets of inlined nodes to those of the model.
fn add_operator_sets(
    sets: &mut Vec<OperatorSet>,
    nodes: &[WireNode],
    functions: &[WireFunction],
) -> Result<(), ImportError> {
    let mut known: BTreeMap<String, i64> =
        sets.iter().map(|set| (domain(&set.domain).to_owned(), set.version)).collect();
    let mut open: Vec<&WireNode> = nodes.iter().collect();
    while let Some(node) = open.pop() {
        open.extend(node.attribute.iter().flat_map(WireAttribute::bodies).flat_map(|body| &body.node));
        let Some(function) = (node.beside as usize).checked_sub(1).and_then(|index| functions.get(index))
        else {
            continue;
        };
        let of_domain = |set: &&OperatorSet| domain(&set.domain) == domain(&node.domain);
        let Some(set) = function.opset_import.iter().rfind(of_domain) else { continue };
        let of_model = *known.entry(domain(&set.domain).to_owned()).or_insert_with(|| {
            sets.push(OperatorSet { domain: set.domain.clone(), version: set.version });
            set.version
        });
        if of_model != set.version {
            let name = if set.domain.is_empty() { "ai.onnx" } else { &set.domain };
            return Err(ImportError::Functions {
                reason: format!(
                    "function `{}` imports version {} of the operator set `{name}`, but its model has version \
                     {of_model}, and one model cannot hold the nodes of both; convert the function's nodes to version \
                     {of_model}",
                    short(&function.name),
                    set.version,
                ),
            });
        }
    }
    Ok(())
}

impl WireAttribute {
    fn bodies(&self) -> impl Iterator<Item = &WireGraph> {
        self.g.as_deref().into_iter().chain(&self.graphs)
    }

    fn size(&self) -> NodeSize {
        let bytes = size_of::<Self>() + self.name.len() + self.ref_attr_name.len() + self.rest.len();
        let mut size = NodeSize { bytes, depth: 0 };
        for body in self.bodies() {
            let infos = body.input.iter().chain(&body.output).chain(&body.value_info).map(NamedField::bytes);
            let dense = body.initializer.iter().map(NamedField::bytes);
            let sparse = body.sparse_initializer.iter().map(Message::encoded_len);
            let annotations = body.quantization_annotation.iter().map(NamedField::bytes);
            let parts = infos.chain(dense).chain(sparse).chain(annotations).sum::<usize>();
            let bytes = size_of::<WireGraph>() + parts + body.rest.len();
            size.add_inner(NodeSize { bytes, depth: 0 });
            body.node.iter().for_each(|node| size.add_inner(node.size()));
        }
        size
    }

    /// The attribute with the names of a call; none if it refers to an attribute that the call does not have.
    fn renamed<'c>(&'c self, renaming: &mut Renaming<'c, Self>) -> Option<Self> {
        if !self.ref_attr_name.is_empty() {
            let given = renaming.given(&self.ref_attr_name)?;
            renaming.spend(given.size().bytes);
            // Without room, the call fails.
            return renaming.has_room().then(|| {
                let mut given = given.clone();
                given.name.clone_from(&self.name);
                given
            });
        }
        let fields = AttributeFields {
            name: self.name.clone(),
            g: self.g.as_deref().map(|body| Box::new(body.renamed(renaming))),
            graphs: self.graphs.iter().map(|body| body.renamed(renaming)).collect(),
            ref_attr_name: String::new(),
        };
        Some(Kept { fields, rest: self.rest.clone(), beside: () })
    }
}

impl WireGraph {
    /// The names that the graph defines.
    fn definitions(&self) -> impl Iterator<Item = &str> {
        let inputs = self.input.iter().map(|input| input.name.as_str());
        let written = self.node.iter().flat_map(|node| node.output.iter().map(String::as_str));
        let sparse = self.sparse_initializer.iter().filter_map(|sparse| sparse.values.as_ref());
        let initializers = self.initializer.iter().chain(sparse).map(|tensor| tensor.name.as_str());
        inputs.chain(written).chain(initializers)
    }

    fn renamed<'c>(&'c self, renaming: &mut Renaming<'c, WireAttribute>) -> Self {
        fn all<const TAG: u32>(
            list: &[NamedField<TAG>],
            renaming: &Renaming<'_, WireAttribute>,
        ) -> Vec<NamedField<TAG>> {
            list.iter().map(|named| named.with_name(renaming.name(&named.name))).collect()
        }
        renaming.local.push(self.definitions().collect());
        let node = self.node.iter().map(|node| node.renamed(renaming)).collect();
        let sparse = |sparse: &WireSparse| WireSparse {
            values: sparse.values.as_ref().map(|values| values.with_name(renaming.name(&values.name))),
            ..sparse.clone()
        };
        let fields = GraphFields {
            node,
            initializer: all(&self.initializer, renaming),
            input: all(&self.input, renaming),
            output: all(&self.output, renaming),
            value_info: all(&self.value_info, renaming),
            sparse_initializer: self.sparse_initializer.iter().map(sparse).collect(),
            quantization_annotation: Vec::new(),
        };
        renaming.local.pop();
        Kept { fields, rest: self.rest.clone(), beside: () }
    }
}

impl CallNode for WireNode {
    type Attribute = WireAttribute;
    type Function = WireFunction;

    fn definition(function: &WireFunction) -> FunctionDefinition<'_, Self> {
        let (name, overload) = (&function.name, &function.overload);
        let sets = &function.opset_import;
        FunctionDefinition {
            key: FunctionKey { domain: domain(&function.domain), name, overload },
            inputs: &function.input,
            outputs: &function.output,
            defaults: &function.attribute_proto,
            nodes: &function.node,
            has_standard: sets.iter().any(|set| domain(&set.domain).is_empty()),
        }
    }

    fn function_key(&self) -> FunctionKey<'_> {
        FunctionKey { domain: domain(&self.domain), name: &self.op_type, overload: &self.overload }
    }

    fn title(&self) -> &str {
        let mut names = std::iter::once(&self.name).chain(&self.output);
        names.find(|name| !name.is_empty()).map_or("", String::as_str)
    }

    fn inputs(&self) -> Vec<&str> {
        self.input.iter().map(String::as_str).collect()
    }

    fn outputs(&self) -> Vec<&str> {
        self.output.iter().map(String::as_str).collect()
    }

    fn attributes(&self) -> &[WireAttribute] {
        &self.attribute
    }

    fn attribute_name(attribute: &WireAttribute) -> &str {
        &attribute.name
    }

    fn size(&self) -> NodeSize {
        let names = self.input.iter().chain(&self.output).map(|name| name.len() + NAME_BYTES);
        let bytes = size_of::<Self>() + self.name.len() + names.sum::<usize>() + self.rest.len();
        let mut size = NodeSize { bytes, depth: 0 };
        for attribute in &self.attribute {
            let NodeSize { bytes, depth } = attribute.size();
            size = NodeSize { bytes: size.bytes.saturating_add(bytes), depth: size.depth.max(depth) };
        }
        size
    }

    fn for_each_name(&self, add: &mut dyn FnMut(&str)) {
        self.input.iter().chain(&self.output).for_each(|name| add(name));
        for body in self.attribute.iter().flat_map(WireAttribute::bodies) {
            body.definitions().for_each(&mut *add);
            body.node.iter().for_each(|node| node.for_each_name(add));
        }
    }

    fn for_each_body(&mut self, replace: &mut ReplaceNodes<'_, Self>) -> Result<(), ImportError> {
        for AttributeFields { g, graphs, .. } in
            self.attribute.iter_mut().map(|attribute| &mut attribute.fields)
        {
            for body in g.as_deref_mut().into_iter().chain(graphs) {
                body.node = replace(std::mem::take(&mut body.node))?;
            }
        }
        Ok(())
    }

    fn renamed<'c>(&'c self, renaming: &mut Renaming<'c, WireAttribute>) -> Self {
        let fields = NodeFields {
            input: self.input.iter().map(|name| renaming.name(name)).collect(),
            output: self.output.iter().map(|name| renaming.name(name)).collect(),
            name: renaming.node_name(&self.name),
            op_type: self.op_type.clone(),
            domain: self.domain.clone(),
            overload: self.overload.clone(),
            attribute: self.attribute.iter().filter_map(|attribute| attribute.renamed(renaming)).collect(),
        };
        Kept { fields, rest: self.rest.clone(), beside: renaming.imports }
    }

    fn identity(from: &str, to: &str, imports: u32) -> Self {
        let (input, output, op_type) = (vec![from.to_owned()], vec![to.to_owned()], "Identity".to_owned());
        Kept {
            fields: NodeFields { input, output, op_type, ..NodeFields::default() },
            beside: imports,
            ..Kept::default()
        }
    }
}
