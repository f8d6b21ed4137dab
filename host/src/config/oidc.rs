//! The settings of the identity provider through which people sign in: all four of them, or none.

use jackfield_core::{Secret, session::SignInProvider};
use jackfield_egress::policy;

use super::source::Settings;

pub(super) fn sign_in_provider(settings: &mut Settings) -> Option<SignInProvider> {
    let given = settings.all_or_none(["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_LEVEL_CLAIM"])?;
    let [issuer, client_id, client_secret, level_claim] = given;
    let fit = policy::validate_url(&issuer).map_err(|why| format!("cannot be asked: {why}"));
    settings.check("OIDC_ISSUER", fit)?;
    Some(SignInProvider { issuer, client_id, client_secret: Secret::new(client_secret), level_claim })
}
