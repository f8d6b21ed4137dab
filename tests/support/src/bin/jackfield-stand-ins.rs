//! The providers' stand-ins as a program, for `cargo xtask run --demo`: they run until its input closes.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

use clap::Parser;
use jackfield_test_support::slack::{self, Slack};
use serde_json::json;
use tokio::{signal, sync::oneshot};

/// The token that the demo's workspace knows.
const SLACK_TOKEN: &str = "xoxb-demo-acme-instruments";

/// Answers in place of the providers, and prints one line of JSON that says where and what to type in.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where Slack's stand-in listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    slack: SocketAddr,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let slack = Slack::start_at(arguments.slack).await?;
    slack.token(SLACK_TOKEN);
    let line = json!({
        "reroutes": {"slack.com": slack.url()},
        "credentials": [
            {"provider": "slack", "fields": {"bot_token": SLACK_TOKEN, "channel_id": slack::CHANNEL}},
        ],
    });
    writeln!(io::stdout(), "{line}")?;
    let (closed, when_closed) = oneshot::channel();
    // A thread: waiting for the input cannot be cancelled, and must not keep the program from ending.
    std::thread::spawn(move || {
        let ended = io::stdin().lock().read_to_end(&mut Vec::new());
        closed.send(ended)
    });
    let mut terminated = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = when_closed => {}
        _ = terminated.recv() => {}
        interrupted = signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
