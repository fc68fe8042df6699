//! Limits of a search, and the reason for stopping.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// State of a search, as reported to the progress callback.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use plimsoll::Limits;
///
/// let limits = Limits::new().progress(|progress| {
///     eprintln!("{} nodes, {} bytes, at least {}", progress.nodes, progress.best, progress.bound);
///     if progress.nodes < 1_000_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// });
/// # let _ = limits;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Number of search nodes so far.
    pub nodes: u64,
    /// Best value found so far, in bytes.
    pub best: u64,
    /// Bound proven so far, in bytes.
    pub bound: u64,
}

type Callback = dyn Fn(Progress) -> ControlFlow<()> + Send + Sync;

/// Limits of a search. Without limits, a search runs until it has a proof or until the default
/// number of nodes that its documentation states.
///
/// A node limit gives the same result on every machine; a deadline does not. The progress
/// callback is called on the calling thread.
///
/// ```
/// use plimsoll::{CancelToken, Limits};
///
/// let token = CancelToken::new();
/// let limits = Limits::new().nodes(1_000_000).cancel(token.clone());
/// token.cancel(); // from any thread
/// # let _ = limits;
/// ```
#[derive(Clone, Default)]
pub struct Limits {
    nodes: Option<u64>,
    deadline: Option<Instant>,
    cancel: Option<CancelToken>,
    progress: Option<Arc<Callback>>,
}

impl Limits {
    /// Creates limits that never stop a search.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the node limit. A search may exceed it slightly.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// The limits for one of `parts` equal parts of a search.
    pub(crate) fn share(mut self, parts: u64) -> Self {
        self.nodes = self.nodes.map(|nodes| nodes / parts);
        self
    }

    /// Reduces the node limit, if there is one.
    pub(crate) fn less(mut self, nodes: u64) -> Self {
        self.nodes = self.nodes.map(|all| all.saturating_sub(nodes));
        self
    }

    /// Sets the node limit to `nodes`, unless it is lower already.
    pub(crate) fn at_most(mut self, nodes: u64) -> Self {
        self.nodes = Some(self.nodes.unwrap_or(nodes).min(nodes));
        self
    }

    /// Removes the node limit, for work that is bounded otherwise.
    pub(crate) fn without_nodes(mut self) -> Self {
        self.nodes = None;
        self
    }

    /// Returns whether a token or a callback can stop the call.
    pub(crate) fn can_be_cancelled(&self) -> bool {
        self.cancel.is_some() || self.progress.is_some()
    }

    /// Returns whether any limit can stop the call.
    pub(crate) fn can_end(&self) -> bool {
        self.nodes.is_some() || self.deadline.is_some() || self.can_be_cancelled()
    }

    /// Keeps only the cancellation token, for results that must exist at any other limit. There is
    /// no progress to report before these exist.
    pub(crate) fn cancel_only(mut self) -> Self {
        (self.nodes, self.deadline, self.progress) = (None, None, None);
        self
    }

    /// Polls the cancellation token, for stages that no other limit stops.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    #[inline]
    pub(crate) fn check_cancelled(&self) -> Result<(), Stop> {
        let is_cancelled = self.cancel.as_ref().is_some_and(CancelToken::is_cancelled);
        if is_cancelled { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Polls the cancellation token and the clock, for loops without a [`Budget`].
    ///
    /// # Errors
    /// [`Stop::Cancelled`] or [`Stop::Deadline`].
    #[inline]
    pub(crate) fn poll(&self) -> Result<(), Stop> {
        self.check_cancelled()?;
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_late { Err(Stop::Deadline) } else { Ok(()) }
    }

    /// Returns a function that polls the cancellation token, for code without access to limits.
    pub(crate) fn cancellation(&self) -> impl Fn() -> bool + 'static {
        let token = self.cancel.clone();
        move || token.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// The node limit, or `otherwise` if there is none.
    pub(crate) fn most_nodes(&self, otherwise: u64) -> u64 {
        self.nodes.unwrap_or(otherwise)
    }

    /// Removes the progress callback: for other threads than the calling one, and for parts whose
    /// figures are not those of the whole.
    pub(crate) fn without_progress(mut self) -> Self {
        self.progress = None;
        self
    }

    /// Sets a deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets a cancellation token.
    #[must_use]
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Sets the progress callback, which is called repeatedly once a first plan exists.
    /// [`ControlFlow::Break`] stops the search.
    #[must_use]
    pub fn progress(
        mut self,
        callback: impl Fn(Progress) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Arc::new(callback));
        self
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("nodes", &self.nodes)
            .field("deadline", &self.deadline)
            .field("cancel", &self.cancel)
            .field("progress", &self.progress.is_some())
            .finish()
    }
}

/// Cancels a search from another thread. Clones share their state.
///
/// Example: [`Limits`].
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Creates a token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every search with this token, or a clone of it, to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Reason for which a search stopped. A call of several stages reports the greatest one.
///
/// Example: [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// The search was complete.
    Finished,
    /// The node limit was reached, or the problem is too large for the strategy.
    Nodes,
    /// The deadline passed.
    Deadline,
    /// The token was cancelled, or the progress callback returned `Break`.
    Cancelled,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stop::Finished => "finished",
            Stop::Nodes => "node limit",
            Stop::Deadline => "deadline",
            Stop::Cancelled => "cancelled",
        })
    }
}

/// Budget of a search: counts nodes and polls the limits.
///
/// A limit is reported by every call from then on, so a caller that finishes its current step is
/// asked to stop again on the next call. Functions that take a meter return the [`Stop`] that it
/// reports.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    limits: &'a Limits,
    most_nodes: u64,
    nodes: u64,
    next_poll: u64,
    work: u64,
    /// Charged steps that are less than a node.
    charged: u64,
    /// True if progress is not reported.
    silent: bool,
    /// True if only cancellation stops the search.
    cancel_only: bool,
    /// True if the progress callback has returned `Break`.
    stopped_by_callback: bool,
    pub(crate) best: u64,
    pub(crate) bound: u64,
}

/// Number of nodes between two polls of clock and token.
const POLL_EVERY: u64 = 256;

/// Work between two polls of clock and token: about a millisecond.
const POLL_WORK: u64 = 1 << 19;

/// Number of steps of inner loops that are charged as one search node: the average cost of a node
/// of the exact search, a few microseconds.
pub(crate) const STEPS_OF_A_NODE: u64 = 2048;

impl<'a> Budget<'a> {
    /// Creates a budget; `default_nodes` is the node limit if `limits` has none.
    pub(crate) fn new(limits: &'a Limits, default_nodes: u64) -> Self {
        let most_nodes = limits.nodes.unwrap_or(default_nodes);
        Self {
            limits,
            most_nodes,
            nodes: 0,
            next_poll: 0,
            work: 0,
            charged: 0,
            silent: false,
            cancel_only: false,
            stopped_by_callback: false,
            best: u64::MAX,
            bound: 0,
        }
    }

    pub(crate) fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Creates the budget of one decision within the search, of at most `nodes` nodes, without
    /// progress reports.
    pub(crate) fn of_question(&self, nodes: u64) -> Self {
        let most_nodes = nodes.min(self.remaining());
        Self { most_nodes, silent: true, ..Self::new(self.limits, 0) }
    }

    /// Creates a budget that only cancellation stops, without progress reports.
    pub(crate) fn cancel_only(&self) -> Self {
        let stopped_by_callback = self.stopped_by_callback;
        Self { cancel_only: true, silent: true, stopped_by_callback, ..Self::new(self.limits, 0) }
    }

    /// Sets the number of nodes spent.
    pub(crate) fn start_at(&mut self, nodes: u64) {
        (self.nodes, self.next_poll) = (nodes, nodes);
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.most_nodes.saturating_sub(self.nodes)
    }

    /// Withholds one part in `part` of the remaining nodes. Returns the limit to restore with
    /// [`allow`](Self::allow).
    pub(crate) fn hold_back(&mut self, part: u64) -> u64 {
        let whole = self.most_nodes;
        self.allow(whole - self.remaining() / part);
        whole
    }

    /// Sets the node limit.
    pub(crate) fn allow(&mut self, most_nodes: u64) {
        self.most_nodes = most_nodes;
        self.next_poll = 0;
    }

    /// Spends nodes.
    ///
    /// The limits are polled every `POLL_EVERY` nodes.
    #[inline]
    pub(crate) fn spend(&mut self, nodes: u64) -> Result<(), Stop> {
        #[cfg(test)]
        tests::spent(nodes);
        self.nodes += nodes;
        if self.nodes >= self.next_poll { self.poll() } else { Ok(()) }
    }

    /// Spends nodes, and steps of inner loops that only decide when to poll the limits.
    #[inline]
    pub(crate) fn spend_on(&mut self, nodes: u64, work: u64) -> Result<(), Stop> {
        #[cfg(test)]
        tests::spent(work);
        self.work += work;
        if self.work >= POLL_WORK {
            self.work = 0;
            self.next_poll = 0;
        }
        self.spend(nodes)
    }

    /// Spends steps that count no nodes.
    #[inline]
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), Stop> {
        self.spend_on(0, steps as u64)
    }

    /// Polls the limits now, before a stage begins.
    ///
    /// # Errors
    /// The reason to stop, if a limit was reached.
    pub(crate) fn check(&mut self) -> Result<(), Stop> {
        self.poll()
    }

    /// Spends steps as nodes, [`STEPS_OF_A_NODE`] steps each, so that the node limit bounds the
    /// time of stages without a search tree.
    #[inline]
    pub(crate) fn charge(&mut self, steps: usize) -> Result<(), Stop> {
        self.charged += steps as u64;
        // A block of work is not divided, so at most the remaining nodes are counted.
        let nodes = (self.charged / STEPS_OF_A_NODE).min(self.remaining());
        self.charged %= STEPS_OF_A_NODE;
        self.spend_on(nodes, steps as u64)
    }

    #[cold]
    fn poll(&mut self) -> Result<(), Stop> {
        let outcome = self.check_limits();
        #[cfg(test)]
        tests::polled(outcome);
        // After a stop, every further call polls again, so that a caller which finishes its
        // current step is asked to stop again.
        let until = if self.cancel_only { u64::MAX } else { self.most_nodes };
        self.next_poll = if outcome.is_ok() { until.min(self.nodes + POLL_EVERY) } else { 0 };
        outcome
    }

    fn check_limits(&mut self) -> Result<(), Stop> {
        if self.nodes >= self.most_nodes && !self.cancel_only {
            return Err(Stop::Nodes);
        }
        if self.stopped_by_callback || self.limits.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Stop::Cancelled);
        }
        let deadline = self.limits.deadline.filter(|_| !self.cancel_only);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Stop::Deadline);
        }
        let Some(progress) = self.limits.progress.as_ref().filter(|_| !self.silent) else { return Ok(()) };
        let now = Progress { nodes: self.nodes, best: self.best, bound: self.bound };
        self.stopped_by_callback = progress(now).is_break();
        if self.stopped_by_callback { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::{Budget, CancelToken, Limits, Stop};

    thread_local! {
        /// Steps since the last poll, and the maximum between two polls.
        static STEPS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
        /// Number of calls since the first stop.
        static BEYOND: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(super) fn spent(steps: u64) {
        let (since, max) = STEPS.get();
        STEPS.set((since + steps, max.max(since + steps)));
        BEYOND.set(BEYOND.get().map(|beyond| beyond + 1));
    }

    pub(super) fn polled(outcome: Result<(), Stop>) {
        STEPS.set((0, STEPS.get().1));
        if outcome == Err(Stop::Cancelled) {
            BEYOND.set(BEYOND.get().or(Some(0)));
        }
    }

    /// Maximum number of steps between two polls, since the last call of this function.
    pub(crate) fn most_between_polls() -> u64 {
        STEPS.replace((0, 0)).1
    }

    /// Number of calls that spent something after the first stop, if there was one since the last
    /// call of this function.
    pub(crate) fn spent_beyond_stop() -> Option<u32> {
        BEYOND.take()
    }

    #[test]
    fn every_call_after_a_stop_reports_it() {
        let cancelled = CancelToken::new();
        cancelled.cancel();
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let limits = [
            (Limits::new().cancel(cancelled), Stop::Cancelled),
            (Limits::new().deadline(Instant::now()), Stop::Deadline),
            (Limits::new().nodes(1), Stop::Nodes),
            (
                Limits::new().progress(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                    ControlFlow::Break(())
                }),
                Stop::Cancelled,
            ),
        ];
        for (limits, stop) in limits {
            let mut budget = Budget::new(&limits, u64::MAX);
            assert_eq!([1, 1, 0].map(|nodes| budget.spend(nodes)), [Err(stop); 3]);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
