//! The leaves of a JSON value, for tests that change each part of a document.

use serde_json::Value;

/// Returns the JSON pointer (RFC 6901) of each value that contains no others. Member names must not need escaping.
#[must_use]
pub fn leaf_pointers(value: &Value) -> Vec<String> {
    let mut pointers = Vec::new();
    add_leaves(value, "", &mut pointers);
    pointers
}

fn add_leaves(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, member)| add_leaves(member, &format!("{pointer}/{name}"), pointers));
        }
        Value::Array(items) if !items.is_empty() => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| add_leaves(item, &format!("{pointer}/{index}"), pointers));
        }
        _ => pointers.push(pointer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_containers_and_plain_values_are_leaves() {
        let value = serde_json::json!({ "a": [1, { "b": null }], "c": [], "d": {} });
        assert_eq!(leaf_pointers(&value), ["/a/0", "/a/1/b", "/c", "/d"]);
        assert_eq!(leaf_pointers(&Value::Null), [""]);
    }
}
