//! The error for tensors without a static size: their names, the reasons, and remedies.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::descriptions::{Description, Dim};
use crate::error::short;
use crate::graph::ElementType;
use crate::import::ImportError;
use crate::support::ids::TensorId;

/// Result of inference for a tensor.
#[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
pub(super) enum InferredShape {
    /// No inferred node writes the tensor.
    NotInferred,
    /// An inferred element type and shape.
    Shape {
        data_type: i32,
        dims: Vec<u64>,
        /// True if dimensions are upper bounds, as they depend on data.
        is_upper_bound: bool,
    },
    /// The shape could not be inferred.
    Unknown(UnshapedReason),
}

/// The reason why a shape could not be inferred.
#[derive(Clone, Debug)]
pub(super) enum UnshapedReason {
    /// The tensor is an input without a fixed shape.
    Input,
    /// The rule of its operator gives no shape, for this reason.
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
    Cause(Rc<str>),
    /// Its operator needs the shape of another tensor, which is unknown.
    #[cfg_attr(not(feature = "onnx-shapes"), expect(dead_code, reason = "nothing is inferred"))]
    Dependent,
}

/// A tensor without a static size.
#[derive(Debug)]
pub(super) struct Unshaped {
    pub(super) id: TensorId,
    /// True if the cause is another tensor of unknown shape.
    pub(super) is_dependent: bool,
    /// Present for the first [`MAX_DETAILS`] tensors.
    pub(super) detail: Option<Box<UnshapedDetail>>,
}

/// Limit of tensors for which a detail is kept: once for causes and once for dependent tensors.
pub(super) const MAX_DETAILS: usize = 1000;

/// Declared shape and reason of a tensor without a static size, for messages.
#[derive(Debug)]
pub(super) struct UnshapedDetail {
    /// The shape that the file declares.
    pub(super) declared: Option<Description>,
    /// None if nothing was inferred at all.
    pub(super) reason: Option<UnshapedReason>,
}

/// Limit of tensors that are listed with their reason.
const MAX_REASONS: usize = 10;

/// The error for all tensors without a static size. Dependent ones come last.
pub(super) fn error(mut tensors: Vec<(&str, &Unshaped)>) -> ImportError {
    tensors.sort_by_key(|(_, tensor)| tensor.is_dependent);
    // Reasons are long, and messages show the first ones only.
    let texts = tensors.iter().enumerate().map(|(index, (name, tensor))| match tensor.detail.as_deref() {
        Some(UnshapedDetail { declared, reason: Some(UnshapedReason::Cause(text)) })
            if index < MAX_REASONS =>
        {
            format!("`{}` {}, because {text}", short(name), declared_text(declared.as_ref()))
        }
        Some(UnshapedDetail { declared, .. }) => {
            format!("`{}` {}", short(name), declared_text(declared.as_ref()))
        }
        None => format!("`{}`", short(name)),
    });
    let texts = texts.collect();
    tensors.retain(|(_, tensor)| !tensor.is_dependent);
    ImportError::Unshaped { tensors: texts, remedy: remedy(&tensors) }
}

/// The declared type and shape as messages show them.
fn declared_text(description: Option<&Description>) -> String {
    match description {
        None => "(no type, no shape)".to_owned(),
        Some(Description::Twice(shapes)) => format!("(declared {:?} and {:?})", shapes[0], shapes[1]),
        Some(Description::NoTensor | Description::Tensor { dims: None, .. }) => {
            format!("({})", description.map(Description::shown).unwrap_or_default())
        }
        Some(tensor @ Description::Tensor { data_type, .. }) => match tensor.element_type() {
            Some(ElementType::String) => format!("{} of strings", tensor.shown()),
            Some(_) => tensor.shown(),
            None => format!("{} of element type {data_type}, which is unknown", tensor.shown()),
        },
    }
}

/// One remedy for each kind of cause among the tensors.
fn remedy(tensors: &[(&str, &Unshaped)]) -> String {
    let mut names = BTreeSet::new();
    let (mut infer, mut open_input, mut no_rule, mut never) = (false, false, false, false);
    for tensor in tensors.iter().filter_map(|(_, tensor)| tensor.detail.as_deref()) {
        let description = tensor.declared.as_ref();
        let mut lacks = || match &tensor.reason {
            Some(UnshapedReason::Cause(_)) => no_rule = true,
            Some(_) => open_input = true,
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
    if open_input || (infer && cfg!(feature = "onnx-shapes")) {
        remedies.push("give the inputs fixed shapes by --input-shape NAME=1x3x224x224".to_owned());
    } else if infer {
        remedies.push(
            "use a build with the feature `onnx-shapes`, or give the inputs fixed shapes and run shape \
             inference: python3 -c \"import onnx; onnx.save(onnx.shape_inference.infer_shapes(\
             onnx.load('IN.onnx', load_external_data=False)), 'OUT.onnx')\""
                .to_owned(),
        );
    }
    if no_rule {
        let is_cause = |tensor: &&Unshaped| {
            matches!(
                tensor.detail.as_deref(),
                Some(UnshapedDetail { reason: Some(UnshapedReason::Cause(_)), .. })
            )
        };
        let name = tensors.iter().find(|(_, tensor)| is_cause(tensor)).map_or("NAME", |(name, _)| name);
        let option = for_shell(&format!("{}=1x3:float32", short(name)));
        remedies.push(format!(
            "set a shape that cannot be inferred: --input-shape {option} (the type only if the file does not \
             declare it), or value_info in the file"
        ));
    }
    if never {
        remedies.push("only dense tensors of numbers have a size before the run".to_owned());
    }
    remedies.join("; ")
}

/// The remedy for symbolic dimensions.
fn bind(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 10;
    let shown = || names.iter().take(SHOWN);
    let quoted: Vec<String> = shown().map(|name| format!("`{}`", short(name))).collect();
    let flags: Vec<String> =
        shown().map(|name| format!("--dim {}", for_shell(&format!("{}=1", short(name))))).collect();
    let more = if names.len() > SHOWN { " and so on" } else { "" };
    format!("bind {}{more} by {}{more}", quoted.join(", "), flags.join(" "))
}

/// Quotes text for a shell, as symbolic dimensions may be called `2*seq + 1`.
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
