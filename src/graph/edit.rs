//! Copies of graphs that can be edited.

use super::builder::GraphBuilder;
use super::{Graph, OperatorBuilder, TensorKind, TensorSpec};
use crate::support::ids::{OperatorId, TensorId};

impl Graph {
    /// A builder with everything in this graph, to change a copy of it. Tensors and operators keep their ids.
    ///
    /// Folded operators are operators again; if there are any, the copy is folded again when it is built.
    ///
    /// ```
    /// use plimsoll::{Graph, TensorSpec};
    ///
    /// let mut net = Graph::builder("net");
    /// let (x, y) = (net.input("x", TensorSpec::bytes(64)), net.tensor("y", TensorSpec::bytes(64)));
    /// let relu = net.operator("relu").reads([x]).writes([y]).in_place(x, y).id();
    /// net.output(y);
    /// let graph = net.build()?;
    ///
    /// let mut copy = graph.edit();
    /// copy.set_spec(y, TensorSpec::bytes(32));
    /// let z = copy.tensor("z", TensorSpec::bytes(8));
    /// copy.operator("pool").reads([y]).writes([z]);
    /// copy.operator_mut(relu).expect("it exists").forbid_sharing();
    /// let edited = copy.build()?;
    /// assert_eq!((edited.tensor(y).bytes(), edited.operators().len()), (32, 2));
    /// assert_eq!(graph.tensor(y).bytes(), 64);
    /// # Ok::<(), plimsoll::Error>(())
    /// ```
    #[must_use]
    pub fn edit(&self) -> GraphBuilder {
        let mut builder = Self::builder(self.name());
        builder.operators.clone_from(&self.operators);
        builder.tensors.clone_from(&self.tensors);
        builder.placements.clone_from(&self.constraints.list);
        builder.apart.clone_from(&self.constraints.apart);
        for operator in builder.operators.iter_mut().filter(|operator| operator.folded) {
            builder.folds = true;
            operator.folded = false;
            for output in &operator.outputs {
                builder.tensors[output.index()].kind = TensorKind::Intermediate;
            }
        }
        for tensor in &mut builder.tensors {
            tensor.producer = None;
            tensor.readers.clear();
        }
        builder
    }
}

impl GraphBuilder {
    /// Replaces the size and the requests of a tensor. Permissions and access maps that do not fit the new size
    /// are an error of [`build`](Self::build).
    ///
    /// # Panics
    /// If this builder has no tensor with this id; the same holds for the other changes.
    pub fn set_spec(&mut self, tensor: TensorId, spec: TensorSpec) -> &mut Self {
        self.tensors[tensor.index()].spec = spec;
        self
    }

    /// Replaces the size of a tensor, which has no shape afterwards. Its alignment, offset and storage stay.
    pub fn set_bytes(&mut self, tensor: TensorId, bytes: u64) -> &mut Self {
        self.tensors[tensor.index()].spec.set_bytes(bytes);
        self
    }

    /// Replaces the kind of a tensor.
    pub fn set_kind(&mut self, tensor: TensorId, kind: TensorKind) -> &mut Self {
        self.tensors[tensor.index()].kind = kind;
        self
    }

    /// Marks a tensor as no graph output.
    pub fn remove_output(&mut self, tensor: TensorId) -> &mut Self {
        self.tensors[tensor.index()].is_output = false;
        self.outputs.retain(|&output| output != tensor);
        self
    }

    /// Lets all operators that read one tensor read another one instead. Permissions of `from` become permissions
    /// of `to`.
    pub fn replace_reads(&mut self, from: TensorId, to: TensorId) -> &mut Self {
        for operator in self.operators.iter_mut().filter(|operator| operator.inputs.contains(&from)) {
            operator.inputs.iter_mut().filter(|input| **input == from).for_each(|input| *input = to);
            let renamed = operator.permits.iter().map(|permit| permit.with_input(from, to));
            operator.permits = renamed.collect();
        }
        self
    }

    /// Removes an operator. The ids of later operators are one less afterwards. Its outputs stay, without a
    /// producer.
    pub fn remove_operator(&mut self, id: OperatorId) -> &mut Self {
        self.operators.remove(id.index());
        for operator in &mut self.operators {
            let Some(extras) = operator.extras.as_deref_mut() else { continue };
            extras.runs_after.retain(|&before| before != id);
            for before in extras.runs_after.iter_mut().filter(|before| **before > id) {
                *before = OperatorId::new(before.index() - 1);
            }
        }
        self
    }
}

impl OperatorBuilder<'_> {
    /// Removes all permissions to share memory.
    #[allow(clippy::must_use_candidate)] // it has taken effect
    pub fn forbid_sharing(self) -> Self {
        self.clear_permits()
    }
}
