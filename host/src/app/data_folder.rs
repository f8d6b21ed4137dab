//! The data folder: creates it for this user only, or checks that it is safe, locks it, and stores the host's id in it.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use jackfield_files::{PrivateFileError, ProcessUser, create_probe, make_private};
use jackfield_store::ServiceRun;
use rustix::fs::OFlags;
use uuid::Uuid;

/// The bit of a folder that is shared by several users, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Creates the folder if it does not exist, and checks that nobody else can change it or read new files in it.
///
/// Its files are made inaccessible to others, except `key_file`: its mode is checked when it is read.
///
/// A folder of Kubernetes can belong to root and a group of this process. Its mode cannot be changed, and others can
/// list it, which reveals no content.
///
/// # Errors
/// Others can change the folder or could read new files, or the folder cannot be written to.
pub(super) fn prepare(folder: &Path, key_file: &Path, user: &ProcessUser) -> anyhow::Result<()> {
    let shown = folder.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot create the data folder {shown}; this service runs as {user}"))?;
    let opened = File::open(folder)
        .with_context(|| format!("cannot open the data folder {shown}; this service runs as {user}"))?;
    let metadata = opened.metadata().with_context(|| format!("cannot read the data folder {shown}"))?;
    if !metadata.is_dir() {
        bail!("the data folder {shown} is not a folder; set JACKFIELD_DATA_DIR to another path");
    }
    if metadata.mode() & 0o077 != 0 && metadata.mode() & STICKY == 0 {
        // A folder of another owner cannot be changed, and some file systems ignore the change. The result is checked.
        let _unchanged = opened.set_permissions(Permissions::from_mode(0o700));
    }
    let metadata = opened.metadata().with_context(|| format!("cannot read the data folder {shown}"))?;
    if let Some(who) = user.who_else_can_write(&metadata) {
        bail!("{}", describe_shared(folder, &metadata, &who.to_string(), user));
    }
    make_files_private(folder, key_file, user).with_context(|| format!("cannot read the data folder {shown}"))?;
    probe(folder, user)
}

/// Creates and removes a file, because on some file systems every file has the mode that the mount says.
fn probe(folder: &Path, user: &ProcessUser) -> anyhow::Result<()> {
    let shown = folder.display();
    match create_probe(&folder.join("probe"), user) {
        Ok((_file, path)) => fs::remove_file(&path).with_context(|| format!("cannot write to the data folder {shown}")),
        Err(PrivateFileError::Io(error)) => Err(error).with_context(|| {
            format!(
                "cannot write to the data folder {shown}; this service runs as {user}. Run `chown` on the folder, set \
                 JACKFIELD_DATA_DIR to another folder, or in Kubernetes set `fsGroup` in the securityContext of the pod"
            )
        }),
        Err(error) => bail!(
            "the data folder {shown} is not safe for secrets: {error}. Do one of these: mount the volume with options \
             such as `uid=` and `umask=077`, or `file_mode=0600,dir_mode=0700`; or set JACKFIELD_DATA_DIR to a folder \
             on another volume"
        ),
    }
}

/// Gives the files of this folder that others can access the mode 0600, for example those that Kubernetes has opened to
/// the group of a volume.
fn make_files_private(folder: &Path, key_file: &Path, user: &ProcessUser) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file that is removed meanwhile needs no protection.
        let Ok(metadata) = entry.metadata() else { continue };
        let is_shared = metadata.is_file() && metadata.mode() & 0o077 != 0;
        if !is_shared || key_file.file_name() == Some(&entry.file_name()) {
            continue;
        }
        let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).map_err(io::Error::other)?;
        if let Ok(file) = File::options().read(true).custom_flags(flags).open(entry.path()) {
            // The store checks the database file. The other files contain no secret.
            let _shared = make_private(&file, user)?;
        }
    }
    Ok(())
}

fn describe_shared(folder: &Path, metadata: &Metadata, who: &str, user: &ProcessUser) -> String {
    let (shown, owner, group, mode) = (folder.display(), metadata.uid(), metadata.gid(), metadata.mode() & 0o7777);
    let subfolder = folder.join("jackfield");
    format!(
        "the data folder {shown} is not safe: {who} can change it (owner {owner}, group {group}, mode {mode:03o}; this \
         service runs as {user}). Do one of these: run `chown` and `chmod 700` on it, so that only the user of this \
         service can change it; run `chmod o-w` on it, if it belongs to root and a group that only this service has; \
         set JACKFIELD_DATA_DIR to a subfolder that does not exist yet, such as {}, which the service creates for \
         itself; or in Kubernetes, set `fsGroup` in the securityContext of the pod, with a group that only this service \
         has",
        subfolder.display()
    )
}

/// Waits for the lock under which the database and the master key are created.
///
/// The lock is held while the returned file is open. Without it, two processes that start for the first time at once
/// would each create a key.
pub(super) fn lock_for_opening(folder: &Path) -> anyhow::Result<File> {
    let lock = || {
        let file = open_lock(folder, "starting.lock")?;
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
    let file = open_lock(folder, "serving.lock")?;
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
            // It may be empty, if a crash interrupted the first start.
            let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            give_to_owner(&file, folder)?;
            file.write_all(id.as_bytes())?;
            Ok(id)
        }
    }
}

/// The file that names the master key whose rows have MACs.
const SIGNED_ROWS: &str = "signed-rows.id";

/// Returns the file that records that this host has used a database with MACs under this key, if there is one.
pub(super) fn find_signed_rows(folder: &Path, key_id: &str) -> anyhow::Result<Option<PathBuf>> {
    let path = folder.join(SIGNED_ROWS);
    match std::fs::read_to_string(&path) {
        Ok(recorded) => Ok((recorded.trim() == key_id).then_some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Records that this host has used a database with MACs under this key.
pub(super) fn record_signed_rows(folder: &Path, key_id: &str) -> anyhow::Result<()> {
    if find_signed_rows(folder, key_id)?.is_some() {
        return Ok(());
    }
    let path = folder.join(SIGNED_ROWS);
    std::fs::write(&path, key_id).with_context(|| format!("cannot write {}", path.display()))
}

fn open_lock(folder: &Path, name: &str) -> io::Result<File> {
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(folder.join(name))?;
    give_to_owner(&file, folder)?;
    Ok(file)
}

/// Gives a file that root has created to the owner of the folder, who could not open it otherwise.
fn give_to_owner(file: &File, folder: &Path) -> io::Result<()> {
    let metadata = folder.metadata()?;
    if rustix::process::geteuid().is_root() && file.metadata()?.uid() != metadata.uid() {
        // Best effort: root in a container may not be allowed to.
        let _unchanged = fchown(file, Some(metadata.uid()), Some(metadata.gid()));
    }
    Ok(())
}
