//! Determines which other users can read or change a file, reads files that contain secrets, and creates private files.
//!
//! What counts is who else has access, and not whether the owners are equal, because Kubernetes and OpenShift mount
//! folders and secrets that belong to root and to a group of the process. The owner of a file must be root or the user
//! of this process, because an owner can change the mode at any time.

mod accounts;
mod other_users;
mod private_file;
mod process_user;
mod replace;
mod secret_file;

pub use self::{
    other_users::OtherUsers,
    private_file::{PrivateFileError, create_private_file, create_probe, make_private},
    process_user::{Access, ProcessUser},
    replace::find_replacer,
    secret_file::{SecretFileError, check_trusted_file, read_secret_file},
};
