//! A dive: one depth-first search that can be paused and resumed.
//!
//! The search tree alternates two decisions: which section to branch on (left to the
//! branching heuristic, not a choice point) and what lies at its floor (each candidate in turn,
//! then nothing). Every choice point records the length of the trail, so backtracking costs as
//! much as the changes since then. Time spans that share no open item are searched one after
//! the other as *subproblems* (`PruningRule::Parts`).

use super::failed_states::FailedStates;
use super::heuristic::BranchingHeuristic;
use super::instance::ExactInstance;
use super::rules::{PruningRule, Rules};
use super::state::{DeadEnd, PackingState};
use crate::support::limits::{Budget, Stop};

const NONE: u32 = u32::MAX;

/// Consecutive sections `[first, end)` that share no open item with other sections.
#[derive(Clone, Copy, Debug)]
struct Subproblem {
    first: u32,
    end: u32,
    /// Choice point to return to if the subproblem has no solution.
    backjump: u32,
    /// Subproblem to complete after this one.
    successor: u32,
}

/// A choice point: a section whose floor has several options.
#[derive(Clone, Copy, Debug)]
struct ChoicePoint {
    subproblem: u32,
    section: u32,
    /// Number of open items of the section considered so far.
    tried: u32,
    emptied: bool,
    /// Length of the trail and of the list of subproblems before the choice.
    mark: usize,
    subproblems: u32,
    key: u128,
}

/// Outcome of a run of a dive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiveOutcome {
    /// All items are placed.
    Found,
    /// No packing fits the capacity.
    Exhausted,
    /// The nodes or the work allowed are spent.
    Paused,
}

/// A resumable depth-first search for a packing within a capacity.
#[derive(Debug)]
pub(super) struct Dive<'a> {
    pub(super) state: PackingState<'a>,
    heuristic: BranchingHeuristic,
    choice_points: Vec<ChoicePoint>,
    /// Subproblems opened by the choices made, including those that wait.
    subproblems: Vec<Subproblem>,
    /// Subproblem in progress; `NONE` at a solution.
    subproblem: u32,
    failed_states: FailedStates,
    done: bool,
    pub(super) nodes: u64,
}

impl<'a> Dive<'a> {
    /// A dive before its first choice; `None` if an item alone is larger than the capacity.
    pub(super) fn new(
        instance: &'a ExactInstance,
        rules: Rules,
        capacity: u64,
        heuristic: BranchingHeuristic,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Self>, Stop> {
        let state = PackingState::new(instance, rules, capacity, &heuristic.ranks(instance), budget)?;
        let Ok(state) = state else { return Ok(None) };
        let all = Subproblem { first: 0, end: instance.section_count(), backjump: NONE, successor: NONE };
        let (choice_points, subproblems) = (Vec::new(), vec![all]);
        let dive = Self {
            state,
            heuristic,
            choice_points,
            subproblems,
            subproblem: 0,
            failed_states: FailedStates::default(),
            done: false,
            nodes: 0,
        };
        Ok(Some(dive))
    }

    /// Continues for at most `nodes` nodes and about `work` steps.
    pub(super) fn run(
        &mut self,
        nodes: u64,
        work: u64,
        budget: &mut Budget<'_>,
    ) -> Result<DiveOutcome, Stop> {
        // A node is one placement or one raised floor, whether chosen or forced. Work is checked before
        // a node and may be exceeded by one node. The search is complete: it ends with `Exhausted` only
        // when every option of every choice point was refuted, by propagation, by a rule or by search.
        let work_limit = self.state.work.saturating_add(work);
        for _ in 0..nodes {
            if self.done {
                return Ok(DiveOutcome::Exhausted);
            }
            let before = self.state.work;
            if before >= work_limit {
                return Ok(DiveOutcome::Paused);
            }
            self.nodes += 1;
            match self.advance() {
                Ok(true) => return Ok(DiveOutcome::Found),
                Ok(false) => {}
                Err(DeadEnd) => self.done = !self.backtrack(),
            }
            budget.spend_on(1, self.state.work - before)?;
        }
        Ok(if self.done { DiveOutcome::Exhausted } else { DiveOutcome::Paused })
    }

    /// Lowers the capacity after a solution and continues the search below it.
    pub(super) fn lower(&mut self, capacity: u64) {
        if self.state.set_capacity(capacity).is_err() {
            self.done = true;
            return;
        }
        // All choices before the first placement above the new capacity remain possible, so the search
        // resumes at the last choice point before it. Options refuted at the higher capacity stay
        // refuted at the lower one, so the table of dead ends remains valid.
        let wrong = self.state.first_above_capacity();
        let fine = self.choice_points.partition_point(|choice_point| choice_point.mark <= wrong);
        if fine == 0 {
            self.choice_points.clear();
            self.subproblems.truncate(1);
            self.subproblem = 0;
            self.state.reset();
            return;
        }
        self.return_to(fine as u32 - 1);
        let choice_point = &mut self.choice_points[fine - 1];
        // The option taken must be considered again: it had a solution, and may have a lower one.
        if choice_point.emptied {
            choice_point.emptied = false;
        } else {
            choice_point.tried -= 1;
        }
        self.done = !self.try_next() && !self.backtrack();
    }

    /// Executes one node. Returns true if all items are placed.
    fn advance(&mut self) -> Result<bool, DeadEnd> {
        // Phase 1: propagation raises floors that no item can reach and detects dead ends.
        self.state.propagate()?;
        // Phase 2: choose a subproblem, and in it a section. Sections without a choice come first, as
        // they shrink the subproblem without branching.
        if !self.enter_subproblem() {
            return Ok(true);
        }
        let Subproblem { first, end, .. } = self.subproblems[self.subproblem as usize];
        let section = match self.single_option_section(first, end) {
            Some(section) => section,
            None => self.heuristic.choose(&mut self.state, first, end)?,
        };
        if self.state.floor_options[section as usize].candidates == 1 && !self.state.may_stay_empty(section) {
            let floor = self.state.floor[section as usize];
            let only = self.state.lists.items(section).find(|&item| self.state.is_candidate(item, floor));
            self.state.place(only.ok_or(DeadEnd)?);
            return Ok(false);
        }
        self.branch(section, self.state.key(first, end))
    }

    /// Next section of the subproblem without a choice, among the sections that changed.
    fn single_option_section(&mut self, first: u32, end: u32) -> Option<u32> {
        while let Some(section) = self.state.single_option.pop() {
            let options = self.state.floor_options[section as usize];
            let has_single_option = (options.candidates, options.blocked, options.stale) == (1, 0, false);
            let is_here = first <= section && section < end && self.state.open_bytes[section as usize] > 0;
            if has_single_option && is_here && !self.state.may_stay_empty(section) {
                return Some(section);
            }
        }
        None
    }

    fn branch(&mut self, section: u32, key: u128) -> Result<bool, DeadEnd> {
        // A key in the table belongs to a subproblem with the same sections, floors, holes and open
        // items, of which the search was exhausted at this or a higher capacity. Searching it again
        // would fail.
        if self.state.has(PruningRule::Memory) && self.failed_states.contains(key) {
            return Err(DeadEnd);
        }
        let (mark, subproblems) = (self.state.mark(), self.subproblems.len() as u32);
        self.choice_points.push(ChoicePoint {
            subproblem: self.subproblem,
            section,
            tried: 0,
            emptied: false,
            mark,
            subproblems,
            key,
        });
        if self.try_next() { Ok(false) } else { Err(DeadEnd) }
    }

    /// Choice point to return to if the current subproblem has no solution.
    fn backjump(&self) -> u32 {
        // Choice points of subproblems completed earlier are skipped: the subproblems share no open
        // item, so other packings of those cannot help this one (backjumping). The first choice points
        // of a subproblem blame the choice made before it was split off.
        match self.choice_points.last() {
            Some(choice_point) if choice_point.subproblem == self.subproblem => {
                self.choice_points.len() as u32 - 1
            }
            _ => self.subproblems[self.subproblem as usize].backjump,
        }
    }

    /// Enters a subproblem with open items, after splitting it if it came apart. Returns false
    /// if all are complete.
    fn enter_subproblem(&mut self) -> bool {
        // Splitting is linear in the sections of the subproblem and happens only after some boundary
        // lost its last open item.
        while self.subproblem != NONE && self.state.may_split {
            let Subproblem { first, end, successor, .. } = self.subproblems[self.subproblem as usize];
            let before = self.subproblems.len();
            self.split(first, end);
            self.state.may_split = false;
            match &self.subproblems[before..] {
                [] => {
                    self.subproblem = successor;
                    // Propagation in earlier subproblems may have completed items of this one.
                    self.state.may_split = true;
                }
                [only] if (only.first, only.end) == (first, end) => self.subproblems.truncate(before),
                _ => {
                    self.chain(before, successor);
                    self.subproblem = before as u32;
                }
            }
        }
        self.subproblem != NONE
    }

    /// Chains the subproblems from index `from` on, the one with the least slack first: it is
    /// the most likely to fail.
    fn chain(&mut self, from: usize, successor: u32) {
        let state = &self.state;
        self.subproblems[from..].sort_by_key(|subproblem| slack(state, subproblem.first, subproblem.end));
        let count = self.subproblems.len();
        for number in from..count {
            self.subproblems[number].successor =
                if number + 1 < count { number as u32 + 1 } else { successor };
        }
    }

    fn split(&mut self, first: u32, end: u32) {
        let backjump = self.backjump();
        // A boundary that no open item spans separates two subproblems, as all remaining conflicts lie
        // within a section. Runs of sections without open items are complete and dropped.
        let whole = !self.state.has(PruningRule::Parts);
        let is_open = |section: u32| self.state.open_bytes[section as usize] > 0;
        let mut start = NONE;
        for section in first..end {
            let joined = section > first && (whole || self.state.crossing[section as usize] > 0);
            if start != NONE && !joined {
                self.subproblems.push(Subproblem { first: start, end: section, backjump, successor: NONE });
                start = NONE;
            }
            if start == NONE && is_open(section) {
                start = if whole { first } else { section };
            }
        }
        if start != NONE {
            self.subproblems.push(Subproblem { first: start, end, backjump, successor: NONE });
        }
    }

    /// Undoes choices until one has another option; false if the tree is exhausted.
    fn backtrack(&mut self) -> bool {
        // An exhausted choice point is a proof that its state has no packing, so its key enters the
        // table.
        let mut target = self.backjump();
        while target != NONE {
            self.return_to(target);
            if self.try_next() {
                return true;
            }
            let Some(choice_point) = self.choice_points.pop() else { return false };
            self.failed_states.insert(choice_point.key);
            target = self.backjump();
        }
        false
    }

    /// Undoes everything after and including the choice made at a choice point.
    fn return_to(&mut self, choice_point: u32) {
        self.choice_points.truncate(choice_point as usize + 1);
        let ChoicePoint { mark, subproblems, subproblem, .. } = self.choice_points[choice_point as usize];
        self.state.undo(mark);
        self.state.may_split = false;
        self.subproblems.truncate(subproblems as usize);
        self.subproblem = subproblem;
    }

    /// Applies the next option of the last choice point; false if there is none.
    fn try_next(&mut self) -> bool {
        let last = self.choice_points.len() - 1;
        let ChoicePoint { section, mut tried, emptied, .. } = self.choice_points[last];
        // The choice point branches over the candidates in value order, and then over the empty floor.
        // The options exclude each other and leave nothing out: either one of the candidates starts at
        // the floor, or nothing does and the floor rises to the next height at which an item can start.
        let floor = self.state.floor[section as usize];
        let candidate = self.state.lists.items(section).skip(tried as usize).find(|&item| {
            tried += 1;
            self.state.is_candidate(item, floor) && !self.is_twin_of_earlier(section, item)
        });
        self.choice_points[last].tried = tried;
        if let Some(item) = candidate {
            self.state.place(item);
            return true;
        }
        if emptied || !self.state.may_stay_empty(section) {
            return false;
        }
        self.choice_points[last].emptied = true;
        self.state.leave_empty(section).is_ok()
    }

    /// Returns whether an identical item comes earlier in the list of the section.
    fn is_twin_of_earlier(&self, section: u32, item: u32) -> bool {
        // Exchanging two identical items maps solutions to solutions, so the option of the later one is
        // covered by the option of the earlier one, which was refuted.
        let class = |item: u32| self.state.instance.classes[item as usize];
        let mut earlier = self.state.lists.items(section).take_while(|&other| other != item);
        self.state.has(PruningRule::Twins) && earlier.any(|other| class(other) == class(item))
    }
}

fn slack(state: &PackingState<'_>, first: u32, end: u32) -> u64 {
    let room = |at: usize| state.capacity.saturating_sub(state.floor[at] + state.open_bytes[at]);
    (first as usize..end as usize).map(room).min().unwrap_or(0)
}
