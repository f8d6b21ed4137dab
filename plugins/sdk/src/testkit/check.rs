//! What the host would refuse in a manifest, found before it is built into a component.

use crate::types::{Auth, CredentialSource, FieldKind, Manifest};

/// Names everything that is wrong with a manifest, in sentences; a good one has none.
#[must_use]
pub fn problems(manifest: &Manifest) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |holds: bool, sentence: String| {
        if !holds {
            found.push(sentence);
        }
    };

    let id = &manifest.id;
    let is_id = (2..=40).contains(&id.len())
        && id.starts_with(|sign: char| sign.is_ascii_lowercase())
        && id.split('-').all(|part| !part.is_empty() && part.bytes().all(is_lower_or_digit));
    expect(is_id, format!("the id `{id}` is no `[a-z][a-z0-9]*(-[a-z0-9]+)*` of 2 to 40 characters"));
    expect((1..=60).contains(&manifest.title.chars().count()), "the title has not 1 to 60 characters".into());
    let core = manifest.version.split(['-', '+']).next().unwrap_or_default();
    let is_version = core.split('.').count() == 3 && core.split('.').all(|part| part.parse::<u64>().is_ok());
    expect(is_version, format!("the version `{}` is no Semantic Version", manifest.version));
    expect(manifest.fields.len() <= 32, "there are more than 32 fields".into());
    expect(manifest.endpoints.len() <= 64, "there are more than 64 endpoints".into());

    for (index, field) in manifest.fields.iter().enumerate() {
        let name = &field.name;
        let is_name = (1..=40).contains(&name.len())
            && name.starts_with(|sign: char| sign.is_ascii_lowercase())
            && name.bytes().all(|byte| is_lower_or_digit(byte) || byte == b'_');
        expect(is_name, format!("the field `{name}` is no `[a-z][a-z0-9_]*` of up to 40 characters"));
        let is_first = manifest.fields.iter().position(|other| other.name == *name) == Some(index);
        expect(is_first, format!("there are two fields `{name}`"));
        let has_label = (1..=60).contains(&field.label.chars().count());
        expect(has_label, format!("the label of `{name}` has not 1 to 60 characters"));
        expect(field.help.chars().count() <= 500, format!("the help of `{name}` has more than 500 characters"));
        let has_good_url = field.help_url.as_ref().is_none_or(|url| url.starts_with("https://"));
        expect(has_good_url, format!("the help of `{name}` points to no https address"));
        let has_choices = (1..=32).contains(&field.choices.len());
        expect(
            (field.kind == FieldKind::Choice) == has_choices,
            format!("the choices of `{name}` do not fit its kind"),
        );
    }

    for endpoint in &manifest.endpoints {
        let line = format!("{}{}", endpoint.host, endpoint.path);
        let host = endpoint.host.strip_prefix("*.").unwrap_or(&endpoint.host);
        let is_host =
            host.contains('.') && host.bytes().all(|byte| is_lower_or_digit(byte) || matches!(byte, b'-' | b'.'));
        expect(is_host, format!("the host of `{line}` is none in lower case"));
        expect(!endpoint.path.contains(['?', '#']), format!("the path of `{line}` has a query"));
        let fits = match endpoint.credential.as_ref().map(|credential| &credential.source) {
            None => true,
            Some(CredentialSource::Field(name)) => {
                manifest.fields.iter().any(|field| field.name == *name && field.secret)
            }
            Some(CredentialSource::OauthToken) => matches!(manifest.auth, Auth::Oauth2(_)),
            Some(CredentialSource::Minted(_)) => matches!(manifest.auth, Auth::ServiceAccount(_)),
        };
        expect(fits, format!("the credential of `{line}` is declared nowhere, or is no secret"));
    }
    found
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
            .endpoint(get("*.acme.test/v1/people/*").bearer("key"));
        assert_eq!(problems(&manifest), Vec::<String>::new());
    }

    #[test]
    fn each_problem_is_named() {
        let manifest = Manifest::new("Acme", "", "1")
            .field(Field::text("Key", "").help_url("http://acme.test"))
            .field(Field::choice("Key", "Key", &[]))
            .endpoint(get("Acme.test/v1?x").bearer("Key"))
            .endpoint(get("acme.test/v1").oauth());
        assert_eq!(
            problems(&manifest),
            [
                "the id `Acme` is no `[a-z][a-z0-9]*(-[a-z0-9]+)*` of 2 to 40 characters",
                "the title has not 1 to 60 characters",
                "the version `1` is no Semantic Version",
                "the field `Key` is no `[a-z][a-z0-9_]*` of up to 40 characters",
                "the label of `Key` has not 1 to 60 characters",
                "the help of `Key` points to no https address",
                "the field `Key` is no `[a-z][a-z0-9_]*` of up to 40 characters",
                "there are two fields `Key`",
                "the choices of `Key` do not fit its kind",
                "the host of `Acme.test/v1?x` is none in lower case",
                "the path of `Acme.test/v1?x` has a query",
                "the credential of `Acme.test/v1?x` is declared nowhere, or is no secret",
                "the credential of `acme.test/v1` is declared nowhere, or is no secret",
            ]
        );
    }
}
