//! The settings of the OAuth apps under which Jackfield is registered at providers.

use std::collections::{BTreeMap, BTreeSet};

use jackfield_core::{OAuthApp, Secret};
use jackfield_files::ProcessUser;

use super::settings::Settings;

/// Reads every OAuth app: its client id, and its client secret if it has one.
pub(super) fn read_oauth_apps(settings: &mut Settings, user: &ProcessUser) -> BTreeMap<String, OAuthApp> {
    let ends = ["_CLIENT_ID", "_CLIENT_SECRET", "_CLIENT_SECRET_FILE"];
    let names: BTreeSet<String> = ends.iter().flat_map(|end| settings.names_between("OAUTH_", end)).collect();
    let mut apps = BTreeMap::new();
    for name in names {
        let client_id = settings.optional(&format!("OAUTH_{name}_CLIENT_ID"));
        let secret_name = format!("OAUTH_{name}_CLIENT_SECRET");
        let client_secret = settings.secret(&secret_name, user).map(Secret::new);
        match client_id {
            Some(client_id) => {
                apps.insert(name, OAuthApp { client_id, client_secret });
            }
            None if client_secret.is_some() => {
                settings.reject(&secret_name, &format!("requires JACKFIELD_OAUTH_{name}_CLIENT_ID"));
            }
            None => {}
        }
    }
    apps
}
