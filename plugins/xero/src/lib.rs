//! The Xero plugin: its manifest and its exported functions.

mod date;
mod people;
mod request;
mod resources;
mod tenants;

use jackfield_sdk::endpoint::{delete, get};
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Manifest, Oauth2Grant, Page, PageRequest, Provider,
    RefreshTokens, Report, UpstreamFate,
};

/// Connects to one organisation in Xero through the OAuth grant of one of its users.
#[derive(Debug)]
pub struct Xero;

jackfield_sdk::export!(Xero);

/// Seconds for which Xero accepts a refresh token again after its first use, so that a lost response can be retried.
const REUSE_PERIOD: u32 = 30 * 60;

/// Seconds after which an unused refresh token expires.
const IDLE_LIFETIME: u32 = 60 * 24 * 60 * 60;

impl Provider for Xero {
    fn describe() -> Manifest {
        let grant = Oauth2Grant::new(
            "https://login.xero.com/identity/connect/authorize",
            "https://identity.xero.com/connect/token",
        );
        Manifest::new("xero", "Xero", env!("CARGO_PKG_VERSION"))
            .oauth2(
                grant
                    .revocation_url("https://identity.xero.com/connect/revocation")
                    .scope("offline_access")
                    .scope(resources::SETTINGS_SCOPE)
                    .scope(resources::PAYROLL_SCOPE)
                    .refresh(RefreshTokens::Rotating(Some(REUSE_PERIOD)))
                    .idle_lifetime(IDLE_LIFETIME),
            )
            .endpoint(get("api.xero.com/connections").oauth())
            .endpoint(delete("api.xero.com/connections/*").oauth())
            .endpoint(get("api.xero.com/api.xro/2.0/Organisation").oauth())
            .endpoint(get("api.xero.com/api.xro/2.0/Users").oauth())
            .endpoint(get("api.xero.com/payroll.xro/1.0/Employees").oauth())
            .endpoint(get("api.xero.com/payroll.xro/2.0/Employees").oauth())
            .lists_users()
            .has_accounts()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        let tenant = match connection.account.as_deref() {
            Some(id) => tenants::find_organisation(id)?,
            None => {
                let mut organisations = tenants::list_organisations()?;
                if organisations.len() > 1 {
                    return Ok(tenants::to_accounts(organisations).into());
                }
                organisations.pop().ok_or_else(tenants::none_connected)?
            }
        };
        let connected = Connected { org_name: tenant.name, ..Connected::new() };
        Ok(connected.account(tenant.id).into())
    }

    fn disconnect(connection: &Connection) -> Result<Disconnected, Error> {
        match tenants::disconnect(connection.account.as_deref()) {
            // A grant that is no longer valid need not be revoked. If only the access token expired, the host refreshes
            // it and calls again.
            Err(Error::Unauthorized(name)) if name != request::TOKEN_EXPIRED => Ok(UpstreamFate::Revoked.into()),
            outcome => outcome,
        }
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let tenant = require_tenant(connection)?;
        // Tokens remain valid after an organisation disconnects the app, so check the tenant first.
        tenants::require_connected(tenant)?;
        let organisation = resources::get_organisation(tenant)?;
        Ok(organisation.name.map(|name| Report::text("organisation", name)).into_iter().collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        people::list(require_tenant(connection)?, page)
    }
}

/// Returns the tenant id of the organisation that a person chose.
fn require_tenant(connection: &Connection) -> Result<&str, Error> {
    let account = connection.account.as_deref().filter(|account| !account.is_empty());
    account.ok_or_else(|| Error::unsupported("as long as no organisation is chosen"))
}
