//! The limit of open files: raises it as far as allowed, and computes how many HTTP connections it permits.

use jackfield_api::ServingLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files that the service needs besides HTTP connections: the database, egress, components and the log.
const OTHER_FILES: usize = 1_024;

/// Raises the soft limit of open files to the hard one. Many systems start services with 1,024.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Best effort: the number of HTTP connections follows the limit that applies.
    let _not_allowed = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Returns how many HTTP connections the limit of open files leaves room for.
pub(crate) fn http_connections() -> usize {
    connections_of(getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok()))
}

/// Leaves half of a small limit for everything else.
fn connections_of(files: Option<usize>) -> usize {
    let most = ServingLimits::default().connections;
    files.map_or(most, |files| files.saturating_sub(OTHER_FILES).max(files / 2).min(most).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_connections_leave_files_for_everything_else() {
        for (files, connections) in [
            (None, 4_096),
            (Some(1_048_576), 4_096),
            (Some(5_120), 4_096),
            (Some(4_096), 3_072),
            (Some(1_024), 512),
            (Some(0), 1),
        ] {
            assert_eq!(connections_of(files), connections, "{files:?}");
        }
    }
}
