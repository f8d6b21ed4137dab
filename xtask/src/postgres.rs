//! A throw-away PostgreSQL server for the tests, on a free port of 127.0.0.1; its files are gone when it is dropped.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Write},
    net::TcpListener,
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::children::shown;

const SUPERUSER: &str = "jackfield";

/// Enough for every test at once with a pool of its own.
///
/// Nothing is synchronised to the disk, since this server is never killed and its data is thrown away. The logs of
/// changes are kept, and so is a checkpoint in them, for the search for secrets that follows the tests: it finds
/// even what was deleted.
const SETTINGS: &str = "
max_connections = 200
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 2GB
wal_keep_size = 1GB
";

/// A running server and its folder.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    /// Who runs it, where that is not the one who runs this program: the server refuses to run as root.
    user: Option<User>,
    port: u16,
    password: String,
    state: State,
}

#[derive(Clone, Copy, Debug)]
struct User {
    id: u32,
    group: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Stopped,
    Running,
}

impl Cluster {
    /// Makes a cluster with the server's programs in this folder, and starts it.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let user = rustix::process::geteuid().is_root().then(unprivileged_user).transpose()?;
        let folder = std::env::temp_dir().join(format!("jackfield-postgres-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).with_context(|| folder.display().to_string())?;
        // From here on, whatever goes wrong, the folder is taken away.
        let mut cluster = Self {
            programs: programs.to_owned(),
            folder,
            user,
            port: free_port()?,
            password: random_password()?,
            state: State::Stopped,
        };
        cluster.give_away(&cluster.folder)?;
        cluster.initialise()?;
        cluster.serve()?;
        Ok(cluster)
    }

    /// Where it is reached, as its superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Its data folder, which holds its log as well.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Stops the server in good order, so that everything it holds is in its files. These stay until the drop.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.pg_ctl_stop("fast")
    }

    fn initialise(&self) -> Result<()> {
        let password_file = self.folder.join("password");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password_file)?;
        file.write_all(self.password.as_bytes())?;
        self.give_away(&password_file)?;

        let mut initdb = self.program("initdb");
        initdb.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--pwfile"]).arg(&password_file);
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(self.data());
        let output = initdb.output().with_context(|| format!("cannot start `{}`", shown(&initdb)))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", shown(&initdb), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        let settings = format!("{SETTINGS}listen_addresses = '127.0.0.1'\nport = {}\n", self.port);
        let mut file = OpenOptions::new().append(true).open(self.data().join("postgresql.conf"))?;
        file.write_all(settings.as_bytes())?;
        Ok(())
    }

    fn serve(&mut self) -> Result<()> {
        let log = self.data().join("server.log");
        let mut start = self.program("pg_ctl");
        start.args(["start", "--wait", "--silent", "-D"]).arg(self.data()).arg("--log").arg(&log);
        self.state = State::Running;
        if !start.stdout(Stdio::null()).status()?.success() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            bail!("the PostgreSQL server did not start: {}", log.trim_end());
        }
        Ok(())
    }

    fn pg_ctl_stop(&mut self, mode: &str) -> Result<()> {
        if self.state == State::Stopped {
            return Ok(());
        }
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode", mode, "-D"]).arg(self.data());
        // A second Ctrl-C does not reach it.
        let output = stop.process_group(0).output()?;
        if !output.status.success() {
            bail!("`{}` failed: {}", shown(&stop), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        self.state = State::Stopped;
        Ok(())
    }

    /// One of the server's programs, run by the user that may run it.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        command
    }

    fn give_away(&self, path: &Path) -> Result<()> {
        match self.user {
            Some(user) => Ok(chown(path, Some(user.id), Some(user.group))?),
            None => Ok(()),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A server that did not start cannot be stopped either.
        if let Err(error) = self.pg_ctl_stop("immediate")
            && self.data().join("postmaster.pid").exists()
        {
            eprintln!("warning: the PostgreSQL server in {} still runs: {error:#}", self.folder.display());
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: {} could not be removed: {error}", self.folder.display());
        }
    }
}

/// The user `postgres`, whom the system's package makes, else `nobody`.
fn unprivileged_user() -> Result<User> {
    let text = fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    let user = user_in(&text, "postgres").or_else(|| user_in(&text, "nobody"));
    user.context("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")
}

fn user_in(passwd: &str, name: &str) -> Option<User> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some(User { id: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        let user = user_in(passwd, "postgres").unwrap();
        assert_eq!((user.id, user.group), (101, 104));
        assert!(user_in(passwd, "post").is_none());
    }
}
