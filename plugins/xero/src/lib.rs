//! Xero for Jackfield: the OAuth grant that an administrator gives, and the four things that can be done with it.

mod api;
mod date;
mod people;
mod tenants;

use jackfield_sdk::endpoint::{delete, get};
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Manifest, Oauth2Grant, Page, PageRequest, Provider,
    RefreshTokens, Report, UpstreamFate,
};

/// One organisation in Xero, by the grant of one of its users.
#[derive(Debug)]
pub struct Xero;

jackfield_sdk::export!(Xero);

/// Seconds for which Xero still takes a refresh token that was used, so that a lost answer can be asked for again.
const GRACE: u32 = 30 * 60;

/// Seconds after which Xero forgets a refresh token that nobody used.
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
                    .scope(api::SETTINGS_SCOPE)
                    .scope(api::PAYROLL_SCOPE)
                    .refresh(RefreshTokens::Rotating(Some(GRACE)))
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
        let mut organisations = tenants::organisations()?;
        let tenant = match connection.account.as_deref() {
            Some(id) => organisations.into_iter().find(|tenant| tenant.id == id).ok_or_else(tenants::cut_off)?,
            None if organisations.len() > 1 => return Ok(tenants::to_choose_from(organisations).into()),
            None => organisations.pop().ok_or_else(tenants::none_connected)?,
        };
        let connected = Connected { org_name: tenant.name, ..Connected::new() };
        Ok(connected.account(tenant.id).into())
    }

    fn disconnect(connection: &Connection) -> Result<Disconnected, Error> {
        match tenants::disconnect(connection.account.as_deref()) {
            // A grant that is dead already needs no revoking. A token that merely ran out is renewed by the host,
            // which then calls again.
            Err(Error::Unauthorized(word)) if word != api::TOKEN_EXPIRED => Ok(UpstreamFate::Revoked.into()),
            outcome => outcome,
        }
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let tenant = chosen(connection)?;
        // Tokens stay good when an organisation cuts the app off, so they alone say nothing.
        tenants::demand(tenant)?;
        let organisation = api::organisation(tenant)?;
        Ok(organisation.name.map(|name| Report::text("organisation", name)).into_iter().collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        people::list(chosen(connection)?, page)
    }
}

/// Gives the tenant of the organisation that a person chose.
fn chosen(connection: &Connection) -> Result<&str, Error> {
    let account = connection.account.as_deref().filter(|account| !account.is_empty());
    account.ok_or_else(|| Error::unsupported("as long as no organisation is chosen"))
}
