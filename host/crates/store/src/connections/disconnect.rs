//! Disconnects: the intention is stored first, and the connection is deleted after the provider was asked.

use jackfield_core::{Connection, manifest::MappingFate};
use jiff::Timestamp;

use super::{
    TABLE,
    row::{ConnectionRow, DisconnectColumns, is_readable},
    stored_generation,
};
use crate::{
    NewAudit, ServiceRun, Store, StoreError, audit::lock_audit, oauth_grants::remove_grant, row_macs::MacTable,
    sealed_values::remove_sealed,
};

impl Store {
    /// Records that a disconnect has started, before the provider is asked to revoke the credential.
    ///
    /// If the service stops before the connection is deleted, the disconnect is completed later.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the stored connection is not this one any more.
    pub async fn begin_disconnect(
        &self,
        connection: &Connection,
        by: &str,
        run: &ServiceRun,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let stored = sqlx::query("select * from connections where provider = $1")
            .bind(connection.provider.to_string())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(stored) = stored else { return Err(StoreError::Conflict) };
        // Nothing can be recorded in a row that cannot be read. It also has no credential that could be revoked.
        let parsed = self.parse_with_mac(MacTable::Connections, &stored, ConnectionRow::from_row);
        let Some((mut row, mac)) = parsed.filter(|_| is_readable(&stored)) else { return Ok(()) };
        let is_genuine = self.is_genuine(&row.mac_columns(), mac.as_deref());
        row.disconnect = DisconnectColumns {
            by: Some(by.to_owned()),
            at: Some(self.now()),
            host: Some(run.host.clone()),
            run: Some(run.run.clone()),
        };
        // An edited row stays edited. If this disconnect is interrupted, somebody has to start another one.
        let mac = self.compute_row_mac_if_unsealed(&row.mac_columns()).filter(|_| is_genuine);
        let begun = sqlx::query(
            "update connections set disconnect_by = $1, disconnect_at = $2, disconnect_host = $3, disconnect_run = $4, \
             mac = $5 where id = $6 and generation = $7",
        )
        .bind(row.disconnect.by)
        .bind(row.disconnect.at)
        .bind(row.disconnect.host)
        .bind(row.disconnect.run)
        .bind(mac)
        .bind(connection.id.clone())
        .bind(connection.generation)
        .execute(&mut *transaction)
        .await?;
        if begun.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        transaction.commit().await
    }

    /// Lists the connections with a disconnect that was interrupted.
    ///
    /// It was started by an earlier run of this host, or before `before` by any run. Edited rows are left out.
    pub async fn interrupted_disconnects(
        &self,
        run: &ServiceRun,
        before: Timestamp,
    ) -> Result<Vec<Connection>, StoreError> {
        let rows = sqlx::query(
            "select * from connections where disconnect_at is not null and \
             (disconnect_at < $1 or (disconnect_host = $2 and disconnect_run <> $3)) order by provider",
        )
        .bind(before.as_microsecond())
        .bind(run.host.clone())
        .bind(run.run.clone())
        .fetch_all(&self.pool)
        .await?;
        let rows = rows.iter().filter_map(|row| self.parse_checked(row));
        Ok(rows.filter_map(|(connection, is_genuine)| is_genuine.then_some(connection)).collect())
    }

    /// Deletes a connection, its secrets and, for [`MappingFate::Clear`], the mappings of its provider.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the stored connection is not this one any more; nothing was deleted.
    pub async fn delete_connection(
        &self,
        connection: &Connection,
        mappings: MappingFate,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        // A row that cannot be read has no generation that could be compared.
        if !self.delete_unreadable(&mut transaction, &connection.provider).await? {
            let stored = stored_generation(&mut transaction, &connection.provider).await?;
            if stored != Some((connection.id.clone(), connection.generation)) {
                return Err(StoreError::Conflict);
            }
            remove_grant(&mut transaction, &connection.id).await?;
            remove_sealed(&mut transaction, TABLE, &connection.id).await?;
            sqlx::query("delete from connections where id = $1")
                .bind(connection.id.clone())
                .execute(&mut *transaction)
                .await?;
        }
        if mappings == MappingFate::Clear {
            sqlx::query("delete from mappings where provider = $1")
                .bind(connection.provider.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await
    }
}
