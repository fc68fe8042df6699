//! Can large objects be spared where they are needed for small tensors, and
//! only there? A test of sizes that takes no search.

use crate::allocate::sharing::Interval;
use crate::limits::{Meter, Stop};
use crate::sorting::sort_by_keys;

/// Objects cut in two by size. Some of the small tensors, those for which the
/// small objects would do, must go into large ones: in every section at least
/// as many as are left when the small objects are full, and at most as many as
/// there are large objects to spare. As a tensor stays in one object for all of
/// its life, a choice need not exist, even where there are enough at any time.
///
/// Whether one exists is a question of flow along time: in each section
/// `spare` units pass, each through a chosen tensor or past all of them, and at
/// most `idle` may pass so. Sections are nodes; a tensor is an arc from its
/// first section to its end, of capacity 1.
pub(super) struct Cut {
    /// For each section, how many large objects its large tensors leave.
    spare: Vec<i32>,
    /// How many of these nothing needs.
    idle: Vec<i32>,
    /// First and end of the small tensors, by first.
    arcs: Vec<(u32, u32)>,
}

impl Cut {
    /// Of the small tensors, by first section. None if no section needs a large
    /// object for one: then there is nothing to find out. `spare` has an entry
    /// for each section.
    pub(super) fn new(
        small: impl Iterator<Item = Interval>,
        small_objects: i32,
        spare: &[i32],
    ) -> Option<Self> {
        let arcs: Vec<(u32, u32)> = small.map(|one| (one.first, one.end)).collect();
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

    /// Where the choice gets stuck, if there is none. Augmenting paths, one for
    /// each unit by which the spare objects grow: O(units (sections + n)).
    ///
    /// # Errors
    /// Why the whole search must stop.
    pub(super) fn stuck(&self, meter: &mut Meter<'_>) -> Result<Option<u32>, Stop> {
        meter.spend((self.arcs.len() + self.spare.len()) as u64 / 8)?;
        let mut flow = Flow::new(self);
        let mut before = 0;
        for section in 0..self.spare.len() {
            for _ in before..self.spare[section] {
                let reached = flow.augment(section as u32);
                meter.spend(1 + flow.queue.len() as u64 / 8)?;
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

struct Flow<'a> {
    cut: &'a Cut,
    /// Where each section's arcs begin; and the arcs that end at a section.
    first_arc: Vec<u32>,
    ending: Vec<u32>,
    first_ending: Vec<u32>,
    chosen: Vec<bool>,
    past: Vec<i32>,
    /// Units that may still stay behind at each node.
    room: Vec<i32>,
    queue: Vec<u32>,
    /// By node: from where it was reached, and by which arc (or past them).
    reached_from: Vec<(u32, u32)>,
    seen: Vec<u32>,
    round: u32,
}

impl<'a> Flow<'a> {
    fn new(cut: &'a Cut) -> Self {
        let nodes = cut.spare.len() + 1;
        let count = cut.arcs.len();
        let mut ending: Vec<u32> = (0..count as u32).collect();
        sort_by_keys(&mut ending, |&arc| [cut.arcs[arc as usize].1.into(), 0]);
        let index = |sorted: &dyn Fn(usize) -> u32| -> Vec<u32> {
            let mut at = 0;
            (0..=nodes as u32)
                .map(|node| {
                    while at < count && sorted(at) < node {
                        at += 1;
                    }
                    at as u32
                })
                .collect()
        };
        let ends = |node: usize| (cut.spare[node - 1] - cut.spare.get(node).copied().unwrap_or(0)).max(0);
        Self {
            cut,
            first_arc: index(&|at| cut.arcs[at].0),
            first_ending: index(&|at| cut.arcs[ending[at] as usize].1),
            ending,
            chosen: vec![false; count],
            past: vec![0; nodes],
            room: (0..nodes).map(|node| if node == 0 { 0 } else { ends(node) }).collect(),
            queue: Vec::with_capacity(nodes),
            reached_from: vec![(NONE, NONE); nodes],
            seen: vec![0; nodes],
            round: 0,
        }
    }

    /// Leads one more unit from a node to one where a unit ends, by the fewest
    /// arcs; what was chosen may be chosen otherwise.
    fn augment(&mut self, source: u32) -> bool {
        self.round += 1;
        self.queue.clear();
        self.reach(source, NONE, NONE);
        let mut at = 0;
        while let Some(&node) = self.queue.get(at) {
            at += 1;
            if self.room[node as usize] > 0 {
                self.room[node as usize] -= 1;
                self.lead(node);
                return true;
            }
            self.spread(node);
        }
        false
    }

    fn reach(&mut self, node: u32, from: u32, by: u32) {
        let seen = &mut self.seen[node as usize];
        if *seen != self.round {
            *seen = self.round;
            self.reached_from[node as usize] = (from, by);
            self.queue.push(node);
        }
    }

    fn spread(&mut self, node: u32) {
        let at = node as usize;
        for arc in self.first_arc[at]..self.first_arc[at + 1] {
            if !self.chosen[arc as usize] {
                self.reach(self.cut.arcs[arc as usize].1, node, arc);
            }
        }
        for place in self.first_ending[at]..self.first_ending[at + 1] {
            let arc = self.ending[place as usize];
            if self.chosen[arc as usize] {
                self.reach(self.cut.arcs[arc as usize].0, node, arc);
            }
        }
        if at < self.cut.idle.len() && self.past[at] < self.cut.idle[at] {
            self.reach(node + 1, node, NONE);
        }
        if at > 0 && self.past[at - 1] > 0 {
            self.reach(node - 1, node, NONE);
        }
    }

    /// Back along the path that was found.
    fn lead(&mut self, mut node: u32) {
        loop {
            let (from, by) = self.reached_from[node as usize];
            if from == NONE {
                return;
            }
            if by != NONE {
                self.chosen[by as usize] ^= true;
            } else if from < node {
                self.past[from as usize] += 1;
            } else {
                self.past[node as usize] -= 1;
            }
            node = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    /// Whether some of the arcs load each section with at least `least` and at
    /// most `most`, by trying all.
    fn possible(arcs: &[(u32, u32)], least: &[i32], most: &[i32]) -> bool {
        (0..1u32 << arcs.len()).any(|chosen| {
            (0..most.len()).all(|section| {
                let at = section as u32;
                let lives =
                    |&(i, arc): &(usize, &(u32, u32))| chosen >> i & 1 == 1 && arc.0 <= at && at < arc.1;
                let load = arcs.iter().enumerate().filter(lives).map(|_| 1).sum();
                least[section] <= load && load <= most[section]
            })
        })
    }

    #[test]
    fn says_what_trying_all_says() {
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
            let least: Vec<i32> = (0..sections).map(|at| (live(at) - small_objects).max(0)).collect();
            if least.iter().zip(&spare).any(|(least, spare)| least > spare) {
                continue;
            }
            let small = arcs.iter().map(|&(first, end)| Interval { size: 1, first, end });
            let Some(cut) = Cut::new(small, small_objects, &spare) else { continue };
            let limits = Limits::new();
            let found = cut.stuck(&mut Meter::new(&limits, u64::MAX)).unwrap();
            assert_eq!(found.is_none(), possible(&arcs, &least, &spare), "{arcs:?} {least:?} {spare:?}");
            if found.is_some() {
                stuck += 1;
            } else {
                done += 1;
            }
        }
    }
}
