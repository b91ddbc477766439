//! The host is killed, or its disk gives up, at any moment: what was acknowledged is there, and
//! nothing is there by half. A child process writes, and says what the store acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

use hodhod_core::ids::InboxSeq;
use hodhod_core::store::{Store, StoreError, TurnCommit};
use hodhod_core::values::Bucket;
use hodhod_store::{Durability, Options, SqliteStore};
use tempfile::TempDir;

use crate::kit::{arrival, done, key, row, send};

const FOLDER: &str = "HODHOD_TEST_CRASH_FOLDER";
const ROUND: &str = "HODHOD_TEST_CRASH_ROUND";
/// Set where the child is not to wait for the disk.
pub(crate) const NORMAL: &str = "HODHOD_TEST_CRASH_NORMAL";
const EVENTS: usize = 5;
const SENDS: u32 = 2;

/// Rounds of a child that nobody stops.
const ROUNDS: u64 = 10_000;

/// Failed writes after which a child gives up.
const PATIENCE: u32 = 20;

/// Not a test of its own: the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let first: u64 = env::var(ROUND).unwrap().parse().unwrap();
    let durability = if env::var(NORMAL).is_ok() { Durability::Normal } else { Durability::Full };
    let options = Options { durability, ..Options::default() };
    let store = SqliteStore::open(Path::new(&folder), &options).unwrap();
    let mut failures = 0;
    for round in first..first + ROUNDS {
        let arrivals: Vec<_> = (0..EVENTS).map(|n| arrival(&format!("{round}/{n}"))).collect();
        let appended = store.append(arrivals).await;
        let Ok(appended) = appended else {
            // What was written and not synced may be there after a crash.
            let doubtful = matches!(appended, Err(StoreError::NotDurable(_)));
            println!("{} {round}", if doubtful { "doubtful" } else { "failed" });
            failures += 1;
            if failures == PATIENCE {
                return;
            }
            continue;
        };
        println!("\nappended {round}");
        let turns: Vec<_> = appended.iter().enumerate().map(|(n, appended)| turn(round, n, row(appended))).collect();
        // The next round's append overtakes the answer, so groups hold both.
        let commit = store.commit(turns);
        tokio::spawn(async move {
            if commit.await.is_ok() {
                println!("\ncommitted {round}");
            }
        });
    }
}

fn turn(round: u64, n: usize, seq: InboxSeq) -> TurnCommit {
    let name = format!("{round}/{n}");
    TurnCommit {
        values: vec![(key(&name), Some(b"v".as_slice().into()))],
        sends: (0..SENDS).map(|index| send(seq, index, &name)).collect(),
        ..done(seq)
    }
}

/// What children said.
#[derive(Default)]
pub(crate) struct Acknowledged {
    pub(crate) appended: BTreeSet<u64>,
    pub(crate) committed: BTreeSet<u64>,
    failed: BTreeSet<u64>,
}

impl Acknowledged {
    pub(crate) fn add(&mut self, heard: Self) {
        self.appended.extend(heard.appended);
        self.committed.extend(heard.committed);
        self.failed.extend(heard.failed);
    }

    fn hear(&mut self, line: &str) {
        if let Some((what, round)) = line.split_once(' ')
            && let Ok(round) = round.parse()
        {
            match what {
                "appended" => self.appended.insert(round),
                "committed" => self.committed.insert(round),
                "failed" => self.failed.insert(round),
                _ => false,
            };
        }
    }
}

/// Lets a child write until it gives up, or for `life` after its first acknowledged write.
pub(crate) fn write(mut program: Command, folder: &Path, first: u64, life: Option<Duration>) -> Acknowledged {
    let mut child = program
        .args(["--exact", "crash::child", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (started, first_write) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        let mut heard = Acknowledged::default();
        for line in stdout.lines() {
            heard.hear(&line.unwrap());
            if !heard.appended.is_empty() {
                let _ = started.send(());
            }
        }
        heard
    });
    if let Some(life) = life {
        // One that gives up before its first write has ended by itself.
        let _ended = first_write.recv();
        std::thread::sleep(life);
        child.kill().unwrap();
    }
    child.wait().unwrap();
    listener.join().unwrap()
}

/// What the store has of each round: waiting events, values, sends.
pub(crate) async fn stored(store: &SqliteStore) -> BTreeMap<u64, [usize; 3]> {
    let round = |name: &str| name.split('/').next().unwrap().parse::<u64>().unwrap();
    let mut rounds: BTreeMap<u64, [usize; 3]> = BTreeMap::new();
    for waiting in store.waiting_events(InboxSeq(0), usize::MAX).await.unwrap() {
        let event = store.event(waiting.seq).await.unwrap().unwrap();
        let hodhod_core::event::Event::Message(message) = &*event else { panic!("{event:?}") };
        let hodhod_core::event::Content::Text(text) = &message.content else { panic!("{message:?}") };
        rounds.entry(round(text)).or_default()[0] += 1;
    }
    for name in store.keys(&"bot".into(), &Bucket::Bot, None, usize::MAX).unwrap() {
        rounds.entry(round(&name)).or_default()[1] += 1;
    }
    for waiting in store.waiting_sends(hodhod_core::ids::OutboxSeq(0), usize::MAX).await.unwrap() {
        let send = store.send(waiting.seq).await.unwrap().unwrap();
        let hodhod_core::outgoing::Body::Text(text) = &send.message.body else { panic!("{send:?}") };
        rounds.entry(round(text)).or_default()[2] += 1;
    }
    rounds
}

pub(crate) async fn check(folder: &Path, heard: &Acknowledged) {
    let store = SqliteStore::open(folder, &Options::default()).unwrap();
    let rounds = stored(&store).await;
    for (round, has) in &rounds {
        let waiting = [EVENTS, 0, 0];
        let ended = [0, EVENTS, EVENTS * SENDS as usize];
        assert!(*has == waiting || *has == ended, "round {round} is there by half: {has:?}");
        assert!(*has == ended || !heard.committed.contains(round), "round {round} was committed");
    }
    for round in heard.appended.union(&heard.committed) {
        assert!(rounds.contains_key(round), "round {round} was acknowledged");
    }
    for round in &heard.failed {
        assert!(!rounds.contains_key(round), "round {round} failed");
    }
    let totals = store.totals().await.unwrap();
    let sum = |column: usize| rounds.values().map(|has| has[column] as u64).sum::<u64>();
    assert_eq!(totals.arrivals, (rounds.len() * EVENTS) as u64);
    assert_eq!((totals.waiting_events, totals.handled, totals.waiting_sends), (sum(0), sum(1), sum(2)));
    store.close().await;
}

#[tokio::test]
async fn a_host_killed_at_any_moment_loses_nothing_acknowledged_and_keeps_nothing_by_half() {
    let folder = TempDir::new().unwrap();
    let mut all = Acknowledged::default();
    for life in 0.. {
        // As many lives as a slow disk needs, and as long ones.
        if life >= 10 && all.committed.len() > 10 {
            break;
        }
        assert!(life < 200, "{} rounds", all.committed.len());
        let chance = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().subsec_nanos();
        let life_span = Duration::from_micros(u64::from(chance) % (60_000 * (1 + life / 10)));
        let first = life * 1_000_000;
        let heard = write(Command::new(env::current_exe().unwrap()), folder.path(), first, Some(life_span));
        all.appended.extend(heard.appended);
        all.committed.extend(heard.committed);
        check(folder.path(), &all).await;
    }
}

/// The limit on the size of files makes the write of a commit itself fail.
#[tokio::test]
async fn a_commit_that_the_disk_refuses_is_reported_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    SqliteStore::open(folder.path(), &Options::default()).unwrap().close().await;
    let mut shell = Command::new("sh");
    let limited = r#"trap "" XFSZ; ulimit -f 1000; exec "$0" "$@""#;
    shell.arg("-c").arg(limited).arg(env::current_exe().unwrap());
    let heard = write(shell, folder.path(), 0, None);
    assert_eq!(heard.failed.len(), PATIENCE as usize);
    assert!(heard.committed.len() > 3, "{} rounds", heard.committed.len());
    check(folder.path(), &heard).await;
}
