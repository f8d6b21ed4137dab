//! The access levels of routes.

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Open,
    /// Anybody with a session, at any level. A bearer token is not a session.
    SignedIn,
    /// Executives.
    Executive,
}
