//! Parses and serializes JSON. No other file depends on the JSON library for that.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::Serialize;
use serde_json::error::Category;

use crate::types::Error;

/// Parses a document. The error describes the problem without quoting the document.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    // The library's messages quote the document, which may contain personal data or secrets.
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        Category::Data => Error::malformed(format!(
            "JSON with other keys or types was expected (line {}, column {})",
            error.line(),
            error.column()
        )),
        Category::Eof if body.is_empty() => Error::malformed("JSON was expected, but the response is empty"),
        Category::Eof => Error::malformed("JSON was expected, but the response is cut off"),
        Category::Io | Category::Syntax => Error::malformed("JSON was expected"),
    })
}

pub(crate) fn serialize<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|_| Error::malformed("a value that can be written as JSON was expected"))
}

/// A string of a JSON document, borrowed from it unless it contains escapes.
///
/// Unlike `&str` it accepts every string, and unlike `Cow` it also borrows inside an `Option`. Mark the field with
/// `#[serde(borrow)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(text)
    }
}

impl From<Text<'_>> for String {
    fn from(text: Text<'_>) -> Self {
        text.0.into_owned()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Returns the first text that is present and not empty.
#[must_use]
pub fn first_filled<'a, const N: usize>(texts: [&'a Option<Text<'_>>; N]) -> Option<&'a str> {
    texts.into_iter().flatten().map(|text| &**text).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct NamedRow<'a> {
        #[serde(borrow)]
        name: Option<Text<'a>>,
    }

    fn malformed_message(body: &str) -> String {
        match parse::<NamedRow<'_>>(body.as_bytes()) {
            Err(Error::Malformed(words)) => words,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plain_string_is_borrowed_and_an_escaped_one_is_not() {
        let plain: NamedRow<'_> = parse(br#"{"name":"Kim Lee"}"#).unwrap();
        assert!(matches!(plain.name, Some(Text(Cow::Borrowed("Kim Lee")))));

        let escaped: NamedRow<'_> = parse(br#"{"name":"Kim \"K\" L\u00e9e"}"#).unwrap();
        assert_eq!(escaped.name.as_deref(), Some("Kim \"K\" Lée"));
    }

    #[test]
    fn null_and_absent_are_the_same() {
        assert!(parse::<NamedRow<'_>>(b"{}").unwrap().name.is_none());
        assert!(parse::<NamedRow<'_>>(br#"{"name":null}"#).unwrap().name.is_none());
    }

    #[test]
    fn an_unreadable_document_is_described_and_never_quoted() {
        assert_eq!(malformed_message("<html>hunter2</html>"), "JSON was expected");
        assert_eq!(malformed_message(r#"{"name":"hunter2"#), "JSON was expected, but the response is cut off");
        assert_eq!(malformed_message(""), "JSON was expected, but the response is empty");
        assert_eq!(
            malformed_message(r#"{"name":["hunter2"]}"#),
            "JSON with other keys or types was expected (line 1, column 8)"
        );
        assert_eq!(malformed_message(r#""hunter2""#), "JSON with other keys or types was expected (line 1, column 9)");
    }

    #[test]
    fn an_empty_text_counts_as_absent() {
        let full = Some(Text(Cow::Borrowed("Kim")));
        assert_eq!(first_filled([&None, &Some(Text::default()), &full]), Some("Kim"));
    }
}
