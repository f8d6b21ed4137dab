//! A row of the table, and the columns that its MAC covers.

use std::collections::BTreeMap;

use jackfield_core::{Connection, ProviderId, StartedDisconnect, Status};
use jiff::Timestamp;
use sqlx::{Row, any::AnyRow};

use crate::{
    StoreError,
    row_macs::{MacColumns, MacTable, read_mac},
    to_optional_timestamp, to_timestamp,
};

/// The columns of a connection that its MAC covers. The others are its status, which grants nothing.
pub(crate) struct ConnectionRow {
    pub(crate) id: String,
    pub(super) provider: String,
    pub(super) generation: i64,
    pub(super) org_name: Option<String>,
    pub(super) account: Option<String>,
    /// JSON.
    pub(super) fields: String,
    pub(super) connected_by: String,
    pub(super) connected_at: i64,
    pub(super) disconnect: DisconnectColumns,
}

/// Who started a disconnect, and where. All are null if none has started.
///
/// The MAC covers them, because otherwise somebody who can write to the database could revoke a credential in the name
/// of somebody else.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DisconnectColumns {
    pub(super) by: Option<String>,
    pub(super) at: Option<i64>,
    pub(super) host: Option<String>,
    pub(super) run: Option<String>,
}

impl ConnectionRow {
    pub(crate) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            provider: row.try_get("provider")?,
            generation: row.try_get("generation")?,
            org_name: row.try_get("org_name")?,
            account: row.try_get("account")?,
            fields: row.try_get("fields")?,
            connected_by: row.try_get("connected_by")?,
            connected_at: row.try_get("connected_at")?,
            disconnect: DisconnectColumns {
                by: row.try_get("disconnect_by")?,
                at: row.try_get("disconnect_at")?,
                host: row.try_get("disconnect_host")?,
                run: row.try_get("disconnect_run")?,
            },
        })
    }

    /// Returns the columns of the MAC. Reports show the provider, which is what people know.
    ///
    /// Those of a disconnect follow only if one has started, so that earlier MACs stay valid.
    pub(crate) fn mac_columns(&self) -> MacColumns {
        let columns = MacColumns::new(MacTable::Connections, &self.provider)
            .text(&self.id)
            .text(&self.provider)
            .number(self.generation)
            .optional_text(self.org_name.as_deref())
            .optional_text(self.account.as_deref())
            .text(&self.fields)
            .text(&self.connected_by)
            .number(self.connected_at);
        if self.disconnect == DisconnectColumns::default() {
            return columns;
        }
        columns
            .optional_text(self.disconnect.by.as_deref())
            .optional_number(self.disconnect.at)
            .optional_text(self.disconnect.host.as_deref())
            .optional_text(self.disconnect.run.as_deref())
    }
}

/// Returns whether every value of a row that its MAC covers can be read.
pub(super) fn is_readable(row: &AnyRow) -> bool {
    ConnectionRow::from_row(row).is_ok() && read_mac(row).is_ok() && parse_row(row).is_ok()
}

/// Returns a connection without values in the place of a row that cannot be read; nothing without its provider.
pub(super) fn parse_unreadable(row: &AnyRow) -> Option<Connection> {
    let provider: String = row.try_get("provider").ok()?;
    Some(Connection {
        id: row.try_get("id").unwrap_or_default(),
        provider: ProviderId::parse(&provider).ok()?,
        generation: row.try_get("generation").unwrap_or_default(),
        org_name: None,
        account: None,
        fields: BTreeMap::new(),
        secret_fields: Vec::new(),
        connected_by: String::new(),
        connected_at: read_time(row, "connected_at").unwrap_or(Timestamp::UNIX_EPOCH),
        token_expires_at: None,
        status: Status::Unreadable,
        reason: None,
        since: read_time(row, "since").unwrap_or(Timestamp::UNIX_EPOCH),
        retry_at: None,
        held_until: None,
        last_check: None,
        disconnect: None,
    })
}

/// Reads a time of the status. The MAC does not cover the status, so a value that cannot be read counts as absent.
fn read_time(row: &AnyRow, column: &str) -> Option<Timestamp> {
    row.try_get(column).ok().flatten().and_then(|time| to_timestamp(time).ok())
}

pub(super) fn parse_row(row: &AnyRow) -> Result<Connection, StoreError> {
    let provider: String = row.try_get("provider")?;
    let fields: String = row.try_get("fields")?;
    let status: String = row.try_get("status").unwrap_or_default();
    let last_check: Option<String> = row.try_get("last_check").unwrap_or_default();
    let connected_at = to_timestamp(row.try_get("connected_at")?)?;
    let disconnect_by: Option<String> = row.try_get("disconnect_by")?;
    let disconnect_at = to_optional_timestamp(row.try_get("disconnect_at")?)?;
    Ok(Connection {
        id: row.try_get("id")?,
        provider: ProviderId::parse(&provider).map_err(|_| StoreError::Corrupt("a provider id"))?,
        generation: row.try_get("generation")?,
        org_name: row.try_get("org_name")?,
        account: row.try_get("account")?,
        fields: serde_json::from_str(&fields).map_err(|_| StoreError::Corrupt("the fields of a connection"))?,
        secret_fields: Vec::new(),
        connected_by: row.try_get("connected_by")?,
        connected_at,
        token_expires_at: read_time(row, "token_expires_at"),
        status: Status::from_stored(&status),
        reason: row.try_get("reason").unwrap_or_default(),
        since: read_time(row, "since").unwrap_or(connected_at),
        retry_at: read_time(row, "retry_at"),
        held_until: read_time(row, "held_until"),
        // A check that this version cannot parse is dropped, because the next check replaces it.
        last_check: last_check.and_then(|text| serde_json::from_str(&text).ok()),
        disconnect: disconnect_by.zip(disconnect_at).map(|(by, at)| StartedDisconnect { by, at }),
    })
}
