//! Remote for Jackfield: what an administrator fills in, and the four things that can be done with it.

mod api;

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider, Report,
};

use api::{Company, Environment};

/// One company at Remote, by an API token of its own.
#[derive(Debug)]
pub struct Remote;

jackfield_sdk::export!(Remote);

impl Provider for Remote {
    fn describe() -> Manifest {
        Manifest::new("remote", "Remote", env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("api_token", "API token")
                    .help(
                        "In Remote, as an owner or admin: Integrations, then Remote API, then generate a token. It \
                         starts with ra_live_, or with ra_test_ in the sandbox.",
                    )
                    .help_url("https://remote.com/resources/api/auth-and-authorization")
                    .pattern("^ra_(live|test)_[!-~]+$"),
            )
            .field(
                Field::text("company_id", "Company ID")
                    .help("Leave it empty: the token tells. Given, it has to be the company of the token.")
                    .pattern("^[A-Za-z0-9-]+$")
                    .optional(),
            )
            .field(
                Field::choice(
                    "environment",
                    "Environment",
                    &[(Environment::Production.name(), "Production"), (Environment::Sandbox.name(), "Sandbox")],
                )
                .help("Where the token is from. Left empty, it is production.")
                .optional(),
            )
            .field(
                Field::text("org_name", "Name")
                    .help("What to call this connection. Left empty, it is the company's name at Remote.")
                    .optional(),
            )
            .endpoint(get("gateway.remote.com/v1/identity/current").bearer("api_token"))
            .endpoint(get("gateway.remote.com/v1/companies/*").bearer("api_token"))
            .endpoint(get("gateway.remote.com/v1/employments").bearer("api_token"))
            .endpoint(get("gateway.remote-sandbox.com/v1/identity/current").bearer("api_token"))
            .endpoint(get("gateway.remote-sandbox.com/v1/companies/*").bearer("api_token"))
            .endpoint(get("gateway.remote-sandbox.com/v1/employments").bearer("api_token"))
            .lists_users()
            .clears_mappings()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        let environment = environment(connection)?;
        let company = match api::identity(environment) {
            Err(Error::Unauthorized(word)) => return Err(refused(environment, word)),
            company => the_company(connection, company?)?,
        };
        let org_name = connection.field("org_name").map(Into::into).or(company.name);
        let connected = Connected { org_name, ..Connected::new() };
        Ok(connected.learned_unless_typed(connection, "company_id", &company.id).into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        Ok(Disconnected::kept(
            "Remote cannot be asked to revoke a token: do it there, under Integrations, Remote API, Revoke token.",
        ))
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let environment = environment(connection)?;
        let company = the_company(connection, api::identity(environment)?)?;
        let status = api::company_status(environment, &company.id)?;
        let name = company.name.map(|name| Report::text("company_name", name));
        let status = Report::text("company_status", status.as_deref().unwrap_or("unknown"));
        Ok(name.into_iter().chain([status, Report::text("environment", environment.name())]).collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        api::employments(environment(connection)?, page)
    }
}

fn environment(connection: &Connection) -> Result<Environment, Error> {
    match connection.field("environment") {
        None => Ok(Environment::Production),
        Some(name) => {
            Environment::named(name).ok_or_else(|| Error::invalid("environment", "is neither production nor sandbox"))
        }
    }
}

/// The company of the token, which has to be the one that was typed in.
fn the_company(connection: &Connection, company: Option<Company>) -> Result<Company, Error> {
    let company = company.ok_or_else(|| {
        Error::invalid("api_token", "The token is for a partner's client: use one that a company made for itself.")
    })?;
    match connection.field("company_id") {
        Some(id) if id != company.id => Err(Error::invalid(
            "company_id",
            format!("The token is for the company {}: give that ID, or clear the field.", company.id),
        )),
        _ => Ok(company),
    }
}

/// Says why a token was refused: one for the other environment looks just like one that is dead.
fn refused(environment: Environment, word: String) -> Error {
    match api::identity(environment.other()) {
        Ok(_) => Error::invalid(
            "environment",
            format!("Wrong environment: the token is for the {} one.", environment.other().name()),
        ),
        Err(_) => Error::Unauthorized(word),
    }
}
