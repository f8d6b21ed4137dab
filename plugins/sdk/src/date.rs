//! Parses the dates that servers send, into seconds since 1970. It does not read a clock.

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Parses a date of HTTP, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Recipients must also accept two obsolete formats (RFC 9110 section 5.6.7): `Sunday, 06-Nov-94 08:49:37 GMT` and
/// `Sun Nov  6 08:49:37 1994`. All of them are in UTC.
#[must_use]
pub fn http_date(date: &str) -> Option<i64> {
    let Some((_, date)) = date.split_once(", ") else {
        let [_, month, day, time, year] = words(date)?;
        return Some(start_of_day(year.parse().ok()?, month_number(month)?, day.parse().ok()?)? + time_of_day(time)?);
    };
    let date =
        date.strip_suffix(" GMT").or_else(|| date.strip_suffix(" UTC")).or_else(|| date.strip_suffix(" +0000"))?;
    let [day, month, year, time] = match words(date) {
        Some([date, time]) => {
            let mut parts = date.splitn(3, '-');
            [parts.next()?, parts.next()?, parts.next()?, time]
        }
        None => words(date)?,
    };
    let year: i64 = year.parse().ok()?;
    // A year of two digits is never more than fifty years ahead.
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        _ => year,
    };
    let seconds = start_of_day(year, month_number(month)?, day.parse().ok()?)? + time_of_day(time)?;
    (1970..=9999).contains(&year).then_some(seconds)
}

/// Parses `2026-02-03T08:49:37Z`, with or without a fraction. Without a time zone it is UTC.
#[must_use]
pub fn iso_time(date: &str) -> Option<i64> {
    let (day, time) = date.split_once(['T', 't', ' '])?;
    let zone = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone);
    let offset = match zone {
        "" | "Z" | "z" => 0,
        _ => {
            let (sign, zone) = zone.split_at(1);
            let digits: String = zone.chars().filter(|&character| character != ':').collect();
            let minutes: i64 = digits.parse().ok().filter(|_| matches!(digits.len(), 2 | 4))?;
            let minutes = if digits.len() == 2 { minutes * 60 } else { minutes / 100 * 60 + minutes % 100 };
            if sign == "-" { -minutes * 60 } else { minutes * 60 }
        }
    };
    let time = time.split_once('.').map_or(time, |(whole, _)| whole);
    Some(iso_day(day)? + time_of_day(time)? - offset)
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

/// Splits a date into exactly this many words.
fn words<const N: usize>(date: &str) -> Option<[&str; N]> {
    date.split_ascii_whitespace().collect::<Vec<_>>().try_into().ok()
}

fn month_number(name: &str) -> Option<i64> {
    let month = MONTHS.iter().position(|known| known.eq_ignore_ascii_case(name))?;
    i64::try_from(month + 1).ok()
}

/// Parses `08:49:37` into the seconds since midnight. The seconds may be missing.
fn time_of_day(time: &str) -> Option<i64> {
    let mut seconds = 0;
    let mut parts = time.split(':');
    for (limit, is_optional) in [(24, false), (60, false), (61, true)] {
        let part = match parts.next() {
            None if is_optional => 0,
            part => part?.parse().ok().filter(|part| (0..limit).contains(part))?,
        };
        seconds = seconds * 60 + part;
    }
    parts.next().is_none().then_some(seconds)
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
        for date in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC"] {
            assert_eq!(http_date(date), Some(784_111_777), "{date}");
        }
        for date in [
            "Sun, 06 Nov 1994 08:49:37 CET",
            "",
            ", ",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 0094 08:49:37",
            "now",
        ] {
            assert_eq!(http_date(date), None, "{date}");
        }
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        for date in ["2026-09-21T14:13:20Z", "2026-09-21 14:13:20.5168400", "2026-09-22T03:13:20+13:00"] {
            assert_eq!(iso_time(date), Some(1_790_000_000), "{date}");
        }
        assert_eq!(iso_time("2026-09-21T09:13:20-0500"), Some(1_790_000_000));
        for date in ["2026-09-21", "2026-09-21T", "2026-09-21T25:00:00Z", "2026-09-21T14:13:20+1", "T14:13:20"] {
            assert_eq!(iso_time(date), None, "{date}");
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
