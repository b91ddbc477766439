//! The shape of the workspace, as a test that fails.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use hodhod_tests::repository;

fn metadata() -> Metadata {
    MetadataCommand::new().manifest_path(repository().join("Cargo.toml")).no_deps().exec().unwrap()
}

/// What each crate needs to be built, without its tests.
fn dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let packages = metadata.workspace_packages();
    let needs = packages.into_iter().map(|package| {
        let needs = package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
        (package.name.to_string(), needs.map(|dependency| dependency.name.clone()).collect())
    });
    needs.collect()
}

#[test]
fn dependencies_point_inward_and_the_middle_does_not_know_itself() {
    let all = dependencies(&metadata());
    let inside = |name: &str| -> BTreeSet<&str> {
        all[name].iter().map(String::as_str).filter(|dependency| dependency.starts_with("hodhod")).collect()
    };
    let middle = ["hodhod-engine", "hodhod-platforms", "hodhod-store", "hodhod-web"];
    assert_eq!(inside("hodhod-core"), BTreeSet::new(), "the core knows nobody");
    for name in middle {
        assert_eq!(inside(name), BTreeSet::from(["hodhod-core"]), "{name} knows only the core");
    }
    let everything: BTreeSet<_> = middle.into_iter().chain(["hodhod-core"]).collect();
    assert_eq!(inside("hodhod"), everything, "only the program knows them all");
    assert_eq!(inside("hodhod-plugin"), BTreeSet::new(), "a bot's author needs nothing of the host");
}

#[test]
fn only_the_engine_knows_wasmtime() {
    for (name, needs) in dependencies(&metadata()) {
        let knows = needs.iter().any(|dependency| dependency.starts_with("wasmtime"));
        assert_eq!(knows, name == "hodhod-engine", "{name}: {needs:?}");
    }
}

#[test]
fn the_core_has_no_way_to_do_input_or_output() {
    let metadata = metadata();
    let core = metadata.workspace_packages().into_iter().find(|package| package.name == "hodhod-core").unwrap();
    let tokio = core
        .dependencies
        .iter()
        .find(|dependency| dependency.name == "tokio" && dependency.kind == DependencyKind::Normal)
        .unwrap();
    assert_eq!(tokio.features, ["sync"], "channels only: no files, no sockets, no timers");
    for dependency in core.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
        assert!(!["reqwest", "axum", "rusqlite", "hyper"].contains(&dependency.name.as_str()), "{}", dependency.name);
    }
}

#[test]
fn versions_live_in_the_workspace_once() {
    for package in metadata().workspace_packages() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        let own = manifest
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains("version = \""));
        assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new(), "{} names a version itself", package.manifest_path);
    }
}

/// Rust sources outside the folders of tests.
fn sources() -> Vec<std::path::PathBuf> {
    let mut sources = Vec::new();
    let mut folders = vec![repository().join("host"), repository().join("plugin-sdk"), repository().join("plugins")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push(path);
            }
        }
    }
    assert!(sources.len() > 50);
    sources
}

fn is_test(path: &std::path::Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

/// All that is unsafe: the loading of code that the host itself compiled, and what the system is told of a thread.
const UNSAFE: [(&str, &str); 2] = [
    ("host/engine/src/compile/trusted.rs", "unsafe { Component::deserialize(engine, &self.0) }"),
    (
        "host/engine/src/priority.rs",
        "match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) } {",
    ),
];

#[test]
fn nothing_is_unsafe_and_no_channel_is_unbounded() {
    let mut left: Vec<_> = UNSAFE.into();
    for path in sources().into_iter().filter(|path| !is_test(path)) {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let known = left.iter().position(|(file, known)| path.ends_with(file) && code.trim() == *known);
            if let Some(known) = known {
                left.swap_remove(known);
                continue;
            }
            for forbidden in ["unsafe {", "unsafe fn", "unsafe impl", "unbounded_channel", "mpsc::channel()"] {
                assert!(!code.contains(forbidden), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
    assert_eq!(left, [], "each once");
}

#[test]
fn every_module_opens_with_why_it_exists() {
    for path in sources() {
        let text = std::fs::read_to_string(&path).unwrap();
        let is_test = path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        assert!(
            is_test || text.starts_with("//! ") || text.starts_with("#![doc = include_str!"),
            "{} has no module text",
            path.display()
        );
    }
}

/// The names of all tests, which are the functions under an attribute that ends in `test`.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                names.extend(tests_in(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn tests_in(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let signature = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "));
        match signature.and_then(|signature| signature.split_once('(')) {
            Some((name, _)) => names.extend(is_test.then(|| name.to_owned())),
            // Other attributes may stand between.
            None if line.starts_with("#[") => {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                continue;
            }
            None => {}
        }
        is_test = false;
    }
    names
}

#[test]
fn every_limit_has_a_test_of_its_name() {
    let (tests, table) = (tests(), hodhod_core::limits::TABLE);
    assert!(tests.len() > 300, "{} tests were found", tests.len());
    // `limit_bot_keys_…` is no test of a limit that is called `bot`: the longest name that fits is meant.
    let of = |test: &str| {
        let rest = test.strip_prefix("limit_")?;
        let fits = |name: &&str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
        table.iter().map(|row| row.name).filter(fits).max_by_key(|name| name.len())
    };
    let tested: BTreeSet<_> = tests.iter().filter_map(|test| of(test)).collect();
    let untested: Vec<_> = table.iter().map(|row| row.name).filter(|name| !tested.contains(name)).collect();
    assert_eq!(untested, Vec::<&str>::new(), "a limit without a test is a number");
}
