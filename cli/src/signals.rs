//! Ends the command on a signal without leaving temporary files behind.

use crate::Failure;

/// From now on SIGINT, SIGTERM and SIGHUP remove temporary files and end the process with the
/// exit status 128 plus the signal's number.
#[cfg(unix)]
pub fn handle() -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    // A thread, as a signal handler itself may neither lock nor allocate.
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            plimsoll::files::abandon();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
pub fn handle() -> Result<(), Failure> {
    Ok(())
}

/// Whether the parent has set a signal to be ignored, as `nohup` does with SIGHUP. Where the
/// system does not say, it counts as ignored.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
