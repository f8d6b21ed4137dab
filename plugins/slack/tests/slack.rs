//! Tests the requests of the Slack plugin and how it handles responses. Tapes answer, so no network is needed.

use jackfield_sdk::testkit::{self, RowList, Tape};
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Disconnected, Error, Page, PageRequest, Provider, Report, UpstreamFate,
    User, http,
};
use jackfield_slack::Slack;

const CONNECT: &str = include_str!("../fixtures/connect.http");
const DISCONNECT: &str = include_str!("../fixtures/disconnect.http");
const USERS_FIRST: &str = include_str!("../fixtures/users-first.http");
const USERS_LAST: &str = include_str!("../fixtures/users-last.http");

fn connection() -> Connection {
    Connection::of(&[("channel_id", "C0GENERAL")])
}

/// Returns an exchange of `auth.test` with this response.
fn auth_test(response: &str) -> String {
    format!("POST https://slack.com/api/auth.test\n\nHTTP/1.1 {response}\n###\n")
}

/// Returns two exchanges: a successful `auth.test`, and `conversations.info` with this response.
fn conversations_info(response: &str) -> String {
    auth_test("200\n\n{\"ok\":true,\"team_id\":\"T0ACME001\",\"team\":\"Acme\"}")
        + &format!("POST https://slack.com/api/conversations.info\n\nchannel=C0GENERAL\n\nHTTP/1.1 {response}")
}

fn connect(tape: &str) -> Result<ConnectOutcome, Error> {
    Tape::of::<Slack>(tape).play(|| Slack::connect(&connection()))
}

fn health(tape: &str) -> Result<Vec<Report>, Error> {
    Tape::of::<Slack>(tape).play(|| Slack::health(&connection()))
}

fn disconnect(tape: &str) -> Result<Disconnected, Error> {
    Tape::of::<Slack>(tape).play(|| Slack::disconnect(&connection()))
}

fn list_users(tape: &str, page: &PageRequest) -> Result<Page, Error> {
    Tape::of::<Slack>(tape).play(|| Slack::list_users(&connection(), page))
}

/// Returns the error of a call with this response.
fn error_for(response: &str) -> Error {
    match health(&auth_test(response)) {
        Err(error) => error,
        Ok(reports) => panic!("{response} did not fail: {reports:?}"),
    }
}

/// Returns the error of a call that Slack answers with this error code.
fn error_for_code(code: &str) -> Error {
    error_for(&format!("200\n\n{{\"ok\":false,\"error\":\"{code}\"}}"))
}

fn invalid_field(error: Error) -> Option<String> {
    match error {
        Error::Invalid(invalid) => Some(invalid.field),
        _ => None,
    }
}

// ---- the manifest --------------------------------------------------------------------------------------------------

#[test]
fn the_manifest_has_no_problems() {
    assert_eq!(testkit::problems(&Slack::describe()), Vec::<String>::new());
}

#[test]
fn the_manifest_declares_four_methods_that_all_use_the_token() {
    let manifest = Slack::describe();
    let paths: Vec<_> = manifest.endpoints.iter().map(|endpoint| endpoint.path.as_str()).collect();
    assert_eq!(paths, ["/api/auth.test", "/api/conversations.info", "/api/users.list", "/api/auth.revoke"]);
    for endpoint in &manifest.endpoints {
        assert_eq!((endpoint.method, endpoint.host.as_str()), (http::Method::Post, "slack.com"));
        assert!(endpoint.credential.is_some());
    }
}

#[test]
fn a_token_is_validated_by_its_prefix_and_not_by_its_length() {
    let pattern = pattern_of("bot_token");
    for token in
        ["xoxb-1", "xoxp-1-2-aB3", "xoxe.xoxb-1-Mi0y", "xoxe.xoxp-1-Mi0y", &format!("xoxb-{}", "9".repeat(900))]
    {
        assert!(pattern.is_match(token), "{token}");
    }
    for token in ["xapp-1-A", "xoxc-1", "xoxe-1", "xoxe.1", "xoxb-", "xoxb-1 2", " xoxb-1", "xoxb-1\n", "Bearer xoxb-1"]
    {
        assert!(!pattern.is_match(token), "{token}");
    }
}

#[test]
fn a_channel_is_identified_by_id_and_not_by_name() {
    let pattern = pattern_of("channel_id");
    for id in ["C0GENERAL", "G0PRIVATE", "D0DIRECT1"] {
        assert!(pattern.is_match(id), "{id}");
    }
    for id in ["#general", "general", "U0KIM0001", "c0general", "C", ""] {
        assert!(!pattern.is_match(id), "{id}");
    }
}

fn pattern_of(name: &str) -> regex::Regex {
    let manifest = Slack::describe();
    let field = manifest.fields.iter().find(|field| field.name == name).expect("the field is declared");
    regex::Regex::new(field.pattern.as_deref().expect("the field has a pattern")).expect("the pattern is one")
}

// ---- connect -------------------------------------------------------------------------------------------------------

#[test]
fn connect_returns_the_team_and_checks_the_channel() {
    let connected = Connected::new().org_name("Acme").account("T0ACME001");
    assert_eq!(connect(CONNECT), Ok(connected.into()));
}

#[test]
fn connect_succeeds_without_the_teams_name() {
    let tape = conversations_info("200\n\n{\"ok\":true,\"channel\":{}}").replace(",\"team\":\"Acme\"", "");
    assert_eq!(connect(&tape), Ok(Connected::new().account("T0ACME001").into()));
}

#[test]
fn the_message_for_a_missing_channel_mentions_inviting_the_app() {
    let error = connect(&conversations_info("200\n\n{\"ok\":false,\"error\":\"channel_not_found\"}")).unwrap_err();
    assert!(matches!(&error, Error::Invalid(invalid) if invalid.message.contains("invite the app")), "{error:?}");
    assert_eq!(invalid_field(error).as_deref(), Some("channel_id"));
}

#[test]
fn an_archived_channel_is_an_invalid_field() {
    let tape = conversations_info("200\n\n{\"ok\":true,\"channel\":{\"name\":\"old\",\"is_archived\":true}}");
    assert_eq!(invalid_field(connect(&tape).unwrap_err()).as_deref(), Some("channel_id"));
    assert_eq!(invalid_field(health(&tape).unwrap_err()).as_deref(), Some("channel_id"));
}

#[test]
fn connect_succeeds_if_the_app_is_not_in_the_channel() {
    let tape = conversations_info("200\n\n{\"ok\":true,\"channel\":{\"name\":\"open\",\"is_member\":false}}");
    assert!(connect(&tape).is_ok());
}

#[test]
fn connecting_without_a_channel_is_an_invalid_field_and_sends_no_request() {
    let outcome = Tape::of::<Slack>("").play(|| Slack::connect(&Connection::of(&[])));
    assert_eq!(invalid_field(outcome.unwrap_err()).as_deref(), Some("channel_id"));
}

// ---- health --------------------------------------------------------------------------------------------------------

#[test]
fn health_reports_team_channel_and_membership() {
    assert_eq!(
        health(CONNECT),
        Ok(vec![
            Report::text("team", "Acme"),
            Report::text("channel", "general"),
            Report::flag("channel_member", true)
        ])
    );
}

#[test]
fn health_reports_that_the_app_is_not_in_the_channel() {
    let tape = conversations_info("200\n\n{\"ok\":true,\"channel\":{\"name\":\"open\",\"is_member\":false}}");
    assert!(health(&tape).unwrap().contains(&Report::flag("channel_member", false)));
}

#[test]
fn health_reports_the_scopes_that_are_missing_in_the_header() {
    let missing = |scopes: &str| {
        let tape = CONNECT.replace("channels:read,users:read,users:read.email", scopes);
        let reports = health(&tape).unwrap();
        reports.into_iter().find(|report| report.name == "missing_scopes")
    };
    assert_eq!(missing("chat:write, users:read"), Some(Report::texts("missing_scopes", ["users:read.email"])));
    assert_eq!(missing("users:read.email"), Some(Report::texts("missing_scopes", ["users:read"])));
    assert_eq!(missing(""), Some(Report::texts("missing_scopes", ["users:read", "users:read.email"])));
    assert_eq!(missing("users:read.email , users:read"), None);
}

#[test]
fn health_reports_no_scopes_without_the_header() {
    let reports = health(&conversations_info("200\n\n{\"ok\":true,\"channel\":{\"name\":\"general\"}}")).unwrap();
    assert_eq!(reports, [Report::text("team", "Acme"), Report::text("channel", "general")]);
}

#[test]
fn an_odd_value_never_rejects_the_token() {
    testkit::never_reject_for_a_value::<Slack, _>(CONNECT, || Slack::health(&connection()));
    testkit::never_reject_for_a_value::<Slack, _>(DISCONNECT, || Slack::disconnect(&connection()));
}

// ---- users ---------------------------------------------------------------------------------------------------------

#[test]
fn users_are_people_with_the_best_available_name() {
    let page = list_users(USERS_FIRST, &PageRequest::first(200)).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("U0KIM0001", "Kim Lee").email(Some("kim@acme.test")),
            User::new("U0JO00001", "Jó \"Jo\" Wu").active(false),
            User::new("U0AL00001", "al"),
            User::new("U0GUEST01", "guest"),
            User::new("U0BARE001", ""),
        ]
    );
    assert_eq!(page.next_cursor.as_deref(), Some("dXNlcjpVMEtJTTAwMDI="));
}

#[test]
fn the_cursor_is_encoded_and_an_empty_one_means_the_last_page() {
    let page = list_users(USERS_LAST, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50));
    assert_eq!(page, Ok(Page::last(Vec::new())));
}

#[test]
fn a_missing_cursor_means_the_last_page() {
    for metadata in ["", ",\"response_metadata\":null", ",\"response_metadata\":{\"messages\":[\"x\"]}"] {
        let tape = USERS_LAST.replace(",\"response_metadata\":{\"next_cursor\":\"\"}", metadata);
        let page = list_users(&tape, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50)).unwrap();
        assert_eq!(page.next_cursor, None, "{metadata}");
    }
}

#[test]
fn the_page_size_never_exceeds_what_slack_recommends() {
    assert!(list_users(USERS_FIRST, &PageRequest::first(5000)).is_ok());
}

#[test]
fn a_cursor_to_the_same_page_is_malformed() {
    let tape = USERS_LAST.replace("\"next_cursor\":\"\"", "\"next_cursor\":\"dXNlcjpVMEtJTTAwMDI=\"");
    let page = list_users(&tape, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50));
    assert!(matches!(page, Err(Error::Malformed(_))), "{page:?}");
}

#[test]
fn a_cursor_that_slack_no_longer_knows_is_malformed() {
    assert!(matches!(error_for_code("invalid_cursor"), Error::Malformed(_)));
}

#[test]
fn no_value_of_a_page_loses_the_members_next_to_it() {
    let list = RowList { pointer: "/members", id: "id" };
    testkit::replace_each_value::<Slack>(&connection(), &PageRequest::first(200), USERS_FIRST, list);
}

#[test]
fn a_member_without_an_id_is_left_to_the_host() {
    let tape = USERS_FIRST.replace("\"id\":\"U0KIM0001\",", "");
    let page = list_users(&tape, &PageRequest::first(200)).unwrap();
    assert!(page.users[0] == User::new("", "") && page.users.len() == 5 && page.next_cursor.is_some(), "{page:?}");
}

#[test]
fn an_odd_member_does_not_hide_the_others() {
    let odd = [
        r#""deleted":1"#,
        r#""deleted":"true""#,
        r#""id":"UDOUBLE01""#,
        r#""real_name":"Ana \ud83d""#,
        r#""profile":["Kim Lee","kim@acme.test"]"#,
        r#""name":{"first":"Kim"}"#,
    ];
    for member in odd {
        let tape = USERS_FIRST.replace("{\"id\":\"U0BARE001\"}", &format!("{{\"id\":\"U0BARE001\",{member}}},null,7"));
        let page = list_users(&tape, &PageRequest::first(200)).unwrap();
        assert_eq!(page.users.len(), 7, "{member}: with the two that cannot be read");
        assert_eq!(page.users[4].active, !member.contains("deleted"), "{member}: {page:?}");
    }
    let one = USERS_LAST.replace("\"members\":[]", "\"members\":{\"id\":7,\"name\":\"only\"}");
    let page = list_users(&one, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50)).unwrap();
    assert_eq!(page.users, [User::new("7", "only")]);
}

#[test]
fn a_list_that_cannot_be_continued_says_so() {
    let tape = USERS_FIRST.replace("\"dXNlcjpVMEtJTTAwMDI=\"", "{\"cursor\":1}");
    let next = list_users(&tape, &PageRequest::first(200)).unwrap().next_cursor.unwrap();
    assert!(matches!(list_users("", &PageRequest::after(&next, 200)), Err(Error::Malformed(_))));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let tape = USERS_LAST.replace("{\"ok\"", "\u{feff}{\"ok\"");
    assert!(list_users(&tape, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50)).is_ok());
}

// ---- disconnect ----------------------------------------------------------------------------------------------------

#[test]
fn disconnecting_revokes_the_token() {
    assert_eq!(disconnect(DISCONNECT), Ok(UpstreamFate::Revoked.into()));
}

#[test]
fn disconnecting_an_invalid_token_succeeds() {
    for word in ["invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"] {
        let tape =
            DISCONNECT.replace("{\"ok\":true,\"revoked\":true}", &format!("{{\"ok\":false,\"error\":\"{word}\"}}"));
        assert_eq!(disconnect(&tape), Ok(UpstreamFate::Revoked.into()), "{word}");
    }
}

#[test]
fn disconnect_fails_if_slack_did_not_revoke_the_token() {
    let failing = DISCONNECT.replace("{\"ok\":true,\"revoked\":true}", "{\"ok\":false,\"error\":\"internal_error\"}");
    assert_eq!(disconnect(&failing), Err(Error::upstream(200, "internal_error")));

    let kept = DISCONNECT.replace("\"revoked\":true", "\"revoked\":false");
    assert!(matches!(disconnect(&kept), Err(Error::Malformed(_))));
}

// ---- errors --------------------------------------------------------------------------------------------------------

#[test]
fn an_invalid_token_is_unauthorized() {
    for word in ["invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"] {
        assert_eq!(error_for_code(word), Error::unauthorized(word));
    }
}

#[test]
fn a_missing_scope_is_forbidden_with_its_name() {
    let answer =
        "200\n\n{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"users:read\",\"provided\":\"chat:write\"}";
    assert_eq!(error_for(answer), Error::forbidden("users:read"));
    assert_eq!(error_for_code("missing_scope"), Error::forbidden("missing_scope"));
}

#[test]
fn a_missing_permission_is_forbidden() {
    for word in [
        "no_permission",
        "access_denied",
        "channel_is_limited_access",
        "ekm_access_denied",
        "accesslimited",
        "two_factor_setup_required",
        "not_in_channel",
    ] {
        assert_eq!(error_for_code(word), Error::forbidden(word));
    }
}

#[test]
fn a_token_or_method_of_the_wrong_kind_is_unsupported() {
    for word in [
        "not_allowed_token_type",
        "is_bot",
        "enterprise_is_restricted",
        "unknown_method",
        "method_deprecated",
        "method_not_supported_for_channel_type",
    ] {
        assert_eq!(error_for_code(word), Error::unsupported(word));
    }
}

#[test]
fn an_unsuitable_channel_is_an_invalid_field() {
    for word in ["channel_not_found", "is_archived", "invalid_types"] {
        assert_eq!(invalid_field(error_for_code(word)).as_deref(), Some("channel_id"), "{word}");
    }
}

#[test]
fn a_token_of_a_whole_organisation_is_an_invalid_field() {
    for word in ["team_not_found", "missing_argument"] {
        assert_eq!(invalid_field(error_for_code(word)).as_deref(), Some("bot_token"), "{word}");
    }
}

#[test]
fn an_outage_at_slack_is_never_unauthorized() {
    for word in [
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "org_login_required",
        "team_added_to_org",
        "limit_required",
        "invalid_limit",
        "a_word_that_is_new",
    ] {
        assert_eq!(error_for_code(word), Error::upstream(200, word));
    }
}

#[test]
fn a_server_error_is_upstream_with_any_body() {
    assert_eq!(error_for("502\n\n<html>bad gateway</html>"), Error::upstream(502, ""));
    assert_eq!(error_for("500\n\n{\"ok\":true,\"team_id\":\"T0ACME001\"}"), Error::upstream(500, ""));
    assert_eq!(
        error_for("503\n\n{\"ok\":false,\"error\":\"service_unavailable\"}"),
        Error::upstream(503, "service_unavailable")
    );
    assert_eq!(error_for("500\n\n{\"ok\":false,\"error\":\"invalid_auth\"}"), Error::upstream(500, "invalid_auth"));
}

#[test]
fn rate_limiting_lasts_as_long_as_slack_says() {
    let body = "{\"ok\":false,\"error\":\"ratelimited\"}";
    assert_eq!(error_for(&format!("429\nRetry-After: 17\n\n{body}")), Error::rate_limited(17));
    assert_eq!(error_for("429\nretry-after: 3\n\nslow down"), Error::rate_limited(3));
    assert_eq!(error_for(&format!("429\n\n{body}")), Error::rate_limited(30));
    assert_eq!(error_for(&format!("200\nRetry-After: 5\n\n{body}")), Error::rate_limited(5));
    assert_eq!(error_for(&format!("503\n\n{body}")), Error::rate_limited(30));
    // An epoch is a moment, and counts from the response's own time.
    let date = "Date: Mon, 21 Sep 2026 14:13:20 GMT";
    for moment in ["1790000017", "1790000017000", "Mon, 21 Sep 2026 14:13:37 GMT", "2026-09-21T14:13:37Z"] {
        let answer = format!("429\n{date}\nRetry-After: {moment}\n\n{body}");
        assert_eq!(error_for(&answer), Error::rate_limited(17), "{moment}");
    }
}

#[test]
fn a_response_without_the_expected_key_is_malformed() {
    assert_eq!(error_for("200\n\n{\"ok\":true}"), Error::malformed("`team_id` was expected"));
    assert_eq!(health(&conversations_info("200\n\n{\"ok\":true}")), Err(Error::malformed("`channel` was expected")));
    let tape = USERS_LAST.replace("\"members\":[],", "");
    let page = list_users(&tape, &PageRequest::after("dXNlcjpVMEtJTTAwMDI=", 50));
    assert_eq!(page, Err(Error::malformed("`members` was expected")));
}

#[test]
fn any_other_response_is_malformed_and_not_quoted() {
    for body in ["<html>kim@acme.test</html>", "", "[]", "{\"team\":\"kim@acme.test\"}", "{\"ok\":\"kim@acme.test\"}"] {
        match error_for(&format!("200\n\n{body}")) {
            Error::Malformed(words) => assert!(!words.contains("kim"), "{words}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    assert!(matches!(error_for("404\n\n<html>not here</html>"), Error::Malformed(_)));
    assert!(matches!(error_for("200\n\n{\"ok\":false}"), Error::Malformed(_)));
}

#[test]
fn warnings_are_ignored() {
    let tape = auth_test(
        "200\n\n{\"ok\":true,\"team_id\":\"T0ACME001\",\"warning\":\"missing_charset\",\
         \"response_metadata\":{\"warnings\":[\"missing_charset\"]}}",
    );
    let channel = "POST https://slack.com/api/conversations.info\n\nchannel=C0GENERAL\n\nHTTP/1.1 200\n\n\
                   {\"ok\":true,\"channel\":{}}";
    assert_eq!(health(&(tape + channel)), Ok(Vec::new()));
}

#[test]
fn the_reason_for_a_missing_response_is_passed_on() {
    let offline = |_: http::Request| Err(http::Error::TimedOut);
    let outcome = testkit::with_transport(std::rc::Rc::new(offline), || Slack::health(&connection()));
    assert_eq!(outcome, Err(Error::Http(http::Error::TimedOut)));
}
