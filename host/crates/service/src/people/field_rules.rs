//! Rules for a person's fields and an account's id. Pure.
//!
//! Each function takes what a caller sent and returns the value to store, or why it is not valid, without a subject:
//! `is empty`.

use jackfield_core::invisible;

use super::{addresses::clean_email, normalize::to_nfc};

/// Longest name, in characters.
const NAME: usize = 200;

/// Longest email address, in bytes (RFC 5321 §4.5.3.1: 64 + 1 + 255).
const EMAIL: usize = 320;

/// Longest id, in bytes: a person's `user_id` or a provider's account.
///
/// The plugin contract has the same limit.
const ID: usize = 256;

/// Validates a name: 1 to 200 characters in one line, of which something can be seen.
pub(super) fn validate_name(text: &str) -> Result<String, String> {
    let name = to_nfc(invisible::trim(text));
    if name.is_empty() && text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if invisible::is_blank(&name) {
        return Err(format!("contains nothing that can be seen, only {}", describe_all(text.trim())));
    }
    if name.chars().count() > NAME {
        return Err(format!("is longer than {NAME} characters"));
    }
    reject_characters(&name, |character| invisible::is_control(character) || invisible::is_invisible(character))?;
    Ok(name)
}

/// Validates an email address: one `@` with text on both sides, a possible domain, and no white space.
///
/// What certainly does not belong to it is removed first; see [`clean_email`].
pub(super) fn validate_email(text: &str) -> Result<String, String> {
    let email = to_nfc(validate_lookup_email(text)?);
    if let Some(space) = email.chars().find(|character| character.is_whitespace()) {
        return Err(format!("contains {}", invisible::describe(space)));
    }
    let no_address = || "is not an email address".to_owned();
    let (local, domain) = email.split_once('@').ok_or_else(no_address)?;
    if local.is_empty() || domain.is_empty() {
        return Err(no_address());
    }
    if domain.contains('@') {
        return Err("is not an email address, because it contains more than one @".to_owned());
    }
    validate_domain(domain)?;
    Ok(email)
}

/// Validates the characters and the parts of a domain. It may be local, an address in brackets, or in any script.
fn validate_domain(domain: &str) -> Result<(), String> {
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_allowed = |character: char| {
        !character.is_ascii() || character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':')
    };
    if let Some(character) = literal.unwrap_or(domain).chars().find(|character| !is_allowed(*character)) {
        return Err(format!("is not an email address, because its domain contains {character}"));
    }
    if literal.is_none() && domain.split('.').any(str::is_empty) {
        return Err("is not an email address, because its domain has an empty part before or after a dot".to_owned());
    }
    Ok(())
}

/// Validates an email address to look somebody up by.
///
/// A text that is not an address is accepted, but finds nobody.
pub(super) fn validate_lookup_email(text: &str) -> Result<&str, String> {
    let email = clean_email(text);
    if email.is_empty() {
        return Err("is empty".to_owned());
    }
    if email.len() > EMAIL {
        return Err(format!("is longer than {EMAIL} bytes"));
    }
    reject_characters(email, is_never_in_a_key)?;
    Ok(email)
}

/// Validates the id of an account, or of a person in another system.
///
/// Ids are compared byte for byte.
pub(super) fn validate_id(text: &str) -> Result<&str, String> {
    let id = invisible::trim(text);
    if id.is_empty() {
        return Err("is empty".to_owned());
    }
    if id.len() > ID {
        return Err(format!("is longer than {ID} bytes"));
    }
    reject_characters(id, is_never_in_a_key)?;
    Ok(id)
}

/// Returns whether a character makes two addresses or ids look the same.
fn is_never_in_a_key(character: char) -> bool {
    invisible::is_control(character)
        || invisible::is_invisible(character)
        || invisible::is_mark_without_glyph(character)
        || character == char::REPLACEMENT_CHARACTER
}

/// Rejects the first character for which `is_rejected` is true, by its name.
fn reject_characters(text: &str, is_rejected: impl Fn(char) -> bool) -> Result<(), String> {
    match text.chars().find(|character| is_rejected(*character)) {
        Some(character) => Err(format!("contains a character that is not allowed: {}", invisible::describe(character))),
        None => Ok(()),
    }
}

/// Lists the first few characters of a text by their names.
fn describe_all(text: &str) -> String {
    let mut names: Vec<String> = text.chars().map(invisible::describe).take(3).collect();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_trimmed_and_composed() {
        assert_eq!(validate_name(" Zoe\u{308} ").as_deref(), Ok("Zoë"));
        assert_eq!(validate_email(" Zoe\u{308}@Acme.example\n").as_deref(), Ok("Zoë@Acme.example"));
        assert_eq!(validate_id("\tU0 1 ").as_deref(), Ok("U0 1"));
    }

    #[test]
    fn text_that_is_not_an_email_address_is_rejected() {
        for bad in [
            "",
            " ",
            "ada",
            "@acme.example",
            "ada@",
            "a b@acme.example",
            "a@b@c",
            "a\u{a0}b@c",
            "a\0@b.c",
            "ada@.example.com",
            "ada@acme..example",
            "ada@acme,example",
            "a\u{200b}da@acme.example",
            "ada@ac\u{ad}me.b",
            "a@b.c; d@e.f",
            "ada@acme.exa\u{fffd}mple",
        ] {
            assert!(validate_email(bad).is_err(), "{bad:?}");
        }
        for good in ["o'brien@acme.example", "a\"b@c", "=1+1@acme.example", "用户@例子.example", "root@localhost"] {
            assert_eq!(validate_email(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn lengths_are_limited() {
        assert!(validate_name(&"ä".repeat(200)).is_ok() && validate_name(&"ä".repeat(201)).is_err());
        assert!(validate_id(&"x".repeat(256)).is_ok() && validate_id(&"x".repeat(257)).is_err());
        let long = |local: usize| format!("{}@acme.example", "x".repeat(local));
        assert!(validate_email(&long(307)).is_ok() && validate_email(&long(308)).is_err());
    }

    #[test]
    fn a_character_that_is_not_allowed_is_named() {
        assert_eq!(
            validate_name("Ada\u{202e}ecaleL"),
            Err("contains a character that is not allowed: U+202E RIGHT-TO-LEFT OVERRIDE".to_owned())
        );
        assert_eq!(validate_id("U0\u{0}x"), Err("contains a character that is not allowed: U+0000 NULL".to_owned()));
        let zero_width = Err("contains a character that is not allowed: U+200B ZERO WIDTH SPACE".to_owned());
        assert_eq!(validate_name("A\u{200b}da"), zero_width);
        assert_eq!(validate_email("a\u{200b}da@acme.example"), zero_width);
        assert_eq!(validate_id("U\u{200b}1"), zero_width.as_ref().map(String::as_str).map_err(Clone::clone));
        // Marks that the correct spelling of some names needs.
        assert!(validate_name("محمد\u{200f} O\u{200d}").is_ok());
    }

    #[test]
    fn a_name_of_invisible_characters_alone_is_rejected() {
        for name in ["\u{200b}", "\u{feff}\u{2060}", "\u{200d}\u{200c}", "\u{3164}", " \u{2800} ", "\u{e0001}"] {
            assert!(validate_name(name).is_err_and(|why| why.contains("can be seen")), "{name:?}");
        }
        assert_eq!(validate_name("\u{feff}Ada\u{200b}").as_deref(), Ok("Ada"));
        assert_eq!(validate_id("\u{200b}U1\u{feff}"), Ok("U1"));
    }
}
