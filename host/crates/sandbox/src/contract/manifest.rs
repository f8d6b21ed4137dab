//! Converts a manifest of `jackfield:provider/types@0.1.0`, which every version of the contract uses.
//!
//! Nothing is checked here; see `crate::manifest_review`.

use jackfield_core::manifest::{
    Attachment, Auth, Capabilities, Choice, ClientAuthentication, CredentialSource, Endpoint, Field, FieldKind,
    Manifest, MappingFate, OAuth2Grant, RefreshTokens, ServiceAccountGrant,
};

use super::placement::from_wit_placement;
use crate::{bindings::jackfield::provider::types as wit, http_types::from_wit_method};

pub(super) fn from_wit_manifest(manifest: wit::Manifest) -> Manifest {
    Manifest {
        id: manifest.id,
        title: manifest.title,
        version: manifest.version,
        auth: match manifest.auth {
            wit::Auth::Fields => Auth::Fields,
            wit::Auth::Oauth2(grant) => Auth::OAuth2(from_wit_oauth2(grant)),
            wit::Auth::ServiceAccount(grant) => Auth::ServiceAccount(ServiceAccountGrant {
                field: grant.field,
                token_url: grant.token_url,
                audience: grant.audience,
                token_uris: grant.token_uris,
                universe_domains: grant.universe_domains,
            }),
        },
        fields: manifest.fields.into_iter().map(from_wit_field).collect(),
        endpoints: manifest.endpoints.into_iter().map(from_wit_endpoint).collect(),
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

fn from_wit_oauth2(grant: wit::Oauth2Grant) -> OAuth2Grant {
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

fn from_wit_field(field: wit::Field) -> Field {
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

fn from_wit_endpoint(endpoint: wit::Endpoint) -> Endpoint {
    Endpoint {
        method: from_wit_method(endpoint.method),
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
            placement: from_wit_placement(attachment.place),
        }),
    }
}
