//! Tests which people the Xero plugin lists, from which of three lists, and how it handles their errors.

use jackfield_sdk::testkit;
use jackfield_sdk::{Connection, Error, Page, PageRequest, User};
use jackfield_xero::Xero;

const USERS_AU: &str = include_str!("../fixtures/users-au.http");
const USERS_UK: &str = include_str!("../fixtures/users-uk.http");
const USERS_BOOKS: &str = include_str!("../fixtures/users-books.http");

/// Xero's response if a scope is missing.
const AUTHORIZATION: &str = r#"{"type":null,"title":"Unauthorized","status":401,"detail":"AuthorizationUnsuccessful"}"#;

fn users(tape: &str) -> Result<Page, Error> {
    list_users(&PageRequest::first(100), tape)
}

fn users_after(cursor: &str, tape: &str) -> Result<Page, Error> {
    list_users(&PageRequest::after(cursor, 100), tape)
}

fn list_users(page: &PageRequest, tape: &str) -> Result<Page, Error> {
    testkit::list_users::<Xero>(&Connection::of(&[]).with_account("t-acme"), page, tape)
}

/// Returns an exchange of an organisation with an edition and a country.
fn edition(version: &str, country: &str) -> String {
    format!(
        "GET https://api.xero.com/api.xro/2.0/Organisation\n\nHTTP/1.1 200\n\n\
         {{\"Organisations\":[{{\"Version\":{version},\"CountryCode\":{country}}}]}}\n###\n"
    )
}

/// Returns an exchange of a list's page at an address on `api.xero.com`.
fn list(address: &str, answer: &str) -> String {
    format!("GET https://api.xero.com/{address}\nxero-tenant-id: t-acme\n\nHTTP/1.1 {answer}\n###\n")
}

#[test]
fn an_australian_organisation_has_the_employees_of_its_payroll() {
    let page = users(USERS_AU).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("b34e89ff-770d-4099-b7e5-f968767118bc", "Jo Wu").email(Some("jo@acme.test")),
            User::new("e-2", "Kim Lee").email(Some("kim@acme.test")).active(false),
            User::new("e-3", "Al"),
            User::new("e-4", "Zoë Fox"),
            User::new("e-5", "Ray").email(Some("ray@acme.test")),
            User::new("e-6", "Io Ma").active(false),
            User::new("e-7", "Ed Oh"),
            User::new("e-8", "Una Po"),
        ]
    );
    assert_eq!(page.next_cursor, None);
}

#[test]
fn british_employees_are_active_until_their_end_date() {
    let page = users(USERS_UK).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("aad6b292-7b94-408b-93f6-e489867e3fb0", "Al Fox"),
            User::new("n-2", "Bea Low").email(Some("bea@acme.test")).active(false),
            User::new("n-3", "Cy May").email(Some("cy@acme.test")),
            User::new("n-4", "Di Nye").email(Some("di@acme.test")),
        ]
    );
    assert!(page.next_cursor.is_some_and(|cursor| cursor.starts_with("uk:2/100/")));
}

#[test]
fn an_organisation_without_a_payroll_has_the_users_of_its_books() {
    let page = users(USERS_BOOKS).unwrap();
    assert_eq!(
        page.users,
        [
            User::new("3c37ef1d-cd49-4589-9787-3c418ed8b6ac", "Kim Lee").email(Some("kim@acme.test")),
            User::new("u-2", "Jo Wu").email(Some("jo@acme.test")).active(false),
            User::new("u-3", "Al Fox").email(Some("al@acme.test")),
            User::new("u-4", ""),
        ]
    );
    assert_eq!(page.next_cursor, None);
}

#[test]
fn the_payroll_is_selected_by_edition_or_country() {
    let (au, uk_nz, books) =
        ("payroll.xro/1.0/Employees?page=1", "payroll.xro/2.0/Employees?page=1", "api.xro/2.0/Users");
    for (version, country, address) in [
        (r#""AU""#, "null", au),
        (r#""AUONRAMP""#, "null", au),
        (r#""UK""#, r#""GB""#, uk_nz),
        (r#""NZ""#, r#""NZ""#, uk_nz),
        (r#""NZONRAMP""#, "null", uk_nz),
        (r#""US""#, r#""US""#, books),
        (r#""GLOBAL""#, r#""AU""#, books),
        (r#""ANEWONE""#, r#""AU""#, books),
        ("null", r#""AU""#, au),
        (r#""""#, r#""GB""#, uk_nz),
        ("null", r#""NZ""#, uk_nz),
        ("null", r#""FR""#, books),
        ("null", "null", books),
    ] {
        let tape = edition(version, country) + &list(address, "200\n\n{\"Employees\":[]}");
        assert_eq!(users(&tape), Ok(Page::last(Vec::new())), "{version} {country}");
    }
}

#[test]
fn without_access_to_the_payroll_the_users_of_the_books_are_listed() {
    let books = list(
        "api.xro/2.0/Users",
        r#"200

{"Users":[{"UserID":"u-1","OrganisationRole":"STANDARD"}]}"#,
    );
    let scope = list("payroll.xro/1.0/Employees?page=1", &format!("401\n\n{AUTHORIZATION}"));
    let connections = r#"GET https://api.xero.com/connections

HTTP/1.1 200

[{"id":"c-acme","tenantId":"t-acme","tenantType":"ORGANISATION"}]
###
"#;
    let role = list("payroll.xro/1.0/Employees?page=1", "403\n\n{}") + connections;
    for refused in [scope, role] {
        let page = users(&(edition(r#""AU""#, "null") + &refused + &books));
        assert_eq!(page, Ok(Page::last(vec![User::new("u-1", "")])));
    }
}

#[test]
fn losing_access_to_the_payroll_between_pages_is_an_error() {
    let refused = list("payroll.xro/1.0/Employees?page=2", &format!("401\n\n{AUTHORIZATION}"));
    assert_eq!(users_after("au:2", &refused), Err(Error::forbidden("payroll.employees.read")));
}

#[test]
fn other_errors_of_the_payroll_are_returned() {
    let failed = edition(r#""AU""#, "null") + &list("payroll.xro/1.0/Employees?page=1", "500\n\noops");
    assert_eq!(users(&failed), Err(Error::upstream(500, "")));
}

#[test]
fn the_cursor_contains_the_list_and_the_page() {
    let rows = |key: &str, id: &str, count: usize| {
        let rows: Vec<_> = (0..count).map(|number| format!(r#"{{"{id}":"{number}"}}"#)).collect();
        format!("200\n\n{{\"{key}\":[{}]}}", rows.join(","))
    };
    let next = |cursor: &str, address: &str, answer: &str| {
        let page = users_after(cursor, &list(address, answer)).unwrap();
        (page.users.len(), page.next_cursor)
    };
    let full = rows("Employees", "EmployeeID", 100);
    let (count, third) = next("au:2", "payroll.xro/1.0/Employees?page=2", &full);
    let third = third.unwrap();
    assert!(count == 100 && third.starts_with("au:3/100/"), "{third}");
    let again = users_after(&third, &list("payroll.xro/1.0/Employees?page=3", &full));
    assert!(matches!(again, Err(Error::Malformed(_))), "the same page again: {again:?}");
    let short = rows("Employees", "EmployeeID", 99);
    assert_eq!(next("au:3", "payroll.xro/1.0/Employees?page=3", &short), (99, None));

    let last = r#"200

{"pagination":{"page":2,"pageSize":100,"pageCount":2,"itemCount":104},"employees":[{"employeeID":"1"}]}"#;
    assert_eq!(next("uk:2", "payroll.xro/2.0/Employees?page=2", last), (1, None));
    let uncounted = rows("employees", "employeeID", 100);
    let (count, third) = next("nz:2", "payroll.xro/2.0/Employees?page=2", &uncounted);
    assert!(count == 100 && third.is_some_and(|third| third.starts_with("nz:3/100/")));

    let many = rows("Users", "UserID", 2_500);
    assert_eq!(next("users:2", "api.xro/2.0/Users", &many), (1_000, Some("users:3".into())));
    assert_eq!(next("users:3", "api.xro/2.0/Users", &many), (500, None));
    assert_eq!(next("users:4", "api.xro/2.0/Users", &many), (0, None));
}

#[test]
fn an_invalid_cursor_is_malformed_and_sends_no_request() {
    for cursor in ["", "2", "au", "au:", "au:1", "au:x", "us:2", ":2", "users"] {
        let page = users_after(cursor, "");
        assert!(matches!(page, Err(Error::Malformed(_))), "{cursor}: {page:?}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_malformed() {
    for answer in [
        "<Employees></Employees>",
        "{}",
        "{\"employees\":null}",
        "{\"employees\":7}",
        "{\"employees\":[{\"firstName\":\"Al\"},{\"firstName\":\"Bo\"}]}",
    ] {
        let page = users_after("uk:2", &list("payroll.xro/2.0/Employees?page=2", &format!("200\n\n{answer}")));
        assert!(matches!(page, Err(Error::Malformed(_))), "{answer}: {page:?}");
    }
}

#[test]
fn no_value_of_a_page_loses_the_people_next_to_it() {
    let connection = Connection::of(&[]).with_account("t-acme");
    for (tape, pointer, id) in [
        (USERS_AU, "/Employees", "EmployeeID"),
        (USERS_UK, "/employees", "employeeID"),
        (USERS_BOOKS, "/Users", "UserID"),
    ] {
        let list = testkit::RowList { pointer, id };
        testkit::replace_each_value::<Xero>(&connection, &PageRequest::first(100), tape, list);
    }
}

#[test]
fn an_employment_ends_with_its_last_day_in_the_country_of_the_payroll() {
    let is_active = |list_name: &str, now: &str, end: &str| {
        let answer = format!("200\ndate: {now}\n\n{{\"employees\":[{{\"employeeID\":\"1\",\"endDate\":{end}}}]}}");
        let page = users_after(&format!("{list_name}:2"), &list("payroll.xro/2.0/Employees?page=2", &answer));
        page.unwrap().users[0].active
    };
    let (noon, night) = ("Mon, 21 Sep 2026 11:30:00 GMT", "Mon, 21 Sep 2026 23:59:59 GMT");
    for end in ["\"2026-09-21T00:00:00\"", "\"2026-09-21\"", "\"21/09/2026\"", "\"/Date(1789948800000+0000)/\""] {
        assert!(is_active("uk", noon, end) && is_active("uk", night, end), "{end}");
        // In New Zealand the next day begins at noon.
        assert!(is_active("nz", noon, end) && !is_active("nz", night, end), "{end}");
        assert!(!is_active("uk", "Tue, 22 Sep 2026 00:00:00 GMT", end), "{end}");
    }
    // An end that cannot be read is no reason to lose the row, and says nothing about the person.
    for end in ["\"soon\"", "\"\"", "null", "7", "{}", "\"2026-13-45\""] {
        assert!(is_active("uk", noon, end), "{end}");
    }
}

#[test]
fn the_newer_payrolls_nest_their_errors() {
    let nested = format!(r#"{{"id":"1","httpStatusCode":"Unauthorized","problem":{AUTHORIZATION},"employees":null}}"#);
    let tape = list("payroll.xro/2.0/Employees?page=2", &format!("401\n\n{nested}"));
    assert_eq!(users_after("uk:2", &tape), Err(Error::forbidden("payroll.employees.read")));
    let uk = r#"{"id":"1","problem":{"type":"about:blank","title":"BadRequest","status":"400","detail":null,"invalidFields":[{"name":"page","reason":"too large"}]}}"#;
    let tape = list("payroll.xro/2.0/Employees?page=9", &format!("400\n\n{uk}"));
    assert_eq!(users_after("uk:9", &tape), Err(Error::upstream(400, "BadRequest")));
}
