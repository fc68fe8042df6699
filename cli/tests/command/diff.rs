//! `plimsoll diff` and `plimsoll completions`.

use crate::command::{Run, model, plimsoll};
use crate::folder::Folder;

const OLD: &str = "id,lower,upper,size\na,0,2,64\nb,1,3,32\nc,2,4,64\n";
const NEW: &str = "id,lower,upper,size\na,0,2,64\nb,1,3,48\nd,2,4,16\n";

/// Writes a buffer list and its plan; returns the name of the plan.
fn planned(folder: &Folder, name: &str, buffers: &str) -> String {
    let (input, plan) = (folder.with(&format!("{name}.csv"), buffers), folder.text(&format!("{name}.json")));
    assert_eq!(plimsoll(&["plan", &input, "--align", "1", "-o", &plan]).0, 0);
    plan
}

#[test]
fn two_plans_are_compared() {
    let folder = Folder::new();
    let (old, new) = (planned(&folder, "old", OLD), planned(&folder, "new", NEW));
    assert_eq!(
        plimsoll(&["diff", &old, &new]).exits(1),
        "arena: 96 -> 112 bytes (+16, +16.7 %)\n\
         bound: 96 -> 112 bytes (+16, +16.7 %)\n\
         status: optimal, unchanged\n\
         order: none\n\
         tensors added: 1\n  `d`, 16 bytes at 0\n\
         tensors removed: 1\n  `c`, 64 bytes at 0\n\
         tensors resized: 1\n  `b`, 32 -> 48 bytes\n\
         the new arena exceeds the old plan (96 bytes) by 16 bytes\n"
    );
    assert!(plimsoll(&["diff", &old, &new, "--max-arena", "1KiB"]).exits(0).starts_with("arena: 96 -> 112"));
    let above = plimsoll(&["diff", &old, &new, "--max-arena", "100"]).exits(1);
    assert!(above.ends_with("exceeds --max-arena (100 bytes) by 12 bytes\n"), "{above}");
    assert!(plimsoll(&["diff", &new, &old]).exits(0).contains("(-16, -14.3 %)"));
    let same = plimsoll(&["diff", &old, &old]).exits(0);
    assert!(same.contains("arena: 96 bytes, unchanged") && !same.contains("tensors"), "{same}");
}

#[test]
fn orders_are_compared() {
    let folder = Folder::new();
    let network = model("nas_cell_irregular_int8.tflite");
    let (file, best) = (folder.text("file.json"), folder.text("best.json"));
    plimsoll(&["plan", &network, "--order", "file", "-o", &file]).exits(0);
    plimsoll(&["plan", &network, "-o", &best]).exits(0);
    let text = plimsoll(&["diff", &file, &best]).exits(0);
    assert!(text.contains("order: differs from step ") && text.contains("tensors moved: "), "{text}");
}

#[test]
fn wrong_plans_are_named() {
    let folder = Folder::new();
    let (old, wrong) = (planned(&folder, "old", OLD), folder.with("wrong.json", "{}"));
    plimsoll(&["diff", &old, &wrong]).fails_with("wrong.json: ");
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(plimsoll(&["completions", shell]).exits(0).contains("compare"), "{shell}");
    }
}
