//! Version 0.2.0 of the contract, brought to 0.1.0: of the users that it lists, those that are no person are left out.

use wasmtime::Store;

use crate::{
    Operation,
    bindings::{
        jackfield::provider::types,
        v0_2::{ComponentPre, exports::jackfield::provider0_2_0::provider as new},
    },
    guest::Guest,
    operation::{Raw, USERS},
};

pub(super) const VERSION: &str = "0.2.0";

pub(super) async fn describe(pre: &ComponentPre<Guest>, store: &mut Store<Guest>) -> wasmtime::Result<types::Manifest> {
    let bindings = pre.instantiate_async(&mut *store).await?;
    bindings.jackfield_provider0_2_0_provider().call_describe(store).await
}

pub(super) async fn perform(
    pre: &ComponentPre<Guest>,
    store: &mut Store<Guest>,
    connection: &types::Connection,
    operation: Operation,
) -> wasmtime::Result<Raw> {
    let bindings = pre.instantiate_async(&mut *store).await?;
    let provider = bindings.jackfield_provider0_2_0_provider();
    Ok(match operation {
        Operation::Connect => Raw::Connected(provider.call_connect(store, connection).await?),
        Operation::Disconnect => Raw::Disconnected(provider.call_disconnect(store, connection).await?),
        Operation::Health => Raw::Healthy(provider.call_health(store, connection).await?),
        Operation::ListUsers { cursor, limit } => {
            let page = types::PageRequest { cursor, limit };
            Raw::Page(match provider.call_list_users(store, connection, &page).await? {
                Ok(page) => Ok(older(page)?),
                Err(error) => Err(error),
            })
        }
        Operation::AlertTarget | Operation::SetAlertTarget(_) => wasmtime::bail!("not an export of `provider`"),
    })
}

fn older(page: new::Page) -> wasmtime::Result<types::Page> {
    // Judged before some are left out, for what is left is judged as a page of the older version.
    if page.users.len() > USERS {
        wasmtime::bail!("it broke the contract: it gave more users than a page holds");
    }
    let people = page.users.into_iter().filter(|user| user.kind == new::UserKind::Person);
    let users = people.map(|new::User { external_id, name, email, aliases, active, kind: _ }| types::User {
        external_id,
        name,
        email,
        aliases,
        active,
    });
    Ok(types::Page { users: users.collect(), next_cursor: page.next_cursor })
}
