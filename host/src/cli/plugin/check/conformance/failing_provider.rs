//! A stand-in for a provider, on a local socket. It behaves as the current case says.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::{AbortHandle, JoinSet},
};
use url::Url;

use super::{
    cases::Behavior,
    fixtures::{FixtureResponse, FixtureSet, without_email},
};

/// Maximum size of a request's headers in bytes.
///
/// The host permits 64 header fields of 8 KiB.
const MAX_HEADERS: usize = 1 << 20;

/// Size of the huge response in bytes.
const HUGE: usize = 10 << 20;

const JSON: &str = "content-type: application/json\r\n";

/// A running stand-in. It ends when it is dropped.
pub(super) struct FailingProvider {
    url: Url,
    behavior: Arc<Mutex<Behavior>>,
    replays: Arc<Mutex<Replays>>,
    accepting: AbortHandle,
}

/// The requests that were answered with a recorded response, and those for which there is none.
#[derive(Debug, Default)]
pub(super) struct Replays {
    pub(super) found: usize,
    /// Each as method and URL.
    pub(super) missing: Vec<String>,
}

impl FailingProvider {
    pub(super) async fn start(fixtures: FixtureSet) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let behavior = Arc::new(Mutex::new(Behavior::HangUp));
        let replays = Arc::new(Mutex::new(Replays::default()));
        let (current, fixtures, seen) = (Arc::clone(&behavior), Arc::new(fixtures), Arc::clone(&replays));
        let accepting = tokio::spawn(async move {
            // Dropped with this task, which closes every socket.
            let mut sockets = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let behavior = *current.lock().unwrap_or_else(PoisonError::into_inner);
                let (fixtures, seen) = (Arc::clone(&fixtures), Arc::clone(&seen));
                // In some cases the client closes the socket first, which is not an error here.
                sockets.spawn(async move { drop(serve(stream, behavior, &fixtures, &seen).await) });
                while sockets.try_join_next().is_some() {}
            }
        })
        .abort_handle();
        Ok(Self { url, behavior, replays, accepting })
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Changes the behavior for the following requests.
    pub(super) fn set_behavior(&self, behavior: Behavior) {
        *self.behavior.lock().unwrap_or_else(PoisonError::into_inner) = behavior;
    }

    /// Returns which requests had a recorded response since the last time.
    pub(super) fn take_replays(&self) -> Replays {
        std::mem::take(&mut *self.replays.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for FailingProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one request, responds as the behavior says, and closes the socket.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    behavior: Behavior,
    fixtures: &FixtureSet,
    replays: &Mutex<Replays>,
) -> io::Result<()> {
    let request = read_request(&mut stream).await?;
    let recorded = match behavior {
        Behavior::ReplayFirstPage => fixtures.find_first(&request.method, &request.host, &request.target),
        _ => fixtures.find(&request.method, &request.host, &request.target),
    };
    {
        let mut replays = replays.lock().unwrap_or_else(PoisonError::into_inner);
        match recorded {
            Some(_) => replays.found += 1,
            None => replays.missing.push(format!("{} https://{}{}", request.method, request.host, request.target)),
        }
    }
    let not_recorded =
        FixtureResponse { status: 404, fields: String::new(), body: "{\"error\":\"not recorded\"}".to_owned() };
    let replayed = recorded.unwrap_or(&not_recorded);
    match behavior {
        Behavior::HangUp => Ok(()),
        Behavior::StaySilent => std::future::pending().await,
        Behavior::Answer { status, fields, body } => respond(&mut stream, status, fields, body, body.len()).await,
        Behavior::Replay | Behavior::ReplayFirstPage => {
            let body = replayed.body.as_bytes();
            respond(&mut stream, replayed.status, &replayed.fields, body, body.len()).await
        }
        Behavior::ReplayWithoutEmail => {
            let body = without_email(&replayed.body);
            respond(&mut stream, replayed.status, &replayed.fields, body.as_bytes(), body.len()).await
        }
        Behavior::AnswerTruncated => {
            let whole =
                recorded.map_or("{\"ok\":true,\"data\":[{\"id\":\"1\",\"name\":\"Ada\"}]}", |recorded| &recorded.body);
            let half = &whole.as_bytes()[..whole.len() / 2];
            respond(&mut stream, 200, JSON, half, half.len()).await
        }
        Behavior::BreakOff => {
            let body = recorded.map_or("{\"ok\":true}", |recorded| &recorded.body).as_bytes();
            respond(&mut stream, 200, JSON, body, body.len() + 100).await
        }
        Behavior::AnswerHuge => {
            let body = match recorded {
                Some(recorded) => format!("{}{}", " ".repeat(HUGE), recorded.body),
                None => format!("{{\"padding\":\"{}\"}}", "x".repeat(HUGE)),
            };
            let (status, fields) = recorded.map_or((200, JSON), |recorded| (recorded.status, recorded.fields.as_str()));
            respond(&mut stream, status, fields, body.as_bytes(), body.len()).await
        }
    }
}

/// Writes a response that announces a body of `content_length` bytes, and closes the socket.
async fn respond(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    fields: &str,
    body: &[u8],
    content_length: usize,
) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {content_length}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

/// The parts of a request by which a recorded response is found.
struct RequestLine {
    method: String,
    host: String,
    target: String,
}

/// Reads one request with its body.
///
/// The whole request is read, because closing a socket with unread bytes would discard the response.
async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<RequestLine> {
    let mut bytes = Vec::new();
    let body_start = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if bytes.len() > MAX_HEADERS || stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..body_start]).into_owned();
    let header = |name: &str| {
        let parse = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        head.lines().skip(1).filter_map(parse).find(|(found, _)| found == name).map(|(_, value)| value)
    };
    let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < body_start + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(RequestLine { method: method.to_owned(), host: header("host").unwrap_or_default(), target: target.to_owned() })
}
