//! The data folder: creates it for this user only, locks it, and stores the host's id in it.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::Context;
use jackfield_store::ServiceRun;
use uuid::Uuid;

/// Creates the folder if it does not exist, and makes it inaccessible to other users.
pub(super) fn create(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create the data folder {shown}"))?;
    // An existing folder can have other permissions.
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("cannot set the permissions of the data folder {shown}; does this user own it?"))
}

/// Waits for the lock under which the database and the master key are created.
///
/// The lock is held while the returned file is open. Without it, two processes that start for the first time at once
/// would each create a key.
pub(super) fn lock_for_opening(folder: &Path) -> anyhow::Result<File> {
    let lock = || {
        let file = open_lock(&folder.join("starting.lock"))?;
        file.lock()?;
        io::Result::Ok(file)
    };
    lock().with_context(|| format!("cannot write to the data folder {}", folder.display()))
}

/// Identifies this run of the service, and the host.
///
/// The returned file marks the folder as used. If another process already uses it, this run counts as a separate host.
pub(super) fn start_run(folder: &Path) -> io::Result<(ServiceRun, Option<File>)> {
    let run = Uuid::new_v4().simple().to_string();
    let file = open_lock(&folder.join("serving.lock"))?;
    if file.try_lock().is_err() {
        return Ok((ServiceRun { host: run.clone(), run }, None));
    }
    Ok((ServiceRun { host: host_id(folder)?, run }, Some(file)))
}

/// Returns the id of the host, which is created with the folder and stays the same.
pub(super) fn host_id(folder: &Path) -> io::Result<String> {
    let path = folder.join("host.id");
    match std::fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        _ => {
            let id = Uuid::new_v4().simple().to_string();
            std::fs::write(&path, &id)?;
            Ok(id)
        }
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}
