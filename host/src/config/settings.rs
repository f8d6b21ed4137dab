//! Settings by name, from the settings file and from environment variables, and the problems found in them.

mod value;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    ffi::OsString,
    fmt::Write as _,
    path::Path,
    str::FromStr,
};

use jackfield_files::{ProcessUser, read_secret_file};

use self::value::{SettingValue, clean};

/// The prefix of Jackfield's variables.
const PREFIX: &str = "JACKFIELD_";

/// The prefix of OpenTelemetry's variables, which other programs read too.
///
/// Unknown ones are not an error.
const STANDARD_PREFIX: &str = "OTEL_";

/// The end of a variable that names a file with the value of a secret setting.
const FILE: &str = "_FILE";

/// How similar a known name must be to an unknown one to be suggested, from 0 to 1.
const SIMILAR: f64 = 0.75;

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
    values: BTreeMap<String, SettingValue>,
    /// The variables with [`STANDARD_PREFIX`], by full name.
    standard: BTreeMap<String, SettingValue>,
    /// The full name of a setting, and its problem.
    problems: Vec<(String, String)>,
    /// The names that were read, whether they are set or not: the settings that exist.
    known: BTreeSet<String>,
}

impl Settings {
    /// Collects settings from a file and from environment variables, which take precedence.
    ///
    /// This is the one place where values lose the line breaks and blanks around them, and where values with control
    /// characters inside are rejected.
    pub(super) fn collect(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut settings =
            Self { values: BTreeMap::new(), standard: BTreeMap::new(), problems: Vec::new(), known: BTreeSet::new() };
        if let Some(text) = file {
            let table = text.trim_start_matches('\u{feff}').parse().map_err(|error| describe_toml(text, &error))?;
            settings.add_table("", "", &table);
        }
        for (key, value) in environment {
            // The names of Jackfield's variables are ASCII.
            let Some(key) = key.to_str() else { continue };
            let name = key.strip_prefix(PREFIX);
            if name.is_none() && !key.starts_with(STANDARD_PREFIX) {
                continue;
            }
            let Ok(text) = value.into_string() else {
                settings.problems.push((key.to_owned(), "is not UTF-8 text".to_owned()));
                continue;
            };
            let value = SettingValue::of_variable(key, text);
            match name {
                Some(name) => settings.values.insert(name.to_owned(), value),
                None => settings.standard.insert(key.to_owned(), value),
            };
        }
        Ok(settings)
    }

    /// Reads a variable with [`STANDARD_PREFIX`] by its full name.
    pub(super) fn standard(&mut self, name: &str) -> Option<String> {
        let value = self.standard.remove(name)?;
        self.clean(value)
    }

    /// Reads a setting by its name without [`PREFIX`].
    ///
    /// One that is empty or contains only blanks counts as missing.
    pub(super) fn optional(&mut self, name: &str) -> Option<String> {
        self.known.insert(name.to_owned());
        let value = self.values.remove(name)?;
        if let Some(other) = value.type_other_than_text {
            self.problems.push((value.source, format!("must be text in quotes, not {other}")));
            return None;
        }
        self.clean(value)
    }

    /// Reads a setting that is parsed, so that it needs no quotes in the file. See [`optional`](Self::optional).
    pub(super) fn text_or_number(&mut self, name: &str) -> Option<String> {
        if let Some(value) = self.values.get_mut(name) {
            value.type_other_than_text = None;
        }
        self.optional(name)
    }

    /// Reads a secret setting: its value, or the content of the file that the setting `…_FILE` names.
    pub(super) fn secret(&mut self, name: &str, user: &ProcessUser) -> Option<String> {
        let of_file = format!("{name}{FILE}");
        let (value, file) = (self.optional(name), self.optional(&of_file));
        match (value, file) {
            (Some(_), Some(_)) => {
                self.reject(&of_file, &format!("and {PREFIX}{name} are both set; remove one of them"));
                None
            }
            (None, Some(file)) => {
                let value = self.read_file(&of_file, Path::new(&file), user)?;
                // Later problems of this value are reported under the name of the file's setting.
                self.clean(SettingValue::of_variable(&format!("{PREFIX}{of_file}"), value)).or_else(|| {
                    self.reject(&of_file, &format!("names {file}, which is empty"));
                    None
                })
            }
            (value, None) => value,
        }
    }

    /// Returns the part between of every setting named `start…end`, without reading it.
    pub(super) fn names_between(&self, start: &str, end: &str) -> Vec<String> {
        let middle = |name: &String| name.strip_prefix(start)?.strip_suffix(end).map(str::to_owned);
        self.values.keys().filter_map(middle).collect()
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
        let text = self.text_or_number(name).unwrap_or_else(|| default.to_owned());
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
        self.require_all(names, values)
    }

    /// Returns the values of settings that are set together, or notes those that are missing.
    pub(super) fn require_all<const N: usize>(
        &mut self,
        names: [&str; N],
        values: [Option<String>; N],
    ) -> Option<[String; N]> {
        let (set, _) = names.iter().zip(&values).find(|(_, value)| value.is_some())?;
        for (name, _) in names.iter().zip(&values).filter(|(_, value)| value.is_none()) {
            self.reject(name, &format!("is missing; {PREFIX}{set} requires it"));
        }
        values.iter().all(Option::is_some).then(|| values.map(Option::unwrap_or_default))
    }

    /// Returns the names that were read so far, without [`PREFIX`].
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Rejects the settings that were not read, and returns every problem.
    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        for (name, value) in &self.values {
            let problem = self.describe_unknown(name);
            self.problems.push((value.source.clone(), problem));
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

    /// Adds every value of a file under the name of its variable.
    ///
    /// For example, `oauth.example.client_id` becomes `OAUTH_EXAMPLE_CLIENT_ID`.
    fn add_table(&mut self, prefix: &str, path: &str, table: &toml::Table) {
        for (key, value) in table {
            let name = format!("{prefix}{}", key.to_ascii_uppercase().replace('-', "_"));
            if let toml::Value::Table(inner) = value {
                self.add_table(&format!("{name}_"), &format!("{path}{key}."), inner);
                continue;
            }
            let source = format!("{PREFIX}{name} (`{path}{key}` in the file)");
            match self.values.entry(name) {
                Entry::Occupied(_) => self.problems.push((source, "is set twice in the file".to_owned())),
                Entry::Vacant(entry) => {
                    entry.insert(SettingValue::of_file(source, value));
                }
            }
        }
    }

    fn read_file(&mut self, name: &str, path: &Path, user: &ProcessUser) -> Option<String> {
        let read = read_secret_file(path, user).map_err(|error| {
            format!(
                "names {}, which {error}; this service runs as {user}. Do one of these: {}; or set {PREFIX}{} instead",
                path.display(),
                error.remedy(),
                name.trim_end_matches(FILE)
            )
        });
        self.check(name, read).map(|text| text.as_str().to_owned())
    }

    fn clean(&mut self, value: SettingValue) -> Option<String> {
        match clean(&value.text) {
            Ok(text) => Some(text.to_owned()).filter(|text| !text.is_empty()),
            Err(problem) => {
                self.problems.push((value.source, problem));
                None
            }
        }
    }

    fn describe_unknown(&self, name: &str) -> String {
        if name == "PORT" || name.starts_with("PORT_") || name.starts_with("SERVICE_") {
            return "is not a setting; Kubernetes sets it in every pod if a service is named jackfield, so set \
                    `enableServiceLinks: false` in the pod"
                .to_owned();
        }
        let similarity = |known: &String| strsim::jaro_winkler(known, name);
        let nearest = self.known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        match nearest.filter(|known| similarity(known) > SIMILAR) {
            Some(known) => format!("is not a setting; did you mean {PREFIX}{known}?"),
            None => "is not a setting; docs/operations.md lists all settings".to_owned(),
        }
    }
}

/// Describes a syntax error of the file without its text, which can contain a secret.
fn describe_toml(text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    ConfigError(format!("the settings file is not valid TOML: line {line}: {}", error.message()))
}
