//! Graphs: built call by call, or read from files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll::export::json::{PlanDocument, graph_to_json};
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::verify::{verify, verify_tiled_plan};
use plimsoll::{
    ElementType, GraphBuilder, InputContents, Keep, OperatorId, Permit, Side, Storage, TensorId, TensorKind,
    TensorSpec,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::{error, import_error};
use crate::interrupt;
use crate::options::{PlanOptions, import_options};
use crate::output::Source;
use crate::plan::Plan;

/// A network: tensors, and operators that read and write them.
///
/// Build one call by call, or read a file with `read` or `from_bytes`.
#[pyclass(frozen, module = "pyplimsoll")]
pub struct Graph {
    /// Number of the graph, so that no tensor of another graph is taken for one of this.
    number: u64,
    state: Mutex<State>,
    notes: Vec<String>,
    source: Option<Arc<Source>>,
}

/// A graph that grows, or a finished one. A graph from a file has no builder.
struct State {
    builder: Option<GraphBuilder>,
    built: Option<Arc<plimsoll::Graph>>,
}

/// A tensor of a graph.
#[pyclass(frozen, eq, hash, module = "pyplimsoll")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Tensor {
    graph: u64,
    /// Position in the graph.
    #[pyo3(get)]
    index: usize,
    #[pyo3(get)]
    name: String,
    /// `input`, `constant`, `variable` or `intermediate`.
    #[pyo3(get)]
    kind: &'static str,
    /// Size in bytes.
    #[pyo3(get)]
    bytes: u64,
    #[pyo3(get)]
    shape: Option<Vec<u64>>,
    /// Name of the element type.
    #[pyo3(get)]
    dtype: Option<String>,
}

/// An operator of a graph.
#[pyclass(frozen, eq, hash, module = "pyplimsoll")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Operator {
    graph: u64,
    /// Position in the graph.
    #[pyo3(get)]
    index: usize,
    #[pyo3(get)]
    name: String,
    /// Operator type, such as `Conv`.
    #[pyo3(get)]
    r#type: String,
    #[pyo3(get)]
    inputs: Vec<Tensor>,
    #[pyo3(get)]
    outputs: Vec<Tensor>,
    /// Size of the scratch buffer in bytes.
    #[pyo3(get)]
    scratch: u64,
}

/// Size, type and place of a tensor, as keyword arguments give them.
struct TensorArguments {
    size: Option<u64>,
    shape: Option<Vec<u64>>,
    dtype: Option<String>,
    align: Option<u64>,
    offset: Option<u64>,
    storage: Option<String>,
}

impl TensorArguments {
    /// The specification and the size in bytes.
    fn spec(self, name: &str) -> PyResult<(TensorSpec, u64)> {
        let (mut spec, bytes) = match (self.size, self.shape, self.dtype) {
            (Some(size), None, None) => (TensorSpec::bytes(size), size),
            (None, Some(shape), Some(dtype)) => {
                let element_type: ElementType =
                    dtype.parse().map_err(|reason| error(format!("tensor `{name}`: {reason}")))?;
                let bytes = element_type.bytes_of(&shape).ok_or_else(|| {
                    error(format!("tensor `{name}`: {dtype} {shape:?} has no size of at most 64 bits"))
                })?;
                (TensorSpec::shaped(element_type, shape), bytes)
            }
            _ => {
                let message = format!("tensor `{name}` needs a size in bytes, or a shape and a dtype");
                return Err(PyTypeError::new_err(message));
            }
        };
        if let Some(align) = self.align {
            spec = spec.align(align);
        }
        if let Some(storage) = self.storage {
            spec = spec.stored(Storage::from_name(&storage));
        }
        Ok((self.offset.into_iter().fold(spec, TensorSpec::at), bytes))
    }
}

#[pymethods]
impl Graph {
    #[new]
    #[pyo3(signature = (name = "graph"))]
    fn new(name: &str) -> Self {
        let builder = Some(plimsoll::Graph::builder(name));
        Self::of(State { builder, built: None }, Vec::new(), None)
    }

    /// Adds a graph input, which the caller writes before the first operator runs.
    #[pyo3(signature = (name, size = None, *, shape = None, dtype = None, align = None, offset = None, overwritable = false, preserved = false, storage = None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of Python
    fn input(
        &self,
        name: &str,
        size: Option<u64>,
        shape: Option<Vec<u64>>,
        dtype: Option<String>,
        align: Option<u64>,
        offset: Option<u64>,
        overwritable: bool,
        preserved: bool,
        storage: Option<String>,
    ) -> PyResult<Tensor> {
        if overwritable && preserved {
            return Err(error(format!("tensor `{name}` cannot be both overwritable and preserved")));
        }
        let tensor = self.add(
            name,
            TensorKind::Input,
            TensorArguments { size, shape, dtype, align, offset, storage },
        )?;
        let contents = match (overwritable, preserved) {
            (true, _) => InputContents::Overwritable,
            (_, true) => InputContents::Preserved,
            _ => InputContents::Reusable,
        };
        self.edit(|builder| _ = builder.input_contents(TensorId::new(tensor.index), contents))?;
        Ok(tensor)
    }

    /// Adds a constant, which is outside of the arena.
    #[pyo3(signature = (name, size = None, *, shape = None, dtype = None, storage = None))]
    fn constant(
        &self,
        name: &str,
        size: Option<u64>,
        shape: Option<Vec<u64>>,
        dtype: Option<String>,
        storage: Option<String>,
    ) -> PyResult<Tensor> {
        let arguments = TensorArguments { size, shape, dtype, align: None, offset: None, storage };
        self.add(name, TensorKind::Constant, arguments)
    }

    /// Adds a variable, whose contents outlive a run.
    #[pyo3(signature = (name, size = None, *, shape = None, dtype = None, align = None, offset = None, storage = None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of Python
    fn variable(
        &self,
        name: &str,
        size: Option<u64>,
        shape: Option<Vec<u64>>,
        dtype: Option<String>,
        align: Option<u64>,
        offset: Option<u64>,
        storage: Option<String>,
    ) -> PyResult<Tensor> {
        self.add(name, TensorKind::Variable, TensorArguments { size, shape, dtype, align, offset, storage })
    }

    /// Adds a tensor that an operator writes.
    #[pyo3(signature = (name, size = None, *, shape = None, dtype = None, align = None, offset = None, storage = None))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of Python
    fn tensor(
        &self,
        name: &str,
        size: Option<u64>,
        shape: Option<Vec<u64>>,
        dtype: Option<String>,
        align: Option<u64>,
        offset: Option<u64>,
        storage: Option<String>,
    ) -> PyResult<Tensor> {
        self.add(
            name,
            TensorKind::Intermediate,
            TensorArguments { size, shape, dtype, align, offset, storage },
        )
    }

    /// Adds an operator. Permissions to share memory are tuples of an input, an output and numbers.
    #[pyo3(signature = (name, reads = Vec::new(), writes = Vec::new(), *, r#type = "", scratch = 0, after = Vec::new(),
        foldable = false, in_place = Vec::new(), views = Vec::new(), pieces = Vec::new(), overlaps = Vec::new()))]
    #[allow(clippy::too_many_arguments)] // keyword arguments of Python
    fn operator(
        &self,
        name: &str,
        reads: Vec<PyRef<'_, Tensor>>,
        writes: Vec<PyRef<'_, Tensor>>,
        r#type: &str,
        scratch: u64,
        after: Vec<PyRef<'_, Operator>>,
        foldable: bool,
        in_place: Vec<(PyRef<'_, Tensor>, PyRef<'_, Tensor>)>,
        views: Vec<(PyRef<'_, Tensor>, PyRef<'_, Tensor>, u64)>,
        pieces: Vec<(PyRef<'_, Tensor>, PyRef<'_, Tensor>, u64)>,
        overlaps: Vec<(PyRef<'_, Tensor>, PyRef<'_, Tensor>, u64, String)>,
    ) -> PyResult<Operator> {
        let id = |tensor: &Tensor| self.own(tensor);
        let mut permits = Vec::new();
        for (input, output) in &in_place {
            permits.push(Permit::InPlace { input: id(input)?, output: id(output)? });
        }
        for (input, output, at) in &views {
            permits.push(Permit::View { input: id(input)?, output: id(output)?, at: *at });
        }
        for (input, output, at) in &pieces {
            permits.push(Permit::ConcatSlice { input: id(input)?, output: id(output)?, at: *at });
        }
        for (input, output, bytes, lower) in &overlaps {
            let (input, output, lower) = (id(input)?, id(output)?, side(lower)?);
            permits.push(Permit::Overlap { input, output, bytes: *bytes, lower });
        }
        let ids = |tensors: &[PyRef<'_, Tensor>]| {
            tensors.iter().map(|tensor| id(tensor)).collect::<PyResult<Vec<_>>>()
        };
        let (inputs, outputs) = (ids(&reads)?, ids(&writes)?);
        let earlier =
            after.iter().map(|operator| self.own_operator(operator)).collect::<PyResult<Vec<_>>>()?;
        let index = self.edit(|builder| {
            let mut operator = builder.operator(name).op_type(r#type).reads(inputs).writes(outputs);
            operator = operator.scratch(scratch).after(earlier).permits(permits);
            if foldable { operator.foldable().id() } else { operator.id() }.index()
        })?;
        Ok(Operator {
            graph: self.number,
            index,
            name: name.to_owned(),
            r#type: r#type.to_owned(),
            inputs: reads.iter().map(|tensor| (**tensor).clone()).collect(),
            outputs: writes.iter().map(|tensor| (**tensor).clone()).collect(),
            scratch,
        })
    }

    /// Marks a tensor as a graph output, which is live until the end of the run.
    fn output(&self, tensor: PyRef<'_, Tensor>) -> PyResult<()> {
        let id = self.own(&tensor)?;
        self.edit(|builder| _ = builder.output(id))
    }

    /// Demands that a tensor lies `at` bytes behind the start of another one.
    fn place_at(&self, tensor: PyRef<'_, Tensor>, of: PyRef<'_, Tensor>, at: u64) -> PyResult<()> {
        let (tensor, of) = (self.own(&tensor)?, self.own(&of)?);
        self.edit(|builder| _ = builder.place_at(tensor, of, at))
    }

    /// Demands that two tensors share no byte.
    fn keep_apart(&self, one: PyRef<'_, Tensor>, other: PyRef<'_, Tensor>) -> PyResult<()> {
        let (one, other) = (self.own(&one)?, self.own(&other)?);
        self.edit(|builder| _ = builder.keep_apart(one, other))
    }

    #[getter]
    fn name(&self) -> PyResult<String> {
        Ok(self.built()?.name().to_owned())
    }

    /// Notes of the import, a sentence each.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    #[getter]
    fn tensors(&self) -> PyResult<Vec<Tensor>> {
        let graph = self.built()?;
        Ok(graph.iter_tensors().map(|(id, tensor)| self.describe(id, tensor)).collect())
    }

    #[getter]
    fn operators(&self) -> PyResult<Vec<Operator>> {
        let graph = self.built()?;
        let tensors = |ids: &[TensorId]| ids.iter().map(|&id| self.describe(id, graph.tensor(id))).collect();
        let operators = graph.iter_operators().map(|(id, operator)| Operator {
            graph: self.number,
            index: id.index(),
            name: operator.name().to_owned(),
            r#type: operator.op_type().to_owned(),
            inputs: tensors(operator.inputs()),
            outputs: tensors(operator.outputs()),
            scratch: operator.scratch_bytes(),
        });
        Ok(operators.collect())
    }

    /// Plans the graph: an order of its operators, and offsets of its tensors in one arena.
    #[pyo3(signature = (**options))]
    fn plan(&self, py: Python<'_>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Plan> {
        let options = PlanOptions::new(options)?;
        let graph = self.built()?;
        let source = self.source.clone();
        interrupt::run(py, |token| Plan::new(graph, options, source, token))?.map_err(error)
    }

    /// Plans the graph from the plan of an earlier version of it; tensors and operators are matched by name. With
    /// `keep="demand"`, tensors of unchanged name and size keep their offsets.
    #[pyo3(signature = (previous, keep = "hint", **options))]
    fn replan(
        &self,
        py: Python<'_>,
        previous: PyRef<'_, Plan>,
        keep: &str,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Plan> {
        let keep = match keep {
            "hint" => Keep::Hint,
            "demand" => Keep::Demand,
            other => return Err(error(format!("keep={other:?}: expected \"hint\" or \"demand\""))),
        };
        let options = PlanOptions::new(options)?;
        if options.tiling.is_some() {
            return Err(PyTypeError::new_err("replan does not tile"));
        }
        let (graph, source) = (self.built()?, self.source.clone());
        let previous = &*previous;
        interrupt::run(py, |token| Plan::again(graph, (previous, keep), options, source, token))?
            .map_err(error)
    }

    /// Checks a plan of this graph, the text of a PLAN.json. Returns the violated rules; none if the plan is right.
    fn verify(&self, py: Python<'_>, text: &str) -> PyResult<Vec<String>> {
        let graph = self.built()?;
        let checked = interrupt::run(py, |_| {
            let document = PlanDocument::from_json(text)?;
            Ok(if document.tiling.is_some() {
                verify_tiled_plan(&graph, &document.to_tiled_plan(&graph)?)
            } else {
                verify(&graph, &document.to_plan(&graph)?)
            })
        })?;
        let checked = checked.map_err(|reason: plimsoll::export::json::DocumentError| error(reason))?;
        Ok(checked
            .err()
            .map_or_else(Vec::new, |violations| violations.list().iter().map(ToString::to_string).collect()))
    }

    /// The graph as JSON (docs/schemas).
    fn to_json(&self) -> PyResult<String> {
        Ok(graph_to_json(&*self.built()?))
    }

    fn __repr__(&self) -> PyResult<String> {
        let graph = self.built()?;
        let (operators, tensors) = (graph.operators().len(), graph.tensors().len());
        Ok(format!("Graph({:?}: {operators} operators, {tensors} tensors)", graph.name()))
    }
}

impl Graph {
    fn of(state: State, notes: Vec<String>, source: Option<Arc<Source>>) -> Self {
        static GRAPHS: AtomicU64 = AtomicU64::new(0);
        let number = GRAPHS.fetch_add(1, Ordering::Relaxed);
        Self { number, state: Mutex::new(state), notes, source }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The finished graph.
    fn built(&self) -> PyResult<Arc<plimsoll::Graph>> {
        let mut state = self.state();
        if let Some(graph) = &state.built {
            return Ok(Arc::clone(graph));
        }
        let builder = state.builder.clone().unwrap_or_default();
        let mut graph = builder.build().map_err(error)?;
        graph.fold_constants();
        let graph = Arc::new(graph);
        state.built = Some(Arc::clone(&graph));
        Ok(graph)
    }

    /// Changes the graph.
    ///
    /// # Errors
    /// The graph is from a file.
    fn edit<T>(&self, change: impl FnOnce(&mut GraphBuilder) -> T) -> PyResult<T> {
        let mut state = self.state();
        let Some(builder) = &mut state.builder else {
            return Err(error("a graph from a file cannot be changed; build one with Graph()"));
        };
        let result = change(builder);
        state.built = None;
        Ok(result)
    }

    fn add(&self, name: &str, kind: TensorKind, arguments: TensorArguments) -> PyResult<Tensor> {
        let (shape, dtype) = (arguments.shape.clone(), arguments.dtype.clone());
        let (spec, bytes) = arguments.spec(name)?;
        let index = self.edit(|builder| builder.add_tensor(name, kind, spec).index())?;
        Ok(Tensor {
            graph: self.number,
            index,
            name: name.to_owned(),
            kind: kind_name(kind),
            bytes,
            shape,
            dtype,
        })
    }

    fn describe(&self, id: TensorId, tensor: &plimsoll::Tensor) -> Tensor {
        Tensor {
            graph: self.number,
            index: id.index(),
            name: tensor.name().to_owned(),
            kind: kind_name(tensor.kind()),
            bytes: tensor.bytes(),
            shape: tensor.shape().map(<[u64]>::to_vec),
            dtype: tensor.element_type().map(|element_type| element_type.to_string()),
        }
    }

    /// The id of a tensor.
    ///
    /// # Errors
    /// The tensor is one of another graph.
    fn own(&self, tensor: &Tensor) -> PyResult<TensorId> {
        if tensor.graph == self.number {
            return Ok(TensorId::new(tensor.index));
        }
        Err(error(format!("tensor `{}` belongs to another graph", tensor.name)))
    }

    fn own_operator(&self, operator: &Operator) -> PyResult<OperatorId> {
        if operator.graph == self.number {
            return Ok(OperatorId::new(operator.index));
        }
        Err(error(format!("operator `{}` belongs to another graph", operator.name)))
    }
}

#[pymethods]
impl Tensor {
    fn __repr__(&self) -> String {
        let kind = match &self.shape {
            Some(shape) => format!("{} {shape:?}", self.dtype.as_deref().unwrap_or("unknown type")),
            None => self.kind.to_owned(),
        };
        format!("Tensor({:?}: {kind}, {} bytes)", self.name, self.bytes)
    }
}

#[pymethods]
impl Operator {
    fn __repr__(&self) -> String {
        let names = |tensors: &[Tensor]| {
            tensors.iter().map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (inputs, outputs) = (names(&self.inputs), names(&self.outputs));
        format!("Operator({:?}: {}({inputs}) -> {outputs})", self.name, self.r#type)
    }
}

/// The side of an overlap that lies lower in memory.
fn side(name: &str) -> PyResult<Side> {
    match name {
        "input" => Ok(Side::Input),
        "output" => Ok(Side::Output),
        other => Err(error(format!("{other:?}: expected \"input\" or \"output\", the side that lies lower"))),
    }
}

fn kind_name(kind: TensorKind) -> &'static str {
    match kind {
        TensorKind::Input => "input",
        TensorKind::Constant => "constant",
        TensorKind::Variable => "variable",
        TensorKind::Intermediate => "intermediate",
    }
}

/// Reads a network: .onnx, .tflite or graph .json.
#[pyfunction]
#[pyo3(signature = (path, **options))]
pub fn read(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Graph> {
    let options = import_options(options)?;
    let imported = interrupt::run(py, |token| {
        let mut options = options.clone();
        options.cancel = Some(token);
        import::read(&path, &options)
    })?;
    match imported.map_err(import_error)? {
        Imported::Graph(imported) => Ok(imported_graph(imported, Source::File { path, options })),
        _ => Err(error(format!("{}: a buffer list, not a network", path.display()))),
    }
}

/// Reads a network from the contents of a file; `format` is `onnx`, `tflite` or `json`.
#[pyfunction]
#[pyo3(signature = (contents, format, name = "model", **options))]
pub fn from_bytes(
    py: Python<'_>,
    contents: Vec<u8>,
    format: &str,
    name: &str,
    options: Option<&Bound<'_, PyDict>>,
) -> PyResult<Graph> {
    let options = import_options(options)?;
    let reader = match format {
        "onnx" => import::onnx_from_bytes,
        "tflite" => import::tflite_from_bytes,
        "json" => import::graph_json_from_bytes,
        other => return Err(error(format!("format={other:?}: expected \"onnx\", \"tflite\" or \"json\""))),
    };
    let imported = interrupt::run(py, |token| {
        let mut options: ImportOptions = options.clone();
        options.cancel = Some(token);
        reader(name, &contents, &options)
    })?;
    let source = Source::Memory { name: name.to_owned(), format: format.to_owned(), contents, options };
    Ok(imported_graph(imported.map_err(import_error)?, source))
}

fn imported_graph(imported: import::ImportedGraph, source: Source) -> Graph {
    let state = State { builder: None, built: Some(Arc::new(imported.graph)) };
    Graph::of(state, imported.notes, Some(Arc::new(source)))
}
