//! A node as its rule sees it: inputs, attributes, and the version of its operator.

use super::value::{Data, Told, Value, Why};
use crate::error::short;
use crate::import::onnx::messages::{Attribute, Graph, Node};

/// One input.
#[derive(Clone, Copy)]
pub(super) enum Slot<'c> {
    /// An optional one that is left out.
    Absent,
    /// There is one, of which the shape is not known.
    Unknown,
    Known(&'c Value),
}

pub(super) struct Call<'c, 'm> {
    pub node: &'m Node,
    /// The version of the operators of the node's domain.
    pub version: i64,
    pub inputs: &'c [Slot<'c>],
    /// Those of the node, or in a function what stands for them.
    pub attributes: &'c [(&'m str, &'m Attribute)],
}

impl<'c, 'm> Call<'c, 'm> {
    /// An input that must be there.
    pub fn input(&self, number: usize) -> Told<&'c Value> {
        self.optional(number)?.ok_or_else(|| format!("it lacks input {number}"))
    }

    pub fn optional(&self, number: usize) -> Told<Option<&'c Value>> {
        match self.inputs.get(number) {
            None | Some(Slot::Absent) => Ok(None),
            Some(Slot::Known(value)) => Ok(Some(value)),
            Some(Slot::Unknown) => Err(self.unknown(number)),
        }
    }

    fn unknown(&self, number: usize) -> Why {
        format!(
            "the shape of its input `{}` is not known",
            short(self.node.input().get(number).unwrap_or(""))
        )
    }

    pub fn has(&self, number: usize) -> bool {
        !matches!(self.inputs.get(number), None | Some(Slot::Absent))
    }

    /// All inputs, each of which must be there.
    pub fn all(&self) -> Told<Vec<&'c Value>> {
        (0..self.inputs.len()).map(|number| self.input(number)).collect()
    }

    pub fn outputs(&self) -> usize {
        self.node.output().len()
    }

    fn depends(&self, number: usize) -> Why {
        let name = self.node.input().get(number).unwrap_or("");
        let name = short(name);
        format!(
            "the size of its output depends on the numbers in `{name}`, which the file does not tell \
             before the run (if you know them, --value {name}=N,N sets them)"
        )
    }

    /// The numbers of an input that the shape depends on. An empty tensor has none, so these are known.
    pub fn numbers(&self, number: usize) -> Told<&'c [i64]> {
        let value = self.input(number)?;
        match &value.data {
            None if value.dims.contains(&0) => Ok(&[]),
            data => data.as_ref().and_then(Data::whole).ok_or_else(|| self.depends(number)),
        }
    }

    pub fn real_numbers(&self, number: usize) -> Told<&'c [f64]> {
        let value = self.input(number)?;
        value.data.as_ref().and_then(Data::real).ok_or_else(|| self.depends(number))
    }

    /// None if the input is absent.
    pub fn optional_numbers(&self, number: usize) -> Told<Option<&'c [i64]>> {
        if self.has(number) { self.numbers(number).map(Some) } else { Ok(None) }
    }

    /// An input that holds one number.
    pub fn number(&self, number: usize) -> Told<i64> {
        match self.numbers(number)? {
            &[one] => Ok(one),
            other => Err(format!("its input {number} should be one number, not {}", other.len())),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&'m Attribute> {
        self.attributes.iter().find(|(own, _)| *own == name).map(|(_, attribute)| *attribute)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name, default.into()) != 0
    }

    /// An attribute that must be there.
    pub fn required_int(&self, name: &str) -> Told<i64> {
        self.attribute(name)
            .map(|attribute| attribute.i)
            .ok_or_else(|| format!("it lacks the attribute `{name}`"))
    }

    pub fn ints(&self, name: &str) -> Option<&'c [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub fn required_ints(&self, name: &str) -> Told<&'c [i64]> {
        self.ints(name).ok_or_else(|| format!("it lacks the attribute `{name}`"))
    }

    pub fn text(&self, name: &str, default: &'static str) -> Told<&'c str> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        std::str::from_utf8(&attribute.s).map_err(|_| format!("its attribute `{name}` is no text"))
    }

    /// An element type by ONNX's number.
    pub fn data_type(&self, name: &str, default: i32) -> Told<i32> {
        let Some(attribute) = self.attribute(name) else { return Ok(default) };
        i32::try_from(attribute.i).map_err(|_| format!("its attribute `{name}` is no element type"))
    }

    pub fn body(&self, name: &str) -> Told<&'m Graph> {
        let body = self.attribute(name).and_then(|attribute| attribute.g.as_deref());
        body.ok_or_else(|| format!("it lacks the body `{name}`"))
    }

    /// Numbers that are an input since a version, and an attribute before; none if absent.
    pub fn numbers_since(&self, since: i64, name: &str, number: usize) -> Told<Option<&'c [i64]>> {
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
