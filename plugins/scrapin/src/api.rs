//! Scrapin's API: the remaining credits of a workspace, the address of its change alerts, and the API's errors.
//!
//! Scrapin no longer documents the alerts, so their requests allow for an endpoint that no longer exists.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Text, first_filled};
use serde::{Deserialize, Serialize};

const ALERTS: &str = "https://api.scrapin.io/v1/alerts/url";

/// Whether Scrapin sends alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertStatus {
    Active,
    Inactive,
}

/// The quotas. Only the attribute that every version of the API has is read.
#[derive(Deserialize)]
struct QuotasResponse {
    data: QuotasData,
}

#[derive(Deserialize)]
struct QuotasData {
    credits_left: f64,
}

#[derive(Deserialize)]
struct AlertResponse<'a> {
    #[serde(borrow)]
    alert: Option<CurrentAlert<'a>>,
}

#[derive(Deserialize)]
struct CurrentAlert<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

#[derive(Serialize)]
struct AlertUpdate<'a> {
    url: &'a str,
    status: AlertStatus,
}

/// An error body of Scrapin's API.
#[derive(Default, Deserialize)]
struct ErrorBody<'a> {
    success: Option<bool>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
}

impl ErrorBody<'_> {
    /// Returns whether the response came from Scrapin's API, and not from a proxy in front of it.
    fn is_from_api(&self) -> bool {
        self.success == Some(false) && (self.title.is_some() || self.msg.is_some())
    }
}

/// Gets the number of remaining credits. The request itself is free.
pub(crate) fn get_credits() -> Result<f64, Error> {
    let response = http::get("https://api.scrapin.io/v1/workspaces/quotas").send()?;
    let quotas: QuotasResponse = require_success_without_parameters(&response)?.json()?;
    Ok(quotas.data.credits_left)
}

/// Gets the address that receives alerts; `None` if alerts are off.
pub(crate) fn get_alert_url() -> Result<Option<String>, Error> {
    let response = http::get(ALERTS).send()?;
    match response.status {
        // The API itself answers 404 for missing data, so no address was ever set.
        404 if parse_error(&response).is_from_api() => Ok(None),
        404 | 410 => Err(alerts_unavailable()),
        _ => parse_active_url(require_success_without_parameters(&response)?),
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
    let body: AlertResponse<'_> = response.json()?;
    let active = body.alert.filter(|alert| alert.status.as_deref() != Some("inactive") && !alert.url.is_empty());
    Ok(active.map(|alert| alert.url.into()))
}

fn alerts_unavailable() -> Error {
    Error::unsupported("change alerts are not available at Scrapin")
}

/// Returns the response to a request without parameters if it is a success.
///
/// Status 400 can only mean that the key is missing, because there is nothing else to validate.
fn require_success_without_parameters(response: &Response) -> Result<&Response, Error> {
    match response.status {
        400 if parse_error(response).is_from_api() => Err(Error::unauthorized(error_message(&parse_error(response)))),
        _ => require_success(response),
    }
}

/// Returns the response if it is a success, otherwise the error that it means.
fn require_success(response: &Response) -> Result<&Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    Err(response.failure(error_message(&parse_error(response)), None))
}

fn error_message<'a>(body: &'a ErrorBody<'_>) -> &'a str {
    first_filled([&body.msg, &body.title]).unwrap_or_default()
}

fn parse_error(response: &Response) -> ErrorBody<'_> {
    response.json().unwrap_or_default()
}
