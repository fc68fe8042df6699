//! From a graph and an order to the live range of everything in the arena.

use crate::error::{Error, Result};
use crate::graph::{Graph, Tensor, TensorKind};
use crate::ids::{BufferId, OperatorId, TensorId};
use crate::occupant::{Occupant, Variables};
use crate::problem::{Buffer, LiveRange, Problem};

/// Live ranges of a graph's tensors and workspaces in a given order.
///
/// Step `k` is the `k`-th entry of the order, of `N`. Inputs live in
/// `[0, last reader + 1)`, outputs in `[producer, N)`, inputs that are outputs
/// and variables in `[0, max(N, 1))`, intermediates in
/// `[producer, last reader + 1)`, workspaces at the step of their operator. An
/// operator's inputs and outputs are both live at its step; what nobody reads
/// lives for one step. Constants have no place in the arena. Workspaces are what operators need for
/// themselves: the memory of their bodies, which has to be planned before, is not counted here.
#[derive(Clone, Debug)]
pub struct Liveness {
    problem: Problem,
    occupants: Vec<Occupant>,
    steps: u32,
}

/// The fullest step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peak {
    /// The first of the fullest steps.
    pub step: u32,
    /// Live bytes at that step, without any padding.
    pub bytes: u64,
}

impl Liveness {
    /// Live ranges of `graph` when run in `order`; tensors that ask for no
    /// alignment, and workspaces, get `default_alignment`.
    ///
    /// O(operators + edges + tensors log tensors).
    ///
    /// # Errors
    /// [`Error::Order`] if the order cannot be run, and what
    /// [`Problem::named`] says of sizes, alignments and fixed offsets.
    pub fn new(
        graph: &Graph,
        order: &[OperatorId],
        default_alignment: u64,
        variables: Variables,
    ) -> Result<Self> {
        if !default_alignment.is_power_of_two() {
            let place = "default alignment".to_owned();
            return Err(Error::Alignment { place, alignment: default_alignment });
        }
        graph.check_order(order)?;
        let mut collected = Collected::default();
        let ranges = tensor_ranges(graph, order);
        for (id, tensor) in graph.tensor_ids().zip(graph.tensors()) {
            let outside = tensor.kind() == TensorKind::Variable && variables == Variables::Outside;
            if let (Some(live), false) = (ranges[id.index()], outside) {
                collected.add_tensor(id, tensor, live, default_alignment);
            }
        }
        for (step, &id) in order.iter().enumerate() {
            let operator = graph.operator(id);
            if operator.scratch_bytes() > 0 {
                let live = LiveRange { start: step as u32, end: step as u32 + 1 };
                let buffer = Buffer::new(operator.scratch_bytes(), live);
                let buffer = buffer.align(operator.scratch_alignment(default_alignment));
                collected.add(Occupant::Scratch(id), buffer, format!("scratch of {}", operator.name()));
            }
        }
        let problem = Problem::named(collected.buffers, collected.names)?;
        Ok(Self { problem, occupants: collected.occupants, steps: order.len() as u32 })
    }

    /// The geometry: one buffer for each occupant.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What each buffer holds, by buffer id.
    #[must_use]
    pub fn occupants(&self) -> &[Occupant] {
        &self.occupants
    }

    /// How many steps the order has.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Live bytes at each step, without paddings; at least one step, as inputs
    /// are there even if nothing runs.
    ///
    /// O(buffers + steps).
    #[must_use]
    pub fn live_bytes(&self) -> Vec<u64> {
        let steps = self.steps.max(1) as usize;
        let mut changes = vec![(0u64, 0u64); steps + 1];
        for buffer in self.problem.buffers() {
            changes[buffer.live().start as usize].0 += buffer.size();
            changes[buffer.live().end as usize].1 += buffer.size();
        }
        let mut live = 0;
        let running = changes[..steps].iter().map(|(born, died)| {
            live = live + born - died;
            live
        });
        running.collect()
    }

    /// The fullest step.
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

    /// Who is live at a step, by buffer id.
    pub fn live_at(&self, step: u32) -> impl Iterator<Item = (BufferId, Occupant)> + '_ {
        let all = self.problem.ids().zip(&self.occupants);
        all.filter(move |(id, _)| self.problem.buffer(*id).live().contains(step))
            .map(|(id, occupant)| (id, *occupant))
    }
}

#[derive(Default)]
struct Collected {
    buffers: Vec<Buffer>,
    names: Vec<String>,
    occupants: Vec<Occupant>,
}

impl Collected {
    fn add_tensor(&mut self, id: TensorId, tensor: &Tensor, live: LiveRange, default_alignment: u64) {
        let alignment = tensor.alignment().unwrap_or(default_alignment);
        let mut buffer = Buffer::new(tensor.bytes(), live).align(alignment);
        if let Some(offset) = tensor.fixed_offset() {
            buffer = buffer.at(offset);
        }
        self.add(Occupant::Tensor(id), buffer, tensor.name().to_owned());
    }

    fn add(&mut self, occupant: Occupant, buffer: Buffer, name: String) {
        self.buffers.push(buffer);
        self.names.push(name);
        self.occupants.push(occupant);
    }
}

/// The live range of every tensor that needs memory during the run, by id.
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
        if let (Some(range), true) = (range, tensor.is_output()) {
            range.end = steps.max(1);
        }
    }
    ranges
}
