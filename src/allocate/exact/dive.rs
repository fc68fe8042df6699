//! One depth-first search that can be paused and resumed.

use super::instance::Instance;
use super::rules::{Rule, Rules};
use super::seen::Seen;
use super::state::{DeadEnd, State};
use super::taste::Taste;
use crate::limits::{Meter, Stop};

const NONE: u32 = u32::MAX;

/// Sections `[first, end)` that share no open item with others.
#[derive(Clone, Copy, Debug)]
struct Part {
    first: u32,
    end: u32,
    /// The frame whose choice is wrong if the part cannot be completed.
    owner: u32,
    /// The next part to complete after this one.
    then: u32,
}

/// A section at whose floor one of several things can be.
#[derive(Clone, Copy, Debug)]
struct Frame {
    part: u32,
    section: u32,
    /// How many of the open items were looked at.
    tried: u32,
    emptied: bool,
    /// How long the trail and the list of parts were before.
    mark: usize,
    parts: u32,
    key: u128,
}

/// Why a dive ended for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dived {
    /// Everything is placed.
    Found,
    /// Nothing fits the capacity.
    Exhausted,
    /// The nodes that were allowed are spent.
    Paused,
}

/// A search for offsets within a capacity.
#[derive(Debug)]
pub(super) struct Dive<'a> {
    pub(super) state: State<'a>,
    taste: Taste,
    frames: Vec<Frame>,
    /// Parts that came of the choices made, with those that wait.
    parts: Vec<Part>,
    /// The part in work, or none at a solution.
    part: u32,
    seen: Seen,
    done: bool,
    pub(super) nodes: u64,
}

impl<'a> Dive<'a> {
    /// Before the first choice; none if an item alone is larger than the capacity.
    ///
    /// # Errors
    /// Why it must stop before it is done.
    pub(super) fn new(
        instance: &'a Instance,
        rules: Rules,
        capacity: u64,
        taste: Taste,
        meter: &mut Meter<'_>,
    ) -> Result<Option<Self>, Stop> {
        let state = State::new(instance, rules, capacity, &taste.ranks(instance), meter)?;
        let Ok(state) = state else { return Ok(None) };
        let all = Part { first: 0, end: instance.section_count(), owner: NONE, then: NONE };
        let (frames, parts) = (Vec::new(), vec![all]);
        let dive =
            Self { state, taste, frames, parts, part: 0, seen: Seen::default(), done: false, nodes: 0 };
        Ok(Some(dive))
    }

    /// Goes on with at most so many nodes, and about so much work.
    ///
    /// # Errors
    /// Why it must stop altogether.
    pub(super) fn run(&mut self, nodes: u64, work: u64, meter: &mut Meter<'_>) -> Result<Dived, Stop> {
        let most_work = self.state.work.saturating_add(work);
        for _ in 0..nodes {
            if self.done {
                return Ok(Dived::Exhausted);
            }
            let before = self.state.work;
            if before >= most_work {
                return Ok(Dived::Paused);
            }
            self.nodes += 1;
            match self.advance() {
                Ok(true) => return Ok(Dived::Found),
                Ok(false) => {}
                Err(DeadEnd) => self.done = !self.backtrack(),
            }
            meter.spend_on(1, self.state.work - before)?;
        }
        Ok(if self.done { Dived::Exhausted } else { Dived::Paused })
    }

    /// Goes on to search for a solution that ends at this capacity, which is lower
    /// than before: makes the last choice again before which nothing is placed
    /// above it.
    pub(super) fn lower(&mut self, capacity: u64) {
        if self.state.set_capacity(capacity).is_err() {
            self.done = true;
            return;
        }
        let wrong = self.state.first_above_capacity();
        let fine = self.frames.partition_point(|frame| frame.mark <= wrong);
        if fine == 0 {
            self.frames.clear();
            self.parts.truncate(1);
            self.part = 0;
            self.state.reset();
            return;
        }
        self.return_to(fine as u32 - 1);
        let frame = &mut self.frames[fine - 1];
        if frame.emptied {
            frame.emptied = false;
        } else {
            frame.tried -= 1;
        }
        self.done = !self.try_next() && !self.backtrack();
    }

    /// One step: true if everything is placed.
    fn advance(&mut self) -> Result<bool, DeadEnd> {
        self.state.propagate()?;
        if !self.enter_part() {
            return Ok(true);
        }
        let Part { first, end, .. } = self.parts[self.part as usize];
        let section = match self.narrow_section(first, end) {
            Some(section) => section,
            None => self.taste.choose(&mut self.state, first, end)?,
        };
        if self.state.views[section as usize].candidates == 1 && !self.state.may_stay_empty(section) {
            let floor = self.state.floor[section as usize];
            let only = self.state.lists.items(section).find(|&item| self.state.is_candidate(item, floor));
            self.state.place(only.ok_or(DeadEnd)?);
            return Ok(false);
        }
        self.branch(section, self.state.key(first, end))
    }

    /// A section of these at which there is no choice, of those that have changed.
    fn narrow_section(&mut self, first: u32, end: u32) -> Option<u32> {
        while let Some(section) = self.state.narrow.pop() {
            let view = self.state.views[section as usize];
            let is_narrow = (view.candidates, view.blocked, view.stale) == (1, 0, false);
            let is_here = first <= section && section < end && self.state.open_bytes[section as usize] > 0;
            if is_narrow && is_here && !self.state.may_stay_empty(section) {
                return Some(section);
            }
        }
        None
    }

    fn branch(&mut self, section: u32, key: u128) -> Result<bool, DeadEnd> {
        if self.state.has(Rule::Memory) && self.seen.contains(key) {
            return Err(DeadEnd);
        }
        let (mark, parts) = (self.state.mark(), self.parts.len() as u32);
        self.frames.push(Frame { part: self.part, section, tried: 0, emptied: false, mark, parts, key });
        if self.try_next() { Ok(false) } else { Err(DeadEnd) }
    }

    /// The frame to take back if the part in work cannot be completed: never one
    /// of a part that was completed before it.
    fn owner(&self) -> u32 {
        match self.frames.last() {
            Some(frame) if frame.part == self.part => self.frames.len() as u32 - 1,
            _ => self.parts[self.part as usize].owner,
        }
    }

    /// Goes to a part that is not complete, splitting it where nothing holds it
    /// together; false if there is none.
    fn enter_part(&mut self) -> bool {
        while self.part != NONE && self.state.split {
            let Part { first, end, then, .. } = self.parts[self.part as usize];
            let before = self.parts.len();
            self.split(first, end);
            self.state.split = false;
            match &self.parts[before..] {
                [] => {
                    self.part = then;
                    // What waited was not looked at since it was split off.
                    self.state.split = true;
                }
                [only] if (only.first, only.end) == (first, end) => self.parts.truncate(before),
                _ => {
                    self.chain(before, then);
                    self.part = before as u32;
                }
            }
        }
        self.part != NONE
    }

    /// Puts the parts from this number on in a row, hardest first: the one with
    /// the least room.
    fn chain(&mut self, from: usize, then: u32) {
        let state = &self.state;
        self.parts[from..].sort_by_key(|part| slack(state, part.first, part.end));
        let count = self.parts.len();
        for number in from..count {
            self.parts[number].then = if number + 1 < count { number as u32 + 1 } else { then };
        }
    }

    fn split(&mut self, first: u32, end: u32) {
        let owner = self.owner();
        let whole = !self.state.has(Rule::Parts);
        let is_open = |section: u32| self.state.open_bytes[section as usize] > 0;
        let mut start = NONE;
        for section in first..end {
            let joined = section > first && (whole || self.state.crossing[section as usize] > 0);
            if start != NONE && !joined {
                self.parts.push(Part { first: start, end: section, owner, then: NONE });
                start = NONE;
            }
            if start == NONE && is_open(section) {
                start = if whole { first } else { section };
            }
        }
        if start != NONE {
            self.parts.push(Part { first: start, end, owner, then: NONE });
        }
    }

    /// Takes back until something is left to try; false if nothing is.
    fn backtrack(&mut self) -> bool {
        let mut target = self.owner();
        while target != NONE {
            self.return_to(target);
            if self.try_next() {
                return true;
            }
            let Some(frame) = self.frames.pop() else { return false };
            self.seen.insert(frame.key);
            target = self.owner();
        }
        false
    }

    /// Takes back everything after the choice of a frame.
    fn return_to(&mut self, frame: u32) {
        self.frames.truncate(frame as usize + 1);
        let Frame { mark, parts, part, .. } = self.frames[frame as usize];
        self.state.undo(mark);
        self.state.split = false;
        self.parts.truncate(parts as usize);
        self.part = part;
    }

    /// The next option of the last frame.
    fn try_next(&mut self) -> bool {
        let last = self.frames.len() - 1;
        let Frame { section, mut tried, emptied, .. } = self.frames[last];
        let floor = self.state.floor[section as usize];
        let found = self.state.lists.items(section).skip(tried as usize).find(|&item| {
            tried += 1;
            self.state.is_candidate(item, floor) && !self.is_twin_of_earlier(section, item)
        });
        self.frames[last].tried = tried;
        if let Some(item) = found {
            self.state.place(item);
            return true;
        }
        if emptied || !self.state.may_stay_empty(section) {
            return false;
        }
        self.frames[last].emptied = true;
        self.state.leave_empty(section).is_ok()
    }

    /// Of items that are alike in everything, only the first is tried.
    fn is_twin_of_earlier(&self, section: u32, item: u32) -> bool {
        let class = |item: u32| self.state.instance.classes[item as usize];
        let mut earlier = self.state.lists.items(section).take_while(|&other| other != item);
        self.state.has(Rule::Twins) && earlier.any(|other| class(other) == class(item))
    }
}

fn slack(state: &State<'_>, first: u32, end: u32) -> u64 {
    let room = |at: usize| state.capacity.saturating_sub(state.floor[at] + state.open_bytes[at]);
    (first as usize..end as usize).map(room).min().unwrap_or(0)
}
