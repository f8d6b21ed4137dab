//! Runs every command of the guide for plugin authors in order, in one shell.

use std::{path::PathBuf, process::Command};

use super::new::BuildFolder;
use crate::process::program::{binary_path, free_port, output_text};

/// Returns the command blocks of a page in order.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in page.lines() {
        match &mut open {
            None if line == "```sh" => open = Some(String::new()),
            None => {}
            Some(block) if line == "```" => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

#[test]
fn every_command_in_the_guide_works_as_printed() {
    let page = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/plugin-guide.md"));
    let page = std::fs::read_to_string(page).expect("the guide");
    let blocks = blocks(&page);
    assert_eq!(blocks.len(), 6, "the guide's steps");
    assert_eq!(page.matches("```sh").count(), blocks.len(), "every command block is run");
    let (stand_in, service) = (free_port(), free_port());
    let folder = tempfile::tempdir().expect("a folder");
    // Reuse earlier builds; an author's folder starts empty.
    let target = BuildFolder::alone();
    let mut script = "set -eu\ntrap 'kill ${STAND_IN:-} ${SERVICE:-} 2>/dev/null || true' EXIT\n".to_owned();
    for (number, block) in blocks.iter().enumerate() {
        script.push_str(&format!("echo '== step {}'\n{block}\n", number + 1));
        if number == 0 {
            script.push_str(&format!("ln -s '{}' target\n", target.folder.display()));
        }
    }
    let script = script
        .replace("127.0.0.1:4010", &format!("127.0.0.1:{stand_in}"))
        .replace("http.server 4010", &format!("http.server {stand_in}"))
        .replace("127.0.0.1:7420", &format!("127.0.0.1:{service}"));
    let program = binary_path().canonicalize().expect("the program");
    let path = std::env::var("PATH").expect("a PATH");
    let mut command = Command::new("sh");
    // Variables of the test environment are not settings of the program.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("JACKFIELD_")) {
        command.env_remove(name);
    }
    command
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.parent().expect("its folder").display()))
        .env("JACKFIELD_LISTEN", format!("127.0.0.1:{service}"))
        .env("CARGO_NET_OFFLINE", "true");
    for name in ["CARGO_TARGET_DIR", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER"] {
        command.env_remove(name);
    }
    let followed = command.output().expect("a shell");
    let words = output_text(&followed);
    assert!(followed.status.success(), "{words}");
    for expected in [
        "4 passed",
        "acme-people 0.1.0 can be approved",
        "calls only these endpoints\n  GET api.acme-people.example/v1/whoami",
        "authorization: Bearer [secret]",
        "\"org_name\": \"Acme Instruments\"",
        ", 0 broken",
        "acme-people           0.1.0       pending",
        "\"state\":\"approved\"",
        "{\"ok\":true,\"org_name\":\"Acme Instruments\"}",
        "\"healthy\":true",
    ] {
        assert!(words.contains(expected), "{expected} is missing in\n{words}");
    }
    assert!(!words.contains("any-token-will-do"), "{words}");
}
