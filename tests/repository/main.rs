//! The repository itself: examples, samples of the guide, layering of the code.

mod capabilities;
mod examples;
mod guide;
mod layering;
