//! The settings of identity providers: for JWTs, and for signing in to the console.

use jackfield_core::{Secret, caller::IdentityProvider, session::SignInProvider};
use jackfield_egress::policy;
use jackfield_files::ProcessUser;

use super::settings::Settings;

/// Reads the identity provider that issues JWTs: all four settings, or none.
pub(super) fn read_jwt_issuer(settings: &mut Settings) -> Option<IdentityProvider> {
    let [issuer, audience, jwks_url, level_claim] =
        settings.all_or_none(["JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL", "JWT_LEVEL_CLAIM"])?;
    settings.check("JWT_JWKS_URL", validate_url(&jwks_url))?;
    Some(IdentityProvider { issuer, audience, jwks_url, level_claim })
}

/// Reads the identity provider through which people sign in: all four settings, or none.
pub(super) fn read_sign_in_provider(settings: &mut Settings, user: &ProcessUser) -> Option<SignInProvider> {
    let names = ["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_LEVEL_CLAIM"];
    let values = names.map(|name| match name {
        "OIDC_CLIENT_SECRET" => settings.secret(name, user),
        _ => settings.optional(name),
    });
    let [issuer, client_id, client_secret, level_claim] = settings.require_all(names, values)?;
    settings.check("OIDC_ISSUER", validate_url(&issuer))?;
    Some(SignInProvider { issuer, client_id, client_secret: Secret::new(client_secret), level_claim })
}

fn validate_url(url: &str) -> Result<(), String> {
    policy::validate_url(url).map(drop).map_err(|why| format!("is not a URL that Jackfield may request: {why}"))
}
