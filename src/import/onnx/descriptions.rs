//! Declared element types and shapes of the tensors of a graph or a body.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::description::{Description, check_known, symbol};
use super::given;
use super::graph::{OnnxGraph, OnnxNode};
use super::messages::ValueInfo;
use super::names::NameTable;
use super::tensor::{OnnxSparseTensor, OnnxTensor};
use crate::import::{ImportError, ImportOptions, check_dims};

/// Declarations of all tensors of a graph, by tensor number.
pub(super) struct Descriptions<'m> {
    pub(super) names: NameTable<'m>,
    /// By tensor number.
    declared: Vec<Declared<'m>>,
    /// Inputs to which the user gives a shape other than the declared one.
    changed: BTreeSet<usize>,
    /// Shapes that the user gives to results of nodes, by name.
    given: BTreeMap<String, Description>,
    /// Values of symbolic dimensions, by name.
    pub(super) bound: BTreeMap<String, u64>,
}

/// Source of a declaration.
#[derive(Debug, Default)]
enum Declared<'m> {
    #[default]
    Nothing,
    Initializer(&'m OnnxTensor),
    Sparse(&'m OnnxSparseTensor),
    Info(Description),
}

impl<'m> Descriptions<'m> {
    /// Collects the declarations of a graph, with symbolic dimensions bound and with the shapes that the user
    /// gives.
    ///
    /// # Errors
    /// An invalid dimension, a bound name that no dimension has, or a given shape that does not fit.
    pub(super) fn new(graph: &'m OnnxGraph, options: &ImportOptions) -> Result<Self, ImportError> {
        let names = NameTable::of(graph);
        let mut declared = Vec::new();
        declared.resize_with(names.len(), Declared::default);
        let mut symbols = symbolic(infos(graph));
        symbols.extend(options.shape_symbols());
        check_dims(&options.dims, &symbols)?;
        let mut all = Self {
            names,
            declared,
            changed: BTreeSet::new(),
            given: BTreeMap::new(),
            bound: BTreeMap::new(),
        };
        all.initializers(graph)?;
        let bound = given::check(graph, options)?;
        for input in &graph.input {
            let is_given = options.input_shapes.contains_key(&input.name);
            let without_type = is_given.then_some(Description::NoTensor);
            if let Some(description) = Description::of_info(input, &bound)?.or(without_type) {
                let given = given::given(&input.name, &description, options, &bound);
                let shape = given.as_ref().and_then(Description::shape);
                if shape.is_some_and(|shape| !description.admits(0, &shape)) {
                    all.changed.extend(all.names.get(&input.name));
                }
                all.add(&input.name, given.unwrap_or(description));
            }
        }
        // If an input has a given shape, further declarations of it are for another shape.
        let others = graph.output.iter().chain(&graph.value_info);
        for info in others.clone().filter(|info| !options.input_shapes.contains_key(&info.name)) {
            if let Some(description) = Description::of_info(info, &bound)? {
                all.add(&info.name, description);
            }
        }
        let declared = |name: &str| {
            let info = others.clone().find(|info| info.name == name);
            match info.map(|info| Description::of_info(info, &bound)) {
                Some(Ok(Some(Description::Tensor { data_type, .. }))) => data_type,
                _ => 0,
            }
        };
        all.given = given::results(graph, options, declared)?;
        for node in constants(graph) {
            if let (Some(output), Some(description)) =
                (node.output().first(), Description::of_constant(node)?)
            {
                all.add(output, description);
            }
        }
        all.bound = bound;
        Ok(all)
    }

    fn initializers(&mut self, graph: &'m OnnxGraph) -> Result<(), ImportError> {
        for tensor in &graph.initializer {
            check_known(&tensor.dims, &tensor.name)?;
            if let Some(number) = self.names.get(&tensor.name) {
                self.declared[number] = Declared::Initializer(tensor);
            }
        }
        for sparse in &graph.sparse_initializer {
            check_known(&sparse.dims, sparse.name())?;
            if let Some(number) = self.names.get(sparse.name()) {
                self.declared[number] = Declared::Sparse(sparse);
            }
        }
        Ok(())
    }

    /// The shape that the user gives the result of a node.
    pub(super) fn given(&self, name: &str) -> Option<&Description> {
        self.given.get(name)
    }

    /// Returns whether the tensor is an initializer.
    pub(super) fn is_constant(&self, number: usize) -> bool {
        matches!(self.declared[number], Declared::Initializer(_) | Declared::Sparse(_))
    }

    /// Returns whether the tensor is an initializer with numbers in the file.
    pub(super) fn has_numbers(&self, number: usize) -> bool {
        match &self.declared[number] {
            Declared::Initializer(tensor) => tensor.contents().is_some(),
            Declared::Sparse(_) => true,
            Declared::Nothing | Declared::Info(_) => false,
        }
    }

    /// The declaration of a tensor; none for an initializer.
    pub(super) fn declared(&self, number: usize) -> Option<&Description> {
        if let Declared::Info(description) = &self.declared[number] { Some(description) } else { None }
    }

    /// Returns the declaration of a tensor and removes it.
    pub(super) fn take(&mut self, number: usize) -> Option<Description> {
        match std::mem::take(&mut self.declared[number]) {
            Declared::Nothing => None,
            Declared::Initializer(tensor) => Some(Description::dense(tensor)),
            Declared::Sparse(sparse) => Some(Description::sparse(sparse)),
            Declared::Info(description) => Some(description),
        }
    }

    /// Table of names, and values of symbolic dimensions.
    pub(super) fn into_names(self) -> (NameTable<'m>, BTreeMap<String, u64>) {
        (self.names, self.bound)
    }

    /// Returns whether the user gives an input a shape other than the declared one.
    pub(super) fn is_changed(&self, number: usize) -> bool {
        self.changed.contains(&number)
    }

    fn add(&mut self, name: &str, description: Description) {
        let Some(number) = self.names.get(name) else { return };
        match &mut self.declared[number] {
            nothing @ Declared::Nothing => *nothing = Declared::Info(description),
            // The shape of an initializer counts.
            Declared::Initializer(_) | Declared::Sparse(_) => {}
            Declared::Info(first) => first.merge(description),
        }
    }
}

/// Declarations of the tensors of a body, by name. Invalid ones are ignored.
pub(super) fn of_body<'m>(
    body: &'m OnnxGraph,
    bound: &BTreeMap<String, u64>,
) -> HashMap<&'m str, Description> {
    let mut all: HashMap<&str, Description> = HashMap::new();
    let declared = infos(body).map(|info| (Some(&*info.name), Description::of_info(info, bound)));
    let made = constants(body).map(|node| (node.output().first(), Description::of_constant(node)));
    for (name, description) in declared.chain(made) {
        let (Some(name), Ok(Some(description))) = (name, description) else { continue };
        match all.entry(name) {
            Entry::Vacant(entry) => drop(entry.insert(description)),
            Entry::Occupied(mut entry) => entry.get_mut().merge(description),
        }
    }
    all.extend(body.initializer.iter().map(|tensor| (&*tensor.name, Description::dense(tensor))));
    all
}

/// All declarations of a graph: inputs, outputs, other tensors.
fn infos(graph: &OnnxGraph) -> impl Iterator<Item = &ValueInfo> {
    graph.input.iter().chain(&graph.output).chain(&graph.value_info)
}

fn constants(graph: &OnnxGraph) -> impl Iterator<Item = &OnnxNode> {
    graph.node.iter().filter(|node| node.op_type() == "Constant")
}

/// The names of symbolic dimensions.
fn symbolic<'m>(infos: impl Iterator<Item = &'m ValueInfo>) -> BTreeSet<&'m str> {
    let shapes = infos.filter_map(|info| info.tensor_type()?.shape.as_ref());
    shapes.flat_map(|shape| &shape.dim).filter_map(symbol).collect()
}
