//! Rules for a person's fields and an account's id. Pure.
//!
//! Each function takes what a caller sent and returns the value to store, or why it is not valid, without a subject:
//! `is empty`.

use super::normalize::to_nfc;

/// Longest name, in characters.
const NAME: usize = 200;

/// Longest email address, in bytes (RFC 5321 §4.5.3.1: 64 + 1 + 255).
const EMAIL: usize = 320;

/// Longest id, in bytes: a person's `user_id` or a provider's account.
///
/// The plugin contract has the same limit.
const ID: usize = 256;

/// Validates a name: 1 to 200 characters in one line.
pub(super) fn validate_name(text: &str) -> Result<String, String> {
    let name = to_nfc(text.trim());
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if name.chars().count() > NAME {
        return Err(format!("is longer than {NAME} characters"));
    }
    reject_invisible(&name)?;
    Ok(name)
}

/// Validates an email address: one `@` with text on both sides, and no white space.
pub(super) fn validate_email(text: &str) -> Result<String, String> {
    let email = to_nfc(validate_lookup_email(text)?);
    let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    match parts {
        Some((_, domain)) if !domain.contains('@') && !email.contains(char::is_whitespace) => Ok(email),
        _ => Err("is not an email address".to_owned()),
    }
}

/// Validates an email address to look somebody up by.
///
/// A text that is not an address is accepted, but finds nobody.
pub(super) fn validate_lookup_email(text: &str) -> Result<&str, String> {
    let email = text.trim();
    if email.is_empty() {
        return Err("is empty".to_owned());
    }
    if email.len() > EMAIL {
        return Err(format!("is longer than {EMAIL} bytes"));
    }
    reject_invisible(email)?;
    Ok(email)
}

/// Validates the id of an account, or of a person in another system.
///
/// Ids are compared byte for byte.
pub(super) fn validate_id(text: &str) -> Result<&str, String> {
    let id = text.trim();
    if id.is_empty() {
        return Err("is empty".to_owned());
    }
    if id.len() > ID {
        return Err(format!("is longer than {ID} bytes"));
    }
    reject_invisible(id)?;
    Ok(id)
}

/// Rejects characters with which one text can look like another.
///
/// These are control characters, line separators, and characters that change the direction of the text.
fn reject_invisible(text: &str) -> Result<(), String> {
    let is_rejected = |character: char| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(|character| is_rejected(*character)) {
        Some(character) => Err(format!("contains a character that is not allowed: U+{:04X}", u32::from(character))),
        None => Ok(()),
    }
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
        for bad in ["", " ", "ada", "@acme.example", "ada@", "a b@acme.example", "a@b@c", "a\u{a0}b@c", "a\0@b.c"] {
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
            Err("contains a character that is not allowed: U+202E".to_owned())
        );
        assert_eq!(validate_id("U0\u{0}"), Err("contains a character that is not allowed: U+0000".to_owned()));
        // Marks that the correct spelling of some names needs.
        assert!(validate_name("محمد\u{200f} O\u{200d}").is_ok());
    }
}
