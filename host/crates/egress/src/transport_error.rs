//! Converts a failure of the HTTP client to a [`SendError`] that contains neither an address nor a URL.

use std::{error::Error, io};

use rustls::CertificateError;

use crate::{
    connect::ResolveError,
    error::{Denial, SendError},
};

impl SendError {
    /// Describes why the request to `host` failed.
    pub(crate) fn from_reqwest(error: &reqwest::Error, host: &str) -> Self {
        if let Some(why) = find_source::<ResolveError>(error) {
            return match why {
                ResolveError::NoPublicAddress => {
                    Denial::new("address", format!("`{host}` has no public address")).into()
                }
                ResolveError::LookupFailed | ResolveError::NoAddress | ResolveError::NoSocket => {
                    Self::Unreachable(why.to_string())
                }
            };
        }
        if let Some(why) = find_source::<rustls::Error>(error) {
            return Self::Unreachable(match why {
                rustls::Error::InvalidCertificate(why) => format!("TLS failed: {}", certificate_problem(why)),
                _ => "TLS failed".to_owned(),
            });
        }
        if error.is_timeout() {
            return Self::TimedOut;
        }
        if find_source::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large) {
            return Self::TooLarge;
        }
        if find_source::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
            return Self::Malformed("it is not HTTP".to_owned());
        }
        Self::Unreachable(
            match find_source::<io::Error>(error).map(io::Error::kind) {
                Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
                _ if error.is_connect() => "cannot connect",
                _ => "the connection closed before the response",
            }
            .to_owned(),
        )
    }
}

fn certificate_problem(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted",
        _ => "the certificate is not valid",
    }
}

/// Finds an error of a type among the sources. The `source` of an I/O error skips the error that it wraps.
fn find_source<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
