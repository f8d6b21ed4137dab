//! The kinds of callers in tests.

/// Who sends a test's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestCaller {
    /// No credential.
    Anonymous,
    /// A token that was never issued.
    UnknownToken,
    Expired,
    Revoked,
    Member,
    Manager,
    Executive,
    Service,
    /// An Executive signed in with a browser.
    Browser,
    /// A Manager signed in with a browser.
    ManagerBrowser,
    /// An Executive's browser that a page of another site makes send a request.
    CrossSiteBrowser,
}

impl TestCaller {
    /// Every kind of caller.
    pub const ALL: [Self; 11] = [
        Self::Anonymous,
        Self::UnknownToken,
        Self::Expired,
        Self::Revoked,
        Self::Member,
        Self::Manager,
        Self::Executive,
        Self::Service,
        Self::Browser,
        Self::ManagerBrowser,
        Self::CrossSiteBrowser,
    ];
}
