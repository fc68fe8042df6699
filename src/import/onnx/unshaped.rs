//! Tensors without a static size: how to name them, and what to do about them.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::descriptions::{Description, Dim};
use crate::error::{cut_within, short};
use crate::graph::ElementType;
use crate::import::ImportError;

/// Why a shape could not be computed.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is computed"))]
pub(super) enum Reason {
    /// It is an input, and its shape is open.
    Input,
    /// Its operator cannot tell.
    Own(Rc<str>),
    /// What its operator reads is not known.
    Follows,
}

/// By name of the tensor; of those that were computed, nothing is here. Empty where nothing
/// was computed at all.
pub(super) type Reasons<'m> = HashMap<&'m str, Reason>;

/// So many tensors without a static size are listed with the reason.
const WITH_REASON: usize = 10;

/// Makes the error of them all, each given by name with what is known of it. Those that only
/// follow from others come last.
pub(super) fn error(mut tensors: Vec<(&str, Option<&Description>)>, reasons: &Reasons) -> ImportError {
    let follows = |name: &str| matches!(reasons.get(name), Some(Reason::Follows));
    tensors.sort_by_key(|(name, _)| follows(name));
    // Reasons are long, and messages show those of the first.
    let texts = tensors.iter().enumerate().map(|(place, (name, description))| match reasons.get(name) {
        Some(Reason::Own(text)) if place < WITH_REASON => {
            format!("`{}` {}, as {text}", short(name), known(*description))
        }
        _ => format!("`{}` {}", short(name), known(*description)),
    });
    let texts = texts.collect();
    tensors.retain(|(name, _)| !follows(name));
    ImportError::Unshaped { tensors: texts, remedy: remedy(&tensors, reasons) }
}

fn known(description: Option<&Description>) -> String {
    match description {
        None => "(no type, no shape)".to_owned(),
        Some(Description::NoTensor) => "(no dense tensor)".to_owned(),
        Some(Description::Tensor { dims: None, .. }) => "(no shape)".to_owned(),
        Some(tensor @ Description::Tensor { data_type, dims: Some(dims) }) => {
            let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
            let shape = format!("[{}]", cut_within(&dims.join(", "), 200));
            match tensor.element_type() {
                Some(ElementType::String) => format!("{shape} of strings"),
                Some(_) => shape,
                None => format!("{shape} of element type {data_type}, which is not known"),
            }
        }
    }
}

fn remedy(tensors: &[(&str, Option<&Description>)], reasons: &Reasons) -> String {
    let mut names = BTreeSet::new();
    let (mut infer, mut open, mut untold, mut never) = (false, false, false, false);
    for (name, description) in tensors {
        let mut lacks = || match reasons.get(name) {
            Some(Reason::Own(_)) => untold = true,
            Some(_) => open = true,
            None => infer = true,
        };
        match description {
            Some(Description::Tensor { dims: Some(dims), .. }) => {
                names.extend(dims.iter().filter_map(|dim| match dim {
                    Dim::Named(name) => Some(name.as_str()),
                    Dim::Known(_) | Dim::Unknown => None,
                }));
                if dims.iter().any(|dim| matches!(dim, Dim::Unknown)) {
                    lacks();
                }
                never |= description
                    .is_some_and(|tensor| tensor.element_type().and_then(ElementType::bits).is_none());
            }
            Some(Description::Tensor { dims: None, .. }) | None => lacks(),
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
        remedies.push("what cannot be computed must be told by the file's value_info".to_owned());
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
