//! Runs a complete service for a test, with its own database, key, plugins and clock, and sends requests over a real
//! socket.

mod builder;
mod caller;
mod database;
mod openapi_check;
mod response;
mod restart;
mod running;
mod session;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::{Duration, Instant},
};

use jackfield::{
    app::HostEnvironment,
    config::{Config, LogFormat},
    logging,
};
use jackfield_core::{
    Clock, Level,
    audit::{Action, Actor},
};
use jackfield_service::{connections::Connections, plugins::Plugins};
use jackfield_store::{NewAudit, NewToken, Store};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

use self::openapi_check::{OpenApiCheck, SentRequest};
pub use self::{
    builder::TestAppBuilder,
    caller::TestCaller,
    database::{Database, HeldLock},
    openapi_check::validator,
    response::TestResponse,
    session::TestSession,
};
use crate::marked;

/// A service that runs for one test.
#[derive(Debug)]
pub struct TestApp {
    pub clock: Clock,
    pub store: Store,
    pub connections: Connections,
    pub catalog: Plugins,
    pub base: String,
    openapi: OpenApiCheck,
    config: Config,
    environment: HostEnvironment,
    client: reqwest::Client,
    tokens: Vec<(TestCaller, String)>,
    folder: TestFolder,
    database: Database,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<()>>,
    answers: PathBuf,
}

/// The folder of a test's files: kept for the secret scan in a full run, deleted otherwise.
#[derive(Debug)]
enum TestFolder {
    Kept(PathBuf),
    Removed(TempDir),
}

impl TestFolder {
    fn new() -> Self {
        match marked::sinks_folder() {
            Some(sinks) => {
                let folder = sinks.join(Uuid::new_v4().to_string());
                fs::create_dir_all(&folder).expect("the sinks folder is created");
                Self::Kept(folder)
            }
            None => Self::Removed(tempfile::tempdir().expect("a temporary folder")),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Removed(folder) => folder.path(),
        }
    }
}

impl TestApp {
    /// Starts from a service without plugins or stand-ins.
    #[must_use]
    pub fn builder() -> TestAppBuilder {
        TestAppBuilder::new()
    }

    /// Sends a request as an Executive.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> TestResponse {
        self.send_as(TestCaller::Executive, method, path, body).await
    }

    /// `GET` as an Executive.
    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, None).await
    }

    /// `PUT` as an Executive.
    pub async fn put(&self, path: &str, body: Value) -> TestResponse {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// `DELETE` as an Executive.
    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, None).await
    }

    /// Sends a request as one kind of caller.
    pub async fn send_as(&self, caller: TestCaller, method: Method, path: &str, body: Option<Value>) -> TestResponse {
        self.send_request_as(caller, method, path, |request| with_json(request, body)).await
    }

    /// Sends a request as one kind of caller. `make` adds header fields and the body.
    pub async fn send_request_as(
        &self,
        caller: TestCaller,
        method: Method,
        path: &str,
        make: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> TestResponse {
        let opened = match caller {
            TestCaller::Browser | TestCaller::CrossSiteBrowser => Some(self.sign_in(TestCaller::Executive).await),
            TestCaller::ManagerBrowser => Some(self.sign_in(TestCaller::Manager).await),
            _ => None,
        };
        match opened {
            Some(session) if caller == TestCaller::CrossSiteBrowser => {
                self.request(None, method, path, |request| make(session.add_cookie_to(request))).await
            }
            Some(session) => self.request(None, method, path, |request| make(session.add_to(request))).await,
            None => self.request(self.token(caller), method, path, make).await,
        }
    }

    /// Sends a request with a bearer token.
    pub async fn send_with_token(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> TestResponse {
        self.request(Some(token), method, path, |request| with_json(request, body)).await
    }

    /// Creates the token of another Executive with the same name as the first.
    pub async fn second_executive(&self) -> String {
        self.create_token("executive", Level::Executive, None).await.1
    }

    async fn request(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        make: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> TestResponse {
        let mut request = make(self.client.request(method, format!("{}{path}", self.base)));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let request = request.build().expect("a request");
        let sent = SentRequest::of(&request);
        let answer = TestResponse::read(self.client.execute(request).await.expect("the service answers")).await;
        answer.append_to(&self.answers);
        self.openapi.assert_documented(&sent, &answer);
        answer
    }

    /// Returns the token of one kind of caller.
    #[must_use]
    pub fn token(&self, caller: TestCaller) -> Option<&str> {
        self.tokens.iter().find(|(kind, _)| *kind == caller).map(|(_, token)| token.as_str())
    }

    /// Returns the data folder of the service.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the plugins folder of the service.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Returns the size of this process's log in bytes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        let log = LOG.get().expect("the log was started");
        fs::metadata(log).expect("the log").len()
    }

    /// Reads this process's log.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(LOG.get().expect("the log was started")).expect("the log")
    }

    /// Reads everything in the database: the files of SQLite, or every row of every PostgreSQL table as text.
    pub async fn database_bytes(&self) -> Vec<u8> {
        self.database.bytes(&self.data()).await
    }

    /// Changes the database directly, as someone with access to it could.
    pub async fn tamper(&self, sql: impl Into<String>) {
        self.database.execute(sql.into()).await;
    }

    /// Returns the database, for tests that read its schema.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Revokes every valid token with this name, as the command does.
    pub async fn revoke_tokens(&self, name: &str) {
        for token in self.store.tokens().await.expect("the tokens are listed") {
            if token.name == name && token.revoked_at.is_none() {
                let audit = test_audit(Action::TokenRevoke);
                assert!(self.store.revoke_token(&token.id, audit).await.expect("the token is revoked"));
            }
        }
    }

    /// Creates a token, and returns its id and secret.
    pub async fn create_token(&self, name: &str, level: Level, lifetime: Option<Duration>) -> (String, String) {
        let new = NewToken { name: name.to_owned(), level, providers: Vec::new(), lifetime };
        let (token, text) =
            self.store.create_token(new, test_audit(Action::TokenCreate)).await.expect("the token is created");
        (token.id, marked::record(text.expose().clone()))
    }

    /// Takes the locks that changes need, as another program could.
    pub async fn hold_writes(&self) -> HeldLock {
        self.database.hold_writes().await
    }

    /// Takes a lock of PostgreSQL in a transaction, until it is released.
    pub async fn hold_lock(&self, lock: &'static str) -> HeldLock {
        let mut held = self.database.hold("begin").await;
        held.run(lock).await;
        held
    }

    /// Waits until a query on the database returns a row.
    pub async fn wait_for_rows(&self, query: &'static str) {
        self.database.wait_for_rows(query).await;
    }

    /// Returns whether the database is PostgreSQL.
    #[must_use]
    pub fn is_on_postgres(&self) -> bool {
        matches!(self.database, Database::Postgres(_))
    }

    /// Stops the service as a signal would, and waits until it has ended.
    pub async fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ended = stop.send(());
        }
        if let Some(served) = self.served.take() {
            served.await.expect("the service does not panic");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(served) = self.served.take() {
            served.abort();
        }
    }
}

fn with_json(request: reqwest::RequestBuilder, body: Option<Value>) -> reqwest::RequestBuilder {
    match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    }
}

/// Ends a test that would hang otherwise. Nothing takes nearly as long, however busy the machine is.
pub const GUARD: Duration = Duration::from_secs(120);

/// Between two attempts of [`eventually`].
const PAUSE: Duration = Duration::from_millis(10);

/// Repeats an attempt until it succeeds, and returns its result.
///
/// # Panics
/// It has not succeeded within [`GUARD`]. The message contains the last error.
pub async fn eventually<T, E: std::fmt::Debug>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match attempt().await {
            Ok(result) => return result,
            Err(error) => assert!(started.elapsed() < GUARD, "after {GUARD:?}: {error:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Creates an HTTP client for a test.
#[must_use]
pub fn client() -> reqwest::Client {
    // reqwest selects no TLS provider by itself. This fails if an earlier client has already selected one.
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    // All requests are plain HTTP on loopback, and loading this machine's certificates would take longer than many
    // tests.
    let client = reqwest::Client::builder().no_proxy().timeout(GUARD * 2).tls_certs_only([]);
    // Tests check redirects themselves.
    let client = client.redirect(reqwest::redirect::Policy::none());
    client.build().expect("a client")
}

/// Returns the digest by which a plugin is approved: SHA-256 as hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Creates a token for every kind of caller that has one.
async fn tokens(store: &Store, clock: &Clock) -> Vec<(TestCaller, String)> {
    let mut tokens = vec![(TestCaller::UnknownToken, format!("jf_{}", "A".repeat(43)))];
    let levels = [
        (TestCaller::Member, Level::Member),
        (TestCaller::Manager, Level::Manager),
        (TestCaller::Executive, Level::Executive),
        (TestCaller::Service, Level::Service),
        (TestCaller::Expired, Level::Executive),
        (TestCaller::Revoked, Level::Executive),
    ];
    for (caller, level) in levels {
        let name = format!("{caller:?}").to_lowercase();
        let lifetime = (caller == TestCaller::Expired).then_some(Duration::from_secs(1));
        let new = NewToken { name, level, providers: Vec::new(), lifetime };
        let (token, text) =
            store.create_token(new, test_audit(Action::TokenCreate)).await.expect("the token is created");
        if caller == TestCaller::Revoked {
            assert!(
                store.revoke_token(&token.id, test_audit(Action::TokenRevoke)).await.expect("the token is revoked")
            );
        }
        tokens.push((caller, marked::record(text.expose().clone())));
    }
    clock.advance(jiff::SignedDuration::from_secs(2));
    tokens
}

fn test_audit(action: Action) -> NewAudit {
    NewAudit::done(&Actor::named("test"), action)
}

/// The log file of this process.
static LOG: OnceLock<PathBuf> = OnceLock::new();

/// Writes all log lines from `trace` up into the folder of the first service of this process.
fn log_into(folder: &Path) {
    LOG.get_or_init(|| {
        let path = folder.join("log.txt");
        let file = fs::File::create(&path).expect("a log file");
        logging::start_with_writer(
            "trace,hyper_util::client=trace,sqlx::query=trace,reqwest::connect=trace",
            LogFormat::Text,
            std::sync::Mutex::new(file),
        )
        .expect("the log starts");
        path
    });
}
