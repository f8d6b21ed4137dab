//! Every setting of the service, parsed once: from `jackfield.toml`, then from the environment, which wins.
//!
//! A setting that is unknown or malformed stops the start, with one message that names them all.

mod jwt;
mod oidc;
mod source;
mod traces;
mod trust;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use jackfield_core::{OAuthApp, Secret, caller::IdentityProvider, session::SignInProvider};
use jackfield_sandbox::{Limits, catalog::Trust};
use jackfield_signing::TrustedKeys;
use url::Url;

use self::source::Settings;
pub use self::{source::ConfigError, traces::TraceExport};

/// Digests of the components that were built with this program, `id=sha256,…`; set by `cargo xtask`.
const BUILD_DIGESTS: Option<&str> = option_env!("JACKFIELD_BUILD_DIGESTS");

/// The settings of one service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `JACKFIELD_LISTEN`: the address that is listened on.
    pub listen: SocketAddr,
    /// `JACKFIELD_PUBLIC_URL`: where browsers reach the service; none stands for `http://` and the address.
    pub public_url: Option<Url>,
    /// `JACKFIELD_DATA_DIR`: SQLite's file, the master key, compiled components.
    pub data_dir: PathBuf,
    /// `JACKFIELD_DATABASE_URL`. Secret, since it may hold a password.
    pub database_url: Secret<String>,
    /// `JACKFIELD_PLUGINS_DIR`: where components are dropped in.
    pub plugins_dir: PathBuf,
    /// `JACKFIELD_PLUGINS_TRUST`.
    pub plugins_trust: Trust,
    /// `JACKFIELD_PLUGINS_TRUSTED_KEYS`: a file of keys, each with what it may ask for.
    pub trusted_keys: Option<TrustedKeys>,
    /// `JACKFIELD_MASTER_KEY_FILE`.
    pub master_key_file: PathBuf,
    /// `JACKFIELD_MASTER_KEY`: the key itself, base64.
    pub master_key: Option<Secret<String>>,
    /// `JACKFIELD_EGRESS_REROUTE`: host to stand-in.
    pub egress_reroute: BTreeMap<String, Url>,
    /// `JACKFIELD_OAUTH_<PROVIDER>_CLIENT_ID` and `_CLIENT_SECRET`, by the provider's name there.
    pub oauth_apps: BTreeMap<String, OAuthApp>,
    /// `JACKFIELD_JWT_{ISSUER,AUDIENCE,JWKS_URL,LEVEL_CLAIM}`: whose JWTs are taken besides our own tokens.
    pub jwt: Option<IdentityProvider>,
    /// `JACKFIELD_OIDC_{ISSUER,CLIENT_ID,CLIENT_SECRET,LEVEL_CLAIM}`: through whom people sign in to the console.
    pub oidc: Option<SignInProvider>,
    /// `JACKFIELD_LOG`: a tracing filter.
    pub log: String,
    /// `JACKFIELD_LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and its kin: where traces go besides the log.
    pub traces: Option<TraceExport>,
    /// What a component's call is held to. Not a setting of the program; tests make it small.
    pub limits: Limits,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Whether `--dev` was given, and whether this command judges the settings that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dev {
    /// `--dev` was given.
    Yes,
    /// It was not: the settings that need it are refused.
    No,
    /// This command has no such flag: it takes those settings and ignores them.
    NotAsked,
}

impl Config {
    /// Reads the settings: the file that was named, else `jackfield.toml` where it is there, then the environment.
    ///
    /// # Errors
    /// One message that names every setting that is unknown, malformed or not allowed.
    pub fn load(file: Option<&Path>, dev: Dev) -> Result<Self, ConfigError> {
        let text = match file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|error| ConfigError::one(format!("{}: {error}", path.display())))?,
            ),
            None => match std::fs::read_to_string("jackfield.toml") {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(ConfigError::one(format!("jackfield.toml: {error}"))),
            },
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = std::env::vars_os();
        Self::parse(
            text.as_deref(),
            environment.filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
            dev,
        )
    }

    /// Parses settings from a file's text and an environment.
    ///
    /// # Errors
    /// See [`load`](Self::load).
    pub fn parse(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
        dev: Dev,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::collect(file, environment)?;
        let listen: SocketAddr =
            settings.parse("LISTEN", "an address and a port, such as 127.0.0.1:7420", "127.0.0.1:7420");
        let public_url =
            settings.optional("PUBLIC_URL").and_then(|text| settings.check("PUBLIC_URL", public_url(&text)));
        let data_dir = PathBuf::from(settings.text("DATA_DIR", "./data"));
        let database_url =
            settings.text("DATABASE_URL", &format!("sqlite://{}", data_dir.join("jackfield.db").display()));
        let plugins_dir = settings.optional("PLUGINS_DIR").map_or_else(beside_the_binary, PathBuf::from);
        let (plugins_trust, trusted_keys) = trust::parse(&mut settings, dev);
        let master_key_file =
            settings.optional("MASTER_KEY_FILE").map_or_else(|| data_dir.join("master.key"), PathBuf::from);
        let master_key = settings.optional("MASTER_KEY").map(Secret::new);
        let reroute = settings.optional("EGRESS_REROUTE").unwrap_or_default();
        let egress_reroute = settings.check("EGRESS_REROUTE", parse_reroute(&reroute, dev));
        let log = settings.text("LOG", "info");
        let format = settings.text("LOG_FORMAT", "text");
        let log_format = settings.check(
            "LOG_FORMAT",
            match format.as_str() {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                _ => Err("must be `text` or `json`".to_owned()),
            },
        );
        if dev == Dev::Yes && !listen.ip().is_loopback() {
            settings.refuse("LISTEN", "must be a loopback address with --dev");
        }
        let oauth_apps = oauth_apps(&mut settings);
        let jwt = jwt::identity_provider(&mut settings);
        let traces = traces::export(&mut settings);
        let oidc = oidc::sign_in_provider(&mut settings);
        settings.finish()?;
        Ok(Self {
            listen,
            public_url,
            data_dir,
            database_url: Secret::new(database_url),
            plugins_dir,
            plugins_trust: plugins_trust.unwrap_or(Trust::Shipped(BTreeMap::new())),
            trusted_keys,
            master_key_file,
            master_key,
            egress_reroute: egress_reroute.unwrap_or_default(),
            oauth_apps,
            jwt,
            oidc,
            log,
            log_format: log_format.unwrap_or(LogFormat::Text),
            traces,
            limits: Limits::default(),
        })
    }
}

/// The components that were built with this program: id to digest.
#[must_use]
pub fn shipped_digests() -> BTreeMap<String, String> {
    BUILD_DIGESTS
        .unwrap_or_default()
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(id, digest)| (id.to_owned(), digest.to_owned()))
        .collect()
}

impl Config {
    /// Where browsers reach the service: as it was set, else where it listens.
    #[must_use]
    pub fn reached_at(&self) -> Url {
        let listened = || Url::parse(&format!("http://{}", self.listen));
        self.public_url.clone().map_or_else(listened, Ok).expect("an address and a port make a URL")
    }
}

/// Reads the OAuth apps: an id for each, and a secret for those that are no public client.
fn oauth_apps(settings: &mut Settings) -> BTreeMap<String, OAuthApp> {
    let mut apps = BTreeMap::new();
    for (name, client_id) in settings.matching("OAUTH_", "_CLIENT_ID") {
        let client_secret = settings.optional(&format!("OAUTH_{name}_CLIENT_SECRET")).map(Secret::new);
        apps.insert(name, OAuthApp { client_id, client_secret });
    }
    for (name, _) in settings.matching("OAUTH_", "_CLIENT_SECRET") {
        settings.refuse(&format!("OAUTH_{name}_CLIENT_SECRET"), "has no CLIENT_ID beside it");
    }
    apps
}

fn beside_the_binary() -> PathBuf {
    let folder = std::env::current_exe().ok().and_then(|binary| binary.parent().map(Path::to_owned));
    folder.unwrap_or_default().join("plugins")
}

fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    let bare = matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if bare { Ok(url) } else { Err("must be https:// (or http://) and a host, with no path".to_owned()) }
}

fn parse_reroute(text: &str, dev: Dev) -> Result<BTreeMap<String, Url>, String> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    if dev == Dev::No {
        return Err("is for development only and needs --dev".to_owned());
    }
    text.split(',')
        .map(|pair| {
            let (host, url) = pair.split_once('=').ok_or("must be HOST=URL pairs, parted by commas")?;
            let url = Url::parse(url.trim()).map_err(|error| format!("`{}` is not a URL: {error}", url.trim()))?;
            let is_loopback = match url.host() {
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                Some(url::Host::Domain(_)) | None => false,
            };
            if url.scheme() != "http" || !is_loopback || url.port().is_none() {
                return Err(format!("`{url}` is not http:// with a loopback address and a port"));
            }
            Ok((host.trim().to_ascii_lowercase(), url))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file: &str, environment: &[(&str, &str)], dev: Dev) -> Result<Config, ConfigError> {
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::parse(Some(file), environment, dev)
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let config = parse("", &[("PATH", "/bin")], Dev::No).expect("parses");
        assert_eq!(config.listen.to_string(), "127.0.0.1:7420");
        assert_eq!(config.database_url.expose(), "sqlite://./data/jackfield.db");
        assert_eq!(config.master_key_file, Path::new("./data/master.key"));
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "listen = '127.0.0.1:1'\ndata_dir = '/a'";
        let config = parse(file, &[("JACKFIELD_LISTEN", "127.0.0.1:2")], Dev::No).expect("parses");
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.data_dir, Path::new("/a"));
    }

    #[test]
    fn one_message_names_every_wrong_setting() {
        let wrong = parse(
            "lisen = 'x'\nlog_format = 'xml'",
            &[("JACKFIELD_LISTEN", "here"), ("JACKFIELD_DATADIR", "x"), ("JACKFIELD_PUBLIC_URL", "ftp://x/")],
            Dev::No,
        );
        let message = wrong.expect_err("refused").to_string();
        for name in
            ["JACKFIELD_LISEN", "JACKFIELD_LOG_FORMAT", "JACKFIELD_LISTEN", "JACKFIELD_DATADIR", "JACKFIELD_PUBLIC_URL"]
        {
            assert!(message.contains(name), "{name} is not named in: {message}");
        }
    }

    #[test]
    fn what_is_for_development_needs_the_flag() {
        let reroute = [("JACKFIELD_EGRESS_REROUTE", "api.example.com=http://127.0.0.1:4010")];
        assert!(parse("", &reroute, Dev::No).is_err());
        assert!(parse("", &reroute, Dev::NotAsked).is_ok());
        assert_eq!(parse("", &reroute, Dev::Yes).expect("parses").egress_reroute.len(), 1);
        let trust = [("JACKFIELD_PLUGINS_TRUST", "all")];
        assert!(parse("", &trust, Dev::No).is_err());
        assert_eq!(parse("", &trust, Dev::Yes).expect("parses").plugins_trust, Trust::All);
        let public = [("JACKFIELD_LISTEN", "0.0.0.0:7420")];
        assert!(parse("", &public, Dev::No).is_ok());
        assert!(parse("", &public, Dev::Yes).is_err());
    }

    #[test]
    fn an_identity_provider_is_named_by_all_four_settings_or_none() {
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
            let message = parse("", &three, Dev::No).expect_err("refused").to_string();
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
    fn a_way_to_sign_in_is_named_by_all_four_settings_or_none() {
        let provider = parse("", &SIGN_IN, Dev::No).expect("parses").oidc.expect("a provider");
        assert_eq!((provider.issuer.as_str(), provider.level_claim.as_str()), ("https://id.example.com/acme", "level"));
        assert!(parse("", &[], Dev::No).expect("parses").oidc.is_none());
        for (name, _) in SIGN_IN {
            let three: Vec<_> = SIGN_IN.into_iter().filter(|(other, _)| *other != name).collect();
            let message = parse("", &three, Dev::No).expect_err("refused").to_string();
            assert!(message.contains(&format!("{name} is missing")), "{message}");
        }
        for issuer in ["http://id.example.com", "https://10.0.0.1/", "issuer"] {
            let mut wrong = SIGN_IN;
            wrong[0].1 = issuer;
            assert!(parse("", &wrong, Dev::Yes).is_err(), "{issuer}");
        }
    }

    #[test]
    fn traces_go_where_the_common_variables_say() {
        let endpoint = |environment: &[(&str, &str)]| {
            parse("", environment, Dev::No).expect("parses").traces.map(|traces| traces.endpoint.to_string())
        };
        let (all, own) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        assert_eq!(endpoint(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_METRICS_EXPORTER", "none")]), None);
        assert_eq!(endpoint(&[(all, "http://c:4318/")]).as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(endpoint(&[(all, "http://c:4318"), (own, "https://o/in")]).as_deref(), Some("https://o/in"));
        assert_eq!(endpoint(&[(all, "http://c:4318"), ("OTEL_SDK_DISABLED", "true")]), None);
        assert!(parse("", &[(all, "c:4318")], Dev::No).is_err(), "no URL");
        let grpc = [(all, "http://c:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
        assert!(parse("", &grpc, Dev::No).is_err(), "another protocol");
    }

    #[test]
    fn a_secret_setting_is_not_printed() {
        let secrets = [("JACKFIELD_MASTER_KEY", "c2VjcmV0"), ("JACKFIELD_DATABASE_URL", "postgres://u:pw@h/d")];
        let config = parse("", &[&secrets[..], &SIGN_IN[..]].concat(), Dev::No);
        let shown = format!("{:?}", config.expect("parses"));
        assert!(!shown.contains("c2VjcmV0") && !shown.contains("pw@") && !shown.contains("hunter2"), "{shown}");
    }
}
