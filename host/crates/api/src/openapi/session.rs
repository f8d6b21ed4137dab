//! What is said of signing in and out.

use http::Method;
use serde_json::{Value, json};

use super::{
    oauth::done,
    operation::Operation,
    schema::{Schema, flag, named, object, text, time, word},
};

const GROUP: &str = "Session";

pub(crate) fn operations() -> Vec<Operation> {
    let operation = |method, path, id, summary| Operation::new(method, path, id, GROUP, summary);
    vec![
        operation(Method::GET, "/api/session", "show_session", "Tells who is signed in by the request's cookie")
            .says("Looks only: it does not keep a session from ending for want of use.")
            .answers(200, "Who it is, or that it is nobody.", named("Session"), session())
            .fails(&["overloaded"]),
        operation(Method::POST, "/api/session", "sign_in", "Signs a person in, and sets the cookie of a new session")
            .says(
                "With an API token that is no service's, or with what stands behind the `#` of a one-time link. A \
                 session that the browser had before ends.",
            )
            .takes(
                object()
                    .may_have("token", text().with("writeOnly", true).says("An API token."))
                    .may_have("link", text().with("writeOnly", true).says("The secret of a one-time link."))
                    .with("minProperties", 1)
                    .with("maxProperties", 1),
                json!({ "link": "…" }),
            )
            .answers(200, "Who is signed in now.", named("Session"), session())
            .fails(&["unauthenticated", "forbidden", "rate_limited", "overloaded"]),
        operation(Method::DELETE, "/api/session", "sign_out", "Signs out here").answers(
            200,
            "The session has ended.",
            done(),
            json!({ "ok": true }),
        ),
        operation(Method::DELETE, "/api/sessions", "sign_out_everywhere", "Signs out everywhere")
            .says("Ends every session of the person who asks, on every host.")
            .answers(200, "The sessions have ended.", done(), json!({ "ok": true })),
        operation(Method::GET, "/signin/oidc", "begin_sign_in", "Leads the browser to the identity provider")
            .says("Where `JACKFIELD_OIDC_…` is set. What cannot be begun leads to `/signin?refused=unavailable`.")
            .leads("To the provider's page, with `state`, `nonce` and PKCE S256.")
            .fails(&["not_found"]),
        operation(Method::GET, "/signin/oidc/callback", "end_sign_in", "Where the identity provider leads back to")
            .says(
                "Leads to `/` with the cookie of a session, or to `/signin?refused=` and one of `declined`, `expired`, \
                 `unavailable`, `invalid`, `no_level`.",
            )
            .leads("To the console, or to the page that says why not.")
            .fails(&["not_found", "overloaded"]),
    ]
}

pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    let session = object()
        .says("Who is signed in. All but `signed_in` and `oidc` is there where somebody is.")
        .needs("signed_in", flag())
        .may_have("name", text().says("What the audit calls them."))
        .may_have("level", word(&["member", "manager", "executive"]))
        .may_have("csrf", text().says("What the header `X-CSRF-Token` holds of a request that is no GET."))
        .may_have("expires_at", time().says("When it ends however busy it is."))
        .may_have("idle_expires_at", time().says("When it ends if no request comes."))
        .needs("oidc", flag().says("Whether one can sign in through an identity provider here."));
    vec![("Session", session)]
}

fn session() -> Value {
    json!({
        "signed_in": true,
        "name": "admin",
        "level": "executive",
        "csrf": "nDSu3ZmgVVuGpZ2EhnBvDlfZGwHhFoZEYlHFMqhR1q0",
        "expires_at": "2026-11-24T16:23:54.172863Z",
        "idle_expires_at": "2026-11-24T05:23:54.172863Z",
        "oidc": false,
    })
}
