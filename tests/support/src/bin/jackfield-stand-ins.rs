//! Runs the stand-ins as a program, for the demo and the browser tests, until its input closes. Commands arrive on the
//! input.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, BufRead, Write},
    path::PathBuf,
};

use clap::Parser;
use jackfield_test_support::{
    control::Control,
    google_workspace::{self, GoogleWorkspaceStandIn},
    people,
    productive::{self, ProductiveStandIn},
    remote::{self, RemoteStandIn},
    scrapin::{self, ScrapinStandIn},
    slack::{self, SlackStandIn},
    xero::{self, XeroStandIn},
};
use serde_json::{Value, json};
use tokio::{signal, sync::mpsc};

/// The client id of the demo's app at Xero.
const XERO_CLIENT: &str = "DEMO0ACME0INSTRUMENTS";

/// A second organisation at Xero, so that there is a choice.
const XERO_SECOND: &str = "0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9";

/// Run stand-ins for the providers and print one line of JSON with their addresses and credentials
#[derive(Debug, Parser)]
struct Arguments {
    /// Write the company's people to this file, in the format of `jackfield people import`
    #[arg(long)]
    people: Option<PathBuf>,
    /// Where Xero redirects the browser
    #[arg(long, default_value = "http://127.0.0.1:7420/oauth/callback")]
    redirect_uri: String,
    /// Part of every credential; tests that search for secrets pass a unique value
    #[arg(long, default_value = "demo-acme-instruments")]
    secret: String,
    /// Accept revoked tokens, so that a credential can be used again after a disconnect
    #[arg(long)]
    keep_revoked: bool,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(file) = arguments.people {
        fs::write(file, people_csv())?;
    }
    let (slack, xero, google) =
        (SlackStandIn::start().await, XeroStandIn::start().await, GoogleWorkspaceStandIn::start().await);
    let (productive, remote, scrapin) =
        (ProductiveStandIn::start().await, RemoteStandIn::start().await, ScrapinStandIn::start().await);
    let secret = arguments.secret;
    let (slack_token, remote_token) = (format!("xoxb-{secret}"), format!("ra_live_{secret}"));
    slack.add_token(&slack_token);
    if arguments.keep_revoked {
        slack.keep_revoked();
    }
    productive.add_token(&secret);
    remote.add_token(&remote_token);
    scrapin.add_token(&secret);
    let client_secret = format!("{secret}-secret");
    xero.add_app(XERO_CLIENT, &client_secret, &arguments.redirect_uri);
    xero.add_organisation(XERO_SECOND, "Acme Instruments UK", "UK");

    let hosts = xero::HOSTS.map(|host| (host, xero.url())).into_iter();
    let hosts = hosts.chain(google_workspace::HOSTS.map(|host| (host, google.url())));
    let reroutes: BTreeMap<&str, String> = hosts
        .chain([
            ("slack.com", slack.url()),
            (productive::HOST, productive.url()),
            (remote::PRODUCTION, remote.url()),
            (remote::SANDBOX, remote.url()),
            (scrapin::HOST, scrapin.url()),
        ])
        .collect();
    let line = json!({
        "reroutes": reroutes,
        "credentials": [
            credential_fields("slack", &json!({"bot_token": slack_token, "channel_id": slack::CHANNEL})),
            credential_fields("productive", &json!({"api_token": secret})),
            credential_fields("remote", &json!({"api_token": remote_token})),
            credential_fields("scrapin", &json!({"api_key": secret, "org_name": people::COMPANY})),
            credential_fields("google-workspace", &json!({
                "service_account_key": google.key_file(), "calendar_id": google_workspace::CALENDAR,
                "admin_email": google_workspace::ADMIN,
            })),
        ],
        "oauth": [{
            "provider": "xero", "client_id": XERO_CLIENT, "client_secret": client_secret,
            "consent": {"at": format!("https://{}", xero::HOSTS[0]), "stand_in": xero.url()},
        }],
    });
    writeln!(io::stdout(), "{line}")?;
    execute_commands(&Control {
        servers: vec![
            ("slack", &slack),
            ("xero", &xero),
            ("google-workspace", &google),
            ("productive", &productive),
            ("remote", &remote),
            ("scrapin", &scrapin),
        ],
        slack: (&slack, slack_token),
        xero: (&xero, XERO_CLIENT.to_owned()),
    })
    .await
}

fn credential_fields(provider: &str, fields: &Value) -> Value {
    json!({"provider": provider, "fields": fields})
}

/// The company's people as CSV. None of their names contains a comma or a quotation mark.
fn people_csv() -> String {
    let mut people_csv = "name,email,user_id,active\n".to_owned();
    for person in people::people() {
        writeln!(people_csv, "{},{},{},{}", person.name(), person.email, person.id("P"), person.active)
            .expect("writing to a string");
    }
    people_csv
}

/// Answers every input line with one line, until the input ends or a signal arrives.
async fn execute_commands(control: &Control<'_>) -> io::Result<()> {
    let (said, mut lines) = mpsc::unbounded_channel();
    // A separate thread, because reading the input cannot be cancelled and must not keep the program from ending.
    std::thread::spawn(move || io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
    let mut terminated = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => writeln!(io::stdout(), "{}", control.execute(&line))?,
                None => return Ok(()),
            },
            _ = terminated.recv() => return Ok(()),
            interrupted = signal::ctrl_c() => return interrupted,
        }
    }
}
