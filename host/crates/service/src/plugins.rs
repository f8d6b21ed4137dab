//! The catalog's use cases: what arrives, who approves it, what serves, and how one goes back. Knows no HTTP and no SQL.
//!
//! What was decided stands in the database, the bytes too, so that every host of one database serves the same. A host
//! tells itself how things stand by [`settle`](Plugins::settle), whenever something may have changed.

pub mod manifest_parts;
pub mod manifest_diff;

mod decide;
mod folder;
mod settle;

use std::{
    collections::{BTreeMap, btree_map},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jackfield_core::{Error, Outcome, ProviderId, audit::Actor};
use jackfield_sandbox::{
    Catalog, Sandbox,
    catalog::{Entry, Trust},
    file, signature,
};
use jackfield_signing::Verdict;
use jackfield_store::{Change, Decision, Forget, NewAudit, NewComponent, Offer, OfferSource, Store, StoreError};
use tokio::sync::Mutex;

pub use self::settle::is_downgrade;
use self::{
    folder::{Look, Stamps},
    settle::{Found, Loaded, Lying, Owners, Read, Settling},
};

/// How often the folder is looked at. A file has to look the same twice, so that a drop shows within half a second.
const LOOK: Duration = Duration::from_millis(250);

/// After how many looks the database is asked whether another host, or a command, changed something.
const LOOKS_PER_ASK: u32 = 4;

/// The name in the audit of what approves the components that it was built with.
const THIS_PROGRAM: &str = "this program";

/// Everything that is done with the catalog.
#[derive(Clone, Debug)]
pub struct Plugins(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    setup: PluginsSetup,
    /// Why the folder is not looked at; none where it is.
    folder_problem: RwLock<Option<String>>,
    turn: Mutex<Turn>,
}

/// What the use cases work with.
#[derive(Debug)]
pub struct PluginsSetup {
    pub store: Store,
    pub catalog: Arc<Catalog>,
    pub sandbox: Sandbox,
    pub trust: Trust,
    /// Where components are dropped in.
    pub folder: PathBuf,
    /// The host that the data folder stands for.
    pub host: String,
}

/// What is known at this moment; who changes something holds it.
#[derive(Debug, Default)]
struct Turn {
    files: BTreeMap<String, Lying>,
    owners: Owners,
    loaded: Loaded,
    /// What the signatures came to that were sent in with a component, by digest.
    sent: BTreeMap<String, Verdict>,
    read: Read,
    /// Whether the catalog tells all of it; not after the database failed half-way.
    is_settled: bool,
}

impl Plugins {
    /// Looks at the folder and the database for the first time. Whatever lies there is no error.
    ///
    /// # Errors
    /// The database fails.
    pub async fn start(setup: PluginsSetup) -> Result<Self, Error> {
        let plugins =
            Self(Arc::new(Inner { setup, folder_problem: RwLock::default(), turn: Mutex::new(Turn::default()) }));
        let lying = plugins.list().await;
        let mut turn = Turn::default();
        for (name, look) in lying {
            let lying = Lying { look, found: plugins.examine(&name, &mut turn.loaded).await };
            turn.files.insert(name, lying);
        }
        plugins.settle(&mut turn).await?;
        *plugins.0.turn.lock().await = turn;
        Ok(plugins)
    }

    /// Every provider as it stands.
    #[must_use]
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.0.setup.catalog
    }

    /// Why the plugins' folder is not looked at; none where it is.
    #[must_use]
    pub fn folder_problem(&self) -> Option<String> {
        self.0.folder_problem.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on looking at the folder and asking the database, until dropped.
    pub async fn watch(self) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut before = self.list().await;
        let (mut since_asked, mut fails) = (0, false);
        loop {
            looks.tick().await;
            let looked = self.look(&mut before).await;
            since_asked += 1;
            let asked = if since_asked < LOOKS_PER_ASK {
                Ok(())
            } else {
                since_asked = 0;
                self.follow().await
            };
            match looked.and(asked) {
                Err(error) if !fails => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "the catalog stays as it is until the database answers");
                    fails = true;
                }
                Err(_) => {}
                // A look that had nothing to do says nothing of the database.
                Ok(()) => fails &= since_asked != 0,
            }
        }
    }

    /// Takes up what lies there otherwise than before. A file counts once it has looked the same twice.
    async fn look(&self, before: &mut Stamps) -> Result<(), Error> {
        let now = self.list().await;
        let (mut news, gone) = {
            let turn = self.0.turn.lock().await;
            let is_new = |name: &str, look| turn.files.get(name).is_none_or(|lying| lying.look != look);
            let news: Vec<(String, Look)> = now
                .iter()
                .filter(|(name, look)| before.get(*name) == Some(*look) && is_new(name, **look))
                .map(|(name, look)| (name.clone(), *look))
                .collect();
            (news, turn.files.keys().any(|name| !now.contains_key(name)))
        };
        *before = now;
        if news.is_empty() && !gone {
            return Ok(());
        }
        // Checked without the turn: what is slow to compile holds up nobody who approves something else.
        let mut loaded = Loaded::new();
        let mut found = Vec::new();
        for (name, look) in news.drain(..) {
            found.push((name.clone(), Lying { look, found: self.examine(&name, &mut loaded).await }));
        }
        let mut turn = self.0.turn.lock().await;
        turn.files.retain(|name, _| before.contains_key(name));
        turn.files.extend(found);
        for (digest, component) in loaded {
            // One that is loaded keeps its own bounds and its own memory of faults.
            if !matches!(turn.loaded.get(&digest), Some(Ok(_))) {
                turn.loaded.insert(digest, component);
            }
        }
        self.settle(&mut turn).await
    }

    /// Takes up what another host, or a command, changed in the database.
    async fn follow(&self) -> Result<(), Error> {
        let mut turn = self.0.turn.lock().await;
        if self.is_sealed() {
            return Ok(());
        }
        if turn.is_settled && self.0.setup.store.catalog_revision().await? == turn.read.revision {
            return Ok(());
        }
        self.settle(&mut turn).await
    }

    async fn list(&self) -> Stamps {
        let folder = self.0.setup.folder.clone();
        let listed = tokio::task::spawn_blocking(move || folder::list(&folder)).await;
        let listed = listed.unwrap_or_else(|panic| Err(panic.to_string()));
        let mut problem = self.0.folder_problem.write().unwrap_or_else(PoisonError::into_inner);
        let why = listed.as_ref().err().cloned();
        if *problem != why {
            if let Some(why) = &why {
                tracing::error!(folder = %self.0.setup.folder.display(), why, "no component is taken from the folder");
            }
            *problem = why;
        }
        listed.unwrap_or_default()
    }

    /// Reads a file once, with the signature beside it, and checks the bytes that were read.
    async fn examine(&self, name: &str, loaded: &mut Loaded) -> Found {
        let (path, most) = (folder::path(&self.0.setup.folder, name), self.0.setup.sandbox.component_bytes());
        let plugins = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let bytes = file::read(&path, most)?;
            let signed = signature::signer(&path, &bytes, &plugins.0.setup.trust).whose();
            Ok((jackfield_sandbox::digest(&bytes), bytes, signed))
        });
        let (digest, bytes, signed) = match read.await.unwrap_or_else(|panic| Err(panic.to_string())) {
            Ok(read) => read,
            Err(why) => return Found::Broken { digest: None, why },
        };
        let signed = match signed {
            Ok(signed) => signed,
            // Never the same as no signature: somebody meant it to hold.
            Err(why) => return Found::Broken { digest: Some(digest), why },
        };
        match self.0.setup.sandbox.load(bytes.clone()).await {
            Err(why) => Found::Broken { digest: Some(digest), why: why.to_string() },
            Ok(component) => {
                let id = component.manifest.id.clone();
                let signature = signed.verdict(&component.manifest);
                if let Verdict::AsksMore { key, beyond } = &signature {
                    tracing::info!(provider = id, key, ?beyond, "it asks for more than its key may grant");
                }
                loaded.insert(digest.clone(), Ok(component));
                Found::Component { id, digest, signature, bytes: Some(bytes) }
            }
        }
    }

    /// Tells how things stand, from all that is known, and puts that in the place of what was told before.
    async fn settle(&self, turn: &mut Turn) -> Result<(), Error> {
        turn.is_settled = false;
        if !self.is_sealed() {
            // Which file an id belongs to depends on what was decided.
            turn.read.approvals = self.0.setup.store.approvals().await?;
        }
        let trusted = |id: &str, digest: &str| {
            self.trusted_by(turn, id, digest).is_some() || turn.read.of(id).any(|approval| approval.digest == digest)
        };
        turn.owners = settle::owners(&turn.files, &turn.owners, trusted);
        if self.is_sealed() {
            // Nothing is written, and no decision can be told from one that somebody made up.
            turn.read = Read { offers: self.lying_offers(turn), ..Read::default() };
        } else {
            self.offer_what_lies(turn).await?;
            self.read(turn).await?;
            if self.approve_by_itself(turn).await? {
                self.read(turn).await?;
            }
        }
        let settling = Settling {
            files: &turn.files,
            owners: &turn.owners,
            loaded: &turn.loaded,
            sent: &turn.sent,
            read: &turn.read,
            trust: &self.0.setup.trust,
        };
        let mut entries = settling.entries();
        if self.is_sealed() {
            self.trust_what_was_shipped(turn, &mut entries);
        }
        self.0.setup.catalog.replace(entries);
        turn.is_settled = true;
        Ok(())
    }

    /// Reads the database, and loads what is needed and not loaded yet.
    async fn read(&self, turn: &mut Turn) -> Result<(), Error> {
        let store = &self.0.setup.store;
        // The revision first: what changes meanwhile is then read once more, and not missed.
        let revision = store.catalog_revision().await?;
        turn.read = Read { revision, approvals: store.approvals().await?, offers: store.offers().await? };
        let needed = turn.read.needed();
        turn.loaded.retain(|digest, _| needed.contains(digest));
        for digest in needed {
            if let btree_map::Entry::Vacant(place) = turn.loaded.entry(digest) {
                let loaded = self.load(place.key()).await?;
                place.insert(loaded);
            }
        }
        Ok(())
    }

    async fn load(&self, digest: &str) -> Result<Result<jackfield_sandbox::Component, String>, Error> {
        let Some(bytes) = self.0.setup.store.component_bytes(digest).await? else {
            return Ok(Err("its bytes are kept no more".to_owned()));
        };
        // Before anything is made of them: the database is not believed.
        if jackfield_sandbox::digest(&bytes) != digest {
            return Ok(Err(format!("its bytes in the database were changed: they are not those of {digest}")));
        }
        Ok(self.0.setup.sandbox.load(bytes).await.map_err(|why| why.to_string()))
    }

    /// Offers what lies in the folder, and ends the offers of what lies there no more.
    async fn offer_what_lies(&self, turn: &mut Turn) -> Result<(), Error> {
        let store = &self.0.setup.store;
        let offers = store.offers().await?;
        let mut lying = BTreeMap::new();
        let mut lost = Vec::new();
        for file in turn.owners.values() {
            let Some(Lying { found: Found::Component { digest, bytes, .. }, .. }) = turn.files.get_mut(file) else {
                continue;
            };
            lying.insert(digest.clone(), file.clone());
            let bytes = bytes.take();
            if offers.iter().any(|offer| offer.digest == *digest) {
                continue;
            }
            let bytes = match bytes {
                Some(bytes) => Some(bytes),
                None => store.component_bytes(digest).await?,
            };
            match (bytes, turn.loaded.get(digest)) {
                (Some(bytes), Some(Ok(component))) => {
                    let source = OfferSource::Folder { host: self.0.setup.host.clone(), file: file.clone() };
                    let new = NewComponent { digest, manifest: &component.manifest, bytes: &bytes };
                    store.offer(new, &source, None).await?;
                }
                _ => lost.push(file.clone()),
            }
        }
        for file in lost {
            // Its bytes went with the offer of another host; the next look reads it anew.
            turn.files.remove(&file);
        }
        for offer in offers {
            let OfferSource::Folder { host, .. } = &offer.source else { continue };
            if *host == self.0.setup.host && !lying.contains_key(&offer.digest) {
                store.end_offer(host, &offer.digest).await?;
            }
        }
        Ok(())
    }

    /// What lies in the folder as if it were offered, for a service that is sealed.
    fn lying_offers(&self, turn: &Turn) -> Vec<Offer> {
        let files = turn.owners.values().filter_map(|file| Some((file, turn.files.get(file)?)));
        files
            .filter_map(|(file, lying)| {
                let Found::Component { id, digest, .. } = &lying.found else { return None };
                let manifest = turn.loaded.get(digest)?.as_ref().ok()?.manifest.as_ref().clone();
                let source = OfferSource::Folder { host: self.0.setup.host.clone(), file: file.clone() };
                Some(Offer { digest: digest.clone(), provider: id.clone(), source, manifest: Some(manifest) })
            })
            .collect()
    }

    /// By whom a component is approved without an Executive's word; none where it waits for one.
    fn trusted_by(&self, turn: &Turn, id: &str, digest: &str) -> Option<String> {
        let shipped = match &self.0.setup.trust {
            Trust::Shipped(shipped) | Trust::Signed { shipped, .. } => shipped.get(id),
            // All of them run, and nothing of it is written down: that is for development alone.
            Trust::All => None,
        };
        if shipped.is_some_and(|shipped| shipped == digest) {
            return Some(THIS_PROGRAM.to_owned());
        }
        let lying = turn.files.values().filter_map(|lying| match &lying.found {
            Found::Component { digest: lies, signature, .. } if lies == digest => Some(signature),
            Found::Component { .. } | Found::Broken { .. } => None,
        });
        lying.chain(turn.sent.get(digest)).find_map(|signature| match signature {
            Verdict::Granted { key } => Some(format!("the key {key}")),
            Verdict::AsksMore { .. } | Verdict::UnknownKey | Verdict::Broken(_) | Verdict::Unsigned => None,
        })
    }

    /// Approves what is trusted by itself, unless somebody decided about it or about another version. True where
    /// something was approved.
    async fn approve_by_itself(&self, turn: &Turn) -> Result<bool, Error> {
        let mut seen = turn.read.revision;
        let before = seen;
        for offer in &turn.read.offers {
            let Some(by) = self.trusted_by(turn, &offer.provider, &offer.digest) else { continue };
            let decided: Vec<_> = turn.read.of(&offer.provider).collect();
            let known = decided.iter().any(|approval| approval.digest == offer.digest);
            let overruled = decided.iter().any(|approval| match approval.decision {
                Some(Decision::Approved) => approval.by != by,
                Some(Decision::Disabled) | None => true,
                Some(Decision::Superseded | Decision::Withdrawn | Decision::Removed) => false,
            });
            let usable = matches!(turn.loaded.get(&offer.digest), Some(Ok(component))
                if offer.manifest.as_ref() == Some(component.manifest.as_ref()));
            let Ok(provider) = ProviderId::parse(&offer.provider) else { continue };
            // A signature of long ago is no word on what was found since: a lower version asks again (T28).
            let serving = decided.iter().find(|approval| approval.decision == Some(Decision::Approved));
            let serving = serving.and_then(|approval| turn.loaded.get(&approval.digest)?.as_ref().ok());
            let is_lower = by != THIS_PROGRAM
                && serving.zip(offer.manifest.as_ref()).is_some_and(|(from, to)| is_downgrade(&from.manifest, to));
            if known || overruled || !usable || is_lower {
                continue;
            }
            let mut decisions: Vec<(String, Decision)> = decided
                .iter()
                .filter(|approval| approval.decision == Some(Decision::Approved))
                .map(|approval| (approval.digest.clone(), Decision::Superseded))
                .collect();
            decisions.push((offer.digest.clone(), Decision::Approved));
            let actor = Actor { id: by.clone(), name: by, origin: None, request_id: None };
            let audit = NewAudit {
                actor,
                action: "provider.approve",
                provider: Some(provider.clone()),
                outcome: Outcome::Done,
                detail: Some(format!("sha256 {}", offer.digest)),
            };
            match self.0.setup.store.decide(&provider, Change { decisions, forget: Forget::Nothing, seen }, audit).await
            {
                Ok(()) => seen += 1,
                // Another host was first; what it did is read with the next revision.
                Err(StoreError::Conflict) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(seen != before)
    }

    /// Lets what was built with the program run while no decision can be read.
    fn trust_what_was_shipped(&self, turn: &Turn, entries: &mut [Entry]) {
        use jackfield_sandbox::catalog::State;
        for entry in entries.iter_mut().filter(|entry| entry.state == State::Pending) {
            if entry.digest.as_deref().is_some_and(|digest| self.trusted_by(turn, &entry.id, digest).is_some()) {
                entry.state = State::Approved;
            }
        }
    }

    fn is_sealed(&self) -> bool {
        self.0.setup.store.sealed_because().is_some()
    }
}
