//! Connections: saved whole with their secrets, changed only by who holds the newest generation.

use std::collections::BTreeMap;

use jackfield_core::{Check, Connection, ProviderId, Secret, Status};
use jiff::Timestamp;
use sqlx::{Any, Row, Transaction, any::AnyRow};
use uuid::Uuid;

use super::{
    NewAudit, Store, StoreError, Tokens, audit::hold_head, grants, grants::remove_grant, optional_time,
    sealed::remove_sealed, time,
};

#[cfg(test)]
mod tests;

const TABLE: &str = "connections";

/// A connection that is about to be stored.
#[derive(Clone, Debug)]
pub struct Draft {
    pub provider: ProviderId,
    pub org_name: Option<String>,
    pub account: Option<String>,
    pub fields: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, Secret<String>>,
    /// The OAuth grant, where the connection has one.
    pub tokens: Option<Tokens>,
    pub connected_by: String,
    pub status: Status,
    pub reason: Option<String>,
    pub check: Check,
}

/// What the writer of a connection believes to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It does not matter: the draft depends on nothing stored.
    Anything,
    /// This connection in this generation, from which the draft took values.
    Generation { id: String, generation: i64 },
}

/// Whether a connection's secrets open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readable {
    Yes,
    No,
}

/// The account that a connection is for, once it is chosen.
#[derive(Clone, Debug)]
pub struct Choice {
    pub account: Option<String>,
    pub org_name: Option<String>,
    pub fields: BTreeMap<String, String>,
    pub check: Check,
}

/// What a question to the provider changes in a connection.
#[derive(Clone, Debug)]
pub struct CheckUpdate {
    pub status: Status,
    pub reason: Option<String>,
    pub retry_at: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
    pub check: Check,
}

impl Store {
    /// Lists every connection, by provider, and tells which secrets open. One that does not open breaks no list.
    ///
    /// # Errors
    /// The database fails.
    pub async fn connections(&self) -> Result<Vec<(Connection, Readable)>, StoreError> {
        let rows = sqlx::query("select * from connections order by provider").fetch_all(&self.pool).await?;
        let sealed = sqlx::query(
            "select owner_table, owner_row, owner_column, key_id, format, wrapped_key, ciphertext from sealed_values \
             where owner_table in ($1, $2) order by owner_column",
        )
        .bind(TABLE)
        .bind(grants::TABLE)
        .fetch_all(&self.pool)
        .await?;
        let mut secrets: BTreeMap<String, (Vec<String>, Readable)> = BTreeMap::new();
        for row in &sealed {
            let (columns, readable) =
                secrets.entry(row.try_get("owner_row")?).or_insert_with(|| (Vec::new(), Readable::Yes));
            let table: String = row.try_get("owner_table")?;
            let table = if table == TABLE {
                columns.push(row.try_get("owner_column")?);
                TABLE
            } else {
                grants::TABLE
            };
            if self.open_row(table, row).is_err() {
                *readable = Readable::No;
            }
        }
        let mut list = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut connection = read(row)?;
            let (columns, readable) = secrets.remove(&connection.id).unwrap_or((Vec::new(), Readable::Yes));
            connection.secret_fields = columns;
            list.push((connection, readable));
        }
        Ok(list)
    }

    /// Finds a provider's connection, without opening its secrets.
    ///
    /// # Errors
    /// The database fails.
    pub async fn connection(&self, provider: &ProviderId) -> Result<Option<Connection>, StoreError> {
        let row = sqlx::query("select * from connections where provider = $1")
            .bind(provider.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut connection = read(&row)?;
        connection.secret_fields = sqlx::query_scalar(
            "select owner_column from sealed_values where owner_table = $1 and owner_row = $2 order by owner_column",
        )
        .bind(TABLE)
        .bind(connection.id.clone())
        .fetch_all(&self.pool)
        .await?;
        Ok(Some(connection))
    }

    /// Opens a connection's secrets, by field.
    ///
    /// # Errors
    /// The store is sealed, a value does not open, or the database fails.
    pub async fn connection_secrets(
        &self,
        connection: &Connection,
    ) -> Result<BTreeMap<String, Secret<String>>, StoreError> {
        self.open_sealed(TABLE, &connection.id).await
    }

    /// Stores a connection with its secrets, OAuth grant and audit row in one transaction.
    ///
    /// After the commit it reads nothing, because another writer may already have removed the connection, and the save
    /// has succeeded all the same.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if `expected` names a generation that is not stored any more; nothing was written.
    pub async fn save_connection(
        &self,
        draft: Draft,
        expected: Expected,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let stored = identity(&mut transaction, &draft.provider).await?;
        if let Expected::Generation { id, generation } = expected
            && stored.as_ref() != Some(&(id, generation))
        {
            return Err(StoreError::Conflict);
        }
        let (id, generation) = match stored {
            Some((id, generation)) => (id, generation + 1),
            None => (Uuid::now_v7().to_string(), 1),
        };
        sqlx::query(
            "insert into connections (id, provider, generation, org_name, account, fields, connected_by, \
             connected_at, status, reason, since, last_check, token_expires_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             on conflict (provider) do update set generation = excluded.generation, org_name = excluded.org_name, \
             account = excluded.account, fields = excluded.fields, connected_by = excluded.connected_by, \
             connected_at = excluded.connected_at, token_expires_at = excluded.token_expires_at, status = excluded.status, \
             reason = excluded.reason, since = excluded.since, retry_at = null, held_until = null, \
             last_check = excluded.last_check",
        )
        .bind(id.clone())
        .bind(draft.provider.to_string())
        .bind(generation)
        .bind(draft.org_name)
        .bind(draft.account)
        .bind(to_json(&draft.fields)?)
        .bind(draft.connected_by)
        .bind(now)
        .bind(draft.status.as_str())
        .bind(draft.reason)
        .bind(now)
        .bind(to_json(&draft.check)?)
        .bind(draft.tokens.as_ref().and_then(|tokens| tokens.expires_at).map(|time| time.as_microsecond()))
        .execute(&mut *transaction)
        .await?;
        self.replace_sealed(&mut transaction, TABLE, &id, &draft.secrets).await?;
        match &draft.tokens {
            Some(tokens) => self.put_grant(&mut transaction, &id, tokens).await?,
            None => remove_grant(&mut transaction, &id).await?,
        }
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        #[cfg(any(test, feature = "testing"))]
        self.pause.wait().await;
        Ok(())
    }

    /// Removes a connection, its secrets and, where asked, the provider's mappings.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the connection is no longer the one that was read.
    pub async fn delete_connection(
        &self,
        connection: &Connection,
        mappings: Mappings,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let stored = identity(&mut transaction, &connection.provider).await?;
        if stored != Some((connection.id.clone(), connection.generation)) {
            return Err(StoreError::Conflict);
        }
        remove_sealed(&mut transaction, TABLE, &connection.id).await?;
        remove_grant(&mut transaction, &connection.id).await?;
        sqlx::query("delete from connections where id = $1")
            .bind(connection.id.clone())
            .execute(&mut *transaction)
            .await?;
        if mappings == Mappings::Clear {
            sqlx::query("delete from mappings where provider = $1")
                .bind(connection.provider.to_string())
                .execute(&mut *transaction)
                .await?;
        }
        self.append_audit(&mut transaction, head, audit).await?;
        Ok(transaction.commit().await?)
    }

    /// Stores which account a connection is for.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the connection is no longer the one that was read.
    pub async fn choose_account(
        &self,
        connection: &Connection,
        choice: Choice,
        audit: NewAudit,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        let changed = sqlx::query(
            "update connections set generation = generation + 1, account = $1, org_name = $2, fields = $3, \
             since = case when status = $4 then since else $5 end, status = $4, reason = null, retry_at = null, \
             held_until = null, last_check = $6 where id = $7 and generation = $8",
        )
        .bind(choice.account)
        .bind(choice.org_name)
        .bind(to_json(&choice.fields)?)
        .bind(Status::Connected.as_str())
        .bind(self.now())
        .bind(to_json(&choice.check)?)
        .bind(connection.id.clone())
        .bind(connection.generation)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        self.append_audit(&mut transaction, head, audit).await?;
        Ok(transaction.commit().await?)
    }

    /// Writes down what a question to the provider came to, unless the connection has changed since it was asked.
    ///
    /// # Errors
    /// The database fails.
    pub async fn record_check(&self, asked: &Connection, update: CheckUpdate) -> Result<(), StoreError> {
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
        .bind(asked.id.clone())
        .bind(asked.generation)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// What becomes of a provider's mappings when its connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mappings {
    Keep,
    Clear,
}

async fn identity(
    transaction: &mut Transaction<'static, Any>,
    provider: &ProviderId,
) -> Result<Option<(String, i64)>, StoreError> {
    let row = sqlx::query("select id, generation from connections where provider = $1")
        .bind(provider.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get("generation")?))).transpose()
}

fn read(row: &AnyRow) -> Result<Connection, StoreError> {
    let provider: String = row.try_get("provider")?;
    let fields: String = row.try_get("fields")?;
    let status: String = row.try_get("status")?;
    let last_check: Option<String> = row.try_get("last_check")?;
    Ok(Connection {
        id: row.try_get("id")?,
        provider: ProviderId::parse(&provider).map_err(|_| StoreError::Corrupt("a provider id"))?,
        generation: row.try_get("generation")?,
        org_name: row.try_get("org_name")?,
        account: row.try_get("account")?,
        fields: serde_json::from_str(&fields).map_err(|_| StoreError::Corrupt("a connection's fields"))?,
        secret_fields: Vec::new(),
        connected_by: row.try_get("connected_by")?,
        connected_at: time(row.try_get("connected_at")?)?,
        token_expires_at: optional_time(row.try_get("token_expires_at")?)?,
        status: Status::from_stored(&status),
        reason: row.try_get("reason")?,
        since: time(row.try_get("since")?)?,
        retry_at: optional_time(row.try_get("retry_at")?)?,
        held_until: optional_time(row.try_get("held_until")?)?,
        // A check that this version cannot read is only a memory; the next one replaces it.
        last_check: last_check.and_then(|text| serde_json::from_str(&text).ok()),
    })
}

fn to_json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a value that is not JSON"))
}
