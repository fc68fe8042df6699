//! Placement in on-chip memory and DDR on every network in `zoo` of the folder named by
//! `PLIMSOLL_DATA` (default `../shared`), counted as int8 with weights: tables for
//! `docs/results.md`. `PLIMSOLL_ONLY` selects networks by a part of their path,
//! `PLIMSOLL_GENERATED=N` a generated network of N operators.

#[path = "support/rules.rs"]
mod rules;

use std::path::{Path, PathBuf};

use cpu_time::ProcessTime;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph, Loading, Planner, Pool, PoolPlan, Pools, SharingLevel, TensorSpec};

const KIB: u64 = 1 << 10;
const CAPACITIES: [u64; 3] = [2048 * KIB, 1024 * KIB, 512 * KIB];

fn main() {
    if let Ok(count) = std::env::var("PLIMSOLL_GENERATED") {
        return generated(count.parse().expect("a number"));
    }
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let base = std::env::var_os("PLIMSOLL_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let only = std::env::var("PLIMSOLL_ONLY").unwrap_or_default();
    let mut files = Vec::new();
    collect(&base.join("zoo"), &mut files);
    files.sort();
    files.retain(|path| path.to_string_lossy().contains(&only));
    if files.is_empty() {
        println!("skipped: no networks in {} (PLIMSOLL_DATA names the folder)", base.join("zoo").display());
        return;
    }
    let networks: Vec<(String, Graph)> = files.iter().map(|path| (name(path), import_int8(path))).collect();
    for loading in [Loading::EachRun, Loading::Once] {
        table(&networks, loading);
    }
}

fn name(path: &Path) -> String {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or("").to_owned()
}

/// Results of one network with one capacity.
struct Row {
    plan: PoolPlan,
    seconds: f64,
    /// Rules: largest first, by value, by load only.
    rules: [u64; 3],
}

impl Row {
    fn new(graph: &Graph, capacity: u64, loading: Loading) -> Self {
        let start = ProcessTime::now();
        let plan = planner().place(graph, &pools(capacity, loading)).expect("a plan");
        let seconds = start.elapsed().as_secs_f64();
        let all = rules::candidates(graph, &plan.order, loading);
        let rules = [rules::largest_first, rules::by_value, rules::by_load].map(|rule| rule(&all, capacity));
        Self { plan, seconds, rules }
    }

    fn is_good(&self) -> bool {
        self.plan.gap() <= 0.01 && self.seconds <= 5.0
    }

    /// Bytes above the unavoidable cost, which no capacity would save.
    fn avoidable(&self, cost: u64) -> f64 {
        cost.saturating_sub(self.plan.unavoidable_cost) as f64
    }
}

fn table(networks: &[(String, Graph)], loading: Loading) {
    println!("\n### {loading:?}\n");
    println!(
        "| network | KiB | largest first | by value | by load only | ours | bound | floor | gap % | CPU s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut summary = Vec::new();
    for capacity in CAPACITIES {
        let (mut rows, mut fits, mut optimal, mut good) = (Vec::new(), 0, 0, 0);
        for (name, graph) in networks {
            let row = Row::new(graph, capacity, loading);
            let (plan, [largest, value, load]) = (&row.plan, row.rules);
            let gap = plan.gap() * 100.0;
            println!(
                "| {name} | {} | {largest} | {value} | {load} | {} | {} | {} | {gap:.2} | {:.2} |",
                capacity / KIB,
                plan.cost,
                plan.lower_bound,
                plan.unavoidable_cost,
                row.seconds
            );
            fits += usize::from(plan.all_fits());
            optimal += usize::from(plan.is_optimal());
            good += usize::from(row.is_good());
            rows.push(row);
        }
        summary.push((capacity, rows, fits, optimal, good));
    }
    println!("\n{loading:?}: bytes to and from DDR that larger memory would save, sums over all networks\n");
    println!(
        "| KiB | all fits | optimal | within 1 % and 5 s | largest first | by value | by load only | ours | median s | most s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let (mut all_good, mut all) = (0, 0);
    for (capacity, rows, fits, optimal, good) in &summary {
        let sum =
            |cost: &dyn Fn(&Row) -> u64| rows.iter().map(|row| row.avoidable(cost(row))).sum::<f64>() / 1e6;
        let mut times: Vec<f64> = rows.iter().map(|row| row.seconds).collect();
        times.sort_by(f64::total_cmp);
        println!(
            "| {} | {fits} | {optimal} | {good} of {} | {:.1} MB | {:.1} MB | {:.1} MB | {:.1} MB | {:.3} | {:.1} |",
            capacity / KIB,
            rows.len(),
            sum(&|row| row.rules[0]),
            sum(&|row| row.rules[1]),
            sum(&|row| row.rules[2]),
            sum(&|row| row.plan.cost),
            times[times.len() / 2],
            times[times.len() - 1]
        );
        all_good += good;
        all += rows.len();
    }
    println!("\n{loading:?}: at most 1 % and 5 s: {all_good} of {all}");
}

/// Network of blocks with branches and long skip connections, as in a training step or a large network.
fn generated(count: u64) {
    let mut net = Graph::builder("generated");
    let mut random = 1u64;
    let mut below = |most: u64| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (random >> 33) % most
    };
    let mut last = net.input("input", TensorSpec::bytes(150_000));
    let mut skips = vec![last];
    for number in 0..count {
        let bytes = 1000 + below(300_000);
        let weights = net.constant(format!("w{number}"), TensorSpec::bytes(100 + below(50_000)));
        let output = net.tensor(format!("t{number}"), TensorSpec::bytes(bytes));
        let mut reads = vec![last, weights];
        if below(4) == 0 {
            let back = skips.len() as u64 - 1 - below((skips.len() as u64).min(200));
            reads.push(skips[back as usize]);
        }
        net.operator(format!("op{number}")).reads(reads).writes([output]);
        skips.push(output);
        last = output;
    }
    net.output(last);
    let graph = net.build().expect("a graph");
    for loading in [Loading::Once, Loading::EachRun] {
        let start = ProcessTime::now();
        let pools = pools(2048 * KIB, loading);
        let plan = planner().place(&graph, &pools).expect("a plan");
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{count} operators, {loading:?}: cost {} bound {} floor {} gap {:.3} % nodes {} {seconds:.2} s",
            plan.cost,
            plan.lower_bound,
            plan.unavoidable_cost,
            plan.gap() * 100.0,
            plan.nodes
        );
    }
}

fn pools(capacity: u64, loading: Loading) -> Pools {
    Pools::new([Pool::on_chip("l2", capacity), Pool::off_chip("ddr")]).expect("pools").loading(loading)
}

fn planner() -> Planner {
    Planner::new().alignment(1).share(SharingLevel::None)
}

fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    options.alignment = Some(1);
    match import::read(path, &options).expect("a network") {
        Imported::Graph(imported) => imported.graph,
        _ => panic!("{} is no network", path.display()),
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            collect(&path, files);
        } else if matches!(ending, Some("onnx" | "tflite")) {
            files.push(path);
        }
    }
}
