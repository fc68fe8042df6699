//! Checks of a builder's operators and tensors.

use super::tensor::Size;
use super::{ElementType, Operator, Tensor, TensorKind};
use crate::error::{Error, Named, Result, Subject};
use crate::support::ids::{OperatorId, TensorId};

/// Computes the sizes of all tensors and checks alignments and fixed offsets.
pub(super) fn tensors(tensors: &mut [Tensor]) -> Result<()> {
    for (index, tensor) in tensors.iter_mut().enumerate() {
        let id = TensorId::new(index);
        tensor.bytes = size_of(id, tensor)?;
        memory_order(id, tensor)?;
        super::storage::check_alone(id, tensor)?;
        let Some(alignment) = tensor.alignment() else { continue };
        if !alignment.is_power_of_two() {
            return Err(Error::Alignment { subject: Subject::Tensor(tensor.named(id)), alignment });
        }
        if let Some(offset) = tensor.fixed_offset()
            && offset % alignment != 0
        {
            return Err(Error::FixedMisaligned {
                subject: Subject::Tensor(tensor.named(id)),
                offset,
                alignment,
            });
        }
    }
    Ok(())
}

/// Checks that the memory order of a tensor names each of its axes once.
pub(super) fn memory_order(id: TensorId, tensor: &Tensor) -> Result<()> {
    let Some(order) = tensor.stated_memory_order() else { return Ok(()) };
    let rank = tensor.shape().map_or(0, <[u64]>::len);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().map(|&axis| axis as usize).eq(0..rank) {
        return Ok(());
    }
    Err(Error::MemoryOrder { tensor: tensor.named(id), order: order.to_vec(), rank })
}

/// The size of a tensor in bytes. Constants of strings count as 0 bytes, as constants are outside
/// of the arena.
fn size_of(id: TensorId, tensor: &Tensor) -> Result<u64> {
    match &tensor.spec.size {
        Size::Bytes(bytes) => Ok(*bytes),
        Size::Shaped(ElementType::String, _) if tensor.kind == TensorKind::Constant => Ok(0),
        Size::Shaped(element_type, shape) => shaped_bytes(|| tensor.named(id), *element_type, shape),
    }
}

/// The size in bytes of a tensor with this element type and shape.
pub(super) fn shaped_bytes(
    named: impl Fn() -> Named<TensorId>,
    element_type: ElementType,
    shape: &[u64],
) -> Result<u64> {
    if element_type.bits().is_none() {
        return Err(Error::Unsized { tensor: named() });
    }
    element_type.bytes_of(shape).ok_or_else(|| Error::SizeOverflow {
        tensor: named(),
        element_type: element_type.name(),
        shape: shape.to_vec(),
    })
}

/// Checks that every id in an operator exists.
pub(super) fn ids(operators: &[Operator], tensor_count: usize) -> Result<()> {
    for (index, operator) in operators.iter().enumerate() {
        let subject = || Subject::Operator(operator.named(OperatorId::new(index)));
        for &tensor in operator.inputs.iter().chain(&operator.outputs) {
            if tensor.index() >= tensor_count {
                return Err(Error::UnknownTensor { subject: subject(), tensor, count: tensor_count });
            }
        }
        for &other in operator.runs_after() {
            if other.index() >= operators.len() {
                let count = operators.len();
                return Err(Error::UnknownOperator { subject: subject(), operator: other, count });
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
            set_producer((output, &mut tensors[output.index()]), id, operators)?;
        }
    }
    Ok(())
}

fn set_producer(
    (tensor_id, tensor): (TensorId, &mut Tensor),
    id: OperatorId,
    operators: &[Operator],
) -> Result<()> {
    let is_constant = match tensor.kind {
        TensorKind::Input => false,
        TensorKind::Constant => true,
        TensorKind::Variable => {
            tensor.producer.get_or_insert(id);
            return Ok(());
        }
        TensorKind::Intermediate => return set_only_producer((tensor_id, tensor), id, operators),
    };
    Err(Error::NotWritable {
        operator: operators[id.index()].named(id),
        tensor: tensor.named(tensor_id),
        is_constant,
    })
}

fn set_only_producer(
    (tensor_id, tensor): (TensorId, &mut Tensor),
    id: OperatorId,
    operators: &[Operator],
) -> Result<()> {
    match tensor.producer.replace(id) {
        None => Ok(()),
        Some(first) => Err(Error::TwoProducers {
            tensor: tensor.named(tensor_id),
            first: operators[first.index()].named(first),
            second: operators[id.index()].named(id),
        }),
    }
}

/// Checks that every intermediate that is read or is an output has a producer.
pub(super) fn producers(operators: &[Operator], tensors: &[Tensor]) -> Result<()> {
    for (index, tensor) in tensors.iter().enumerate() {
        if tensor.kind != TensorKind::Intermediate || tensor.producer.is_some() {
            continue;
        }
        let needed_by = match tensor.readers.first() {
            Some(&reader) => Subject::Operator(operators[reader.index()].named(reader)),
            None if tensor.is_output => Subject::Outputs,
            None => continue,
        };
        return Err(Error::NoProducer { tensor: tensor.named(TensorId::new(index)), needed_by });
    }
    Ok(())
}

/// Checks that every id of a list exists. `subject` is the list.
pub(super) fn listed(ids: &[TensorId], count: usize, subject: Subject) -> Result<()> {
    match ids.iter().find(|id| id.index() >= count) {
        None => Ok(()),
        Some(&tensor) => Err(Error::UnknownTensor { subject, tensor, count }),
    }
}
