//! The bodies of `wasi:http`: reads a request body up to its limit, and limits the response bytes that are unread.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
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
}

/// Reads a whole request body.
///
/// # Errors
/// The body is larger than 1 MiB, or the guest does not finish it.
pub(super) async fn read_request_body(body: WasiBody) -> Result<Bytes, Error> {
    match Limited::new(body, MAX_REQUEST_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::HttpRequestBodySize(None)),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(_) => Error::HttpProtocolError,
        }),
    }
}

impl UnreadBytes {
    /// Counts a body as unread; `None` if the call has too many unread bytes.
    pub(super) fn buffer(&self, bytes: Vec<u8>) -> Option<UnreadBody> {
        let add = |unread: usize| unread.checked_add(bytes.len()).filter(|sum| *sum <= MAX_UNREAD);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(UnreadBody { bytes, unread: self.clone() })
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
    use super::*;

    #[test]
    fn unread_responses_of_a_call_share_one_limit() {
        let unread = UnreadBytes::default();
        let first = unread.buffer(vec![0; MAX_UNREAD - 1]).expect("fits");
        assert!(unread.buffer(vec![0; 2]).is_none());
        drop(Bytes::from_owner(first));
        assert!(unread.buffer(vec![0; 2]).is_some(), "bytes that were read are free again");
    }
}
