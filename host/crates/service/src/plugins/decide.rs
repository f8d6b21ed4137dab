//! What an Executive decides: sends a component in, approves, disables, goes back, removes. Each with its audit row.

use std::sync::Arc;

use jackfield_core::{Error, FieldError, Outcome, ProviderId, audit::Actor};
use jackfield_sandbox::catalog::{Entry, State, Trust};
use jackfield_signing::Signer;
use jackfield_store::{Change, Decision, Forget, NewAudit, NewComponent, OfferSource, StoreError};

use super::{Plugins, Turn};

/// How often a decision starts over because another host changed the catalog meanwhile.
const TRIES: u32 = 3;

/// A decision that was made from what is known, to be written with an audit row.
struct Decided {
    decisions: Vec<(String, Decision)>,
    forget: Forget,
    detail: Option<String>,
}

impl Plugins {
    /// Takes the bytes of a component in, with the text of a signature. It waits for approval, unless it is trusted by
    /// itself.
    ///
    /// # Errors
    /// The signature does not hold, it is not a component that could be approved, the service is sealed, or the database fails.
    pub async fn add(&self, bytes: Vec<u8>, signature: Option<&str>, actor: &Actor) -> Result<Arc<Entry>, Error> {
        let (store, sandbox) = (&self.0.setup.store, &self.0.setup.sandbox);
        store.vault()?;
        // Before the bytes are compiled: what somebody signed and somebody else changed is not looked into.
        let signed = match &self.0.setup.trust {
            Trust::Signed { keys, .. } => keys.signer(&bytes, signature),
            Trust::Shipped(_) | Trust::All => Signer::Nobody,
        };
        let signed = signed.whose().map_err(|why| Error::InvalidFields(vec![FieldError::new("signature", why)]))?;
        let component = match sandbox.load(bytes.clone()).await {
            Ok(component) => component,
            Err(why) => return Err(Error::InvalidFields(vec![FieldError::new("component", why.to_string())])),
        };
        let manifest = &component.manifest;
        let provider = ProviderId::parse(&manifest.id).map_err(Error::internal)?;
        let mut turn = self.0.turn.lock().await;
        self.settle(&mut turn).await?;
        let serves = self
            .catalog()
            .entry(&manifest.id)
            .is_some_and(|entry| entry.state == State::Approved && entry.digest.as_ref() == Some(&component.digest));
        if !serves {
            let audit = NewAudit {
                actor: actor.clone(),
                action: "provider.add",
                provider: Some(provider),
                outcome: Outcome::Done,
                detail: Some(format!("{} sha256 {}", manifest.version, component.digest)),
            };
            let new = NewComponent { digest: &component.digest, manifest, bytes: &bytes };
            store.offer(new, &OfferSource::Api, Some(audit)).await?;
            turn.sent.insert(component.digest.clone(), signed.verdict(manifest));
            turn.loaded.entry(component.digest.clone()).or_insert_with(|| Ok(component.clone()));
            self.settle(&mut turn).await?;
        }
        self.catalog().entry(&manifest.id).ok_or_else(|| Error::UnknownProvider(manifest.id.clone()))
    }

    /// Approves a version that was shown, by its digest; the one that served until then is kept for a rollback.
    ///
    /// # Errors
    /// [`Error::Conflict`] where this digest is not among those that are shown, [`Error::UnknownProvider`], the service
    /// is sealed, or the database fails.
    pub async fn approve(&self, provider: &str, digest: &str, actor: &Actor) -> Result<Arc<Entry>, Error> {
        self.decide(provider, actor, "provider.approve", |turn, entry| {
            let waits = entry.waiting.iter().find(|version| version.component.digest == digest);
            let waits = waits.map(|version| &version.component).or_else(|| {
                let is_usable = !matches!(entry.state, State::Broken(_));
                entry.component().filter(|component| is_usable && component.digest == digest)
            });
            let Some(component) = waits else {
                let why = match &entry.state {
                    State::Broken(why) => format!(" and may not be approved: {why}"),
                    State::Approved | State::Pending | State::Disabled => String::new(),
                };
                return Err(Error::Conflict(format!(
                    "no version of `{provider}` that is shown has this digest{why}; look at it again and approve what \
                     is there"
                )));
            };
            let mut decisions = others(turn, provider, digest);
            decisions.push((digest.to_owned(), Decision::Approved));
            let detail = Some(format!("{} sha256 {digest}", component.manifest.version));
            Ok(Some(Decided { decisions, forget: Forget::Nothing, detail }))
        })
        .await?
        .ok_or_else(|| Error::UnknownProvider(provider.to_owned()))
    }

    /// Takes a provider out of use. Its connections are kept; approving a version brings it back.
    ///
    /// # Errors
    /// [`Error::Conflict`] where nothing of it serves, [`Error::UnknownProvider`], the service is sealed, or the
    /// database fails.
    pub async fn disable(&self, provider: &str, actor: &Actor) -> Result<Arc<Entry>, Error> {
        self.decide(provider, actor, "provider.disable", |turn, entry| match (&entry.state, &entry.digest) {
            (State::Disabled, _) => Ok(None),
            (State::Approved, Some(digest)) => {
                let decisions = vec![(digest.clone(), Decision::Disabled)];
                Ok(Some(Decided { decisions, forget: Forget::Nothing, detail: Some(format!("sha256 {digest}")) }))
            }
            _ => match turn.read.decided(provider, Decision::Approved) {
                // It is broken, and is not to come back by itself.
                Some(approval) => {
                    let detail = Some(format!("sha256 {}", approval.digest));
                    let decisions = vec![(approval.digest.clone(), Decision::Disabled)];
                    Ok(Some(Decided { decisions, forget: Forget::Nothing, detail }))
                }
                None => Err(Error::Conflict(format!("no version of `{provider}` is approved"))),
            },
        })
        .await?
        .ok_or_else(|| Error::UnknownProvider(provider.to_owned()))
    }

    /// Goes back to the version that was approved before; the one that served until then waits anew.
    ///
    /// # Errors
    /// [`Error::Conflict`] where there is none, [`Error::UnknownProvider`], the service is sealed, or the database
    /// fails.
    pub async fn rollback(&self, provider: &str, actor: &Actor) -> Result<Arc<Entry>, Error> {
        self.decide(provider, actor, "provider.rollback", |turn, _| {
            let Some(before) = turn.read.decided(provider, Decision::Superseded) else {
                return Err(Error::Conflict(format!("no version of `{provider}` was approved before")));
            };
            let mut decisions: Vec<(String, Decision)> = turn
                .read
                .of(provider)
                .filter(|approval| matches!(approval.decision, Some(Decision::Approved | Decision::Disabled)))
                .map(|approval| (approval.digest.clone(), Decision::Withdrawn))
                .collect();
            decisions.push((before.digest.clone(), Decision::Approved));
            let detail = Some(format!("{} sha256 {}", before.version, before.digest));
            Ok(Some(Decided { decisions, forget: Forget::Nothing, detail }))
        })
        .await?
        .ok_or_else(|| Error::UnknownProvider(provider.to_owned()))
    }

    /// Takes a provider out of the catalog: its approvals and what was sent in of it. Its connection is kept. What lies
    /// in the folder waits anew, for the folder is not ours to change; the entry says so.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], the service is sealed, or the database fails.
    pub async fn remove(&self, provider: &str, actor: &Actor) -> Result<Option<Arc<Entry>>, Error> {
        self.decide(provider, actor, "provider.remove", |turn, _| {
            // What lies in a folder, of this host or another, must not be approved by itself again.
            let offers = turn.read.offers.iter().filter(|offer| offer.provider == provider);
            let lying = offers.filter(|offer| offer.source != OfferSource::Api);
            let decisions = lying.map(|offer| (offer.digest.clone(), Decision::Removed)).collect();
            Ok(Some(Decided { decisions, forget: Forget::Everything, detail: None }))
        })
        .await
    }

    /// Decides from what is known at this moment, and writes that unless it was changed meanwhile. A refusal is
    /// written to the audit too.
    async fn decide(
        &self,
        provider: &str,
        actor: &Actor,
        action: &'static str,
        decide: impl Fn(&Turn, &Entry) -> Result<Option<Decided>, Error>,
    ) -> Result<Option<Arc<Entry>>, Error> {
        let store = &self.0.setup.store;
        store.vault()?;
        let unknown = || Error::UnknownProvider(provider.chars().take(40).collect());
        let id = ProviderId::parse(provider).map_err(|_no_id| unknown())?;
        let mut turn = self.0.turn.lock().await;
        for _ in 0..TRIES {
            self.settle(&mut turn).await?;
            let entry = self.catalog().entry(provider).ok_or_else(unknown)?;
            let decided = match decide(&turn, &entry) {
                Ok(Some(decided)) => decided,
                Ok(None) => return Ok(Some(entry)),
                Err(refusal) => {
                    let detail = Some(refusal.code().to_owned());
                    let audit = NewAudit {
                        actor: actor.clone(),
                        action,
                        provider: Some(id),
                        outcome: Outcome::Refused,
                        detail,
                    };
                    store.audit(audit).await?;
                    return Err(refusal);
                }
            };
            let Decided { decisions, forget, detail } = decided;
            let audit =
                NewAudit { actor: actor.clone(), action, provider: Some(id.clone()), outcome: Outcome::Done, detail };
            match store.decide(&id, Change { decisions, forget, seen: turn.read.revision }, audit).await {
                Err(StoreError::Conflict) => {}
                other => {
                    other?;
                    self.settle(&mut turn).await?;
                    return Ok(self.catalog().entry(provider));
                }
            }
        }
        Err(StoreError::Conflict.into())
    }
}

/// What becomes of the version that serves, or was disabled, when another is approved.
fn others(turn: &Turn, provider: &str, digest: &str) -> Vec<(String, Decision)> {
    let standing = turn.read.of(provider).filter(|approval| approval.digest != digest);
    let standing =
        standing.filter(|approval| matches!(approval.decision, Some(Decision::Approved | Decision::Disabled)));
    standing.map(|approval| (approval.digest.clone(), Decision::Superseded)).collect()
}
