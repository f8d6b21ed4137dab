//! A server on loopback with scripted replies. Its certificates are signed by the tests' own authority.

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

/// The authority that signs the certificates.
static AUTHORITY: LazyLock<(CertificateDer<'static>, Issuer<'static, KeyPair>)> = LazyLock::new(|| {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().clone();
    (certificate, Issuer::new(params, key))
});

/// Returns the trust anchor of the certificates.
pub(super) fn trust_anchors() -> Vec<CertificateDer<'static>> {
    vec![AUTHORITY.0.clone()]
}

/// The reply to one request.
#[derive(Clone)]
pub(super) struct Reply {
    head: Vec<u8>,
    /// Sent repeatedly after the head, with a pause before each time.
    repeated: Option<(Vec<u8>, Duration)>,
}

impl Reply {
    /// A reply that is written at once and leaves the connection open.
    pub(super) fn whole(bytes: impl Into<Vec<u8>>) -> Self {
        Self { head: bytes.into(), repeated: None }
    }

    /// A reply that never ends.
    pub(super) fn endless(head: &str, chunk: Vec<u8>, pause: Duration) -> Self {
        Self { head: head.as_bytes().to_vec(), repeated: Some((chunk, pause)) }
    }
}

/// A running server. It sends its replies in order and repeats the last one.
pub(super) struct ScriptedServer {
    pub(super) port: u16,
    log: Arc<RequestLog>,
}

#[derive(Default)]
struct RequestLog {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

impl ScriptedServer {
    /// Starts a server for the hosts of the egress cases.
    pub(super) async fn with(replies: Vec<Reply>) -> Self {
        Self::for_hosts(&["api.example.com", "*.example.org"], replies).await
    }

    /// Starts a server whose certificate is for these hosts.
    pub(super) async fn for_hosts(hosts: &[&str], replies: Vec<Reply>) -> Self {
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

    /// Starts a server that uses plain HTTP.
    pub(super) async fn plain(replies: Vec<Reply>) -> Self {
        Self::start(None, replies).await
    }

    /// Returns the requests so far, header and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.log.requests.lock().unwrap().clone()
    }

    /// Returns how many connections have sent a request.
    pub(super) fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    async fn start(tls: Option<TlsAcceptor>, replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(RequestLog::default());
        let replies: Arc<[Reply]> = replies.into();
        let shared_log = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, replies, log) = (tls.clone(), Arc::clone(&replies), Arc::clone(&shared_log));
                tokio::spawn(async move {
                    match tls {
                        None => serve(socket, &replies, &log).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                serve(socket, &replies, &log).await;
                            }
                        }
                    }
                });
            }
        });
        Self { port, log }
    }
}

/// Replies to requests until the client disconnects.
async fn serve(mut socket: impl AsyncRead + AsyncWrite + Unpin, replies: &[Reply], log: &RequestLog) {
    let mut first = true;
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut socket, &mut buffer).await {
        if std::mem::take(&mut first) {
            log.connections.fetch_add(1, Ordering::SeqCst);
        }
        let number = {
            let mut requests = log.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let Some(reply) = replies.get(number).or(replies.last()) else { return };
        if socket.write_all(&reply.head).await.is_err() || socket.flush().await.is_err() {
            return;
        }
        while let Some((chunk, pause)) = &reply.repeated {
            tokio::time::sleep(*pause).await;
            if socket.write_all(chunk).await.is_err() || socket.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Reads one request. The length of its body is in Content-Length.
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
