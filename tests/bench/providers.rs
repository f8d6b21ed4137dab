//! Measures what the sandbox adds to a health call of each provider: the component compared with the same crate
//! compiled natively.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use jackfield_core::{Secret, manifest::CredentialSource};
use jackfield_egress::{CallPermissions, Egress, EgressConfig, RequestBudget};
use jackfield_google_workspace::GoogleWorkspace;
use jackfield_productive::Productive;
use jackfield_remote::Remote;
use jackfield_sandbox::{Cache, Call, CheckHealth, Component, Limits, Sandbox};
use jackfield_scrapin::Scrapin;
use jackfield_sdk::{
    Connection, Provider,
    testkit::{Credentials, Socket, Transport, with_transport},
};
use jackfield_slack::Slack;
use jackfield_test_support::{google_workspace, guests, marked, productive, remote, scrapin, slack, xero};
use jackfield_xero::Xero;
use tokio::runtime::Runtime;

use crate::{
    report::{Report, Target},
    samples::Samples,
};

/// Rounds; the median counts.
const ROUNDS: usize = 5;
/// Sequential calls in one round, and calls that warm up.
const CALLS: usize = 200;
const WARM_UP: usize = 50;

/// One provider with a stand-in that accepts its credential.
struct ProviderCase {
    key: &'static str,
    id: &'static str,
    hosts: Vec<&'static str>,
    address: SocketAddr,
    fields: Vec<(&'static str, String)>,
    account: Option<&'static str>,
    /// The secret field; `None` if the secret is a token.
    secret_field: Option<&'static str>,
    secret: String,
    native: fn(&Connection),
    manifest: fn() -> jackfield_sdk::Manifest,
}

/// The stand-ins, which run until this is dropped.
struct ProviderStandIns {
    slack: slack::SlackStandIn,
    xero: xero::XeroStandIn,
    productive: productive::ProductiveStandIn,
    google: google_workspace::GoogleWorkspaceStandIn,
    remote: remote::RemoteStandIn,
    scrapin: scrapin::ScrapinStandIn,
}

/// Loads all components from the compilation cache, as every start but the first does.
pub(crate) fn load_warm(report: &mut Report) {
    const IDS: [&str; 6] = ["slack", "xero", "productive", "google-workspace", "remote", "scrapin"];
    const STARTS: usize = 11;
    let folder = tempfile::tempdir().expect("a folder");
    for id in IDS {
        std::fs::write(folder.path().join(format!("{id}.wasm")), guests::read_component(id))
            .expect("the component is written to the plugins folder");
    }
    let key = Secret::new([7_u8; 32]);
    let runtime = Runtime::new().expect("a runtime");
    let start = || {
        let egress = Egress::new(EgressConfig::default()).expect("an egress");
        let cache = Cache::new(folder.path().join("compiled"), key.clone());
        let sandbox = Sandbox::new(Limits::default(), egress, cache).expect("a sandbox");
        let begun = Instant::now();
        for id in IDS {
            let bytes = std::fs::read(folder.path().join(format!("{id}.wasm"))).expect("its bytes");
            runtime.block_on(sandbox.load(bytes)).expect("the component loads");
        }
        begun.elapsed()
    };
    let cold = start();
    let warm: Samples = {
        let mut samples = Samples::default();
        (0..STARTS).for_each(|_| samples.add(start()));
        samples
    };
    report.number("catalog.load_six_cold_ms", cold.as_secs_f64() * 1e3, Target::None);
    report.time("catalog.load_six_warm_ms", warm.median() / 1e3, warm.p99() / 1e3, Target::AtMost(20.0));
    report.note("catalog.load_six: reading, hashing and loading the six components; warm uses the compilation cache");
}

/// Measures each provider.
pub(crate) fn tax(report: &mut Report) {
    let upstreams = Runtime::new().expect("a runtime");
    let stand_ins = upstreams.block_on(async {
        ProviderStandIns {
            slack: slack::SlackStandIn::start().await,
            xero: xero::XeroStandIn::start().await,
            productive: productive::ProductiveStandIn::start().await,
            google: google_workspace::GoogleWorkspaceStandIn::start().await,
            remote: remote::RemoteStandIn::start().await,
            scrapin: scrapin::ScrapinStandIn::start().await,
        }
    });
    let runtime = Runtime::new().expect("a runtime");
    for case in cases(&stand_ins) {
        let (median, p99) = one(&runtime, &case);
        report.time(case.key, median, p99, Target::AtMost(300.0));
    }
    report.note(
        "providers.*.health_tax: health through the component minus health of the same crate over a plain socket, both \
         1 in flight against the same stand-in; policy, credential and scrubbing are on the component's side alone",
    );
}

fn cases(all: &ProviderStandIns) -> Vec<ProviderCase> {
    let token = || marked::secret("");
    let slack_token = marked::secret("xoxb-");
    all.slack.add_token(&slack_token);
    let productive_token = token();
    all.productive.add_token(&productive_token).set_requests_left(u32::MAX);
    let remote_token = marked::secret("ra_live_");
    all.remote.add_token(&remote_token).set_requests_left(u32::MAX);
    let scrapin_key = token();
    all.scrapin.add_token(&scrapin_key).set_requests_left(u32::MAX);
    all.xero.add_app("bench", "bench-secret", "http://127.0.0.1/oauth/callback");
    let xero_token = all.xero.access_token("bench", &[xero::TENANT]);
    all.google
        .delegate(&google_workspace::SCOPES)
        .share(google_workspace::CALENDAR, google_workspace::ADMIN)
        .promote(google_workspace::ADMIN);
    let google_token = all.google.access_token(Some(google_workspace::ADMIN), &google_workspace::SCOPES);
    vec![
        ProviderCase {
            key: "providers.slack.health_tax_us",
            id: "slack",
            hosts: vec!["slack.com"],
            address: all.slack.address(),
            fields: vec![("channel_id", slack::CHANNEL.to_owned())],
            account: None,
            secret_field: Some("bot_token"),
            secret: slack_token,
            native: expect_healthy::<Slack>,
            manifest: Slack::describe,
        },
        ProviderCase {
            key: "providers.xero.health_tax_us",
            id: "xero",
            hosts: xero::HOSTS.to_vec(),
            address: all.xero.address(),
            fields: Vec::new(),
            account: Some(xero::TENANT),
            secret_field: None,
            secret: xero_token,
            native: expect_healthy::<Xero>,
            manifest: Xero::describe,
        },
        ProviderCase {
            key: "providers.productive.health_tax_us",
            id: "productive",
            hosts: vec![productive::HOST],
            address: all.productive.address(),
            fields: Vec::new(),
            account: Some(productive::ORGANIZATION),
            secret_field: Some("api_token"),
            secret: productive_token,
            native: expect_healthy::<Productive>,
            manifest: Productive::describe,
        },
        ProviderCase {
            key: "providers.google-workspace.health_tax_us",
            id: "google-workspace",
            hosts: google_workspace::HOSTS.to_vec(),
            address: all.google.address(),
            fields: vec![
                ("calendar_id", google_workspace::CALENDAR.to_owned()),
                ("admin_email", google_workspace::ADMIN.to_owned()),
            ],
            account: None,
            secret_field: None,
            secret: google_token,
            native: expect_healthy::<GoogleWorkspace>,
            manifest: GoogleWorkspace::describe,
        },
        ProviderCase {
            key: "providers.remote.health_tax_us",
            id: "remote",
            hosts: vec![remote::PRODUCTION],
            address: all.remote.address(),
            fields: vec![("company_id", remote::COMPANY_ID.to_owned())],
            account: None,
            secret_field: Some("api_token"),
            secret: remote_token,
            native: expect_healthy::<Remote>,
            manifest: Remote::describe,
        },
        ProviderCase {
            key: "providers.scrapin.health_tax_us",
            id: "scrapin",
            hosts: vec![scrapin::HOST],
            address: all.scrapin.address(),
            fields: Vec::new(),
            account: None,
            secret_field: Some("api_key"),
            secret: scrapin_key,
            native: expect_healthy::<Scrapin>,
            manifest: Scrapin::describe,
        },
    ]
}

fn expect_healthy<P: Provider>(connection: &Connection) {
    let reports = P::health(connection).expect("the stand-in responds");
    assert!(!reports.is_empty());
}

/// Returns the median differences of the rounds' medians and of their 99th percentiles.
fn one(runtime: &Runtime, case: &ProviderCase) -> (f64, f64) {
    let (sandbox, component) = runtime.block_on(load(case));
    let credentials = match case.secret_field {
        Some(field) => Credentials::new().field(field, &case.secret),
        None => Credentials::new().token(&case.secret),
    };
    let socket: Rc<dyn Transport> = Rc::new(Socket::new(case.address, (case.manifest)(), credentials));
    let fields: Vec<(&str, &str)> = case.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut connection = Connection::of(&fields);
    if let Some(account) = case.account {
        connection = connection.with_account(account);
    }
    let rounds: Vec<(Samples, Samples)> = (0..ROUNDS)
        .map(|_| {
            let component = runtime.block_on(time_calls(&sandbox, &component, case));
            let native = with_transport(Rc::clone(&socket), || {
                times(|| {
                    let begun = Instant::now();
                    (case.native)(&connection);
                    begun.elapsed()
                })
            });
            (component, native)
        })
        .collect();
    let difference = |of: fn(&Samples) -> f64| -> f64 {
        rounds.iter().map(|(component, native)| of(component) - of(native)).collect::<Samples>().median()
    };
    (difference(Samples::median), difference(Samples::p99))
}

fn times(mut call: impl FnMut() -> Duration) -> Samples {
    let mut samples = Samples::default();
    for number in 0..WARM_UP + CALLS {
        let took = call();
        if number >= WARM_UP {
            samples.add(took);
        }
    }
    samples
}

async fn time_calls(sandbox: &Sandbox, component: &Component, case: &ProviderCase) -> Samples {
    let mut samples = Samples::default();
    for number in 0..WARM_UP + CALLS {
        let begun = Instant::now();
        match sandbox.run(component, call(component, case), CheckHealth).await {
            Ok(facts) if !facts.is_empty() => {}
            other => panic!("{}: a report was expected: {other:?}", case.id),
        }
        if number >= WARM_UP {
            samples.add(begun.elapsed());
        }
    }
    samples
}

async fn load(case: &ProviderCase) -> (Sandbox, Component) {
    let target = format!("http://{}", case.address).parse::<url::Url>().expect("the address is a URL");
    let reroutes = case.hosts.iter().map(|host| ((*host).to_owned(), target.clone())).collect();
    let egress = Egress::new(EgressConfig { reroutes, ..EgressConfig::default() }).expect("an egress");
    let sandbox = Sandbox::new(Limits::default(), egress, Cache::none()).expect("a sandbox");
    let component = sandbox.load(guests::read_component(case.id)).await.expect("the component loads");
    (sandbox, component)
}

/// Builds what the service builds for each call, with every credential that an endpoint declares.
fn call(component: &Component, case: &ProviderCase) -> Call {
    let mut credentials: Vec<(CredentialSource, Secret<String>)> = Vec::new();
    for attachment in component.endpoints.iter().filter_map(|endpoint| endpoint.credential.as_ref()) {
        if !credentials.iter().any(|(source, _)| *source == attachment.source) {
            credentials.push((attachment.source.clone(), Secret::new(case.secret.clone())));
        }
    }
    let fields: BTreeMap<String, String> =
        case.fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let permissions = CallPermissions::new(
        case.id.to_owned(),
        component.endpoints.clone(),
        credentials,
        fields.clone(),
        RequestBudget::new(32),
    );
    Call { permissions, fields, account: case.account.map(str::to_owned) }
}
