//! CSV importer for lists of buffers: `id,lower,upper,size[,alignment][,offset][,gaps]`, the format of
//! `MiniMalloc`.

use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use csv::{Position, ReaderBuilder, StringRecord, Trim};

use super::{ImportError, ImportOptions};
use crate::problem::{Buffer, LiveRange, Problem};

pub(super) fn read_file(path: &Path, options: &ImportOptions) -> Result<Problem, ImportError> {
    from_bytes("", &super::contents(path)?, options)
}

/// Imports buffers from CSV, in the order of the rows; `name` is not used.
///
/// A header names the columns, in any order: `id` (any text, once), `lower` and
/// `upper` (the first step at which the buffer is live, and the step after the
/// last), `size` in bytes, and optionally `alignment`, `offset` (a fixed offset), and `gaps` (ranges
/// `lower-upper`, separated by spaces, in which other buffers may use the memory), whose fields may be
/// empty. Other columns are ignored.
///
/// Example: [`read`](crate::import::read).
///
/// # Errors
/// [`ImportError::Malformed`] naming line, column and value,
/// [`ImportError::Invalid`] if the buffers break a rule.
pub fn from_bytes(_name: &str, bytes: &[u8], options: &ImportOptions) -> Result<Problem, ImportError> {
    super::check_fixed(options)?;
    super::states::check_none(options)?;
    super::memory::check_none(options)?;
    // Flexible, so that `check_shape` reports rows of a wrong length with their line.
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(bytes);
    let columns = CsvColumns::find(reader.headers().map_err(malformed)?)?;
    let mut line_of: HashMap<String, u64> = HashMap::new();
    let (mut buffers, mut names, mut hints) = (Vec::new(), Vec::new(), Vec::new());
    let mut fields = StringRecord::new();
    while reader.read_record(&mut fields).map_err(malformed)? {
        options.check_cancelled()?;
        let line = fields.position().map_or(0, |position| line_of_row(bytes, position));
        let row = CsvRow { columns: &columns, fields: &fields, line };
        row.check_shape()?;
        let id = row.text(columns.id).to_owned();
        if let Some(first) = line_of.insert(id.clone(), line) {
            return Err(malformed(format!("line {line}: id `{id}` stands at line {first} already")));
        }
        buffers.push(row.buffer(options.alignment.unwrap_or(1))?);
        names.push(id);
        if columns.hint.is_some() {
            hints.push(row.optional("hint", columns.hint)?);
        }
    }
    Ok(Problem::named(buffers, names)?.with_hints(hints))
}

fn malformed(reason: impl ToString) -> ImportError {
    ImportError::malformed("CSV", reason)
}

/// The line on which a row starts: its position is that of the end of the row
/// before, and blank lines may follow there.
fn line_of_row(bytes: &[u8], position: &Position) -> u64 {
    let rest = bytes.get(position.byte() as usize..).unwrap_or(&[]);
    let line_ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + line_ends.filter(|&&byte| byte == b'\n').count() as u64
}

/// Positions of the columns.
struct CsvColumns {
    id: usize,
    lower: usize,
    upper: usize,
    size: usize,
    alignment: Option<usize>,
    offset: Option<usize>,
    hint: Option<usize>,
    gaps: Option<usize>,
    count: usize,
}

impl CsvColumns {
    fn find(header: &StringRecord) -> Result<Self, ImportError> {
        let position = |name: &str| {
            let mut positions =
                header.iter().enumerate().filter(|column| column.1 == name).map(|column| column.0);
            match (positions.next(), positions.next()) {
                (_, Some(_)) => Err(malformed(format!("the header has two columns `{name}`"))),
                (position, None) => Ok(position),
            }
        };
        let needed = |name: &str| {
            position(name)?.ok_or_else(|| {
                let columns: Vec<String> = header.iter().map(|column| format!("`{column}`")).collect();
                let columns = if columns.is_empty() { "no columns".to_owned() } else { columns.join(", ") };
                malformed(format!("the header lacks the column `{name}`; it has {columns}"))
            })
        };
        Ok(Self {
            id: needed("id")?,
            lower: needed("lower")?,
            upper: needed("upper")?,
            size: needed("size")?,
            alignment: position("alignment")?,
            offset: position("offset")?,
            hint: position("hint")?,
            gaps: position("gaps")?,
            count: header.len(),
        })
    }
}

/// A row of the file.
struct CsvRow<'a> {
    columns: &'a CsvColumns,
    fields: &'a StringRecord,
    line: u64,
}

impl CsvRow<'_> {
    fn check_shape(&self) -> Result<(), ImportError> {
        let (got, expected) = (self.fields.len(), self.columns.count);
        if got != expected {
            let line = self.line;
            return Err(malformed(format!("line {line}: {got} fields, but the header has {expected}")));
        }
        Ok(())
    }

    fn gaps(&self) -> Result<Vec<LiveRange>, ImportError> {
        let text = self.columns.gaps.map_or("", |gaps| self.text(gaps));
        let gap = |range: &str| {
            let ends =
                range.split_once('-').and_then(|(start, end)| Some((start.parse().ok()?, end.parse().ok()?)));
            let line = self.line;
            let wrong = || {
                let rest = if range.contains('@') {
                    "; gaps that keep a part of the memory are not supported"
                } else {
                    ""
                };
                malformed(format!(
                    "line {line}: gap `{range}` is not a range like `3-5` of whole numbers from 0 to {}{rest}",
                    u32::MAX
                ))
            };
            ends.map(|(start, end)| LiveRange { start, end }).ok_or_else(wrong)
        };
        text.split_whitespace().map(gap).collect()
    }

    fn buffer(&self, default_alignment: u64) -> Result<Buffer, ImportError> {
        let lower: u32 = self.number("lower", self.columns.lower, u32::MAX)?;
        let upper: u32 = self.number("upper", self.columns.upper, u32::MAX)?;
        let size = self.number("size", self.columns.size, u64::MAX)?;
        let alignment = self.optional("alignment", self.columns.alignment)?;
        let buffer = Buffer::new(size, lower..upper).align(alignment.unwrap_or(default_alignment));
        let buffer = buffer.with_gaps(self.gaps()?);
        Ok(match self.optional("offset", self.columns.offset)? {
            Some(offset) => buffer.at(offset),
            None => buffer,
        })
    }

    /// A number whose field may be empty or whose column may be missing.
    fn optional(&self, name: &str, column: Option<usize>) -> Result<Option<u64>, ImportError> {
        let given = column.filter(|&column| !self.text(column).is_empty());
        given.map(|column| self.number(name, column, u64::MAX)).transpose()
    }

    fn number<T: FromStr + Display + Copy>(
        &self,
        name: &str,
        column: usize,
        max: T,
    ) -> Result<T, ImportError> {
        let (text, line) = (self.text(column), self.line);
        let wrong =
            |_| malformed(format!("line {line}: {name} `{text}` is not a whole number from 0 to {max}"));
        text.parse().map_err(wrong)
    }

    fn text(&self, column: usize) -> &str {
        self.fields.get(column).unwrap_or("")
    }
}
