//! Runs a match in a task of its own, which continues if its caller disconnects or stops waiting.
//!
//! Its progress is stored in the database, so that every host can show it. A caller who waits until the end gets the
//! plan; otherwise the plan is stored, and can be fetched for an hour.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jackfield_core::{Error, ProviderId, audit::Actor};
use jackfield_store::{MatchRun, MatchRunState, NewMatchRun};
use tokio::{
    sync::{OwnedSemaphorePermit, oneshot},
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};
use tracing::Instrument;
use uuid::Uuid;

use super::{MatchMode, MatchPlan, People, is_id};
use crate::connections::ALL_USERS_TIMEOUT;

/// How long a caller should wait if too many matches are running, in seconds.
const RETRY_AFTER: u32 = 5;

/// The time limit of a match: the users of the provider, and everything in the database.
const MATCH_TIME: Duration = ALL_USERS_TIMEOUT.saturating_add(Duration::from_secs(60));

/// How often progress is stored, if there is any.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// How often a heartbeat is stored without progress.
const BEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Renders a plan as parts of one JSON document.
pub type RenderPlan = fn(&MatchPlan, MatchMode) -> Result<Vec<String>, Error>;

/// The answer to a caller who starts a match.
#[derive(Debug)]
pub enum MatchAnswer {
    /// The plan, because it was ready in time.
    Plan(Box<MatchPlan>),
    /// The id of the match, which continues.
    Running(String),
}

/// The matches that this process works on. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningMatches(Arc<Mutex<HashMap<String, JoinHandle<()>>>>);

/// A match to work on.
#[derive(Debug)]
pub(super) struct MatchJob {
    /// The id of the match and of its plan.
    pub(super) id: String,
    pub(super) provider: ProviderId,
    pub(super) mode: MatchMode,
    pub(super) actor: Actor,
    render: RenderPlan,
    _permit: OwnedSemaphorePermit,
}

/// How much of the provider's users was read.
#[derive(Debug, Default)]
pub(super) struct MatchProgress {
    pages: AtomicU64,
    accounts: AtomicU64,
}

impl People {
    /// Starts to match a provider's accounts to people, and waits for the plan for at most `wait`.
    ///
    /// The match continues if this future is dropped, and ends after eleven minutes at most. `render` renders a plan
    /// that nobody waits for.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if too many matches are running. While this waits, every error of the provider, and
    /// [`Error::Conflict`] if people or mappings changed while its users were read, or if the match was cancelled;
    /// nothing is linked then.
    pub async fn start_match(
        &self,
        provider: &str,
        mode: MatchMode,
        wait: Duration,
        actor: &Actor,
        render: RenderPlan,
    ) -> Result<MatchAnswer, Error> {
        self.store.require_unsealed()?;
        let provider = self.connections.require_provider(provider)?;
        let permit = Arc::clone(&self.matches).try_acquire_owned().map_err(|_none_free| Error::Overloaded {
            what: "too many matches are running".to_owned(),
            retry_after: RETRY_AFTER,
        })?;
        let (id, actor) = (Uuid::now_v7().to_string(), actor.clone());
        let is_dry_run = mode == MatchMode::DryRun;
        let new = NewMatchRun { id: id.clone(), provider: provider.clone(), is_dry_run, run: self.run.clone() };
        let job = MatchJob { id: id.clone(), provider, mode, actor, render, _permit: permit };
        let (sender, mut receiver) = oneshot::channel();
        let (begun, is_stored) = oneshot::channel();
        let people = self.clone();
        // The task begins with the row, so that a caller who disconnects meanwhile leaves no row without a task.
        let task = async move {
            match people.store.begin_match_run(new).await {
                Ok(()) => {
                    let _disconnected = begun.send(());
                    people.finish_match(job, sender).await;
                }
                Err(error) => drop(sender.send(Err(error.into()))),
            }
        };
        self.running.start(id.clone(), task.in_current_span());
        // Otherwise the caller could ask for a match that is not stored yet. If it cannot be, `receiver` has the error.
        let _is_stored = is_stored.await;
        let received = tokio::time::timeout(wait, &mut receiver).await;
        let received = received.or_else(|_elapsed| {
            receiver.close();
            // It may have arrived just now.
            receiver.try_recv().map(Ok).map_err(drop)
        });
        match received {
            Ok(Ok(plan)) => plan.map(Box::new).map(MatchAnswer::Plan),
            Ok(Err(_cancelled)) => Err(cancelled()),
            Err(()) => Ok(MatchAnswer::Running(id)),
        }
    }

    /// Returns the state and the progress of a match.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the provider has no such match, or it ended more than an hour ago.
    pub async fn match_run(&self, provider: &str, id: &str) -> Result<MatchRun, Error> {
        let provider = self.connections.require_provider(provider)?;
        let unknown =
            || Error::NotFound("this provider has no match with that id, or it ended more than an hour ago".to_owned());
        if !is_id(id) {
            return Err(unknown());
        }
        let run = self.store.match_run(&provider, id, &self.run).await?.ok_or_else(unknown)?;
        let MatchRunState::Abandoned { is_applied } = run.state else { return Ok(run) };
        let detail = if is_applied {
            "the service stopped after it had linked people, and the plan is lost; match again to see who is linked, or \
             undo the match"
        } else {
            "the service stopped while it worked on the match; nothing was linked, start the match again"
        };
        // If its process is still running after all, it can no longer continue the match.
        self.store.fail_match_run(id, is_applied, "internal", detail).await?;
        self.store.match_run(&provider, id, &self.run).await?.ok_or_else(unknown)
    }

    /// Lists the matches that run or have just ended, on all hosts.
    ///
    /// # Errors
    /// The database fails.
    pub async fn recent_matches(&self) -> Result<Vec<MatchRun>, Error> {
        Ok(self.store.recent_match_runs(&self.run).await?)
    }

    /// Returns one part of the plan of a match that is ready.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or the database fails.
    pub async fn match_part(&self, id: &str, position: i64) -> Result<String, Error> {
        let part = self.store.match_run_part(id, position).await?;
        part.ok_or_else(|| Error::NotFound("the plan of this match is no longer stored".to_owned()))
    }

    /// Cancels a match, on whichever host it runs. It links nobody then.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such match; [`Error::Conflict`] if it has ended.
    pub async fn cancel_match(&self, provider: &str, id: &str) -> Result<(), Error> {
        self.match_run(provider, id).await?;
        if !self.store.cancel_match_run(id).await? {
            return Err(Error::Conflict("the match has already ended".to_owned()));
        }
        self.running.abort(id);
        Ok(())
    }

    /// Ends all matches of this process. They link nobody, and their state is then failed.
    pub async fn stop_matches(&self) {
        for id in self.running.abort_all() {
            let detail = "the service was stopped; nothing was linked, start the match again";
            if let Err(error) = self.store.fail_match_run(&id, false, "internal", detail).await {
                tracing::warn!(%error, "the end of a match was not stored");
            }
        }
    }

    /// Works on a match until it ends, and passes on or stores its result.
    async fn finish_match(&self, job: MatchJob, caller: oneshot::Sender<Result<MatchPlan, Error>>) {
        let progress = MatchProgress::default();
        let work = tokio::time::timeout(MATCH_TIME, self.work_on_match(&job, &progress));
        let result = tokio::select! {
            result = work => result.unwrap_or(Err(Error::ProviderTimeout)),
            () = self.keep_match_alive(&job.id, &progress) => Err(cancelled()),
        };
        if let Err(error @ Error::Internal(_)) = &result {
            tracing::error!(error = error as &dyn std::error::Error, "match failed");
        }
        let stored = match caller.send(result) {
            Ok(()) => self.store.delete_match_run(&job.id).await.map_err(Error::from),
            Err(Ok(plan)) => self.store_plan(&job, &plan, &progress).await,
            Err(Err(error)) => {
                let (code, detail) = (error.code(), error.to_string());
                self.store.fail_match_run(&job.id, false, code, &detail).await.map_err(Error::from)
            }
        };
        if let Err(error) = stored {
            tracing::error!(error = &error as &dyn std::error::Error, "the result of a match was not stored");
        }
        self.running.remove(&job.id);
    }

    async fn store_plan(&self, job: &MatchJob, plan: &MatchPlan, progress: &MatchProgress) -> Result<(), Error> {
        let (pages, accounts) = progress.get();
        let _still_runs = self.store.record_match_progress(&job.id, pages, accounts).await?;
        let _was_cancelled = self.store.store_match_result(&job.id, (job.render)(plan, job.mode)?).await?;
        Ok(())
    }

    /// Stores heartbeats and progress, until the match must end.
    async fn keep_match_alive(&self, id: &str, progress: &MatchProgress) {
        let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut stored, mut stored_at) = (progress.get(), Instant::now());
        loop {
            interval.tick().await;
            let now = progress.get();
            if now == stored && stored_at.elapsed() < BEAT_INTERVAL {
                continue;
            }
            match self.store.record_match_progress(id, now.0, now.1).await {
                Ok(true) => (stored, stored_at) = (now, Instant::now()),
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the progress of a match was not stored"),
            }
        }
    }
}

impl RunningMatches {
    fn start(&self, id: String, task: impl Future<Output = ()> + Send + 'static) {
        // Held while the task is created, so that a task that ends at once is removed after it was added.
        let mut running = self.lock();
        running.insert(id, tokio::spawn(task));
    }

    fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    fn abort(&self, id: &str) {
        if let Some(task) = self.lock().remove(id) {
            task.abort();
        }
    }

    fn abort_all(&self) -> Vec<String> {
        self.lock().drain().map(|(id, task)| (id, task.abort()).0).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MatchProgress {
    pub(super) fn add_page(&self, accounts: usize) {
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.accounts.fetch_add(accounts as u64, Ordering::Relaxed);
    }

    fn get(&self) -> (u64, u64) {
        (self.pages.load(Ordering::Relaxed), self.accounts.load(Ordering::Relaxed))
    }
}

pub(super) fn cancelled() -> Error {
    Error::Conflict("the match was cancelled; nothing was linked".to_owned())
}
