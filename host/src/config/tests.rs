//! The settings: defaults, precedence, and what is rejected.

mod values;

use super::*;

fn parse(file: &str, environment: &[(&str, &str)], dev: Dev) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(key, value)| ((*key).into(), (*value).into()));
    Config::parse(Some(file), environment, dev)
}

#[test]
fn without_settings_the_defaults_apply() {
    let config = parse("", &[("PATH", "/bin")], Dev::No).expect("parses");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7420");
    assert_eq!(config.database_url.expose(), "sqlite://./data/jackfield.db");
    assert_eq!(config.master_key_file, Path::new("./data/master.key"));
}

#[test]
fn the_environment_takes_precedence_over_the_file() {
    let file = "listen = '127.0.0.1:1'\ndata_dir = '/a'";
    let config = parse(file, &[("JACKFIELD_LISTEN", "127.0.0.1:2")], Dev::No).expect("parses");
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.data_dir, Path::new("/a"));
}

#[test]
fn one_message_names_every_invalid_setting() {
    let rejected = parse(
        "lisen = 'x'\nlog_format = 'xml'",
        &[("JACKFIELD_LISTEN", "here"), ("JACKFIELD_DATADIR", "x"), ("JACKFIELD_PUBLIC_URL", "ftp://x/")],
        Dev::No,
    );
    let message = rejected.expect_err("is rejected").to_string();
    for name in
        ["JACKFIELD_LISEN", "JACKFIELD_LOG_FORMAT", "JACKFIELD_LISTEN", "JACKFIELD_DATADIR", "JACKFIELD_PUBLIC_URL"]
    {
        assert!(message.contains(name), "{name} is not named in: {message}");
    }
}

#[test]
fn settings_for_development_require_the_flag() {
    let reroute = [("JACKFIELD_EGRESS_REROUTE", "api.example.com=http://127.0.0.1:4010")];
    assert!(parse("", &reroute, Dev::No).is_err());
    assert!(parse("", &reroute, Dev::Ignored).is_ok());
    assert_eq!(parse("", &reroute, Dev::Yes).expect("parses").egress_reroute.len(), 1);
    let trust = [("JACKFIELD_PLUGINS_TRUST", "all")];
    assert!(parse("", &trust, Dev::No).is_err());
    assert_eq!(parse("", &trust, Dev::Yes).expect("parses").plugins_trust, Trust::All);
    let public = [("JACKFIELD_LISTEN", "0.0.0.0:7420")];
    assert!(parse("", &public, Dev::No).is_ok());
    assert!(parse("", &public, Dev::Yes).is_err());
}

#[test]
fn the_jwt_issuer_requires_all_four_settings_or_none() {
    let all = [
        ("JACKFIELD_JWT_ISSUER", "https://id.example.com/"),
        ("JACKFIELD_JWT_AUDIENCE", "jackfield"),
        ("JACKFIELD_JWT_JWKS_URL", "https://id.example.com/keys"),
        ("JACKFIELD_JWT_LEVEL_CLAIM", "https://acme.example/level"),
    ];
    let provider = parse("", &all, Dev::No).expect("parses").jwt.expect("a provider");
    assert_eq!(provider.level_claim, "https://acme.example/level");
    assert_eq!(parse("", &[], Dev::No).expect("parses").jwt, None);
    for (name, _) in all {
        let three: Vec<_> = all.into_iter().filter(|(other, _)| *other != name).collect();
        let message = parse("", &three, Dev::No).expect_err("is rejected").to_string();
        assert!(message.contains(&format!("{name} is missing")), "{message}");
    }
    for url in ["http://id.example.com/keys", "https://10.0.0.1/keys", "https://id.local/keys", "keys"] {
        let mut wrong = all;
        wrong[2].1 = url;
        assert!(parse("", &wrong, Dev::Yes).is_err(), "{url}");
    }
}

const SIGN_IN: [(&str, &str); 4] = [
    ("JACKFIELD_OIDC_ISSUER", "https://id.example.com/acme"),
    ("JACKFIELD_OIDC_CLIENT_ID", "jackfield"),
    ("JACKFIELD_OIDC_CLIENT_SECRET", "hunter2secret"),
    ("JACKFIELD_OIDC_LEVEL_CLAIM", "level"),
];

#[test]
fn the_sign_in_provider_requires_all_four_settings_or_none() {
    let provider = parse("", &SIGN_IN, Dev::No).expect("parses").oidc.expect("a provider");
    assert_eq!((provider.issuer.as_str(), provider.level_claim.as_str()), ("https://id.example.com/acme", "level"));
    assert!(parse("", &[], Dev::No).expect("parses").oidc.is_none());
    for (name, _) in SIGN_IN {
        let three: Vec<_> = SIGN_IN.into_iter().filter(|(other, _)| *other != name).collect();
        let message = parse("", &three, Dev::No).expect_err("is rejected").to_string();
        assert!(message.contains(&format!("{name} is missing")), "{message}");
    }
    for issuer in ["http://id.example.com", "https://10.0.0.1/", "issuer"] {
        let mut wrong = SIGN_IN;
        wrong[0].1 = issuer;
        assert!(parse("", &wrong, Dev::Yes).is_err(), "{issuer}");
    }
}

#[test]
fn traces_are_sent_where_the_standard_variables_say() {
    let endpoint = |environment: &[(&str, &str)]| {
        parse("", environment, Dev::No).expect("parses").traces.map(|traces| traces.endpoint.to_string())
    };
    let (of_all, of_traces) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    assert_eq!(endpoint(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_METRICS_EXPORTER", "none")]), None);
    assert_eq!(endpoint(&[(of_all, "http://c:4318/")]).as_deref(), Some("http://c:4318/v1/traces"));
    assert_eq!(endpoint(&[(of_all, "http://c:4318"), (of_traces, "https://o/in")]).as_deref(), Some("https://o/in"));
    assert_eq!(endpoint(&[(of_all, "http://c:4318"), ("OTEL_SDK_DISABLED", "true")]), None);
    assert!(parse("", &[(of_all, "c:4318")], Dev::No).is_err(), "not a URL");
    let grpc = [(of_all, "http://c:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert!(parse("", &grpc, Dev::No).is_err(), "another protocol");
}

#[test]
fn a_secret_setting_is_not_printed() {
    let secrets = [("JACKFIELD_MASTER_KEY", "c2VjcmV0"), ("JACKFIELD_DATABASE_URL", "postgres://u:pw@h/d")];
    let config = parse("", &[&secrets[..], &SIGN_IN[..]].concat(), Dev::No);
    let shown = format!("{:?}", config.expect("parses"));
    assert!(!shown.contains("c2VjcmV0") && !shown.contains("pw@") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_settings_of_the_listener_have_bounds() {
    let serving = parse("", &[], Dev::No).expect("parses").serving;
    assert!(serving.keep_alive.as_secs() > 60, "longer than load balancers reuse an idle connection");
    assert_eq!((serving.stop_delay.as_secs(), serving.connections_per_address), (5, 1_024));
    let set = [
        ("JACKFIELD_KEEP_ALIVE", "620"),
        ("JACKFIELD_STOP_DELAY", "0"),
        ("JACKFIELD_CONNECTIONS_PER_ADDRESS", "8"),
        ("JACKFIELD_HOSTS", "jackfield.internal, jf:7420"),
        ("JACKFIELD_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1"),
    ];
    let serving = parse("", &set, Dev::No).expect("parses").serving;
    assert_eq!((serving.keep_alive.as_secs(), serving.stop_delay.as_secs()), (620, 0));
    for (name, value) in [
        ("JACKFIELD_KEEP_ALIVE", "0"),
        ("JACKFIELD_KEEP_ALIVE", "75s"),
        ("JACKFIELD_STOP_DELAY", "-1"),
        ("JACKFIELD_STOP_DELAY", "601"),
        ("JACKFIELD_CONNECTIONS_PER_ADDRESS", "0"),
        ("JACKFIELD_HOSTS", "https://jackfield.example"),
        ("JACKFIELD_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("JACKFIELD_TRUSTED_PROXIES", "0.0.0.0/0"),
    ] {
        let message = parse("", &[(name, value)], Dev::No).expect_err("is rejected").to_string();
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn a_service_on_every_address_has_links_that_a_browser_can_open() {
    for (listen, public, link) in [
        ("127.0.0.1:7420", "", "http://127.0.0.1:7420/"),
        ("0.0.0.0:7420", "", "http://localhost:7420/"),
        ("[::]:7420", "", "http://localhost:7420/"),
        ("192.0.2.7:7420", "", "http://192.0.2.7:7420/"),
        ("0.0.0.0:7420", "https://jackfield.example", "https://jackfield.example/"),
    ] {
        let settings = [("JACKFIELD_LISTEN", listen), ("JACKFIELD_PUBLIC_URL", public)];
        assert_eq!(parse("", &settings, Dev::No).expect("parses").base_url().as_str(), link);
    }
}

#[test]
fn settings_that_leave_the_service_open_cause_a_warning() {
    for (listen, public, named) in [
        ("127.0.0.1:7420", "", None),
        ("127.0.0.1:7420", "http://localhost:7420", None),
        ("127.0.0.1:7420", "http://[::1]:7420", None),
        ("0.0.0.0:7420", "https://jackfield.example", None),
        ("127.0.0.1:7420", "http://jackfield.example", Some("JACKFIELD_PUBLIC_URL is http://")),
        ("0.0.0.0:7420", "http://192.0.2.7:7420", Some("JACKFIELD_PUBLIC_URL is http://")),
        ("0.0.0.0:7420", "", Some("JACKFIELD_PUBLIC_URL is not set")),
        ("[::]:7420", "", Some("JACKFIELD_PUBLIC_URL is not set")),
    ] {
        let settings = [("JACKFIELD_LISTEN", listen), ("JACKFIELD_PUBLIC_URL", public)];
        let warnings = parse("", &settings, Dev::No).expect("parses").warnings();
        assert_eq!(warnings.len(), usize::from(named.is_some()), "{listen} {public}");
        assert!(named.is_none_or(|named| warnings[0].contains(named)), "{warnings:?}");
    }
}
