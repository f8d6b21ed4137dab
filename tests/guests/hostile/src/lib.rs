//! A component that attacks its host. Its field `behaviour` says how; the ids are those of the project's threat list.
//!
//! A behaviour may carry an argument behind a colon, such as `many-records:1001` for the edge of a bound. What it
//! found it reports in `health`. In `connect` the behaviours run under the name `connect-…`, in `disconnect` under
//! `disconnect-…`; anything else succeeds there without a request.

mod answers;
mod bindings;
mod compute;
mod probe;
mod requests;
mod wasi_http;

use bindings::{
    exports::jackfield::provider::provider::Guest,
    jackfield::provider::types::{
        Account, Attachment, Auth, Capabilities, ConnectOutcome, Connected, Connection, CredentialSource, Disconnected,
        Endpoint, Error, Field, FieldKind, HeaderPlace, InvalidField, Manifest, MappingFate, Method, Page, PageRequest,
        Place, Report, ReportValue, UpstreamFate, User,
    },
};

/// The host whose endpoints carry the credential.
const HOST: &str = "api.hostile.example.com";

/// The host whose endpoint carries none.
const BARE_HOST: &str = "other.hostile.example.org";

/// The component.
#[derive(Debug)]
pub struct Hostile;

// The names of these exports hold a colon, which a native linker does not take.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "what the export macro expands to reads what the host passes")]
mod export {
    use super::{Hostile, bindings};

    bindings::export!(Hostile with_types_in bindings);
}

impl Guest for Hostile {
    fn describe() -> Manifest {
        let endpoint = |method, host: &str, path: &str, credential: Option<Attachment>| Endpoint {
            method,
            host: host.to_owned(),
            path: path.to_owned(),
            credential,
        };
        let token = || {
            let place = HeaderPlace { name: "X-Auth-Token".to_owned(), format: "{}".to_owned() };
            Some(Attachment { source: CredentialSource::Field("token".to_owned()), place: Place::Header(place) })
        };
        Manifest {
            id: "hostile".to_owned(),
            title: "Hostile".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            auth: Auth::Fields,
            fields: vec![
                // T24: what is approved must not depend on the moment, so the host has to still all of these.
                field("behaviour", &probe::what_varies(), false),
                field("token", "Any text of eight letters or more.", true),
            ],
            endpoints: vec![
                endpoint(Method::Get, HOST, "/ok", token()),
                endpoint(Method::Get, HOST, "/slow", token()),
                endpoint(Method::Post, HOST, "/echo", token()),
                endpoint(Method::Get, BARE_HOST, "/bare", None),
            ],
            capabilities: Capabilities::USERS,
            on_disconnect: MappingFate::Keep,
        }
    }

    fn connect(connection: Connection) -> Result<ConnectOutcome, Error> {
        match behaviour(&connection).strip_prefix("connect-") {
            Some("choose") => {
                let account = |id: &str| Account { id: id.to_owned(), name: format!("Account {id}") };
                return Ok(ConnectOutcome::Choose(vec![account("one"), account("two")]));
            }
            Some("request") => requests::ok_or_error()?,
            Some(other) => drop(run(other)?),
            None => {}
        }
        let connected = Connected { org_name: Some("Hostile".to_owned()), account: None, learned: Vec::new() };
        Ok(ConnectOutcome::Connected(connected))
    }

    fn disconnect(connection: Connection) -> Result<Disconnected, Error> {
        if let Some(other) = behaviour(&connection).strip_prefix("disconnect-") {
            run(other)?;
        }
        Ok(Disconnected { upstream: UpstreamFate::Revoked, note: None })
    }

    fn health(connection: Connection) -> Result<Vec<Report>, Error> {
        run(behaviour(&connection))
    }

    fn list_users(connection: Connection, page: PageRequest) -> Result<Page, Error> {
        let (name, argument) = named(behaviour(&connection));
        let one = |next_cursor| Page { users: vec![answers::user("1")], next_cursor };
        Ok(match name {
            // T16: a page of a million users; another count behind the colon.
            "many-records" => Page { users: vec![answers::nobody(); count(argument, 1_000_000)], next_cursor: None },
            // T35: a page that leads to itself.
            "same-cursor" => one(Some(page.cursor.unwrap_or_else(|| "again".to_owned()))),
            // T35: two pages that lead to each other.
            "two-page-loop" => one(Some(if page.cursor.as_deref() == Some("b") { "a" } else { "b" }.to_owned())),
            // T16: each text of a user so long.
            "long-fields" => {
                let long = "l".repeat(count(argument, 1_000_000));
                let user =
                    User { external_id: long.clone(), name: long.clone(), email: Some(long), ..answers::user("1") };
                Page { users: vec![user], next_cursor: None }
            }
            // T16: a cursor so long.
            "long-cursor" => one(Some("c".repeat(count(argument, 1_000_000)))),
            "ok" => one(None),
            _ => {
                run(behaviour(&connection))?;
                one(None)
            }
        })
    }
}

/// Does what a behaviour says.
fn run(behaviour: &str) -> Result<Vec<Report>, Error> {
    let (name, argument) = named(behaviour);
    Ok(match name {
        "ok" => vec![text("behaviour", "ok")],

        // T14: an endless loop of plain instructions.
        "spin" => compute::spin(),
        // T14: an endless loop of bulk instructions, each of which runs long.
        "spin-bulk" => compute::spin_bulk(),
        // T14: sleeps for an hour in the host.
        "sleep" => compute::sleep(),
        // T17: ends the program.
        "exit" => std::process::exit(7),
        // T17: traps.
        "panic" => panic!("as it was told to"),
        // T15: takes memory until it is refused, and says how much it got.
        "grow-memory" => compute::grow_memory(),
        // T15: recursion without an end.
        "recursion" => compute::recursion(),
        // T15: handles of the host without an end, or so many; says how many it got.
        "handles" => compute::handles(count(argument, 1_000_000)),
        // T18: leaves a pattern in 16 MB, and says what it found there before.
        "leftovers" => probe::leftovers(),

        // T16: an error text of 100 MB, or so many bytes.
        "huge-string" => return Err(Error::Malformed("h".repeat(count(argument, 100_000_000)))),
        // T17: a number that is none, or a name or value that breaks the contract.
        "bad-report" => answers::bad_report(argument),
        // T16: a name and a text so long.
        "long-fields" => answers::long_fields(count(argument, 1_000_000)),
        // T16: so many reports.
        "many-reports" => answers::many_reports(count(argument, 100_000)),
        // T36: the error of this name, with words that try to look like something else.
        "error" => return Err(answers::error(argument)),

        // T20: a million requests, or so many, that only the budget stops.
        "flood-send" => requests::flood(count(argument, 1_000_000)),
        // T20: a thousand requests.
        "thousand-requests" => requests::flood(count(argument, 1_000)),
        // T20: a million lines, or so many, with line ends and terminal codes.
        "flood-log" => compute::flood_log(count(argument, 1_000_000)),
        // T01: a path that no endpoint has, and spellings that might pass for one that does.
        "undeclared-path" => requests::undeclared_paths(),
        // T01: a method that no endpoint has.
        "undeclared-method" => requests::undeclared_method(),
        // T01: hosts that no endpoint has.
        "undeclared-host" => requests::undeclared_hosts(),
        // T02: sets `Authorization` itself.
        "own-authorization" => requests::own_authorization(),
        // T02: sets the credential's place itself, in several spellings.
        "own-place" => requests::own_place(),
        // T33: sets fields of framing and routing, and breaks out of a field.
        "header-injection" => requests::header_injection(),
        // T01: calls the endpoint that is declared without a credential.
        "bare-host" => vec![text("bare_host", &requests::get(BARE_HOST, "/bare"))],
        // T03: returns all that the echo answered.
        "echo" => requests::echo(),
        // T21: waits for an answer that does not come.
        "slow" => vec![text("slow", &requests::get(HOST, "/slow"))],

        // The same through the second door. T33: with the fields that libraries set by themselves.
        "wasi-http-library" => wasi_http::as_libraries_do(),
        // T01, T02, T33: what was not approved, and what is the host's to set.
        "wasi-http-undeclared" => wasi_http::undeclared(),
        // T03: returns all that the echo answered.
        "wasi-http-echo" => wasi_http::echo(),
        // T20: a thousand requests, or so many.
        "wasi-http-flood" => wasi_http::flood(count(argument, 1_000)),
        // T21: waits for an answer that does not come.
        "wasi-http-slow" => vec![text("slow", &wasi_http::get(HOST, "/slow"))],
        // T15: requests that are begun and not finished.
        "wasi-http-unfinished" => wasi_http::unfinished(count(argument, 10_000)),
        // T15: a field set without an end.
        "wasi-http-fields" => wasi_http::fields(),
        // T23: what the standard has beyond a plain request.
        "wasi-http-beyond" => wasi_http::beyond(),

        // T05, T23: tries all that the linked WASI could give.
        "dump-environment" => probe::dump_environment(),
        // T24: the same words as in the manifest, where they may vary.
        "clock-and-random" => vec![text("what_varies", &probe::what_varies())],

        _ => {
            let message = format!("there is no behaviour {behaviour}");
            return Err(Error::Invalid(InvalidField { field: "behaviour".to_owned(), message }));
        }
    })
}

fn behaviour(connection: &Connection) -> &str {
    let field = connection.fields.iter().find(|field| field.name == "behaviour");
    field.map_or("ok", |field| field.value.as_str())
}

fn named(behaviour: &str) -> (&str, &str) {
    behaviour.split_once(':').unwrap_or((behaviour, ""))
}

fn count(argument: &str, otherwise: usize) -> usize {
    argument.parse().unwrap_or(otherwise)
}

fn text(name: &str, value: &str) -> Report {
    // The contract's bound on a text, in characters.
    Report { name: name.to_owned(), value: ReportValue::Text(value.chars().take(500).collect()) }
}

fn number(name: &str, value: usize) -> Report {
    Report { name: name.to_owned(), value: ReportValue::Number(value as f64) }
}

fn field(name: &str, help: &str, secret: bool) -> Field {
    Field {
        name: name.to_owned(),
        label: name.to_owned(),
        help: help.to_owned(),
        help_url: None,
        kind: FieldKind::Text,
        secret,
        required: true,
        choices: Vec::new(),
        pattern: None,
    }
}
