//! Whatever the disk does, what was acknowledged is not lost and nothing is answered twice. The real program
//! on a disk that fails to order; see `tests/kit/disk.c`.

mod room;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hodhod_tests::disk::{Disk, EIO, ENDLESS, ENOSPC, Fault, Operation, Order};
use hodhod_tests::{BotSetup, Running, Setup, TOKEN, eventually};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHATS: usize = 10;

/// So that it is the disk that says when it is full, and not what else lies on the machine's own.
const ALL_OF_IT: &str = "keep_free = \"0 B\"";

async fn echo() -> (Setup, Disk) {
    let setup = Setup::new([BotSetup::new("echo")]).await.host(ALL_OF_IT);
    let disk = setup.disk();
    (setup, disk)
}

async fn ready(setup: &Setup, disk: &Disk) -> Running {
    let mut host = setup.start_on(disk);
    host.ready(setup.folder.path()).await;
    host
}

fn order(operation: Operation, file: &'static str, skip: u64, times: u64, fault: Fault) -> Order {
    Order { operation, file, skip, times, fault }
}

fn chat(message: usize) -> String {
    format!("person-{}", message % CHATS)
}

fn say(setup: &Setup, messages: std::ops::Range<usize>) {
    for message in messages {
        setup.say(&chat(message), &format!("message {message}"));
    }
}

/// Every message so far is answered once, in order within its chat.
async fn each_is_answered_once(setup: &Setup, said: usize) {
    setup.answers(said).await;
    for first in 0..CHATS {
        let expected: Vec<_> = (first..said).step_by(CHATS).map(|message| format!("message {message}")).collect();
        assert_eq!(setup.sent_to(&chat(first)), expected);
    }
}

/// Lines of the log that ask for somebody's attention.
fn complaints(setup: &Setup) -> Vec<String> {
    let complains = |line: &&str| line.contains("\"level\":\"ERROR\"") || line.contains("\"level\":\"WARN\"");
    setup.log().lines().filter(complains).map(str::to_owned).collect()
}

/// Errors of each kind, in bursts, while messages come.
#[tokio::test(flavor = "multi_thread")]
async fn writes_and_syncs_that_fail_lose_nothing_and_answer_nothing_twice() {
    let (setup, disk) = echo().await;
    let host = ready(&setup, &disk).await;
    let mut said = 0;
    for (operation, error) in [(Operation::Write, EIO), (Operation::Sync, EIO), (Operation::Write, ENOSPC)] {
        for skip in [0, 1, 2, 5, 11] {
            disk.order(order(operation, "hodhod.db", skip, 2, Fault::Fail(error)));
            say(&setup, said..said + 10);
            said += 10;
            each_is_answered_once(&setup, said).await;
            disk.heal();
        }
    }
    let totals = host.idle().await["totals"].clone();
    assert_eq!((&totals["handled"], &totals["in_doubt_resent"]), (&said.into(), &0.into()));
    assert!(disk.done() >= 20, "{} faults", disk.done());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_disk_keeps_every_promise() {
    let (setup, disk) = echo().await;
    disk.track();
    disk.order(order(Operation::Sync, "hodhod.db", 0, ENDLESS, Fault::Delay(200_000)));
    let host = ready(&setup, &disk).await;
    say(&setup, 0..30);
    setup.answers(5).await;
    host.kill().await;
    disk.cut_power(|| false);
    let host = ready(&setup, &disk).await;
    say(&setup, 30..60);
    println!("{}", account(&setup, &host, 60).await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_page_and_a_crash_leave_nothing_by_half() {
    let (setup, disk) = echo().await;
    disk.track();
    let mut said = 0;
    for (file, skip, fault) in [
        ("hodhod.db-wal", 1, Fault::Tear),
        ("hodhod.db-wal", 30, Fault::Tear),
        ("hodhod.db-wal", 71, Fault::Tear),
        ("hodhod.db-wal", 57, Fault::Kill),
        // At the orderly stop, where the log is written back into the database.
        ("state/hodhod.db", 0, Fault::Tear),
        ("state/hodhod.db", 3, Fault::Tear),
    ] {
        let host = ready(&setup, &disk).await;
        say(&setup, said..said + 20);
        said += 20;
        if file == "hodhod.db-wal" {
            disk.order(order(Operation::Write, file, skip, 1, fault));
            say(&setup, said..said + 20);
            said += 20;
        } else {
            host.idle().await;
            disk.order(order(Operation::Write, file, skip, 1, fault));
            host.terminate();
        }
        let status = host.ended().await;
        assert!(!status.success(), "{file} {skip}: {status}");
        disk.heal();
        disk.cut_power(|| said % 3 == 0);
    }
    let host = ready(&setup, &disk).await;
    println!("{}", account(&setup, &host, said).await);
    host.stop().await;
}

/// The log is written back and emptied where there is no room for more, and nothing says so to the disk yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_emptied_to_make_room_comes_back_whole_or_not_at_all() {
    let (setup, disk) = echo().await;
    disk.track();
    let log = setup.state().join("hodhod.db-wal");
    let mut said = 0;
    for stays in [[true, false], [false, true], [true, true], [false, false]] {
        let host = ready(&setup, &disk).await;
        say(&setup, said..said + 40);
        said += 40;
        let last = format!("message {}", said - 1);
        setup.sent_when("the last is answered", |sent| sent.iter().any(|sent| sent.body() == last)).await;
        host.idle().await;
        disk.order(order(Operation::Write, "hodhod.db-wal", 0, ENDLESS, Fault::Fail(ENOSPC)));
        say(&setup, said..said + 1);
        said += 1;
        eventually("the log is empty", async || match log.metadata().map(|about| about.len()) {
            Ok(0) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        host.kill().await;
        disk.heal();
        let mut answers = stays.into_iter().cycle();
        disk.cut_power(|| answers.next().unwrap());
    }
    let host = ready(&setup, &disk).await;
    println!("{}", account(&setup, &host, said).await);
    host.stop().await;
}

/// Every message is answered, in order within its chat: once, or twice where a send was in doubt. Only those
/// may be missing that the platform wrote to a process that was gone before it had stored them. Gives the account.
async fn account(setup: &Setup, host: &Running, said: usize) -> String {
    let last = "the last message";
    setup.say("nobody-else", last);
    setup.sent_when("the last message is answered", |sent| sent.iter().any(|sent| sent.body() == last)).await;
    let totals = host.idle().await["totals"].clone();
    let number = |name: &str| totals[name].as_u64().unwrap();
    let (mut answers, mut answered) = (0, BTreeSet::new());
    for first in 0..CHATS {
        let bodies = setup.sent_to(&chat(first));
        let mut numbers: Vec<usize> =
            bodies.iter().map(|body| body.strip_prefix("message ").unwrap().parse().unwrap()).collect();
        answers += numbers.len();
        numbers.dedup();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{}: {numbers:?}\n{}", chat(first), setup.log());
        answered.extend(numbers);
    }
    let log = || setup.log();
    let gap: BTreeSet<u64> = setup.server.wire(TOKEN).unwrap().written_to_ended().collect();
    let missing: Vec<_> = (0..said).filter(|message| !answered.contains(message)).collect();
    assert!(missing.iter().all(|message| gap.contains(&(*message as u64))), "lost: {missing:?} of {said}\n{}", log());
    let (twice, in_doubt) = (answers - answered.len(), number("in_doubt_resent"));
    assert!(twice as u64 <= in_doubt, "{twice} answered twice, {in_doubt} in doubt\n{}", log());
    assert_eq!(number("handled"), answered.len() as u64 + 1);
    assert_eq!((number("dead"), number("failed")), (0, 0));
    // Every page of the database is read.
    let (code, said) = setup.run(&["backup", "whole.db"]).await;
    assert_eq!(code, 0, "{said}\n{}", log());
    let (answered, missing) = (answered.len(), missing.len());
    format!(
        "{said} said, {answered} answered, {missing} lost by the platform, {twice} twice of {in_doubt} in doubt, lost 0"
    )
}

fn a_fault(chance: &mut StdRng) -> Order {
    let file = ["hodhod.db-wal", "hodhod.db", "hodhod.db-shm", ""][chance.random_range(0..4)];
    let (skip, times) = (chance.random_range(0..60), chance.random_range(1..6));
    match chance.random_range(0..9) {
        0 | 1 => order(Operation::Write, file, skip, times, Fault::Fail(ENOSPC)),
        2 => order(Operation::Write, file, skip, times, Fault::Fail(EIO)),
        3 | 4 => order(Operation::Sync, file, skip, times, Fault::Fail(EIO)),
        5 => order(Operation::Write, "hodhod.db", 4 * skip, 1, Fault::Tear),
        6 => order(Operation::Write, "hodhod.db", 4 * skip, 1, Fault::Kill),
        7 => order(Operation::Sync, "hodhod.db", skip, 1, Fault::Kill),
        _ => order(Operation::Sync, file, skip, 20, Fault::Delay(20_000)),
    }
}

/// Many lives, each with faults of its own and an end of its own: killed, stopped in order, with or without a
/// loss of power that takes some of what was not synced.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_disk_does_nothing_is_lost_and_nothing_is_answered_twice() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let (setup, disk) = echo().await;
    disk.track();
    let mut said = 0;
    for _life in 0..16 {
        if chance.random_bool(0.2) {
            disk.order(a_fault(&mut chance));
        }
        let mut host = setup.start_on(&disk);
        let began = Instant::now();
        // It may not get there: it may end, or wait for the disk.
        while began.elapsed() < Duration::from_secs(3) && host.is_alive() {
            if host.answer("/readyz").await.is_some_and(|(code, _)| code == 200) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for _burst in 0..8 {
            if chance.random_bool(0.5) {
                disk.order(a_fault(&mut chance));
            }
            let count = chance.random_range(1..=20);
            say(&setup, said..said + count);
            said += count;
            host.live(Duration::from_millis(chance.random_range(0..60))).await;
            if chance.random_bool(0.3) {
                disk.heal();
            }
        }
        if chance.random_bool(0.3) {
            disk.heal();
        }
        if host.is_alive() && chance.random_bool(0.3) {
            host.terminate();
            let _status = host.ended().await;
        } else {
            host.kill().await;
        }
        disk.heal();
        if chance.random_bool(0.6) {
            disk.cut_power(|| chance.random_bool(0.5));
        }
    }
    let host = ready(&setup, &disk).await;
    println!("{}", account(&setup, &host, said).await);
    assert!(disk.done() > 2, "{} faults", disk.done());
    host.stop().await;
}
