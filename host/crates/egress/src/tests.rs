//! Real requests through `Egress` to a TLS server on loopback, and the egress cases.

mod egress_cases;
mod requests;
mod reroutes;
mod scripted_server;
mod two_sites;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::BoxFuture;
use jackfield_core::{
    Secret,
    manifest::{Attachment, CredentialSource, Endpoint, Method, Placement},
};
use tokio::time::Instant;

use self::scripted_server::{Reply, ScriptedServer, trust_anchors};
use crate::{
    call_permissions::{CallPermissions, RequestBudget},
    config::{EgressConfig, EgressLimits},
    connect::{NameLookup, NetworkAccess, SocketSelection},
    egress::Egress,
    error::SendError,
    message::{Request, Response},
};

/// The credential of every endpoint.
const TOKEN: &str = "xoxb-17653-Zq9/+=~pL";

/// The hosts that the egress cases approve.
const APPROVED_HOSTS: [&str; 2] = ["api.example.com", "*.example.org"];

const METHODS: [Method; 6] = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete];

/// Answers each lookup with its next list of addresses, and records the hosts.
#[derive(Default)]
struct FakeNames {
    lists: Mutex<Vec<Vec<IpAddr>>>,
    looked_up: Mutex<Vec<String>>,
}

impl FakeNames {
    fn with(lists: Vec<Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self { lists: Mutex::new(lists), looked_up: Mutex::default() })
    }

    fn looked_up(&self) -> Vec<String> {
        self.looked_up.lock().unwrap().clone()
    }
}

impl NameLookup for FakeNames {
    fn look_up<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.looked_up.lock().unwrap().push(host.to_owned());
        let mut lists = self.lists.lock().unwrap();
        let addresses = if lists.is_empty() { vec![IpAddr::from([93, 184, 216, 34])] } else { lists.remove(0) };
        Box::pin(async move { Ok(addresses) })
    }
}

/// Connects to one loopback port instead, and records the addresses that were passed to it.
struct LoopbackSocket {
    port: u16,
    addresses: Mutex<Vec<IpAddr>>,
}

impl LoopbackSocket {
    fn at(port: u16) -> Arc<Self> {
        Arc::new(Self { port, addresses: Mutex::default() })
    }
}

impl SocketSelection for LoopbackSocket {
    fn select(&self, addresses: &[IpAddr]) -> io::Result<Vec<SocketAddr>> {
        self.addresses.lock().unwrap().extend(addresses);
        Ok(vec![(Ipv4Addr::LOCALHOST, self.port).into()])
    }
}

/// Ends a test that would hang otherwise. Nothing takes nearly as long, however busy the machine is.
const GUARD: Duration = Duration::from_secs(120);

/// A small body, so that tests reach the limit quickly.
fn config() -> EgressConfig {
    let limits = EgressLimits { connect: GUARD, first_byte: GUARD, idle: GUARD, total: GUARD, body: 64 * 1024 };
    EgressConfig { limits, ..EgressConfig::default() }
}

/// A network in which every host leads to the loopback port.
fn network(port: u16) -> NetworkAccess {
    NetworkAccess { names: FakeNames::with(vec![]), sockets: LoopbackSocket::at(port), trust_anchors: trust_anchors() }
}

fn egress_to(server: &ScriptedServer) -> Egress {
    Egress::with_network(config(), network(server.port)).unwrap()
}

fn header() -> Placement {
    Placement::Header { name: "X-Auth-Token".to_owned(), format: "Token {}".to_owned() }
}

/// Permits every path of up to three segments of the approved hosts, with the same placement of the credential.
fn permissions(pool: &str, placement: Option<&Placement>) -> CallPermissions {
    let credentials = vec![(CredentialSource::Field("token".to_owned()), Secret::new(TOKEN.to_owned()))];
    let paths = ["/", "/*", "/*/*", "/*/*/*"];
    let of_host = |host| paths.map(|path| METHODS.map(|method| endpoint(method, host, path, placement.cloned())));
    let endpoints = APPROVED_HOSTS.into_iter().flat_map(of_host).flatten().collect();
    CallPermissions::new(pool.to_owned(), endpoints, credentials, BTreeMap::new(), RequestBudget::new(20))
}

/// An endpoint whose credential, if it has one, is the field `token`.
fn endpoint(method: Method, host: &str, path: &str, placement: Option<Placement>) -> Endpoint {
    let credential =
        placement.map(|placement| Attachment { source: CredentialSource::Field("token".to_owned()), placement });
    Endpoint { method, host: host.to_owned(), path: path.to_owned(), credential }
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: url.to_owned(), headers: vec![], body: None }
}

async fn send(egress: &Egress, permissions: &CallPermissions, request: Request) -> Result<Response, SendError> {
    egress.send(permissions, Instant::now() + GUARD, request).await
}

/// Sends a plain GET to a server that gives this reply.
async fn response_to(reply: Reply) -> Result<Response, SendError> {
    let server = ScriptedServer::with(vec![reply]).await;
    send(&egress_to(&server), &permissions("pool", Some(&header())), get("https://api.example.com/a")).await
}

fn redirect_to(location: &str) -> Reply {
    Reply::whole(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

fn ok() -> Reply {
    Reply::whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
}
