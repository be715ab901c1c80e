//! Sizes and times as people write them.

use bellglass::Amount;
use std::time::Duration;

/// Bytes from a text such as `256M`: the letters stand for powers of 1024, as
/// in `docker run --memory`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| format!("{error}: write a number of bytes, or one with K, M or G, such as 256M"))
}

/// A time from a text such as `10s`, `1m30s`, or a bare number of seconds.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let explained = |error: String| format!("{error}: write a time such as 10s, 500ms or 2m");
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).map_err(|error| explained(error.to_string()));
    }
    humantime::parse_duration(text).map_err(|error| explained(error.to_string()))
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if value.fract() == 0.0 { format!("{value} {unit}") } else { format!("{value:.1} {unit}") }
}

/// What a limit allows, for people.
pub(crate) fn amount(limit: Amount) -> String {
    match limit {
        Amount::Bytes(bytes) => size(bytes),
        Amount::Time(time) => humantime::format_duration(time).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_powers_of_1024() {
        assert_eq!(parse_size("256M"), Ok(256 << 20));
        assert_eq!(parse_size("1000"), Ok(1000));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert!(parse_size("much").is_err());
    }

    #[test]
    fn times_may_lack_a_unit() {
        assert_eq!(parse_time("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_time("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_time("1m 30s"), Ok(Duration::from_secs(90)));
        assert!(parse_time("-1").is_err() && parse_time("soon").is_err() && parse_time("NaN").is_err());
    }

    #[test]
    fn sizes_are_written_with_a_unit() {
        assert_eq!(size(10 << 20), "10 MiB");
        assert_eq!(size(1500), "1.5 KiB");
        assert_eq!(size(7), "7 bytes");
    }
}
