//! Arguments and results of a shape rule: an operator with facts about its inputs, and the shapes of its outputs.

use std::borrow::Cow;

pub(crate) use super::fact::OutputShape;
use super::fact::TensorFact;
use crate::import::dims::axis;
use crate::import::short;
use crate::import::tflite::options::Options;

/// Limit of axes. Rules reject tensors of higher rank, which no kernel supports, as ranks bound the work.
pub(crate) const MAX_AXES: usize = 32;

/// The reason why no shape is inferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoShape {
    /// The operator has no rule, or the rule does not support this case.
    NoRule,
    /// An input has an unknown shape.
    UnknownInput,
    /// The shape depends on data, which this text names.
    DataDependent(String),
    /// The inputs and options contradict each other.
    Invalid(String),
    /// A shape in a body is unknown, for this reason.
    InBody(String),
}

impl From<String> for NoShape {
    fn from(contradiction: String) -> Self {
        Self::Invalid(contradiction)
    }
}

/// Output shapes, or the reason why there are none.
pub(crate) type RuleResult = Result<Vec<OutputShape>, NoShape>;

/// An operator, its inputs by position, and its options.
pub(crate) struct OperatorCall<'a> {
    pub(crate) facts: &'a [TensorFact<'a>],
    /// Tensor indices; none for an absent optional input.
    pub(crate) inputs: Vec<Option<usize>>,
    /// The number of outputs.
    pub(crate) output_count: usize,
    /// Declared shape of the first output, if it is definite.
    pub(crate) declared: Option<&'a [u64]>,
    pub(crate) options: Options<'a>,
}

impl<'a> OperatorCall<'a> {
    /// An input; none if it is absent.
    pub(crate) fn input(&self, position: usize) -> Option<&'a TensorFact<'a>> {
        self.facts.get(self.inputs.get(position).copied().flatten()?)
    }

    fn needed(&self, position: usize) -> Result<&'a TensorFact<'a>, NoShape> {
        Ok(self.input(position).ok_or_else(|| format!("it has no input {position}"))?)
    }

    /// The shape of an input.
    pub(crate) fn dims(&self, position: usize) -> Result<&'a [u64], NoShape> {
        let fact = self.needed(position)?;
        match &fact.dims {
            Some(dims) if dims.len() > MAX_AXES => Err(NoShape::NoRule),
            Some(dims) => Ok(dims),
            // A constant of unknown shape is no error: it takes no memory.
            None if !fact.is_computed() => Err(NoShape::NoRule),
            None => Err(NoShape::UnknownInput),
        }
    }

    /// The shapes of all inputs, at least one.
    pub(crate) fn all_dims(&self) -> Result<Vec<&'a [u64]>, NoShape> {
        (0..self.inputs.len().max(1)).map(|position| self.dims(position)).collect()
    }

    /// The shape of an input that must have rank `N`.
    pub(crate) fn ranked<const N: usize>(&self, position: usize) -> Result<[u64; N], NoShape> {
        let dims = self.dims(position)?;
        let ranked = dims.try_into();
        Ok(ranked.map_err(|_| format!("its input {position} has {} dimensions, not {N}", dims.len()))?)
    }

    /// Returns whether the shape of an input is an upper bound.
    pub(crate) fn is_upper(&self, position: usize) -> bool {
        self.input(position).is_some_and(|fact| fact.upper)
    }

    /// Returns whether the shape of any input is an upper bound.
    pub(crate) fn is_any_upper(&self) -> bool {
        (0..self.inputs.len()).any(|position| self.is_upper(position))
    }

    /// The elements of an input that are known at compile time.
    ///
    /// # Errors
    /// [`NoShape::DataDependent`] if they are computed at run time, [`NoShape::NoRule`] if they are constants that
    /// are not in the file.
    pub(crate) fn values(&self, position: usize) -> Result<Cow<'a, [f64]>, NoShape> {
        let fact = self.needed(position)?;
        let contents = || NoShape::DataDependent(format!("the contents of `{}`", short(&fact.name)));
        fact.values().ok_or_else(|| if fact.is_computed() { contents() } else { NoShape::NoRule })
    }

    /// The elements of an input as integers.
    pub(crate) fn integers(&self, position: usize) -> Result<Vec<i64>, NoShape> {
        Ok(self.values(position)?.iter().map(|&value| value as i64).collect())
    }

    /// As [`OperatorCall::integers`], none if they are computed at run time.
    pub(crate) fn known_integers(&self, position: usize) -> Result<Option<Vec<i64>>, NoShape> {
        match self.integers(position) {
            Err(NoShape::DataDependent(_)) => Ok(None),
            integers => integers.map(Some),
        }
    }

    /// The integer of an input with one element.
    pub(crate) fn integer(&self, position: usize) -> Result<i64, NoShape> {
        match self.integers(position)?.as_slice() {
            &[value] => Ok(value),
            other => Err(format!("its input {position} should have one element, not {}", other.len()).into()),
        }
    }

    /// The integer of an input with one element as a size, which this text names.
    pub(crate) fn size(&self, position: usize, what: &str) -> Result<u64, NoShape> {
        let number = self.integer(position)?;
        Ok(u64::try_from(number).map_err(|_| format!("its {what} {number} is negative"))?)
    }

    /// The shape that an input contains.
    pub(crate) fn target_shape(&self, position: usize) -> Result<Vec<u64>, NoShape> {
        let dims = self.integers(position)?.into_iter().map(u64::try_from).collect::<Result<_, _>>();
        Ok(dims.map_err(|_| format!("its input {position} contains a negative dimension"))?)
    }

    /// The axis that an input contains; negative numbers count from the end.
    pub(crate) fn axis_at(&self, position: usize, rank: usize) -> Result<usize, NoShape> {
        Ok(axis(self.integer(position)?, rank)?)
    }

    /// The axis that the options contain; negative numbers count from the end.
    pub(crate) fn axis_option(&self, slot: u16, rank: usize) -> Result<usize, NoShape> {
        Ok(axis(self.options.number(slot, 0).into(), rank)?)
    }

    /// The options of a custom operator, as bytes.
    pub(crate) fn custom(&self) -> &[u8] {
        self.options.operator.custom_options().map_or(&[], |bytes| bytes.bytes())
    }

    /// The same shape for every output.
    #[allow(clippy::unnecessary_wraps)] // the return type of rules
    pub(crate) fn each(&self, dims: Vec<u64>) -> RuleResult {
        Ok(vec![OutputShape { dims, upper: false }; self.output_count])
    }
}

/// The shape of a single output.
pub(crate) fn single(dims: Vec<u64>) -> RuleResult {
    all([dims])
}

/// The shapes of several outputs.
#[allow(clippy::unnecessary_wraps)] // the return type of rules
pub(crate) fn all(shapes: impl IntoIterator<Item = Vec<u64>>) -> RuleResult {
    Ok(shapes.into_iter().map(|dims| OutputShape { dims, upper: false }).collect())
}

/// A single output whose size depends on data, with this upper bound.
#[allow(clippy::unnecessary_wraps)] // the return type of rules
pub(crate) fn at_most(dims: Vec<u64>) -> RuleResult {
    Ok(vec![OutputShape { dims, upper: true }])
}
