//! Files that the command reads and writes: links, pipes, devices, permissions and signals.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;

use crate::command::{Run, model, plimsoll};
use crate::folder::Folder;
use crate::onnx_models;

const TFLITE: &str = "nas_cell_irregular_int8.tflite";
const CSV: &str = "id,lower,upper,size\na,0,3,4096\nb,1,5,300\n";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &str, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn fifo(folder: &Folder, name: &str) -> String {
    let path = folder.text(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

/// Starts the command and discards its output.
fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(cargo_bin("plimsoll"));
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// `count` buffers, each live together with the next one.
fn buffers(name: &str, count: usize) -> String {
    let rows = (0..count).map(|row| format!("\n{name}{row},{row},{},64", row + 2));
    ["id,lower,upper,size".to_owned()].into_iter().chain(rows).collect::<Vec<_>>().concat()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

#[test]
fn permissions_are_kept_and_new_files_follow_the_umask() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let script = "umask 027; exec \"$0\" plan \"$1\" --out \"$2\" --out \"$3\" --out \"$4\"";
    let (private, public) = (folder.with("private.json", "old"), folder.with("public.csv", "old"));
    set_mode(&private, 0o600);
    set_mode(&public, 0o646);
    let new = folder.text("new.csv");
    let command = cargo_bin("plimsoll");
    let arguments = ["-c", script, command.to_str().unwrap(), &csv, &private, &public, &new];
    let output = Command::new("sh").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let modes = ["private.json", "public.csv", "new.csv"].map(|name| mode(&folder.path(name)));
    assert_eq!(modes, [0o600, 0o646, 0o640], "{modes:?}");
    assert!(folder.read("private.json").contains("plimsoll-plan/1"));
    assert_eq!(folder.names(), ["in.csv", "new.csv", "private.json", "public.csv"]);
}

#[test]
fn files_that_may_not_be_written_are_not_replaced() {
    if is_root() {
        eprintln!("skipped: root may write every file");
        return;
    }
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let old = folder.with("old.json", "old");
    set_mode(&old, 0o444);
    plimsoll(&["plan", &csv, "--out", &folder.text("a.csv"), "--out", &old])
        .fails_with("old.json: cannot write the file: Permission denied");
    assert_eq!(folder.read("old.json"), "old");
    assert_eq!(folder.names(), ["in.csv", "old.json"]);
}

#[test]
fn links_are_followed_even_to_files_that_do_not_exist() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    fs::create_dir(folder.path("sub")).unwrap();
    symlink("sub/new.json", folder.path("dangling.json")).unwrap();
    symlink("dangling.json", folder.path("twice.json")).unwrap();
    assert_eq!(plimsoll(&["plan", &csv, "--out", &folder.text("twice.json")]).0, 0);
    assert!(fs::symlink_metadata(folder.path("twice.json")).unwrap().is_symlink());
    assert!(folder.read("sub/new.json").contains("plimsoll-plan/1"));
    symlink("circle.json", folder.path("circle.json")).unwrap();
    plimsoll(&["plan", &csv, "--out", &folder.text("circle.json")])
        .fails_with("circle.json: cannot write the file: ");
    fs::create_dir(folder.path("folder.json")).unwrap();
    for (name, reason) in
        [("folder.json", "is a directory"), ("new.json/", "is a directory"), ("none/x.json", "its folder ")]
    {
        plimsoll(&["plan", &csv, "--out", &folder.text(name)]).fails_with(reason);
    }
}

/// The input by its own name, another path, a symbolic and a hard link, in every command that writes.
#[test]
fn no_output_is_an_input() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let (network, scratch) = (model(TFLITE), folder.with("scratch.csv", "operator,bytes\n0,16\n"));
    let machine = folder.with("machine.toml", "[[pool]]\nname = \"ddr\"\n");
    let families = folder.with("families.csv", "model,family\nin,x\n");
    symlink("in.csv", folder.path("soft.csv")).unwrap();
    for (from, to) in [("in.csv", "hard.csv"), ("machine.toml", "hard.json"), ("scratch.csv", "s.csv")] {
        fs::hard_link(folder.path(from), folder.path(to)).unwrap();
    }
    let text = |name: &str| folder.text(name);
    let [soft, hard, other] = ["soft.csv", "hard.csv", "./in.csv"].map(text);
    let [hard_machine, hard_scratch, model_out] = ["hard.json", "s.csv", "x.tflite"].map(text);
    let parts = [
        onnx_models::external("w", onnx_models::FLOAT, &[4], "w.json"),
        onnx_models::node("Relu", &["x"], &["y"]),
    ];
    let onnx = folder.with("m.onnx", onnx_models::model(&parts));
    let weights = folder.with("w.json", "weights");
    symlink("w.json", folder.path("soft_weights.svg")).unwrap();
    let soft_weights = text("soft_weights.svg");
    let before = folder.names();
    for arguments in [
        vec!["plan", &onnx, "--out", &weights],
        vec!["plan", &onnx, "--out", &soft_weights],
        vec!["fit", &onnx, "--memory", "l2=1KiB", "--json", &weights],
        vec!["compare", &onnx, "--json", &weights],
        vec![
            "fit",
            &network,
            "--target",
            "tflm",
            "--memory",
            "l2=1KiB",
            "--scratch",
            &scratch,
            "--json",
            &hard_scratch,
        ],
        vec!["compare", &network, "--target", "tflm", "--scratch", &scratch, "--json", &hard_scratch],
        vec!["plan", &csv, "--out", &csv],
        vec!["plan", &csv, "--out", &other],
        vec!["plan", &csv, "--out", &soft],
        vec!["plan", &csv, "--out", &hard],
        vec!["plan", &soft, "--out", &hard],
        vec!["plan", &network, "--out", &model_out, "--scratch", &scratch, "--out", &hard_scratch],
        vec!["plan", &network, "--memory", &machine, "--out", &hard_machine],
        vec!["fit", &network, "--memory", &machine, "--json", &machine],
        vec!["fit", &network, "--memory", &machine, "--largest-input", "n", "--json", &hard_machine],
        vec!["fit", &csv, "--families", &families, "--json", &families],
        vec!["compare", &csv, "--strategies", "naive", "--json", &csv],
        vec!["compare", &csv, "--strategies", "naive", "--json", &hard],
    ] {
        plimsoll(&arguments).fails_with("the output is also an input and would be overwritten");
    }
    assert_eq!((folder.read("in.csv"), folder.names()), (CSV.to_owned(), before));
    assert_eq!(folder.read("w.json"), "weights");
}

#[test]
fn two_outputs_are_two_files() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    folder.with("old.json", "old");
    fs::hard_link(folder.path("old.json"), folder.path("hard.json")).unwrap();
    symlink("new.json", folder.path("soft.json")).unwrap();
    for [one, other] in
        [["a.json", "a.json"], ["a.json", "./a.json"], ["old.json", "hard.json"], ["new.json", "soft.json"]]
    {
        let (one, other) = (folder.text(one), folder.text(other));
        plimsoll(&["plan", &csv, "--out", &one, "--out", &other]).fails_with("two outputs name this file");
    }
    assert_eq!(folder.read("old.json"), "old");
    assert_eq!(folder.names(), ["hard.json", "in.csv", "old.json", "soft.json"]);
}

#[test]
fn pipes_and_devices_are_written_to() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let pipe = fifo(&folder, "pipe.json");
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    assert_eq!(plimsoll(&["plan", &csv, "--out", &pipe, "--out", &folder.text("same.json")]).0, 0);
    assert_eq!(reader.join().unwrap(), folder.read("same.json"));
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());

    symlink("/dev/null", folder.path("null.json")).unwrap();
    assert_eq!(plimsoll(&["plan", &csv, "--out", &folder.text("null.json")]).0, 0);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    // If a device accepts no data, no other output appears either.
    if Path::new("/dev/full").exists() {
        symlink("/dev/full", folder.path("full.json")).unwrap();
        let (full, csv_out) = (folder.text("full.json"), folder.text("none.csv"));
        plimsoll(&["plan", &csv, "--out", &csv_out, "--out", &full])
            .fails_with("full.json: cannot write the file: No space left");
        assert!(!folder.path("none.csv").exists());
    }
    let left = folder.names().into_iter().filter(|name| name.contains(".plimsoll-")).count();
    assert_eq!(left, 0);
}

/// The summary follows the plan on standard output, whether that is a pipe or a file.
#[test]
fn standard_output_is_written_to() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    symlink("/dev/stdout", folder.path("stdout.csv")).unwrap();
    let (status, text, _) = plimsoll(&["plan", &csv, "--out", &folder.text("stdout.csv")]);
    assert!(status == 0 && text.starts_with("id,lower,") && text.contains("\nmodel          in\n"), "{text}");
    let file = File::create(folder.path("file.txt")).unwrap();
    let mut command = Command::new(cargo_bin("plimsoll"));
    let output = command.args(["plan", &csv, "--out", &folder.text("stdout.csv")]).stdout(file);
    assert!(output.status().unwrap().success());
    let written = folder.read("file.txt");
    assert!(written.starts_with("id,lower,") && written.contains("\nmodel          in\n"), "{written}");
}

#[test]
fn a_failed_write_leaves_the_other_outputs_as_they_were() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    folder.with("old.json", "old");
    let limited = "ulimit -f 1; exec \"$0\" plan \"$1\" --out \"$2\" --out \"$3\"";
    let large = folder.with("large.csv", buffers("b", 2000));
    let before = folder.names();
    // SIGXFSZ ends the process at the size limit. If the signal is ignored, the write fails instead.
    let script = format!("trap '' XFSZ; {limited}");
    let [old, new] = ["old.json", "new.csv"].map(|name| folder.text(name));
    let command = cargo_bin("plimsoll");
    let output = Command::new("sh").args(["-c", &script]).arg(command).args([&large, &old, &new]).output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("cannot write the file: File too large"), "{errors}");
    assert_eq!((folder.read("old.json").as_str(), folder.names()), ("old", before));
    assert_eq!(plimsoll(&["plan", &csv, "--out", &old, "--out", &new]).0, 0);
}

/// A mount point cannot be replaced, so the command undoes the earlier renames.
#[test]
fn a_failed_rename_is_undone() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let (first, last) = (folder.with("first.csv", "old"), folder.with("last.csv", "old"));
    let (new, mounted) = (folder.text("new.svg"), folder.with("mounted.json", "old"));
    let source = folder.with("source", "old");
    let before = folder.names();
    let script = "mount --bind \"$6\" \"$5\" || exit 99
        exec \"$0\" plan \"$1\" --out \"$2\" --out \"$3\" --out \"$5\" --out \"$4\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--", "sh", "-c", script]).arg(cargo_bin("plimsoll"));
    let output = command.args([&csv, &first, &new, &last, &mounted, &source]).output();
    let Ok(output) = output else { return };
    if output.status.code() != Some(2) {
        assert!(!output.status.success());
        eprintln!("skipped: no permission to mount");
        return;
    }
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("mounted.json: cannot write the file: "), "{errors}");
    assert!(errors.contains("no other output changed"), "{errors}");
    assert_eq!((folder.read("first.csv").as_str(), folder.read("last.csv").as_str()), ("old", "old"));
    assert_eq!(folder.names(), before);
}

/// The command waits for the reader of a pipe after it has written its temporary files.
#[test]
fn signals_leave_nothing_behind() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    let pipe = fifo(&folder, "pipe.json");
    folder.with("old.json", "old");
    let before = folder.names();
    let (old, new) = (folder.text("old.json"), folder.text("new.csv"));
    // Under `nohup`, the command inherits an ignored SIGHUP.
    let hang_up = Some(("HUP", 129)).filter(|_| !is_hang_up_ignored());
    for (signal, expected) in [("INT", 130), ("TERM", 143)].into_iter().chain(hang_up) {
        let mut child = start(&["plan", &csv, "--out", &old, "--out", &new, "--out", &pipe]);
        // Wait for both temporary files.
        while folder.names().len() < before.len() + 2 {
            assert!(child.try_wait().unwrap().is_none(), "the command ended before the signal");
            thread::sleep(Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(expected), "{signal}");
        assert_eq!((folder.read("old.json").as_str(), folder.names()), ("old", before.clone()), "{signal}");
    }
}

fn is_hang_up_ignored() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 == 1)
}

/// Two commands with the same process id, in different namespaces, write into one folder.
#[test]
fn equal_process_ids_do_not_mix_plans_up() {
    let folder = Folder::new();
    let unshare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--"]).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    let permitted = unshare(&["true"]).and_then(|mut child| child.wait());
    if !permitted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no permission to make a PID namespace");
        return;
    }
    let command = cargo_bin("plimsoll").to_str().unwrap().to_owned();
    let mut children = Vec::new();
    for name in ["a", "b"] {
        let input = folder.with(&format!("{name}.csv"), buffers(name, 500));
        let right = folder.text(&format!("{name}-right.csv"));
        assert_eq!(plimsoll(&["plan", &input, "--out", &right]).0, 0);
        let outs: Vec<String> = (0..30).map(|k| folder.text(&format!("{name}-{k}.csv"))).collect();
        let mut arguments = vec![command.as_str(), "plan", &input];
        arguments.extend(outs.iter().flat_map(|out| ["--out", out.as_str()]));
        children.push(unshare(&arguments).unwrap());
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    for name in ["a", "b"] {
        let right = folder.read(&format!("{name}-right.csv"));
        for k in 0..30 {
            assert!(folder.read(&format!("{name}-{k}.csv")) == right, "{name}-{k}.csv");
        }
    }
}

/// Every kind of input is refused if it is a device, a folder, or a pipe without an end.
#[test]
fn inputs_have_an_end() {
    let folder = Folder::new();
    let (network, csv) = (model(TFLITE), folder.with("in.csv", CSV));
    let kinds = ["json", "csv", "onnx", "tflite", "toml"];
    for kind in kinds {
        symlink("/dev/zero", folder.path(&format!("zero.{kind}"))).unwrap();
        fs::create_dir(folder.path(&format!("folder.{kind}"))).unwrap();
        fifo(&folder, &format!("pipe.{kind}"));
    }
    let out = folder.text("out.tflite");
    let run = |name: &str, case: usize| {
        let path = |kind: &str| folder.text(&format!("{name}.{kind}"));
        let [json, table, onnx, tflite, toml] = kinds.map(path);
        let uses = [
            (vec!["plan", &json], &json),
            (vec!["plan", &table], &table),
            (vec!["plan", &onnx], &onnx),
            (vec!["plan", &tflite], &tflite),
            (vec!["verify", &csv, &json], &json),
            (vec!["verify", &onnx], &onnx),
            (vec!["verify", &tflite], &tflite),
            (vec!["plan", &network, "--memory", &toml], &toml),
            (vec!["fit", &network, "--memory", &toml], &toml),
            (vec!["plan", &network, "--out", &out, "--scratch", &table], &table),
            (vec!["verify", &network, "--scratch", &table], &table),
            (vec!["fit", &csv, "--families", &table], &table),
        ];
        let (arguments, path) = &uses[case];
        let writer = (name == "pipe").then(|| {
            let path = (*path).clone();
            // The writer ends when the command closes the pipe.
            thread::spawn(move || {
                let zeros = vec![b' '; 1 << 20];
                let Ok(mut pipe) = fs::OpenOptions::new().write(true).open(path) else { return };
                while pipe.write_all(&zeros).is_ok() {}
            })
        });
        let (status, _, errors) = plimsoll(arguments);
        assert_eq!(status, 2, "{arguments:?}: {errors}");
        if let Some(writer) = writer {
            writer.join().unwrap();
        }
        errors
    };
    for case in 0..12 {
        let errors = run("zero", case);
        assert!(errors.contains("it is a device"), "{errors}");
        let errors = run("folder", case);
        assert!(errors.contains("is a directory"), "{errors}");
    }
    for case in [0, 1, 2, 3, 4, 7, 9] {
        let errors = run("pipe", case);
        let is_model = errors.contains("it is a pipe, but a model must be a file");
        assert!(is_model || errors.contains("no end within 268435456 bytes"), "{errors}");
    }
}

/// A finite pipe is read like a file.
#[test]
fn pipes_with_an_end_are_read() {
    let folder = Folder::new();
    let csv = folder.with("in.csv", CSV);
    assert_eq!(plimsoll(&["plan", &csv, "--out", &folder.text("plan.json")]).0, 0);
    let pipe = fifo(&folder, "pipe.json");
    let plan = folder.read("plan.json");
    let writer = thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, plan).unwrap()
    });
    let (status, text, _) = plimsoll(&["verify", &csv, &pipe]);
    writer.join().unwrap();
    assert_eq!(status, 0, "{text}");
}

#[test]
fn names_need_not_be_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::new();
    let path = |bytes: &[u8]| folder.path("").join(OsStr::from_bytes(bytes));
    fs::write(path(b"in\xff.csv"), CSV).unwrap();
    let mut command = Command::new(cargo_bin("plimsoll"));
    command.arg("plan").arg(path(b"in\xff.csv")).arg("--out").arg(path(b"out\xfe.json"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut plan = String::new();
    File::open(path(b"out\xfe.json")).unwrap().read_to_string(&mut plan).unwrap();
    assert!(plan.contains("plimsoll-plan/1"));
}
