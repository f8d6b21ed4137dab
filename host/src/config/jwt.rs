//! The settings of the identity provider whose tokens are taken: all four of them, or none.

use jackfield_core::caller::IdentityProvider;
use jackfield_egress::policy;

use super::source::Settings;

pub(super) fn identity_provider(settings: &mut Settings) -> Option<IdentityProvider> {
    let given = settings.all_or_none(["JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL", "JWT_LEVEL_CLAIM"])?;
    let [issuer, audience, jwks_url, level_claim] = given;
    let fit = policy::validate_url(&jwks_url).map_err(|why| format!("cannot be asked: {why}"));
    settings.check("JWT_JWKS_URL", fit)?;
    Some(IdentityProvider { issuer, audience, jwks_url, level_claim })
}
