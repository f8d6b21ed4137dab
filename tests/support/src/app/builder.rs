//! Configures and starts the service of a test.

use std::{fs, path::Path, time::Duration};

use jackfield::{
    app::HostEnvironment,
    config::{Config, Dev},
};
use jackfield_api::ServingLimits;
use jackfield_core::Clock;
use jackfield_egress::EgressLimits;
use jackfield_sandbox::{Cache, Checker, Limits, Pooling, Trust};

use super::{
    Database, GUARD, TestApp, TestFolder, client, log_into,
    running::{RunningService, shared_cache},
    tokens,
};
use crate::{guests, stand_in_server::StandInServer};

/// Configures a test's service.
#[derive(Debug)]
pub struct TestAppBuilder {
    reroutes: Vec<(String, String)>,
    components: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    limits: Limits,
    egress: EgressLimits,
    trust: Trust,
    settings: Vec<(String, String)>,
    checker: Checker,
    compiled: Option<Cache>,
    serving: ServingLimits,
    interval: Option<Duration>,
}

impl TestAppBuilder {
    pub(super) fn new() -> Self {
        Self {
            reroutes: Vec::new(),
            components: Vec::new(),
            files: Vec::new(),
            limits: Limits {
                calls: 64,
                calls_per_component: 48,
                pooling: Pooling::Never,
                // Longer than anything takes, however busy the machine is. Tests of the limits set their own.
                call_time: GUARD,
                guest_time: GUARD,
                ..Limits::default()
            },
            egress: EgressLimits {
                connect: GUARD,
                first_byte: GUARD,
                idle: GUARD,
                total: GUARD,
                ..EgressLimits::default()
            },
            trust: Trust::All,
            settings: Vec::new(),
            checker: Checker::InProcess,
            compiled: shared_cache(),
            serving: ServingLimits::default(),
            interval: None,
        }
    }

    /// Reroutes the requests for a host to a stand-in.
    #[must_use]
    pub fn reroute(mut self, host: &str, upstream: &StandInServer) -> Self {
        self.reroutes.push((host.to_owned(), upstream.url()));
        self
    }

    /// Installs a built component by name, such as `slack` or `guests/hostile`.
    #[must_use]
    pub fn component(mut self, name: &str) -> Self {
        self.components.push(name.to_owned());
        self
    }

    /// Writes a file with these bytes into the plugins folder.
    #[must_use]
    pub fn file(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.push((name.to_owned(), bytes));
        self
    }

    /// Changes the limits of a call.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Changes the time and size limits of provider responses.
    #[must_use]
    pub fn egress(mut self, change: impl FnOnce(&mut EgressLimits)) -> Self {
        change(&mut self.egress);
        self
    }

    /// Changes the limits of HTTP connections that no setting changes.
    #[must_use]
    pub fn serving(mut self, change: impl FnOnce(&mut ServingLimits)) -> Self {
        change(&mut self.serving);
        self
    }

    /// Adds a setting by the name of its environment variable.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets which plugins run without an approval. The default is all.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Compiles and checks components in a child process of `program`, as the real program does.
    #[must_use]
    pub fn check_in_child(mut self, program: &Path) -> Self {
        self.checker = Checker::Child(program.to_owned());
        self.compile_in_data_folder()
    }

    /// Keeps compiled components in the service's own data folder, as the real program does.
    #[must_use]
    pub fn compile_in_data_folder(mut self) -> Self {
        self.compiled = None;
        self
    }

    /// Replaces how often the work in the background is done.
    #[must_use]
    pub fn intervals(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Starts the service.
    pub async fn start(self) -> TestApp {
        let folder = TestFolder::new();
        log_into(folder.path());
        let plugins = folder.path().join("plugins");
        fs::create_dir_all(&plugins).expect("the plugins folder is created");
        for name in &self.components {
            let file = format!("{}.wasm", name.rsplit('/').next().unwrap_or(name));
            fs::write(plugins.join(file), guests::read_component(name))
                .expect("the component is written to the plugins folder");
        }
        for (name, bytes) in &self.files {
            fs::write(plugins.join(name), bytes).expect("the file is written to the plugins folder");
        }
        let data = folder.path().join("data");
        let database = Database::create(&data).await;
        let reroute: Vec<String> = self.reroutes.iter().map(|(host, url)| format!("{host}={url}")).collect();
        let settings = [
            ("JACKFIELD_DATA_DIR", data.display().to_string()),
            ("JACKFIELD_PLUGINS_DIR", plugins.display().to_string()),
            ("JACKFIELD_DATABASE_URL", database.url()),
            ("JACKFIELD_EGRESS_REROUTE", reroute.join(",")),
            ("JACKFIELD_STOP_DELAY", "0".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(self.settings);
        let mut config = Config::from_settings(settings, Dev::Yes).expect("the settings of a test");
        config.limits = self.limits;
        config.plugins_trust = self.trust;
        let clock = Clock::set_to(Clock::system().now());
        let environment = HostEnvironment::default()
            .with_clock(clock.clone())
            .with_egress_limits(self.egress)
            .with_checker(self.checker)
            .with_compiled(self.compiled)
            .with_serving(|limits| *limits = self.serving);
        let environment = match self.interval {
            Some(interval) => environment.with_intervals(interval),
            None => environment,
        };
        let running = RunningService::start(&config, &environment).await;
        let tokens = tokens(&running.store, &clock).await;
        TestApp {
            clock,
            store: running.store,
            connections: running.connections,
            catalog: running.catalog,
            base: running.base,
            openapi: running.openapi,
            config,
            environment,
            client: client(),
            tokens,
            answers: folder.path().join("answers.txt"),
            folder,
            database,
            stop: Some(running.stop),
            served: Some(running.served),
        }
    }
}
