//! The tenants of an OAuth grant: listing the organisations, checking that one is connected, and disconnecting it.

use jackfield_sdk::http;
use jackfield_sdk::{Account, Disconnected, Error, JsonValue, UpstreamError, UpstreamFate, percent_encode};

use crate::request;

const CONNECTIONS: &str = "https://api.xero.com/connections";

/// The largest number of accounts that the contract lets a person choose from.
const MAX_ACCOUNTS: usize = 1_000;

/// One tenant that the grant is connected to.
pub(crate) struct Tenant {
    /// Xero's id for the link between app and tenant, which is needed to delete it.
    connection_id: Option<String>,
    pub(crate) id: String,
    kind: Option<String>,
    pub(crate) name: Option<String>,
}

/// The tenants of a grant.
struct TenantList {
    readable: Vec<Tenant>,
    has_unreadable: bool,
}

/// Lists the tenants that are organisations. An accountant's practice is not one.
pub(crate) fn list_organisations() -> Result<Vec<Tenant>, Error> {
    let mut tenants = list()?;
    tenants.readable.retain(|tenant| tenant.kind.as_deref() != Some("PRACTICE"));
    if tenants.readable.is_empty() && tenants.has_unreadable { Err(tenants.missing()) } else { Ok(tenants.readable) }
}

/// Returns an organisation by id, or an error unless the grant is still connected to it.
pub(crate) fn find_organisation(id: &str) -> Result<Tenant, Error> {
    let tenants = list()?;
    let missing = tenants.missing();
    tenants.readable.into_iter().find(|tenant| tenant.id == id).ok_or(missing)
}

/// Converts organisations into the accounts that a person chooses from.
pub(crate) fn to_accounts(organisations: Vec<Tenant>) -> Vec<Account> {
    let account = |tenant: Tenant| Account { name: tenant.name.unwrap_or_else(|| tenant.id.clone()), id: tenant.id };
    organisations.into_iter().take(MAX_ACCOUNTS).map(account).collect()
}

/// Returns an error unless the grant is still connected to the tenant.
pub(crate) fn require_connected(id: &str) -> Result<(), Error> {
    find_organisation(id).map(drop)
}

/// Disconnects the tenant, and asks the host to revoke the grant unless other tenants still use it.
///
/// Revoking the grant disconnects every tenant of the user who connected.
pub(crate) fn disconnect(id: Option<&str>) -> Result<Disconnected, Error> {
    let tenants = list()?;
    let unreadable = tenants.has_unreadable.then(|| tenants.missing());
    let (ours, others): (Vec<Tenant>, Vec<Tenant>) =
        tenants.readable.into_iter().partition(|tenant| Some(tenant.id.as_str()) == id);
    if let Some(error) = unreadable.as_ref().filter(|_| ours.is_empty()) {
        return Err(error.clone());
    }
    for tenant in ours {
        let id = tenant.connection_id.ok_or_else(|| Error::malformed("a connection with an `id` was expected"))?;
        delete(&id)?;
    }
    // A row that cannot be read is probably another organisation.
    if others.is_empty() && unreadable.is_none() {
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

impl TenantList {
    /// Returns the error for a tenant that is not among the readable ones.
    ///
    /// If a row cannot be read, it may be that tenant, so nothing shows that the tenant is no longer connected.
    fn missing(&self) -> Error {
        if self.has_unreadable {
            return Error::malformed("connections with a `tenantId` were expected");
        }
        Error::unauthorized("the organisation in Xero is no longer connected to the app: connect again and choose it")
    }
}

fn list() -> Result<TenantList, Error> {
    let response = request::send(http::get(CONNECTIONS))?;
    // An object is no empty list: it would mean that nothing is connected.
    let value = response.value()?;
    let rows = if value.object().is_none() { value.list() } else { None };
    let rows = rows.ok_or_else(|| Error::malformed("a list of connections was expected"))?;
    let count = rows.len();
    let readable: Vec<Tenant> = rows.into_iter().filter_map(to_tenant).collect();
    let tenants = TenantList { has_unreadable: readable.len() < count, readable };
    // An empty list means that nothing is connected, which must not be confused with a list that cannot be read.
    if tenants.readable.is_empty() && tenants.has_unreadable { Err(tenants.missing()) } else { Ok(tenants) }
}

/// Reads one tenant. Returns `None` without the id of the tenant.
fn to_tenant(row: JsonValue<'_>) -> Option<Tenant> {
    let row = row.object()?;
    let text = |key: &str| row.get(key).text().map(String::from);
    Some(Tenant {
        connection_id: text("id"),
        id: text("tenantId")?,
        kind: text("tenantType"),
        name: text("tenantName"),
    })
}

fn delete(connection_id: &str) -> Result<(), Error> {
    match request::send(http::delete(format!("{CONNECTIONS}/{}", percent_encode(connection_id)))) {
        // With 404 it is already deleted.
        Ok(_) | Err(Error::Upstream(UpstreamError { status: 404, .. })) => Ok(()),
        Err(error) => Err(error),
    }
}
