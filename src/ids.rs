//! Dense ids: each counts one kind of thing from zero.

use std::fmt;

macro_rules! dense_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// How many of these one graph or problem can hold.
            pub const MAX_COUNT: usize = u32::MAX as usize;

            /// The id of the thing at `index`.
            ///
            /// # Panics
            /// If `index` is at or above [`Self::MAX_COUNT`]; graphs and
            /// problems refuse to grow that large before they make an id.
            #[must_use]
            pub fn new(index: usize) -> Self {
                assert!(index < Self::MAX_COUNT, "id out of range: {index}");
                Self(index as u32)
            }

            /// The position in a dense array.
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
    /// An operator of a [`Graph`](crate::Graph), in the order it was added
    /// (for an imported network: in the order of the file).
    OperatorId
}
dense_id! {
    /// A tensor of a [`Graph`](crate::Graph), in the order it was added.
    TensorId
}
dense_id! {
    /// A buffer of a [`Problem`](crate::Problem): its position in the list
    /// that the problem was made from.
    BufferId
}
dense_id! {
    /// One of several [`Pools`](crate::Pools): its position in the list.
    PoolId
}
