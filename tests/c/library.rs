//! The C ABI as a static and a shared library, with the features that the tests are built with.

// Linked for its symbols.
extern crate plimsoll as _;
