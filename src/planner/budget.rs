//! The budget of one planning call, split among its stages.

use crate::limits::{Limits, Meter, Stop};

/// Nodes that the stages of a call have spent, and the worst reason why one of them stopped.
///
/// No stage starts with a fresh limit: each gets what the stages before it have left of the
/// caller's nodes, and the caller's deadline and token. Where the caller names no number of
/// nodes, each stage has a default of its own.
pub(super) struct Budget<'a> {
    limits: &'a Limits,
    spent: u64,
    stop: Stop,
}

impl<'a> Budget<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, spent: 0, stop: Stop::Finished }
    }

    /// What is left, for the next stage.
    pub(super) fn left(&self) -> Limits {
        self.limits.clone().less(self.spent)
    }

    /// Only what cancels the call, for a stage that must end at any limit.
    pub(super) fn cancel_only(&self) -> Limits {
        self.limits.clone().cancel_only()
    }

    /// Counts what a stage has spent, and why it stopped.
    pub(super) fn charge(&mut self, nodes: u64, stop: Stop) {
        self.spent = self.spent.saturating_add(nodes);
        self.stop = self.stop.max(stop);
    }

    /// Whether one of the caller's limits is met, so that no further stage begins. A stage that
    /// has used up its own default does not count.
    pub(super) fn is_met(&mut self) -> bool {
        let left = self.left();
        let met = Meter::new(&left, u64::MAX).work(0);
        self.stop = self.stop.max(met.err().unwrap_or(Stop::Finished));
        met.is_err()
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }

    /// The worst reason why a stage stopped.
    pub(super) fn stop(&self) -> Stop {
        self.stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_share_one_limit_of_nodes() {
        let limits = Limits::new().nodes(10);
        let mut budget = Budget::new(&limits);
        assert!(!budget.is_met());
        budget.charge(7, Stop::Nodes);
        assert!(!budget.is_met(), "three nodes are left");
        assert_eq!(budget.left().most_nodes(u64::MAX), 3);
        budget.charge(3, Stop::Finished);
        assert!(budget.is_met());
        assert_eq!((budget.spent(), budget.stop()), (10, Stop::Nodes));
    }
}
