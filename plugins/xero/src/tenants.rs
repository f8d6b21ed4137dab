//! The tenants that a grant opens: which are organisations, which one is ours, and how it is let go.

use jackfield_sdk::http;
use jackfield_sdk::{Account, Disconnected, Error, UpstreamError, UpstreamFate, percent_encode};
use serde::Deserialize;

use crate::api;

const CONNECTIONS: &str = "https://api.xero.com/connections";

/// As many accounts as a person may be asked to choose from.
const MOST_ACCOUNTS: usize = 1_000;

/// One tenant that the grant is connected to.
#[derive(Deserialize)]
pub(crate) struct Tenant {
    /// What the connection itself is called, and deleted by.
    #[serde(rename = "id")]
    connection_id: String,
    #[serde(rename = "tenantId")]
    pub(crate) id: String,
    #[serde(rename = "tenantType")]
    kind: Option<String>,
    #[serde(rename = "tenantName")]
    pub(crate) name: Option<String>,
}

/// Lists the organisations; an accountant's practice is none.
pub(crate) fn organisations() -> Result<Vec<Tenant>, Error> {
    let mut tenants = all()?;
    tenants.retain(|tenant| tenant.kind.as_deref() == Some("ORGANISATION"));
    Ok(tenants)
}

/// Makes a choice of organisations.
pub(crate) fn to_choose_from(organisations: Vec<Tenant>) -> Vec<Account> {
    let account = |tenant: Tenant| Account { name: tenant.name.unwrap_or_else(|| tenant.id.clone()), id: tenant.id };
    organisations.into_iter().take(MOST_ACCOUNTS).map(account).collect()
}

/// Fails unless the grant is still connected to the tenant.
pub(crate) fn demand(id: &str) -> Result<(), Error> {
    if all()?.iter().any(|tenant| tenant.id == id) { Ok(()) } else { Err(cut_off()) }
}

/// Lets the tenant go, and the grant with it unless other tenants still use it.
///
/// Revoking would cut off every tenant of the user who connected.
pub(crate) fn disconnect(id: Option<&str>) -> Result<Disconnected, Error> {
    let (ours, others): (Vec<Tenant>, Vec<Tenant>) =
        all()?.into_iter().partition(|tenant| Some(tenant.id.as_str()) == id);
    for tenant in ours {
        delete(&tenant.connection_id)?;
    }
    if others.is_empty() {
        return Ok(UpstreamFate::RevokeGrant.into());
    }
    Ok(Disconnected::kept(
        "Another organisation still uses the grant, so it was not revoked: to end it, disconnect the app in Xero under \
         Settings, Connected apps.",
    ))
}

pub(crate) fn none_connected() -> Error {
    Error::unauthorized("no organisation in Xero is connected to the app: connect again and choose one")
}

pub(crate) fn cut_off() -> Error {
    Error::unauthorized("the organisation in Xero is no longer connected to the app: connect again and choose it")
}

fn all() -> Result<Vec<Tenant>, Error> {
    api::send(http::get(CONNECTIONS))?.json()
}

fn delete(connection_id: &str) -> Result<(), Error> {
    match api::send(http::delete(format!("{CONNECTIONS}/{}", percent_encode(connection_id)))) {
        // Gone already.
        Ok(_) | Err(Error::Upstream(UpstreamError { status: 404, .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
