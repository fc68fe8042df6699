//! One operator with what is known of its inputs.

use std::borrow::Cow;

use super::super::schema::{At, Operator};
use super::fact::Fact;
use super::{Outcome, Shape, Why};
use crate::import::short;

/// Tensors of higher rank have no rules: no kernel takes them, and ranks bound the work.
pub(super) const MOST_AXES: usize = 32;

/// An operator, its inputs by position, and its options.
pub(super) struct Call<'a> {
    pub(super) facts: &'a [Fact<'a>],
    /// None where an optional one is not given.
    pub(super) inputs: Vec<Option<usize>>,
    /// How many outputs the operator has.
    pub(super) output_count: usize,
    /// The first output's shape in the file, if it is definite.
    pub(super) declared: Option<&'a [u64]>,
    pub(super) operator: Operator<'a>,
    /// The file's tables, where options are read.
    pub(super) bytes: &'a [u8],
}

impl<'a> Call<'a> {
    pub(super) fn input(&self, position: usize) -> Option<&'a Fact<'a>> {
        self.facts.get(self.inputs.get(position).copied().flatten()?)
    }

    fn needed(&self, position: usize) -> Result<&'a Fact<'a>, Why> {
        self.input(position).ok_or_else(|| Why::Wrong(format!("it has no input {position}")))
    }

    /// The dimensions of an input.
    pub(super) fn dims(&self, position: usize) -> Result<&'a [u64], Why> {
        let fact = self.needed(position)?;
        match &fact.dims {
            Some(dims) if dims.len() > MOST_AXES => Err(Why::NoRule),
            Some(dims) => Ok(dims),
            // Nothing is missing for a constant: it takes no memory.
            None if !fact.is_result && !fact.is_input => Err(Why::NoRule),
            None => Err(Why::Unknown),
        }
    }

    /// The dimensions of an input of one rank only.
    pub(super) fn ranked<const N: usize>(&self, position: usize) -> Result<[u64; N], Why> {
        let dims = self.dims(position)?;
        dims.try_into()
            .map_err(|_| Why::Wrong(format!("its input {position} has {} dimensions, not {N}", dims.len())))
    }

    /// Whether an input's dimensions are upper bounds.
    pub(super) fn is_upper(&self, position: usize) -> bool {
        self.input(position).is_some_and(|fact| fact.upper)
    }

    /// The elements of an input that are known before anything runs.
    ///
    /// # Errors
    /// [`Why::Data`] if they are computed at run time, [`Why::NoRule`] if they are constants that
    /// the file keeps elsewhere.
    pub(super) fn values(&self, position: usize) -> Result<Cow<'a, [f64]>, Why> {
        let fact = self.needed(position)?;
        let unknown = || {
            let is_computed = fact.is_result || fact.is_input;
            let contents = || Why::Data(format!("the contents of `{}`", short(&fact.name)));
            if is_computed { contents() } else { Why::NoRule }
        };
        fact.values().ok_or_else(unknown)
    }

    /// The same, as whole numbers.
    pub(super) fn integers(&self, position: usize) -> Result<Vec<i64>, Why> {
        Ok(self.values(position)?.iter().map(|&value| value as i64).collect())
    }

    /// A single whole number.
    pub(super) fn integer(&self, position: usize) -> Result<i64, Why> {
        match self.integers(position)?.as_slice() {
            &[value] => Ok(value),
            other => Err(Why::Wrong(format!("its input {position} has {} elements, not 1", other.len()))),
        }
    }

    /// A shape that an input states.
    pub(super) fn stated(&self, position: usize) -> Result<Vec<u64>, Why> {
        let wrong = || Why::Wrong(format!("its input {position} states a negative dimension"));
        self.integers(position)?.into_iter().map(|dim| u64::try_from(dim).map_err(|_| wrong())).collect()
    }

    /// An axis that an input names, from the end if it is negative.
    pub(super) fn axis_at(&self, position: usize, rank: usize) -> Result<usize, Why> {
        axis(self.integer(position)?, rank)
    }

    /// Where a field of the options is, if the operator has options of this type and the field
    /// in them. The number is that of the schema's union.
    fn field(&self, options_type: u8, slot: u16) -> Option<&[u8]> {
        let options =
            self.operator.options().filter(|_| self.operator.options_type() == Some(options_type))?;
        self.bytes.get(options.field_at(slot)?..)
    }

    /// A number of 32 bits among the options; `default` where the field is missing.
    pub(super) fn number(&self, options_type: u8, slot: u16, default: i64) -> i64 {
        let found = self.field(options_type, slot).and_then(<[u8]>::first_chunk);
        found.map_or(default, |bytes| i32::from_le_bytes(*bytes).into())
    }

    /// A byte among the options, which flags and enumerations have.
    pub(super) fn byte(&self, options_type: u8, slot: u16, default: u8) -> u8 {
        self.field(options_type, slot).and_then(<[u8]>::first).copied().unwrap_or(default)
    }

    pub(super) fn flag(&self, options_type: u8, slot: u16) -> bool {
        self.byte(options_type, slot, 0) != 0
    }

    /// A list of numbers among the options; none where the field is missing or too long.
    pub(super) fn numbers(&self, options_type: u8, slot: u16) -> Option<Vec<i64>> {
        let field = self.field(options_type, slot)?;
        let offset = u32::from_le_bytes(*field.first_chunk()?) as usize;
        let (count, rest) = field.get(offset..)?.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let numbers = rest.as_chunks().0.get(..count).filter(|list| list.len() <= MOST_AXES)?;
        Some(numbers.iter().map(|&number| i32::from_le_bytes(number).into()).collect())
    }

    /// The bytes of a custom operator's options.
    pub(super) fn custom(&self) -> &[u8] {
        self.operator.custom_options().map_or(&[], |bytes| bytes.bytes())
    }
}

/// An axis, from the end if it is negative.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, Why> {
    let found = match usize::try_from(axis) {
        Ok(axis) => Some(axis).filter(|&axis| axis < rank),
        Err(_) => usize::try_from(axis.unsigned_abs()).ok().and_then(|from_end| rank.checked_sub(from_end)),
    };
    found.ok_or_else(|| Why::Wrong(format!("axis {axis} is not one of {rank}")))
}

/// The number of elements.
pub(super) fn product(dims: &[u64]) -> Result<u64, Why> {
    let product = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim));
    product.ok_or_else(too_large)
}

pub(super) fn too_large() -> Why {
    Why::Wrong("its sizes exceed 64 bits".to_owned())
}

/// The only output.
#[allow(clippy::unnecessary_wraps)] // what rules return
pub(super) fn one(dims: Vec<u64>) -> Outcome {
    Ok(vec![Shape { dims, upper: false }])
}
