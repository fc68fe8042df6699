//! Models for TensorFlow Lite Micro with plans inside; `tests/tflm/compare.py` runs such models.

use crate::support;
use std::path::Path;

use crate::support::tflite_models::*;
use plimsoll::allocate::{Allocation, Strategy};
use plimsoll::export::tflite::{self, HeadLayout, Scratch, TfliteError, TflitePlan};
use plimsoll::import::{self, Fold, ImportOptions};
use plimsoll::{Limits, Planner, Problem, ScheduleMode};

const PLAN: &str = "OfflineMemoryAllocation";

fn planned(model: &[u8]) -> TflitePlan {
    tflite::plan("m", model, Planner::new(), &Scratch::reference()).unwrap()
}

fn refused(model: &Model) -> String {
    tflite::plan("m", &model.bytes(), Planner::new(), &Scratch::reference()).unwrap_err().to_string()
}

fn head(model: &[u8]) -> u64 {
    tflite::check(model, &Scratch::reference()).unwrap().head_bytes
}

/// Two operators read `x` (64 bytes) and write `wide` and `other` (256 bytes each); `wide` is
/// reduced to `small` (16). In program order, both large tensors are live at once.
fn branches() -> Model {
    let tensors = [("x", 64), ("wide", 256), ("small", 16), ("other", 256), ("sum", 16)];
    let main = SubGraph {
        tensors: tensors.map(|(name, size)| tensor(name, INT8, &[size])).to_vec(),
        inputs: vec![0],
        outputs: vec![4],
        operators: vec![
            operator(1, &[0], &[1]),
            operator(1, &[0], &[3]),
            operator(1, &[1], &[2]),
            operator(0, &[2, 3], &[4]),
        ],
        ..SubGraph::default()
    };
    model(&[ADD, CONV_2D], main, Vec::new())
}

/// In the best order, the peak is `x`, `small` and one of the large tensors.
const BRANCHES: u64 = 64 + 16 + 256;

fn nas_cell() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models/nas_cell_irregular_int8.tflite");
    std::fs::read(path).unwrap()
}

/// Types and tensors of the operators, in program order.
fn operators(model: &[u8]) -> Vec<String> {
    let mut options = ImportOptions::default();
    options.fold = Fold::None;
    let graph = import::tflite_from_bytes("m", model, &options).unwrap().graph;
    let text = graph
        .operators()
        .iter()
        .map(|one| format!("{} {:?} {:?}", one.op_type(), one.inputs(), one.outputs()));
    text.collect()
}

/// The position of the plan's offsets in the file.
fn offsets_place(plan: &TflitePlan) -> usize {
    let offsets = plan.layout.offsets.iter().flatten();
    let numbers = offsets.map(|offset| offset.map_or(-1, |offset| i32::try_from(offset).unwrap()));
    let bytes: Vec<u8> = numbers.flat_map(i32::to_le_bytes).collect();
    plan.bytes.windows(bytes.len()).position(|window| window == bytes).unwrap()
}

fn with_offset(plan: &TflitePlan, tensor: usize, offset: i32) -> Vec<u8> {
    let mut bytes = plan.bytes.clone();
    let place = offsets_place(plan) + 4 * tensor;
    bytes[place..place + 4].copy_from_slice(&offset.to_le_bytes());
    bytes
}

#[test]
fn a_planned_network_has_our_order_and_reads_back() {
    let file = nas_cell();
    let plan = planned(&file);
    assert_eq!(plan.head_bytes, 86_016);
    assert_eq!(plan.plan.arena_bytes, 86_016);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
    let before = operators(&file);
    let order = plan.plan.order.iter().map(|id| before[id.index()].clone());
    assert_eq!(operators(&plan.bytes), order.collect::<Vec<_>>());
    assert_ne!(operators(&plan.bytes), before, "the best order differs from program order");
    let checked = tflite::check(&plan.bytes, &Scratch::reference()).unwrap();
    assert_eq!((checked.head_bytes, checked.layout.offsets), (86_016, plan.layout.offsets.clone()));
    let (old, new) = (file.len(), plan.bytes.len());
    assert!(new - old < 4_000 && (new - old).is_multiple_of(16), "{} bytes added", new - old);
    assert_eq!(plan.bytes[new - old..], file, "the old bytes follow unchanged");
}

#[test]
fn a_plan_is_replaced_not_doubled() {
    let first = planned(&nas_cell());
    let again = planned(&first.bytes);
    assert_eq!(again.head_bytes, first.head_bytes);
    let in_order =
        tflite::plan("m", &first.bytes, Planner::new().order(ScheduleMode::Program), &Scratch::reference());
    assert_eq!(in_order.unwrap().head_bytes, first.head_bytes);
    // A second plan adds as many bytes as the first, so no list grows.
    let (added, later) = (first.bytes.len() - nas_cell().len(), again.bytes.len() - first.bytes.len());
    assert!(later <= added + 16, "{later} bytes after {added}");

    // A model with two plans, and a tensor that shares the buffer of one of them.
    let mut model = branches();
    model.buffers = vec![Buffer::default(), data(&[7; 12]), data(&[8; 32])];
    model.metadata = vec![(PLAN, 1), ("min_runtime_version", 2), (PLAN, 1)];
    model.subgraphs[0].tensors.push(Tensor { buffer: 1, ..tensor("constant", INT8, &[12]) });
    let plan = planned(&model.bytes());
    assert_eq!(head(&plan.bytes), plan.head_bytes);
    assert_eq!(head(&planned(&plan.bytes).bytes), plan.head_bytes);
}

#[test]
fn two_plans_in_a_file_are_not_right() {
    let mut model = branches();
    model.buffers.push(data(&[0; 32]));
    model.metadata = vec![(PLAN, 1), (PLAN, 1)];
    let error = tflite::check(&model.bytes(), &Scratch::reference()).unwrap_err();
    assert_eq!(error.to_string(), "wrong plan: the model has two plans");
    let error = tflite::check(&branches().bytes(), &Scratch::reference()).unwrap_err();
    assert!(matches!(error, TfliteError::NotPlanned), "{error}");
}

#[test]
fn a_branching_network_is_planned_as_by_hand() {
    let plan = planned(&branches().bytes());
    assert_eq!(plan.head_bytes, BRANCHES);
    assert_eq!(plan.layout.orders, [[0, 2, 1, 3]]);
    assert_eq!(plan.layout.offsets[0].iter().flatten().count(), 5);
}

#[test]
fn sizes_are_the_runtimes() {
    let size = |element_type: i8, shape: &[i32]| {
        let main = SubGraph {
            tensors: vec![tensor("x", element_type, shape)],
            inputs: vec![0],
            outputs: vec![0],
            ..SubGraph::default()
        };
        planned(&model(&[], main, Vec::new()).bytes()).head_bytes
    };
    assert_eq!(size(INT8, &[1]), 16);
    assert_eq!(size(INT8, &[17]), 32);
    assert_eq!(size(FLOAT32, &[5, 1]), 32);
    assert_eq!(size(FLOAT32, &[]), 16);
    assert_eq!(size(INT4, &[33]), 48, "elements of 4 bits are not packed");
    assert_eq!(size(RESOURCE, &[5]), 32, "handles have 4 bytes");
    assert_eq!(size(INT8, &[3, 0]), 0);
}

#[test]
fn unused_tensors_count() {
    let mut model = branches();
    model.subgraphs[0].tensors.push(tensor("unused", INT8, &[1000]));
    let plan = planned(&model.bytes());
    assert_eq!(plan.head_bytes, 1008);
    assert_eq!(head(&plan.bytes), 1008);
    assert_eq!(plan.layout.offsets[0][5], Some(0));
}

#[test]
fn tensors_without_writers_live_from_the_start() {
    let mut model = branches();
    model.subgraphs[0].tensors.push(tensor("blank", INT8, &[512]));
    model.subgraphs[0].operators[3].inputs.push(5);
    let plan = planned(&model.bytes());
    assert_eq!(plan.head_bytes, BRANCHES + 512);
}

#[test]
fn variables_are_left_to_the_runtime() {
    let mut model = branches();
    model.subgraphs[0].tensors.push(Tensor { is_variable: true, ..tensor("state", INT8, &[512]) });
    model.subgraphs[0].operators[3].inputs.push(5);
    let plan = planned(&model.bytes());
    assert_eq!((plan.head_bytes, plan.layout.offsets[0][5]), (BRANCHES, None));
    let error = tflite::check(&with_offset(&plan, 5, 0), &Scratch::reference()).unwrap_err().to_string();
    assert_eq!(
        error,
        "wrong plan: tensor 5 (`state`) of subgraph 0 is a variable, but has an offset in the head"
    );
}

#[test]
fn other_parts_of_the_model_are_unchanged() {
    let mut model = branches();
    model.description = Some("what it is");
    model.buffers.push(data(b"1.2.3"));
    model.metadata = vec![("min_runtime_version", 1)];
    let old = model.bytes();
    let plan = planned(&old);
    let added = plan.bytes.len() - old.len();
    assert_eq!(plan.bytes[added..], old);
    // The new root refers to the old parts: description, metadata, buffer.
    let root = u32::from_le_bytes(*plan.bytes.first_chunk().unwrap()) as usize;
    assert!(root < added);
    let again = planned(&plan.bytes);
    for file in [&plan.bytes, &again.bytes] {
        assert_eq!(entries(file), [("min_runtime_version".to_owned(), 1), (PLAN.to_owned(), 2)]);
        assert_eq!(description(file), "what it is");
    }
}

/// The position of a field of the table at `table`.
fn field(file: &[u8], table: usize, slot: usize) -> Option<usize> {
    let number = |at: usize| u16::from_le_bytes(*file[at..].first_chunk().unwrap());
    let back = i32::from_le_bytes(*file[table..].first_chunk().unwrap());
    let vtable = table.checked_add_signed(-(back as isize)).unwrap();
    let entry = 4 + 2 * slot;
    let known = entry < usize::from(number(vtable));
    let from_table = if known { usize::from(number(vtable + entry)) } else { 0 };
    (from_table > 0).then_some(table + from_table)
}

fn follow(file: &[u8], place: usize) -> usize {
    place + u32::from_le_bytes(*file[place..].first_chunk().unwrap()) as usize
}

fn words(file: &[u8], place: usize) -> &[u8] {
    let vector = follow(file, place);
    let length = u32::from_le_bytes(*file[vector..].first_chunk().unwrap()) as usize;
    &file[vector + 4..vector + 4 + length]
}

fn description(file: &[u8]) -> String {
    let place = field(file, follow(file, 0), 3).unwrap();
    String::from_utf8(words(file, place).to_vec()).unwrap()
}

/// The metadata of a file as (name, buffer).
fn entries(file: &[u8]) -> Vec<(String, u32)> {
    let vector = follow(file, field(file, follow(file, 0), 6).unwrap());
    let length = u32::from_le_bytes(*file[vector..].first_chunk().unwrap()) as usize;
    let entries = (0..length).map(|number| {
        let table = follow(file, vector + 4 + 4 * number);
        let name = String::from_utf8(words(file, field(file, table, 0).unwrap()).to_vec()).unwrap();
        let buffer =
            field(file, table, 1).map_or(0, |at| u32::from_le_bytes(*file[at..].first_chunk().unwrap()));
        (name, buffer)
    });
    entries.collect()
}

#[test]
fn absolute_file_offsets_are_adjusted() {
    const BEHIND: [u8; 16] = *b"sixteen of them!";
    let mut model = branches();
    model.buffers.push(Buffer { offset: 1, size: 0, ..Buffer::default() });
    model.buffers.push(Buffer { offset: 8_000, size: 16, ..Buffer::default() });
    model.subgraphs[0].tensors.push(Tensor { buffer: 2, ..tensor("constant", INT8, &[16]) });
    model.subgraphs[0].operators[0].inputs.push(5);
    model.subgraphs[0].operators[1].large_options = 8_000;
    let mut file = model.bytes();
    file.resize(8_000, 0);
    file.extend(BEHIND);
    let plan = planned(&file);
    assert!(plan.notes[0].starts_with("constants behind the flatbuffer"), "{:?}", plan.notes);
    assert_eq!(plan.layout.offsets[0][5], None);
    let added = plan.bytes.len() - file.len();
    let moved = (8_000 + added as u64).to_le_bytes();
    assert_eq!(plan.bytes.windows(8).filter(|window| *window == moved).count(), 2);
    assert_eq!(plan.bytes[8_000 + added..], BEHIND);
    // Planning again moves the constants again.
    let again = planned(&plan.bytes);
    assert_eq!(again.bytes[again.bytes.len() - 16..], BEHIND);
    assert_eq!(head(&again.bytes), plan.head_bytes);
}

#[test]
fn a_model_without_buffers_gets_the_empty_one() {
    let mut model = branches();
    model.without_buffers = true;
    let plan = planned(&model.bytes());
    assert_eq!(plan.head_bytes, BRANCHES);
    assert_eq!(entries(&plan.bytes), [(PLAN.to_owned(), 1)]);
    assert_eq!(head(&plan.bytes), plan.head_bytes);
}

#[test]
fn fields_of_later_schemas_are_refused() {
    let model = Model { unknown_field: true, ..branches() };
    let error = refused(&model);
    let expected =
        "the file has a field 12 in the model that this version does not know; a rewrite would lose it";
    assert_eq!(error, expected);
}

#[test]
fn operators_named_by_position_keep_their_order() {
    let mut model = branches();
    model.buffers.push(data(&[0; 4]));
    model.metadata = vec![("model_control_dependencies", 1)];
    let plan = planned(&model.bytes());
    assert_eq!(plan.layout.orders, [[0, 1, 2, 3]]);
    assert_eq!(
        plan.notes,
        ["operators keep the order of the file: `model_control_dependencies` names them by it"]
    );
}

#[test]
fn wrong_layouts_are_not_written() {
    let bytes = branches().bytes();
    let right = planned(&bytes).layout;
    assert_eq!(tflite::write(&bytes, &right).unwrap(), planned(&bytes).bytes);
    let wrong = |change: &dyn Fn(&mut HeadLayout)| {
        let mut layout = right.clone();
        change(&mut layout);
        tflite::write(&bytes, &layout).unwrap_err().to_string()
    };
    let overlapping = wrong(&|layout| layout.offsets[0][1] = layout.offsets[0][0]);
    assert!(overlapping.starts_with("wrong plan: ") && overlapping.contains("`wide`"), "{overlapping}");
    assert!(wrong(&|layout| layout.offsets[0][1] = Some(8)).ends_with("no multiple of 16"));
    assert!(wrong(&|layout| layout.offsets[0][1] = Some(1 << 31)).contains("offsets in the file end"));
    assert!(wrong(&|layout| layout.offsets[0].truncate(3)).contains("5 tensors"));
    assert!(wrong(&|layout| layout.offsets.clear()).contains("5 tensors"));
    assert!(wrong(&|layout| layout.orders.clear()).contains("0 orders for 1 subgraphs"));
    assert!(wrong(&|layout| layout.orders[0].swap(0, 3)).contains("needs operator"));
    assert!(wrong(&|layout| layout.orders[0][0] = 9).contains("operator 9"));
    assert!(wrong(&|layout| layout.orders[0].truncate(3)).contains("missing"));
}

#[test]
fn changed_plans_in_files_are_refused() {
    let plan = planned(&branches().bytes());
    let wrong = |tensor, offset| {
        let error = tflite::check(&with_offset(&plan, tensor, offset), &Scratch::reference()).unwrap_err();
        assert!(matches!(error, TfliteError::Wrong(_)), "{error}");
        error.to_string()
    };
    let x = i32::try_from(plan.layout.offsets[0][0].unwrap()).unwrap();
    assert!(wrong(1, x).contains("`wide`"));
    assert!(wrong(1, -2).contains("before the arena"));
    // The runtime places this tensor around the others. The plan was optimal, so the head cannot shrink.
    let left = tflite::check(&with_offset(&plan, 1, -1), &Scratch::reference()).unwrap();
    assert!(left.head_bytes >= plan.head_bytes && left.layout.offsets[0][1].is_none());
    assert!(wrong(1, 4).contains("multiple of 16"));
    // The number of tensors precedes the offsets.
    let mut bytes = plan.bytes.clone();
    bytes[offsets_place(&plan) - 4] = 6;
    let error = tflite::check(&bytes, &Scratch::reference()).unwrap_err().to_string();
    assert!(error.contains("says 6"), "{error}");
}

/// A chain: `x`, `a`, `b` (a reshape of `a` by the operator `code`), `y`.
fn reshaped(code: i32) -> Model {
    let main = SubGraph {
        tensors: vec![
            tensor("x", INT8, &[1, 16]),
            tensor("a", INT8, &[1, 64]),
            tensor("b", INT8, &[8, 8]),
            tensor("y", INT8, &[1, 16]),
        ],
        inputs: vec![0],
        outputs: vec![3],
        operators: vec![operator(0, &[0], &[1]), operator(1, &[1], &[2]), operator(0, &[2], &[3])],
        ..SubGraph::default()
    };
    model(&[ADD, code], main, vec![])
}

/// Aliases exist only on request and only for kernels that support them; other overlaps are wrong.
#[test]
fn reshapes_may_be_at_one_address() {
    let heads = |model: &Model| {
        let shared = |sharing| {
            let planner = Planner::new().share(sharing);
            tflite::plan("m", &model.bytes(), planner, &Scratch::reference()).unwrap()
        };
        let (plain, views) = (shared(plimsoll::SharingLevel::None), shared(plimsoll::SharingLevel::Views));
        for plan in [&plain, &views] {
            let checked = tflite::check(&plan.bytes, &Scratch::reference()).unwrap();
            assert_eq!(checked.head_bytes, plan.head_bytes);
        }
        (plain.head_bytes, views.head_bytes)
    };
    let (reshape, transpose, squeeze, expand_dims) = (22, 39, 43, 70);
    assert_eq!(heads(&reshaped(reshape)), (128, 80));
    assert_eq!(heads(&reshaped(expand_dims)), (128, 80));
    assert_eq!(heads(&reshaped(squeeze)), (128, 128));
    // The kernel of SQUEEZE calls `memcpy` for equal addresses, which needs the highest level.
    let everything = Planner::new().share(plimsoll::SharingLevel::All);
    let shared = tflite::plan("m", &reshaped(squeeze).bytes(), everything, &Scratch::reference()).unwrap();
    assert_eq!(shared.head_bytes, 80);
    // No alias for another size, and none for a variable.
    let mut other = reshaped(reshape);
    other.subgraphs[0].tensors[2].shape = Some(vec![8, 9]);
    assert_eq!(heads(&other), (144, 144));
    other.subgraphs[0].tensors[1].is_variable = true;
    assert_eq!(heads(&other), (96, 96));
    // Without such a kernel, a plan with two tensors at one address is wrong.
    let plan = planned(&reshaped(transpose).bytes());
    let mut layout = plan.layout;
    layout.offsets[0] = vec![Some(64), Some(0), Some(0), Some(64)];
    assert!(
        tflite::write(&reshaped(transpose).bytes(), &layout)
            .unwrap_err()
            .to_string()
            .starts_with("wrong plan")
    );
    assert!(tflite::write(&reshaped(reshape).bytes(), &layout).is_ok());
    // No other tensor may overlap an alias while it is live.
    layout.offsets[0][3] = Some(0);
    assert!(tflite::write(&reshaped(reshape).bytes(), &layout).is_err());
    layout.offsets[0] = vec![Some(0), Some(0), Some(0), Some(64)];
    assert!(tflite::write(&reshaped(reshape).bytes(), &layout).is_err());
}

/// An update of a part of a cache; if `is_read_again`, an operator reads the old cache afterwards.
fn updated(is_read_again: bool) -> Model {
    let last: &[i32] = if is_read_again { &[3, 0] } else { &[3] };
    let main = SubGraph {
        tensors: vec![
            tensor("cache", INT8, &[1, 64]),
            tensor("row", INT8, &[1, 16]),
            tensor("at", INT8, &[1, 16]),
            tensor("next", INT8, &[1, 64]),
            tensor("y", INT8, &[1, 16]),
        ],
        inputs: vec![0, 1, 2],
        outputs: vec![3, 4],
        operators: vec![operator(1, &[0, 1, 2], &[3]), operator(0, last, &[4])],
        ..SubGraph::default()
    };
    model(&[ADD, DYNAMIC_UPDATE_SLICE], main, vec![])
}

#[test]
fn a_cache_may_be_updated_in_place() {
    let plan = |model: &Model, sharing| {
        let planner = Planner::new().share(sharing);
        let plan = tflite::plan("m", &model.bytes(), planner, &Scratch::reference()).unwrap();
        let checked = tflite::check(&plan.bytes, &Scratch::reference()).unwrap();
        assert_eq!(checked.head_bytes, plan.head_bytes);
        plan
    };
    let model = updated(false);
    assert_eq!(plan(&model, plimsoll::SharingLevel::Views).head_bytes, 160);
    let shared = plan(&model, plimsoll::SharingLevel::InPlace);
    assert_eq!(shared.head_bytes, 96);
    // The old cache is read afterwards, or it is its own update.
    let read_again = updated(true);
    assert_eq!(plan(&read_again, plimsoll::SharingLevel::InPlace).head_bytes, 160);
    let mut of_itself = updated(false);
    of_itself.subgraphs[0].operators[0].inputs = vec![0, 0, 2];
    // No operator reads the row then, so `next` takes its bytes.
    assert_eq!(plan(&of_itself, plimsoll::SharingLevel::InPlace).head_bytes, 144);
    assert!(tflite::write(&model.bytes(), &shared.layout).is_ok());
    for other in [read_again, of_itself] {
        let error = tflite::write(&other.bytes(), &shared.layout).unwrap_err().to_string();
        assert!(error.starts_with("wrong plan"), "{error}");
    }
}

#[test]
fn an_input_that_no_operator_reads_needs_memory_before_the_first_operator_only() {
    let main = SubGraph {
        tensors: vec![
            tensor("unread", INT8, &[1, 512]),
            tensor("x", INT8, &[1, 64]),
            tensor("t", INT8, &[1, 64]),
            tensor("y", INT8, &[1, 64]),
        ],
        inputs: vec![0, 1],
        outputs: vec![3],
        operators: vec![operator(0, &[1, 1], &[2]), operator(0, &[2, 1], &[3])],
        ..SubGraph::default()
    };
    let plan = planned(&model(&[ADD], main, vec![]).bytes());
    assert_eq!((plan.head_bytes, plan.runtime_head_bytes), (576, Some(576)));
    assert_eq!(plan.layout.orders, [[0, 1]]);
    // The added operator comes first.
    assert_eq!((plan.graph.operators().len(), plan.plan.order[0].index()), (3, 2));
}

#[test]
fn the_whole_arena_is_estimated() {
    let plan = planned(&branches().bytes());
    assert!(plan.estimated_arena_bytes > plan.head_bytes && plan.estimated_arena_bytes.is_multiple_of(16));
}

/// A wrong strategy: all buffers at offset 0.
struct Liar;

impl Strategy for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }

    fn allocate(&self, problem: &Problem, _: &Limits) -> plimsoll::Result<Allocation> {
        Ok(Allocation::new(vec![0; problem.buffers().len()]))
    }
}

#[test]
fn a_wrong_strategy_writes_no_model() {
    let lying = Planner::new().strategy(Liar);
    let error = tflite::plan("m", &branches().bytes(), lying, &Scratch::reference()).unwrap_err().to_string();
    assert!(error.starts_with("strategy `liar` returned an invalid plan"), "{error}");
    let reserving = Planner::new().reserve(0..16);
    let error =
        tflite::plan("m", &branches().bytes(), reserving, &Scratch::reference()).unwrap_err().to_string();
    assert!(error.starts_with("reserved range 0..16"), "{error}");
}

/// A body from 16 bytes to 512 bytes to 16 bytes.
fn body(name: &'static str) -> SubGraph {
    SubGraph {
        name,
        tensors: vec![tensor("in", INT8, &[16]), tensor("large", INT8, &[512]), tensor("out", INT8, &[16])],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![operator(0, &[0], &[1]), operator(0, &[1], &[2])],
    }
}

fn caller(inputs: &[i32], outputs: &[i32], callees: &[i32]) -> Operator {
    const WHILE_OPTIONS: u8 = 93;
    Operator { options: Some((WHILE_OPTIONS, callees.to_vec())), ..operator(1, inputs, outputs) }
}

/// A tensor of 1024 bytes dies before a loop over 16 bytes; one of 2048 bytes follows the loop.
fn with_loop() -> Model {
    let main = SubGraph {
        tensors: [16, 1024, 16, 16, 2048, 16].map(|size| tensor("t", INT8, &[size])).to_vec(),
        inputs: vec![0],
        outputs: vec![5],
        operators: vec![
            operator(0, &[0], &[1]),
            operator(0, &[1], &[2]),
            caller(&[2], &[3], &[1, 2]),
            operator(0, &[3], &[4]),
            operator(0, &[4], &[5]),
        ],
        ..SubGraph::default()
    };
    let mut model = model(&[CONV_2D, WHILE], main, Vec::new());
    model.subgraphs.extend([body("condition"), body("body")]);
    model
}

#[test]
fn bodies_lie_in_the_workspace_of_their_operator() {
    let model = with_loop();
    let plan = planned(&model.bytes());
    assert_eq!(plan.head_bytes, 2048 + 16, "bodies reuse free memory");
    assert_eq!(plan.plan.scratch[2].unwrap().bytes, 512 + 16);
    let starts: Vec<u64> = plan.layout.offsets[1..]
        .iter()
        .map(|offsets| offsets.iter().flatten().copied().min().unwrap())
        .collect();
    assert_eq!(starts[0], starts[1], "the condition and the body run at different times");
    // The verifier detects a body that overlaps the loop's input.
    let (input, first) = (plan.layout.offsets[0][2].unwrap(), 6 + 3);
    let wrong = with_offset(&plan, first + 1, i32::try_from(input).unwrap());
    assert!(matches!(tflite::check(&wrong, &Scratch::reference()), Err(TfliteError::Wrong(_))));
}

#[test]
fn subgraphs_with_several_callers_have_memory_of_their_own() {
    let mut model = with_loop();
    model.subgraphs[0].operators[3] = caller(&[3], &[4], &[1, 2]);
    let plan = planned(&model.bytes());
    // Both bodies count twice, with all their tensors at offsets of their own.
    assert_eq!(plan.head_bytes, 2048 + 16 + 2 * (16 + 512 + 16));
    assert_eq!(head(&plan.bytes), plan.head_bytes);
}

#[test]
fn unused_subgraphs_are_planned_alone() {
    let mut model = branches();
    model.subgraphs.push(body("signature"));
    let plan = planned(&model.bytes());
    assert_eq!(plan.head_bytes, 512 + 16);
    assert_eq!(plan.layout.offsets[1].iter().flatten().count(), 3);
    assert_eq!(head(&plan.bytes), 512 + 16);
}

#[test]
fn impossible_calls_are_refused() {
    let mut circle = with_loop();
    circle.subgraphs[2].operators[1] = caller(&[1], &[2], &[1, 2]);
    assert_eq!(refused(&circle), "operator 1 of subgraph 2 runs a subgraph that in the end runs itself");
    let mut unknown = with_loop();
    unknown.subgraphs[0].operators[2] = caller(&[2], &[3], &[1, 7]);
    assert_eq!(refused(&unknown), "operator 2 of subgraph 0 runs subgraph 7, but there are 3");
    let mut negative = with_loop();
    negative.subgraphs[0].operators[2] = caller(&[2], &[3], &[1, -1]);
    assert!(refused(&negative).contains("but there are 3"));
    let mut variable = with_loop();
    variable.subgraphs[1].tensors[1].is_variable = true;
    let error = refused(&variable);
    assert!(error.starts_with("subgraph 1, tensor 1 (`large`): is a variable outside"), "{error}");
}

#[test]
fn bodies_that_double_and_redouble_end() {
    // The innermost subgraph would run 2^40 times.
    let main = SubGraph {
        tensors: vec![tensor("x", INT8, &[16])],
        inputs: vec![0],
        outputs: vec![0],
        operators: vec![caller(&[], &[], &[1, 1])],
        ..SubGraph::default()
    };
    let mut model = model(&[CONV_2D, WHILE], main.clone(), Vec::new());
    for next in 2..42 {
        model.subgraphs.push(SubGraph { operators: vec![caller(&[], &[], &[next, next])], ..main.clone() });
    }
    model.subgraphs.push(SubGraph { operators: Vec::new(), ..main });
    assert!(refused(&model).contains("more often than can be looked at"), "{}", refused(&model));
}

/// A model of one operator; its inputs are (shape, type, is constant).
fn alone(code: i32, inputs: &[(&[i32], i8, bool)], output: (&[i32], i8)) -> Model {
    let mut main = SubGraph::default();
    for (number, &(shape, element_type, is_constant)) in inputs.iter().enumerate() {
        let number = i32::try_from(number).unwrap();
        let buffer = u32::from(is_constant);
        main.tensors.push(Tensor { buffer, ..tensor(&format!("in{number}"), element_type, shape) });
        if !is_constant {
            main.inputs.push(number);
        }
    }
    let count = i32::try_from(inputs.len()).unwrap();
    main.tensors.push(tensor("out", output.1, output.0));
    main.outputs = vec![count];
    main.operators = vec![operator(0, &(0..count).collect::<Vec<_>>(), &[count])];
    model(&[code], main, vec![data(&[0; 64])])
}

#[test]
fn reference_kernels_get_their_scratch() {
    const INT16: i8 = 7;
    const INT32: i8 = 2;
    let scratch = |model: &Model| {
        let plan = planned(&model.bytes());
        assert_eq!(head(&plan.bytes), plan.head_bytes);
        plan.plan.scratch[0].map_or(0, |place| place.bytes)
    };
    // 4 bytes for each element of the output.
    let shapes = [(&[4][..], INT32, true), (&[3, 2, 2, 8], INT8, true), (&[1, 3, 3, 8], INT8, false)];
    assert_eq!(scratch(&alone(TRANSPOSE_CONV, &shapes, (&[1, 6, 6, 3], INT8))), 432);
    let floats = shapes.map(|(shape, _, is_constant)| (shape, FLOAT32, is_constant));
    assert_eq!(scratch(&alone(TRANSPOSE_CONV, &floats, (&[1, 6, 6, 3], FLOAT32))), 0);
    let wide = [shapes[0], shapes[1], (&[1, 3, 3, 8], INT16, false), (&[3], INT16, true)];
    assert_eq!(scratch(&alone(TRANSPOSE_CONV, &wide, (&[1, 6, 6, 3], INT16))), 864 + 32);
    // Sums, positions and axes of MEAN.
    let mean = [(&[1, 5, 5, 9][..], INT8, false), (&[2], INT32, true)];
    assert_eq!(scratch(&alone(MEAN, &mean, (&[1, 9], INT8))), 48 + 16 + 16);
    // Weights of 4 bits are unpacked.
    let packed = [(&[1, 5, 5, 9][..], INT8, false), (&[2, 1, 1, 9], INT4, true)];
    assert_eq!(scratch(&alone(CONV_2D, &packed, (&[1, 5, 5, 2], INT8))), 32);
    assert_eq!(scratch(&alone(ADD, &mean, (&[1, 9], INT8))), 0);
    // Without its cell state, the scratch of an LSTM is unknown.
    let plan = planned(&alone(UNIDIRECTIONAL_SEQUENCE_LSTM, &mean, (&[1, 9], INT8)).bytes());
    assert!(plan.notes[0].contains("`0:UNIDIRECTIONAL_SEQUENCE_LSTM`; measure it"), "{:?}", plan.notes);
}

#[test]
fn measured_scratch_goes_before_the_table() {
    let bytes = branches().bytes();
    let with = |scratch: Scratch| tflite::plan("m", &bytes, Planner::new(), &scratch);
    let plan = with(Scratch::reference().measured(0, 1, 1000)).unwrap();
    assert_eq!(plan.plan.scratch[1].unwrap().bytes, 1008);
    assert_eq!(plan.head_bytes, 64 + 256 + 1008);
    let at = plan.layout.orders[0].iter().position(|&operator| operator == 1).unwrap();
    let checked = tflite::check(&plan.bytes, &Scratch::reference().measured(0, at, 1000)).unwrap();
    assert_eq!(checked.head_bytes, plan.head_bytes);

    let error = |scratch| with(scratch).unwrap_err().to_string();
    let measured = Scratch::reference();
    assert_eq!(
        error(measured.clone().measured_of_type(0, 1, "MEAN", 16)),
        "scratch of operator 1 of subgraph 0: it was measured for MEAN, but the operator is CONV_2D"
    );
    assert!(error(measured.clone().measured(0, 4, 16)).ends_with("the model has no such operator"));
    assert!(error(measured.clone().measured(1, 0, 16)).ends_with("the model has no such operator"));
    assert!(error(measured.clone().measured(0, 0, u64::MAX)).ends_with("bytes are more than 2 GiB"));
    assert!(error(measured.clone().measured(0, 0, 1 << 40)).ends_with("bytes are more than 2 GiB"));
    assert!(with(measured.measured_of_type(0, 0, "CONV_2D", 0)).is_ok());
}

#[test]
fn handles_and_custom_operators() {
    let mut model = branches();
    model.codes[1] = Code { builtin: CUSTOM, custom: Some(b"MyKernel".to_vec()) };
    let plan = planned(&model.bytes());
    assert!(plan.notes[0].contains("`0:CUSTOM:MyKernel`, `1:CUSTOM:MyKernel`"), "{:?}", plan.notes);
    assert_eq!(plan.layout.orders, [[0, 1, 2, 3]], "custom operators keep their order");
    let known = Scratch::reference().measured(0, 0, 0).measured(0, 1, 0).measured(0, 2, 0);
    let plan = tflite::plan("m", &model.bytes(), Planner::new(), &known).unwrap();
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);

    model.codes[1] = builtin(VAR_HANDLE);
    model.subgraphs[0].tensors[1].element_type = RESOURCE;
    assert_eq!(planned(&model.bytes()).layout.offsets[0][1], None, "the kernel has memory for its handle");
}

#[test]
fn tensors_that_the_runtime_does_not_have_are_named() {
    let with = |element_type, shape: &[i32]| {
        let mut model = branches();
        model.subgraphs[0].tensors[1] = tensor("odd", element_type, shape);
        refused(&model)
    };
    assert_eq!(
        with(STRING, &[1]),
        "subgraph 0, tensor 1 (`odd`): TensorFlow Lite Micro has no tensors of type `string`"
    );
    assert!(with(99, &[1]).ends_with("is of the unknown type 99"));
    assert!(with(INT8, &[1, -1]).contains("no static shape"));
    assert!(with(INT8, &[i32::MAX, i32::MAX, i32::MAX]).contains("more than the 2 GiB"));
    let mut model = branches();
    model.subgraphs[0].tensors[1].buffer = 5;
    assert!(refused(&model).contains("names buffer 5, but there are 1 buffers"));
    model.subgraphs.clear();
    assert_eq!(refused(&model), "not a valid TFLite file: the model has no subgraph");
    assert!(tflite::plan("m", b"TFL3", Planner::new(), &Scratch::reference()).is_err());
    // The total exceeds the limit, although no tensor does.
    let mut model = branches();
    model.subgraphs[0].tensors[0] = tensor("x", INT8, &[1 << 30]);
    model.subgraphs[0].tensors[1] = tensor("wide", INT8, &[1 << 30]);
    assert!(refused(&model).contains("offsets in the file end at 2147483647"), "{}", refused(&model));
}

/// Model, head bytes with the runtime's own plan, and with plimsoll's, as the interpreter reports them.
const MEASURED: [(&str, u64, u64); 23] = [
    ("tiny/ds_cnn_kws_int8", 16_000, 16_000),
    ("tiny/fc_ae_toycar_int8", 768, 768),
    ("tiny/inception_branchy_int8", 106_496, 106_496),
    ("tiny/lstm_kws_unrolled_int8", 1_888, 640),
    ("tiny/mcunet_like_128_int8", 147_456, 147_456),
    ("tiny/mobilenet_v1_025_vww_int8", 73_728, 55_296),
    ("tiny/nas_cell_irregular_int8", 122_880, 86_016),
    ("tiny/resnet8_cifar_int8", 49_152, 49_152),
    ("tiny/tcn_kws_int8", 7_840, 7_840),
    ("tiny/unet_96_int8", 442_368, 442_368),
    ("tflm/tflm__audio_preprocessor_float", 3_040, 3_040),
    ("tflm/tflm__audio_preprocessor_int8", 3_040, 3_040),
    ("tflm/tflm__dtln_noise_suppression", 1_424, 1_424),
    ("tflm/tflm__hello_world_float", 128, 128),
    ("tflm/tflm__hello_world_int8", 32, 32),
    ("tflm/tflm__keyword_scrambled", 672, 672),
    ("tflm/tflm__keyword_scrambled_8bit", 672, 672),
    ("tflm/tflm__micro_speech_lstm", 17_168, 17_168),
    ("tflm/tflm__micro_speech_quantized", 5_968, 5_968),
    ("tflm/tflm__person_detect", 55_296, 55_296),
    ("tflm/tflm__simple_add_model", 49_152, 49_152),
    ("tflm/tflm__trained_lstm", 5_696, 5_696),
    ("tflm/tflm__trained_lstm_int8", 1_536, 1_536),
];

#[test]
fn real_models_need_what_the_interpreter_reports() {
    let Some(folder) = support::data::folder("zoo/tflite") else { return };
    for (name, own, ours) in MEASURED {
        let file = std::fs::read(folder.join(format!("{name}.tflite"))).unwrap();
        let plan = planned(&file);
        assert_eq!(plan.head_bytes, ours, "{name}");
        assert_eq!(head(&plan.bytes), ours, "{name}");
        assert!(ours <= own, "{name}");
        assert!(plan.notes.is_empty(), "{name}: {:?}", plan.notes);
    }
}

/// A copy of `file` with a few bytes changed, often near the root.
fn mutated(file: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..random.usize(1..6) {
        let end = if random.bool() { bytes.len() } else { bytes.len().min(2_000) };
        let place = random.usize(..end);
        match random.u8(..4) {
            0 => bytes[place] = random.u8(..),
            1 => bytes[place] ^= 1 << random.u8(..8),
            2 => {
                let source = random.usize(..bytes.len());
                let count = random.usize(..16).min(bytes.len() - source.max(place));
                bytes.copy_within(source..source + count, place);
            }
            _ if random.u8(..8) == 0 => bytes.truncate(place.max(1)),
            _ => bytes[place] = 0xff,
        }
    }
    bytes
}

#[test]
fn mutated_files_give_an_error_or_a_right_plan() {
    let mutations: u64 = std::env::var("PLIMSOLL_MUTATIONS").map_or(400, |text| text.parse().unwrap());
    let plain = [branches().bytes(), with_loop().bytes(), nas_cell()];
    let mut seeds: Vec<Vec<u8>> = plain.iter().map(|file| planned(file).bytes).collect();
    seeds.extend(plain);
    let mut counts = [0, 0, 0];
    for number in 0..mutations {
        let mut random = fastrand::Rng::with_seed(number);
        let seed = random.usize(..seeds.len());
        let bytes = mutated(&seeds[seed], &mut random);
        let checked = tflite::check(&bytes, &Scratch::reference());
        counts[0] += usize::from(checked.is_ok());
        let limited = Planner::new().limits(Limits::new().nodes(10_000));
        match tflite::plan("m", &bytes, limited, &Scratch::reference()) {
            Ok(done) => {
                assert!(head(&done.bytes) <= done.head_bytes, "mutation {number}");
                counts[1] += 1;
            }
            Err(TfliteError::Wrong(text)) => {
                panic!("mutation {number}: the planner wrote a wrong plan: {text}")
            }
            Err(_) => counts[2] += 1,
        }
    }
    println!(
        "{mutations} mutations: {} right as they are, {} planned, {} refused",
        counts[0], counts[1], counts[2]
    );
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
}
