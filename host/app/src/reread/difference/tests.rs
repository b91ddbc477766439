use std::path::Path;

use super::*;
use crate::config;

const BASE: &str = r#"
[connections.shop]
platform = "soroush"
token = { file = "shop.token" }

[connections.desk]
platform = "soroush"
token = { file = "desk.token" }

[bots.echo]
plugin = "echo.wasm"
connections = ["shop"]

[bots.clerk]
plugin = "clerk.wasm"
connections = ["desk"]
"#;

fn settings(folder: &Path, text: &str) -> Settings {
    Settings::of(config::parse(text, "hodhod.toml", folder).unwrap())
}

fn differ(old: &str, new: &str) -> Difference {
    let folder = tempfile::tempdir().unwrap();
    Difference::between(&settings(folder.path(), old), &settings(folder.path(), new))
}

fn names<'a>(names: impl IntoIterator<Item = &'a (impl ToString + 'a)>) -> String {
    names.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_same_text_differs_in_nothing() {
    assert!(differ(BASE, BASE).is_empty());
    assert!(differ(BASE, &format!("# a comment\n{BASE}")).is_empty());
}

#[test]
fn a_bot_is_changed_by_its_own_lines_only() {
    let found = differ(BASE, &BASE.replace("\"echo.wasm\"", "\"echo.wasm\"\nlimits = { cpu = \"50 ms\" }"));
    assert_eq!(found.words(), ["bot echo is changed"]);
    assert!(found.loads(&"echo".into()) && !found.loads(&"clerk".into()) && found.opened.is_empty());
}

#[test]
fn an_account_that_changes_is_opened_anew_and_its_bots_learn_of_it() {
    let found = differ(BASE, &BASE.replace("\"shop.token\" }", "\"shop.token\" }\nbase_url = \"https://example.com\""));
    assert_eq!((names(&found.opened), names(&found.reconnected)), ("shop".to_owned(), "echo".to_owned()));
    assert_eq!(found.words(), ["connection shop is opened anew"]);
    assert!(found.opens(&"shop".into()) && !found.opens(&"desk".into()));
}

#[test]
fn a_pace_that_changes_leaves_the_account_open() {
    let found = differ(BASE, &BASE.replace("\"shop.token\" }", "\"shop.token\" }\ngive_up = \"1h\""));
    assert_eq!(found.words(), ["connection shop sends by another policy"]);
    assert!(found.relinks(&"shop".into()) && !found.opens(&"shop".into()) && found.reconnected.is_empty());
}

#[test]
fn what_comes_and_goes_is_told_apart() {
    let bot = BASE.find("[bots.clerk]").unwrap();
    let (without, _) = BASE.split_at(bot);
    let without =
        without.replace("[connections.desk]\nplatform = \"soroush\"\ntoken = { file = \"desk.token\" }\n", "");
    let found = differ(BASE, &without);
    assert_eq!((names(&found.closed), names(&found.removed)), ("desk".to_owned(), "clerk".to_owned()));
    let found = differ(&without, BASE);
    assert_eq!((names(&found.opened), found.loads(&"clerk".into())), ("desk".to_owned(), true));
    assert!(found.words().contains(&"connection desk is added".to_owned()));
}

#[test]
fn a_token_that_is_written_anew_is_another_although_no_line_differs() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("shop.token");
    std::fs::write(&token, "first").unwrap();
    let old = settings(folder.path(), BASE);
    std::fs::write(&token, "second\n").unwrap();
    let found = Difference::between(&old, &settings(folder.path(), BASE));
    assert_eq!(names(&found.opened), "shop");
    std::fs::write(&token, " first\n").unwrap();
    assert!(Difference::between(&old, &settings(folder.path(), BASE)).is_empty(), "blanks are no part of it");
}

#[test]
fn what_the_host_itself_was_started_with_takes_a_restart() {
    let found = differ(BASE, &format!("[host]\nlisten = \"127.0.0.1:1\"\nworkers = 7\n{BASE}"));
    assert!(found.is_empty());
    assert_eq!(found.pending.len(), 2);
    assert!(found.pending[0].starts_with("host.listen: "), "{:?}", found.pending);
}
