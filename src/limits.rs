//! When a search must stop, and why it did.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// How far a search is, as told to a progress callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Search nodes so far.
    pub nodes: u64,
    /// The best found so far, in bytes.
    pub best: u64,
    /// Nothing is lower than this, as far as is proven, in bytes.
    pub bound: u64,
}

type Callback = dyn Fn(Progress) -> ControlFlow<()> + Send + Sync;

/// When a search must stop. Without limits it runs until it
/// has a proof, or gives up after so many nodes as its documentation says.
///
/// A limit in nodes gives the same result on every machine; a deadline does
/// not. Callbacks run on the calling thread.
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
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most about this many search nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// The same for one of so many parts of a search.
    pub(crate) fn share(mut self, parts: u64) -> Self {
        self.nodes = self.nodes.map(|nodes| nodes / parts);
        self
    }

    /// Fewer nodes, if a number is named.
    pub(crate) fn less(mut self, nodes: u64) -> Self {
        self.nodes = self.nodes.map(|all| all.saturating_sub(nodes));
        self
    }

    /// At most so many nodes, or fewer if that was said.
    pub(crate) fn at_most(mut self, nodes: u64) -> Self {
        self.nodes = Some(self.nodes.unwrap_or(nodes).min(nodes));
        self
    }

    /// The same without a limit of nodes, for what is bounded by itself.
    pub(crate) fn without_nodes(mut self) -> Self {
        self.nodes = None;
        self
    }

    /// Whether a token or a callback can end the call.
    pub(crate) fn can_be_cancelled(&self) -> bool {
        self.cancel.is_some() || self.progress.is_some()
    }

    /// Whether anything but the work of the call itself can end it.
    pub(crate) fn can_end(&self) -> bool {
        self.nodes.is_some() || self.deadline.is_some() || self.can_be_cancelled()
    }

    /// Only the token, for what must exist at any limit. There is no progress to report before it
    /// does.
    pub(crate) fn cancel_only(mut self) -> Self {
        (self.nodes, self.deadline, self.progress) = (None, None, None);
        self
    }

    /// Checks the cancellation token, for stages that no other limit stops.
    ///
    /// # Errors
    /// [`Stop::Cancelled`].
    #[inline]
    pub(crate) fn go_on(&self) -> Result<(), Stop> {
        let is_cancelled = self.cancel.as_ref().is_some_and(CancelToken::is_cancelled);
        if is_cancelled { Err(Stop::Cancelled) } else { Ok(()) }
    }

    /// Tells whether the call is cancelled, for code that does not know limits.
    pub(crate) fn cancellation(&self) -> impl Fn() -> bool + 'static {
        let token = self.cancel.clone();
        move || token.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// The limit of nodes, or this if there is none.
    pub(crate) fn most_nodes(&self, otherwise: u64) -> u64 {
        self.nodes.unwrap_or(otherwise)
    }

    /// The same for other threads than the one that called, and for parts whose figures are not those
    /// of the whole.
    pub(crate) fn without_progress(mut self) -> Self {
        self.progress = None;
        self
    }

    /// Not beyond this moment.
    #[must_use]
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Until this token is cancelled.
    #[must_use]
    pub fn cancel(mut self, token: CancelToken) -> Self {
        self.cancel = Some(token);
        self
    }

    /// Calls this now and then, once there is a first plan; [`ControlFlow::Break`] stops the search.
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

/// Stops a search from another thread. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks every search that has this token, or a clone of it, to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a search stopped. The greater one counts for a call of several stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// It was done.
    Finished,
    /// The limit of search nodes, or of what the strategy takes on, was met.
    Nodes,
    /// The deadline passed.
    Deadline,
    /// The token was cancelled, or the callback said so.
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

/// Counts nodes and watches the limits.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    limits: &'a Limits,
    most_nodes: u64,
    nodes: u64,
    next_poll: u64,
    work: u64,
    /// Steps charged that do not make a node yet.
    charged: u64,
    /// Whether progress is not told.
    silent: bool,
    /// Whether only cancellation stops it.
    cancel_only: bool,
    /// Whether the one who is told of progress has said to stop.
    broken_off: bool,
    pub(crate) best: u64,
    pub(crate) bound: u64,
}

/// Nodes between two looks at the clock and the token.
const POLL_EVERY: u64 = 256;

/// Work between two looks at the clock and the token: about a millisecond.
const POLL_WORK: u64 = 1 << 19;

/// Steps of inner loops that are charged as one search node: what a node of the exact search
/// takes on average, a few microseconds.
pub(crate) const STEPS_OF_A_NODE: u64 = 2048;

impl<'a> Meter<'a> {
    /// With at most `default_nodes` where the limits name no number.
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
            broken_off: false,
            best: u64::MAX,
            bound: 0,
        }
    }

    pub(crate) fn nodes(&self) -> u64 {
        self.nodes
    }

    /// For a question within the search, of at most so many nodes, whose progress is
    /// not told.
    pub(crate) fn of_question(&self, nodes: u64) -> Self {
        let most_nodes = nodes.min(self.remaining());
        Self { most_nodes, silent: true, ..Self::new(self.limits, 0) }
    }

    /// For what must exist at any limit: only cancellation stops it, and progress is not told.
    pub(crate) fn cancel_only(&self) -> Self {
        let broken_off = self.broken_off;
        Self { cancel_only: true, silent: true, broken_off, ..Self::new(self.limits, 0) }
    }

    /// Counts on from what others have spent.
    pub(crate) fn start_at(&mut self, nodes: u64) {
        (self.nodes, self.next_poll) = (nodes, nodes);
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.most_nodes.saturating_sub(self.nodes)
    }

    /// Keeps this part of the nodes that are left for later; returns what to
    /// give back by [`allow`](Self::allow).
    pub(crate) fn hold_back(&mut self, part: u64) -> u64 {
        let whole = self.most_nodes;
        self.allow(whole - self.remaining() / part);
        whole
    }

    /// At most so many nodes in all.
    pub(crate) fn allow(&mut self, most_nodes: u64) {
        self.most_nodes = most_nodes;
        self.next_poll = 0;
    }

    /// Counts work worth so many nodes.
    ///
    /// # Errors
    /// Why the search must stop.
    #[inline]
    pub(crate) fn spend(&mut self, nodes: u64) -> Result<(), Stop> {
        #[cfg(test)]
        tests::spent(nodes);
        self.nodes += nodes;
        if self.nodes >= self.next_poll { self.poll() } else { Ok(()) }
    }

    /// Counts nodes, and work of another kind that only decides when to look at
    /// the limits.
    ///
    /// # Errors
    /// Why the search must stop.
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

    /// Counts work that is worth no nodes.
    ///
    /// # Errors
    /// Why the search must stop.
    #[inline]
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), Stop> {
        self.spend_on(0, steps as u64)
    }

    /// Counts work as nodes, [`STEPS_OF_A_NODE`] steps each, so that a limit of nodes bounds
    /// the time of stages without a search tree.
    ///
    /// # Errors
    /// Why the search must stop.
    #[inline]
    pub(crate) fn charge(&mut self, steps: usize) -> Result<(), Stop> {
        self.charged += steps as u64;
        // No more than are left: a block of work is not cut into nodes.
        let nodes = (self.charged / STEPS_OF_A_NODE).min(self.remaining());
        self.charged %= STEPS_OF_A_NODE;
        self.spend_on(nodes, steps as u64)
    }

    #[cold]
    fn poll(&mut self) -> Result<(), Stop> {
        let looked = self.look();
        #[cfg(test)]
        tests::polled(looked);
        // Who finishes first what is begun is told again.
        let until = if self.cancel_only { u64::MAX } else { self.most_nodes };
        self.next_poll = if looked.is_ok() { until.min(self.nodes + POLL_EVERY) } else { 0 };
        looked
    }

    fn look(&mut self) -> Result<(), Stop> {
        if self.nodes >= self.most_nodes && !self.cancel_only {
            return Err(Stop::Nodes);
        }
        if self.broken_off || self.limits.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Stop::Cancelled);
        }
        let deadline = self.limits.deadline.filter(|_| !self.cancel_only);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Stop::Deadline);
        }
        let Some(progress) = self.limits.progress.as_ref().filter(|_| !self.silent) else { return Ok(()) };
        let now = Progress { nodes: self.nodes, best: self.best, bound: self.bound };
        self.broken_off = progress(now).is_break();
        if self.broken_off { Err(Stop::Cancelled) } else { Ok(()) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::ops::ControlFlow;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::{CancelToken, Limits, Meter, Stop};

    thread_local! {
        /// Steps since the last poll, and the most there were between two.
        static STEPS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
        /// How often something was spent since told to stop.
        static BEYOND: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub(super) fn spent(steps: u64) {
        let (since, most) = STEPS.get();
        STEPS.set((since + steps, most.max(since + steps)));
        BEYOND.set(BEYOND.get().map(|beyond| beyond + 1));
    }

    pub(super) fn polled(looked: Result<(), Stop>) {
        STEPS.set((0, STEPS.get().1));
        if looked == Err(Stop::Cancelled) {
            BEYOND.set(BEYOND.get().or(Some(0)));
        }
    }

    /// The most steps between two polls since this was last asked.
    pub(crate) fn most_between_polls() -> u64 {
        STEPS.replace((0, 0)).1
    }

    /// How often something was spent after someone was first told to stop, if one was since
    /// this was last asked.
    pub(crate) fn spent_beyond_stop() -> Option<u32> {
        BEYOND.take()
    }

    #[test]
    fn who_does_not_listen_is_told_again() {
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
            let mut meter = Meter::new(&limits, u64::MAX);
            assert_eq!([1, 1, 0].map(|nodes| meter.spend(nodes)), [Err(stop); 3]);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
