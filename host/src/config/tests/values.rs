//! Values as they come from Kubernetes, Docker, files and shells: with line breaks, quotes, and in files of their own.

use std::{
    ffi::OsString,
    os::unix::{ffi::OsStringExt, fs::PermissionsExt},
    path::Path,
};

use super::*;

/// A public key for the file of trusted keys.
const PUBLIC_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

/// Returns the names of all settings, without prefix. They are recorded while the settings are read, so that a new
/// setting is part of these tests.
fn all_settings() -> Vec<String> {
    let app = [("JACKFIELD_OAUTH_ACME_CLIENT_ID".into(), "id".into())];
    let mut settings = Settings::collect(None, app).expect("collected");
    let _config = Config::read(&mut settings, Dev::Yes);
    settings.known().iter().cloned().collect()
}

/// Returns a valid value of a setting.
fn sample(name: &str, folder: &Path) -> String {
    let path = |name: &str| folder.join(name).display().to_string();
    match name {
        "HOSTS" => "jackfield.internal".to_owned(),
        "TRUSTED_PROXIES" => "10.0.0.0/8".to_owned(),
        "CONNECTIONS_PER_ADDRESS" | "KEEP_ALIVE" | "STOP_DELAY" => "60".to_owned(),
        "LISTEN" => "127.0.0.1:7999".to_owned(),
        "PUBLIC_URL" => "https://jackfield.example".to_owned(),
        "DATABASE_URL" => "postgres://u:hunter2@db.example/x".to_owned(),
        "EGRESS_REROUTE" => "api.example.com=http://127.0.0.1:4010".to_owned(),
        "JWT_ISSUER" | "JWT_JWKS_URL" | "OIDC_ISSUER" => "https://id.example.com/x".to_owned(),
        "LOG" => "warn,jackfield=debug".to_owned(),
        "LOG_FORMAT" => "json".to_owned(),
        "MASTER_KEY" => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
        "PLUGINS_TRUST" => "signed".to_owned(),
        "PLUGINS_TRUSTED_KEYS" => path("keys.toml"),
        "DATA_DIR" | "PLUGINS_DIR" | "MASTER_KEY_FILE" => path(name),
        secret_file if secret_file.ends_with("_FILE") => path("secret"),
        _ => "some-value".to_owned(),
    }
}

/// Creates the files that samples name, each with a line break at its end.
fn sample_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("keys.toml", format!("[[key]]\nname = 'acme'\npublic_key = '{PUBLIC_KEY}'\n")),
        ("secret", "postgres://u:hunter2@db.example/x\r\n".to_owned()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the mode is set");
    }
    folder
}

/// Returns the settings that are set together with one, without itself.
fn companions(name: &str, folder: &Path) -> Vec<(String, String)> {
    let group: &[&str] = match name {
        _ if name.starts_with("JWT_") => &["JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL", "JWT_LEVEL_CLAIM"],
        _ if name.starts_with("OIDC_") => &["OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_LEVEL_CLAIM"],
        _ if name.starts_with("OAUTH_ACME_CLIENT_SECRET") => &["OAUTH_ACME_CLIENT_ID"],
        "PLUGINS_TRUST" => &["PLUGINS_TRUSTED_KEYS"],
        _ => &[],
    };
    let others = group.iter().filter(|other| **other != name && format!("{other}_FILE") != name);
    others.map(|other| (format!("JACKFIELD_{other}"), sample(other, folder))).collect()
}

/// Parses one setting with its companions, and returns everything that was read, including secrets.
fn read_one(name: &str, value: &str, folder: &Path) -> Result<String, String> {
    let mut environment = companions(name, folder);
    environment.push((format!("JACKFIELD_{name}"), value.to_owned()));
    let environment = environment.into_iter().map(|(key, value)| (key.into(), value.into()));
    let config = Config::parse(None, environment, Dev::Yes).map_err(|error| error.to_string())?;
    let secrets: Vec<Option<&String>> = [
        Some(config.database_url.expose()),
        config.master_key.as_ref().map(Secret::expose),
        config.oidc.as_ref().map(|provider| provider.client_secret.expose()),
    ]
    .into_iter()
    .chain(config.oauth_apps.values().map(|app| app.client_secret.as_ref().map(Secret::expose)))
    .collect();
    Ok(format!("{config:?} {secrets:?}"))
}

#[test]
fn line_breaks_and_blanks_around_any_setting_are_removed() {
    let (folder, names) = (sample_folder(), all_settings());
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let value = sample(&name, folder.path());
        let plain = read_one(&name, &value, folder.path());
        assert!(plain.is_ok(), "{name}: {plain:?}; a new setting needs a valid value in `sample`");
        for padded in [format!("{value}\n"), format!(" \t{value}\r\n\n"), format!("\u{feff}{value} ")] {
            assert_eq!(read_one(&name, &padded, folder.path()), plain, "{name} {padded:?}");
        }
    }
}

#[test]
fn a_setting_of_blanks_counts_as_not_set() {
    let folder = sample_folder();
    for name in all_settings().into_iter().filter(|name| companions(name, folder.path()).is_empty()) {
        let unset = read_one(&name, "", folder.path());
        assert_eq!(read_one(&name, " \r\n", folder.path()), unset, "{name}");
    }
}

#[test]
fn a_control_character_inside_any_setting_is_rejected_by_name() {
    let folder = sample_folder();
    for name in all_settings() {
        for (inside, why) in [("\n", "line break"), ("\u{1b}", "U+001B")] {
            let value = format!("{}{inside}x", sample(&name, folder.path()));
            let problem = read_one(&name, &value, folder.path()).expect_err("is rejected");
            assert!(problem.contains(&format!("JACKFIELD_{name} contains")) && problem.contains(why), "{problem}");
        }
        let quoted = read_one(&name, &format!("\"{}\"", sample(&name, folder.path())), folder.path());
        assert!(quoted.is_err_and(|problem| problem.contains("quotes")), "{name}");
    }
    let invalid = ("JACKFIELD_DATA_DIR".into(), OsString::from_vec(vec![b'/', 0xff]));
    let problem = Config::parse(None, [invalid], Dev::No).expect_err("is rejected").to_string();
    assert!(problem.contains("JACKFIELD_DATA_DIR is not UTF-8"), "{problem}");
}

#[test]
fn every_secret_setting_can_come_from_a_file() {
    let (folder, names) = (sample_folder(), all_settings());
    let secrets = ["DATABASE_URL", "MASTER_KEY", "OAUTH_ACME_CLIENT_SECRET", "OIDC_CLIENT_SECRET"];
    for name in secrets {
        assert!(names.contains(&format!("{name}_FILE")), "{name}");
        let mut both = companions(name, folder.path());
        for name in [name.to_owned(), format!("{name}_FILE")] {
            both.push((format!("JACKFIELD_{name}"), sample(&name, folder.path())));
        }
        let both = both.into_iter().map(|(key, value)| (key.into(), value.into()));
        let problem = Config::parse(None, both, Dev::Yes).expect_err("is rejected").to_string();
        assert!(problem.contains(&format!("JACKFIELD_{name}_FILE and JACKFIELD_{name} are both set")), "{problem}");
    }
    // The name of each setting that may contain a secret ends in one of these words.
    for name in names.iter().filter(|name| name.ends_with("SECRET") || name.ends_with("KEY") || name.contains("PASS")) {
        assert!(secrets.contains(&name.as_str()), "{name} can come from a file");
    }
    let read = read_one("OAUTH_ACME_CLIENT_SECRET_FILE", &sample("_FILE", folder.path()), folder.path());
    assert!(read.is_ok_and(|read| read.contains("\"postgres://u:hunter2@db.example/x\"")));
}

#[test]
fn a_secret_file_that_is_missing_empty_or_readable_by_others_is_rejected_with_every_remedy() {
    let folder = sample_folder();
    let path = folder.path().join("secret");
    let read = || read_one("DATABASE_URL_FILE", &path.display().to_string(), folder.path());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("the mode is set");
    let problem = read().expect_err("is rejected");
    for words in ["everybody", "mode 644", "chmod 600", "fsGroup", "or set JACKFIELD_DATABASE_URL instead"] {
        assert!(problem.contains(words), "{words}: {problem}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("the mode is set");
    for (content, why) in [("\n", "is empty"), ("hunter2\nhunter3", "line break")] {
        std::fs::write(&path, content).expect("written");
        let problem = read().expect_err("is rejected");
        assert!(problem.contains("DATABASE_URL_FILE") && problem.contains(why), "{problem}");
        assert!(!problem.contains("hunter"), "{problem}");
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(read().is_err_and(|problem| problem.contains("does not exist")));
}

#[test]
fn a_value_of_another_type_in_the_file_is_rejected() {
    for (text, words) in [
        ("log = true", "JACKFIELD_LOG (`log` in the file) must be text in quotes, not a boolean"),
        ("[jwt]\nissuer = 5", "JACKFIELD_JWT_ISSUER (`jwt.issuer` in the file) must be text in quotes, not an integer"),
        ("data_dir = ['a']", "not an array"),
        ("hosts = ['a']", "JACKFIELD_HOSTS (`hosts` in the file) must be text in quotes, not an array"),
        ("keep_alive = 'x'", "must be a whole number"),
        ("listen = 7420", "must be an address and a port"),
        ("log = 'info'\nLOG = 'warn'", "is set twice"),
    ] {
        let problem = parse(text, &[], Dev::No).expect_err("is rejected").to_string();
        assert!(problem.contains(words), "{text}: {problem}");
    }
    let secret = "client_secret = 'hunter2\n";
    let problem = parse(secret, &[], Dev::No).expect_err("is rejected").to_string();
    assert!(problem.contains("line 1") && !problem.contains("hunter2"), "{problem}");
    assert!(parse("keep_alive = 60", &[], Dev::No).is_ok(), "a number");
    assert!(parse("\u{feff}log = 'warn'\r\n", &[], Dev::No).is_ok(), "a byte order mark and CRLF");
}

#[test]
fn an_unknown_setting_is_named_with_the_nearest_known_one() {
    for (name, words) in [
        ("JACKFIELD_LISEN", "did you mean JACKFIELD_LISTEN?"),
        ("JACKFIELD_DATADIR", "did you mean JACKFIELD_DATA_DIR?"),
        ("JACKFIELD_OIDC_SECRET", "did you mean JACKFIELD_OIDC_"),
        ("JACKFIELD_XYZ", "docs/operations.md"),
        ("JACKFIELD_SERVICE_HOST", "enableServiceLinks: false"),
    ] {
        let problem = parse("", &[(name, "x")], Dev::No).expect_err("is rejected").to_string();
        assert!(problem.contains(name) && problem.contains(words), "{problem}");
    }
    let problem = parse("lisen = 'x'", &[], Dev::No).expect_err("is rejected").to_string();
    assert!(problem.contains("JACKFIELD_LISEN (`lisen` in the file) is not a setting"), "{problem}");
}

#[test]
fn a_log_filter_that_matches_nothing_is_rejected() {
    for filter in ["true", "inf", ",", "jackfield=loud"] {
        let problem = parse("", &[("JACKFIELD_LOG", filter)], Dev::No).expect_err("is rejected").to_string();
        assert!(problem.contains("JACKFIELD_LOG contains") && problem.contains("for example"), "{problem}");
    }
    assert_eq!(parse("", &[("JACKFIELD_LOG", "warn\n")], Dev::No).expect("parses").log, "warn");
}
