//! Reads how long a token endpoint asks to wait (RFC 9110 §10.2.3).

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use super::find_header;

/// The smallest number that is a moment in seconds since 1970, and not a wait of more than thirty years.
const FIRST_MOMENT: i64 = 1_000_000_000;

/// Returns the seconds of `Retry-After`: a number, or the date at which the wait ends. A wait that is over is 0.
pub(in crate::connections) fn read_retry_after(headers: &[(String, String)], now: Timestamp) -> Option<u32> {
    let value = find_header(headers, "retry-after")?;
    let value = value.trim();
    let until = |moment: i64| moment.saturating_sub(now.as_second()).max(0);
    let seconds = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = value.parse().unwrap_or(i64::MAX);
        // Milliseconds since 1970 have three more digits than seconds.
        let moment =
            [number, number / 1_000].into_iter().find(|moment| (FIRST_MOMENT..100 * FIRST_MOMENT).contains(moment));
        moment.map_or(number, until)
    } else {
        until(DateTimeParser::new().parse_timestamp(value).ok()?.as_second())
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_moment() {
        let now = Timestamp::from_second(1_790_000_000).expect("a time");
        let wait = |value: &str| read_retry_after(&[("Retry-After".to_owned(), value.to_owned())], now);
        for (value, seconds) in [
            ("17", 17),
            (" 0 ", 0),
            ("86400", 86_400),
            ("1790000017", 17),
            ("1790000017000", 17),
            ("1789999000", 0),
            ("Mon, 21 Sep 2026 14:13:37 GMT", 17),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("99999999999999999999", u32::MAX),
        ] {
            assert_eq!(wait(value), Some(seconds), "{value}");
        }
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(wait(odd), None, "{odd}");
        }
        assert_eq!(read_retry_after(&[], now), None);
    }
}
