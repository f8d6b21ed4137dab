//! Stopped services that start again, and second hosts on the same database.

use std::fs;

use jackfield_sandbox::Trust;

use super::{TestApp, TestFolder, client, running::RunningService};

impl TestApp {
    /// Starts a stopped service again on the same data.
    pub async fn start_again(mut self) -> Self {
        let running = RunningService::start(&self.config, &self.environment).await;
        self.store = running.store;
        self.connections = running.connections;
        self.catalog = running.catalog;
        self.base = running.base;
        self.openapi = running.openapi;
        self.stop = Some(running.stop);
        self.served = Some(running.served);
        self
    }

    /// Starts a second host with the same database, key and clock, and its own data folder.
    pub async fn start_second_host(&self) -> Self {
        let folder = TestFolder::new();
        let data = folder.path().join("data");
        fs::create_dir_all(&data).expect("a data folder");
        let mut config = self.config.clone();
        config.master_key_file = data.join("master.key");
        config.data_dir = data;
        fs::copy(&self.config.master_key_file, &config.master_key_file).expect("the key is copied");
        let running = RunningService::start(&config, &self.environment).await;
        Self {
            clock: self.clock.clone(),
            store: running.store,
            connections: running.connections,
            catalog: running.catalog,
            base: running.base,
            openapi: running.openapi,
            config,
            environment: self.environment.clone(),
            client: client(),
            tokens: self.tokens.clone(),
            answers: folder.path().join("answers.txt"),
            folder,
            database: self.database.clone(),
            stop: Some(running.stop),
            served: Some(running.served),
        }
    }

    /// Trusts other plugins, as a newer version of the program does.
    #[must_use]
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.config.plugins_trust = trust;
        self
    }
}
