//! What serves for one sign-in alone: one-time links, and the states of ways through an identity provider.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_core::{Secret, audit::Action};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::{Any, Row, Transaction};

use super::{NewAudit, Spends, Store, StoreError, audit::hold_head, random};

/// How long a link may be spent: time to walk over to a browser.
pub const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// What stands behind the link's `#`: 256 random bits in base64url.
pub type LinkText = Secret<String>;

/// A link that may still be spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigninLink {
    hash: Vec<u8>,
    /// What the audit will call who signs in by it.
    pub name: String,
}

impl Store {
    /// Makes a link for one sign-in and shows it this once.
    ///
    /// # Errors
    /// The database or the system's randomness fails.
    pub async fn create_signin_link(&self, name: &str, audit: NewAudit) -> Result<LinkText, StoreError> {
        let text = Secret::new(URL_SAFE_NO_PAD.encode(random()?));
        let ends_at = self.clock.now().saturating_add(LINK_LIFE).unwrap_or(Timestamp::MAX);
        let mut transaction = self.begin().await?;
        let head = hold_head(&mut transaction).await?;
        sqlx::query("insert into signin_links (hash, name, ends_at) values ($1, $2, $3)")
            .bind(hash(text.expose()))
            .bind(name.to_owned())
            .bind(ends_at.as_microsecond())
            .execute(&mut *transaction)
            .await?;
        self.append_audit(&mut transaction, head, audit).await?;
        transaction.commit().await?;
        Ok(text)
    }

    /// Finds a link that was not spent and has not ended. It is spent with the [begin](Self::begin_session) of its
    /// session.
    ///
    /// # Errors
    /// The database fails.
    pub async fn find_signin_link(&self, text: &str) -> Result<Option<SigninLink>, StoreError> {
        let hash = hash(text);
        let name = sqlx::query("select name from signin_links where hash = $1 and ends_at > $2")
            .bind(hash.clone())
            .bind(self.now())
            .fetch_optional(&self.pool)
            .await?;
        name.map(|row| Ok(SigninLink { hash, name: row.try_get("name")? })).transpose()
    }

    /// Whether nobody could be in yet: no token of an Executive was ever made, and no session ever begun.
    ///
    /// # Errors
    /// The database fails.
    pub async fn is_untouched(&self) -> Result<bool, StoreError> {
        let token = sqlx::query("select 1 from tokens where level = 'executive' limit 1");
        if token.fetch_optional(&self.pool).await?.is_some() {
            return Ok(false);
        }
        let session = sqlx::query("select 1 from audit where action = $1 and outcome = 'done' limit 1").bind(Action::SessionSignIn.as_str());
        Ok(session.fetch_optional(&self.pool).await?.is_none())
    }
}

/// Spends what serves once; false when it is spent or has ended.
pub(super) async fn spend(
    transaction: &mut Transaction<'static, Any>,
    what: &Spends,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let spent = match what {
        Spends::Nothing => return Ok(true),
        Spends::Link(link) => sqlx::query("delete from signin_links where hash = $1 and ends_at > $2")
            .bind(link.hash.clone())
            .bind(now.as_microsecond()),
        Spends::State(state, ends_at) => {
            sqlx::query("insert into signin_states (hash, ends_at) values ($1, $2) on conflict (hash) do nothing")
                .bind(hash(state.expose()))
                .bind(ends_at.as_microsecond())
        }
    };
    Ok(spent.execute(&mut **transaction).await?.rows_affected() == 1)
}

fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
