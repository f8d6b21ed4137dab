//! The documentation's example plugins in JavaScript and Python: they work, and see no secret.

use jackfield_sandbox::Pooling;
use jackfield_test_support::{
    app::TestApp,
    guests, marked,
    stand_in_server::{ReceivedRequest, StandInResponse, StandInServer},
};
use serde_json::{Value, json};

/// An example plugin and the API that it uses.
#[derive(Clone, Copy)]
struct ExampleCase {
    id: &'static str,
    host: &'static str,
    token: &'static str,
    /// The path for the organisation, and the health fact that shows the response.
    account: (&'static str, &'static str),
    /// The path for the people, and the JSON key of their list.
    people: (&'static str, &'static str),
}

const JAVASCRIPT: ExampleCase = ExampleCase {
    id: "acme-crew",
    host: "api.acme-crew.example",
    token: "crew_",
    account: ("/v1/company", "company"),
    people: ("/v1/people", "people"),
};

const PYTHON: ExampleCase = ExampleCase {
    id: "acme-desk",
    host: "api.acme-desk.example",
    token: "desk_",
    account: ("/v1/account", "account"),
    people: ("/v1/agents", "agents"),
};

impl ExampleCase {
    /// The API. It accepts one token and echoes every received one.
    fn answer(self, request: &ReceivedRequest, token: &str) -> StandInResponse {
        let came = request.header("authorization").unwrap_or("nothing");
        if came != format!("Bearer {token}") {
            return StandInResponse::empty(401);
        }
        let people = |people: Value, next: Option<&str>| {
            let mut page = json!({ "next_cursor": next });
            page[self.people.1] = people;
            StandInResponse::json(&page)
        };
        let query = request.query.as_deref().unwrap_or_default();
        match request.path.as_str() {
            path if path == self.account.0 => {
                StandInResponse::json(&json!({ "name": format!("Acme, asked with {came}") }))
            }
            path if path == self.people.0 && query == "limit=50" => people(
                json!([{ "id": "1", "name": "Zoë Lee", "email": "zoe.lee@acme.example", "status": "active", "active": true }]),
                Some("a&b=c"),
            ),
            path if path == self.people.0 && query == "limit=50&cursor=a%26b%3Dc" => people(
                // Two rows that cannot be read do not hide the third.
                json!([null, { "id": {}, "name": [] }, { "id": "2", "name": "Kim Smith", "email": null, "status": "left", "active": false }]),
                None,
            ),
            _ => StandInResponse::empty(404),
        }
    }

    async fn works(self) {
        // Skipped if the tools of its language are missing; the last line of `cargo xtask test` says so.
        if guests::is_skipped(self.id) {
            return;
        }
        let token = marked::secret(self.token);
        let known = token.clone();
        let upstream = StandInServer::start(move |request| self.answer(request, &known)).await;
        let app = TestApp::builder()
            .component(&format!("examples/{}", self.id))
            .reroute(self.host, &upstream)
            // With the instance limits of production, some of which apply only with a pool.
            .limits(|limits| limits.pooling = Pooling::WherePossible)
            .start()
            .await;
        let providers = app.get("/api/admin/providers").await.ok();
        assert_eq!(providers["providers"][0]["id"], self.id, "{providers}");

        let path = format!("/api/admin/connections/{}", self.id);
        let wrong = app.put(&path, json!({ "api_token": marked::secret(self.token) })).await;
        let _ = wrong.problem(422, "credential_rejected");
        let connected = app.put(&path, json!({ "api_token": token })).await.ok();
        assert_eq!(connected, json!({ "ok": true, "org_name": "Acme, asked with Bearer [secret]" }));
        let health = app.get(&format!("{path}/health")).await.ok();
        assert_eq!(health[self.account.1], "Acme, asked with Bearer [secret]", "{health}");

        let first = app.get(&format!("{path}/users?limit=50")).await.ok();
        let zoe = json!({ "external_id": "1", "name": "Zoë Lee", "email": "zoe.lee@acme.example", "active": true });
        assert_eq!(first["users"], json!([zoe]));
        let cursor = first["next_cursor"].as_str().expect("a second page");
        let last = app.get(&format!("{path}/users?limit=50&cursor={cursor}")).await.ok();
        let kim = json!({ "external_id": "2", "name": "Kim Smith", "email": null, "active": false });
        assert_eq!((&last["users"], &last["next_cursor"]), (&json!([kim]), &Value::Null));
        assert_eq!(app.delete(&path).await.ok()["ok"], true);
    }
}

#[tokio::test]
async fn the_javascript_example_works_with_fetch() {
    JAVASCRIPT.works().await;
}

#[tokio::test]
async fn the_python_example_works() {
    PYTHON.works().await;
}
