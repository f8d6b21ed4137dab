//! Reads a response: limits and decompresses it, masks secrets, and drops the headers that only concern the host.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    time::Duration,
};

use flate2::{bufread::MultiGzDecoder, write::MultiGzDecoder as GzipWriter};
use http::{
    HeaderMap,
    header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, TRANSFER_ENCODING},
};
use tokio::time::{Instant, timeout};

use crate::{
    disclosure::Masking,
    error::SendError,
    headers,
    memory_allowance::{CallMemory, MemoryReservation},
    message::Response,
    scrub::Scrubber,
};

/// Maximum number of header fields of a response, as `wit/host.wit` documents.
pub(crate) const MAX_HEADER_FIELDS: usize = 128;
/// Maximum number of bytes of a response header, as `wit/host.wit` documents.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Minimum size of a body that is scrubbed on a blocking thread. For a smaller one, switching threads takes longer than
/// the search.
const LARGE_BODY: usize = 1024 * 1024;
/// Size below which a response is returned at once. Its search takes at most 3 ms, less than a tick of a guest's clock.
const SMALL_BODY: usize = 256 * 1024;
/// A time in which one byte is searched on a machine that is not overloaded. The search needs 1 to 12 ns, depending on
/// the escapes in the text and on the lengths of the secrets.
const SEARCH_TIME_PER_BYTE: Duration = Duration::from_nanos(16);
/// The random part of the time at which a response is returned.
const HAND_OVER_JITTER: Duration = Duration::from_millis(1);
/// The first bytes of gzip data (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Maximum number of bytes of gzip data inside a response that are searched: as many as in a response.
const MAX_INNER_BYTES: usize = 16 * 1024 * 1024;
/// The copies of a body while it is searched for secrets: one for each level of escaping that is undone, and the
/// result.
const SCRUB_COPIES: usize = 4;
/// Maximum number of received bytes that are decompressed at once. They become at most about 1 MiB, for which memory is
/// then reserved.
const DECODER_STEP: usize = 1024;
/// Maximum number of bytes that are allocated for an announced length. A longer body grows as it arrives.
const MAX_PREALLOCATION: usize = 1024 * 1024;
/// Prefixes of charsets in which a secret would not be found. No API that returns JSON or text uses them.
const UNSEARCHABLE_CHARSETS: &[&str] =
    &["utf-7", "utf-16", "utf-32", "ucs-", "ibm", "cp0", "ebcdic", "hz-", "iso-2022", "x-"];

/// The content encoding of a body.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Identity,
    Gzip,
}

/// Reads the whole response after [`check_header_size`].
///
/// `idle` limits the time between two chunks, `max_body` the decompressed bytes. A response that was searched is returned
/// at a time that depends on the number of searched bytes alone.
pub(crate) async fn read(
    mut response: reqwest::Response,
    idle: Duration,
    max_body: usize,
    masking: &Masking,
    memory: &CallMemory,
) -> Result<Response, SendError> {
    let encoding = content_encoding(response.headers())?;
    check_charset(response.headers())?;
    let status = response.status().as_u16();
    let fields = response.headers().clone();
    let length = usize::try_from(response.content_length().unwrap_or(0)).unwrap_or(usize::MAX);
    if length > max_body {
        return Err(SendError::TooLarge);
    }
    let mut decoder = BodyDecoder::new(encoding, max_body);
    decoder.reserve(length);
    let mut reserved = MemoryReservation::of(memory);
    loop {
        let chunk = timeout(idle, response.chunk()).await.map_err(|_| SendError::TimedOut)?;
        match chunk.map_err(|_| SendError::Unreachable("the connection closed before the response ended".to_owned()))? {
            Some(chunk) => {
                for part in chunk.chunks(DECODER_STEP) {
                    decoder.write(part)?;
                    reserved.grow_to(decoder.capacity()).await?;
                }
            }
            None => break,
        }
    }
    let body = decoder.finish()?;
    let is_archive = !masking.is_off() && body.starts_with(&GZIP_MAGIC);
    let inner_bytes = if is_archive { MAX_INNER_BYTES } else { 0 };
    let copies = memory.reserve((body.len() + inner_bytes) * SCRUB_COPIES).await?;
    let scrubbers = [masking.masked(), masking.denied()];
    let started = Instant::now();
    // The search keeps its reservations, because it continues if the request is cancelled.
    let is_small = body.len() < LARGE_BODY && !is_archive;
    let search = move || (search(&fields, body, is_archive, &scrubbers), reserved, copies);
    let (searched, reserved, copies) = if is_small {
        search()
    } else {
        let searched = tokio::task::spawn_blocking(search).await;
        searched.map_err(|_| SendError::Malformed("the response cannot be read".to_owned()))?
    };
    drop(copies);
    if !masking.is_off()
        && let Some(time) = return_time(searched.searched_bytes, started.elapsed(), random_share())
    {
        tokio::time::sleep_until(started + time).await;
    }
    masking.require_allowed(searched.contains_denied)?;
    if searched.is_compressed_secret {
        return Err(SendError::Malformed("its compressed content contains the credential".to_owned()));
    }
    Ok(Response { status, headers: searched.headers, body: searched.body, memory: reserved })
}

/// A response after the search for secrets.
struct SearchedResponse {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether it contains a secret that it must not contain.
    contains_denied: bool,
    /// The bytes of the body, and of its content if it is gzip data. They count twice if they were searched twice.
    searched_bytes: usize,
    /// Whether the body is gzip data that contains a secret. It cannot be masked there.
    is_compressed_secret: bool,
}

/// Masks the secrets of the first scrubber, and searches for those of the second.
fn search(fields: &HeaderMap, body: Vec<u8>, is_archive: bool, scrubbers: &[Scrubber; 2]) -> SearchedResponse {
    let [masked, denied] = scrubbers;
    let searches = scrubbers.iter().filter(|scrubber| !scrubber.is_empty()).count();
    let inner = if is_archive { decompress_prefix(&body) } else { Vec::new() };
    let searched_bytes = (body.len() + inner.len()) * searches.max(1);
    let is_compressed_secret = masked.contains_secret(&inner);
    let (headers, header_contains_denied) = visible_headers(fields, scrubbers);
    let contains_denied = [denied.contains_secret(&inner), denied.contains_secret(&body), header_contains_denied];
    drop(inner);
    let (body, _) = masked.scrub(body);
    let contains_denied = contains_denied.contains(&true);
    SearchedResponse { headers, body, contains_denied, searched_bytes, is_compressed_secret }
}

/// Decompresses gzip data as far as it is valid, up to [`MAX_INNER_BYTES`].
fn decompress_prefix(compressed: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    // What was decompressed before an error is searched too.
    let _result = MultiGzDecoder::new(compressed).take(MAX_INNER_BYTES as u64).read_to_end(&mut inner);
    inner
}

/// Returns how long after the start of its search a response is returned; `None` for one that is returned at once.
///
/// The time is a multiple of one that is longer than any search of this length, and a random part of it. So it does not
/// show how long the search took. A small response is not delayed, because its search is too short to be observed, and
/// because its work does not depend on secrets anyway.
fn return_time(length: usize, search_time: Duration, random_share: f64) -> Option<Duration> {
    if length < SMALL_BODY {
        return None;
    }
    let step = SEARCH_TIME_PER_BYTE * u32::try_from(length).unwrap_or(u32::MAX);
    let steps = search_time.as_nanos() / step.as_nanos().max(1) + 1;
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    Some(step.saturating_mul(steps).saturating_add(HAND_OVER_JITTER.mul_f64(random_share)))
}

/// Returns a random number from 0 to 1.
fn random_share() -> f64 {
    // The hasher of the standard library has a random key.
    let random = RandomState::new().hash_one(0_u8) >> 32;
    random as f64 / f64::from(u32::MAX)
}

/// Checks the number and the total size of a response's header fields.
pub(crate) fn check_header_size(fields: &HeaderMap) -> Result<(), SendError> {
    let size: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if fields.len() > MAX_HEADER_FIELDS || size > MAX_HEADER_BYTES { Err(SendError::TooLarge) } else { Ok(()) }
}

/// Returns the content encoding.
///
/// One that the host did not request is an error, because the body could not be limited and searched.
fn content_encoding(fields: &HeaderMap) -> Result<Encoding, SendError> {
    let list = |name| -> Vec<String> {
        let values = fields.get_all(name).iter();
        values
            .flat_map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
                text.split(',').map(|encoding| encoding.trim().to_owned()).collect::<Vec<_>>()
            })
            .filter(|encoding| !encoding.is_empty())
            .collect()
    };
    if list(TRANSFER_ENCODING).iter().any(|encoding| encoding != "chunked") {
        return Err(SendError::Malformed("the transfer encoding was not requested".to_owned()));
    }
    match list(CONTENT_ENCODING).iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] | ["identity"] => Ok(Encoding::Identity),
        ["gzip"] | ["gzip", "identity"] | ["identity", "gzip"] => Ok(Encoding::Gzip),
        _ => Err(SendError::Malformed("the content encoding was not requested".to_owned())),
    }
}

fn check_charset(fields: &HeaderMap) -> Result<(), SendError> {
    let is_unsearchable = fields.get_all(CONTENT_TYPE).iter().any(|value| {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        value
            .split(';')
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.trim() == "charset")
            .map(|(_, charset)| charset.trim_matches(|character: char| character == '"' || character.is_whitespace()))
            .any(|charset| UNSEARCHABLE_CHARSETS.iter().any(|prefix| charset.starts_with(prefix)))
    });
    if is_unsearchable { Err(SendError::Malformed("the charset is not supported".to_owned())) } else { Ok(()) }
}

/// Returns the headers that a component may see, with the secrets of the first scrubber masked, and whether they contain
/// any secret of the second.
fn visible_headers(fields: &HeaderMap, [masked, denied]: &[Scrubber; 2]) -> (Vec<(String, String)>, bool) {
    let hop_by_hop: Vec<String> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()))
        .collect();
    let mut visible = Vec::new();
    let mut contains_denied = false;
    for (name, value) in fields {
        let name = name.as_str();
        if headers::is_withheld(name) || hop_by_hop.iter().any(|other| other == name) {
            continue;
        }
        contains_denied |= denied.contains_secret(name.as_bytes()) | denied.contains_secret(value.as_bytes());
        let (value, _) = masked.scrub(value.as_bytes().to_vec());
        if !masked.contains_secret(name.as_bytes()) {
            visible.push((name.to_owned(), String::from_utf8_lossy(&value).into_owned()));
        }
    }
    (visible, contains_denied)
}

/// Collects a body up to its limit and decompresses it.
enum BodyDecoder {
    Identity(LimitedBuffer),
    Gzip { decoder: Box<GzipWriter<LimitedBuffer>>, has_input: bool },
}

impl BodyDecoder {
    fn new(encoding: Encoding, max_bytes: usize) -> Self {
        let buffer = LimitedBuffer { bytes: Vec::new(), max_bytes, is_full: false };
        match encoding {
            Encoding::Identity => Self::Identity(buffer),
            Encoding::Gzip => Self::Gzip { decoder: Box::new(GzipWriter::new(buffer)), has_input: false },
        }
    }

    /// Allocates memory for a body of an announced length.
    fn reserve(&mut self, length: usize) {
        if let Self::Identity(buffer) = self {
            buffer.bytes.reserve_exact(length.min(MAX_PREALLOCATION));
        }
    }

    /// Returns the bytes that are allocated for the body.
    fn capacity(&self) -> usize {
        match self {
            Self::Identity(buffer) => buffer.bytes.capacity(),
            Self::Gzip { decoder, .. } => decoder.get_ref().bytes.capacity(),
        }
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), SendError> {
        let (result, is_full) = match self {
            Self::Identity(buffer) => (buffer.write_all(chunk), buffer.is_full),
            Self::Gzip { decoder, has_input } => {
                *has_input |= !chunk.is_empty();
                (decoder.write_all(chunk), decoder.get_ref().is_full)
            }
        };
        result.map_err(|_| write_error(is_full))
    }

    fn finish(self) -> Result<Vec<u8>, SendError> {
        match self {
            Self::Identity(buffer) => Ok(buffer.bytes),
            // The response to HEAD names an encoding and has no body.
            Self::Gzip { has_input: false, .. } => Ok(Vec::new()),
            Self::Gzip { mut decoder, .. } => {
                let result = decoder.try_finish();
                result.map_err(|_| write_error(decoder.get_ref().is_full))?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes))
            }
        }
    }
}

fn write_error(is_full: bool) -> SendError {
    if is_full { SendError::TooLarge } else { SendError::Malformed("the gzip data is not valid".to_owned()) }
}

/// A buffer that returns an error instead of growing beyond its limit.
struct LimitedBuffer {
    bytes: Vec<u8>,
    max_bytes: usize,
    is_full: bool,
}

impl Write for LimitedBuffer {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + chunk.len() > self.max_bytes {
            self.is_full = true;
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

    use std::time::Duration;

    use super::{BodyDecoder, Encoding, HAND_OVER_JITTER, SMALL_BODY, SendError, return_time};

    #[test]
    fn the_time_of_a_response_does_not_show_the_time_of_the_search() {
        let milliseconds = Duration::from_millis;
        assert_eq!(return_time(SMALL_BODY - 1, milliseconds(5), 0.5), None);
        let length = 1 << 20;
        let step = return_time(length, Duration::ZERO, 0.0).unwrap();
        assert!(step > milliseconds(10) && step < milliseconds(20), "{step:?}");
        for search_time in [1, 5, 10, 15] {
            assert_eq!(return_time(length, milliseconds(search_time), 0.0), Some(step));
        }
        assert_eq!(return_time(length, step, 0.0), Some(step * 2), "on a machine that is overloaded");
        assert_eq!(return_time(length, Duration::ZERO, 1.0), Some(step + HAND_OVER_JITTER));
    }

    fn decompress(compressed: &[u8], max_bytes: usize, step: usize) -> Result<Vec<u8>, SendError> {
        let mut decoder = BodyDecoder::new(Encoding::Gzip, max_bytes);
        compressed.chunks(step).try_for_each(|chunk| decoder.write(chunk))?;
        decoder.finish()
    }

    #[test]
    fn truncated_or_padded_gzip_is_malformed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"a provider's answer, a provider's answer").unwrap();
        let compressed = encoder.finish().unwrap();
        assert_eq!(decompress(&compressed, 40, 1).unwrap(), b"a provider's answer, a provider's answer");
        assert_eq!(decompress(&compressed, 39, 7), Err(SendError::TooLarge));
        for length in 1..compressed.len() {
            assert!(matches!(decompress(&compressed[..length], 40, 5), Err(SendError::Malformed(_))), "{length}");
        }
        assert!(matches!(decompress(&[&compressed[..], b"x"].concat(), 40, 64), Err(SendError::Malformed(_))));
    }
}
