//! Calls a component of version 0.1.0 of the contract.

use jackfield_core::{User, manifest::Manifest};
use wasmtime::Store;

use super::{
    Returned,
    call_types::{from_wit_connect, from_wit_disconnect, from_wit_error, from_wit_facts, to_wit_connection},
    manifest::from_wit_manifest,
};
use crate::{
    bindings::{Component, ComponentPre, jackfield::provider::types},
    guest::Guest,
    types::{ConnectOutcome, DisconnectOutcome, Fact, GuestConnection, GuestPage, GuestUser},
};

pub(super) const VERSION: &str = "0.1.0";

pub(super) async fn describe(pre: &ComponentPre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<Manifest> {
    let instance = instantiate(pre, store).await?;
    Ok(from_wit_manifest(instance.jackfield_provider_provider().call_describe(store).await?))
}

pub(super) async fn connect(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
) -> Returned<ConnectOutcome> {
    let (instance, connection) = (instantiate(pre, store).await?, to_wit_connection(connection));
    let returned = instance.jackfield_provider_provider().call_connect(store, &connection).await?;
    Ok(returned.map(from_wit_connect).map_err(from_wit_error))
}

pub(super) async fn disconnect(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
) -> Returned<DisconnectOutcome> {
    let (instance, connection) = (instantiate(pre, store).await?, to_wit_connection(connection));
    let returned = instance.jackfield_provider_provider().call_disconnect(store, &connection).await?;
    Ok(returned.map(from_wit_disconnect).map_err(from_wit_error))
}

pub(super) async fn check_health(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
) -> Returned<Vec<Fact>> {
    let (instance, connection) = (instantiate(pre, store).await?, to_wit_connection(connection));
    let returned = instance.jackfield_provider_provider().call_health(store, &connection).await?;
    Ok(returned.map(from_wit_facts).map_err(from_wit_error))
}

pub(super) async fn list_users(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
    cursor: Option<String>,
    limit: u32,
) -> Returned<GuestPage> {
    let (instance, connection) = (instantiate(pre, store).await?, to_wit_connection(connection));
    let request = types::PageRequest { cursor, limit };
    let returned = instance.jackfield_provider_provider().call_list_users(store, &connection, &request).await?;
    Ok(returned.map(from_wit_page).map_err(from_wit_error))
}

async fn instantiate(pre: &ComponentPre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<Component> {
    pre.instantiate_async(store).await
}

fn from_wit_page(page: types::Page) -> GuestPage {
    let users = page.users.into_iter().map(|types::User { external_id, name, email, aliases, active }| GuestUser {
        user: User { external_id, name, email, aliases, active },
        is_person: true,
    });
    GuestPage { users: users.collect(), next_cursor: page.next_cursor }
}
