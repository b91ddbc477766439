//! What a migration promises: it sees what the build before stored, and one that fails leaves that as it was.

use hodhod_plugin::testing::TestHost;
use hodhod_plugin::{Bot, Context, Error, Failure, Migrate, Result};

#[derive(Default)]
struct Before;

impl Bot for Before {
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        ctx.bot_values().set("words", text)?;
        Ok(())
    }
}

#[derive(Default)]
struct After;

impl Bot for After {
    fn on_text(&mut self, ctx: &Context, _text: &str) -> Result {
        let words: Vec<String> = ctx.bot_values().get("list")?.unwrap_or_default();
        ctx.reply(words.join("|"))?;
        Ok(())
    }
}

impl Migrate for After {
    fn migrate(&mut self, ctx: &Context, from: &str) -> Result<(), Error> {
        let values = ctx.bot_values();
        let words: String = values.get("words")?.unwrap_or_default();
        values.set("list", words.split(' ').collect::<Vec<_>>())?;
        values.delete("words")?;
        match from {
            "1" => Ok(()),
            other => Err(Error::Other(format!("nobody knows what {other:?} stored"))),
        }
    }
}

hodhod_plugin::export!(After: Bot + Migrate);

#[test]
fn a_migration_sees_what_the_build_before_stored() {
    let mut before = TestHost::<Before>::new();
    before.text("one two");
    let mut after = TestHost::<After>::replaces(before);
    assert_eq!(after.migrate("1").result, Ok(()));
    assert_eq!(after.text("").texts(), ["one|two"]);
}

#[test]
fn a_migration_that_fails_leaves_what_there_was() {
    let mut before = TestHost::<Before>::new();
    before.text("one two");
    let mut after = TestHost::<After>::replaces(before);
    let turn = after.migrate("0");
    assert_eq!(turn.result, Err(Failure::reject("nobody knows what \"0\" stored")));
    assert_eq!(after.text("").texts(), [""]);
    assert_eq!(after.migrate("1").result, Ok(()), "what is there can be migrated still");
    assert_eq!(after.text("").texts(), ["one|two"]);
}

#[derive(Default)]
struct Greedy;

impl Bot for Greedy {}

impl Migrate for Greedy {
    fn migrate(&mut self, ctx: &Context, _from: &str) -> Result<(), Error> {
        assert!(ctx.chat().is_none() && ctx.user_values().is_none());
        ctx.chat_values().set("key", 1)?;
        Ok(())
    }
}

#[test]
fn a_migration_has_no_chat() {
    let mut host = TestHost::<Greedy>::new();
    assert_eq!(host.migrate("1").result, Err(Failure::reject("invalid: there is no such bucket in this event")));
}
