//! Scrapin for Jackfield: what an administrator fills in, and what can be done with it. It has no users.

mod api;

use jackfield_sdk::endpoint::{get, post};
use jackfield_sdk::{
    AlertTarget, Alerts, ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Provider, Report,
};

use api::AlertStatus;

/// One workspace at Scrapin, by its API key.
#[derive(Debug)]
pub struct Scrapin;

jackfield_sdk::export!(Scrapin, alerts);

impl Provider for Scrapin {
    fn describe() -> Manifest {
        Manifest::new("scrapin", "Scrapin", env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("api_key", "API key")
                    .help("In Scrapin's application, on the page API.")
                    .help_url("https://app.scrapin.io/api")
                    .pattern("^[!-~]+$"),
            )
            .field(
                Field::text("org_name", "Name")
                    .help("What to call this connection. Scrapin itself has no name for a workspace.")
                    .optional(),
            )
            .endpoint(get("api.scrapin.io/v1/workspaces/quotas").credential("api_key").header("x-api-key", "{}"))
            // These read the key from the query and nowhere else.
            .endpoint(get("api.scrapin.io/v1/alerts/url").credential("api_key").query("apikey"))
            .endpoint(post("api.scrapin.io/v1/alerts/url").credential("api_key").query("apikey"))
            .takes_alerts()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        credits()?;
        let org_name = connection.field("org_name").map(Into::into);
        Ok(Connected { org_name, ..Connected::new() }.into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        match turn_off() {
            // A key that is dead sends no alerts, nor does a workspace whose alerts are gone.
            Ok(()) | Err(Error::Unauthorized(_) | Error::Unsupported(_)) => Ok(Disconnected::kept(
                "Scrapin cannot be asked to revoke a key: delete it there, at https://app.scrapin.io/api.",
            )),
            Err(error) => Err(error),
        }
    }

    fn health(_: &Connection) -> Result<Vec<Report>, Error> {
        Ok(credits()?.map(|left| Report::number("credits_left", left)).into_iter().collect())
    }
}

impl Alerts for Scrapin {
    fn get_target(_: &Connection) -> Result<AlertTarget, Error> {
        Ok(AlertTarget { webhook_url: api::alert_url()? })
    }

    fn set_target(_: &Connection, target: &AlertTarget) -> Result<AlertTarget, Error> {
        let webhook_url = match &target.webhook_url {
            Some(url) => api::set_alert_url(url, AlertStatus::Active)?,
            None => {
                turn_off()?;
                None
            }
        };
        Ok(AlertTarget { webhook_url })
    }
}

/// Counts the credits that are left; none where the key is good and Scrapin does not say.
fn credits() -> Result<Option<f64>, Error> {
    match api::credits_left() {
        Err(Error::Unauthorized(word)) => match api::alert_url() {
            // The quotas have refused keys that were good everywhere else.
            Ok(_) => Ok(None),
            Err(Error::Upstream(failure)) if failure.status == 402 => Ok(None),
            // Where there are no alerts to ask for, the first answer stands.
            Err(Error::Unauthorized(_) | Error::Unsupported(_)) => Err(Error::Unauthorized(word)),
            Err(error) => Err(error),
        },
        Err(Error::Upstream(failure)) if failure.status == 402 => Ok(Some(0.0)),
        left => left.map(Some),
    }
}

/// Stops alerts where there are any. There is no way to remove the address.
fn turn_off() -> Result<(), Error> {
    match api::alert_url()? {
        Some(url) => api::set_alert_url(&url, AlertStatus::Inactive).map(drop),
        None => Ok(()),
    }
}
