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
    let Fraction(numerator, denominator) = value;
    u64::try_from(numerator).ok().filter(|_| parser.rest.is_empty() && denominator == 1)
}

/// An exact rational number in lowest terms: numerator and positive denominator.
#[derive(Clone, Copy)]
struct Fraction(i128, i128);

impl Fraction {
    fn whole(number: i128) -> Self {
        Self(number, 1)
    }

    fn new(numerator: i128, denominator: i128) -> Option<Self> {
        // Euclid: the greatest common divisor.
        let (mut gcd, mut rest) = (numerator.checked_abs()?, denominator.checked_abs()?);
        while rest != 0 {
            (gcd, rest) = (rest, gcd % rest);
        }
        let divisor = if denominator < 0 { -gcd } else { gcd };
        (denominator != 0).then(|| Self(numerator / divisor, denominator / divisor))
    }

    fn plus(self, other: Self) -> Option<Self> {
        let (left, right) = (self.0.checked_mul(other.1)?, other.0.checked_mul(self.1)?);
        Self::new(left.checked_add(right)?, self.1.checked_mul(other.1)?)
    }

    fn negative(self) -> Option<Self> {
        Some(Self(self.0.checked_neg()?, self.1))
    }

    fn times(self, other: Self) -> Option<Self> {
        Self::new(self.0.checked_mul(other.0)?, self.1.checked_mul(other.1)?)
    }

    fn over(self, other: Self) -> Option<Self> {
        self.times(Self::new(other.1, other.0)?)
    }

    fn floor(self) -> Self {
        Self::whole(self.0.div_euclid(self.1))
    }

    fn ceil(self) -> Option<Self> {
        self.negative()?.floor().negative()
    }

    fn is_less(self, other: Self) -> Option<bool> {
        Some(self.0.checked_mul(other.1)? < other.0.checked_mul(self.1)?)
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
