//! Every kind of caller that a test can be.

/// Who sends a test's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestCaller {
    /// Without a word about who it is.
    Anonymous,
    /// With a token that never was one.
    UnknownToken,
    Expired,
    Revoked,
    Member,
    Manager,
    Executive,
    Service,
    /// An Executive in a browser.
    Browser,
    /// A Manager in a browser.
    ManagerBrowser,
    /// An Executive's browser that another site's page makes send something.
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
