//! The access levels of routes.

use std::{collections::HashMap, sync::Arc};

use http::Method;

/// The changes that a sealed service allows: people sign in to see what is wrong, and sign out again.
///
/// Signing out ends one session only. `DELETE /api/sessions` would end those of other hosts too, on behalf of a person
/// whose session a sealed service cannot verify.
const ALLOWED_WHILE_SEALED: [(&str, Method); 2] = [("/api/session", Method::POST), ("/api/session", Method::DELETE)];

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

/// The access level of every route, by path and method.
#[derive(Clone, Debug)]
pub(crate) struct AccessLevels(Arc<HashMap<(&'static str, Method), Access>>);

impl AccessLevels {
    pub(crate) fn new(levels: impl IntoIterator<Item = ((&'static str, Method), Access)>) -> Self {
        Self(Arc::new(levels.into_iter().collect()))
    }

    /// Returns the access level that a request requires: that of its route, or Executive for an unknown route.
    ///
    /// An unknown method of a path that has an open route is open as well. Its answer, 405, reveals nothing.
    pub(crate) fn required(&self, route: Option<&str>, method: &Method) -> Access {
        let Some(route) = route else { return Access::Executive };
        // The GET handler of a path also answers HEAD.
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        let level = self.0.get(&(route, method)).copied();
        level.unwrap_or_else(|| if self.has_open_method(route) { Access::Open } else { Access::Executive })
    }

    /// Returns whether a sealed service rejects a request.
    ///
    /// It rejects every change. The answer to an unknown route or method, 404 or 405, changes nothing.
    pub(crate) fn is_rejected_while_sealed(&self, route: Option<&str>, method: &Method) -> bool {
        let Some(route) = route else { return false };
        let listed = (route, method.clone());
        !method.is_safe() && self.0.contains_key(&listed) && !ALLOWED_WHILE_SEALED.contains(&listed)
    }

    fn has_open_method(&self, route: &str) -> bool {
        self.0.iter().any(|((path, _), access)| *path == route && *access == Access::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_route_requires_an_executive() {
        let levels =
            AccessLevels::new([(("/open", Method::GET), Access::Open), (("/closed", Method::GET), Access::Executive)]);
        assert_eq!(levels.required(Some("/open"), &Method::GET), Access::Open);
        assert_eq!(levels.required(Some("/open"), &Method::HEAD), Access::Open);
        assert_eq!(levels.required(Some("/open"), &Method::POST), Access::Open, "answers 405");
        for (route, method) in [(Some("/closed"), Method::POST), (Some("/other"), Method::GET), (None, Method::GET)] {
            assert_eq!(levels.required(route, &method), Access::Executive, "{route:?} {method}");
        }
    }
}
