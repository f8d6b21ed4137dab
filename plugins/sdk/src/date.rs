//! Parses the dates that servers send, into seconds since 1970. It does not read a clock.

/// Parses `Sun, 06 Nov 1994 08:49:37 GMT`, the only format that senders may use (RFC 9110 section 5.6.7).
#[must_use]
pub fn http_date(date: &str) -> Option<i64> {
    let mut words = date.split_once(", ")?.1.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let year = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<i64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if words.next() != Some("GMT") || !(1970..=9999).contains(&year) {
        return None;
    }
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i64::try_from(MONTHS.iter().position(|&name| name == month)?).ok()?;
    Some(start_of_day(year, month + 1, day)? + (hour * 60 + minute) * 60 + second)
}

/// Parses the day of `2026-02-03` or `2026-02-03T08:49:37` and returns its first second in UTC.
#[must_use]
pub fn iso_day(date: &str) -> Option<i64> {
    let day = date.split_once(['T', ' ']).map_or(date, |(day, _)| day);
    let mut numbers = day.split('-').map(|part| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if numbers.next().is_some() { None } else { start_of_day(year, month, day) }
}

fn start_of_day(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(0..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Count years from March, so that the leap day comes last and every month before it has a fixed length.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 719_469;
    Some(days * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_parsed() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        for date in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET", ""]
        {
            assert_eq!(http_date(date), None, "{date}");
        }
    }

    #[test]
    fn a_day_is_parsed_with_and_without_its_time() {
        assert_eq!(iso_day("1970-01-01"), Some(0));
        assert_eq!(iso_day("2024-03-01T23:59:59"), Some(1_709_251_200));
        assert_eq!(iso_day("2026-02-03T00:00:00.0000000Z"), iso_day("2026-02-03"));
        assert_eq!(iso_day("1969-12-31"), Some(-86_400));
        assert_eq!(iso_day("0001-01-01T00:00:00"), Some(-62_135_596_800));
    }

    #[test]
    fn anything_else_is_not_a_day() {
        for date in ["", "2026", "2026-02", "2026-13-01", "2026-00-01", "2026-02-32", "2026-02-03-04", "+2026-02-03"] {
            assert_eq!(iso_day(date), None, "{date}");
        }
        assert_eq!(iso_day("/Date(1547164800000+0000)/"), None);
    }
}
