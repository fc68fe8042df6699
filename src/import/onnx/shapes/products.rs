//! Matrix products and `Einsum`.

use std::collections::BTreeMap;

use super::call::NodeCall;
use super::value::{Inferred, Value, broadcast, types};

pub(super) fn matmul(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    Ok(vec![Value::new(left.data_type, multiplied(&left.dims, &right.dims)?)?])
}

pub(super) fn matmul_integer(call: &NodeCall) -> Inferred<Vec<Value>> {
    Ok(vec![Value::new(types::INT32, multiplied(&call.input(0)?.dims, &call.input(1)?.dims)?)?])
}

pub(super) fn qlinear_matmul(call: &NodeCall) -> Inferred<Vec<Value>> {
    let dims = multiplied(&call.input(0)?.dims, &call.input(3)?.dims)?;
    Ok(vec![Value::new(call.input(7)?.data_type, dims)?])
}

/// `MatMulIntegerToFloat`: the output has the type of the scale.
pub(super) fn matmul_to_float(call: &NodeCall) -> Inferred<Vec<Value>> {
    let dims = multiplied(&call.input(0)?.dims, &call.input(1)?.dims)?;
    Ok(vec![Value::new(call.input(2)?.data_type, dims)?])
}

/// `DynamicQuantizeMatMul`: the output has the type of the first input.
pub(super) fn dynamic_quantize_matmul(call: &NodeCall) -> Inferred<Vec<Value>> {
    matmul(call)
}

/// `FusedMatMul`: either input may be transposed.
pub(super) fn fused_matmul(call: &NodeCall) -> Inferred<Vec<Value>> {
    if call.flag("transBatchA", false) || call.flag("transBatchB", false) {
        return Err("transposed batches are not supported".to_owned());
    }
    let (left, right) = (call.input(0)?, call.input(1)?);
    let transposed = |dims: &[u64], name| {
        let mut dims = dims.to_vec();
        let rank = dims.len();
        if rank >= 2 && call.flag(name, false) {
            dims.swap(rank - 1, rank - 2);
        }
        dims
    };
    let dims = multiplied(&transposed(&left.dims, "transA"), &transposed(&right.dims, "transB"))?;
    Ok(vec![Value::new(left.data_type, dims)?])
}

/// `MatMulNBits`: weights in packed blocks, whose shape attributes give.
pub(super) fn matmul_n_bits(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    let columns = super::value::size(call.required_int("N")?)?;
    let depth = super::value::size(call.required_int("K")?)?;
    let Some((&last, batch)) = input.dims.split_last() else {
        return Err("its input is a scalar".to_owned());
    };
    if last != depth {
        return Err(format!("its input of shape {:?} does not have {depth} columns", input.dims));
    }
    Ok(vec![Value::new(input.data_type, [batch, &[columns]].concat())?])
}

/// The shape of a product by the rules of `NumPy`: a vector is a row on the left and a column on the right,
/// and leading axes broadcast.
pub(super) fn multiplied(left: &[u64], right: &[u64]) -> Inferred<Vec<u64>> {
    let mismatch = || format!("shapes {left:?} and {right:?} do not multiply");
    let (rows, inner, batch) = match left {
        [] => return Err(mismatch()),
        [inner] => (None, *inner, &[][..]),
        [batch @ .., rows, inner] => (Some(*rows), *inner, batch),
    };
    let (columns, depth, right_batch) = match right {
        [] => return Err(mismatch()),
        [depth] => (None, *depth, &[][..]),
        [batch @ .., depth, columns] => (Some(*columns), *depth, batch),
    };
    if inner != depth {
        return Err(mismatch());
    }
    let mut dims = broadcast(&[batch, right_batch])?;
    dims.extend(rows);
    dims.extend(columns);
    Ok(dims)
}

pub(super) fn gemm(call: &NodeCall) -> Inferred<Vec<Value>> {
    let (left, right) = (call.input(0)?, call.input(1)?);
    let dims = gemm_dims(call, left, right)?;
    if call.version >= 7
        && let Some(added) = call.optional(2)?
        && broadcast(&[&dims, &added.dims])? != dims
    {
        return Err(format!("its input 2 of shape {:?} does not broadcast to {dims:?}", added.dims));
    }
    Ok(vec![Value::new(left.data_type, dims)?])
}

/// Rows and columns of the product of two matrices, each of which may be transposed.
fn gemm_dims(call: &NodeCall, left: &Value, right: &Value) -> Inferred<Vec<u64>> {
    let matrix = |value: &Value, name: &str| match (value.dims.as_slice(), call.flag(name, false)) {
        (&[rows, columns], false) => Ok((rows, columns)),
        (&[rows, columns], true) => Ok((columns, rows)),
        (dims, _) => Err(format!("its input of shape {dims:?} is not a matrix")),
    };
    let ((rows, inner), (depth, columns)) = (matrix(left, "transA")?, matrix(right, "transB")?);
    if inner != depth {
        return Err(format!("shapes {:?} and {:?} do not multiply", left.dims, right.dims));
    }
    Ok(vec![rows, columns])
}

/// `QGemm`: its inputs are A, B, each with scale and zero point, C, and scale and zero point of the output.
/// Without the latter, the output has floating-point elements.
pub(super) fn qgemm(call: &NodeCall) -> Inferred<Vec<Value>> {
    let dims = gemm_dims(call, call.input(0)?, call.input(3)?)?;
    let data_type = call.optional(8)?.map_or(types::FLOAT, |zero_point| zero_point.data_type);
    Ok(vec![Value::new(data_type, dims)?])
}

/// `Det`: the determinant of each matrix of a batch.
pub(super) fn det(call: &NodeCall) -> Inferred<Vec<Value>> {
    let input = call.input(0)?;
    match input.dims.as_slice() {
        [batch @ .., rows, columns] if rows == columns => Ok(vec![Value::new(input.data_type, batch)?]),
        dims => Err(format!("its input of shape {dims:?} does not consist of square matrices")),
    }
}

/// `Einsum`: a letter names an axis; an ellipsis stands for axes that broadcast.
pub(super) fn einsum(call: &NodeCall) -> Inferred<Vec<Value>> {
    let inputs = call.all()?;
    let text: String = call.text("equation", "")?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (terms, output) = match text.split_once("->") {
        Some((terms, output)) => (terms, Some(output)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != inputs.len() {
        return Err(format!("its equation `{text}` has {} terms for {} inputs", terms.len(), inputs.len()));
    }
    let mut dim_of: BTreeMap<char, u64> = BTreeMap::new();
    let mut count_of: BTreeMap<char, usize> = BTreeMap::new();
    let mut ellipsis: Vec<u64> = Vec::new();
    for (term, input) in terms.iter().zip(&inputs) {
        let (before, after) = letters(term)?;
        let rank = before.len() + after.as_ref().map_or(0, Vec::len);
        let fits = if after.is_some() { rank <= input.rank() } else { rank == input.rank() };
        if !fits {
            return Err(format!("the term `{term}` does not match an input of shape {:?}", input.dims));
        }
        let (front, rest) = input.dims.split_at(before.len());
        let (middle, back) = rest.split_at(input.rank() - rank);
        ellipsis = broadcast(&[&ellipsis, middle])?;
        let letters = before.iter().chain(after.iter().flatten());
        for (&letter, &dim) in letters.zip(front.iter().chain(back)) {
            *count_of.entry(letter).or_default() += 1;
            let first = dim_of.entry(letter).or_insert(dim);
            if *first == 1 {
                *first = dim;
            } else if *first != dim && dim != 1 {
                return Err(format!("the axis `{letter}` of the equation `{text}` is {first} and {dim}"));
            }
        }
    }
    let dim = |letter: &char| {
        dim_of.get(letter).copied().ok_or_else(|| format!("no input has the axis `{letter}`"))
    };
    let mut dims: Vec<u64>;
    if let Some(output) = output {
        let (before, after) = letters(output)?;
        dims = before.iter().map(dim).collect::<Inferred<_>>()?;
        if let Some(after) = after {
            dims.extend(&ellipsis);
            dims.extend(after.iter().map(dim).collect::<Inferred<Vec<_>>>()?);
        }
    } else {
        // Without an output term: letters that occur once, in alphabetical order.
        dims = ellipsis;
        dims.extend(dim_of.iter().filter(|(letter, _)| count_of[letter] == 1).map(|(_, dim)| *dim));
    }
    Ok(vec![Value::new(inputs[0].data_type, dims)?])
}

/// The letters of a term, before and after the ellipsis if it has one.
fn letters(term: &str) -> Inferred<(Vec<char>, Option<Vec<char>>)> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    let list = |text: &str| {
        let all: Vec<char> = text.chars().collect();
        let wrong = all.iter().find(|letter| !letter.is_ascii_alphabetic());
        wrong.map_or(Ok(all.clone()), |wrong| Err(format!("`{wrong}` in the term `{term}` is not a letter")))
    };
    Ok((list(before)?, after.map(list).transpose()?))
}
