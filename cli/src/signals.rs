//! Removal of temporary files when a signal ends the command.

use crate::outcome::Failure;

/// Installs a handler for SIGINT, SIGTERM and SIGHUP that removes temporary files and ends the
/// process with exit status 128 plus the signal's number.
#[cfg(unix)]
pub fn install_handler() -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    if !is_ignored(SIGHUP) {
        signals.add_signal(SIGHUP)?;
    }
    // A thread handles the signals because a signal handler may neither lock nor allocate.
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            plimsoll::files::abandon();
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
pub fn install_handler() -> Result<(), Failure> {
    Ok(())
}

/// Returns true if the parent process made this one ignore the signal, as `nohup` does with
/// SIGHUP, or if the system does not report it.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal - 1) & 1 == 1)
}
