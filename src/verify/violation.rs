//! Collects the violations of a plan.

use crate::error::{MAX_REPORTED, Rule, Violation, Violations};

/// Collects violations up to [`MAX_REPORTED`], and asks whether the call is cancelled.
#[derive(Default)]
pub(super) struct ViolationCollector {
    list: Vec<Violation>,
    cancellation: Option<Box<dyn Fn() -> bool>>,
}

impl ViolationCollector {
    /// Runs a check and returns its result; `None` if the call is cancelled before the check ends.
    pub(super) fn run_until(
        is_cancelled: impl Fn() -> bool + 'static,
        check: impl FnOnce(&mut Self),
    ) -> Option<Result<(), Violations>> {
        let mut violations = Self { list: Vec::new(), cancellation: Some(Box::new(is_cancelled)) };
        if !violations.is_cancelled() {
            check(&mut violations);
        }
        (!violations.is_cancelled()).then(|| violations.finish())
    }

    /// Runs the check of a body's plan with the same cancellation, and adds its violations with the
    /// path of the body, which is only built if there are violations.
    pub(super) fn run_in_body(&mut self, path: impl Fn() -> String, check: impl FnOnce(&mut Self)) {
        let mut inner = Self { list: Vec::new(), cancellation: self.cancellation.take() };
        check(&mut inner);
        self.cancellation = inner.cancellation;
        for violation in inner.list {
            let body = match violation.body {
                Some(nested) => format!("{}: {nested}", path()),
                None => path(),
            };
            self.push(Violation { body: Some(body), ..violation });
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(|is_cancelled| is_cancelled())
    }

    pub(super) fn add(&mut self, rule: Rule, message: impl Into<String>) {
        self.push(Violation { rule, body: None, message: message.into() });
    }

    fn push(&mut self, violation: Violation) {
        if self.list.len() < MAX_REPORTED {
            self.list.push(violation);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// Returns true if the checks may end: the list is full, or the call is cancelled.
    pub(super) fn is_done(&self) -> bool {
        self.list.len() >= MAX_REPORTED || self.is_cancelled()
    }

    pub(super) fn finish(self) -> Result<(), Violations> {
        if self.is_empty() { Ok(()) } else { Err(Violations(self.list)) }
    }
}
