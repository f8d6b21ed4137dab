//! Where settings come from: collected under one name each, taken one by one, and what is left over is unknown.

use std::{collections::BTreeMap, fmt::Write as _, str::FromStr};

/// What every variable of ours starts with.
const PREFIX: &str = "JACKFIELD_";

/// What the variables start with that many programs share; those that are not ours to know are left alone.
const STANDARD_PREFIX: &str = "OTEL_";

/// All that is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn one(problem: String) -> Self {
        Self(problem)
    }
}

/// The settings that were given, and the problems that were met so far.
pub(super) struct Settings {
    given: BTreeMap<String, String>,
    /// The variables of `STANDARD_PREFIX`, with their whole names; of the environment alone.
    standard: BTreeMap<String, String>,
    problems: Vec<(String, String)>,
}

impl Settings {
    pub(super) fn collect(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (mut given, mut standard) = (BTreeMap::new(), BTreeMap::new());
        if let Some(text) = file {
            let table: toml::Table =
                text.parse().map_err(|error| ConfigError(format!("the configuration file is not TOML: {error}")))?;
            flatten("", &table, &mut given);
        }
        for (key, value) in environment {
            if let Some(name) = key.strip_prefix(PREFIX) {
                given.insert(name.to_owned(), value);
            } else if key.starts_with(STANDARD_PREFIX) {
                standard.insert(key, value);
            }
        }
        Ok(Self { given, standard, problems: Vec::new() })
    }

    /// Takes a variable that other programs read too.
    pub(super) fn standard(&mut self, name: &str) -> Option<String> {
        self.standard.remove(name).filter(|value| !value.is_empty())
    }

    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.given.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes every setting of this form, by what stands in between.
    pub(super) fn matching(&mut self, start: &str, end: &str) -> Vec<(String, String)> {
        let middle = |name: &str| name.strip_prefix(start)?.strip_suffix(end).map(str::to_owned);
        let names: Vec<(String, String)> =
            self.given.keys().filter_map(|name| Some((name.clone(), middle(name)?))).collect();
        names.into_iter().filter_map(|(name, middle)| Some((middle, self.optional(&name)?))).collect()
    }

    pub(super) fn text(&mut self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// Parses a setting. A malformed one is noted down and its default, which always parses, stands in for now.
    pub(super) fn parse<T: FromStr>(&mut self, name: &str, form: &str, default: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        let text = self.text(name, default);
        if let Ok(value) = text.parse() {
            return value;
        }
        self.refuse(name, &format!("must be {form}"));
        default.parse().expect("the defaults are written here and parse")
    }

    pub(super) fn check<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|problem| self.refuse(name, &problem)).ok()
    }

    pub(super) fn refuse(&mut self, name: &str, problem: &str) {
        self.problems.push((format!("{PREFIX}{name}"), problem.to_owned()));
    }

    pub(super) fn refuse_standard(&mut self, name: &str, problem: &str) {
        self.problems.push((name.to_owned(), problem.to_owned()));
    }

    /// Takes settings that only count together: all of them or, where none is given, none.
    pub(super) fn all_or_none<const N: usize>(&mut self, names: [&str; N]) -> Option<[String; N]> {
        let given = names.map(|name| self.optional(name));
        if given.iter().all(Option::is_none) {
            return None;
        }
        for (name, _) in names.iter().zip(&given).filter(|(_, value)| value.is_none()) {
            self.refuse(name, &format!("is missing: {} are needed together, or none", names.join(", ")));
        }
        given.iter().all(Option::is_some).then(|| given.map(Option::unwrap_or_default))
    }

    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for name in self.given.keys() {
            self.problems.push((format!("{PREFIX}{name}"), "is not a setting".to_owned()));
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        let mut message = "these settings cannot be used:".to_owned();
        for (name, problem) in &self.problems {
            // Writing to a String does not fail.
            let _ = write!(message, "\n  {name} {problem}");
        }
        Err(ConfigError(message))
    }
}

/// Gives every value of a file the name of its variable: `oauth.example.client_id` is `OAUTH_EXAMPLE_CLIENT_ID`.
fn flatten(prefix: &str, table: &toml::Table, given: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.to_ascii_uppercase().replace('-', "_"));
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}_"), inner, given),
            toml::Value::String(text) => {
                given.insert(name, text.clone());
            }
            other => {
                given.insert(name, other.to_string());
            }
        }
    }
}
