//! Access maps of operators, and the memory order of tensors.

use super::boundary::{Failure, Outcome, array, copy_out, guard, mutable, reference, unknown};
use super::graph::{plimsoll_graph, tensor_ids};
use super::status::{PLIMSOLL_OUTSIDE_EDGE, PLIMSOLL_OUTSIDE_PADDING, PLIMSOLL_ROW_NUMBERS};
use crate::{AccessMap, Operator, Outside, RowMap, TileAxis};

/// States which rows of its inputs an operator of a graph that is not built reads for rows of its
/// outputs, so that it can run on a part of its rows. A row is a position along one axis of a tensor,
/// whichever axis that is.
///
/// `cost_per_element` is the cost of one element of an output, in multiply-accumulates for example.
/// The operator can be split along each of `axis_count` axes, in the order of preference. For each
/// axis, `outputs` has `output_count` numbers, the axis of each output, and `inputs` has
/// PLIMSOLL_ROW_NUMBERS numbers for each of `input_count` inputs:
///
/// - the axis of the input, or -1 if every row of the outputs reads all of the input;
/// - `numerator`, `denominator`, `first` and `last`: row `r` of the outputs reads the rows from
///   `floor((r * numerator + first) / denominator)` to `floor((r * numerator + last) / denominator)`,
///   both included;
/// - what the operator reads in place of rows outside of the input, `PLIMSOLL_OUTSIDE_...`.
///
/// Inputs after the first `input_count` are read as a whole. A convolution with a window of `kernel`
/// rows, `dilation` rows apart, reads `{axis, stride, 1, -pad, (kernel - 1) * dilation - pad,
/// PLIMSOLL_OUTSIDE_PADDING}`, an elementwise operator `{axis, 1, 1, 0, 0, PLIMSOLL_OUTSIDE_PADDING}`.
///
/// The call replaces an earlier access map. `plimsoll_graph_build` validates it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_access(
    graph: *mut plimsoll_graph,
    operator_: u32,
    cost_per_element: u64,
    axis_count: usize,
    outputs: *const i64,
    output_count: usize,
    inputs: *const i64,
    input_count: usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?;
        graph.builder()?;
        let of_inputs = input_count.checked_mul(PLIMSOLL_ROW_NUMBERS);
        let count = |per_axis: Option<usize>| {
            let all = per_axis.and_then(|numbers| numbers.checked_mul(axis_count));
            all.ok_or_else(|| Failure::argument(format!("{axis_count} axes have too many numbers")))
        };
        let outputs = unsafe { array(outputs, count(Some(output_count))?, "outputs") }?;
        let inputs = unsafe { array(inputs, count(of_inputs)?, "inputs") }?;
        let axes = (0..axis_count).map(|number| {
            let of_axis = |list: &[i64], length: usize| list[number * length..(number + 1) * length].to_vec();
            let outputs =
                of_axis(outputs, output_count).into_iter().map(axis).collect::<Result<Vec<_>, _>>()?;
            let rows = of_axis(inputs, input_count * PLIMSOLL_ROW_NUMBERS);
            let rows = rows.chunks_exact(PLIMSOLL_ROW_NUMBERS).map(rows_of).collect::<Result<Vec<_>, _>>()?;
            Ok(TileAxis::new(outputs, rows))
        });
        let map = AccessMap::new(cost_per_element, axes.collect::<Result<Vec<_>, Failure>>()?);
        graph.operator_mut(operator_)?.access(map);
        Ok(())
    })
}

/// Copies out the access map of an operator of a built graph, in the form of
/// `plimsoll_graph_set_access`, with an entry for every output and every input of the operator.
///
/// `cost_per_element` and `axis_count` receive both 0 if the operator has no access map.
/// `output_numbers` and `input_numbers` receive how many numbers `outputs` and `inputs` need: with NULL
/// for an array only its count is written. If the capacity of an array is less than its count, the call
/// returns PLIMSOLL_ERROR_TOO_SMALL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_access(
    graph: *const plimsoll_graph,
    operator_: u32,
    cost_per_element: *mut u64,
    axis_count: *mut usize,
    outputs: *mut i64,
    output_capacity: usize,
    output_numbers: *mut usize,
    inputs: *mut i64,
    input_capacity: usize,
    input_numbers: *mut usize,
) -> i32 {
    guard(|| {
        let operator = unsafe { reference(graph, "graph") }?.operator(operator_)?;
        let cost = unsafe { mutable(cost_per_element, "cost_per_element") }?;
        let count = unsafe { mutable(axis_count, "axis_count") }?;
        let none = AccessMap::default();
        let map = operator.access().unwrap_or(&none);
        let [of_outputs, of_inputs] = numbers(operator, map);
        // Both counts, before an array that is too small ends the call.
        unsafe { copy_out(&of_outputs, std::ptr::null_mut(), 0, output_numbers) }?;
        unsafe { copy_out(&of_inputs, std::ptr::null_mut(), 0, input_numbers) }?;
        if outputs.is_null() || output_capacity >= of_outputs.len() {
            unsafe { copy_out(&of_inputs, inputs, input_capacity, input_numbers) }?;
        }
        unsafe { copy_out(&of_outputs, outputs, output_capacity, output_numbers) }?;
        (*cost, *count) = (map.cost_per_element(), map.axes().len());
        Ok(())
    })
}

/// Sets the order of the axes of a tensor in memory: `axes` names each of its `rank` axes once, from
/// outermost to innermost. Without this call, a tensor is stored in row-major order of its shape. The
/// tensor must have a shape. For a graph that is built and that no other thread uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_set_memory_order(
    graph: *mut plimsoll_graph,
    tensor: u32,
    axes: *const u32,
    rank: usize,
) -> i32 {
    guard(|| {
        let graph = unsafe { mutable(graph, "graph") }?.change()?;
        let axes = unsafe { array(axes, rank, "axes") }?;
        graph.set_memory_order(tensor_ids(&[tensor])?[0], axes.iter().map(|&axis| axis as usize))?;
        Ok(())
    })
}

/// Copies out the axes of a tensor of a built graph in the order of memory, from outermost to
/// innermost. `count` receives their number, 0 for a tensor without a shape. With NULL for `axes` only
/// `count` is written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plimsoll_graph_memory_order(
    graph: *const plimsoll_graph,
    tensor: u32,
    axes: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> i32 {
    guard(|| -> Outcome {
        let tensor = unsafe { reference(graph, "graph") }?.tensor(tensor)?;
        let order = tensor.memory_order().unwrap_or_default();
        let order: Vec<u32> = order.into_iter().map(|axis| axis as u32).collect();
        unsafe { copy_out(&order, axes, capacity, count) }
    })
}

fn axis(number: i64) -> Result<usize, Failure> {
    usize::try_from(number).map_err(|_| Failure::argument(format!("{number} is not an axis")))
}

/// The rows of one input.
fn rows_of(numbers: &[i64]) -> Result<Option<(usize, RowMap)>, Failure> {
    let &[at, numerator, denominator, first, last, outside] = numbers else { return Ok(None) };
    if at == -1 {
        return Ok(None);
    }
    let factor = |number: i64| {
        u32::try_from(number).map_err(|_| Failure::argument(format!("{number} is not a factor of rows")))
    };
    let outside = match outside {
        number if number == i64::from(PLIMSOLL_OUTSIDE_PADDING) => Outside::Padding,
        number if number == i64::from(PLIMSOLL_OUTSIDE_EDGE) => Outside::Edge,
        number => return Err(unknown(number, "rows outside", "OUTSIDE")),
    };
    Ok(Some((axis(at)?, RowMap::new(factor(numerator)?, factor(denominator)?, first, last, outside))))
}

/// An axis as a number; shapes of a checked graph have few axes.
fn number_of(axis: usize) -> i64 {
    i64::try_from(axis).unwrap_or(i64::MAX)
}

/// The axes of outputs, and the rows of inputs, as numbers.
fn numbers(operator: &Operator, map: &AccessMap) -> [Vec<i64>; 2] {
    let outputs = map.axes().iter().flat_map(TileAxis::outputs).map(|&axis| number_of(axis)).collect();
    let of_input = |axis: &TileAxis, input: usize| match axis.inputs().get(input).copied().flatten() {
        None => [-1, 0, 0, 0, 0, 0],
        Some((axis, map)) => {
            let (numerator, denominator, first, last) = map.numbers();
            let outside = match map.outside() {
                Outside::Padding => PLIMSOLL_OUTSIDE_PADDING,
                Outside::Edge => PLIMSOLL_OUTSIDE_EDGE,
            };
            [number_of(axis), numerator.into(), denominator.into(), first, last, outside.into()]
        }
    };
    let count = operator.inputs().len();
    let rows = map.axes().iter().flat_map(|axis| (0..count).flat_map(|input| of_input(axis, input)));
    [outputs, rows.collect()]
}
