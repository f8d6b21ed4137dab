//! `jackfield plugin inspect`: shows the risks of a plugin, and every part of its manifest.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::bail;
use clap::Args;
use jackfield_core::manifest::{
    Auth, ClientAuthentication, Field, FieldKind, Manifest, MappingFate, OAuth2Grant, RefreshTokens,
};
use jackfield_egress::EgressConfig;
use jackfield_sandbox::{Inspection, Limits, describe_credential, endpoint_lines};

use super::{author_sandbox, format_risk, print_line};

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Component to inspect
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &InspectArguments) -> anyhow::Result<()> {
    let inspection =
        Inspection::of_file(&author_sandbox(EgressConfig::default(), &Limits::default())?, &arguments.file).await;
    let shown = arguments.file.display();
    let problems: Vec<&str> = inspection.findings.iter().map(|finding| finding.what.as_str()).collect();
    if !problems.is_empty() {
        let problems = problems.join("; ");
        bail!("{shown} cannot be approved: {problems}\n`jackfield plugin check` shows how to fix it");
    }
    let Some(manifest) = &inspection.manifest else { bail!("{shown} has no manifest") };
    if arguments.json {
        print_line(&serde_json::to_string_pretty(&inspection)?);
    } else {
        print_line(&format_inspection(&inspection, manifest));
    }
    Ok(())
}

fn format_inspection(inspection: &Inspection, manifest: &Manifest) -> String {
    let mut lines = vec![
        format!("{} {} ({})", manifest.title, manifest.version, manifest.id),
        format!("sha256 {}", inspection.digest.as_deref().unwrap_or_default()),
        format!(
            "{} bytes, built for version {} of the contract",
            inspection.bytes,
            inspection.contract.as_deref().unwrap_or("?")
        ),
    ];
    let mut section = |title: &str, items: Vec<String>| {
        lines.push(String::new());
        lines.push(title.to_owned());
        lines.extend(items.into_iter().map(|item| format!("  {item}")));
    };
    if !inspection.risks.is_empty() {
        section("risks", inspection.risks.iter().map(format_risk).collect());
    }
    let (title, items) = describe_auth(&manifest.auth);
    section(&title, items);
    let fields = manifest.fields.iter().map(describe_field).collect();
    section("fields", if manifest.fields.is_empty() { vec!["none".to_owned()] } else { fields });
    section("calls only these endpoints", describe_endpoints(manifest));
    section("can", describe_capabilities(manifest));
    section("imports", inspection.imports.clone());
    lines.join("\n")
}

fn describe_endpoints(manifest: &Manifest) -> Vec<String> {
    let endpoints = endpoint_lines(manifest).into_iter().zip(&manifest.endpoints);
    endpoints
        .map(|(line, endpoint)| match describe_credential(endpoint) {
            None => format!("{line}  without a credential"),
            Some(credential) => format!("{line}  with {credential}"),
        })
        .collect()
}

fn describe_capabilities(manifest: &Manifest) -> Vec<String> {
    let capabilities = manifest.capabilities;
    [
        (true, "connect, disconnect and report its health"),
        (capabilities.users, "list users"),
        (capabilities.alerts, "read and set where change alerts are sent"),
        (capabilities.accounts, "offer several accounts to choose from"),
        (manifest.on_disconnect == MappingFate::Clear, "remove the mappings of people when it is disconnected"),
    ]
    .into_iter()
    .filter(|(has, _)| *has)
    .map(|(_, words)| words.to_owned())
    .collect()
}

fn describe_auth(auth: &Auth) -> (String, Vec<String>) {
    match auth {
        Auth::Fields => ("connects with the fields below".to_owned(), Vec::new()),
        Auth::OAuth2(grant) => ("connects with OAuth".to_owned(), describe_oauth(grant)),
        Auth::ServiceAccount(grant) => (
            format!("connects with a service account key, in the field `{}`", grant.field),
            vec![
                format!("tokens are minted at {}, for the audience {}", grant.token_url, grant.audience),
                format!("the key may contain the token_uri {}", grant.token_uris.join(", ")),
                format!("and the universe_domain {}", grant.universe_domains.join(", ")),
            ],
        ),
    }
}

fn describe_oauth(grant: &OAuth2Grant) -> Vec<String> {
    let mut lines = vec![
        format!("the browser is sent to {}", grant.authorize_url),
        format!("tokens come from {}", grant.token_url),
    ];
    lines.extend(grant.revocation_url.iter().map(|url| format!("tokens are revoked at {url}")));
    lines.extend(grant.issuer.iter().map(|issuer| format!("responses must name the issuer {issuer}")));
    let scopes = if grant.scopes.is_empty() { "none".to_owned() } else { grant.scopes.join(" ") };
    lines.push(format!("scopes: {scopes}"));
    let parameters = grant.authorize_parameters.iter();
    lines.extend(parameters.map(|(name, value)| format!("the browser is sent with {name}={value}")));
    lines.push(match grant.client_authentication {
        ClientAuthentication::Basic => "the client secret is sent with HTTP Basic".to_owned(),
        ClientAuthentication::Body => "the client secret is sent in the body".to_owned(),
    });
    lines.push(match grant.refresh {
        RefreshTokens::None => "there are no refresh tokens".to_owned(),
        RefreshTokens::Reusable => "refresh tokens can be used again".to_owned(),
        RefreshTokens::Rotating(None) => "each refresh returns a new refresh token".to_owned(),
        RefreshTokens::Rotating(Some(seconds)) => {
            format!("each refresh returns a new refresh token; the old one is valid for {seconds} s more")
        }
    });
    let idle = grant.idle_lifetime;
    lines.extend(idle.map(|seconds| format!("a refresh token expires if it is not used for {seconds} s")));
    lines
}

fn describe_field(field: &Field) -> String {
    let mut line = format!("{}: {}", field.name, field.label);
    line.push_str(match field.kind {
        FieldKind::Text => "",
        FieldKind::Email => ", an email address",
        FieldKind::Url => ", an https URL",
        FieldKind::Json => ", JSON",
        FieldKind::Choice => ", one of",
    });
    let choices: Vec<String> =
        field.choices.iter().map(|choice| format!("{} ({})", choice.value, choice.label)).collect();
    if !choices.is_empty() {
        line.push(' ');
        line.push_str(&choices.join(" | "));
    }
    line.push_str(if field.secret { ", secret" } else { "" });
    line.push_str(if field.required { ", required" } else { "" });
    if let Some(pattern) = &field.pattern {
        // Writing to a String does not fail.
        let _ = write!(line, ", matches {pattern}");
    }
    if !field.help.is_empty() {
        let _ = write!(line, "; help: {}", field.help);
    }
    if let Some(url) = &field.help_url {
        let _ = write!(line, " {url}");
    }
    line
}

#[cfg(test)]
mod tests {
    use jackfield_core::leaf_pointers;
    use jackfield_sandbox::find_risks;
    use serde_json::{Value, json};

    use super::*;

    const FULL: [&str; 2] = [
        include_str!("../../../../tests/data/manifests/oauth2.json"),
        include_str!("../../../../tests/data/manifests/service_account.json"),
    ];

    fn shown(manifest: Value) -> Option<String> {
        let manifest: Manifest = serde_json::from_value(manifest).ok()?;
        let inspection = Inspection { risks: find_risks(&manifest), ..Inspection::default() };
        Some(format_inspection(&inspection, &manifest))
    }

    #[test]
    fn every_part_of_a_manifest_is_shown() {
        let mut tried = 0;
        for text in FULL {
            let full: Value = serde_json::from_str(text).expect("JSON");
            let original = shown(full.clone());
            let pointers = leaf_pointers(&full);
            for pointer in pointers {
                for other in [
                    json!("other"),
                    json!("keep"),
                    json!("GET"),
                    json!("body"),
                    json!("none"),
                    json!("email"),
                    json!("text"),
                    json!("base64"),
                    json!("hex"),
                    json!("seconds"),
                    json!("HS256"),
                    json!(7),
                    json!(true),
                    json!(false),
                ] {
                    let mut changed = full.clone();
                    let leaf = changed.pointer_mut(&pointer).expect("a leaf");
                    if *leaf == other {
                        continue;
                    }
                    *leaf = other.clone();
                    // A value of another type is not a manifest.
                    let Some(changed) = shown(changed) else { continue };
                    tried += 1;
                    assert_ne!(Some(changed), original, "{pointer} {other}");
                }
            }
        }
        assert!(tried >= 150, "{tried}");
    }

    #[test]
    fn risks_come_before_the_details() {
        let full: Value = serde_json::from_str(FULL[0]).expect("JSON");
        let shown = shown(full).expect("a manifest");
        let danger = shown.find("DANGER: secret `form_secret`").expect("a danger");
        let endpoint = shown.find("  GET api.acme.example/v1/users").expect("an endpoint");
        assert!(danger < endpoint, "{shown}");
    }
}
