//! The settings of the service, from `jackfield.toml` and from environment variables, which take precedence.
//!
//! A setting that is unknown or malformed prevents the start, with one message that names every one of them.

mod identity_providers;
mod log_filter;
mod machine_memory;
mod oauth_apps;
mod plugins_trust;
mod serving;
mod settings;
mod traces;
mod urls;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use jackfield_core::{OAuthApp, Secret, caller::IdentityProvider, session::SignInProvider};
use jackfield_files::ProcessUser;
use jackfield_sandbox::{Limits, Trust};
use jackfield_signing::TrustedKeys;
use url::{Host, Url};

use self::settings::Settings;
pub use self::{serving::ServingConfig, settings::ConfigError, traces::TraceExport};

/// The settings file that is read if none is named.
const DEFAULT_FILE: &str = "jackfield.toml";

/// The settings of one service.
#[derive(Clone, Debug)]
pub struct Config {
    /// `JACKFIELD_LISTEN`: the address to listen on.
    pub listen: SocketAddr,
    /// `JACKFIELD_PUBLIC_URL`: where browsers reach the service. See [`base_url`](Self::base_url).
    pub public_url: Option<Url>,
    /// Host names, trusted proxies and the limits of HTTP connections.
    pub serving: ServingConfig,
    /// `JACKFIELD_DATA_DIR`: the folder of the SQLite database, the master key and compiled components.
    pub data_dir: PathBuf,
    /// `JACKFIELD_DATABASE_URL` or `JACKFIELD_DATABASE_URL_FILE`. Secret, because it can contain a password.
    pub database_url: Secret<String>,
    /// `JACKFIELD_PLUGINS_DIR`: the plugins folder.
    pub plugins_dir: PathBuf,
    /// `JACKFIELD_PLUGINS_TRUST`: which plugins run without an Executive's approval.
    pub plugins_trust: Trust,
    /// `JACKFIELD_PLUGINS_TRUSTED_KEYS`: a file of keys, each with its permissions.
    pub trusted_keys: Option<TrustedKeys>,
    /// `JACKFIELD_MASTER_KEY_FILE`.
    pub master_key_file: PathBuf,
    /// `JACKFIELD_MASTER_KEY`: the key itself, in Base64.
    pub master_key: Option<Secret<String>>,
    /// `JACKFIELD_EGRESS_REROUTE`: the URL of a stand-in for each host. Only for development.
    pub egress_reroute: BTreeMap<String, Url>,
    /// `JACKFIELD_OAUTH_<PROVIDER>_CLIENT_ID` and `_CLIENT_SECRET` or `_CLIENT_SECRET_FILE`, by `<PROVIDER>`.
    pub oauth_apps: BTreeMap<String, OAuthApp>,
    /// `JACKFIELD_JWT_{ISSUER,AUDIENCE,JWKS_URL,LEVEL_CLAIM}`: the issuer of JWTs that are accepted as tokens.
    pub jwt: Option<IdentityProvider>,
    /// `JACKFIELD_OIDC_{ISSUER,CLIENT_ID,CLIENT_SECRET,LEVEL_CLAIM}` or `CLIENT_SECRET_FILE`: where people sign in to
    /// the console.
    pub oidc: Option<SignInProvider>,
    /// `JACKFIELD_LOG`: a filter of the `tracing` crate.
    pub log: String,
    /// `JACKFIELD_LOG_FORMAT`.
    pub log_format: LogFormat,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and related variables: where traces are sent.
    pub traces: Option<TraceExport>,
    /// The limits of a call. No setting changes them; tests do.
    pub limits: Limits,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Whether settings for development are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dev {
    /// They are allowed, because `--dev` was passed.
    Yes,
    /// They are rejected, because `--dev` was not passed.
    No,
    /// They are accepted and not used, because the command has no `--dev`.
    Ignored,
}

/// Returns the folder in which the programs of this user keep what they can make again: `XDG_CACHE_HOME`, or `.cache` in
/// the home folder.
#[must_use]
pub fn user_cache_folder() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "not a setting of the service")]
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // A relative path is to be ignored (XDG Base Directory Specification).
    let folder = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    folder.or_else(|| variable("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".cache")))
}

impl Config {
    /// Reads the settings from a file and from environment variables.
    ///
    /// Without `file`, reads `jackfield.toml` if it exists.
    ///
    /// # Errors
    /// One message that names every setting that is unknown, malformed or not allowed.
    pub fn load(file: Option<&Path>, dev: Dev) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(ConfigError::new(format!("cannot read {}: {error}", path.display()))),
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = std::env::vars_os();
        Self::parse(text.as_deref(), environment, dev)
    }

    fn parse(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dev: Dev,
    ) -> Result<Self, ConfigError> {
        let mut settings = Settings::collect(file, environment)?;
        let config = Self::read(&mut settings, dev);
        // Settings that are left are unknown, so this comes last.
        settings.finish()?;
        Ok(config)
    }

    /// Reads every setting. A malformed one has its default, and `settings` contains the problem.
    fn read(settings: &mut Settings, dev: Dev) -> Self {
        let listen: SocketAddr =
            settings.parse("LISTEN", "an address and a port, such as 127.0.0.1:7420", "127.0.0.1:7420");
        if dev == Dev::Yes && !listen.ip().is_loopback() {
            settings.reject("LISTEN", "must be a loopback address with --dev");
        }
        let public_url = settings.optional("PUBLIC_URL");
        let public_url = public_url.and_then(|text| settings.check("PUBLIC_URL", urls::parse_public_url(&text)));
        let data_dir = PathBuf::from(settings.text("DATA_DIR", "./data"));
        let user = ProcessUser::current().trusting_owner_of(&data_dir);
        let database_url = settings.secret("DATABASE_URL", &user);
        let database_url =
            database_url.unwrap_or_else(|| format!("sqlite://{}", data_dir.join("jackfield.db").display()));
        let (master_key, master_key_file) = (settings.optional("MASTER_KEY"), settings.optional("MASTER_KEY_FILE"));
        if master_key.is_some() && master_key_file.is_some() {
            settings.reject("MASTER_KEY_FILE", "and JACKFIELD_MASTER_KEY are both set; remove one of them");
        }
        let (plugins_trust, trusted_keys) = plugins_trust::read_plugins_trust(settings, dev, &user);
        let default_key_file = || data_dir.join("master.key");
        let reroutes = settings.optional("EGRESS_REROUTE").unwrap_or_default();
        Self {
            listen,
            public_url,
            serving: serving::read(settings),
            database_url: Secret::new(database_url),
            plugins_dir: settings.optional("PLUGINS_DIR").map_or_else(default_plugins_dir, PathBuf::from),
            plugins_trust: plugins_trust.unwrap_or(Trust::Shipped(BTreeMap::new())),
            trusted_keys,
            master_key_file: master_key_file.map_or_else(default_key_file, PathBuf::from),
            master_key: master_key.map(Secret::new),
            data_dir,
            egress_reroute: settings.check("EGRESS_REROUTE", urls::parse_reroutes(&reroutes, dev)).unwrap_or_default(),
            oauth_apps: oauth_apps::read_oauth_apps(settings, &user),
            jwt: identity_providers::read_jwt_issuer(settings),
            oidc: identity_providers::read_sign_in_provider(settings, &user),
            log: log_filter::read_log_filter(settings),
            log_format: settings.parse("LOG_FORMAT", "`text` or `json`", "text"),
            traces: traces::read_trace_export(settings),
            limits: Limits::default().within_memory(machine_memory::read_usable_memory().unwrap_or(usize::MAX)),
        }
    }

    /// Returns the URL at which browsers reach the service: the public URL, or else the address that it listens on.
    #[must_use]
    pub fn base_url(&self) -> Url {
        self.base_url_at(self.listen)
    }

    /// Returns the URL at which browsers reach the service if it listens on an address.
    ///
    /// Nobody can open `http://0.0.0.0`, so a service that listens on every address is `localhost` for browsers.
    ///
    /// # Panics
    /// Never: an address and a port make a URL.
    #[must_use]
    pub fn base_url_at(&self, listen: SocketAddr) -> Url {
        let listened = || match listen.ip().is_unspecified() {
            true => Url::parse(&format!("http://localhost:{}", listen.port())),
            false => Url::parse(&format!("http://{listen}")),
        };
        self.public_url.clone().map_or_else(listened, Ok).expect("an address and a port make a URL")
    }

    /// Returns what is allowed, but leaves the service open or hard to reach.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let is_local = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match &self.public_url {
            Some(url) if url.scheme() == "http" && !is_local(url) => vec![
                "JACKFIELD_PUBLIC_URL is http://: tokens and session cookies cross the network unencrypted; put a proxy \
                 with TLS in front and set JACKFIELD_PUBLIC_URL to its https:// address",
            ],
            None if !self.listen.ip().is_loopback() => vec![
                "JACKFIELD_LISTEN is reachable from the network and JACKFIELD_PUBLIC_URL is not set: links and OAuth \
                 redirects use the listen address over http://; set JACKFIELD_PUBLIC_URL to the address that browsers \
                 use",
            ],
            Some(_) | None => Vec::new(),
        }
    }
}

#[cfg(feature = "testing")]
impl Config {
    /// Reads the settings from variables alone.
    ///
    /// # Errors
    /// See [`load`](Self::load).
    pub fn from_settings(
        environment: impl IntoIterator<Item = (String, String)>,
        dev: Dev,
    ) -> Result<Self, ConfigError> {
        Self::parse(None, environment.into_iter().map(|(key, value)| (key.into(), value.into())), dev)
    }
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// Returns the folder `plugins` next to this program.
fn default_plugins_dir() -> PathBuf {
    let folder = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_owned));
    folder.unwrap_or_default().join("plugins")
}

#[cfg(test)]
mod tests;
