//! The repository itself: examples, samples of the guide, layering of the code, links of the documents.

mod capabilities;
mod examples;
mod guide;
mod layering;
mod links;
