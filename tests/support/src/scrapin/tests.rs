//! That the stand-in answers as Scrapin does, seen from a plain socket.

use super::*;
use crate::ask::{Asked, ask};

const QUOTAS: &str = "GET api.scrapin.io/v1/workspaces/quotas";
const ALERT: &str = "GET api.scrapin.io/v1/alerts/url?apikey=good-key";

/// A stand-in with one key.
async fn scrapin() -> Scrapin {
    let scrapin = Scrapin::start().await;
    scrapin.token("good-key");
    scrapin
}

async fn quotas(scrapin: &Scrapin, key: &str) -> Asked {
    ask(scrapin, QUOTAS, &[("x-api-key", key)], "").await
}

async fn set(scrapin: &Scrapin, body: &str) -> Asked {
    let fields = [("content-type", "application/json")];
    ask(scrapin, "POST api.scrapin.io/v1/alerts/url?apikey=good-key", &fields, body).await
}

#[tokio::test]
async fn a_key_is_taken_in_a_header_or_a_query_but_for_alerts_in_a_query_only() {
    let scrapin = scrapin().await;
    assert_eq!(quotas(&scrapin, "good-key").await.status, 200);
    assert_eq!(ask(&scrapin, &format!("{QUOTAS}?apikey=good-key"), &[], "").await.status, 200);
    let bare = ask(&scrapin, QUOTAS, &[], "").await;
    assert_eq!((bare.status, &bare.json()["msg"]), (400, &json!("The API Key is missing")));
    let header = ask(&scrapin, "GET api.scrapin.io/v1/alerts/url", &[("x-api-key", "good-key")], "").await;
    assert_eq!(header.status, 400);
    assert_eq!(quotas(&scrapin, "bad-key").await.status, 401);
    scrapin.revoke("good-key");
    assert_eq!(quotas(&scrapin, "good-key").await.json()["msg"], "API Key is invalid");
}

#[tokio::test]
async fn quotas_come_in_every_shape() {
    let scrapin = scrapin().await;
    let new = quotas(&scrapin, "good-key").await.json();
    assert_eq!((&new["status"], &new["data"]["credits"]["left"]), (&json!("success"), &json!(CREDITS)));
    let old = quotas(scrapin.quotas(Quotas::Old).credits(0.0), "good-key").await.json();
    assert_eq!((&old["success"], &old["data"]["credits_left"]), (&json!(true), &json!(0.0)));
    assert_eq!(old["data"]["credits"], Value::Null);
    assert_eq!(quotas(scrapin.quotas(Quotas::Refused), "good-key").await.status, 401);
    assert_eq!(quotas(scrapin.quotas(Quotas::Unpaid), "good-key").await.status, 402);
    assert_eq!(quotas(scrapin.quotas(Quotas::New).requests_left(0), "good-key").await.status, 429);
}

#[tokio::test]
async fn an_alert_address_is_set_and_stopped_and_never_removed() {
    let scrapin = scrapin().await;
    let none = ask(&scrapin, ALERT, &[], "").await;
    assert_eq!((none.status, &none.json()["success"]), (404, &json!(false)));

    assert_eq!(set(&scrapin, r#"{"url":"https://hooks.acme.example/a"}"#).await.status, 200);
    assert_eq!(scrapin.alert_url().as_deref(), Some("https://hooks.acme.example/a"));
    assert_eq!(ask(&scrapin, ALERT, &[], "").await.json()["alert"]["status"], "active");

    let stopped = set(&scrapin, r#"{"url":"https://hooks.acme.example/a","status":"inactive"}"#).await;
    assert_eq!(stopped.json()["alert"]["status"], "inactive");
    assert_eq!(scrapin.alert_url(), None);
    assert_eq!(ask(&scrapin, ALERT, &[], "").await.status, 200);

    for wish in [r#"{"url":"http://hooks.acme.example/a"}"#, r#"{"url":"https://a.example/","status":"on"}"#, "{}"] {
        assert_eq!(set(&scrapin, wish).await.status, 400, "{wish}");
    }
}

#[tokio::test]
async fn alerts_may_be_gone_in_two_ways() {
    let scrapin = scrapin().await;
    scrapin.alerts(Alerts::NoRoute);
    let gone = ask(&scrapin, ALERT, &[], "").await;
    assert_eq!((gone.status, gone.json()), (404, Value::Null));
    scrapin.alerts(Alerts::Gone);
    assert_eq!(set(&scrapin, r#"{"url":"https://hooks.acme.example/a"}"#).await.status, 410);
    assert_eq!(quotas(&scrapin, "good-key").await.status, 200);
    scrapin.alerts(Alerts::There);
    assert_eq!(ask(&scrapin, ALERT, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_profile_costs_credits_so_nobody_may_ask_for_one() {
    let scrapin = scrapin().await;
    let profile = ask(&scrapin, "GET api.scrapin.io/v1/enrichment/profile", &[("x-api-key", "good-key")], "").await;
    assert_eq!((profile.status, profile.json()), (404, Value::Null));
}
