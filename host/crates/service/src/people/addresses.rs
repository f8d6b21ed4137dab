//! Cleans an email address of what surrounds it where it was copied from: `mailto:`, brackets, quotes. Pure.

use jackfield_core::invisible;

/// Pairs of quotation marks and brackets around an address.
const PAIRS: [(char, char); 13] = [
    ('<', '>'),
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('(', ')'),
    ('[', ']'),
    ('{', '}'),
    ('“', '”'),
    ('„', '“'),
    ('‘', '’'),
    ('‚', '‘'),
    ('«', '»'),
    ('‹', '›'),
];

/// Characters before an address that no address starts with.
const BEFORE: [char; 11] = ['<', '(', '[', ';', ',', ':', '“', '„', '«', '‹', '‚'];

/// Characters after an address that no domain ends with.
const AFTER: [char; 21] =
    ['>', ')', ']', '}', ';', ',', ':', '.', '/', '!', '?', '"', '\'', '`', '“', '”', '’', '‘', '»', '›', '\\'];

/// Removes what is certainly not a part of an email address.
///
/// That is white space and invisible characters around it, `mailto:` with its parameters, a name before the address in
/// angle brackets, quotation marks and brackets around it, and punctuation that no address starts or ends with.
pub(super) fn clean_email(text: &str) -> &str {
    let mut email = invisible::trim(text);
    loop {
        let before = email;
        email = strip_once(email);
        if email == before {
            return email;
        }
    }
}

fn strip_once(email: &str) -> &str {
    let email = trim(email);
    if let Some(start) = email.get(..7)
        && start.eq_ignore_ascii_case("mailto:")
    {
        let address = &email[7..];
        return address.split_once('?').map_or(address, |(address, _)| address);
    }
    for (open, close) in PAIRS {
        if let Some(inner) = email.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return inner;
        }
    }
    // `Ada Lovelace <ada@acme.example>`. What is in front is a name, whatever it looks like.
    if let Some(inner) = email.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map(|(_, inner)| inner)
        && inner.contains('@')
    {
        return inner;
    }
    let email = email.trim_start_matches(BEFORE);
    // An address literal ends with a bracket: `ada@[192.0.2.1]`.
    match email.rsplit_once('@') {
        Some((_, domain)) if domain.starts_with('[') && domain.ends_with(']') => email,
        // One at a time, because a name and brackets can be recognized then: `Ada <ada@acme.example>;`.
        Some((_, domain)) if domain.chars().count() > 1 => email.strip_suffix(AFTER).unwrap_or(email),
        _ => email,
    }
}

/// Removes white space and everything that cannot be seen at both ends.
fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| {
        character.is_whitespace() || invisible::is_invisible(character) || invisible::is_mark_without_glyph(character)
    })
}

#[cfg(test)]
mod tests {
    use super::clean_email;

    #[test]
    fn what_surrounds_an_address_is_removed() {
        for text in [
            "mailto:ada@acme.example",
            "MAILTO:ada@acme.example?subject=Hi",
            "<ada@acme.example>",
            "Ada Lovelace <ada@acme.example>",
            "\"Lovelace, Ada\" <mailto:ada@acme.example>;",
            "'ada@acme.example'",
            "‘ada@acme.example’",
            "“ada@acme.example”",
            "„ada@acme.example“",
            "«ada@acme.example»",
            "(ada@acme.example)",
            "ada@acme.example;",
            "ada@acme.example,",
            "ada@acme.example.",
            "ada@acme.example/",
            ", ada@acme.example ;",
            "\u{feff}ada@acme.example\u{200b}",
            "\u{a0}ada@acme.example\u{200d}\u{ad}",
            "ada@acme.example\u{200e}>",
        ] {
            assert_eq!(clean_email(text), "ada@acme.example", "{text:?}");
        }
    }

    #[test]
    fn a_part_of_an_address_is_not_removed() {
        for text in [
            "o'brien@acme.example",
            "'o@acme.example",
            "ada@[192.0.2.1]",
            "a+b/c=d!e?f@acme.example",
            "{ada}@acme.example",
            "no address",
            "@",
            "ada.",
            "",
        ] {
            assert_eq!(clean_email(text), text);
        }
    }
}
