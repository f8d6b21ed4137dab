//! Which header fields a component may set (rule R10), and which fields of a response it may see.

use crate::error::Denial;

/// Maximum number of header fields of a request, as `wit/host.wit` documents.
const MAX_REQUEST_FIELDS: usize = 64;
/// Maximum number of characters of a name, as `wit/host.wit` documents.
const MAX_NAME: usize = 128;
/// Maximum number of bytes of a value, as `wit/host.wit` documents. Most servers reject longer lines.
const MAX_VALUE: usize = 8 * 1024;

/// Names that a component may not set, in normalized form.
const FORBIDDEN: &[&str] = &[
    // Framing, routing, and fields for a single hop (RFC 9110 §7.6, RFC 9112 §6).
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
    // Requests for encodings, charsets and ranges that the host could not limit or scrub.
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
    // Overrides of the approved method, path or host.
    "destination",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-http-path-override",
    "x-method",
    "x-method-override",
    "x-override-url",
    "x-replaced-path",
    // Claims about the sender, and about who pays.
    "cf-connecting-ip",
    "fastly-client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-goog-user-project",
    "x-real-ip",
    // Fields that a cloud's metadata service requires.
    "metadata",
    "x-google-metadata-request",
];

/// Prefixes of names that a component may not set.
const FORBIDDEN_PREFIXES: &[&str] = &[
    "metadata-",
    "proxy-",
    "x-aws-ec2-metadata-",
    "x-envoy-",
    "x-forwarded-",
    "x-metadata-",
    "x-original-",
    "x-proxy-",
    "x-rewrite-",
];

/// Response fields that a component does not see: framing, fields for a single hop, cookies, and the encoding that the
/// host has decoded.
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

/// Returns the form in which header names are compared.
///
/// It is in lower case, with hyphens instead of underscores and dots, because some servers and gateways treat these
/// spellings as the same name.
pub(crate) fn normalize_name(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

/// Checks all header fields of a request.
///
/// # Errors
/// A denial by rule `header` that names the field.
pub(crate) fn validate_all(fields: &[(String, String)]) -> Result<(), Denial> {
    if fields.len() > MAX_REQUEST_FIELDS {
        return Err(Denial::new("header", format!("a request can have at most {MAX_REQUEST_FIELDS} header fields")));
    }
    fields.iter().try_for_each(|(name, value)| validate(name, value))
}

/// Checks one header field of a request.
///
/// # Errors
/// A denial by rule `header` that names the field.
pub(crate) fn validate(name: &str, value: &str) -> Result<(), Denial> {
    if !is_token(name) || name.len() > MAX_NAME {
        return Err(Denial::new("header", format!("a header name must be a token of at most {MAX_NAME} characters")));
    }
    if is_forbidden(name) {
        return Err(Denial::new("header", format!("a component cannot set the header `{name}`")));
    }
    if !is_value(value) || value.len() > MAX_VALUE {
        return Err(Denial::new(
            "header",
            format!("the value of `{name}` must be printable ASCII of at most {MAX_VALUE} bytes"),
        ));
    }
    Ok(())
}

/// Returns whether a credential can be placed in a header.
///
/// It can be `Authorization` or any header that a component may set.
pub(crate) fn can_contain_credential(name: &str) -> bool {
    is_token(name) && name.len() <= MAX_NAME && (!is_forbidden(name) || name.eq_ignore_ascii_case("authorization"))
}

/// Returns whether a component does not see a response field.
pub(crate) fn is_withheld(name: &str) -> bool {
    WITHHELD.contains(&name)
}

/// Returns whether the text is printable ASCII, spaces and tabs.
pub(crate) fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// Returns whether the text is a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_forbidden(name: &str) -> bool {
    let name = normalize_name(name);
    FORBIDDEN.contains(&name.as_str()) || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::{can_contain_credential, validate, validate_all};

    #[test]
    fn a_forbidden_name_is_denied_in_every_spelling() {
        for name in ["Range", "X_Forwarded_For", "x-Http_Method-Override", "PROXY-CONNECTION", "Accept-Charset"] {
            assert_eq!(validate(name, "x").unwrap_err().rule, "header", "{name}");
        }
    }

    #[test]
    fn names_values_and_the_number_of_fields_are_limited() {
        assert!(validate(&"x".repeat(128), &"y".repeat(8192)).is_ok());
        assert!(validate(&"x".repeat(129), "y").is_err());
        assert!(validate("x", &"y".repeat(8193)).is_err());
        let fields = vec![("x".to_owned(), "y".to_owned()); 65];
        assert!(validate_all(&fields[..64]).is_ok());
        assert!(validate_all(&fields).is_err());
    }

    #[test]
    fn a_credential_can_be_placed_in_authorization_but_not_in_host() {
        for (name, expected) in
            [("Authorization", true), ("X-Api-Key", true), ("Host", false), ("Cookie", false), ("", false)]
        {
            assert_eq!(can_contain_credential(name), expected, "{name}");
        }
    }
}
