//! Starts the release build of the program with its own data, sends HTTP requests to it, and stops it.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jackfield_test_support::{guests, slack::CHANNEL};
use serde_json::json;
use tempfile::TempDir;

use crate::{http_connection::HttpConnection, slack_thread::SlackThread};

/// The path of the measured connection.
pub(crate) const SLACK: &str = "/api/admin/connections/slack";

/// A folder with data and plugins, on which the program is started repeatedly.
#[derive(Debug)]
pub(crate) struct BenchInstallation {
    folder: TempDir,
    address: SocketAddr,
    settings: Vec<(&'static str, String)>,
}

impl BenchInstallation {
    /// Creates an installation with only Slack's plugin.
    pub(crate) fn new(slack: &SlackThread) -> Self {
        Self::on(slack, None)
    }

    /// Creates an installation that approves only shipped plugins automatically.
    pub(crate) fn approving(slack: &SlackThread) -> Self {
        let mut place = Self::new(slack);
        place.settings.push(("JACKFIELD_PLUGINS_TRUST", "approve".to_owned()));
        place
    }

    /// Returns the plugins folder.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Creates an installation with its own database, or with the database at this URL.
    pub(crate) fn on(slack: &SlackThread, database: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plugins = folder.path().join("plugins");
        fs::create_dir(&plugins).expect("the plugins folder is created");
        fs::write(plugins.join("slack.wasm"), guests::read_component("slack"))
            .expect("the component is written to the plugins folder");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = free.local_addr().expect("an address");
        let mut settings = vec![
            ("JACKFIELD_LISTEN", address.to_string()),
            ("JACKFIELD_DATA_DIR", folder.path().join("data").display().to_string()),
            ("JACKFIELD_PLUGINS_DIR", plugins.display().to_string()),
            ("JACKFIELD_PLUGINS_TRUST", "all".to_owned()),
            ("JACKFIELD_EGRESS_REROUTE", slack.reroute("slack.com")),
        ];
        settings.extend(database.map(|url| ("JACKFIELD_DATABASE_URL", url.to_owned())));
        Self { folder, address, settings }
    }

    /// Returns the URL of the service for a browser.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the service and polls every half millisecond until it is ready.
    pub(crate) fn serve(&self) -> Program {
        let mut command = self.command();
        command.args(["serve", "--dev"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().expect("the program starts");
        let mut program = Program { child, address: self.address, ready: Duration::ZERO };
        loop {
            let asked = HttpConnection::connect(self.address).and_then(|mut wire| {
                wire.send("GET", "/readyz", "", "")?;
                wire.answer()
            });
            if asked.is_ok_and(|(status, _)| status == 200) {
                program.ready = begun.elapsed();
                return program;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the service is not ready in time");
            thread::sleep(Duration::from_micros(500));
        }
    }

    /// Creates a token for an Executive.
    pub(crate) fn token(&self) -> String {
        let made = self.command().args(["token", "create", "--name", "bench", "--level", "executive"]).output();
        let made = made.expect("the program runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).expect("text").trim().to_owned()
    }

    fn command(&self) -> Command {
        let binary = env::var_os("JACKFIELD_BIN").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/production/jackfield")),
            PathBuf::from,
        );
        assert!(binary.exists(), "{} is missing; `cargo xtask bench` builds it", binary.display());
        let settings = self.settings.iter().map(|(name, value)| (*name, value.as_str()));
        let mut command = Command::new(binary);
        command.env_clear().envs(settings).current_dir(self.folder.path());
        command
    }
}

/// A running service, which is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    address: SocketAddr,
    /// The time from the program's start to the first 200 from `/readyz`.
    pub(crate) ready: Duration,
}

impl Program {
    pub(crate) fn wire(&self) -> HttpConnection {
        HttpConnection::connect(self.address).expect("the service accepts the socket")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one request and returns the body; the response must be a success.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> String {
        let mut wire = self.wire();
        let answer = wire.send(method, path, token, body).and_then(|()| wire.answer());
        let (status, text) = answer.expect("the service answers");
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Connects Slack.
    pub(crate) fn connect(&self, slack: &SlackThread, token: &str) {
        let body = json!({"bot_token": slack.token, "channel_id": CHANNEL}).to_string();
        self.ask("PUT", SLACK, token, &body);
    }

    /// Resident memory in KiB.
    pub(crate) fn rss_kib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the program runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("/proc is readable");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have exited already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
