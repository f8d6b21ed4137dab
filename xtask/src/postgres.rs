//! A temporary PostgreSQL server for the tests, on a free port of 127.0.0.1. Dropping it removes its files.

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

use crate::{components::to_hex, process::to_shell};

const SUPERUSER: &str = "jackfield";

/// The server's settings.
///
/// There are enough connections for all tests to run at once, each with its own pool. Nothing is synced to the disk,
/// because the data is not needed after a crash. The write-ahead log is kept, because the search for secrets after the
/// tests reads it to find deleted rows too.
const SETTINGS: &str = "
max_connections = 200
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 2GB
wal_keep_size = 1GB
";

/// A server and its folder.
#[derive(Debug)]
pub(crate) struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    /// The user that runs it if this program runs as root, because the server refuses to run as root.
    user: Option<UnixUser>,
    port: u16,
    password: String,
    is_running: bool,
}

#[derive(Clone, Copy, Debug)]
struct UnixUser {
    id: u32,
    group: u32,
}

impl PostgresServer {
    /// Creates a database cluster with the programs in this folder, and starts its server.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let user = rustix::process::geteuid().is_root().then(unprivileged_user).transpose()?;
        let folder = std::env::temp_dir().join(format!("jackfield-postgres-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        // Created before anything else can fail, so that its drop removes the folder.
        let mut server = Self {
            programs: programs.to_owned(),
            folder,
            user,
            port: free_port()?,
            password: random_password()?,
            is_running: false,
        };
        server.change_owner(&server.folder)?;
        server.initialize()?;
        server.run()?;
        Ok(server)
    }

    /// Returns the URL to connect as superuser.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// Returns the data folder, which also contains the server's log.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Writes all rows of all databases to a file as text.
    pub(crate) fn dump(&self, to: &Path) -> Result<()> {
        let mut dump = self.program("pg_dumpall");
        dump.args(["--data-only", "--host=127.0.0.1", "--no-password", "--username", SUPERUSER]);
        dump.arg(format!("--port={}", self.port)).env("PGPASSWORD", &self.password);
        let status = dump.stdout(File::create(to)?).status();
        let status = status.with_context(|| format!("cannot start `{}`", to_shell(&dump)))?;
        if !status.success() {
            bail!("`{}` failed", to_shell(&dump));
        }
        Ok(())
    }

    /// Shuts the server down, so that all data is in its files, which remain until this value is dropped.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.pg_ctl_stop("fast")
    }

    fn initialize(&self) -> Result<()> {
        let password_file = self.folder.join("password");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&password_file)?;
        file.write_all(self.password.as_bytes())?;
        self.change_owner(&password_file)?;

        let mut initdb = self.program("initdb");
        initdb.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--pwfile"]).arg(&password_file);
        initdb.args(["--encoding=UTF8", "--locale=C", "--no-sync", "-D"]).arg(self.data());
        let output = initdb.output().with_context(|| format!("cannot start `{}`", to_shell(&initdb)))?;
        if !output.status.success() {
            bail!("`{}` failed: {}", to_shell(&initdb), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        let settings = format!("{SETTINGS}listen_addresses = '127.0.0.1'\nport = {}\n", self.port);
        let mut file = OpenOptions::new().append(true).open(self.data().join("postgresql.conf"))?;
        file.write_all(settings.as_bytes())?;
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        let log = self.data().join("server.log");
        let mut start = self.program("pg_ctl");
        start.args(["start", "--wait", "--silent", "-D"]).arg(self.data()).arg("--log").arg(&log);
        self.is_running = true;
        if !start.stdout(Stdio::null()).status()?.success() {
            let log = fs::read_to_string(&log).unwrap_or_default();
            bail!("cannot start the PostgreSQL server: {}", log.trim_end());
        }
        Ok(())
    }

    fn pg_ctl_stop(&mut self, mode: &str) -> Result<()> {
        if !self.is_running {
            return Ok(());
        }
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode", mode, "-D"]).arg(self.data());
        // In its own process group a second Ctrl-C does not interrupt it.
        let output = stop.process_group(0).output()?;
        if !output.status.success() {
            bail!("`{}` failed: {}", to_shell(&stop), String::from_utf8_lossy(&output.stderr).trim_end());
        }
        self.is_running = false;
        Ok(())
    }

    /// Creates the command of a server program, run as the server's user.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        command
    }

    fn change_owner(&self, path: &Path) -> Result<()> {
        match self.user {
            Some(user) => Ok(chown(path, Some(user.id), Some(user.group))?),
            None => Ok(()),
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // A server that did not start has no process to stop.
        if let Err(error) = self.pg_ctl_stop("immediate")
            && self.data().join("postmaster.pid").exists()
        {
            eprintln!("warning: cannot stop the PostgreSQL server in {}: {error:#}", self.folder.display());
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("warning: cannot remove {}: {error}", self.folder.display());
        }
    }
}

/// Finds the user `postgres`, which the system's package creates, or else `nobody`.
fn unprivileged_user() -> Result<UnixUser> {
    let text = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let user = find_user(&text, "postgres").or_else(|| find_user(&text, "nobody"));
    user.context("PostgreSQL cannot run as root: create a user `postgres` or run this command as another user")
}

fn find_user(passwd: &str, name: &str) -> Option<UnixUser> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some(UnixUser { id: fields.get(2)?.parse().ok()?, group: fields.get(3)?.parse().ok()? })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn random_password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(to_hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        let user = find_user(passwd, "postgres").unwrap();
        assert_eq!((user.id, user.group), (101, 104));
        assert!(find_user(passwd, "post").is_none());
    }
}
