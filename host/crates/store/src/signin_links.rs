//! Sign-in links, and other proofs that start a single session.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Secret, audit::Action};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use super::{
    NewAudit, Store, StoreError,
    audit::lock_audit,
    database::transaction::WriteTransaction,
    generate_random,
    row_macs::{MacColumns, MacTable},
};

/// How long a sign-in link is valid: long enough to open it in a browser.
const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// The fragment of a sign-in link: 256 random bits in base64url.
pub type SigninLinkSecret = Secret<String>;

/// A sign-in link that is valid and has not been used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigninLink {
    hash: Vec<u8>,
    /// The name that the audit log shows for the person who signs in with it.
    pub name: String,
}

/// What a sign-in uses up, so that it cannot start a second session.
#[derive(Clone, Debug)]
pub enum SingleUseProof {
    NotNeeded,
    SigninLink(SigninLink),
    /// The `state` of an OpenID Connect flow, and when it expires.
    ///
    /// It is stored until then, so that it is not accepted twice.
    OidcState(Secret<String>, Timestamp),
}

impl Store {
    /// Creates a link for one sign-in, and returns its secret. Only the hash is stored.
    ///
    /// # Errors
    /// [`StoreError::Sealed`], because the row could not be authenticated.
    pub async fn create_signin_link(&self, name: &str, audit: NewAudit) -> Result<SigninLinkSecret, StoreError> {
        let text = Secret::new(URL_SAFE_NO_PAD.encode(generate_random()?));
        let ends_at = self.clock.now().saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        let row = LinkRow { hash: hash_text(text.expose()), name: name.to_owned(), ends_at: ends_at.as_microsecond() };
        let mac = self.compute_row_mac(&row.mac_columns())?;
        let mut transaction = self.begin().await?;
        let head = lock_audit(&mut transaction).await?;
        sqlx::query("insert into signin_links (hash, name, ends_at, mac) values ($1, $2, $3, $4)")
            .bind(row.hash)
            .bind(row.name)
            .bind(row.ends_at)
            .bind(mac)
            .execute(&mut *transaction)
            .await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(text)
    }

    /// Finds a link that has not been used and has not expired.
    ///
    /// [`create_session`](Self::create_session) uses it up.
    pub async fn find_signin_link(&self, text: &str) -> Result<Option<SigninLink>, StoreError> {
        let hash = hash_text(text);
        let found = sqlx::query("select * from signin_links where hash = $1 and ends_at > $2")
            .bind(hash)
            .bind(self.now())
            .fetch_optional(&self.pool)
            .await?;
        let Some(found) = found else { return Ok(None) };
        let Some((row, mac)) = self.parse_with_mac(MacTable::SigninLinks, &found, LinkRow::from_row) else {
            return Ok(None);
        };
        let genuine = self.is_genuine(&row.mac_columns(), mac.as_deref());
        Ok(genuine.then_some(SigninLink { hash: row.hash, name: row.name }))
    }

    /// Returns whether nobody has had access so far.
    ///
    /// That is the case until somebody creates an Executive token or signs in.
    pub async fn was_never_used(&self) -> Result<bool, StoreError> {
        let token = sqlx::query("select 1 from tokens where level = 'executive' limit 1");
        if token.fetch_optional(&self.pool).await?.is_some() {
            return Ok(false);
        }
        // An Executive token that ended long ago is only in the audit log.
        let session = sqlx::query(
            "select 1 from audit where outcome = 'done' \
             and (action = $1 or (action = $2 and detail like '%, executive')) limit 1",
        )
        .bind(Action::SessionSignIn.as_str())
        .bind(Action::TokenCreate.as_str());
        Ok(session.fetch_optional(&self.pool).await?.is_none())
    }
}

/// A row of the table of links.
pub(super) struct LinkRow {
    hash: Vec<u8>,
    name: String,
    ends_at: i64,
}

impl LinkRow {
    pub(super) fn from_row(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self { hash: row.try_get("hash")?, name: row.try_get("name")?, ends_at: row.try_get("ends_at")? })
    }

    /// Returns the columns of the MAC. Reports show the name, because the hash is the only id.
    pub(super) fn mac_columns(&self) -> MacColumns {
        MacColumns::new(MacTable::SigninLinks, &self.name).bytes(&self.hash).text(&self.name).number(self.ends_at)
    }
}

/// Uses up a proof. Returns `false` if it was already used or has expired.
pub(super) async fn use_up(
    transaction: &mut WriteTransaction,
    proof: &SingleUseProof,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let statement = match proof {
        SingleUseProof::NotNeeded => return Ok(true),
        SingleUseProof::SigninLink(link) => sqlx::query("delete from signin_links where hash = $1 and ends_at > $2")
            .bind(link.hash.clone())
            .bind(now.as_microsecond()),
        SingleUseProof::OidcState(state, ends_at) => {
            sqlx::query("insert into signin_states (hash, ends_at) values ($1, $2) on conflict (hash) do nothing")
                .bind(hash_text(state.expose()))
                .bind(ends_at.as_microsecond())
        }
    };
    Ok(statement.execute(&mut **transaction).await?.rows_affected() == 1)
}

pub(super) fn hash_text(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
