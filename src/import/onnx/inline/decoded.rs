//! Inlining of decoded nodes, for the import.

use super::call_node::{CallNode, FunctionDefinition, FunctionKey, NAME_BYTES, NodeSize, ReplaceNodes};
use super::renaming::Renaming;
use super::{Definitions, Inliner};
use crate::import::onnx::graph::{
    AttributeValues, OnnxAttribute, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode,
};
use crate::import::onnx::messages::{OnnxType, ValueInfo, domain};
use crate::import::onnx::node::{NodeNames, NodeText};
use crate::import::onnx::subgraphs;
use crate::import::onnx::tensor::{OnnxSparseTensor, OnnxTensor};
use crate::import::{ImportError, ImportOptions};

/// Inlines all calls of functions in the graph of a model.
///
/// # Errors
/// [`ImportError::Functions`] if a function calls itself, does not fit a call, or calls nest or grow too far.
pub(in super::super) fn inline(model: &mut OnnxModel, options: &ImportOptions) -> Result<(), ImportError> {
    let OnnxModel { graph: Some(graph), functions, .. } = model else { return Ok(()) };
    if functions.is_empty() {
        return Ok(());
    }
    let definitions = Definitions::new(functions);
    let inputs = graph.input.iter().map(|input| input.name.as_str());
    let mut inliner = Inliner::new(&definitions, &graph.node, inputs, options);
    let mut nodes = inliner.nodes(std::mem::take(&mut graph.node))?;
    nodes.shrink_to_fit();
    graph.node = nodes;
    // Their operator sets are still needed.
    for function in functions {
        function.node = Vec::new();
    }
    Ok(())
}

impl CallNode for OnnxNode {
    type Attribute = OnnxAttribute;
    type Function = OnnxFunction;

    fn definition(function: &OnnxFunction) -> FunctionDefinition<'_, Self> {
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
        FunctionKey { domain: self.domain(), name: self.op_type(), overload: self.overload() }
    }

    fn title(&self) -> &str {
        NodeText::title(self)
    }

    fn inputs(&self) -> Vec<&str> {
        self.input().iter().collect()
    }

    fn outputs(&self) -> Vec<&str> {
        self.output().iter().collect()
    }

    fn attributes(&self) -> &[OnnxAttribute] {
        &self.attribute
    }

    fn attribute_name(attribute: &OnnxAttribute) -> &str {
        &attribute.name
    }

    fn size(&self) -> NodeSize {
        let names = self.input().iter().chain(self.output().iter()).map(|name| name.len() + NAME_BYTES);
        let bytes = size_of::<Self>() + self.name().len() + names.sum::<usize>();
        let mut size = NodeSize { bytes, depth: 0 };
        for attribute in &self.attribute {
            size.bytes += attribute_bytes(attribute);
            attribute.bodies().for_each(|body| add_body(&mut size, body));
        }
        size
    }

    fn for_each_name(&self, add: &mut dyn FnMut(&str)) {
        self.input().iter().chain(self.output().iter()).for_each(&mut *add);
        for body in self.bodies() {
            subgraphs::definitions(body).into_iter().for_each(&mut *add);
            body.node.iter().for_each(|node| node.for_each_name(add));
        }
    }

    fn for_each_body(&mut self, replace: &mut ReplaceNodes<'_, Self>) -> Result<(), ImportError> {
        self.bodies_mut().try_for_each(|body| {
            body.node = replace(std::mem::take(&mut body.node))?;
            Ok(())
        })
    }

    fn renamed<'c>(&'c self, renaming: &mut Renaming<'c, OnnxAttribute>) -> Self {
        let names = |names: NodeNames<'_>| names.iter().map(|name| renaming.name(name)).collect::<Vec<_>>();
        let (input, output) = (names(self.input()), names(self.output()));
        let head = [
            self.op_type().to_owned(),
            self.domain().to_owned(),
            renaming.node_name(self.name()),
            self.overload().to_owned(),
        ];
        let mut text = NodeText::new(&head, &input, &output);
        text.imports = renaming.imports;
        let attributes = self.attribute.iter().filter_map(|attribute| renamed_attribute(attribute, renaming));
        OnnxNode::new(text, attributes.collect())
    }

    fn identity(from: &str, to: &str, imports: u32) -> Self {
        let head = ["Identity", "", "", ""].map(str::to_owned);
        let mut text = NodeText::new(&head, &[from.to_owned()], &[to.to_owned()]);
        text.imports = imports;
        OnnxNode::new(text, Box::default())
    }
}

/// Bytes of an attribute without its bodies.
fn attribute_bytes(attribute: &OnnxAttribute) -> usize {
    let Some(values) = attribute.values.as_deref() else { return size_of::<OnnxAttribute>() };
    let tensor = values.t.as_deref().map_or(0, tensor_bytes);
    let sparse = values.sparse_tensor.as_deref().map_or(0, sparse_bytes);
    let numbers = values.ints.len() * size_of::<i64>() + values.floats.len() * size_of::<f32>();
    let texts = values.s.len() + values.ref_attr_name.len() + attribute.name.len();
    size_of::<OnnxAttribute>() + size_of::<AttributeValues>() + tensor + sparse + numbers + texts
}

fn tensor_bytes(tensor: &OnnxTensor) -> usize {
    size_of::<OnnxTensor>() + tensor.name.len() + tensor.stored_bytes() + tensor.dims.len() * size_of::<i64>()
}

fn sparse_bytes(sparse: &OnnxSparseTensor) -> usize {
    let dims = sparse.dims.len() * size_of::<i64>();
    size_of::<OnnxSparseTensor>() + dims + sparse.values.as_ref().map_or(0, tensor_bytes)
}

fn add_body(size: &mut NodeSize, body: &OnnxGraph) {
    let info = |info: &ValueInfo| {
        let shape = info.tensor_type().and_then(|of| of.shape.as_ref());
        let dims = shape.map_or(&[][..], |shape| &shape.dim).iter();
        let dims = dims.map(|dim| size_of_val(dim) + dim.dim_param.len()).sum::<usize>();
        size_of::<ValueInfo>() + size_of::<OnnxType>() + info.name.len() + dims
    };
    let infos = body.input.iter().chain(&body.output).chain(&body.value_info).map(info).sum::<usize>();
    let dense = body.initializer.iter().map(tensor_bytes).sum::<usize>();
    let sparse = body.sparse_initializer.iter().map(sparse_bytes).sum::<usize>();
    size.add_inner(NodeSize { bytes: size_of::<OnnxGraph>() + infos + dense + sparse, depth: 0 });
    body.node.iter().for_each(|node| size.add_inner(node.size()));
}

/// An attribute with the names of a call; none if it refers to an attribute that the call does not have.
fn renamed_attribute<'c>(
    attribute: &'c OnnxAttribute,
    renaming: &mut Renaming<'c, OnnxAttribute>,
) -> Option<OnnxAttribute> {
    let Some(values) = attribute.values.as_deref() else { return Some(attribute.clone()) };
    if !values.ref_attr_name.is_empty() {
        let given = renaming.given(&values.ref_attr_name)?;
        let mut size = NodeSize { bytes: attribute_bytes(given), depth: 0 };
        given.bodies().for_each(|body| add_body(&mut size, body));
        renaming.spend(size.bytes);
        // Without room, the call fails.
        return renaming.has_room().then(|| OnnxAttribute { name: attribute.name.clone(), ..given.clone() });
    }
    let values = AttributeValues {
        s: values.s.clone(),
        t: values.t.clone(),
        g: values.g.as_deref().map(|body| Box::new(renamed_body(body, renaming))),
        floats: values.floats.clone(),
        ints: values.ints.clone(),
        graphs: values.graphs.iter().map(|body| renamed_body(body, renaming)).collect(),
        ref_attr_name: String::new(),
        sparse_tensor: values.sparse_tensor.clone(),
    };
    Some(OnnxAttribute { name: attribute.name.clone(), values: Some(Box::new(values)), ..*attribute })
}

fn renamed_body<'c>(body: &'c OnnxGraph, renaming: &mut Renaming<'c, OnnxAttribute>) -> OnnxGraph {
    renaming.local.push(subgraphs::definitions(body));
    let infos = |infos: &[ValueInfo], renaming: &Renaming<'_, OnnxAttribute>| {
        let renamed = |info: &ValueInfo| ValueInfo { name: renaming.name(&info.name), ..info.clone() };
        infos.iter().map(renamed).collect()
    };
    let tensor = |tensor: &OnnxTensor, renaming: &Renaming<'_, OnnxAttribute>| {
        let mut tensor = tensor.clone();
        tensor.name = renaming.name(&tensor.name);
        tensor
    };
    let node = body.node.iter().map(|node| node.renamed(renaming)).collect();
    let sparse = |sparse: &OnnxSparseTensor| OnnxSparseTensor {
        values: sparse.values.as_ref().map(|values| tensor(values, renaming)),
        dims: sparse.dims.clone(),
    };
    let renamed = OnnxGraph {
        node,
        initializer: body.initializer.iter().map(|one| tensor(one, renaming)).collect(),
        input: infos(&body.input, renaming),
        output: infos(&body.output, renaming),
        value_info: infos(&body.value_info, renaming),
        sparse_initializer: body.sparse_initializer.iter().map(sparse).collect(),
        fault: None,
    };
    renaming.local.pop();
    renamed
}
