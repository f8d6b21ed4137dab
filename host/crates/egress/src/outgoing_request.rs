//! A request that has passed the checks and is about to be sent.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use jackfield_core::manifest::Method;
use url::Url;

use crate::{error::Denial, headers};

/// A checked request on its way to the wire.
///
/// It may contain the credential, so `Debug` prints only the method and the path.
#[derive(Clone)]
pub(crate) struct OutgoingRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The sender's headers, and a content type if the placement needs one.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    /// The header that contains the credential. Its value is marked as sensitive.
    pub(crate) credential: Option<(HeaderName, HeaderValue)>,
}

impl OutgoingRequest {
    /// Returns the values of all headers with this name.
    ///
    /// Spellings that a server could treat as the same name are included.
    pub(crate) fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = headers::normalize_name(name);
        let has_name = move |(set, _): &&(String, String)| headers::normalize_name(set) == name;
        self.headers.iter().filter(has_name).map(|(_, value)| value.as_str())
    }

    /// Sets the header that contains the credential.
    ///
    /// # Errors
    /// A denial by rule `place` if the name or the value is not valid.
    pub(crate) fn set_credential(&mut self, name: &str, value: &str) -> Result<(), Denial> {
        let invalid = || Denial::new("place", "the credential cannot be sent in this header");
        if !headers::can_contain_credential(name) || !headers::is_value(value) {
            return Err(invalid());
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
        value.set_sensitive(true);
        self.credential = Some((name, value));
        Ok(())
    }
}

impl fmt::Debug for OutgoingRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OutgoingRequest({} {})", self.method.as_str(), self.url.path())
    }
}
