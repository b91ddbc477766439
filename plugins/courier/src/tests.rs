//! What the courier promises.

use hodhod_plugin::divar::{COMPLETION, Post};
use hodhod_plugin::log::Level;
use hodhod_plugin::testing::{TestHost, Turn};
use hodhod_plugin::{
    Answer, Chat, Content, Delivery, Error, Event, Extra, Failure, Keyboard, Opening, Outcome, Outgoing, Press,
};

use super::Courier;

const PRICES: &str = "tehran = 90000 تهران; tehran/nazi-abad = 75000 نازی‌آباد";

/// A person called `u1` in a conversation about an ad.
fn divar() -> TestHost<Courier> {
    let ad = Post {
        city: Some("tehran".into()),
        district: Some("nazi-abad".into()),
        title: Some("دوچرخه".into()),
        ..Post::new("wZC44q5D")
    };
    let mut host = TestHost::new().config("prices", PRICES).config("elsewhere", "180000").post(ad);
    host.platform = "divar".into();
    host.private = false;
    host.chat.id = "post:c1".into();
    host.sender.id = Some("u1".into());
    host.annotations = vec![("divar.post-token".into(), "wZC44q5D".into()), ("divar.conversation".into(), "c1".into())];
    host
}

fn open(host: &mut TestHost<Courier>, data: &str) -> Turn {
    host.content(Content::Opening(Opening { source: "chat".into(), data: data.into() }))
}

/// The person consents to what the turn asked for; nothing else is said of this event.
fn grant(host: &mut TestHost<Courier>, asked: &Turn, user: &str) -> Turn {
    let asked = &asked.asked[0];
    let json = serde_json::json!({ "user": user, "scopes": asked.scopes, "data": asked.data }).to_string();
    let (annotations, sender) = (std::mem::take(&mut host.annotations), host.sender.clone());
    host.sender.id = Some(user.into());
    let turn = host.content(Content::Other(Extra { name: "divar.granted".into(), json }));
    (host.annotations, host.sender) = (annotations, sender);
    turn
}

/// Opens, consents, and has the quote sent.
fn quoted(host: &mut TestHost<Courier>) -> Outgoing {
    let asked = open(host, "{}");
    grant(host, &asked, "u1");
    sent(&host.ring("quote").unwrap())
}

fn sent(turn: &Turn) -> Outgoing {
    assert_eq!(turn.result, Ok(()));
    match &turn.sent[..] {
        [(_, message)] => message.clone(),
        other => panic!("{other:?}"),
    }
}

fn annotation<'m>(message: &'m Outgoing, name: &str) -> &'m str {
    message.annotations.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str()).unwrap()
}

/// What the button does that the person in whose name a message goes out sees first.
fn accept(message: &Outgoing) -> String {
    let Some(Keyboard::Show(rows)) = &message.keyboard else { panic!("no keyboard") };
    match &rows[0][0].press {
        Press::Event(data) => data.clone(),
        other => panic!("{other:?}"),
    }
}

/// The same for the other side.
fn other_accept(message: &Outgoing) -> String {
    let rows: serde_json::Value = serde_json::from_str(annotation(message, "divar.receiver-buttons")).unwrap();
    rows[0][0]["press"]["event"].as_str().unwrap().to_owned()
}

fn press(host: &mut TestHost<Courier>, data: &str) -> (String, Vec<String>) {
    let turn = host.content(Content::Button(data.into()));
    let texts = turn.texts().into_iter().map(ToOwned::to_owned).collect();
    match &turn.answers[..] {
        [Answer::Notice(text)] => (text.clone(), texts),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_opening_leads_to_the_consent_for_this_conversation_alone() {
    let turn = open(&mut divar(), "{}");
    assert_eq!(turn.asked[0].scopes, ["CONVERSATION_SEND_MESSAGE.c1", "USER_ID", "offline_access"]);
    assert_eq!(turn.asked[0].connection, "test");
    assert_eq!(turn.answers, [Answer::Url(turn.asked[0].address.clone())]);
    assert_eq!(turn.sent, [], "nothing is written before that");
}

#[test]
fn with_the_consent_the_quote_comes_in_the_persons_name() {
    let message = quoted(&mut divar());
    let text = "هزینهٔ ارسال «دوچرخه» از تهران، نازی‌آباد با پیک:\nدرون شهر: ۷۵٬۰۰۰ تومان\nبه شهرهای دیگر: ۱۸۰٬۰۰۰ تومان";
    assert_eq!(message.body, hodhod_plugin::Body::Text(text.into()));
    assert_eq!(annotation(&message, "divar.user"), "u1");
    let Some(Keyboard::Show(rows)) = &message.keyboard else { panic!("no keyboard") };
    let labels: Vec<_> = rows.iter().flatten().map(|button| button.label.as_str()).collect();
    assert_eq!(labels, ["می‌پذیرم", "محاسبهٔ دوباره"]);
    assert_ne!(accept(&message), other_accept(&message), "each side has a button of its own");
}

#[test]
fn whoever_has_consented_comes_straight_back_and_the_quote_follows() {
    let mut host = divar();
    quoted(&mut host);
    let turn = open(&mut host, "{}");
    assert_eq!((turn.asked.len(), turn.answers), (0, vec![Answer::Url(COMPLETION.into())]));
    assert_eq!(host.timers().len(), 1);

    host.annotations.push(("divar.completion-url".into(), "https://x.divar.ir/back".into()));
    let turn = open(&mut host, "{}");
    assert_eq!(turn.answers, [Answer::Url("https://x.divar.ir/back".into())]);
}

#[test]
fn the_same_quote_is_not_sent_twice_to_somebody_in_a_hurry() {
    let mut host = divar();
    quoted(&mut host);
    open(&mut host, "{}");
    open(&mut host, "{}");
    assert_eq!(host.timers().len(), 1, "one timer stands for both");
    assert_eq!(host.ring("quote").unwrap().sent, []);
}

#[test]
fn a_consent_is_of_one_person_for_one_conversation() {
    let mut host = divar();
    quoted(&mut host);
    host.sender.id = Some("u2".into());
    assert_eq!(open(&mut host, "{}").asked.len(), 1, "nobody writes in another's name");
    host.sender.id = None;
    assert_eq!(open(&mut host, "{}").asked.len(), 1, "and not in that of nobody knows whom");
    host.sender.id = Some("u1".into());
    host.chat.id = "post:c2".into();
    assert_eq!(open(&mut host, "{}").asked.len(), 1, "another conversation");
}

#[test]
fn a_consent_that_was_taken_back_is_asked_for_again() {
    let mut host = divar();
    quoted(&mut host);
    host.event(&Event::Other(Extra { name: "divar.revoked".into(), json: r#"{"user":"u1"}"#.into() }));
    assert_eq!(open(&mut host, "{}").asked.len(), 1);
}

#[test]
fn a_quote_that_never_arrives_puts_the_consent_in_doubt() {
    let mut host = divar();
    quoted(&mut host);
    let failed = |message: &str| {
        let chat = Chat { connection: "test".into(), id: "post:c1".into() };
        let outcome = Outcome::Failed("nobody has allowed the app to write here".into());
        Event::Delivery(Delivery { message: message.into(), chat, outcome })
    };
    host.event(&failed("another"));
    assert_eq!(open(&mut host, "{}").asked.len(), 0, "that was another message");
    let turn = host.event(&failed("sent-1"));
    assert_eq!(turn.lines, [(Level::Warn, "not delivered: nobody has allowed the app to write here".into())]);
    assert_eq!(open(&mut host, "{}").asked.len(), 1);
}

#[test]
fn a_refusal_is_taken_for_one() {
    let mut host = divar();
    open(&mut host, "{}");
    let json = r#"{"scopes":[],"data":"{}","reason":"access_denied"}"#;
    let turn = host.content(Content::Other(Extra { name: "divar.refused".into(), json: json.into() }));
    assert_eq!((turn.sent, turn.lines), (vec![], vec![(Level::Info, "no consent: access_denied".into())]));
    assert!(host.timers().is_empty());
}

#[test]
fn once_both_have_accepted_both_are_told_in_the_conversation() {
    let mut host = divar().config("contact", "۰۲۱-۱۲۳۴");
    let quote = quoted(&mut host);
    let waiting = "پذیرش شما ثبت شد؛ منتظر طرف دیگر هستیم.";
    assert_eq!(press(&mut host, &accept(&quote)), (waiting.into(), vec![]));
    assert_eq!(press(&mut host, &accept(&quote)), ("پذیرش شما پیش‌تر ثبت شده است.".into(), vec![]));
    let told = "ارسال با پیک (۷۵٬۰۰۰ تومان درون شهر) را هر دو پذیرفتیم. برای هماهنگی: ۰۲۱-۱۲۳۴";
    assert_eq!(press(&mut host, &other_accept(&quote)), ("هر دو پذیرفتید.".into(), vec![told.into()]));
    assert_eq!(press(&mut host, &other_accept(&quote)).1, Vec::<String>::new());
}

#[test]
fn a_button_of_an_old_quote_is_known() {
    let mut host = divar();
    let old = quoted(&mut host);
    host.sender.id = Some("u2".into());
    let asked = open(&mut host, "{}");
    grant(&mut host, &asked, "u2");
    let new = sent(&host.ring("quote").unwrap());
    assert_eq!(annotation(&new, "divar.user"), "u2", "whoever asks speaks for themselves");
    let stale = "این پیشنهاد قدیمی است؛ تازه‌ترین آن پایین‌تر است.";
    assert_eq!(press(&mut host, &accept(&old)), (stale.into(), vec![]));
    assert_eq!(press(&mut host, &accept(&new)).0, "پذیرش شما ثبت شد؛ منتظر طرف دیگر هستیم.");
}

#[test]
fn a_press_of_a_quote_that_never_was_accepts_nothing() {
    let mut host = divar();
    for data in ["accept 0 a", "accept 1 a"] {
        let (notice, texts) = press(&mut host, data);
        assert_eq!((notice.as_str(), texts.len()), ("این پیشنهاد قدیمی است؛ تازه‌ترین آن پایین‌تر است.", 0), "{data}");
    }
    assert_eq!(host.content(Content::Button("{\"foreign\":1}".into())).answers, []);
}

#[test]
fn to_compute_it_again_is_an_opening_that_names_the_ad_itself() {
    let mut host = divar();
    let quote = quoted(&mut host);
    let Some(Keyboard::Show(rows)) = &quote.keyboard else { panic!("no keyboard") };
    let Press::App(data) = &rows[0][1].press else { panic!("{rows:?}") };
    host.annotations.retain(|(name, _)| name != "divar.post-token");
    open(&mut host, data);
    assert!(host.timers()["quote"].payload.contains("wZC44q5D"));
}

#[test]
fn divar_that_does_not_answer_is_asked_again() {
    let mut host = divar();
    let asked = open(&mut host, "{}");
    grant(&mut host, &asked, "u1");
    let timer = host.timers()["quote"].clone();
    for (trouble, failure) in [
        (Error::Timeout, Failure::Retry(1000)),
        (Error::RateLimited(700), Failure::Retry(700)),
        (Error::Unavailable("x".into()), Failure::Retry(5000)),
    ] {
        host.trouble(Some(trouble));
        assert_eq!(host.event(&Event::Timer(timer.clone())).result, Err(failure));
    }
    host.trouble(None);
    assert_eq!(host.event(&Event::Timer(timer)).sent.len(), 1);
}

#[test]
fn an_ad_that_is_gone_or_has_no_price_is_no_message_in_anybodys_name() {
    for host in [divar().config("prices", "qom = 5"), divar().config("prices", "")] {
        let mut host = host;
        let asked = open(&mut host, "{}");
        grant(&mut host, &asked, "u1");
        let turn = host.ring("quote").unwrap();
        assert_eq!((turn.result, turn.sent.len(), turn.lines.len()), (Ok(()), 0, 1));
    }
    let mut host = divar();
    host.annotations[0].1 = "gone1234".into();
    let asked = open(&mut host, "{}");
    grant(&mut host, &asked, "u1");
    let turn = host.ring("quote").unwrap();
    assert_eq!((turn.result, turn.sent.len(), turn.lines[0].0), (Ok(()), 0, Level::Warn));
}

#[test]
fn an_opening_is_answered_whatever_is_wrong() {
    let mut host = divar();
    host.trouble(Some(Error::Denied("the operator does not allow to ask for it".into())));
    let turn = open(&mut host, "{}");
    assert_eq!((turn.result, turn.answers), (Ok(()), vec![Answer::Url(COMPLETION.into())]));
    assert_eq!(turn.lines[0].0, Level::Error);

    let mut host = divar();
    host.annotations.clear();
    assert_eq!(open(&mut host, "{}").answers, [Answer::Url(COMPLETION.into())], "there is no ad");
    let mut host = divar();
    host.private = true;
    assert_eq!(open(&mut host, "nonsense").answers, [Answer::Url(COMPLETION.into())], "there is nobody else");
}

#[test]
fn people_who_talk_to_each_other_hear_nothing_of_it() {
    let mut host = divar();
    for text in ["سلام", "/start", "wZC44q5D", "https://divar.ir/v/x/wZC44q5D"] {
        assert_eq!(host.text(text).sent, [], "{text}");
    }
}

#[test]
fn in_its_own_chatbot_a_link_is_enough() {
    let mut host = divar();
    host.private = true;
    host.annotations.clear();
    for text in ["wZC44q5D", " https://divar.ir/v/دوچرخه/wZC44q5D?x=1#y ", "ببین: https://divar.ir/v/x/wZC44q5D/"]
    {
        assert!(host.text(text).texts().concat().contains("۷۵٬۰۰۰ تومان"), "{text}");
    }
    assert_eq!(host.text("https://divar.ir/v/x/gone1234").texts(), [crate::words::NO_AD]);
    for text in ["سلام", "/help", "https://divar.ir/s/tehran", "https://divar.ir/v/"] {
        assert_eq!(host.text(text).texts(), [crate::words::ABOUT], "{text}");
    }
    host.trouble(Some(Error::Unsupported("this platform has no such thing".into())));
    assert_eq!(host.text("wZC44q5D").texts(), [crate::words::NOT_HERE]);
}

#[test]
fn a_start_from_an_ad_is_a_quote_for_it() {
    let mut host = divar();
    host.private = true;
    let turn = host.content(Content::Start(Some("MY_POST wZC44q5D".into())));
    assert!(turn.texts().concat().contains("۷۵٬۰۰۰ تومان"));
    host.annotations.clear();
    assert_eq!(host.content(Content::Start(None)).texts(), [crate::words::ABOUT]);
}

#[test]
fn a_person_with_many_conversations_is_remembered_for_the_newest() {
    let mut host = divar();
    for number in 0..60 {
        host.chat.id = format!("post:{number}");
        let asked = open(&mut host, "{}");
        grant(&mut host, &asked, "u1");
    }
    assert_eq!(open(&mut host, "{}").asked.len(), 0);
    host.chat.id = "post:0".into();
    assert_eq!(open(&mut host, "{}").asked.len(), 1);
}

#[test]
fn a_row_that_is_none_is_told_to_the_operator() {
    let mut host = divar().config("prices", "tehran = 5; qom");
    host.private = true;
    let turn = host.text("wZC44q5D");
    assert_eq!(turn.lines, [(Level::Error, "this row of the prices cannot be read: qom".into())]);
    assert_eq!(turn.texts().len(), 1);
}
