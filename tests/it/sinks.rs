//! Secrets in what a service writes: its log, database, metrics, traces, audit log and responses.
//!
//! `cargo xtask test` also searches everything that all tests have written, with `jackfield-scan-sinks`.

use std::{collections::BTreeMap, fs, path::Path};

use jackfield_test_support::{
    app::client,
    marked,
    sink_search::{SinkSearch, list_files},
    slack::SlackStandIn,
    stand_in_server::{StandInResponse, StandInServer},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::process::program::Installation;

/// The bytes of each kind of sink by name.
type Sinks = BTreeMap<&'static str, Vec<u8>>;

/// A service with a trace collector and the most detailed log, and what it wrote so far.
struct WatchedService {
    place: Installation,
    collector: StandInServer,
    bearer: String,
    sinks: Sinks,
}

impl WatchedService {
    async fn new(slack: &StandInServer, password: &str) -> Self {
        let collector = StandInServer::start(|_| StandInResponse::text("application/x-protobuf", "")).await;
        let mut place = Installation::with_slack(slack).await;
        place.set("JACKFIELD_LOG", "trace".to_owned());
        place.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
        place.set("OTEL_EXPORTER_OTLP_HEADERS", format!("x-collector-key={password}"));
        let bearer = place.token();
        Self { place, collector, bearer, sinks: Sinks::new() }
    }

    /// Sends a request, and adds the response with its headers to a sink.
    async fn send(&mut self, sink: &'static str, method: Method, path: &str, body: Option<serde_json::Value>) -> u16 {
        let request = client().request(method, format!("{}{path}", self.place.base())).bearer_auth(&self.bearer);
        let with_body = |request: RequestBuilder| match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let answer = with_body(request).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = format!("{:?}\n{}\n", answer.headers().clone(), answer.text().await.expect("a body"));
        self.sinks.entry(sink).or_default().extend(text.into_bytes());
        status
    }

    /// Adds what the service has written to files and to the collector. The service has ended.
    async fn collect(mut self) -> Sinks {
        let traces = self.collector.requests_to("/v1/traces").into_iter().flat_map(|request| request.body);
        self.sinks.insert("traces", traces.collect());
        self.sinks.insert("log", fs::read(self.place.log()).expect("the log"));
        self.sinks.insert("database", self.place.database.bytes(&self.place.data()).await);
        let files = list_files(&self.place.data()).expect("the data folder");
        let is_key = |path: &Path| path.file_name().is_some_and(|name| name == "master.key");
        let files = files.iter().filter(|path| !is_key(path)).map(|path| fs::read(path).expect("the file"));
        self.sinks.insert("data folder", files.flatten().collect());
        self.sinks
    }
}

const SLACK: &str = "/api/admin/connections/slack";

#[tokio::test(flavor = "multi_thread")]
async fn no_marked_secret_reaches_a_sink() {
    let slack = SlackStandIn::start().await;
    let [password, wrong, token] = ["collector-", "xoxb-", "xoxb-"].map(marked::secret);
    slack.add_token(&token);
    let mut watched = WatchedService::new(&slack, &password).await;
    let service = watched.place.serve().await;
    let connect = |token: &str| Some(json!({ "bot_token": token, "channel_id": "C0GENERAL" }));
    assert_eq!(watched.send("responses", Method::PUT, SLACK, connect(&wrong)).await, 422);
    assert_eq!(watched.send("responses", Method::PUT, SLACK, connect(&token)).await, 200);
    for path in ["", "/health", "/users", "/status"] {
        watched.send("responses", Method::GET, &format!("{SLACK}{path}"), None).await;
    }
    slack.revoke(&token);
    assert_eq!(watched.send("responses", Method::GET, &format!("{SLACK}/health"), None).await, 200);
    assert_eq!(watched.send("responses", Method::GET, &format!("{SLACK}/users?cursor={wrong}"), None).await / 100, 4);
    assert_eq!(watched.send("audit", Method::GET, "/api/admin/audit", None).await, 200);
    assert_eq!(watched.send("metrics", Method::GET, "/metrics", None).await, 200);
    let key = fs::read_to_string(watched.place.data().join("master.key")).expect("the key").trim().to_owned();
    let secrets = [password, wrong, token, watched.bearer.clone(), key];
    assert!(service.stop().success());

    let sinks = watched.collect().await;
    // Each sink contains what it is for, so that an empty one cannot pass.
    for (sink, content) in [
        ("responses", "credential_rejected"),
        ("audit", "connection.connect"),
        ("metrics", "jackfield_calls_total"),
        ("traces", "slack health"),
        ("log", "jackfield_egress"),
        ("database", "command line"),
    ] {
        let text = String::from_utf8_lossy(&sinks[sink]);
        assert!(text.contains(content), "{sink} does not contain {content}: {:.2000}", text);
    }
    let search = SinkSearch::new(&secrets);
    for (sink, bytes) in &sinks {
        let found = search.find(bytes).map(|range| String::from_utf8_lossy(&bytes[range.start.saturating_sub(200)..]));
        assert!(found.is_none(), "{sink}: {:.400}", found.unwrap_or_default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_finds_a_planted_secret_in_each_kind_of_sink() {
    // It is not marked, because the search of the whole run must not find it.
    let secret = format!("planted-{}", uuid::Uuid::new_v4().simple());
    let slack = SlackStandIn::start().await;
    let mut watched = WatchedService::new(&slack, "x").await;
    let service = watched.place.serve().await;
    let person = json!({ "name": format!("Ada {secret}"), "email": "ada@acme.example" });
    assert_eq!(watched.send("responses", Method::POST, "/api/admin/people", Some(person)).await / 100, 2);
    // The newest rows are still in the write-ahead log.
    service.kill();
    let mut sinks = watched.collect().await;
    let span = Span {
        attributes: vec![KeyValue {
            key: "error".to_owned(),
            value: Some(AnyValue { value: Some(any_value::Value::StringValue(secret.clone())) }),
            ..KeyValue::default()
        }],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    let planted = [
        ("traces", ExportTraceServiceRequest { resource_spans }.encode_to_vec()),
        ("log", format!("2026-11-30T12:00:00Z  WARN jackfield: failed error=\"{secret}\"\n").into_bytes()),
        ("metrics", format!("jackfield_calls_total{{provider=\"slack\",outcome=\"{secret}\"}} 1\n").into_bytes()),
        ("audit", json!({ "entries": [{ "detail": format!("token\n{secret}") }] }).to_string().into_bytes()),
        ("dump", format!("COPY people (id, name) FROM stdin;\n1\t{secret}\n\\.\n").into_bytes()),
    ];
    for (sink, bytes) in planted {
        sinks.entry(sink).or_default().extend(bytes);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let files: Vec<_> = sinks
        .into_iter()
        .map(|(sink, bytes)| {
            let path = folder.path().join(sink);
            fs::write(&path, bytes).expect("written");
            path
        })
        .collect();
    let search = SinkSearch::new(&[secret]);
    for file in &files {
        let report = search.search_files(std::slice::from_ref(file));
        let is_elsewhere = file.ends_with("data folder") && uses_postgres();
        assert_eq!(report.found.len(), usize::from(!is_elsewhere), "{}", file.display());
    }
    let other = SinkSearch::new(&[format!("planted-{}", uuid::Uuid::new_v4().simple())]);
    assert_eq!(other.search_files(&files).found, Vec::<String>::new(), "another secret is not found");
}

/// Returns whether the rows are in PostgreSQL, and not in the data folder.
fn uses_postgres() -> bool {
    std::env::var_os("JACKFIELD_TEST_DATABASE").is_some_and(|name| name == "postgres")
}
