//! Order within a chat, fairness between chats.

use std::time::Duration;

use hodhod_tests::{BotSetup, Setup, TOKEN};

const FLOOD: usize = 2000;

/// One chat floods a bot that takes 20 ms of processor time for each message; another chat asks now
/// and then. How long it waits is counted in messages of the flood, which does not depend on the
/// machine; the time it takes is measured by `hodhod-bench fairness`.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_in_one_chat_does_not_hold_up_another() {
    let setup = Setup::new([BotSetup::new("guests").limits("cpu = \"1 s\", wall = \"20 s\"")]).await;
    let host = setup.start_ready().await;
    for _ in 0..FLOOD {
        setup.say("flood", "burn 20");
    }
    setup.answers(20).await;
    let early = host.memory();

    let mut waits = Vec::new();
    let mut probe = 0;
    loop {
        let before = setup.server.sent(TOKEN).unwrap().len();
        if before - probe >= FLOOD * 9 / 10 {
            break;
        }
        let question = format!("echo probe {probe};");
        setup.say("quiet", &question);
        let answer = setup
            .server
            .wait_for_sent_where(TOKEN, hodhod_tests::PATIENCE, |sent| {
                sent.to() == "quiet" && question.ends_with(sent.body())
            })
            .await
            .unwrap();
        let place = usize::try_from(answer.index).unwrap();
        waits.push(place.saturating_sub(before));
        probe += 1;
        // The next question comes at another moment of the flood's work.
        host.live(Duration::from_millis(50 + (probe as u64 * 7) % 40)).await;
    }
    waits.sort_unstable();
    let p99 = waits[waits.len() * 99 / 100];
    println!("{} probes; answers of the flood in between: median {}, p99 {p99}", waits.len(), waits[waits.len() / 2]);
    assert!(waits.len() >= 50, "only {} probes", waits.len());
    assert!(p99 <= 2, "a question waited for {p99} messages of the flood: {waits:?}");

    host.idle().await;
    let grown = host.memory().saturating_sub(early);
    assert!(grown < 24 << 20, "memory grew by {grown} bytes over the flood");
    let sent = setup.server.sent(TOKEN).unwrap();
    let quiet: Vec<_> = sent.iter().filter(|sent| sent.to() == "quiet").map(|sent| sent.body().to_owned()).collect();
    let expected: Vec<_> = (0..probe).map(|probe| format!("probe {probe};")).collect();
    assert_eq!(quiet, expected, "order in the quiet chat");
    assert_eq!(sent.iter().filter(|sent| sent.to() == "flood").count(), FLOOD);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_is_answered_in_the_order_in_which_it_was_written() {
    let setup = Setup::new([BotSetup::new("guests")]).await;
    let host = setup.start_ready().await;
    let chats = 30;
    for message in 0..40 {
        for chat in 0..chats {
            // Some take longer than others, so that nothing but the lanes keeps them in order.
            let text = if (message + chat) % 3 == 0 {
                format!("sleep {}", (message * 7 + chat) % 15)
            } else {
                format!("echo {message}")
            };
            setup.say(&format!("chat-{chat}"), &text);
        }
    }
    setup.answers(40 * chats).await;
    host.idle().await;
    for chat in 0..chats {
        let answers = setup.sent_to(&format!("chat-{chat}"));
        let expected: Vec<_> = (0..40)
            .map(|message| if (message + chat) % 3 == 0 { "slept".to_owned() } else { message.to_string() })
            .collect();
        assert_eq!(answers, expected, "chat-{chat}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_spins_in_many_chats_lets_other_bots_answer() {
    let spinning = BotSetup::new("guests")
        .called("spinning")
        .limits("cpu = \"2 s\", wall = \"30 s\", attempts = 2, backoff = \"10 ms\"");
    let setup = Setup::new([spinning, BotSetup::new("echo")]).await;
    let host = setup.start_ready().await;
    for chat in 0..40 {
        setup.say(&format!("chat-{chat}"), "spin");
    }
    host.status_when("many turns spin", |status| status["turns_under_way"].as_u64() >= Some(30)).await;
    // The echo answers its forty and these two hundred while the others spin.
    for message in 0..200 {
        setup.say("sara", &format!("m{message}"));
    }
    let answers = setup.answers(240).await;
    let status = host.status().await;
    let spinning = status["bots"].as_array().unwrap().iter().find(|bot| bot["name"] == "spinning").unwrap();
    assert!(spinning["waiting"].as_u64().unwrap() > 0 || status["turns_under_way"].as_u64().unwrap() > 0);
    assert_eq!(answers.iter().filter(|(_, text)| text == "spin").count(), 40, "the echo's answers");
    host.kill().await;
}
