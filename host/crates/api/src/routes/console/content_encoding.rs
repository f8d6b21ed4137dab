//! Chooses a content encoding by `Accept-Encoding` (RFC 9110 §12.5.3). Pure.

/// An encoding in which a file is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Brotli,
    Gzip,
    Identity,
}

impl ContentEncoding {
    /// Returns its name in `Content-Encoding`; `None` for unencoded files.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

/// Chooses one of the offered encodings, which are listed best first. Without an acceptable one, or without the header,
/// the file is sent unencoded, because every client can read that.
pub(crate) fn choose(accepted: &[&str], offered: impl Iterator<Item = ContentEncoding>) -> ContentEncoding {
    let mut best = (ContentEncoding::Identity, 0);
    for encoding in offered {
        let weight = weight(accepted, encoding);
        if weight > best.1 {
            best = (encoding, weight);
        }
    }
    best.0
}

/// Returns the weight of an encoding in thousandths. Its name takes precedence over `*`. Unencoded is accepted unless
/// excluded.
fn weight(accepted: &[&str], encoding: ContentEncoding) -> u16 {
    let name = encoding.name().unwrap_or("identity");
    let weight_of = |name: &str| {
        let ranges = accepted.iter().flat_map(|value| value.split(',')).map(parse_range);
        ranges.filter(|(listed, _)| listed.eq_ignore_ascii_case(name)).map(|(_, weight)| weight).next()
    };
    let alias = || if encoding == ContentEncoding::Gzip { weight_of("x-gzip") } else { None };
    // If it is not mentioned, unencoded is acceptable, after every encoding that is mentioned.
    let unmentioned = u16::from(encoding == ContentEncoding::Identity);
    weight_of(name).or_else(alias).or_else(|| weight_of("*")).unwrap_or(unmentioned)
}

/// Parses an encoding and its weight, which is 1 if missing and 0 if it is not a number.
fn parse_range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let named = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (named, weight.map_or(1_000, parse_weight))
}

fn parse_weight(weight: &str) -> u16 {
    let weight: f32 = weight.trim().parse().unwrap_or_default();
    // Between 0 and 1000, so the conversion is exact enough and cannot overflow.
    (weight.clamp(0.0, 1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_encoding_that_it_prefers() {
        use ContentEncoding::{Brotli, Gzip, Identity};
        for (accepted, expected) in [
            (&["gzip, deflate, br, zstd"][..], Brotli),
            (&["gzip", "br"], Brotli),
            (&["gzip"], Gzip),
            (&["X-Gzip"], Gzip),
            (&["GZIP;Q=0.5, br;q=0.4"], Gzip),
            (&["br;q=0, gzip;q=0.001"], Gzip),
            (&["br;q=0.5, identity"], Identity),
            (&["*"], Brotli),
            (&["*;q=0.5, gzip"], Gzip),
            (&["br;q=0, *"], Gzip),
            (&["identity;q=0, *;q=0"], Identity),
            (&["deflate"], Identity),
            (&["br;q=nan"], Identity),
            (&["br;q=-1, gzip;q=7"], Gzip),
            (&[""], Identity),
            (&[], Identity),
        ] {
            assert_eq!(choose(accepted, [Brotli, Gzip, Identity].into_iter()), expected, "{accepted:?}");
        }
        assert_eq!(choose(&["br, gzip"], [Identity].into_iter()), Identity, "only what is offered");
    }
}
