//! Arithmetic on shapes that the operators of ONNX and TensorFlow Lite have in common. Errors are clauses about the
//! operator.

/// Returns the error of a shape rule unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+).into());
        }
    };
}
pub(super) use ensure;

/// A number as a size, which must not be negative.
pub(super) fn size(number: i64) -> Result<u64, String> {
    u64::try_from(number).map_err(|_| format!("size {number} is negative"))
}

/// Numbers as sizes.
pub(super) fn sizes(numbers: &[i64]) -> Result<Vec<u64>, String> {
    numbers.iter().map(|&number| size(number)).collect()
}

/// A computed size, which must be a size of at most 63 bits.
pub(super) fn narrowed(number: i128) -> Result<u64, String> {
    i64::try_from(number).map_err(|_| format!("size {number} exceeds 63 bits")).and_then(size)
}

pub(super) fn too_large() -> String {
    "a dimension of its output exceeds 64 bits".to_owned()
}

pub(super) fn plus(left: u64, right: u64) -> Result<u64, String> {
    left.checked_add(right).ok_or_else(too_large)
}

pub(super) fn times(left: u64, right: u64) -> Result<u64, String> {
    left.checked_mul(right).ok_or_else(too_large)
}

/// The number of elements of a shape.
pub(super) fn product(dims: &[u64]) -> Result<u64, String> {
    if dims.contains(&0) {
        return Ok(0);
    }
    let all = dims.iter().try_fold(1, |all: u64, &dim| all.checked_mul(dim));
    all.ok_or_else(|| format!("shape {dims:?} has more elements than 64 bits can count"))
}

/// The axis that `number` names; negative numbers count from the end.
pub(super) fn axis(number: i64, rank: usize) -> Result<usize, String> {
    let from_start = if number < 0 { number.saturating_add_unsigned(rank as u64) } else { number };
    let axis = usize::try_from(from_start).ok().filter(|&axis| axis < rank);
    axis.ok_or_else(|| format!("axis {number} is out of range for rank {rank}"))
}

/// The axes that `numbers` name, each at most once.
pub(super) fn axes(numbers: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let mut seen = vec![false; rank];
    let mut distinct = Vec::new();
    for &number in numbers {
        let axis = axis(number, rank)?;
        ensure!(!std::mem::replace(&mut seen[axis], true), "axis {number} is repeated");
        distinct.push(axis);
    }
    Ok(distinct)
}

/// The order of axes that `numbers` name, each axis once.
pub(super) fn permutation(numbers: &[i64], dims: &[u64]) -> Result<Vec<usize>, String> {
    let order = axes(numbers, dims.len())?;
    ensure!(order.len() == dims.len(), "{numbers:?} is not an order of the axes of shape {dims:?}");
    Ok(order)
}

/// The shape without these axes or, with `keep`, with 1 in their place.
pub(super) fn without(dims: &[u64], gone: &[usize], keep: bool) -> Vec<u64> {
    let all = dims.iter().enumerate();
    all.filter_map(|(axis, &dim)| if gone.contains(&axis) { keep.then_some(1) } else { Some(dim) }).collect()
}

/// The shape without these axes, which must be 1.
pub(super) fn squeezed(dims: &[u64], gone: &[usize]) -> Result<Vec<u64>, String> {
    if let Some(wrong) = gone.iter().find(|&&axis| dims[axis] != 1) {
        return Err(format!("axis {wrong} of shape {dims:?} is not 1"));
    }
    Ok(without(dims, gone, false))
}

/// A shape with each dimension repeated.
pub(super) fn tiled(dims: &[u64], repeats: &[u64]) -> Result<Vec<u64>, String> {
    ensure!(repeats.len() == dims.len(), "its repeats {repeats:?} do not match the axes of shape {dims:?}");
    dims.iter().zip(repeats).map(|(&dim, &repeat)| times(dim, repeat)).collect()
}

/// The shape to which shapes broadcast, by the rules of `NumPy`: aligned at the last axis, dimensions are equal or 1.
///
/// If a shape is an upper bound (`is_bounded`), different dimensions are no contradiction: they are equal or 1 at run
/// time, so the larger one bounds the result.
pub(super) fn broadcast(shapes: &[&[u64]], is_bounded: bool) -> Result<Vec<u64>, String> {
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut all = vec![1; rank];
    for dims in shapes {
        for (common, &dim) in all[rank - dims.len()..].iter_mut().zip(*dims) {
            *common = match (*common, dim) {
                (1, dim) | (dim, 1) => dim,
                (left, right) if left == right || is_bounded => left.max(right),
                _ => {
                    let shapes: Vec<String> = shapes.iter().map(|dims| format!("{dims:?}")).collect();
                    return Err(format!("shapes {} do not broadcast", shapes.join(" and ")));
                }
            };
        }
    }
    Ok(all)
}

/// The shape of a matrix product by the rules of `NumPy`: a vector is a row on the left and a column on the right, and
/// leading axes broadcast. Bounded shapes as in [`broadcast`].
pub(super) fn multiplied(left: &[u64], right: &[u64], is_bounded: bool) -> Result<Vec<u64>, String> {
    let mismatch = || format!("shapes {left:?} and {right:?} do not multiply");
    let (batch, rows, inner) = match left {
        [] => return Err(mismatch()),
        [inner] => (&[][..], None, inner),
        [batch @ .., rows, inner] => (batch, Some(*rows), inner),
    };
    let (right_batch, columns, depth) = match right {
        [] => return Err(mismatch()),
        [depth] => (&[][..], None, depth),
        [batch @ .., depth, columns] => (batch, Some(*columns), depth),
    };
    if inner != depth && !is_bounded {
        return Err(mismatch());
    }
    let mut dims = broadcast(&[batch, right_batch], is_bounded)?;
    dims.extend(rows.into_iter().chain(columns));
    Ok(dims)
}

/// The shape with the last two axes exchanged.
pub(super) fn transposed(dims: &[u64]) -> Vec<u64> {
    let mut dims = dims.to_vec();
    if let [.., rows, columns] = dims.as_mut_slice() {
        std::mem::swap(rows, columns);
    }
    dims
}

/// The shape of tensors concatenated along an axis. If one is an upper bound (`is_bounded`), other dimensions, which
/// are equal at run time, may differ.
pub(super) fn concatenated(shapes: &[&[u64]], along: usize, is_bounded: bool) -> Result<Vec<u64>, String> {
    let mut dims = shapes[0].to_vec();
    for other in &shapes[1..] {
        let fits = |axis: usize| axis == along || other[axis] == shapes[0][axis] || is_bounded;
        ensure!(
            other.len() == dims.len() && (0..dims.len()).all(fits),
            "shapes {:?} and {other:?} differ in more than axis {along}",
            shapes[0]
        );
        for (axis, (dim, &other)) in dims.iter_mut().zip(*other).enumerate() {
            *dim = if axis == along { plus(*dim, other)? } else { other.max(*dim) };
        }
    }
    Ok(dims)
}

/// Padding of the axis along which a window slides.
#[derive(Clone, Copy)]
pub(super) enum Padding {
    /// Elements before and after.
    Explicit(i64, i64),
    /// Padding that makes the output as long as the input divided by the stride, rounded up.
    Same,
}

/// The window of an operator along one axis.
#[derive(Clone, Copy)]
pub(super) struct AxisWindow {
    pub(super) kernel: u64,
    pub(super) stride: u64,
    pub(super) dilation: u64,
    pub(super) padding: Padding,
}

impl AxisWindow {
    /// The extent of the dilated window.
    pub(super) fn extent(self) -> i128 {
        (i128::from(self.kernel) - 1) * i128::from(self.dilation) + 1
    }

    /// The number of window positions on an axis of length `dim`. With `ceil`, a last window may exceed the end.
    pub(super) fn positions(self, dim: u64, ceil: bool) -> Result<u64, String> {
        let (dim, stride) = (i128::from(dim), i128::from(self.stride));
        let Padding::Explicit(before, after) = self.padding else {
            return narrowed((dim + stride - 1) / stride);
        };
        let padded = dim + i128::from(before) + i128::from(after);
        let free = padded - self.extent();
        ensure!(free >= 0, "its window spans {} elements, but its padded input has {padded}", self.extent());
        let count = free / stride + 1;
        // A last window that exceeds the end counts, unless it would start in the padding at the end.
        let exceeds = ceil && free % stride != 0 && count * stride < dim + i128::from(before);
        narrowed(count + i128::from(exceeds))
    }
}

/// The number of channels, and height and width, after blocks of pixels are moved into channels.
pub(super) fn space_to_depth(
    channels: u64,
    [height, width]: [u64; 2],
    block: u64,
) -> Result<[u64; 3], String> {
    ensure!(
        height % block == 0 && width % block == 0,
        "{height} x {width} is not a multiple of the block size {block}"
    );
    Ok([times(channels, times(block, block)?)?, height / block, width / block])
}

/// The number of channels, and height and width, after channels are moved into blocks of pixels.
pub(super) fn depth_to_space(
    channels: u64,
    [height, width]: [u64; 2],
    block: u64,
) -> Result<[u64; 3], String> {
    let in_block = times(block, block)?;
    ensure!(channels.is_multiple_of(in_block), "{channels} channels are not a multiple of {block} x {block}");
    Ok([channels / in_block, times(height, block)?, times(width, block)?])
}
