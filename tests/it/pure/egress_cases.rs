//! Runs the egress cases, line by line: pure kinds here, those that need a resolver and a server in `egress_way_out`.
//!
//! The cases stand in `tests/data/egress-cases.txt`, whose head explains the format. `JACKFIELD_TEST_EGRESS_CASES` may
//! name a further file of the same format.

use std::{fs, path::Path, sync::Arc};

use jackfield_core::manifest::{Attachment, CredentialSource, Endpoint, Method, Place};
use jackfield_egress::{
    addresses,
    attach::{self, Draft},
    headers, policy,
};

use super::egress_way_out;

/// The hosts of the allow-list that the cases assume.
pub(crate) const LISTED: [&str; 2] = ["api.example.com", "*.example.org"];

const METHODS: [Method; 6] = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];

/// One line of a case file.
pub(crate) struct Case {
    id: String,
    pub(crate) subject: String,
    pub(crate) allow: bool,
    pub(crate) why: String,
}

impl Case {
    fn kind(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    async fn holds(&self) -> bool {
        let subject = self.subject.as_str();
        let allowed = match self.kind() {
            "a4" | "a6" => addresses::check(subject.parse().expect("an address"), &[]).is_ok(),
            "url" => policy::judge_url(LISTED.into_iter(), subject).is_ok(),
            "ask" => policy::host_may_be_asked(subject).is_ok(),
            "end" => endpoint_is_allowed(subject),
            "place" => place_is_free(subject),
            "hdr" => {
                let (name, value) = subject.split_once(": ").unwrap_or((subject, ""));
                headers::check(name, value).is_ok()
            }
            "dns" => return egress_way_out::dns_holds(self).await,
            "redir" => return egress_way_out::redirect_holds(self).await,
            kind => panic!("{}: no such kind as {kind}", self.id),
        };
        allowed == self.allow
    }
}

#[tokio::test]
async fn every_egress_case_holds() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/egress-cases.txt");
    let mut failed = run(&own).await;
    if let Some(further) = std::env::var_os("JACKFIELD_TEST_EGRESS_CASES") {
        failed.extend(run(Path::new(&further)).await);
    }
    assert!(failed.is_empty(), "these do not hold:\n{}", failed.join("\n"));
}

#[expect(clippy::print_stdout, reason = "the count is the test's report")]
async fn run(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("the case file is there");
    let mut failed = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let case = parse(line);
        count += 1;
        if !case.holds().await {
            failed.push(line.to_owned());
        }
    }
    let held = count - failed.len();
    println!("egress cases: {held} of {count} hold ({})", file.file_name().unwrap_or_default().display());
    failed
}

fn parse(line: &str) -> Case {
    let [id, subject, expected, why] = line.split('\t').collect::<Vec<_>>()[..] else {
        panic!("not four fields: {line}");
    };
    let allow = match expected {
        "allow" => true,
        "deny" => false,
        _ => panic!("neither allow nor deny: {line}"),
    };
    Case { id: id.to_owned(), subject: unescape(subject), allow, why: why.to_owned() }
}

/// Undoes the escapes of a subject.
fn unescape(subject: &str) -> String {
    let mut plain = String::new();
    let mut rest = subject;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (letter, after) = escape.split_at(1);
        rest = after;
        match letter {
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
            _ => panic!("no such escape: {subject}"),
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
    policy::judge(&endpoints, method, url).is_ok()
}

fn place_is_free(subject: &str) -> bool {
    let (place, sent) = subject.split_once(" => ").expect("an arrow");
    let (kind, name) = place.split_once(' ').expect("a kind and a name");
    let mut draft = Draft {
        method: Method::Get,
        url: "https://api.example.com/v1".parse().expect("a URL"),
        headers: Vec::new(),
        body: None,
        credential: None,
    };
    let name = name.to_owned();
    let place = match kind {
        "query" => {
            draft.url.set_query(sent.strip_prefix('?'));
            Place::Query(name)
        }
        "form" => {
            draft.body = Some(sent.to_owned().into());
            Place::Form(name)
        }
        "json" => {
            draft.body = Some(sent.to_owned().into());
            Place::Json(name)
        }
        "header" => {
            let (field, value) = sent.split_once(": ").expect("a field");
            if headers::check(field, value).is_err() {
                return false;
            }
            draft.headers.push((field.to_owned(), value.to_owned()));
            Place::Header { name, format: "{}".to_owned() }
        }
        _ => panic!("no such place: {subject}"),
    };
    attach::check(&place, &draft).is_ok()
}

/// An endpoint whose credential, if it has one, is the field `token`.
pub(crate) fn endpoint(method: Method, host: &str, path: &str, place: Option<Place>) -> Endpoint {
    let credential = place.map(|place| Attachment { source: CredentialSource::Field("token".to_owned()), place });
    Endpoint { method, host: host.to_owned(), path: path.to_owned(), credential }
}

/// Every path of up to three segments of the listed hosts, each with the credential at the same place.
pub(crate) fn every_endpoint(place: Option<&Place>) -> Arc<[Endpoint]> {
    let paths = ["/", "/*", "/*/*", "/*/*/*"];
    let of_host = |host| paths.map(|path| METHODS.map(|method| endpoint(method, host, path, place.cloned())));
    LISTED.into_iter().flat_map(of_host).flatten().collect()
}
