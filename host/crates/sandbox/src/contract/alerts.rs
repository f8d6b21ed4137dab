//! Calls the interface `alerts` 0.1.0, which a component of any version may export.

use wasmtime::Store;

use super::{
    Returned,
    call_types::{from_wit_error, to_wit_connection},
};
use crate::{
    bindings::{jackfield::provider::types, with_alerts::AlertsPre},
    guest::Guest,
    types::GuestConnection,
};

pub(super) async fn get_target(
    pre: &AlertsPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
) -> Returned<Option<String>> {
    let instance = pre.instantiate_async(&mut *store).await?;
    let alerts = instance.jackfield_provider_alerts();
    let returned = alerts.call_get_target(store, &to_wit_connection(connection)).await?;
    Ok(returned.map(|target| target.webhook_url).map_err(from_wit_error))
}

pub(super) async fn set_target(
    pre: &AlertsPre<Guest>,
    store: &mut Store<Guest>,
    connection: GuestConnection,
    webhook_url: Option<String>,
) -> Returned<Option<String>> {
    let instance = pre.instantiate_async(&mut *store).await?;
    let alerts = instance.jackfield_provider_alerts();
    let target = types::AlertTarget { webhook_url };
    let returned = alerts.call_set_target(store, &to_wit_connection(connection), &target).await?;
    Ok(returned.map(|target| target.webhook_url).map_err(from_wit_error))
}
