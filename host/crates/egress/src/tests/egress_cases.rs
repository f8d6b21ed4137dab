//! Runs every egress case of `tests/data/egress-cases.txt`. The head of that file explains the format.
//!
//! `JACKFIELD_TEST_EGRESS_CASES` can name an additional file of the same format.

use std::{fs, net::IpAddr, path::Path};

use jackfield_core::manifest::{Method, Placement};

use super::{
    APPROVED_HOSTS, FakeNames, LoopbackSocket, METHODS, TOKEN, config, endpoint, get, header, network, ok, permissions,
    redirect_to,
    scripted_server::{Reply, ScriptedServer},
    send,
};
use crate::{
    addresses, config::EgressConfig, connect::NetworkAccess, egress::Egress, error::SendError, headers,
    outgoing_request::OutgoingRequest, placement, policy, redirect,
};

/// One line of a case file.
struct EgressCase {
    id: String,
    subject: String,
    allow: bool,
    why: String,
}

impl EgressCase {
    fn kind(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    async fn holds(&self) -> bool {
        let subject = self.subject.as_str();
        let is_allowed = match self.kind() {
            "a4" | "a6" => addresses::require_public(subject.parse().expect("an address")).is_ok(),
            "url" => policy::parse(subject)
                .is_ok_and(|url| APPROVED_HOSTS.iter().any(|pattern| policy::host_matches(pattern, &url.host))),
            "ask" => policy::validate_host_pattern(subject).is_ok(),
            "end" => endpoint_is_allowed(subject),
            "place" => placement_is_free(subject),
            "hdr" => {
                let (name, value) = subject.split_once(": ").unwrap_or((subject, ""));
                headers::validate(name, value).is_ok()
            }
            "dns" => return dns_case_holds(self).await,
            "redir" => return redirect_case_holds(self).await,
            kind => panic!("{}: unknown kind {kind}", self.id),
        };
        is_allowed == self.allow
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests names the additional cases in a variable")]
async fn every_egress_case_holds() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/data/egress-cases.txt");
    let mut failed = failed_cases(&own).await;
    if let Some(additional) = std::env::var_os("JACKFIELD_TEST_EGRESS_CASES") {
        failed.extend(failed_cases(Path::new(&additional)).await);
    }
    assert!(failed.is_empty(), "these cases do not hold:\n{}", failed.join("\n"));
}

async fn failed_cases(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("the case file exists");
    let mut failed = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let case = parse(line);
        count += 1;
        if !case.holds().await {
            failed.push(line.to_owned());
        }
    }
    let holding = count - failed.len();
    println!("egress cases: {holding} of {count} hold ({})", file.file_name().unwrap_or_default().display());
    failed
}

fn parse(line: &str) -> EgressCase {
    let [id, subject, expected, why] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("a case has four fields: {line}");
    };
    let allow = match expected {
        "allow" => true,
        "deny" => false,
        _ => panic!("expected `allow` or `deny`: {line}"),
    };
    EgressCase { id: id.to_owned(), subject: unescape(subject), allow, why: why.to_owned() }
}

/// Undoes the escapes of a subject.
fn unescape(subject: &str) -> String {
    let mut plain = String::new();
    let mut rest = subject;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (character, after) = escape.split_at(1);
        rest = after;
        match character {
            "\\" => plain.push('\\'),
            "t" => plain.push('\t'),
            "r" => plain.push('\r'),
            "n" => plain.push('\n'),
            "e" => {}
            "x" => {
                let (digits, after) = after.split_at(2);
                plain.push(char::from(u8::from_str_radix(digits, 16).expect("two digits")));
                rest = after;
            }
            "u" => {
                let (digits, after) = after[1..].split_once('}').expect("a closing brace");
                plain.extend(char::from_u32(u32::from_str_radix(digits, 16).expect("digits")));
                rest = after;
            }
            _ => panic!("unknown escape: {subject}"),
        }
    }
    plain + rest
}

fn endpoint_is_allowed(subject: &str) -> bool {
    let endpoints = [
        (Method::Get, "api.example.com", "/v1/users"),
        (Method::Get, "api.example.com", "/v1/users/*"),
        (Method::Post, "api.example.com", "/v1/messages"),
        (Method::Get, "*.example.org", "/files/*"),
    ]
    .map(|(method, host, path)| endpoint(method, host, path, None));
    let Some((method, url)) = subject.split_once(' ') else { return false };
    let Some(method) = METHODS.into_iter().find(|known| known.as_str() == method) else { return false };
    policy::authorize(&endpoints, method, url).is_ok()
}

fn placement_is_free(subject: &str) -> bool {
    let (placement, sent) = subject.split_once(" => ").expect("an arrow");
    let (kind, name) = placement.split_once(' ').expect("a kind and a name");
    let mut request = OutgoingRequest {
        method: Method::Get,
        url: "https://api.example.com/v1".parse().expect("a URL"),
        headers: Vec::new(),
        body: None,
        credential: None,
    };
    let name = name.to_owned();
    let placement = match kind {
        "query" => {
            request.url.set_query(sent.strip_prefix('?'));
            Placement::Query(name)
        }
        "form" => {
            request.body = Some(sent.to_owned().into());
            Placement::Form(name)
        }
        "json" => {
            request.body = Some(sent.to_owned().into());
            Placement::Json(name)
        }
        "header" => {
            let (field, value) = sent.split_once(": ").expect("a field");
            if headers::validate(field, value).is_err() {
                return false;
            }
            request.headers.push((field.to_owned(), value.to_owned()));
            Placement::Header { name, format: "{}".to_owned() }
        }
        _ => panic!("unknown placement: {subject}"),
    };
    placement::require_free(&placement, &request).is_ok()
}

/// Runs a case of kind `dns`: after at most one lookup, exactly the addresses of `keep` are connected to.
async fn dns_case_holds(case: &EgressCase) -> bool {
    let (host, answers) = case.subject.split_once(" => ").unwrap();
    let lists: Vec<Vec<IpAddr>> = answers.split(" then ").map(parse_addresses).collect();
    let keep = parse_addresses(case.why.strip_prefix("keep=").unwrap().split_inclusive(']').next().unwrap());

    let names = FakeNames::with(lists);
    // Nothing listens on port 1, so the connection fails after the lookup.
    let sockets = LoopbackSocket::at(1);
    let network = NetworkAccess { names: names.clone(), sockets: sockets.clone(), ..NetworkAccess::default() };
    let egress = Egress::with_network(EgressConfig::default(), network).unwrap();
    let result = send(&egress, &permissions("pool", None), get(&format!("https://{host}/a"))).await;

    let is_approved = host != "evil.test";
    let connected = sockets.addresses.lock().unwrap().clone();
    names.looked_up().len() == usize::from(is_approved)
        && connected == keep
        && case.allow != keep.is_empty()
        && match result {
            Err(SendError::Denied(_)) => !case.allow,
            Err(SendError::Unreachable(_)) => case.allow || case.subject.ends_with("[]"),
            _ => false,
        }
}

fn parse_addresses(list: &str) -> Vec<IpAddr> {
    let inside = list.trim_start_matches('[').trim_end_matches(']');
    inside.split(", ").filter(|address| !address.is_empty()).map(|address| address.parse().unwrap()).collect()
}

/// Runs a case of kind `redir`: it ends with a response or a denial, and no other origin receives the credential.
async fn redirect_case_holds(case: &EgressCase) -> bool {
    let chain: Vec<&str> = case.subject.split(" -> ").collect();
    let (first, locations) = chain.split_first().unwrap();
    if locations.iter().any(|location| location.contains(['\r', '\n'])) {
        // No server can send such a Location, but it must be denied all the same.
        return !case.allow && redirect::join(&first.parse().unwrap(), locations[0]).is_err();
    }
    let replies: Vec<Reply> = locations.iter().map(|location| redirect_to(location)).chain([ok()]).collect();
    let server = ScriptedServer::with(replies).await;
    let names = FakeNames::with(vec![]);
    let network = NetworkAccess { names: names.clone(), ..network(server.port) };
    let egress = Egress::with_network(config(), network).unwrap();
    let result = send(&egress, &permissions("pool", Some(&header())), get(first)).await;

    let requests = server.requests();
    let first_host = format!("host: {}\r\n", first.split('/').nth(2).unwrap());
    let at_first_host = requests.iter().take_while(|request| request.contains(&first_host)).count();
    let only_first_host_has_token =
        requests.iter().enumerate().all(|(number, request)| request.contains(TOKEN) == (number < at_first_host));
    let only_approved_names =
        names.looked_up().iter().all(|host| host == "api.example.com" || host.ends_with(".example.org"));
    let ends_as_expected = match result {
        Ok(response) => case.allow && response.status == 200 && requests.len() == chain.len(),
        Err(SendError::Denied(_)) => !case.allow && requests.len() < chain.len(),
        Err(_) => false,
    };
    ends_as_expected && only_first_host_has_token && only_approved_names
}
