//! Every kind of finding has its own advice.

mod new_versions;

use std::collections::HashSet;

use jackfield_core::manifest::{
    Attachment, Auth, AwsPlacement, BasicUser, Capabilities, Choice, Claim, ClaimValue, ClientAuthentication,
    CredentialSource, Endpoint, Field, FieldKind, HmacPlacement, JwtAlgorithm, JwtPlacement, KeyEncoding,
    LiteralOrField, Manifest, MappingFate, Method, OAuth2Grant, Placement, RefreshTokens, ServiceAccountGrant,
    SignatureEncoding, SignedPart, TimeFormat, TimePlacement,
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

#[test]
fn an_id_that_is_part_of_a_path_of_the_api_is_a_finding() {
    let whats = |id: &str| -> Vec<String> {
        let manifest = Manifest { id: id.to_owned(), ..wrong(Auth::Fields) };
        review(&manifest, true).into_iter().map(|finding| finding.what).collect()
    };
    let reserved = "the id `user-mappings` is reserved for a path of the REST API";
    assert!(whats("user-mappings").iter().any(|what| what == reserved));
    assert!(!whats("acme").iter().any(|what| what.contains("id `acme`")));
    assert!(whats("Acme_HR").iter().any(|what| what.starts_with("`Acme_HR` is not a valid provider id: ")));
}

#[test]
fn each_mistake_in_a_placement_has_its_own_message() {
    let header = |name: &str, format: &str| Placement::Header { name: name.to_owned(), format: format.to_owned() };
    let hmac = |parts: Vec<SignedPart>, time: Option<&str>| {
        Placement::Hmac(HmacPlacement {
            header: "X-Signature".to_owned(),
            format: "{}".to_owned(),
            parts,
            key: KeyEncoding::Text,
            encoding: SignatureEncoding::Hex,
            time: time.map(|header| TimePlacement { header: header.to_owned(), format: TimeFormat::Seconds }),
        })
    };
    let jwt = |lifetime: u32, claim: &str| {
        Placement::Jwt(JwtPlacement {
            header: "Authorization".to_owned(),
            format: "Bearer {}".to_owned(),
            algorithm: JwtAlgorithm::Hs256,
            key: KeyEncoding::Text,
            key_id: None,
            claims: vec![Claim { name: claim.to_owned(), value: ClaimValue::Random }],
            lifetime,
        })
    };
    let aws = |service: &str| {
        Placement::Aws(AwsPlacement {
            access_key: LiteralOrField::Literal("AKIA".to_owned()),
            region: LiteralOrField::Literal("eu-central-1".to_owned()),
            service: service.to_owned(),
        })
    };
    let cases = [
        (header("Authorization", "Bearer"), "without the `{}`"),
        (header("Authorization", "{} {}"), "contains `{}` 2 times"),
        (header("Authorization", "{}\r\n"), "not printable ASCII"),
        (header("Host", "{}"), "the header `Host` is set by the host"),
        (header("Cookie", "{}"), "the header `Cookie` is set by the host"),
        (header("X A", "{}"), "`X A` is not the name of a header"),
        (header("", "{}"), "`` is not the name of a header"),
        (Placement::Basic(BasicUser::Field("none".to_owned())), "uses the field `none`"),
        (Placement::Basic(BasicUser::Field("secret".to_owned())), "uses the field `secret`"),
        (Placement::Basic(BasicUser::Literal("a:b".to_owned())), "`a:b`, contains a colon"),
        (Placement::Json("token".to_owned()), "`token` is not a JSON pointer"),
        (Placement::Query(String::new()), "the key `` is empty"),
        (hmac(Vec::new(), None), "signs 0 parts"),
        (hmac(vec![SignedPart::Time], None), "no header sends it"),
        (hmac(vec![SignedPart::Body], Some("X-Time")), "the HMAC does not sign it"),
        (hmac(vec![SignedPart::Field("secret".to_owned())], None), "uses the field `secret`"),
        (jwt(5, "jti"), "valid for 5 s; use 60 to 3600 s"),
        (jwt(60, "iat"), "the claim `iat`, which the host sets"),
        (aws(""), "the service of the AWS signature"),
    ];
    for (placement, expected) in cases {
        let mut manifest = wrong(Auth::Fields);
        let field = |name: &str, secret: bool| Field {
            name: name.to_owned(),
            label: "Label".to_owned(),
            help: String::new(),
            help_url: None,
            kind: FieldKind::Text,
            secret,
            required: true,
            choices: Vec::new(),
            pattern: None,
        };
        manifest.fields = vec![field("secret", true), field("user", false)];
        let source = CredentialSource::Field("secret".to_owned());
        let credential = Some(Attachment { source, placement: placement.clone() });
        let (host, path) = ("api.acme.example".to_owned(), "/v1".to_owned());
        manifest.endpoints = vec![Endpoint { method: Method::Post, host, path, credential }];
        let found: Vec<_> = review(&manifest, true)
            .into_iter()
            .filter(|finding| finding.what.contains("POST api.acme.example"))
            .collect();
        assert!(found.iter().any(|finding| finding.what.contains(expected)), "{placement:?}: {found:?}");
    }
}
