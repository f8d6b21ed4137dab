//! Reads JSON in which any value may have another type than expected, without losing the values next to it.
//!
//! A typed structure is read as a whole or not at all. Here each value is read by itself: one that cannot be read counts
//! as absent. An object may contain a key twice; the last one counts, as in JavaScript.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::Text;

/// Whole numbers up to here are exact in a 64-bit float.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// A value of a JSON document, of any type. An absent value is like null.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonValue<'a>(Option<&'a RawValue>);

/// The members of a JSON object.
#[derive(Clone, Debug, Default)]
pub struct JsonObject<'a>(Vec<(Text<'a>, &'a RawValue)>);

impl<'a> JsonValue<'a> {
    pub(crate) fn new(raw: &'a RawValue) -> Self {
        Self(Some(raw))
    }

    /// Returns the value as it is written in the document.
    pub(crate) fn source(self) -> &'a str {
        self.0.map_or("null", RawValue::get)
    }

    /// Returns whether the value is absent or null.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.source() == "null"
    }

    /// Reads a text that is not blank. A number counts as the text of its digits, unless it lost some of them.
    #[must_use]
    pub fn text(self) -> Option<Text<'a>> {
        let source = self.source();
        match source.as_bytes().first()? {
            b'"' => serde_json::from_str(source).ok().filter(|text: &Text<'_>| !text.trim().is_empty()),
            b'-' | b'0'..=b'9' => number_text(source).map(Text::from),
            _ => None,
        }
    }

    /// Reads a boolean, also if it is written as a number or a text: `1`, `"true"`.
    #[must_use]
    pub fn flag(self) -> Option<bool> {
        match self.source().trim_matches('"').trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// Reads a finite number, also if it is written as a text.
    #[must_use]
    pub fn number(self) -> Option<f64> {
        let text = self.text()?;
        let is_decimal = text.trim().bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        text.trim().parse().ok().filter(|number: &f64| is_decimal && number.is_finite())
    }

    /// Reads a number that counts something, also if it is written as a text or with decimals.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        let number = self.number().filter(|&number| number >= 0.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is rounded and not negative")]
        Some(number as u64)
    }

    /// Reads the members of an object.
    #[must_use]
    pub fn object(self) -> Option<JsonObject<'a>> {
        // A list would also be read as a structure, by position.
        if self.source().starts_with('{') { serde_json::from_str(self.source()).ok() } else { None }
    }

    /// Reads a member of an object. It is absent if this is no object.
    #[must_use]
    pub fn get(self, key: &str) -> Self {
        self.object().unwrap_or_default().get(key)
    }

    /// Reads the elements of a list.
    ///
    /// Some providers write a list of one element as that element, and others a list as an object with the positions as
    /// keys. Both count as lists.
    #[must_use]
    pub fn list(self) -> Option<Vec<Self>> {
        if self.source().starts_with('[') {
            let elements: Vec<&RawValue> = serde_json::from_str(self.source()).ok()?;
            return Some(elements.into_iter().map(Self::new).collect());
        }
        let elements: Vec<_> = self.object()?.0.into_iter().map(|(_, element)| Self::new(element)).collect();
        let all_are_objects = elements.iter().all(|element| element.source().starts_with('{'));
        Some(if all_are_objects { elements } else { vec![self] })
    }

    /// Reads the texts of a list, without those that are blank or no texts. A text that is no list counts as one of one.
    #[must_use]
    pub fn texts(self) -> Vec<Text<'a>> {
        let elements = self.list().unwrap_or_else(|| vec![self]);
        elements.into_iter().filter_map(Self::text).collect()
    }
}

impl<'a> JsonObject<'a> {
    /// Reads a member. It is absent if there is none with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> JsonValue<'a> {
        JsonValue(self.0.iter().rev().find(|(name, _)| **name == *key).map(|&(_, value)| value))
    }

    /// Returns the first key.
    #[must_use]
    pub fn first_key(&self) -> Option<Text<'a>> {
        self.0.first().map(|(key, _)| key.clone())
    }

    /// Reads the first text that is present and not blank, of members with these keys.
    #[must_use]
    pub fn first_text<const N: usize>(&self, keys: [&str; N]) -> Option<Text<'a>> {
        keys.into_iter().find_map(|key| self.get(key).text())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = JsonObject<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonObject(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

/// Returns the digits of a number; `None` for a whole number that was rounded, such as `1.08457E+20`.
fn number_text(source: &str) -> Option<Cow<'_, str>> {
    if source.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Some(source.into());
    }
    let number: f64 = source.parse().ok().filter(|number: &f64| number.is_finite())?;
    match number.fract() == 0.0 {
        true if number.abs() < MAX_EXACT => Some(format!("{number:.0}").into()),
        true => None,
        false => Some(source.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn value(document: &str) -> JsonValue<'_> {
        JsonValue::new(parse(document.as_bytes()).unwrap())
    }

    fn text(document: &str) -> Option<String> {
        value(document).text().map(String::from)
    }

    #[test]
    fn a_text_is_a_string_or_the_digits_of_a_number() {
        assert_eq!(text(r#""Kim \"K\" Lee""#).as_deref(), Some("Kim \"K\" Lee"));
        assert_eq!(text("113900000000000000007").as_deref(), Some("113900000000000000007"));
        assert_eq!(text("88001.0").as_deref(), Some("88001"));
        assert_eq!(text("8.8001e4").as_deref(), Some("88001"));
        assert_eq!(text("1.5").as_deref(), Some("1.5"));
        for other in ["null", "true", "[]", "{}", r#""""#, r#"" \n""#, "1.08457E+20", "1e999"] {
            assert_eq!(text(other), None, "{other}");
        }
    }

    #[test]
    fn a_boolean_may_be_a_number_or_a_text() {
        for (document, flag) in [
            ("true", Some(true)),
            ("1", Some(true)),
            (r#""True""#, Some(true)),
            ("0", Some(false)),
            (r#""false""#, Some(false)),
        ] {
            assert_eq!(value(document).flag(), flag, "{document}");
        }
        for other in ["null", "2", r#""yes""#, "[true]", "{}", r#""""#] {
            assert_eq!(value(other).flag(), None, "{other}");
        }
    }

    #[test]
    fn a_count_may_be_a_text_or_have_decimals() {
        for (document, count) in [("3", 3), (r#"" 3 ""#, 3), ("3.0", 3), (r#""2.9""#, 2), ("0", 0)] {
            assert_eq!(value(document).count(), Some(count), "{document}");
        }
        for other in ["null", "-1", "1e300", r#""three""#, r#""inf""#, r#""NaN""#, "[]", "true"] {
            assert_eq!(value(other).count(), None, "{other}");
        }
    }

    #[test]
    fn the_last_of_two_members_with_one_key_counts() {
        let object = value(r#"{"id":"1","a\u0062":2,"id":3}"#).object().unwrap();
        assert_eq!(object.get("id").text().as_deref(), Some("3"));
        assert_eq!(object.get("ab").count(), Some(2));
        assert_eq!(object.first_text(["none", "ab", "id"]).as_deref(), Some("2"));
        assert!(object.get("none").is_null());
    }

    #[test]
    fn only_an_object_has_members() {
        for other in ["[1,2]", "null", "1", r#""{}""#] {
            assert!(value(other).object().is_none() && value(other).get("0").is_null(), "{other}");
        }
    }

    #[test]
    fn a_single_element_and_an_object_by_position_count_as_lists() {
        let length = |document| value(document).list().map(|list| list.len());
        assert_eq!(length("[1,[2],null]"), Some(3));
        assert_eq!(length(r#"{"0":{"id":1},"1":{"id":2}}"#), Some(2));
        assert_eq!(length(r#"{"id":1,"profile":{}}"#), Some(1));
        assert_eq!(length("{}"), Some(0));
        for other in ["null", "1", r#""[]""#, "true"] {
            assert_eq!(length(other), None, "{other}");
        }
    }

    #[test]
    fn texts_are_read_from_a_list_or_from_a_single_text() {
        let texts = |document| value(document).texts().into_iter().map(String::from).collect::<Vec<_>>();
        assert_eq!(texts(r#"["a",null,2,"",{},["c"]]"#), ["a", "2"]);
        assert_eq!(texts(r#""a""#), ["a"]);
        for other in ["null", "{}", "true", r#"{"a":1}"#] {
            assert!(texts(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_value_that_is_nested_too_deeply_is_one_value() {
        let deep = format!(r#"{{"deep":{}{},"id":"1"}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let object = value(&deep).object().unwrap();
        assert_eq!(object.get("id").text().as_deref(), Some("1"));
        assert_eq!(object.get("deep").text(), None);
    }
}
