//! Parts of a tensor that are contiguous in memory: slices, and parts along one axis. Shapes list the outermost axis in
//! memory first.

/// The first element of a slice; none if the slice exceeds the tensor or is not contiguous: all axes outside of the sliced
/// one have length 1 in the slice, and all axes inside of it are whole.
pub(crate) fn slice_start(whole: &[u64], slice: &[u64], begin: &[u64]) -> Option<u64> {
    if slice.len() != whole.len() || begin.len() != whole.len() {
        return None;
    }
    let mut axes = begin.iter().zip(slice).zip(whole);
    let is_within = axes.all(|((&start, &length), &dim)| start.saturating_add(length) <= dim);
    let cut = slice.iter().position(|&dim| dim != 1).unwrap_or(slice.len());
    let is_contiguous = (cut + 1..slice.len()).all(|axis| slice[axis] == whole[axis]);
    let index = |first: u64, (&start, &dim)| first.checked_mul(dim)?.checked_add(start);
    begin.iter().zip(whole).try_fold(0, index).filter(|_| is_within && is_contiguous)
}

/// The one axis along which parts differ from the tensor that they form; none until a part differs.
#[derive(Default)]
pub(crate) struct PartAxis(Option<usize>);

impl PartAxis {
    /// Adds a part. Returns false if it has another rank, or differs from the tensor along any other axis.
    pub(crate) fn admits(&mut self, whole: &[u64], part: &[u64]) -> bool {
        let mut different = (0..whole.len()).filter(|&axis| part.get(axis) != Some(&whole[axis]));
        let axis = different.next();
        let is_right = part.len() == whole.len() && different.next().is_none();
        let is_common = self.0.is_none() || axis.is_none() || axis == self.0;
        self.0 = self.0.or(axis);
        is_right && is_common
    }

    /// Returns whether the parts follow one another in memory: all axes outside of theirs have length 1.
    pub(crate) fn is_outermost(&self, whole: &[u64]) -> bool {
        self.0.is_none_or(|axis| whole[..axis].iter().all(|&dim| dim == 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_rows_are_contiguous_and_slices_of_columns_are_not() {
        assert_eq!(slice_start(&[1, 8, 4], &[1, 2, 4], &[0, 3, 0]), Some(12));
        assert_eq!(slice_start(&[3, 8, 4], &[1, 1, 2], &[1, 3, 2]), Some(46));
        assert_eq!(slice_start(&[2, 8, 4], &[2, 2, 4], &[0, 3, 0]), None);
        assert_eq!(slice_start(&[1, 8, 4], &[1, 2, 3], &[0, 3, 0]), None);
        assert_eq!(slice_start(&[1, 8, 4], &[1, 2, 4], &[0, 7, 0]), None);
        assert_eq!(slice_start(&[8, 4], &[1, 2, 4], &[0, 3, 0]), None);
    }

    #[test]
    fn parts_differ_along_one_axis() {
        let admits = |parts: &[[u64; 2]]| {
            let mut axis = PartAxis::default();
            parts.iter().all(|part| axis.admits(&[6, 4], part)).then(|| axis.is_outermost(&[6, 4]))
        };
        assert_eq!(admits(&[[2, 4], [4, 4]]), Some(true));
        assert_eq!(admits(&[[6, 1], [6, 3]]), Some(false));
        assert_eq!(admits(&[[6, 4]]), Some(true));
        assert_eq!(admits(&[[2, 4], [6, 1]]), None);
        assert!(!PartAxis::default().admits(&[6, 4], &[6, 4, 1]));
    }
}
