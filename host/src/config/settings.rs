//! Settings by name, from the settings file and from environment variables, and the problems found in them.

use std::{collections::BTreeMap, fmt::Write as _, str::FromStr};

/// The prefix of Jackfield's variables.
const PREFIX: &str = "JACKFIELD_";

/// The prefix of OpenTelemetry's variables, which other programs read too.
///
/// Unknown ones are not an error.
const STANDARD_PREFIX: &str = "OTEL_";

/// Every problem of the settings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(problem: String) -> Self {
        Self(problem)
    }
}

/// The settings that are not read yet, and the problems found so far.
///
/// A setting is removed when it is read, so whatever is left at the end is unknown.
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    /// The variables with [`STANDARD_PREFIX`], by full name.
    standard: BTreeMap<String, String>,
    /// The full name of a setting, and its problem.
    problems: Vec<(String, String)>,
}

impl Settings {
    /// Collects settings from a file and from environment variables, which take precedence.
    pub(super) fn collect(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let (mut values, mut standard) = (BTreeMap::new(), BTreeMap::new());
        if let Some(text) = file {
            let table: toml::Table =
                text.parse().map_err(|error| ConfigError(format!("the settings file is not valid TOML: {error}")))?;
            flatten("", &table, &mut values);
        }
        for (key, value) in environment {
            if let Some(name) = key.strip_prefix(PREFIX) {
                values.insert(name.to_owned(), value);
            } else if key.starts_with(STANDARD_PREFIX) {
                standard.insert(key, value);
            }
        }
        Ok(Self { values, standard, problems: Vec::new() })
    }

    /// Reads a variable with [`STANDARD_PREFIX`] by its full name.
    pub(super) fn standard(&mut self, name: &str) -> Option<String> {
        self.standard.remove(name).filter(|value| !value.is_empty())
    }

    /// Reads a setting by its name without [`PREFIX`].
    ///
    /// An empty one counts as missing.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    /// Reads every setting named `start…end`. Returns the part between, and the value.
    pub(super) fn matching(&mut self, start: &str, end: &str) -> Vec<(String, String)> {
        let middle = |name: &str| name.strip_prefix(start)?.strip_suffix(end).map(str::to_owned);
        let names: Vec<(String, String)> =
            self.values.keys().filter_map(|name| Some((name.clone(), middle(name)?))).collect();
        names.into_iter().filter_map(|(name, middle)| Some((middle, self.optional(&name)?))).collect()
    }

    /// Reads a setting, or returns its default.
    pub(super) fn text(&mut self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// Reads and parses a setting.
    ///
    /// If it is malformed, notes the problem and returns the default, which always parses.
    pub(super) fn parse<T: FromStr>(&mut self, name: &str, form: &str, default: &str) -> T
    where
        T::Err: std::fmt::Debug,
    {
        let text = self.text(name, default);
        if let Ok(value) = text.parse() {
            return value;
        }
        self.reject(name, &format!("must be {form}"));
        default.parse().expect("a default in the source parses")
    }

    /// Returns the value of a setting that was parsed, or notes its problem.
    pub(super) fn check<T>(&mut self, name: &str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|problem| self.reject(name, &problem)).ok()
    }

    /// Notes a problem of a setting.
    pub(super) fn reject(&mut self, name: &str, problem: &str) {
        self.problems.push((format!("{PREFIX}{name}"), problem.to_owned()));
    }

    /// Notes a problem of a variable with [`STANDARD_PREFIX`].
    pub(super) fn reject_standard(&mut self, name: &str, problem: &str) {
        self.problems.push((name.to_owned(), problem.to_owned()));
    }

    /// Reads settings that are set together: all of them, or none.
    pub(super) fn all_or_none<const N: usize>(&mut self, names: [&str; N]) -> Option<[String; N]> {
        let values = names.map(|name| self.optional(name));
        let (set, _) = names.iter().zip(&values).find(|(_, value)| value.is_some())?;
        for (name, _) in names.iter().zip(&values).filter(|(_, value)| value.is_none()) {
            self.reject(name, &format!("is missing; {PREFIX}{set} requires it"));
        }
        values.iter().all(Option::is_some).then(|| values.map(Option::unwrap_or_default))
    }

    /// Rejects the settings that were not read, and returns every problem.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for name in self.values.keys() {
            self.problems.push((format!("{PREFIX}{name}"), "is not a setting; check its spelling".to_owned()));
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        let mut message = "invalid settings:".to_owned();
        for (name, problem) in &self.problems {
            // Writing to a String does not fail.
            let _ = write!(message, "\n  {name} {problem}");
        }
        Err(ConfigError(message))
    }
}

/// Adds every value of a file under the name of its variable.
///
/// For example, `oauth.example.client_id` becomes `OAUTH_EXAMPLE_CLIENT_ID`.
fn flatten(prefix: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.to_ascii_uppercase().replace('-', "_"));
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}_"), inner, values),
            toml::Value::String(text) => {
                values.insert(name, text.clone());
            }
            other => {
                values.insert(name, other.to_string());
            }
        }
    }
}
