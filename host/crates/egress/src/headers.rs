//! Says which header fields a component may set (rule R10) and which of an answer it is shown. Pure.

use super::Denial;

/// As many fields as `wit/host.wit` lets a request have.
const REQUEST_FIELDS: usize = 64;
/// The longest name of `wit/host.wit`.
const NAME: usize = 128;
/// The longest value of `wit/host.wit`: what most servers take as one line.
const VALUE: usize = 8 * 1024;

/// Names that are refused, in lower case with hyphens.
const REFUSED: &[&str] = &[
    // Framing, routing and what holds for one hop only (RFC 9110 §7.6, RFC 9112 §6).
    "alt-used",
    "connection",
    "content-length",
    "early-data",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "max-forwards",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    // Codings, charsets and parts: what the host cannot cap or scrub.
    "a-im",
    "accept-charset",
    "accept-encoding",
    "if-range",
    "range",
    // Credentials and state.
    "authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    // Another method, path or host than was approved.
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method",
    "x-method-override",
    // Claims about the sender.
    "cf-connecting-ip",
    "fastly-client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
    // Keys to a cloud's metadata service.
    "metadata",
    "x-google-metadata-request",
];

/// Beginnings of names that are refused.
const REFUSED_PREFIXES: &[&str] = &[
    "metadata-",
    "proxy-",
    "x-aws-ec2-metadata-",
    "x-forwarded-",
    "x-metadata-",
    "x-original-",
    "x-proxy-",
    "x-rewrite-",
];

/// Fields of an answer that end at the host: framing, one hop's own, cookies, and the coding that was undone.
const WITHHELD: &[&str] = &[
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "set-cookie",
    "set-cookie2",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Brings a name to the one spelling in which names are compared: lower case, with hyphens for underscores and dots.
#[must_use]
pub fn spelling(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Checks all header fields that a component sets.
///
/// # Errors
/// A denial by rule `header` that names the field.
pub fn check_all(fields: &[(String, String)]) -> Result<(), Denial> {
    if fields.len() > REQUEST_FIELDS {
        return Err(Denial::new("header", format!("a request has at most {REQUEST_FIELDS} header fields")));
    }
    fields.iter().try_for_each(|(name, value)| check(name, value))
}

/// Checks one header field that a component sets.
///
/// # Errors
/// A denial by rule `header` that names the field.
pub fn check(name: &str, value: &str) -> Result<(), Denial> {
    if !is_token(name) || name.len() > NAME {
        return Err(Denial::new("header", format!("a field's name is a token of at most {NAME} letters")));
    }
    if is_refused(name) {
        return Err(Denial::new("header", format!("`{name}` is set by the host or not at all")));
    }
    if !is_value(value) || value.len() > VALUE {
        return Err(Denial::new(
            "header",
            format!("the value of `{name}` is visible ASCII and blanks, at most {VALUE} bytes"),
        ));
    }
    Ok(())
}

/// Tells whether a credential may be declared for the field: any name that a component may set, or `Authorization`.
#[must_use]
pub fn may_hold_a_credential(name: &str) -> bool {
    is_token(name) && name.len() <= NAME && (!is_refused(name) || name.eq_ignore_ascii_case("authorization"))
}

/// Tells whether a field of an answer is for the host alone.
pub(super) fn is_withheld(name: &str) -> bool {
    WITHHELD.contains(&name)
}

/// Tells whether the text is visible ASCII, blanks and tabs.
pub(super) fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Tells whether the text is a token (RFC 9110 §5.6.2).
pub(super) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_refused(name: &str) -> bool {
    let name = spelling(name);
    REFUSED.contains(&name.as_str()) || REFUSED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::{check, check_all, may_hold_a_credential};

    #[test]
    fn a_refused_name_is_refused_in_every_spelling() {
        for name in ["Range", "X_Forwarded_For", "x-Http_Method-Override", "PROXY-CONNECTION", "Accept-Charset"] {
            assert_eq!(check(name, "x").unwrap_err().rule, "header", "{name}");
        }
    }

    #[test]
    fn names_values_and_numbers_of_fields_are_bounded() {
        assert!(check(&"x".repeat(128), &"y".repeat(8192)).is_ok());
        assert!(check(&"x".repeat(129), "y").is_err());
        assert!(check("x", &"y".repeat(8193)).is_err());
        let fields = vec![("x".to_owned(), "y".to_owned()); 65];
        assert!(check_all(&fields[..64]).is_ok());
        assert!(check_all(&fields).is_err());
    }

    #[test]
    fn a_credential_may_stand_in_authorization_but_not_in_host() {
        for (name, may) in
            [("Authorization", true), ("X-Api-Key", true), ("Host", false), ("Cookie", false), ("", false)]
        {
            assert_eq!(may_hold_a_credential(name), may, "{name}");
        }
    }
}
