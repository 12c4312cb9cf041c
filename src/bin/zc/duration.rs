//! Lengths of time as they are given on the command line.

use std::time::Duration;

const UNITS: &[(&str, f64)] = &[
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// `500ms`, `2s`, `1.5m`, `1h`; a bare number counts seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = &text[digits.len()..];
    let unit = match unit {
        "" => Some(1.0),
        _ => UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .map(|(_, size)| *size),
    };
    let number = digits.trim().parse::<f64>().ok();
    let seconds = number.zip(unit).map(|(number, unit)| number * unit);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "expected a duration such as 500ms, 2s, 1.5m or 1h".into())
}

/// Messages a second, as the time between two of them.
pub(crate) fn parse_rate(text: &str) -> Result<Duration, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0);
    let interval = rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
    interval.ok_or_else(|| "expected a number of messages a second above 0".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_fractions() {
        let milliseconds = |text| parse(text).map(|duration| duration.as_micros());
        assert_eq!(milliseconds("250us"), Ok(250));
        assert_eq!(milliseconds("500ms"), Ok(500_000));
        assert_eq!(milliseconds("1.5"), Ok(1_500_000));
        assert_eq!(milliseconds("2s"), Ok(2_000_000));
        assert_eq!(milliseconds("1m"), Ok(60_000_000));
        assert_eq!(milliseconds("1h"), Ok(3_600_000_000));
        for text in ["", "s", "-1s", "1d", "1 2", "1e99h", "nan", "one"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_number_above_zero() {
        assert_eq!(parse_rate("1000"), Ok(Duration::from_millis(1)));
        assert_eq!(parse_rate("0.5"), Ok(Duration::from_secs(2)));
        for text in ["0", "-1", "", "fast", "1e-300"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
