//! Replaces each value of a recorded response by odd ones, to check that no value loses the rows next to it.

use std::rc::Rc;

use serde_json::Value;

use super::tape::Tape;
use crate::provider::{self, Provider};
use crate::transport::with_transport;
use crate::types::{Connection, Error, Page, PageRequest, User};

/// Stands for the replaced value while a document is written.
const MARK: &str = "the value to replace";

/// A list of rows in a response: where it is, and which member of a row is the user's id.
#[derive(Clone, Copy, Debug)]
pub struct RowList {
    /// The JSON pointer (RFC 6901) of the list.
    pub pointer: &'static str,
    /// The key of the id in a row.
    pub id: &'static str,
}

/// Calls `list_users` once for each value of the last response of a tape and each odd value in its place.
///
/// # Panics
///
/// If a call fails although the list itself was not replaced, or if it returns one of the other rows differently than
/// without the replacement.
pub fn replace_each_value<P: Provider>(connection: &Connection, page: &PageRequest, tape: &str, list: RowList) {
    let call = |tape: &Rc<Tape>| tape.play(|| provider::list_users::<P>(connection, page));
    let expected = call(&Tape::of::<P>(tape)).expect("the tape itself is answered with a page").users;
    for_each_replacement::<P>(tape, |document, pointer, tape| check(document, list, pointer, &expected, call(tape)));
}

/// Makes a call once for each value of the last response of a tape and each odd value in its place, except for lists,
/// because an empty list has a meaning.
///
/// # Panics
///
/// If a call fails with an error that rejects the credential, because odd values say nothing about it.
pub fn never_reject_for_a_value<P: Provider, R>(tape: &str, call: impl Fn() -> Result<R, Error>) {
    for_each_replacement::<P>(tape, |document, pointer, tape| {
        let is_list = document.pointer(pointer).is_some_and(Value::is_array);
        match with_transport(Rc::<Tape>::clone(tape), &call) {
            Err(error @ (Error::Unauthorized(_) | Error::Forbidden(_))) if !is_list => Err(format!("{error:?}")),
            _ => Ok(()),
        }
    });
}

/// Runs `check` for each replacement, with the original document, the pointer of the value, and a tape.
///
/// # Panics
///
/// If `check` returns what is wrong.
fn for_each_replacement<P: Provider>(tape: &str, check: impl Fn(&Value, &str, &Rc<Tape>) -> Result<(), String>) {
    let document: Value = serde_json::from_slice(&Tape::of::<P>(tape).last_body()).expect("the last response is JSON");
    let mut pointers = Vec::new();
    find_pointers(&document, String::new(), &mut pointers);
    for pointer in &pointers {
        for odd in odd_values() {
            let replaced = Tape::of::<P>(tape).with_last_body(replace(&document, pointer, &odd));
            let shown: String = String::from_utf8_lossy(&odd).chars().take(40).collect();
            check(&document, pointer, &replaced).unwrap_or_else(|why| panic!("`{pointer}` = {shown}: {why}"));
        }
    }
}

/// Checks one answer, and returns what is wrong with it.
fn check(
    document: &Value,
    list: RowList,
    pointer: &str,
    expected: &[User],
    answer: Result<Page, Error>,
) -> Result<(), String> {
    let is_inside = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let users = match answer {
        Ok(page) => page.users,
        // Then there is no list, but the credential is as good as before.
        Err(Error::Malformed(_) | Error::Upstream(_)) if is_inside(list.pointer, pointer) => return Ok(()),
        Err(error) => return Err(format!("{error:?}")),
    };
    if is_inside(list.pointer, pointer) {
        return Ok(());
    }
    let rows = document.pointer(list.pointer).and_then(Value::as_array).ok_or("the tape has no such list")?;
    for (index, row) in rows.iter().enumerate() {
        let id = row.get(list.id).and_then(Value::as_str);
        let user = expected.iter().find(|user| Some(user.external_id.as_str()) == id);
        let is_other = !is_inside(pointer, &format!("{}/{index}", list.pointer));
        if let Some(user) = user.filter(|user| is_other && !users.contains(user)) {
            return Err(format!("the row of {user:?} is not among {users:?}"));
        }
    }
    Ok(())
}

/// Returns values of every type, and some that no serializer should write.
fn odd_values() -> Vec<Vec<u8>> {
    let texts = [
        "null",
        "true",
        "false",
        "0",
        "7",
        "-1.5",
        "1e999",
        "1.08457E+20",
        "NaN",
        "\"\"",
        "\" \"",
        "\"x\"",
        "\"7\"",
        "\"0\"",
        "\"24/11/2026\"",
        "\"2026-13-45T99:99:99\"",
        r#""\ud83d""#,
        r#""\u0000\u202e""#,
        r#""\x""#,
        "\"\t\"",
        "[]",
        "[[]]",
        "[null]",
        "[\"x\"]",
        "{}",
        r#"{"id":"x"}"#,
        r#"{"0":{}}"#,
    ];
    let long = ["9".repeat(10_000), format!("\"{}\"", "é".repeat(10_000)), "[".repeat(10_000) + &"]".repeat(10_000)];
    let texts = texts.into_iter().map(|text| text.as_bytes().to_vec()).chain(long.map(String::into_bytes));
    texts.chain([b"\"\xff\xed\xa0\xbd\"".to_vec()]).collect()
}

/// Returns the document with another value at a pointer.
fn replace(document: &Value, pointer: &str, odd: &[u8]) -> Vec<u8> {
    let mut document = document.clone();
    if let Some(value) = document.pointer_mut(pointer) {
        *value = MARK.into();
    }
    let text = document.to_string();
    let (before, after) = text.split_once(&format!("\"{MARK}\"")).unwrap_or((&text, ""));
    [before.as_bytes(), odd, after.as_bytes()].concat()
}

/// Lists the pointers of all values in a document.
fn find_pointers(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                find_pointers(element, format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                find_pointers(member, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    found.push(pointer);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_a_document_is_replaced_once() {
        let document: Value = serde_json::from_str(r#"{"a":[1,{"b/c":null}]}"#).unwrap();
        let mut pointers = Vec::new();
        find_pointers(&document, String::new(), &mut pointers);
        assert_eq!(pointers, ["/a/0", "/a/1/b~1c", "/a/1", "/a", ""]);
        let replaced: Vec<_> = pointers.iter().map(|pointer| replace(&document, pointer, b"\"\xff\"")).collect();
        assert_eq!(replaced[1], b"{\"a\":[1,{\"b/c\":\"\xff\"}]}");
        assert_eq!(replaced[4], b"\"\xff\"");
    }

    #[test]
    fn a_lost_row_is_found() {
        let document: Value = serde_json::from_str(r#"{"list":[{"id":"a"},{"id":"b"}]}"#).unwrap();
        let list = RowList { pointer: "/list", id: "id" };
        let (a, b) = (User::new("a", ""), User::new("b", ""));
        let verdict = |pointer, users| check(&document, list, pointer, &[a.clone(), b.clone()], Ok(Page::last(users)));
        assert_eq!(verdict("/list/0/id", vec![b.clone()]), Ok(()));
        assert!(verdict("/list/0/id", vec![a.clone()]).is_err());
        assert!(verdict("/list/0/id", vec![b.clone().active(false)]).is_err());
        assert_eq!(verdict("/list", Vec::new()), Ok(()));
        assert!(check(&document, list, "/list", &[], Err(Error::unauthorized("x"))).is_err());
        assert!(check(&document, list, "/list/0", &[], Err(Error::malformed("x"))).is_err());
    }
}
