//! Which of the codings that there are a client would rather have (RFC 9110 §12.5.3). Pure.

/// How a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Gzip,
    Plain,
}

impl Coding {
    /// Its name in `Content-Encoding`; plain bytes have none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// Chooses among the codings on offer, the best first, by what `Accept-Encoding` says. Where nothing on offer is taken,
/// or nothing is said, it is plain bytes: everybody reads them.
pub(crate) fn choose(accepted: &[&str], offered: impl Iterator<Item = Coding>) -> Coding {
    let mut best = (Coding::Plain, 0);
    for coding in offered {
        let weight = weight(accepted, coding);
        if weight > best.1 {
            best = (coding, weight);
        }
    }
    best.0
}

/// The weight of a coding in thousandths. The name itself counts before `*`, and plain bytes are taken unless refused.
fn weight(accepted: &[&str], coding: Coding) -> u16 {
    let name = coding.name().unwrap_or("identity");
    let said = |sought: &str| {
        let ranges = accepted.iter().flat_map(|value| value.split(',')).map(range);
        ranges.filter(|(named, _)| named.eq_ignore_ascii_case(sought)).map(|(_, weight)| weight).next()
    };
    let aliased = || if coding == Coding::Gzip { said("x-gzip") } else { None };
    // Behind every coding that is taken at all, where it is not spoken of.
    let unsaid = u16::from(coding == Coding::Plain);
    said(name).or_else(aliased).or_else(|| said("*")).unwrap_or(unsaid)
}

/// A coding and its weight, which is 1 where none is given and 0 where it is no number.
fn range(text: &str) -> (&str, u16) {
    let mut parts = text.split(';').map(str::trim);
    let named = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (named, weight.map_or(1_000, thousandths))
}

fn thousandths(weight: &str) -> u16 {
    let weight: f32 = weight.trim().parse().unwrap_or_default();
    // Between 0 and 1, so that it fits.
    (weight.clamp(0.0, 1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_would_rather_have() {
        use Coding::{Brotli, Gzip, Plain};
        for (accepted, expected) in [
            (&["gzip, deflate, br, zstd"][..], Brotli),
            (&["gzip", "br"], Brotli),
            (&["gzip"], Gzip),
            (&["X-Gzip"], Gzip),
            (&["GZIP;Q=0.5, br;q=0.4"], Gzip),
            (&["br;q=0, gzip;q=0.001"], Gzip),
            (&["br;q=0.5, identity"], Plain),
            (&["*"], Brotli),
            (&["*;q=0.5, gzip"], Gzip),
            (&["br;q=0, *"], Gzip),
            (&["identity;q=0, *;q=0"], Plain),
            (&["deflate"], Plain),
            (&["br;q=nan"], Plain),
            (&["br;q=-1, gzip;q=7"], Gzip),
            (&[""], Plain),
            (&[], Plain),
        ] {
            assert_eq!(choose(accepted, [Brotli, Gzip, Plain].into_iter()), expected, "{accepted:?}");
        }
        assert_eq!(choose(&["br, gzip"], [Plain].into_iter()), Plain, "only what is on offer");
    }
}
