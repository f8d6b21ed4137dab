//! Starts the program with its own settings, waits until it is ready, and stops it.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use jackfield_test_support::{
    app::{Database, client, eventually},
    guests, marked,
    stand_in_server::StandInServer,
};
use tempfile::TempDir;

/// Returns the path of the program that was built for the tests.
pub(crate) fn binary_path() -> PathBuf {
    let path = std::env::var_os("JACKFIELD_BIN").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/debug/jackfield")),
        PathBuf::from,
    );
    assert!(path.exists(), "{} is missing; `cargo xtask test` builds it", path.display());
    path
}

/// Returns everything that a command printed, on both standard output and standard error.
pub(crate) fn output_text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A folder with settings and data, on which the program is started repeatedly.
pub(crate) struct Installation {
    pub(crate) folder: TempDir,
    settings: Vec<(String, String)>,
    port: u16,
    pub(crate) database: Database,
}

impl Installation {
    /// Creates an installation with Slack's plugin, whose requests go to the stand-in.
    pub(crate) async fn with_slack(slack: &StandInServer) -> Self {
        Self::new(&["slack"], &[slack.reroute("slack.com")], &[]).await
    }

    /// Creates an installation with some plugins, reroutes to stand-ins, and settings.
    pub(crate) async fn new(components: &[&str], reroutes: &[String], settings: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::create(&folder.path().join("data")).await;
        let mut place = Self { folder, settings: Vec::new(), port: free_port(), database };
        let plugins = place.folder.path().join("plugins");
        fs::create_dir(&plugins).expect("the plugins folder is created");
        for component in components {
            let name = component.rsplit('/').next().unwrap_or(component);
            fs::write(plugins.join(format!("{name}.wasm")), guests::read_component(component))
                .expect("the file is written to the plugins folder");
        }
        let own = [
            ("JACKFIELD_LISTEN", format!("127.0.0.1:{}", place.port)),
            ("JACKFIELD_DATA_DIR", place.data().display().to_string()),
            ("JACKFIELD_DATABASE_URL", place.database.url()),
            ("JACKFIELD_PLUGINS_DIR", plugins.display().to_string()),
            ("JACKFIELD_PLUGINS_TRUST", "all".to_owned()),
            ("JACKFIELD_EGRESS_REROUTE", reroutes.join(",")),
            ("JACKFIELD_LOG", "debug".to_owned()),
            ("JACKFIELD_STOP_DELAY", "0".to_owned()),
        ];
        let all = own.into_iter().chain(settings.iter().cloned());
        place.settings = all.map(|(name, value)| (name.to_owned(), value)).collect();
        place
    }

    /// Creates another host with the same database and key, and its own data folder.
    pub(crate) fn second_host(&self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        fs::create_dir(folder.path().join("data")).expect("a data folder");
        fs::copy(self.data().join("master.key"), folder.path().join("data/master.key")).expect("the key is copied");
        let settings = self.settings.iter().map(|(name, value)| {
            let value = match name.as_str() {
                "JACKFIELD_LISTEN" => format!("127.0.0.1:{port}"),
                "JACKFIELD_DATA_DIR" => folder.path().join("data").display().to_string(),
                _ => value.clone(),
            };
            (name.clone(), value)
        });
        Self { settings: settings.collect(), folder, port, database: self.database.clone() }
    }

    /// Changes a setting before the service starts.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value));
    }

    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns a command of the program with these settings as its only environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary_path());
        command.args(arguments).env_clear().envs(self.settings.iter().cloned()).current_dir(self.folder.path());
        command
    }

    /// Returns a command that runs as another user. Only root can do that.
    pub(crate) fn command_as(&self, arguments: &[&str], user: u32, group: u32) -> Command {
        let (folder, program) = (self.folder.path(), self.folder.path().join("jackfield"));
        // The user must be able to reach the program.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the mode is set");
        if !program.exists() {
            fs::copy(binary_path(), &program).expect("the program is copied");
        }
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.settings.iter().cloned()).current_dir(folder);
        command.uid(user).gid(group);
        command
    }

    /// Runs a command of the program and waits for it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program runs")
    }

    /// Creates a token for an Executive.
    pub(crate) fn token(&self) -> String {
        let made = self.run(&["token", "create", "--name", "admin", "--level", "executive"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        marked::record(String::from_utf8(made.stdout).expect("text").trim().to_owned())
    }

    /// Starts the service and waits until it is ready.
    pub(crate) async fn serve(&self) -> Service {
        self.serve_to(Stdio::null()).await
    }

    /// Starts the service with redirected standard output, and waits until it is ready.
    pub(crate) async fn serve_to(&self, output: Stdio) -> Service {
        let log = fs::File::options().append(true).create(true).open(self.log()).expect("a log");
        self.wait_until_ready(self.command(&["serve", "--dev"]).stdout(output).stderr(log)).await
    }

    /// Starts the service with a command, and waits until it is ready.
    pub(crate) async fn wait_until_ready(&self, command: &mut Command) -> Service {
        let service = Service(command.stdin(Stdio::null()).spawn().expect("the program starts"));
        let client = client();
        eventually(async || match client.get(format!("{}/readyz", self.base())).send().await {
            Ok(answer) if answer.status() == 200 => Ok(()),
            _ => Err(format!("not ready: {}", fs::read_to_string(self.log()).unwrap_or_default())),
        })
        .await;
        service
    }

    /// Returns the path of the program's log, in the sinks folder in a full run.
    pub(crate) fn log(&self) -> PathBuf {
        let name = format!("program-{}.log", self.port);
        match marked::sinks_folder() {
            Some(sinks) => {
                fs::create_dir_all(&sinks).expect("the sinks");
                sinks.join(name)
            }
            None => self.folder.path().join(name),
        }
    }
}

/// A running service. Dropping it kills it, as a power failure would.
pub(crate) struct Service(pub(super) Child);

impl Service {
    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("the process is killed");
        self.0.wait().expect("the process ended");
    }

    /// Kills it with SIGKILL after a delay, in a thread because that is more precise than the runtime's timer.
    pub(crate) async fn kill_after(self, time: Duration) {
        let killed = tokio::task::spawn_blocking(move || {
            thread::sleep(time);
            self.kill();
        });
        killed.await.expect("the process is killed");
    }

    /// Waits until it exits.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.0.wait().expect("the process ended")
    }

    /// Sends SIGTERM and waits until it exits.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().expect("kill runs");
        assert!(asked.success());
        self.0.wait().expect("the process ended")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have exited already.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

/// Copies the data folder to the sinks folder, so that the secret scan sees what the program wrote.
pub(crate) fn copy_to_sinks(data: &Path) {
    let Some(sinks) = marked::sinks_folder() else { return };
    let kept = sinks.join(format!("data-{}", std::process::id()));
    fs::create_dir_all(&kept).expect("the sinks");
    for entry in fs::read_dir(data).expect("the data").filter_map(Result::ok) {
        if entry.path().is_file() {
            fs::copy(entry.path(), kept.join(entry.file_name())).expect("the file is kept");
        }
    }
}
