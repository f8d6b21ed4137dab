//! Tests the requests of the Xero plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_sdk::testkit::{self, with_transport};
use jackfield_sdk::{
    Account, Auth, ClientAuthentication, ConnectOutcome, Connected, Connection, CredentialSource, Disconnected, Error,
    MappingFate, PageRequest, Provider, RefreshTokens, Report, UpstreamFate, http,
};
use jackfield_xero::Xero;

const CONNECT: &str = include_str!("../fixtures/connect.http");
const CHOOSE: &str = include_str!("../fixtures/choose.http");
const HEALTH: &str = include_str!("../fixtures/health.http");
const DISCONNECT: &str = include_str!("../fixtures/disconnect.http");

const AUTHENTICATION: &str = r#"{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"AuthenticationUnsuccessful","Instance":"1","Extensions":{}}"#;
const AUTHORIZATION: &str = r#"{"type":null,"title":"Unauthorized","status":401,"detail":"AuthorizationUnsuccessful","instance":"1","extensions":{}}"#;

/// Returns a connection without a chosen organisation.
fn without_choice() -> Connection {
    Connection::of(&[])
}

fn acme() -> Connection {
    without_choice().with_account("t-acme")
}

fn connect(connection: &Connection, tape: &str) -> Result<ConnectOutcome, Error> {
    testkit::connect::<Xero>(connection, tape)
}

fn health(tape: &str) -> Result<Vec<Report>, Error> {
    testkit::health::<Xero>(&acme(), tape)
}

fn disconnect(connection: &Connection, tape: &str) -> Result<Disconnected, Error> {
    testkit::disconnect::<Xero>(connection, tape)
}

/// Returns an exchange of the list of tenants with this response.
fn connections(answer: &str) -> String {
    format!("GET https://api.xero.com/connections\n\nHTTP/1.1 {answer}\n###\n")
}

/// Returns an exchange of the list of tenants with these ids.
fn connected_to(tenants: &[&str]) -> String {
    let rows = tenants.iter().map(|id| format!(r#"{{"id":"c-{id}","tenantId":"{id}","tenantType":"ORGANISATION"}}"#));
    connections(&format!("200\n\n[{}]", rows.collect::<Vec<_>>().join(",")))
}

/// Returns an exchange of the organisation with this response.
fn organisation(answer: &str) -> String {
    format!("GET https://api.xero.com/api.xro/2.0/Organisation\n\nHTTP/1.1 {answer}\n###\n")
}

/// Returns the error of an organisation with this response.
fn error_for(answer: &str) -> Error {
    match health(&(connected_to(&["t-acme"]) + &organisation(answer))) {
        Err(error) => error,
        Ok(reports) => panic!("{answer} did not fail: {reports:?}"),
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Xero::describe()), Vec::<String>::new());
}

#[test]
fn the_oauth_grant_is_that_of_xero() {
    let Auth::Oauth2(grant) = Xero::describe().auth else { panic!("a grant of OAuth 2.0 was expected") };
    assert_eq!(grant.authorize_url, "https://login.xero.com/identity/connect/authorize");
    assert_eq!(grant.token_url, "https://identity.xero.com/connect/token");
    assert_eq!(grant.revocation_url.as_deref(), Some("https://identity.xero.com/connect/revocation"));
    assert_eq!(grant.scopes, ["offline_access", "accounting.settings.read", "payroll.employees.read"]);
    assert_eq!(grant.client_authentication, ClientAuthentication::Basic);
    assert!(matches!(grant.refresh, RefreshTokens::Rotating(Some(1_800))));
    assert_eq!(grant.idle_lifetime, Some(5_184_000));
    assert_eq!(Xero::describe().on_disconnect, MappingFate::Keep);
}

#[test]
fn every_endpoint_is_on_one_host_and_uses_the_token() {
    for endpoint in Xero::describe().endpoints {
        assert_eq!(endpoint.host, "api.xero.com");
        let source = endpoint.credential.map(|credential| credential.source);
        assert!(matches!(source, Some(CredentialSource::OauthToken)), "{}", endpoint.path);
    }
}

// ---- connect -------------------------------------------------------------------------------------------------------

#[test]
fn a_single_organisation_is_connected_at_once_and_practices_are_ignored() {
    let connected = Connected::new().org_name("Acme Pty").account("fe79f7dd-b6d4-4a92-ba7b-538af6289c58");
    assert_eq!(connect(&without_choice(), CONNECT), Ok(connected.into()));
}

#[test]
fn several_organisations_are_a_choice() {
    let account = |id: &str, name: &str| Account { id: id.into(), name: name.into() };
    let accounts = vec![account("t-acme", "Acme Pty"), account("t-demo", "t-demo")];
    assert_eq!(connect(&without_choice(), CHOOSE), Ok(accounts.into()));
}

#[test]
fn the_chosen_organisation_is_connected() {
    assert_eq!(connect(&acme(), CHOOSE), Ok(Connected::new().org_name("Acme Pty").account("t-acme").into()));
    let unnamed = connect(&without_choice().with_account("t-demo"), CHOOSE);
    assert_eq!(unnamed, Ok(Connected::new().account("t-demo").into()));
}

#[test]
fn a_chosen_organisation_that_is_not_connected_is_unauthorized() {
    let outcome = connect(&without_choice().with_account("t-gone"), CHOOSE);
    assert!(matches!(outcome, Err(Error::Unauthorized(_))), "{outcome:?}");
}

#[test]
fn a_grant_without_an_organisation_is_unauthorized() {
    let practice = r#"200

[{"id":"c","tenantId":"t","tenantType":"PRACTICE","tenantName":"Accountants"}]"#;
    for answer in ["200\n\n[]", practice] {
        let outcome = connect(&without_choice(), &connections(answer));
        assert!(matches!(outcome, Err(Error::Unauthorized(_))), "{outcome:?}");
    }
}

#[test]
fn a_choice_is_cut_to_the_maximum_number_of_accounts() {
    let ids: Vec<String> = (0..1_200).map(|number| format!("t-{number}")).collect();
    let tape = connected_to(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        matches!(connect(&without_choice(), &tape), Ok(ConnectOutcome::Choose(accounts)) if accounts.len() == 1_000)
    );
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_only_the_name_of_the_organisation() {
    assert_eq!(health(HEALTH), Ok(vec![Report::text("organisation", "Acme Pty")]));
}

#[test]
fn health_fails_after_the_organisation_disconnected_the_app() {
    for tape in [connections("200\n\n[]"), connected_to(&["t-other"])] {
        let outcome = health(&tape);
        assert!(matches!(outcome, Err(Error::Unauthorized(_))), "{outcome:?}");
    }
}

#[test]
fn health_and_users_are_unsupported_without_a_choice() {
    let health = testkit::health::<Xero>(&without_choice(), "");
    assert!(matches!(health, Err(Error::Unsupported(_))), "{health:?}");
    let users = testkit::list_users::<Xero>(&without_choice().with_account(""), &PageRequest::first(1), "");
    assert!(matches!(users, Err(Error::Unsupported(_))), "{users:?}");
}

#[test]
fn an_odd_value_never_rejects_the_grant() {
    testkit::never_reject_for_a_value::<Xero, _>(CONNECT, || Xero::connect(&Connection::of(&[])));
    testkit::never_reject_for_a_value::<Xero, _>(HEALTH, || Xero::health(&Connection::of(&[]).with_account("t-acme")));
    // The row that cannot be read may be the organisation.
    let odd = HEALTH.split("###").next().unwrap().replace("\"tenantId\":\"t-acme\"", "\"tenantId\":{}");
    let odd = odd.replace("}]", "},{\"id\":\"c-2\",\"tenantId\":\"t-2\"}]");
    let outcome = testkit::health::<Xero>(&Connection::of(&[]).with_account("t-acme"), &odd);
    assert!(matches!(outcome, Err(Error::Malformed(_))), "{outcome:?}");
    let outcome = disconnect(&acme(), &odd);
    assert!(matches!(outcome, Err(Error::Malformed(_))), "{outcome:?}");
}

#[test]
fn a_grant_of_which_a_row_cannot_be_read_is_kept() {
    let (list, delete) = DISCONNECT.split_once("###").unwrap();
    let odd = list.replacen("[{", "[{\"id\":\"c-2\",\"tenantId\":null},{", 1);
    let outcome = disconnect(&acme(), &format!("{odd}###{delete}"));
    assert_eq!(outcome.map(|outcome| outcome.upstream), Ok(UpstreamFate::Kept));
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnect_deletes_the_tenant_and_revokes_the_grant() {
    assert_eq!(disconnect(&acme(), DISCONNECT), Ok(UpstreamFate::RevokeGrant.into()));
}

#[test]
fn a_tenant_that_is_already_deleted_is_a_success() {
    let gone = DISCONNECT.replace("HTTP/1.1 204", "HTTP/1.1 404");
    assert_eq!(disconnect(&acme(), &gone), Ok(UpstreamFate::RevokeGrant.into()));
    assert_eq!(disconnect(&acme(), &connections("200\n\n[]")), Ok(UpstreamFate::RevokeGrant.into()));
}

#[test]
fn a_grant_that_another_organisation_uses_is_kept() {
    let delete = "DELETE https://api.xero.com/connections/c-t-acme\n\nHTTP/1.1 204\n";
    let outcome = disconnect(&acme(), &(connected_to(&["t-other", "t-acme"]) + delete)).unwrap();
    assert_eq!(outcome.upstream, UpstreamFate::Kept);
    assert!(outcome.note.unwrap().contains("Another organisation"));

    let unchosen = disconnect(&without_choice(), &connected_to(&["t-other", "t-acme"])).unwrap();
    assert_eq!(unchosen.upstream, UpstreamFate::Kept);
}

#[test]
fn disconnecting_an_invalid_grant_succeeds() {
    let refused = connections(&format!("401\n\n{AUTHENTICATION}"));
    assert_eq!(disconnect(&acme(), &refused), Ok(UpstreamFate::Revoked.into()));
    let outcome = with_token_error("invalid_grant", || Xero::disconnect(&acme()));
    assert_eq!(outcome, Ok(UpstreamFate::Revoked.into()));
}

#[test]
fn disconnect_fails_with_an_expired_token_so_that_the_host_refreshes_it() {
    let body = r#"{"Title":"Unauthorized","Status":401,"Detail":"TokenExpired: token expired at 09/21/2026 14:13:20"}"#;
    let outcome = disconnect(&acme(), &connections(&format!("401\n\n{body}")));
    assert_eq!(outcome, Err(Error::unauthorized("TokenExpired")));
}

#[test]
fn disconnect_fails_if_xero_did_not_delete_the_tenant() {
    for status in [403, 500] {
        let outcome = disconnect(&acme(), &DISCONNECT.replace("HTTP/1.1 204", &format!("HTTP/1.1 {status}")));
        assert!(matches!(outcome, Err(Error::Forbidden(_) | Error::Upstream(_))), "{outcome:?}");
    }
}

// ---- errors --------------------------------------------------------------------------------------------------------

fn with_token_error<R>(code: &'static str, call: impl FnOnce() -> R) -> R {
    let refusal = http::Refusal { status: 400, error: Some(code.into()), description: None, date: None };
    let transport = move |_: http::Request| Err(http::Error::CredentialRefused(refusal.clone()));
    with_transport(std::rc::Rc::new(transport), call)
}

#[test]
fn an_invalid_grant_is_unauthorized() {
    let outcome = with_token_error("invalid_grant", || Xero::health(&acme()));
    assert_eq!(outcome, Err(Error::unauthorized("invalid_grant")));
}

#[test]
fn an_error_about_the_app_is_never_unauthorized() {
    for word in ["invalid_client", "unauthorized_client", "unsupported_grant_type"] {
        let outcome = with_token_error(word, || Xero::health(&acme()));
        assert_eq!(outcome, Err(Error::upstream(400, word)));
    }
}

#[test]
fn a_rejected_token_is_unauthorized_with_xeros_error() {
    assert_eq!(error_for(&format!("401\n\n{AUTHENTICATION}")), Error::unauthorized("AuthenticationUnsuccessful"));
    let expired = r#"{"title":"Unauthorized","status":401,"detail":"TokenExpired: token expired at 09/21/2026"}"#;
    assert_eq!(error_for(&format!("401\n\n{expired}")), Error::unauthorized("TokenExpired"));
    assert_eq!(error_for("401\n\n<html>who are you</html>"), Error::unauthorized("status 401"));
}

#[test]
fn a_missing_scope_is_forbidden_and_not_refreshed() {
    assert_eq!(error_for(&format!("401\n\n{AUTHORIZATION}")), Error::forbidden("accounting.settings.read"));
}

#[test]
fn a_403_means_a_lost_tenant_or_a_missing_permission() {
    let refused = |tenants: &[&str]| {
        let organisation = organisation(&format!("403\n\n{AUTHENTICATION}"));
        health(&(connected_to(&["t-acme"]) + &organisation + &connected_to(tenants))).unwrap_err()
    };
    assert!(matches!(refused(&["t-acme"]), Error::Forbidden(right) if right.contains("role")));
    assert!(matches!(refused(&["t-other"]), Error::Unauthorized(_)));
    assert!(matches!(refused(&[]), Error::Unauthorized(_)));
}

#[test]
fn an_invalid_query_is_upstream_with_xeros_error() {
    let au = r#"{"ErrorNumber":16,"Type":"QueryParseException","Message":"No property or field"}"#;
    assert_eq!(error_for(&format!("400\n\n{au}")), Error::upstream(400, "QueryParseException"));
}

#[test]
fn rate_limiting_lasts_as_long_as_xero_says() {
    let limited = |fields: &str| error_for(&format!("429\n{fields}\n\nslow down"));
    assert_eq!(limited("Retry-After: 7\nX-Rate-Limit-Problem: minute"), Error::rate_limited(7));
    assert_eq!(limited("Retry-After: 43200\nX-Rate-Limit-Problem: day"), Error::rate_limited(43_200));
    assert_eq!(limited("X-Rate-Limit-Problem: concurrent"), Error::rate_limited(60));
}

#[test]
fn an_outage_at_xero_is_upstream_with_any_body() {
    assert_eq!(error_for("503\n\nThe organisation is offline"), Error::upstream(503, ""));
    assert_eq!(error_for(&format!("500\n\n{AUTHENTICATION}")), Error::upstream(500, ""));
    assert_eq!(error_for("404\n\n<html>not here</html>"), Error::upstream(404, ""));
}

#[test]
fn a_response_without_the_expected_key_is_malformed() {
    for body in ["<Response/>", "{}", "{\"Organisations\":[]}", "{\"Organisations\":null}", ""] {
        let error = error_for(&format!("200\n\n{body}"));
        assert!(matches!(error, Error::Malformed(_)), "{body}: {error:?}");
    }
    for body in ["{}", "<Connections/>", "[{\"id\":\"c\"}]"] {
        let outcome = health(&connections(&format!("200\n\n{body}")));
        assert!(matches!(outcome, Err(Error::Malformed(_))), "{body}: {outcome:?}");
    }
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = with_transport(std::rc::Rc::new(offline), || Xero::health(&acme()));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
