//! Independent check of a plan against the runtime's rules: live ranges as the runtime computes them, and
//! scratch where the runtime will place it.

use super::TfliteError;
use super::calls::Calls;
use super::greedy::{self, HeadRequest, MAX_PAIRS};
use super::occupied::{Occupied, occupied};
use super::runtime_network::{Memory, RuntimeNetwork};
use crate::verify::verify_offsets;
use crate::{Buffer, Problem};

/// Maximum number of visits of tensors and operators. Bodies that call each other can make the walk
/// exponential in the size of the model; no model for a microcontroller needs this many visits.
const MOST_WORK: usize = 1 << 23;

/// Maximum nesting depth of bodies, which bounds the recursion of [`Walk::run`].
const DEEPEST: usize = 64;

/// First and last step, both inclusive; empty if the first exceeds the last.
#[derive(Clone, Copy)]
pub(super) struct Steps {
    first: u32,
    last: u32,
}

impl Steps {
    const NONE: Self = Self { first: u32::MAX, last: 0 };

    fn extend(&mut self, first: u32, last: u32) {
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }

    pub(super) fn ends(self) -> Option<(u32, u32)> {
        (self.first <= self.last).then_some((self.first, self.last))
    }
}

/// Live ranges of all tensors and scratch that a run of one root subgraph reaches.
pub(super) struct Walk<'a> {
    network: &'a RuntimeNetwork,
    scratch: &'a [Vec<u64>],
    now: u32,
    work: usize,
    pub(super) tensors: Vec<Vec<Steps>>,
    pub(super) scratches: Vec<Vec<Steps>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(network: &'a RuntimeNetwork, scratch: &'a [Vec<u64>]) -> Self {
        let tensors =
            network.subgraphs.iter().map(|subgraph| vec![Steps::NONE; subgraph.tensors.len()]).collect();
        let scratches = scratch.iter().map(|operators| vec![Steps::NONE; operators.len()]).collect();
        Self { network, scratch, now: 0, work: 0, tensors, scratches }
    }

    /// Simulates a run of a subgraph. Inputs are live from the start and outputs to the end. Each operator is
    /// a step, and its bodies run within that step.
    pub(super) fn run(&mut self, index: usize, depth: usize) -> Result<(), TfliteError> {
        let network = self.network;
        let subgraph = &network.subgraphs[index];
        let too_much = |operator: usize, reason: &str| TfliteError::Call {
            subgraph: index,
            operator,
            reason: reason.to_owned(),
        };
        self.work += 1 + subgraph.tensors.len() + subgraph.operators.len();
        if self.work > MOST_WORK {
            let reason = "is one of too many: bodies run each other more often than can be looked at";
            return Err(too_much(0, reason));
        }
        let referenced = subgraph.referenced();
        for input in &subgraph.inputs {
            self.tensors[index][input.index()].extend(self.now, self.now);
        }
        // A tensor that no operator writes is live from the start.
        let mut is_written = vec![false; subgraph.tensors.len()];
        for id in subgraph.operators.iter().flat_map(|operator| &operator.read.outputs) {
            is_written[id.index()] = true;
        }
        for id in 0..subgraph.tensors.len() {
            if referenced[id] && !is_written[id] {
                self.tensors[index][id].extend(self.now, self.now);
            }
        }
        for (number, operator) in subgraph.operators.iter().enumerate() {
            self.now += 1;
            let start = self.now;
            for output in &operator.read.outputs {
                self.tensors[index][output.index()].extend(start, start);
            }
            for &callee in &operator.calls {
                if depth == DEEPEST {
                    return Err(too_much(number, "runs bodies that are nested too deep"));
                }
                self.now += 1;
                self.run(callee, depth + 1)?;
            }
            for id in operator.read.inputs.iter().chain(&operator.read.outputs) {
                self.tensors[index][id.index()].extend(self.now, self.now);
            }
            self.scratches[index][number].extend(start, self.now);
        }
        for output in &subgraph.outputs {
            self.tensors[index][output.index()].extend(self.now, self.now);
        }
        Ok(())
    }
}

/// Checks that no two tensors with overlapping live ranges share a byte, and returns the size of the arena's
/// head with scratch.
///
/// # Errors
/// [`TfliteError::Wrong`], which names the tensors.
pub(super) fn head_bytes(
    network: &RuntimeNetwork,
    calls: &Calls,
    scratch: &[Vec<u64>],
    offsets: &[Vec<Option<u64>>],
) -> Result<u64, TfliteError> {
    check_places(network, offsets)?;
    let mut head = 0;
    for index in (0..network.subgraphs.len()).filter(|&index| calls.is_root[index]) {
        let mut walk = Walk::new(network, scratch);
        walk.run(index, 0)?;
        let has_aliases = index == 0 && !calls.is_repeated[0];
        head = head.max(root_bytes(&walk, offsets, has_aliases)?);
    }
    for (subgraph, offsets) in network.subgraphs.iter().zip(offsets) {
        // Unreferenced tensors have offsets too.
        let placed = subgraph.tensors.iter().zip(offsets).filter(|(tensor, _)| tensor.memory == Memory::Head);
        let ends = placed.map(|(tensor, offset)| offset.unwrap_or(0) + tensor.bytes);
        head = head.max(ends.max().unwrap_or(0));
    }
    Ok(head)
}

/// Checks that variables have no offset and that offsets in the head are aligned.
fn check_places(network: &RuntimeNetwork, offsets: &[Vec<Option<u64>>]) -> Result<(), TfliteError> {
    for (index, (subgraph, offsets)) in network.subgraphs.iter().zip(offsets).enumerate() {
        for (number, (tensor, offset)) in subgraph.tensors.iter().zip(offsets).enumerate() {
            let reason = match (tensor.memory, offset) {
                (Memory::Tail, Some(_)) => "is a variable, but has an offset in the head",
                (Memory::Head, Some(offset)) if !offset.is_multiple_of(super::runtime_network::ALIGNMENT) => {
                    "has an offset that is no multiple of 16"
                }
                _ => continue,
            };
            let name = &tensor.name;
            let text = format!("tensor {number} (`{name}`) of subgraph {index} {reason}");
            return Err(TfliteError::Wrong(text));
        }
    }
    Ok(())
}

/// `has_aliases` says whether the first subgraph runs once, so that its tensors may be aliases.
fn root_bytes(walk: &Walk<'_>, offsets: &[Vec<Option<u64>>], has_aliases: bool) -> Result<u64, TfliteError> {
    let (mut buffers, mut names, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let mut waiting = Vec::new();
    for (index, subgraph) in walk.network.subgraphs.iter().enumerate() {
        let steps: Vec<Option<(u32, u32)>> = walk.tensors[index].iter().map(|steps| steps.ends()).collect();
        for (number, tensor) in subgraph.tensors.iter().enumerate() {
            if let (Memory::Head, None, Some((first, last))) =
                (tensor.memory, offsets[index][number], steps[number])
            {
                waiting.push(request(tensor.bytes, first, last));
            }
        }
        let has_aliases = has_aliases && index == 0;
        for Occupied { tensor, bytes, steps: (first, last) } in
            occupied(subgraph, &steps, &offsets[index], has_aliases)
        {
            buffers.push(Buffer::new(bytes.end - bytes.start, first..last + 1));
            names.push(subgraph.tensors[tensor].name.clone());
            places.push(bytes.start);
        }
    }
    let ends = buffers.iter().zip(&places).map(|(buffer, place)| place + buffer.size());
    let planned = ends.max().unwrap_or(0);
    let problem = Problem::named(buffers.clone(), names.clone())?;
    let wrong = |violations: crate::verify::Violations| {
        let first = violations.list().first().map(ToString::to_string);
        TfliteError::Wrong(first.unwrap_or_default())
    };
    verify_offsets(&problem, &places, planned).map_err(wrong)?;
    Ok(planned.max(fit_others(walk, waiting, &buffers, &places)))
}

/// Places scratch, and the tensors that the plan leaves to the runtime (`waiting`), as the runtime does: the
/// largest first, each in the lowest gap of its live range. Returns the end of the highest. All scratch
/// requests of an operator count as one, so the runtime may find lower offsets.
fn fit_others(walk: &Walk<'_>, mut waiting: Vec<HeadRequest>, buffers: &[Buffer], places: &[u64]) -> u64 {
    waiting.retain(|request| request.bytes > 0);
    let left: u64 = waiting.iter().map(|request| request.bytes).sum();
    for (sizes, steps) in walk.scratch.iter().zip(&walk.scratches) {
        for (&bytes, steps) in sizes.iter().zip(steps).filter(|(bytes, _)| **bytes > 0) {
            waiting.extend(steps.ends().map(|(first, last)| request(bytes, first, last)));
        }
    }
    if waiting.len().saturating_mul(buffers.len() + waiting.len()) > MAX_PAIRS {
        // Upper bound for the tensors: the bytes of all of them, above the planned tensors.
        let planned = buffers.iter().zip(places).map(|(buffer, place)| place + buffer.size()).max();
        return if left > 0 { planned.unwrap_or(0).saturating_add(left) } else { 0 };
    }
    waiting.sort_by_key(|request| (std::cmp::Reverse(request.bytes), request.first, request.last));
    let fixed = buffers.iter().zip(places).map(|(buffer, &place)| {
        let live = buffer.live();
        (place, request(buffer.size(), live.start, live.end - 1))
    });
    greedy::place(fixed.collect(), &waiting)
}

fn request(bytes: u64, first: u32, last: u32) -> HeadRequest {
    HeadRequest { bytes, first: first.into(), last: last.into() }
}
