//! The Google APIs that the plugin calls, and what each requires.

/// An API of Google.
pub(crate) struct Api {
    /// Its name in the Google Cloud console.
    pub(crate) name: &'static str,
    /// The OAuth scope of its access tokens.
    pub(crate) scope: &'static str,
    /// The permission that the acting identity needs in addition to the scope.
    pub(crate) permission: &'static str,
}

pub(crate) const CALENDAR: Api = Api {
    name: "Google Calendar API",
    scope: "https://www.googleapis.com/auth/calendar.readonly",
    permission: "to read the calendar: share it with the acting identity",
};

pub(crate) const DIRECTORY: Api = Api {
    name: "Admin SDK API",
    scope: "https://www.googleapis.com/auth/admin.directory.user.readonly",
    permission: "to read the directory: admin_email must be an administrator whose role may read users",
};
