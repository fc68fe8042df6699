//! Text for the terminal: no control characters, and no line of more than 2048 bytes.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::outcome::Failure;

/// `--quiet`: nothing but errors is printed.
static IS_QUIET: AtomicBool = AtomicBool::new(false);

/// Sets `--quiet`; called once, before anything is printed.
pub fn set_quiet(is_quiet: bool) {
    IS_QUIET.store(is_quiet, Ordering::Relaxed);
}

fn is_quiet() -> bool {
    IS_QUIET.load(Ordering::Relaxed)
}

/// Prints to standard output, unless `--quiet` is given. A pipe that its reader has closed is not an error.
pub fn print(text: &str) -> Result<(), Failure> {
    if is_quiet() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}").into()),
        _ => Ok(()),
    }
}

/// Prints a summary line by line; names in it may be of any length.
pub fn print_lines(text: &str) -> Result<(), Failure> {
    print(&text.lines().map(|line| one_line(line) + "\n").collect::<String>())
}

/// Length limit of a printed line in bytes.
const MAX_LINE_BYTES: usize = 2048;

/// Length limit in bytes of a word in a line that exceeds [`MAX_LINE_BYTES`].
const MAX_WORD_BYTES: usize = 160;

/// Makes text safe to print as one line of at most [`MAX_LINE_BYTES`].
///
/// Names come from files and may contain anything, so control characters and marks that change the
/// direction of text are replaced. In a line that is too long, long words are shortened first: most
/// often they are names, and the cause of an error stands between or after them. If the line is
/// still too long, its middle is left out.
pub fn one_line(text: &str) -> String {
    if text.len() <= MAX_LINE_BYTES / 3 {
        // The replacement character has three bytes, so the line cannot exceed the limit.
        return text.chars().map(printable).collect();
    }
    let line: String = text.chars().map(printable).collect();
    if line.len() <= MAX_LINE_BYTES {
        return line;
    }
    let line: String = line.split_inclusive(' ').map(|word| shorten(word, MAX_WORD_BYTES)).collect();
    shorten(&line, MAX_LINE_BYTES)
}

fn printable(c: char) -> char {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || reorders { '\u{fffd}' } else { c }
}

/// Shortens text to `limit` bytes: two thirds of them from its start, one third from its end, and
/// between them the number of bytes left out.
fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    // 48 bytes hold the longest note on the bytes left out.
    let kept = limit - 48;
    let (mut head, mut tail) = (kept * 2 / 3, text.len() - kept / 3);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}[... {} bytes left out ...]{}", &text[..head], tail - head, &text[tail..])
}

/// Prints an error to standard error.
pub fn report_error(failure: &dyn std::fmt::Display) {
    print_error("error", failure);
}

/// Prints a note to standard error, unless `--quiet` is given.
pub fn report_note(text: &dyn std::fmt::Display) {
    if !is_quiet() {
        print_error("note", text);
    }
}

/// Prints the notes of one of several files without disturbing the progress bar.
pub fn report_notes(file: &Path, notes: &[String], bar: &ProgressBar) {
    for note in notes {
        bar.suspend(|| report_note(&format!("{}: {note}", file.display())));
    }
}

/// Prints a usage error of several lines to standard error.
pub fn report_usage(text: &str) {
    let lines: Vec<String> = text.lines().map(one_line).collect();
    let _ = writeln!(std::io::stderr(), "{}", shorten(&lines.join("\n"), MAX_LINE_BYTES));
}

/// Ignores a standard error that cannot be written: there is no other place to report it.
fn print_error(kind: &str, text: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{kind}: {}", one_line(&text.to_string()));
}

/// Progress bar on standard error, hidden if that is not a terminal.
pub fn progress(steps: usize) -> ProgressBar {
    if is_quiet() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Table with `text_columns` columns aligned to the left, and the others to the right.
pub fn table<R: IntoIterator<Item = String>>(
    header: &[impl AsRef<str>],
    text_columns: usize,
    rows: impl IntoIterator<Item = R>,
) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header.iter().map(AsRef::as_ref));
    for column in table.column_iter_mut().skip(text_columns) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in rows {
        table.add_row(row);
    }
    table
}

/// Text of a CSV file.
pub fn csv_text<R: IntoIterator<Item = String>>(
    header: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.into_iter().map(String::into_bytes))?;
    }
    Ok(String::from_utf8(writer.into_inner().map_err(|error| error.to_string())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_lines_keep_the_cause() {
        let name = "n".repeat(1 << 20);
        let line = one_line(&format!("a.onnx: tensor `{name}` overlaps `{name}`; use another"));
        assert!(line.len() <= MAX_LINE_BYTES, "{}", line.len());
        assert!(line.starts_with("a.onnx: tensor `nnn") && line.ends_with("nnn`; use another"), "{line}");
        assert!(line.contains("` overlaps `"), "{line}");
        let words = one_line(&"\u{feff}é ".repeat(10_000));
        assert!(words.len() <= MAX_LINE_BYTES && words.contains(" bytes left out "), "{words}");
        assert_eq!(one_line("a\u{1b}[31m\nb\u{202e}"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
        let bells = one_line(&"\u{7}".repeat(2000));
        assert!(bells.len() <= MAX_LINE_BYTES, "{}", bells.len());
    }
}
