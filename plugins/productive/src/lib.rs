//! The Productive plugin: its manifest and its exported functions.

mod api;

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    Account, ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider,
    Report,
};

/// Connects to one organisation at Productive with a person's API token.
#[derive(Debug)]
pub struct Productive;

jackfield_sdk::export!(Productive);

impl Provider for Productive {
    fn describe() -> Manifest {
        Manifest::new("productive", "Productive", env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("api_token", "API token")
                    .help("In Productive: Settings, then API access, then generate a token. Read-only is enough.")
                    .help_url("https://help.productive.io/en/articles/5440689-api-access")
                    .pattern("^[!-~]+$"),
            )
            .field(
                Field::text("organization_id", "Organization ID")
                    .help(
                        "The number in the address bar, after app.productive.io/. Leave it empty if the token has \
                         access to one organisation, or to choose among several.",
                    )
                    .pattern("^[0-9]+$")
                    .optional(),
            )
            .endpoint(
                get("api.productive.io/api/v2/organization_memberships")
                    .credential("api_token")
                    .header("X-Auth-Token", "{}"),
            )
            .endpoint(get("api.productive.io/api/v2/people").credential("api_token").header("X-Auth-Token", "{}"))
            .lists_users()
            .has_accounts()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        let chosen = connection.field("organization_id").or(connection.account.as_deref());
        let mut organizations = api::list_organizations(chosen)?;
        if organizations.is_empty() {
            return Err(Error::forbidden("membership of an organisation"));
        }
        if let Some(id) = chosen {
            organizations.retain(|organization| organization.id == id);
        }
        if organizations.len() > 1 {
            return Ok(to_accounts(organizations).into());
        }
        let organization = organizations.pop().ok_or_else(|| {
            Error::invalid(
                "organization_id",
                "The token has no access to this organisation: check the ID, or clear the field.",
            )
        })?;
        api::check_access(&organization.id)?;
        let connected = Connected { org_name: organization.name, ..Connected::new() }.account(&*organization.id);
        Ok(connected.into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        Ok(Disconnected::kept("Productive has no API to revoke a token: revoke it there under Settings, API access."))
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let id = organization_id(connection)?;
        // The list contains every organisation of the token, whichever the request names.
        let mut organizations = api::list_organizations(Some(id))?.into_iter();
        let organization = organizations
            .find(|organization| organization.id == id)
            .ok_or_else(|| Error::forbidden(format!("membership of the organisation {id}")))?;
        Ok(vec![Report::text("organisation", organization.name.unwrap_or(organization.id))])
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        api::list_people(organization_id(connection)?, page)
    }
}

fn organization_id(connection: &Connection) -> Result<&str, Error> {
    match &connection.account {
        Some(account) => Ok(account),
        None => connection.required("organization_id"),
    }
}

fn to_accounts(organizations: Vec<api::Organization>) -> Vec<Account> {
    let account = |organization: api::Organization| Account {
        name: organization.name.unwrap_or_else(|| organization.id.clone()),
        id: organization.id,
    };
    organizations.into_iter().map(account).collect()
}
