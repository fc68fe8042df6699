//! Tensors without a static size: how to name them, and what to do about them.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::descriptions::{Description, Dim};
use crate::error::short;
use crate::graph::ElementType;
use crate::import::ImportError;
use crate::support::ids::TensorId;

/// What inference finds of a tensor.
#[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
pub(super) enum Outcome {
    /// No node that was looked at writes it.
    Nothing,
    Shape {
        data_type: i32,
        dims: Vec<u64>,
        /// No dimension is larger, but each may be smaller, as data decides.
        upper: bool,
    },
    Unknown(Reason),
}

/// Why a shape could not be inferred.
#[derive(Clone, Debug)]
pub(super) enum Reason {
    /// It is an input, and its shape is open.
    Input,
    /// Its operator cannot tell.
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
    Own(Rc<str>),
    /// A shape that its operator needs is not known.
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
    Follows,
}

/// A tensor without a static size.
#[derive(Debug)]
pub(super) struct Unshaped {
    pub(super) id: TensorId,
    pub(super) follows: bool,
    /// What messages show of the first ones.
    pub(super) known: Option<Box<Known>>,
}

/// Tensors of which more than the name is remembered, and as many whose shape only follows from others.
pub(super) const MOST_KNOWN: usize = 1000;

/// What is known of a tensor without a static size.
#[derive(Debug)]
pub(super) struct Known {
    /// What the file declares.
    pub(super) declared: Option<Description>,
    /// None if nothing was inferred at all.
    pub(super) reason: Option<Reason>,
}

/// So many tensors without a static size are listed with the reason.
const WITH_REASON: usize = 10;

/// Makes the error of them all, each with its name. Those that only follow from others come last.
pub(super) fn error(mut tensors: Vec<(&str, &Unshaped)>) -> ImportError {
    tensors.sort_by_key(|(_, tensor)| tensor.follows);
    // Reasons are long, and messages show those of the first.
    let texts = tensors.iter().enumerate().map(|(place, (name, tensor))| match tensor.known.as_deref() {
        Some(Known { declared, reason: Some(Reason::Own(text)) }) if place < WITH_REASON => {
            format!("`{}` {}, as {text}", short(name), known(declared.as_ref()))
        }
        Some(Known { declared, .. }) => format!("`{}` {}", short(name), known(declared.as_ref())),
        None => format!("`{}`", short(name)),
    });
    let texts = texts.collect();
    tensors.retain(|(_, tensor)| !tensor.follows);
    ImportError::Unshaped { tensors: texts, remedy: remedy(&tensors) }
}

fn known(description: Option<&Description>) -> String {
    match description {
        None => "(no type, no shape)".to_owned(),
        Some(Description::Twice(shapes)) => format!("(declared {:?} and {:?})", shapes[0], shapes[1]),
        Some(Description::NoTensor | Description::Tensor { dims: None, .. }) => {
            format!("({})", description.map(Description::shown).unwrap_or_default())
        }
        Some(tensor @ Description::Tensor { data_type, .. }) => match tensor.element_type() {
            Some(ElementType::String) => format!("{} of strings", tensor.shown()),
            Some(_) => tensor.shown(),
            None => format!("{} of element type {data_type}, which is not known", tensor.shown()),
        },
    }
}

fn remedy(tensors: &[(&str, &Unshaped)]) -> String {
    let mut names = BTreeSet::new();
    let (mut infer, mut open, mut untold, mut never) = (false, false, false, false);
    for tensor in tensors.iter().filter_map(|(_, tensor)| tensor.known.as_deref()) {
        let description = tensor.declared.as_ref();
        let mut lacks = || match &tensor.reason {
            Some(Reason::Own(_)) => untold = true,
            Some(_) => open = true,
            None => infer = true,
        };
        match description {
            Some(Description::Tensor { dims: Some(dims), .. }) => {
                names.extend(dims.iter().filter_map(|dim| match dim {
                    Dim::Named(name) => Some(&**name),
                    Dim::Known(_) | Dim::Unknown => None,
                }));
                if dims.iter().any(|dim| matches!(dim, Dim::Unknown)) {
                    lacks();
                }
                never |= description
                    .is_some_and(|tensor| tensor.element_type().and_then(ElementType::bits).is_none());
            }
            Some(Description::Tensor { dims: None, .. } | Description::Twice(_)) | None => lacks(),
            Some(Description::NoTensor) => never = true,
        }
    }
    let mut remedies = Vec::new();
    if !names.is_empty() {
        remedies.push(bind(&names));
    }
    if open || (infer && cfg!(feature = "onnx-shapes")) {
        remedies.push("give the inputs fixed shapes by --input-shape NAME=1x3x224x224".to_owned());
    } else if infer {
        remedies.push(
            "use a build with the feature `onnx-shapes`, or give the inputs fixed shapes and run shape \
             inference: python3 -c \"import onnx; onnx.save(onnx.shape_inference.infer_shapes(\
             onnx.load('IN.onnx', load_external_data=False)), 'OUT.onnx')\""
                .to_owned(),
        );
    }
    if untold {
        let own = |tensor: &&Unshaped| {
            matches!(tensor.known.as_deref(), Some(Known { reason: Some(Reason::Own(_)), .. }))
        };
        let name = tensors.iter().find(|(_, tensor)| own(tensor)).map_or("NAME", |(name, _)| name);
        let option = for_shell(&format!("{}=1x3:float32", short(name)));
        remedies.push(format!(
            "set a shape that cannot be computed by --input-shape {option} (the type only where the file does \
             not tell it), or in the file's value_info"
        ));
    }
    if never {
        remedies.push("only dense tensors of numbers have a size before the run".to_owned());
    }
    remedies.join("; ")
}

fn bind(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 10;
    let shown = || names.iter().take(SHOWN);
    let quoted: Vec<String> = shown().map(|name| format!("`{}`", short(name))).collect();
    let flags: Vec<String> =
        shown().map(|name| format!("--dim {}", for_shell(&format!("{}=1", short(name))))).collect();
    let more = if names.len() > SHOWN { " and so on" } else { "" };
    format!("bind {}{more} by {}{more}", quoted.join(", "), flags.join(" "))
}

/// Symbolic dimensions may be called `2*seq + 1`.
fn for_shell(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_alphanumeric() || "_=-./:".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_would_split_are_quoted() {
        assert_eq!(for_shell("batch_size=1"), "batch_size=1");
        assert_eq!(for_shell("2*seq + 1=1"), "'2*seq + 1=1'");
        assert_eq!(for_shell("it's=1"), r"'it'\''s=1'");
    }
}
