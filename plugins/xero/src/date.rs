//! The dates of Xero's rows: `/Date(1547164800000+0000)/` in the older APIs, `2026-02-03T00:00:00` in the newer.

use jackfield_sdk::date::iso_day;

/// Parses a date into seconds since 1970. The newer format has no time zone; its day is read as UTC.
pub(crate) fn parse_seconds(date: &str) -> Option<i64> {
    let Some(inside) = date.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) else {
        return iso_day(date);
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
    }

    #[test]
    fn anything_else_is_not_a_date() {
        for date in ["", "/Date()/", "/Date(soon)/", "/Date(1547164800000", "/Date(+0000)/x", "03/02/2026"] {
            assert_eq!(parse_seconds(date), None, "{date}");
        }
    }
}
