//! The audit log: who did what, to which connection, when, from where, and with what outcome.

use jiff::Timestamp;
use serde::Serialize;

/// One row of the audit log, as the API lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// The number of the row. The first row is 1, and no number is skipped.
    pub seq: i64,
    pub at: Timestamp,
    /// The name of the [`Actor`].
    pub actor: String,
    /// The stored name of an [`Action`], possibly one of another version.
    pub action: String,
    pub provider: Option<String>,
    pub outcome: Outcome,
    /// Details in words, without a secret.
    pub detail: Option<String>,
    /// The IP address of the caller.
    pub origin: Option<String>,
    pub request_id: Option<String>,
}

/// An audited action. Its name is stable, because it is stored and part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stored a new connection.
    ConnectionConnect,
    /// Replaced the credential or fields of a connection.
    ConnectionUpdate,
    /// Chose the account of a connection.
    ConnectionAccount,
    /// Set where a provider sends its change alerts.
    ConnectionAlerts,
    /// Removed a connection.
    ConnectionDisconnect,
    /// Set the OAuth app of a provider.
    ProviderOAuthApp,
    /// Uploaded a plugin.
    ProviderAdd,
    /// Approved a version of a plugin.
    ProviderApprove,
    /// Disabled a plugin.
    ProviderDisable,
    /// Approved the previous version of a plugin again.
    ProviderRollback,
    /// Removed a plugin and all decisions about it.
    ProviderRemove,
    /// A plugin sent a secret of its connection, or had one sent to it, and its call was ended.
    ProviderSecretGuess,
    /// Added a person.
    PersonCreate,
    /// Changed a person.
    PersonUpdate,
    /// Removed a person.
    PersonDelete,
    /// Imported a file of people.
    PeopleImport,
    /// Mapped a person to an account.
    MappingSet,
    /// Removed a mapping.
    MappingRemove,
    /// Set mappings from a list of email addresses.
    MappingsSync,
    /// Applied the plan of a match.
    MappingsMatch,
    /// Undid the plan of a match.
    MappingsUndo,
    /// Created an API token.
    TokenCreate,
    /// Revoked an API token.
    TokenRevoke,
    /// Authenticated an API token that an older version stored.
    TokenAdopt,
    /// Created a sign-in link.
    SigninLinkCreate,
    /// Signed in.
    SessionSignIn,
    /// Signed out.
    SessionSignOut,
    /// Ended all sessions of an identity.
    SessionSignOutEverywhere,
}

impl Action {
    /// Every action.
    #[cfg(feature = "testing")]
    pub const ALL: [Self; 28] = [
        Self::ConnectionConnect,
        Self::ConnectionUpdate,
        Self::ConnectionAccount,
        Self::ConnectionAlerts,
        Self::ConnectionDisconnect,
        Self::ProviderOAuthApp,
        Self::ProviderAdd,
        Self::ProviderApprove,
        Self::ProviderDisable,
        Self::ProviderRollback,
        Self::ProviderRemove,
        Self::ProviderSecretGuess,
        Self::PersonCreate,
        Self::PersonUpdate,
        Self::PersonDelete,
        Self::PeopleImport,
        Self::MappingSet,
        Self::MappingRemove,
        Self::MappingsSync,
        Self::MappingsMatch,
        Self::MappingsUndo,
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::TokenAdopt,
        Self::SigninLinkCreate,
        Self::SessionSignIn,
        Self::SessionSignOut,
        Self::SessionSignOutEverywhere,
    ];

    /// Returns the name as it is stored and listed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionConnect => "connection.connect",
            Self::ConnectionUpdate => "connection.update",
            Self::ConnectionAccount => "connection.account",
            Self::ConnectionAlerts => "connection.alerts",
            Self::ConnectionDisconnect => "connection.disconnect",
            Self::ProviderOAuthApp => "provider.oauth_app",
            Self::ProviderAdd => "provider.add",
            Self::ProviderApprove => "provider.approve",
            Self::ProviderDisable => "provider.disable",
            Self::ProviderRollback => "provider.rollback",
            Self::ProviderRemove => "provider.remove",
            Self::ProviderSecretGuess => "provider.secret_guess",
            Self::PersonCreate => "person.create",
            Self::PersonUpdate => "person.update",
            Self::PersonDelete => "person.delete",
            Self::PeopleImport => "people.import",
            Self::MappingSet => "mapping.set",
            Self::MappingRemove => "mapping.remove",
            Self::MappingsSync => "mappings.sync",
            Self::MappingsMatch => "mappings.match",
            Self::MappingsUndo => "mappings.undo",
            Self::TokenCreate => "token.create",
            Self::TokenRevoke => "token.revoke",
            Self::TokenAdopt => "token.adopt",
            Self::SigninLinkCreate => "signin_link.create",
            Self::SessionSignIn => "session.sign_in",
            Self::SessionSignOut => "session.sign_out",
            Self::SessionSignOutEverywhere => "session.sign_out_everywhere",
        }
    }
}

/// The result of an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Refused,
}

impl Outcome {
    /// Returns the outcome as it is stored and listed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// Who acts, from where, and in which request.
///
/// Every audited operation takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Identifies the caller. Two callers with the same name have different ids.
    pub id: String,
    pub name: String,
    /// The IP address of the caller.
    pub origin: Option<String>,
    pub request_id: Option<String>,
}

impl Actor {
    /// Creates an actor outside of any request, such as the command line.
    ///
    /// The name is also its id.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { id: name.clone(), name, origin: None, request_id: None }
    }
}
