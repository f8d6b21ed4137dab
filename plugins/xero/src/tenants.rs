//! The tenants of an OAuth grant: listing the organisations, checking that one is connected, and disconnecting it.

use jackfield_sdk::http;
use jackfield_sdk::{Account, Disconnected, Error, UpstreamError, UpstreamFate, percent_encode};
use serde::Deserialize;

use crate::request;

const CONNECTIONS: &str = "https://api.xero.com/connections";

/// The largest number of accounts that the contract lets a person choose from.
const MAX_ACCOUNTS: usize = 1_000;

/// One tenant that the grant is connected to.
#[derive(Deserialize)]
pub(crate) struct Tenant {
    /// Xero's id for the link between app and tenant, which is needed to delete it.
    #[serde(rename = "id")]
    connection_id: String,
    #[serde(rename = "tenantId")]
    pub(crate) id: String,
    #[serde(rename = "tenantType")]
    kind: Option<String>,
    #[serde(rename = "tenantName")]
    pub(crate) name: Option<String>,
}

/// Lists the tenants that are organisations. An accountant's practice is not one.
pub(crate) fn list_organisations() -> Result<Vec<Tenant>, Error> {
    let mut tenants = list()?;
    tenants.retain(|tenant| tenant.kind.as_deref() == Some("ORGANISATION"));
    Ok(tenants)
}

/// Converts organisations into the accounts that a person chooses from.
pub(crate) fn to_accounts(organisations: Vec<Tenant>) -> Vec<Account> {
    let account = |tenant: Tenant| Account { name: tenant.name.unwrap_or_else(|| tenant.id.clone()), id: tenant.id };
    organisations.into_iter().take(MAX_ACCOUNTS).map(account).collect()
}

/// Returns an error unless the grant is still connected to the tenant.
pub(crate) fn require_connected(id: &str) -> Result<(), Error> {
    if list()?.iter().any(|tenant| tenant.id == id) { Ok(()) } else { Err(no_longer_connected()) }
}

/// Disconnects the tenant, and asks the host to revoke the grant unless other tenants still use it.
///
/// Revoking the grant disconnects every tenant of the user who connected.
pub(crate) fn disconnect(id: Option<&str>) -> Result<Disconnected, Error> {
    let (ours, others): (Vec<Tenant>, Vec<Tenant>) =
        list()?.into_iter().partition(|tenant| Some(tenant.id.as_str()) == id);
    for tenant in ours {
        delete(&tenant.connection_id)?;
    }
    if others.is_empty() {
        return Ok(UpstreamFate::RevokeGrant.into());
    }
    Ok(Disconnected::kept(
        "Another organisation still uses the grant, so it was not revoked. To revoke it, disconnect the app in Xero \
         under Settings, Connected apps.",
    ))
}

pub(crate) fn none_connected() -> Error {
    Error::unauthorized("no organisation in Xero is connected to the app: connect again and choose one")
}

pub(crate) fn no_longer_connected() -> Error {
    Error::unauthorized("the organisation in Xero is no longer connected to the app: connect again and choose it")
}

fn list() -> Result<Vec<Tenant>, Error> {
    request::send(http::get(CONNECTIONS))?.json()
}

fn delete(connection_id: &str) -> Result<(), Error> {
    match request::send(http::delete(format!("{CONNECTIONS}/{}", percent_encode(connection_id)))) {
        // With 404 it is already deleted.
        Ok(_) | Err(Error::Upstream(UpstreamError { status: 404, .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
