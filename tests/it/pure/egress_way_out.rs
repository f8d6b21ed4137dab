//! Sends real requests through `Egress` to a TLS stand-in on loopback, with a resolver that answers what the test says.

#![expect(clippy::unwrap_used, reason = "a test's server and its requests: what fails there fails the test")]

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use futures_util::future::BoxFuture;
use jackfield_core::{
    Secret,
    manifest::{CredentialSource, Method, Place},
};
use jackfield_egress::{
    Budget, Checked, Dialler, Egress, EgressConfig, EgressLimits, Grant, Request, Resolver, Response, SendError,
    redirect,
};
use tokio::time::Instant;

use super::{
    egress_cases::{Case, every_endpoint},
    egress_stand_in::{Reply, StandIn, anchors},
};

const TOKEN: &str = "xoxb-17653-Zq9/+=~pL";

/// Answers each look-up of a host with the next of its lists, and remembers which hosts were asked for.
#[derive(Default)]
struct Names {
    lists: Mutex<Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    fn of(lists: Vec<Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self { lists: Mutex::new(lists), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolver for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut lists = self.lists.lock().unwrap();
        let found = if lists.is_empty() { vec![IpAddr::from([93, 184, 216, 34])] } else { lists.remove(0) };
        Box::pin(async move { Ok(found) })
    }
}

/// Connects to one loopback port instead, and remembers which addresses it was handed.
struct Switch {
    port: u16,
    handed: Mutex<Vec<IpAddr>>,
}

impl Switch {
    fn to(port: u16) -> Arc<Self> {
        Arc::new(Self { port, handed: Mutex::default() })
    }
}

impl Dialler for Switch {
    fn dial(&self, checked: Checked<'_>) -> io::Result<Vec<SocketAddr>> {
        self.handed.lock().unwrap().extend(checked.addresses);
        Ok(vec![(Ipv4Addr::LOCALHOST, self.port).into()])
    }
}

fn config(port: u16) -> EgressConfig {
    let limits = EgressLimits {
        connect: Duration::from_secs(5),
        first_byte: Duration::from_millis(600),
        idle: Duration::from_millis(300),
        total: Duration::from_millis(900),
        body: 64 * 1024,
    };
    EgressConfig {
        limits,
        resolver: Names::of(vec![]),
        dialler: Switch::to(port),
        roots: anchors(),
        ..EgressConfig::default()
    }
}

fn header() -> Place {
    Place::Header { name: "X-Auth-Token".to_owned(), format: "Token {}".to_owned() }
}

fn grant(pool: &str, place: Option<&Place>) -> Grant {
    let credentials = vec![(CredentialSource::Field("token".to_owned()), Secret::new(TOKEN.to_owned()))];
    Grant::new(pool.to_owned(), every_endpoint(place), credentials, BTreeMap::new(), Budget::new(20))
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: url.to_owned(), headers: vec![], body: None }
}

async fn send(egress: &Egress, grant: &Grant, request: Request) -> Result<Response, SendError> {
    egress.send(grant, Instant::now() + Duration::from_secs(30), request).await
}

/// What one plain GET of a stand-in with this reply comes to.
async fn answer(reply: Reply) -> Result<Response, SendError> {
    let server = StandIn::with(vec![reply]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    send(&egress, &grant("pool", Some(&header())), get("https://api.example.com/a")).await
}

fn redirect_to(location: &str) -> Reply {
    Reply::whole(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

fn ok() -> Reply {
    Reply::whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
}

/// Runs a case of kind `dns`: what is dialled is what was kept, after one look-up or none.
pub(crate) async fn dns_holds(case: &Case) -> bool {
    let (host, answers) = case.subject.split_once(" => ").unwrap();
    let lists: Vec<Vec<IpAddr>> = answers.split(" then ").map(addresses).collect();
    let keep = addresses(case.why.strip_prefix("keep=").unwrap().split_inclusive(']').next().unwrap());

    let names = Names::of(lists);
    // Nothing listens on port 1, so that the connection fails after the look-up.
    let switch = Switch::to(1);
    let config = EgressConfig { resolver: names.clone(), dialler: switch.clone(), ..EgressConfig::default() };
    let egress = Egress::new(config).unwrap();
    let sent = send(&egress, &grant("pool", None), get(&format!("https://{host}/a"))).await;

    let listed = host != "evil.test";
    let handed = switch.handed.lock().unwrap().clone();
    names.asked().len() == usize::from(listed)
        && handed == keep
        && case.allow != keep.is_empty()
        && match sent {
            Err(SendError::Denied(_)) => !case.allow,
            Err(SendError::Unreachable(_)) => case.allow || case.subject.ends_with("[]"),
            _ => false,
        }
}

fn addresses(list: &str) -> Vec<IpAddr> {
    let inside = list.trim_start_matches('[').trim_end_matches(']');
    inside.split(", ").filter(|address| !address.is_empty()).map(|address| address.parse().unwrap()).collect()
}

/// Runs a case of kind `redir`: the chain ends with an answer or a denial, and no other origin sees the credential.
pub(crate) async fn redirect_holds(case: &Case) -> bool {
    let chain: Vec<&str> = case.subject.split(" -> ").collect();
    let (first, locations) = chain.split_first().unwrap();
    if locations.iter().any(|location| location.contains(['\r', '\n'])) {
        // No server can send such a Location; the judge of its text has to refuse it all the same.
        return !case.allow && redirect::join(&first.parse().unwrap(), locations[0]).is_err();
    }
    let replies: Vec<Reply> = locations.iter().map(|location| redirect_to(location)).chain([ok()]).collect();
    let server = StandIn::with(replies).await;
    let names = Names::of(vec![]);
    let egress = Egress::new(EgressConfig { resolver: names.clone(), ..config(server.port) }).unwrap();
    let sent = send(&egress, &grant("pool", Some(&header())), get(first)).await;

    let requests = server.requests();
    let home = format!("host: {}\r\n", first.split('/').nth(2).unwrap());
    let at_home = requests.iter().take_while(|request| request.contains(&home)).count();
    let only_at_home =
        requests.iter().enumerate().all(|(number, request)| request.contains(TOKEN) == (number < at_home));
    let only_listed = names.asked().iter().all(|host| host == "api.example.com" || host.ends_with(".example.org"));
    let ended = match sent {
        Ok(response) => case.allow && response.status == 200 && requests.len() == chain.len(),
        Err(SendError::Denied(_)) => !case.allow && requests.len() < chain.len(),
        Err(_) => false,
    };
    ended && only_at_home && only_listed
}

#[tokio::test]
async fn a_credential_in_a_header_or_a_query_stays_behind_when_the_origin_changes() {
    for place in [header(), Place::Query("key".to_owned())] {
        let replies = vec![redirect_to("https://b.example.org/x"), redirect_to("https://api.example.com/y"), ok()];
        let server = StandIn::with(replies).await;
        let egress = Egress::new(config(server.port)).unwrap();
        let mut request = get("https://api.example.com/a");
        request.headers = vec![("X-Org".to_owned(), "7".to_owned()), ("Accept".to_owned(), "a/b".to_owned())];
        send(&egress, &grant("pool", Some(&place)), request).await.unwrap();
        let requests = server.requests();
        let seen = requests.iter().map(|request| {
            let has = |text: &str| request.contains(text);
            (has(TOKEN) || has("xoxb-17653-Zq9%2F%2B%3D~pL"), has("x-org: 7"), has("accept: a/b"), has("referer"))
        });
        let seen: Vec<_> = seen.collect();
        assert_eq!(seen, [(true, true, true, false), (false, false, true, false), (false, false, true, false)]);
    }
}

#[tokio::test]
async fn a_redirect_that_carries_the_credential_is_denied() {
    for dress in [TOKEN.replace('/', "%2F"), STANDARD.encode(format!("user:{TOKEN}"))] {
        let server = StandIn::with(vec![redirect_to(&format!("https://b.example.org/x?t={dress}")), ok()]).await;
        let egress = Egress::new(config(server.port)).unwrap();
        let sent = send(&egress, &grant("pool", Some(&header())), get("https://api.example.com/a")).await;
        assert!(matches!(sent, Err(SendError::Denied(denial)) if denial.rule == "redirect"));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn every_hop_takes_one_from_the_budget() {
    let server = StandIn::with(vec![redirect_to("/b"), redirect_to("/c"), ok()]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    let mut grant = grant("pool", None);
    grant.budget = Budget::new(2);
    let sent = send(&egress, &grant, get("https://api.example.com/a")).await;
    assert!(matches!(sent, Err(SendError::Denied(denial)) if denial.rule == "budget"));
    assert_eq!((server.requests().len(), grant.budget.left()), (2, 0));
}

#[tokio::test]
async fn an_endpoint_whose_credential_is_not_ready_is_asked_without_one() {
    let server = StandIn::with(vec![ok()]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    let mut grant = grant("pool", Some(&header()));
    grant.credentials.clear();
    send(&egress, &grant, get("https://api.example.com/a")).await.unwrap();
    assert!(!server.requests()[0].contains("x-auth-token"));
}

#[tokio::test]
async fn an_answer_in_a_coding_that_was_not_asked_for_is_malformed() {
    for field in [
        "Content-Encoding: zstd",
        "Content-Encoding: gzip, gzip",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip",
        "Content-Encoding: x-foo",
        "Content-Encoding: gzip",
        "Content-Type: application/json; charset=\"UTF-16\"",
    ] {
        let reply = Reply::whole(format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 2\r\n\r\n{{}}"));
        let answer = answer(reply).await;
        assert!(matches!(answer, Err(SendError::Malformed(_))), "{field}: {answer:?}");
    }
    let reply = Reply::whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    assert!(matches!(answer(reply).await, Err(SendError::Malformed(_))));
    assert!(matches!(answer(Reply::whole("SSH-2.0-OpenSSH_9.9\r\n\r\n")).await, Err(SendError::Malformed(_))));
}

#[tokio::test]
async fn an_answer_without_end_or_measure_is_too_large() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 64 * 1024 * 1024]).unwrap();
    let bomb = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let many = |count: usize, field: &str| format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", field.repeat(count));
    for (case, reply) in [
        ("a gzip bomb", Reply::whole([head.as_bytes(), &bomb].concat())),
        ("an endless body", Reply::endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 4096], Duration::ZERO)),
        ("an announced body", Reply::whole("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")),
        ("129 fields", Reply::whole(many(129, "A: b\r\n"))),
        ("100,000 fields", Reply::whole(many(100_000, "A: b\r\n"))),
        ("a header of 70 KiB", Reply::whole(many(70, &format!("A: {}\r\n", "b".repeat(1024))))),
    ] {
        let answer = answer(reply).await;
        assert!(matches!(answer, Err(SendError::TooLarge)), "{case}: {answer:?}");
    }
    let most = Reply::whole(many(127, "A: b\r\n").replacen("A: b", "Content-Length: 0\r\nA: b", 1));
    assert_eq!(answer(most).await.map(|answer| answer.headers.len()), Ok(127));
}

#[tokio::test]
async fn an_answer_that_drips_times_out() {
    let pause = Duration::from_millis(50);
    for (case, reply) in [
        ("a dripping body", Reply::endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '], pause)),
        ("a dripping header", Reply::endless("HTTP/1.1 200 OK\r\nA: ", vec![b'b'], pause)),
        ("a flood of 1xx", Reply::endless("", b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), Duration::from_millis(1))),
        ("a body that stops", Reply::endless("HTTP/1.1 200 OK\r\n\r\n{", vec![b' '], Duration::from_secs(60))),
        ("no answer", Reply::endless("", vec![b'H'], Duration::from_secs(60))),
    ] {
        let answer = answer(reply).await;
        assert!(matches!(answer, Err(SendError::TimedOut)), "{case}: {answer:?}");
    }
    let server = StandIn::with(vec![Reply::endless("", vec![], Duration::from_secs(60))]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    let sent = egress.send(&grant("pool", None), Instant::now(), get("https://api.example.com/a")).await;
    assert!(matches!(sent, Err(SendError::TimedOut)), "a deadline that has passed");
}

#[tokio::test]
async fn a_certificate_that_does_not_prove_the_host_is_unreachable() {
    let server = StandIn::for_hosts(&["api.example.net", "*.example.com"], vec![]).await;
    let wrong_name = Egress::new(config(server.port)).unwrap();
    let unknown_issuer = Egress::new(EgressConfig { roots: vec![], ..config(server.port) }).unwrap();
    for (egress, host, why) in [
        (&wrong_name, "www.example.org", "TLS failed: the certificate is for another name"),
        (&unknown_issuer, "api.example.com", "TLS failed: the certificate's issuer is not trusted"),
    ] {
        let sent = send(egress, &grant("pool", Some(&header())), get(&format!("https://{host}/a"))).await;
        assert_eq!(sent.map(drop), Err(SendError::Unreachable(why.to_owned())));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_pool_keeps_its_connections_to_itself() {
    let server = StandIn::with(vec![ok()]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    for (pool, connections) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        send(&egress, &grant(pool, None), get("https://api.example.com/a")).await.unwrap();
        assert_eq!(server.connections(), connections, "{pool}");
    }
    egress.forget("one");
    send(&egress, &grant("one", None), get("https://api.example.com/a")).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn proxy_variables_are_not_obeyed() {
    let name = format!("{}::a_pool_keeps_its_connections_to_itself", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        // Nothing listens there: a request that went to the proxy would fail.
        child.env(variable, "http://127.0.0.1:1");
    }
    let output = child.args(["--exact", &name]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn a_secret_is_masked_wherever_its_answer_is_cut() {
    let hex: String = TOKEN.bytes().map(|byte| format!("{byte:02x}")).collect();
    let page = format!(
        "{{\"a\":\"{TOKEN}\",\"b\":\"{}\",\"c\":\"{hex}\",\"d\":\"{}\"}}",
        TOKEN.replace('/', "\\/").replace('q', "\\u0071"),
        TOKEN.replace('/', "%2f").replace('=', "%3D"),
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page.as_bytes()).unwrap();
    let coded = encoder.finish().unwrap();
    for (coding, body) in [("identity", page.as_bytes()), ("gzip", &coded)] {
        let replies = (0..=body.len()).map(|cut| {
            let mut reply =
                format!("HTTP/1.1 200 OK\r\nX-Echo: {TOKEN}\r\nX-{hex}: 1\r\nContent-Encoding: {coding}\r\n");
            reply += "Transfer-Encoding: chunked\r\n\r\n";
            let mut reply = reply.into_bytes();
            for piece in [&body[..cut], &body[cut..]].into_iter().filter(|piece| !piece.is_empty()) {
                reply.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                reply.extend(piece);
                reply.extend(b"\r\n");
            }
            reply.extend(b"0\r\n\r\n");
            Reply::whole(reply)
        });
        let server = StandIn::with(replies.collect()).await;
        let egress = Egress::new(config(server.port)).unwrap();
        for cut in 0..=body.len() {
            let answer = send(&egress, &grant("pool", None), get("https://api.example.com/a")).await.unwrap();
            let text = String::from_utf8(answer.body).unwrap();
            assert_eq!(text, r#"{"a":"[secret]","b":"[secret]","c":"[secret]","d":"[secret]"}"#, "{coding} {cut}");
            assert_eq!(answer.headers, [("x-echo".to_owned(), "[secret]".to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_guest_is_shown_neither_cookies_nor_the_fields_of_one_hop() {
    let reply = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
                 Keep-Alive: timeout=5\r\nX-Rate: 3\r\nContent-Length: 0\r\n\r\n";
    let server = StandIn::with(vec![Reply::whole(reply)]).await;
    let egress = Egress::new(config(server.port)).unwrap();
    let answer = send(&egress, &grant("pool", None), get("https://api.example.com/a?b=c")).await.unwrap();
    assert_eq!(answer.headers, [("x-rate".to_owned(), "3".to_owned())]);
    let request = server.requests()[0].to_owned();
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("accept-encoding: gzip\r\n") && request.contains("host: api.example.com\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_reroute_goes_to_loopback_after_the_original_host_was_judged() {
    let server = StandIn::plain(vec![ok()]).await;
    let target = format!("http://127.0.0.1:{}", server.port);
    let reroutes = |target: &str| {
        let hosts = ["api.example.com", "evil.example"];
        hosts.map(|host| (host.to_owned(), target.parse().unwrap())).into_iter().collect()
    };
    let names = Names::of(vec![]);
    let config = EgressConfig { reroutes: reroutes(&target), resolver: names.clone(), ..config(1) };
    let egress = Egress::new(config).unwrap();
    let grant = grant("pool", Some(&header()));
    send(&egress, &grant, get("https://api.example.com/a/b?c")).await.unwrap();
    let denied = send(&egress, &grant, get("https://evil.example/a")).await;
    assert!(matches!(denied, Err(SendError::Denied(_))));
    let requests = server.requests();
    assert_eq!((requests.len(), names.asked().len()), (1, 0));
    assert!(requests[0].starts_with("GET /a/b?c HTTP/1.1\r\n") && requests[0].contains("host: api.example.com\r\n"));

    for target in ["http://10.0.0.1:4010", "https://127.0.0.1:4010", "http://example.com:4010"] {
        let config = EgressConfig { reroutes: reroutes(target), ..EgressConfig::default() };
        assert!(Egress::new(config).is_err(), "{target}");
    }
}
