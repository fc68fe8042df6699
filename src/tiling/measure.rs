//! Measures of the memory of a tiling.

/// The memory that a search minimizes.
///
/// A measure counts no fewer bytes than the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// The maximum number of live bytes, less what permissions save: the bound of the tiled graph's
    /// plan. No plan needs less.
    LiveBytes,
    /// The height of a simple layout, at least the live bytes: exits, and entries that die, have fixed
    /// places for the whole segment; the largest exit grows into the entries above it as they die. Tiles
    /// lie elsewhere. Plans seldom need more.
    FixedPlaces,
    /// The height of a simpler layout, at least that of fixed places: exits and entries lie side by side
    /// for the whole segment. Plans hardly ever need more, as it asks nothing of the places of tensors
    /// that several segments use.
    WholeEnds,
}
