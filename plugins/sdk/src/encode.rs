//! Percent-encoding (RFC 3986 section 2.1), one rule for path segments, queries and forms.

/// Encodes everything but letters, digits and `-._~`, so that the text is one path segment, key or value.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push(&mut encoded, text);
    encoded
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> String {
    let mut encoded = String::new();
    for &(key, value) in pairs {
        if !encoded.is_empty() {
            encoded.push('&');
        }
        push_pair(&mut encoded, key, value);
    }
    encoded
}

pub(crate) fn push_pair(encoded: &mut String, key: &str, value: &str) {
    push(encoded, key);
    encoded.push('=');
    push(encoded, value);
}

fn push(encoded: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_keeps_what_its_own_signs_would_break() {
        assert_eq!(pairs(&[("cursor", "dXNlcg=="), ("q", "a&b c+d")]), "cursor=dXNlcg%3D%3D&q=a%26b%20c%2Bd");
    }

    #[test]
    fn a_segment_of_any_script_is_encoded_by_its_utf_8() {
        assert_eq!(percent_encode("é#holiday@group"), "%C3%A9%23holiday%40group");
    }

    #[test]
    fn no_pairs_make_an_empty_form() {
        assert_eq!(pairs(&[]), "");
    }
}
