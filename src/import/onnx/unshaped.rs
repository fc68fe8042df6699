//! Tensors without a static size: how to name them, and what to do about them.

use std::collections::BTreeSet;

use super::descriptions::{Description, Dim};
use crate::graph::ElementType;
use crate::import::ImportError;

/// Makes the error of them all, each given by name with what is known of it.
pub(super) fn error(tensors: &[(&str, Option<&Description>)]) -> ImportError {
    let texts = tensors.iter().map(|(name, description)| format!("`{name}` {}", known(*description)));
    ImportError::Unshaped { tensors: texts.collect(), remedy: remedy(tensors) }
}

fn known(description: Option<&Description>) -> String {
    match description {
        None => "(no type, no shape)".to_owned(),
        Some(Description::NoTensor) => "(no dense tensor)".to_owned(),
        Some(Description::Tensor { dims: None, .. }) => "(no shape)".to_owned(),
        Some(tensor @ Description::Tensor { data_type, dims: Some(dims) }) => {
            let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
            let shape = format!("[{}]", dims.join(", "));
            match tensor.element_type() {
                Some(ElementType::String) => format!("{shape} of strings"),
                Some(_) => shape,
                None => format!("{shape} of element type {data_type}, which is not known"),
            }
        }
    }
}

fn remedy(tensors: &[(&str, Option<&Description>)]) -> String {
    let mut names = BTreeSet::new();
    let mut infer = false;
    let mut never = false;
    for (_, description) in tensors {
        match description {
            Some(Description::Tensor { dims: Some(dims), .. }) => {
                names.extend(dims.iter().filter_map(|dim| match dim {
                    Dim::Named(name) => Some(*name),
                    Dim::Known(_) | Dim::Unknown => None,
                }));
                infer |= dims.iter().any(|dim| matches!(dim, Dim::Unknown));
                never |= description
                    .is_some_and(|tensor| tensor.element_type().and_then(ElementType::bits).is_none());
            }
            Some(Description::Tensor { dims: None, .. }) | None => infer = true,
            Some(Description::NoTensor) => never = true,
        }
    }
    let mut remedies = Vec::new();
    if !names.is_empty() {
        remedies.push(bind(&names));
    }
    if infer {
        remedies.push(
            "give the inputs fixed shapes and run shape inference: python3 -c \"import onnx; \
             onnx.save(onnx.shape_inference.infer_shapes(onnx.load('IN.onnx', \
             load_external_data=False)), 'OUT.onnx')\""
                .to_owned(),
        );
    }
    if never {
        remedies.push("only dense tensors of numbers have a size before the run".to_owned());
    }
    remedies.join("; ")
}

fn bind(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 10;
    let shown = || names.iter().take(SHOWN);
    let quoted: Vec<String> = shown().map(|name| format!("`{name}`")).collect();
    let flags: Vec<String> =
        shown().map(|name| format!("--dim {}", for_shell(&format!("{name}=1")))).collect();
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
