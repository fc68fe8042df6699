//! Numbers that sizes are computed from. What a runtime might compute otherwise is not
//! known: overflow, rounding of types other than 32 and 64 bits, division by zero.

use super::value::{Data, types};

/// Rounds to the element type; none if it is no common one.
fn rounded(data_type: i32, number: f64) -> Option<f64> {
    match data_type {
        types::FLOAT => Some(f64::from(number as f32)),
        types::DOUBLE => Some(number),
        _ => None,
    }
}

fn in_range(data_type: i32, number: i64) -> Option<i64> {
    types::range(data_type)?.contains(&number).then_some(number)
}

fn all_whole(numbers: impl Iterator<Item = Option<i64>>) -> Option<Data> {
    Some(Data::Whole(numbers.collect::<Option<_>>()?))
}

fn all_real(numbers: impl Iterator<Item = Option<f64>>) -> Option<Data> {
    Some(Data::Real(numbers.collect::<Option<_>>()?))
}

pub(super) fn unary(op_type: &str, data_type: i32, data: &Data) -> Option<Data> {
    match data {
        Data::Whole(numbers) => {
            let apply: fn(i64) -> Option<i64> = match op_type {
                "Neg" => i64::checked_neg,
                "Abs" => i64::checked_abs,
                "Sign" => |number| Some(number.signum()),
                "Relu" => |number| Some(number.max(0)),
                "Not" => |number| Some(i64::from(number == 0)),
                _ => return None,
            };
            all_whole(numbers.iter().map(|&number| in_range(data_type, apply(number)?)))
        }
        Data::Real(numbers) => {
            let apply: fn(f64) -> f64 = match op_type {
                "Neg" => |number| -number,
                "Abs" => f64::abs,
                "Floor" => f64::floor,
                "Ceil" => f64::ceil,
                "Round" => f64::round_ties_even,
                "Sqrt" => f64::sqrt,
                "Reciprocal" => f64::recip,
                "Relu" => |number| number.max(0.0),
                _ => return None,
            };
            all_real(numbers.iter().map(|&number| rounded(data_type, apply(number))))
        }
    }
}

/// Of lists of equal length. Sums, products and quotients of numbers of 32 bits, rounded
/// from 64, are what they would be if computed in 32.
pub(super) fn binary(op_type: &str, fmod: bool, data_type: i32, left: &Data, right: &Data) -> Option<Data> {
    match (left, right) {
        (Data::Whole(left), Data::Whole(right)) => {
            let test = |holds: fn(&i64, &i64) -> bool| {
                all_whole(left.iter().zip(right.iter()).map(|(one, other)| Some(holds(one, other).into())))
            };
            let apply: fn(i64, i64) -> Option<i64> = match op_type {
                "Add" | "Sum" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Div" => i64::checked_div,
                "Mod" if fmod => i64::checked_rem,
                "Mod" => floor_mod,
                "Max" => |one, other| Some(one.max(other)),
                "Min" => |one, other| Some(one.min(other)),
                "And" | "BitwiseAnd" => |one, other| Some(one & other),
                "Or" | "BitwiseOr" => |one, other| Some(one | other),
                "Xor" | "BitwiseXor" => |one, other| Some(one ^ other),
                "Equal" => return test(i64::eq),
                "Greater" => return test(i64::gt),
                "GreaterOrEqual" => return test(i64::ge),
                "Less" => return test(i64::lt),
                "LessOrEqual" => return test(i64::le),
                _ => return None,
            };
            let pairs = left.iter().zip(right.iter());
            all_whole(pairs.map(|(&one, &other)| in_range(data_type, apply(one, other)?)))
        }
        (Data::Real(left), Data::Real(right)) => {
            let test = |holds: fn(&f64, &f64) -> bool| {
                all_whole(left.iter().zip(right.iter()).map(|(one, other)| Some(holds(one, other).into())))
            };
            let apply: fn(f64, f64) -> f64 = match op_type {
                "Add" | "Sum" => |one, other| one + other,
                "Sub" => |one, other| one - other,
                "Mul" => |one, other| one * other,
                "Div" => |one, other| one / other,
                "Max" => f64::max,
                "Min" => f64::min,
                "Equal" => return test(f64::eq),
                "Greater" => return test(f64::gt),
                "GreaterOrEqual" => return test(f64::ge),
                "Less" => return test(f64::lt),
                "LessOrEqual" => return test(f64::le),
                _ => return None,
            };
            let pairs = left.iter().zip(right.iter());
            all_real(pairs.map(|(&one, &other)| rounded(data_type, apply(one, other))))
        }
        _ => None,
    }
}

/// With the sign of the divisor.
fn floor_mod(one: i64, other: i64) -> Option<i64> {
    let rest = one.checked_rem(other)?;
    if rest != 0 && (rest < 0) != (other < 0) { rest.checked_add(other) } else { Some(rest) }
}

/// Of lists of equal length.
pub(super) fn choose(condition: &Data, one: &Data, other: &Data) -> Option<Data> {
    let condition = condition.whole()?;
    match (one, other) {
        (Data::Whole(one), Data::Whole(other)) => {
            let pairs = one.iter().zip(other.iter());
            let chosen = condition
                .iter()
                .zip(pairs)
                .map(|(&holds, (&one, &other))| if holds == 0 { other } else { one });
            Some(Data::Whole(chosen.collect()))
        }
        (Data::Real(one), Data::Real(other)) => {
            let pairs = one.iter().zip(other.iter());
            let chosen = condition
                .iter()
                .zip(pairs)
                .map(|(&holds, (&one, &other))| if holds == 0 { other } else { one });
            Some(Data::Real(chosen.collect()))
        }
        _ => None,
    }
}

/// Whole numbers that a floating-point number tells exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(super) fn cast(data: &Data, data_type: i32) -> Option<Data> {
    match (data, data_type) {
        (Data::Whole(numbers), types::FLOAT) => {
            Some(Data::Real(numbers.iter().map(|&number| f64::from(number as f32)).collect()))
        }
        (Data::Whole(numbers), types::DOUBLE) => {
            Some(Data::Real(numbers.iter().map(|&number| number as f64).collect()))
        }
        (Data::Whole(numbers), types::BOOL) => {
            all_whole(numbers.iter().map(|&number| Some(i64::from(number != 0))))
        }
        (Data::Whole(numbers), _) => all_whole(numbers.iter().map(|&number| in_range(data_type, number))),
        (Data::Real(numbers), types::FLOAT | types::DOUBLE) => {
            all_real(numbers.iter().map(|&number| rounded(data_type, number)))
        }
        (Data::Real(numbers), types::BOOL) => {
            all_whole(numbers.iter().map(|&number| Some(i64::from(number != 0.0))))
        }
        (Data::Real(numbers), _) => all_whole(numbers.iter().map(|&number| {
            let whole = number.trunc();
            (whole.abs() <= EXACT).then(|| in_range(data_type, whole as i64))?
        })),
    }
}

/// The sum, product, least or greatest of some numbers.
pub(super) fn reduce(op_type: &str, data_type: i32, numbers: &[i64]) -> Option<i64> {
    let reduced = match op_type {
        "ReduceSum" => numbers.iter().try_fold(0, |all: i64, &number| all.checked_add(number)),
        "ReduceProd" => numbers.iter().try_fold(1, |all: i64, &number| all.checked_mul(number)),
        "ReduceMax" => numbers.iter().copied().max(),
        "ReduceMin" => numbers.iter().copied().min(),
        _ => None,
    };
    in_range(data_type, reduced?)
}
