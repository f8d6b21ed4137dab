//! A server on loopback that answers as it is told, for hosts that only the test's own authority vouches for.

#![expect(clippy::unwrap_used, reason = "a test's server and its requests: what fails there fails the test")]

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// The authority of all stand-ins.
static AUTHORITY: LazyLock<(CertificateDer<'static>, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (certificate, Issuer::new(params, key))
});

/// The trust anchors under which the stand-ins' certificates are valid.
pub(crate) fn anchors() -> Vec<CertificateDer<'static>> {
    vec![AUTHORITY.0.clone()]
}

/// What is answered to one request.
#[derive(Clone)]
pub(crate) struct Reply {
    head: Vec<u8>,
    /// Sent again and again after the head, with a pause before each.
    rest: Option<(Vec<u8>, Duration)>,
}

impl Reply {
    /// An answer that is written at once and leaves the connection open.
    pub(crate) fn whole(bytes: impl Into<Vec<u8>>) -> Self {
        Self { head: bytes.into(), rest: None }
    }

    /// An answer that never ends.
    pub(crate) fn endless(head: &str, piece: Vec<u8>, pause: Duration) -> Self {
        Self { head: head.as_bytes().to_vec(), rest: Some((piece, pause)) }
    }
}

/// A running stand-in. It gives its replies in order, the last one for ever.
pub(crate) struct StandIn {
    pub(crate) port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl StandIn {
    /// Starts one for the hosts of the egress cases.
    pub(crate) async fn with(replies: Vec<Reply>) -> Self {
        Self::for_hosts(&["api.example.com", "*.example.org"], replies).await
    }

    /// Starts one whose certificate names these hosts.
    pub(crate) async fn for_hosts(hosts: &[&str], replies: Vec<Reply>) -> Self {
        let names: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &AUTHORITY.1).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), replies).await
    }

    /// Starts one that speaks plain HTTP.
    pub(crate) async fn plain(replies: Vec<Reply>) -> Self {
        Self::start(None, replies).await
    }

    /// What was asked so far, header and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// How many connections got as far as a first request.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    async fn start(tls: Option<TlsAcceptor>, replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let replies: Arc<[Reply]> = replies.into();
        let all_seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, replies, seen) = (tls.clone(), Arc::clone(&replies), Arc::clone(&all_seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &replies, &seen).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, &replies, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, seen }
    }
}

/// Answers request after request until the peer goes.
async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin, replies: &[Reply], seen: &Seen) {
    let mut first = true;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut socket, &mut buffer).await {
        if std::mem::take(&mut first) {
            seen.connections.fetch_add(1, Ordering::SeqCst);
        }
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let Some(reply) = replies.get(number).or(replies.last()) else { return };
        if socket.write_all(&reply.head).await.is_err() || socket.flush().await.is_err() {
            return;
        }
        while let Some((piece, pause)) = &reply.rest {
            tokio::time::sleep(*pause).await;
            if socket.write_all(piece).await.is_err() || socket.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Reads one request, its body by Content-Length.
async fn read(socket: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                *buffer = buffer.split_off(head.len() + 4 + length);
                return Some(text);
            }
        }
        if socket.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
