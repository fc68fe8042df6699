//! Can these tensors share objects of these sizes? The decision that the
//! search asks again and again.

use super::cuts::Cut;
use crate::allocate::sharing::Interval;
use crate::limits::{Meter, Stop};
use crate::random::{Keys, Random};
use crate::sorting::sort_by_keys;

/// The answer, for the intervals that meet a window of time.
#[derive(Debug)]
pub(super) enum Decision {
    /// The object of each interval, by the interval's index; `u32::MAX` for
    /// those outside of the window.
    Yes(Vec<u32>),
    /// There is no way. The search reached this section, but what comes later
    /// may be the reason.
    No {
        /// The last section that was reached.
        stuck: u32,
    },
    /// The share of nodes for this question is used up.
    Unknown {
        /// The last section that was reached.
        stuck: u32,
    },
}

/// A window of sections, `[start, end)`.
pub(super) type Window = (u32, u32);

/// Decides by depth-first search over the intervals in order of their start.
/// An interval may take any object that is free and large enough, the smallest
/// first; of free objects of equal size only one is tried. Cut off are states
/// that were seen to fail before (what objects are busy until when is all that
/// matters), and choices after which, in some section, more intervals are left
/// for objects of some size than there are.
///
/// `sizes` descends. At most `most_nodes` nodes are spent. Intervals of size
/// `trifle` or less are left out, as if there were any number of objects for
/// them.
///
/// # Errors
/// Why the whole search must stop.
pub(super) fn decide(
    intervals: &[Interval],
    sizes: &[u64],
    trifle: u64,
    window: Window,
    most_nodes: u64,
    meter: &mut Meter<'_>,
) -> Result<Decision, Stop> {
    let mut search = match Search::new(intervals, sizes, trifle, window, meter)? {
        Ok(search) => search,
        Err(stuck) => return Ok(Decision::No { stuck }),
    };
    search.run(most_nodes, meter)
}

struct Search<'a> {
    sizes: &'a [u64],
    window: Window,
    total: usize,
    /// Those that meet the window, clipped to it, by start and size.
    items: Vec<(Interval, u32)>,
    /// The different sizes: the level of each object, and of each item the last
    /// level that is large enough.
    object_level: Vec<usize>,
    item_level: Vec<usize>,
    /// `spare[level][section]`: objects of that level or larger, less the items
    /// that need one.
    spare: Vec<i32>,
    width: usize,
    busy_until: Vec<u32>,
    choice: Vec<Option<usize>>,
    was_busy_until: Vec<u32>,
    /// The next object to try for each item, counting down.
    untried: Vec<usize>,
    failed: Vec<Keys>,
    deepest: usize,
}

impl<'a> Search<'a> {
    /// The search at its root, or the section at which it is hopeless.
    fn new(
        intervals: &[Interval],
        sizes: &'a [u64],
        trifle: u64,
        window: Window,
        meter: &mut Meter<'_>,
    ) -> Result<Result<Self, u32>, Stop> {
        let items = clipped(intervals, trifle, window);
        let mut levels = sizes.to_vec();
        levels.dedup();
        let width = (window.1 - window.0) as usize;
        meter.spend((levels.len() * width / 64 + items.len()) as u64)?;
        let level_of = |size: u64| levels.partition_point(|&level| level > size);
        let object_level: Vec<usize> = sizes.iter().map(|&size| level_of(size)).collect();
        let mut item_level = Vec::with_capacity(items.len());
        for (item, _) in &items {
            let large_enough = levels.partition_point(|&level| level >= item.size);
            if large_enough == 0 {
                return Ok(Err(window.0 + item.first));
            }
            item_level.push(large_enough - 1);
        }
        let spare = spare_objects(&items, &item_level, &object_level, levels.len(), width);
        if let Some(place) = spare.iter().position(|&spare| spare < 0) {
            return Ok(Err(window.0 + (place % width) as u32));
        }
        if let Some(stuck) = stuck_in_a_cut(&items, &item_level, &object_level, &spare, width, meter)? {
            return Ok(Err(window.0 + stuck));
        }
        let count = items.len();
        Ok(Ok(Self {
            sizes,
            window,
            total: intervals.len(),
            items,
            object_level,
            item_level,
            spare,
            width,
            busy_until: vec![0; sizes.len()],
            choice: vec![None; count],
            was_busy_until: vec![0; count],
            untried: vec![sizes.len(); count],
            failed: vec![Keys::default(); count],
            deepest: 0,
        }))
    }

    fn run(&mut self, most_nodes: u64, meter: &mut Meter<'_>) -> Result<Decision, Stop> {
        let mut at = 0;
        let mut entered = true;
        // A node looks at every object, so many objects make it dearer.
        let price = 1 + self.sizes.len() as u64 / 8;
        for _ in 0..most_nodes / price {
            if at == self.items.len() {
                return Ok(Decision::Yes(self.assignment()));
            }
            meter.spend(price)?;
            self.deepest = self.deepest.max(at);
            let hopeless =
                entered && !self.failed[at].is_empty() && self.failed[at].contains(&self.state(at));
            if !hopeless && self.place(at) {
                at += 1;
                entered = true;
                continue;
            }
            if !hopeless {
                let state = self.state(at);
                self.failed[at].insert(state);
            }
            self.untried[at] = self.sizes.len();
            self.choice[at] = None;
            if at == 0 {
                return Ok(Decision::No { stuck: self.stuck() });
            }
            at -= 1;
            entered = false;
            self.take_back(at);
        }
        Ok(Decision::Unknown { stuck: self.stuck() })
    }

    /// Gives the item the next object that it may have.
    fn place(&mut self, at: usize) -> bool {
        let item = self.items[at].0;
        while self.untried[at] > 0 {
            self.untried[at] -= 1;
            let object = self.untried[at];
            let size = self.sizes[object];
            let tried = self.choice[at].is_some_and(|earlier| self.sizes[earlier] == size);
            if size < item.size || self.busy_until[object] > item.first || tried {
                continue;
            }
            self.choice[at] = Some(object);
            if self.has_spare(at, object) {
                self.change_spare(at, object, -1);
                self.was_busy_until[at] = self.busy_until[object];
                self.busy_until[object] = item.end;
                return true;
            }
        }
        false
    }

    fn take_back(&mut self, at: usize) {
        if let Some(object) = self.choice[at] {
            self.busy_until[object] = self.was_busy_until[at];
            self.change_spare(at, object, 1);
        }
    }

    /// Whether the objects larger than needed, up to this one, can be spared
    /// throughout.
    fn has_spare(&self, at: usize, object: usize) -> bool {
        let item = self.items[at].0;
        let levels = self.object_level[object]..self.item_level[at];
        levels.into_iter().all(|level| {
            let row = &self.spare[level * self.width..][item.first as usize..item.end as usize];
            row.iter().all(|&spare| spare > 0)
        })
    }

    fn change_spare(&mut self, at: usize, object: usize, by: i32) {
        let item = self.items[at].0;
        for level in self.object_level[object]..self.item_level[at] {
            let row = &mut self.spare[level * self.width..][item.first as usize..item.end as usize];
            for spare in row {
                *spare += by;
            }
        }
    }

    /// The key of until when each object is busy as seen by item `at`; objects of one
    /// size are interchangeable.
    fn state(&self, at: usize) -> u128 {
        let now = self.items[at].0.first;
        let busy = self.busy_until.iter().zip(&self.object_level).filter(|(until, _)| **until > now);
        let marks = busy.map(|(&until, &level)| Random::new((level as u64) << 32 | u64::from(until)).key());
        marks.fold(0, u128::wrapping_add)
    }

    fn stuck(&self) -> u32 {
        self.window.0 + self.items.get(self.deepest).map_or(0, |(item, _)| item.first)
    }

    fn assignment(&self) -> Vec<u32> {
        let mut objects = vec![u32::MAX; self.total];
        for ((_, index), choice) in self.items.iter().zip(&self.choice) {
            objects[*index as usize] = choice.map_or(u32::MAX, |object| object as u32);
        }
        objects
    }
}

/// The intervals that meet a window, clipped to it and counted from its start,
/// by start and then by size descending, each with its index.
fn clipped(intervals: &[Interval], trifle: u64, window: Window) -> Vec<(Interval, u32)> {
    let counts = |one: &Interval| one.size > trifle && one.first < window.1 && window.0 < one.end;
    let meeting = intervals.iter().zip(0u32..).filter(|(one, _)| counts(one));
    let mut items: Vec<(Interval, u32)> = meeting
        .map(|(one, index)| {
            let first = one.first.max(window.0) - window.0;
            let end = one.end.min(window.1) - window.0;
            (Interval { size: one.size, first, end }, index)
        })
        .collect();
    sort_by_keys(&mut items, |(item, _)| [item.first.into(), !item.size]);
    items
}

fn spare_objects(
    items: &[(Interval, u32)],
    item_level: &[usize],
    object_level: &[usize],
    levels: usize,
    width: usize,
) -> Vec<i32> {
    // How many more items of each level live in a section than in the one before.
    let mut changes = vec![0; levels * (width + 1)];
    for ((item, _), &own) in items.iter().zip(item_level) {
        changes[own * (width + 1) + item.first as usize] += 1;
        changes[own * (width + 1) + item.end as usize] -= 1;
    }
    let mut live = vec![0; width];
    let mut spare = Vec::with_capacity(levels * width);
    for level in 0..levels {
        let objects = object_level.partition_point(|&other| other <= level);
        // Objects are numbered in 32 bits.
        let objects = i32::try_from(objects).unwrap_or(i32::MAX);
        let mut own = 0;
        for (live, change) in live.iter_mut().zip(&changes[level * (width + 1)..]) {
            own += change;
            *live += own;
            spare.push(objects - *live);
        }
    }
    spare
}

/// Whether at some level the objects above it and those below cannot be told
/// apart as [`Cut`] asks, and where.
fn stuck_in_a_cut(
    items: &[(Interval, u32)],
    item_level: &[usize],
    object_level: &[usize],
    spare: &[i32],
    width: usize,
    meter: &mut Meter<'_>,
) -> Result<Option<u32>, Stop> {
    for (level, spare) in spare.chunks(width.max(1)).enumerate() {
        meter.spend((items.len() + width) as u64 / 32)?;
        let small = items.iter().zip(item_level).filter(|(_, own)| **own > level);
        let larger = object_level.partition_point(|&other| other <= level);
        let small_objects = i32::try_from(object_level.len() - larger).unwrap_or(i32::MAX);
        let cut = Cut::new(small.map(|((item, _), _)| *item), small_objects, spare);
        if let Some(cut) = cut
            && let Some(stuck) = cut.stuck(meter)?
        {
            return Ok(Some(stuck));
        }
    }
    Ok(None)
}
