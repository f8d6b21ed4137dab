//! Credentials that sign requests: the signature is sent, the key is not, and the component cannot set its headers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jackfield_core::{
    Clock, Secret,
    manifest::{
        Attachment, AwsPlacement, Claim, ClaimValue, CredentialSource, Endpoint, HmacPlacement, JwtAlgorithm,
        JwtPlacement, KeyEncoding, LiteralOrField, Method, Placement, SignatureEncoding, SignedPart, TimeFormat,
        TimePlacement,
    },
};
use jackfield_egress::{
    CallPermissions, Egress, EgressConfig, Request, RequestBudget, Response, SendError, SentTokens,
};
use jackfield_sandbox::{Cache, Limits, Pooling, Sandbox};
use jackfield_test_support::{
    guests, marked,
    stand_in_server::{ReceivedRequest, StandInResponse, StandInServer, echo_request},
};
use serde_json::json;
use tokio::time::Instant;

const HOST: &str = "api.acme.example";

fn hmac() -> Placement {
    Placement::Hmac(HmacPlacement {
        header: "X-Signature".to_owned(),
        format: "v1={}".to_owned(),
        key: KeyEncoding::Text,
        parts: vec![SignedPart::Time, SignedPart::Method, SignedPart::Path, SignedPart::Body],
        encoding: SignatureEncoding::Hex,
        time: Some(TimePlacement { header: "X-Time".to_owned(), format: TimeFormat::Seconds }),
    })
}

fn aws() -> Placement {
    Placement::Aws(AwsPlacement {
        access_key: LiteralOrField::Field("key_id".to_owned()),
        region: LiteralOrField::Literal("eu-central-1".to_owned()),
        service: "execute-api".to_owned(),
    })
}

fn jwt() -> Placement {
    Placement::Jwt(JwtPlacement {
        header: "Authorization".to_owned(),
        format: "Bearer {}".to_owned(),
        algorithm: JwtAlgorithm::Hs256,
        key: KeyEncoding::Text,
        key_id: None,
        claims: vec![Claim { name: "iss".to_owned(), value: ClaimValue::Field("key_id".to_owned()) }],
        lifetime: 60,
    })
}

struct SentCall {
    response: Result<Response, SendError>,
    requests: Vec<ReceivedRequest>,
}

/// Sends a POST at 2023-11-14T22:13:20Z to a server that echoes the whole request.
async fn send(placement: Placement, key: &str, headers: &[(&str, &str)]) -> SentCall {
    let upstream = StandInServer::start(echo_request).await;
    let egress = Egress::new(EgressConfig {
        reroutes: BTreeMap::from([(HOST.to_owned(), upstream.url().parse().expect("a URL"))]),
        clock: Clock::set_to("2023-11-14T22:13:20Z".parse().expect("a time")),
        ..EgressConfig::default()
    })
    .expect("an egress");
    let attachment = Attachment { source: CredentialSource::Field("token".to_owned()), placement };
    let endpoint = Endpoint {
        method: Method::Post,
        host: HOST.to_owned(),
        path: "/v1/users".to_owned(),
        credential: Some(attachment),
    };
    let permissions = CallPermissions::new(
        "pool".to_owned(),
        vec![endpoint].into(),
        vec![(CredentialSource::Field("token".to_owned()), Secret::new(key.to_owned()))],
        BTreeMap::from([("key_id".to_owned(), "KEYID".to_owned())]),
        RequestBudget::new(1),
    );
    let request = Request {
        method: Method::Post,
        url: format!("https://{HOST}/v1/users"),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: Some(b"{}".to_vec()),
    };
    let response = egress.send(&permissions, Instant::now() + Duration::from_secs(10), request).await;
    SentCall { response, requests: upstream.requests() }
}

#[tokio::test]
async fn a_signature_is_sent_and_its_key_is_not() {
    let key = marked::secret("key-");
    for (placement, field, begins) in [
        (hmac(), "x-signature", "v1="),
        (aws(), "authorization", "AWS4-HMAC-SHA256 Credential=KEYID/20231114/eu-central-1/execute-api/aws4_request, "),
        (jwt(), "authorization", "Bearer eyJ"),
    ] {
        let sent = send(placement, &key, &[]).await;
        let [request] = sent.requests.as_slice() else { panic!("{:?}", sent.requests) };
        assert!(request.header(field).is_some_and(|value| value.starts_with(begins)), "{request:?}");
        assert!(!format!("{request:?}").contains(&key), "{request:?}");
        assert_eq!(sent.response.expect("a response").status, 200);
    }
}

#[tokio::test]
async fn a_signature_covers_the_time_and_everything_that_is_declared() {
    let sent = send(hmac(), "key", &[]).await;
    let [request] = sent.requests.as_slice() else { panic!("{:?}", sent.requests) };
    assert_eq!(request.header("x-time"), Some("1700000000"));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let expected = hex::encode(ring::hmac::sign(&key, b"1700000000POST/v1/users{}"));
    assert_eq!(request.header("x-signature"), Some(format!("v1={expected}").as_str()));
}

#[tokio::test]
async fn an_echoed_token_is_masked_and_a_signature_is_not() {
    let sent = send(hmac(), "0123456789abcdef", &[]).await;
    let signature = sent.requests[0].header("x-signature").expect("a signature").to_owned();
    let body = String::from_utf8_lossy(&sent.response.expect("a response").body).into_owned();
    assert!(body.contains(&signature), "{body}");

    let sent = send(jwt(), "0123456789abcdef", &[]).await;
    let token = sent.requests[0].header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let token = token.expect("a token").to_owned();
    let body = String::from_utf8_lossy(&sent.response.expect("a response").body).into_owned();
    assert!(body.contains("[secret]") && !body.contains(&token), "{body}");
}

#[tokio::test]
async fn a_component_cannot_set_the_headers_of_a_signature() {
    for (placement, name) in [
        (hmac(), "x_signature"),
        (hmac(), "X-Time"),
        (aws(), "X-Amz-Date"),
        (aws(), "x-amz-content-sha256"),
        (aws(), "X-Amz-Security-Token"),
        (aws(), "Date"),
    ] {
        let sent = send(placement, "key", &[(name, "own")]).await;
        assert!(matches!(&sent.response, Err(SendError::Denied(denial)) if denial.rule == "place"), "{name}");
        assert!(sent.requests.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_signing_placement_may_only_use_declared_fields() {
    let limits = Limits { pooling: Pooling::Never, ..Limits::default() };
    let egress = Egress::new(EgressConfig::default()).expect("an egress");
    let sandbox = Sandbox::new(limits, egress, Cache::none()).expect("a sandbox");
    let header = json!({ "name": "X-Signature", "format": "{}" });
    let field = json!({
        "name": "key_id", "label": "Key", "help": "", "help-url": null, "kind": "text", "secret": false,
        "required": true, "choices": [], "pattern": null,
    });
    let literal = |text: &str| json!({ "literal": text });
    for (place, words) in [
        (
            json!({ "hmac": {
                "header": header, "key": "base64", "parts": [{ "text": "a" }, "method", { "field": "key_id" }],
                "coding": "hex", "time": null,
            } }),
            "signing \"a\" + the method + the value of `key_id` with HMAC-SHA256 (key in base64), sent in hexadecimal as \
             `X-Signature: {}`",
        ),
        (
            json!({ "aws": { "access-key": { "field": "key_id" }, "region": literal("eu-west-1"), "service": "s3" } }),
            "signing the request with AWS Signature Version 4 for `s3`, region `eu-west-1`, access key id from the field \
             `key_id`",
        ),
        (
            json!({ "jwt": {
                "header": header, "algorithm": "es256", "key": "text", "key-id": null, "lifetime": 300,
                "claims": [{ "name": "iss", "value": { "field": "key_id" } }, { "name": "jti", "value": "random" }],
            } }),
            "signing a token (ES256, key as text, 300 s; iss from the field `key_id`, a random jti), sent as \
             `X-Signature: {}`",
        ),
    ] {
        let mut manifest = guests::manifest();
        manifest["endpoints"][0]["credential"]["place"] = place;
        let refused = sandbox
            .load(guests::with_manifest(&manifest))
            .await
            .expect_err("the manifest is rejected because the field does not exist");
        assert!(refused.to_string().contains("uses the field `key_id`, which is secret or not declared"), "{refused}");

        manifest["fields"].as_array_mut().expect("fields").push(field.clone());
        let component = sandbox.load(guests::with_manifest(&manifest)).await.expect("the component is accepted");
        let attachment = component.endpoints[0].credential.clone().expect("a credential");
        let said = match attachment.placement {
            Placement::Hmac(placement) => placement.describe(),
            Placement::Aws(placement) => placement.describe(),
            Placement::Jwt(placement) => placement.describe(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said, words);
    }
}

/// Sends requests to a server that remembers the credential of `/v1/first` and returns it at `/v1/second`, where the
/// manifest declares none. Returns what each request to `/v1/second` received.
async fn stored_credentials(placement: Placement, source: CredentialSource, same_call: bool) -> Vec<String> {
    let stored = Arc::new(Mutex::new(String::new()));
    let upstream = StandInServer::start(move |request| {
        let mut stored = stored.lock().expect("no panic");
        if let Some(credential) = request.header("authorization") {
            *stored = credential.to_owned();
        }
        StandInResponse::json(&json!({ "last": *stored }))
    })
    .await;
    let egress = Egress::new(EgressConfig {
        reroutes: BTreeMap::from([(HOST.to_owned(), upstream.url().parse().expect("a URL"))]),
        ..EgressConfig::default()
    })
    .expect("an egress");
    let endpoint = |path: &str, credential| Endpoint {
        method: Method::Get,
        host: HOST.to_owned(),
        path: path.to_owned(),
        credential,
    };
    let attachment = Attachment { source: source.clone(), placement };
    let endpoints: Arc<[Endpoint]> = vec![endpoint("/v1/first", Some(attachment)), endpoint("/v1/second", None)].into();
    let tokens = SentTokens::default();
    let new_call = |secret: &str| {
        let credentials = vec![(source.clone(), Secret::new(secret.to_owned()))];
        let fields = BTreeMap::from([("key_id".to_owned(), "KEYID".to_owned())]);
        let permissions =
            CallPermissions::new("pool".to_owned(), Arc::clone(&endpoints), credentials, fields, RequestBudget::new(2));
        permissions.share_tokens(tokens.clone());
        permissions
    };
    let get = async |permissions: &CallPermissions, path: &str| {
        let request =
            Request { method: Method::Get, url: format!("https://{HOST}/v1/{path}"), headers: vec![], body: None };
        let response = egress.send(permissions, Instant::now() + Duration::from_secs(10), request).await;
        String::from_utf8(response.expect("a response").body).expect("text")
    };
    let first = new_call("0123456789abcdef0123456789abcdef");
    let mut received = vec![get(&first, "first").await];
    // A later call may have another credential, such as a token that was refreshed.
    let second = if same_call { first } else { new_call("fedcba9876543210fedcba9876543210") };
    received.push(get(&second, "second").await);
    received
}

#[tokio::test]
async fn a_signed_token_is_masked_in_later_responses_and_later_calls() {
    let bearer = Placement::Header { name: "Authorization".to_owned(), format: "Bearer {}".to_owned() };
    for (placement, source) in
        [(jwt(), CredentialSource::Field("token".to_owned())), (bearer, CredentialSource::OAuthToken)]
    {
        for same_call in [true, false] {
            for received in stored_credentials(placement.clone(), source.clone(), same_call).await {
                assert_eq!(received, r#"{"last":"Bearer [secret]"}"#, "{source:?}, same call: {same_call}");
            }
        }
    }
}
