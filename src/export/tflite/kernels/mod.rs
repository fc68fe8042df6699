//! Scratch requests of kernels in several builds of TensorFlow Lite Micro.

mod cmsis_nn;
mod convolution;
mod esp_nn;
mod reference;

use super::runtime_network::{ALIGNMENT, RuntimeOperator, RuntimeSubgraph, RuntimeTensor};
use crate::ElementType;

/// Kernel library of a build of TensorFlow Lite Micro.
///
/// Example: the [module](crate::export::tflite).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernels {
    /// The reference kernels.
    #[default]
    Reference,
    /// CMSIS-NN on processors with the DSP extension: Cortex-M4, M7, M33, M35P.
    CmsisNnDsp,
    /// CMSIS-NN on processors with the vector extension (MVE, Helium): Cortex-M52, M55, M85.
    CmsisNnMve,
    /// ESP-NN on ESP32-S3.
    EspNnEsp32S3,
}

impl Kernels {
    /// The scratch requests of an operator's kernel, each rounded up; `None` if they are unknown. If builds of
    /// one library differ (by compiler, or by buffers in persistent memory), the larger request counts.
    pub(super) fn requests(self, subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> Option<Vec<u64>> {
        let kernel = match self {
            Self::Reference => Kernel::Reference,
            Self::CmsisNnDsp => cmsis_nn::kernel(cmsis_nn::Extension::Dsp, subgraph, operator),
            Self::CmsisNnMve => cmsis_nn::kernel(cmsis_nn::Extension::Mve, subgraph, operator),
            Self::EspNnEsp32S3 => esp_nn::kernel(subgraph, operator),
        };
        match kernel {
            Kernel::Reference => reference::requests_of(subgraph, operator),
            Kernel::Own(requests) => requests,
        }
    }
}

/// The kernel of an operator in a build with an optimised library.
enum Kernel {
    Reference,
    /// A kernel of the library with its requests; `None` if they are unknown.
    Own(Option<Vec<u64>>),
}

/// Rounds up each request; `None` if a request or the sum exceeds the range of the runtime.
fn requests<const N: usize>(bytes: [Option<u64>; N]) -> Option<Vec<u64>> {
    let rounded = bytes.into_iter().map(|bytes| bytes?.checked_next_multiple_of(ALIGNMENT));
    let rounded = rounded.collect::<Option<Vec<u64>>>()?;
    let sum = rounded.iter().try_fold(0u64, |sum, &bytes| sum.checked_add(bytes))?;
    i32::try_from(sum).is_ok().then_some(rounded)
}

fn times(tensor: &RuntimeTensor, width: u64) -> Option<u64> {
    tensor.elements()?.checked_mul(width)
}

/// Bytes of a 32-bit integer for each dimension.
fn ranks(tensor: &RuntimeTensor) -> Option<u64> {
    tensor.rank()?.checked_mul(4)
}

fn dim(tensor: &RuntimeTensor, axis: usize) -> Option<u64> {
    tensor.shape.as_ref()?.get(axis).copied()
}

fn type_of(tensor: Option<&RuntimeTensor>) -> Option<ElementType> {
    tensor.and_then(|tensor| tensor.element_type)
}
