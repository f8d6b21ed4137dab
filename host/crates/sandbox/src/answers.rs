//! Checks the values that a component returns, and limits their length.
//!
//! Text for people is sanitized and cut. An id, a cursor or an address is never changed. A user whose id is too long, and
//! an address that is too long, are left out, so that one row of a provider does not hide the others. Any other value
//! that is too long violates the contract, and the call ends as a fault of the component.

use std::collections::BTreeMap;

use jackfield_core::{Account, FieldError, User, manifest::Manifest};
use jackfield_egress::{SendError, TokenErrorResponse};
use serde_json::{Number, Value};

use crate::{
    error::{CallError, ProviderError},
    field_value::validate_field_value,
    text::{sanitize, sanitize_owned},
    types::{ConnectOutcome, DisconnectOutcome, Fact, FactValue, GuestPage, GuestUser, HealthFacts, ProviderUsers},
};

/// Maximum number of characters of a reason, a message or a fact.
const MESSAGE_CHARS: usize = 500;
/// Maximum number of characters of a person's name.
const NAME_CHARS: usize = 500;
/// Maximum number of characters of the name of an organisation or an account.
const ORG_NAME_CHARS: usize = 200;
/// Maximum number of bytes of an id at the provider.
const ID_BYTES: usize = 256;
/// Maximum number of bytes of an email address (RFC 5321 §4.5.3.1: 64 + 1 + 255).
const EMAIL_BYTES: usize = 320;
/// Maximum number of additional addresses of one user.
const ALIASES: usize = 16;
/// Maximum number of bytes of a cursor.
const CURSOR_BYTES: usize = 2 << 10;
/// Maximum number of users of one page.
const USERS: usize = 1_000;
/// Maximum number of accounts of one credential.
const ACCOUNTS: usize = 1_000;
/// Maximum number of facts of a health check, and of texts of one fact.
const FACTS: usize = 64;
/// Maximum number of bytes of the URL that receives change alerts.
const WEBHOOK_BYTES: usize = 2 << 10;

pub(crate) fn check_connect(outcome: ConnectOutcome, manifest: &Manifest) -> Result<ConnectOutcome, CallError> {
    match outcome {
        ConnectOutcome::Connected { org_name, account, learned } => Ok(ConnectOutcome::Connected {
            org_name: org_name.map(|name| sanitize(&name, ORG_NAME_CHARS)),
            account: account.map(|id| check_length("an account id", id, ID_BYTES)).transpose()?,
            learned: check_learned(learned, manifest)?,
        }),
        ConnectOutcome::Choose(accounts) => check_accounts(accounts).map(ConnectOutcome::Choose),
    }
}

pub(crate) fn check_disconnect(outcome: DisconnectOutcome) -> DisconnectOutcome {
    let DisconnectOutcome { upstream, note } = outcome;
    DisconnectOutcome { upstream, note: note.map(|note| sanitize(&note, MESSAGE_CHARS)) }
}

pub(crate) fn check_facts(facts: Vec<Fact>) -> Result<HealthFacts, CallError> {
    if facts.len() > FACTS {
        return Err(violation(&format!("it returned more than {FACTS} facts")));
    }
    let mut checked = HealthFacts::new();
    for Fact { name, value } in facts {
        let is_identifier = name.len() <= 40
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !is_identifier {
            return Err(violation(&format!("the name of a fact, `{}`, is not an identifier", sanitize(&name, 60))));
        }
        let value = check_fact_value(&name, value)?;
        checked.insert(name, value);
    }
    Ok(checked)
}

pub(crate) fn check_users(page: GuestPage) -> Result<ProviderUsers, CallError> {
    // Some providers send an empty cursor with the last page.
    let next_cursor = page.next_cursor.filter(|cursor| !cursor.is_empty());
    let next_cursor = next_cursor.map(|cursor| check_length("a cursor", cursor, CURSOR_BYTES)).transpose()?;
    let mut skipped = page.users.len().saturating_sub(USERS);
    let mut users = Vec::with_capacity(page.users.len().min(USERS));
    let mut cut = 0;
    for GuestUser { user, is_person } in page.users.into_iter().take(USERS) {
        if !is_person {
            continue;
        }
        if user.external_id.is_empty() || user.external_id.len() > ID_BYTES {
            skipped += 1;
            continue;
        }
        let (user, is_cut) = fit_user(user);
        cut += usize::from(is_cut);
        users.push(user);
    }
    if skipped > 0 || cut > 0 {
        tracing::warn!(skipped, cut, "users of a plugin that exceed the limits left out or cut");
    }
    Ok(ProviderUsers { users, next_cursor, skipped })
}

pub(crate) fn check_alert_target(url: Option<String>) -> Result<Option<String>, CallError> {
    url.map(|url| check_length("the URL for alerts", url, WEBHOOK_BYTES)).transpose()
}

/// Converts an error that a component returned.
///
/// A denied request is a fault, because the component sent a request that its manifest does not declare.
pub(crate) fn check_error(error: ProviderError, manifest: &Manifest) -> CallError {
    let sanitize = |text: &str| sanitize(text, MESSAGE_CHARS);
    CallError::Provider(match error {
        ProviderError::Unauthorized(code) => ProviderError::Unauthorized(sanitize(&code)),
        ProviderError::Forbidden(permission) => ProviderError::Forbidden(sanitize(&permission)),
        ProviderError::RateLimited(seconds) => ProviderError::RateLimited(seconds),
        ProviderError::Unsupported(operation) => ProviderError::Unsupported(sanitize(&operation)),
        ProviderError::Upstream { status, message } => ProviderError::Upstream { status, message: sanitize(&message) },
        ProviderError::Malformed(reason) => ProviderError::Malformed(sanitize(&reason)),
        ProviderError::Invalid(invalid) if manifest.field(&invalid.field).is_none() => {
            return violation("it reported an invalid field that its manifest does not declare");
        }
        ProviderError::Invalid(FieldError { field, message }) => {
            ProviderError::Invalid(FieldError::new(field, sanitize(&message)))
        }
        ProviderError::Http(SendError::Denied(denial)) => {
            return CallError::Fault(format!("{}: {}", denial.rule, sanitize(&denial.message)));
        }
        ProviderError::Http(error) => ProviderError::Http(check_send_error(error)),
    })
}

fn check_learned(
    learned: BTreeMap<String, String>,
    manifest: &Manifest,
) -> Result<BTreeMap<String, String>, CallError> {
    for (name, value) in &learned {
        let Some(field) = manifest.field(name).filter(|field| !field.secret) else {
            return Err(violation("it learned a field that is secret or that its manifest does not declare"));
        };
        // The value is stored, displayed, and can become part of a credential: the same rules as for a person apply.
        if let Err(why) = validate_field_value(field, value) {
            return Err(violation(&format!("the value that it learned for `{name}` {why}")));
        }
    }
    Ok(learned)
}

fn check_accounts(accounts: Vec<Account>) -> Result<Vec<Account>, CallError> {
    if !(2..=ACCOUNTS).contains(&accounts.len()) {
        return Err(violation(&format!("it returned a choice of fewer than 2 or more than {ACCOUNTS} accounts")));
    }
    accounts
        .into_iter()
        .map(|Account { id, name }| {
            Ok(Account { id: check_length("an account id", id, ID_BYTES)?, name: sanitize(&name, ORG_NAME_CHARS) })
        })
        .collect()
}

fn check_fact_value(name: &str, value: FactValue) -> Result<Value, CallError> {
    Ok(match value {
        FactValue::Text(text) => Value::String(sanitize(&text, MESSAGE_CHARS)),
        FactValue::Number(number) => {
            let not_finite = || violation(&format!("the fact `{name}` is {number}, which is not a finite number"));
            Value::Number(Number::from_f64(number).ok_or_else(not_finite)?)
        }
        FactValue::Flag(flag) => Value::Bool(flag),
        FactValue::Texts(texts) if texts.len() <= FACTS => {
            texts.iter().map(|text| Value::String(sanitize(text, MESSAGE_CHARS))).collect()
        }
        FactValue::Texts(_) => return Err(violation(&format!("a fact has more than {FACTS} texts"))),
    })
}

/// Sanitizes the name of a user and leaves out addresses beyond the limits. Returns whether any was left out.
fn fit_user(user: User) -> (User, bool) {
    let is_valid = |email: &String| email.len() <= EMAIL_BYTES;
    let addresses = usize::from(user.email.is_some()) + user.aliases.len();
    let email = user.email.filter(is_valid);
    let aliases: Vec<String> = user.aliases.into_iter().filter(is_valid).take(ALIASES).collect();
    let is_cut = usize::from(email.is_some()) + aliases.len() < addresses;
    (User { name: sanitize_owned(user.name, NAME_CHARS), email, aliases, ..user }, is_cut)
}

fn check_send_error(error: SendError) -> SendError {
    let sanitize = |text: &str| sanitize(text, MESSAGE_CHARS);
    match error {
        SendError::Unreachable(reason) => SendError::Unreachable(sanitize(&reason)),
        SendError::Malformed(reason) => SendError::Malformed(sanitize(&reason)),
        SendError::CredentialRefused(response) => SendError::CredentialRefused(TokenErrorResponse {
            status: response.status,
            error: response.error.as_deref().map(sanitize),
            description: response.description.as_deref().map(sanitize),
            date: response.date.as_deref().map(sanitize),
        }),
        SendError::Denied(_) | SendError::TimedOut | SendError::TooLarge | SendError::RateLimited(_) => error,
    }
}

fn violation(what: &str) -> CallError {
    CallError::Fault(format!("it violated the contract: {what}"))
}

fn check_length(what: &str, text: String, max_bytes: usize) -> Result<String, CallError> {
    if text.len() > max_bytes {
        return Err(violation(&format!("{what} is longer than {max_bytes} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
