//! The commands of a plugin author: `inspect`, `check`, `try` and `sign`.

use std::{fs, path::Path};

use jackfield_test_support::{guests, marked, slack::SlackStandIn, xero::XeroStandIn};
use serde_json::{Value, json};

use crate::process::program::{Installation, output_text};

fn path(name: &str) -> String {
    guests::component_path(name).display().to_string()
}

fn json_of(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output_text(output)))
}

#[tokio::test]
async fn every_finding_about_a_file_suggests_a_fix() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let mut wrong = guests::manifest();
    wrong["id"] = json!("Made");
    wrong["version"] = json!("one");
    wrong["endpoints"][0]["host"] = json!("10.0.0.1");
    let cases = [
        ("elf.wasm", guests::elf(), 1, "not a WebAssembly component"),
        ("core.wasm", guests::core_module(), 1, "core module"),
        ("cut.wasm", guests::truncated(), 1, "not a valid component"),
        ("stranger.wasm", guests::unknown_import("wasi:keyvalue/store@0.2.0-draft"), 1, "wasi:keyvalue/store"),
        ("newer.wasm", guests::newer_world(), 2, "jackfield:provider/http@0.3.0"),
        ("loops.wasm", guests::describe_loops(), 1, "describe"),
        ("wrong.wasm", guests::with_manifest(&wrong), 3, "the host of an endpoint"),
        ("missing.wasm", Vec::new(), 1, "no such file"),
    ];
    for (name, bytes, findings, word) in cases {
        let file = place.folder.path().join(name);
        if name != "missing.wasm" {
            fs::write(&file, bytes).expect("the file is written");
        }
        let file = file.display().to_string();
        let checked = place.run(&["plugin", "check", &file]);
        let words = output_text(&checked);
        assert_eq!(checked.status.code(), Some(1), "{name}: {words}");
        assert!(words.contains(word), "{name}: {words}");
        assert_eq!(words.matches("✗ ").count(), findings, "{name}: {words}");
        assert_eq!(words.matches("  → ").count(), findings, "{name}: {words}");
        let checked = json_of(&place.run(&["plugin", "check", &file, "--json"]));
        assert_eq!(checked["ok"], false);
        let found = checked["findings"].as_array().expect("findings");
        assert_eq!(found.len(), findings, "{name}: {checked}");
        assert!(found.iter().all(|finding| finding["cure"].as_str().is_some_and(|cure| cure.len() > 10)), "{checked}");
    }
}

#[tokio::test]
async fn a_plugin_that_can_be_approved_passes_the_check() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    for name in ["slack", "xero", "google-workspace", "guests/example"] {
        let checked = place.run(&["plugin", "check", &path(name)]);
        assert!(checked.status.success(), "{}", output_text(&checked));
        let checked = json_of(&place.run(&["plugin", "check", &path(name), "--json"]));
        assert_eq!((&checked["ok"], &checked["contract"]), (&json!(true), &json!("0.1.0")), "{checked}");
    }
}

#[tokio::test]
async fn inspect_shows_the_oauth_endpoints_of_an_oauth_plugin() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let shown = output_text(&place.run(&["plugin", "inspect", &path("xero")]));
    for words in [
        "the browser is sent to https://login.xero.com/identity/connect/authorize",
        "tokens come from https://identity.xero.com/connect/token",
        "scopes: ",
        "with the OAuth access token in the header `Authorization: Bearer {}`",
        "built for version 0.1.0 of the contract",
        "offer several accounts to choose from",
        "jackfield:provider/http@0.1.0",
    ] {
        assert!(shown.contains(words), "{words} is missing in\n{shown}");
    }
    let shown = output_text(&place.run(&["plugin", "inspect", &path("google-workspace")]));
    assert!(shown.contains("connects with a service account key, in the field `service_account_key`"), "{shown}");
    let shown = json_of(&place.run(&["plugin", "inspect", &path("slack"), "--json"]));
    assert_eq!(shown["manifest"]["id"], "slack");
    assert!(shown["bytes"].as_u64().is_some_and(|bytes| bytes > 10_000) && shown["imports"].is_array(), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn try_runs_an_operation_without_a_service_and_prints_no_secret() {
    let slack = SlackStandIn::start().await;
    let place = Installation::with_slack(&slack).await;
    let token = marked::secret("xoxb-");
    slack.add_token(&token);
    let field = format!("bot_token={token}");
    let file = path("slack");
    let arguments =
        ["plugin", "try", &file, "--dev", "--field", &field, "--field", "channel_id=C0GENERAL", "list-users"];
    let tried = place.run(&arguments);
    let words = output_text(&tried);
    assert!(tried.status.success(), "{words}");
    for shown in ["POST https://slack.com/api/users.list", "authorization: Bearer [secret]", "→ 200, ", "\"users\""] {
        assert!(words.contains(shown), "{shown} is missing in\n{words}");
    }
    assert!(!words.contains(&token[5..]), "{words}");
    assert!(!place.data().join("jackfield.db").exists(), "no database is created");

    let tried = place.run(&[&arguments[..8], &["health", "--json"]].concat());
    let tried = json_of(&tried);
    assert_eq!(tried["answer"]["healthy"]["channel"], "general", "{tried}");
    let activity = &tried["activity"];
    assert_eq!((&activity["requests"], &activity["denied"]), (&json!(2), &json!(0)), "{tried}");
    for number in ["sent_bytes", "received_bytes", "memory_bytes", "fuel", "guest_ms", "upstream_ms"] {
        assert!(activity[number].as_f64().is_some_and(|number| number > 0.0), "{number} in {tried}");
    }
    let (guest, all) = (activity["guest_ms"].as_f64(), tried["ms"].as_f64());
    assert!(guest < all && activity["memory_bytes"].as_u64() < Some(128 << 20), "{tried}");

    slack.revoke(&token);
    let tried = place.run(&[&arguments[..8], &["connect"]].concat());
    assert_eq!(tried.status.code(), Some(1));
    assert!(output_text(&tried).contains("credential_rejected"), "{}", output_text(&tried));
    assert!(!output_text(&tried).contains(&token[5..]));
}

#[tokio::test]
async fn a_wrong_argument_is_named_and_nothing_is_sent() {
    let slack = SlackStandIn::start().await;
    let place = Installation::with_slack(&slack).await;
    let file = path("slack");
    let tried = place.run(&["plugin", "try", &file, "--dev", "--field", "bot_token=short", "health"]);
    assert_eq!(tried.status.code(), Some(1));
    for words in ["--field bot_token=…: is shorter", "--field channel_id=…: is required"] {
        assert!(output_text(&tried).contains(words), "{}", output_text(&tried));
    }
    let without = place.run(&["plugin", "try", &file, "health"]);
    assert_eq!(without.status.code(), Some(2), "a reroute needs --dev: {}", output_text(&without));
    let nonsense = place.run(&["plugin", "try", &file, "--dev", "destroy"]);
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(slack.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_outside_the_manifest_is_shown_as_denied() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = path("guests/hostile");
    let tried = place.run(&[
        "plugin",
        "try",
        &file,
        "--dev",
        "--json",
        "--field",
        "token=hostile-token",
        "--field",
        "behaviour=undeclared-method",
        "health",
    ]);
    let tried = json_of(&tried);
    assert_eq!(tried["activity"]["denied"], 5, "one for every other method: {tried}");
    assert_eq!(tried["activity"]["requests"], 0, "{tried}");
    assert!(tried["requests"][0]["error"].as_str().is_some_and(|error| error.contains("add `")), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_argument_replaces_an_oauth_grant() {
    let office = XeroStandIn::start().await;
    let place = Installation::new(&["xero"], &[office.reroute("api.xero.com")], &[]).await;
    office.add_app("id", "secret", "http://127.0.0.1/").add_organisation("t-1", "Acme Books", "GB");
    let token = marked::record(office.access_token("id", &["t-1"]));
    let secret = place.folder.path().join("token.txt");
    fs::write(&secret, format!("{token}\n")).expect("the file is written");
    let given = format!("@{}", secret.display());
    let tried = place.run(&["plugin", "try", &path("xero"), "--dev", "--token", &given, "connect"]);
    assert!(tried.status.success(), "{}", output_text(&tried));
    assert!(
        output_text(&tried).contains("Acme Books") && !output_text(&tried).contains(&token),
        "{}",
        output_text(&tried)
    );
    let without = place.run(&["plugin", "try", &path("xero"), "--dev", "connect"]);
    assert!(output_text(&without).contains("--token"), "{}", output_text(&without));
}

/// Creates an installation with the component as `acme.wasm` and a file of trusted keys with one key.
struct Signing {
    place: Installation,
    file: String,
    signature: std::path::PathBuf,
    /// Returns the path of the file of trusted keys.
    _keys: tempfile::TempDir,
}

impl Signing {
    async fn new(grant: &str) -> (Self, minisign::KeyPair) {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = minisign::KeyPair::generate_encrypted_keypair(Some("pass word".to_owned())).expect("a pair");
        let keys = folder.path().join("keys.toml");
        let text = format!("[[key]]\nname = 'acme'\npublic_key = '{}'\n{grant}\n", pair.pk.to_base64());
        fs::write(&keys, text).expect("the file is written");
        let settings = [
            ("JACKFIELD_PLUGINS_TRUST", "signed".to_owned()),
            ("JACKFIELD_PLUGINS_TRUSTED_KEYS", keys.display().to_string()),
        ];
        let place = Installation::new(&["guests/example"], &[], &settings).await;
        let path = place.folder.path().join("plugins/example.wasm");
        let signature = place.folder.path().join("plugins/example.wasm.minisig");
        (Self { file: path.display().to_string(), place, signature, _keys: folder }, pair)
    }

    /// Signs with the program and passes the password on standard input.
    fn sign(&self, pair: &minisign::KeyPair, password: &str) -> std::process::Output {
        use std::io::Write;
        let key = self.place.folder.path().join("secret.key");
        fs::write(&key, pair.sk.to_box(None).expect("a key").into_string()).expect("the file is written");
        let mut child = self
            .place
            .command(&["plugin", "sign", &self.file, "--key", &key.display().to_string()])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the program starts");
        // The program may exit before it reads the password.
        let _unread = child.stdin.take().expect("its input").write_all(format!("{password}\n").as_bytes());
        child.wait_with_output().expect("the process ends")
    }

    /// Returns the plugin's state in the catalog.
    fn state(&self) -> Value {
        json_of(&self.place.run(&["plugin", "list", "--json"]))[0]["state"]["state"].clone()
    }

    fn verify(&self, by: &[&str]) -> std::process::Output {
        self.place.run(&[&["plugin", "verify", &self.file], by].concat())
    }
}

const WITHIN: &str = "providers = ['acme-*']\nhosts = ['api.acme-hr.example']";

#[tokio::test]
async fn a_plugin_within_the_permissions_of_its_key_is_approved_automatically() {
    let (signing, pair) = Signing::new(WITHIN).await;
    assert_eq!(signing.state(), "pending", "unsigned");
    assert_eq!(signing.sign(&pair, "wrong").status.code(), Some(1), "a wrong password");
    assert!(!signing.signature.exists());
    let signed = signing.sign(&pair, "pass word");
    assert!(signed.status.success(), "{}", output_text(&signed));
    let good = fs::read_to_string(&signing.signature).expect("a signature");
    for broken in [good.replace("file:", "fail:"), good[..good.len() / 2].to_owned(), String::new()] {
        fs::write(&signing.signature, broken).expect("the file is written");
        assert_eq!(signing.state(), "broken", "rejected, and not only unsigned");
        assert_eq!(signing.verify(&["--trusted"]).status.code(), Some(1));
    }
    fs::remove_file(&signing.signature).expect("removed");
    std::os::unix::fs::symlink("/nowhere", &signing.signature).expect("a link");
    assert_eq!(signing.state(), "broken", "a symbolic link is neither a signature nor ignored");
    fs::remove_file(&signing.signature).expect("removed");
    fs::write(&signing.signature, good).expect("the file is written");
    assert_eq!(signing.state(), "approved");
    assert_eq!(signing.verify(&["--trusted"]).status.code(), Some(0));
    assert_eq!(signing.verify(&["--key", &pair.pk.to_base64()]).status.code(), Some(0));
    assert_eq!(signing.verify(&[]).status.code(), Some(2), "by which key?");
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().expect("a pair").pk.to_base64();
    assert_eq!(signing.verify(&["--key", &stranger]).status.code(), Some(1));

    fs::write(Path::new(&signing.file), guests::read_component("slack")).expect("the component is replaced");
    let list = json_of(&signing.place.run(&["plugin", "list", "--json"]));
    let states: Vec<String> = list
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| format!("{} {}", entry["id"], entry["state"]["state"]))
        .collect();
    assert_eq!(states, [r#""acme-hr" "approved""#, r#""example.wasm" "broken""#], "the approved version keeps serving");
}

#[tokio::test]
async fn a_plugin_that_exceeds_the_permissions_of_its_key_needs_an_approval() {
    let (signing, pair) = Signing::new("providers = ['acme-*']\nhosts = ['api.other.example']").await;
    assert!(signing.sign(&pair, "pass word").status.success());
    assert_eq!(signing.state(), "pending");
    let verified = signing.verify(&["--trusted"]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(output_text(&verified).contains("the host api.acme-hr.example"), "{}", output_text(&verified));
}

#[tokio::test]
async fn a_plugin_signed_by_an_unknown_key_needs_an_approval() {
    let (signing, _) = Signing::new(WITHIN).await;
    let stranger = minisign::KeyPair::generate_unencrypted_keypair().expect("a pair");
    assert!(signing.sign(&stranger, "").status.success(), "a key without a password needs none");
    assert_eq!(signing.state(), "pending");
    assert_eq!(signing.verify(&["--trusted"]).status.code(), Some(1));
}

/// Returns the names of the components in a cache.
fn cached(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        files.map(|file| file.expect("a file").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_component_is_compiled_once_for_all_commands_of_its_author() {
    let mut place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let cache = place.folder.path().join("cache");
    place.set("XDG_CACHE_HOME", cache.display().to_string());
    let file = path("slack");
    for command in ["check", "inspect", "check"] {
        let done = place.run(&["plugin", command, &file]);
        assert!(done.status.success(), "{}", output_text(&done));
    }
    let compiled = cache.join("jackfield/compiled");
    let names = cached(&compiled);
    assert_eq!(names.len(), 1, "{names:?}");
    let written = fs::metadata(compiled.join(&names[0])).and_then(|file| file.modified()).expect("its time");

    // A component that cannot be approved is kept as well, and still cannot be approved.
    let mut wrong = guests::manifest();
    wrong["version"] = json!("one");
    let wrong_file = place.folder.path().join("wrong.wasm");
    fs::write(&wrong_file, guests::with_manifest(&wrong)).expect("the file is written");
    let wrong_file = wrong_file.display().to_string();
    for _ in 0..2 {
        let done = place.run(&["plugin", "check", &wrong_file]);
        assert!(output_text(&done).contains("semantic version"), "{}", output_text(&done));
    }
    assert_eq!(cached(&compiled).len(), 2);
    let tried = place.run(&["plugin", "try", &wrong_file, "--dev", "health"]);
    assert!(output_text(&tried).contains("cannot be approved"), "{}", output_text(&tried));
    assert_eq!(fs::metadata(compiled.join(&names[0])).and_then(|file| file.modified()).expect("its time"), written);
}

#[tokio::test]
async fn a_cache_that_others_can_change_is_not_used() {
    let mut place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let cache = place.folder.path().join("cache");
    fs::create_dir(&cache).expect("a folder");
    fs::set_permissions(&cache, std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("its mode is set");
    place.set("XDG_CACHE_HOME", cache.display().to_string());
    let done = place.run(&["plugin", "check", &path("slack")]);
    assert!(done.status.success(), "{}", output_text(&done));
    assert!(output_text(&done).contains("leads to the cache"), "{}", output_text(&done));
    assert_eq!(cached(&cache.join("jackfield/compiled")), Vec::<String>::new());
}

#[tokio::test]
async fn a_decision_about_one_plugin_loads_no_other() {
    let trust = [("JACKFIELD_PLUGINS_TRUST", "approve".to_owned())];
    let place = Installation::new(&["slack", "guests/example"], &[], &trust).await;
    let (digest, compiled) =
        (jackfield_test_support::app::digest(&guests::read_component("guests/example")), place.data().join("compiled"));
    for (id, digest, why) in [
        ("nobody", "ab".repeat(32), "there is no provider `nobody`"),
        ("acme-hr", "ab".repeat(32), "there is no provider `acme-hr`"),
    ] {
        let refused = place.run(&["plugin", "approve", id, "--digest", &digest]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(output_text(&refused).contains(why), "{}", output_text(&refused));
    }
    assert_eq!(cached(&compiled), Vec::<String>::new(), "no component has this digest");
    let approved = place.run(&["plugin", "approve", "acme-hr", "--digest", &digest]);
    assert!(output_text(&approved).contains("acme-hr 0.1.0 approved"), "{}", output_text(&approved));
    let wrong = place.run(&["plugin", "approve", "acme-hr", "--digest", &"ab".repeat(32)]);
    assert!(output_text(&wrong).contains("no version with this digest"), "{}", output_text(&wrong));
    let disabled = place.run(&["plugin", "disable", "acme-hr"]);
    assert!(output_text(&disabled).contains("acme-hr 0.1.0 disabled"), "{}", output_text(&disabled));
    let names = cached(&compiled);
    assert!(names.len() == 1 && names[0].starts_with(&digest), "{names:?}");
    // The list shows everything, and the decision is among it.
    let list = json_of(&place.run(&["plugin", "list", "--json"]));
    let state = |id: &str| {
        let entry = list.as_array().expect("a list").iter().find(|entry| entry["id"] == id).expect("listed");
        entry["state"]["state"].clone()
    };
    assert_eq!(state("acme-hr"), "disabled");
    // Whether it is approved depends on whether the program was built with its digest.
    assert!(state("slack").is_string(), "{list}");
    assert_eq!(cached(&compiled).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn try_shows_what_the_component_wrote_and_why_it_failed_first() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = path("guests/hostile");
    let fields = ["--field", "token=hostile-token", "--field", "behaviour=panic"];
    let arguments = [&["plugin", "try", &file, "--dev"], &fields[..], &["health"]].concat();
    let tried = place.run(&arguments);
    let words = output_text(&tried);
    assert!(words.contains("stderr | ") && words.contains("requested by the test"), "{words}");
    let failure = words.lines().find(|line| line.contains("the component failed: ")).expect("the failure");
    assert!(failure.contains("unreachable") && !failure.contains("backtrace"), "{words}");
    let tried = json_of(&place.run(&[&arguments[..], &["--json"]].concat()));
    assert_eq!(tried["log"][0]["source"], "stderr", "{tried}");
    assert!(tried["log"].to_string().contains("requested by the test"), "{tried}");

    let checked = place.run(&["plugin", "check", "--conformance", "--field", "behaviour=panic", &file]);
    let words = output_text(&checked);
    assert!(words.contains("requested by the test") && words.contains("unreachable"), "{words}");
}
