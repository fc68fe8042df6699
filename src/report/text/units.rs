//! Formatting of bytes and percentages.

/// Formats bytes exactly, with a unit: `1.96 MiB (2055168 bytes)`.
///
/// ```
/// use plimsoll::report::text::{bytes, percent, short_bytes};
///
/// assert_eq!(bytes(49_152), "48.00 KiB (49152 bytes)");
/// assert_eq!((short_bytes(49_152), percent(0.25)), ("48.00 KiB".to_owned(), "25.00 %".to_owned()));
/// ```
#[must_use]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        _ => format!("{} ({bytes} bytes)", short_bytes(bytes)),
    }
}

/// Formats bytes briefly: `1.96 MiB`, rounded to the nearest hundredth.
///
/// Example: [`bytes()`].
#[must_use]
pub fn short_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit: u128 = 1024;
    for name in ["KiB", "MiB", "GiB", "TiB", "PiB"] {
        let hundredths = (u128::from(bytes) * 100 + unit / 2) / unit;
        if hundredths < 1024 * 100 {
            return format!("{}.{:02} {name}", hundredths / 100, hundredths % 100);
        }
        unit *= 1024;
    }
    let hundredths = (u128::from(bytes) * 100 + unit / 2) / unit;
    format!("{}.{:02} EiB", hundredths / 100, hundredths % 100)
}

/// Formats a fraction: 0.0123 is `1.23 %`. A small positive fraction is never shown as zero.
///
/// Example: [`bytes()`].
#[must_use]
pub fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent > 0.0 && percent < 0.01 { "under 0.01 %".to_owned() } else { format!("{percent:.2} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_to_the_unit_that_fits() {
        let shown = [0, 1, 1023, 1024, 1_048_570, 1_048_571, 2_055_168, u64::MAX].map(bytes);
        assert_eq!(
            shown,
            [
                "0 bytes",
                "1 byte",
                "1023 bytes",
                "1.00 KiB (1024 bytes)",
                "1023.99 KiB (1048570 bytes)",
                "1.00 MiB (1048571 bytes)",
                "1.96 MiB (2055168 bytes)",
                "16.00 EiB (18446744073709551615 bytes)",
            ]
        );
    }

    #[test]
    fn a_small_gap_is_not_none() {
        assert_eq!(
            [0.0, 1e-9, 0.0001, 0.123, -0.5].map(percent),
            ["0.00 %", "under 0.01 %", "0.01 %", "12.30 %", "-50.00 %"]
        );
    }
}
