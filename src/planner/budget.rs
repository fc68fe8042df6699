//! The budget of one planning call, split among its stages.

use crate::support::limits::{Budget, Limits, Stop};

/// Search nodes that the stages of a call have spent, and the most severe reason why a stage
/// stopped.
///
/// No stage starts with a fresh limit: each gets the caller's nodes minus those spent by earlier
/// stages, and the caller's deadline and cancellation token. If the caller sets no node limit,
/// each stage has its own default.
pub(super) struct CallBudget<'a> {
    limits: &'a Limits,
    spent: u64,
    stop: Stop,
}

impl<'a> CallBudget<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, spent: 0, stop: Stop::Finished }
    }

    /// Limits of the next stage: those of the caller without the work that is spent.
    pub(super) fn left(&self) -> Limits {
        self.limits.clone().less(self.spent)
    }

    /// Cancellation only, for a stage that neither a node limit nor a deadline ends.
    pub(super) fn cancel_only(&self) -> Limits {
        self.limits.clone().cancel_only()
    }

    /// Adds the nodes of a stage and the reason why it stopped.
    pub(super) fn charge(&mut self, nodes: u64, stop: Stop) {
        self.spent = self.spent.saturating_add(nodes);
        self.stop = self.stop.max(stop);
    }

    /// True if a limit of the caller is met, so that no further stage begins. A stage that
    /// has used up its own default does not count.
    pub(super) fn is_met(&mut self) -> bool {
        let left = self.left();
        let met = Budget::new(&left, u64::MAX).work(0);
        self.stop = self.stop.max(met.err().unwrap_or(Stop::Finished));
        met.is_err()
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }

    /// The most severe reason why a stage stopped.
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
        let mut budget = CallBudget::new(&limits);
        assert!(!budget.is_met());
        budget.charge(7, Stop::Nodes);
        assert!(!budget.is_met(), "three nodes are left");
        assert_eq!(budget.left().most_nodes(u64::MAX), 3);
        budget.charge(3, Stop::Finished);
        assert!(budget.is_met());
        assert_eq!((budget.spent(), budget.stop()), (10, Stop::Nodes));
    }
}
