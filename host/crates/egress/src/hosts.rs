//! Says what a host name is (rule R4) and which one an endpoint may name (rule R9). Pure; it looks nothing up.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The longest label and the longest name in letters (RFC 1035 §2.3.4).
const LABEL: usize = 63;
const NAME: usize = 253;

/// Names under which nothing public lives: RFC 6761 but for its example names, RFC 6762 and its appendix G, RFC 7686,
/// RFC 8375, RFC 9476, `.internal` (reserved by ICANN), and `.svc` of cluster resolvers.
const SPECIAL_USE: &[&str] = &[
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "svc",
    "test",
];

/// Names in public zones under which a cloud's own metadata service answers.
const METADATA: &[&str] =
    &["metadata.goog", "metadata.packet.net", "metadata.platformequinix.com", "metadata.tencentyun.com"];

/// Checks that an approved endpoint may name this host: one exact host, or `*.` before a registrable one.
///
/// The star is refused over every name of the Public Suffix List, its private part included: below `github.io` or
/// `googleapis.com` anybody may have a host.
///
/// # Errors
/// Why not, in words.
pub fn host_may_be_asked(host: &str) -> Result<(), String> {
    let name = host.strip_prefix("*.").unwrap_or(host);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`{}` is not in lower case", host.escape_default()));
    }
    is_host(name).map_err(|why| format!("`{}` is not a host: {why}", host.escape_default()))?;
    if is_special(name) {
        return Err(format!("`{host}` is a name of special use"));
    }
    if name.len() != host.len() && psl::suffix_str(name).is_none_or(|suffix| suffix == name) {
        return Err(format!("`{host}` covers the hosts of strangers: `{name}` is a public suffix"));
    }
    Ok(())
}

/// Tells whether an approved host, which may begin with `*.`, covers a host; the star is exactly one label.
#[must_use]
pub fn covers(approved: &str, host: &str) -> bool {
    match approved.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => approved == host,
    }
}

/// Tells whether nothing public can live at the name, or a cloud's metadata service does.
pub(super) fn is_special(host: &str) -> bool {
    SPECIAL_USE
        .iter()
        .chain(METADATA)
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Checks that the text is a host name in its one spelling (rule R4); an address is none.
pub(super) fn is_host(name: &str) -> Result<(), &'static str> {
    if name.len() > NAME {
        return Err("longer than a name may be");
    }
    let labels: Vec<&str> = name.split('.').collect();
    for label in &labels {
        is_label(label)?;
    }
    let [.., _, last] = labels.as_slice() else { return Err("a single label") };
    // The WHATWG parser takes a host whose last label reads as a number for an IPv4 address, and so do resolvers.
    if last.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err("the last label reads as a number");
    }
    Ok(())
}

fn is_label(label: &str) -> Result<(), &'static str> {
    if label.is_empty() || label.len() > LABEL {
        return Err("a label is empty or too long");
    }
    if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("a label is letters, digits and hyphens");
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("a label starts or ends with a hyphen");
    }
    if label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--")) {
        let ascii =
            Uts46::new().to_ascii(label.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify);
        if ascii.map_or(true, |ascii| ascii != label.to_ascii_lowercase()) {
            return Err("a label that starts with xn-- is not a valid A-label");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{covers, host_may_be_asked, is_host};

    #[test]
    fn a_star_covers_one_label_and_never_the_apex() {
        for (host, covered) in [
            ("a.example.org", true),
            ("example.org", false),
            ("a.b.example.org", false),
            (".example.org", false),
            ("aexample.org", false),
        ] {
            assert_eq!(covers("*.example.org", host), covered, "{host}");
        }
    }

    #[test]
    fn a_star_over_a_shared_suffix_can_not_be_approved() {
        for host in ["*.googleapis.com", "*.github.io", "*.cloudfront.net", "*.com", "*.unheard-of"] {
            assert!(host_may_be_asked(host).is_err(), "{host}");
        }
        for host in ["*.example.org", "googleapis.com", "storage.googleapis.com"] {
            assert!(host_may_be_asked(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_name_of_255_letters_or_one_label_is_no_host() {
        let long = format!("{}.example.org", vec!["a".repeat(60); 4].join("."));
        for name in [long.as_str(), "intranet", "", ".", "1.2.3.4", "a.0x7f", "xn--abc-.org", "xn--a.org"] {
            assert!(is_host(name).is_err(), "{name}");
        }
        assert!(is_host("xn--bcher-kva.example").is_ok());
    }
}
