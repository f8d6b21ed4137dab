//! The APIs that need an access token: connections, accounting settings, and employees of the payrolls.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{XeroState, not_found, rows, tenants::StandInTenant, tokens::TokenRejection};
use crate::stand_in_server::{ReceivedRequest, StandInResponse};

/// Maximum number of requests: per tenant in a minute and in a day, and per app in a minute.
const LIMITS: (u32, u32, u32) = (60, 5_000, 10_000);

/// Rows in a page of a payroll.
const PAGE: usize = 100;

impl XeroState {
    /// Responds for `api.xero.com`, with the remaining limits in the header.
    pub(super) fn api(&mut self, request: &ReceivedRequest) -> StandInResponse {
        self.requests += 1;
        let (minute, day, app) = LIMITS;
        let answer = self.call(request).unwrap_or_else(|refused| refused);
        answer
            .header("x-minlimit-remaining", &minute.saturating_sub(self.requests % minute).to_string())
            .header("x-daylimit-remaining", &day.saturating_sub(self.requests).to_string())
            .header("x-appminlimit-remaining", &app.saturating_sub(self.requests).to_string())
    }

    fn call(&mut self, request: &ReceivedRequest) -> Result<StandInResponse, StandInResponse> {
        let (client_id, scope) = self.authenticate(request)?;
        let event = query(request, "authEventId");
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/connections") => {
                Ok(StandInResponse::json(&self.tenants.list_connections(&client_id, event.as_deref())))
            }
            ("DELETE", path) => {
                let id = path.strip_prefix("/connections/").ok_or_else(not_found)?;
                if self.tenants.delete(&client_id, id) { Ok(StandInResponse::empty(204)) } else { Err(not_found()) }
            }
            ("GET", path) => {
                let (needed, is_payroll) = match path {
                    "/api.xro/2.0/Organisation" | "/api.xro/2.0/Users" => ("accounting.settings.read", false),
                    "/payroll.xro/1.0/Employees" | "/payroll.xro/2.0/Employees" => ("payroll.employees.read", true),
                    _ => return Err(not_found()),
                };
                let is_withheld = self.withheld.iter().any(|withheld| withheld == needed);
                if is_withheld || !scope.split(' ').any(|held| held == needed) {
                    return Err(problem(401, "Unauthorized", "AuthorizationUnsuccessful"));
                }
                let tenant = request.header("xero-tenant-id").unwrap_or_default();
                let organisation = self.tenants.find_connected(&client_id, tenant).filter(|tenant| tenant.is_readable);
                let organisation =
                    organisation.ok_or_else(|| problem(403, "Forbidden", "AuthenticationUnsuccessful"))?;
                if is_payroll && !organisation.has_payroll {
                    return Err(problem(401, "Unauthorized", "AuthorizationUnsuccessful"));
                }
                if !request.header("accept").is_some_and(|kind| kind.starts_with("application/json")) {
                    return Ok(StandInResponse::text(
                        "text/xml; charset=utf-8",
                        "<Response><Status>OK</Status></Response>",
                    ));
                }
                self.rows(request, organisation)
            }
            _ => Err(not_found()),
        }
    }

    /// Returns the app and the scope of the request's token.
    fn authenticate(&self, request: &ReceivedRequest) -> Result<(String, String), StandInResponse> {
        let detail = match self.tokens.scope(request.bearer().unwrap_or_default(), self.time.now()) {
            Ok((client_id, scope)) => return Ok((client_id.to_owned(), scope.to_owned())),
            Err(TokenRejection::Expired(at)) => {
                let at = crate::clock::format_utc(at, "%m/%d/%Y %H:%M:%S");
                format!("TokenExpired: token expired at {at}")
            }
            Err(TokenRejection::Unknown) => "AuthenticationUnsuccessful".to_owned(),
        };
        Err(problem(401, "Unauthorized", &detail))
    }

    fn rows(
        &self,
        request: &ReceivedRequest,
        organisation: &StandInTenant,
    ) -> Result<StandInResponse, StandInResponse> {
        let now = self.time.now();
        let older = |key: &str, rows: Value| {
            let date = rows::older_date(now);
            StandInResponse::json(&json!({"Id": unique(), "Status": "OK", "DateTimeUTC": date, key: rows}))
        };
        match request.path.as_str() {
            "/api.xro/2.0/Organisation" => Ok(older("Organisations", json!([rows::organisation(organisation)]))),
            "/api.xro/2.0/Users" => Ok(older("Users", rows::users(now).into())),
            path => {
                let page = query(request, "page").unwrap_or_else(|| "1".to_owned());
                let is_older = path.contains("/1.0/");
                let Some(page) = page.parse().ok().filter(|&page: &usize| page > 0) else {
                    return Err(bad_page(is_older));
                };
                let all = if is_older { rows::older_employees() } else { rows::newer_employees(now) };
                let (count, pages) = (all.len(), all.len().div_ceil(PAGE));
                let rows: Vec<Value> = all.into_iter().skip((page - 1).saturating_mul(PAGE)).take(PAGE).collect();
                if is_older {
                    return Ok(older("Employees", rows.into()));
                }
                Ok(StandInResponse::json(&json!({
                    "id": unique(), "providerName": "Jackfield", "httpStatusCode": "OK", "problem": null,
                    "pagination": {"page": page, "pageSize": PAGE, "pageCount": pages, "itemCount": count},
                    "employees": rows,
                })))
            }
        }
    }
}

/// Returns an error in the format of most routes of Xero.
fn problem(status: u16, title: &str, detail: &str) -> StandInResponse {
    let body = json!({
        "Type": null, "Title": title, "Status": status, "Detail": detail, "Instance": unique(),
        "Extensions": {},
    });
    StandInResponse::json(&body).status(status)
}

fn bad_page(is_older: bool) -> StandInResponse {
    let body = if is_older {
        json!({"ErrorNumber": 16, "Type": "QueryParseException", "Message": "page is no number"})
    } else {
        let fields = json!([{"name": "page", "reason": "page is no number"}]);
        json!({"problem": {
            "type": "application/problem+json", "title": "BadRequest", "status": "400", "detail": null,
            "instance": null, "invalidFields": fields,
        }})
    };
    StandInResponse::json(&body).status(400)
}

/// Returns a new id for a response.
fn unique() -> String {
    Uuid::new_v4().to_string()
}

fn query(request: &ReceivedRequest, key: &str) -> Option<String> {
    request.query_pairs().into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}
