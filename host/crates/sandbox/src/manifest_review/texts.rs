//! Reviews every text of a manifest, and makes texts safe to display.
//!
//! Both walk the JSON form of the manifest, so that they cover parts that a later contract adds.

use std::borrow::Cow;

use jackfield_core::manifest::Manifest;
use serde_json::Value;

use super::Finding;
use crate::{lookalike::is_invisible, text::is_bidirectional};

/// The texts that are written for people, by their path. `Review` checks their characters and their length.
const PROSE: [&[&str]; 5] = [
    &["title"],
    &["fields", "label"],
    &["fields", "help"],
    &["fields", "choices", "label"],
    &["fields", "choices", "value"],
];

/// The only text that can contain line breaks: constant text that is signed.
const SIGNED_TEXT: &[&str] = &["endpoints", "credential", "place", "hmac", "parts", "text"];

/// Texts that contain no space.
const WITHOUT_SPACES: [&[&str]; 5] = [
    &["auth", "oauth2", "issuer"],
    &["auth", "service_account", "audience"],
    &["auth", "service_account", "token_uris"],
    &["auth", "service_account", "universe_domains"],
    &["auth", "service_account", "field"],
];

/// Maximum number of bytes of a technical text. The longest known ones are authorize URLs of a few hundred bytes.
const MAX_TEXT: usize = 2_000;

/// Maximum number of elements of a list. No provider needs more than a few.
const MAX_ELEMENTS: usize = 64;

/// Replaces a line break in a text that is displayed.
const LINE_BREAK: char = '\u{21b5}';

/// Reviews all texts that are not written for people: visible ASCII characters of limited length.
///
/// Everything that can appear on the approval page or in a terminal is covered, even if nothing else checks it.
pub(super) fn review_texts(manifest: &Manifest) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk(&to_json(manifest), &mut Vec::new(), &mut |path, part| {
        let name = path.join(".");
        match part {
            Value::Array(items) if items.len() > MAX_ELEMENTS => findings.push(Finding::new(
                format!("`{name}` has {} elements", items.len()),
                format!("declare at most {MAX_ELEMENTS}"),
            )),
            Value::String(_) if PROSE.contains(&path) => {}
            Value::String(text) => {
                let may_break = path == SIGNED_TEXT;
                let is_printable =
                    text.bytes().all(|byte| (0x20..0x7f).contains(&byte) || (may_break && byte == b'\n'));
                if !is_printable || text.len() > MAX_TEXT {
                    findings.push(Finding::new(
                        format!("`{name}` is longer than {MAX_TEXT} bytes, or not printable ASCII"),
                        "write it in printable ASCII; write another character of a pattern as `\\u{e4}`, and percent-encode \
                         it in a URL",
                    ));
                } else if WITHOUT_SPACES.contains(&path) && text.contains(' ') {
                    findings.push(Finding::new(format!("`{name}` contains a space"), "write it without spaces"));
                }
            }
            _ => {}
        }
    });
    findings
}

/// Returns the manifest with every text made safe for a terminal and the console.
///
/// Control, bidirectional and invisible characters are replaced. A manifest without them is returned as it is. The
/// result is for display only: what runs is the manifest itself.
#[must_use]
pub fn to_displayable(manifest: &Manifest) -> Cow<'_, Manifest> {
    let mut json = to_json(manifest);
    if !replace_unsafe(&mut json) {
        return Cow::Borrowed(manifest);
    }
    serde_json::from_value(json).map_or(Cow::Borrowed(manifest), Cow::Owned)
}

/// Replaces control, bidirectional and invisible characters.
#[must_use]
pub fn to_displayable_text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let replace = |character| match character {
        '\n' => LINE_BREAK,
        other if is_unsafe(other) => '\u{fffd}',
        other => other,
    };
    Cow::Owned(text.chars().map(replace).collect())
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || is_bidirectional(character) || is_invisible(character)
}

/// Replaces unsafe characters in every text, and returns whether there were any.
fn replace_unsafe(part: &mut Value) -> bool {
    match part {
        Value::String(text) => match to_displayable_text(text) {
            Cow::Borrowed(_) => false,
            Cow::Owned(replaced) => {
                *text = replaced;
                true
            }
        },
        // `any` would stop at the first one.
        Value::Array(items) => items.iter_mut().map(replace_unsafe).filter(|found| *found).count() > 0,
        Value::Object(parts) => parts.values_mut().map(replace_unsafe).filter(|found| *found).count() > 0,
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Visits every part below a value, with the names of the members that lead to it.
fn walk<'a>(part: &'a Value, path: &mut Vec<&'a str>, visit: &mut impl FnMut(&[&str], &Value)) {
    visit(path, part);
    match part {
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        Value::Object(parts) => {
            for (name, part) in parts {
                path.push(name);
                walk(part, path, visit);
                path.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Returns the stored form. Serializing these types cannot fail.
fn to_json(manifest: &Manifest) -> Value {
    serde_json::to_value(manifest).unwrap_or_default()
}
