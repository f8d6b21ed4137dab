//! Resources of one tenant: how to request them, which permissions they need, and the organisation itself.

use jackfield_sdk::Error;
use jackfield_sdk::http::{self, Response};

use crate::request;
use crate::tenants;

/// The scope for the organisation and the users of its books.
pub(crate) const SETTINGS_SCOPE: &str = "accounting.settings.read";

/// The scope for the employees of all payrolls.
pub(crate) const PAYROLL_SCOPE: &str = "payroll.employees.read";

/// A resource of a tenant.
pub(crate) struct Resource {
    pub(crate) url: &'static str,
    /// The scope that it needs.
    pub(crate) scope: &'static str,
    /// The permission that the role of the connecting user needs in addition to the scope.
    pub(crate) role: &'static str,
}

const ORGANISATION: Resource = Resource {
    url: "https://api.xero.com/api.xro/2.0/Organisation",
    scope: SETTINGS_SCOPE,
    role: "to read the organisation's settings",
};

/// An organisation. Its other attributes are not read, because keys and tax numbers are among them.
pub(crate) struct Organisation {
    pub(crate) name: Option<String>,
    /// The edition of Xero, such as `AU` or `NZONRAMP`.
    pub(crate) version: Option<String>,
    /// The country by ISO 3166-1.
    pub(crate) country_code: Option<String>,
}

/// Gets the organisation of a tenant.
pub(crate) fn get_organisation(tenant: &str) -> Result<Organisation, Error> {
    let response = get(&ORGANISATION, tenant, &[])?;
    let organisations = response.value()?.get("Organisations").list().unwrap_or_default();
    let organisation = organisations.into_iter().find_map(|organisation| organisation.object());
    let organisation =
        organisation.ok_or_else(|| Error::malformed("`Organisations` with at least one entry was expected"))?;
    let text = |key: &str| organisation.get(key).text().map(String::from);
    Ok(Organisation { name: text("Name"), version: text("Version"), country_code: text("CountryCode") })
}

/// Gets a resource of a tenant.
pub(crate) fn get(resource: &Resource, tenant: &str, query: &[(&str, &str)]) -> Result<Response, Error> {
    let request = http::get(resource.url).query(query).header("Xero-Tenant-Id", tenant);
    match request::send(request) {
        // With status 401 this error means that a scope is missing, so refreshing the token would not help.
        Err(Error::Unauthorized(name)) if name == "AuthorizationUnsuccessful" => Err(Error::forbidden(resource.scope)),
        Err(Error::Forbidden(_)) => {
            // Either the tenant is no longer connected, or the user who connected it lacks a permission.
            tenants::require_connected(tenant)?;
            Err(Error::forbidden(format!("{}, in Xero's role of the user who connected", resource.role)))
        }
        outcome => outcome,
    }
}
