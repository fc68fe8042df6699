//! Violations: a rule, and where a plan breaks it.

use std::fmt;

use super::Rule;
use super::text::cut_within;

/// Maximum number of violations in one report.
pub const MAX_REPORTED: usize = 100;

/// Maximum length in bytes of one violation in a message, and of all violations together.
const LONGEST_VIOLATION: usize = 600;
const LONGEST_LIST: usize = 1900;

/// A rule that a plan breaks, and where.
///
/// Displayed as the identifier of the rule in brackets and a message with the names and the numbers:
///
/// ```text
/// [A1] tensor `x` lies at 12, which is not a multiple of its alignment 8
/// ```
///
/// If the plan of a body breaks the rule, the operator and the number of the body follow the
/// identifier: ``[P1] body 0 of operator `loop`: tensor `x` needs 8 bytes ...``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub(crate) rule: Rule,
    /// The path to the body whose plan breaks the rule, outermost operator first.
    pub(crate) body: Option<String>,
    pub(crate) message: String,
}

impl Violation {
    /// The rule that the plan breaks.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// The body whose plan breaks the rule, for example ``body 0 of operator `loop` ``; `None` for the
    /// plan itself. Nested bodies are separated by a colon, the outermost first.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// The message without the identifier of the rule and without the body. Names in it are not cut.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.rule)?;
        if let Some(body) = &self.body {
            write!(f, "{body}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Violation {}

/// All violations of a plan, at most [`MAX_REPORTED`].
///
/// Displayed on one line of at most about 2 KiB; long names are shortened.
///
/// Example: [`verify`](crate::verify::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(pub(crate) Vec<Violation>);

impl Violations {
    /// The violations; never empty.
    #[must_use]
    pub fn list(&self) -> &[Violation] {
        &self.0
    }

    /// Returns true if only bounds are wrong, or the status that follows from them: the offsets of the
    /// plan are right.
    pub(crate) fn are_of_bounds(&self) -> bool {
        let is_about_bound = |violation: &Violation| violation.rule.is_about_bound();
        let is_harmless = |violation: &Violation| {
            violation.body.is_none() && (is_about_bound(violation) || violation.rule == Rule::StatusHolds)
        };
        self.0.iter().any(is_about_bound) && self.0.iter().all(is_harmless)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut length = 0;
        for (number, violation) in self.0.iter().enumerate() {
            let text = violation.to_string();
            let text = cut_within(&text, LONGEST_VIOLATION);
            length += text.len();
            if length > LONGEST_LIST {
                return write!(f, "; and {} more", self.0.len() - number);
            }
            f.write_str(if number > 0 { "; " } else { "" })?;
            f.write_str(&text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(rule: Rule, body: Option<&str>, message: &str) -> Violation {
        Violation { rule, body: body.map(str::to_owned), message: message.to_owned() }
    }

    #[test]
    fn messages_of_many_long_violations_are_short() {
        let long = format!("`{}` is wrong: the cause", "n".repeat(1 << 20));
        let text = Violations(vec![violation(Rule::CertifiedBytes, None, &long); MAX_REPORTED]).to_string();
        assert!(text.len() <= 2048, "{} bytes", text.len());
        assert!(text.starts_with("[B2] ") && text.contains("is wrong: the cause"), "{text}");
        assert!(text.contains(" more"), "{text}");
    }

    #[test]
    fn the_rule_precedes_the_body_and_the_message() {
        let body = Some("body 1 of operator `loop`");
        let text = violation(Rule::Aligned, body, "tensor `x` lies at 1").to_string();
        assert_eq!(text, "[A1] body 1 of operator `loop`: tensor `x` lies at 1");
    }

    /// The planner withdraws a bound only if nothing else is wrong with its plan.
    #[test]
    fn wrong_bounds_differ_from_wrong_plans() {
        let are_of_bounds = |list: &[(Rule, Option<&str>)]| {
            let violation = |&(rule, body): &(Rule, Option<&str>)| violation(rule, body, "");
            Violations(list.iter().map(violation).collect()).are_of_bounds()
        };
        assert!(are_of_bounds(&[(Rule::CertifiedBytes, None)]));
        assert!(are_of_bounds(&[(Rule::BoundBelowArena, None), (Rule::StatusHolds, None)]));
        assert!(!are_of_bounds(&[(Rule::StatusHolds, None)]));
        assert!(!are_of_bounds(&[(Rule::CertifiedBytes, None), (Rule::Disjoint, None)]));
        assert!(!are_of_bounds(&[(Rule::CertifiedBytes, Some("body 0 of operator `loop`"))]));
    }
}
