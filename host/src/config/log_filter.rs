//! The filter of the log: rejects directives that match nothing, because they would silently turn the log off.

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::settings::Settings;

include!(concat!(env!("OUT_DIR"), "/crates.rs"));

const DEFAULT: &str = "info";

/// Part of every message about a wrong filter.
const EXAMPLE: &str = "for example `info`, or `warn,jackfield_egress=debug`";

/// Reads `JACKFIELD_LOG`.
pub(super) fn read_log_filter(settings: &mut Settings) -> String {
    let text = settings.text("LOG", DEFAULT);
    settings.check("LOG", normalize(&text)).unwrap_or_else(|| DEFAULT.to_owned())
}

/// Returns a filter without blanks and empty directives, if every directive can match something.
fn normalize(filter: &str) -> Result<String, String> {
    let directives: Vec<&str> = filter.split(',').map(str::trim).filter(|text| !text.is_empty()).collect();
    if directives.is_empty() {
        return Err(format!("contains no filter; {EXAMPLE}"));
    }
    for directive in &directives {
        validate_directive(directive)?;
    }
    let filter = directives.join(",");
    match EnvFilter::builder().parse(&filter) {
        Ok(_) => Ok(filter),
        Err(error) => Err(format!("is not a valid filter: {error}; {EXAMPLE}")),
    }
}

/// Checks `LEVEL`, `TARGET`, `TARGET=LEVEL` or `TARGET[SPAN{FIELDS}]=LEVEL`.
fn validate_directive(directive: &str) -> Result<(), String> {
    let (target, level) = if let Some((target, span)) = directive.split_once('[') {
        let (_, after) =
            span.rsplit_once(']').ok_or_else(|| format!("contains `{directive}` without `]`; {EXAMPLE}"))?;
        (Some(target).filter(|target| !target.is_empty()), after.strip_prefix('='))
    } else if let Some((target, level)) = directive.rsplit_once('=') {
        (Some(target), Some(level))
    } else if is_level(directive) {
        (None, Some(directive))
    } else {
        (Some(directive), None)
    };
    if let Some(level) = level.filter(|level| !is_level(level)) {
        return Err(format!(
            "contains `{directive}`, but `{level}` is not a level: error, warn, info, debug, trace or off; {EXAMPLE}"
        ));
    }
    match target.filter(|target| !is_known(target)) {
        None => Ok(()),
        Some(target) => Err(format!(
            "contains `{directive}`, but `{target}` is neither a level (error, warn, info, debug, trace or off) nor a \
             crate of this program; {EXAMPLE}"
        )),
    }
}

fn is_level(text: &str) -> bool {
    // The parser takes an empty level for `error`.
    !text.is_empty() && text.parse::<LevelFilter>().is_ok()
}

fn is_known(target: &str) -> bool {
    let crate_name = target.split("::").next().unwrap_or_default();
    CRATES.contains(&crate_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_match_something_are_accepted() {
        for (filter, normalized) in [
            ("info", "info"),
            ("OFF", "OFF"),
            ("3", "3"),
            (" warn , jackfield::guest=debug,", "warn,jackfield::guest=debug"),
            ("jackfield", "jackfield"),
            ("info,hyper::proto=trace,jackfield_sandbox=debug", "info,hyper::proto=trace,jackfield_sandbox=debug"),
            ("[request{method=GET}]=debug", "[request{method=GET}]=debug"),
            ("jackfield_api[request]=trace", "jackfield_api[request]=trace"),
        ] {
            assert_eq!(normalize(filter).as_deref(), Ok(normalized));
        }
    }

    #[test]
    fn filters_that_match_nothing_are_rejected_with_an_example() {
        for filter in [
            "",
            ",",
            " , ",
            "inf",
            "true",
            "info debug",
            "jackfield=loud",
            "jackfield=",
            "=info",
            "jackfeld=debug",
            "info;debug",
            "info,nonsense=trace",
            "[request=debug",
            "jackfield[]x=debug=",
            "*",
            "jackfield.*=debug",
        ] {
            let problem = normalize(filter);
            assert!(problem.as_ref().is_err_and(|problem| problem.contains("for example")), "{filter}: {problem:?}");
        }
    }

    #[test]
    fn crates_of_the_host_and_their_dependencies_are_targets() {
        for name in ["jackfield", "jackfield_api", "jackfield_sandbox", "jackfield_service", "sqlx_core", "hyper"] {
            assert!(is_known(name), "{name}");
        }
    }
}
