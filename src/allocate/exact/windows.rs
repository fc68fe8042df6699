//! Bounds above the load: windows of time, searched by themselves.

use super::dive::{Dive, Dived};
use super::heights::Heights;
use super::instance::Instance;
use super::portfolio::{Known, Task};
use super::taste::{By, Taste, Where};
use crate::bound::lower_bound;
use crate::limits::{Meter, Stop};
use crate::problem::{Buffer, LiveRange, Problem};

/// Moments at which something begins or ends, to either side of the peak.
const WIDTHS: [usize; 4] = [3, 8, 20, 50];

/// For one question.
const NODES: u64 = 2_000;

/// Windows with more buffers are left to the search as a whole.
const MOST_BUFFERS: usize = 1_000;

/// Raises the bound by what windows around the peak need: any offsets for all buffers
/// are offsets for those parts of their lives that lie in a window. Each is asked
/// whether it fits the bound; if not, the bound rises to the next height that sums of
/// the window's sizes can have, and by bisection towards the least that it fits.
///
/// Returns nodes and work.
///
/// # Errors
/// Why it must stop; what is shown until then is in `known`.
pub(super) fn raise(
    problem: &Problem,
    known: &mut Known,
    task: &Task<'_>,
    meter: &mut Meter<'_>,
) -> Result<(u64, u64), Stop> {
    let (mut nodes, mut work) = (0, 0);
    let times = times(problem);
    let step = lower_bound(problem).step;
    let peak = times.partition_point(|&time| time <= step);
    for width in WIDTHS {
        let last = (peak + width - 1).min(times.len() - 1);
        let window = LiveRange { start: times[peak.saturating_sub(width)], end: times[last] };
        let Some(part) = within(problem, window) else { break };
        let Some(instance) = Instance::new(&part, part.ids().collect(), meter)? else { break };
        let heights = Heights::new(&instance, known.height, meter)?;
        // The window fits this; what is asked is halfway to it, but first the aim.
        let mut fits = known.height;
        let mut capacity = known.aimed_at(&task.aim);
        while capacity < fits && nodes < task.aim.nodes && !known.settles(&task.aim) {
            let taste = Taste { by: By::Load, place: Where::Failures, noise: 0.0, seed: 0 };
            let Some(mut dive) = Dive::new(&instance, task.rules, capacity, taste, meter)? else { break };
            let dived = dive.run(NODES.min(task.aim.nodes - nodes), task.aim.work, meter);
            nodes += dive.nodes;
            work += dive.state.work;
            match dived? {
                Dived::Found => fits = instance.height(&dive.state.offsets),
                Dived::Exhausted => known.bound = heights.from(capacity + 1).min(known.height),
                Dived::Paused => break,
            }
            let aim = known.aimed_at(&task.aim);
            capacity = aim + fits.saturating_sub(aim) / 2;
        }
    }
    Ok((nodes, work))
}

/// Every moment at which something begins or ends, ascending.
fn times(problem: &Problem) -> Vec<u32> {
    let pieces = problem.buffers().iter().flat_map(Buffer::pieces);
    let mut times: Vec<u32> = pieces.flat_map(|piece| [piece.start, piece.end]).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// What is live in a window, for as long as it is; none if that is too much.
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
        if buffers.len() > MOST_BUFFERS {
            return None;
        }
    }
    Problem::new(buffers).ok()
}
