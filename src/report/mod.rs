//! Plans for people: the figures as text, and the memory map as a picture.

mod rectangles;
mod shorten;
pub mod svg;
pub mod text;

use rectangles::{Kind, Rectangle};
