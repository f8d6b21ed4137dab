//! What is said of `/api/admin/connections`: list, connect, disconnect, status, health, users, alerts.

use http::Method;
use serde_json::json;

use super::{
    operation::Operation,
    schema::{Schema, count, flag, list, named, object, ok, text, time, word},
};

const GROUP: &str = "Connections";

/// What any question to a provider with its stored credential may come to.
pub(crate) const ASKING: [&str; 11] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "not_connected",
    "needs_choice",
    "needs_reauth",
    "permission_missing",
    "unsupported",
    "sealed",
    "provider_error",
    "provider_timeout",
];

/// What trying a new credential may come to.
pub(crate) const CONNECTING: [&str; 7] = [
    "unknown_provider",
    "plugin_not_approved",
    "plugin_fault",
    "unsupported",
    "credential_rejected",
    "sealed",
    "provider_error",
];

/// What a connect takes where the provider's own fields are not known.
const ANY_FIELDS: &str = "The provider's own fields, as `GET /api/admin/providers` lists them. On an update a field \
    that is left out keeps its value, a secret too; null clears an optional one. No mask is given out or taken. The \
    credential is tried before anything is stored.";

pub(crate) fn operations() -> Vec<Operation> {
    let operation = |method, path: &str, id, summary| {
        Operation::new(method, &format!("/api/admin/connections{path}"), id, GROUP, summary)
    };
    vec![
        operation(Method::GET, "", "list_connections", "Lists every connection")
            .says("From the store alone. A connection that does not open says so and breaks no list.")
            .answers(200, "Every connection.", named("ConnectionList"), json!({ "connections": [connection()] })),
        operation(Method::PUT, "/{provider}", "connect", "Connects a provider, or updates its connection")
            .says(ANY_FIELDS)
            .takes(any_fields(), json!({ "api_token": "…", "organization": "acme" }))
            .answers(200, "The provider takes the credential, and it is stored.", named("Connected"), connected())
            .fails(&CONNECTING),
        operation(Method::DELETE, "/{provider}", "disconnect", "Disconnects a provider")
            .says(
                "Revokes at the provider what can be revoked there, and removes the connection with its secrets in any \
                 case. A second time is no error.",
            )
            .answers(200, "There is no connection any more.", named("Disconnected"), disconnected())
            .fails(&["unknown_provider", "sealed"]),
        operation(Method::GET, "/{provider}/disconnect", "foresee_disconnect", "Tells what a disconnect would do")
            .says("Nothing is changed. Where the provider sends change alerts, it is asked whether they are on.")
            .answers(
                200,
                "What would go.",
                named("Foreseen"),
                json!({
                    "provider": "acme-chat", "configured": true, "org_name": "Acme Instruments", "mappings": 290,
                    "mappings_kept": 0, "alerts": false, "revokes": "upstream",
                    "services": [{ "name": "payroll export" }],
                }),
            )
            .fails(&["unknown_provider"]),
        operation(Method::GET, "/{provider}/status", "connection_status", "Shows the fields that are not secret")
            .says("From the store alone; the provider is not asked.")
            .answers(
                200,
                "Whether there is a connection, and its fields.",
                named("ConnectionStatus"),
                json!({ "configured": true, "organization": "acme" }),
            )
            .fails(&["unknown_provider"]),
        operation(Method::GET, "/{provider}/health", "connection_health", "Asks the provider whether it works")
            .says(
                "A provider that fails is an answer too, `healthy` false with `code` and `reason`, and so is one that \
                 is not connected. While the provider's own Retry-After runs it is not asked.",
            )
            .answers(200, "What the provider says.", named("ConnectionHealth"), health())
            .fails(&["unknown_provider", "sealed"]),
        operation(Method::GET, "/{provider}/users", "list_users", "Lists one page of the provider's users")
            .says("Inactive people are listed, bots are not. A page may hold fewer than asked for, more, or none.")
            .asks("cursor", "The `next_cursor` of the page before.", text())
            .asks("limit", "How many users are wished for.", page_size(200, 100))
            .asks("with", "`person`: tell of each user whose account it is.", word(&["person"]))
            .answers(200, "One page of users.", named("UserPage"), json!({ "users": [user()], "next_cursor": null }))
            .fails(&ASKING),
        operation(Method::GET, "/{provider}/alerts-config", "alert_target", "Shows where change alerts go")
            .answers(
                200,
                "Where alerts go.",
                named("AlertTarget"),
                json!({ "configured": true, "webhook_url": "https://hooks.example.com/acme" }),
            )
            .fails(&ASKING),
        operation(Method::POST, "/{provider}/alerts-config", "set_alert_target", "Says where change alerts go")
            .takes(
                object().needs("webhook_url", text().with("format", "uri").says("A public https address.")),
                json!({ "webhook_url": "https://hooks.example.com/acme" }),
            )
            .answers(
                200,
                "What the provider then says.",
                object().needs("ok", ok()).needs("webhook_url", text().or_null()),
                json!({ "ok": true, "webhook_url": "https://hooks.example.com/acme" }),
            )
            .fails(&ASKING),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let provider_id = text()
        .with("pattern", "^[a-z][a-z0-9]*(-[a-z0-9]+)*$")
        .with("minLength", 2)
        .with("maxLength", 40)
        .says("A provider's id, the same everywhere.");
    let status = word(&["connected", "expiring", "degraded", "needs_choice", "needs_reauth", "unreadable"]).says(
        "What a person should do. `connected`: nothing. `expiring`: connect again soon. `degraded`: wait, or see \
         `reason`. `needs_choice`: choose an account. `needs_reauth`: connect again. `unreadable`: bring back the \
         right master key, or connect again.",
    );
    let check = object()
        .says("What the last question to the provider came to.")
        .needs("at", time())
        .needs("healthy", flag())
        .needs("code", text().or_null().says("The code of the failure."))
        .needs("reason", text().or_null().says("The failure in words."))
        .needs("latency_ms", count());
    let connection = object()
        .says("One connection, without its secrets.")
        .needs("provider", named("ProviderId"))
        .needs("org_name", text().or_null().says("What the provider calls the organisation."))
        .needs("connected_by", text().says("Who connected it, as the audit names them."))
        .needs("connected_at", time())
        .needs("token_expires_at", time().or_null())
        .needs("status", status)
        .needs("reason", text().or_null().says("Why it is not `connected`, in words."))
        .needs("since", time().says("Since when it has this status."))
        .needs("next_action", text().or_null().says("What to do, in words."))
        .needs("retry_at", time().or_null().says("When work is tried again by itself."))
        .needs("last_check", named("Check").or_null());
    let reported = Schema::of(json!({ "type": ["string", "number", "boolean", "array"] }))
        .says("A fact that the provider's component reports.");
    let health = object()
        .says("Whether the connection works; what the component reports stands beside.")
        .needs("configured", flag().says("Whether there is a connection."))
        .needs("healthy", flag())
        .may_have("checked_at", time())
        .may_have("latency_ms", count())
        .may_have("code", text().says("Only of a failure: its code."))
        .may_have("reason", text().says("Only of a failure: what went wrong."))
        .and_any(reported);
    let user = object()
        .says("One account of a person at the provider.")
        .needs("external_id", text().says("The provider's own id."))
        .needs("name", text())
        .needs("email", text().or_null())
        .needs("active", flag())
        .may_have(
            "person",
            named("Holder").or_null().says("With `with=person`: whose account it is; null where it is nobody's."),
        );
    let holder = object().says("Whose an account is.").needs("id", text()).needs("name", text());
    let foreseen = object()
        .says("What a disconnect would do.")
        .needs("provider", named("ProviderId"))
        .needs("configured", flag().says("Whether there is a connection."))
        .needs("org_name", text().or_null())
        .needs("mappings", count().says("How many mappings would go."))
        .needs("mappings_kept", count().says("How many would stay, for the next connection."))
        .needs(
            "alerts",
            Schema::of(json!({ "type": ["boolean", "null"] }))
                .says("Whether change alerts are on; null where the provider did not say."),
        )
        .needs(
            "revokes",
            word(&["upstream", "local"]).says(
                "`upstream`: the component can end the credential at the provider, as it declares; `local`: it is \
                 forgotten here and stays good there.",
            ),
        )
        .needs("services", list(object().needs("name", text())).says("The service tokens that name the provider."));
    let disconnected = object()
        .says("What became of the credential at the provider.")
        .needs("ok", ok())
        .needs(
            "upstream",
            word(&["revoked", "kept", "failed", "nothing"]).says(
                "`revoked`; `kept`: it stays good there; `failed`: see `note`; `nothing`: there was no connection.",
            ),
        )
        .needs("note", text().or_null().says("What is left for a person to do there, or why it failed."));
    vec![
        ("ProviderId", provider_id),
        ("Check", check),
        ("Connection", connection),
        ("ConnectionList", object().needs("connections", list(named("Connection")))),
        ("ConnectionStatus", object().needs("configured", flag()).and_any(text().says("A field that is not secret."))),
        ("ConnectionHealth", health),
        ("Connected", connected_schema()),
        ("Disconnected", disconnected),
        ("Foreseen", foreseen),
        ("Holder", holder),
        ("User", user),
        ("UserPage", object().needs("users", list(named("User"))).needs("next_cursor", next_cursor())),
        ("AlertTarget", object().needs("configured", flag()).needs("webhook_url", text().or_null())),
    ]
}

/// A number of things on a page.
pub(crate) fn page_size(most: u32, usual: u32) -> Schema {
    Schema::of(json!({ "type": "integer", "minimum": 1, "maximum": most, "default": usual }))
}

/// An example of what a connect answers.
pub(crate) fn connected() -> serde_json::Value {
    json!({ "ok": true, "org_name": "Acme Instruments" })
}

/// An example of what a disconnect answers.
pub(crate) fn disconnected() -> serde_json::Value {
    json!({ "ok": true, "upstream": "revoked", "note": null })
}

fn connected_schema() -> Schema {
    object()
        .says("The credential works. Where it opens several accounts, one is to be chosen.")
        .needs("ok", ok())
        .may_have("org_name", text().or_null().says("What the provider calls the organisation."))
        .may_have("accounts", list(named("Account")).says("The accounts to choose from, where there is a choice."))
}

/// Where the next page begins.
pub(crate) fn next_cursor() -> Schema {
    text().or_null().says("What to ask for as `cursor` to go on; null at the end.")
}

fn any_fields() -> Schema {
    Schema::of(json!({ "type": "object", "additionalProperties": { "type": ["string", "object", "null"] } }))
}

fn connection() -> serde_json::Value {
    json!({
        "provider": "acme-chat",
        "org_name": "Acme Instruments",
        "connected_by": "admin",
        "connected_at": "2026-11-24T04:23:54.172217Z",
        "token_expires_at": null,
        "status": "connected",
        "reason": null,
        "since": "2026-11-24T04:23:54.172217Z",
        "next_action": null,
        "retry_at": null,
        "last_check":
            { "at": "2026-11-24T04:23:54.172214Z", "healthy": true, "code": null, "reason": null, "latency_ms": 2 },
    })
}

fn health() -> serde_json::Value {
    json!({
        "configured": true,
        "healthy": true,
        "checked_at": "2026-11-24T04:23:54.303739Z",
        "latency_ms": 41,
        "organization": "Acme Instruments",
    })
}

fn user() -> serde_json::Value {
    json!({
        "external_id": "U0HDYE3FJ",
        "name": "Bjørn O'Brien",
        "email": "bjorn.obrien@acme.example",
        "active": true,
    })
}
