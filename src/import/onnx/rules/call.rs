//! Arguments of a shape rule: the inputs and attributes of a node and its operator set version.

use crate::error::short;
use crate::import::dims::axes;
use crate::import::onnx::graph::{OnnxAttribute, OnnxGraph, OnnxNode};
use crate::import::onnx::value::{Elements, Inferred, Value};

/// An input of a node.
#[derive(Clone, Copy)]
pub(crate) enum CallInput<'c> {
    /// An optional input that the node does not have.
    Absent,
    /// An input of unknown shape.
    Unknown,
    Known(&'c Value),
}

/// A node with inferred inputs.
pub(crate) struct NodeCall<'c, 'm: 'c> {
    pub node: &'m OnnxNode,
    /// The operator set version of the node's domain.
    pub version: i64,
    pub inputs: &'c [CallInput<'c>],
}

impl<'c, 'm> NodeCall<'c, 'm> {
    /// The same node, with the rule of this version of the operator.
    pub fn at_version(&self, version: i64) -> Self {
        Self { node: self.node, version, inputs: self.inputs }
    }

    /// A required input.
    pub fn input(&self, number: usize) -> Inferred<&'c Value> {
        self.optional(number)?.ok_or_else(|| format!("it lacks input {number}"))
    }

    /// An optional input; none if it is absent.
    pub fn optional(&self, number: usize) -> Inferred<Option<&'c Value>> {
        match self.inputs.get(number) {
            None | Some(CallInput::Absent) => Ok(None),
            Some(CallInput::Known(value)) => Ok(Some(value)),
            Some(CallInput::Unknown) => {
                Err(format!("the shape of its input `{}` is unknown", short(self.input_name(number))))
            }
        }
    }

    /// The name of an input; empty if it is absent.
    pub fn input_name(&self, number: usize) -> &'m str {
        self.node.input().get(number).unwrap_or("")
    }

    /// Returns whether the node has an input.
    pub fn has(&self, number: usize) -> bool {
        !matches!(self.inputs.get(number), None | Some(CallInput::Absent))
    }

    /// All inputs, which are all required.
    pub fn all(&self) -> Inferred<Vec<&'c Value>> {
        (0..self.inputs.len()).map(|number| self.input(number)).collect()
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.node.output().len()
    }

    /// The reason for an input whose elements are unknown.
    fn depends(&self, number: usize) -> String {
        let name = short(self.input_name(number));
        format!(
            "the size of its output depends on the numbers in `{name}`, which are unknown before \
             the run (if you know them, set them by --value {name}=N,N)"
        )
    }

    /// The integer elements of a required input. Those of an empty tensor are always known.
    pub fn numbers(&self, number: usize) -> Inferred<&'c [i64]> {
        let value = self.input(number)?;
        match &value.data {
            None if value.dims.contains(&0) => Ok(&[]),
            data => data.as_ref().and_then(Elements::integers).ok_or_else(|| self.depends(number)),
        }
    }

    /// The floating-point elements of a required input.
    pub fn real_numbers(&self, number: usize) -> Inferred<&'c [f64]> {
        let value = self.input(number)?;
        value.data.as_ref().and_then(Elements::floats).ok_or_else(|| self.depends(number))
    }

    /// The integer elements of an optional input; none if it is absent.
    pub fn optional_numbers(&self, number: usize) -> Inferred<Option<&'c [i64]>> {
        if self.has(number) { self.numbers(number).map(Some) } else { Ok(None) }
    }

    /// Returns whether an input is present whose elements are computed at run time.
    pub fn is_computed(&self, number: usize) -> Inferred<bool> {
        Ok(self.has(number) && self.input(number)?.data.is_none())
    }

    /// The axes of a list, each at most once; all axes without a list.
    pub fn axes_or_all(numbers: Option<&[i64]>, rank: usize) -> Inferred<Vec<usize>> {
        numbers.map_or_else(|| Ok((0..rank).collect()), |numbers| axes(numbers, rank))
    }

    /// The integer of an input with one element.
    pub fn number(&self, number: usize) -> Inferred<i64> {
        match self.numbers(number)? {
            &[number] => Ok(number),
            numbers => Err(format!("its input {number} should have one element, not {}", numbers.len())),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&'m OnnxAttribute> {
        self.node.attribute(name)
    }

    /// An integer attribute, or its default.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name, default.into()) != 0
    }

    /// A required integer attribute.
    pub fn required_int(&self, name: &str) -> Inferred<i64> {
        let number = self.attribute(name).map(|attribute| attribute.i);
        number.ok_or_else(|| format!("it lacks the attribute `{name}`"))
    }

    pub fn ints(&self, name: &str) -> Option<&'c [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// The number of entries of a list of integers or strings.
    pub fn count(&self, name: &str) -> usize {
        self.attribute(name).map_or(0, |attribute| attribute.ints.len().max(attribute.strings as usize))
    }

    /// Returns whether the operator has an attribute that is a list of strings.
    pub fn has_strings(&self, name: &str) -> bool {
        self.attribute(name).is_some_and(|attribute| attribute.strings > 0)
    }

    pub fn required_ints(&self, name: &str) -> Inferred<&'c [i64]> {
        self.ints(name).ok_or_else(|| format!("it lacks the attribute `{name}`"))
    }

    pub fn text(&self, name: &str, default: &'static str) -> Inferred<&'c str> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        std::str::from_utf8(&attribute.s).map_err(|_| format!("its attribute `{name}` is not UTF-8 text"))
    }

    /// An attribute that is an element type, as numbered by `TensorProto.DataType`.
    pub fn data_type(&self, name: &str, default: i32) -> Inferred<i32> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        i32::try_from(attribute.i).map_err(|_| format!("its attribute `{name}` is not an element type"))
    }

    pub fn body(&self, name: &str) -> Inferred<&'m OnnxGraph> {
        let body = self.attribute(name).and_then(|attribute| attribute.g.as_deref());
        body.ok_or_else(|| format!("it lacks the body `{name}`"))
    }

    /// Integers that are an input from operator set `since` on and an attribute before; none if absent.
    pub fn numbers_since(&self, since: i64, name: &str, number: usize) -> Inferred<Option<&'c [i64]>> {
        match (self.version >= since, self.has(number), self.attribute(name)) {
            (true, _, Some(_)) => {
                Err(format!("`{name}` is an input in version {}, not an attribute", self.version))
            }
            (false, true, _) => {
                Err(format!("`{name}` is an attribute in version {}, not an input", self.version))
            }
            (true, _, None) => self.optional_numbers(number),
            (false, false, _) => Ok(self.ints(name)),
        }
    }
}
