//! Lower bounds above the load from windows of time.

use super::dive::{Dive, DiveOutcome};
use super::heights::AttainableHeights;
use super::heuristic::{BranchingHeuristic, ValueOrder};
use super::incumbent::Incumbent;
use super::instance::ExactInstance;
use super::portfolio::ExactTask;
use crate::problem::{Buffer, LiveRange, Problem, lower_bound};
use crate::support::limits::{Budget, Stop};
use crate::support::sorting::unique;

/// Widths of the windows: number of start and end steps to either side of the peak.
const WIDTHS: [usize; 4] = [3, 8, 20, 50];

/// Node limit for each decision.
const NODES: u64 = 2_000;

/// Maximum number of buffers in a window.
const MAX_BUFFERS: usize = 1_000;

/// Raises the lower bound by exact searches in windows around the peak. Returns nodes and
/// work.
///
/// # Errors
/// The reason to stop, if a limit was reached; bounds proven until then are in `incumbent`.
pub(super) fn raise(
    problem: &Problem,
    incumbent: &mut Incumbent,
    task: &ExactTask<'_>,
    budget: &mut Budget<'_>,
) -> Result<(u64, u64), Stop> {
    // Soundness: any packing of the whole gives the buffers of a window, with live ranges clipped to
    // it, a packing of the same height. So a height that is proven impossible for a window is
    // impossible for the problem. Each decision is a dive at one height; if it is exhausted, the bound
    // rises to the next height that the window can attain.
    let (mut nodes, mut work) = (0, 0);
    let times = times(problem);
    let step = lower_bound(problem).step;
    let peak = times.partition_point(|&time| time <= step);
    for width in WIDTHS {
        let last = (peak + width - 1).min(times.len() - 1);
        let window = LiveRange { start: times[peak.saturating_sub(width)], end: times[last] };
        let Some(part) = within(problem, window) else { break };
        let Some(instance) = ExactInstance::new(&part, part.ids().collect(), budget)? else { break };
        let heights = AttainableHeights::new(&instance, incumbent.height, budget)?;
        // `fits` is a height that the window may need. The first decision is at the target,
        // later ones bisect the heights between the target and `fits`.
        let mut fits = incumbent.height;
        let mut capacity = incumbent.target_height(&task.target);
        while capacity < fits && nodes < task.target.nodes && !incumbent.settles(&task.target) {
            let heuristic = BranchingHeuristic::exact(ValueOrder::Load);
            let Some(mut dive) = Dive::new(&instance, task.exact.rules, capacity, heuristic, budget)? else {
                break;
            };
            let dived = dive.run(NODES.min(task.target.nodes - nodes), task.target.work, budget);
            nodes += dive.nodes;
            work += dive.state.work;
            match dived? {
                DiveOutcome::Found => fits = instance.height(&dive.state.offsets),
                DiveOutcome::Exhausted => incumbent.bound = heights.from(capacity + 1).min(incumbent.height),
                DiveOutcome::Paused => break,
            }
            let target = incumbent.target_height(&task.target);
            capacity = target + fits.saturating_sub(target) / 2;
        }
    }
    Ok((nodes, work))
}

/// All steps at which a buffer starts or ends, ascending.
fn times(problem: &Problem) -> Vec<u32> {
    let pieces = problem.buffers().iter().flat_map(Buffer::pieces);
    unique(pieces.flat_map(|piece| [piece.start, piece.end]))
}

/// The buffers of a window, with live ranges clipped to it; `None` if they are more than
/// `MAX_BUFFERS`.
fn within(problem: &Problem, window: LiveRange) -> Option<Problem> {
    let mut buffers = Vec::new();
    for buffer in problem.buffers().iter().filter(|buffer| buffer.size() > 0) {
        let clipped = |piece: LiveRange| LiveRange {
            start: piece.start.max(window.start),
            end: piece.end.min(window.end),
        };
        let inside = buffer.pieces().filter(|piece| piece.overlaps(window));
        let pieces: Vec<LiveRange> = inside.map(clipped).collect();
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { continue };
        let gaps = pieces.windows(2).map(|pair| pair[0].end..pair[1].start);
        let part =
            Buffer::new(buffer.size(), first.start..last.end).align(buffer.alignment()).with_gaps(gaps);
        buffers.push(buffer.fixed_offset().map_or(part.clone(), |offset| part.at(offset)));
        if buffers.len() > MAX_BUFFERS {
            return None;
        }
    }
    Problem::new(buffers).ok()
}
