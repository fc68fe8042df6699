//! Parsers of option values: sizes, times, ranges, shapes and name-value pairs.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use plimsoll::import::InputShape;
use plimsoll::{ElementType, InputContents, Storage};

/// Name of a value of an option, the value, and its help text.
pub type NamedValue<T> = (&'static str, T, &'static str);

/// Parser of an option that takes one of these values.
pub fn named<T: Copy + Send + Sync>(values: &'static [NamedValue<T>]) -> impl TypedValueParser<Value = T> {
    let possible = values.iter().map(|&(name, _, help)| PossibleValue::new(name).help(help));
    PossibleValuesParser::new(possible).map(|given| {
        let found = values.iter().find(|(name, ..)| *name == given);
        found.expect("clap accepts only the possible values").1
    })
}

/// Returns the first name that occurs a second time.
pub fn first_duplicate<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<&'a String> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name))
}

pub fn size(text: &str) -> Result<u64, String> {
    parse_size::parse_size(text).map_err(|error| format!("{error}; use e.g. 2MiB, 512KiB, 1MB or 1048576"))
}

/// A number with decimals. Unlike `f64::from_str`, it refuses `inf`, `nan` and `infinity`.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim_end();
    let is_number = text.ends_with(|last: char| last.is_ascii_digit() || last == '.');
    text.parse().ok().filter(|_| is_number)
}

/// A part of a whole, in parts per million.
#[allow(clippy::cast_sign_loss)] // negative parts are refused
pub fn part_per_million(text: &str) -> Result<u64, String> {
    let form = "use e.g. 5% or 0.05";
    let (number, unit) = text.strip_suffix('%').map_or((text, 1e6), |number| (number, 1e4));
    let part = decimal(number).ok_or_else(|| format!("not a part; {form}"))?;
    if part < 0.0 {
        return Err(format!("a part cannot be negative; {form}"));
    }
    if unit > 1e4 && part > 1.0 {
        return Err(format!("a part above 1 needs a percent sign; use e.g. {}%", number.trim_end()));
    }
    // The conversion saturates.
    Ok((part * unit).round() as u64)
}

/// Time units and their lengths in seconds; `ms` comes before `s`, its suffix.
const UNITS: [(&str, f64); 3] = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];

pub fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "not a time; use e.g. 5, 5s, 500ms or 2m".to_owned();
    let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, unit) = unit.unwrap_or((text, 1.0));
    let number = decimal(number).ok_or_else(wrong)?;
    if number < 0.0 {
        return Err("a time cannot be negative; use 0 or more".to_owned());
    }
    // A limit above 64 bits of seconds never ends a search.
    Ok(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
}

pub fn range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("expected START..END, e.g. 0..4KiB")?;
    let range = size(start)?..size(end)?;
    if range.is_empty() { Err("the range is empty; START must be below END".to_owned()) } else { Ok(range) }
}

pub fn counted_type(text: &str) -> Result<ElementType, String> {
    let element_type: ElementType = text.parse().map_err(|error| format!("{error}"))?;
    match element_type.bits() {
        None | Some(0) => Err(format!("element type `{element_type}` has no fixed size; use e.g. int8")),
        Some(_) => Ok(element_type),
    }
}

pub fn alignment(text: &str) -> Result<u64, String> {
    let bytes: u64 =
        text.parse().map_err(|_| "not a whole number; use a power of two, e.g. 16".to_owned())?;
    if bytes.is_power_of_two() { Ok(bytes) } else { Err("not a power of two; use e.g. 16 or 64".to_owned()) }
}

/// Splits an option `NAME=VALUE`. A name may contain an equals sign, a value cannot.
fn name_and_value<'t>(text: &'t str, form: &str) -> Result<(String, &'t str), String> {
    match text.rsplit_once('=').map(|(name, value)| (name.trim(), value.trim())) {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value)),
        _ => Err(format!("expected {form}")),
    }
}

pub fn input_shape(text: &str) -> Result<(String, InputShape), String> {
    let (name, shape) = name_and_value(text, "NAME=SHAPE, e.g. x=1x3x320x320")?;
    Ok((name, shape.parse()?))
}

pub fn tensor_value(text: &str) -> Result<(String, Vec<i64>), String> {
    let (name, numbers) = name_and_value(text, "NAME=NUMBERS, e.g. sr=16000 or shape=1,80")?;
    let number = |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is not a whole number"));
    Ok((name, numbers.split(',').map(number).collect::<Result<_, _>>()?))
}

pub fn state(text: &str) -> Result<(String, String), String> {
    let (input, output) = name_and_value(text, "INPUT=OUTPUT, e.g. past=present")?;
    Ok((input, output.to_owned()))
}

/// Contents of all inputs, or of one with its name.
pub fn input_contents(text: &str) -> Result<(Option<String>, InputContents), String> {
    // A name may contain an equals sign.
    let (name, value) = match text.rsplit_once('=') {
        Some((name, value)) if !name.trim().is_empty() => (Some(name.trim().to_owned()), value.trim()),
        Some(_) => return Err("expected CONTENTS or NAME=CONTENTS, e.g. x=preserved".to_owned()),
        None => (None, text.trim()),
    };
    match InputContents::NAMED.iter().find(|(name, _)| *name == value) {
        Some(&(_, contents)) => Ok((name, contents)),
        // Earlier versions had this name for `reusable`.
        None if value == "kept" => {
            Err("`kept` is called `reusable` now, as other tensors may have the bytes after \
                                        the last read; use `preserved` to keep the contents to the end"
                .to_owned())
        }
        None => Err(format!("unknown contents `{value}`; use reusable, preserved or overwritable")),
    }
}

pub fn storage(text: &str) -> Result<(String, Storage), String> {
    let (name, memory) = name_and_value(text, "NAME=MEMORY, e.g. frame=outside")?;
    Ok((name, Storage::from_name(memory)))
}

pub fn dimension(text: &str) -> Result<(String, u64), String> {
    let (name, value) = name_and_value(text, "NAME=VALUE, e.g. batch=1")?;
    Ok((name, value.parse().map_err(|_| format!("`{value}` is not a whole number"))?))
}
