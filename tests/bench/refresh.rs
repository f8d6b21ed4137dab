//! 10,000 readers of an access token that has ended, at once: how often the provider is asked, and how long it takes.

use futures_util::future::join_all;
use http::Method;
use jackfield_test_support::{
    app::TestApp,
    xero::{HOSTS, TENANT, Xero},
};
use jiff::SignedDuration;
use serde_json::json;
use tokio::{runtime::Runtime, time::Instant};

use crate::report::{Report, Target};

const READERS: usize = 10_000;

/// Measures on a service in this process, over SQLite.
pub(crate) fn readers(report: &mut Report) {
    let (refreshes, ms) = Runtime::new().expect("a runtime").block_on(async {
        let xero = Xero::start().await;
        xero.app("bench", "bench-secret", "http://127.0.0.1:7420/oauth/callback");
        let builder = TestApp::builder().component("xero");
        let builder = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero));
        let app = builder
            .setting("JACKFIELD_OAUTH_XERO_CLIENT_ID", "bench")
            .setting("JACKFIELD_OAUTH_XERO_CLIENT_SECRET", "bench-secret")
            .start()
            .await;
        let clock = app.clock.clone();
        xero.follow(move || clock.now().as_second());
        let begun = app.get("/api/admin/connections/xero/auth-url").await.ok();
        let landing = xero.authorize(begun["url"].as_str().expect("a URL")).allow(&[TENANT]);
        let body = json!({ "code": landing.code, "state": landing.state });
        let connected = app.send(Method::POST, "/api/admin/connections/xero/callback", Some(body)).await;
        assert_eq!(connected.ok()["ok"], true);
        app.clock.advance(SignedDuration::from_mins(31));
        let begun = Instant::now();
        let tokens = join_all((0..READERS).map(|_| {
            let connections = app.connections.clone();
            tokio::spawn(async move { connections.access_token("xero").await })
        }))
        .await;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        for token in tokens {
            token.expect("a reader ends").expect("a token");
        }
        (xero.refreshes().len(), ms)
    });
    report.number("refresh.readers_10k_refreshes", refreshes as f64, Target::AtMost(1.0));
    report.number("refresh.readers_10k_ms", ms, Target::None);
    report.note("refresh.readers_10k: tasks that ask for an access token that has ended, in one process, over SQLite");
}
