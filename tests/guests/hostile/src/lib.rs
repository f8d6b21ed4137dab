//! A component that attacks its host. Its field `behaviour` selects the attack; the ids are those of the threat list.
//!
//! A behaviour may have an argument after a colon, such as `many-records:1001` to exceed a limit by one. `health`
//! reports the result. `connect` runs the behaviours named `connect-…`, `disconnect` those named `disconnect-…`; with
//! any other behaviour they succeed without a request.

mod bindings;
mod compute;
mod probe;
mod requests;
mod results;
mod wasi_http;

use bindings::{
    exports::jackfield::provider::provider::Guest,
    jackfield::provider::types::{
        Account, Attachment, Auth, Capabilities, ConnectOutcome, Connected, Connection, CredentialSource, Disconnected,
        Endpoint, Error, Field, FieldKind, HeaderPlace, InvalidField, Manifest, MappingFate, Method, Page, PageRequest,
        Place, Report, ReportValue, UpstreamFate, User,
    },
};

/// The host of the endpoints with a credential.
const HOST: &str = "api.hostile.example.com";

/// The host of the endpoints without a credential.
const BARE_HOST: &str = "other.hostile.example.org";

/// The component.
#[derive(Debug)]
pub struct Hostile;

// The names of these exports contain a colon, which a native linker rejects.
#[cfg(target_family = "wasm")]
#[expect(unsafe_code, reason = "the export macro expands to code that reads raw arguments from the host")]
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
                // T24: a manifest must not vary from run to run, so the host has to make all of these constant.
                field("behaviour", &probe::varying_inputs(), false),
                field("token", "Any text of eight characters or more.", true),
            ],
            endpoints: vec![
                endpoint(Method::Get, HOST, "/ok", token()),
                endpoint(Method::Get, HOST, "/slow", token()),
                endpoint(Method::Post, HOST, "/echo", token()),
                endpoint(Method::Get, BARE_HOST, "/bare", None),
                endpoint(Method::Post, BARE_HOST, "/collect", None),
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
        let (name, argument) = split_argument(behaviour(&connection));
        let one = |next_cursor| Page { users: vec![results::user("1")], next_cursor };
        Ok(match name {
            // T16: a page of a million users, or of the given number.
            "many-records" => {
                Page { users: vec![results::minimal_user(); count(argument, 1_000_000)], next_cursor: None }
            }
            // T35: a page with a cursor to itself.
            "same-cursor" => one(Some(page.cursor.unwrap_or_else(|| "again".to_owned()))),
            // T35: two pages with cursors to each other.
            "two-page-loop" => one(Some(if page.cursor.as_deref() == Some("b") { "a" } else { "b" }.to_owned())),
            // T16: a user with texts of the given length.
            "long-fields" => {
                let long = "l".repeat(count(argument, 1_000_000));
                let user =
                    User { external_id: long.clone(), name: long.clone(), email: Some(long), ..results::user("1") };
                Page { users: vec![user], next_cursor: None }
            }
            // T16: a cursor of the given length.
            "long-cursor" => one(Some("c".repeat(count(argument, 1_000_000)))),
            "ok" => one(None),
            _ => {
                run(behaviour(&connection))?;
                one(None)
            }
        })
    }
}

/// Runs a behaviour.
fn run(behaviour: &str) -> Result<Vec<Report>, Error> {
    let (name, argument) = split_argument(behaviour);
    Ok(match name {
        "ok" => vec![text("behaviour", "ok")],

        // T14: an endless loop of plain instructions.
        "spin" => compute::spin(),
        // T21: the same, once the upstream has received a request.
        "ask-and-spin" => {
            requests::get(HOST, "/ok");
            compute::spin()
        }
        // T21: uses 16 MiB while it waits for a response that never arrives.
        "hold-memory" => compute::hold_memory(|| requests::get(HOST, "/slow")),
        // T14: an endless loop of bulk instructions that each take long.
        "spin-bulk" => compute::spin_bulk(),
        // T14: sleeps for an hour in the host.
        "sleep" => compute::sleep(),
        // T17: exits the process.
        "exit" => std::process::exit(7),
        // T17: traps.
        "panic" => panic!("requested by the test"),
        // T15: grows memory until that fails, and reports how much it got.
        "grow-memory" => compute::grow_memory(),
        // T15: endless recursion.
        "recursion" => compute::recursion(),
        // T15: a million handles of the host, or the given number; reports how many it got.
        "handles" => compute::handles(count(argument, 1_000_000)),
        // T18: fills 16 MB with a pattern, and reports what it found there before.
        "leftovers" => probe::leftovers(),

        // T16: an error text of 100 MB, or of the given number of bytes.
        "huge-string" => return Err(Error::Malformed("h".repeat(count(argument, 100_000_000)))),
        // T17: a number that is not finite, or a name or value that the contract does not allow.
        "bad-report" => results::bad_report(argument),
        // T16: a name and a text of the given length.
        "long-fields" => results::long_fields(count(argument, 1_000_000)),
        // T16: the given number of reports.
        "many-reports" => results::many_reports(count(argument, 100_000)),
        // T36: the error with this name, and a text that imitates something else.
        "error" => return Err(results::error(argument)),

        // T20: a million requests, or the given number, until the budget is used up.
        "flood-send" => requests::flood(count(argument, 1_000_000)),
        // T20: a thousand requests.
        "thousand-requests" => requests::flood(count(argument, 1_000)),
        // T20: a million log lines, or the given number, with line breaks and terminal codes.
        "flood-log" => compute::flood_log(count(argument, 1_000_000)),
        // T01: paths that no endpoint has, and other spellings of one that is declared.
        "undeclared-path" => requests::undeclared_paths(),
        // T01: a method that no endpoint has.
        "undeclared-method" => requests::undeclared_method(),
        // T01: hosts that no endpoint has.
        "undeclared-host" => requests::undeclared_hosts(),
        // T02: sets `Authorization` itself.
        "own-authorization" => requests::own_authorization(),
        // T02: sets the header field of the credential itself, in several spellings.
        "own-place" => requests::own_place(),
        // T33: sets header fields of framing and routing, and injects a field into another one's value.
        "header-injection" => requests::header_injection(),
        // T01: calls the endpoint that is declared without a credential.
        "bare-host" => vec![text("bare_host", &requests::get(BARE_HOST, "/bare"))],
        // T03: reports the whole response of the echo endpoint.
        "echo" => requests::echo(),
        // T03: sends a long response of the echo endpoint to the other host, backwards, so that nobody recognizes it.
        "echo-backwards" => requests::echo_backwards(),
        // T73: sends a guess, which the argument has in reverse.
        "guess-url" => requests::guess_in_url(argument),
        "guess-header" => requests::guess_in_header(argument),
        "guess-body" => requests::guess_in_body(argument),
        // T73: has an accomplice's server return a guess, which the argument has in reverse.
        "guess-by-accomplice" => requests::guess_by_accomplice(argument),
        // T74: reads both clocks until the given number of milliseconds has passed, and reports their steps.
        "read-clocks" => compute::read_clocks(count(argument, 300)),
        // T21: waits for a response that never arrives.
        "slow" => vec![text("slow", &requests::get(HOST, "/slow"))],

        // The following use `wasi:http`. T33: with the header fields that libraries set by themselves.
        "wasi-http-library" => wasi_http::as_libraries_do(),
        // T01, T02, T33: requests that no endpoint allows, and header fields that only the host may set.
        "wasi-http-undeclared" => wasi_http::undeclared(),
        // T03: reports the whole response of the echo endpoint.
        "wasi-http-echo" => wasi_http::echo(),
        // T03: sends a long response of the echo endpoint to the other host, backwards, so that nobody recognizes it.
        "wasi-http-echo-backwards" => wasi_http::echo_backwards(),
        // T73: sends a guess, which the argument has in reverse.
        "wasi-http-guess" => wasi_http::guess(argument),
        // T20: a thousand requests, or the given number.
        "wasi-http-flood" => wasi_http::flood(count(argument, 1_000)),
        // T21: waits for a response that never arrives.
        "wasi-http-slow" => vec![text("slow", &wasi_http::get(HOST, "/slow"))],
        // T15: requests that are started and never finished.
        "wasi-http-unfinished" => wasi_http::unfinished(count(argument, 10_000)),
        // T15: header fields without a limit.
        "wasi-http-fields" => wasi_http::fields(),
        // T23: features of the standard that `http.send` does not have.
        "wasi-http-beyond" => wasi_http::beyond(),

        // T05, T23: tries everything that WASI might give access to.
        "dump-environment" => probe::dump_environment(),
        // T24: the same text as in the manifest, here allowed to vary.
        "clock-and-random" => vec![text("what_varies", &probe::varying_inputs())],

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

fn split_argument(behaviour: &str) -> (&str, &str) {
    behaviour.split_once(':').unwrap_or((behaviour, ""))
}

fn count(argument: &str, default: usize) -> usize {
    argument.parse().unwrap_or(default)
}

fn text(name: &str, value: &str) -> Report {
    // The contract limits a text to 500 characters.
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
