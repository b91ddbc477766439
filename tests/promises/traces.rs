//! One trace follows an event from its arrival to the delivery of what its turn sent, to a receiver that
//! speaks OpenTelemetry's protocol, and holds nobody up.

mod receiver;

use std::collections::BTreeSet;
use std::time::Duration;

use hodhod_platforms::playground::soroush::SendFault;
use hodhod_tests::{BotSetup, Setup, TOKEN};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;

use self::receiver::{Manner, Receiver, attributes, hex, names};

/// The one span of a name.
fn one<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", names(spans));
    found[0]
}

fn has(spans: &[Span], name: &str) -> bool {
    spans.iter().any(|span| span.name == name)
}

/// The lines of the log.
fn lines(setup: &Setup) -> Vec<Value> {
    setup.log().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_trace_from_its_arrival_to_the_delivery_of_its_answer() {
    const WORDS: &str = "SECRET-words-of-a-person یک راز";
    let receiver = Receiver::start(Manner::Take).await;
    let secret = "headers = { authorization = { file = \"otlp-token\" } }";
    let setup = Setup::new([BotSetup::new("echo")]).await.host(&format!("{}\n{secret}", receiver.lines()));
    std::fs::write(setup.folder.path().join("otlp-token"), "Bearer OTLP-SECRET\n").unwrap();
    let host = setup.start_ready().await;
    setup.say("chat-of-a-person", WORDS);
    setup.answers(1).await;
    let spans = receiver.spans_when("all of it is exported", |spans| spans.len() == 6).await;
    let status = host.status_when("they are counted", |status| status["traces"]["exported"] == 6).await;
    assert_eq!(status["traces"]["dropped"], 0);
    assert!(host.page("/metrics").await.contains("hodhod_spans_total{outcome=\"exported\"} 6"));
    host.stop().await;

    // One trace, and each span where it belongs.
    let order = ["arrival", "wait", "turn", "commit", "outbox wait", "send"];
    assert_eq!(names(&spans).into_iter().collect::<BTreeSet<_>>(), order.map(str::to_owned).into());
    let steps = order.map(|name| one(&spans, name));
    let traces: BTreeSet<_> = steps.iter().map(|span| &span.trace_id).collect();
    assert_eq!((traces.len(), steps[0].trace_id.len()), (1, 16));
    let (arrival, commit) = (&steps[0].span_id, &steps[3].span_id);
    let parents = steps.map(|span| span.parent_span_id.clone());
    let (root, arrival, commit) = (Vec::new(), arrival.clone(), commit.clone());
    assert_eq!(parents, [root, arrival.clone(), arrival.clone(), arrival, commit.clone(), commit]);
    assert_eq!(steps.iter().map(|span| &span.span_id).collect::<BTreeSet<_>>().len(), 6);

    // Each begins when the one before has ended, and not in another year.
    for pair in steps.windows(2) {
        assert!(pair[0].end_time_unix_nano <= pair[1].start_time_unix_nano, "{pair:?}");
    }
    assert!(steps.iter().all(|span| span.start_time_unix_nano <= span.end_time_unix_nano));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    let age = now.saturating_sub(Duration::from_nanos(steps[0].start_time_unix_nano));
    assert!(age < Duration::from_secs(600), "{age:?}");

    // What they say.
    let said = steps.map(attributes);
    assert_eq!(
        (&*said[0]["hodhod.bot"], &*said[0]["hodhod.event"], &*said[0]["hodhod.connection"]),
        ("echo", "message", "shop")
    );
    assert_eq!(
        (&*said[2]["hodhod.bot"], &*said[2]["hodhod.generation"], &*said[2]["hodhod.turn.end"]),
        ("echo", "1", "done")
    );
    assert!(said[2]["hodhod.turn.cpu_ns"].parse::<u64>().unwrap() > 0, "{:?}", said[2]);
    assert!(said[2]["hodhod.turn.memory_bytes"].parse::<u64>().unwrap() >= 1 << 16, "{:?}", said[2]);
    assert_eq!((&*said[3]["hodhod.commit.mark"], &*said[3]["hodhod.commit.sends"]), ("done", "1"));
    assert_eq!((&*said[5]["hodhod.connection"], &*said[5]["hodhod.send.outcome"]), ("shop", "delivered"));

    // Nothing of a person, and no credential, leaves the host this way; what was configured does.
    for (headers, body) in receiver.requests() {
        assert_eq!(headers["authorization"], "Bearer OTLP-SECRET");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let sent = String::from_utf8_lossy(&body);
        for never in [WORDS, "SECRET", "راز", "chat-of-a-person", TOKEN] {
            assert!(!sent.contains(never), "{never} was exported");
        }
        assert!(sent.contains("service.name") && sent.contains("hodhod"));
    }
    assert!(!setup.log().contains("OTLP-SECRET"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_after_a_crash_keeps_its_trace() {
    let receiver = Receiver::start(Manner::Take).await;
    let setup = Setup::new([BotSetup::new("echo")]).await.host(&receiver.lines());
    let host = setup.start_ready().await;
    setup.server.fail_sends(1, SendFault::Hang { accepted: false });
    setup.say("a", "hello");
    let before = receiver.spans_when("the commit is exported", |spans| has(spans, "commit")).await;
    host.kill().await;
    assert!(!has(&before, "send"));

    setup.server.clear_faults();
    let host = setup.start_ready().await;
    setup.answers(1).await;
    let spans = receiver.spans_when("the send is exported", |spans| has(spans, "send")).await;
    host.stop().await;
    let (commit, send) = (one(&spans, "commit"), one(&spans, "send"));
    assert_eq!(hex(&send.trace_id), hex(&commit.trace_id));
    assert_eq!(send.parent_span_id, commit.span_id);
    assert_eq!(send.trace_id, one(&spans, "arrival").trace_id);
    assert_eq!(attributes(send)["hodhod.attempt"], "2", "the first was cut off");
    // The log of either run names it too.
    let doubt =
        lines(&setup).into_iter().find(|line| line["message"].to_string().contains("in doubt when the host stopped"));
    assert_eq!(doubt.unwrap()["trace_id"], hex(&send.trace_id));
}

/// A host whose receiver has such a manner, or is gone, answers as without one and stops in time.
async fn nobody_waits(manner: Option<Manner>) {
    const MESSAGES: usize = 300;
    let receiver = Receiver::start(manner.unwrap_or(Manner::Take)).await;
    let setup = Setup::new([BotSetup::new("echo")]).await.host(&receiver.lines());
    let _there = manner.is_some().then_some(receiver);
    let host = setup.start_ready().await;
    for message in 0..MESSAGES {
        setup.say(&format!("chat-{}", message % 30), &format!("message {message}"));
    }
    setup.answers(MESSAGES).await;
    host.idle().await;
    // A batch that was refused is tried a few times, one without an answer for seconds.
    let is_dropped = |status: &Value| status["traces"]["dropped"].as_u64() > Some(0);
    let status = host.status_when("what is not taken is counted", is_dropped).await;
    assert_eq!(status["traces"]["exported"], 0, "{manner:?}");
    setup.logged("traces cannot be exported").await;
    host.stop().await;
    assert!(!setup.log().contains("the grace is over"), "{manner:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_or_refuses_or_is_gone_holds_nobody_up() {
    tokio::join!(nobody_waits(Some(Manner::Hang)), nobody_waits(Some(Manner::Refuse)), nobody_waits(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_about_an_event_names_its_trace_and_its_bot() {
    let receiver = Receiver::start(Manner::Take).await;
    let lines_of_host = format!("log = \"json\"\n{}", receiver.lines());
    let setup = Setup::new([BotSetup::new("guests").limits("attempts = 1")]).await.host(&lines_of_host);
    let host = setup.start_ready().await;
    setup.say("a", "log warn نوشته");
    setup.logged("نوشته").await;
    setup.say("a", "trap");
    setup.logged("dead letter").await;
    let ended =
        |spans: &[Span]| ["turn", "commit"].map(|name| spans.iter().filter(|span| span.name == name).count()) == [2; 2];
    let spans = receiver.spans_when("both are exported", ended).await;
    host.stop().await;

    let turns: Vec<_> = spans.iter().filter(|span| span.name == "turn").collect();
    let trace_of = |end: &str| {
        let turn = turns.iter().find(|turn| attributes(turn)["hodhod.turn.end"] == end).unwrap();
        hex(&turn.trace_id)
    };
    let lines = lines(&setup);
    let line = |words: &str| lines.iter().find(|line| line["message"].to_string().contains(words)).unwrap();
    for (words, end) in [("نوشته", "done"), ("turn failed", "failed"), ("dead letter", "failed")] {
        assert_eq!(
            (&line(words)["trace_id"], &line(words)["bot"]),
            (&trace_of(end).into(), &"guests".into()),
            "{words}"
        );
    }
    let failed = turns.iter().find(|turn| attributes(turn)["hodhod.turn.end"] == "failed").unwrap();
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(2), "an error");
    for line in &lines {
        assert!(line["seq"].is_null() || line["trace_id"].is_string(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_nothing_exports_nothing() {
    let receiver = Receiver::start(Manner::Take).await;
    let setup = Setup::new([BotSetup::new("echo")]).await.host(&format!("{}\nsample = 0.0", receiver.lines()));
    let host = setup.start_ready().await;
    setup.say("a", "hello");
    setup.answers(1).await;
    host.idle().await;
    host.stop().await;
    assert!(receiver.requests().is_empty());
}
