//! `jackfield signin-link`: prints a link that signs in one Executive, once. `serve` prints the first one itself.

use anyhow::bail;
use clap::Args;
use jackfield::app;
use jackfield_core::{Caller, Clock, audit::Action};
use jackfield_store::Store;
use url::Url;

use super::{audit, load_settings, print_line};

#[derive(Debug, Args)]
pub(super) struct SigninLinkArguments {
    /// Name shown in the audit log; signing out everywhere ends all sessions with the same name
    #[arg(long, default_value = "sign-in link")]
    name: String,
}

/// Creates a link and prints it, and nothing else.
pub(super) async fn run(arguments: SigninLinkArguments) -> anyhow::Result<()> {
    if let Err(why) = Caller::validate_name(&arguments.name) {
        bail!(why);
    }
    let config = load_settings()?;
    let store = app::open_store(&config, Clock::system()).await?;
    let link = create(&store, &config.base_url(), &arguments.name).await;
    store.close().await;
    print_line(link?.as_str());
    Ok(())
}

/// Prints a link if nobody can sign in yet.
pub(super) async fn print_first(store: &Store, base_url: &Url) -> anyhow::Result<()> {
    if store.was_never_used().await? {
        let link = create(store, base_url, "first executive").await?;
        print_line(&format!("Sign in with this link, once, within 15 minutes:\n\n  {link}\n"));
    }
    Ok(())
}

async fn create(store: &Store, base_url: &Url, name: &str) -> anyhow::Result<Url> {
    let secret = store.create_signin_link(name, audit(Action::SigninLinkCreate, name.to_owned())).await?;
    let mut link = base_url.join("signin")?;
    // Browsers do not send the fragment, so the secret is in no log of a proxy.
    link.set_fragment(Some(secret.expose()));
    Ok(link)
}
