//! 1,000 concurrent health checks with an expired access token: how many refreshes they cause, and how long they take.

use futures_util::future::join_all;
use http::Method;
use jackfield_egress::EgressLimits;
use jackfield_sandbox::{Limits, Pooling};
use jackfield_test_support::{
    app::TestApp,
    xero::{HOSTS, TENANT, XeroStandIn},
};
use jiff::SignedDuration;
use serde_json::json;
use tokio::{runtime::Runtime, time::Instant};

use crate::report::{Report, Target};

/// Below the default number of calls in flight per plugin.
const REQUESTS: usize = 1_000;

/// Measures a service in this process, with SQLite.
pub(crate) fn requests(report: &mut Report) {
    let (refreshes, ms) = Runtime::new().expect("a runtime").block_on(async {
        let xero = XeroStandIn::start().await;
        xero.add_app("bench", "bench-secret", "http://127.0.0.1:7420/oauth/callback");
        let builder = TestApp::builder().component("xero");
        let builder = HOSTS.iter().fold(builder, |builder, host| builder.reroute(host, &xero));
        let app = builder
            .setting("JACKFIELD_OAUTH_XERO_CLIENT_ID", "bench")
            .setting("JACKFIELD_OAUTH_XERO_CLIENT_SECRET", "bench-secret")
            .limits(|limits| *limits = Limits { pooling: Pooling::Never, ..Limits::default() })
            .egress(|limits| *limits = EgressLimits::default())
            .start()
            .await;
        let clock = app.clock.clone();
        xero.follow_clock(move || clock.now().as_second());
        let begun = app.get("/api/admin/connections/xero/auth-url").await.ok();
        let landing = xero.authorize(begun["url"].as_str().expect("a URL")).allow(&[TENANT]);
        let body = json!({ "code": landing.code, "state": landing.state });
        let connected = app.send(Method::POST, "/api/admin/connections/xero/callback", Some(body)).await;
        assert_eq!(connected.ok()["ok"], true);
        app.clock.advance(SignedDuration::from_mins(31));
        let begun = Instant::now();
        let answers = join_all((0..REQUESTS).map(|_| app.get("/api/admin/connections/xero/health"))).await;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        for answer in answers {
            assert_eq!(answer.ok()["healthy"], true);
        }
        (xero.refreshes().len(), ms)
    });
    report.number("refresh.requests_1k_refreshes", refreshes as f64, Target::AtMost(1.0));
    report.number("refresh.requests_1k_ms", ms, Target::None);
    report.note("refresh.requests_1k: health checks while the access token has expired, in one process, over SQLite");
}
