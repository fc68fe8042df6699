//! Shapes that tensors share: a graph may have a million tensors of few shapes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::tensor::{Size, TensorSpec};

/// Number of shapes that are remembered. If a graph has more, some tensors have a copy of their own.
const SLOTS: usize = 256;

type Slots = [Option<Arc<[u64]>>; SLOTS];

/// Shapes of tensors that were added before, by hash. A new shape replaces the previous one of its slot.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedShapes {
    /// None before the first shape.
    slots: Option<Box<Slots>>,
}

impl SharedShapes {
    /// Replaces the shape of a tensor by an equal one that is remembered, or remembers it.
    pub(super) fn share(&mut self, spec: &mut TensorSpec) {
        let Size::Shaped(_, shape) = &mut spec.size else { return };
        let slots = self.slots.get_or_insert_with(|| Box::new([const { None }; SLOTS]));
        let mut hasher = DefaultHasher::new();
        shape.hash(&mut hasher);
        match &mut slots[hasher.finish() as usize % SLOTS] {
            Some(known) if known == shape => shape.clone_from(known),
            slot => *slot = Some(shape.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ElementType;

    fn shape(spec: &TensorSpec) -> &Arc<[u64]> {
        let Size::Shaped(_, shape) = &spec.size else { unreachable!("the tensor has a shape") };
        shape
    }

    #[test]
    fn equal_shapes_are_shared() {
        assert_eq!(size_of::<TensorSpec>(), 32);
        let mut shapes = SharedShapes::default();
        let mut specs = [[2, 3], [2, 3], [3, 2]].map(|shape| TensorSpec::shaped(ElementType::Int8, shape));
        for spec in &mut specs {
            shapes.share(spec);
        }
        assert!(Arc::ptr_eq(shape(&specs[0]), shape(&specs[1])));
        assert_eq!(shape(&specs[2])[..], [3, 2]);
        for rows in 0..2 * SLOTS as u64 {
            let mut spec = TensorSpec::shaped(ElementType::Int8, [rows]);
            shapes.share(&mut spec);
            assert_eq!(shape(&spec)[..], [rows]);
        }
    }
}
