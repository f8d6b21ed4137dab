//! Acme HR: its manifest and its exported functions. Change the host, the path and the parsing of the response.

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{ConnectOutcome, Connected, Connection, Error, Field, Manifest, Provider, Report, Text, http};
use serde::Deserialize;

/// Connects to one company in Acme HR.
#[derive(Debug)]
pub struct AcmeHr;

jackfield_sdk::export!(AcmeHr);

impl Provider for AcmeHr {
    fn describe() -> Manifest {
        Manifest::new("acme-hr", "Acme HR", env!("CARGO_PKG_VERSION"))
            .field(Field::secret("api_token", "API token").help("In Acme HR: Settings, then API."))
            .endpoint(get("api.acme-hr.example/v1/whoami").bearer("api_token"))
    }

    fn connect(_: &Connection) -> Result<ConnectOutcome, Error> {
        let response = get_whoami()?;
        let who: Whoami<'_> = response.json()?;
        Ok(Connected::new().org_name(&*who.company).into())
    }

    fn health(_: &Connection) -> Result<Vec<Report>, Error> {
        let response = get_whoami()?;
        let who: Whoami<'_> = response.json()?;
        Ok(vec![Report::text("company", &*who.company)])
    }
}

#[derive(Deserialize)]
struct Whoami<'a> {
    #[serde(borrow)]
    company: Text<'a>,
}

/// Requests the company of the token. The host adds the token to the request.
fn get_whoami() -> Result<http::Response, Error> {
    let response = http::get("https://api.acme-hr.example/v1/whoami").send()?;
    match response.status {
        200 => Ok(response),
        // Only 401 rejects the token, because an outage must not look like an invalid token.
        401 => Err(Error::unauthorized("the token is not valid")),
        _ => Err(response.failure("", None)),
    }
}
