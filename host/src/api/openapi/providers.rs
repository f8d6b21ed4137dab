//! What is said of `/api/admin/providers`: every component and what it asks for.

use http::Method;
use serde_json::{Value, json};

use super::{
    operation::Operation,
    schema::{Schema, flag, list, named, object, text, word},
};

const GROUP: &str = "Providers";

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/api/admin/providers",
            "list_providers",
            GROUP,
            "Lists every component and what it asks for",
        )
        .says("A file that is no component is listed under its own name, with the reason.")
        .answers(200, "Every component.", named("ProviderList"), json!({ "providers": [provider()] })),
    ]
}

pub(super) fn schemas() -> Vec<(&'static str, Schema)> {
    let field = object()
        .says("One input of the connect form.")
        .needs("name", text().says("The key in the body of a connect."))
        .needs("label", text())
        .needs("help", text())
        .needs("help_url", text().or_null())
        .needs("kind", word(&["text", "email", "url", "json", "choice"]))
        .needs("secret", flag())
        .needs("required", flag().says("Whether a new connection needs it."))
        .needs("choices", list(object().needs("value", text()).needs("label", text())))
        .needs("pattern", text().or_null().says("A regular expression that the whole value matches."));
    let capabilities =
        object().needs("users", flag()).needs("alerts", flag()).needs("accounts", flag()).says("What it can do.");
    let provider = object()
        .says("One component, and all that an administrator approves of it.")
        .needs("id", text().says("The provider's id, or the file's name where the file is no component."))
        .needs("file", text())
        .needs("digest", text().or_null().says("SHA-256 of its bytes."))
        .needs("state", word(&["approved", "pending", "disabled", "broken"]).says(
            "`approved`: it may run; `pending`: nobody has approved it; `disabled`: it was taken out of use; `broken`: \
             see `reason`.",
        ))
        .may_have("reason", text())
        .may_have("title", text().says("The product's own name."))
        .may_have("version", text())
        .may_have("auth", word(&["fields", "oauth2", "service_account"]).says("How one connects."))
        .may_have("fields", list(named("ProviderField")))
        .may_have("hosts", list(text()).says("Every host that it calls."))
        .may_have("endpoints", list(text()).says("Every endpoint that it calls."))
        .may_have("capabilities", named("Capabilities"));
    vec![
        ("Provider", provider),
        ("ProviderField", field),
        ("Capabilities", capabilities),
        ("ProviderList", object().needs("providers", list(named("Provider")))),
    ]
}

fn provider() -> Value {
    json!({
        "id": "acme-chat",
        "file": "acme-chat.wasm",
        "digest": "3ad8c834f1d07b0ce4b7f0f7f6cbb0a9f7d3e3a4b8c1d2e5f60718293a4b5c6d",
        "state": "approved",
        "title": "Acme Chat",
        "version": "0.1.0",
        "auth": "fields",
        "fields": [{
            "name": "api_token",
            "label": "API token",
            "help": "From the page API of your workspace.",
            "help_url": null,
            "kind": "text",
            "secret": true,
            "required": true,
            "choices": [],
            "pattern": "^act-[a-z0-9]+$",
        }],
        "hosts": ["api.chat.example.com"],
        "endpoints": ["GET api.chat.example.com/v1/users"],
        "capabilities": { "users": true, "alerts": false, "accounts": false },
    })
}
