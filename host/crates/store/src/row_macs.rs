//! The MACs of rows that grant access or control secrets, such as API tokens and OAuth apps.
//!
//! Somebody who can write to the database, but cannot read the master key, must not become a caller or redirect a
//! secret. So each such row has a MAC over every column that grants something, with a key that is derived from the
//! master key for its table. A row without a valid MAC is treated as if it did not exist, and reported once.
//!
//! While the store is sealed, no MAC can be verified. Then the rows are accepted, but the API changes nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use jackfield_core::mac;
use jackfield_vault::Vault;
use sqlx::{Row, any::AnyRow};

use super::{Keys, Store, StoreError};

/// The number of edited rows that are remembered, so that each is logged once. More are not logged.
const MAX_REPORTED: usize = 1_000;

/// The tables whose rows have a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MacTable {
    Tokens,
    Sessions,
    SigninLinks,
    OAuthApps,
    ConfiguredApps,
    OAuthFlows,
    Connections,
}

impl MacTable {
    /// Returns the name of the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Sessions => "sessions",
            Self::SigninLinks => "signin_links",
            Self::OAuthApps => "oauth_apps",
            Self::ConfiguredApps => "configured_apps",
            Self::OAuthFlows => "oauth_flows",
            Self::Connections => "connections",
        }
    }
}

/// A row that was inserted or edited by hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EditedRow {
    pub table: MacTable,
    /// Its id, or its provider or name if it has no id that may be shown.
    pub row: String,
}

/// The edited rows that were found since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct EditedRows(Arc<Mutex<BTreeSet<(&'static str, String)>>>);

/// The columns of a row that its MAC covers, as they are stored.
#[derive(Debug)]
pub(super) struct MacColumns {
    row: EditedRow,
    parts: Vec<Vec<u8>>,
}

impl MacColumns {
    /// Starts a row without columns. `row` names it in reports.
    pub(super) fn new(table: MacTable, row: &str) -> Self {
        Self { row: EditedRow { table, row: row.to_owned() }, parts: Vec::new() }
    }

    pub(super) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    pub(super) fn optional_text(self, value: Option<&str>) -> Self {
        self.part(value.map(str::as_bytes))
    }

    pub(super) fn number(self, value: i64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn optional_number(self, value: Option<i64>) -> Self {
        self.part(value.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice))
    }

    pub(super) fn bytes(self, value: &[u8]) -> Self {
        self.part(Some(value))
    }

    /// Adds a column. The first byte distinguishes null from an empty value.
    fn part(mut self, value: Option<&[u8]>) -> Self {
        let mut part = vec![u8::from(value.is_some())];
        part.extend_from_slice(value.unwrap_or_default());
        self.parts.push(part);
        self
    }

    /// Returns what names the row in reports.
    pub(super) fn row(&self) -> &EditedRow {
        &self.row
    }

    /// Computes the MAC of the row.
    pub(super) fn compute_mac(&self, vault: &Vault) -> Vec<u8> {
        self.with_parts(|parts| mac::compute(&self.derive_key(vault), parts).to_vec())
    }

    fn verify(&self, vault: &Vault, expected: &[u8]) -> bool {
        self.with_parts(|parts| mac::verify(&self.derive_key(vault), parts, expected))
    }

    fn derive_key(&self, vault: &Vault) -> jackfield_core::Secret<jackfield_vault::KeyBytes> {
        vault.derive_key(&format!("rows of {}", self.row.table.as_str()))
    }

    fn with_parts<T>(&self, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        let parts: Vec<&[u8]> = self.parts.iter().map(Vec::as_slice).collect();
        with(&parts)
    }
}

/// Returns the stored MAC of a row.
pub(super) fn read_mac(row: &AnyRow) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(row.try_get("mac")?)
}

impl Store {
    /// Returns the MAC to be stored with a row.
    ///
    /// # Errors
    /// [`StoreError::Sealed`].
    pub(super) fn compute_row_mac(&self, columns: &MacColumns) -> Result<Vec<u8>, StoreError> {
        Ok(columns.compute_mac(self.require_unsealed()?))
    }

    /// Returns the MAC to be stored with a row; nothing while the store is sealed.
    pub(super) fn compute_row_mac_if_unsealed(&self, columns: &MacColumns) -> Option<Vec<u8>> {
        self.compute_row_mac(columns).ok()
    }

    /// Returns whether a row may be used: its MAC is valid, or the store is sealed.
    ///
    /// Logs a row that may not, once.
    pub(super) fn is_genuine(&self, columns: &MacColumns, stored: Option<&[u8]>) -> bool {
        let Keys::Open(vault) = &self.keys else { return true };
        let genuine = stored.is_some_and(|stored| columns.verify(vault, stored));
        if !genuine {
            self.edited_rows.report(columns.row.table.as_str(), &columns.row.row);
        }
        genuine
    }

    /// Logs a row with values that Jackfield does not store, once, and returns its name for reports.
    pub(super) fn report_unreadable(&self, table: MacTable, row: &AnyRow) -> EditedRow {
        let name = match table {
            MacTable::Tokens | MacTable::Sessions | MacTable::OAuthFlows => "id",
            MacTable::SigninLinks => "name",
            MacTable::OAuthApps | MacTable::ConfiguredApps | MacTable::Connections => "provider",
        };
        let row = EditedRow { table, row: row.try_get(name).unwrap_or_else(|_| "unreadable".to_owned()) };
        self.edited_rows.report(table.as_str(), &row.row);
        row
    }

    /// Parses a row and reads its MAC. `None`: it contains values that Jackfield does not store, and is reported.
    pub(super) fn parse_with_mac<T>(
        &self,
        table: MacTable,
        row: &AnyRow,
        parse: impl FnOnce(&AnyRow) -> Result<T, StoreError>,
    ) -> Option<(T, Option<Vec<u8>>)> {
        let parsed = parse(row).and_then(|parsed| Ok((parsed, read_mac(row)?)));
        if parsed.is_err() {
            self.report_unreadable(table, row);
        }
        parsed.ok()
    }

    /// Parses rows that have no MAC, and leaves out those with values that Jackfield does not store. They are logged.
    ///
    /// Otherwise one edited row would hide all others.
    pub(super) fn parse_readable<T>(
        &self,
        table: &'static str,
        rows: &[AnyRow],
        parse: impl Fn(&AnyRow) -> Result<T, StoreError>,
    ) -> Vec<T> {
        rows.iter().filter_map(|row| self.log_unreadable(table, row, parse(row))).collect()
    }

    /// Returns what was parsed from a row. Logs a row that cannot be parsed, once.
    pub(super) fn log_unreadable<T>(
        &self,
        table: &'static str,
        row: &AnyRow,
        parsed: Result<T, StoreError>,
    ) -> Option<T> {
        if parsed.is_err() {
            let names = ["id", "digest", "provider", "connection_id", "person_id"];
            let name = names.iter().find_map(|name| row.try_get::<String, _>(*name).ok());
            self.edited_rows.report(table, name.as_deref().unwrap_or("unreadable"));
        }
        parsed.ok()
    }
}

impl EditedRows {
    /// Logs the row unless it was logged before.
    fn report(&self, table: &'static str, row: &str) {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < MAX_REPORTED && reported.insert((table, row.to_owned())) {
            tracing::error!(table, ?row, "row in the database was inserted or edited by hand; it is ignored");
        }
    }
}

#[cfg(test)]
mod tests {
    use jackfield_core::Secret;

    use super::*;

    fn mac(columns: &MacColumns) -> Vec<u8> {
        columns.compute_mac(&Vault::new(Secret::new([7; 32])))
    }

    fn new() -> MacColumns {
        MacColumns::new(MacTable::Tokens, "1")
    }

    #[test]
    fn every_list_of_values_has_its_own_mac() {
        let all = [
            new(),
            new().text(""),
            new().optional_text(None),
            new().text("ab").text("c"),
            new().text("a").text("bc"),
            new().number(0),
            new().optional_number(None).number(0),
            new().number(0).optional_number(None),
        ];
        let macs: BTreeSet<Vec<u8>> = all.iter().map(mac).collect();
        assert_eq!(macs.len(), all.len());
        assert_eq!(mac(&new().number(5)), mac(&new().optional_number(Some(5))));
    }

    #[test]
    fn a_mac_is_valid_in_its_table_only() {
        let session = MacColumns::new(MacTable::Sessions, "1").text("a");
        assert_ne!(mac(&new().text("a")), mac(&session));
    }
}
