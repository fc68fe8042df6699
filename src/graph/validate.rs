//! Checks of a builder's operators and tensors.

use super::tensor::Size;
use super::{ElementType, Operator, Tensor, TensorKind};
use crate::error::{Error, Result};
use crate::support::ids::{OperatorId, TensorId};

/// Computes the sizes of all tensors and checks alignments and fixed offsets.
pub(super) fn tensors(tensors: &mut [Tensor]) -> Result<()> {
    for tensor in tensors {
        tensor.bytes = size_of(tensor)?;
        memory_order(tensor)?;
        let Some(alignment) = tensor.alignment() else { continue };
        if !alignment.is_power_of_two() {
            return Err(Error::Alignment { place: format!("tensor `{}`", tensor.name), alignment });
        }
        if let Some(offset) = tensor.fixed_offset()
            && offset % alignment != 0
        {
            return Err(Error::FixedMisaligned { buffer: tensor.name.to_string(), offset, alignment });
        }
    }
    Ok(())
}

/// Checks that the memory order of a tensor names each of its axes once.
pub(super) fn memory_order(tensor: &Tensor) -> Result<()> {
    let Some(order) = tensor.stated_memory_order() else { return Ok(()) };
    let rank = tensor.shape().map_or(0, <[u64]>::len);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().map(|&axis| axis as usize).eq(0..rank) {
        return Ok(());
    }
    Err(Error::MemoryOrder { tensor: tensor.name.to_string(), order: order.to_vec(), rank })
}

/// The size of a tensor in bytes. Constants of strings count as 0 bytes, as constants are outside
/// of the arena.
fn size_of(tensor: &Tensor) -> Result<u64> {
    match &tensor.spec.size {
        Size::Bytes(bytes) => Ok(*bytes),
        Size::Shaped(ElementType::String, _) if tensor.kind == TensorKind::Constant => Ok(0),
        Size::Shaped(element_type, shape) => shaped_bytes(&tensor.name, *element_type, shape),
    }
}

/// The size in bytes of a tensor with this element type and shape.
pub(super) fn shaped_bytes(name: &str, element_type: ElementType, shape: &[u64]) -> Result<u64> {
    if element_type.bits().is_none() {
        return Err(Error::Unsized { tensor: name.to_owned() });
    }
    element_type.bytes_of(shape).ok_or_else(|| Error::SizeOverflow {
        tensor: name.to_owned(),
        element_type: element_type.name(),
        shape: shape.to_vec(),
    })
}

/// Checks that every id in an operator exists.
pub(super) fn ids(operators: &[Operator], tensor_count: usize) -> Result<()> {
    for operator in operators {
        for &tensor in operator.inputs.iter().chain(&operator.outputs) {
            if tensor.index() >= tensor_count {
                let place = format!("operator `{}`", operator.name);
                return Err(Error::UnknownTensor { place, tensor, count: tensor_count });
            }
        }
        for &other in operator.runs_after() {
            if other.index() >= operators.len() {
                let place = format!("operator `{}`", operator.name);
                return Err(Error::UnknownOperator { place, operator: other, count: operators.len() });
            }
        }
    }
    Ok(())
}

/// Sets producers and readers, and checks that no intermediate has two producers.
pub(super) fn connect(operators: &[Operator], tensors: &mut [Tensor]) -> Result<()> {
    for (index, operator) in operators.iter().enumerate() {
        let id = OperatorId::new(index);
        for &input in &operator.inputs {
            let readers = &mut tensors[input.index()].readers;
            if readers.last() != Some(&id) {
                readers.push(id);
            }
        }
        for &output in &operator.outputs {
            set_producer(&mut tensors[output.index()], id, operators)?;
        }
    }
    Ok(())
}

fn set_producer(tensor: &mut Tensor, id: OperatorId, operators: &[Operator]) -> Result<()> {
    let kind = match tensor.kind {
        TensorKind::Input => "an input",
        TensorKind::Constant => "a constant",
        TensorKind::Variable => {
            tensor.producer.get_or_insert(id);
            return Ok(());
        }
        TensorKind::Intermediate => return set_only_producer(tensor, id, operators),
    };
    Err(Error::NotWritable {
        operator: operators[id.index()].name.to_string(),
        tensor: tensor.name.to_string(),
        kind,
    })
}

fn set_only_producer(tensor: &mut Tensor, id: OperatorId, operators: &[Operator]) -> Result<()> {
    match tensor.producer.replace(id) {
        None => Ok(()),
        Some(first) => Err(Error::TwoProducers {
            tensor: tensor.name.to_string(),
            first: operators[first.index()].name.to_string(),
            second: operators[id.index()].name.to_string(),
        }),
    }
}

/// Checks that every intermediate that is read or is an output has a producer.
pub(super) fn producers(operators: &[Operator], tensors: &[Tensor]) -> Result<()> {
    for tensor in tensors {
        if tensor.kind != TensorKind::Intermediate || tensor.producer.is_some() {
            continue;
        }
        let needed_by = match tensor.readers.first() {
            Some(reader) => format!("operator `{}` reads", operators[reader.index()].name),
            None if tensor.is_output => "the graph outputs".to_owned(),
            None => continue,
        };
        return Err(Error::NoProducer { tensor: tensor.name.to_string(), needed_by });
    }
    Ok(())
}

/// Checks that every id of a list exists. `place` names the list in the error.
pub(super) fn listed(ids: &[TensorId], count: usize, place: &str) -> Result<()> {
    match ids.iter().find(|id| id.index() >= count) {
        None => Ok(()),
        Some(&tensor) => Err(Error::UnknownTensor { place: place.to_owned(), tensor, count }),
    }
}
