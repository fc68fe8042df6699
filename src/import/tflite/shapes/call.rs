//! Arguments of a shape rule: an operator with facts about its inputs.

use std::borrow::Cow;

use super::super::schema::{At, Operator};
use super::fact::TensorFact;
use super::{NoShape, OutputShape, RuleResult};
use crate::import::short;

/// Limit of axes. Rules reject tensors of higher rank, which no kernel supports, as ranks bound the work.
pub(super) const MAX_AXES: usize = 32;

/// An operator, its inputs by position, and its options.
pub(super) struct OperatorCall<'a> {
    pub(super) facts: &'a [TensorFact<'a>],
    /// Tensor indices; none for an absent optional input.
    pub(super) inputs: Vec<Option<usize>>,
    /// The number of outputs.
    pub(super) output_count: usize,
    /// Declared shape of the first output, if it is definite.
    pub(super) declared: Option<&'a [u64]>,
    pub(super) operator: Operator<'a>,
    /// The tables of the file, from which options are read.
    pub(super) bytes: &'a [u8],
}

impl<'a> OperatorCall<'a> {
    /// An input; none if it is absent.
    pub(super) fn input(&self, position: usize) -> Option<&'a TensorFact<'a>> {
        self.facts.get(self.inputs.get(position).copied().flatten()?)
    }

    fn needed(&self, position: usize) -> Result<&'a TensorFact<'a>, NoShape> {
        self.input(position).ok_or_else(|| NoShape::Invalid(format!("it has no input {position}")))
    }

    /// The shape of an input.
    pub(super) fn dims(&self, position: usize) -> Result<&'a [u64], NoShape> {
        let fact = self.needed(position)?;
        match &fact.dims {
            Some(dims) if dims.len() > MAX_AXES => Err(NoShape::NoRule),
            Some(dims) => Ok(dims),
            // A constant of unknown shape is no error: it takes no memory.
            None if !fact.is_result && !fact.is_input => Err(NoShape::NoRule),
            None => Err(NoShape::UnknownInput),
        }
    }

    /// The shape of an input that must have rank `N`.
    pub(super) fn ranked<const N: usize>(&self, position: usize) -> Result<[u64; N], NoShape> {
        let dims = self.dims(position)?;
        dims.try_into().map_err(|_| {
            NoShape::Invalid(format!("its input {position} has {} dimensions, not {N}", dims.len()))
        })
    }

    /// Returns whether the shape of an input is an upper bound.
    pub(super) fn is_upper(&self, position: usize) -> bool {
        self.input(position).is_some_and(|fact| fact.upper)
    }

    /// The elements of an input that are known at compile time.
    ///
    /// # Errors
    /// [`NoShape::DataDependent`] if they are computed at run time, [`NoShape::NoRule`] if they are constants that
    /// are not stored in the tables.
    pub(super) fn values(&self, position: usize) -> Result<Cow<'a, [f64]>, NoShape> {
        let fact = self.needed(position)?;
        let unknown = || {
            let is_computed = fact.is_result || fact.is_input;
            let contents = || NoShape::DataDependent(format!("the contents of `{}`", short(&fact.name)));
            if is_computed { contents() } else { NoShape::NoRule }
        };
        fact.values().ok_or_else(unknown)
    }

    /// The elements of an input as integers.
    pub(super) fn integers(&self, position: usize) -> Result<Vec<i64>, NoShape> {
        Ok(self.values(position)?.iter().map(|&value| value as i64).collect())
    }

    /// The integer of an input with one element.
    pub(super) fn integer(&self, position: usize) -> Result<i64, NoShape> {
        match self.integers(position)?.as_slice() {
            &[value] => Ok(value),
            other => Err(NoShape::Invalid(format!(
                "its input {position} should have one element, not {}",
                other.len()
            ))),
        }
    }

    /// The shape that an input contains.
    pub(super) fn target_shape(&self, position: usize) -> Result<Vec<u64>, NoShape> {
        let wrong = || NoShape::Invalid(format!("its input {position} contains a negative dimension"));
        self.integers(position)?.into_iter().map(|dim| u64::try_from(dim).map_err(|_| wrong())).collect()
    }

    /// The axis that an input contains; negative numbers count from the end.
    pub(super) fn axis_at(&self, position: usize, rank: usize) -> Result<usize, NoShape> {
        axis(self.integer(position)?, rank)
    }

    /// The bytes from a field of the options on; none if the operator has no options of this type, or they lack
    /// the field. `options_type` is the number in the union `BuiltinOptions` of the schema.
    fn field(&self, options_type: u8, slot: u16) -> Option<&[u8]> {
        let options =
            self.operator.options().filter(|_| self.operator.options_type() == Some(options_type))?;
        self.bytes.get(options.field_at(slot)?..)
    }

    /// A 32-bit number of the options, or its default.
    pub(super) fn number(&self, options_type: u8, slot: u16, default: i64) -> i64 {
        let field = self.field(options_type, slot).and_then(<[u8]>::first_chunk);
        field.map_or(default, |bytes| i32::from_le_bytes(*bytes).into())
    }

    /// A byte of the options, such as an enumeration, or its default.
    pub(super) fn byte(&self, options_type: u8, slot: u16, default: u8) -> u8 {
        self.field(options_type, slot).and_then(<[u8]>::first).copied().unwrap_or(default)
    }

    /// A flag of the options, false by default.
    pub(super) fn flag(&self, options_type: u8, slot: u16) -> bool {
        self.byte(options_type, slot, 0) != 0
    }

    /// A list of numbers of the options; none if the field is missing or has more than [`MAX_AXES`] entries.
    pub(super) fn numbers(&self, options_type: u8, slot: u16) -> Option<Vec<i64>> {
        let field = self.field(options_type, slot)?;
        let offset = u32::from_le_bytes(*field.first_chunk()?) as usize;
        let (count, rest) = field.get(offset..)?.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let numbers = rest.as_chunks().0.get(..count).filter(|list| list.len() <= MAX_AXES)?;
        Some(numbers.iter().map(|&number| i32::from_le_bytes(number).into()).collect())
    }

    /// The options of a custom operator, as bytes.
    pub(super) fn custom(&self) -> &[u8] {
        self.operator.custom_options().map_or(&[], |bytes| bytes.bytes())
    }
}

/// An axis; negative numbers count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, NoShape> {
    let index = match usize::try_from(axis) {
        Ok(axis) => Some(axis).filter(|&axis| axis < rank),
        Err(_) => usize::try_from(axis.unsigned_abs()).ok().and_then(|from_end| rank.checked_sub(from_end)),
    };
    index.ok_or_else(|| NoShape::Invalid(format!("axis {axis} is out of range for rank {rank}")))
}

/// The number of elements.
pub(super) fn product(dims: &[u64]) -> Result<u64, NoShape> {
    let product = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim));
    product.ok_or_else(too_large)
}

pub(super) fn too_large() -> NoShape {
    NoShape::Invalid("its sizes exceed 64 bits".to_owned())
}

/// The shape of a single output.
#[allow(clippy::unnecessary_wraps)] // the return type of rules
pub(super) fn single(dims: Vec<u64>) -> RuleResult {
    Ok(vec![OutputShape { dims, upper: false }])
}
