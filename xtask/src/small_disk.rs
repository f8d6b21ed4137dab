//! A disk of a few megabytes for the tests that fill one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The size of the disk, as an option of `mount`. Some times what a new database takes.
const OPTIONS: &str = "size=16m,mode=0700";

/// A tmpfs that is unmounted when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts a tmpfs.
    ///
    /// # Errors
    /// It cannot be mounted, which in general only root can do.
    pub(crate) fn mount() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("jackfield-small-disk-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", OPTIONS, "jackfield-small-disk"]).arg(&path).output();
        let reason = match mounted {
            Ok(output) if output.status.success() => return Ok(Self { path }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let _empty = fs::remove_dir(&path);
        bail!("cannot mount a tmpfs: {reason}")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.path).status();
        if !unmounted.is_ok_and(|status| status.success()) || fs::remove_dir(&self.path).is_err() {
            eprintln!("warning: cannot unmount and remove {}", self.path.display());
        }
    }
}
