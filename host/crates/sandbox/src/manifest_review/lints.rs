//! Finds parts of a manifest that are valid, but are probably not what the author meant.

use std::collections::HashSet;

use jackfield_core::manifest::{Auth, CredentialSource, Endpoint, Field, Manifest};

use super::to_line;
use crate::frozen_values::AuthorWarning;

/// Returns a warning for each part that has no effect, or an effect that is easily overlooked.
pub(crate) fn find_lints(manifest: &Manifest) -> Vec<AuthorWarning> {
    let mut lints = Lints { manifest, warnings: Vec::new() };
    lints.texts();
    lints.fields();
    lints.credentials();
    lints.endpoints();
    lints.warnings
}

struct Lints<'a> {
    manifest: &'a Manifest,
    warnings: Vec<AuthorWarning>,
}

impl Lints<'_> {
    fn add(&mut self, what: String, cure: &str) {
        self.warnings.push(AuthorWarning { what, cure: cure.to_owned() });
    }

    fn texts(&mut self) {
        let fields = self.manifest.fields.iter();
        let of_fields = fields.flat_map(|Field { name, label, help, .. }| {
            [(format!("the label of `{name}`"), label), (format!("the help of `{name}`"), help)]
        });
        let texts = std::iter::once(("its title".to_owned(), &self.manifest.title)).chain(of_fields);
        let padded: Vec<String> =
            texts.filter(|(_, text)| text.trim() != text.as_str()).map(|(name, _)| name).collect();
        for name in padded {
            self.add(format!("{name} begins or ends with a blank"), "remove the blank");
        }
    }

    fn fields(&mut self) {
        for field in &self.manifest.fields {
            let name = &field.name;
            if field.help.is_empty() {
                self.add(format!("the field `{name}` has no help"), "say where people find the value");
            }
            let mut values = HashSet::new();
            if let Some(choice) = field.choices.iter().find(|choice| !values.insert(&choice.value)) {
                let what = format!("the field `{name}` has the choice `{}` twice", choice.value);
                self.add(what, "remove one of the two choices");
            }
        }
    }

    fn credentials(&mut self) {
        let sources: Vec<&CredentialSource> = self
            .manifest
            .endpoints
            .iter()
            .filter_map(|endpoint| endpoint.credential.as_ref())
            .map(|attachment| &attachment.source)
            .collect();
        let key_field = match &self.manifest.auth {
            Auth::ServiceAccount(grant) => Some(&grant.field),
            Auth::Fields | Auth::OAuth2(_) => None,
        };
        for field in self.manifest.fields.iter().filter(|field| field.secret && Some(&field.name) != key_field) {
            let is_sent =
                |source: &&CredentialSource| matches!(source, CredentialSource::Field(name) if *name == field.name);
            if !sources.iter().any(is_sent) {
                let what = format!("the secret `{}` is sent nowhere, and the component cannot read it", field.name);
                self.add(what, "use it as the credential of an endpoint, or remove the field");
            }
        }
        let (is_used, what) = match &self.manifest.auth {
            Auth::Fields => return,
            Auth::OAuth2(_) => (sources.contains(&&CredentialSource::OAuthToken), "the OAuth access token"),
            Auth::ServiceAccount(_) => (
                sources.iter().any(|source| matches!(source, CredentialSource::Minted { .. })),
                "a token of the service account",
            ),
        };
        if !is_used {
            self.add(format!("no endpoint gets {what}"), "use it as the credential of an endpoint");
        }
    }

    fn endpoints(&mut self) {
        let endpoints = &self.manifest.endpoints;
        let hidden: Vec<(String, String)> = endpoints
            .iter()
            .flat_map(|exact| endpoints.iter().map(move |starred| (exact, starred)))
            .filter(|(exact, starred)| exact.credential != starred.credential && is_hidden_by(starred, exact))
            .map(|(exact, starred)| (to_line(exact), to_line(starred)))
            .collect();
        for (exact, starred) in hidden {
            let what = format!("`{exact}` also matches `{starred}`, and gets the credential of the first");
            self.add(what, "declare the same credential for both, if that is not what you mean");
        }
    }
}

/// Returns whether every request to an exact endpoint also matches another one with a star.
fn is_hidden_by(starred: &Endpoint, exact: &Endpoint) -> bool {
    let segments = |endpoint: &Endpoint| endpoint.path.split('/').map(str::to_owned).collect::<Vec<_>>();
    let (with_star, without) = (segments(starred), segments(exact));
    starred.method == exact.method
        && starred.host == exact.host
        && starred.path.contains('*')
        && !exact.path.contains('*')
        && with_star.len() == without.len()
        && with_star.iter().zip(&without).all(|(pattern, segment)| pattern == "*" || pattern == segment)
}

#[cfg(test)]
mod tests {
    use jackfield_core::manifest::{Attachment, Capabilities, Choice, FieldKind, MappingFate, Method, Placement};

    use super::*;

    fn field(name: &str, secret: bool) -> Field {
        Field {
            name: name.to_owned(),
            label: "Label".to_owned(),
            help: "Where to find it.".to_owned(),
            help_url: None,
            kind: FieldKind::Text,
            secret,
            required: true,
            choices: Vec::new(),
            pattern: None,
        }
    }

    fn manifest() -> Manifest {
        let endpoint = |path: &str, credential: Option<Attachment>| Endpoint {
            method: Method::Get,
            host: "api.acme.example".to_owned(),
            path: path.to_owned(),
            credential,
        };
        let bearer = Attachment {
            source: CredentialSource::Field("token".to_owned()),
            placement: Placement::Header { name: "Authorization".to_owned(), format: "Bearer {}".to_owned() },
        };
        Manifest {
            id: "acme".to_owned(),
            title: "Acme".to_owned(),
            version: "1.0.0".to_owned(),
            auth: Auth::Fields,
            fields: vec![field("token", true)],
            endpoints: vec![endpoint("/users/*", Some(bearer.clone())), endpoint("/users/me", Some(bearer))],
            capabilities: Capabilities::default(),
            on_disconnect: MappingFate::Keep,
        }
    }

    fn lints(change: impl FnOnce(&mut Manifest)) -> Vec<String> {
        let mut manifest = manifest();
        change(&mut manifest);
        find_lints(&manifest).into_iter().map(|warning| warning.what).collect()
    }

    #[test]
    fn a_manifest_without_oddities_has_no_warning() {
        assert_eq!(lints(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_part_that_is_probably_a_mistake_has_a_warning() {
        let choice = Choice { value: "eu".to_owned(), label: "EU".to_owned() };
        for (found, why) in [
            (lints(|manifest| manifest.title.push(' ')), "its title begins or ends with a blank"),
            (lints(|manifest| manifest.fields[0].help.clear()), "has no help"),
            (lints(|manifest| manifest.fields.push(field("other", true))), "`other` is sent nowhere"),
            (
                lints(|manifest| {
                    let choices = vec![choice.clone(), choice.clone()];
                    manifest.fields.push(Field { choices, kind: FieldKind::Choice, ..field("region", false) });
                }),
                "the choice `eu` twice",
            ),
            (lints(|manifest| manifest.endpoints[1].credential = None), "gets the credential of the first"),
        ] {
            assert!(found.len() == 1 && found[0].contains(why), "{why}: {found:?}");
        }
    }
}
