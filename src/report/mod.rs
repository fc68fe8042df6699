//! Plans for people: the figures as text, and the memory map as a picture.

mod rectangles;
pub mod svg;
pub mod text;

use rectangles::{Kind, Rectangle};
