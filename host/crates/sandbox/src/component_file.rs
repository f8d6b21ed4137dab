//! Reads the file of a component. It must be a regular file of limited size, not a link, and must not change meanwhile.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// The metadata that changes whenever a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// Reads the stamp of a file. It does not follow a link.
    ///
    /// # Errors
    /// There is no such file, or it cannot be accessed.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&std::fs::symlink_metadata(path)?))
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Why a link is not read, and what to do.
const LINK: &str = "it is a symbolic link, which cannot be opened as a component; copy the file itself to this place, \
                    or use the folder that contains the files, such as the folder `..data` of a volume of Kubernetes";

/// Reads a file of at most `max_bytes`, once, so that exactly these bytes are hashed, compiled and stored.
///
/// # Errors
/// It is not a regular file, it is too large, or it changed while it was read. The error says which.
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    if path.is_symlink() {
        return Err(LINK.to_owned());
    }
    let (mut file, metadata) = open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be opened: {error}"),
    })?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let to_message = |error: io::Error| format!("it cannot be read: {error}");
    let mut bytes = Vec::new();
    file.by_ref().take(max_bytes + 1).read_to_end(&mut bytes).map_err(to_message)?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!("it is larger than {} MiB", max_bytes >> 20));
    }
    if FileStamp::from(&file.metadata().map_err(to_message)?) != FileStamp::from(&metadata) {
        return Err("it changed while it was read".to_owned());
    }
    Ok(bytes)
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    // Without following a link; and without blocking, because a named pipe would wait for a writer.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_regular_file_up_to_the_maximum_size_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, b"12345678").expect("a file");
        symlink(&file, &link).expect("a link");
        assert_eq!(read(&file, 8), Ok(b"12345678".to_vec()));
        assert!(read(&file, 7).is_err_and(|why| why.contains("larger")));
        assert!(read(&link, 8).is_err_and(|why| why.contains("opened") && why.contains("copy the file")));
        assert!(read(folder.path(), 8).is_err());
        assert!(read(Path::new("/dev/null"), 8).is_err_and(|why| why.contains("regular")));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
        assert!(read(&pipe, 8).is_err_and(|why| why.contains("regular")));
    }
}
