//! A relaxation of the decision: can large objects serve the small tensors that need them?

use crate::allocate::object_intervals::ObjectInterval;
use crate::support::limits::{Budget, Stop};
use crate::support::rows::Rows;
use crate::support::sorting::sort_by_keys;

/// The flow relaxation for one cut of the objects by size.
///
/// A cut divides objects into large and small ones. Some of the small tensors must use large
/// objects: in each section at least as many as remain when all small objects are in use, and at
/// most as many as there are spare large objects. A tensor stays in one object for all of its
/// sections, so a consistent choice may not exist even if each section has enough spare objects.
///
/// The choice is a flow along time (sections are nodes). In each section `spare` units pass,
/// either through the arc of a chosen tensor, of capacity 1 from its first section to its end,
/// or past the tensors, at most `idle` units. The choice exists if and only if the flow does.
pub(super) struct SizeCut {
    /// Number of large objects not needed by large tensors, for each section.
    spare: Vec<i32>,
    /// Number of spare objects that no small tensor needs, for each section.
    idle: Vec<i32>,
    /// First section and end of each small tensor, by first section.
    arcs: Vec<(u32, u32)>,
}

impl SizeCut {
    /// The relaxation for the small tensors, which must be sorted by first section. `None` if no
    /// section needs a large object for a small tensor: then the relaxation cannot fail. `spare`
    /// has one entry for each section.
    pub(super) fn new(
        small: impl Iterator<Item = ObjectInterval>,
        small_objects: i32,
        spare: &[i32],
    ) -> Option<Self> {
        let arcs: Vec<(u32, u32)> = small.map(|interval| (interval.first, interval.end)).collect();
        // In each section, the small tensors exceed the small objects by `live - small_objects`; that
        // many large objects are needed there and the rest of the spare ones is idle.
        let mut change = vec![0; spare.len() + 1];
        for &(first, end) in &arcs {
            change[first as usize] += 1;
            change[end as usize] -= 1;
        }
        let mut live = 0;
        let mut any = false;
        let idle = spare.iter().zip(&change).map(|(&spare, change)| {
            live += change;
            any |= live > small_objects;
            spare - (live - small_objects).max(0)
        });
        let idle = idle.collect();
        any.then(|| Self { spare: spare.to_vec(), idle, arcs })
    }

    /// Returns a section in which the flow is stuck, or `None` if it exists. Augmenting paths,
    /// one per unit by which `spare` grows: O(units (sections + n)) time.
    pub(super) fn stuck(&self, budget: &mut Budget<'_>) -> Result<Option<u32>, Stop> {
        budget.spend((self.arcs.len() + self.spare.len()) as u64 / 8)?;
        // Units enter where `spare` grows from one section to the next and leave where it falls. Each
        // unit is sent by its own augmenting path; if one cannot be sent, the set of reached sections
        // is a cut without capacity, which proves that the flow does not exist (max-flow min-cut).
        let mut flow = CutFlow::new(self);
        let mut before = 0;
        for section in 0..self.spare.len() {
            for _ in before..self.spare[section] {
                let reached = flow.augment(section as u32);
                budget.spend(1 + flow.queue.len() as u64 / 8)?;
                if !reached {
                    let last = flow.queue.iter().copied().max().unwrap_or(0);
                    return Ok(Some(last.min(self.spare.len() as u32 - 1)));
                }
            }
            before = self.spare[section];
        }
        Ok(None)
    }
}

const NONE: u32 = u32::MAX;

struct CutFlow<'a> {
    cut: &'a SizeCut,
    /// By node: the arcs that begin and that end there.
    beginning: Rows,
    ending: Rows,
    chosen: Vec<bool>,
    past_flow: Vec<i32>,
    /// Number of units that may still leave the network at each node.
    room: Vec<i32>,
    queue: Vec<u32>,
    /// For each node: its predecessor on the path and the arc used (`NONE` past the tensors).
    reached_from: Vec<(u32, u32)>,
    visited: Vec<u32>,
    round: u32,
}

impl<'a> CutFlow<'a> {
    fn new(cut: &'a SizeCut) -> Self {
        let nodes = cut.spare.len() + 1;
        let count = cut.arcs.len();
        let mut ending: Vec<u32> = (0..count as u32).collect();
        sort_by_keys(&mut ending, |&arc| [cut.arcs[arc as usize].1.into(), 0]);
        let ends = |node: usize| (cut.spare[node - 1] - cut.spare.get(node).copied().unwrap_or(0)).max(0);
        Self {
            cut,
            beginning: Rows::of_sorted(nodes, (0..).zip(&cut.arcs).map(|(arc, ends)| (ends.0, arc))),
            ending: Rows::of_sorted(nodes, ending.into_iter().map(|arc| (cut.arcs[arc as usize].1, arc))),
            chosen: vec![false; count],
            past_flow: vec![0; nodes],
            room: (0..nodes).map(|node| if node == 0 { 0 } else { ends(node) }).collect(),
            queue: Vec::with_capacity(nodes),
            reached_from: vec![(NONE, NONE); nodes],
            visited: vec![0; nodes],
            round: 0,
        }
    }

    /// Sends one more unit from `source` to a node at which units leave, along a shortest
    /// augmenting path.
    fn augment(&mut self, source: u32) -> bool {
        self.round += 1;
        self.queue.clear();
        self.reach(source, NONE, NONE);
        let mut at = 0;
        while let Some(&node) = self.queue.get(at) {
            at += 1;
            if self.room[node as usize] > 0 {
                self.room[node as usize] -= 1;
                self.update_flow(node);
                return true;
            }
            self.expand(node);
        }
        false
    }

    fn reach(&mut self, node: u32, from: u32, by: u32) {
        let visited = &mut self.visited[node as usize];
        if *visited != self.round {
            *visited = self.round;
            self.reached_from[node as usize] = (from, by);
            self.queue.push(node);
        }
    }

    fn expand(&mut self, node: u32) {
        let at = node as usize;
        // Residual arcs: forward along unchosen tensors, backward along chosen ones, forward past the
        // tensors up to `idle`, and backward over units that went past.
        for position in self.beginning.range(node) {
            let arc = self.beginning.entries()[position];
            if !self.chosen[arc as usize] {
                self.reach(self.cut.arcs[arc as usize].1, node, arc);
            }
        }
        for position in self.ending.range(node) {
            let arc = self.ending.entries()[position];
            if self.chosen[arc as usize] {
                self.reach(self.cut.arcs[arc as usize].0, node, arc);
            }
        }
        if at < self.cut.idle.len() && self.past_flow[at] < self.cut.idle[at] {
            self.reach(node + 1, node, NONE);
        }
        if at > 0 && self.past_flow[at - 1] > 0 {
            self.reach(node - 1, node, NONE);
        }
    }

    /// Updates the flow along the path to `node`.
    fn update_flow(&mut self, mut node: u32) {
        loop {
            let (from, by) = self.reached_from[node as usize];
            if from == NONE {
                return;
            }
            if by != NONE {
                self.chosen[by as usize] ^= true;
            } else if from < node {
                self.past_flow[from as usize] += 1;
            } else {
                self.past_flow[node as usize] -= 1;
            }
            node = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::limits::Limits;

    /// Returns whether some subset of the arcs loads each section with at lower `lower` and at upper `upper`
    /// arcs, by enumeration.
    fn possible(arcs: &[(u32, u32)], lower: &[i32], upper: &[i32]) -> bool {
        (0..1u32 << arcs.len()).any(|chosen| {
            (0..upper.len()).all(|section| {
                let at = section as u32;
                let lives =
                    |&(i, arc): &(usize, &(u32, u32))| chosen >> i & 1 == 1 && arc.0 <= at && at < arc.1;
                let load = arcs.iter().enumerate().filter(lives).map(|_| 1).sum();
                lower[section] <= load && load <= upper[section]
            })
        })
    }

    #[test]
    fn equal_to_enumeration() {
        let mut random = fastrand::Rng::with_seed(11);
        let (mut stuck, mut done) = (0, 0);
        while stuck < 500 || done < 500 {
            let sections = random.u32(1..9);
            let mut arcs: Vec<(u32, u32)> = (0..random.usize(1..9))
                .map(|_| {
                    let first = random.u32(..sections);
                    (first, random.u32(first + 1..=sections))
                })
                .collect();
            arcs.sort_unstable();
            let small_objects = random.i32(0..4);
            let spare: Vec<i32> = (0..sections).map(|_| random.i32(0..4)).collect();
            let live = |at: u32| arcs.iter().filter(|arc| arc.0 <= at && at < arc.1).map(|_| 1).sum::<i32>();
            let lower: Vec<i32> = (0..sections).map(|at| (live(at) - small_objects).max(0)).collect();
            if lower.iter().zip(&spare).any(|(lower, spare)| lower > spare) {
                continue;
            }
            let small = arcs.iter().map(|&(first, end)| ObjectInterval { size: 1, first, end });
            let Some(cut) = SizeCut::new(small, small_objects, &spare) else { continue };
            let limits = Limits::new();
            let section = cut.stuck(&mut Budget::new(&limits, u64::MAX)).unwrap();
            assert_eq!(section.is_none(), possible(&arcs, &lower, &spare), "{arcs:?} {lower:?} {spare:?}");
            if section.is_some() {
                stuck += 1;
            } else {
                done += 1;
            }
        }
    }
}
