//! Files of the service as containers mount them: who owns them, who else can read them, and links.
//!
//! Only root can create files of several users and run programs as them. `cargo xtask test` leaves these tests out for
//! anybody else, and says so. The rules are also tested without files, in the crate `files`.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
    path::Path,
    process::Output,
};

use jackfield_test_support::slack::SlackStandIn;

use super::program::{Installation, output_text};

/// A user and a group that no account has.
const USER: u32 = 4_241;
const GROUP: u32 = 4_242;
const STRANGER: u32 = 4_243;

/// A valid master key.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("metadata").mode() & 0o7777
}

/// An installation whose program runs as another user, and its data folder.
struct Container {
    place: Installation,
}

impl Container {
    async fn new() -> Self {
        let user = fs::metadata("/proc/self").expect("this process").uid();
        assert_eq!(user, 0, "only root can create files of several users and run programs as them");
        let place = Installation::with_slack(&*SlackStandIn::start().await).await;
        let _existing = fs::create_dir(place.data());
        Self { place }
    }

    /// Gives the data folder an owner, a group and a mode.
    fn with_data(self, owner: u32, group: u32, mode: u32) -> Self {
        chown(self.place.data(), Some(owner), Some(group)).expect("the owner is changed");
        set_mode(&self.place.data(), mode);
        self
    }

    fn create_token_as(&self, user: u32, group: u32) -> Output {
        let arguments = ["token", "create", "--name", "ada", "--level", "executive"];
        self.place.command_as(&arguments, user, group).output().expect("the program runs")
    }

    fn create_token(&self) -> Output {
        self.create_token_as(USER, GROUP)
    }
}

#[tokio::test]
async fn a_folder_of_root_that_only_a_group_of_the_service_can_change_is_used() {
    for (user, group, mode_of_folder) in [(USER, GROUP, 0o2775), (USER, GROUP, 0o2770), (USER, 0, 0o770)] {
        let container = Container::new().await.with_data(0, group, mode_of_folder);
        for start in ["first", "second"] {
            let created = container.create_token_as(user, group);
            assert!(created.status.success(), "{start} {mode_of_folder:o}: {}", output_text(&created));
        }
        let data = container.place.data();
        assert_eq!(mode(&data), mode_of_folder, "a folder of another owner keeps its mode");
        for entry in fs::read_dir(&data).expect("the data folder") {
            let path = entry.expect("an entry").path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        // Kubernetes opens all files to the group at the next mount of the volume.
        for entry in fs::read_dir(&data).expect("the data folder") {
            set_mode(&entry.expect("an entry").path(), 0o660);
        }
        let created = container.create_token_as(user, group);
        assert!(created.status.success(), "{}", output_text(&created));
        assert_eq!(mode(&data.join("starting.lock")), 0o600);
        // There is none if the database is PostgreSQL.
        let database = data.join("jackfield.db");
        if database.exists() {
            assert_eq!(mode(&database), 0o600);
        }
    }
}

#[tokio::test]
async fn a_data_folder_that_others_can_change_is_rejected_with_every_remedy() {
    for (owner, group, mode_of_folder, who) in [
        (0, GROUP, 0o2777, "everybody"),
        (0, 0, 0o777, "everybody"),
        (0, 0, 0o1777, "everybody"),
        (STRANGER, GROUP, 0o770, "the user with the id 4243"),
    ] {
        let container = Container::new().await.with_data(owner, group, mode_of_folder);
        let rejected = container.create_token();
        assert_eq!(rejected.status.code(), Some(1));
        let said = output_text(&rejected);
        let data = container.place.data();
        for words in [
            &data.display().to_string(),
            who,
            &format!("mode {mode_of_folder:o}"),
            "uid 4241",
            "chmod 700",
            "JACKFIELD_DATA_DIR to a subfolder that does not exist yet",
            "fsGroup",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(fs::read_dir(&data).expect("the data folder").count(), 0, "nothing was created");
    }
    let container = Container::new().await.with_data(0, 0, 0o755);
    let said = output_text(&container.create_token());
    assert!(said.contains("Permission denied") && said.contains("uid 4241") && said.contains("fsGroup"), "{said}");
}

#[tokio::test]
async fn a_key_of_root_is_read_through_links_by_a_group_of_the_service() {
    let mut container = Container::new().await.with_data(USER, GROUP, 0o700);
    let volume = container.place.folder.path().join("secret");
    let version = volume.join("..2026_11_30");
    fs::create_dir_all(&version).expect("the volume");
    set_mode(&volume, 0o1777);
    set_mode(&version, 0o755);
    let key = version.join("key");
    fs::write(&key, KEY).expect("written");
    symlink("..2026_11_30", volume.join("..data")).expect("a link");
    symlink("..data/key", volume.join("key")).expect("a link");
    container.place.set("JACKFIELD_MASTER_KEY_FILE", volume.join("key").display().to_string());
    for (owner, group, mode_of_key, problem) in [
        (0, GROUP, 0o440, None),
        (USER, GROUP, 0o400, None),
        (0, STRANGER, 0o400, Some("Permission denied")),
        (0, GROUP, 0o444, Some("everybody can (owner 0, group 4242, mode 444)")),
        (STRANGER, GROUP, 0o440, Some("the user with the id 4243")),
    ] {
        chown(&key, Some(owner), Some(group)).expect("the owner is changed");
        set_mode(&key, mode_of_key);
        let approved = approve_something(&container);
        match problem {
            // The database is open, so the command fails for its own reason.
            None => assert!(!approved.contains("master key"), "{mode_of_key:o} {approved}"),
            Some(problem) => {
                for words in [problem, "JACKFIELD_MASTER_KEY_FILE", "set JACKFIELD_MASTER_KEY to"] {
                    assert!(approved.contains(words), "{words}: {approved}");
                }
            }
        }
    }
    chown(&key, Some(0), Some(GROUP)).expect("the owner is changed");
    set_mode(&key, 0o440);
    // In a shared folder, the owner of a link decides where it leads.
    fs::remove_file(volume.join("key")).expect("removed");
    symlink("..data/key", volume.join("key")).expect("a link");
    lchown(volume.join("key"), Some(STRANGER), None).expect("the owner is changed");
    let said = approve_something(&container);
    let link = volume.join("key");
    assert!(said.contains(&format!("can change {}", link.display())) && said.contains("chown -h"), "{said}");
}

/// Runs a command that needs the master key, and returns what it printed.
fn approve_something(container: &Container) -> String {
    let arguments = ["plugin", "approve", "nothing", "--digest", &"0".repeat(64)];
    output_text(&container.place.command_as(&arguments, USER, GROUP).output().expect("the program runs"))
}
