//! The tools for plugin authors: `plugin new`, the guide, `check`, `try` and `sign`. They use no database.

mod conformance;
mod guide;
mod new;
mod plugins;
