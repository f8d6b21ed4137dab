//! Acme HR: what it asks for, and how it answers. Change the host, the path and what the answer looks like.

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{ConnectOutcome, Connected, Connection, Error, Field, Manifest, Provider, Report, Text, http};
use serde::Deserialize;

/// One company in Acme HR.
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
        let answer = whoami()?;
        let who: Whoami<'_> = answer.json()?;
        Ok(Connected::new().org_name(&*who.company).into())
    }

    fn health(_: &Connection) -> Result<Vec<Report>, Error> {
        let answer = whoami()?;
        let who: Whoami<'_> = answer.json()?;
        Ok(vec![Report::text("company", &*who.company)])
    }
}

#[derive(Deserialize)]
struct Whoami<'a> {
    #[serde(borrow)]
    company: Text<'a>,
}

/// Asks whose token it is. The host adds the token on the way out.
fn whoami() -> Result<http::Response, Error> {
    let answer = http::get("https://api.acme-hr.example/v1/whoami").send()?;
    match answer.status {
        200 => Ok(answer),
        // Only where the provider itself says so: an outage must not look like a dead credential.
        401 => Err(Error::unauthorized("the token is not valid")),
        _ => Err(answer.failure("", None)),
    }
}
