//! `kill -9` at any moment of a rotating refresh: no connection is lost, and no older refresh token is sent than
//! before.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use jackfield_test_support::{
    app::client,
    marked,
    stand_in_server::Failure,
    xero::{HOSTS, TENANT, XeroStandIn},
};
use serde_json::{Value, json};

use super::{
    program::{Installation, Service, copy_to_sinks},
    xorshift::Xorshift,
};

const CLIENT_ID: &str = "jackfield-client";

/// Access tokens expire immediately, so that every call refreshes.
const LIFE: i64 = 10;

/// A connected service that is started and killed repeatedly.
struct KillRig {
    xero: XeroStandIn,
    place: Installation,
    bearer: String,
    client: reqwest::Client,
}

impl KillRig {
    async fn start_connected() -> Self {
        let xero = XeroStandIn::start().await;
        let secret = marked::secret("cs");
        let reroutes: Vec<String> = HOSTS.iter().map(|host| xero.reroute(host)).collect();
        let settings = [
            ("JACKFIELD_OAUTH_XERO_CLIENT_ID", CLIENT_ID.to_owned()),
            ("JACKFIELD_OAUTH_XERO_CLIENT_SECRET", secret.clone()),
        ];
        let place = Installation::new(&["xero"], &reroutes, &settings).await;
        xero.add_app(CLIENT_ID, &secret, &format!("{}/oauth/callback", place.base())).set_access_lifetime(LIFE);
        let rig = Self { xero, bearer: place.token(), place, client: client() };
        let service = rig.place.serve().await;
        let begun = rig.get(&rig.place, "/auth-url").await.expect("an answer");
        let url = begun["url"].as_str().unwrap_or_else(|| panic!("no URL in {begun}"));
        let landing = rig.xero.authorize(url).allow(&[TENANT]);
        let body = json!({ "code": landing.code, "state": landing.state }).to_string();
        let path = format!("{}/api/admin/connections/xero/callback", rig.place.base());
        let request = rig.client.post(path).bearer_auth(&rig.bearer).header("content-type", "application/json");
        let answer = request.body(body).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
        service.kill();
        rig
    }

    async fn get(&self, place: &Installation, path: &str) -> Option<Value> {
        let url = format!("{}/api/admin/connections/xero{path}", place.base());
        let answer = self.client.get(url).bearer_auth(&self.bearer).send().await.ok()?;
        serde_json::from_str(&answer.text().await.ok()?).ok()
    }

    /// Starts a health check and kills the service after this many microseconds.
    async fn request_and_kill(&self, place: &Installation, service: Service, after: u64) {
        let asked = self.get(place, "/health");
        let killed = service.kill_after(Duration::from_micros(after));
        // The response is irrelevant; the check afterwards decides.
        let (_answer, ()) = tokio::join!(asked, killed);
    }

    async fn is_healthy(&self, place: &Installation) {
        let health = self.get(place, "/health").await.expect("an answer");
        assert_eq!(health["healthy"], true, "{health}");
    }

    /// Fails if a refresh token was sent after one that was issued later.
    fn check_order(&self) -> usize {
        let given = self.xero.refresh_tokens();
        let places: HashMap<&str, usize> =
            given.iter().enumerate().map(|(place, token)| (token.as_str(), place)).collect();
        let sent: Vec<usize> = self.xero.refreshes().iter().map(|sent| places[sent.token.as_str()]).collect();
        assert!(sent.is_sorted(), "an older refresh token was sent: {sent:?}");
        sent.len()
    }

    fn end(&self) {
        for secret in self.xero.access_tokens().into_iter().chain(self.xero.refresh_tokens()).chain(self.xero.codes()) {
            let _noted = marked::record(secret);
        }
        copy_to_sinks(&self.place.data());
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_of_a_refresh_loses_no_connection() {
    const KILLS: usize = 300;
    let rig = KillRig::start_connected().await;
    let mut numbers = Xorshift(0x9e37_79b9_7f4a_7c15);
    for kill in 0..KILLS {
        let service = rig.place.serve().await;
        if kill % 10 == 0 {
            rig.is_healthy(&rig.place).await;
        }
        rig.request_and_kill(&rig.place, service, numbers.below(40_000)).await;
    }
    let service = rig.place.serve().await;
    rig.is_healthy(&rig.place).await;
    println!("{KILLS} kills, {} refreshes", rig.check_order());
    service.kill();
    rig.end();
}

#[tokio::test]
async fn a_response_cut_off_and_a_kill_lose_no_connection() {
    const KILLS: usize = 60;
    let rig = KillRig::start_connected().await;
    let mut numbers = Xorshift(0x2545_f491_4f6c_dd1d);
    for kill in 0..KILLS {
        let service = rig.place.serve().await;
        // Xero issues the tokens, and the response is cut off or does not arrive.
        let bytes = usize::try_from(numbers.below(60)).unwrap_or(0);
        rig.xero.fail_at("/connect/token", if kill % 3 == 0 { Failure::Reset } else { Failure::CutOff(bytes) });
        rig.request_and_kill(&rig.place, service, numbers.below(60_000)).await;
        rig.xero.recover();
    }
    let service = rig.place.serve().await;
    rig.is_healthy(&rig.place).await;
    println!("{KILLS} kills, {} refreshes", rig.check_order());
    service.kill();
    rig.end();
}

#[tokio::test]
async fn killing_one_of_two_hosts_on_a_database_loses_no_connection() {
    const KILLS: usize = 40;
    let rig = KillRig::start_connected().await;
    let second_place = rig.place.second_host();
    let steady = second_place.serve().await;
    let mut numbers = Xorshift(0x1234_5678_9abc_def1);
    for _ in 0..KILLS {
        let service = rig.place.serve().await;
        let both = rig.request_and_kill(&rig.place, service, numbers.below(40_000));
        let (health, ()) = tokio::join!(rig.get(&second_place, "/health"), both);
        let health = health.expect("the other host answers");
        assert_eq!(health["healthy"], true, "{health}");
    }
    println!("{KILLS} kills, {} refreshes", rig.check_order());
    steady.kill();
    rig.end();
}

#[tokio::test]
async fn readers_in_two_processes_on_one_database_cause_one_refresh() {
    const READERS: usize = 300;
    let rig = KillRig::start_connected().await;
    let second_place = rig.place.second_host();
    let services = [rig.place.serve().await, second_place.serve().await];
    // Tokens have expired until here; the one from the readers' refresh is valid for longer.
    rig.is_healthy(&rig.place).await;
    rig.is_healthy(&second_place).await;
    rig.xero.set_access_lifetime(1_800);
    let before = rig.xero.refreshes().len();
    let asked = (0..READERS).flat_map(|_| [&rig.place, &second_place]).map(|place| rig.get(place, "/health"));
    let answers = join_all(asked).await;
    assert_eq!(rig.xero.refreshes().len(), before + 1);
    // Callers without a permit in the sandbox must retry; no caller must connect again.
    for answer in &answers {
        let answer = answer.as_ref().expect("an answer");
        assert!(answer["healthy"] == true || answer["code"] == "overloaded", "{answer}");
    }
    let healthy = answers.iter().flatten().filter(|answer| answer["healthy"] == true).count();
    println!("{healthy} of {} got a permit", answers.len());
    assert!(healthy >= 2);
    for service in services {
        service.kill();
    }
    rig.end();
}
