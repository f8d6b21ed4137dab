//! The console's files as served: headers, encodings, caching, and unknown files.

use std::{collections::BTreeSet, io::Read};

use http::Method;
use jackfield_test_support::app::{TestApp, TestCaller, client};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// A response with its raw bytes.
struct Served {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Served {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

async fn ask(app: &TestApp, method: Method, path: &str, fields: &[(&'static str, &str)]) -> Served {
    let headers: HeaderMap = fields
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value")))
        .collect();
    let request = client().request(method, format!("{}{path}", app.base)).headers(headers);
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Served { status, headers, bytes: answer.bytes().await.expect("the response is complete").to_vec() }
}

async fn get(app: &TestApp, path: &str, fields: &[(&'static str, &str)]) -> Served {
    ask(app, Method::GET, path, fields).await
}

/// Returns the paths of the files that the page names.
async fn named(app: &TestApp) -> Vec<String> {
    let page = app.send_as(TestCaller::Anonymous, Method::GET, "/", None).await.text;
    let quoted = page.split(['"', '\'']).filter(|text| text.starts_with("/console/"));
    let paths: Vec<String> = quoted.map(str::to_owned).collect();
    assert!(!paths.is_empty(), "{page}");
    paths
}

#[tokio::test]
async fn every_console_path_serves_the_same_page_to_everyone() {
    let app = TestApp::builder().start().await;
    let first = app.send_as(TestCaller::Anonymous, Method::GET, "/", None).await;
    assert_eq!(first.status, 200);
    for path in [
        "/signin",
        "/connections/acme",
        "/connections/acme/users",
        "/connections/acme/match",
        "/people",
        "/mappings",
        "/providers",
        "/providers/acme",
        "/audit",
        "/service",
        "/audit?action=connection.connect",
    ] {
        let page = app.send_as(TestCaller::Anonymous, Method::GET, path, None).await;
        assert_eq!((page.status, &page.text), (200, &first.text), "{path}");
    }
    for path in ["/nowhere", "/connections", "/connections/acme/users/1", "/people/", "/console", "/index.html"] {
        assert_eq!(app.send_as(TestCaller::Anonymous, Method::GET, path, None).await.status, 401, "{path}");
    }
    assert_eq!(app.send_as(TestCaller::Anonymous, Method::POST, "/", None).await.status, 405);
}

#[tokio::test]
async fn a_browser_gets_the_page_at_an_unknown_path_and_a_program_gets_the_error() {
    let app = TestApp::builder().start().await;
    let page = get(&app, "/", &[]).await;
    let visit = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    let missing = get(&app, "/nowhere", &[visit, ("if-none-match", page.header("etag"))]).await;
    assert_eq!((missing.status, missing.bytes), (404, page.bytes));
    for name in ["content-security-policy", "content-type", "referrer-policy"] {
        assert_eq!(missing.headers.get(name), page.headers.get(name), "{name}");
    }
    for (path, target) in [("/plugins", "/providers"), ("/connections/", "/"), ("/people/?q=ada", "/people?q=ada")] {
        let moved = get(&app, path, &[visit]).await;
        assert_eq!((moved.status, moved.header("location")), (308, target), "{path}");
    }
    for path in ["/api/nowhere", "/console/nowhere"] {
        let rejected = get(&app, path, &[visit]).await;
        assert_eq!((rejected.status, rejected.header("content-type")), (401, "application/problem+json"), "{path}");
    }
    assert_eq!(get(&app, "/nowhere", &[("accept", "*/*")]).await.status, 401);
    assert_eq!(ask(&app, Method::POST, "/nowhere", &[visit]).await.status, 401);
}

#[tokio::test]
async fn the_headers_of_the_page_and_its_files_match_the_snapshot() {
    let app = TestApp::builder().start().await;
    let file = named(&app).await.into_iter().find(|path| path.ends_with(".css")).expect("a style");
    let plain = |served: &Served| {
        let headers = served.headers.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        let mut lines: Vec<String> = headers
            .map(|(name, value)| match name.as_str() {
                "etag" | "content-length" => format!("{name}: …"),
                _ => format!("{name}: {}", value.to_str().expect("text")),
            })
            .collect();
        lines.sort();
        lines.join("\n")
    };
    let with = &[("accept-encoding", "br")];
    let (page, file) = (get(&app, "/", with).await, get(&app, &file, with).await);
    insta::assert_snapshot!("console_headers", format!("page\n{}\n\nfile\n{}", plain(&page), plain(&file)));
}

#[tokio::test]
async fn behind_https_the_response_sets_hsts() {
    let name = "strict-transport-security";
    let plain = TestApp::builder().start().await;
    assert_eq!(get(&plain, "/", &[]).await.header(name), "");
    let app = TestApp::builder().setting("JACKFIELD_PUBLIC_URL", "https://jackfield.example").start().await;
    for path in ["/", "/healthz", "/api/admin/connections", "/oauth/callback"] {
        assert_eq!(get(&app, path, &[]).await.header(name), "max-age=63072000", "{path}");
    }
}

#[tokio::test]
async fn each_encoding_decodes_to_the_same_bytes() {
    let app = TestApp::builder().start().await;
    let mut compressed = 0;
    for path in named(&app).await.iter().map(String::as_str).chain(["/"]) {
        let plain = get(&app, path, &[]).await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, ""), "{path}");
        let mut tags = vec![plain.header("etag").to_owned()];
        for coding in ["br", "gzip"] {
            let coded = get(&app, path, &[("accept-encoding", coding)]).await;
            assert_eq!(coded.header("vary"), "accept-encoding", "{path}");
            let mut bytes = Vec::new();
            match coded.header("content-encoding") {
                "br" => brotli::BrotliDecompress(&mut &*coded.bytes, &mut bytes).expect("brotli"),
                "gzip" => drop(flate2::read::GzDecoder::new(&*coded.bytes).read_to_end(&mut bytes).expect("gzip")),
                // Files that compression would enlarge are sent uncompressed.
                _ => bytes.clone_from(&coded.bytes),
            }
            assert_eq!(bytes, plain.bytes, "{path} {coding}");
            if coded.header("content-encoding") == coding {
                compressed += 1;
                assert!(!tags.contains(&coded.header("etag").to_owned()), "{path}: every encoding has its own ETag");
                tags.push(coded.header("etag").to_owned());
            }
        }
    }
    assert!(compressed > 0);
}

#[tokio::test]
async fn a_cached_file_is_not_sent_again() {
    let app = TestApp::builder().start().await;
    let file = named(&app).await.remove(0);
    for path in [file.as_str(), "/"] {
        let accepts = ("accept-encoding", "br");
        let first = get(&app, path, &[accepts]).await;
        let tag = first.header("etag").to_owned();
        let again = get(&app, path, &[accepts, ("if-none-match", &format!("\"other\", W/{tag}"))]).await;
        assert_eq!((again.status, again.bytes.len()), (304, 0), "{path}");
        for name in ["etag", "cache-control", "vary", "content-security-policy"] {
            assert_eq!(again.header(name), first.header(name), "{path} {name}");
        }
        let other = get(&app, path, &[accepts, ("if-none-match", "\"other\"")]).await;
        assert_eq!((other.status, other.bytes), (200, first.bytes.clone()), "{path}");
        let head = ask(&app, Method::HEAD, path, &[accepts]).await;
        assert_eq!((head.status, head.bytes.len()), (200, 0), "{path}");
        for name in ["etag", "content-length", "content-type", "content-encoding"] {
            assert_eq!(head.header(name), first.header(name), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn the_page_loads_two_scripts_and_every_imported_module_exists() {
    let app = TestApp::builder().start().await;
    let named: BTreeSet<String> = named(&app).await.into_iter().filter(|path| path.ends_with(".js")).collect();
    let base = named.first().and_then(|path| path.rsplit_once('/')).expect("a path").0.to_owned();
    assert_eq!(named, BTreeSet::from(["app.js", "connections.js"].map(|name| format!("{base}/{name}"))));
    let mut found = named.clone();
    let mut left: Vec<String> = named.into_iter().collect();
    while let Some(path) = left.pop() {
        let script = get(&app, &path, &[]).await;
        assert_eq!(script.status, 200, "{path}");
        let script = String::from_utf8(script.bytes).expect("text");
        for name in ["from \"./", "import(\"./"].iter().flat_map(|how| script.split(how).skip(1)) {
            let path = format!("{base}/{}", name.split('"').next().expect("a name"));
            if found.insert(path.clone()) {
                left.push(path);
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    // Parts of a bundled script are not files of their own.
    for name in ["api.js", "vendor/preact.js"] {
        assert_eq!(get(&app, &format!("{base}/{name}"), &[]).await.status, 404, "{name}");
    }
}

#[tokio::test]
async fn only_files_of_this_version_are_served() {
    let app = TestApp::builder().start().await;
    let file = named(&app).await.remove(0);
    let (base, name) = file.rsplit_once('/').expect("a path");
    for path in [
        format!("/console/0123456789abcdef/{name}"),
        format!("{base}/nowhere.js"),
        format!("{base}/index.html"),
        format!("{base}/vendor/nowhere.js"),
        format!("{base}/vendor/..%2f{name}"),
        format!("{base}/..%2f..%2fCargo.toml"),
        format!("{base}/%2e%2e%2f%2e%2e%2fapi.rs"),
        format!("{base}/..%5c{name}"),
        format!("{base}/{name}%00"),
        format!("{base}/%2fetc%2fpasswd"),
    ] {
        let answer = app.send_as(TestCaller::Anonymous, Method::GET, &path, None).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let _ = answer.problem(404, "not_found");
    }
}
