//! The settings of the identity provider whose tokens are taken: all four of them, or none.

use super::source::Settings;
use crate::{egress::policy, model::caller::IdentityProvider};

pub(super) fn identity_provider(settings: &mut Settings) -> Option<IdentityProvider> {
    let names = ["JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL", "JWT_LEVEL_CLAIM"];
    let given = names.map(|name| settings.optional(name));
    if let [Some(issuer), Some(audience), Some(jwks_url), Some(level_claim)] = given {
        let fit = policy::url_may_be_asked(&jwks_url).map_err(|why| format!("can not be asked: {why}"));
        settings.check("JWT_JWKS_URL", fit)?;
        return Some(IdentityProvider { issuer, audience, jwks_url, level_claim });
    }
    if given.iter().any(Option::is_some) {
        for (name, _) in names.iter().zip(&given).filter(|(_, value)| value.is_none()) {
            settings.refuse(name, "is missing: all four JWT_ settings are needed, or none");
        }
    }
    None
}
