//! Import of buffers from CSV.

use std::path::{Path, PathBuf};

use plimsoll::import::{ImportError, ImportOptions, Imported, csv_from_bytes, read};
use plimsoll::{Buffer, LiveRange, Problem};

fn import(text: &str) -> Result<Problem, ImportError> {
    csv_from_bytes("buffers", text.as_bytes(), &ImportOptions::default())
}

/// The error for `rows` below a plain header.
fn error(rows: &str) -> String {
    error_of_file(&format!("id,lower,upper,size\n{rows}"))
}

fn error_of_file(text: &str) -> String {
    let text = import(text).unwrap_err().to_string();
    text.strip_prefix("not a valid CSV file: ").map(str::to_owned).unwrap_or(text)
}

fn names(problem: &Problem) -> Vec<String> {
    problem.ids().map(|id| problem.name(id)).collect()
}

#[test]
fn rows_become_buffers_in_their_order() {
    let problem = import("id,lower,upper,size\nb,0,3,4\na,2,4294967295,18446744073709551611\n").unwrap();
    assert_eq!(problem.buffers(), [Buffer::new(4, 0..3), Buffer::new(u64::MAX - 4, 2..u32::MAX)]);
    assert_eq!(names(&problem), ["b", "a"]);
    assert_eq!(problem.capacity(), None);
}

#[test]
fn columns_go_by_name() {
    let text =
        "offset,size,note, upper ,alignment,lower,id\n,8,x, 2,,1,first\n 64 ,16,,3,32,0,\"the, second\"\n";
    let problem = import(text).unwrap();
    assert_eq!(problem.buffers(), [Buffer::new(8, 1..2), Buffer::new(16, 0..3).align(32).at(64)]);
    assert_eq!(names(&problem), ["first", "the, second"]);
}

#[test]
fn the_default_alignment_is_an_option() {
    let text = b"id,lower,upper,size,alignment\na,0,1,8,\nb,0,1,8,4\n";
    let mut options = ImportOptions::default();
    options.alignment = Some(64);
    let problem = csv_from_bytes("buffers", text, &options).unwrap();
    let alignments: Vec<u64> = problem.buffers().iter().map(Buffer::alignment).collect();
    assert_eq!(alignments, [64, 4]);
}

#[test]
fn byte_order_marks_blank_lines_and_either_line_end_are_fine() {
    let problem = import("\u{feff}id,lower,upper,size\r\na,0,1,8\r\n\r\nb,0,1,8").unwrap();
    assert_eq!(names(&problem), ["a", "b"]);
    assert!(import("id,lower,upper,size\n").unwrap().buffers().is_empty());
}

#[test]
fn headers_are_needed() {
    assert_eq!(error_of_file(""), "the header lacks the column `id`; it has no columns");
    assert_eq!(
        error_of_file("id,start,end,size\n"),
        "the header lacks the column `lower`; it has `id`, `start`, `end`, `size`"
    );
    assert_eq!(error_of_file("id,lower,upper,size,lower\n"), "the header has two columns `lower`");
}

#[test]
fn fields_that_are_no_numbers_are_named() {
    let time = "is not a whole number from 0 to 4294967295";
    assert_eq!(error("a,0,1,8\nb,-3,1,8\n"), format!("line 3: lower `-3` {time}"));
    assert_eq!(error("a,0,4294967296,8\n"), format!("line 2: upper `4294967296` {time}"));
    assert_eq!(error("a,,1,8\n"), format!("line 2: lower `` {time}"));
    assert_eq!(error("a,0,1.5,8\n"), format!("line 2: upper `1.5` {time}"));
    let size = "is not a whole number from 0 to 18446744073709551615";
    assert_eq!(error("a,0,1,18446744073709551616\n"), format!("line 2: size `18446744073709551616` {size}"));
    let text = "id,lower,upper,size,alignment,offset\na,0,1,8,4,x\n";
    assert_eq!(error_of_file(text), format!("line 2: offset `x` {size}"));
    let text = "id,lower,upper,size,alignment,offset\na,0,1,8,4k,\n";
    assert_eq!(error_of_file(text), format!("line 2: alignment `4k` {size}"));
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    assert_eq!(error("\"two\nlines\",0,1,8\nb,0,1\n"), "line 4: 3 fields, but the header has 4");
    assert_eq!(error("a,0,1,8\n\n\nb,0,1\n"), "line 5: 3 fields, but the header has 4");
    assert_eq!(error("a,0,1,8\r\nb,0,1"), "line 3: 3 fields, but the header has 4");
    assert_eq!(error("a,0,1,8\r\n\r\n\r\nb,0,1\r\n"), "line 5: 3 fields, but the header has 4");
    let text = "\u{feff}id,lower,upper,size\r\na,0,1,8\r\n\r\nb,0,1";
    assert_eq!(error_of_file(text), "line 4: 3 fields, but the header has 4");
}

#[test]
fn rows_are_complete_and_ids_unique() {
    assert_eq!(error("a,0,1,8\nb,0,1,8,9\n"), "line 3: 5 fields, but the header has 4");
    assert_eq!(error("a,0,1,8\nb,0,1,8\na,5,6,8\n"), "line 4: id `a` stands at line 2 already");
}

#[test]
fn gaps_are_ranges() {
    let problem = import("id,lower,upper,size,gaps\na,0,9,8,\nb,0,9,8, 6-8  2-4\n").unwrap();
    let gaps: Vec<String> = problem.buffers()[1].gaps().iter().map(ToString::to_string).collect();
    assert_eq!((problem.buffers()[0].gaps().len(), gaps), (0, vec!["2..4".to_owned(), "6..8".to_owned()]));
    let error = |gaps| error_of_file(&format!("id,lower,upper,size,gaps\nb,0,9,8,{gaps}\n"));
    assert_eq!(
        error("2:4"),
        "line 2: gap `2:4` is not a range like `3-5` of whole numbers from 0 to 4294967295"
    );
    assert_eq!(
        error("2-4@3:5"),
        "line 2: gap `2-4@3:5` is not a range like `3-5` of whole numbers from 0 to 4294967295; gaps that \
         keep a part of the memory are not supported"
    );
    assert_eq!(
        error("2-4 3-5"),
        "buffer `b`: gap 3..5 must lie inside of the live range 0..9, leave a step at either end, and be \
         apart from other gaps"
    );
}

#[test]
fn rules_for_buffers_hold() {
    assert_eq!(error("a,5,5,8\n"), "buffer `a`: live range 5..5 is empty (ranges are half-open)");
    assert_eq!(error("a,5,4,8\n"), "buffer `a`: live range 5..4 is empty (ranges are half-open)");
    assert_eq!(
        error_of_file("id,lower,upper,size,alignment\na,0,1,8,24\n"),
        "buffer `a`: alignment 24 is not a power of two"
    );
    let most = u64::MAX;
    assert_eq!(
        error(&format!("a,0,1,{most}\nb,1,2,1\n")),
        "the sizes add up to more than 2^64-1 bytes at buffer `b` (1 bytes)"
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let result = csv_from_bytes("x", b"id,lower,upper,size\n\xff,0,1,8\n", &ImportOptions::default());
    assert!(matches!(result, Err(ImportError::Malformed { format: "CSV", .. })), "{result:?}");
}

#[test]
fn formats_are_recognised_by_file_extension() {
    let missing = read(Path::new("no/such.csv"), &ImportOptions::default());
    assert!(matches!(missing, Err(ImportError::Read { .. })), "{missing:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Two.CSV");
    std::fs::write(&path, "id,lower,upper,size\na,0,1,8\nb,0,1,8\n").unwrap();
    let Ok(Imported::Problem(problem)) = read(&path, &ImportOptions::default()) else { panic!() };
    assert_eq!(problem.buffers().len(), 2);
}

#[test]
fn public_instances_are_read_whole() {
    let root = std::env::var_os("PLIMSOLL_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let instances = [
        ("minimalloc/A.1048576", 154, 0, (995_328, 1_000_448), 656_384),
        ("minimalloc/K.1048576", 454, 0, (277_504, 279_552), 528_384),
        ("idealloc/resnet50", 1042, 0, (0, 1029), 19_267_584),
        ("idealloc/G_1", 816, 0, (45, 247), 589_825),
        ("idealloc/S_1", 28_526, 28_524, (0, 2), 41_473),
        ("idealloc/pangu_2.6B", 18_692, 0, (0, 21_936), 4100),
        ("idealloc/Y_1", 62_185, 4093, (0, 2), 4609),
    ];
    for (name, count, first_id, (start, end), size) in instances {
        let path = root.join("bench").join(name.to_owned() + ".csv");
        if !path.exists() {
            println!("skipped: no file {}", path.display());
            continue;
        }
        let Ok(Imported::Problem(problem)) = read(&path, &ImportOptions::default()) else { panic!("{name}") };
        assert_eq!(problem.buffers().len(), count, "{name}");
        let first = problem.ids().next().unwrap();
        assert_eq!(problem.name(first), first_id.to_string(), "{name}");
        assert_eq!(problem.buffer(first), &Buffer::new(size, LiveRange { start, end }), "{name}");
    }
}
