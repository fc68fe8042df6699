//! Matrix products and `Einsum`.

use std::collections::BTreeMap;

use super::call::NodeCall;
use crate::import::dims::{broadcast, ensure, multiplied, size, sizes, transposed};
use crate::import::onnx::value::{Inferred, Outputs, Value, types};

/// The product of two inputs.
pub(crate) fn matmul(call: &NodeCall, [left, right]: [usize; 2], data_type: i32) -> Outputs {
    Value::single(data_type, multiplied(&call.input(left)?.dims, &call.input(right)?.dims, false)?)
}

/// `FusedMatMul`: either input may be transposed, and may have its rows before its batches.
pub(crate) fn fused_matmul(call: &NodeCall) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    let operand = |value: &Value, is_transposed, has_batches_inside| {
        let mut dims = value.dims.clone();
        if let (true, [batches @ .., _]) = (call.flag(has_batches_inside, false), dims.as_mut_slice()) {
            batches.rotate_left(1.min(batches.len()));
        }
        if call.flag(is_transposed, false) { transposed(&dims) } else { dims }
    };
    let (left_dims, right_dims) =
        (operand(left, "transA", "transBatchA"), operand(right, "transB", "transBatchB"));
    let dims = multiplied(&left_dims, &right_dims, false)?;
    Value::single(left.data_type, dims)
}

/// `MatMulNBits`: weights in packed blocks, whose shape attributes give.
pub(crate) fn matmul_n_bits(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let (columns, depth) = (size(call.required_int("N")?)?, size(call.required_int("K")?)?);
    match input.dims.as_slice() {
        [batch @ .., last] if *last == depth => Value::single(input.data_type, [batch, &[columns]].concat()),
        dims => Err(format!("its input of shape {dims:?} does not have {depth} columns")),
    }
}

/// `MatMulFpQ4`: packed weights, whose shape an input gives.
pub(crate) fn matmul_packed(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    Value::single(input.data_type, multiplied(&input.dims, &sizes(call.numbers(2)?)?, false)?)
}

/// `CDist`: the distance of each row of one matrix to each row of another.
pub(crate) fn distances(call: &NodeCall) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    Value::single(left.data_type, [left.dim(0)?, right.dim(0)?])
}

pub(crate) fn gemm(call: &NodeCall) -> Outputs {
    let (left, right) = (call.input(0)?, call.input(1)?);
    let dims = gemm_dims(call, left, right)?;
    if let Some(added) = if call.version >= 7 { call.optional(2)? } else { None } {
        let added = &added.dims;
        let fits = broadcast(&[&dims, added], false)? == dims;
        ensure!(fits, "its input 2 of shape {added:?} does not broadcast to {dims:?}");
    }
    Value::single(left.data_type, dims)
}

/// Rows and columns of the product of two matrices, each of which may be transposed.
fn gemm_dims(call: &NodeCall, left: &Value, right: &Value) -> Inferred<Vec<u64>> {
    let matrix = |value: &Value, name: &str| match (value.dims.as_slice(), call.flag(name, false)) {
        (&[rows, columns], false) => Ok((rows, columns)),
        (&[rows, columns], true) => Ok((columns, rows)),
        (dims, _) => Err(format!("its input of shape {dims:?} is not a matrix")),
    };
    let ((rows, inner), (depth, columns)) = (matrix(left, "transA")?, matrix(right, "transB")?);
    let (left, right) = (&left.dims, &right.dims);
    ensure!(inner == depth, "shapes {left:?} and {right:?} do not multiply");
    Ok(vec![rows, columns])
}

/// `QGemm`: its inputs are A, B, each with scale and zero point, C, and scale and zero point of the output.
/// Without the latter, the output has floating-point elements.
pub(crate) fn qgemm(call: &NodeCall) -> Outputs {
    let dims = gemm_dims(call, call.input(0)?, call.input(3)?)?;
    let data_type = call.optional(8)?.map_or(types::FLOAT, |zero_point| zero_point.data_type);
    Value::single(data_type, dims)
}

/// `Det`: the determinant of each matrix of a batch.
pub(crate) fn det(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    match input.dims.as_slice() {
        [batch @ .., rows, columns] if rows == columns => Value::single(input.data_type, batch),
        dims => Err(format!("its input of shape {dims:?} does not consist of square matrices")),
    }
}

/// `Einsum`: a letter names an axis; an ellipsis stands for axes that broadcast.
pub(crate) fn einsum(call: &NodeCall) -> Outputs {
    let inputs = call.all()?;
    let text: String = call.text("equation", "")?.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (terms, output) = match text.split_once("->") {
        Some((terms, output)) => (terms, Some(output)),
        None => (text.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    ensure!(
        terms.len() == inputs.len(),
        "its equation `{text}` has {} terms for {} inputs",
        terms.len(),
        inputs.len()
    );
    let mut dim_of: BTreeMap<char, u64> = BTreeMap::new();
    let mut count_of: BTreeMap<char, usize> = BTreeMap::new();
    let mut ellipsis: Vec<u64> = Vec::new();
    for (term, input) in terms.iter().zip(&inputs) {
        let (before, after) = letters(term)?;
        let rank = before.len() + after.as_ref().map_or(0, Vec::len);
        let fits = if after.is_some() { rank <= input.rank() } else { rank == input.rank() };
        ensure!(fits, "the term `{term}` does not match an input of shape {:?}", input.dims);
        let (front, rest) = input.dims.split_at(before.len());
        let (middle, back) = rest.split_at(input.rank() - rank);
        ellipsis = broadcast(&[&ellipsis, middle], false)?;
        let letters = before.iter().chain(after.iter().flatten());
        for (&letter, &dim) in letters.zip(front.iter().chain(back)) {
            *count_of.entry(letter).or_default() += 1;
            let first = dim_of.entry(letter).or_insert(dim);
            let fits = *first == 1 || dim == 1 || *first == dim;
            ensure!(fits, "the axis `{letter}` of the equation `{text}` is {first} and {dim}");
            if *first == 1 {
                *first = dim;
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
    Value::single(inputs[0].data_type, dims)
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
