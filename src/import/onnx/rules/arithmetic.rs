//! Arithmetic on the elements from which sizes are computed. A result in which runtimes may differ is
//! unknown: after an overflow, a division by zero, or rounding of floating-point types other than 32 and 64
//! bits.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::import::onnx::value::{Elements, types};

/// Rounds to the element type; none for types other than `float` and `double`.
fn rounded(data_type: i32, number: f64) -> Option<f64> {
    match data_type {
        types::FLOAT => Some(f64::from(number as f32)),
        types::DOUBLE => Some(number),
        _ => None,
    }
}

/// The number, if the integer type can hold it.
fn in_range(data_type: i32, number: i64) -> Option<i64> {
    types::range(data_type)?.contains(&number).then_some(number)
}

fn all_integers(numbers: impl Iterator<Item = Option<i64>>) -> Option<Elements> {
    Some(Elements::Integers(numbers.collect::<Option<_>>()?))
}

fn all_floats(numbers: impl Iterator<Item = Option<f64>>) -> Option<Elements> {
    Some(Elements::Floats(numbers.collect::<Option<_>>()?))
}

/// Applies an operator with one input to each element.
pub(crate) fn unary(op_type: &str, data_type: i32, data: &Elements) -> Option<Elements> {
    match data {
        Elements::Integers(numbers) => {
            let apply: fn(i64) -> Option<i64> = match op_type {
                "Neg" => i64::checked_neg,
                "Abs" => i64::checked_abs,
                "Sign" => |number| Some(number.signum()),
                "Relu" => |number| Some(number.max(0)),
                "Not" => |number| Some(i64::from(number == 0)),
                _ => return None,
            };
            all_integers(numbers.iter().map(|&number| in_range(data_type, apply(number)?)))
        }
        Elements::Floats(numbers) => {
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
            all_floats(numbers.iter().map(|&number| rounded(data_type, apply(number))))
        }
        Elements::Tensors(_) => None,
    }
}

/// Applies an operator with two inputs to each pair of elements of two lists of equal length. Sums, products
/// and quotients of 32-bit floating-point numbers are computed in 64 bits and rounded, which gives the same
/// result as 32-bit arithmetic.
pub(crate) fn binary(
    op_type: &str,
    fmod: bool,
    data_type: i32,
    left: &Elements,
    right: &Elements,
) -> Option<Elements> {
    match (left, right) {
        (Elements::Integers(left), Elements::Integers(right)) => {
            let apply: fn(i64, i64) -> Option<i64> = match op_type {
                "Add" | "Sum" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Div" => i64::checked_div,
                "Mod" if fmod => i64::checked_rem,
                "Mod" => floor_mod,
                "Max" => |left, right| Some(left.max(right)),
                "Min" => |left, right| Some(left.min(right)),
                "And" | "BitwiseAnd" => |left, right| Some(left & right),
                "Or" | "BitwiseOr" => |left, right| Some(left | right),
                "Xor" | "BitwiseXor" => |left, right| Some(left ^ right),
                _ => return compared(op_type, left, right),
            };
            let pairs = left.iter().zip(right.iter());
            all_integers(pairs.map(|(&left, &right)| in_range(data_type, apply(left, right)?)))
        }
        (Elements::Floats(left), Elements::Floats(right)) => {
            let apply: fn(f64, f64) -> f64 = match op_type {
                "Add" | "Sum" => |left, right| left + right,
                "Sub" => |left, right| left - right,
                "Mul" => |left, right| left * right,
                "Div" => |left, right| left / right,
                "Max" => f64::max,
                "Min" => f64::min,
                _ => return compared(op_type, left, right),
            };
            let pairs = left.iter().zip(right.iter());
            all_floats(pairs.map(|(&left, &right)| rounded(data_type, apply(left, right))))
        }
        _ => None,
    }
}

/// Compares pairs of elements. Every comparison with a number that has no order is false.
fn compared<T: PartialOrd>(op_type: &str, left: &[T], right: &[T]) -> Option<Elements> {
    let holds: fn(Ordering) -> bool = match op_type {
        "Equal" => Ordering::is_eq,
        "Greater" => Ordering::is_gt,
        "GreaterOrEqual" => Ordering::is_ge,
        "Less" => Ordering::is_lt,
        "LessOrEqual" => Ordering::is_le,
        _ => return None,
    };
    let pairs = left.iter().zip(right);
    all_integers(pairs.map(|(left, right)| Some(left.partial_cmp(right).is_some_and(holds).into())))
}

/// The remainder with the sign of the divisor.
fn floor_mod(dividend: i64, divisor: i64) -> Option<i64> {
    let rest = dividend.checked_rem(divisor)?;
    if rest != 0 && (rest < 0) != (divisor < 0) { rest.checked_add(divisor) } else { Some(rest) }
}

/// `Where` on lists of equal length.
pub(crate) fn choose(condition: &Elements, yes: &Elements, no: &Elements) -> Option<Elements> {
    fn chosen<T: Copy>(condition: &[i64], yes: &[T], no: &[T]) -> Rc<[T]> {
        let pairs = condition.iter().zip(yes.iter().zip(no));
        pairs.map(|(&condition, (&yes, &no))| if condition == 0 { no } else { yes }).collect()
    }
    let condition = condition.integers()?;
    match (yes, no) {
        (Elements::Integers(yes), Elements::Integers(no)) => {
            Some(Elements::Integers(chosen(condition, yes, no)))
        }
        (Elements::Floats(yes), Elements::Floats(no)) => Some(Elements::Floats(chosen(condition, yes, no))),
        _ => None,
    }
}

/// Integers up to this magnitude are exact in a 64-bit floating-point number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Converts elements to another type.
pub(crate) fn cast(data: &Elements, data_type: i32) -> Option<Elements> {
    match data {
        Elements::Integers(numbers) => match data_type {
            types::FLOAT => all_floats(numbers.iter().map(|&number| Some(f64::from(number as f32)))),
            types::DOUBLE => all_floats(numbers.iter().map(|&number| Some(number as f64))),
            types::BOOL => all_integers(numbers.iter().map(|&number| Some(i64::from(number != 0)))),
            _ => all_integers(numbers.iter().map(|&number| in_range(data_type, number))),
        },
        Elements::Floats(numbers) => match data_type {
            types::FLOAT | types::DOUBLE => {
                all_floats(numbers.iter().map(|&number| rounded(data_type, number)))
            }
            types::BOOL => all_integers(numbers.iter().map(|&number| Some(i64::from(number != 0.0)))),
            _ => all_integers(numbers.iter().map(|&number| {
                let whole = number.trunc();
                (whole.abs() <= MAX_EXACT).then(|| in_range(data_type, whole as i64))?
            })),
        },
        Elements::Tensors(_) => None,
    }
}

/// Reduces integers to one: sum, product, maximum or minimum.
pub(crate) fn reduce(op_type: &str, data_type: i32, numbers: &[i64]) -> Option<i64> {
    let mut numbers = numbers.iter().copied();
    let reduced = match op_type {
        "ReduceSum" => numbers.try_fold(0, i64::checked_add),
        "ReduceProd" => numbers.try_fold(1, i64::checked_mul),
        "ReduceMax" => numbers.max(),
        "ReduceMin" => numbers.min(),
        _ => None,
    };
    in_range(data_type, reduced?)
}
