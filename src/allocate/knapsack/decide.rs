//! Decision: can the tensors share objects of given sizes?

use super::cuts::SizeCut;
use crate::allocate::object_intervals::ObjectInterval;
use crate::support::limits::{Budget, Stop};
use crate::support::random::{Keys, Random};
use crate::support::sorting::sort_by_keys;

/// Answer to a decision, for the intervals that meet a window of sections.
#[derive(Debug)]
pub(super) enum Decision {
    /// The object of each interval, by index; `u32::MAX` for intervals outside the window.
    Yes(Vec<u32>),
    /// No assignment exists. The search got as far as section `stuck`; the cause may be later.
    No {
        /// Last section reached.
        stuck: u32,
    },
    /// The node limit of the decision was reached.
    Unknown {
        /// Last section reached.
        stuck: u32,
    },
}

/// A window of sections `[start, end)`.
pub(super) type SectionWindow = (u32, u32);

/// Decides by depth-first search whether the intervals can share objects of the given sizes,
/// which must descend. Intervals of size `ignored_size` or less are left out, as if there were any
/// number of objects for them. Spends at most `node_limit` nodes.
pub(super) fn decide(
    intervals: &[ObjectInterval],
    sizes: &[u64],
    ignored_size: u64,
    window: SectionWindow,
    node_limit: u64,
    budget: &mut Budget<'_>,
) -> Result<Decision, Stop> {
    // Intervals are assigned in order of their start; each takes a free object that is large enough,
    // the smallest first. Pruned are: equal objects (one representative for each size), states seen to
    // fail (the busy times of the objects determine the rest of the search), and assignments after
    // which, in some section, fewer large objects are left than intervals need. All of these keep the
    // search complete, so `No` is a proof. Exponential in the worst case.
    let mut search = match AssignmentSearch::new(intervals, sizes, ignored_size, window, budget)? {
        Ok(search) => search,
        Err(stuck) => return Ok(Decision::No { stuck }),
    };
    search.run(node_limit, budget)
}

struct AssignmentSearch<'a> {
    sizes: &'a [u64],
    window: SectionWindow,
    total: usize,
    /// Intervals that meet the window, clipped to it, by start and size, with their indices.
    items: Vec<(ObjectInterval, u32)>,
    /// Level of each object: the index of its size among the distinct sizes, descending. Level
    /// of each item: the last one that is large enough.
    object_level: Vec<usize>,
    item_level: Vec<usize>,
    /// `spare[level][section]`: number of objects of that level or larger, minus the number of
    /// items that need one.
    spare: Vec<i32>,
    width: usize,
    busy_until: Vec<u32>,
    choice: Vec<Option<usize>>,
    previous_busy_until: Vec<u32>,
    /// Next object to try for each item, counting down from the smallest object.
    untried: Vec<usize>,
    failed: Vec<Keys>,
    deepest: usize,
}

impl<'a> AssignmentSearch<'a> {
    /// The search at its root, or the section in which a relaxation already fails.
    fn new(
        intervals: &[ObjectInterval],
        sizes: &'a [u64],
        ignored_size: u64,
        window: SectionWindow,
        budget: &mut Budget<'_>,
    ) -> Result<Result<Self, u32>, Stop> {
        let items = clipped(intervals, ignored_size, window);
        let mut levels = sizes.to_vec();
        levels.dedup();
        let width = (window.1 - window.0) as usize;
        budget.spend((levels.len() * width / 64 + items.len()) as u64)?;
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
        // Two relaxations at the root. Counting: in each section, the items that need an object of some
        // level or larger must not outnumber these objects. Flow: see `SizeCut`.
        let spare = spare_objects(&items, &item_level, &object_level, levels.len(), width);
        if let Some(index) = spare.iter().position(|&spare| spare < 0) {
            return Ok(Err(window.0 + (index % width) as u32));
        }
        if let Some(stuck) = stuck_section(&items, &item_level, &object_level, &spare, width, budget)? {
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
            previous_busy_until: vec![0; count],
            untried: vec![sizes.len(); count],
            failed: vec![Keys::default(); count],
            deepest: 0,
        }))
    }

    fn run(&mut self, node_limit: u64, budget: &mut Budget<'_>) -> Result<Decision, Stop> {
        let mut at = 0;
        let mut entered = true;
        // A node scans all objects, so its price grows with their number.
        let node_cost = 1 + self.sizes.len() as u64 / 8;
        for _ in 0..node_limit / node_cost {
            if at == self.items.len() {
                return Ok(Decision::Yes(self.assignment()));
            }
            budget.spend(node_cost)?;
            self.deepest = self.deepest.max(at);
            // A state is stored as failed when all options of its item are exhausted, and looked up
            // when the item is entered again by other assignments of the items before it.
            let is_refuted =
                entered && !self.failed[at].is_empty() && self.failed[at].contains(&self.state_hash(at));
            if !is_refuted && self.place(at) {
                at += 1;
                entered = true;
                continue;
            }
            if !is_refuted {
                let state_hash = self.state_hash(at);
                self.failed[at].insert(state_hash);
            }
            self.untried[at] = self.sizes.len();
            self.choice[at] = None;
            if at == 0 {
                return Ok(Decision::No { stuck: self.stuck() });
            }
            at -= 1;
            entered = false;
            self.undo(at);
        }
        Ok(Decision::Unknown { stuck: self.stuck() })
    }

    /// Assigns the next possible object to an item; false if there is none.
    fn place(&mut self, at: usize) -> bool {
        let item = self.items[at].0;
        while self.untried[at] > 0 {
            self.untried[at] -= 1;
            let object = self.untried[at];
            let size = self.sizes[object];
            // Free objects of one size are interchangeable: they differ in their past only.
            let tried = self.choice[at].is_some_and(|earlier| self.sizes[earlier] == size);
            if size < item.size || self.busy_until[object] > item.first || tried {
                continue;
            }
            self.choice[at] = Some(object);
            if self.has_spare(at, object) {
                self.change_spare(at, object, -1);
                self.previous_busy_until[at] = self.busy_until[object];
                self.busy_until[object] = item.end;
                return true;
            }
        }
        false
    }

    fn undo(&mut self, at: usize) {
        if let Some(object) = self.choice[at] {
            self.busy_until[object] = self.previous_busy_until[at];
            self.change_spare(at, object, 1);
        }
    }

    /// Returns whether assigning the object leaves enough large objects for the items that need them, in
    /// all sections of the item.
    fn has_spare(&self, at: usize, object: usize) -> bool {
        // An object larger than needed is taken from all levels between its own and that of the item.
        // At each of these levels, one must be spare in all sections of the item.
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

    /// Hash of the times until which objects are busy, as seen by item `at`. Objects of one size
    /// are interchangeable, so the hash does not depend on their order.
    fn state_hash(&self, at: usize) -> u128 {
        // Objects that are free by now are equal to objects never used, so only busy times after `now`
        // count. The sum over objects does not depend on their numbering.
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

/// The intervals that meet a window, clipped to it and relative to its start, by start and
/// descending size, with their indices.
fn clipped(
    intervals: &[ObjectInterval],
    ignored_size: u64,
    window: SectionWindow,
) -> Vec<(ObjectInterval, u32)> {
    let counts = |interval: &ObjectInterval| {
        interval.size > ignored_size && interval.first < window.1 && window.0 < interval.end
    };
    let meeting = intervals.iter().zip(0u32..).filter(|(interval, _)| counts(interval));
    let mut items: Vec<(ObjectInterval, u32)> = meeting
        .map(|(interval, index)| {
            let first = interval.first.max(window.0) - window.0;
            let end = interval.end.min(window.1) - window.0;
            (ObjectInterval { size: interval.size, first, end }, index)
        })
        .collect();
    sort_by_keys(&mut items, |(item, _)| [item.first.into(), !item.size]);
    items
}

fn spare_objects(
    items: &[(ObjectInterval, u32)],
    item_level: &[usize],
    object_level: &[usize],
    levels: usize,
    width: usize,
) -> Vec<i32> {
    // For each level: the change of the number of live items at each section.
    let mut changes = vec![0; levels * (width + 1)];
    for ((item, _), &level) in items.iter().zip(item_level) {
        changes[level * (width + 1) + item.first as usize] += 1;
        changes[level * (width + 1) + item.end as usize] -= 1;
    }
    let mut live = vec![0; width];
    let mut spare = Vec::with_capacity(levels * width);
    for level in 0..levels {
        let objects = object_level.partition_point(|&other| other <= level);
        // Object indices are 32 bits wide.
        let objects = i32::try_from(objects).unwrap_or(i32::MAX);
        let mut total = 0;
        for (live, change) in live.iter_mut().zip(&changes[level * (width + 1)..]) {
            total += change;
            *live += total;
            spare.push(objects - *live);
        }
    }
    spare
}

/// The section in which the flow relaxation of some level fails (see [`SizeCut`]), if any.
fn stuck_section(
    items: &[(ObjectInterval, u32)],
    item_level: &[usize],
    object_level: &[usize],
    spare: &[i32],
    width: usize,
    budget: &mut Budget<'_>,
) -> Result<Option<u32>, Stop> {
    for (level, spare) in spare.chunks(width.max(1)).enumerate() {
        budget.spend((items.len() + width) as u64 / 32)?;
        let small = items.iter().zip(item_level).filter(|(_, item_level)| **item_level > level);
        let larger = object_level.partition_point(|&other| other <= level);
        let small_objects = i32::try_from(object_level.len() - larger).unwrap_or(i32::MAX);
        let cut = SizeCut::new(small.map(|((item, _), _)| *item), small_objects, spare);
        if let Some(cut) = cut
            && let Some(stuck) = cut.stuck(budget)?
        {
            return Ok(Some(stuck));
        }
    }
    Ok(None)
}
