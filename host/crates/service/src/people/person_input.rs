//! The fields of a person as a caller sends them, and their validation. Pure.

use jackfield_core::{Error, FieldError};
use jackfield_store::PersonChange;

use super::{
    field_rules::{validate_email, validate_id, validate_name},
    normalize::{to_email_key, to_search_text},
};

/// The fields of a person as a caller sent them, not validated.
///
/// `None` means that the field was not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonInput {
    pub name: Option<String>,
    pub email: Option<String>,
    /// `Some(None)` removes the id.
    pub user_id: Option<Option<String>>,
    pub active: Option<bool>,
}

/// The fields that a caller has to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequiredFields {
    NameAndEmail,
    None,
}

impl PersonInput {
    /// Validates every field.
    ///
    /// # Errors
    /// [`Error::InvalidFields`] with every field that is missing or not valid.
    pub(super) fn validate(self, required: RequiredFields) -> Result<PersonChange, Error> {
        let mut errors = Vec::new();
        let mut take = |field: &str, value: Option<Result<String, String>>| match value {
            Some(Ok(value)) => Some(value),
            Some(Err(message)) => {
                errors.push(FieldError::new(field, message));
                None
            }
            None => None,
        };
        let if_missing = || (required == RequiredFields::NameAndEmail).then(|| Err("is required".to_owned()));
        let name = take("name", self.name.map_or_else(if_missing, |name| Some(validate_name(&name))));
        let email = take("email", self.email.map_or_else(if_missing, |email| Some(validate_email(&email))));
        let user_id = match self.user_id {
            Some(Some(id)) => take("user_id", Some(validate_id(&id).map(str::to_owned))).map(Some),
            other => other,
        };
        if !errors.is_empty() {
            return Err(Error::InvalidFields(errors));
        }
        let name = name.map(|name| {
            let search_name = to_search_text(&name);
            (name, search_name)
        });
        let email = email.map(|email| {
            let key = to_email_key(&email);
            (email, key)
        });
        Ok(PersonChange { name, email, user_id, active: self.active })
    }
}
