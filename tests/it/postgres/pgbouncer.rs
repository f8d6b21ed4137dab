//! Two hosts behind PgBouncer. `cargo xtask test` runs these tests if PgBouncer is installed, and says so otherwise.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::{Child, Command, Stdio},
};

use jackfield_store::Store;
use jackfield_test_support::app::Database;
use tempfile::TempDir;

use super::{cluster, entry, open};

/// A running PgBouncer in front of one database.
struct PgBouncer {
    process: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _ended = self.process.wait();
    }
}

impl PgBouncer {
    /// Starts it with its default settings, except for the mode and a session for each connection of two hosts.
    fn start(mode: &str, database: &str) -> Self {
        let program = env::var("JACKFIELD_TEST_PGBOUNCER").expect("`cargo xtask test` names the program");
        let target = url::Url::parse(database).expect("a URL");
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port();
        let config = format!(
            "[databases]\n{name} = host=127.0.0.1 port={target_port} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = 40\n",
            name = target.path().trim_start_matches('/'),
            target_port = target.port().expect("a port"),
            user = target.username(),
            password = target.password().expect("a password"),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, config).expect("the settings are written");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is readable");
        let mut command = Command::new(program);
        if fs::metadata("/proc/self").expect("this process").uid() == 0 {
            // It refuses to run as root.
            command.args(["-u", "nobody"]);
        }
        let log = fs::File::create(folder.path().join("log")).expect("the log is created");
        let process = command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let url = format!("postgres://{}@127.0.0.1:{port}{}", target.username(), target.path());
        Self { process: process.expect("PgBouncer starts"), url, _folder: folder }
    }
}

/// Changes and reads through two hosts at once.
async fn use_two_hosts(mode: &str, parameters: &str) {
    let Database::Postgres(database) = Database::create_in_cluster(&cluster()).await else { unreachable!() };
    let pooler = PgBouncer::start(mode, &database);
    let url = format!("{}{parameters}", pooler.url);
    // The store waits for a server that starts.
    let hosts = [open(&url).await.expect("the first host"), open(&url).await.expect("the second host")];
    let tasks: Vec<_> = (0..400)
        .map(|number| {
            let store: Store = hosts[number % 2].clone();
            tokio::spawn(async move {
                store.audit(entry()).await?;
                store.audit_end().await
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("a change and a read work");
    }
    for host in &hosts {
        assert_eq!(host.check_write().await, Ok(()));
        assert_eq!(host.audit_end().await.expect("the end"), 400);
    }
    assert_eq!(hosts[0].first_broken_audit_row().await.expect("the audit log is read"), None);
    // A third start finds nothing to migrate.
    open(&url).await.expect("the third host").close().await;
    for host in &hosts {
        host.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_work_through_pgbouncer_in_session_mode() {
    use_two_hosts("session", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_detect_the_transaction_mode_of_pgbouncer() {
    use_two_hosts("transaction", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_use_the_pool_mode_of_the_url() {
    use_two_hosts("transaction", "?pool_mode=transaction").await;
}
