//! Scrapin's API: what is left of a workspace's credits, and where its change alerts go.
//!
//! The alerts have gone from Scrapin's documentation, so each call of them expects to find nothing there any more.

use jackfield_sdk::http::{self, Response};
use jackfield_sdk::{Error, Text, first_filled};
use serde::{Deserialize, Serialize};

const ALERTS: &str = "https://api.scrapin.io/v1/alerts/url";

/// Whether alerts are sent to their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertStatus {
    Active,
    Inactive,
}

/// Of the quotas, which say more in each version of the API, only what all versions have.
#[derive(Deserialize)]
struct Quotas {
    data: Credits,
}

#[derive(Deserialize)]
struct Credits {
    credits_left: f64,
}

#[derive(Deserialize)]
struct AlertAnswer<'a> {
    #[serde(borrow)]
    alert: Option<AlertState<'a>>,
}

#[derive(Deserialize)]
struct AlertState<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
}

#[derive(Serialize)]
struct AlertWish<'a> {
    url: &'a str,
    status: AlertStatus,
}

/// How Scrapin refuses. What answers without it is not Scrapin's API.
#[derive(Default, Deserialize)]
struct Refusal<'a> {
    success: Option<bool>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    msg: Option<Text<'a>>,
}

impl Refusal<'_> {
    fn is_scrapins(&self) -> bool {
        self.success == Some(false) && (self.title.is_some() || self.msg.is_some())
    }
}

/// Asks how many credits are left, which costs none.
pub(crate) fn credits_left() -> Result<f64, Error> {
    let response = http::get("https://api.scrapin.io/v1/workspaces/quotas").send()?;
    let quotas: Quotas = taken_bare(&response)?.json()?;
    Ok(quotas.data.credits_left)
}

/// Asks where alerts go; none where they go nowhere.
pub(crate) fn alert_url() -> Result<Option<String>, Error> {
    let response = http::get(ALERTS).send()?;
    match response.status {
        // Scrapin's own 404 is about data, so here it means that no address was ever set.
        404 if refusal(&response).is_scrapins() => Ok(None),
        404 | 410 => Err(alerts_are_gone()),
        _ => active(taken_bare(&response)?),
    }
}

/// Sets where alerts go, or stops them, and says where they go then.
pub(crate) fn set_alert_url(url: &str, status: AlertStatus) -> Result<Option<String>, Error> {
    let response = http::post(ALERTS).json(&AlertWish { url, status })?.send()?;
    if matches!(response.status, 404 | 410) {
        return Err(alerts_are_gone());
    }
    let url = active(taken(&response)?)?;
    if status == AlertStatus::Active && url.is_none() {
        return Err(Error::malformed("an `alert` that is active was expected"));
    }
    Ok(url)
}

fn active(response: &Response) -> Result<Option<String>, Error> {
    let answer: AlertAnswer<'_> = response.json()?;
    let active = answer.alert.filter(|alert| alert.status.as_deref() != Some("inactive") && !alert.url.is_empty());
    Ok(active.map(|alert| alert.url.into()))
}

fn alerts_are_gone() -> Error {
    Error::unsupported("change alerts are not available at Scrapin")
}

/// Gives the answer to a request without parameters, with which nothing can be wrong but that its key is missing.
fn taken_bare(response: &Response) -> Result<&Response, Error> {
    match response.status {
        400 if refusal(response).is_scrapins() => Err(Error::unauthorized(said(&refusal(response)))),
        _ => taken(response),
    }
}

/// Gives an answer back that is a success, and says what any other means.
fn taken(response: &Response) -> Result<&Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    Err(response.failure(said(&refusal(response)), None))
}

fn said<'a>(refusal: &'a Refusal<'_>) -> &'a str {
    first_filled([&refusal.msg, &refusal.title]).unwrap_or_default()
}

fn refusal(response: &Response) -> Refusal<'_> {
    response.json().unwrap_or_default()
}
