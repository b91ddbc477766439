//! A disk that is full, or nearly: intake stops while there is room for what was begun, and goes on by itself.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hodhod_platforms::playground::soroush::{FileKind, IncomingFile, SendFault};
use hodhod_tests::disk::{ENDLESS, ENOSPC, Fault, Operation};
use hodhod_tests::{BotSetup, PATIENCE, Running, Setup, TOKEN, eventually};

use super::{ALL_OF_IT, complaints, each_is_answered_once, echo, order, ready, say};

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
