//! Encoding of the plan for the runtime: a version, the number of subgraphs, the number of tensors, and an
//! offset for each tensor of all subgraphs, as little-endian 32-bit integers.

use super::TfliteError;
use super::layout::HeadLayout;
use super::runtime_network::RuntimeNetwork;

/// Name of the metadata that the runtime looks for. The runtime silently ignores other names.
pub(super) const NAME: &[u8] = b"OfflineMemoryAllocation";

/// Offset of a tensor that the runtime places.
const ONLINE: i32 = -1;

pub(super) fn encode(layout: &HeadLayout) -> Result<Vec<u8>, TfliteError> {
    let all = || layout.offsets.iter().flatten();
    let mut numbers = vec![1, number(layout.offsets.len() as u64)?, number(all().count() as u64)?];
    for offset in all() {
        numbers.push(offset.map_or(Ok(ONLINE), number)?);
    }
    Ok(numbers.into_iter().flat_map(i32::to_le_bytes).collect())
}

fn number(number: u64) -> Result<i32, TfliteError> {
    i32::try_from(number).map_err(|_| TfliteError::TooLarge { bytes: number })
}

/// Decodes the offsets of a plan, by subgraph and tensor.
pub(super) fn decode(data: &[u8], network: &RuntimeNetwork) -> Result<Vec<Vec<Option<u64>>>, TfliteError> {
    let wrong = |reason: String| TfliteError::Wrong(format!("`OfflineMemoryAllocation` {reason}"));
    if !data.len().is_multiple_of(4) || data.len() < 12 {
        return Err(wrong(format!("of {} bytes: expected three numbers of 32 bits or more", data.len())));
    }
    let numbers: Vec<i32> = data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect();
    let (count, offsets) = (numbers[2], &numbers[3..]);
    let expected = network.tensor_count();
    if usize::try_from(count) != Ok(expected) || offsets.len() != expected {
        let found = format!("says {count} and has {} offsets", offsets.len());
        return Err(wrong(format!("{found}, but the model has {expected} tensors")));
    }
    if let Some(below) = offsets.iter().find(|&&offset| offset < ONLINE) {
        return Err(wrong(format!("has the offset {below}, which is before the arena")));
    }
    let mut rest = offsets.iter().map(|&offset| u64::try_from(offset).ok());
    let counts = network.subgraphs.iter().map(|subgraph| subgraph.tensors.len());
    Ok(counts.map(|count| rest.by_ref().take(count).collect()).collect())
}
