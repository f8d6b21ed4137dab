//! Reads a file as a component is read: a regular one, through no link, not too large, and whole.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file as it lies there; a link is looked at itself.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from(&std::fs::symlink_metadata(path)?))
    }
}

impl From<&Metadata> for Stamp {
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

/// Reads a file once; what was read is what is hashed, compiled and kept.
///
/// # Errors
/// In words: it is no regular file, too large, or was written to while it was read.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let open = || -> io::Result<(File, Metadata)> {
        // Not blocking, so that a named pipe holds nothing up; following no link.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        Ok((file, metadata))
    };
    let (mut file, metadata) = open().map_err(|error| format!("it cannot be opened: {error}"))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let cut = |error: io::Error| format!("it cannot be read: {error}");
    file.by_ref().take(most + 1).read_to_end(&mut bytes).map_err(cut)?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {} MiB", most >> 20));
    }
    if Stamp::from(&file.metadata().map_err(cut)?) != Stamp::from(&metadata) {
        return Err("it was written to while it was read".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_a_regular_file_of_its_size_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, b"12345678").expect("written");
        symlink(&file, &link).expect("linked");
        assert_eq!(read(&file, 8), Ok(b"12345678".to_vec()));
        assert!(read(&file, 7).is_err_and(|why| why.contains("larger")));
        assert!(read(&link, 8).is_err_and(|why| why.contains("opened")));
        assert!(read(folder.path(), 8).is_err());
        assert!(read(Path::new("/dev/null"), 8).is_err_and(|why| why.contains("regular")));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
        assert!(read(&pipe, 8).is_err_and(|why| why.contains("regular")));
    }
}
