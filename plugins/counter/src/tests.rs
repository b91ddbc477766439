//! What the counter promises.

use hodhod_plugin::Content;
use hodhod_plugin::testing::TestHost;

use super::Counter;

fn say(host: &mut TestHost<Counter>, text: &str) -> String {
    host.text(text).texts().concat()
}

#[test]
fn every_plain_text_counts_for_its_chat_and_for_all() {
    let mut host = TestHost::new();
    assert_eq!(say(&mut host, "سلام"), "این گفتگو: 1 · همه: 1");
    assert_eq!(say(&mut host, "خوبی؟"), "این گفتگو: 2 · همه: 2");
    host.chat.id = "another".into();
    assert_eq!(say(&mut host, "1"), "این گفتگو: 1 · همه: 3");
}

#[test]
fn a_command_counts_only_if_it_is_the_one_that_counts() {
    let mut host = TestHost::new();
    assert_eq!(say(&mut host, "/add"), "این گفتگو: 1 · همه: 1");
    assert_eq!(say(&mut host, "/show"), "این گفتگو: 1 · همه: 1");
    assert_eq!(say(&mut host, "/showx"), "این گفتگو: 1 · همه: 1");
    assert_eq!(say(&mut host, "/start"), "این گفتگو: 1 · همه: 1");
}

#[test]
fn a_reset_is_for_one_chat() {
    let mut host = TestHost::new();
    say(&mut host, "سلام");
    assert_eq!(say(&mut host, "/reset"), "این گفتگو: 0 · همه: 1");
}

#[test]
fn a_press_does_what_its_text_does() {
    let mut host = TestHost::<Counter>::new();
    assert_eq!(host.content(Content::Start(None)).texts(), ["این گفتگو: 0 · همه: 0"]);
    assert_eq!(host.content(Content::Button("/add".into())).texts(), ["این گفتگو: 1 · همه: 1"]);
}

#[test]
fn the_help_names_every_command() {
    let help = say(&mut TestHost::new(), "/help");
    assert!(["/add", "/show", "/reset"].iter().all(|command| help.contains(command)), "{help}");
}
