//! Access maps in graph JSON.

use serde::{Deserialize, Serialize};

use super::json::{self, Object, is_default};
use crate::graph::{AccessMap, Outside, RowMap, TileAxis};

/// `access` of an operator.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccessEntry {
    /// Cost of one element of an output.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    cost_per_element: u64,
    #[serde(default, deserialize_with = "json::objects")]
    axes: Vec<AxisEntry>,
}

/// An axis along which the operator can be split.
#[derive(Serialize, Deserialize)]
struct AxisEntry {
    /// The axis of each output.
    outputs: Vec<usize>,
    /// The rows of each input; null for inputs that are read as a whole.
    #[serde(default, deserialize_with = "optional_objects")]
    inputs: Vec<Option<RowsEntry>>,
}

/// The rows of an input: output row `r` reads the rows from `floor((r * numerator + first) / denominator)` to
/// `floor((r * numerator + last) / denominator)`.
#[derive(Serialize, Deserialize)]
struct RowsEntry {
    axis: usize,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    numerator: u32,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    denominator: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    first: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    last: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    outside: Outside,
}

fn one<T: From<u8>>() -> T {
    1.into()
}

fn is_one<T: From<u8> + PartialEq>(number: &T) -> bool {
    *number == 1.into()
}

fn optional_objects<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Option<RowsEntry>>, D::Error> {
    let listed = Vec::<Option<Object<RowsEntry>>>::deserialize(deserializer)?;
    Ok(listed.into_iter().map(|entry| entry.map(|entry| entry.0)).collect())
}

impl From<&AccessEntry> for AccessMap {
    fn from(entry: &AccessEntry) -> Self {
        let rows = |rows: &RowsEntry| {
            let map = RowMap::new(rows.numerator, rows.denominator, rows.first, rows.last, rows.outside);
            (rows.axis, map)
        };
        let axis = |axis: &AxisEntry| {
            TileAxis::new(
                axis.outputs.iter().copied(),
                axis.inputs.iter().map(|input| input.as_ref().map(rows)),
            )
        };
        AccessMap::new(entry.cost_per_element, entry.axes.iter().map(axis))
    }
}

impl From<&AccessMap> for AccessEntry {
    fn from(map: &AccessMap) -> Self {
        let rows = |&(axis, map): &(usize, RowMap)| {
            let (numerator, denominator, first, last) = map.numbers();
            RowsEntry { axis, numerator, denominator, first, last, outside: map.outside() }
        };
        let axis = |axis: &TileAxis| AxisEntry {
            outputs: axis.outputs().to_vec(),
            inputs: axis.inputs().iter().map(|input| input.as_ref().map(rows)).collect(),
        };
        Self { cost_per_element: map.cost_per_element(), axes: map.axes().iter().map(axis).collect() }
    }
}
