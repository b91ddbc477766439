//! On a state folder that no host uses, with records of the vault, which no platform here writes.

use hodhod_core::vault::{Change, Record, Vault};

use super::*;

const TOKEN: &str = "a token that nobody is shown";

/// A state folder whose vault has a grant of sara and one of omid, and its configuration.
fn folder() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (state, config) = (folder.path().join("state"), folder.path().join("hodhod.toml"));
    // What is wrong elsewhere in it keeps nobody from it.
    std::fs::write(&config, "[connections.shop]\nplatform = \"soroush\"\ntokn = 3\n[bots.echo]\nplugni = 3\n").unwrap();
    SqliteStore::open(&state, &Options::default()).unwrap();
    grant(&state, &config, &["sara", "omid"]);
    (folder, state, config)
}

fn open(state: &Path, config: &Path) -> Box<Folder> {
    match Folder::open(state, config).unwrap() {
        Opened::Here(folder) => folder,
        Opened::InUse | Opened::Empty => panic!("it is neither in use nor empty"),
    }
}

fn grant(state: &Path, config: &Path, names: &[&str]) {
    let folder = open(state, config);
    let record = |name: &str| Record { person: Some(name.into()), expires: None, value: TOKEN.into() };
    let change = |name: &&str| Change { kind: "grant", name: (*name).to_owned(), record: Some(record(name)) };
    let vault = folder.vaults.of("shop".into());
    folder.end(async { Ok(vault.change(names.iter().map(change).collect()).await?) }).unwrap();
}

fn sara() -> Whose<'static> {
    Whose { connection: "shop", user: Some("sara"), chat: None }
}

#[test]
fn a_record_is_shown_by_what_it_is_for_and_never_by_what_is_in_it_and_goes_with_its_person() {
    let (_folder, state, config) = folder();
    let all = open(&state, &config).show(&sara()).unwrap();
    let [Item::Record { kind, purpose, written, expires: None }] = &all.items[..] else { panic!("{all:?}") };
    assert!(kind == "grant" && purpose.contains("allowed the app") && written.0 > 0);
    let shown = [words(&all), serde_json::to_string(&all).unwrap(), format!("{all:?}")].concat();
    assert!(shown.contains("record") && !shown.contains(TOKEN) && !shown.contains("sara"), "{shown}");

    let erasure = open(&state, &config).erase(&sara()).unwrap();
    assert_eq!((erasure.erased.records, erasure.log_is_clear, erasure.has_lost), (1, true, false));
    assert_eq!(words(&open(&state, &config).show(&sara()).unwrap()), "nothing is stored");
    let omid = Whose { user: Some("omid"), ..sara() };
    assert_eq!(open(&state, &config).show(&omid).unwrap().items.len(), 1);
}

#[test]
fn with_another_key_it_is_said_that_nobody_knows_whose_they_are_and_they_go_on_order() {
    let (_folder, state, config) = folder();
    std::fs::remove_file(state.join("key")).unwrap();
    let all = open(&state, &config).show(&sara()).unwrap();
    assert!(all.items.is_empty() && all.has_lost);
    let told = words(&all);
    assert!(told.starts_with("nothing is stored\n") && told.contains("the file `key`"), "{told}");
    assert!(told.contains("hodhod user erase shop --lost --yes"), "{told}");
    let erasure = open(&state, &config).erase(&sara()).unwrap();
    assert!(erasure.has_lost && erasure.erased == Erased::default());

    // Whoever grants again has something of their own.
    grant(&state, &config, &["sara"]);
    assert_eq!(open(&state, &config).drop_lost("shop").unwrap().erased.records, 2);
    let all = open(&state, &config).show(&sara()).unwrap();
    assert_eq!((all.items.len(), all.has_lost), (1, false));
    assert_eq!(open(&state, &config).drop_lost("shop").unwrap().erased.records, 0);
}

#[test]
fn a_folder_in_use_is_left_to_its_host_and_an_empty_one_is_left_alone() {
    let (folder, state, config) = folder();
    let held = open(&state, &config);
    assert!(matches!(Folder::open(&state, &config).unwrap(), Opened::InUse));
    drop(held);
    let elsewhere = folder.path().join("elsewhere");
    assert!(matches!(Folder::open(&elsewhere, &config).unwrap(), Opened::Empty) && !elsewhere.exists());
    let nobody = Whose { connection: "shpo", ..sara() };
    let error = open(&state, &config).show(&nobody).unwrap_err().to_string();
    assert!(error.contains("there is no connection \"shpo\""), "{error}");
}

#[test]
fn what_was_erased_is_counted_in_words() {
    assert_eq!(
        counts(&Erased { values: 1, events: 2, records: 1, ..Erased::default() }),
        "1 value, 2 waiting events, 1 record of the vault"
    );
    assert_eq!(counts(&Erased::default()), "nothing, as nothing was stored");
}
