//! A node as the inliner sees it, in either representation.

use super::renaming::Renaming;
use crate::import::ImportError;

/// Domain, name and overload of a function. The standard domain is the empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FunctionKey<'m> {
    pub domain: &'m str,
    pub name: &'m str,
    pub overload: &'m str,
}

/// A function of the model.
pub(super) struct FunctionDefinition<'m, N: CallNode> {
    pub key: FunctionKey<'m>,
    pub inputs: &'m [String],
    pub outputs: &'m [String],
    /// Attributes with their default values.
    pub defaults: &'m [N::Attribute],
    pub nodes: &'m [N],
    /// True if the function imports the standard domain.
    pub has_standard: bool,
}

/// Bytes of a name beside its letters, and of the first part that the names of a call get.
pub(super) const NAME_BYTES: usize = 64;

/// Size of a node with its bodies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodeSize {
    /// Bytes in memory.
    pub bytes: usize,
    /// Bodies within each other.
    pub depth: usize,
}

impl NodeSize {
    /// Adds a node of a body.
    pub fn add_inner(&mut self, inner: NodeSize) {
        self.bytes = self.bytes.saturating_add(inner.bytes);
        self.depth = self.depth.max(inner.depth + 1);
    }
}

/// Replaces the nodes of a body.
pub(super) type ReplaceNodes<'r, N> = dyn FnMut(Vec<N>) -> Result<Vec<N>, ImportError> + 'r;

/// A node that may be the call of a function.
pub(super) trait CallNode: Sized + 'static {
    type Attribute: 'static;
    type Function: 'static;

    fn definition(function: &Self::Function) -> FunctionDefinition<'_, Self>;

    /// The function that the node calls, if the model defines it.
    fn function_key(&self) -> FunctionKey<'_>;

    /// The name of the node, or that of its first output.
    fn title(&self) -> &str;

    fn inputs(&self) -> Vec<&str>;

    fn outputs(&self) -> Vec<&str>;

    fn attributes(&self) -> &[Self::Attribute];

    fn attribute_name(attribute: &Self::Attribute) -> &str;

    fn size(&self) -> NodeSize;

    /// Calls `add` for the names of all tensors of the node and its bodies.
    fn for_each_name(&self, add: &mut dyn FnMut(&str));

    /// Replaces the nodes of each body.
    fn for_each_body(&mut self, replace: &mut ReplaceNodes<'_, Self>) -> Result<(), ImportError>;

    /// The node with the names and attributes of a call.
    fn renamed<'c>(&'c self, renaming: &mut Renaming<'c, Self::Attribute>) -> Self;

    /// A copy of a tensor.
    fn identity(from: &str, to: &str, imports: u32) -> Self;
}
