//! Connections and their secrets.
//!
//! Each change of a connection increments its generation. A change that is based on an earlier generation is rejected.
//! Each row has a MAC; see [`row_macs`](super::row_macs).

mod disconnect;
mod row;

use std::collections::BTreeMap;

use jackfield_core::{
    Check, Connection, ProviderId, Status,
    manifest::{BoundSecret, Destinations},
};
use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};
use uuid::Uuid;

pub(super) use self::row::ConnectionRow;
use self::row::{DisconnectColumns, is_readable, parse_row, parse_unreadable};
use super::{
    NewAudit, OAuthTokens, Store, StoreError,
    audit::lock_audit,
    database::transaction::WriteTransaction,
    oauth_grants::{self, lock_grant, remove_grant},
    row_macs::{MacTable, read_mac},
};

#[cfg(test)]
mod tests;

const TABLE: &str = "connections";

/// The error for a connection that was inserted or edited by hand.
const EDITED: StoreError = StoreError::Edited("connection", "connect again");

/// A connection to be stored.
#[derive(Clone, Debug)]
pub struct NewConnection {
    pub provider: ProviderId,
    pub org_name: Option<String>,
    pub account: Option<String>,
    pub fields: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, BoundSecret>,
    /// The tokens of its OAuth grant, if it has one.
    pub grant: Option<NewGrant>,
    pub connected_by: String,
    pub status: Status,
    pub reason: Option<String>,
    pub check: Check,
}

/// The OAuth grant of a new connection.
#[derive(Clone, Debug)]
pub struct NewGrant {
    pub tokens: OAuthTokens,
    /// Where the plugin that the person connected with sends the tokens.
    pub entered_for: Destinations,
}

/// A connection in a list, and what is known about its secrets.
#[derive(Clone, Debug)]
pub struct ListedConnection {
    pub connection: Connection,
    pub readable: SecretsReadable,
    /// The destinations for which each secret field was entered. Without those that cannot be opened.
    pub entered_for: BTreeMap<String, Destinations>,
    /// The destinations for which the OAuth grant was made.
    pub grant_entered_for: Option<Destinations>,
}

/// Which state a writer expects to replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Any state, because the new connection contains nothing that was read from the stored one.
    Anything,
    /// This generation of this connection, because the new one contains values that were read from it.
    Generation { id: String, generation: i64 },
}

/// Whether all secrets of a connection can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsReadable {
    Yes,
    No,
    /// The row of the connection was inserted or edited by hand, so its secrets are not opened.
    Edited,
}

/// The account that was chosen for a connection, and what changes with it.
#[derive(Clone, Debug)]
pub struct AccountChoice {
    pub account: Option<String>,
    pub org_name: Option<String>,
    pub fields: BTreeMap<String, String>,
    pub check: Check,
}

/// The changes to a connection after a check at the provider.
#[derive(Clone, Debug)]
pub struct ConnectionCheckUpdate {
    pub status: Status,
    pub reason: Option<String>,
    pub retry_at: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
    pub check: Check,
}

impl Store {
    /// Lists all connections by provider, and what is known about the secrets of each.
    pub async fn connections(&self) -> Result<Vec<ListedConnection>, StoreError> {
        let rows = sqlx::query("select * from connections order by provider").fetch_all(&self.pool).await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some((connection, is_genuine)) = self.parse_checked(row) else { continue };
            list.push(ListedConnection {
                connection,
                readable: if is_genuine { SecretsReadable::Yes } else { SecretsReadable::Edited },
                entered_for: BTreeMap::new(),
                grant_entered_for: None,
            });
        }
        for secret in self.list_secrets().await? {
            let Some(listed) = list.iter_mut().find(|listed| listed.connection.id == secret.row) else { continue };
            if secret.table == TABLE {
                listed.connection.secret_fields.push(secret.column.clone());
            }
            match secret.entered_for {
                None if listed.readable == SecretsReadable::Edited => {}
                None => listed.readable = SecretsReadable::No,
                Some(entered_for) if secret.table == TABLE => {
                    listed.entered_for.insert(secret.column, entered_for);
                }
                Some(entered_for) if secret.table == oauth_grants::TABLE => {
                    listed.grant_entered_for = Some(entered_for);
                }
                Some(_) => {}
            }
        }
        Ok(list)
    }

    /// Returns the connection of a provider, without opening its secrets.
    ///
    /// A row that was edited by hand has no fields and no account, and its secrets cannot be opened.
    pub async fn connection(&self, provider: &ProviderId) -> Result<Option<Connection>, StoreError> {
        let row = sqlx::query("select * from connections where provider = $1")
            .bind(provider.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some((mut connection, _)) = self.parse_checked(&row) else { return Ok(None) };
        let secrets = sqlx::query(
            "select owner_column from sealed_values where owner_table = $1 and owner_row = $2 order by owner_column",
        )
        .bind(TABLE)
        .bind(connection.id.clone())
        .fetch_all(&self.pool)
        .await?;
        connection.secret_fields =
            self.parse_readable("sealed_values", &secrets, |row| Ok(row.try_get("owner_column")?));
        Ok(Some(connection))
    }

    /// Opens the secrets of a connection, by field.
    ///
    /// # Errors
    /// The store is sealed, the row was edited by hand, a secret cannot be opened, or the database fails.
    pub async fn connection_secrets(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<String, BoundSecret>, StoreError> {
        if !self.check_connection_row(&connection.id, connection.provider.as_str()).await? {
            return Ok(BTreeMap::new());
        }
        self.open_sealed(TABLE, &connection.id).await
    }

    /// Checks the row of a connection before its secrets are opened for a provider. Returns `false` if it was deleted.
    ///
    /// Otherwise its secrets could be used for another provider than they were entered for, even if the row was only
    /// edited for a moment.
    ///
    /// # Errors
    /// [`StoreError::Edited`].
    pub(super) async fn check_connection_row(&self, id: &str, provider: &str) -> Result<bool, StoreError> {
        if id.is_empty() {
            // The id of its row cannot be read.
            return Err(EDITED);
        }
        let row = sqlx::query("select * from connections where id = $1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        match row.map(|row| self.parse_checked(&row)) {
            None => Ok(false),
            Some(Some((connection, true))) if connection.provider.as_str() == provider => Ok(true),
            Some(_) => Err(EDITED),
        }
    }

    /// Parses a row, and returns whether it is genuine. No value of a row that is not genuine is used.
    ///
    /// A row with values that Jackfield does not store is not genuine, and has no values. `None`: not even its provider
    /// can be read. Then it counts as if it did not exist.
    fn parse_checked(&self, row: &AnyRow) -> Option<(Connection, bool)> {
        let parse = || Ok::<_, StoreError>((ConnectionRow::from_row(row)?, read_mac(row)?, parse_row(row)?));
        let Ok((columns, mac, mut connection)) = parse() else {
            self.report_unreadable(MacTable::Connections, row);
            return parse_unreadable(row).map(|connection| (connection, false));
        };
        let is_genuine = self.is_genuine(&columns.mac_columns(), mac.as_deref());
        if !is_genuine {
            connection.fields = BTreeMap::new();
            connection.account = None;
            connection.org_name = None;
            connection.disconnect = None;
        }
        Some((connection, is_genuine))
    }

    /// Deletes the connection of a provider if its row cannot be parsed, so that it can be replaced or removed.
    ///
    /// Returns whether it was deleted.
    async fn delete_unreadable(
        &self,
        transaction: &mut WriteTransaction,
        provider: &ProviderId,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query("select * from connections where provider = $1")
            .bind(provider.to_string())
            .fetch_optional(&mut **transaction)
            .await?;
        if row.is_none_or(|row| is_readable(&row)) {
            return Ok(false);
        }
        sqlx::query("delete from connections where provider = $1")
            .bind(provider.to_string())
            .execute(&mut **transaction)
            .await?;
        // Its id may be another one than that of its secrets, so everything that has no connection is deleted.
        for statement in [
            "delete from grants where connection_id not in (select id from connections)",
            "delete from sealed_values where owner_table in ('connections', 'grants') \
             and owner_row not in (select id from connections)",
        ] {
            sqlx::query(statement).execute(&mut **transaction).await?;
        }
        Ok(true)
    }

    /// Stores a connection with its secrets, OAuth grant and audit row in one transaction.
    ///
    /// It does not read the connection again after the commit, because another writer may already have deleted it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `expected` names a generation that is not stored any more; nothing was written.
    pub async fn save_connection(
        &self,
        new: NewConnection,
        expected: Expected,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        self.delete_unreadable(&mut transaction, &new.provider).await?;
        let stored = stored_generation(&mut transaction, &new.provider).await?;
        if let Expected::Generation { id, generation } = expected
            && stored.as_ref() != Some(&(id, generation))
        {
            return Err(StoreError::Conflict);
        }
        let (id, generation) = match stored {
            Some((id, generation)) => {
                lock_grant(&mut transaction, &id).await?;
                // Wraps around, because an edited row can contain the largest number.
                (id, generation.wrapping_add(1))
            }
            None => (Uuid::now_v7().to_string(), 1),
        };
        let row = ConnectionRow {
            id: id.clone(),
            provider: new.provider.to_string(),
            generation,
            org_name: new.org_name,
            account: new.account,
            fields: to_json(&new.fields)?,
            connected_by: new.connected_by,
            connected_at: now,
            disconnect: DisconnectColumns::default(),
        };
        let mac = self.compute_row_mac(&row.mac_columns())?;
        sqlx::query(
            "insert into connections (id, provider, generation, org_name, account, fields, connected_by, \
             connected_at, status, reason, since, last_check, token_expires_at, mac) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
             on conflict (provider) do update set generation = excluded.generation, org_name = excluded.org_name, \
             account = excluded.account, fields = excluded.fields, connected_by = excluded.connected_by, \
             connected_at = excluded.connected_at, token_expires_at = excluded.token_expires_at, status = excluded.status, \
             reason = excluded.reason, since = excluded.since, retry_at = null, held_until = null, \
             last_check = excluded.last_check, mac = excluded.mac, disconnect_by = null, disconnect_at = null, \
             disconnect_host = null, disconnect_run = null",
        )
        .bind(row.id)
        .bind(row.provider)
        .bind(row.generation)
        .bind(row.org_name)
        .bind(row.account)
        .bind(row.fields)
        .bind(row.connected_by)
        .bind(row.connected_at)
        .bind(new.status.as_str())
        .bind(new.reason)
        .bind(now)
        .bind(to_json(&new.check)?)
        .bind(new.grant.as_ref().and_then(|grant| grant.tokens.expires_at).map(|time| time.as_microsecond()))
        .bind(mac)
        .execute(&mut *transaction)
        .await?;
        self.replace_sealed(&mut transaction, TABLE, &id, &new.secrets).await?;
        match &new.grant {
            Some(grant) => self.save_grant(&mut transaction, &id, &grant.tokens, &grant.entered_for).await?,
            None => remove_grant(&mut transaction, &id).await?,
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        #[cfg(any(test, feature = "testing"))]
        self.pause.wait().await;
        Ok(())
    }

    /// Stores the account that was chosen for a connection.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the stored connection is not this one any more; nothing was changed.
    pub async fn choose_account(
        &self,
        connection: &Connection,
        choice: AccountChoice,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        let stored = sqlx::query("select * from connections where id = $1 and generation = $2")
            .bind(connection.id.clone())
            .bind(connection.generation)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(stored) = stored else { return Err(StoreError::Conflict) };
        let stored = self.parse_with_mac(MacTable::Connections, &stored, ConnectionRow::from_row);
        let genuine = stored.filter(|(stored, mac)| self.is_genuine(&stored.mac_columns(), mac.as_deref()));
        let Some((stored, _)) = genuine else { return Err(EDITED) };
        let row = ConnectionRow {
            generation: stored.generation.wrapping_add(1),
            account: choice.account,
            org_name: choice.org_name,
            fields: to_json(&choice.fields)?,
            ..stored
        };
        let mac = self.compute_row_mac(&row.mac_columns())?;
        let changed = sqlx::query(
            "update connections set generation = $9, account = $1, org_name = $2, fields = $3, \
             since = case when status = $4 then since else $5 end, status = $4, reason = null, retry_at = null, \
             held_until = null, last_check = $6, mac = $10 where id = $7 and generation = $8",
        )
        .bind(row.account)
        .bind(row.org_name)
        .bind(row.fields)
        .bind(Status::Connected.as_str())
        .bind(self.now())
        .bind(to_json(&choice.check)?)
        .bind(connection.id.clone())
        .bind(connection.generation)
        .bind(row.generation)
        .bind(mac)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }

    /// Stores the result of a check, unless the connection has changed since then.
    pub async fn record_check(&self, checked: &Connection, update: ConnectionCheckUpdate) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query(
            "update connections set since = case when status = $1 then since else $2 end, status = $1, reason = $3, \
             retry_at = $4, held_until = $5, last_check = $6 where id = $7 and generation = $8",
        )
        .bind(update.status.as_str())
        .bind(self.now())
        .bind(update.reason)
        .bind(update.retry_at.map(|time| time.as_microsecond()))
        .bind(update.held_until.map(|time| time.as_microsecond()))
        .bind(to_json(&update.check)?)
        .bind(checked.id.clone())
        .bind(checked.generation)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await
    }
}

/// Returns the id and generation of the stored connection of a provider.
async fn stored_generation(
    transaction: &mut WriteTransaction,
    provider: &ProviderId,
) -> Result<Option<(String, i64)>, StoreError> {
    let row = sqlx::query("select id, generation from connections where provider = $1")
        .bind(provider.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get("generation")?))).transpose()
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a value cannot be serialized"))
}
