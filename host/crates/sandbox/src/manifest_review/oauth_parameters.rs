//! Reviews the query of OAuth URLs and the additional parameters of the authorize URL.
//!
//! A server can take the first of two parameters with one name, or a signed request object instead of all of them. So
//! nothing in a manifest may have the name of a parameter that the host sends, or that replaces one.

use std::collections::HashSet;

use jackfield_core::manifest::OAuth2Grant;
use percent_encoding::percent_decode_str;

use super::Review;

/// Parameters of the authorization request that the host sends, that replace them, or that change what is granted:
/// RFC 6749 §4.1.1, RFC 7636, RFC 8707, RFC 9101, RFC 9396, RFC 9449 and OpenID Connect Core.
///
/// `prompt`, `access_type`, `audience`, `login_hint` and the like are missing on purpose: providers require them, and
/// the approval page shows them.
const AUTHORIZE: [&str; 31] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "scopes",
    "state",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "grant_type",
    "request",
    "request_uri",
    "registration",
    "authorization_details",
    "nonce",
    "resource",
    "claims",
    "dpop_jkt",
    "id_token_hint",
    "client_assertion",
    "client_assertion_type",
    "client_metadata",
    "assertion",
    "iss",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
];

/// Parameters of the token and revocation requests (RFC 6749, RFC 7009, RFC 7521, RFC 8693, RFC 8707).
const TOKEN: [&str; 24] = [
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code_verifier",
    "refresh_token",
    "access_token",
    "token",
    "token_type_hint",
    "assertion",
    "scope",
    "scopes",
    "resource",
    "audience",
    "username",
    "password",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "requested_token_type",
    "authorization_details",
];

/// How often a name is percent-decoded. A correct server decodes it once; proxies and careless code may do so again.
const MAX_DECODINGS: usize = 3;

impl Review<'_> {
    /// Reviews the parameters that a manifest adds to OAuth requests.
    pub(super) fn oauth_parameters(&mut self, grant: &OAuth2Grant) {
        let in_url = query_names(&grant.authorize_url);
        self.reject_reserved("the query of its authorize URL", in_url.iter(), &AUTHORIZE);
        self.reject_reserved(
            "its authorize parameters",
            grant.authorize_parameters.iter().map(|(name, _)| name),
            &AUTHORIZE,
        );
        self.reject_reserved("the query of its token URL", query_names(&grant.token_url).iter(), &TOKEN);
        let revocation = grant.revocation_url.as_deref().map(query_names).unwrap_or_default();
        self.reject_reserved("the query of its revocation URL", revocation.iter(), &TOKEN);
        let mut seen = HashSet::new();
        let names = in_url.iter().chain(grant.authorize_parameters.iter().map(|(name, _)| name));
        if !names.map(|name| normalize(name)).all(|name| seen.insert(name)) {
            self.add(
                "an authorize parameter is declared twice",
                "declare each parameter once, either in `authorize_parameters` or in the query of the authorize URL",
            );
        }
    }

    fn reject_reserved<'a>(&mut self, place: &str, names: impl Iterator<Item = &'a String>, reserved: &[&str]) {
        for name in names {
            if reserved.contains(&normalize(name).as_str()) {
                self.add(
                    format!("{place} contains `{name}`, which is reserved for the host"),
                    "remove it; the host sends all parameters of OAuth itself, and scopes are declared as scopes",
                );
            }
        }
    }
}

/// Returns the name as a lenient server reads it: decoded, trimmed, in lower case, without a bracket, and with `_` for
/// the characters that PHP replaces.
fn normalize(name: &str) -> String {
    let mut name = name.to_owned();
    for _ in 0..MAX_DECODINGS {
        name = percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned();
    }
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let name = name.trim().to_lowercase();
    name.split(['[', '=', ';']).next().unwrap_or_default().trim_end().replace(['.', ' ', '-'], "_")
}

/// Returns the names of the query of a URL, as they are written.
fn query_names(url: &str) -> Vec<String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let names = query.split(['&', ';', '?']).map(|pair| pair.split('=').next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_like_a_lenient_server_reads_it() {
        for name in
            ["scope", "SCOPE", "s%63ope", "s%2563ope", "scope[]", "scope%5B0%5D", "+scope", "%00scope", "scope%20"]
        {
            assert_eq!(normalize(name), "scope", "{name}");
        }
        for name in ["response.type", "response%20type", "response-type", "Response_Type"] {
            assert_eq!(normalize(name), "response_type", "{name}");
        }
        assert_eq!(normalize("prompt"), "prompt");
        assert_eq!(query_names("https://a.example/x?a=1&b=&&c;d=2?e=3#f=1"), ["a", "b", "c", "d", "e"]);
        assert_eq!(query_names("https://a.example/x"), Vec::<String>::new());
    }
}
