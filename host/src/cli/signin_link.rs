//! `jackfield signin-link`: makes a link that signs one Executive in, once; `serve` makes the first by itself.

use anyhow::bail;
use clap::Args;
use jackfield::app;
use jackfield_core::{Caller, Clock, audit::Action};
use jackfield_store::Store;
use url::Url;

use super::{by_hand, say, settings};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What the audit calls who signs in by it; to sign out everywhere ends all sessions of one name
    #[arg(long, default_value = "sign-in link")]
    name: String,
}

/// Makes a link and prints it, alone.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if let Err(why) = Caller::judge_name(&arguments.name) {
        bail!(why);
    }
    let config = settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let made = make(&store, &config.reached_at(), &arguments.name).await;
    store.close().await;
    say(made?.as_str());
    Ok(())
}

/// Prints the first link, where nobody could be in yet.
pub(super) async fn first(store: &Store, site: &Url) -> anyhow::Result<()> {
    if store.was_never_used().await? {
        let link = make(store, site, "first executive").await?;
        say(&format!("Sign in with this link, once, within 15 minutes:\n\n  {link}\n"));
    }
    Ok(())
}

async fn make(store: &Store, site: &Url, name: &str) -> anyhow::Result<Url> {
    let secret = store.create_signin_link(name, by_hand(Action::SigninLinkCreate, name.to_owned())).await?;
    let mut link = site.join("signin")?;
    // What stands behind the # stays in the browser: it is in no log on the way.
    link.set_fragment(Some(secret.expose()));
    Ok(link)
}
