//! Rebuilds the host when a migration or the contract is added: the macros that embed them do not notice by themselves.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
    println!("cargo::rerun-if-changed=../wit");
    println!("cargo::rerun-if-env-changed=JACKFIELD_BUILD_DIGESTS");
}
