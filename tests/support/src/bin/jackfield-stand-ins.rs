//! The providers' stand-ins as a program, for `cargo xtask run --demo`: they run until its input closes.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    path::PathBuf,
};

use clap::Parser;
use jackfield_test_support::{
    google_workspace::{self, GoogleWorkspace},
    people,
    productive::{self, Productive},
    remote::{self, Remote},
    scrapin::{self, Scrapin},
    slack::{self, Slack},
    xero::{self, Xero},
};
use serde_json::{Value, json};
use tokio::{signal, sync::oneshot};

/// The credentials that the demo's providers know.
const SLACK_TOKEN: &str = "xoxb-demo-acme-instruments";
const PRODUCTIVE_TOKEN: &str = "demo-acme-instruments";
const REMOTE_TOKEN: &str = "ra_live_demo-acme-instruments";
const SCRAPIN_KEY: &str = "demo-acme-instruments";
const XERO_CLIENT: (&str, &str) = ("DEMO0ACME0INSTRUMENTS", "demo-acme-instruments-secret");

/// A second organisation at Xero, so that there is a choice.
const XERO_SECOND: &str = "0b1c2d3e-4f50-4617-8293-a4b5c6d7e8f9";

/// Answers in place of the providers, and prints one line of JSON that says where and what to type in.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to write the company's people, as `jackfield people import` reads them.
    #[arg(long)]
    people: Option<PathBuf>,
    /// Where Xero sends a browser back to.
    #[arg(long, default_value = "http://127.0.0.1:7420/oauth/callback")]
    redirect_uri: String,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(file) = arguments.people {
        fs::write(file, table())?;
    }
    let (slack, xero, google) = (Slack::start().await, Xero::start().await, GoogleWorkspace::start().await);
    let (productive, remote, scrapin) = (Productive::start().await, Remote::start().await, Scrapin::start().await);
    slack.token(SLACK_TOKEN);
    productive.token(PRODUCTIVE_TOKEN);
    remote.token(REMOTE_TOKEN);
    scrapin.token(SCRAPIN_KEY);
    let (client_id, client_secret) = XERO_CLIENT;
    xero.app(client_id, client_secret, &arguments.redirect_uri);
    xero.organisation(XERO_SECOND, "Acme Instruments UK", "UK");

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
            to_type_in("slack", &json!({"bot_token": SLACK_TOKEN, "channel_id": slack::CHANNEL})),
            to_type_in("productive", &json!({"api_token": PRODUCTIVE_TOKEN})),
            to_type_in("remote", &json!({"api_token": REMOTE_TOKEN})),
            to_type_in("scrapin", &json!({"api_key": SCRAPIN_KEY, "org_name": people::COMPANY})),
            to_type_in("google-workspace", &json!({
                "service_account_key": google.key_file(), "calendar_id": google_workspace::CALENDAR,
                "admin_email": google_workspace::ADMIN,
            })),
        ],
        "oauth": [{
            "provider": "xero", "client_id": client_id, "client_secret": client_secret,
            "consent": {"at": format!("https://{}", xero::HOSTS[0]), "stand_in": xero.url()},
        }],
    });
    writeln!(io::stdout(), "{line}")?;
    until_told_to_end().await
}

fn to_type_in(provider: &str, fields: &Value) -> Value {
    json!({"provider": provider, "fields": fields})
}

/// The company's people as comma-separated values. No name of theirs holds a comma or a quotation mark.
fn table() -> String {
    let mut table = "name,email,user_id,active\n".to_owned();
    for person in people::people() {
        writeln!(table, "{},{},{},{}", person.name(), person.email, person.id("P"), person.active)
            .expect("writing to a string");
    }
    table
}

async fn until_told_to_end() -> io::Result<()> {
    let (closed, when_closed) = oneshot::channel();
    // A thread: waiting for the input cannot be cancelled, and must not keep the program from ending.
    std::thread::spawn(move || {
        let ended = io::stdin().lock().read_to_end(&mut Vec::new());
        closed.send(ended)
    });
    let mut terminated = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = when_closed => Ok(()),
        _ = terminated.recv() => Ok(()),
        interrupted = signal::ctrl_c() => interrupted,
    }
}
