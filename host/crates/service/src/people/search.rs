//! Searches people by a part of their name or email address.

use jackfield_core::{Error, Person, ProviderId, invisible};
use jackfield_store::{MappingFilter, PeopleFilter, PeopleQuery, PersonWithAccounts, SearchPage, Store};

use super::{
    People,
    normalize::{to_email_part, to_search_text},
};

/// Maximum length of a search text in characters.
const MAX_SEARCH_TEXT: usize = 200;

/// People whose search names are written in one transaction.
const BATCH: u32 = 5_000;

/// A search as a caller sent it, not validated.
#[derive(Clone, Debug)]
pub struct PeopleSearch {
    /// A part of the name or the email address; empty finds everybody.
    pub text: String,
    pub mapping: MappingFilter,
    pub provider: Option<String>,
    pub offset: u32,
    pub limit: u32,
}

impl People {
    /// Finds people, including inactive ones, in the order of their names.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] if the text or the provider is not valid, or the database fails.
    pub async fn find(&self, search: &PeopleSearch) -> Result<SearchPage<Person>, Error> {
        Ok(self.store.find_people(&validate(search, PeopleFilter::All)?, search.offset, search.limit).await?)
    }

    /// Finds active people with their accounts, in the order of their names.
    ///
    /// # Errors
    /// See [`find`](Self::find).
    pub async fn find_mapped(&self, search: &PeopleSearch) -> Result<SearchPage<PersonWithAccounts>, Error> {
        Ok(self
            .store
            .find_people_with_accounts(&validate(search, PeopleFilter::Active)?, search.offset, search.limit)
            .await?)
    }
}

fn validate(search: &PeopleSearch, filter: PeopleFilter) -> Result<PeopleQuery, Error> {
    let invalid = |field: &str, message: String| Error::field(field, message);
    let text = invisible::trim(&search.text);
    if text.chars().count() > MAX_SEARCH_TEXT {
        return Err(invalid("q", format!("is longer than {MAX_SEARCH_TEXT} characters")));
    }
    if text.contains(char::is_control) {
        return Err(invalid("q", "contains a control character".to_owned()));
    }
    let provider = search.provider.as_deref().map(ProviderId::parse).transpose();
    let provider = provider.map_err(|error| invalid("provider", format!("is not a provider id: {error}")))?;
    let (name, email) = (to_search_text(text), to_email_part(text));
    Ok(PeopleQuery { filter, name, email, mapping: search.mapping, provider })
}

/// Adds the search form of the name to people who have none.
///
/// An older version of this program stored them without it.
///
/// # Errors
/// The database fails.
pub async fn update_search_names(store: &Store) -> Result<(), Error> {
    let mut after = String::new();
    loop {
        let people = store.people_without_search_name(&after, BATCH).await?;
        let Some((last, _)) = people.last() else { return Ok(()) };
        after.clone_from(last);
        let names: Vec<(String, String)> = people.into_iter().map(|(id, name)| (id, to_search_text(&name))).collect();
        store.set_search_names(&names).await?;
    }
}
