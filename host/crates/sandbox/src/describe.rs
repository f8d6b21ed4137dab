//! Asks a component what it is: once for each digest, with nothing to reach and nothing that could vary.

mod place;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use jackfield_core::manifest::{
    Attachment, Auth, Capabilities, Choice, ClientAuthentication, CredentialSource, Endpoint, Field, FieldKind,
    Manifest, MappingFate, OAuth2Grant, RefreshTokens, ServiceAccountGrant,
};

use super::{
    LoadError, Sandbox, bindings::jackfield::provider::types as wit, contract::Provider, convert, engine, guest::Guest,
    limits, trap_in_words,
};

/// Runs `describe` in a fresh instance.
pub(super) async fn run(sandbox: &Sandbox, provider: &Provider) -> Result<Manifest, LoadError> {
    let limits = &sandbox.0.limits;
    let mut store = sandbox.store(Guest::for_describe(limits));
    engine::bound_time(&mut store, limits::ticks(limits.describe_time));
    let work = provider.describe(&mut store);
    match tokio::time::timeout(limits.describe_time, AssertUnwindSafe(work).catch_unwind()).await {
        Err(_elapsed) => Err(LoadError("it did not describe itself in time".to_owned())),
        Ok(Err(_panic)) => Err(LoadError("its description could not be read".to_owned())),
        Ok(Ok(Err(trap))) => Err(LoadError(format!("it could not describe itself: {}", trap_in_words(&trap)))),
        Ok(Ok(Ok(manifest))) => Ok(from_wit(manifest)),
    }
}

fn from_wit(manifest: wit::Manifest) -> Manifest {
    Manifest {
        id: manifest.id,
        title: manifest.title,
        version: manifest.version,
        auth: match manifest.auth {
            wit::Auth::Fields => Auth::Fields,
            wit::Auth::Oauth2(grant) => Auth::OAuth2(oauth2(grant)),
            wit::Auth::ServiceAccount(grant) => Auth::ServiceAccount(ServiceAccountGrant {
                field: grant.field,
                token_url: grant.token_url,
                audience: grant.audience,
                token_uris: grant.token_uris,
                universe_domains: grant.universe_domains,
            }),
        },
        fields: manifest.fields.into_iter().map(field).collect(),
        endpoints: manifest.endpoints.into_iter().map(endpoint).collect(),
        capabilities: Capabilities {
            users: manifest.capabilities.contains(wit::Capabilities::USERS),
            alerts: manifest.capabilities.contains(wit::Capabilities::ALERTS),
            accounts: manifest.capabilities.contains(wit::Capabilities::ACCOUNTS),
        },
        on_disconnect: match manifest.on_disconnect {
            wit::MappingFate::Keep => MappingFate::Keep,
            wit::MappingFate::Clear => MappingFate::Clear,
        },
    }
}

fn oauth2(grant: wit::Oauth2Grant) -> OAuth2Grant {
    OAuth2Grant {
        authorize_url: grant.authorize_url,
        token_url: grant.token_url,
        revocation_url: grant.revocation_url,
        issuer: grant.issuer,
        scopes: grant.scopes,
        authorize_parameters: grant
            .authorize_parameters
            .into_iter()
            .map(|wit::Parameter { name, value }| (name, value))
            .collect(),
        client_authentication: match grant.client_authentication {
            wit::ClientAuthentication::Basic => ClientAuthentication::Basic,
            wit::ClientAuthentication::Body => ClientAuthentication::Body,
        },
        refresh: match grant.refresh {
            wit::RefreshTokens::None => RefreshTokens::None,
            wit::RefreshTokens::Reusable => RefreshTokens::Reusable,
            wit::RefreshTokens::Rotating(grace) => RefreshTokens::Rotating(grace),
        },
        idle_lifetime: grant.idle_lifetime,
    }
}

fn field(field: wit::Field) -> Field {
    Field {
        name: field.name,
        label: field.label,
        help: field.help,
        help_url: field.help_url,
        kind: match field.kind {
            wit::FieldKind::Text => FieldKind::Text,
            wit::FieldKind::Email => FieldKind::Email,
            wit::FieldKind::Url => FieldKind::Url,
            wit::FieldKind::Json => FieldKind::Json,
            wit::FieldKind::Choice => FieldKind::Choice,
        },
        secret: field.secret,
        required: field.required,
        choices: field.choices.into_iter().map(|wit::Choice { value, label }| Choice { value, label }).collect(),
        pattern: field.pattern,
    }
}

fn endpoint(endpoint: wit::Endpoint) -> Endpoint {
    Endpoint {
        method: convert::method(endpoint.method),
        host: endpoint.host,
        path: endpoint.path,
        credential: endpoint.credential.map(|attachment| Attachment {
            source: match attachment.source {
                wit::CredentialSource::Field(name) => CredentialSource::Field(name),
                wit::CredentialSource::OauthToken => CredentialSource::OAuthToken,
                wit::CredentialSource::Minted(token) => {
                    CredentialSource::Minted { scopes: token.scopes, subject_field: token.subject_field }
                }
            },
            place: place::from_wit(attachment.place),
        }),
    }
}
