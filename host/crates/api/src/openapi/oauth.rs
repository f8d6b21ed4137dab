//! What is said of connecting by OAuth: the way to the provider and back, the choice of an account, the OAuth app.

use http::Method;
use serde_json::json;

use super::{
    connections::{ASKING, CONNECTING, connected},
    operation::Operation,
    schema::{Schema, list, named, object, ok, text, time, word},
};

const GROUP: &str = "OAuth";

pub(crate) fn operations() -> Vec<Operation> {
    let operation = |method, path: &str, id, summary| {
        Operation::new(method, &format!("/api/admin/connections/{{provider}}{path}"), id, GROUP, summary)
    };
    vec![
        operation(Method::GET, "/auth-url", "begin_flow", "Begins a flow: gives the address to send the browser to")
            .says(
                "The flow belongs to the caller, lives 10 minutes and serves once. `reroute_url` is there in development \
                 alone: the same at the stand-in that `JACKFIELD_EGRESS_REROUTE` names.",
            )
            .answers(
                200,
                "Where to send the browser.",
                named("Flow"),
                json!({
                    "url": "https://login.example.com/authorize?response_type=code&state=Zk3v&code_challenge_method=S256",
                    "flow_id": "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596",
                    "expires_at": "2026-11-24T04:33:54Z",
                }),
            )
            .fails(&["unknown_provider", "plugin_not_approved", "plugin_fault", "unsupported", "sealed"]),
        operation(Method::POST, "/callback", "finish_flow", "Exchanges the code that the provider gave, and connects")
            .says(
                "Without `state` the caller must have exactly one open flow; a caller by cookie must always send it. \
                 Several accounts that one credential opens are answered as `accounts`, and one is to be chosen.",
            )
            .takes(
                object()
                    .may_have("code", text().with("writeOnly", true))
                    .may_have("state", text().with("writeOnly", true))
                    .may_have("iss", text().says("As the provider sent it (RFC 9207)."))
                    .may_have("error", text().says("The provider's refusal, in place of a code."))
                    .may_have("error_description", text()),
                json!({ "code": "…", "state": "…" }),
            )
            .answers(200, "The provider is connected.", named("Connected"), connected())
            .fails(&CONNECTING)
            .fails(&["not_found", "conflict", "needs_reauth"]),
        operation(Method::GET, "/auth-flows/{flow_id}", "flow_status", "Shows what became of a flow")
            .answers(200, "How far it is.", named("FlowStatus"), json!({ "status": "pending" }))
            .fails(&["unknown_provider", "not_found"]),
        operation(Method::GET, "/accounts", "list_accounts", "Lists the accounts that the credential opens")
            .answers(
                200,
                "The accounts, and which is chosen.",
                named("AccountList"),
                json!({
                    "accounts": [{ "id": "a-1", "name": "Acme Instruments" }, { "id": "a-2", "name": "Acme Labs" }],
                    "selected": "a-1",
                }),
            )
            .fails(&ASKING),
        operation(Method::PUT, "/account", "choose_account", "Chooses the account that the connection is for")
            .takes(object().needs("id", text().says("The account's id.")), json!({ "id": "a-1" }))
            .answers(200, "It is chosen.", done(), json!({ "ok": true }))
            .fails(&ASKING),
        Operation::new(
            Method::PUT,
            "/api/admin/providers/{provider}/oauth-app",
            "set_oauth_app",
            GROUP,
            "Sets the OAuth app of a provider",
        )
        .says("Sealed like every secret, and never given out.")
        .takes(
            object().needs("client_id", text()).may_have("client_secret", text().with("writeOnly", true).or_null()),
            json!({ "client_id": "…", "client_secret": "…" }),
        )
        .answers(200, "It is stored.", done(), json!({ "ok": true }))
        .fails(&["unknown_provider", "plugin_not_approved", "plugin_fault", "unsupported", "sealed"]),
        Operation::new(
            Method::GET,
            "/oauth/callback",
            "landing_page",
            GROUP,
            "The page that the provider sends back to",
        )
        .says(
            "A page for a browser. Its script hands code and state to `POST …/callback` where there is a session, \
                 and shows them to be copied where there is none.",
        )
        .answers_as(200, "The page.", "text/html", text(), json!("<!doctype html>…")),
        Operation::new(Method::GET, "/oauth/callback.js", "landing_script", GROUP, "What that page does").answers_as(
            200,
            "The file.",
            "text/javascript",
            text(),
            json!("…"),
        ),
        Operation::new(Method::GET, "/oauth/callback.css", "landing_style", GROUP, "How that page looks").answers_as(
            200,
            "The file.",
            "text/css",
            text(),
            json!("…"),
        ),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let flow = object()
        .says("A flow that was begun.")
        .needs("url", text().with("format", "uri").says("Where to send the browser."))
        .may_have("reroute_url", text().with("format", "uri").says("In development: the same at the stand-in."))
        .needs("flow_id", text())
        .needs("expires_at", time());
    let status = object()
        .says("What became of a flow.")
        .needs("status", word(&["pending", "succeeded", "failed", "expired"]))
        .may_have("reason", text().says("Why it failed."));
    let account =
        object().says("One of several accounts behind a credential.").needs("id", text()).needs("name", text());
    let accounts = object()
        .needs("accounts", list(named("Account")))
        .needs("selected", text().or_null().says("The id of the one that is chosen."));
    vec![("Flow", flow), ("FlowStatus", status), ("Account", account), ("AccountList", accounts)]
}

/// An answer that says only that it was done, and perhaps a word more.
pub(crate) fn done() -> Schema {
    object().needs("ok", ok()).and_any(Schema::of(json!({})))
}
