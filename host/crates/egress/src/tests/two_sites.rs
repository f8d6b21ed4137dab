//! Calls with two secrets that go to two sites: no site learns anything about the secret of the other.

use std::collections::BTreeMap;

use jackfield_core::{
    Secret,
    manifest::{Attachment, CredentialSource, Endpoint, JwtAlgorithm, JwtPlacement, KeyEncoding, Method, Placement},
};

use super::{TOKEN, egress_to, get, header, ok, redirect_to, send};
use crate::{
    call_permissions::{CallPermissions, RequestBudget},
    disclosure::SentTokens,
    error::SendError,
    tests::scripted_server::{Reply, ScriptedServer},
};

/// A weak secret, which only `www.example.org` receives. `api.example.com` receives [`TOKEN`].
const PASSWORD: &str = "correct-horse";

fn field(name: &str) -> CredentialSource {
    CredentialSource::Field(name.to_owned())
}

fn endpoint(host: &str, path: &str, source: CredentialSource, placement: Placement) -> Endpoint {
    let credential = Some(Attachment { source, placement });
    Endpoint { method: Method::Get, host: host.to_owned(), path: path.to_owned(), credential }
}

fn two_secrets() -> CallPermissions {
    let credentials = [("token", TOKEN), ("password", PASSWORD)]
        .map(|(name, secret)| (field(name), Secret::new(secret.to_owned())))
        .into();
    let endpoints = [
        endpoint("api.example.com", "/*", field("token"), header()),
        endpoint("www.example.org", "/*", field("password"), header()),
    ];
    CallPermissions::new("pool".to_owned(), endpoints.into(), credentials, BTreeMap::new(), RequestBudget::new(20))
}

fn page(body: &str) -> Reply {
    Reply::whole(format!("HTTP/1.1 200 OK\r\nX-Echo: {body}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

#[tokio::test]
async fn a_site_has_only_the_secrets_that_it_receives_masked() {
    let both = format!("{TOKEN} {PASSWORD}");
    for (url, masked) in [
        ("https://api.example.com/a", format!("[secret] {PASSWORD}")),
        ("https://www.example.org/a", format!("{TOKEN} [secret]")),
    ] {
        let server = ScriptedServer::with(vec![page(&both), page(&both)]).await;
        let (egress, permissions) = (egress_to(&server), two_secrets());
        for _ in 0..2 {
            let response = send(&egress, &permissions, get(url)).await.unwrap();
            assert_eq!(String::from_utf8(response.body).unwrap(), masked);
            assert!(response.headers.contains(&("x-echo".to_owned(), masked.clone())), "{:?}", response.headers);
        }
    }
}

#[tokio::test]
async fn a_redirect_compares_only_the_secrets_that_its_site_receives() {
    // The site does not know the password, so its guess is followed like any other URL.
    let server = ScriptedServer::with(vec![redirect_to(&format!("/{PASSWORD}")), ok()]).await;
    send(&egress_to(&server), &two_secrets(), get("https://api.example.com/a")).await.unwrap();
    assert_eq!(server.requests().len(), 2);

    let server =
        ScriptedServer::with(vec![redirect_to(&format!("/{TOKEN}").replace("/+=~", "%2F%2B%3D~")), ok()]).await;
    let result = send(&egress_to(&server), &two_secrets(), get("https://api.example.com/a")).await;
    assert!(matches!(result, Err(SendError::Denied(denial)) if denial.rule == "redirect"));

    // The other site would repeat the URL.
    let to_other = redirect_to(&format!("https://www.example.org/{PASSWORD}"));
    let server = ScriptedServer::with(vec![to_other, ok()]).await;
    let error = send(&egress_to(&server), &two_secrets(), get("https://api.example.com/a")).await.unwrap_err();
    assert!(error.as_guess().is_some() && server.requests().len() == 1, "{error}");
}

#[tokio::test]
async fn a_redirect_between_two_sites_brings_no_guess_at_the_first_ones_secret_back() {
    let to_other = || redirect_to("https://www.example.org/x");
    let server = ScriptedServer::with(vec![to_other(), page(PASSWORD), to_other(), page(TOKEN), page(TOKEN)]).await;
    let (egress, permissions) = (egress_to(&server), two_secrets());
    let echo = send(&egress, &permissions, get("https://api.example.com/a")).await.unwrap();
    assert_eq!(echo.body, b"[secret]");
    let error = send(&egress, &permissions, get("https://api.example.com/a")).await.unwrap_err();
    assert!(error.as_guess().is_some(), "{error}");
    // That site remains one to which a redirect led.
    let error = send(&egress, &permissions, get("https://www.example.org/y")).await.unwrap_err();
    assert!(error.as_guess().is_some(), "{error}");
}

#[tokio::test]
async fn a_component_may_send_no_secret_to_any_site() {
    let server = ScriptedServer::with(vec![ok()]).await;
    let egress = egress_to(&server);
    for secret in [PASSWORD, "eG94Yi0xNzY1My1acTkvKz1-cEw"] {
        for host in ["api.example.com", "www.example.org"] {
            let permissions = two_secrets();
            let error = send(&egress, &permissions, get(&format!("https://{host}/{secret}"))).await.unwrap_err();
            assert!(error.as_guess().is_some(), "{host}: {error}");
            assert_eq!((permissions.end().as_ref(), permissions.end().as_ref()), (error.as_guess(), error.as_guess()));
        }
    }
    assert!(server.requests().is_empty());
}

/// Permits `/signed` of `api.example.com` with a token that the key signs, and `www.example.org` with the password.
fn with_signed_token(tokens: &SentTokens) -> CallPermissions {
    let placement = Placement::Jwt(JwtPlacement {
        header: "Authorization".to_owned(),
        format: "Bearer {}".to_owned(),
        algorithm: JwtAlgorithm::Hs256,
        key: KeyEncoding::Text,
        key_id: None,
        claims: vec![],
        lifetime: 600,
    });
    let mut permissions = two_secrets();
    permissions.endpoints = [
        endpoint("api.example.com", "/signed", field("token"), placement),
        endpoint("www.example.org", "/*", field("password"), header()),
    ]
    .into();
    permissions.share_tokens(tokens.clone());
    permissions
}

#[tokio::test]
async fn a_signed_token_is_masked_only_where_its_key_is_used() {
    let tokens = SentTokens::default();
    let server = ScriptedServer::with(vec![ok()]).await;
    send(&egress_to(&server), &with_signed_token(&tokens), get("https://api.example.com/signed")).await.unwrap();
    let sent = server.requests()[0].clone();
    let token = sent.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap().trim().to_owned();

    let server = ScriptedServer::with(vec![page(&token), page(&token)]).await;
    let (egress, permissions) = (egress_to(&server), with_signed_token(&tokens));
    for (url, seen) in [("https://api.example.com/signed", "[secret]"), ("https://www.example.org/a", token.as_str())] {
        let response = send(&egress, &permissions, get(url)).await.unwrap();
        assert_eq!(String::from_utf8(response.body).unwrap(), seen);
    }
}
