//! Symbolic dimensions that are computed from others, as shape inference writes them:
//! `floor(height/2 - 1/2) + 1`, `2*seq + 1`, `s0//2`.

use std::collections::BTreeMap;

/// Parentheses and signs within each other; of more, nothing is made.
const DEEPEST: u32 = 32;

/// The value of an expression of whole numbers, bound names, `+ - * / // %`, parentheses,
/// and `floor`, `ceil`, `max`, `min`; none if it is none of those, a name in it is not bound,
/// or its value is no size.
pub(super) fn evaluate(text: &str, bound: &BTreeMap<String, u64>) -> Option<u64> {
    let mut reader = Reader { rest: text.trim(), bound, depth: 0 };
    let value = reader.sum()?;
    let is_whole = reader.rest.is_empty() && value.below == 1;
    if is_whole { u64::try_from(value.above).ok() } else { None }
}

/// An exact fraction, shortened, with a positive denominator.
#[derive(Clone, Copy)]
struct Fraction {
    above: i128,
    below: i128,
}

impl Fraction {
    fn whole(above: i128) -> Self {
        Self { above, below: 1 }
    }

    fn new(above: i128, below: i128) -> Option<Self> {
        let (mut one, mut other) = (above.checked_abs()?, below.checked_abs()?);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        let divisor = if below < 0 { -one } else { one };
        if below == 0 { None } else { Some(Self { above: above / divisor, below: below / divisor }) }
    }

    fn plus(self, other: Self) -> Option<Self> {
        let above = self.above.checked_mul(other.below)?.checked_add(other.above.checked_mul(self.below)?)?;
        Self::new(above, self.below.checked_mul(other.below)?)
    }

    fn negative(self) -> Option<Self> {
        Some(Self { above: self.above.checked_neg()?, ..self })
    }

    fn times(self, other: Self) -> Option<Self> {
        Self::new(self.above.checked_mul(other.above)?, self.below.checked_mul(other.below)?)
    }

    fn over(self, other: Self) -> Option<Self> {
        Self::new(self.above.checked_mul(other.below)?, self.below.checked_mul(other.above)?)
    }

    fn floor(self) -> Self {
        Self::whole(self.above.div_euclid(self.below))
    }

    fn ceil(self) -> Option<Self> {
        self.negative()?.floor().negative()
    }

    fn is_less(self, other: Self) -> Option<bool> {
        Some(self.above.checked_mul(other.below)? < other.above.checked_mul(self.below)?)
    }
}

struct Reader<'a> {
    rest: &'a str,
    bound: &'a BTreeMap<String, u64>,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    /// The letters in front that are of this kind.
    fn word(&mut self, is_part: fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn sum(&mut self) -> Option<Fraction> {
        let mut value = self.product()?;
        loop {
            if self.takes("+") {
                value = value.plus(self.product()?)?;
            } else if self.takes("-") {
                value = value.plus(self.product()?.negative()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<Fraction> {
        let mut value = self.factor()?;
        loop {
            if self.takes("**") {
                return None;
            } else if self.takes("*") {
                value = value.times(self.factor()?)?;
            } else if self.takes("//") {
                value = value.over(self.factor()?)?.floor();
            } else if self.takes("/") {
                value = value.over(self.factor()?)?;
            } else if self.takes("%") {
                let divisor = self.factor()?;
                let times = value.over(divisor)?.floor();
                value = value.plus(times.times(divisor)?.negative()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn factor(&mut self) -> Option<Fraction> {
        self.depth += 1;
        let value = if self.depth > DEEPEST { None } else { self.factor_within() };
        self.depth -= 1;
        value
    }

    fn factor_within(&mut self) -> Option<Fraction> {
        if self.takes("-") {
            return self.factor()?.negative();
        }
        if self.takes("(") {
            let value = self.sum()?;
            return self.takes(")").then_some(value);
        }
        let digits = self.word(|letter| letter.is_ascii_digit());
        if !digits.is_empty() {
            return digits.parse().ok().map(Fraction::whole);
        }
        let name = self.word(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
        if self.takes("(") { self.call(name) } else { Some(Fraction::whole((*self.bound.get(name)?).into())) }
    }

    fn call(&mut self, name: &str) -> Option<Fraction> {
        let mut values = vec![self.sum()?];
        while self.takes(",") {
            values.push(self.sum()?);
        }
        if !self.takes(")") {
            return None;
        }
        let choose = |prefers: fn(Fraction, Fraction) -> Option<bool>| {
            values
                .iter()
                .skip(1)
                .try_fold(values[0], |best, &one| Some(if prefers(one, best)? { one } else { best }))
        };
        match (name, values.as_slice()) {
            ("floor", &[value]) => Some(value.floor()),
            ("ceil" | "ceiling", &[value]) => value.ceil(),
            ("max" | "Max", _) => choose(|one, best| best.is_less(one)),
            ("min" | "Min", _) => choose(Fraction::is_less),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_exact_values() {
        let bound = BTreeMap::from([("H".to_owned(), 225), ("seq_len".to_owned(), 7)]);
        for (text, value) in [
            ("floor(H/2 - 1/2) + 1", Some(113)),
            ("2*seq_len + 1", Some(15)),
            ("H//2", Some(112)),
            ("H % 4", Some(1)),
            ("(H + 7)/8 * seq_len", Some(203)),
            ("ceiling(H/2)", Some(113)),
            ("Max(1, seq_len - 9, -3)", Some(1)),
            ("min(H, seq_len)", Some(7)),
            ("-(-H)", Some(225)),
            ("3 - 1 - 1", Some(1)),
            ("floor(-1/2) + 1", Some(0)),
            ("H/2", None),
            ("seq_len - H", None),
            ("H/0", None),
            ("H % 0", None),
            ("W + 1", None),
            ("H**2", None),
            ("sin(H)", None),
            ("H +", None),
            ("H H", None),
            ("(H", None),
            ("", None),
            ("floor()", None),
            ("170141183460469231731687303715884105727*H", None),
        ] {
            assert_eq!(evaluate(text, &bound), value, "{text}");
        }
        let deep = "(".repeat(100_000);
        assert_eq!(evaluate(&deep, &bound), None);
        assert_eq!(evaluate(&"-".repeat(100_000), &bound), None);
    }
}
