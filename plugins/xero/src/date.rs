//! The dates of Xero's rows: `/Date(1547164800000+0000)/` in the older APIs, `2026-02-03T00:00:00` in the newer.
//!
//! A date is a day, and its time is midnight in UTC or without a zone.

use jackfield_sdk::date::iso_day;

/// Parses a date into the seconds from 1970 to midnight of its day.
///
/// A day that is written as people in these countries write it has the day before the month.
pub(crate) fn parse_seconds(date: &str) -> Option<i64> {
    let date = date.trim();
    let Some(inside) = date.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) else {
        return iso_day(date).or_else(|| {
            let day = date.split_once([' ', 'T']).map_or(date, |(day, _)| day);
            let mut parts = day.splitn(3, ['/', '.']);
            let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
            if year.len() == 4 { iso_day(&format!("{year}-{month}-{day}")) } else { None }
        });
    };
    // The milliseconds count from 1970 in UTC, so the zone does not matter.
    let zone = inside.rfind(['+', '-']).filter(|&at| at > 0);
    let milliseconds: i64 = inside[..zone.unwrap_or(inside.len())].parse().ok()?;
    Some(milliseconds.div_euclid(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_read_with_and_without_a_zone() {
        assert_eq!(parse_seconds("/Date(1547164800000+0000)/"), Some(1_547_164_800));
        assert_eq!(parse_seconds("/Date(1547164800000)/"), Some(1_547_164_800));
        assert_eq!(parse_seconds("/Date(1547164800999-1300)/"), Some(1_547_164_800));
    }

    #[test]
    fn a_date_before_1970_is_read() {
        assert_eq!(parse_seconds("/Date(-86400000+0000)/"), Some(-86_400));
        assert_eq!(parse_seconds("/Date(-1)/"), Some(-1));
    }

    #[test]
    fn a_day_without_a_zone_is_read() {
        assert_eq!(parse_seconds("2026-02-03T00:00:00"), Some(1_770_076_800));
        assert_eq!(parse_seconds("2026-02-03T00:00:00.0000000"), Some(1_770_076_800));
        assert_eq!(parse_seconds("03/02/2026"), Some(1_770_076_800));
        assert_eq!(parse_seconds("03.02.2026 00:00:00"), Some(1_770_076_800));
    }

    #[test]
    fn anything_else_is_not_a_date() {
        for date in
            ["", "/Date()/", "/Date(soon)/", "/Date(1547164800000", "/Date(+0000)/x", "02/31/2026", "3/2/26", "1/2"]
        {
            assert_eq!(parse_seconds(date), None, "{date}");
        }
    }
}
