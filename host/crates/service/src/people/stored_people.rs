//! People whom an earlier version stored by weaker rules: their addresses are compared as new ones, shared ids are told.

use jackfield_core::Error;
use jackfield_store::{Store, StoredEmail};

use super::{display_person, normalize::to_email_key};

/// Maximum number of people that a log line names.
const SHOWN_PEOPLE: u32 = 10;

/// Compares addresses with `mailto:`, punctuation or invisible characters as the addresses that they contain.
///
/// The addresses themselves are kept as they were entered. If another person has the same address, both are kept, and
/// the log names the one that is not found by it.
///
/// # Errors
/// The database fails.
pub async fn update_email_keys(store: &Store) -> Result<(), Error> {
    for StoredEmail { person_id, email, email_key } in store.unclean_emails().await? {
        let new_key = to_email_key(&email);
        if new_key == email_key || new_key.is_empty() {
            continue;
        }
        if store.set_email_key(&person_id, &new_key).await? {
            tracing::info!(person = person_id, "email address compared without what surrounds it");
        } else {
            tracing::warn!(
                person = person_id,
                email,
                "another person has this email address without the characters that surround it; remove one of the two"
            );
        }
    }
    Ok(())
}

/// Logs that people share a `user_id`, which earlier versions accepted.
///
/// # Errors
/// The database fails.
pub async fn warn_about_shared_user_ids(store: &Store) -> Result<(), Error> {
    let people = store.people_with_shared_user_id(SHOWN_PEOPLE).await?;
    if !people.is_empty() {
        let shown: Vec<String> = people.iter().map(display_person).collect();
        tracing::warn!(
            people = shown.join(", "),
            "people share a user_id, so an import cannot tell them apart; change all but one of them"
        );
    }
    Ok(())
}
