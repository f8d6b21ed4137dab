//! An upstream at the socket that does to every request what the case of the moment says.

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
    case::Upstream as Does,
    tape::{Recorded, Tape, without_mail},
};

/// Bytes of a request's header at most; a component may set 64 fields of 8 KiB, which none here does.
const HEAD: usize = 1 << 20;

/// The large answer, in bytes.
const HUGE: usize = 10 << 20;

/// A running upstream; it ends when it is dropped.
pub(super) struct Upstream {
    url: Url,
    does: Arc<Mutex<Does>>,
    accepting: AbortHandle,
}

impl Upstream {
    pub(super) async fn start(tape: Tape) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = Url::parse(&format!("http://{}", listener.local_addr()?))?;
        let does = Arc::new(Mutex::new(Does::HangsUp));
        let (shared, tape) = (Arc::clone(&does), Arc::new(tape));
        let accepting = tokio::spawn(async move {
            // Dropped with this task, and every connection with it.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let does = *shared.lock().unwrap_or_else(PoisonError::into_inner);
                let tape = Arc::clone(&tape);
                // A client that goes away meanwhile is what some cases are about.
                connections.spawn(async move { drop(serve(stream, does, &tape).await) });
                while connections.try_join_next().is_some() {}
            }
        })
        .abort_handle();
        Ok(Self { url, does, accepting })
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Changes what it does with requests from now on.
    pub(super) fn does(&self, does: Does) {
        *self.does.lock().unwrap_or_else(PoisonError::into_inner) = does;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads one request, does with it what it should, and closes.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, does: Does, tape: &Tape) -> io::Result<()> {
    let asked = read(&mut stream).await?;
    let recorded = match does {
        Does::SamePage => tape.first(&asked.method, &asked.host, &asked.target),
        _ => tape.answer(&asked.method, &asked.host, &asked.target),
    };
    let missing = Recorded { status: 404, fields: String::new(), body: "{\"error\":\"not recorded\"}".to_owned() };
    match does {
        Does::HangsUp => Ok(()),
        Does::Silent => std::future::pending().await,
        Does::Answers { status, fields, body } => answer(&mut stream, status, fields, body, body.len()).await,
        Does::Recorded | Does::SamePage => {
            answer_as_recorded(&mut stream, recorded.unwrap_or(&missing), |body| body).await
        }
        Does::WithoutMail => {
            answer_as_recorded(&mut stream, recorded.unwrap_or(&missing), |body| without_mail(&body)).await
        }
        Does::CutOff => {
            let whole =
                recorded.map_or("{\"ok\":true,\"data\":[{\"id\":\"1\",\"name\":\"Ada\"}]}", |recorded| &recorded.body);
            let cut = &whole.as_bytes()[..whole.len() / 2];
            answer(&mut stream, 200, "content-type: application/json\r\n", cut, cut.len()).await
        }
        Does::BreaksOff => {
            let body = recorded.map_or("{\"ok\":true}", |recorded| &recorded.body).as_bytes();
            answer(&mut stream, 200, "content-type: application/json\r\n", body, body.len() + 100).await
        }
        Does::Huge => {
            let body = match recorded {
                Some(recorded) => format!("{}{}", " ".repeat(HUGE), recorded.body),
                None => format!("{{\"padding\":\"{}\"}}", "x".repeat(HUGE)),
            };
            let status = recorded.map_or(200, |recorded| recorded.status);
            let fields = recorded.map_or("content-type: application/json\r\n", |recorded| &recorded.fields);
            answer(&mut stream, status, fields, body.as_bytes(), body.len()).await
        }
    }
}

async fn answer_as_recorded(
    stream: &mut (impl AsyncWrite + Unpin),
    recorded: &Recorded,
    change: impl FnOnce(String) -> String,
) -> io::Result<()> {
    let body = change(recorded.body.clone());
    answer(stream, recorded.status, &recorded.fields, body.as_bytes(), body.len()).await
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    fields: &str,
    body: &[u8],
    promised: usize,
) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {promised}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

/// What a request asks for.
struct Asked {
    method: String,
    host: String,
    target: String,
}

/// Reads one request with its body, so that closing afterwards resets nothing.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let field = |name: &str| {
        let of = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        head.lines().skip(1).filter_map(of).find(|(found, _)| found == name).map(|(_, value)| value)
    };
    let length: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Asked { method: method.to_owned(), host: field("host").unwrap_or_default(), target: target.to_owned() })
}
