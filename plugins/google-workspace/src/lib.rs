//! Google Workspace for Jackfield: what an administrator fills in, and the four things that can be done with it.

mod api;
mod refusal;
mod rows;

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Field, Manifest, Page, PageRequest, Provider, Report,
    ServiceAccountGrant,
};

use crate::rows::Calendar;

/// One Google Workspace, by a service account that reads a calendar of it and, for an administrator, its people.
#[derive(Debug)]
pub struct GoogleWorkspace;

jackfield_sdk::export!(GoogleWorkspace);

/// Where Google gives out tokens, whatever a key file says.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// What key files of some years ago say instead.
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
        let calendar = try_both(connection)?;
        let domain = |address: &str| address.rsplit_once('@').map(|(_, domain)| domain.to_owned());
        let owner = connection.field("admin_email").or(calendar.data_owner.as_deref());
        Ok(Connected { org_name: owner.and_then(domain), ..Connected::new() }.into())
    }

    fn disconnect(_: &Connection) -> Result<Disconnected, Error> {
        Ok(Disconnected::kept(
            "Delete the key in Google Cloud under IAM & Admin, Service Accounts, and the service account's entry in \
             Google's admin console under Security, API controls, Domain-wide delegation; tokens end within the hour.",
        ))
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        let calendar = try_both(connection)?;
        let reports = [("calendar", calendar.summary), ("time_zone", calendar.time_zone)];
        Ok(reports.into_iter().filter_map(|(name, text)| Some(Report::text(name, text?))).collect())
    }

    fn list_users(connection: &Connection, page: &PageRequest) -> Result<Page, Error> {
        match administrator(connection)? {
            Some(administrator) => rows::users(administrator, page),
            None => Err(Error::unsupported(
                "without an administrator: fill in admin_email, and give the service account domain-wide delegation",
            )),
        }
    }
}

/// Looks at the calendar and, where people can be listed, at one of them, so that a missing right shows at once.
fn try_both(connection: &Connection) -> Result<Calendar, Error> {
    let administrator = administrator(connection)?;
    let calendar = rows::calendar(connection.required("calendar_id")?, administrator)?;
    if let Some(administrator) = administrator {
        rows::users(administrator, &PageRequest::first(1))?;
    }
    Ok(calendar)
}

/// Gives the administrator to act for; acting for the service account itself only looks like delegation.
fn administrator(connection: &Connection) -> Result<Option<&str>, Error> {
    let administrator = connection.field("admin_email");
    if administrator.is_some_and(|address| address.ends_with(".gserviceaccount.com")) {
        return Err(Error::invalid(
            "admin_email",
            "This is a service account: give the email address of a person who administers the Workspace.",
        ));
    }
    Ok(administrator)
}
