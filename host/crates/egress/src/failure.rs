//! Puts a failed exchange into words for a component: what failed, never an address or a URL. Decides nothing else.

use std::{error::Error, io};

use rustls::CertificateError;

use super::{Denial, SendError, connect::NotDialled};

/// Puts a failure into words that hold neither an address nor a URL.
pub(super) fn told(failure: &reqwest::Error, host: &str) -> SendError {
    if let Some(why) = cause::<NotDialled>(failure) {
        return match why {
            NotDialled::NoPublicAddress => Denial::new("address", format!("`{host}` has no public address")).into(),
            NotDialled::LookUp | NotDialled::NoAddress | NotDialled::Refused => SendError::Unreachable(why.to_string()),
        };
    }
    if let Some(why) = cause::<rustls::Error>(failure) {
        return SendError::Unreachable(match why {
            rustls::Error::InvalidCertificate(why) => format!("TLS failed: {}", certificate(why)),
            _ => "TLS failed".to_owned(),
        });
    }
    if failure.is_timeout() {
        return SendError::TimedOut;
    }
    if cause::<hyper::Error>(failure).is_some_and(hyper::Error::is_parse_too_large) {
        return SendError::TooLarge;
    }
    if cause::<hyper::Error>(failure).is_some_and(hyper::Error::is_parse) {
        return SendError::Malformed("no HTTP".to_owned());
    }
    SendError::Unreachable(
        match cause::<io::Error>(failure).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => "the connection was refused",
            _ if failure.is_connect() => "no connection",
            _ => "the connection broke before the answer",
        }
        .to_owned(),
    )
}

fn certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name"
        }
        CertificateError::UnknownIssuer => "the certificate's issuer is not trusted",
        _ => "the certificate is not valid",
    }
}

/// Finds an error of a type among the causes; an I/O error hides the one that it wraps from `source`.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
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
