//! Text for the terminal: no control characters, and no line of more than 2 KB.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::Failure;

/// Prints to standard output. A reader that has seen enough is no failure.
pub fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot print: {error}").into()),
        _ => Ok(()),
    }
}

/// Prints a summary, whose lines may hold names of any length.
pub fn say_lines(text: &str) -> Result<(), Failure> {
    say(&text.lines().map(|line| one_line(line) + "\n").collect::<String>())
}

/// Most bytes of a line that is shown.
const LONGEST_LINE: usize = 2048;

/// Most characters of a word in a line that is longer than that.
const LONGEST_WORD: usize = 160;

/// Names come from files and may hold anything; a line stays one line, in the
/// order in which it is written, and of at most 2 KB.
///
/// A line that is too long has its long words cut first: most often those are names, and what
/// is wrong with them stands between or after them. Then the middle of the line goes.
pub fn one_line(text: &str) -> String {
    if text.len() <= LONGEST_LINE / 3 {
        // No character grows to more than three bytes.
        return text.chars().map(shown).collect();
    }
    let line: String = text.chars().map(shown).collect();
    if line.len() <= LONGEST_LINE {
        return line;
    }
    let line: String = line.split_inclusive(' ').map(|word| cut(word, LONGEST_WORD)).collect();
    cut(&line, LONGEST_LINE)
}

fn shown(c: char) -> char {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || reorders { '\u{fffd}' } else { c }
}

/// The first two thirds and the last third of so many bytes, with what is left out.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    // Enough for the longest note of what is left out.
    let kept = most - 48;
    let (mut head, mut tail) = (kept * 2 / 3, text.len() - kept / 3);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}[... {} bytes left out ...]{}", &text[..head], tail - head, &text[tail..])
}

/// Says a reason on standard error, which does not end the command.
pub fn report_error(failure: &dyn std::fmt::Display) {
    print_error("error", failure);
}

/// Says on standard error what the user should know.
pub fn report_note(text: &dyn std::fmt::Display) {
    print_error("note", text);
}

/// Reports the notes of a file among several.
pub fn report_notes(file: &Path, notes: &[String]) {
    for note in notes {
        report_note(&format!("{}: {note}", file.display()));
    }
}

/// Says what is wrong with the arguments, in several lines.
pub fn report_usage(text: &str) {
    let lines: Vec<String> = text.lines().map(one_line).collect();
    let _ = writeln!(std::io::stderr(), "{}", cut(&lines.join("\n"), LONGEST_LINE));
}

/// A standard error that takes nothing is no reason to fail.
fn print_error(kind: &str, text: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "{kind}: {}", one_line(&text.to_string()));
}

/// On a terminal only: what is piped away stays clean.
pub fn progress(steps: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A table whose first columns are words, and the others numbers.
pub fn table(header: &[&str], words: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header.to_vec());
    for column in table.column_iter_mut().skip(words) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_and_say_the_cause() {
        let name = "n".repeat(1 << 20);
        let line = one_line(&format!("a.onnx: tensor `{name}` overlaps `{name}`; use another"));
        assert!(line.len() <= LONGEST_LINE, "{}", line.len());
        assert!(line.starts_with("a.onnx: tensor `nnn") && line.ends_with("nnn`; use another"), "{line}");
        assert!(line.contains("` overlaps `"), "{line}");
        let words = one_line(&"\u{feff}é ".repeat(10_000));
        assert!(words.len() <= LONGEST_LINE && words.contains(" bytes left out "), "{words}");
        assert_eq!(one_line("a\u{1b}[31m\nb\u{202e}"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
        let bells = one_line(&"\u{7}".repeat(2000));
        assert!(bells.len() <= LONGEST_LINE, "{}", bells.len());
    }
}
