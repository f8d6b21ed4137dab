//! A plugin with markup in every text. A browser would run it if any text were inserted as HTML.

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Error, Field, Manifest, Page, PageRequest, Provider, Report, User,
};

/// Connects to a company with a script as its name.
#[derive(Debug)]
pub struct Markup;

jackfield_sdk::export!(Markup);

/// Sets a variable of the page, which a test checks.
const SCRIPT: &str = "<script>window.ran=1</script>";
const IMAGE: &str = "<img src=x onerror=window.ran=1>";
const LINK: &str = "<a href='javascript:window.ran=1'>click</a>";

impl Provider for Markup {
    fn describe() -> Manifest {
        Manifest::new("markup", IMAGE, env!("CARGO_PKG_VERSION"))
            .field(
                Field::secret("api_key", SCRIPT)
                    .help(&format!("{IMAGE} {LINK}"))
                    // Has the length of the `javascript:` URL with which a test replaces it.
                    .help_url("https://javascript.example/window.ran=1//"),
            )
            .field(Field::choice("mood", IMAGE, &[("well", SCRIPT), ("ill", IMAGE), ("wrong", LINK)]).help(SCRIPT))
            .endpoint(get("api.markup.example/v1/me").bearer("api_key"))
            .lists_users()
    }

    fn connect(connection: &Connection) -> Result<ConnectOutcome, Error> {
        match connection.required("mood")? {
            "wrong" => Err(Error::invalid("api_key", format!("{IMAGE}{SCRIPT}"))),
            _ => Ok(Connected::new().org_name(format!("{SCRIPT}{IMAGE}")).into()),
        }
    }

    fn health(connection: &Connection) -> Result<Vec<Report>, Error> {
        match connection.required("mood")? {
            "ill" => Err(Error::unauthorized(format!("{IMAGE}{SCRIPT}{LINK}"))),
            _ => Ok(vec![Report::text("note", format!("{SCRIPT}{IMAGE}"))]),
        }
    }

    fn list_users(_: &Connection, _: &PageRequest) -> Result<Page, Error> {
        Ok(Page::last(vec![
            User::new("1<script>window.ran=1</script>", format!("{SCRIPT} Ada")).email(Some("ada@markup.example")),
            User::new("2", IMAGE).email(Some("\"<img src=x onerror=window.ran=1>\"@markup.example")),
            User::new("3", LINK).email(None),
        ]))
    }
}
