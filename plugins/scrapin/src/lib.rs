//! The Scrapin plugin: its manifest and its exported functions. Scrapin has no users to list.

mod api;

use jackfield_sdk::endpoint::{get, post};
use jackfield_sdk::{
    AlertTarget, Alerts, ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Provider, Report,
};

use api::AlertStatus;

/// Connects to one workspace at Scrapin with its API key.
#[derive(Debug)]
pub struct Scrapin;

jackfield_sdk::export!(Scrapin, alerts);

impl Provider for Scrapin {
    fn describe() -> Manifest {
        Manifest::new("scrapin", "Scrapin", env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("api_key", "API key")
                    .help("In Scrapin's application, on the API page.")
                    .help_url("https://app.scrapin.io/api")
                    .pattern("^[!-~]+$"),
            )
            .field(
                Field::text("org_name", "Name")
                    .help("The name of this connection, because a workspace at Scrapin has none.")
                    .optional(),
            )
            .endpoint(get("api.scrapin.io/v1/workspaces/quotas").credential("api_key").header("x-api-key", "{}"))
            // These two accept the key in the query only.
            .endpoint(get("api.scrapin.io/v1/alerts/url").credential("api_key").query("apikey"))
            .endpoint(post("api.scrapin.io/v1/alerts/url").credential("api_key").query("apikey"))
            .takes_alerts()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        get_credits()?;
        let org_name = connection.field("org_name").map(Into::into);
        Ok(Connected { org_name, ..Connected::new() }.into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        match turn_off_alerts() {
            // Scrapin sends no alerts for an invalid key, or if alerts are unavailable.
            Ok(()) | Err(Error::Unauthorized(_) | Error::Unsupported(_)) => {
                Ok(Disconnected::kept("Scrapin has no API to revoke a key: delete it at https://app.scrapin.io/api."))
            }
            Err(error) => Err(error),
        }
    }

    fn health(_: &Connection) -> Result<Vec<Report>, Error> {
        Ok(get_credits()?.map(|left| Report::number("credits_left", left)).into_iter().collect())
    }
}

impl Alerts for Scrapin {
    fn get_target(_: &Connection) -> Result<AlertTarget, Error> {
        Ok(AlertTarget { webhook_url: api::get_alert_url()? })
    }

    fn set_target(_: &Connection, target: &AlertTarget) -> Result<AlertTarget, Error> {
        let webhook_url = match &target.webhook_url {
            Some(url) => api::set_alert_url(url, AlertStatus::Active)?,
            None => {
                turn_off_alerts()?;
                None
            }
        };
        Ok(AlertTarget { webhook_url })
    }
}

/// Gets the number of remaining credits; `None` if the key is valid but Scrapin does not return the number.
fn get_credits() -> Result<Option<f64>, Error> {
    match api::get_credits() {
        Err(Error::Unauthorized(message)) => match api::accepts_key_for_alerts() {
            // The quotas endpoint has rejected keys that all other endpoints accept.
            Ok(true) => Ok(None),
            Err(Error::Upstream(failure)) if failure.status == 402 => Ok(None),
            // Without alerts to check the key with, the first error counts.
            Ok(false) | Err(Error::Unauthorized(_)) => Err(Error::Unauthorized(message)),
            Err(error) => Err(error),
        },
        Err(Error::Upstream(failure)) if failure.status == 402 => Ok(Some(0.0)),
        credits => credits.map(Some),
    }
}

/// Turns alerts off if they are on. Scrapin has no request to remove the address.
fn turn_off_alerts() -> Result<(), Error> {
    match api::get_alert_url()? {
        Some(url) => api::set_alert_url(&url, AlertStatus::Inactive).map(drop),
        None => Ok(()),
    }
}
