//! The placement rule of TensorFlow Lite Micro's `GreedyMemoryPlanner`.

/// Maximum number of pairs of buffers to compare. No microcontroller runs a model with more.
pub(super) const MAX_PAIRS: usize = 1 << 30;

/// A request to the runtime's planner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HeadRequest {
    pub(super) bytes: u64,
    /// First and last step, both inclusive. A buffer that no operator creates is live from step -1, before
    /// the first operator.
    pub(super) first: i64,
    pub(super) last: i64,
}

/// Places requests one after the other, each at the lowest offset at which it overlaps no placed request
/// with overlapping live range; `placed` are requests with offsets. Returns the end of the highest of the
/// others. O(n squared).
pub(super) fn place(mut placed: Vec<(u64, HeadRequest)>, requests: &[HeadRequest]) -> u64 {
    placed.sort_unstable();
    let mut end = 0;
    for &request in requests {
        let mut offset = 0;
        let meets = |other: &HeadRequest| other.first <= request.last && request.first <= other.last;
        for &(start, other) in placed.iter().filter(|(_, other)| meets(other)) {
            if start >= offset + request.bytes {
                break;
            }
            offset = offset.max(start + other.bytes);
        }
        end = end.max(offset + request.bytes);
        let at = placed.partition_point(|&(start, _)| start <= offset);
        placed.insert(at, (offset, request));
    }
    end
}
