//! The settings of the OAuth apps under which Jackfield is registered at providers.

use std::collections::BTreeMap;

use jackfield_core::{OAuthApp, Secret};

use super::settings::Settings;

/// Reads every OAuth app: its client id, and its client secret if it has one.
pub(super) fn read_oauth_apps(settings: &mut Settings) -> BTreeMap<String, OAuthApp> {
    let mut apps = BTreeMap::new();
    for (name, client_id) in settings.matching("OAUTH_", "_CLIENT_ID") {
        let client_secret = settings.optional(&format!("OAUTH_{name}_CLIENT_SECRET")).map(Secret::new);
        apps.insert(name, OAuthApp { client_id, client_secret });
    }
    for (name, _) in settings.matching("OAUTH_", "_CLIENT_SECRET") {
        let problem = format!("requires JACKFIELD_OAUTH_{name}_CLIENT_ID");
        settings.reject(&format!("OAUTH_{name}_CLIENT_SECRET"), &problem);
    }
    apps
}
