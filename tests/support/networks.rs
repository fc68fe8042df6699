//! Generated networks of hundreds of operators, for tests and measurements of orders.

use fastrand::Rng;
use plimsoll::{Graph, GraphBuilder, TensorId, TensorSpec};

/// A graph builder that numbers operators and tensors.
pub struct Net {
    builder: GraphBuilder,
    operators: usize,
}

impl Net {
    fn new(name: &str) -> Self {
        Self { builder: Graph::builder(name), operators: 0 }
    }

    fn input(&mut self, bytes: u64) -> TensorId {
        self.builder.input(format!("input of {bytes}"), TensorSpec::bytes(bytes))
    }

    /// Adds an operator with one output.
    fn op(&mut self, reads: &[TensorId], bytes: u64) -> TensorId {
        let number = self.operators;
        self.operators += 1;
        let output = self.builder.tensor(format!("t{number}"), TensorSpec::bytes(bytes));
        self.builder.operator(format!("op{number}")).reads(reads.iter().copied()).writes([output]);
        output
    }

    /// Adds an activation, a depthwise convolution and a pointwise convolution.
    fn separable(&mut self, from: TensorId, bytes: u64) -> TensorId {
        (0..3).fold(from, |tensor, _| self.op(&[tensor], bytes))
    }

    fn build(mut self, outputs: &[TensorId]) -> Graph {
        for &output in outputs {
            self.builder.output(output);
        }
        self.builder.build().expect("a network")
    }
}

/// Three stages of 32 nodes in a Watts-Strogatz graph with k = 4 and p = 0.75 ("Exploring Randomly
/// Wired Neural Networks", Xie et al., 2019). A node adds its inputs, multiplied by weights if
/// `weighted`, and applies a separable convolution.
pub fn randomly_wired(weighted: bool, seed: u64) -> Graph {
    let mut random = Rng::with_seed(seed);
    let mut net = Net::new("randomly wired");
    let mut tensor = net.input(32 * 32 * 3);
    for stage in 0..3_u32 {
        let bytes = (32 * 32 * 78) >> stage;
        let inputs = watts_strogatz(32, 4, 0.75, &mut random);
        tensor = net.op(&[tensor], bytes);
        let mut nodes: Vec<TensorId> = Vec::new();
        let mut read = [false; 32];
        for from in &inputs {
            for &node in from {
                read[node] = true;
            }
            let mut parts: Vec<TensorId> = from.iter().map(|&node| nodes[node]).collect();
            if parts.is_empty() {
                parts.push(tensor);
            }
            let sum = sum_up(&mut net, &parts, weighted && parts.len() > 1, bytes);
            nodes.push(net.separable(sum, bytes));
        }
        let ends: Vec<TensorId> = (0..32).filter(|&node| !read[node]).map(|node| nodes[node]).collect();
        tensor = sum_up(&mut net, &ends, false, bytes);
    }
    net.build(&[tensor])
}

fn sum_up(net: &mut Net, parts: &[TensorId], weighted: bool, bytes: u64) -> TensorId {
    let parts: Vec<TensorId> =
        parts.iter().map(|&part| if weighted { net.op(&[part], bytes) } else { part }).collect();
    parts[1..].iter().fold(parts[0], |sum, &part| net.op(&[sum, part], bytes))
}

/// By node: the earlier nodes that it reads.
fn watts_strogatz(nodes: usize, k: usize, p: f64, random: &mut Rng) -> Vec<Vec<usize>> {
    let mut linked = vec![vec![false; nodes]; nodes];
    for node in 0..nodes {
        for near in 1..=k / 2 {
            linked[node][(node + near) % nodes] = true;
        }
    }
    for place in 0..k / 2 * nodes {
        let (near, node) = (1 + place / nodes, place % nodes);
        let other = (node + near) % nodes;
        let far = random.usize(..nodes);
        if random.f64() < p && far != node && !linked[node][far] && !linked[far][node] {
            linked[node][other] = false;
            linked[node][far] = true;
        }
    }
    (0..nodes).map(|to| (0..to).filter(|&from| linked[from][to] || linked[to][from]).collect()).collect()
}

/// The parameters of a network from neural architecture search.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    pub name: &'static str,
    pub blocks: usize,
    /// True if all blocks are concatenated; otherwise only blocks without a reader are.
    pub all: bool,
    /// True if sizes differ between blocks.
    pub irregular: bool,
}

/// Parameters similar to DARTS, `NASNet`, `AmoebaNet` and `SwiftNet`.
pub const CELLS: [Cells; 4] = [
    Cells { name: "DARTS", blocks: 4, all: true, irregular: false },
    Cells { name: "NASNet", blocks: 5, all: false, irregular: false },
    Cells { name: "AmoebaNet", blocks: 5, all: false, irregular: false },
    Cells { name: "SwiftNet", blocks: 9, all: false, irregular: true },
];

/// Nine cells, each of which reads the two cells before it. A block adds two tensors, each of them an
/// input of the cell or an earlier block, after a convolution, pooling or no operation.
pub fn cells(kind: Cells, seed: u64) -> Graph {
    let mut random = Rng::with_seed(seed ^ kind.name.len() as u64);
    let recipe: Vec<[(usize, u32); 2]> = (0..kind.blocks)
        .map(|block| {
            let mut pick = || (random.usize(..block + 2), random.u32(..6));
            let first = pick();
            let mut second = pick();
            while second.0 == first.0 {
                second = pick();
            }
            [first, second]
        })
        .collect();
    let sizes: Vec<u64> =
        (0..kind.blocks).map(|_| if kind.irregular { random.u64(2..=8) } else { 4 }).collect();
    let mut net = Net::new(kind.name);
    let first = net.input(32 * 32 * 3);
    let mut last = [net.op(&[first], 65_536), first];
    for cell in 0..9 {
        let unit = (4096 >> (cell / 3)) * 2;
        let mut states: Vec<TensorId> = vec![net.op(&[last[1]], 4 * unit), net.op(&[last[0]], 4 * unit)];
        let mut read = vec![false; kind.blocks + 2];
        for (block, edges) in recipe.iter().enumerate() {
            let bytes = sizes[block] * unit;
            let parts = edges.map(|(from, how)| {
                read[from] = true;
                match how {
                    0..3 => net.separable(states[from], bytes),
                    3 => net.op(&[states[from]], bytes),
                    _ if kind.irregular => net.op(&[states[from]], bytes),
                    4 => {
                        let once = net.separable(states[from], bytes);
                        net.separable(once, bytes)
                    }
                    _ => states[from],
                }
            });
            states.push(net.op(&parts, bytes));
        }
        let ends: Vec<usize> = (2..states.len()).filter(|&state| kind.all || !read[state]).collect();
        let bytes = ends.iter().map(|&end| sizes[end - 2] * unit).sum();
        let ends: Vec<TensorId> = ends.iter().map(|&end| states[end]).collect();
        last = [net.op(&ends, bytes), last[0]];
    }
    let output = net.op(&[last[0]], 1000);
    net.build(&[output])
}

/// Two parallel chains. The second one reads the first one at every rung.
pub fn ladder(rungs: usize) -> Graph {
    let mut net = Net::new("ladder");
    let input = net.input(1024);
    let (mut left, mut right) = (net.op(&[input], 2048), net.op(&[input], 1024));
    for rung in 0..rungs as u64 {
        left = net.op(&[left], 1024 + rung * 37 % 1024);
        right = net.op(&[right, left], 1024 + rung * 53 % 1024);
    }
    net.build(&[left, right])
}

/// A binary tree of sums over leaves of different sizes, for the algorithm of Liu (1987).
pub fn tree(leaves: usize, seed: u64) -> Graph {
    let mut random = Rng::with_seed(seed);
    let mut net = Net::new("tree");
    let mut level: Vec<TensorId> = (0..leaves).map(|_| net.op(&[], random.u64(1..100))).collect();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| if pair.len() == 2 { net.op(pair, random.u64(1..100)) } else { pair[0] })
            .collect();
    }
    net.build(&level)
}

/// A U-Net with a skip connection at each level.
pub fn u_net(levels: usize) -> Graph {
    let mut net = Net::new("U-Net");
    let mut tensor = net.input(3 << 16);
    let bytes = |level: usize| (1_u64 << 20) >> (level % 12);
    let mut skips = Vec::new();
    for level in 0..levels {
        let first = net.op(&[tensor], bytes(level));
        let second = net.op(&[first], bytes(level));
        skips.push(second);
        tensor = net.op(&[second], bytes(level) / 4);
    }
    for (level, skip) in skips.into_iter().enumerate().rev() {
        let up = net.op(&[tensor], bytes(level));
        let both = net.op(&[up, skip], 2 * bytes(level));
        let first = net.op(&[both], bytes(level));
        tensor = net.op(&[first], bytes(level));
    }
    net.build(&[tensor])
}

/// An unrolled LSTM with one cell for each step.
pub fn lstm(steps: usize) -> Graph {
    let mut net = Net::new("LSTM");
    let input = net.input(40 * steps as u64);
    let (mut hidden, mut state) = (net.op(&[input], 128), net.op(&[input], 128));
    for _ in 0..steps {
        let own = net.op(&[input], 40);
        let (a, b) = (net.op(&[own], 512), net.op(&[hidden], 512));
        let sum = net.op(&[a, b], 512);
        let gates = [0; 4].map(|_| {
            let slice = net.op(&[sum], 128);
            net.op(&[slice], 128)
        });
        let (kept, new) = (net.op(&[gates[0], state], 128), net.op(&[gates[1], gates[2]], 128));
        state = net.op(&[kept, new], 128);
        let squashed = net.op(&[state], 128);
        hidden = net.op(&[gates[3], squashed], 128);
    }
    net.build(&[hidden])
}

/// A training step: forward pass, backward pass, and an optimiser that updates the weights of each
/// layer, with a residual connection every other layer. About five operators per layer.
pub fn training(layers: usize) -> Graph {
    let mut net = Net::new("training");
    let mut tensor = net.input(4096);
    let mut kept = vec![tensor];
    for layer in 0..layers as u64 {
        let bytes = 4096 + layer * 97 % 4096;
        let linear = net.op(&[tensor], bytes);
        tensor = if layer % 2 == 1 {
            net.op(&[linear, kept[kept.len() - 2]], bytes)
        } else {
            net.op(&[linear], bytes)
        };
        kept.push(tensor);
    }
    let mut gradient = net.op(&[tensor], 64);
    let mut outputs = Vec::new();
    for layer in (0..layers).rev() {
        let bytes = 4096 + (layer as u64) * 97 % 4096;
        let own = net.op(&[gradient, kept[layer + 1]], bytes);
        let weights = net.op(&[own, kept[layer]], 2 * bytes);
        outputs.push(net.op(&[weights], 4));
        gradient = net.op(&[own], bytes);
    }
    outputs.push(gradient);
    net.build(&outputs)
}
