//! Every kind of finding has its own advice.

mod new_versions;

use std::collections::HashSet;

use jackfield_core::manifest::{
    Attachment, Auth, Capabilities, Choice, ClientAuthentication, CredentialSource, Endpoint, Field, FieldKind,
    Manifest, MappingFate, Method, OAuth2Grant, Placement, RefreshTokens, ServiceAccountGrant,
};

use super::review;

/// Returns a manifest in which nearly everything is wrong.
fn wrong(auth: Auth) -> Manifest {
    let field = |name: &str| Field {
        name: name.to_owned(),
        label: "a\u{202e}".to_owned(),
        help: "x".repeat(501),
        help_url: Some("http://acme.example/".to_owned()),
        kind: FieldKind::Text,
        secret: false,
        required: true,
        choices: vec![Choice { value: String::new(), label: String::new() }],
        pattern: Some("(".to_owned()),
    };
    let endpoint = |host: &str, path: &str, source: CredentialSource| Endpoint {
        method: Method::Get,
        host: host.to_owned(),
        path: path.to_owned(),
        credential: Some(Attachment { source, placement: Placement::Query(String::new()) }),
    };
    let minted = CredentialSource::Minted { scopes: vec!["a b".to_owned()], subject_field: Some("none".to_owned()) };
    Manifest {
        id: "Acme".to_owned(),
        title: String::new(),
        version: "1".to_owned(),
        auth,
        fields: [field("ok"), field("twice"), field("twice"), field("No")].into_iter().cycle().take(33).collect(),
        endpoints: vec![
            endpoint("10.0.0.1", "/", CredentialSource::OAuthToken),
            endpoint("api.acme.example", "v1", CredentialSource::OAuthToken),
            endpoint("api.acme.example", "/v1", CredentialSource::OAuthToken),
            endpoint("api.acme.example", "/v1", minted),
            endpoint("api.acme.example", "/v2", CredentialSource::Field("ok".to_owned())),
        ],
        capabilities: Capabilities::default(),
        on_disconnect: MappingFate::Keep,
    }
}

#[test]
fn every_kind_of_finding_has_its_own_cure() {
    let oauth = Auth::OAuth2(OAuth2Grant {
        authorize_url: "x".to_owned(),
        token_url: "x".to_owned(),
        revocation_url: Some("x".to_owned()),
        issuer: None,
        scopes: vec![String::new()],
        authorize_parameters: vec![("state".to_owned(), "x".to_owned())],
        client_authentication: ClientAuthentication::Basic,
        refresh: RefreshTokens::None,
        idle_lifetime: None,
    });
    let account = Auth::ServiceAccount(ServiceAccountGrant {
        field: "ok".to_owned(),
        token_url: "x".to_owned(),
        audience: "x".to_owned(),
        token_uris: Vec::new(),
        universe_domains: Vec::new(),
    });
    let bare = Manifest { endpoints: Vec::new(), ..wrong(Auth::Fields) };
    let found = [wrong(Auth::Fields), wrong(oauth), wrong(account), bare]
        .iter()
        .flat_map(|manifest| review(manifest, true))
        .collect::<Vec<_>>();
    for finding in &found {
        assert!(!finding.what.is_empty() && !finding.cure.is_empty(), "{finding:?}");
    }
    let cures: HashSet<&str> = found.iter().map(|finding| finding.cure.as_str()).collect();
    assert!(cures.len() >= 20, "only {} kinds of findings: {cures:#?}", cures.len());
}

#[test]
fn a_credential_in_the_body_of_a_get_is_a_finding() {
    let mut manifest = wrong(Auth::Fields);
    let findings = |manifest: &Manifest| {
        review(manifest, true).iter().filter(|finding| finding.what.contains("such a request has none")).count()
    };
    for placement in [Placement::Form("key".to_owned()), Placement::Json("/key".to_owned())] {
        for (method, expected) in [(Method::Get, 1), (Method::Head, 1), (Method::Delete, 0), (Method::Post, 0)] {
            let credential =
                Attachment { source: CredentialSource::Field("ok".to_owned()), placement: placement.clone() };
            let (host, path) = ("api.acme.example".to_owned(), "/v1".to_owned());
            manifest.endpoints = vec![Endpoint { method, host, path, credential: Some(credential) }];
            assert_eq!(findings(&manifest), expected, "{method:?} {placement:?}");
        }
    }
}
