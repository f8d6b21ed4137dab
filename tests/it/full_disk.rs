//! A disk that is full and has room again, on the small disk that `cargo xtask test` mounts.

use std::{
    env,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use futures_util::future::join_all;
use jackfield_test_support::app::{Database, client};
use serde_json::{Value, json};

use crate::process::program::{Installation, copy_to_sinks};

/// How often the disk is full, and has room again.
const ROUNDS: usize = 200;

/// Changes that are refused in each round, and as many that must be stored afterwards: more than the database
/// connections of the service, so that each of them takes part.
const CHANGES: usize = 10;

#[tokio::test]
async fn every_change_is_stored_once_a_full_disk_has_room_again() {
    let disk = PathBuf::from(env::var_os("JACKFIELD_TEST_SMALL_DISK").expect("`cargo xtask test` mounts a small disk"));
    let mut place = Installation::new(&[], &[], &[]).await;
    let data = disk.join("data");
    let database = Database::create(&data).await;
    place.set("JACKFIELD_DATA_DIR", data.display().to_string());
    place.set("JACKFIELD_DATABASE_URL", database.url());
    let bearer = place.token();
    let service = place.serve().await;
    let (client, url) = (client(), format!("{}/api/admin/people", place.base()));
    let add_people = async |round: usize, kind: &str| {
        let requests = (0..CHANGES).map(|number| {
            let person = json!({ "name": kind, "email": format!("{kind}-{number}-{round}@acme.example") });
            let request = client.post(&url).bearer_auth(&bearer).header("content-type", "application/json");
            request.body(person.to_string()).send()
        });
        let answers = join_all(requests).await;
        answers.into_iter().map(|answer| answer.expect("an answer").status().as_u16()).collect::<Vec<_>>()
    };

    let (mut stored, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        // The log of SQLite keeps its size, and would take some more changes.
        database.run("pragma wal_checkpoint(truncate)".to_owned()).await;
        let filler = disk.join("filler");
        fill(&filler);
        let statuses = add_people(round, "refused").await;
        assert!(statuses.iter().all(|status| [201, 503].contains(status)), "round {round}: {statuses:?}");
        let unstored = statuses.iter().filter(|status| **status == 503).count();
        (refused, stored) = (refused + unstored, stored + CHANGES - unstored);
        fs::remove_file(filler).expect("there is room again");
        assert_eq!(
            add_people(round, "stored").await,
            [201; CHANGES],
            "round {round}, after {unstored} refused changes"
        );
        stored += CHANGES;
    }
    assert!(refused >= 1_000, "only {refused} changes were refused");
    service.kill();

    let service = place.serve().await;
    let list = client.get(&url).bearer_auth(&bearer).send().await.expect("an answer").text().await.expect("a body");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list["people"].as_array().expect("people").len(), stored);
    println!("{refused} changes were refused in {ROUNDS} rounds; all {stored} others are stored");
    assert!(service.stop().success());
    copy_to_sinks(&data);
}

/// Writes a file until there is no room for another byte.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("the file is created");
    for size in [64 << 10, 1] {
        let block = vec![0; size];
        let full = loop {
            if let Err(error) = file.write_all(&block) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
