//! The C samples of the guide are parts of an example that other tests compile and run. (The Rust
//! samples are doc tests.)

#[test]
fn c_samples_are_pieces_of_the_example() {
    let guide = include_str!("../../docs/guide.md");
    let program = include_str!("../../examples/c/from_ir.c");
    let samples: Vec<&str> =
        guide.split("\n```c\n").skip(1).map(|rest| rest.split_once("\n```\n").unwrap().0).collect();
    assert_eq!(samples.len(), 4);
    for sample in samples {
        assert!(program.contains(sample), "not in the example:\n{sample}");
    }
}
