//! Verifies signatures from the documentation of minisign, and signatures that the tests create.

use jackfield_core::manifest::{Auth, Capabilities, Endpoint, Manifest, MappingFate, Method, ServiceAccountGrant};

use crate::{SignatureStatus, Signer, SigningKey, TrustedKeys};

/// The key and the signatures of `test` in the documentation of minisign's verifier.
const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const HASHED: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==";
const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";

fn keys() -> TrustedKeys {
    TrustedKeys::single("theirs", KEY).expect("a key")
}

fn manifest(id: &str, host: &str, auth: Auth) -> Manifest {
    let endpoint = Endpoint { method: Method::Get, host: host.to_owned(), path: "/".to_owned(), credential: None };
    Manifest {
        id: id.to_owned(),
        title: "Acme".to_owned(),
        version: "1.0.0".to_owned(),
        auth,
        fields: Vec::new(),
        endpoints: vec![endpoint],
        capabilities: Capabilities::default(),
        on_disconnect: MappingFate::Keep,
    }
}

#[test]
fn a_documented_signature_is_valid_for_its_bytes_alone() {
    assert!(matches!(keys().find_signer(b"test", Some(HASHED)), Ok(Signer::Trusted(key)) if key.name == "theirs"));
    assert!(keys().find_signer(b"Test", Some(HASHED)).is_err());
    let file = format!("untrusted comment: minisign public key E7620F1842B4E81F\n{KEY}\n");
    assert_eq!(TrustedKeys::single("theirs", &file), Ok(keys()));
}

#[test]
fn any_change_makes_a_signature_invalid() {
    let lines: Vec<&str> = HASHED.lines().collect();
    let with = |line: usize, text: &str| {
        let mut lines = lines.clone();
        lines[line] = text;
        lines.join("\n")
    };
    let other_comment = lines[2].replace("test", "best");
    let cut = &lines[1][..40];
    for changed in [
        with(1, cut),
        with(1, "not base64"),
        with(2, &other_comment),
        with(2, "no comment"),
        with(3, lines[1]),
        with(3, ""),
        String::new(),
        lines[..2].join("\n"),
        LEGACY.to_owned(),
    ] {
        assert!(keys().find_signer(b"test", Some(&changed)).is_err(), "{changed}");
    }
    // The untrusted comment is not signed.
    assert!(matches!(keys().find_signer(b"test", Some(&with(0, "untrusted comment: x"))), Ok(Signer::Trusted(_))));
    assert_eq!(keys().find_signer(b"test", None), Ok(Signer::Nobody));
}

#[test]
fn a_signature_is_verified_by_its_own_key_and_no_other() {
    let pair = minisign::KeyPair::generate_encrypted_keypair(Some("pass word".to_owned())).expect("a pair");
    let encrypted = pair.sk.to_box(None).expect("a key").into_string();
    let no_password = || Err::<String, _>("no password is expected");
    assert!(SigningKey::open(&encrypted, no_password).is_err());
    assert!(SigningKey::open(&encrypted, || Ok::<_, String>("wrong".to_owned())).is_err());
    let key = SigningKey::open(&encrypted, || Ok::<_, String>("pass word".to_owned())).expect("opens");
    let text = key.sign(b"bytes", "acme.wasm", 1_800_000_000).expect("signs");
    assert!(text.contains("trusted comment: timestamp:1800000000\tfile:acme.wasm\thashed"), "{text}");
    assert_eq!(format!("{key:?}"), "SigningKey([secret])");

    let ours = TrustedKeys::single("ours", &pair.pk.to_base64()).expect("a key");
    assert!(matches!(ours.find_signer(b"bytes", Some(&text)), Ok(Signer::Trusted(_))));
    assert_eq!(keys().find_signer(b"bytes", Some(&text)), Ok(Signer::UnknownKey));
    let other = minisign::KeyPair::generate_unencrypted_keypair().expect("a pair");
    let plain = other.sk.to_box(None).expect("a key").into_string();
    assert!(SigningKey::open(&plain, no_password).is_ok(), "a key without a password does not need one");
    assert!(SigningKey::open("nonsense", no_password).is_err());
}

#[test]
fn a_key_may_approve_nothing_beyond_its_permissions() {
    let file =
        format!("[[key]]\nname = 'acme'\npublic_key = '{KEY}'\nproviders = ['acme-*']\nhosts = ['api.acme.example']\n");
    let keys = TrustedKeys::parse(&file).expect("parses");
    let status = |id: &str, host: &str, auth| keys.signature_status(b"test", Some(HASHED), &manifest(id, host, auth));
    assert_eq!(
        status("acme-hr", "api.acme.example", Auth::Fields),
        SignatureStatus::WithinPermissions { key: "acme".to_owned() }
    );
    let account = Auth::ServiceAccount(ServiceAccountGrant {
        field: "key".to_owned(),
        token_url: "https://token.acme.example/".to_owned(),
        audience: String::new(),
        token_uris: Vec::new(),
        universe_domains: Vec::new(),
    });
    let SignatureStatus::ExceedsPermissions { beyond, .. } = status("bank", "evil.example", account) else {
        panic!("within its permissions")
    };
    assert_eq!(
        beyond,
        ["the provider id `bank`", "the host evil.example", "the host token.acme.example", "a service account's key"]
    );
    let manifest = manifest("acme-hr", "api.acme.example", Auth::Fields);
    assert_eq!(keys.signature_status(b"test", None, &manifest), SignatureStatus::Unsigned);
    assert!(matches!(keys.signature_status(b"best", Some(HASHED), &manifest), SignatureStatus::Invalid(_)));
}

#[test]
fn a_file_with_one_invalid_key_is_rejected() {
    let key = |more: &str| format!("[[key]]\nname = 'a'\npublic_key = '{KEY}'\n{more}\n");
    assert!(TrustedKeys::parse(&key("hosts = ['*.acme.example', '*']\noauth = true\nservice_accounts = true")).is_ok());
    for invalid in [
        String::new(),
        "[[key]]\nname = 'a'".to_owned(),
        format!("[[key]]\npublic_key = '{KEY}'"),
        key("host = ['api.acme.example']"),
        key("hosts = ['https://api.acme.example']"),
        key("hosts = ['10.0.0.1']"),
        key("providers = ['*-hr']"),
        key("oauth = 'yes'"),
        format!("{}{}", key(""), key("")),
        key("").replace("RWQ", "RWX"),
        format!("{}\nx = 1", key("")),
    ] {
        assert!(TrustedKeys::parse(&invalid).is_err(), "{invalid}");
    }
}
