//! Lists the rows that were inserted or edited by hand, for the operator.

use sqlx::any::AnyRow;

use super::{
    EditedRow, Store, StoreError,
    api_tokens::TokenRow,
    configured_apps::ConfiguredAppRow,
    connections::ConnectionRow,
    oauth_apps::{self, OAuthAppRow},
    oauth_flows,
    row_macs::{MacColumns, MacTable, read_mac},
    sessions::SessionRow,
    signin_links::LinkRow,
};

impl Store {
    /// Lists the rows that are ignored because they were inserted or edited by hand.
    ///
    /// Rows that grant nothing anyway, such as expired ones, are not listed. A sealed store lists none, because it
    /// cannot verify MACs.
    pub async fn edited_rows(&self) -> Result<Vec<EditedRow>, StoreError> {
        if self.sealed_reason().is_some() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let mut edited = Vec::new();
        let mut check = |table, row: &AnyRow, columns: Result<MacColumns, StoreError>| match (columns, read_mac(row)) {
            (Ok(columns), Ok(mac)) if self.is_genuine(&columns, mac.as_deref()) => {}
            (Ok(columns), Ok(_)) => edited.push(columns.row().clone()),
            // Its values must not hide the other rows.
            (Err(_), _) | (_, Err(_)) => edited.push(self.report_unreadable(table, row)),
        };
        let tokens = sqlx::query("select * from tokens where revoked_at is null order by id");
        for row in tokens.fetch_all(&self.pool).await? {
            check(MacTable::Tokens, &row, TokenRow::from_row(&row).map(|row| row.mac_columns()));
        }
        let sessions = sqlx::query("select * from sessions where ends_at > $1 order by id").bind(now);
        for row in sessions.fetch_all(&self.pool).await? {
            check(MacTable::Sessions, &row, SessionRow::from_row(&row).map(|row| row.mac_columns()));
        }
        let links = sqlx::query("select * from signin_links where ends_at > $1 order by name").bind(now);
        for row in links.fetch_all(&self.pool).await? {
            check(MacTable::SigninLinks, &row, LinkRow::from_row(&row).map(|row| row.mac_columns()));
        }
        let apps = sqlx::query(oauth_apps::SELECT_WITH_SECRETS).bind(oauth_apps::TABLE).bind(oauth_apps::SECRET);
        for row in apps.fetch_all(&self.pool).await? {
            let has_secret = oauth_apps::has_secret(&row).unwrap_or_default();
            let columns = OAuthAppRow::from_row(&row).map(|row| row.mac_columns(has_secret));
            check(MacTable::OAuthApps, &row, columns);
        }
        for row in sqlx::query("select * from configured_apps order by provider").fetch_all(&self.pool).await? {
            let columns = ConfiguredAppRow::from_row(&row).and_then(|row| row.mac_columns());
            check(MacTable::ConfiguredApps, &row, columns);
        }
        let flows = sqlx::query("select * from oauth_flows where expires_at > $1 order by id").bind(now);
        for row in flows.fetch_all(&self.pool).await? {
            check(MacTable::OAuthFlows, &row, oauth_flows::parse_row(&row).map(|flow| flow.mac_columns()));
        }
        for row in sqlx::query("select * from connections order by provider").fetch_all(&self.pool).await? {
            check(MacTable::Connections, &row, ConnectionRow::from_row(&row).map(|row| row.mac_columns()));
        }
        Ok(edited)
    }
}
