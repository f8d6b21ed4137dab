//! What is said of `/api/admin/providers`: every component, what it asks for, and what is decided about it.

use http::Method;
use serde_json::{Value, json};

use super::{
    operation::Operation,
    schema::{Schema, flag, list, named, object, ok, text, time, word},
};

const GROUP: &str = "Providers";

pub(crate) fn operations() -> Vec<Operation> {
    let at = |method, path: &str, id, summary| {
        let path = format!("/api/admin/providers{path}");
        Operation::new(method, &path, id, GROUP, summary)
    };
    let decided = || json!({ "ok": true, "provider": provider() });
    vec![
        at(Method::GET, "", "list_providers", "Lists every component and what it asks for")
            .says(
                "Of each provider the version that serves, and those that wait with the difference. A file that is no \
                 component is listed under its own name, with the reason.",
            )
            .answers(
                200,
                "Every component.",
                named("ProviderList"),
                json!({
                    "providers": [provider()],
                    "folder_problem": null,
                }),
            ),
        at(Method::POST, "", "add_provider", "Sends the bytes of a component in")
            .says(
                "It waits for approval, unless a trusted key signed it and grants what it asks for. Bytes that were sent in \
                 before change nothing.",
            )
            .asks_in_header(
                "Component-Signature",
                "A signature of the body by minisign: the text of the `.minisig` file in base64. Looked at where keys are \
                 trusted; one that does not hold is refused.",
                text(),
            )
            .takes_as("application/wasm", Schema::of(json!({ "contentMediaType": "application/wasm" })), json!("…"))
            .answers(201, "It is there.", named("ProviderDecided"), decided())
            .fails(&["sealed"]),
        at(Method::POST, "/{provider}/approve", "approve_provider", "Approves a version, by the digest that was shown")
            .says("The version that served until then is kept for a rollback; calls in flight end on it.")
            .takes(object().needs("digest", text().says("As it was shown.")), json!({ "digest": DIGEST }))
            .answers(200, "It serves.", named("ProviderDecided"), decided())
            .fails(&["unknown_provider", "conflict", "sealed"]),
        at(Method::POST, "/{provider}/disable", "disable_provider", "Takes a provider out of use")
            .says("Its connection is kept. Approving a version brings it back.")
            .answers(200, "It serves no more.", named("ProviderDecided"), decided())
            .fails(&["unknown_provider", "conflict", "sealed"]),
        at(Method::POST, "/{provider}/rollback", "roll_provider_back", "Goes back to the version approved before")
            .says("The version that served until then waits for approval anew.")
            .answers(200, "The version before serves.", named("ProviderDecided"), decided())
            .fails(&["unknown_provider", "conflict", "sealed"]),
        at(Method::DELETE, "/{provider}", "remove_provider", "Takes a provider out of the catalog")
            .says(
                "Its approvals go, and what was sent in of it; its connection is kept. What still lies in the plugins' \
                 folder waits for approval anew, and is then in the answer.",
            )
            .answers(200, "It is gone, or what is left of it waits.", named("ProviderDecided"), decided())
            .fails(&["unknown_provider", "sealed"]),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
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
    let provider = with_asks(
        object()
            .says("One provider as it stands, and all that an administrator approves of it.")
            .needs("id", text().says("The provider's id, or the file's name where the file is not a component."))
            .needs("file", file())
            .needs("digest", text().or_null().says("SHA-256 of its bytes."))
            .needs(
                "state",
                word(&["approved", "pending", "disabled", "broken"]).says(
                    "`approved`: it may run; `pending`: nobody has approved it; `disabled`: it was taken out of use; \
                 `broken`: see `reason`.",
                ),
            )
            .may_have("reason", text())
            .needs("signature", named("ProviderSignature").or_null().says("Null where no key is trusted."))
            .needs("paused_until", time().or_null().says("It failed again and again, and is left alone until then."))
            .needs("waiting", list(named("ProviderWaiting")).says("Further versions, which run when approved."))
            .needs("previous", previous().or_null().says("What a rollback goes back to.")),
        Schema::may_have,
    );
    let waiting = with_asks(
        object()
            .says("A version that waits for approval.")
            .needs("file", file())
            .needs("digest", text())
            .needs("signature", named("ProviderSignature").or_null().says("Null where no key is trusted."))
            .needs("downgrade", flag().says("Whether its version is lower than the approved one."))
            .needs("changes", named("ProviderChanges").or_null().says("Null where nothing is approved.")),
        Schema::needs,
    );
    let signature = object()
        .says("What the signature of a component came to.")
        .needs(
            "state",
            word(&["granted", "asks_more", "unknown_key", "broken", "unsigned"]).says(
                "`granted`: a trusted key signed it and may grant all that it asks for; `asks_more`: it asks for what \
                 stands in `beyond`; `unknown_key`: no trusted key signed it.",
            ),
        )
        .needs("key", text().or_null().says("The trusted key that signed it."))
        .needs("beyond", list(text()).says("What it asks for beyond the grant of that key, in words."));
    let difference = object()
        .needs("added", list(text()))
        .needs("removed", list(text()))
        .needs("changed", list(object().needs("what", text()).needs("from", text()).needs("to", text())));
    let parts = ["hosts", "endpoints", "credentials", "scopes", "grant", "fields", "capabilities", "about"];
    let changes = parts.iter().fold(
        object()
            .says("In what a version differs from the approved one.")
            .needs("words", list(text()).says("Each difference as a sentence.")),
        |changes, part| changes.needs(part, named("ProviderDifference")),
    );
    let providers = object()
        .needs("providers", list(named("Provider")))
        .needs("folder_problem", text().or_null().says("Why nothing is taken from the plugins' folder."));
    let decided = object()
        .needs("ok", ok())
        .needs("provider", named("Provider").or_null().says("How it stands now; null where nothing is left of it."));
    vec![
        ("Provider", provider),
        ("ProviderWaiting", waiting),
        ("ProviderChanges", changes),
        ("ProviderSignature", signature),
        ("ProviderDifference", difference),
        ("ProviderField", field),
        ("Capabilities", capabilities),
        ("ProviderList", providers),
        ("ProviderDecided", decided),
    ]
}

/// What a component asks for; of a file that is none, nothing is known.
fn with_asks(schema: Schema, with: fn(Schema, &str, Schema) -> Schema) -> Schema {
    let words = || object().and_any(text());
    let asks = [
        ("title", text().says("The product's own name.")),
        ("version", text()),
        ("auth", word(&["fields", "oauth2", "service_account"]).says("How one connects.")),
        ("grant", words().says("Each part of how one connects, in words.")),
        ("scopes", list(text()).says("Every scope that it has a token made for.")),
        ("fields", list(named("ProviderField"))),
        ("hosts", list(text()).says("Every host that it calls.")),
        ("endpoints", list(text()).says("Every endpoint that it calls.")),
        ("credentials", words().says("Which credential goes to an endpoint, and in which place.")),
        ("capabilities", named("Capabilities")),
    ];
    asks.into_iter().fold(schema, |schema, (name, part)| with(schema, name, part))
}

fn file() -> Schema {
    text().or_null().says("Its file in the plugins' folder; null where it was sent in, or is gone from there.")
}

fn previous() -> Schema {
    object().needs("digest", text()).needs("version", text())
}

const DIGEST: &str = "3ad8c834f1d07b0ce4b7f0f7f6cbb0a9f7d3e3a4b8c1d2e5f60718293a4b5c6d";

fn provider() -> Value {
    json!({
        "id": "acme-chat",
        "file": "acme-chat.wasm",
        "digest": DIGEST,
        "state": "approved",
        "title": "Acme Chat",
        "version": "0.1.0",
        "auth": "fields",
        "grant": { "by": "fields" },
        "scopes": [],
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
        "credentials": {
            "GET api.chat.example.com/v1/users":
                "place header (format Bearer {}, name Authorization), source field api_token",
        },
        "capabilities": { "users": true, "alerts": false, "accounts": false },
        "paused_until": null,
        "signature": null,
        "waiting": [],
        "previous": null,
    })
}
