//! How long a provider asks to wait, in whatever form it says so. No clock is read.

/// What a provider counts a wait in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
}

/// Reads a whole number, rounded up to seconds.
pub(crate) fn seconds(value: &str, unit: Unit) -> Option<u32> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Only digits: what does not parse is too large.
    let count = value.parse().unwrap_or(u64::MAX);
    let seconds = match unit {
        Unit::Seconds => count,
        Unit::Milliseconds => count.div_ceil(1000),
    };
    Some(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// Counts the seconds from one date to the other, none where the first is later.
pub(crate) fn until(date: &str, now: &str) -> Option<u32> {
    let seconds = unix_seconds(date)?.checked_sub(unix_seconds(now)?)?;
    Some(u32::try_from(seconds.max(0)).unwrap_or(u32::MAX))
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that RFC 9110 section 5.6.7 lets senders use.
fn unix_seconds(date: &str) -> Option<i64> {
    let mut words = date.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let month = words.next()?;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next() != Some("GMT") || !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(MONTHS.iter().position(|&name| name == month)?).ok()?;

    // Years that start in March end in their leap day, so that the months before have fixed lengths.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(seconds("1500", Unit::Milliseconds), Some(2));
        assert_eq!(seconds("1500", Unit::Seconds), Some(1500));
        assert_eq!(seconds("0", Unit::Milliseconds), Some(0));
    }

    #[test]
    fn what_is_no_number_says_nothing() {
        for value in ["", "-1", "1.5", "soon", "+3"] {
            assert_eq!(seconds(value, Unit::Seconds), None, "{value}");
        }
    }

    #[test]
    fn a_number_of_any_length_is_taken() {
        assert_eq!(seconds("99999999999999999999999", Unit::Seconds), Some(u32::MAX));
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        assert_eq!(until("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:48:07 GMT"), Some(90));
        assert_eq!(until("Fri, 01 Mar 2024 00:00:00 GMT", "Wed, 28 Feb 2024 23:59:59 GMT"), Some(86_401));
        assert_eq!(until("Sun, 06 Nov 1994 08:48:07 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(unix_seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(unix_seconds("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }
}
