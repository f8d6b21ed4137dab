//! The Google Workspace plugin: its manifest and its exported functions.

mod api;
mod api_errors;
mod calendar;
mod directory;
mod request;
mod token_errors;

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider, Report,
    ServiceAccountGrant,
};

use crate::calendar::Calendar;

/// Connects to one Google Workspace through a service account.
///
/// The service account reads one calendar and, when it acts for an administrator, the people of the directory.
#[derive(Debug)]
pub struct GoogleWorkspace;

jackfield_sdk::export!(GoogleWorkspace);

/// Google's token endpoint, whatever `token_uri` a key file has.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The `token_uri` of older key files.
const OLD_TOKEN_URL: &str = "https://accounts.google.com/o/oauth2/token";

impl Provider for GoogleWorkspace {
    fn describe() -> Manifest {
        Manifest::new("google-workspace", "Google Workspace", env!("CARGO_PKG_VERSION"))
            .service_account(
                ServiceAccountGrant::new("service_account_key", TOKEN_URL)
                    .token_uri(OLD_TOKEN_URL)
                    .universe_domain("googleapis.com"),
            )
            .field(
                Field::secret_json("service_account_key", "Service account key")
                    .help(
                        "The JSON file of a key, as a whole. In Google Cloud: IAM & Admin, Service Accounts, your \
                         account, Keys, Add key. Its project needs the Google Calendar API and the Admin SDK API.",
                    )
                    .help_url("https://console.cloud.google.com/iam-admin/serviceaccounts"),
            )
            .field(
                Field::text("calendar_id", "Calendar ID")
                    .help(
                        "In Google Calendar: the calendar's settings, Integrate calendar. Share the calendar with the \
                         administrator below, or without one with the service account's email address.",
                    )
                    .pattern("^[A-Za-z0-9_][A-Za-z0-9._+'#@-]*$"),
            )
            .field(
                Field::email("admin_email", "Administrator's email")
                    .optional()
                    .help(
                        "Needed to list people: an administrator who may read users, and for whom the service account \
                         acts. In Google's admin console, Security, API controls, Domain-wide delegation, add the \
                         key's client_id with the scopes https://www.googleapis.com/auth/calendar.readonly and \
                         https://www.googleapis.com/auth/admin.directory.user.readonly.",
                    )
                    .help_url("https://admin.google.com/ac/owl/domainwidedelegation"),
            )
            .endpoint(
                get("www.googleapis.com/calendar/v3/calendars/*").minted(&[api::CALENDAR.scope], Some("admin_email")),
            )
            .endpoint(
                get("admin.googleapis.com/admin/directory/v1/users")
                    .minted(&[api::DIRECTORY.scope], Some("admin_email")),
            )
            .lists_users()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        let calendar = check_access(connection)?;
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let owner = connection.field("admin_email").or(calendar.data_owner.as_deref());
        Ok(Connected { org_name: owner.and_then(domain), ..Connected::new() }.into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        Ok(Disconnected::kept(
            "Delete the key in Google Cloud under IAM & Admin, Service Accounts, and the service account's entry in \
             Google's admin console under Security, API controls, Domain-wide delegation; tokens expire within the hour.",
        ))
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let calendar = check_access(connection)?;
        let reports = [("calendar", calendar.summary), ("time_zone", calendar.time_zone)];
        Ok(reports.into_iter().filter_map(|(name, text)| Some(Report::text(name, text?))).collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        match administrator(connection)? {
            Some(administrator) => directory::list(administrator, page),
            None => Err(Error::unsupported(
                "without an administrator: fill in admin_email, and give the service account domain-wide delegation",
            )),
        }
    }
}

/// Reads the calendar and, if people can be listed, one of them, so that a missing permission is found at once.
fn check_access(connection: &Connection) -> Result<Calendar, Error> {
    let administrator = administrator(connection)?;
    let calendar = calendar::find(connection.required("calendar_id")?, administrator)?;
    if let Some(administrator) = administrator {
        directory::list(administrator, &PageRequest::first(1))?;
    }
    Ok(calendar)
}

/// Returns the administrator to act for.
///
/// A service account is rejected, because acting for itself is not delegation.
fn administrator(connection: &Connection) -> Result<Option<&str>, Error> {
    let administrator = connection.field("admin_email");
    if administrator.is_some_and(|address| address.ends_with(".gserviceaccount.com")) {
        return Err(Error::invalid(
            "admin_email",
            "This is a service account: enter the email address of a person who administers the Workspace.",
        ));
    }
    Ok(administrator)
}
