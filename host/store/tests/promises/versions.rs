//! A database of another version goes on with all it has, or is refused before anything is changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hodhod_core::health::{By, Held, State};
use hodhod_core::ids::{InboxSeq, OutboxSeq};
use hodhod_core::outgoing::Outgoing;
use hodhod_core::store::{Build, Store, Upkeep};
use hodhod_core::time::Millis;
use hodhod_core::values::Bucket;
use hodhod_store::{OpenError, Options, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::kit::{Kit, arrival, chat, event, key};

/// The steps as they were released, the first with number 1.
const STEPS: [&str; 8] = [
    include_str!("../../migrations/0001-first.sql"),
    include_str!("../../migrations/0002-timers-and-usage.sql"),
    include_str!("../../migrations/0003-bot-state.sql"),
    include_str!("../../migrations/0004-dead-letters.sql"),
    include_str!("../../migrations/0005-whose-it-is.sql"),
    include_str!("../../migrations/0006-send-pauses.sql"),
    include_str!("../../migrations/0007-builds.sql"),
    include_str!("../../migrations/0008-vault.sql"),
];

/// A folder with a database as the program of a version left it, with a row in every table.
fn of_version(version: usize) -> TempDir {
    let folder = TempDir::new().unwrap();
    let database = Connection::open(folder.path().join("hodhod.db")).unwrap();
    for step in &STEPS[..version] {
        database.execute_batch(step).unwrap();
    }
    database.pragma_update(None, "user_version", version as i64).unwrap();
    let event = serde_json::to_vec(&*event("kept")).unwrap();
    let message = serde_json::to_vec(&Outgoing::text("kept")).unwrap();
    database
        .execute("INSERT INTO inbox VALUES (7, 'bot', 'connection', 'chat', 2, 5, ?1)", [&event])
        .and_then(|_| {
            database
                .execute("INSERT INTO outbox VALUES (8, 3, 0, 'bot', 'connection', 'chat', 1, 6, 1, 9, ?1)", [&message])
        })
        .and_then(|_| {
            database.execute(
                "INSERT INTO dead VALUES (1, 2, 'bot', 'connection', 'chat', 5, 900, 'worn out', ?1)",
                [&event],
            )
        })
        .unwrap();
    database
        .execute_batch(
            "INSERT INTO value VALUES ('bot', 'bot', '', '', 'name', CAST('value' AS BLOB));
             INSERT INTO seen VALUES (randomblob(16), 1);
             INSERT INTO seen_lately VALUES (1, randomblob(16), 1);
             UPDATE tally SET next_inbox = 10, next_outbox = 11, arrivals = 9, handled = 7, dead = 1,
                 waiting_events = 1, waiting_sends = 1, dead_letters = 1;",
        )
        .unwrap();
    if version >= 2 {
        database
            .execute_batch(
                "INSERT INTO timer VALUES ('bot', '', '', 'tick', 99, 0, 'payload');
                 INSERT INTO usage VALUES ('bot', '', '', '', 1, 9, 1), ('bot', 'bot', '', '', 1, 9, 0);",
            )
            .unwrap();
    }
    if version >= 3 {
        database
            .execute_batch("INSERT INTO bot_state VALUES ('bot', 'paused', 'operator', 4, 'tired', 'abc')")
            .unwrap();
    }
    if version >= 7 {
        database.execute_batch("INSERT INTO build VALUES ('bot', 'abc', '1.2.3', 4)").unwrap();
    }
    folder
}

/// Every row of every table, as text.
fn rows(database: &Path) -> BTreeMap<String, Vec<String>> {
    let database = Connection::open(database).unwrap();
    let names = |query: &str| -> Vec<String> {
        database.prepare(query).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let mut rows: BTreeMap<_, _> = names("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .into_iter()
        .map(|table| {
            let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')"));
            let columns: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
            (table.clone(), names(&format!("SELECT {} FROM {table} ORDER BY 1", columns.join(" || ',' || "))))
        })
        .collect();
    rows.insert("user_version".into(), names("SELECT CAST(user_version AS TEXT) FROM pragma_user_version"));
    rows.insert("schema".into(), names("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY 1"));
    rows
}

fn refusal(folder: &Path) -> OpenError {
    match SqliteStore::open(folder, &Options::default()) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_database_of_every_earlier_version_is_taken_over_with_all_its_rows() {
    for version in 1..=STEPS.len() {
        let folder = of_version(version);
        let store = SqliteStore::open(folder.path(), &Options::default()).unwrap();
        let waiting = store.waiting_events(InboxSeq(0), 9).await.unwrap();
        assert_eq!(waiting.len(), 1, "version {version}");
        assert_eq!((waiting[0].seq, waiting[0].attempts, waiting[0].not_before), (InboxSeq(7), 2, Millis(5)));
        assert_eq!(store.event(InboxSeq(7)).await.unwrap(), Some(event("kept")));
        let sends = store.waiting_sends(OutboxSeq(0), 9).await.unwrap();
        assert!(sends.len() == 1 && sends[0].attempted, "{sends:?}");
        assert_eq!(*store.send(OutboxSeq(8)).await.unwrap().unwrap().message, Outgoing::text("kept"));
        assert_eq!(store.value(&key("name")).unwrap().as_deref(), Some(&b"value"[..]));
        let usage = store.usage(&"bot".into(), &Bucket::Bot).unwrap();
        assert_eq!((usage.bot_keys, usage.bot_bytes, usage.bucket_keys), (1, 9, 1));
        let letter = store.dead_letter(InboxSeq(2)).await.unwrap().unwrap();
        assert_eq!((letter.reason.as_str(), letter.attempts, letter.chat), ("worn out", 5, chat()));
        assert_eq!(store.dead_event(InboxSeq(2)).await.unwrap(), Some(event("kept")));
        let timers = store.due_timers(vec!["bot".into()], Millis(1000), 9).await.unwrap();
        assert_eq!(timers.len(), usize::from(version >= 2));
        let held = Held {
            state: State::Paused,
            by: By::Operator,
            since: Millis(4),
            reason: "tired".into(),
            digest: "abc".into(),
        };
        let states = store.bot_states().await.unwrap();
        assert_eq!(states, if version >= 3 { vec![("bot".into(), held)] } else { vec![] });
        let build = Build { digest: "abc".into(), version: "1.2.3".into() };
        assert_eq!(store.build("bot".into()).await.unwrap(), (version >= 7).then_some(build));
        let totals = store.totals().await.unwrap();
        assert_eq!((totals.arrivals, totals.handled, totals.dead_letters, totals.dead_retried), (9, 7, 1, 0));

        // It goes on: what comes gets numbers of its own, and what was dead can be tried again.
        let row = store.retry_dead(InboxSeq(2)).await.unwrap().unwrap();
        assert_eq!(row.seq, InboxSeq(10));
        store.append(vec![arrival("new")]).await.unwrap();
        store.close().await;
        let database = Connection::open(folder.path().join("hodhod.db")).unwrap();
        let (seen, shaped_by): (i64, String) = database
            .query_row(
                "SELECT (SELECT count(*) FROM seen) + (SELECT count(*) FROM seen_lately), program FROM shaped_by",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!(seen, 3);
        if version < STEPS.len() {
            assert_eq!(shaped_by, format!("hodhod {}", env!("CARGO_PKG_VERSION")));
        }
        drop(SqliteStore::open(folder.path(), &Options::default()).unwrap());
    }
}

#[test]
fn a_step_that_fails_leaves_the_old_database_as_it_was() {
    for (version, obstacle) in [
        (1, "bot_state"),
        (2, "shaped_by"),
        (3, "shaped_by"),
        (5, "send_pause"),
        (6, "build"),
        (7, "vault"),
        (8, "inbox_asked"),
    ] {
        let folder = of_version(version);
        let file = folder.path().join("hodhod.db");
        // In the way of the third step or of a later one, so that earlier ones have been made by then.
        let in_the_way = format!("CREATE TABLE {obstacle} (mine TEXT); INSERT INTO {obstacle} VALUES ('mine')");
        Connection::open(&file).unwrap().execute_batch(&in_the_way).unwrap();
        let before = rows(&file);
        let error = refusal(folder.path());
        assert!(matches!(&error, OpenError::Migration { from, to: 9, .. } if *from == version as i64), "{error}");
        let text = error.to_string();
        assert!(text.contains(obstacle) && text.contains("left as it was"), "{text}");
        assert_eq!(rows(&file), before);

        Connection::open(&file).unwrap().execute_batch(&format!("DROP TABLE {obstacle}")).unwrap();
        drop(SqliteStore::open(folder.path(), &Options::default()).unwrap());
    }
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_by_its_name_and_left_alone() {
    let mut kit = Kit::new();
    kit.close().await;
    let sqlite = kit.sqlite();
    sqlite.execute_batch("UPDATE shaped_by SET program = 'hodhod 7.1.0'").unwrap();
    sqlite.pragma_update(None, "user_version", 99).unwrap();
    drop(sqlite);
    let before = fs::read(kit.database()).unwrap();
    let error = refusal(kit.folder());
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("written by hodhod 7.1.0") && text.contains("restore a backup"), "{text}");
    assert_eq!(fs::read(kit.database()).unwrap(), before);
}

/// The newer program was killed: its last writes are in the log, and stay there for it.
#[tokio::test]
async fn the_log_of_a_newer_program_is_left_alone_too() {
    let kit = Kit::new();
    kit.one("a").await;
    kit.sqlite().pragma_update(None, "user_version", 99).unwrap();
    let folder = TempDir::new().unwrap();
    for name in ["hodhod.db", "hodhod.db-wal"] {
        fs::copy(kit.folder().join(name), folder.path().join(name)).unwrap();
    }
    let files = || ["hodhod.db", "hodhod.db-wal"].map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = files();
    assert!(!before[1].is_empty());
    assert!(matches!(refusal(folder.path()), OpenError::Newer { .. }));
    assert!(files() == before, "the files are as they were");
}

#[test]
fn what_is_no_database_of_this_program_is_refused_and_left_alone() {
    let notes = b"these are my notes, not a database, and I want to keep them ".repeat(50);
    let foreign = |setup: &str| {
        let folder = TempDir::new().unwrap();
        let database = Connection::open(folder.path().join("hodhod.db")).unwrap();
        database.execute_batch(setup).unwrap();
        database.close().unwrap();
        fs::read(folder.path().join("hodhod.db")).unwrap()
    };
    let cases = [
        ("no SQLite database", notes),
        ("no SQLite database", b"SQLite".to_vec()),
        ("cut off", b"SQLite format 3\0 and then nothing".to_vec()),
        (
            "application id is 0x42",
            foreign("PRAGMA journal_mode = WAL; PRAGMA application_id = 0x42; CREATE TABLE a (b)"),
        ),
        ("tables of another program", foreign("CREATE TABLE a (b); INSERT INTO a VALUES ('mine')")),
        ("tables of another program", foreign("CREATE TABLE a (b); PRAGMA user_version = 2")),
        ("tables of another program", foreign("CREATE TABLE inbox (b); PRAGMA user_version = 2")),
        ("its version is 0", foreign("PRAGMA application_id = 0x686f6468; CREATE TABLE a (b)")),
    ];
    for (why, content) in cases {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("hodhod.db");
        fs::write(&file, &content).unwrap();
        let text = refusal(folder.path()).to_string();
        assert!(text.contains(why) && text.contains("hodhod.db") && text.contains("nothing was changed"), "{text}");
        assert!(fs::read(&file).unwrap() == content, "{why}");
    }
}
