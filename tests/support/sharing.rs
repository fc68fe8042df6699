//! Random graphs with permissions to share memory, and ground truth: simulation on bytes and
//! exhaustive search.

use std::collections::HashSet;

use plimsoll::{
    AliasKind, Graph, GraphBuilder, InputContents, OperatorId, Permit, Plan, SharingLevel, Side, Storage,
    TensorId, TensorKind, TensorSpec,
};

/// The `SplitMix64` random number generator.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % count
    }
}

/// A random graph with sizes up to `most` bytes: convolutions with partial overlap, elementwise
/// operators in place, reshapes, slices and concatenations. Some permissions contradict each
/// other.
pub fn drawn(seed: u64, operators: u64, most: u64) -> Graph {
    let (net, _) = drawn_builder(&mut Draw(seed), seed, operators, most, false);
    net.build().expect("a right graph")
}

/// A graph like [`drawn`] in which tensors have random alignments up to 4 bytes.
pub fn drawn_with_alignments(seed: u64, operators: u64, most: u64) -> Graph {
    let (net, _) = drawn_builder(&mut Draw(seed), seed, operators, most, true);
    net.build().expect("a right graph")
}

/// A graph like [`drawn`] with relative placements and must-not-alias constraints. Some of them agree
/// with permissions, others cannot be satisfied.
pub fn drawn_with_constraints(seed: u64, operators: u64, most: u64) -> Graph {
    let mut draw = Draw(seed);
    loop {
        let (mut net, tensors) = drawn_builder(&mut draw, seed, operators, most, false);
        for _ in 0..=draw.below(2) {
            let [one, other] = [0, 1].map(|_| tensors[draw.below(tensors.len() as u64) as usize]);
            let at = [0, other.1, draw.below(most + 2)][draw.below(3) as usize];
            if one != other && draw.below(4) == 0 {
                net.keep_apart(one.0, other.0);
            } else if one != other {
                net.place_at(one.0, other.0, at);
            }
        }
        // The builder rejects constraints that contradict each other; other tests cover this.
        if let Ok(graph) = net.build() {
            return graph;
        }
    }
}

fn drawn_builder(
    draw: &mut Draw,
    seed: u64,
    operators: u64,
    most: u64,
    aligned: bool,
) -> (GraphBuilder, Vec<(TensorId, u64)>) {
    let mut net = Graph::builder(format!("drawn {seed}"));
    let spec = |draw: &mut Draw, bytes: u64| {
        let spec = TensorSpec::bytes(bytes);
        if aligned { spec.align(1 << draw.below(3)) } else { spec }
    };
    // By tensor: its id, its size, and a number that is equal for tensors with common contents.
    let mut made: Vec<(TensorId, u64, usize)> = Vec::new();
    for number in 0..=draw.below(2) {
        let bytes = 1 + draw.below(most);
        let id = net.input(format!("in{number}"), spec(draw, bytes));
        if draw.below(2) == 0 {
            net.overwritable(id);
        }
        made.push((id, bytes, made.len()));
    }
    for number in 0..operators {
        let pick = |draw: &mut Draw, made: &[(TensorId, u64, usize)]| {
            // Prefer recent tensors.
            let back = draw.below(made.len() as u64).min(draw.below(made.len() as u64));
            made.len() - 1 - back as usize
        };
        let first = pick(draw, &made);
        let (x, bytes, root) = made[first];
        let own = made.len();
        let name = format!("op{number}");
        let mut add = |draw: &mut Draw, made: &mut Vec<(TensorId, u64, usize)>, bytes: u64, root: usize| {
            let id = net.tensor(format!("t{number}"), spec(draw, bytes));
            made.push((id, bytes, root));
            id
        };
        let written = match draw.below(6) {
            0 => {
                let y = add(draw, &mut made, bytes, root);
                net.operator(name).op_type("Reshape").reads([x]).writes([y]).view(x, y, 0);
                y
            }
            1 if bytes > 1 => {
                let size = 1 + draw.below(bytes - 1);
                let at = draw.below(bytes - size + 1);
                let y = add(draw, &mut made, size, root);
                net.operator(name).op_type("Slice").reads([x]).writes([y]).view(x, y, at);
                y
            }
            2 => {
                // Sometimes concatenate parts of one tensor, or a tensor with itself.
                let suits = |other: usize, draw: &mut Draw| made[other].2 != root || draw.below(4) == 0;
                let second = (0..own).find(|&other| suits(other, draw) && draw.below(2) == 0);
                let Some(second) = second else {
                    let y = add(draw, &mut made, bytes, own);
                    net.operator(name).op_type("Copy").reads([x]).writes([y]);
                    continue;
                };
                let (other, size, second_root) = made[second];
                for entry in &mut made {
                    if entry.2 == second_root {
                        entry.2 = root;
                    }
                }
                let y = add(draw, &mut made, bytes + size, root);
                let concat = net.operator(name).op_type("Concat").reads([x, other]).writes([y]);
                concat.concat_slice(x, y, 0).concat_slice(other, y, bytes);
                y
            }
            3 => {
                let size = 1 + draw.below(most);
                let overlap = draw.below(size.min(bytes) + 1);
                let lower = if draw.below(2) == 0 { Side::Input } else { Side::Output };
                let scratch = draw.below(2);
                let y = add(draw, &mut made, size, own);
                let conv = net.operator(name).op_type("Conv").reads([x]).writes([y]).scratch(scratch);
                conv.overlap(x, y, overlap, lower);
                y
            }
            _ => {
                let second = pick(draw, &made);
                let (z, size, _) = made[second];
                let out = if draw.below(3) == 0 { 1 + draw.below(bytes) } else { bytes };
                let y = add(draw, &mut made, out, own);
                let mut operator = net.operator(name).op_type("Add").reads([x, z]).writes([y]).in_place(x, y);
                if z != x && size >= out && draw.below(2) == 0 {
                    operator = operator.in_place(z, y);
                }
                let _ = operator;
                y
            }
        };
        if draw.below(6) == 0 {
            net.output(written);
        }
    }
    (net, made.into_iter().map(|(id, bytes, _)| (id, bytes)).collect())
}

/// The content of a byte of memory: a tensor and the offset in it.
type Byte = Option<(usize, u64)>;

/// Simulates a plan on bytes. Returns the number of steps, or the first error.
pub fn simulate(graph: &Graph, plan: &Plan) -> Result<usize, String> {
    let mut memory: Vec<Byte> = vec![None; usize::try_from(plan.arena_bytes).unwrap()];
    let mut truth: Vec<Vec<Byte>> = vec![Vec::new(); graph.tensors().len()];
    let bytes = |id: TensorId| graph.tensor(id).bytes();
    let own = |id: TensorId| -> Vec<Byte> { (0..bytes(id)).map(|byte| Some((id.index(), byte))).collect() };
    let place = |id: TensorId| plan.offset(id).map(|offset| offset as usize);
    let check = |memory: &[Byte], truth: &[Byte], id: TensorId, when: &str| {
        let Some(offset) = place(id) else { return Ok(()) };
        let same = memory[offset..offset + truth.len()] == *truth;
        if same { Ok(()) } else { Err(format!("{when}: `{}` is gone", graph.tensor(id).name())) }
    };
    let has_contents =
        |id: &TensorId| graph.tensor(*id).kind() == TensorKind::Input || is_variable(graph, *id);
    for id in graph.tensor_ids().filter(has_contents) {
        truth[id.index()] = own(id);
        let Some(offset) = place(id) else {
            assert!(is_outside(graph, id) || is_variable(graph, id), "an input has no offset");
            continue;
        };
        memory[offset..offset + truth[id.index()].len()].copy_from_slice(&truth[id.index()]);
    }
    let is_lasting = |&id: &TensorId| is_preserved(graph, id) || is_variable(graph, id);
    let lasting: Vec<TensorId> = graph.tensor_ids().filter(is_lasting).collect();
    for &id in &plan.order {
        let operator = graph.operator(id);
        for &input in operator.inputs() {
            check(&memory, &truth[input.index()], input, operator.name())?;
        }
        let aliases: Vec<_> = plan.aliases.iter().filter(|alias| alias.operator == id).collect();
        let mut written: HashSet<usize> = HashSet::new();
        if let Some(scratch) = plan.scratch[id.index()] {
            for byte in scratch.offset..scratch.end() {
                written.insert(byte as usize);
                memory[byte as usize] = None;
            }
        }
        for &output in operator.outputs() {
            let Some(offset) = place(output) else {
                assert!(is_outside(graph, output) || is_variable(graph, output), "an output has no offset");
                truth[output.index()] = own(output);
                continue;
            };
            let mut expected = own(output);
            let mut copied: Vec<bool> = vec![true; expected.len()];
            for alias in &aliases {
                if alias.tensor == output && matches!(alias.kind, AliasKind::View | AliasKind::Slice) {
                    let from = alias.at as usize;
                    expected = truth[alias.of.index()][from..from + bytes(output) as usize].to_vec();
                    copied.fill(false);
                }
                if alias.of == output && alias.kind == AliasKind::Concat {
                    for (byte, held) in truth[alias.tensor.index()].iter().enumerate() {
                        expected[alias.at as usize + byte] = *held;
                        copied[alias.at as usize + byte] = false;
                    }
                }
            }
            for (byte, held) in expected.iter().enumerate().filter(|(byte, _)| copied[*byte]) {
                if !written.insert(offset + byte) {
                    return Err(format!("{}: byte {byte} is written twice", operator.name()));
                }
                memory[offset + byte] = *held;
            }
            // An operator may overwrite its inputs only with a permission for the pair.
            for &input in operator.inputs() {
                let Some(start) = place(input).filter(|_| input != output) else { continue };
                let meets = (0..expected.len()).any(|byte| {
                    copied[byte] && (start..start + bytes(input) as usize).contains(&(offset + byte))
                });
                let kept = graph.tensor(input).is_output()
                    || truth[input.index()].iter().flatten().any(|&(source, _)| {
                        let source = &graph.tensors()[source];
                        source.kind() == TensorKind::Variable
                            || (source.kind() == TensorKind::Input && !source.is_overwritable())
                    });
                if meets && (kept || !permitted(graph, id, input, output, start, offset)) {
                    return Err(format!("{} writes over its input", operator.name()));
                }
            }
            truth[output.index()] = expected;
        }
        let scratch =
            plan.scratch[id.index()].map_or(0..0, |place| place.offset as usize..place.end() as usize);
        for &input in operator.inputs() {
            let Some(start) = place(input) else { continue };
            if (start..start + bytes(input) as usize).any(|byte| scratch.contains(&byte)) {
                return Err(format!("{} works in its input", operator.name()));
            }
        }
        for &id in operator.outputs().iter().chain(&lasting) {
            check(&memory, &truth[id.index()], id, operator.name())?;
        }
    }
    for id in graph.tensor_ids().filter(|&id| graph.tensor(id).is_output()) {
        check(&memory, &truth[id.index()], id, "the end")?;
    }
    Ok(plan.order.len())
}

/// True if the tensor is in a buffer of the caller.
fn is_outside(graph: &Graph, id: TensorId) -> bool {
    *graph.tensor(id).storage() == Storage::Outside
}

/// True if the tensor is state that one run leaves for the next.
fn is_variable(graph: &Graph, id: TensorId) -> bool {
    graph.tensor(id).kind() == TensorKind::Variable
}

/// True if the tensor is an input whose bytes must not change.
fn is_preserved(graph: &Graph, id: TensorId) -> bool {
    let tensor = graph.tensor(id);
    tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved
}

/// Returns true if an operator may write its output at `to` over its input at `from`.
fn permitted(
    graph: &Graph,
    id: OperatorId,
    input: TensorId,
    output: TensorId,
    from: usize,
    to: usize,
) -> bool {
    let sizes = [input, output].map(|id| graph.tensor(id).bytes() as usize);
    graph.operator(id).permits().iter().any(|permit| match *permit {
        Permit::InPlace { input: own, output: result } => {
            (own, result) == (input, output) && from == to && sizes[1] <= sizes[0]
        }
        Permit::Overlap { input: own, output: result, bytes, lower } => {
            let (low, high) = if lower == Side::Input { (from, to) } else { (to, from) };
            let size = if lower == Side::Input { sizes[0] } else { sizes[1] };
            (own, result) == (input, output) && low <= high && low + size <= high + bytes as usize
        }
        _ => false,
    })
}

/// Returns true if the graph can run in `arena` bytes under its constraints, by trying every order,
/// alias and offset.
pub fn runs_in(graph: &Graph, arena: u64) -> bool {
    Brute { graph, arena: arena as usize, only_program_order: false, seen: HashSet::new() }.start()
}

/// Like [`runs_in`], but in program order only.
pub fn runs_in_program_order(graph: &Graph, arena: u64) -> bool {
    Brute { graph, arena: arena as usize, only_program_order: true, seen: HashSet::new() }.start()
}

/// A visited state: operators that have run, offsets of tensors that are still needed, and offsets of
/// tensors with relative placements.
type Seen = (Vec<OperatorId>, Vec<Option<usize>>, Vec<Option<usize>>);

struct Brute<'a> {
    graph: &'a Graph,
    arena: usize,
    only_program_order: bool,
    seen: HashSet<Seen>,
}

#[derive(Clone)]
struct SimulationState {
    done: Vec<OperatorId>,
    places: Vec<Option<usize>>,
    /// Offsets of tensors with relative placements, also after their last use.
    anchors: Vec<Option<usize>>,
    truth: Vec<Vec<Byte>>,
    memory: Vec<Byte>,
}

impl Brute<'_> {
    fn bytes(&self, id: TensorId) -> usize {
        self.graph.tensor(id).bytes() as usize
    }

    fn start(&mut self) -> bool {
        let count = self.graph.tensors().len();
        let state = SimulationState {
            done: Vec::new(),
            places: vec![None; count],
            anchors: vec![None; count],
            truth: vec![Vec::new(); count],
            memory: vec![None; self.arena],
        };
        let inputs: Vec<TensorId> =
            self.graph.tensor_ids().filter(|&id| self.graph.tensor(id).kind() == TensorKind::Input).collect();
        let mut state = state;
        for &id in &inputs {
            state.truth[id.index()] =
                (0..self.bytes(id) as u64).map(|byte| Some((id.index(), byte))).collect();
        }
        let inputs: Vec<TensorId> = inputs.into_iter().filter(|&id| !is_outside(self.graph, id)).collect();
        self.place_inputs(state, &inputs)
    }

    fn place_inputs(&mut self, state: SimulationState, inputs: &[TensorId]) -> bool {
        let Some((&id, rest)) = inputs.split_first() else { return self.run(state) };
        let size = self.bytes(id);
        let alignment = self.graph.tensor(id).alignment().unwrap_or(1) as usize;
        (0..=self.arena.saturating_sub(size)).step_by(alignment).any(|offset| {
            if offset + size > self.arena || state.memory[offset..offset + size].iter().any(Option::is_some) {
                return false;
            }
            let mut next = state.clone();
            if !self.place(&mut next, id, offset) {
                return false;
            }
            next.memory[offset..offset + size].copy_from_slice(&next.truth[id.index()]);
            self.place_inputs(next, rest)
        })
    }

    /// Places a tensor. Returns false if a constraint forbids the offset.
    fn place(&self, state: &mut SimulationState, id: TensorId, offset: usize) -> bool {
        let end = offset + self.bytes(id);
        let meets = |other: TensorId| {
            let place = state.places[other.index()];
            place.is_some_and(|start| offset < start + self.bytes(other) && start < end)
        };
        let aliases =
            self.graph.kept_apart().iter().any(|&[a, b]| (a == id && meets(b)) || (b == id && meets(a)));
        state.places[id.index()] = Some(offset);
        let placements = self.graph.relative_placements();
        if placements.iter().any(|one| one.tensor == id || one.of == id) {
            state.anchors[id.index()] = Some(offset);
        }
        let anchor = |id: TensorId| state.anchors[id.index()];
        !aliases
            && placements.iter().all(|one| match (anchor(one.tensor), anchor(one.of)) {
                (Some(own), Some(other)) => own == other + one.at as usize,
                _ => true,
            })
    }

    /// Returns true if memory still holds the contents of all tensors that are needed.
    fn is_whole(&self, state: &SimulationState) -> bool {
        self.graph.tensor_ids().all(|id| {
            let tensor = self.graph.tensor(id);
            let needed = tensor.is_output()
                || is_preserved(self.graph, id)
                || tensor.readers().iter().any(|reader| !state.done.contains(reader));
            let Some(offset) = state.places[id.index()].filter(|_| needed) else { return true };
            state.memory[offset..offset + self.bytes(id)] == *state.truth[id.index()]
        })
    }

    fn run(&mut self, mut state: SimulationState) -> bool {
        if !self.is_whole(&state) {
            return false;
        }
        if state.done.len() == self.graph.operators().len() {
            return true;
        }
        // Offsets of tensors that are no longer needed do not matter.
        for id in self.graph.tensor_ids() {
            let tensor = self.graph.tensor(id);
            let needed = tensor.is_output()
                || is_preserved(self.graph, id)
                || tensor.readers().iter().any(|reader| !state.done.contains(reader));
            if !needed && !state.done.is_empty() {
                state.places[id.index()] = None;
            }
        }
        let mut done = state.done.clone();
        done.sort();
        if !self.seen.insert((done, state.places.clone(), state.anchors.clone())) {
            return false;
        }
        let ready = |id: &OperatorId| {
            !state.done.contains(id)
                && (!self.only_program_order || self.graph.program_order()[state.done.len()] == *id)
                && self
                    .graph
                    .dependencies()
                    .all(|(before, after)| after != *id || state.done.contains(&before))
        };
        let ready: Vec<OperatorId> = self.graph.operator_ids().filter(ready).collect();
        ready.into_iter().any(|id| self.step(&state, id))
    }

    fn step(&mut self, state: &SimulationState, id: OperatorId) -> bool {
        let graph = self.graph;
        let operator = graph.operator(id);
        let options: Vec<Vec<OutputPlacement>> =
            operator.outputs().iter().map(|&output| self.options(state, id, output)).collect();
        self.choose(state, id, &options, &mut Vec::new())
    }

    /// All legal placements of an output: every offset, as a new tensor, a view or a concatenation.
    fn options(&self, state: &SimulationState, id: OperatorId, output: TensorId) -> Vec<OutputPlacement> {
        let graph = self.graph;
        let operator = graph.operator(id);
        let size = self.bytes(output);
        let place = |id: TensorId| state.places[id.index()];
        if is_outside(graph, output) {
            let truth = (0..size as u64).map(|byte| Some((output.index(), byte))).collect();
            return vec![OutputPlacement { output, offset: 0, truth, copied: vec![false; size] }];
        }
        let alignment = graph.tensor(output).alignment().unwrap_or(1) as usize;
        let mut all = Vec::new();
        for offset in (0..self.arena).step_by(alignment).filter(|offset| offset + size <= self.arena) {
            let own: Vec<Byte> = (0..size as u64).map(|byte| Some((output.index(), byte))).collect();
            let option =
                |truth: Vec<Byte>, copied: Vec<bool>| OutputPlacement { output, offset, truth, copied };
            let mut options: Vec<OutputPlacement> = vec![option(own.clone(), vec![true; size])];
            let mut joined = option(own, vec![true; size]);
            for permit in operator.permits() {
                match *permit {
                    Permit::View { input, output: own, at }
                        if own == output && place(input).is_some_and(|from| from + at as usize == offset) =>
                    {
                        let from = at as usize;
                        let truth = state.truth[input.index()][from..from + size].to_vec();
                        options.push(option(truth, vec![false; size]));
                    }
                    Permit::ConcatSlice { input, output: own, at }
                        if own == output && place(input) == Some(offset + at as usize) =>
                    {
                        for byte in 0..self.bytes(input) {
                            joined.truth[at as usize + byte] = state.truth[input.index()][byte];
                            joined.copied[at as usize + byte] = false;
                        }
                    }
                    _ => {}
                }
            }
            options.push(joined);
            options.retain(|option| self.is_legal(state, id, option));
            all.extend(options);
        }
        all
    }

    /// Returns true if the operator may overwrite all inputs that the placement overwrites.
    fn is_legal(&self, state: &SimulationState, id: OperatorId, option: &OutputPlacement) -> bool {
        let graph = self.graph;
        graph.operator(id).inputs().iter().all(|&input| {
            let Some(start) = state.places[input.index()] else { return true };
            let range = start..start + self.bytes(input);
            let mut copied = (0..option.copied.len()).filter(|&byte| option.copied[byte]);
            let meets = copied.any(|byte| range.contains(&(option.offset + byte)));
            let kept = graph.tensor(input).is_output()
                || state.truth[input.index()].iter().flatten().any(|&(source, _)| {
                    let source = &graph.tensors()[source];
                    source.kind() == TensorKind::Input && !source.is_overwritable()
                });
            !meets || (!kept && permitted(graph, id, input, option.output, start, option.offset))
        })
    }

    /// Tries all combinations of output placements, with every offset of the scratch buffer.
    fn choose(
        &mut self,
        state: &SimulationState,
        id: OperatorId,
        options: &[Vec<OutputPlacement>],
        chosen: &mut Vec<OutputPlacement>,
    ) -> bool {
        let Some(own) = options.get(chosen.len()) else { return self.finish(state, id, chosen) };
        for option in own {
            let meets =
                |other: &OutputPlacement| other.written().any(|byte| option.written().any(|own| own == byte));
            if chosen.iter().any(meets) {
                continue;
            }
            chosen.push(option.clone());
            let done = self.choose(state, id, options, chosen);
            chosen.pop();
            if done {
                return true;
            }
        }
        false
    }

    fn finish(&mut self, state: &SimulationState, id: OperatorId, chosen: &[OutputPlacement]) -> bool {
        let graph = self.graph;
        let operator = graph.operator(id);
        let scratch = operator.scratch_bytes() as usize;
        let place = |id: TensorId| state.places[id.index()];
        let inputs = operator.inputs().iter();
        let inputs = inputs.filter_map(|&input| Some((place(input)?, place(input)? + self.bytes(input))));
        let placed = || chosen.iter().filter(|option| !is_outside(graph, option.output));
        let outputs = placed().map(|option| (option.offset, option.offset + option.truth.len()));
        let operands: Vec<(usize, usize)> = inputs.chain(outputs).collect();
        // Inputs without readers are live at the first step.
        let is_unread = |id: &TensorId| {
            let tensor = graph.tensor(*id);
            state.done.is_empty()
                && tensor.kind() == TensorKind::Input
                && tensor.readers().is_empty()
                && !is_outside(graph, *id)
                && !operator.inputs().contains(id)
        };
        let unread: Vec<TensorId> = graph.tensor_ids().filter(is_unread).collect();
        let arena = self.arena;
        for working in (0..=arena).filter(|at| at + scratch <= arena) {
            let works_in = |&(start, end): &(usize, usize)| working < end && start < working + scratch;
            if scratch > 0 && operands.iter().any(works_in) {
                continue;
            }
            let mut next = state.clone();
            next.memory[working..working + scratch].fill(None);
            for option in chosen {
                for byte in (0..option.truth.len()).filter(|&byte| option.copied[byte]) {
                    next.memory[option.offset + byte] = option.truth[byte];
                }
            }
            let clear = unread.iter().all(|id| {
                let (from, held) = (place(*id).unwrap(), &state.truth[id.index()]);
                next.memory[from..from + held.len()] == **held
            });
            let whole =
                placed().all(|option| next.memory[option.offset..][..option.truth.len()] == *option.truth);
            if clear && whole && placed().all(|option| self.place(&mut next, option.output, option.offset)) {
                for option in chosen {
                    next.truth[option.output.index()].clone_from(&option.truth);
                }
                next.done.push(id);
                if self.run(next) {
                    return true;
                }
            }
            if scratch == 0 {
                break;
            }
        }
        false
    }
}

/// A placement of an output: its offset, its contents, and the bytes that the operator writes.
#[derive(Clone)]
struct OutputPlacement {
    output: TensorId,
    offset: usize,
    truth: Vec<Byte>,
    copied: Vec<bool>,
}

impl OutputPlacement {
    fn written(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.copied.len()).filter(|&byte| self.copied[byte]).map(|byte| self.offset + byte)
    }
}

/// A small random graph whose operators have several permissions each, of all kinds up to `level`,
/// often for the same tensors: several overlaps and in-place candidates, views and concatenations of
/// siblings of equal size, several outputs, inputs that stay needed through views, and overlaps larger
/// than a tensor. `aligned` adds random alignments up to 4 bytes.
pub fn drawn_wide(seed: u64, operators: u64, (most, level): (u64, SharingLevel), aligned: bool) -> Graph {
    let draw = &mut Draw(seed ^ 0x5eed);
    let mut net = Graph::builder(format!("wide {seed}"));
    let spec = |draw: &mut Draw, bytes: u64| {
        let spec = TensorSpec::bytes(bytes);
        if aligned { spec.align(1 << draw.below(3)) } else { spec }
    };
    let mut made: Vec<(TensorId, u64)> = Vec::new();
    for number in 0..=draw.below(2) {
        let bytes = 1 + draw.below(most);
        let id = net.input(format!("in{number}"), spec(draw, bytes));
        if draw.below(2) == 0 {
            net.overwritable(id);
        }
        made.push((id, bytes));
    }
    for number in 0..operators {
        let mut reads: Vec<(TensorId, u64)> = Vec::new();
        for _ in 0..=draw.below(3) {
            let back = draw.below(made.len() as u64).min(draw.below(made.len() as u64));
            reads.push(made[made.len() - 1 - back as usize]);
        }
        let count = 1 + draw.below(5) / 3;
        let writes: Vec<(TensorId, u64)> = (0..count)
            .map(|output| {
                // Half of the outputs have the size of an input, so that siblings have equal sizes.
                let bytes = if draw.below(2) == 0 { reads[0].1 } else { 1 + draw.below(most) };
                (net.tensor(format!("t{number}_{output}"), spec(draw, bytes)), bytes)
            })
            .collect();
        let mut operator = net
            .operator(format!("op{number}"))
            .reads(reads.iter().map(|read| read.0))
            .writes(writes.iter().map(|write| write.0))
            .scratch(draw.below(4) / 3);
        for _ in 0..draw.below(5) {
            let (input, room) = reads[draw.below(reads.len() as u64) as usize];
            let (output, size) = writes[draw.below(count) as usize];
            let kinds = [1, 1, 3, 6][level as usize];
            operator = match draw.below(kinds) {
                _ if level == SharingLevel::None => operator,
                0 if size <= room => operator.view(input, output, draw.below(room - size + 1)),
                1 | 2 if level >= SharingLevel::InPlace => operator.in_place(input, output),
                3 if room <= size => operator.concat_slice(input, output, draw.below(size - room + 1)),
                _ if level < SharingLevel::All => operator,
                _ => {
                    let lower = if draw.below(2) == 0 { Side::Input } else { Side::Output };
                    operator.overlap(input, output, draw.below(most + 2), lower)
                }
            };
        }
        let _ = operator;
        for write in writes {
            if draw.below(6) == 0 {
                net.output(write.0);
            }
            made.push(write);
        }
    }
    net.build().expect("a right graph")
}

/// The graph with random storages and contents of inputs. One tensor in `one_in` is outside.
pub fn with_memory(graph: &Graph, draw: &mut Draw, one_in: u64) -> Graph {
    let mut changed = graph.clone();
    for id in graph.tensor_ids() {
        if draw.below(one_in) == 0 {
            changed.set_storage(id, Storage::Outside).expect("no placements");
        }
        let contents = InputContents::NAMED[draw.below(3) as usize].1;
        changed.set_input_contents(id, contents).expect("no placements");
    }
    changed
}
