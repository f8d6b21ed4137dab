//! Converts the arguments and answers of `jackfield:provider/types@0.1.0`, which every version of the contract uses.
//!
//! Nothing is checked here; see `crate::answers`.

use jackfield_core::{Account, FieldError};

use crate::{
    bindings::jackfield::provider::types,
    error::ProviderError,
    http_types,
    types::{ConnectOutcome, DisconnectOutcome, Fact, FactValue, GuestConnection, UpstreamFate},
};

pub(super) fn to_wit_connection(connection: GuestConnection) -> types::Connection {
    let GuestConnection { fields, account } = connection;
    let fields = fields.into_iter().map(|(name, value)| types::FieldValue { name, value }).collect();
    types::Connection { fields, account }
}

pub(super) fn from_wit_connect(outcome: types::ConnectOutcome) -> ConnectOutcome {
    match outcome {
        types::ConnectOutcome::Connected(types::Connected { org_name, account, learned }) => {
            let learned = learned.into_iter().map(|types::FieldValue { name, value }| (name, value)).collect();
            ConnectOutcome::Connected { org_name, account, learned }
        }
        types::ConnectOutcome::Choose(accounts) => {
            let accounts = accounts.into_iter().map(|types::Account { id, name }| Account { id, name });
            ConnectOutcome::Choose(accounts.collect())
        }
    }
}

pub(super) fn from_wit_disconnect(disconnected: types::Disconnected) -> DisconnectOutcome {
    let upstream = match disconnected.upstream {
        types::UpstreamFate::Revoked => UpstreamFate::Revoked,
        types::UpstreamFate::RevokeGrant => UpstreamFate::RevokeGrant,
        types::UpstreamFate::Kept => UpstreamFate::Kept,
    };
    DisconnectOutcome { upstream, note: disconnected.note }
}

pub(super) fn from_wit_facts(reports: Vec<types::Report>) -> Vec<Fact> {
    reports
        .into_iter()
        .map(|types::Report { name, value }| {
            let value = match value {
                types::ReportValue::Text(text) => FactValue::Text(text),
                types::ReportValue::Number(number) => FactValue::Number(number),
                types::ReportValue::Flag(flag) => FactValue::Flag(flag),
                types::ReportValue::Texts(texts) => FactValue::Texts(texts),
            };
            Fact { name, value }
        })
        .collect()
}

pub(super) fn from_wit_error(error: types::Error) -> ProviderError {
    match error {
        types::Error::Unauthorized(code) => ProviderError::Unauthorized(code),
        types::Error::Forbidden(permission) => ProviderError::Forbidden(permission),
        types::Error::RateLimited(seconds) => ProviderError::RateLimited(seconds),
        types::Error::Unsupported(operation) => ProviderError::Unsupported(operation),
        types::Error::Upstream(types::UpstreamError { status, message }) => ProviderError::Upstream { status, message },
        types::Error::Malformed(reason) => ProviderError::Malformed(reason),
        types::Error::Invalid(types::InvalidField { field, message }) => {
            ProviderError::Invalid(FieldError::new(field, message))
        }
        types::Error::Http(error) => ProviderError::Http(http_types::from_wit_error(error)),
    }
}
