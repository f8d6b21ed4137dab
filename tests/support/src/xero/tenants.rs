//! The organisations of the user, and which app is connected to which of them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::format_utc;

/// An organisation, or a practice.
#[derive(Debug)]
pub(super) struct StandInTenant {
    pub(super) id: String,
    pub(super) name: String,
    /// The edition, such as `AU`; `None` for a practice.
    pub(super) version: Option<String>,
    pub(super) has_payroll: bool,
    /// Whether the user's role can read it.
    pub(super) is_readable: bool,
}

/// One app's connection to a tenant.
#[derive(Debug)]
pub(super) struct TenantConnection {
    pub(super) id: Uuid,
    pub(super) tenant: String,
    client_id: String,
    /// Shared by the tenants that were authorised together.
    event: Uuid,
    made: i64,
}

/// All tenants and connections.
#[derive(Debug)]
pub(super) struct Tenants {
    pub(super) organisations: Vec<StandInTenant>,
    connections: Vec<TenantConnection>,
}

impl StandInTenant {
    pub(super) fn new(id: &str, name: &str, version: &str) -> Self {
        // Other editions have no payroll.
        let has_payroll = ["AU", "UK", "NZ"].contains(&version.trim_end_matches("ONRAMP"));
        Self { version: Some(version.to_owned()), has_payroll, ..Self::practice(id, name) }
    }

    pub(super) fn practice(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), version: None, has_payroll: false, is_readable: true }
    }
}

impl Tenants {
    pub(super) fn of(organisation: StandInTenant) -> Self {
        Self { organisations: vec![organisation], connections: Vec::new() }
    }

    pub(super) fn add(&mut self, organisation: StandInTenant) {
        self.organisations.push(organisation);
    }

    pub(super) fn of_id(&mut self, id: &str) -> &mut StandInTenant {
        let found = self.organisations.iter_mut().find(|organisation| organisation.id == id);
        found.expect("the organisation exists in the stand-in")
    }

    /// Connects an app to a tenant. An existing connection is kept and gets the new event.
    pub(super) fn connect(&mut self, client_id: &str, tenant: &str, event: Uuid, now: i64) {
        let found = self.connections.iter_mut().find(|known| known.client_id == client_id && known.tenant == tenant);
        match found {
            Some(connection) => connection.event = event,
            None => self.connections.push(TenantConnection {
                id: Uuid::new_v4(),
                tenant: tenant.to_owned(),
                client_id: client_id.to_owned(),
                event,
                made: now,
            }),
        }
    }

    /// Returns the connections of an app.
    pub(super) fn of_app(&self, client_id: &str) -> impl Iterator<Item = &TenantConnection> {
        self.connections.iter().filter(move |connection| connection.client_id == client_id)
    }

    /// Returns a tenant by id if the app is connected to it.
    pub(super) fn find_connected(&self, client_id: &str, tenant: &str) -> Option<&StandInTenant> {
        self.of_app(client_id).find(|connection| connection.tenant == tenant)?;
        self.organisations.iter().find(|organisation| organisation.id == tenant)
    }

    /// Deletes a connection of an app by the connection's own id. Returns whether it existed.
    pub(super) fn delete(&mut self, client_id: &str, id: &str) -> bool {
        let before = self.connections.len();
        self.connections.retain(|known| known.client_id != client_id || known.id.to_string() != id);
        self.connections.len() < before
    }

    /// Deletes every app's connection to a tenant.
    pub(super) fn disconnect(&mut self, tenant: &str) {
        self.connections.retain(|connection| connection.tenant != tenant);
    }

    /// Deletes every connection of an app.
    pub(super) fn disconnect_app(&mut self, client_id: &str) {
        self.connections.retain(|connection| connection.client_id != client_id);
    }

    /// Returns the connections of an app as `GET /connections` lists them, optionally of one event.
    pub(super) fn list_connections(&self, client_id: &str, event: Option<&str>) -> Value {
        let of_event = |connection: &&TenantConnection| event.is_none_or(|event| connection.event.to_string() == event);
        let row = |connection: &TenantConnection| {
            let organisation = self.organisations.iter().find(|organisation| organisation.id == connection.tenant)?;
            let kind = if organisation.version.is_some() { "ORGANISATION" } else { "PRACTICE" };
            // Seven fractional digits and no time zone.
            let made = format_utc(connection.made, "%Y-%m-%dT%H:%M:%S.5165400");
            Some(json!({
                "id": connection.id.to_string(), "authEventId": connection.event.to_string(), "tenantId": organisation.id, "tenantType": kind,
                "tenantName": organisation.name, "createdDateUtc": made, "updatedDateUtc": made,
            }))
        };
        self.of_app(client_id).filter(of_event).filter_map(row).collect()
    }
}
