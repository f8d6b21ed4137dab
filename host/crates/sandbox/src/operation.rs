//! One operation: calls the export that it stands for, and bounds and judges every value of the guest's answer.

use std::collections::BTreeMap;

use jackfield_core::{Account, FieldError, User, manifest::Manifest};
use jackfield_egress::SendError;
use serde_json::{Map, Number, Value};
use wasmtime::Store;

use super::{
    Answer, CallError, Operation, ProviderError, UpstreamFate,
    bindings::{jackfield::provider::types, with_alerts::AlertsPre},
    contract::Provider,
    convert,
    guest::Guest,
};

/// Characters of a reason or a message.
const REASON: usize = 500;
/// Characters of a person's name.
const NAME: usize = 500;
/// Characters of an organisation's or an account's name.
const ORG_NAME: usize = 200;
/// Bytes of an id at the provider.
const ID: usize = 256;
/// Bytes of an email address (RFC 5321 §4.5.3.1: 64 + 1 + 255).
const EMAIL: usize = 320;
/// Further addresses of one user.
const ALIASES: usize = 16;
/// Bytes of a cursor.
const CURSOR: usize = 2 << 10;
/// Users of one page.
pub(super) const USERS: usize = 1_000;
/// Accounts behind one credential.
const ACCOUNTS: usize = 1_000;
/// Facts of a health answer, and texts of one fact.
const REPORTS: usize = 64;
/// Bytes of a field's value.
const FIELD: usize = 8 << 10;
/// Bytes of the address that alerts go to.
const WEBHOOK: usize = 2 << 10;

/// A component's exports, resolved once.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) provider: Provider,
    /// Where it exports `alerts` too.
    pub(super) alerts: Option<AlertsPre<Guest>>,
}

/// What a component answered, before it is judged.
pub(super) enum Raw {
    Connected(Result<types::ConnectOutcome, types::Error>),
    Disconnected(Result<types::Disconnected, types::Error>),
    Healthy(Result<Vec<types::Report>, types::Error>),
    Page(Result<types::Page, types::Error>),
    Target(Result<types::AlertTarget, types::Error>),
}

/// Makes a fresh instance and calls the export that an operation stands for.
pub(super) async fn perform(
    exports: &Exports,
    store: &mut Store<Guest>,
    connection: &types::Connection,
    operation: Operation,
) -> wasmtime::Result<Raw> {
    let target = match operation {
        Operation::AlertTarget => None,
        Operation::SetAlertTarget(webhook_url) => Some(types::AlertTarget { webhook_url }),
        operation => return exports.provider.perform(store, connection, operation).await,
    };
    let Some(alerts) = &exports.alerts else { wasmtime::bail!("the component does not export `alerts`") };
    let bindings = alerts.instantiate_async(&mut *store).await?;
    let alerts = bindings.jackfield_provider_alerts();
    Ok(Raw::Target(match target {
        None => alerts.call_get_target(store, connection).await?,
        Some(target) => alerts.call_set_target(store, connection, &target).await?,
    }))
}

/// The connection as a guest sees it.
pub(super) fn connection(fields: BTreeMap<String, String>, account: Option<String>) -> types::Connection {
    let fields = fields.into_iter().map(|(name, value)| types::FieldValue { name, value }).collect();
    types::Connection { fields, account }
}

/// Judges an answer; what breaks the contract is a fault of the component.
pub(super) fn answer(raw: Raw, manifest: &Manifest) -> Result<Answer, CallError> {
    match raw {
        Raw::Connected(Ok(types::ConnectOutcome::Connected(connected))) => Ok(Answer::Connected {
            org_name: connected.org_name.map(|name| convert::clean(&name, ORG_NAME)),
            account: connected.account.map(|id| bounded("an account id", id, ID)).transpose()?,
            learned: learned(connected.learned, manifest)?,
        }),
        Raw::Connected(Ok(types::ConnectOutcome::Choose(accounts))) => choice(accounts),
        Raw::Disconnected(Ok(done)) => Ok(Answer::Disconnected {
            upstream: match done.upstream {
                types::UpstreamFate::Revoked => UpstreamFate::Revoked,
                types::UpstreamFate::RevokeGrant => UpstreamFate::RevokeGrant,
                types::UpstreamFate::Kept => UpstreamFate::Kept,
            },
            note: done.note.map(|note| convert::clean(&note, REASON)),
        }),
        Raw::Healthy(Ok(reports)) => reports_as_json(reports).map(Answer::Healthy),
        Raw::Page(Ok(page)) => users(page),
        Raw::Target(Ok(target)) => target
            .webhook_url
            .map(|url| bounded("the address of alerts", url, WEBHOOK))
            .transpose()
            .map(Answer::AlertTarget),
        Raw::Connected(Err(error))
        | Raw::Disconnected(Err(error))
        | Raw::Healthy(Err(error))
        | Raw::Page(Err(error))
        | Raw::Target(Err(error)) => Err(refusal(error, manifest)),
    }
}

fn learned(values: Vec<types::FieldValue>, manifest: &Manifest) -> Result<BTreeMap<String, String>, CallError> {
    values
        .into_iter()
        .map(|types::FieldValue { name, value }| {
            let known = manifest.field(&name).is_some_and(|field| !field.secret);
            if !known {
                return Err(fault("it learned a field that it does not declare, or a secret one"));
            }
            Ok((name, bounded("a learned field", value, FIELD)?))
        })
        .collect()
}

fn choice(accounts: Vec<types::Account>) -> Result<Answer, CallError> {
    if !(2..=ACCOUNTS).contains(&accounts.len()) {
        return Err(fault("it offered a choice that is none, or one too long"));
    }
    let accounts: Result<Vec<Account>, CallError> = accounts
        .into_iter()
        .map(|account| {
            Ok(Account { id: bounded("an account id", account.id, ID)?, name: convert::clean(&account.name, ORG_NAME) })
        })
        .collect();
    accounts.map(Answer::Choose)
}

fn reports_as_json(reports: Vec<types::Report>) -> Result<Map<String, Value>, CallError> {
    if reports.len() > REPORTS {
        return Err(fault("it reported more facts than a health answer holds"));
    }
    let mut facts = Map::new();
    for types::Report { name, value } in reports {
        let well_named = name.len() <= 40
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !well_named {
            return Err(fault("it reported a fact whose name is not an identifier"));
        }
        let value = match value {
            types::ReportValue::Text(text) => Value::String(convert::clean(&text, REASON)),
            types::ReportValue::Number(number) => {
                Value::Number(Number::from_f64(number).ok_or_else(|| fault("it reported a number that is none"))?)
            }
            types::ReportValue::Flag(flag) => Value::Bool(flag),
            types::ReportValue::Texts(texts) if texts.len() <= REPORTS => {
                texts.iter().map(|text| Value::String(convert::clean(text, REASON))).collect()
            }
            types::ReportValue::Texts(_) => return Err(fault("it reported a list longer than a fact may be")),
        };
        facts.insert(name, value);
    }
    Ok(facts)
}

fn users(page: types::Page) -> Result<Answer, CallError> {
    if page.users.len() > USERS {
        return Err(fault("it gave more users than a page holds"));
    }
    let users: Result<Vec<User>, CallError> = page
        .users
        .into_iter()
        .map(|user| {
            if user.external_id.is_empty() {
                return Err(fault("it gave a user without an id"));
            }
            if user.aliases.len() > ALIASES {
                return Err(fault("it gave a user with more addresses than are taken"));
            }
            let aliases: Result<Vec<String>, CallError> =
                user.aliases.into_iter().map(|alias| bounded("an email address", alias, EMAIL)).collect();
            Ok(User {
                external_id: bounded("a user's id", user.external_id, ID)?,
                name: convert::cleaned(user.name, NAME),
                email: user.email.map(|email| bounded("an email address", email, EMAIL)).transpose()?,
                aliases: aliases?,
                active: user.active,
            })
        })
        .collect();
    let next_cursor = page.next_cursor.map(|cursor| bounded("a cursor", cursor, CURSOR)).transpose()?;
    Ok(Answer::Users { users: users?, next_cursor })
}

fn refusal(error: types::Error, manifest: &Manifest) -> CallError {
    CallError::Refused(match error {
        types::Error::Unauthorized(word) => ProviderError::Unauthorized(convert::clean(&word, REASON)),
        types::Error::Forbidden(right) => ProviderError::Forbidden(convert::clean(&right, REASON)),
        types::Error::RateLimited(seconds) => ProviderError::RateLimited(seconds),
        types::Error::Unsupported(what) => ProviderError::Unsupported(convert::clean(&what, REASON)),
        types::Error::Upstream(failure) => {
            ProviderError::Upstream { status: failure.status, message: convert::clean(&failure.message, REASON) }
        }
        types::Error::Malformed(what) => ProviderError::Malformed(convert::clean(&what, REASON)),
        types::Error::Invalid(field) if manifest.field(&field.field).is_none() => {
            return fault("it called a field invalid that it does not declare");
        }
        types::Error::Invalid(field) => {
            ProviderError::Invalid(FieldError::new(field.field, convert::clean(&field.message, REASON)))
        }
        types::Error::Http(error) => match convert::no_answer(error) {
            // It asked for what it did not declare: the component is wrong, not the provider.
            SendError::Denied(denial) => return CallError::Fault(format!("{}: {}", denial.rule, denial.message)),
            other => ProviderError::Http(other),
        },
    })
}

fn fault(what: &str) -> CallError {
    CallError::Fault(format!("it broke the contract: {what}"))
}

fn bounded(what: &str, text: String, bytes: usize) -> Result<String, CallError> {
    if text.len() > bytes {
        return Err(fault(&format!("{what} is longer than {bytes} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{super::bindings::jackfield::provider::http, *};

    /// Numbers that only look random, the same in every run (Marsaglia's xorshift).
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap_or(0)
        }

        fn text(&mut self) -> String {
            const LETTERS: [char; 12] =
                ['a', 'Z', '_', '0', ' ', '\n', '\0', '\u{1b}', '\u{202e}', 'ä', '\u{10ffff}', '\u{fffd}'];
            let length = [0, 1, 3, 40, 41, 257, 501][self.below(7)];
            (0..length).map(|_| LETTERS[self.below(12)]).collect()
        }

        fn number(&mut self) -> f64 {
            [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MIN_POSITIVE, 1e308][self.below(7)]
        }
    }

    #[test]
    fn nothing_that_a_guest_hands_over_panics_or_grows() {
        let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
        let manifest = Manifest {
            id: "example".to_owned(),
            title: "Example".to_owned(),
            version: "1.0.0".to_owned(),
            auth: jackfield_core::manifest::Auth::Fields,
            fields: Vec::new(),
            endpoints: Vec::new(),
            capabilities: jackfield_core::manifest::Capabilities::default(),
            on_disconnect: jackfield_core::manifest::MappingFate::Keep,
        };
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..100_000 {
            let raw = match numbers.below(5) {
                0 => Raw::Page(Ok(types::Page {
                    users: (0..numbers.below(3))
                        .map(|_| types::User {
                            external_id: numbers.text(),
                            name: numbers.text(),
                            email: (numbers.below(2) == 0).then(|| numbers.text()),
                            aliases: (0..[0, 0, 1, 17][numbers.below(4)]).map(|_| numbers.text()).collect(),
                            active: true,
                        })
                        .collect(),
                    next_cursor: (numbers.below(2) == 0).then(|| numbers.text()),
                })),
                1 => Raw::Healthy(Ok((0..numbers.below(3))
                    .map(|_| {
                        let value = match numbers.below(3) {
                            0 => types::ReportValue::Number(numbers.number()),
                            1 => types::ReportValue::Text(numbers.text()),
                            _ => types::ReportValue::Texts(vec![numbers.text(); numbers.below(70)]),
                        };
                        types::Report { name: ["fact".to_owned(), numbers.text()][numbers.below(2)].clone(), value }
                    })
                    .collect())),
                2 => Raw::Connected(Ok(types::ConnectOutcome::Choose(
                    (0..numbers.below(4))
                        .map(|_| types::Account { id: numbers.text(), name: numbers.text() })
                        .collect(),
                ))),
                3 => Raw::Disconnected(Ok(types::Disconnected {
                    upstream: types::UpstreamFate::Kept,
                    note: Some(numbers.text()),
                })),
                _ => Raw::Healthy(Err(match numbers.below(4) {
                    0 => types::Error::Unauthorized(numbers.text()),
                    1 => types::Error::Invalid(types::InvalidField { field: numbers.text(), message: numbers.text() }),
                    2 => types::Error::Upstream(types::UpstreamError { status: u16::MAX, message: numbers.text() }),
                    _ => types::Error::Http(http::Error::Unreachable(numbers.text())),
                })),
            };
            match answer(raw, &manifest) {
                Ok(answer) => {
                    taken += 1;
                    let shown = format!("{answer:?}");
                    assert!(!shown.contains('\u{202e}') || matches!(answer, Answer::Users { .. } | Answer::Choose(_)));
                    assert!(shown.len() < 200_000);
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().chars().count() < 1_200);
                }
            }
        }
        assert!(taken > 10_000 && refused > 10_000, "{taken} taken, {refused} refused");
    }
}
