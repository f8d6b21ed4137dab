//! `jackfield plugin inspect`: what a component is, and all that it asks for, as an administrator reads it.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::bail;
use clap::Args;
use jackfield_core::manifest::{
    Auth, BasicUser, ClientAuthentication, CredentialSource, Field, FieldKind, Manifest, MappingFate, OAuth2Grant,
    Place, RefreshTokens,
};
use jackfield_sandbox::{Inspection, endpoint_lines};

use super::{sandbox, say};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, as it was built
    file: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let found = Inspection::of_file(&sandbox()?, &arguments.file).await;
    if !found.findings.is_empty() {
        let all: Vec<&str> = found.findings.iter().map(|finding| finding.what.as_str()).collect();
        bail!("it cannot be approved: {}\n`jackfield plugin check` says what to do", all.join("; "));
    }
    let Some(manifest) = &found.manifest else { bail!("it did not say what it is") };
    if arguments.json {
        say(&serde_json::to_string_pretty(&found)?);
    } else {
        say(&in_words(&found, manifest));
    }
    Ok(())
}

fn in_words(found: &Inspection, manifest: &Manifest) -> String {
    let mut text = format!("{} {} ({})\n", manifest.title, manifest.version, manifest.id);
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!("sha256 {}", found.digest.as_deref().unwrap_or_default()));
    let contract = found.contract.as_deref().unwrap_or("?");
    line(&format!("{} bytes, built for version {contract} of the contract", found.bytes));

    line("");
    auth(&manifest.auth).iter().for_each(|words| line(words));
    line("\nfields");
    if manifest.fields.is_empty() {
        line("  none");
    }
    manifest.fields.iter().for_each(|field| line(&format!("  {}", in_a_line(field))));
    line("\nmay call, and nothing else");
    for (words, endpoint) in endpoint_lines(manifest).iter().zip(&manifest.endpoints) {
        let credential = endpoint.credential.as_ref().map_or_else(
            || "without a credential".to_owned(),
            |attachment| format!("with {} {}", source(&attachment.source), place(&attachment.place)),
        );
        line(&format!("  {words}  {credential}"));
    }
    line("\ncan");
    line("  connect, disconnect and say how it is");
    let capabilities = manifest.capabilities;
    for (has, words) in [
        (capabilities.users, "list users"),
        (capabilities.alerts, "read and set where change alerts go"),
        (capabilities.accounts, "ask which of several accounts is meant"),
    ] {
        if has {
            line(&format!("  {words}"));
        }
    }
    if manifest.on_disconnect == MappingFate::Clear {
        line("  take the people's mappings along when its connection goes");
    }
    line("\nimports");
    found.imports.iter().for_each(|import| line(&format!("  {import}")));
    text.trim_end().to_owned()
}

fn auth(auth: &Auth) -> Vec<String> {
    match auth {
        Auth::Fields => vec!["connects by the fields below".to_owned()],
        Auth::OAuth2(grant) => oauth(grant),
        Auth::ServiceAccount(grant) => vec![
            format!("connects by a service account's key, the field `{}`", grant.field),
            format!("  tokens are minted at {}, for the audience {}", grant.token_url, grant.audience),
            format!("  the key file may name the token_uri {}", grant.token_uris.join(", ")),
            format!("  and the universe_domain {}", grant.universe_domains.join(", ")),
        ],
    }
}

fn oauth(grant: &OAuth2Grant) -> Vec<String> {
    let mut lines = vec![
        "connects by OAuth".to_owned(),
        format!("  the browser is sent to {}", grant.authorize_url),
        format!("  tokens come from {}", grant.token_url),
    ];
    lines.extend(grant.revocation_url.iter().map(|url| format!("  and are revoked at {url}")));
    lines.extend(grant.issuer.iter().map(|issuer| format!("  answers must come from the issuer {issuer}")));
    lines.push(format!(
        "  scopes: {}",
        if grant.scopes.is_empty() { "none".to_owned() } else { grant.scopes.join(" ") }
    ));
    let parameters = grant.authorize_parameters.iter().map(|(name, value)| format!("  asked with {name}={value}"));
    lines.extend(parameters);
    lines.push(match grant.client_authentication {
        ClientAuthentication::Basic => "  the client secret goes by HTTP Basic".to_owned(),
        ClientAuthentication::Body => "  the client secret goes in the body".to_owned(),
    });
    lines.push(match grant.refresh {
        RefreshTokens::None => "  there are no refresh tokens".to_owned(),
        RefreshTokens::Reusable => "  refresh tokens stay good".to_owned(),
        RefreshTokens::Rotating(None) => "  each refresh gives a new refresh token".to_owned(),
        RefreshTokens::Rotating(Some(seconds)) => {
            format!("  each refresh gives a new refresh token; the old one is taken for {seconds} s more")
        }
    });
    lines.extend(grant.idle_lifetime.map(|seconds| format!("  a refresh token unused for {seconds} s dies")));
    lines
}

fn in_a_line(field: &Field) -> String {
    let mut line = format!("{}: {}", field.name, field.label);
    let kind = match field.kind {
        FieldKind::Text => "",
        FieldKind::Email => ", an email address",
        FieldKind::Url => ", an https URL",
        FieldKind::Json => ", JSON",
        FieldKind::Choice => ", one of",
    };
    line.push_str(kind);
    let choices: Vec<&str> = field.choices.iter().map(|choice| choice.value.as_str()).collect();
    if !choices.is_empty() {
        line.push(' ');
        line.push_str(&choices.join(" | "));
    }
    line.push_str(if field.secret { ", secret" } else { "" });
    line.push_str(if field.required { ", required" } else { "" });
    if let Some(pattern) = &field.pattern {
        // Writing to a String does not fail.
        let _ = write!(line, ", like {pattern}");
    }
    line
}

fn source(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Field(name) => format!("`{name}`"),
        CredentialSource::OAuthToken => "the OAuth access token".to_owned(),
        CredentialSource::Minted { scopes, subject_field } => {
            let subject = subject_field.as_ref().map_or_else(String::new, |field| format!(" acting for `{field}`"));
            format!("a token for {}{subject}", scopes.join(" "))
        }
    }
}

fn place(place: &Place) -> String {
    match place {
        Place::Header { name, format } => format!("as `{name}: {format}`"),
        Place::Basic(BasicUser::Literal(user)) => format!("as the password of HTTP Basic, user `{user}`"),
        Place::Basic(BasicUser::Field(name)) => {
            format!("as the password of HTTP Basic, user from the field `{name}`")
        }
        Place::Query(key) => format!("as the query's `{key}`"),
        Place::Form(key) => format!("as the form's `{key}`"),
        Place::Json(pointer) => format!("at `{pointer}` of the JSON body"),
        Place::Hmac(place) => place.words(),
        Place::Aws(place) => place.words(),
        Place::Jwt(place) => place.words(),
    }
}
