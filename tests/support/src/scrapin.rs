//! A stand-in for Scrapin's API: a workspace's quotas, and change alerts, which may be unavailable.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::{
    stand_in::{ProviderStandIn, StandInState},
    stand_in_server::{ReceivedRequest, StandInResponse},
};

/// The API's only host.
pub const HOST: &str = "api.scrapin.io";

/// Credits of a workspace at the start. Scrapin counts in halves.
pub const CREDITS: f64 = 8_766.5;

const REQUESTS: u32 = 500;

/// A running stand-in for Scrapin with one workspace, no key and no alerts.
pub type ScrapinStandIn = ProviderStandIn<ScrapinState>;

/// The state of Scrapin.
#[derive(Debug)]
pub struct ScrapinState {
    /// Each key and whether it is valid.
    keys: HashMap<String, bool>,
    credits: f64,
    quotas: QuotasFormat,
    alerts: AlertsApi,
    alert: Option<Alert>,
    requests_left: u32,
}

/// How the quotas route responds to a valid key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotasFormat {
    /// In the format since January 2026.
    New,
    /// In the format before 2026.
    Old,
    /// With 401, as it once did for keys that every other route accepted.
    Refused,
    /// With 402, as routes do that cost credits when none are left.
    Unpaid,
}

/// Whether change alerts are available. The documentation no longer describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertsApi {
    There,
    /// 404 with a web page.
    NoRoute,
    /// 410 Gone.
    Gone,
}

#[derive(Clone, Debug)]
struct Alert {
    url: String,
    status: String,
}

impl ScrapinStandIn {
    /// Adds or restores a key.
    pub fn add_token(&self, key: &str) -> &Self {
        self.update(|workspace| {
            workspace.keys.insert(key.to_owned(), true);
        })
    }

    /// Revokes a key, as if it were deleted.
    pub fn revoke(&self, key: &str) -> &Self {
        self.update(|workspace| {
            workspace.keys.insert(key.to_owned(), false);
        })
    }

    /// Sets the remaining credits.
    pub fn set_credits(&self, credits: f64) -> &Self {
        self.update(|workspace| workspace.credits = credits)
    }

    /// Sets how the quotas route responds.
    pub fn set_quotas(&self, quotas: QuotasFormat) -> &Self {
        self.update(|workspace| workspace.quotas = quotas)
    }

    /// Sets whether change alerts are available.
    pub fn set_alerts(&self, alerts: AlertsApi) -> &Self {
        self.update(|workspace| workspace.alerts = alerts)
    }

    /// Answers this many more requests, then 429.
    pub fn set_requests_left(&self, requests: u32) -> &Self {
        self.update(|workspace| workspace.requests_left = requests)
    }

    /// Sends alerts to an address, as if they had been set up earlier.
    pub fn send_alerts_to(&self, url: &str) -> &Self {
        let alert = Alert { url: url.to_owned(), status: "active".to_owned() };
        self.update(|workspace| workspace.alert = Some(alert))
    }

    /// Returns where alerts are sent; `None` if they are off or were never set.
    #[must_use]
    pub fn alert_url(&self) -> Option<String> {
        self.lock().alert.clone().filter(|alert| alert.status == "active").map(|alert| alert.url)
    }
}

impl Default for ScrapinState {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            credits: CREDITS,
            quotas: QuotasFormat::New,
            alerts: AlertsApi::There,
            alert: None,
            requests_left: REQUESTS,
        }
    }
}

impl StandInState for ScrapinState {
    fn answer(&mut self, request: &ReceivedRequest) -> StandInResponse {
        self.call(request).unwrap_or_else(|refusal| refusal)
    }
}

impl ScrapinState {
    fn call(&mut self, request: &ReceivedRequest) -> Result<StandInResponse, StandInResponse> {
        let is_about_alerts = request.path.starts_with("/v1/alerts/");
        match self.alerts {
            AlertsApi::NoRoute if is_about_alerts => return Err(no_route()),
            AlertsApi::Gone if is_about_alerts => return Err(StandInResponse::empty(410)),
            _ => {}
        }
        let query = request.query_pairs();
        let in_query = query.iter().find(|(name, _)| name == "apikey").map(|(_, key)| key.as_str());
        // The alert routes ignore the header.
        let in_header = request.header("x-api-key").filter(|_| !is_about_alerts);
        let key = in_header.or(in_query).ok_or_else(|| error_response(400, TROUBLE, "The API Key is missing"))?;
        if self.keys.get(key) != Some(&true) {
            return Err(error_response(401, "Unauthorized", "API Key is invalid"));
        }
        if self.requests_left == 0 {
            return Err(error_response(429, TROUBLE, "Too many requests"));
        }
        self.requests_left -= 1;
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/v1/workspaces/quotas") => self.quotas_left(),
            ("GET", "/v1/alerts/url") => match &self.alert {
                Some(alert) => Ok(alert.answer()),
                None => Err(error_response(404, "Not Found", "No data found")),
            },
            ("POST", "/v1/alerts/url") => self.set_alert(&request.json()),
            _ => Err(no_route()),
        }
    }

    fn quotas_left(&self) -> Result<StandInResponse, StandInResponse> {
        let left = f64::from(self.requests_left);
        match self.quotas {
            QuotasFormat::New => Ok(StandInResponse::json(&json!({"status": "success", "data": {
                "credits_left": self.credits, "rate_limit_left": left,
                "credits": {"total": 10_000, "used": 10_000.0 - self.credits, "left": self.credits},
                "daily_rate_limit": {"limit": 5000, "used": 150, "left": 4850, "next_reset": "2026-01-28T00:00:00.000Z"},
                "minute_rate_limit": {
                    "limit": REQUESTS, "used": f64::from(REQUESTS) - left, "left": left,
                    "next_reset": "2026-01-27T14:32:45.000Z",
                },
                "auto_top_up": {"enabled": false, "threshold": 100, "amount": 1000},
            }}))),
            QuotasFormat::Old => Ok(StandInResponse::json(&json!({"success": true, "data": {
                "credits_left": self.credits, "rate_limit_left": left,
            }}))),
            QuotasFormat::Refused => Err(error_response(401, TROUBLE, "Unauthorized")),
            QuotasFormat::Unpaid => Err(error_response(
                402,
                "You don't have enough credits on your account 💰",
                "You have to upgrade to continue",
            )),
        }
    }

    fn set_alert(&mut self, wish: &Value) -> Result<StandInResponse, StandInResponse> {
        let url = wish["url"].as_str().filter(|url| url.starts_with("https://"));
        let status = if wish["status"].is_null() { Some("active") } else { wish["status"].as_str() };
        let status = status.filter(|status| ["active", "inactive"].contains(status));
        let (Some(url), Some(status)) = (url, status) else {
            return Err(error_response(400, "Bad Request", "The url or the status is not valid"));
        };
        let alert = Alert { url: url.to_owned(), status: status.to_owned() };
        Ok(self.alert.insert(alert).answer())
    }
}

impl Alert {
    fn answer(&self) -> StandInResponse {
        StandInResponse::json(&json!({"success": true, "alert": {
            "id": "5b1a6a3e-8a0e-4f43-9a63-0a6f8c1f2d77", "url": self.url, "status": self.status,
            "createdAt": "2025-10-14T10:00:00Z", "updatedAt": "2025-10-14T10:00:00Z",
        }}))
    }
}

/// The title of many of Scrapin's errors.
const TROUBLE: &str = "An error has occurred 🚒";

fn error_response(status: u16, title: &str, message: &str) -> StandInResponse {
    StandInResponse::json(&json!({"success": false, "title": title, "msg": message})).status(status)
}

fn no_route() -> StandInResponse {
    StandInResponse::text("text/html", "<!doctype html><title>Cannot find it</title>").status(404)
}
