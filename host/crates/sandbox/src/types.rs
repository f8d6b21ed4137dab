//! The operations that the sandbox can run, their arguments and their answers, independent of the contract's version.

use std::collections::BTreeMap;

use jackfield_core::{Account, User};
use jackfield_egress::CallPermissions;

/// The connection and the permissions of one call.
#[derive(Debug)]
pub struct Call {
    /// The endpoints and credentials that the call may use.
    pub permissions: CallPermissions,
    /// The connection's fields that are not secret, by name.
    pub fields: BTreeMap<String, String>,
    /// The id of the chosen account, if the credential belongs to several.
    pub account: Option<String>,
}

/// Checks a new credential, and finds out which organisation or account it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Connect;

/// Revokes the credential at the provider, if possible.
#[derive(Clone, Copy, Debug)]
pub struct Disconnect;

/// Checks with the provider whether the connection works.
#[derive(Clone, Copy, Debug)]
pub struct CheckHealth;

/// Lists one page of the provider's users.
#[derive(Clone, Debug)]
pub struct ListUsers {
    /// The `next_cursor` of the previous page; `None` for the first page.
    pub cursor: Option<String>,
    /// The preferred number of users. A page may contain fewer or more.
    pub limit: u32,
}

/// Reads the URL to which the provider sends change alerts.
#[derive(Clone, Copy, Debug)]
pub struct GetAlertTarget;

/// Sets the URL to which the provider sends change alerts; `None` turns them off.
#[derive(Clone, Debug)]
pub struct SetAlertTarget(pub Option<String>);

/// The answer to [`Connect`].
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectOutcome {
    /// The credential works.
    Connected {
        /// The organisation's name at the provider.
        org_name: Option<String>,
        /// The id of the account that the credential belongs to.
        account: Option<String>,
        /// Values of fields that were left empty and that the provider knows, by field name.
        learned: BTreeMap<String, String>,
    },
    /// The credential works for several accounts. A person must choose one of them.
    Choose(Vec<Account>),
}

/// The answer to [`Disconnect`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisconnectOutcome {
    /// What happened to the credential at the provider.
    pub upstream: UpstreamFate,
    /// An explanation for the administrator.
    pub note: Option<String>,
}

/// What happened to a credential at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamFate {
    /// It is revoked, now or earlier.
    Revoked,
    /// The host must revoke the OAuth grant.
    RevokeGrant,
    /// It is still valid, because the provider has no API to revoke it or something else still uses it.
    Kept,
}

/// The answer to [`CheckHealth`]: facts about the connection, by name.
pub type HealthFacts = serde_json::Map<String, serde_json::Value>;

/// The answer to [`ListUsers`].
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderUsers {
    /// At most 1,000 people; accounts that belong to no person are left out.
    pub users: Vec<User>,
    /// The cursor of the next page; `None` on the last page.
    pub next_cursor: Option<String>,
    /// How many users were left out because they exceed the limits.
    pub skipped: usize,
}

/// The connection as a component sees it.
#[derive(Debug)]
pub(crate) struct GuestConnection {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) account: Option<String>,
}

/// One fact of a health check, as a component returns it.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: FactValue,
}

/// The value of a fact.
#[derive(Debug)]
pub(crate) enum FactValue {
    Text(String),
    Number(f64),
    Flag(bool),
    Texts(Vec<String>),
}

/// One page of users, as a component returns it.
#[derive(Debug)]
pub(crate) struct GuestPage {
    pub(crate) users: Vec<GuestUser>,
    pub(crate) next_cursor: Option<String>,
}

/// One account at the provider, as a component returns it.
#[derive(Debug)]
pub(crate) struct GuestUser {
    pub(crate) user: User,
    /// Whether the account belongs to a person. Always `true` in version 0.1.0, which lists people only.
    pub(crate) is_person: bool,
}
