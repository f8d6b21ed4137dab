//! Received requests and sent responses of a stand-in, and their encoding on the wire (RFC 9112).

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Maximum size of a request's head in bytes, and maximum number of its header fields.
const HEAD: usize = 1 << 20;
const FIELDS: usize = 256;

/// A request that a stand-in received.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// The method.
    pub method: Method,
    /// The path as received, without the query.
    pub path: String,
    /// The query as received, without its question mark.
    pub query: Option<String>,
    /// All header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl ReceivedRequest {
    /// Returns the first value of a header field if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// Returns the pairs of a form, or nothing if the content type is not a form.
    #[must_use]
    pub fn form(&self) -> Vec<(String, String)> {
        let is_form =
            self.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form { pairs(&self.body) } else { Vec::new() }
    }

    /// Returns the pairs of the query.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        pairs(self.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// Parses the body as JSON; returns null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

/// A response of a stand-in.
#[derive(Clone, Debug)]
pub struct StandInResponse {
    /// The status.
    pub status: u16,
    /// Header fields other than framing, written unchanged.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl StandInResponse {
    /// Returns 200 with a JSON document.
    #[must_use]
    pub fn json(document: &serde_json::Value) -> Self {
        Self::text("application/json; charset=utf-8", document.to_string())
    }

    /// Returns 200 with a body of the given type.
    #[must_use]
    pub fn text(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }.header("content-type", content_type)
    }

    /// Returns a status with an empty body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// Returns a redirect, such as 302 or 307.
    #[must_use]
    pub fn redirect(status: u16, to: &str) -> Self {
        Self::empty(status).header("location", to)
    }

    /// Changes the status.
    #[must_use]
    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Compresses the body with gzip.
    #[must_use]
    pub fn gzip(mut self) -> Self {
        let mut encoder = flate2::read::GzEncoder::new(self.body.as_ref(), flate2::Compression::fast());
        let mut body = Vec::new();
        io::Read::read_to_end(&mut encoder, &mut body).expect("compressing memory into memory");
        self.body = body.into();
        self.header("content-encoding", "gzip")
    }

    /// Encodes the head with the given framing fields.
    pub(super) fn head(&self, framing: &str) -> BytesMut {
        // The reason phrase is optional, but the space before it is not (RFC 9112 §4).
        let mut head = format!("HTTP/1.1 {} \r\n{framing}", self.status);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        BytesMut::from(head.as_bytes())
    }
}

/// Reads the next request from a socket; `None` if the client has closed it.
pub(super) async fn read(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Option<ReceivedRequest>> {
    let (mut request, framing) = loop {
        if let Some(head) = head(buffer)? {
            break head;
        }
        if buffer.len() > HEAD {
            return Err(broken("the head is too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(broken("closed within a head")) };
        }
    };
    if request.header("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    request.body = match framing {
        Framing::Length(length) => take(stream, buffer, length).await?,
        Framing::Chunked => chunks(stream, buffer).await?,
    };
    Ok(Some(request))
}

/// Writes a regular response.
pub(super) async fn write(
    stream: &mut TcpStream,
    request: &ReceivedRequest,
    answer: &StandInResponse,
) -> io::Result<()> {
    let head = answer.head(&format!("content-length: {}\r\n", answer.body.len()));
    let body = if request.method == Method::HEAD { Bytes::new() } else { answer.body.clone() };
    stream.write_all_buf(&mut head.chain(body)).await
}

enum Framing {
    Length(usize),
    Chunked,
}

/// Takes a complete head from the buffer; `None` if it is incomplete.
fn head(buffer: &mut BytesMut) -> io::Result<Option<(ReceivedRequest, Framing)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(length) = parsed.parse(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut headers = HeaderMap::new();
    for field in parsed.headers.iter() {
        let name = HeaderName::try_from(field.name).map_err(io::Error::other)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(io::Error::other)?);
    }
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query.to_owned())));
    let request = ReceivedRequest {
        method: parsed.method.unwrap_or_default().parse().map_err(io::Error::other)?,
        path: path.to_owned(),
        query,
        headers,
        body: Bytes::new(),
    };
    let framing = if request.headers.contains_key("transfer-encoding") {
        Framing::Chunked
    } else {
        let length = request.header("content-length").unwrap_or("0");
        Framing::Length(length.parse().map_err(io::Error::other)?)
    };
    buffer.advance(length);
    Ok(Some((request, framing)))
}

async fn take(stream: &mut TcpStream, buffer: &mut BytesMut, length: usize) -> io::Result<Bytes> {
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(broken("closed within a body"));
        }
    }
    Ok(buffer.split_to(length).freeze())
}

/// Reads a chunked body (RFC 9112 §7.1) and ignores trailers.
async fn chunks(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = line(stream, buffer).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
        if length == 0 {
            break;
        }
        body.extend_from_slice(&take(stream, buffer, length).await?);
        take(stream, buffer, 2).await?;
    }
    while !self::line(stream, buffer).await?.is_empty() {}
    Ok(body.freeze())
}

async fn line(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<String> {
    loop {
        if let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.advance(end + 2);
            return Ok(line);
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(broken("closed within a chunk's line"));
        }
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
