//! People as somebody looks for them: by a part of the name or the address, in the order of names.

use jackfield_core::{Error, FieldError, Person, ProviderId};
use jackfield_store::{Found, Linked, Mapped, Sought, Store, Who};

use super::{People, key};

/// Characters of what is looked for.
const LOOKED_FOR: usize = 200;

/// People who are made findable at once.
const AT_ONCE: u32 = 5_000;

/// What somebody looks for, unjudged.
#[derive(Clone, Debug)]
pub struct Search {
    /// A part of the name or the address; empty for everybody.
    pub text: String,
    pub linked: Linked,
    pub provider: Option<String>,
    pub offset: u32,
    pub limit: u32,
}

impl People {
    /// Finds people, the inactive too.
    ///
    /// # Errors
    /// What is looked for cannot be, or the database fails.
    pub async fn find(&self, search: &Search) -> Result<Found<Person>, Error> {
        Ok(self.store.find_people(&sought(search, Who::Everybody)?, search.offset, search.limit).await?)
    }

    /// Finds active people with their accounts.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub async fn find_mapped(&self, search: &Search) -> Result<Found<Mapped>, Error> {
        Ok(self.store.find_mapped(&sought(search, Who::Active)?, search.offset, search.limit).await?)
    }
}

fn sought(search: &Search, who: Who) -> Result<Sought, Error> {
    let wrong = |field: &str, message: String| Error::InvalidFields(vec![FieldError::new(field, message)]);
    let text = search.text.trim();
    if text.chars().count() > LOOKED_FOR {
        return Err(wrong("q", format!("is longer than {LOOKED_FOR} characters")));
    }
    if text.contains(char::is_control) {
        return Err(wrong("q", "holds a character that no name has".to_owned()));
    }
    let provider = search.provider.as_deref().map(ProviderId::parse).transpose();
    let provider = provider.map_err(|why| wrong("provider", format!("is none: {why}")))?;
    Ok(Sought { who, name: key::sought(text), email: key::email_key(text), linked: search.linked, provider })
}

/// Makes people findable who came with an older version of this program.
///
/// # Errors
/// The database fails.
pub async fn make_findable(store: &Store) -> Result<(), Error> {
    loop {
        let people = store.unsought_people(AT_ONCE).await?;
        if people.is_empty() {
            return Ok(());
        }
        let names: Vec<(String, String)> = people.into_iter().map(|(id, name)| (id, key::sought(&name))).collect();
        store.set_sought_names(&names).await?;
    }
}
