//! Dense ids: each type numbers the items of one kind from zero.

use std::fmt;

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The maximum number of these ids in one graph or problem.
            pub const MAX_COUNT: usize = u32::MAX as usize;

            /// The id of the item at `index`.
            ///
            /// # Panics
            /// If `index` is at or above [`Self::MAX_COUNT`]. Graphs and problems return an error before
            /// they grow that large.
            #[must_use]
            pub fn new(index: usize) -> Self {
                assert!(index < Self::MAX_COUNT, "id out of range: {index}");
                Self(index as u32)
            }

            /// The position of the item in a dense array.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

dense_id! {
    /// The id of an operator of a [`Graph`](crate::Graph): its position in the order in which
    /// operators were added (for an imported network, the order in the file).
    OperatorId
}
dense_id! {
    /// The id of a tensor of a [`Graph`](crate::Graph): its position in the order in which tensors
    /// were added.
    TensorId
}
dense_id! {
    /// The id of a buffer of a [`Problem`](crate::Problem): its position in the list of buffers.
    BufferId
}
dense_id! {
    /// The id of a pool of [`Pools`](crate::Pools): its position in the list.
    PoolId
}
