//! Observability: traces at a collector without secrets, and the log of a trap.

use std::fs;

use jackfield_test_support::{
    app::client,
    hostile, marked,
    slack::SlackStandIn,
    stand_in_server::{StandInResponse, StandInServer},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message;
use serde_json::{Value, json};

use super::program::{Installation, output_text};

const PATH: &str = "/v1/traces";

async fn collector() -> StandInServer {
    StandInServer::start(|_| StandInResponse::text("application/x-protobuf", "")).await
}

/// Returns the value of an attribute as text.
fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    Some(match found {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}

/// Returns the value of a span's attribute if it is a number.
fn number_of(span: &Span, key: &str) -> Option<f64> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?.value.clone()?.value?;
    match found {
        any_value::Value::IntValue(number) => Some(number as f64),
        any_value::Value::DoubleValue(number) => Some(number),
        _ => None,
    }
}

/// Returns every span that the collector received, and the names of the services that sent them.
fn spans(collector: &StandInServer) -> (Vec<Span>, Vec<String>) {
    let (mut spans, mut services) = (Vec::new(), Vec::new());
    for request in collector.requests_to(PATH) {
        let sent = ExportTraceServiceRequest::decode(request.body).expect("spans in OTLP");
        for resource in sent.resource_spans {
            let attributes = resource.resource.expect("a resource").attributes;
            services.push(attribute(&attributes, "service.name").expect("a name"));
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    (spans, services)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_call_and_their_requests_form_one_trace_without_secrets() {
    let (collector, slack) = (collector().await, SlackStandIn::start().await);
    let mut place = Installation::with_slack(&slack).await;
    let password = marked::secret("collector-");
    place.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    place.set("OTEL_EXPORTER_OTLP_HEADERS", format!("x-collector-key={password}"));
    place.set("OTEL_SERVICE_NAME", "connections".to_owned());
    let bearer = place.token();
    let service = place.serve().await;
    let (client, url) = (client(), format!("{}/api/admin/connections/slack", place.base()));
    let token = marked::secret("xoxb-");
    slack.add_token(&token);
    let connect = client.put(&url).bearer_auth(&bearer).header("content-type", "application/json");
    let connect = connect.body(json!({"bot_token": token, "channel_id": "C0GENERAL"}).to_string());
    assert_eq!(connect.send().await.expect("an answer").status(), 200);
    slack.revoke(&token);
    let checked = client.get(format!("{url}/health")).bearer_auth(&bearer).send().await.expect("an answer");
    let request_id = checked.headers()["x-request-id"].to_str().expect("text").to_owned();
    // The last spans are sent when the service stops.
    assert!(service.stop().success());

    let (spans, services) = spans(&collector);
    assert!(services.iter().all(|service| service == "connections"), "{services:?}");
    let asked = collector.requests_to(PATH);
    assert!(asked.iter().all(|request| request.header("x-collector-key") == Some(password.as_str())));

    let of = |span: &Span, key: &str| attribute(&span.attributes, key);
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [request] = named("GET /api/admin/connections/{provider}/health")[..] else { panic!("{spans:?}") };
    assert_eq!(of(request, "jackfield.request_id"), Some(request_id));
    assert_eq!(of(request, "http.response.status_code").as_deref(), Some("200"));
    let call = named("slack health");
    let call = call.iter().find(|call| call.parent_span_id == request.span_id).expect("the call is a child span");
    assert_eq!((&call.trace_id, of(call, "error.type").as_deref()), (&request.trace_id, Some("needs_reauth")));
    for number in ["guest_ms", "upstream_ms", "memory_bytes", "requests", "received_bytes"] {
        let value = number_of(call, &format!("jackfield.{number}"));
        assert!(value.is_some_and(|value| value > 0.0), "{number} of {call:?}");
    }
    for nothing in ["denied", "sent_bytes"] {
        assert_eq!(number_of(call, &format!("jackfield.{nothing}")), Some(0.0), "{nothing} of {call:?}");
    }
    let upstream = spans.iter().find(|span| span.parent_span_id == call.span_id && span.name == "POST");
    let upstream = upstream.expect("the call's own request");
    assert_eq!(of(upstream, "server.address").as_deref(), Some("slack.com"));
    assert_eq!(of(upstream, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(named("slack connect").len(), 1, "{spans:?}");

    let bodies: Vec<u8> = asked.into_iter().flat_map(|request| request.body).collect();
    let sent = String::from_utf8_lossy(&bodies);
    assert!(sent.contains("needs_reauth") && !sent.contains(&token) && !sent.contains(&bearer));
    if let Some(sinks) = marked::sinks_folder() {
        fs::write(sinks.join("traces.otlp"), &bodies).expect("the file is copied to the sinks folder");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backtrace_of_a_trap_is_logged_with_the_request_id() {
    let upstream = hostile::start().await.expect("a stand-in");
    let reroutes = [upstream.reroute(hostile::HOST), upstream.reroute(hostile::BARE_HOST)];
    let place = Installation::new(&["guests/hostile"], &reroutes, &[]).await;
    let bearer = place.token();
    let service = place.serve().await;
    let (client, url) = (client(), format!("{}/api/admin/connections/hostile", place.base()));
    let connect = client.put(&url).bearer_auth(&bearer).header("content-type", "application/json");
    let connect = connect.body(json!({"behaviour": "recursion", "token": marked::secret("tok-")}).to_string());
    assert_eq!(connect.send().await.expect("an answer").status(), 200);
    let answer = client.get(format!("{url}/users")).bearer_auth(&bearer).send().await.expect("an answer");
    let problem: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
    assert_eq!((&problem["status"], &problem["code"]), (&json!(502), &json!("plugin_fault")), "{problem}");
    assert!(!problem.to_string().contains("recursion"), "the response reveals no internals: {problem}");
    drop(service);
    let log = fs::read_to_string(place.log()).expect("the log");
    let id = problem["request_id"].as_str().expect("an id");
    let (_, story) = log.split_once("wasm backtrace").expect("a backtrace");
    assert!(story.contains("jackfield_guest_hostile::compute::recursion"), "{story}");
    let line = log.lines().find(|line| line.contains("plugin_fault") || line.contains("plugin failed"));
    assert!(line.is_some_and(|line| line.contains(id)), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_delays_nothing() {
    let slack = SlackStandIn::start().await;
    let mut place = Installation::with_slack(&slack).await;
    // The port was free a moment ago, so nothing listens on it.
    place.set(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        format!("http://127.0.0.1:{}/v1/traces", super::program::free_port()),
    );
    let bearer = place.token();
    let service = place.serve().await;
    let url = format!("{}/api/admin/connections", place.base());
    let answer = client().get(&url).bearer_auth(&bearer).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    assert!(service.stop().success());
}

#[tokio::test]
async fn an_invalid_collector_url_stops_the_start() {
    let mut place = Installation::with_slack(&*SlackStandIn::start().await).await;
    place.set("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317".to_owned());
    place.set("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned());
    let ended = place.run(&["serve", "--dev"]);
    assert_eq!(ended.status.code(), Some(2), "{}", output_text(&ended));
    for words in [
        "OTEL_EXPORTER_OTLP_ENDPOINT must be the http:// or https:// URL of a collector",
        "OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf",
    ] {
        assert!(output_text(&ended).contains(words), "{}", output_text(&ended));
    }
}
