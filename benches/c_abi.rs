//! Overhead of the C ABI over Rust in CPU time, measured in turns in one process: planning the
//! buffers of a network, and passing a million buffers.
//!
//! `MobileNetV2` is read from the folder named by `PLIMSOLL_DATA` (default `../shared`); without it,
//! a network of the examples is planned.

use std::ffi::c_char;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

use cpu_time::ProcessTime;
use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{Buffer, Liveness, Planner, Problem, Variables};

#[derive(Clone, Copy)]
#[repr(C)]
struct Record {
    size: u64,
    alignment: u64,
    fixed_offset: u64,
    start: u32,
    end: u32,
}

unsafe extern "C" {
    fn plimsoll_problem_new(
        buffers: *const Record,
        record_size: usize,
        count: usize,
        names: *const *const c_char,
        problem: *mut *mut u8,
    ) -> i32;
    fn plimsoll_problem_plan(problem: *const u8, options: *const u8, plan: *mut *mut u8) -> i32;
    fn plimsoll_plan_offsets(plan: *const u8, offsets: *mut u64, capacity: usize, count: *mut usize) -> i32;
    fn plimsoll_problem_free(problem: *mut u8);
    fn plimsoll_plan_free(plan: *mut u8);
}

fn records(problem: &Problem) -> Vec<Record> {
    let record = |buffer: &Buffer| Record {
        size: buffer.size(),
        alignment: buffer.alignment(),
        fixed_offset: buffer.fixed_offset().unwrap_or(u64::MAX),
        start: buffer.live().start,
        end: buffer.live().end,
    };
    problem.buffers().iter().map(record).collect()
}

fn buffers(records: &[Record]) -> Vec<Buffer> {
    records.iter().map(|one| Buffer::new(one.size, one.start..one.end).align(one.alignment)).collect()
}

/// # Safety
/// As the header requires.
unsafe fn new_problem(records: &[Record], problem: *mut *mut u8) -> i32 {
    // SAFETY: the size and the count are those of the records.
    unsafe { plimsoll_problem_new(records.as_ptr(), size_of::<Record>(), records.len(), null(), problem) }
}

/// Computes offsets from records in Rust.
fn plan_by_rust(records: &[Record]) -> Vec<u64> {
    let problem = Problem::new(buffers(records)).expect("valid buffers");
    Planner::new().solve(&problem).expect("auto takes all").offsets
}

/// Computes offsets from records through the C ABI.
fn plan_by_c(records: &[Record]) -> Vec<u64> {
    let (mut problem, mut plan, mut count) = (null_mut(), null_mut(), 0);
    let mut offsets = vec![0; records.len()];
    // SAFETY: all pointers are valid as the header requires; the counts are those of the arrays.
    unsafe {
        assert_eq!(new_problem(records, &raw mut problem), 0);
        assert_eq!(plimsoll_problem_plan(problem, null(), &raw mut plan), 0);
        assert_eq!(plimsoll_plan_offsets(plan, offsets.as_mut_ptr(), offsets.len(), &raw mut count), 0);
        plimsoll_plan_free(plan);
        plimsoll_problem_free(problem);
    }
    offsets
}

fn hand_over_by_rust(records: &[Record]) {
    drop(Problem::new(buffers(records)).expect("valid buffers"));
}

fn hand_over_by_c(records: &[Record]) {
    let mut problem = null_mut();
    // SAFETY: as above; each handle is freed once.
    unsafe {
        assert_eq!(new_problem(records, &raw mut problem), 0);
        plimsoll_problem_free(problem);
    }
}

/// CPU seconds of a number of runs.
fn seconds(runs: usize, mut work: impl FnMut()) -> f64 {
    let start = ProcessTime::now();
    (0..runs).for_each(|_| work());
    start.elapsed().as_secs_f64() / runs as f64
}

/// Medians of both, measured in turns.
fn medians(turns: usize, runs: usize, mut rust: impl FnMut(), mut c: impl FnMut()) -> (f64, f64) {
    let (mut of_rust, mut of_c) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        of_rust.push(seconds(runs, &mut rust));
        of_c.push(seconds(runs, &mut c));
    }
    of_rust.sort_by(f64::total_cmp);
    of_c.sort_by(f64::total_cmp);
    (of_rust[turns / 2], of_c[turns / 2])
}

fn network() -> (PathBuf, Problem) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("PLIMSOLL_DATA").map_or_else(|| root.join("../shared"), PathBuf::from);
    let own = root.join("examples/models/squeezenet1_1.onnx");
    let file = [data.join("zoo/onnx/mobilenet_v2.onnx"), own].into_iter().find(|file| file.exists());
    let file = file.expect("a network of the examples");
    let Ok(Imported::Graph(imported)) = import::read(&file, &ImportOptions::default()) else {
        panic!("{} is a network", file.display());
    };
    let graph = imported.graph;
    let liveness = Liveness::new(&graph, graph.program_order(), 16, Variables::Arena).expect("a right order");
    (file, liveness.problem().clone())
}

fn main() {
    let (file, problem) = network();
    let records = records(&problem);
    assert_eq!(plan_by_rust(&records), plan_by_c(&records));
    let (rust, c) = medians(31, 50, || drop(plan_by_rust(&records)), || drop(plan_by_c(&records)));
    println!(
        "{}: {} buffers, Rust {:.1} us, C {:.1} us, ratio {:.3}",
        file.display(),
        records.len(),
        rust * 1e6,
        c * 1e6,
        c / rust
    );
    let mut random = fastrand::Rng::with_seed(1);
    let million: Vec<Record> = (0..1_000_000)
        .map(|_| {
            let start = random.u32(..1_000_000);
            let (size, end) = (random.u64(1..1000), start + random.u32(1..100));
            Record { size, alignment: 16, fixed_offset: u64::MAX, start, end }
        })
        .collect();
    let (rust, c) = medians(9, 1, || hand_over_by_rust(&million), || hand_over_by_c(&million));
    println!("a million buffers: Rust {rust:.4} s, C {c:.4} s, {:.4} s more", c - rust);
}
