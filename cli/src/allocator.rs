//! Settings of the C library's allocator.

/// Lets glibc return freed blocks of a megabyte or more to the system at once.
///
/// By default, glibc raises this threshold up to 32 MiB while such blocks are freed. The blocks of a finished phase
/// then stay in the process, and the peak memory of a plan for a large file is up to a quarter higher.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn return_large_blocks() {
    const THRESHOLD: libc::c_int = 1 << 20;
    // SAFETY: `mallopt` takes two numbers, and no other thread runs yet. Without the setting, which it may refuse,
    // the command needs more memory.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, THRESHOLD);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn return_large_blocks() {}
