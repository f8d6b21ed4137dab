//! The rows of the APIs, with the irregularities of real ones: missing emails, former employees, and fields that no
//! client should read.

use serde_json::{Value, json};

use super::tenants::StandInTenant;
use crate::{
    clock::format_utc,
    people::{self, Employee},
};

/// Users of the accounts: accountants among the people, and some who were removed.
pub(super) const USERS: usize = 12;

/// The longest month in seconds.
const MONTH: i64 = 31 * 24 * 60 * 60;

/// Formats a date for the older APIs.
pub(super) fn older_date(seconds: i64) -> String {
    format!("/Date({}+0000)/", seconds * 1_000)
}

/// The row of an organisation, including keys and numbers that no client should read.
pub(super) fn organisation(organisation: &StandInTenant) -> Value {
    let version = organisation.version.as_deref().unwrap_or_default();
    let country = match version.trim_end_matches("ONRAMP") {
        "UK" => "GB",
        "GLOBAL" => "NL",
        other => other,
    };
    json!({
        "OrganisationID": organisation.id, "APIKey": "TGQ0XWZ4CMBVKJQ1HSZK7GFBYZVHJX", "Name": organisation.name,
        "LegalName": format!("{} Ltd", organisation.name), "PaysTax": true, "Version": version,
        "OrganisationType": "COMPANY", "BaseCurrency": "EUR", "CountryCode": country, "IsDemoCompany": false,
        "OrganisationStatus": "ACTIVE", "TaxNumber": "101-2-303", "EmployerIdentificationNumber": "12-3456789",
        "FinancialYearEndDay": 31, "FinancialYearEndMonth": 3, "CreatedDateUTC": older_date(1_500_000_000),
        "Timezone": "UTC", "ShortCode": "!23eYt", "Edition": "BASICLITE", "Addresses": [], "Phones": [],
    })
}

/// The users of the accounts.
pub(super) fn users(now: i64) -> Vec<Value> {
    let row = |person: &Employee| {
        let role = match person.number % 6 {
            0 => "REMOVED",
            1 => "FINANCIALADVISER",
            2 => "READONLY",
            3 => "STANDARD",
            4 => "INVOICEONLY",
            _ => "BOOKKEEPER",
        };
        json!({
            "UserID": id(person, 'c'), "GlobalUserID": id(person, 'd'), "EmailAddress": person.email,
            "FirstName": person.given, "LastName": person.family, "UpdatedDateUTC": older_date(now - MONTH),
            "IsSubscriber": person.number == 1, "OrganisationRole": role,
        })
    };
    people::people().iter().take(USERS).map(row).collect()
}

/// The employees of the Australian payroll.
pub(super) fn older_employees() -> Vec<Value> {
    let row = |person: &Employee| {
        let mut row = json!({
            "EmployeeID": id(person, 'a'), "FirstName": person.given, "LastName": person.family,
            "Status": if person.active { "ACTIVE" } else { "TERMINATED" }, "Email": person.email,
            "DateOfBirth": older_date(birth(person)), "Gender": "N", "Phone": "0400-000-123",
            "StartDate": older_date(1_547_164_800), "UpdatedDateUTC": older_date(1_780_000_000),
        });
        if !person.active {
            row["TerminationDate"] = json!(older_date(1_700_000_000));
        }
        match person.number % 30 {
            4 => drop(row.as_object_mut().and_then(|row| row.remove("Email"))),
            17 => row["Email"] = json!(""),
            22 => row["Email"] = json!(person.email.replacen("@acme", "@Acme", 1)),
            _ => {}
        }
        row
    };
    people::people().iter().map(row).collect()
}

/// The employees of the payrolls of the United Kingdom and New Zealand; some leave in the future.
pub(super) fn newer_employees(now: i64) -> Vec<Value> {
    let day = |seconds: i64| format_utc(seconds, "%Y-%m-%dT00:00:00");
    let row = |person: &Employee| {
        let end = match person.number % 40 {
            _ if !person.active => json!(day(now - MONTH)),
            7 => json!(day(now + MONTH)),
            _ => Value::Null,
        };
        let email = if person.number % 30 == 4 { Value::Null } else { json!(person.email) };
        json!({
            "employeeID": id(person, 'b'), "title": null, "firstName": person.given, "lastName": person.family,
            "dateOfBirth": day(birth(person)), "email": email, "gender": null, "phoneNumber": null,
            "address": {"addressLine1": "1 High Street", "city": "Leeds", "postCode": "LS1 1AA"},
            "startDate": "2019-01-11T00:00:00", "endDate": end, "payrollCalendarID": null,
            "updatedDateUTC": "2026-01-01T10:00:00", "createdDateUTC": "2019-01-01T10:00:00",
        })
    };
    people::people().iter().map(row).collect()
}

/// Returns an id in Xero's format, unique in one list.
fn id(person: &Employee, list: char) -> String {
    format!("{list}{:07x}-770d-4099-b7e5-{:012x}", person.number * 54_321, person.number * 7_919)
}

/// Returns a date of birth, for some before 1970.
fn birth(person: &Employee) -> i64 {
    i64::try_from(person.number).unwrap_or_default() * 4_000_000 - 300_000_000
}
