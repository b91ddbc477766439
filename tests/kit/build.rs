//! Where the built things are.

use std::path::{Path, PathBuf};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).expect("tests/ has a parent")
}

/// Where everything is built.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

fn built(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not built; `cargo xtask test` builds it", path.display());
    path
}

/// A built component: `echo`, `counter` or `guests`.
pub fn component(name: &str) -> PathBuf {
    built(target().join("wasm32-wasip2/plugin").join(format!("{name}.wasm")))
}

/// The program, built as whoever asks was.
pub fn program() -> PathBuf {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    built(target().join(profile).join("hodhod"))
}

/// Puts another file in the place of one, as a careful person does.
///
/// # Panics
/// Where it cannot be written.
pub fn replace(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, bytes).expect("a file beside it");
    std::fs::rename(beside, file).expect("the file takes its place");
}
