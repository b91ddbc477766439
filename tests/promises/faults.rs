//! Whatever the disk does, what was acknowledged is not lost and nothing is answered twice. The real program
//! on a disk that fails to order; see `tests/kit/disk.c`.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{FileKind, IncomingFile, SendFault};
use hodhod_tests::disk::{Disk, EIO, ENDLESS, ENOSPC, Fault, Operation, Order};
use hodhod_tests::{BotSetup, PATIENCE, Running, Setup, TOKEN, eventually};
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

async fn not_ready_for(host: &Running, words: &str) -> String {
    eventually("the host says that it is not ready", async || match host.answer("/readyz").await {
        Some((503, why)) if why.contains(words) => Ok(why),
        other => Err(other),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_intake_says_so_and_goes_on_by_itself() {
    let (setup, disk) = echo().await;
    let host = ready(&setup, &disk).await;
    say(&setup, 0..40);
    // Nothing may grow any more, in the middle of all that.
    disk.set_quota(1);
    say(&setup, 40..200);
    let why = not_ready_for(&host, "the disk is full").await;
    assert!(why.contains("state") && why.contains("goes on by itself when there is room"), "{why}");
    let status = setup.command("status").output().await.unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    let told: Vec<_> = status.lines().filter(|line| line.starts_with("intake: ")).collect();
    assert_eq!(told.len(), 1, "{status}");
    assert!(told[0].contains("the disk is full") && told[0].contains("it has stopped since"), "{status}");
    assert!(host.page("/metrics").await.contains("hodhod_intake_stopped 1"));

    // Long enough for every part to be refused several times.
    host.live(Duration::from_secs(3)).await;
    let (answered, arrived) =
        (setup.server.sent(TOKEN).unwrap().len(), host.status().await["totals"]["arrivals"].clone());
    say(&setup, 200..220);
    host.live(Duration::from_millis(500)).await;
    assert_eq!(setup.server.sent(TOKEN).unwrap().len(), answered);
    assert_eq!(host.status().await["totals"]["arrivals"], arrived);
    assert!(complaints(&setup).len() <= 6, "{:#?}", complaints(&setup));

    disk.heal();
    let room = Instant::now();
    eventually("the host goes on", async || match host.answer("/readyz").await {
        Some((200, _)) => Ok(()),
        other => Err(other),
    })
    .await;
    assert!(room.elapsed() < Duration::from_secs(5), "{:?}", room.elapsed());
    each_is_answered_once(&setup, 220).await;
    let totals = host.idle().await["totals"].clone();
    assert_eq!((&totals["handled"], &totals["in_doubt_resent"], &totals["dead"]), (&220.into(), &0.into(), &0.into()));
    assert!(setup.log().contains("the disk takes writes again"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_starts_on_a_full_disk_waits_for_room() {
    let (setup, disk) = echo().await;
    let host = ready(&setup, &disk).await;
    // What is in doubt has to be recorded before anything begins.
    setup.server.fail_sends(1, SendFault::Hang { accepted: false });
    say(&setup, 0..1);
    host.status_when("it is being sent", |status| status["connections"][0]["sending"] == 1).await;
    host.kill().await;
    // The first write needs no room: it is that of the log, in its own place.
    disk.order(order(Operation::Write, "hodhod.db-wal", 1, ENDLESS, Fault::Fail(ENOSPC)));
    let mut host = setup.start_on(&disk);
    setup.logged("ends of sends cannot be recorded").await;
    assert!(host.is_alive());
    say(&setup, 1..10);
    disk.heal();
    host.ready(setup.folder.path()).await;
    each_is_answered_once(&setup, 10).await;
    host.stop().await;
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
        ("hodhod.db-wal", 101, Fault::Tear),
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
        assert!(numbers.is_sorted_by(|one, next| one < next), "{}: {numbers:?}", chat(first));
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

#[tokio::test(flavor = "multi_thread")]
async fn files_and_compiled_code_that_find_no_room_are_errors_and_no_crash() {
    let setup = Setup::new([BotSetup::new("guests")]).await.host(ALL_OF_IT);
    let disk = setup.disk();
    for part in ["/cache/", "/spool/"] {
        disk.order(order(Operation::Write, part, 0, ENDLESS, Fault::Fail(ENOSPC)));
    }
    let host = ready(&setup, &disk).await;
    assert!(setup.log().contains("compiled code cannot be kept"));
    let bytes = Bytes::from(vec![7; 100_000]);
    let file =
        IncomingFile { name: "a.bin".into(), bytes, caption: Some("reupload 1000".into()), kind: FileKind::Attachment };
    setup.server.send_file(TOKEN, "sara", file).unwrap();
    setup.say("sara", "upload 1000");
    setup.say("sara", "echo well");
    let answers: Vec<_> = setup.answers(3).await.into_iter().map(|(_, text)| text).collect();
    let refusal = "unavailable: the host cannot keep the file";
    assert_eq!(answers, [refusal, refusal, "well"]);
    disk.heal();
    setup.say("sara", "upload 1000");
    setup.answers(4).await;
    assert_eq!(host.idle().await["totals"]["dead"], 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_log_finds_no_room_goes_on() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let mut host = setup.start_logging_to(File::options().write(true).open("/dev/full").unwrap());
    host.ready(setup.folder.path()).await;
    say(&setup, 0..20);
    each_is_answered_once(&setup, 20).await;
    host.stop().await;
}

/// Bytes that are free on a file system.
fn free(folder: &Path) -> u64 {
    let answer = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(folder).output().unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    numbers[0] * numbers[1]
}

/// On a file system in memory, where nobody else takes room or gives it back.
#[tokio::test(flavor = "multi_thread")]
async fn intake_stops_while_there_is_room_for_what_was_begun() {
    const MIB: u64 = 1 << 20;
    let small = tempfile::tempdir_in("/dev/shm").unwrap();
    let keep = free(small.path()).checked_sub(16 * MIB).expect("/dev/shm has 16 MiB");
    let setup = Setup::new([BotSetup::new("guests").limits("wall = \"30 s\"")]).await;
    let setup = setup.host(&format!("keep_free = \"{keep} B\""));
    std::os::unix::fs::symlink(small.path(), setup.state()).unwrap();
    let host = setup.start_ready().await;
    setup.say("slow", "sleep 2000");
    host.status_when("a turn runs", |status| status["turns_under_way"] == 1).await;
    let filler = small.path().join("filler");
    std::fs::write(&filler, vec![1; usize::try_from(24 * MIB).unwrap()]).unwrap();
    let why = not_ready_for(&host, "the disk is nearly full").await;
    assert!(why.contains("keep_free is"), "{why}");
    setup.say("late", "echo later");
    assert_eq!(setup.answers(1).await, [("slow".to_owned(), "slept".to_owned())], "what was begun ends");
    setup.logged("the store refuses events; they are kept and reading waits").await;
    let status = host.status().await;
    assert_eq!((&status["intake"]["trouble"]["kind"], &status["totals"]["arrivals"]), (&"low".into(), &1.into()));
    std::fs::remove_file(filler).unwrap();
    let room = Instant::now();
    assert_eq!(setup.answers(2).await[1], ("late".to_owned(), "later".to_owned()));
    assert!(room.elapsed() < Duration::from_secs(5).min(PATIENCE), "{:?}", room.elapsed());
    host.stop().await;
}
