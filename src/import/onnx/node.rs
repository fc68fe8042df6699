//! Names of nodes in compact form, as a file of a few MB may have a million nodes.

use smallvec::SmallVec;

use super::messages::domain;
use crate::error::short;

/// All names of a node, in one allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeText {
    /// Concatenated: operator type, domain, name, overload, inputs, outputs.
    text: Box<str>,
    /// The end of each of them. Inline for most nodes, which have one input and one output.
    ends: SmallVec<[u32; 6]>,
    inputs: u32,
    /// Imports of operator sets that count for the node: 0 for those of the model, `n + 1` for those of function `n`.
    pub(super) imports: u32,
}

/// Names of the inputs or outputs of a node, in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeNames<'m> {
    text: &'m str,
    ends: &'m [u32],
    start: u32,
}

impl<'m> NodeNames<'m> {
    pub(super) fn len(self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_empty(self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn get(self, number: usize) -> Option<&'m str> {
        let end = *self.ends.get(number)?;
        let start = if number == 0 { self.start } else { self.ends[number - 1] };
        Some(&self.text[start as usize..end as usize])
    }

    pub(super) fn first(self) -> Option<&'m str> {
        self.get(0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = &'m str> {
        (0..self.len()).filter_map(move |number| self.get(number))
    }
}

/// The number of strings before the names of inputs: operator type, domain, name, overload.
const STRINGS_BEFORE_INPUTS: usize = 4;

impl NodeText {
    pub(super) fn new(head: &[String; STRINGS_BEFORE_INPUTS], input: &[String], output: &[String]) -> Self {
        let names = || head.iter().chain(input).chain(output);
        let mut text = String::with_capacity(names().map(String::len).sum());
        let mut ends = SmallVec::with_capacity(names().count());
        for name in names() {
            text.push_str(name);
            // The format limits a message to 2 GiB.
            ends.push(text.len() as u32);
        }
        Self { text: text.into_boxed_str(), ends, inputs: input.len() as u32, imports: 0 }
    }

    fn names(&self, from: usize, to: usize) -> NodeNames<'_> {
        let start = if from == 0 { 0 } else { self.ends.get(from - 1).copied().unwrap_or(0) };
        NodeNames { text: &self.text, ends: self.ends.get(from..to).unwrap_or(&[]), start }
    }

    pub(super) fn op_type(&self) -> &str {
        self.names(0, 1).first().unwrap_or("")
    }

    /// The domain, empty for the standard one.
    pub(super) fn domain(&self) -> &str {
        domain(self.names(1, 2).first().unwrap_or(""))
    }

    pub(super) fn name(&self) -> &str {
        self.names(2, 3).first().unwrap_or("")
    }

    /// Distinguishes functions of one domain and name.
    pub(super) fn overload(&self) -> &str {
        self.names(3, 4).first().unwrap_or("")
    }

    pub(super) fn input(&self) -> NodeNames<'_> {
        self.names(STRINGS_BEFORE_INPUTS, STRINGS_BEFORE_INPUTS + self.inputs as usize)
    }

    pub(super) fn output(&self) -> NodeNames<'_> {
        self.names(STRINGS_BEFORE_INPUTS + self.inputs as usize, self.ends.len())
    }

    /// The name of the node in messages: names are optional, so else that of its first output.
    pub(super) fn title(&self) -> &str {
        let mut names = std::iter::once(self.name()).chain(self.output().iter());
        names.find(|name| !name.is_empty()).unwrap_or("")
    }

    /// The node in reasons: `node NAME (TYPE)`.
    pub(super) fn described(&self) -> String {
        let (name, op_type) = (short(self.title()), short(self.op_type()));
        match self.domain() {
            "" => format!("node `{name}` ({op_type})"),
            domain => format!("node `{name}` ({}.{op_type})", short(domain)),
        }
    }
}
