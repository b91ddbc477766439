//! What connections keep of people opens for the host that sealed it, where it was put, and nowhere else.
//!
//! Each attack is made on the file itself, as whoever can write it could.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hodhod_core::store::{DoomedRecords, Records, Store, StoreError};
use hodhod_core::testing::{MemoryStore, TestClock};
use hodhod_core::time::{Clock, Millis};
use hodhod_core::vault::{Change, Record, SealedVault, Vault, VaultKey, Vaults};
use hodhod_store::{Options, SqliteStore};
use rusqlite::Connection;
use secrecy::ExposeSecret;
use tempfile::TempDir;

const TOKEN: &str = "a token that nobody may read";

/// A state folder, and the vaults over its store.
struct State {
    folder: TempDir,
    clock: TestClock,
    store: Arc<SqliteStore>,
    vaults: Vaults,
}

impl State {
    fn new(key: u8) -> Self {
        Self::at(TempDir::new().unwrap(), key, &Options::default())
    }

    fn at(folder: TempDir, key: u8, options: &Options) -> Self {
        let store = Arc::new(SqliteStore::open(folder.path(), options).unwrap());
        let clock = TestClock::default();
        Self { vaults: vaults(store.clone(), &clock, key), folder, clock, store }
    }

    fn of(&self, connection: &str) -> SealedVault {
        self.vaults.of(connection.into())
    }

    /// A connection beside the store's own.
    fn sqlite(&self) -> Connection {
        Connection::open(self.folder.path().join("hodhod.db")).unwrap()
    }

    /// Alters the file, and asks for the grant of u1.
    async fn after(&self, attack: &str) -> Result<Option<Record>, StoreError> {
        self.sqlite().execute_batch(attack).unwrap();
        self.of("shop").get("grant", "u1").await
    }
}

fn vaults(store: Arc<dyn Store>, clock: &TestClock, key: u8) -> Vaults {
    let vaults = Vaults::default();
    vaults.open(store, Arc::new(clock.clone()), VaultKey::new([key; 32]));
    vaults
}

fn record(person: &str, value: &str) -> Record {
    Record { person: Some(person.into()), expires: None, value: value.into() }
}

fn put(kind: &'static str, name: &str, record: Record) -> Change {
    Change { kind, name: name.into(), record: Some(record) }
}

fn value(record: Option<Record>) -> Option<String> {
    record.map(|record| record.value.expose_secret().to_owned())
}

/// It is an error that says where, and what to do, and nothing that was in it.
fn unreadable<T: std::fmt::Debug>(answer: Result<T, StoreError>, what_to_do: &str) {
    let Err(StoreError::Unreadable(text)) = answer else { panic!("it opened: {answer:?}") };
    assert!(text.contains("\"grant\"") && text.contains("\"shop\"") && text.contains(what_to_do), "{text}");
    assert!(!text.contains(TOKEN) && !text.contains("u1"), "{text}");
}

/// Both kinds of store keep these promises.
async fn keeps_its_promises(store: Arc<dyn Store>) {
    let clock = TestClock::default();
    let vaults = vaults(store.clone(), &clock, 7);
    let (shop, other) = (vaults.of("shop".into()), vaults.of("other".into()));
    shop.change(vec![put("grant", "u1", record("u1", "one")), put("grant", "u2", record("u2", "two"))]).await.unwrap();
    shop.change(vec![put("link", "u1", record("u1", "link")), put("grant", "u1", record("u1", "newer"))])
        .await
        .unwrap();
    assert_eq!(value(shop.get("grant", "u1").await.unwrap()).as_deref(), Some("newer"));
    assert_eq!(value(shop.get("link", "u1").await.unwrap()).as_deref(), Some("link"));
    assert!(other.get("grant", "u1").await.unwrap().is_none(), "each connection has its own");
    assert!(shop.get("grant", "u3").await.unwrap().is_none());

    // In pages, in an order that stays, with the names.
    let many = (0..20).map(|n| put("grant", &format!("p{n}"), record("p", &n.to_string())));
    shop.change(many.collect()).await.unwrap();
    let mut names = Vec::new();
    while let page = shop.list("grant", names.last().map(String::as_str), 7).await.unwrap()
        && !page.is_empty()
    {
        names.extend(page.into_iter().map(|(name, _)| name));
    }
    let all: Vec<_> = shop.list("grant", None, 100).await.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!((&names, names.len()), (&all, 22));

    // Taken once; gone for all.
    assert_eq!(value(shop.take("grant", "u2").await.unwrap()).as_deref(), Some("two"));
    assert!(shop.take("grant", "u2").await.unwrap().is_none());
    shop.change(vec![Change { kind: "grant", name: "u1".into(), record: None }]).await.unwrap();
    assert!(shop.get("grant", "u1").await.unwrap().is_none());

    // At its end it is not there any more, and then its row goes.
    let soon = Some(clock.now() + Duration::from_secs(60));
    shop.change(vec![put("state", "s", Record { expires: soon, ..record("u1", "state") })]).await.unwrap();
    clock.advance(Duration::from_secs(59));
    assert!(shop.get("state", "s").await.unwrap().is_some());
    assert_eq!(store.drop_records(DoomedRecords::Expired(clock.now())).await.unwrap(), 0);
    clock.advance(Duration::from_secs(1));
    assert!(shop.get("state", "s").await.unwrap().is_none());
    assert!(shop.take("state", "s").await.unwrap().is_none());
    assert!(shop.list("state", None, 9).await.unwrap().is_empty());
    assert_eq!(store.drop_records(DoomedRecords::Expired(clock.now())).await.unwrap(), 1);
}

#[tokio::test]
async fn the_store_on_disk_keeps_the_promises_of_a_vault() {
    keeps_its_promises(State::new(7).store).await;
}

#[tokio::test]
async fn the_store_in_memory_keeps_the_promises_of_a_vault() {
    keeps_its_promises(Arc::new(MemoryStore::default())).await;
}

#[tokio::test]
async fn what_is_kept_outlives_the_host_and_its_files_hold_none_of_it() {
    let state = State::new(7);
    state
        .of("shop")
        .change(vec![put("grant", "a person called u1", record("a person called u1", TOKEN))])
        .await
        .unwrap();
    state.store.close().await;
    for entry in std::fs::read_dir(state.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for text in [TOKEN, "a person called u1"] {
            assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is there to be read");
        }
    }
    let State { folder, .. } = state;
    let state = State::at(folder, 7, &Options::default());
    assert_eq!(value(state.of("shop").get("grant", "a person called u1").await.unwrap()).as_deref(), Some(TOKEN));
}

#[tokio::test]
async fn a_row_in_the_place_of_another_does_not_open() {
    let state = State::new(7);
    let grants = vec![put("grant", "u1", record("u1", TOKEN)), put("grant", "u2", record("u2", TOKEN))];
    state.of("shop").change(grants).await.unwrap();
    // What is sealed changes places.
    let swap = "CREATE TEMP TABLE was AS SELECT * FROM vault;
                UPDATE vault SET sealed = (SELECT sealed FROM was WHERE was.id != vault.id)";
    unreadable(state.after(swap).await, "backup");
    unreadable(state.of("shop").get("grant", "u2").await, "backup");
    assert!(state.after(swap).await.unwrap().is_some(), "back in its place it opens");
    // So does all that stands beside it, but for the names.
    let swap = "CREATE TEMP TABLE was AS SELECT * FROM vault;
                UPDATE vault SET (sealed, person, written, expires) =
                    (SELECT sealed, person, written, expires FROM was WHERE was.id != vault.id)";
    unreadable(state.after(swap).await, "backup");
    unreadable(state.of("shop").get("grant", "u2").await, "backup");
}

#[tokio::test]
async fn a_row_that_is_copied_to_another_connection_does_not_open() {
    let state = State::new(7);
    state.of("other").change(vec![put("grant", "u1", record("u1", TOKEN))]).await.unwrap();
    state.of("shop").change(vec![put("grant", "u1", record("u1", "another token"))]).await.unwrap();
    // Under the name that the record has there, and under the one that it brings.
    let copy =
        "UPDATE vault SET sealed = (SELECT sealed FROM vault WHERE connection = 'other') WHERE connection = 'shop'";
    unreadable(state.after(copy).await, "user erase shop");
    let move_it = "DELETE FROM vault WHERE connection = 'shop'; UPDATE vault SET connection = 'shop'";
    assert!(state.after(move_it).await.unwrap().is_none(), "its name is another one there");
    assert!(state.of("shop").list("grant", None, 9).await.unwrap().is_empty());
    assert!(state.of("other").get("grant", "u1").await.unwrap().is_none());
}

#[tokio::test]
async fn a_bit_that_is_flipped_anywhere_in_a_row_is_noticed() {
    let state = State::new(7);
    let expires = Some(Millis(u64::from(u32::MAX) << 10));
    for attack in [
        "UPDATE vault SET sealed = substr(sealed, 1, length(sealed) - 1)",
        "UPDATE vault SET sealed = x''",
        "UPDATE vault SET sealed = zeroblob(1000)",
        "UPDATE vault SET person = zeroblob(16)",
        "UPDATE vault SET person = NULL",
        "UPDATE vault SET expires = expires + 1",
        "UPDATE vault SET expires = NULL",
        "UPDATE vault SET written = written + 1",
    ] {
        let grant = Record { expires, ..record("u1", TOKEN) };
        state.of("shop").change(vec![put("grant", "u1", grant)]).await.unwrap();
        assert!(state.of("shop").get("grant", "u1").await.unwrap().is_some());
        unreadable(state.after(attack).await, "grant it again");
    }
    state.of("shop").change(vec![put("grant", "u1", record("u1", TOKEN))]).await.unwrap();
    let sealed: Vec<u8> = state.sqlite().query_row("SELECT sealed FROM vault", [], |row| row.get(0)).unwrap();
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1 << (at % 8);
        state.sqlite().execute("UPDATE vault SET sealed = ?1", [&flipped]).unwrap();
        unreadable(state.of("shop").get("grant", "u1").await, "grant it again");
    }
    // Moved to another kind it has another name; under that one it does not open either.
    let link = put("link", "u1", record("u1", "link"));
    state.of("shop").change(vec![put("grant", "u1", record("u1", TOKEN)), link]).await.unwrap();
    let attack = "UPDATE vault SET sealed = (SELECT sealed FROM vault WHERE kind = 'link') WHERE kind = 'grant'";
    unreadable(state.after(attack).await, "grant it again");
}

#[tokio::test]
async fn a_row_that_does_not_open_goes_by_being_taken_written_over_or_erased_and_keeps_no_other_from_a_list() {
    let state = State::new(7);
    let (shop, bad) =
        (state.of("shop"), "UPDATE vault SET sealed = zeroblob(99) WHERE id IN (SELECT min(id) FROM vault)");
    let grants = |names: &[&str]| names.iter().map(|name| put("grant", name, record("u1", TOKEN))).collect();
    shop.change(grants(&["u1", "u2", "u3"])).await.unwrap();
    unreadable(state.after(bad).await, "grant it again");
    let listed = shop.list("grant", None, 9).await.unwrap();
    assert_eq!(listed.len(), 2, "the others are there");
    unreadable(shop.take("grant", "u1").await, "grant it again");
    assert!(shop.take("grant", "u1").await.unwrap().is_none());
    shop.change(grants(&["u1"])).await.unwrap();
    assert!(shop.get("grant", "u1").await.unwrap().is_some());
}

#[tokio::test]
async fn the_database_in_another_state_folder_opens_nothing_and_says_which_file_is_missing() {
    let state = State::new(7);
    state.of("shop").change(vec![put("grant", "u1", record("u1", TOKEN))]).await.unwrap();
    state.store.close().await;
    let elsewhere = TempDir::new().unwrap();
    let copy = |from: &Path, to: &Path| std::fs::copy(from.join("hodhod.db"), to.join("hodhod.db")).unwrap();
    copy(state.folder.path(), elsewhere.path());
    let thief = State::at(elsewhere, 8, &Options::default());
    unreadable(thief.of("shop").get("grant", "u1").await, "the file `key`");
    unreadable(thief.of("shop").take("grant", "u1").await, "user erase shop --lost");
    assert!(thief.of("shop").list("grant", None, 9).await.unwrap().is_empty());

    // It goes on with what is granted anew, and what cannot be opened goes when the operator says so.
    thief.of("shop").change(vec![put("grant", "u1", record("u1", "new"))]).await.unwrap();
    assert_eq!(value(thief.of("shop").get("grant", "u1").await.unwrap()).as_deref(), Some("new"));
    unreadable(thief.of("shop").get("grant", "u2").await, "the file `key`");
    let doomed = DoomedRecords::OfOtherKeys("shop".into(), VaultKey::new([8; 32]).id());
    assert_eq!(thief.store.drop_records(doomed).await.unwrap(), 1);
    assert!(thief.of("shop").get("grant", "u2").await.unwrap().is_none());
    assert!(thief.of("shop").get("grant", "u1").await.unwrap().is_some());
}

#[tokio::test]
async fn of_many_records_of_a_kind_the_oldest_go() {
    let options = Options { records_of_kind: 3, ..Options::default() };
    let state = State::at(TempDir::new().unwrap(), 7, &options);
    let shop = state.of("shop");
    let write = async |kind: &'static str, name: &str| {
        shop.change(vec![put(kind, name, record("u1", "x"))]).await.unwrap();
    };
    for name in ["a", "b", "c"] {
        write("link", name).await;
        write("grant", name).await;
    }
    // Written again it is the newest.
    write("link", "a").await;
    write("link", "d").await;
    assert!(shop.get("link", "b").await.unwrap().is_none());
    for (kind, name) in [("link", "a"), ("link", "c"), ("link", "d"), ("grant", "a"), ("grant", "b")] {
        assert!(shop.get(kind, name).await.unwrap().is_some(), "{kind} {name}");
    }
    state.of("other").change(vec![put("link", "e", record("u1", "x"))]).await.unwrap();
    assert!(shop.get("link", "c").await.unwrap().is_some(), "another connection pushes out nobody");
    drop(shop);
    // What was counted is known again.
    let State { folder, store, .. } = state;
    store.close().await;
    let state = State::at(folder, 7, &options);
    state.of("shop").change(vec![put("link", "f", record("u1", "x"))]).await.unwrap();
    assert_eq!(state.of("shop").list("link", None, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn many_records_whose_time_is_over_go_in_steps() {
    let state = State::new(7);
    let soon = Some(state.clock.now() + Duration::from_secs(1));
    let many = (0..1000).map(|n| put("state", &n.to_string(), Record { expires: soon, ..record("u", "x") }));
    state.of("shop").change(many.chain([put("grant", "u1", record("u1", "x"))]).collect()).await.unwrap();
    let after = state.clock.now() + Duration::from_secs(1);
    assert_eq!(state.store.drop_records(DoomedRecords::Expired(after)).await.unwrap(), 1000);
    assert!(state.of("shop").get("grant", "u1").await.unwrap().is_some());
}

#[tokio::test]
async fn changes_are_made_all_of_them_or_none() {
    let state = State::new(7);
    let shop = state.of("shop");
    shop.change(vec![put("grant", "u1", record("u1", "old"))]).await.unwrap();
    let mine = "CREATE TRIGGER mine BEFORE INSERT ON vault WHEN NEW.kind = 'link'
                BEGIN SELECT RAISE(ABORT, 'stepped on a mine'); END";
    state.sqlite().execute_batch(mine).unwrap();
    let changes = vec![put("grant", "u1", record("u1", "new")), put("link", "u1", record("u1", "x"))];
    assert!(matches!(shop.change(changes).await, Err(StoreError::Failed(_))));
    assert_eq!(value(shop.get("grant", "u1").await.unwrap()).as_deref(), Some("old"));
    let huge = put("grant", "u1", record("u1", &"x".repeat((64 << 10) + 1)));
    let refused = shop.change(vec![put("grant", "u2", record("u2", "x")), huge]).await;
    assert!(matches!(&refused, Err(StoreError::Failed(text)) if text.contains("may have 65536")), "{refused:?}");
    assert!(shop.get("grant", "u2").await.unwrap().is_none());
}

#[tokio::test]
async fn of_many_that_take_a_record_at_once_one_gets_it() {
    let state = State::new(7);
    state.of("shop").change(vec![put("state", "s", record("u1", "x"))]).await.unwrap();
    let vaults: Vec<_> = (0..8).map(|_| state.of("shop")).collect();
    let takes = vaults.iter().map(|vault| vault.take("state", "s"));
    let mut taken = 0;
    for take in takes.collect::<Vec<_>>() {
        taken += usize::from(take.await.unwrap().is_some());
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn before_the_store_is_open_a_vault_is_closed_and_nothing_of_it_is_printed() {
    let vaults = Vaults::default();
    let shop = vaults.of("shop".into());
    assert!(matches!(shop.get("grant", "u1").await, Err(StoreError::Closed)));
    let state = State::new(7);
    vaults.open(state.store.clone(), Arc::new(state.clock.clone()), VaultKey::new([7; 32]));
    assert!(shop.get("grant", "u1").await.unwrap().is_none(), "the one that was handed out is open too");
    let printed =
        format!("{vaults:?} {shop:?} {:?} {:?}", VaultKey::new([7; 32]), put("grant", "u1", record("u1", TOKEN)));
    assert!(!printed.contains(TOKEN) && !printed.contains("7, 7"), "{printed}");
}
