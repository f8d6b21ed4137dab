//! Values of other types and sizes than Jackfield stores, in every column of every table: no list fails because of one
//! row, and the service starts.

use std::{collections::BTreeMap, iter};

use jackfield_sandbox::Trust;
use jackfield_test_support::{
    app::{Database, client},
    guests,
};

use super::*;
use crate::http::oauth::{connect, record_secrets, with_xero};

const PEOPLE: &str = "/api/admin/people";

/// The lists, which must not fail because of one row.
const LISTS: [&str; 9] = [
    "/api/admin/connections",
    "/api/admin/people?limit=1",
    "/api/admin/people?q=a",
    "/api/admin/connections/user-mappings",
    "/api/admin/connections/user-mappings?q=a",
    "/api/admin/providers",
    "/api/admin/audit?limit=3",
    "/api/admin/service",
    "/readyz",
];

/// The id of a match.
const PLAN: &str = "019ab7f1-c7de-7a10-b6f0-a1d2c3b4a596";

/// Tables whose rows decide whether the store is unsealed, or whether anything can be changed.
const SINGLE_ROWS: [&str; 2] = ["keyring", "audit_head"];

/// Returns the values in SQL. The database rejects some of them for some columns.
fn values(database: &Database) -> &'static [&'static str] {
    match database {
        Database::Sqlite(_) => &[
            "'text'",
            "x'ff'",
            "cast(x'ff' as text)",
            "null",
            "9223372036854775807",
            "-9223372036854775808",
            "''",
            "1.5",
            "hex(zeroblob(100000))",
        ],
        Database::Postgres(_) => &[
            "'text'",
            "decode('ff', 'hex')",
            "null",
            "9223372036854775807",
            "-9223372036854775808",
            "''",
            "chr(1) || chr(65534) || chr(1114111)",
            "repeat('x', 200000)",
        ],
    }
}

/// A service with a row in each table, and what identifies some of them.
struct Seeded {
    app: TestApp,
    /// The token of another caller, which is the last row of its table.
    other_token: String,
    session: TestSession,
    flow: String,
    tables: BTreeMap<String, Vec<String>>,
    // The stand-ins answer while these exist.
    _slack: SlackStandIn,
    xero: XeroStandIn,
}

impl Seeded {
    async fn start() -> Self {
        let (slack, xero) = (SlackStandIn::start().await, XeroStandIn::start().await);
        // Approvals are stored for plugins that came with the program.
        let digest = |name: &str| (name.to_owned(), jackfield_sandbox::digest(&guests::read_component(name)));
        let trust = Trust::Shipped([digest("slack"), digest("xero")].into());
        let app = with_xero(&xero).component("slack").reroute("slack.com", &slack).trust(trust).start().await;
        assert_eq!(app.put(SLACK, body(&add_token(&slack))).await.ok()["ok"], true);
        set_oauth_app(&app, &xero).await;
        assert_eq!(connect(&app, &xero, &[TENANT]).await.ok()["ok"], true);
        record_secrets(&xero);
        let (_, flow) = auth_url(&app).await;
        for name in ["Ada", "Grace"] {
            let person = json!({ "name": name, "email": format!("{name}@acme.example") });
            assert_eq!(app.send(Method::POST, PEOPLE, Some(person)).await.status, 201);
        }
        let session = app.sign_in(TestCaller::Executive).await;
        let (_, other_token) = app.create_token("other", Level::Executive, None).await;
        let audit = NewAudit::done(&Actor::named("test"), Action::SigninLinkCreate);
        let link = app.store.create_signin_link("link", audit).await.expect("the link is created");
        let _noted = marked::record(link.expose().clone());
        let now = app.clock.now().as_microsecond();
        let last_person = "(select max(id) from people)";
        app.tamper(format!(
            "insert into signin_states (hash, ends_at) values ({}, {now} + 1000000000); \
             insert into mappings (person_id, provider, external_id, source, created_at) \
             values ({last_person}, 'slack', 'U1', 'manual', {now}); \
             insert into match_plans (id, provider, applied_by, applied_at, links) \
             values ('{PLAN}', 'slack', 'ada', {now}, 1); \
             insert into match_links (plan_id, person_id, external_id) values ('{PLAN}', {last_person}, 'U1'); \
             insert into match_runs (id, provider, dry_run, started_at, host, run, beat_at, state, pages, accounts, \
             parts, ended_at) values ('{PLAN}', 'slack', 0, {now}, 'host', 'run', {now}, 'ready', 1, 1, 1, {now}); \
             insert into match_run_parts (match_id, position, json) values ('{PLAN}', 0, '{{}}')",
            app.database().blob(b"state")
        ))
        .await;
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in app.database().columns().await {
            tables.entry(table).or_default().push(column);
        }
        for table in tables.keys() {
            app.tamper(format!("create table saved_{table} as select * from {table}")).await;
            let rows = app.store.count_rows(&format!("saved_{table}")).await;
            assert!(rows > 0, "{table}: this test needs a row of it");
        }
        Self { app, other_token, session, flow, tables, _slack: slack, xero }
    }

    /// Turns off the checks of foreign keys for the following statements, which somebody with access can do too.
    fn unchecked(&self) -> &'static str {
        match self.app.database() {
            Database::Sqlite(_) => "pragma foreign_keys = off",
            Database::Postgres(_) => "set session_replication_role = replica",
        }
    }

    /// Writes a value into a row of a table. Returns whether the database accepts it.
    ///
    /// It is the last row that no request of the test needs. PostgreSQL can store a restored row anywhere.
    async fn edit(&self, table: &str, column: &str, value: &str) -> bool {
        let row = match self.app.database() {
            Database::Sqlite(_) => "rowid",
            Database::Postgres(_) => "ctid",
        };
        let is_editable = match table {
            "connections" | "plugin_approvals" => "provider <> 'slack'",
            "people" => "name <> 'Ada'",
            "tokens" => "name = 'other'",
            _ => "true",
        };
        let sql = format!(
            "{}; update {table} set {column} = {value} where {row} = (select max({row}) from {table} where {is_editable})",
            self.unchecked()
        );
        self.app.database().try_run(sql).await
    }

    /// Restores a table, and the audit log, which the requests have continued.
    async fn restore(&self, table: &str) {
        let restore = |table: &str| format!("delete from {table}; insert into {table} select * from saved_{table};");
        let tables: BTreeSet<&str> = [table, "audit", "audit_head"].into();
        let statements: String = tables.into_iter().map(restore).collect();
        self.app.tamper(format!("{}; begin; {statements} commit", self.unchecked())).await;
    }

    /// Fails unless all lists are served, with the rows that were not edited.
    async fn expect_lists(&self, edit: &str) {
        for path in LISTS {
            let answer = self.app.get(path).await;
            let can_fail = path == "/readyz" && answer.status == 503;
            assert!(answer.status == 200 || can_fail, "{edit}: {path}: {} {}", answer.status, answer.text);
        }
        let connections = self.app.get("/api/admin/connections").await.ok();
        let connections = connections["connections"].as_array().expect("a list").iter();
        assert!(connections.map(|found| &found["provider"]).any(|found| found == "slack"), "{edit}");
        let answer = self.app.get(PEOPLE).await.ok();
        let people = answer["people"].as_array().or_else(|| answer["users"].as_array()).expect("a list").iter();
        assert!(people.map(|person| &person["name"]).any(|name| name == "Ada"), "{edit}: {answer}");
    }

    /// Fails if a route that reads an edited row answers without a sentence that says what is wrong.
    async fn expect_explanations(&self, table: &str, edit: &str) {
        let paths = [
            format!("{XERO}/status"),
            format!("{XERO}/disconnect"),
            format!("{XERO}/auth-flows/{}", self.flow),
            format!("{SLACK}/match/{PLAN}"),
        ];
        for path in paths {
            self.expect_sentence(edit, &path).await;
        }
        expect_explained(edit, &self.app.send_with_token(&self.other_token, Method::GET, AUDIT, None).await);
        expect_explained(edit, &self.app.send_in(&self.session, Method::GET, AUDIT, None).await);
        self.app.tamper("delete from people where email_key = 'new@acme.example'").await;
        let person = json!({ "name": "New", "email": "new@acme.example" });
        expect_explained(edit, &self.app.send(Method::POST, PEOPLE, Some(person)).await);
        if ["grants", "connections", "sealed_values", "oauth_apps"].contains(&table) {
            self.expect_sentence(edit, &format!("{XERO}/health")).await;
            self.expect_sentence(edit, &format!("{XERO}/auth-url")).await;
            record_secrets(&self.xero);
        }
    }

    /// Fails if a route that reads an edited row fails without a sentence. The plan of a match is data as it was stored,
    /// so the answer is not compared with the documentation.
    async fn expect_sentence(&self, edit: &str, path: &str) {
        let token = self.app.token(TestCaller::Executive).expect("a token");
        let request = client().get(format!("{}{path}", self.app.base)).bearer_auth(token);
        let answer = request.send().await.expect("the service answers");
        let (status, text) = (answer.status().as_u16(), answer.text().await.expect("a complete answer"));
        let is_explained = status < 500 || (status == 503 && text.contains("\"detail\""));
        assert!(is_explained, "{edit}: {path}: {status} {text}");
    }

    /// Does what the service does in the background.
    async fn work(&self) {
        self.app.connections.complete_interrupted_disconnects().await;
        self.app.connections.refresh_due_grants().await;
        record_secrets(&self.xero);
        self.app.store.delete_expired_sessions().await.expect("it is done");
        self.app.store.delete_outdated().await.expect("it is done");
    }

    async fn restart(mut self, edits: &str) -> Self {
        // Shown if the service does not start.
        eprintln!("start after {edits}");
        self.app.stop().await;
        self.app = self.app.start_again().await;
        self
    }
}

/// Fails if an answer is neither what the route returns, nor a problem that says what is wrong.
fn expect_explained(edit: &str, answer: &TestResponse) {
    if answer.status < 500 {
        return;
    }
    assert_eq!(answer.status, 503, "{edit}: {}", answer.text);
    let problem = answer.json();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 40), "{edit}: {problem}");
}

/// Edits every column of these tables, each with every value, and sends requests after each edit.
async fn sweep(is_included: impl Fn(usize) -> bool) {
    let seeded = Seeded::start().await;
    let mut accepted = 0;
    for (_, (table, columns)) in seeded.tables.iter().enumerate().filter(|(index, _)| is_included(*index)) {
        for column in columns {
            for value in values(seeded.app.database()) {
                if !seeded.edit(table, column, value).await {
                    continue;
                }
                accepted += 1;
                let edit = format!("{table}.{column} = {value}");
                seeded.expect_lists(&edit).await;
                seeded.expect_explanations(table, &edit).await;
                seeded.restore(table).await;
            }
        }
    }
    assert!(accepted > 50, "the database accepted {accepted} edits");
    seeded.expect_lists("restored").await;
}

#[tokio::test]
async fn a_value_of_a_wrong_type_breaks_no_list_and_is_explained_in_the_first_tables() {
    sweep(|index| index % 3 == 0).await;
}

#[tokio::test]
async fn a_value_of_a_wrong_type_breaks_no_list_and_is_explained_in_the_second_tables() {
    sweep(|index| index % 3 == 1).await;
}

#[tokio::test]
async fn a_value_of_a_wrong_type_breaks_no_list_and_is_explained_in_the_last_tables() {
    sweep(|index| index % 3 == 2).await;
}

#[tokio::test]
async fn the_service_starts_although_a_value_has_a_wrong_type() {
    let mut seeded = Seeded::start().await;
    let tables = seeded.tables.clone();
    let longest = tables.values().map(Vec::len).max().unwrap_or_default();
    // One column of each table at a time, so that one start proves many edits.
    for value in values(seeded.app.database()) {
        for index in 0..longest {
            let mut edited = Vec::new();
            for (table, columns) in tables.iter().filter(|(table, _)| !SINGLE_ROWS.contains(&table.as_str())) {
                let Some(column) = columns.get(index) else { continue };
                if seeded.edit(table, column, value).await {
                    edited.push((table, format!("{table}.{column} = {value}")));
                }
            }
            let edits = edited.iter().map(|(_, edit)| edit.as_str()).collect::<Vec<_>>().join(", ");
            seeded = seeded.restart(&edits).await;
            seeded.expect_lists(&edits).await;
            seeded.work().await;
            for (table, _) in &edited {
                seeded.restore(table).await;
            }
        }
    }
}

#[tokio::test]
async fn the_service_starts_and_says_so_if_the_key_check_or_the_end_of_the_audit_log_was_edited() {
    let mut seeded = Seeded::start().await;
    for table in SINGLE_ROWS {
        for column in seeded.tables[table].clone() {
            for value in values(seeded.app.database()) {
                if !seeded.edit(table, &column, value).await {
                    continue;
                }
                let edit = format!("{table}.{column} = {value}");
                seeded = seeded.restart(&edit).await;
                seeded.expect_lists(&edit).await;
                seeded.expect_explanations(table, &edit).await;
                seeded.restore(table).await;
            }
        }
    }
    // The restored key opens the secrets.
    seeded = seeded.restart("nothing").await;
    let list = seeded.app.get("/api/admin/connections").await.ok();
    let statuses = list["connections"].as_array().into_iter().flatten().map(|found| &found["status"]);
    assert!(statuses.zip(iter::repeat("connected")).all(|(status, expected)| status == expected), "{list}");
}
