//! Plans in other formats.
