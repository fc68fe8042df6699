//! Liveness: the live range of every tensor and scratch buffer in the arena, given a graph and an order.

use crate::error::{Error, Result, Subject};
use crate::graph::{Graph, Occupant, Tensor, TensorKind, Variables};
use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::events::Loads;
use crate::support::ids::{BufferId, OperatorId, TensorId};
use crate::support::text_list::TextList;

/// The live ranges of a graph's tensors and scratch buffers in one order.
///
/// Step `k` is the `k`-th of the `N` entries of the order. Live ranges are half-open:
///
/// | tensor or scratch buffer | live range |
/// | --- | --- |
/// | input | `[0, last reader + 1)` |
/// | intermediate | `[producer, last reader + 1)` |
/// | output | `[producer, N)` |
/// | variable; input that is an output or [preserved](crate::InputContents) | `[0, max(N, 1))` |
/// | scratch buffer | the step of its operator |
///
/// An operator's inputs and outputs are both live at its step. A tensor without readers lives for
/// one step. Constants, and tensors in buffers of the caller ([`Storage::Outside`](crate::Storage)), are outside
/// of the arena. The size of a scratch buffer does not include the
/// operator's bodies, whose plans are made before.
///
/// ```
/// use plimsoll::{Graph, Liveness, Occupant, TensorSpec, Variables};
///
/// let mut net = Graph::builder("net");
/// let x = net.input("x", TensorSpec::bytes(64));
/// let y = net.tensor("y", TensorSpec::bytes(32));
/// net.operator("pool").reads([x]).writes([y]);
/// net.output(y);
/// let graph = net.build()?;
/// let liveness = Liveness::new(&graph, graph.program_order(), 16, Variables::Arena)?;
/// assert_eq!(liveness.occupants(), [Occupant::Tensor(x), Occupant::Tensor(y)]);
/// assert_eq!((liveness.live_bytes(), liveness.problem().buffers().len()), (vec![96], 2));
/// # Ok::<(), plimsoll::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Liveness {
    problem: Problem,
    occupants: Vec<Occupant>,
    steps: u32,
}

/// The step with the most live bytes.
///
/// Example: [`Liveness`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peak {
    /// The first step with the most live bytes.
    pub step: u32,
    /// Live bytes at that step, without padding.
    pub bytes: u64,
}

impl Liveness {
    /// Computes the live ranges of `graph` in `order`. Tensors that request no alignment, and
    /// scratch buffers, get `default_alignment`.
    ///
    /// O(operators + edges + tensors log tensors).
    ///
    /// # Errors
    /// [`Error::Order`] if the order is invalid, and the errors of [`Problem::named`] for sizes,
    /// alignments and fixed offsets.
    pub fn new(
        graph: &Graph,
        order: &[OperatorId],
        default_alignment: u64,
        variables: Variables,
    ) -> Result<Self> {
        if !default_alignment.is_power_of_two() {
            let subject = Subject::DefaultAlignment;
            return Err(Error::Alignment { subject, alignment: default_alignment });
        }
        graph.check_order(order)?;
        let ranges = tensor_ranges(graph, order);
        let mut buffers = LivenessBuffers::with_capacity(ranges.iter().flatten().count());
        for (id, tensor) in graph.iter_tensors() {
            if let (Some(live), true) = (ranges[id.index()], tensor.is_planned(variables)) {
                buffers.add_tensor(id, tensor, live, default_alignment);
            }
        }
        for (step, &id) in order.iter().enumerate() {
            let operator = graph.operator(id);
            if operator.scratch_bytes() > 0 {
                let live = LiveRange { start: step as u32, end: step as u32 + 1 };
                let buffer = Buffer::new(operator.scratch_bytes(), live);
                let buffer = buffer.align(operator.scratch_alignment(default_alignment));
                buffers.add(Occupant::Scratch(id), buffer, &format!("scratch of {}", operator.name()));
            }
        }
        let problem = Problem::with_names(buffers.buffers, buffers.names)?;
        Ok(Self { problem, occupants: buffers.occupants, steps: order.len() as u32 })
    }

    /// The packing problem, with one buffer for each tensor or scratch buffer.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The tensor or scratch buffer of each buffer, by buffer id.
    #[must_use]
    pub fn occupants(&self) -> &[Occupant] {
        &self.occupants
    }

    /// Number of steps of the order.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Live bytes at each step, without padding. The result has at least one step, because inputs are
    /// live even if no operator runs.
    ///
    /// O(buffers + steps).
    #[must_use]
    pub fn live_bytes(&self) -> Vec<u64> {
        let mut loads = Loads::new(self.steps.max(1) as usize);
        for buffer in self.problem.buffers() {
            loads.add((buffer.live().start, buffer.live().end), buffer.size());
        }
        loads.by_step()
    }

    /// The step with the most live bytes.
    #[must_use]
    pub fn peak(&self) -> Peak {
        let mut peak = Peak { step: 0, bytes: 0 };
        for (step, bytes) in self.live_bytes().into_iter().enumerate() {
            if bytes > peak.bytes {
                peak = Peak { step: step as u32, bytes };
            }
        }
        peak
    }

    /// The buffers that are live at a step, with their tensors or scratch buffers, by buffer id.
    pub fn live_at(&self, step: u32) -> impl Iterator<Item = (BufferId, Occupant)> + '_ {
        let all = self.problem.ids().zip(&self.occupants);
        all.filter(move |(id, _)| self.problem.buffer(*id).live().contains(step))
            .map(|(id, occupant)| (id, *occupant))
    }
}

/// The buffers of the problem, with their names and occupants.
struct LivenessBuffers {
    buffers: Vec<Buffer>,
    names: TextList,
    occupants: Vec<Occupant>,
}

impl LivenessBuffers {
    fn with_capacity(count: usize) -> Self {
        let (buffers, names) = (Vec::with_capacity(count), TextList::with_capacity(count));
        Self { buffers, names, occupants: Vec::with_capacity(count) }
    }

    fn add_tensor(&mut self, id: TensorId, tensor: &Tensor, live: LiveRange, default_alignment: u64) {
        let alignment = tensor.alignment().unwrap_or(default_alignment);
        let mut buffer = Buffer::new(tensor.bytes(), live).align(alignment);
        if let Some(offset) = tensor.fixed_offset() {
            buffer = buffer.at(offset);
        }
        self.add(Occupant::Tensor(id), buffer, tensor.name());
    }

    fn add(&mut self, occupant: Occupant, buffer: Buffer, name: &str) {
        self.buffers.push(buffer);
        self.names.push(name);
        self.occupants.push(occupant);
    }
}

/// The live range of every tensor by id; none for constants and for tensors that no operator writes.
fn tensor_ranges(graph: &Graph, order: &[OperatorId]) -> Vec<Option<LiveRange>> {
    let steps = order.len() as u32;
    let mut ranges: Vec<Option<LiveRange>> = graph
        .tensors()
        .iter()
        .map(|tensor| match tensor.kind() {
            TensorKind::Input => Some(LiveRange { start: 0, end: 1 }),
            TensorKind::Variable => Some(LiveRange { start: 0, end: steps.max(1) }),
            TensorKind::Constant | TensorKind::Intermediate => None,
        })
        .collect();
    for (step, &id) in order.iter().enumerate() {
        let (step, operator) = (step as u32, graph.operator(id));
        for output in operator.outputs() {
            if graph.tensor(*output).kind() == TensorKind::Intermediate {
                ranges[output.index()] = Some(LiveRange { start: step, end: step + 1 });
            }
        }
        for input in operator.inputs() {
            if let Some(range) = &mut ranges[input.index()] {
                range.end = range.end.max(step + 1);
            }
        }
    }
    for (range, tensor) in ranges.iter_mut().zip(graph.tensors()) {
        if let (Some(range), true) = (range, tensor.is_needed_at_end()) {
            range.end = steps.max(1);
        }
    }
    ranges
}
