//! Keyword arguments as options of the import and of the planner.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use plimsoll::allocate::{self, Settings};
use plimsoll::import::{Fold, ImportOptions, InputDimension, InputShape, Layout};
use plimsoll::tiling::TilingGoal;
use plimsoll::{
    CancelToken, Effort, ElementType, InputContents, Limits, Planner, ScheduleMode, SharingLevel, Storage,
    Variables,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::error;

/// Names of the options that decide how a file is read.
pub const READING: [&str; 11] = [
    "dims",
    "input_shapes",
    "values",
    "states",
    "fold",
    "floats_as",
    "layout",
    "inputs",
    "overwrite_inputs",
    "storage",
    "multi_pass",
];

/// Names of the options that decide how a graph is planned.
pub const PLANNING: [&str; 15] = [
    "align",
    "capacity",
    "reserve",
    "order",
    "share",
    "strategy",
    "effort",
    "node_limit",
    "time_limit",
    "seed",
    "threads",
    "variables",
    "linked_bodies",
    "tile",
    "max_extra_macs",
];

/// Alignment in bytes unless stated, as on the command line.
pub const ALIGNMENT: u64 = 16;

/// Options of a plan.
pub struct PlanOptions {
    align: u64,
    capacity: Option<u64>,
    reserve: Vec<Range<u64>>,
    order: ScheduleMode,
    share: SharingLevel,
    strategy: String,
    settings: Settings,
    node_limit: Option<u64>,
    time_limit: Option<Duration>,
    variables: Variables,
    linked_bodies: bool,
    /// The goal of the tiling; none without tiling.
    pub tiling: Option<TilingGoal>,
}

impl PlanOptions {
    pub fn new(given: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut options = Self {
            align: ALIGNMENT,
            capacity: None,
            reserve: Vec::new(),
            order: ScheduleMode::Auto,
            share: SharingLevel::None,
            strategy: "auto".to_owned(),
            settings: Settings::default(),
            node_limit: None,
            time_limit: None,
            variables: Variables::Arena,
            linked_bodies: true,
            tiling: None,
        };
        let (mut tile, mut max_extra_macs) = (false, None);
        for (name, value) in given_options(given, &PLANNING)? {
            let value = Value { name: &name, value: &value };
            match name.as_str() {
                "align" => options.align = value.alignment()?,
                "capacity" => options.capacity = Some(value.bytes()?),
                "reserve" => options.reserve = value.ranges()?,
                "order" => options.order = value.one_of(&ORDERS)?,
                "share" => options.share = value.one_of(&SHARING_LEVELS)?,
                "strategy" => options.strategy = value.extract("a name")?,
                "effort" => options.settings.effort = value.one_of(&EFFORTS)?,
                "node_limit" => options.node_limit = Some(value.extract("a number of search nodes")?),
                "time_limit" => options.time_limit = Some(value.seconds()?),
                "seed" => options.settings.seed = value.extract("a whole number from 0")?,
                "threads" => options.settings.threads = value.threads()?,
                "variables" => options.variables = value.one_of(&VARIABLE_LOCATIONS)?,
                "linked_bodies" => options.linked_bodies = value.extract("True or False")?,
                "tile" => tile = value.extract("True or False")?,
                _ => max_extra_macs = Some(value.fraction()?),
            }
        }
        if max_extra_macs.is_some() && !tile {
            return Err(PyTypeError::new_err("max_extra_macs needs tile=True"));
        }
        if tile {
            let mut goal = match options.capacity {
                Some(bytes) => TilingGoal::fit(bytes),
                None => TilingGoal::least_memory(),
            };
            goal.max_extra_ppm = max_extra_macs.unwrap_or(goal.max_extra_ppm);
            options.tiling = Some(goal);
        }
        Ok(options)
    }

    /// The limits of a call that begins now.
    fn limits(&self, token: CancelToken) -> Limits {
        let mut limits = Limits::new().cancel(token);
        if let Some(nodes) = self.node_limit {
            limits = limits.nodes(nodes);
        }
        if let Some(deadline) = self.time_limit.and_then(|time| Instant::now().checked_add(time)) {
            limits = limits.deadline(deadline);
        }
        limits
    }

    /// The planner of a call that begins now.
    ///
    /// # Errors
    /// An unknown strategy.
    pub fn planner(&self, token: CancelToken) -> plimsoll::Result<Planner> {
        let strategy = allocate::by_name_with(&self.strategy, self.settings)?;
        let mut planner = Planner::new()
            .alignment(self.align)
            .variables(self.variables)
            .links(self.linked_bodies)
            .order(self.order)
            .share(self.share)
            .strategy(strategy)
            .effort(self.settings.effort)
            .limits(self.limits(token));
        if let Some(capacity) = self.capacity {
            planner = planner.capacity(capacity);
        }
        Ok(self.reserve.iter().cloned().fold(planner, Planner::reserve))
    }

    /// The capacity and the reserved ranges, which a buffer list carries itself.
    pub fn limits_of_memory(&self) -> (Option<u64>, Vec<Range<u64>>) {
        (self.capacity, self.reserve.clone())
    }
}

/// Options of an import.
pub fn import_options(given: Option<&Bound<'_, PyDict>>) -> PyResult<ImportOptions> {
    let mut options = ImportOptions::default();
    options.alignment = Some(ALIGNMENT);
    for (name, value) in given_options(given, &READING)? {
        let value = Value { name: &name, value: &value };
        match name.as_str() {
            "dims" => options.dims = value.extract("a dict from names to numbers")?,
            "input_shapes" => options.input_shapes = value.shapes()?,
            "values" => options.values = value.numbers()?,
            "states" => options.states = value.extract("a dict from inputs to outputs")?,
            "fold" => {
                let folds: bool = value.extract("True or False")?;
                options.fold = if folds { Fold::Constants } else { Fold::None };
            }
            "floats_as" => options.floats_as = value.element_type()?,
            "layout" => options.layout = value.one_of(&LAYOUTS)?,
            "inputs" => value.input_contents(&mut options)?,
            // The name of earlier versions for `inputs="overwritable"`.
            "overwrite_inputs" => {
                if value.extract("True or False")? {
                    options.input_contents = InputContents::Overwritable;
                }
            }
            "storage" => {
                let names: BTreeMap<String, String> = value.extract("a dict from names to memories")?;
                let storage = |(name, memory): (String, String)| (name, Storage::from_name(&memory));
                options.storage = names.into_iter().map(storage).collect();
            }
            _ => options.multi_pass = value.extract("True or False")?,
        }
    }
    Ok(options)
}

/// Names that a keyword argument takes, with their meanings.
type Names<T, const N: usize> = [(&'static str, T); N];

const ORDERS: Names<ScheduleMode, 3> =
    [("file", ScheduleMode::Program), ("auto", ScheduleMode::Auto), ("optimal", ScheduleMode::Optimal)];
const SHARING_LEVELS: Names<SharingLevel, 4> = [
    ("none", SharingLevel::None),
    ("views", SharingLevel::Views),
    ("inplace", SharingLevel::InPlace),
    ("all", SharingLevel::All),
];
const EFFORTS: Names<Effort, 3> =
    [("quick", Effort::Quick), ("default", Effort::Default), ("thorough", Effort::Thorough)];
const VARIABLE_LOCATIONS: Names<Variables, 2> =
    [("arena", Variables::Arena), ("outside", Variables::Outside)];
const LAYOUTS: Names<Layout, 2> =
    [("as-stored", Layout::AsStored), ("channels-innermost", Layout::ChannelsInnermost)];

/// The given options, without those that are `None`.
///
/// # Errors
/// An option that is not `known`.
fn given_options<'py>(
    given: Option<&Bound<'py, PyDict>>,
    known: &[&str],
) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let mut options = Vec::new();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        if !known.contains(&name.as_str()) {
            let known = known.join(", ");
            return Err(PyTypeError::new_err(format!("unknown option `{name}`; the options are {known}")));
        }
        if !value.is_none() {
            options.push((name, value));
        }
    }
    Ok(options)
}

/// The value of an option, with its name for messages.
struct Value<'a, 'py> {
    name: &'a str,
    value: &'a Bound<'py, PyAny>,
}

impl Value<'_, '_> {
    fn wrong(&self, expected: &str) -> PyErr {
        let shown = self.value.repr().map_or_else(|_| "a value".to_owned(), |text| text.to_string());
        error(format!("{}={shown}: expected {expected}", self.name))
    }

    fn extract<T: for<'a> FromPyObjectOwned<'a>>(&self, expected: &str) -> PyResult<T> {
        self.value.extract().map_err(|_| self.wrong(expected))
    }

    fn one_of<T: Copy, const N: usize>(&self, names: &Names<T, N>) -> PyResult<T> {
        let name: String = self.extract("a name")?;
        let found = names.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = names.iter().map(|(name, _)| format!("{name:?}")).collect();
            self.wrong(&format!("one of {}", names.join(", ")))
        })
    }

    /// The contents of all inputs, by a name, or of some, by a dict.
    fn input_contents(&self, options: &mut ImportOptions) -> PyResult<()> {
        if self.value.is_instance_of::<PyString>() {
            options.input_contents = self.one_of(&InputContents::NAMED)?;
            return Ok(());
        }
        let names: BTreeMap<String, String> = self.extract("a name, or a dict from inputs to names")?;
        for (input, contents) in names {
            let found = InputContents::NAMED.iter().find(|(known, _)| *known == contents);
            let contents =
                found.ok_or_else(|| self.wrong("\"reusable\", \"preserved\" or \"overwritable\""))?.1;
            options.contents_of.insert(input, contents);
        }
        Ok(())
    }

    fn bytes(&self) -> PyResult<u64> {
        self.extract("a number of bytes from 0 to 2**64 - 1")
    }

    fn alignment(&self) -> PyResult<u64> {
        let bytes: u64 = self.extract("a power of two")?;
        if bytes.is_power_of_two() { Ok(bytes) } else { Err(self.wrong("a power of two, such as 16")) }
    }

    fn threads(&self) -> PyResult<usize> {
        let threads: u16 = self.extract("a number of threads from 1")?;
        if threads > 0 { Ok(threads.into()) } else { Err(self.wrong("a number of threads from 1")) }
    }

    fn seconds(&self) -> PyResult<Duration> {
        let expected = "a time in seconds, 0 or more";
        let seconds: f64 = self.extract(expected)?;
        if seconds.is_nan() || seconds < 0.0 {
            return Err(self.wrong(expected));
        }
        // A limit above 64 bits of seconds never ends a search.
        Ok(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// A fraction in parts per million.
    #[allow(clippy::cast_sign_loss)] // it is not negative
    fn fraction(&self) -> PyResult<u64> {
        let expected = "a fraction, 0 or more, such as 0.05 for 5 %";
        let fraction: f64 = self.extract(expected)?;
        if fraction.is_nan() || fraction < 0.0 {
            return Err(self.wrong(expected));
        }
        Ok((fraction * 1e6).round() as u64)
    }

    fn ranges(&self) -> PyResult<Vec<Range<u64>>> {
        let pairs: Vec<(u64, u64)> = self.extract("a list of pairs (start, end) in bytes")?;
        Ok(pairs.into_iter().map(|(start, end)| start..end).collect())
    }

    fn element_type(&self) -> PyResult<Option<ElementType>> {
        let name: String = self.extract("the name of an element type")?;
        let element_type: ElementType =
            name.parse().map_err(|reason| error(format!("floats_as: {reason}")))?;
        match element_type.bits() {
            None | Some(0) => Err(self.wrong("an element type of fixed size, such as \"int8\"")),
            Some(_) => Ok(Some(element_type)),
        }
    }

    fn shapes(&self) -> PyResult<BTreeMap<String, InputShape>> {
        let expected =
            "a dict from names to shapes, such as {\"x\": (1, 3, 320, \"width\")} or {\"x\": \"1x3xHxW\"}";
        let shapes = self.value.cast::<PyDict>().map_err(|_| self.wrong(expected))?;
        let mut all = BTreeMap::new();
        for (name, shape) in shapes {
            let name: String = name.extract().map_err(|_| self.wrong(expected))?;
            all.insert(name, input_shape(&shape).ok_or_else(|| self.wrong(expected))?);
        }
        Ok(all)
    }

    fn numbers(&self) -> PyResult<BTreeMap<String, Vec<i64>>> {
        let expected = "a dict from names to a whole number or a list of them";
        let values = self.value.cast::<PyDict>().map_err(|_| self.wrong(expected))?;
        let mut all = BTreeMap::new();
        for (name, value) in values {
            let name: String = name.extract().map_err(|_| self.wrong(expected))?;
            let one = value.extract::<i64>().map(|number| vec![number]);
            let numbers = one.or_else(|_| value.extract()).map_err(|_| self.wrong(expected))?;
            all.insert(name, numbers);
        }
        Ok(all)
    }
}

/// A shape as a text, or as dimensions that are numbers or names.
fn input_shape(shape: &Bound<'_, PyAny>) -> Option<InputShape> {
    if let Ok(text) = shape.cast::<PyString>() {
        return text.to_cow().ok()?.parse().ok();
    }
    let dimension = |item: PyResult<Bound<'_, PyAny>>| {
        let item = item.ok()?;
        let size = item.extract::<u64>().map(InputDimension::Size);
        size.or_else(|_| item.extract().map(InputDimension::Symbol)).ok()
    };
    let dimensions: Option<Vec<InputDimension>> = shape.try_iter().ok()?.map(dimension).collect();
    let mut given = InputShape::from([].as_slice());
    given.dimensions = dimensions?;
    Some(given)
}
