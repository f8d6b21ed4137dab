//! Finds mistakes in a manifest that the host would reject.

use crate::types::{Auth, CredentialSource, FieldKind, Manifest};

/// Returns every problem of a manifest as a sentence; empty if there are none.
#[must_use]
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    let mut require = |condition: bool, problem: String| {
        if !condition {
            problems.push(problem);
        }
    };

    let id = &manifest.id;
    let is_id = (2..=40).contains(&id.len())
        && id.starts_with(|character: char| character.is_ascii_lowercase())
        && id.split('-').all(|part| !part.is_empty() && part.bytes().all(is_lower_or_digit));
    require(is_id, format!("the id `{id}` does not match `[a-z][a-z0-9]*(-[a-z0-9]+)*` with 2 to 40 characters"));
    require((1..=60).contains(&manifest.title.chars().count()), "the title must have 1 to 60 characters".into());
    let core = manifest.version.split(['-', '+']).next().unwrap_or_default();
    let is_version = core.split('.').count() == 3 && core.split('.').all(|part| part.parse::<u64>().is_ok());
    require(is_version, format!("the version `{}` is not a Semantic Version", manifest.version));
    require(manifest.fields.len() <= 32, "there are more than 32 fields".into());
    require(manifest.endpoints.len() <= 64, "there are more than 64 endpoints".into());

    for (index, field) in manifest.fields.iter().enumerate() {
        let name = &field.name;
        let is_name = (1..=40).contains(&name.len())
            && name.starts_with(|character: char| character.is_ascii_lowercase())
            && name.bytes().all(|byte| is_lower_or_digit(byte) || byte == b'_');
        require(
            is_name,
            format!("the field name `{name}` does not match `[a-z][a-z0-9_]*` with at most 40 characters"),
        );
        let is_first = manifest.fields.iter().position(|other| other.name == *name) == Some(index);
        require(is_first, format!("the field name `{name}` is declared twice"));
        let has_label = (1..=60).contains(&field.label.chars().count());
        require(has_label, format!("the label of `{name}` must have 1 to 60 characters"));
        require(field.help.chars().count() <= 500, format!("the help text of `{name}` has more than 500 characters"));
        let has_good_url = field.help_url.as_ref().is_none_or(|url| url.starts_with("https://"));
        require(has_good_url, format!("the help URL of `{name}` must start with `https://`"));
        let has_choices = (1..=32).contains(&field.choices.len());
        require(
            (field.kind == FieldKind::Choice) == has_choices,
            format!("the field `{name}` must have 1 to 32 choices if it is a choice, and none otherwise"),
        );
    }

    for endpoint in &manifest.endpoints {
        let line = format!("{}{}", endpoint.host, endpoint.path);
        let host = endpoint.host.strip_prefix("*.").unwrap_or(&endpoint.host);
        let is_host =
            host.contains('.') && host.bytes().all(|byte| is_lower_or_digit(byte) || matches!(byte, b'-' | b'.'));
        require(is_host, format!("the host of `{line}` must be a lower-case domain name"));
        let is_exact = host.len() == endpoint.host.len() || endpoint.credential.is_none();
        require(is_exact, format!("`{line}` must name its exact host, because it has a credential"));
        require(!endpoint.path.contains(['?', '#']), format!("the path of `{line}` must not contain `?` or `#`"));
        let fits = match endpoint.credential.as_ref().map(|credential| &credential.source) {
            None => true,
            Some(CredentialSource::Field(name)) => {
                manifest.fields.iter().any(|field| field.name == *name && field.secret)
            }
            Some(CredentialSource::OauthToken) => matches!(manifest.auth, Auth::Oauth2(_)),
            Some(CredentialSource::Minted(_)) => matches!(manifest.auth, Auth::ServiceAccount(_)),
        };
        require(fits, format!("the credential of `{line}` is not declared, or is not a secret"));
    }
    problems
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::get;
    use crate::types::Field;

    #[test]
    fn a_good_manifest_has_no_problems() {
        let manifest = Manifest::new("acme-hr", "Acme HR", "1.2.3-rc.1")
            .field(Field::secret("key", "Key"))
            .field(Field::choice("region", "Region", &[("eu", "Europe")]).optional())
            .endpoint(get("*.acme.test/v1/status"))
            .endpoint(get("api.acme.test/v1/people/*").bearer("key"));
        assert_eq!(problems(&manifest), Vec::<String>::new());
    }

    #[test]
    fn each_problem_is_reported() {
        let manifest = Manifest::new("Acme", "", "1")
            .field(Field::text("Key", "").help_url("http://acme.test"))
            .field(Field::choice("Key", "Key", &[]))
            .endpoint(get("Acme.test/v1?x").bearer("Key"))
            .endpoint(get("acme.test/v1").oauth())
            .endpoint(get("*.acme.test/v1").oauth());
        assert_eq!(
            problems(&manifest),
            [
                "the id `Acme` does not match `[a-z][a-z0-9]*(-[a-z0-9]+)*` with 2 to 40 characters",
                "the title must have 1 to 60 characters",
                "the version `1` is not a Semantic Version",
                "the field name `Key` does not match `[a-z][a-z0-9_]*` with at most 40 characters",
                "the label of `Key` must have 1 to 60 characters",
                "the help URL of `Key` must start with `https://`",
                "the field name `Key` does not match `[a-z][a-z0-9_]*` with at most 40 characters",
                "the field name `Key` is declared twice",
                "the field `Key` must have 1 to 32 choices if it is a choice, and none otherwise",
                "the host of `Acme.test/v1?x` must be a lower-case domain name",
                "the path of `Acme.test/v1?x` must not contain `?` or `#`",
                "the credential of `Acme.test/v1?x` is not declared, or is not a secret",
                "the credential of `acme.test/v1` is not declared, or is not a secret",
                "`*.acme.test/v1` must name its exact host, because it has a credential",
                "the credential of `*.acme.test/v1` is not declared, or is not a secret",
            ]
        );
    }
}
