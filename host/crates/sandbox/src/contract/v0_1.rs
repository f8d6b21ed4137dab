//! Version 0.1.0 of the contract, whose types the rest of the sandbox speaks.

use wasmtime::Store;

use crate::{
    Operation,
    bindings::{ComponentPre, jackfield::provider::types},
    guest::Guest,
    operation::Raw,
};

pub(super) const VERSION: &str = "0.1.0";

pub(super) async fn describe(pre: &ComponentPre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<types::Manifest> {
    let bindings = pre.instantiate_async(&mut *store).await?;
    bindings.jackfield_provider_provider().call_describe(store).await
}

pub(super) async fn perform(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: &types::Connection,
    operation: Operation,
) -> wasmtime::Result<Raw> {
    let bindings = pre.instantiate_async(&mut *store).await?;
    let provider = bindings.jackfield_provider_provider();
    Ok(match operation {
        Operation::Connect => Raw::Connected(provider.call_connect(store, connection).await?),
        Operation::Disconnect => Raw::Disconnected(provider.call_disconnect(store, connection).await?),
        Operation::Health => Raw::Healthy(provider.call_health(store, connection).await?),
        Operation::ListUsers { cursor, limit } => {
            let page = types::PageRequest { cursor, limit };
            Raw::Page(provider.call_list_users(store, connection, &page).await?)
        }
        Operation::AlertTarget | Operation::SetAlertTarget(_) => wasmtime::bail!("not an export of `provider`"),
    })
}
