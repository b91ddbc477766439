//! What a bot on Divar is told by its double: ads, people, consents, and what they say to them.

use hodhod_plugin::divar::{News, Post, PostSummary, User};
use hodhod_plugin::testing::TestHost;
use hodhod_plugin::{Answer, Bot, Content, Context, Error, Event, Extra, Failure, Opening, Result, Timer};

/// Does what the text says.
#[derive(Default)]
struct Asker;

impl Bot for Asker {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        let divar = ctx.divar()?;
        let (verb, of) = text.split_once(' ').unwrap_or((text, ""));
        let reply = match verb {
            "post" => divar.post(of)?.title.unwrap_or_default(),
            "posts" => divar.posts_of(of)?.iter().map(|post| post.token.as_str()).collect::<Vec<_>>().join(","),
            "user" => divar.user(of)?.phone.unwrap_or_default(),
            "chat" => divar.chat_with(of)?.id,
            _ => ctx.annotation("divar.post-token").unwrap_or("none").to_owned(),
        };
        ctx.reply(reply)?;
        Ok(())
    }

    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        let address = ctx.divar()?.request_consent(&["USER_ID"], "mine")?;
        if opening.source == "fails" {
            return Err(Failure::reject("after all"));
        }
        ctx.respond(Answer::url(address))?;
        Ok(())
    }

    fn on_other(&mut self, ctx: &Context, name: &str, json: &str) -> Result {
        if let Some(News::Granted(consent)) = News::read(name, json) {
            ctx.reply(format!("{} {}", consent.user.unwrap_or_default(), consent.data))?;
        }
        Ok(())
    }

    fn on_timer(&mut self, ctx: &Context, _timer: &Timer) -> Result {
        ctx.divar().map(drop)?;
        Ok(())
    }
}

fn host() -> TestHost<Asker> {
    let entry = PostSummary {
        token: "b".into(),
        category: None,
        title: None,
        images: Vec::new(),
        phone_hidden: false,
        json: "{}".into(),
    };
    let user = User { id: Some("u1".into()), phone: Some("0912".into()), json: "{}".into() };
    TestHost::new().post(Post { title: Some("دوچرخه".into()), ..Post::new("a") }).user("u1", user, vec![entry])
}

#[test]
fn a_bot_is_told_what_there_is_on_divar() {
    let mut host = host();
    for (says, hears) in [("post a", "دوچرخه"), ("posts u1", "b"), ("user u1", "0912"), ("chat u1", "user:u1")] {
        assert_eq!(host.text(says).texts(), [hears]);
    }
    assert_eq!(host.text("post b").result, Err(Failure::Reject("refused: there is no such thing".into())));
}

#[test]
fn trouble_of_divar_is_told_until_it_is_over() {
    let mut host = host();
    host.trouble(Some(Error::RateLimited(700)));
    assert_eq!(host.text("post a").result, Err(Failure::Retry(700)));
    host.trouble(None);
    assert_eq!(host.text("post a").result, Ok(()));
}

#[test]
fn a_consent_is_asked_for_at_once_also_where_the_turn_fails() {
    let mut host = host();
    let mut open = |source: &str| host.content(Content::Opening(Opening { source: source.into(), data: "{}".into() }));
    let turn = open("chat");
    assert_eq!(turn.asked[0].scopes, ["USER_ID"]);
    assert_eq!((turn.asked[0].connection.as_str(), turn.asked[0].data.as_str()), ("test", "mine"));
    assert_eq!(turn.answers, [Answer::Url(turn.asked[0].address.clone())]);
    let failed = open("fails");
    assert_eq!((failed.asked.len(), failed.answers.len()), (1, 0));
}

#[test]
fn what_a_person_granted_comes_as_news() {
    let json = r#"{"user":"u1","scopes":["USER_ID"],"data":"mine"}"#;
    let turn = host().content(Content::Other(Extra { name: "divar.granted".into(), json: json.into() }));
    assert_eq!(turn.texts(), ["u1 mine"]);
}

#[test]
fn what_divar_says_of_a_message_is_found_by_its_name() {
    let mut host = host();
    assert_eq!(host.text("which").texts(), ["none"]);
    host.annotations = vec![("divar.post-token".into(), "wZC44q5D".into())];
    assert_eq!(host.text("which").texts(), ["wZC44q5D"]);
}

#[test]
fn an_event_of_no_chat_is_of_no_divar() {
    let timer = Timer { id: "t".into(), chat: None, due: 0, payload: String::new() };
    let failed = host().event(&Event::Timer(timer)).result;
    assert_eq!(failed, Err(Failure::Reject("invalid: this event belongs to no chat".into())));
}
