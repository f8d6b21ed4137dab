//! The part of a list that a request asks for, and the cursors between pages.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::Error;
use jackfield_service::people::{PeopleSearch, is_id};
use jackfield_store::MappingFilter;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::operation::ProviderIdView;

const DEFAULT_LIMIT: u32 = 100;

const MAX_LIMIT: u32 = 1_000;

/// The query of a list of people or mappings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// Maximum number of people to return.
    #[schemars(range(min = 1, max = MAX_LIMIT), extend("default" = DEFAULT_LIMIT))]
    limit: Option<u32>,
    /// Number of matching people to skip.
    offset: Option<u32>,
    /// Part of the name or the email address, without regard to case and accents.
    #[schemars(length(max = 200))]
    q: Option<String>,
    /// The provider that `state` refers to; any provider if omitted.
    #[schemars(with = "Option<ProviderIdView>")]
    provider: Option<String>,
    /// Only people with an account, or only people without one.
    state: Option<MappingStateQuery>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum MappingStateQuery {
    Mapped,
    Unmapped,
}

/// The part of a list that a request asks for.
#[derive(Debug)]
pub(crate) enum ListPart {
    Whole,
    /// In the order of creation, starting after an id.
    Page {
        after: Option<String>,
        limit: u32,
    },
    /// In the order of names, with the total number.
    Search(PeopleSearch),
}

impl PageQuery {
    /// Validates the query.
    ///
    /// # Errors
    /// An invalid cursor, a number out of range, or parameters that cannot be combined.
    pub(crate) fn into_part(self) -> Result<ListPart, Error> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Error::field("limit", format!("must be 1 to {MAX_LIMIT}")));
        }
        if self.offset.is_some() || self.q.is_some() || self.filters_mappings() {
            if self.cursor.is_some() {
                let message = "cannot be combined with `offset`, `q`, `provider` or `state`; use `offset`";
                return Err(Error::field("cursor", message));
            }
            let mapping = match self.state {
                None => MappingFilter::Any,
                Some(MappingStateQuery::Mapped) => MappingFilter::Mapped,
                Some(MappingStateQuery::Unmapped) => MappingFilter::Unmapped,
            };
            let (text, offset) = (self.q.unwrap_or_default(), self.offset.unwrap_or_default());
            return Ok(ListPart::Search(PeopleSearch { text, mapping, provider: self.provider, offset, limit }));
        }
        if self.cursor.is_none() && self.limit.is_none() {
            return Ok(ListPart::Whole);
        }
        Ok(ListPart::Page { after: self.cursor.as_deref().map(decode_cursor).transpose()?, limit })
    }

    /// Returns whether the query has a filter that only lists of mappings support.
    pub(crate) fn filters_mappings(&self) -> bool {
        self.provider.is_some() || self.state.is_some()
    }
}

/// Encodes the cursor of the page after an id.
pub(crate) fn encode_cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn decode_cursor(cursor: &str) -> Result<String, Error> {
    let id = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    id.filter(|id| is_id(id))
        .ok_or_else(|| Error::field("cursor", "is not valid; use the `next_cursor` of a previous page"))
}
