//! Products of matrices, and sums over named axes.

use std::collections::BTreeMap;

use super::call::Call;
use super::value::{Told, Value, broadcast, types};

pub(super) fn matmul(call: &Call) -> Told<Vec<Value>> {
    let (one, other) = (call.input(0)?, call.input(1)?);
    Ok(vec![Value::new(one.data_type, multiplied(&one.dims, &other.dims)?)?])
}

pub(super) fn matmul_integer(call: &Call) -> Told<Vec<Value>> {
    Ok(vec![Value::new(types::INT32, multiplied(&call.input(0)?.dims, &call.input(1)?.dims)?)?])
}

pub(super) fn qlinear_matmul(call: &Call) -> Told<Vec<Value>> {
    let dims = multiplied(&call.input(0)?.dims, &call.input(3)?.dims)?;
    Ok(vec![Value::new(call.input(7)?.data_type, dims)?])
}

/// Of integers, scaled to floating-point numbers of the type of the scale.
pub(super) fn matmul_to_float(call: &Call) -> Told<Vec<Value>> {
    let dims = multiplied(&call.input(0)?.dims, &call.input(1)?.dims)?;
    Ok(vec![Value::new(call.input(2)?.data_type, dims)?])
}

/// Of floating-point numbers with quantised weights.
pub(super) fn dynamic_quantize_matmul(call: &Call) -> Told<Vec<Value>> {
    matmul(call)
}

/// With either transposed on the way.
pub(super) fn fused_matmul(call: &Call) -> Told<Vec<Value>> {
    if call.flag("transBatchA", false) || call.flag("transBatchB", false) {
        return Err("transposed batches are not supported".to_owned());
    }
    let (one, other) = (call.input(0)?, call.input(1)?);
    let turned = |dims: &[u64], name| {
        let mut dims = dims.to_vec();
        let rank = dims.len();
        if rank >= 2 && call.flag(name, false) {
            dims.swap(rank - 1, rank - 2);
        }
        dims
    };
    let dims = multiplied(&turned(&one.dims, "transA"), &turned(&other.dims, "transB"))?;
    Ok(vec![Value::new(one.data_type, dims)?])
}

/// With weights in blocks of a few bits each.
pub(super) fn matmul_n_bits(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    let made = super::value::size(call.required_int("N")?)?;
    let summed = super::value::size(call.required_int("K")?)?;
    let Some((&last, batch)) = input.dims.split_last() else {
        return Err("its input is a scalar".to_owned());
    };
    if last != summed {
        return Err(format!("its input of shape {:?} has not {summed} columns", input.dims));
    }
    Ok(vec![Value::new(input.data_type, [batch, &[made]].concat())?])
}

/// As `NumPy` does: vectors count as a row on the left and as a column on the right.
pub(super) fn multiplied(one: &[u64], other: &[u64]) -> Told<Vec<u64>> {
    let misfit = || format!("shapes {one:?} and {other:?} do not multiply");
    let (rows, inner, batch) = match one {
        [] => return Err(misfit()),
        [inner] => (None, *inner, &[][..]),
        [batch @ .., rows, inner] => (Some(*rows), *inner, batch),
    };
    let (columns, summed, other_batch) = match other {
        [] => return Err(misfit()),
        [summed] => (None, *summed, &[][..]),
        [batch @ .., summed, columns] => (Some(*columns), *summed, batch),
    };
    if inner != summed {
        return Err(misfit());
    }
    let mut dims = broadcast(&[batch, other_batch])?;
    dims.extend(rows);
    dims.extend(columns);
    Ok(dims)
}

pub(super) fn gemm(call: &Call) -> Told<Vec<Value>> {
    let (one, other) = (call.input(0)?, call.input(1)?);
    let dims = gemm_dims(call, one, other)?;
    if call.version >= 7
        && let Some(added) = call.optional(2)?
        && broadcast(&[&dims, &added.dims])? != dims
    {
        return Err(format!("what is added, of shape {:?}, does not fit {dims:?}", added.dims));
    }
    Ok(vec![Value::new(one.data_type, dims)?])
}

fn gemm_dims(call: &Call, one: &Value, other: &Value) -> Told<Vec<u64>> {
    let turned = |value: &Value, name: &str| match (value.dims.as_slice(), call.flag(name, false)) {
        (&[rows, columns], false) => Ok((rows, columns)),
        (&[rows, columns], true) => Ok((columns, rows)),
        (dims, _) => Err(format!("an input of shape {dims:?} is no matrix")),
    };
    let ((rows, inner), (summed, columns)) = (turned(one, "transA")?, turned(other, "transB")?);
    if inner != summed {
        return Err(format!("shapes {:?} and {:?} do not multiply", one.dims, other.dims));
    }
    Ok(vec![rows, columns])
}

/// Quantised: a, its scale and zero point, b and its, c, and those of the output, which is
/// of floating-point numbers where they are left out.
pub(super) fn qgemm(call: &Call) -> Told<Vec<Value>> {
    let dims = gemm_dims(call, call.input(0)?, call.input(3)?)?;
    let data_type = call.optional(8)?.map_or(types::FLOAT, |zero_point| zero_point.data_type);
    Ok(vec![Value::new(data_type, dims)?])
}

/// The determinant of each matrix.
pub(super) fn det(call: &Call) -> Told<Vec<Value>> {
    let input = call.input(0)?;
    match input.dims.as_slice() {
        [batch @ .., rows, columns] if rows == columns => Ok(vec![Value::new(input.data_type, batch)?]),
        dims => Err(format!("an input of shape {dims:?} has no square matrices")),
    }
}

pub(super) fn einsum(call: &Call) -> Told<Vec<Value>> {
    let inputs = call.all()?;
    let text: String = call.text("equation", "")?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (terms, output) = match text.split_once("->") {
        Some((terms, output)) => (terms, Some(output)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != inputs.len() {
        return Err(format!("the equation `{text}` is for {} inputs, not {}", terms.len(), inputs.len()));
    }
    let mut named: BTreeMap<char, u64> = BTreeMap::new();
    let mut times: BTreeMap<char, usize> = BTreeMap::new();
    let mut others: Vec<u64> = Vec::new();
    for (term, input) in terms.iter().zip(&inputs) {
        let (before, after) = letters(term)?;
        let rank = before.len() + after.as_ref().map_or(0, Vec::len);
        let fits = if after.is_some() { rank <= input.rank() } else { rank == input.rank() };
        if !fits {
            return Err(format!("the term `{term}` does not fit an input of shape {:?}", input.dims));
        }
        let (front, rest) = input.dims.split_at(before.len());
        let (middle, back) = rest.split_at(input.rank() - rank);
        others = broadcast(&[&others, middle])?;
        let letters = before.iter().chain(after.iter().flatten());
        for (&letter, &dim) in letters.zip(front.iter().chain(back)) {
            *times.entry(letter).or_default() += 1;
            let known = named.entry(letter).or_insert(dim);
            if *known == 1 {
                *known = dim;
            } else if *known != dim && dim != 1 {
                return Err(format!("`{letter}` in the equation `{text}` is {known} and {dim}"));
            }
        }
    }
    let dim = |letter: &char| named.get(letter).copied().ok_or_else(|| format!("`{letter}` is in no input"));
    let mut dims: Vec<u64>;
    if let Some(output) = output {
        let (before, after) = letters(output)?;
        dims = before.iter().map(dim).collect::<Told<_>>()?;
        if let Some(after) = after {
            dims.extend(&others);
            dims.extend(after.iter().map(dim).collect::<Told<Vec<_>>>()?);
        }
    } else {
        // Whatever is named once, in the order of the alphabet.
        dims = others;
        dims.extend(named.iter().filter(|(letter, _)| times[letter] == 1).map(|(_, dim)| *dim));
    }
    Ok(vec![Value::new(inputs[0].data_type, dims)?])
}

/// Before and after the three points, if there are any.
fn letters(term: &str) -> Told<(Vec<char>, Option<Vec<char>>)> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    let list = |text: &str| {
        let all: Vec<char> = text.chars().collect();
        let wrong = all.iter().find(|letter| !letter.is_ascii_alphabetic());
        wrong.map_or(Ok(all.clone()), |wrong| Err(format!("`{wrong}` in the term `{term}` names no axis")))
    };
    Ok((list(before)?, after.map(list).transpose()?))
}
