//! Tests that the stand-in responds as Scrapin does, over a plain socket.

use super::*;
use crate::raw_http::{RawResponse, send};

const QUOTAS: &str = "GET api.scrapin.io/v1/workspaces/quotas";
const ALERT: &str = "GET api.scrapin.io/v1/alerts/url?apikey=good-key";

/// Starts a stand-in with one key.
async fn scrapin() -> ScrapinStandIn {
    let scrapin = ScrapinStandIn::start().await;
    scrapin.add_token("good-key");
    scrapin
}

async fn quotas(scrapin: &ScrapinStandIn, key: &str) -> RawResponse {
    send(scrapin, QUOTAS, &[("x-api-key", key)], "").await
}

async fn set(scrapin: &ScrapinStandIn, body: &str) -> RawResponse {
    let fields = [("content-type", "application/json")];
    send(scrapin, "POST api.scrapin.io/v1/alerts/url?apikey=good-key", &fields, body).await
}

#[tokio::test]
async fn a_key_is_read_from_a_header_or_the_query_and_for_alerts_from_the_query_only() {
    let scrapin = scrapin().await;
    assert_eq!(quotas(&scrapin, "good-key").await.status, 200);
    assert_eq!(send(&scrapin, &format!("{QUOTAS}?apikey=good-key"), &[], "").await.status, 200);
    let bare = send(&scrapin, QUOTAS, &[], "").await;
    assert_eq!((bare.status, &bare.json()["msg"]), (400, &json!("The API Key is missing")));
    let header = send(&scrapin, "GET api.scrapin.io/v1/alerts/url", &[("x-api-key", "good-key")], "").await;
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
    let old = quotas(scrapin.set_quotas(QuotasFormat::Old).set_credits(0.0), "good-key").await.json();
    assert_eq!((&old["success"], &old["data"]["credits_left"]), (&json!(true), &json!(0.0)));
    assert_eq!(old["data"]["credits"], Value::Null);
    assert_eq!(quotas(scrapin.set_quotas(QuotasFormat::Refused), "good-key").await.status, 401);
    assert_eq!(quotas(scrapin.set_quotas(QuotasFormat::Unpaid), "good-key").await.status, 402);
    assert_eq!(quotas(scrapin.set_quotas(QuotasFormat::New).set_requests_left(0), "good-key").await.status, 429);
}

#[tokio::test]
async fn an_alert_url_is_set_and_stopped_but_never_removed() {
    let scrapin = scrapin().await;
    let none = send(&scrapin, ALERT, &[], "").await;
    assert_eq!((none.status, &none.json()["success"]), (404, &json!(false)));

    assert_eq!(set(&scrapin, r#"{"url":"https://hooks.acme.example/a"}"#).await.status, 200);
    assert_eq!(scrapin.alert_url().as_deref(), Some("https://hooks.acme.example/a"));
    assert_eq!(send(&scrapin, ALERT, &[], "").await.json()["alert"]["status"], "active");

    let stopped = set(&scrapin, r#"{"url":"https://hooks.acme.example/a","status":"inactive"}"#).await;
    assert_eq!(stopped.json()["alert"]["status"], "inactive");
    assert_eq!(scrapin.alert_url(), None);
    assert_eq!(send(&scrapin, ALERT, &[], "").await.status, 200);

    for wish in [r#"{"url":"http://hooks.acme.example/a"}"#, r#"{"url":"https://a.example/","status":"on"}"#, "{}"] {
        assert_eq!(set(&scrapin, wish).await.status, 400, "{wish}");
    }
}

#[tokio::test]
async fn alerts_may_be_unavailable_in_two_ways() {
    let scrapin = scrapin().await;
    scrapin.set_alerts(AlertsApi::NoRoute);
    let gone = send(&scrapin, ALERT, &[], "").await;
    assert_eq!((gone.status, gone.json()), (404, Value::Null));
    scrapin.set_alerts(AlertsApi::Gone);
    assert_eq!(set(&scrapin, r#"{"url":"https://hooks.acme.example/a"}"#).await.status, 410);
    assert_eq!(quotas(&scrapin, "good-key").await.status, 200);
    scrapin.set_alerts(AlertsApi::There);
    assert_eq!(send(&scrapin, ALERT, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_profile_costs_credits_and_is_not_offered() {
    let scrapin = scrapin().await;
    let profile = send(&scrapin, "GET api.scrapin.io/v1/enrichment/profile", &[("x-api-key", "good-key")], "").await;
    assert_eq!((profile.status, profile.json()), (404, Value::Null));
}
