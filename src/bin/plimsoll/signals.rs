//! Ends the command on a signal without leaving temporary files behind.

use crate::Failure;

/// From now on SIGINT, SIGTERM and SIGHUP remove temporary files and end the process with the
/// exit status 128 plus the signal's number. A signal that the parent has set to be ignored, as
/// `nohup` does, stays ignored.
#[cfg(unix)]
pub fn handle() -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored();
    let is_wanted = |signal: &i32| match ignored {
        Some(mask) => mask >> (signal - 1) & 1 == 0,
        // Unknown: the signal that `nohup` ignores keeps its meaning.
        None => *signal != SIGHUP,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_wanted))?;
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

/// The signals that the process ignores, the lowest bit for signal 1, where Linux says them.
#[cfg(unix)]
fn ignored() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
