//! Takes an answer in: header and body under their caps, decoded, scrubbed, without what belongs to the host alone.

use std::{
    io::{self, Write},
    time::Duration,
};

use flate2::write::MultiGzDecoder;
use http::{
    HeaderMap,
    header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING},
};
use tokio::time::timeout;

use super::{Response, Scrubber, SendError, headers};

/// What `wit/host.wit` promises of an answer's header.
pub(super) const FIELDS: usize = 128;
pub(super) const HEAD: usize = 64 * 1024;
/// From this size on a body is scrubbed on a thread of its own: below, the move costs more than the search.
const LARGE: usize = 1024 * 1024;
/// How much room a mere promise is given; a body that is longer grows as it comes.
const EXPECTED: usize = 1024 * 1024;
/// Charsets in which a secret would not be found; no API of JSON or text answers in them.
const UNREADABLE: &[&str] = &["utf-7", "utf-16", "utf-32", "ucs-", "ibm", "cp0", "ebcdic", "hz-", "iso-2022", "x-"];

/// How the body is coded.
#[derive(Clone, Copy, Debug)]
enum Coding {
    Plain,
    Gzip,
}

/// Reads the whole answer.
pub(super) async fn take(
    mut answer: reqwest::Response,
    idle: Duration,
    cap: usize,
    scrubber: &Scrubber,
) -> Result<Response, SendError> {
    check_head(answer.headers())?;
    let coding = coding(answer.headers())?;
    readable(answer.headers())?;
    let status = answer.status().as_u16();
    let headers = shown(answer.headers(), scrubber);

    let length = answer.content_length().unwrap_or(0);
    if usize::try_from(length).map_or(true, |length| length > cap) {
        return Err(SendError::TooLarge);
    }
    let mut sink = Sink::new(coding, cap);
    sink.expect(usize::try_from(length).unwrap_or(0));
    loop {
        let chunk = timeout(idle, answer.chunk()).await.map_err(|_| SendError::TimedOut)?;
        match chunk.map_err(|_| SendError::Unreachable("the connection broke within the answer".to_owned()))? {
            Some(chunk) => sink.write(&chunk)?,
            None => break,
        }
    }
    let body = sink.finish()?;
    let body = if body.len() < LARGE {
        scrubber.scrub(body)
    } else {
        let scrubber = scrubber.clone();
        tokio::task::spawn_blocking(move || scrubber.scrub(body))
            .await
            .map_err(|_| SendError::Malformed("the answer could not be read".to_owned()))?
    };
    Ok(Response { status, headers, body })
}

/// Checks the number and the size of an answer's header fields.
pub(super) fn check_head(fields: &HeaderMap) -> Result<(), SendError> {
    let size: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if fields.len() > FIELDS || size > HEAD { Err(SendError::TooLarge) } else { Ok(()) }
}

/// Reads the codings: what the host did not ask for could not be capped and searched.
fn coding(fields: &HeaderMap) -> Result<Coding, SendError> {
    let listed = |name| -> Vec<String> {
        let values = fields.get_all(name).iter();
        values
            .flat_map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
                text.split(',').map(|coding| coding.trim().to_owned()).collect::<Vec<_>>()
            })
            .filter(|coding| !coding.is_empty())
            .collect()
    };
    if listed(TRANSFER_ENCODING).iter().any(|coding| coding != "chunked") {
        return Err(SendError::Malformed("a transfer coding that was not asked for".to_owned()));
    }
    match listed(CONTENT_ENCODING).iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["identity"] => Ok(Coding::Plain),
        ["gzip"] | ["gzip", "identity"] | ["identity", "gzip"] => Ok(Coding::Gzip),
        _ => Err(SendError::Malformed("a content coding that was not asked for".to_owned())),
    }
}

fn readable(fields: &HeaderMap) -> Result<(), SendError> {
    let unreadable = fields.get_all(CONTENT_TYPE).iter().any(|kind| {
        let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
        kind.split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim() == "charset")
            .map(|(_, charset)| charset.trim_matches(|letter: char| letter == '"' || letter.is_whitespace()))
            .any(|charset| UNREADABLE.iter().any(|prefix| charset.starts_with(prefix)))
    });
    if unreadable { Err(SendError::Malformed("a charset that cannot be searched".to_owned())) } else { Ok(()) }
}

/// The fields that the component is shown, with secrets masked.
fn shown(fields: &HeaderMap, scrubber: &Scrubber) -> Vec<(String, String)> {
    let nominated: Vec<String> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    fields
        .iter()
        .filter(|(name, _)| {
            let name = name.as_str();
            !headers::is_withheld(name) && !nominated.iter().any(|other| other == name) && !scrubber.finds_in_name(name)
        })
        .map(|(name, value)| {
            let value = scrubber.scrub(value.as_bytes().to_vec());
            (name.as_str().to_owned(), String::from_utf8_lossy(&value).into_owned())
        })
        .collect()
}

/// Gathers a body up to its cap, decoding on the way.
enum Sink {
    Plain(Capped),
    Gzip { decoder: Box<MultiGzDecoder<Capped>>, begun: bool },
}

impl Sink {
    fn new(coding: Coding, cap: usize) -> Self {
        let capped = Capped { bytes: Vec::new(), cap, full: false };
        match coding {
            Coding::Plain => Self::Plain(capped),
            Coding::Gzip => Self::Gzip { decoder: Box::new(MultiGzDecoder::new(capped)), begun: false },
        }
    }

    /// Makes room at once for what the answer's head promises, which [`take`] has held against the cap.
    fn expect(&mut self, length: usize) {
        if let Self::Plain(capped) = self {
            capped.bytes.reserve_exact(length.min(EXPECTED));
        }
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), SendError> {
        let (written, full) = match self {
            Self::Plain(capped) => (capped.write_all(chunk), capped.full),
            Self::Gzip { decoder, begun } => {
                *begun |= !chunk.is_empty();
                (decoder.write_all(chunk), decoder.get_ref().full)
            }
        };
        written.map_err(|_| broken(full))
    }

    fn finish(self) -> Result<Vec<u8>, SendError> {
        match self {
            Self::Plain(capped) => Ok(capped.bytes),
            // The answer to HEAD names a coding and has no body.
            Self::Gzip { begun: false, .. } => Ok(Vec::new()),
            Self::Gzip { mut decoder, .. } => {
                let finished = decoder.try_finish();
                finished.map_err(|_| broken(decoder.get_ref().full))?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }
}

/// Why a piece could not be taken.
fn broken(full: bool) -> SendError {
    if full { SendError::TooLarge } else { SendError::Malformed("broken gzip".to_owned()) }
}

/// Bytes up to a cap, beyond which writing fails.
struct Capped {
    bytes: Vec<u8>,
    cap: usize,
    full: bool,
}

impl Write for Capped {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + chunk.len() > self.cap {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::{Coding, SendError, Sink};

    fn gunzipped(coded: &[u8], cap: usize, step: usize) -> Result<Vec<u8>, SendError> {
        let mut sink = Sink::new(Coding::Gzip, cap);
        coded.chunks(step).try_for_each(|chunk| sink.write(chunk))?;
        sink.finish()
    }

    #[test]
    fn a_cut_or_padded_gzip_is_malformed_wherever_it_is_cut() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"a provider's answer, a provider's answer").unwrap();
        let coded = encoder.finish().unwrap();
        assert_eq!(gunzipped(&coded, 40, 1).unwrap(), b"a provider's answer, a provider's answer");
        assert_eq!(gunzipped(&coded, 39, 7), Err(SendError::TooLarge));
        for length in 1..coded.len() {
            assert!(matches!(gunzipped(&coded[..length], 40, 5), Err(SendError::Malformed(_))), "{length}");
        }
        assert!(matches!(gunzipped(&[&coded[..], b"x"].concat(), 40, 64), Err(SendError::Malformed(_))));
    }
}
