//! Compares inferred shapes with declared ones and decides which one counts.
//!
//! An inferred shape counts, as it follows from the inputs. If the file declares another one, a note states
//! both, except for differences that follow from an earlier one. If no shape can be inferred, the declared
//! one counts, unless an input of the node has another shape than the file declares for it: the declared
//! output is then the one for other inputs.

use super::scope::{Fact, Scope, UnknownShape};
use super::value_of;
use crate::error::short;
use crate::import::Listing;
use crate::import::computed_shape::ComputedShape;
use crate::import::onnx::description::Description;
use crate::import::onnx::graph::OnnxNode;
use crate::import::onnx::subgraphs;
use crate::import::onnx::value::Value;

/// The number of tensors that a note names.
const SHOWN: usize = 5;

#[derive(Default)]
pub(super) struct DeclarationCheck {
    differ: Listing,
    /// Tensors whose size depends on data: with a declared size, and with an upper bound.
    on_data: [Listing; 2],
}

impl DeclarationCheck {
    /// The first input of a node, or of one of its bodies, whose shape differs from the declared one or follows
    /// from such a shape.
    pub fn changed_input<'m>(node: &'m OnnxNode, scope: &Scope<'_, 'm>) -> Option<&'m str> {
        let names = node.input().iter().chain(subgraphs::outer_names(node));
        let is_changed = |name: &&str| matches!(scope.get(name), Some(Ok(value)) if value.is_changed());
        names.filter(|name| !name.is_empty()).find(is_changed)
    }

    /// Decides between the inferred and the declared shape of an output of a node; neither may count. `input` is the first
    /// input of the node, if its shape is known.
    pub fn settled(
        &mut self,
        (node, input): (&OnnxNode, Option<&Value>),
        name: &str,
        inferred: Fact,
        declared: Option<&Description>,
        changed_input: Option<&str>,
    ) -> Fact {
        match (inferred, declared) {
            (Ok(value), declared) if value.is_upper() => {
                let declared = declared.filter(|_| changed_input.is_none());
                let found = declared.and_then(|declared| within(&value, declared)).unwrap_or(value);
                let changed = changed_input.is_some();
                let shown = || format!("`{}` {:?}", short(name), found.dims);
                self.on_data[usize::from(found.is_upper())].add(SHOWN, shown);
                Ok(found.changed(changed))
            }
            (Ok(value), declared) => {
                let changed = match declared {
                    Some(declared) if !declared.admits(value.data_type, &value.dims) => {
                        // A difference that follows from a changed input adds no note.
                        if changed_input.is_none() {
                            self.differ.add(SHOWN, || difference(node, name, &value, declared));
                        }
                        true
                    }
                    Some(declared) if value_of(declared).is_some() => false,
                    _ => changed_input.is_some(),
                };
                Ok(value.changed(changed))
            }
            (Err(unknown), declared) => match (declared.and_then(value_of), changed_input) {
                (Some(value), None) => match impossible((node, input), &value) {
                    None => Ok(value),
                    Some(reason) => {
                        Err(unknown.and(&format!("the file declares another shape, but {reason}")))
                    }
                },
                (Some(value), Some(input)) => Err(contradicted(&unknown, &value, input)),
                (None, _) => Err(unknown),
            },
        }
    }

    /// Notes for the user.
    pub fn notes(self) -> Vec<String> {
        let [declared, upper] = self.on_data;
        let notes = [
            self.differ.note("inferred shapes replace different declared shapes"),
            declared.note("sizes that depend on data, planned as the file declares them"),
            upper.note("sizes that depend on data, planned at their upper bound"),
        ];
        notes.into_iter().flatten().collect()
    }
}

fn difference(node: &OnnxNode, name: &str, value: &Value, declared: &Description) -> String {
    let declared = match declared {
        Description::Tensor { data_type, .. } if *data_type != 0 && *data_type != value.data_type => {
            format!("element type {data_type} and shape {}", declared.shown())
        }
        _ => declared.shown(),
    };
    format!(
        "`{}` has {:?} (element type {}) by {}, the file declares {declared}",
        short(name),
        value.dims,
        value.data_type,
        node.described()
    )
}

/// The declared shape of a tensor whose size depends on data, if it is within the upper bound: exact if the
/// file declares all dimensions.
fn within(bound: &Value, declared: &Description) -> Option<Value> {
    let dims = declared.at_most(bound.data_type, &bound.dims)?;
    let found = Value { dims, ..bound.clone() };
    Some(if declared.shape().is_some() { found.exact() } else { found })
}

fn contradicted(unknown: &UnknownShape, declared: &Value, input: &str) -> UnknownShape {
    let dims = &declared.dims;
    unknown.and(&format!("the file declares {dims:?}, but for another shape of the input `{}`", short(input)))
}

/// The reason why an output of a node cannot have a shape that the file declares or the user gives, whatever the data are.
/// `input` is the first input.
pub(super) fn impossible((node, input): (&OnnxNode, Option<&Value>), output: &Value) -> Option<String> {
    let input = input.filter(|input| node.domain().is_empty() && !input.is_upper())?;
    let known = match node.op_type() {
        "Reshape" => ComputedShape::SameElements,
        "Expand" => ComputedShape::Broadcast,
        "Tile" => ComputedShape::Repeated,
        "CenterCropPad" | "Pad" | "Resize" | "Upsample" => ComputedShape::SameRank,
        _ => return None,
    };
    let (from, dims) = (&input.dims, &output.dims);
    let reason =
        || format!("{} of a tensor of shape {from:?} cannot have the shape {dims:?}", node.op_type());
    (!known.admits(from, dims)).then(reason)
}
