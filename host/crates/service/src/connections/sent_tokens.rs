//! The tokens that were sent for each connection, so that later calls mask them too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use jackfield_egress::SentTokens;

/// Maximum number of connections whose tokens are remembered. A service has one for each provider, and a new one after
/// each disconnect.
const MAX_CONNECTIONS: usize = 1_024;

/// The sent tokens of this process, by the id of the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct SentTokensByConnection(Arc<Mutex<HashMap<String, SentTokens>>>);

impl SentTokensByConnection {
    /// Returns the tokens of a connection.
    pub(super) fn of(&self, connection_id: &str) -> SentTokens {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.len() >= MAX_CONNECTIONS && !connections.contains_key(connection_id) {
            connections.clear();
        }
        connections.entry(connection_id.to_owned()).or_default().clone()
    }
}
