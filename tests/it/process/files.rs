//! Files of the service: who else can read or change them, and what the service says about it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};

use jackfield_test_support::slack::SlackStandIn;

use super::program::{Installation, output_text};

/// A valid master key.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const CREATE_TOKEN: [&str; 6] = ["token", "create", "--name", "ada", "--level", "executive"];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("metadata").mode() & 0o7777
}

async fn install() -> Installation {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let _existing = fs::create_dir(place.data());
    place
}

/// Fails unless the text contains all these words.
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[tokio::test]
async fn a_data_folder_that_everybody_can_change_is_rejected_with_every_remedy() {
    let place = install().await;
    // Any other mode is corrected in a folder of one's own.
    set_mode(&place.data(), 0o1777);
    let rejected = place.run(&CREATE_TOKEN);
    assert_eq!(rejected.status.code(), Some(1));
    let (said, data) = (output_text(&rejected), place.data().display().to_string());
    let subfolder = format!("JACKFIELD_DATA_DIR to a subfolder that does not exist yet, such as {data}/jackfield");
    assert_says(&said, &[&data, "everybody can change it", "mode 1777", "chmod 700", &subfolder, "fsGroup"]);
    assert_eq!(fs::read_dir(place.data()).expect("the data folder").count(), 0, "nothing was created");
}

#[tokio::test]
async fn a_first_start_below_a_folder_that_everybody_can_write_to_creates_no_key_and_names_that_folder() {
    let place = install().await;
    let parent = place.folder.path();
    set_mode(parent, 0o777);
    for arguments in [&["serve", "--dev"][..], &CREATE_TOKEN] {
        let rejected = place.run(arguments);
        assert_eq!(rejected.status.code(), Some(1));
        let (shown, said) = (parent.display(), output_text(&rejected));
        assert_says(
            &said,
            &[
                &format!("everybody can change {shown}, which is on its path"),
                &format!("run `chmod o-w {shown}`, or `chmod +t {shown}`"),
                "name a file in another folder in JACKFIELD_MASTER_KEY_FILE",
                "or set JACKFIELD_MASTER_KEY to a key",
                "This service runs as uid",
            ],
        );
        assert!(!place.data().join("master.key").exists(), "no key was created");
    }
    set_mode(parent, 0o755);
    let created = place.run(&CREATE_TOKEN);
    assert!(created.status.success(), "{}", output_text(&created));
    // Later, the folder is opened to everybody: the key is not used, and the message says why.
    set_mode(parent, 0o777);
    let rejected = place.run(&CREATE_TOKEN);
    assert_says(&output_text(&rejected), &[&format!("everybody can change {}", parent.display()), "chmod o-w"]);

    let mut place = install().await;
    set_mode(place.folder.path(), 0o777);
    place.set("JACKFIELD_MASTER_KEY", KEY.to_owned());
    let created = place.run(&CREATE_TOKEN);
    assert!(created.status.success(), "a key in the settings needs no file: {}", output_text(&created));
}

#[tokio::test]
async fn a_key_that_everybody_can_read_is_rejected_with_every_remedy() {
    let mut place = install().await;
    let folder = place.folder.path().join("secret");
    fs::create_dir(&folder).expect("a folder");
    let key = folder.join("key");
    fs::write(&key, KEY).expect("written");
    place.set("JACKFIELD_MASTER_KEY_FILE", key.display().to_string());
    let approve =
        |place: &Installation| output_text(&place.run(&["plugin", "approve", "nothing", "--digest", &"0".repeat(64)]));
    let ways_out = ["JACKFIELD_MASTER_KEY_FILE", "set JACKFIELD_MASTER_KEY to"];
    for mode_of_key in [0o444, 0o644, 0o604] {
        set_mode(&key, mode_of_key);
        let said = approve(&place);
        assert_says(&said, &ways_out);
        let kubernetes = "mount the secret with `fsGroup` and `defaultMode: 0440`";
        let access = format!("mode {mode_of_key:o})");
        assert_says(&said, &["everybody can (owner", &access, "chmod 600", kubernetes, "mount the file read-only"]);
    }
    for mode_of_key in [0o400, 0o600] {
        set_mode(&key, mode_of_key);
        let said = approve(&place);
        assert!(!said.contains("master key"), "{mode_of_key:o}: {said}");
    }
    set_mode(&folder, 0o777);
    let said = approve(&place);
    assert_says(&said, &ways_out);
    let shown = folder.display();
    assert_says(&said, &[&format!("everybody can change {shown}"), &format!("chmod o-w {shown}")]);
}

#[tokio::test]
async fn whatever_the_umask_only_the_owner_can_access_the_data() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let _existing = fs::create_dir(place.data());
    set_mode(&place.data(), 0o755);
    let command = place.command(&CREATE_TOKEN);
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let created = shell.current_dir(place.folder.path()).output().expect("the shell runs");
    assert!(created.status.success(), "{}", output_text(&created));
    assert_eq!(mode(&place.data()), 0o700);
    let mut seen = 0;
    for entry in fs::read_dir(place.data()).expect("the data folder") {
        let path = entry.expect("an entry").path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 3, "{seen} files");
}
