//! The error for tensors without a static size: their names, the reasons, and remedies.

use std::collections::BTreeSet;

use super::description::{Description, Dim};
use super::inferred::UnshapedReason;
use crate::error::short;
use crate::graph::{ElementType, Graph, GraphBuilder, TensorKind, TensorSpec};
use crate::import::ImportError;
use crate::support::ids::TensorId;

/// A tensor without a static size.
#[derive(Debug)]
struct Unshaped {
    id: TensorId,
    /// True if the cause is another tensor of unknown shape.
    is_dependent: bool,
    /// Present for the first [`MAX_DETAILS`] tensors.
    detail: Option<Box<UnshapedDetail>>,
}

/// Limit of tensors for which a detail is kept: once for causes and once for dependent tensors.
pub(super) const MAX_DETAILS: usize = 1000;

/// Declared shape and reason of a tensor without a static size, for messages.
#[derive(Debug)]
struct UnshapedDetail {
    /// The shape that the file declares.
    declared: Option<Description>,
    /// None if nothing was inferred at all.
    reason: Option<UnshapedReason>,
}

/// The tensors of a graph without a static size.
#[derive(Debug, Default)]
pub(super) struct UnshapedTensors {
    tensors: Vec<Unshaped>,
    /// The number of causes and of dependent tensors.
    counts: [usize; 2],
}

impl UnshapedTensors {
    /// Adds a tensor to a builder; without a size, also to this list.
    pub(super) fn add(
        &mut self,
        builder: &mut GraphBuilder,
        (name, kind): (&str, TensorKind),
        (spec, reason): (Option<TensorSpec>, Option<UnshapedReason>),
        declared: Option<Description>,
    ) -> TensorId {
        let lacks_size = spec.is_none();
        let id = builder.add_tensor(name, kind, spec.unwrap_or(TensorSpec::bytes(0)));
        if lacks_size {
            let is_dependent = matches!(reason, Some(UnshapedReason::Dependent));
            let count = &mut self.counts[usize::from(is_dependent)];
            *count += 1;
            let detail = (*count <= MAX_DETAILS).then(|| Box::new(UnshapedDetail { declared, reason }));
            self.tensors.push(Unshaped { id, is_dependent, detail });
        }
        id
    }

    /// Returns an error for all tensors that need memory; results of folded operators are constants by now. Dependent
    /// ones come last.
    pub(super) fn check(&self, graph: &Graph) -> Result<(), ImportError> {
        let needs_memory = |one: &&Unshaped| graph.tensor(one.id).kind() != TensorKind::Constant;
        let lacking = self.tensors.iter().filter(needs_memory);
        let mut tensors: Vec<_> = lacking.map(|one| (graph.tensor(one.id).name(), one)).collect();
        if tensors.is_empty() {
            return Ok(());
        }
        tensors.sort_by_key(|(_, tensor)| tensor.is_dependent);
        // Reasons are long, and messages show the first ones only.
        let texts = tensors.iter().enumerate().map(|(index, (name, tensor))| {
            let Some(UnshapedDetail { declared, reason }) = tensor.detail.as_deref() else {
                return format!("`{}`", short(name));
            };
            let text = format!("`{}` {}", short(name), declared_text(declared.as_ref()));
            match reason {
                Some(UnshapedReason::Cause(reason)) if index < MAX_REASONS => {
                    format!("{text}, because {reason}")
                }
                _ => text,
            }
        });
        let texts = texts.collect();
        tensors.retain(|(_, tensor)| !tensor.is_dependent);
        Err(ImportError::Unshaped { tensors: texts, remedy: remedy(&tensors) })
    }
}

/// Limit of tensors that are listed with their reason.
const MAX_REASONS: usize = 10;

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
    let (mut lacks_input, mut text, mut no_tensor) = (false, None, None);
    let (mut first_cause, mut lacks_rule) = (None, false);
    for (name, tensor) in tensors {
        let Some(UnshapedDetail { declared, reason }) = tensor.detail.as_deref() else { continue };
        let description = declared.as_ref();
        if matches!(reason, Some(UnshapedReason::Cause(_))) {
            first_cause.get_or_insert(*name);
        }
        let mut lacks = || match reason {
            Some(UnshapedReason::Cause(_)) => lacks_rule = true,
            Some(_) | None => lacks_input = true,
        };
        match description {
            Some(Description::Tensor { dims: Some(dims), .. }) => {
                names.extend(dims.iter().filter_map(|dim| match dim {
                    Dim::Named(name) => Some(&**name),
                    Dim::Known(_) | Dim::Unknown => None,
                }));
                let is_sized =
                    description.and_then(Description::element_type).and_then(ElementType::bits).is_some();
                if description.and_then(Description::element_type) == Some(ElementType::String) {
                    text.get_or_insert(*name);
                }
                // A complete shape that does not count is one for other inputs.
                let has_names = dims.iter().any(|dim| matches!(dim, Dim::Named(_)));
                if is_sized && !has_names || dims.iter().any(|dim| matches!(dim, Dim::Unknown)) {
                    lacks();
                }
            }
            Some(Description::Tensor { dims: None, .. } | Description::Twice(_)) | None => lacks(),
            Some(Description::NoTensor) => {
                no_tensor.get_or_insert(*name);
            }
        }
    }
    let mut remedies = Vec::new();
    if !names.is_empty() {
        remedies.push(bind(&names));
    }
    if lacks_input {
        remedies.push("give the inputs fixed shapes by --input-shape NAME=1x3x224x224".to_owned());
    }
    if let Some(name) = first_cause.filter(|_| lacks_rule) {
        let option = for_shell(&format!("{}=1x3:float32", short(name)));
        remedies.push(format!(
            "set a shape that cannot be inferred: --input-shape {option} (the type only if the file does not \
             declare it), or value_info in the file"
        ));
    }
    if let Some(name) = no_tensor {
        let option = for_shell(&format!("{}=1000:float32", short(name)));
        remedies.push(format!(
            "sequences, optional values and maps have no shape; give each the elements that it takes at most: \
             --input-shape {option}"
        ));
    }
    if let Some(name) = text {
        let option = for_shell(&format!("{}=3x4:uint64", short(name)));
        remedies.push(format!(
            "strings have no size before the run; plan a reference for each by its shape and the type of a \
             reference: --input-shape {option}, or cut the operators on strings off the model"
        ));
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
