//! Lists the stored connections with their status, without asking the providers.

use jackfield_core::{Connection, Error, StartedDisconnect, Status};
use jackfield_store::{ListedConnection, SecretsReadable};

use super::{
    Connections,
    missing_fields::{MissingFields, may_be_deleted},
    parse_provider_id,
    secret_release::describe_needed,
};

impl Connections {
    /// Lists every connection.
    ///
    /// A connection whose secrets cannot be decrypted, or whose plugin cannot be used, is listed with the reason.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list(&self) -> Result<Vec<Connection>, Error> {
        let mut list = Vec::new();
        for listed in self.store.connections().await? {
            let obstacle = self.find_obstacle(&listed);
            let mut connection = listed.connection;
            if let Some((status, reason)) = obstacle {
                connection.status = status;
                connection.reason = Some(reason);
            }
            list.push(connection);
        }
        Ok(list)
    }

    /// Returns the stored connection of a provider, if there is one.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`] if there is neither a connection nor a plugin, or the database fails.
    pub async fn find(&self, provider: &str) -> Result<Option<Connection>, Error> {
        let stored = self.store.connection(&parse_provider_id(provider)?).await?;
        if stored.is_none() {
            self.require_provider(provider)?;
        }
        Ok(stored)
    }

    /// Returns why a connection cannot be used on this host, if there is a reason.
    fn find_obstacle(&self, listed: &ListedConnection) -> Option<(Status, String)> {
        let connection = &listed.connection;
        if let Some(reason) = self.store.sealed_reason() {
            return Some((Status::Unreadable, reason.to_owned()));
        }
        if let Some(StartedDisconnect { by, at }) = &connection.disconnect {
            return Some((
                Status::Degraded,
                format!(
                    "{by} started to disconnect it at {at:.0}; if that was interrupted, it is completed automatically, \
                     or by another disconnect"
                ),
            ));
        }
        let unreadable = match listed.readable {
            SecretsReadable::Yes => None,
            SecretsReadable::No => Some("its stored credential cannot be decrypted with this master key"),
            SecretsReadable::Edited => Some("it was changed in the database, not by Jackfield, so it is not used"),
        };
        if let Some(reason) = unreadable {
            return Some((Status::Unreadable, reason.to_owned()));
        }
        match self.catalog.component(connection.provider.as_str()) {
            Err(error) => Some((Status::Degraded, describe_unusable_plugin(&error))),
            Ok(component) => {
                let is_stored = |name: &str| connection.secret_fields.iter().any(|stored| stored == name);
                let manifest = &component.manifest;
                if let Some(missing) = MissingFields::find(manifest, connection, is_stored) {
                    if missing.has_secret && may_be_deleted(manifest, connection.secret_fields.len()) {
                        let reason = "a secret that its plugin requires is not stored: it was deleted from the \
                                      database, or the approved version requires one more";
                        return Some((Status::Unreadable, reason.to_owned()));
                    }
                    return Some((Status::NeedsReauth, missing.describe(manifest)));
                }
                describe_needed(&component.manifest, listed).map(|reason| (Status::NeedsReauth, reason))
            }
        }
    }
}

/// Says why a plugin cannot be used.
///
/// The credential is complete, so nobody has to connect again.
fn describe_unusable_plugin(error: &Error) -> String {
    match error {
        Error::UnknownProvider(provider) => {
            format!("its plugin is missing: add the component of `{provider}` again and approve it")
        }
        Error::PluginFault { fault, .. } => format!("its plugin is broken: {fault}"),
        other => format!("its plugin cannot be used: {other}"),
    }
}
