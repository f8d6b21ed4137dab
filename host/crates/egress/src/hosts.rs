//! Validates host names (rule R4), and the host patterns of endpoints (rule R9).

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Maximum number of characters of a label and of a whole name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// Names that are never public, and neither are the names below them.
///
/// They come from RFC 6761 (without its example names), RFC 6762 and its appendix G, RFC 7686, RFC 8375 and RFC 9476.
/// `.internal` is reserved by ICANN; cluster resolvers use `.svc`.
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

/// Public names of cloud metadata services.
const METADATA: &[&str] =
    &["metadata.goog", "metadata.packet.net", "metadata.platformequinix.com", "metadata.tencentyun.com"];

/// Checks the host pattern of an endpoint.
///
/// It is one exact host, or `*.` before a registrable name. A star before a name of the Public Suffix List is rejected,
/// including the list's private part, because anybody can have a host below `github.io` or `googleapis.com`.
///
/// # Errors
/// The reason, for people.
pub fn validate_host_pattern(pattern: &str) -> Result<(), String> {
    let name = pattern.strip_prefix("*.").unwrap_or(pattern);
    if pattern.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`{}` is not in lower case", pattern.escape_default()));
    }
    validate_host_name(name).map_err(|why| format!("`{}` is not a host name: {why}", pattern.escape_default()))?;
    if is_special_use(name) {
        return Err(format!("`{pattern}` is a special-use name"));
    }
    if name.len() != pattern.len() && psl::suffix_str(name).is_none_or(|suffix| suffix == name) {
        return Err(format!("`{pattern}` matches hosts of other organizations: `{name}` is a public suffix"));
    }
    Ok(())
}

/// Returns whether a host matches a pattern.
///
/// A leading `*.` matches exactly one label.
#[must_use]
pub fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == host,
    }
}

/// Returns whether a name is never public, or belongs to a cloud's metadata service.
pub(crate) fn is_special_use(host: &str) -> bool {
    SPECIAL_USE
        .iter()
        .chain(METADATA)
        .any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// Checks that the text is a host name in canonical form (rule R4).
///
/// An address is not a host name.
pub(crate) fn validate_host_name(name: &str) -> Result<(), &'static str> {
    if name.len() > MAX_NAME {
        return Err("it is longer than 253 characters");
    }
    let labels: Vec<&str> = name.split('.').collect();
    for label in &labels {
        validate_label(label)?;
    }
    let [.., _, last] = labels.as_slice() else { return Err("it has only one label") };
    // The WHATWG URL parser and resolvers read a host as an IPv4 address if its last label is a number.
    if last.starts_with(|character: char| character.is_ascii_digit()) {
        return Err("the last label starts with a digit");
    }
    Ok(())
}

fn validate_label(label: &str) -> Result<(), &'static str> {
    if label.is_empty() || label.len() > MAX_LABEL {
        return Err("a label is empty or longer than 63 characters");
    }
    if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("a label contains a character that is not a letter, digit or hyphen");
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
    use super::{host_matches, validate_host_name, validate_host_pattern};

    #[test]
    fn a_star_matches_one_label_and_never_the_parent() {
        for (host, matches) in [
            ("a.example.org", true),
            ("example.org", false),
            ("a.b.example.org", false),
            (".example.org", false),
            ("aexample.org", false),
        ] {
            assert_eq!(host_matches("*.example.org", host), matches, "{host}");
        }
    }

    #[test]
    fn a_star_over_a_public_suffix_is_rejected() {
        for host in ["*.googleapis.com", "*.github.io", "*.cloudfront.net", "*.com", "*.unheard-of"] {
            assert!(validate_host_pattern(host).is_err(), "{host}");
        }
        for host in ["*.example.org", "googleapis.com", "storage.googleapis.com"] {
            assert!(validate_host_pattern(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_or_has_one_label_is_not_a_host() {
        let long = format!("{}.example.org", vec!["a".repeat(60); 4].join("."));
        for name in [long.as_str(), "intranet", "", ".", "1.2.3.4", "a.0x7f", "xn--abc-.org", "xn--a.org"] {
            assert!(validate_host_name(name).is_err(), "{name}");
        }
        assert!(validate_host_name("xn--bcher-kva.example").is_ok());
    }
}
