//! The bodies of `wasi:http`: reads a request body up to its limit, and limits the response bytes that are unread.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use jackfield_egress::MemoryReservation;
use wasmtime_wasi_http::{Error, WasiBody};

/// Maximum number of bytes of a request body, as `wit/host.wit` documents.
const MAX_REQUEST_BODY: usize = 1 << 20;

/// Maximum number of response bytes that the host keeps until the guest has read them: two responses of maximum size.
const MAX_UNREAD: usize = 32 << 20;

/// Counts the response bytes of one call that the guest has not read; clones share the counter.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadBytes(Arc<AtomicUsize>);

/// A response body that counts as unread until dropped.
#[derive(Debug)]
pub(super) struct UnreadBody {
    bytes: Vec<u8>,
    unread: UnreadBytes,
    _memory: MemoryReservation,
}

/// Reads a whole request body. Its parts are joined as they arrive, because each part of a body that is written byte by
/// byte takes about 64 bytes.
///
/// # Errors
/// The body is larger than 1 MiB, or the guest does not finish it.
pub(super) async fn read_request_body(body: WasiBody) -> Result<Vec<u8>, Error> {
    let mut body = Limited::new(body, MAX_REQUEST_BODY);
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(error) if error.is::<LengthLimitError>() => return Err(Error::HttpRequestBodySize(None)),
            Err(error) => return Err(error.downcast::<Error>().map_or(Error::HttpProtocolError, |error| *error)),
        }
    }
    Ok(bytes)
}

impl UnreadBytes {
    /// Counts a body as unread; `None` if the call has too many unread bytes.
    pub(super) fn buffer(&self, bytes: Vec<u8>, memory: MemoryReservation) -> Option<UnreadBody> {
        let add = |unread: usize| unread.checked_add(bytes.len()).filter(|sum| *sum <= MAX_UNREAD);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(UnreadBody { bytes, unread: self.clone(), _memory: memory })
    }
}

impl UnreadBody {
    pub(super) fn into_wasi_body(self) -> WasiBody {
        Full::new(Bytes::from_owner(self)).map_err(|never| match never {}).boxed_unsync()
    }
}

impl AsRef<[u8]> for UnreadBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for UnreadBody {
    fn drop(&mut self) {
        self.unread.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    #[test]
    fn unread_responses_of_a_call_share_one_limit() {
        let unread = UnreadBytes::default();
        let first = unread.buffer(vec![0; MAX_UNREAD - 1], MemoryReservation::default()).expect("fits");
        assert!(unread.buffer(vec![0; 2], MemoryReservation::default()).is_none());
        drop(Bytes::from_owner(first));
        assert!(
            unread.buffer(vec![0; 2], MemoryReservation::default()).is_some(),
            "bytes that were read are free again"
        );
    }

    /// A request body that arrives in parts of one byte.
    fn body_of_single_bytes(bytes: usize) -> WasiBody {
        let frames = (0..bytes).map(|_| Ok::<_, Error>(Frame::data(Bytes::from_static(b"x"))));
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    #[tokio::test]
    async fn a_body_that_is_written_byte_by_byte_takes_no_more_memory_than_another() {
        let body = read_request_body(body_of_single_bytes(MAX_REQUEST_BODY)).await.expect("the limit is allowed");
        assert_eq!(body.len(), MAX_REQUEST_BODY);
        assert!(body.capacity() <= 2 * MAX_REQUEST_BODY, "{}", body.capacity());
        let larger = read_request_body(body_of_single_bytes(MAX_REQUEST_BODY + 1)).await;
        assert!(matches!(larger, Err(Error::HttpRequestBodySize(None))));
    }
}
