//! Builds the C ABI as a static and a shared library, with the features of the tests.

// Linked for its symbols.
extern crate plimsoll as _;
