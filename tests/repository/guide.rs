//! The C samples of the guide and of the tutorial are parts of programs that other tests compile and
//! run. (The Rust samples are doc tests.)

const FROM_IR: &str = include_str!("../../examples/c/from_ir.c");
const GRAPH_ARRAYS: &str = include_str!("../c/graph_arrays.c");

fn assert_pieces(page: &str, programs: &[&str], expected: usize) {
    let samples: Vec<&str> =
        page.split("\n```c\n").skip(1).map(|rest| rest.split_once("\n```\n").unwrap().0).collect();
    assert_eq!(samples.len(), expected);
    for sample in samples {
        assert!(programs.iter().any(|program| program.contains(sample)), "not in a program:\n{sample}");
    }
}

#[test]
fn c_samples_are_pieces_of_the_example() {
    assert_pieces(include_str!("../../docs/guide.md"), &[FROM_IR], 4);
}

#[test]
fn c_samples_of_the_tutorial_are_pieces_of_tested_programs() {
    assert_pieces(include_str!("../../docs/tutorial-compiler.md"), &[FROM_IR, GRAPH_ARRAYS], 6);
}
