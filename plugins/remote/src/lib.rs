//! The Remote plugin: its manifest and its exported functions.

mod api;

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider, Report,
};

use api::{Company, Environment};

/// Connects to one company at Remote with the company's API token.
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
                    .help(
                        "Optional: the token determines the company. If filled in, it must be the ID of that company.",
                    )
                    .pattern("^[A-Za-z0-9-]+$")
                    .optional(),
            )
            .field(
                Field::choice(
                    "environment",
                    "Environment",
                    &[(Environment::Production.name(), "Production"), (Environment::Sandbox.name(), "Sandbox")],
                )
                .help("The environment that issued the token; production if left empty.")
                .optional(),
            )
            .field(
                Field::text("org_name", "Name")
                    .help("The name of this connection; the company's name at Remote if left empty.")
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
        let company = match api::get_company(environment) {
            Err(Error::Unauthorized(message)) => return Err(explain_unauthorized(environment, message)),
            company => require_company(connection, company?)?,
        };
        let org_name = connection.field("org_name").map(Into::into).or(company.name);
        let connected = Connected { org_name, ..Connected::new() };
        Ok(connected.learned_unless_typed(connection, "company_id", &company.id).into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        Ok(Disconnected::kept(
            "Remote has no API to revoke a token: revoke it there under Integrations, Remote API, Revoke token.",
        ))
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let environment = environment(connection)?;
        let company = require_company(connection, api::get_company(environment)?)?;
        let status = api::get_company_status(environment, &company.id)?;
        let name = company.name.map(|name| Report::text("company_name", name));
        let status = Report::text("company_status", status.as_deref().unwrap_or("unknown"));
        Ok(name.into_iter().chain([status, Report::text("environment", environment.name())]).collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        api::list_employments(environment(connection)?, page)
    }
}

fn environment(connection: &Connection) -> Result<Environment, Error> {
    match connection.field("environment") {
        None => Ok(Environment::Production),
        Some(name) => Environment::from_name(name)
            .ok_or_else(|| Error::invalid("environment", "must be `production` or `sandbox`")),
    }
}

/// Returns the company of the token, or an error if `company_id` names another one.
fn require_company(connection: &Connection, company: Option<Company>) -> Result<Company, Error> {
    let company = company.ok_or_else(|| {
        Error::invalid(
            "api_token",
            "The token belongs to a partner's client: use one that the company itself generated.",
        )
    })?;
    match connection.field("company_id") {
        Some(id) if id != company.id => Err(Error::invalid(
            "company_id",
            format!("The token belongs to the company {}: enter that ID, or clear the field.", company.id),
        )),
        _ => Ok(company),
    }
}

/// Distinguishes a token of the other environment from an invalid one, because Remote rejects both in the same way.
fn explain_unauthorized(environment: Environment, message: String) -> Error {
    match api::get_company(environment.other()) {
        Ok(_) => Error::invalid(
            "environment",
            format!("Wrong environment: the token belongs to {}.", environment.other().name()),
        ),
        Err(_) => Error::Unauthorized(message),
    }
}
