//! Arithmetic in names of symbolic dimensions, which shape inference of other tools writes:
//! `floor(height/2 - 1/2) + 1`, `2*seq + 1`, `s0//2`.

use std::collections::BTreeMap;

/// Limit of nested parentheses and signs. Deeper expressions have no value.
const MAX_DEPTH: u32 = 32;

/// Evaluates an expression of integers, bound names, `+ - * / // %`, parentheses, `floor`, `ceil`, `max` and
/// `min`. None if the syntax is another one, a name is not bound, an intermediate result exceeds 128 bits, or
/// the value is not a size.
pub(super) fn evaluate(text: &str, bound: &BTreeMap<String, u64>) -> Option<u64> {
    let mut parser = ExpressionParser { rest: text.trim(), bound, depth: 0 };
    let value = parser.sum()?;
    let is_whole = parser.rest.is_empty() && value.denominator == 1;
    if is_whole { u64::try_from(value.numerator).ok() } else { None }
}

/// An exact rational number in lowest terms, with a positive denominator.
#[derive(Clone, Copy)]
struct Fraction {
    numerator: i128,
    denominator: i128,
}

impl Fraction {
    fn whole(numerator: i128) -> Self {
        Self { numerator, denominator: 1 }
    }

    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        // Euclid: the greatest common divisor.
        let (mut gcd, mut rest) = (numerator.checked_abs()?, denominator.checked_abs()?);
        while rest != 0 {
            (gcd, rest) = (rest, gcd % rest);
        }
        let divisor = if denominator < 0 { -gcd } else { gcd };
        if denominator == 0 {
            None
        } else {
            Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
        }
    }

    fn plus(self, other: Self) -> Option<Self> {
        let numerator = self
            .numerator
            .checked_mul(other.denominator)?
            .checked_add(other.numerator.checked_mul(self.denominator)?)?;
        Self::new(numerator, self.denominator.checked_mul(other.denominator)?)
    }

    fn negative(self) -> Option<Self> {
        Some(Self { numerator: self.numerator.checked_neg()?, ..self })
    }

    fn times(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator.checked_mul(other.numerator)?,
            self.denominator.checked_mul(other.denominator)?,
        )
    }

    fn over(self, other: Self) -> Option<Self> {
        Self::new(
            self.numerator.checked_mul(other.denominator)?,
            self.denominator.checked_mul(other.numerator)?,
        )
    }

    fn floor(self) -> Self {
        Self::whole(self.numerator.div_euclid(self.denominator))
    }

    fn ceil(self) -> Option<Self> {
        self.negative()?.floor().negative()
    }

    fn is_less(self, other: Self) -> Option<bool> {
        Some(self.numerator.checked_mul(other.denominator)? < other.numerator.checked_mul(self.denominator)?)
    }
}

/// Recursive descent parser that evaluates as it reads.
struct ExpressionParser<'a> {
    /// Text that is not read yet, without leading spaces.
    rest: &'a str,
    bound: &'a BTreeMap<String, u64>,
    /// Nested factors that are being read.
    depth: u32,
}

impl<'a> ExpressionParser<'a> {
    /// Reads a token if it is next.
    fn accept(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    /// Reads the longest prefix of characters of a kind.
    fn word(&mut self, is_part: fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        word
    }

    fn sum(&mut self) -> Option<Fraction> {
        let mut value = self.product()?;
        loop {
            if self.accept("+") {
                value = value.plus(self.product()?)?;
            } else if self.accept("-") {
                value = value.plus(self.product()?.negative()?)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<Fraction> {
        let mut value = self.factor()?;
        loop {
            if self.accept("**") {
                return None;
            } else if self.accept("*") {
                value = value.times(self.factor()?)?;
            } else if self.accept("//") {
                value = value.over(self.factor()?)?.floor();
            } else if self.accept("/") {
                value = value.over(self.factor()?)?;
            } else if self.accept("%") {
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
        let value = if self.depth > MAX_DEPTH { None } else { self.factor_within() };
        self.depth -= 1;
        value
    }

    fn factor_within(&mut self) -> Option<Fraction> {
        if self.accept("-") {
            return self.factor()?.negative();
        }
        if self.accept("(") {
            let value = self.sum()?;
            return self.accept(")").then_some(value);
        }
        let digits = self.word(|letter| letter.is_ascii_digit());
        if !digits.is_empty() {
            return digits.parse().ok().map(Fraction::whole);
        }
        let name = self.word(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
        if self.accept("(") {
            self.call(name)
        } else {
            Some(Fraction::whole((*self.bound.get(name)?).into()))
        }
    }

    fn call(&mut self, name: &str) -> Option<Fraction> {
        let mut values = vec![self.sum()?];
        while self.accept(",") {
            values.push(self.sum()?);
        }
        if !self.accept(")") {
            return None;
        }
        let choose = |prefers: fn(Fraction, Fraction) -> Option<bool>| {
            values
                .iter()
                .skip(1)
                .try_fold(values[0], |best, &value| Some(if prefers(value, best)? { value } else { best }))
        };
        match (name, values.as_slice()) {
            ("floor", &[value]) => Some(value.floor()),
            ("ceil" | "ceiling", &[value]) => value.ceil(),
            ("max" | "Max", _) => choose(|value, best| best.is_less(value)),
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
