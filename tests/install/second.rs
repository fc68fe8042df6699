//! A second static library in Rust, with its own copy of Rust's standard library, which panics and catches.

/// Returns `7`, by way of a panic that it catches.
#[unsafe(no_mangle)]
pub extern "C" fn second_catches(divisor: u32) -> u32 {
    std::panic::set_hook(Box::new(|_| {}));
    std::panic::catch_unwind(|| 1 / std::hint::black_box(divisor)).unwrap_or(7)
}
