//! Nothing is lost and nothing is answered twice, whenever the process dies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hodhod_platforms::playground::soroush::SendFault;
use hodhod_tests::{BotSetup, Setup, TOKEN};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const MESSAGES: usize = 2000;
const LAST: usize = MESSAGES - 1;
const CHATS: usize = 20;
const KILLS: usize = 50;

fn chat_of(message: usize) -> String {
    format!("person-{}", message % CHATS)
}

/// 2,000 messages with distinct bodies arrive while the process is killed 50 times at random
/// moments. An echo answers each, a counter counts them for the chat and for all.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing_and_answer_nothing_twice() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let setup = Setup::new([BotSetup::new("echo"), BotSetup::new("counter")]).await;

    let mut said = 0;
    for kill in 0..KILLS {
        let host = if chance.random_bool(0.15) { setup.start() } else { setup.start_ready().await };
        let until = LAST * (kill + 1) / KILLS;
        // Some bursts, some trickles, and death somewhere in between.
        while said < until {
            let burst = chance.random_range(1..=12).min(until - said);
            for _ in 0..burst {
                setup.say(&chat_of(said), &format!("message {said}"));
                said += 1;
            }
            host.live(Duration::from_micros(chance.random_range(0..4000))).await;
        }
        host.live(Duration::from_micros(chance.random_range(0..30_000))).await;
        host.kill().await;
    }
    let host = setup.start_ready().await;
    // A host is idle too before it has read what is on its way; once it answers the last message it has.
    let last = format!("message {LAST}");
    setup.say(&chat_of(LAST), &last);
    setup.sent_when("the last message is answered", |sent| sent.iter().any(|sent| sent.body() == last)).await;
    let status = host.idle().await;
    let totals = &status["totals"];
    let count = |name: &str| totals[name].as_u64().unwrap();
    let stored = count("arrivals");

    // Exactly once: each stored message has one echo, or one more where a kill left a send in doubt.
    let mut echoes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut counts = 0;
    for sent in setup.server.sent(TOKEN).unwrap() {
        if sent.body().starts_with("message ") {
            echoes.entry(sent.to().to_owned()).or_default().push(sent.body().to_owned());
        } else {
            counts += 1;
        }
    }
    let answers: usize = echoes.values().map(Vec::len).sum();
    let mut answered = BTreeSet::new();
    for (chat, bodies) in &echoes {
        // A send in doubt goes again before anything else of its chat that its bot has sent.
        let mut once = bodies.clone();
        once.dedup();
        let mut sorted = once.clone();
        sorted.sort_by_key(|body| body.rsplit(' ').next().unwrap().parse::<usize>().unwrap());
        sorted.dedup();
        assert_eq!(once, sorted, "order in {chat}, and nothing twice but what was in doubt");
        answered.extend(once);
    }
    assert_eq!(answered.len() as u64, stored, "every stored message is answered");
    let twice = answers + counts - 2 * answered.len();
    let in_doubt = count("in_doubt_resent");
    assert!(twice as u64 <= in_doubt, "{twice} more answers than messages, {in_doubt} sends in doubt");
    assert_eq!(count("handled"), 2 * stored);
    assert_eq!((count("dead"), count("failed"), count("duplicates")), (0, 0, 0));

    // The platform's own gap: written into a socket whose process died before it could store it.
    let gap: BTreeSet<u64> = setup.server.wire(TOKEN).unwrap().written_to_ended().collect();
    let missing: Vec<usize> = (0..MESSAGES).filter(|n| !answered.contains(&format!("message {n}"))).collect();
    for message in &missing {
        let wire = setup.server.wire(TOKEN).unwrap();
        assert!(
            gap.contains(&(*message as u64)),
            "message {message} is lost and was not in the gap; last on the wire: {:?}; {status}",
            &wire.connections[wire.connections.len().saturating_sub(3)..]
        );
    }
    println!("{stored} stored, {} lost by the platform, {twice} sent twice of {in_doubt} in doubt", missing.len());

    // The counter is exact, in each chat and for all.
    let mut all = 0;
    for chat in 0..CHATS {
        let chat = format!("person-{chat}");
        let before = setup.server.sent(TOKEN).unwrap().len();
        setup.say(&chat, "/show");
        let sent = setup.answers(before + 2).await.split_off(before);
        let shown = sent.iter().map(|(_, text)| text).find(|text| text.contains('·')).unwrap();
        let numbers: Vec<usize> = shown
            .split(|c: char| !c.is_ascii_digit())
            .filter(|digits| !digits.is_empty())
            .map(|digits| digits.parse().unwrap())
            .collect();
        let expected = echoes.get(&chat).map_or(0, |bodies| bodies.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(numbers, [expected, answered.len()], "{chat}: {shown}");
        all += expected;
    }
    assert_eq!(all, answered.len());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_whose_answer_never_came_goes_again_or_is_dropped_as_configured() {
    for (policy, times) in [("resend", 2), ("drop", 1)] {
        let setup = Setup::new([BotSetup::new("guests")]).await.connection(&format!("on_doubt = \"{policy}\""));
        let host = setup.start_ready().await;
        // The platform takes the message and never answers; then the process dies.
        setup.server.fail_sends(1, SendFault::Hang { accepted: true });
        setup.say("sara", "echo once");
        setup.answers(1).await;
        host.kill().await;
        let host = setup.start_ready().await;
        setup.say("sara", "echo after");
        setup.answers(times + 1).await;
        let mut expected = vec!["once"; times];
        expected.push("after");
        assert_eq!(setup.sent_to("sara"), expected);
        let status = host.idle().await;
        assert_eq!(status["totals"][format!("in_doubt_{}", if times == 2 { "resent" } else { "dropped" })], 1);
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_folder_is_refused() {
    let setup = Setup::new([BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    let second = setup.command("run").output().await.unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(text.contains("state") && !text.contains("panicked"), "{text}");
    host.stop().await;
}
