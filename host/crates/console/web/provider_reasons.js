// Says in words what a provider's code means. Plugins report the code, because support and searches need it.

const REASONS = {
  access_denied: "access was declined",
  account_inactive: "the account or the workspace of the credential is deactivated",
  invalid_auth: "it does not know this credential",
  invalid_client: "it does not know the OAuth app, or its secret is wrong",
  invalid_grant: "the sign-in is no longer valid: it expired, was already used, or was revoked",
  invalid_request: "it did not understand the request",
  invalid_scope: "the OAuth app may not request this access",
  invalid_token: "it does not know this credential",
  missing_scope: "the credential lacks a permission",
  not_authed: "it received no credential",
  temporarily_unavailable: "it is not available at the moment",
  token_expired: "the token has expired",
  token_revoked: "the token was revoked",
  unauthorized_client: "the OAuth app may not sign people in this way",
};

/** Explains a reason that consists of a code, and names the code. Other texts are returned as they are. */
export function explainReason(reason) {
  const words = Object.hasOwn(REASONS, reason ?? "") ? REASONS[reason] : null;
  return words ? `${words} (${reason})` : (reason ?? "").replace(/^([a-z]+(?:_[a-z]+)+)$/, "it answered $1");
}
