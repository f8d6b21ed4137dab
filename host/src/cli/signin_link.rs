//! `jackfield signin-link`: prints a link that signs in one Executive, once. The first `serve` prints one itself.

use anyhow::{Context, bail};
use clap::Args;
use jackfield::{app, config::Config};
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

/// Prints a link at the first start on a database, if nobody has access yet.
///
/// Later starts print none: whoever reads the log of a service must not become an Executive. Where people sign in
/// through an identity provider, or call with JWTs, nobody needs a link.
pub(super) async fn print_first(store: &Store, config: &Config, base_url: &Url) -> anyhow::Result<()> {
    let is_first = store.claim_first_start().await?;
    let has_identity_provider = config.jwt.is_some() || config.oidc.is_some();
    if is_first && !has_identity_provider && store.was_never_used().await? {
        let link = create(store, base_url, "first executive").await?;
        print_line(&format!("Sign in with this link, once, within 15 minutes:\n\n  {link}\n"));
    }
    Ok(())
}

async fn create(store: &Store, base_url: &Url, name: &str) -> anyhow::Result<Url> {
    store.require_unsealed().context("cannot create a sign-in link without the master key")?;
    let secret = store.create_signin_link(name, audit(Action::SigninLinkCreate, name.to_owned())).await?;
    let mut link = base_url.join("signin")?;
    // Browsers do not send the fragment, so the secret is in no log of a proxy.
    link.set_fragment(Some(secret.expose()));
    Ok(link)
}
