//! What a person's fields and an account's id must be. Pure: takes what was typed, gives it as it is stored or says why not.

use super::key::composed;

/// Characters of a name.
const NAME: usize = 200;

/// Bytes of an address (RFC 5321 §4.5.3.1: 64 + 1 + 255).
const EMAIL: usize = 320;

/// Bytes of an id, ours or a provider's, as the contract with components has it.
const ID: usize = 256;

/// What is wrong with a value, as a sentence's end.
pub(super) type Wrong = String;

/// A name: 1 to 200 characters, in one line.
pub(super) fn name(text: &str) -> Result<String, Wrong> {
    let name = composed(text.trim());
    if name.is_empty() {
        return Err("is empty".to_owned());
    }
    if name.chars().count() > NAME {
        return Err(format!("is longer than {NAME} characters"));
    }
    in_one_line(&name)?;
    Ok(name)
}

/// An address: something, an `@`, something, without a blank.
pub(super) fn email(text: &str) -> Result<String, Wrong> {
    let email = composed(sought_email(text)?);
    let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    match parts {
        Some((_, domain)) if !domain.contains('@') && !email.contains(char::is_whitespace) => Ok(email),
        _ => Err("is not an email address".to_owned()),
    }
}

/// An address to look somebody up by: what is not an address finds nobody.
pub(super) fn sought_email(text: &str) -> Result<&str, Wrong> {
    let email = text.trim();
    if email.is_empty() {
        return Err("is empty".to_owned());
    }
    if email.len() > EMAIL {
        return Err(format!("is longer than {EMAIL} bytes"));
    }
    in_one_line(email)?;
    Ok(email)
}

/// An id of an account or of a person elsewhere: compared byte for byte, without the blanks around it.
pub(super) fn id(text: &str) -> Result<&str, Wrong> {
    let id = text.trim();
    if id.is_empty() {
        return Err("is empty".to_owned());
    }
    if id.len() > ID {
        return Err(format!("is longer than {ID} bytes"));
    }
    in_one_line(id)?;
    Ok(id)
}

/// Refuses what breaks a line or turns its direction, by which one text can look like another.
fn in_one_line(text: &str) -> Result<(), Wrong> {
    let breaks = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.chars().find(|letter| breaks(*letter)) {
        Some(letter) => Err(format!("holds a character that cannot be shown, U+{:04X}", u32::from(letter))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_stored_trimmed_and_composed() {
        assert_eq!(name(" Zoe\u{308} ").as_deref(), Ok("Zoë"));
        assert_eq!(email(" Zoe\u{308}@Acme.example\n").as_deref(), Ok("Zoë@Acme.example"));
        assert_eq!(id("\tU0 1 ").as_deref(), Ok("U0 1"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", " ", "ada", "@acme.example", "ada@", "a b@acme.example", "a@b@c", "a\u{a0}b@c", "a\0@b.c"] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
        for good in ["o'brien@acme.example", "a\"b@c", "=1+1@acme.example", "用户@例子.example", "root@localhost"] {
            assert_eq!(email(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn lengths_are_held() {
        assert!(name(&"ä".repeat(200)).is_ok() && name(&"ä".repeat(201)).is_err());
        assert!(id(&"x".repeat(256)).is_ok() && id(&"x".repeat(257)).is_err());
        let long = |local: usize| format!("{}@acme.example", "x".repeat(local));
        assert!(email(&long(307)).is_ok() && email(&long(308)).is_err());
    }

    #[test]
    fn what_can_not_be_shown_is_named() {
        assert_eq!(name("Ada\u{202e}ecaleL"), Err("holds a character that cannot be shown, U+202E".to_owned()));
        assert_eq!(id("U0\u{0}"), Err("holds a character that cannot be shown, U+0000".to_owned()));
        // Marks without which some names are not written right.
        assert!(name("محمد\u{200f} O\u{200d}").is_ok());
    }
}
