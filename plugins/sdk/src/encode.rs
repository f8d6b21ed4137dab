//! Percent-encoding (RFC 3986 section 2.1), with one rule for path segments, queries and forms.

/// Percent-encodes every byte except ASCII letters, digits and `-._~`, for a path segment, a key or a value.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    push_encoded(&mut encoded, text);
    encoded
}

pub(crate) fn encode_pairs(pairs: &[(&str, &str)]) -> String {
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
    push_encoded(encoded, key);
    encoded.push('=');
    push_encoded(encoded, value);
}

fn push_encoded(encoded: &mut String, text: &str) {
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
    fn the_delimiters_of_a_form_are_encoded() {
        assert_eq!(encode_pairs(&[("cursor", "dXNlcg=="), ("q", "a&b c+d")]), "cursor=dXNlcg%3D%3D&q=a%26b%20c%2Bd");
    }

    #[test]
    fn other_characters_are_encoded_as_utf_8() {
        assert_eq!(percent_encode("é#holiday@group"), "%C3%A9%23holiday%40group");
    }

    #[test]
    fn no_pairs_make_an_empty_form() {
        assert_eq!(encode_pairs(&[]), "");
    }
}
