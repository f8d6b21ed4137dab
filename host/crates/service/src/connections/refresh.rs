//! Keeps OAuth grants alive: one refresh at a time for each, over all processes, that a crash cannot lose.
//!
//! 1. The intent is in the database before the request leaves; whoever wrote it holds the grant alone.
//! 2. The new pair is sealed in the database before its access token is used. It replaces only the pair that it came
//!    from, and only while its writer still holds the grant.
//! 3. An answer that was lost is asked for again with the same refresh token. Only the provider's own `invalid_grant`
//!    ends a grant.
//!
//! Within a process, all who wait for a grant wait for one task; they hold no instance meanwhile.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jackfield_core::{
    Connection, Error, ProviderId,
    manifest::{Auth, OAuth2Grant, RefreshTokens},
};
use jackfield_sandbox::Component;
use jackfield_store::{Asked, Grant, Holder, Run, Store, StoreError, Tokens};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{
    Connections,
    token_endpoint::{TokenEndpoint, TokenError},
};

/// An access token with less left than this is not used any more: a call can take most of it.
const SPENT: SignedDuration = SignedDuration::from_secs(30);

/// From this much on, a used token is refreshed beside the call; access tokens live for half an hour and more.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// By how much that is earlier in one process than in another, so that they do not all come at once.
const JITTER: i64 = 120;

/// How often a holder counts on.
const BEAT: Duration = Duration::from_millis(500);

/// How long a holder's count may stand still: six beats, or a database that hung for as long.
const DEAD_AFTER: Duration = Duration::from_secs(3);

/// How often one who waits for another process looks again.
const LOOK: Duration = Duration::from_millis(50);

/// How often a new pair is offered to a database that does not take it. It is worth far more than the time.
const OFFERS: u32 = 20;

/// The refreshes of this process.
#[derive(Clone)]
pub(super) struct Refreshes(Arc<Inner>);

struct Inner {
    run: Run,
    /// Where the journal is kept, apart from what readers wait for.
    journal: Store,
    /// By connection and generation.
    flights: Mutex<HashMap<(String, i64), Flight>>,
    random: RandomState,
}

type Flight = Shared<BoxFuture<'static, Result<Arc<Grant>, NotRefreshed>>>;

/// Why a grant has no fresh token. Unlike an error it can be told to many who wait.
#[derive(Clone, Debug)]
pub(super) enum NotRefreshed {
    /// The provider ended the grant; says why in words.
    Dead(String),
    RateLimited,
    TimedOut,
    /// The provider failed, or refuses this service's OAuth app.
    Failed(String),
    /// The connection went meanwhile.
    Gone,
    Sealed(String),
    Inner(String),
}

/// Where a refresh stands after a look at the journal.
enum Turn {
    /// It is this run's.
    Ours(Box<Grant>),
    /// Somebody gave a new pair.
    Done(Box<Grant>),
}

impl Refreshes {
    pub(super) fn new(run: Run, store: &Store) -> Self {
        let journal = store.for_journal();
        Self(Arc::new(Inner { run, journal, flights: Mutex::default(), random: RandomState::new() }))
    }

    /// How long before its end this process refreshes a token that is in use.
    fn ahead(&self, grant: &Grant) -> SignedDuration {
        let number = self.0.random.hash_one((&grant.connection_id, grant.generation));
        let jitter = i64::try_from(number % JITTER.unsigned_abs()).unwrap_or(0);
        AHEAD + SignedDuration::from_secs(jitter)
    }
}

impl Connections {
    /// The grant of a connection with an access token that can be used now.
    pub(super) async fn live_grant(&self, component: &Component, connection: &Connection) -> Result<Arc<Grant>, Error> {
        let grant = self.store.grant(&connection.id).await?.ok_or(StoreError::Unreadable)?;
        self.usable(component, connection, Arc::new(grant)).await
    }

    /// A grant as it was read, or the next one where its access token cannot be used now.
    ///
    /// A token that is about to end is refreshed beside; one that has ended is waited for.
    pub(super) async fn usable(
        &self,
        component: &Component,
        connection: &Connection,
        grant: Arc<Grant>,
    ) -> Result<Arc<Grant>, Error> {
        let Some(end) = grant.tokens.expires_at else { return Ok(grant) };
        let left = end.duration_since(self.clock.now());
        if left <= SPENT {
            return self.newer_grant(component, connection, grant.generation).await;
        }
        let is_due = left <= self.refreshes.ahead(&grant) && grant.tokens.refresh.is_some();
        let may_try = connection.retry_at.is_none_or(|retry_at| retry_at <= self.clock.now());
        if is_due && may_try {
            let flight = self.flight(component, connection, grant.generation);
            let (connections, connection) = (self.clone(), connection.clone());
            tokio::spawn(async move {
                if let Err(failure) = flight.await {
                    connections.note_in_background(&connection, failure.into_error(&connection.provider)).await;
                }
            });
        }
        Ok(grant)
    }

    /// A grant that is newer than one whose token the provider no longer takes: refreshed once, by whoever comes
    /// first; all others wait for that.
    pub(super) async fn newer_grant(
        &self,
        component: &Component,
        connection: &Connection,
        used: i64,
    ) -> Result<Arc<Grant>, Error> {
        self.flight(component, connection, used).await.map_err(|failure| failure.into_error(&connection.provider))
    }

    /// Joins the refresh of a pair that is under way in this process, or starts one.
    fn flight(&self, component: &Component, connection: &Connection, used: i64) -> Flight {
        let key = (connection.id.clone(), used);
        let mut flights = self.refreshes.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key) {
            return flight.clone();
        }
        let (connections, component) = (self.clone(), component.clone());
        let (id, own_key) = (connection.id.clone(), key.clone());
        // A task of its own: it goes on to its end when all who wait hang up.
        let task = tokio::spawn(async move {
            let outcome = connections.refresh(&component, &id, used).await;
            let mut flights = connections.refreshes.0.flights.lock().unwrap_or_else(PoisonError::into_inner);
            flights.remove(&own_key);
            outcome.map(Arc::new)
        });
        let flight = task
            .map(|ended| ended.unwrap_or_else(|panic| Err(NotRefreshed::Inner(panic.to_string()))))
            .boxed()
            .shared();
        flights.insert(key, flight.clone());
        flight
    }

    async fn refresh(&self, component: &Component, connection_id: &str, used: i64) -> Result<Grant, NotRefreshed> {
        let Auth::OAuth2(oauth2) = &component.manifest.auth else {
            return Err(NotRefreshed::Inner("the component declares no OAuth grant".to_owned()));
        };
        let provider = component.manifest.id.as_str();
        loop {
            let grant = match self.turn(provider, connection_id, used).await? {
                Turn::Done(grant) => return Ok(*grant),
                Turn::Ours(grant) => grant,
            };
            if let Some(newer) = self.ask(provider, oauth2, &grant).await? {
                return Ok(newer);
            }
            // Somebody took the place meanwhile, and has replaced the pair or will.
        }
    }

    /// Waits until this run may refresh a pair, or somebody else has.
    async fn turn(&self, provider: &str, connection_id: &str, used: i64) -> Result<Turn, NotRefreshed> {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let mut watched: Option<(Holder, Instant)> = None;
        loop {
            let grant = journal.grant(connection_id).await?;
            let grant = grant.ok_or(NotRefreshed::Gone)?;
            if grant.generation > used {
                return Ok(Turn::Done(Box::new(grant)));
            }
            let dead = match (&grant.holder, &watched) {
                (None, _) => None,
                // A former run of this very host: its data folder is ours now, so it is gone.
                (Some(holder), _) if holder.host == run.host && holder.run != run.run => Some(holder.clone()),
                (Some(holder), Some((seen, since))) if holder == seen => {
                    if since.elapsed() < DEAD_AFTER {
                        sleep(LOOK).await;
                        continue;
                    }
                    tracing::warn!(provider, holder = holder.host, "a refresh was left open; taking it over");
                    Some(holder.clone())
                }
                (Some(holder), _) => {
                    watched = Some((holder.clone(), Instant::now()));
                    sleep(LOOK).await;
                    continue;
                }
            };
            if journal.begin_refresh(&grant, dead.as_ref(), run).await? {
                return Ok(Turn::Ours(Box::new(grant)));
            }
        }
    }

    /// Asks the token endpoint, counting on meanwhile, and stores what it gives; none when this run lost its place.
    async fn ask(&self, provider: &str, oauth2: &OAuth2Grant, grant: &Grant) -> Result<Option<Grant>, NotRefreshed> {
        let Inner { run, journal, .. } = &*self.refreshes.0;
        let give_up = |asked| journal.give_up_refresh(grant, asked, run);
        let Some(refresh) = &grant.tokens.refresh else {
            give_up(Asked::Answered).await?;
            return Err(NotRefreshed::Dead("its access token has ended, and it gives no refresh token".to_owned()));
        };
        let app = match self.oauth_app(provider, oauth2).await {
            Ok(app) => app,
            Err(error) => {
                give_up(unchanged(grant)).await?;
                return Err(NotRefreshed::Failed(error.to_string()));
            }
        };
        let endpoint = TokenEndpoint { egress: &self.egress, clock: &self.clock, provider, grant: oauth2, app: &app };
        let asked = self.counting(grant, endpoint.refresh(refresh)).await;
        metrics::counter!(
            "jackfield_refreshes_total", "provider" => provider.to_owned(),
            "outcome" => if asked.is_ok() { "ok" } else { "failed" }
        )
        .increment(1);
        match asked {
            Ok(tokens) => self.counting(grant, self.keep(grant, &tokens)).await,
            Err(TokenError::Refused(refusal)) => {
                give_up(Asked::Answered).await?;
                Err(match (refusal.status, refusal.error.as_deref()) {
                    (429, _) => NotRefreshed::RateLimited,
                    // The one word that says that the grant is dead (RFC 6749 §5.2).
                    (_, Some("invalid_grant")) => NotRefreshed::Dead(why_dead(grant, oauth2)),
                    _ => NotRefreshed::Failed(format!(
                        "its token endpoint refuses this service: {}",
                        TokenError::Refused(refusal)
                    )),
                })
            }
            Err(TokenError::NotSent(error)) => {
                give_up(unchanged(grant)).await?;
                Err(NotRefreshed::Failed(error.to_string()))
            }
            Err(TokenError::NoAnswer(error)) => {
                give_up(Asked::Lost).await?;
                Err(match error {
                    Error::ProviderTimeout => NotRefreshed::TimedOut,
                    other => NotRefreshed::Failed(other.to_string()),
                })
            }
        }
    }

    /// Seals a new pair in the database; while that fails, offers it again.
    async fn keep(&self, grant: &Grant, tokens: &Tokens) -> Result<Option<Grant>, NotRefreshed> {
        let mut offers = 0;
        loop {
            match self.refreshes.0.journal.finish_refresh(grant, tokens, &self.refreshes.0.run).await {
                Ok(false) => return Ok(None),
                Ok(true) => break,
                Err(error) if offers < OFFERS => {
                    tracing::warn!(%error, "a new pair of tokens is not stored yet");
                    offers += 1;
                    sleep(BEAT).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Grant {
            generation: grant.generation + 1,
            tokens: tokens.clone(),
            given_at: self.clock.now(),
            asked_at: None,
            holder: None,
            connection_id: grant.connection_id.clone(),
        }))
    }

    /// Does something while counting on, so that others see that this run lives.
    async fn counting<T>(&self, grant: &Grant, work: impl Future<Output = T>) -> T {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beats.tick().await;
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beats.tick() => {
                    if let Err(error) = self.refreshes.0.journal.still_refreshing(grant, &self.refreshes.0.run).await {
                        tracing::debug!(%error, "could not count on");
                    }
                }
            }
        }
    }

    /// Refreshes what must not wait for a caller: what was left open by a crash or a lost answer, and what would die
    /// of disuse.
    pub async fn tend_grants(&self) {
        match self.grants_due().await {
            Ok(due) => {
                for (component, connection) in due {
                    let used = match self.store.grant(&connection.id).await {
                        Ok(Some(grant)) => grant.generation,
                        Ok(None) => continue,
                        Err(error) => {
                            tracing::warn!(provider = %connection.provider, %error, "a grant could not be opened");
                            continue;
                        }
                    };
                    if let Err(error) = self.newer_grant(&component, &connection, used).await {
                        self.note_in_background(&connection, error).await;
                    }
                }
            }
            Err(error) => tracing::warn!(error = %error, "the grants could not be looked through"),
        }
    }

    async fn grants_due(&self) -> Result<Vec<(Component, Connection)>, Error> {
        let now = self.clock.now();
        let open = self.store.grants_left_open(&self.refreshes.0.run).await?;
        let mut due = Vec::new();
        for (provider, given_at) in self.store.grants_given().await? {
            let Ok(component) = self.catalog.component(&provider) else { continue };
            let Auth::OAuth2(oauth2) = &component.manifest.auth else { continue };
            if !open.contains(&provider) && !is_stale(oauth2, given_at, now) {
                continue;
            }
            let id = self.id(&provider)?;
            let Some(connection) = self.store.connection(&id).await? else { continue };
            let may_try = connection.retry_at.is_none_or(|retry_at| retry_at <= now);
            if may_try && connection.status != jackfield_core::Status::NeedsReauth {
                due.push((component, connection));
            }
        }
        Ok(due)
    }

    /// Writes down what a refresh came to that nobody waits for.
    async fn note_in_background(&self, connection: &Connection, error: Error) {
        tracing::warn!(provider = %connection.provider, code = error.code(), %error, "a refresh failed");
        if !super::checks::tells_of_the_connection(&error) {
            return;
        }
        let check = self.failed_check(&error, Duration::ZERO);
        if let Err(error) = self.record(connection, Some(&error), check).await {
            tracing::error!(%error, "a failed refresh could not be written down");
        }
    }
}

/// Whether a pair has been unused for half of what the provider lets it live.
fn is_stale(oauth2: &OAuth2Grant, given_at: Timestamp, now: Timestamp) -> bool {
    oauth2.idle_lifetime.is_some_and(|idle| now.duration_since(given_at).as_secs() > i64::from(idle / 2))
}

/// A request that was not sent leaves the journal as it was.
fn unchanged(grant: &Grant) -> Asked {
    if grant.asked_at.is_some() { Asked::Lost } else { Asked::Answered }
}

/// Says why a grant is dead, and whether a lost answer may have been the cause.
fn why_dead(grant: &Grant, oauth2: &OAuth2Grant) -> String {
    let cause = match (grant.asked_at, oauth2.refresh) {
        (Some(at), RefreshTokens::Rotating(Some(seconds))) => format!(
            " (the answer to a refresh of {at} was lost; the provider takes the former refresh token for {seconds} s \
             after that)"
        ),
        (Some(at), RefreshTokens::Rotating(None)) => format!(
            " (the answer to a refresh of {at} was lost, and the provider does not say that it takes the former \
             refresh token again)"
        ),
        _ => String::new(),
    };
    format!("invalid_grant{cause}")
}

impl NotRefreshed {
    pub(super) fn into_error(self, provider: &ProviderId) -> Error {
        match self {
            Self::Dead(why) => Error::NeedsReauth(why),
            Self::RateLimited => super::outcome::rate_limited(None),
            Self::TimedOut => Error::ProviderTimeout,
            Self::Failed(why) => Error::ProviderError(why),
            Self::Gone => Error::NotConnected(provider.to_string()),
            Self::Sealed(why) => Error::Sealed(why),
            Self::Inner(why) => Error::internal(why),
        }
    }
}

impl From<StoreError> for NotRefreshed {
    fn from(error: StoreError) -> Self {
        match Error::from(error) {
            Error::Sealed(why) => Self::Sealed(why),
            Error::Internal(source) => Self::Inner(source.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl fmt::Debug for Refreshes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Refreshes").field("run", &self.0.run).finish_non_exhaustive()
    }
}
