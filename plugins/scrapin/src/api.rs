//! Scrapin's API: the remaining credits of a workspace, the address of its change alerts, and the API's errors.
//!
//! Scrapin no longer documents the alerts, so their requests allow for an endpoint that no longer exists.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, JsonObject};
use serde::Serialize;

const ALERTS: &str = "https://api.scrapin.io/v1/alerts/url";

/// The most bytes of an address in the contract.
const URL_BYTES: usize = 2 << 10;

/// Whether Scrapin sends alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertStatus {
    Active,
    Inactive,
}

#[derive(Serialize)]
struct AlertUpdate<'a> {
    url: &'a str,
    status: AlertStatus,
}

/// Gets the number of remaining credits. The request itself is free.
pub(crate) fn get_credits() -> Result<f64, Error> {
    let response = http::get("https://api.scrapin.io/v1/workspaces/quotas").send()?;
    // Only attributes that every version of the API has are needed.
    let data = require_success_without_parameters(&response)?.value()?.get("data");
    let credits = data.get("credits_left").number().or_else(|| data.get("credits").get("left").number());
    credits.ok_or_else(|| Error::malformed("`credits_left` was expected"))
}

/// Gets the address that receives alerts; `None` if alerts are off.
pub(crate) fn get_alert_url() -> Result<Option<String>, Error> {
    let response = http::get(ALERTS).send()?;
    match response.status {
        // The API itself answers 404 for missing data, so no address was ever set.
        404 if is_from_api(&parse_error(&response)) => Ok(None),
        404 | 410 => Err(alerts_unavailable()),
        _ => parse_active_url(require_success_without_parameters(&response)?),
    }
}

/// Returns whether Scrapin accepts the key for alerts; `false` if the alerts are unavailable and show nothing.
///
/// A 404 shows nothing, even in the format of Scrapin's API: a route that no longer exists does not look at the key.
pub(crate) fn accepts_key_for_alerts() -> Result<bool, Error> {
    let response = http::get(ALERTS).send()?;
    match response.status {
        404 | 410 => Ok(false),
        _ => require_success_without_parameters(&response)?.object().map(|_| true),
    }
}

/// Sets the address of alerts and turns them on or off. Returns the address that receives alerts afterwards.
pub(crate) fn set_alert_url(url: &str, status: AlertStatus) -> Result<Option<String>, Error> {
    let response = http::post(ALERTS).json(&AlertUpdate { url, status })?.send()?;
    if matches!(response.status, 404 | 410) {
        return Err(alerts_unavailable());
    }
    let url = parse_active_url(require_success(&response)?)?;
    if status == AlertStatus::Active && url.is_none() {
        return Err(Error::malformed("an active `alert` was expected"));
    }
    Ok(url)
}

fn parse_active_url(response: &Response) -> Result<Option<String>, Error> {
    let body = response.object()?;
    let alert = body.get("alert");
    let is_inactive = alert.get("status").text().is_some_and(|status| status.eq_ignore_ascii_case("inactive"));
    match alert.get("url").text() {
        None => Ok(None),
        Some(_) if is_inactive => Ok(None),
        Some(url) if url.starts_with("https://") && url.len() <= URL_BYTES => Ok(Some(url.into())),
        Some(_) => Err(Error::malformed("an https address was expected as `url`")),
    }
}

fn alerts_unavailable() -> Error {
    Error::unsupported("change alerts are not available at Scrapin")
}

/// Returns the response to a request without parameters if it is a success.
///
/// Status 400 can only mean that the key is missing, because there is nothing else to validate.
fn require_success_without_parameters(response: &Response) -> Result<&Response, Error> {
    match response.status {
        400 if is_from_api(&parse_error(response)) => Err(Error::unauthorized(error_message(&parse_error(response)))),
        _ => require_success(response),
    }
}

/// Returns the response if it is a success, otherwise the error that it means.
fn require_success(response: &Response) -> Result<&Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    Err(response.failure(&error_message(&parse_error(response)), None))
}

/// Returns whether an error came from Scrapin's API, and not from a proxy in front of it.
fn is_from_api(error: &JsonObject<'_>) -> bool {
    error.get("success").flag() == Some(false) && !error_message(error).is_empty()
}

fn error_message(error: &JsonObject<'_>) -> String {
    error.first_text(["msg", "title"]).map(String::from).unwrap_or_default()
}

fn parse_error(response: &Response) -> JsonObject<'_> {
    response.object().unwrap_or_default()
}
