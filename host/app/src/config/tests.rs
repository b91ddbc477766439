use super::*;

const GOOD: &str = r#"
[host]
state = "state"
listen = "127.0.0.1:8600"

[connections.shop]
platform = "soroush"
base_url = "https://bot.splus.ir"
token = { env = "SOROUSH_TOKEN" }

[bots.echo]
plugin = "plugins/echo.wasm"
connections = ["shop"]
config = { greeting = "سلام", times = 3, loud = true }
grants = { messenger = true, keyvalue = true }
limits = { memory = "32 MiB", cpu = "100 ms", wall = "5 s" }
"#;

fn problems(text: &str) -> String {
    let problems = parse(text, "hodhod.toml", Path::new("/etc/hodhod")).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The good configuration with one line changed.
fn with(line: &str, instead: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replace(line, instead)
}

#[test]
fn the_documented_configuration_is_read_as_it_says() {
    let config = parse(GOOD, "hodhod.toml", Path::new("/etc/hodhod")).unwrap();
    assert_eq!(config.host.state, Path::new("/etc/hodhod/state"));
    let connection = &config.connections[0];
    let Account::Soroush(soroush) = &connection.account else { panic!("{connection:?}") };
    assert_eq!(soroush.token, SecretSource::Env("SOROUSH_TOKEN".to_owned()));
    assert_eq!(connection.policy.connection.count.get(), 5);
    let bot = &config.bots[0];
    assert_eq!(bot.plugin, Path::new("/etc/hodhod/plugins/echo.wasm"));
    assert_eq!(bot.config["greeting"], "سلام");
    assert_eq!((bot.config["times"].as_str(), bot.config["loud"].as_str()), ("3", "true"));
    assert!(bot.grants.messenger && bot.grants.keyvalue);
    assert_eq!(bot.limits.memory, 32 << 20);
}

#[test]
fn an_unknown_key_is_an_error_with_the_one_that_was_meant() {
    insta::assert_snapshot!(problems(&with("connections = [\"shop\"]", "connection = [\"shop\"]")), @"
    hodhod.toml:13: unknown key `connection`
        write: connections = …
    ");
    insta::assert_snapshot!(problems(&with("memory =", "memroy =")), @r#"
    bots.echo.limits.memroy: there is no such limit
        write: limits = { memory = "32 MiB" }
    "#);
    insta::assert_snapshot!(problems("[hosts]\n"), @"
    hodhod.toml:1: unknown key `hosts`
        write: host = …
    ");
}

#[test]
fn what_soroush_takes_may_be_chosen_within_bounds() {
    let chosen = |lines: &str| with("platform = \"soroush\"", &format!("platform = \"soroush\"\n{lines}"));
    for good in ["max_upload = \"1 GiB\"", "max_upload = \"1 B\"", "attachment_name = \"FILE_TYPE_OTHER\""] {
        assert!(parse(&chosen(good), "hodhod.toml", Path::new("/etc/hodhod")).is_ok(), "{good}");
    }
    insta::assert_snapshot!(problems(&chosen("max_upload = \"2 GiB\"\nattachment_name = \"OTHER\"")), @r#"
    connections.shop.max_upload: a file has 1 B to 1 GiB
        write: max_upload = "100 MiB"
    connections.shop.attachment_name: the platform has two names for it
        write: attachment_name = "FILE_TYPE_OTHER", or nothing for "ATTACHMENT"
    "#);
    insta::assert_snapshot!(problems(&chosen("max_upload = \"many\"")), @r#"
    connections.shop.max_upload: "many" is not a size; write it like "32 MiB" (B, KiB, MiB, GiB)
        write: max_upload = "100 MiB"
    "#);
}

#[test]
fn a_token_in_the_file_is_refused_and_not_printed() {
    let text = problems(&with("{ env = \"SOROUSH_TOKEN\" }", "\"abcSECRETdef\""));
    assert!(!text.contains("SECRET"), "{text}");
    insta::assert_snapshot!(text, @r#"
    connections.shop.token: a token is not written into this file; say where it is kept
        write: token = { env = "SHOP_TOKEN" }
    "#);
}

#[test]
fn the_token_of_the_api_is_kept_like_any_other() {
    let listen = "listen = \"127.0.0.1:8600\"";
    let host = |token: &str| with(listen, &format!("{listen}\nadmin_token = {token}"));
    let config = parse(&host("{ file = \"token\" }"), "hodhod.toml", Path::new("/etc/hodhod")).unwrap();
    assert_eq!(config.host.admin_token, Some(SecretSource::File("/etc/hodhod/token".into())));
    let text = problems(&host("\"abcSECRETdef\""));
    assert!(!text.contains("SECRET"), "{text}");
    insta::assert_snapshot!(text, @r#"
    host.admin_token: a token is not written into this file; say where it is kept
        write: admin_token = { env = "HODHOD_TOKEN" }
    "#);
}

#[test]
fn who_asks_a_host_finds_the_folder_of_who_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hodhod.toml");
    for text in [GOOD.to_owned(), with("state = \"state\"\n", ""), with("\"state\"", "\"/var/lib/hodhod\"")] {
        std::fs::write(&file, text).unwrap();
        assert_eq!(state(&file).unwrap(), load(&file).unwrap().host.state);
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = with("\"32 MiB\"", "\"32 MB\"")
        .replace("connections = [\"shop\"]", "connections = [\"shoop\"]")
        .replace("\"soroush\"", "\"sorush\"")
        .replace("127.0.0.1:8600", "localhost");
    insta::assert_snapshot!(problems(&text), @r#"
    host.listen: "localhost" is not an address and a port
        write: listen = "127.0.0.1:8600"
    connections.shop.platform: there is no platform "sorush"
        write: platform = "soroush"
    bots.echo.connections: there is no connection "shoop"
        write: connections = ["shop"]
    bots.echo.limits.memory: "32 MB" is not a size; write it like "32 MiB" (B, KiB, MiB, GiB)
    "#);
}

#[test]
fn what_is_missing_is_told_with_the_line_to_write() {
    insta::assert_snapshot!(problems("[connections.shop]\n[bots.echo]\n"), @r#"
    connections.shop: the platform is missing
        write: platform = "soroush"
    connections.shop: the token is missing
        write: token = { env = "SHOP_TOKEN" }
    bots.echo: the plugin is missing
        write: plugin = "plugins/echo.wasm"
    bots.echo: it serves no connection
        write: connections = ["shop"]
    "#);
}

#[test]
fn times_for_which_things_are_kept_are_days_or_hours_and_have_bounds() {
    let host = |lines: &str| with("listen = \"127.0.0.1:8600\"", lines);
    let config = parse(&host("remember = \"2 d\"\nkeep_dead = \"30d\""), "hodhod.toml", Path::new("/")).unwrap();
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    assert_eq!(config.host.retention, Retention { remember: days(2), keep_dead: days(30) });
    let config = parse(GOOD, "hodhod.toml", Path::new("/")).unwrap();
    assert_eq!(config.host.retention, Retention { remember: days(7), keep_dead: days(30) });
    insta::assert_snapshot!(problems(&host("remember = \"0 s\"\nkeep_dead = \"366 d\"")), @r#"
    host.remember: must be from 1 h to 365 d
        write: remember = "7 d"
    host.keep_dead: must be from 1 h to 365 d
        write: keep_dead = "30 d"
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let text = problems("[host]\nstate = \n");
    assert!(text.starts_with("hodhod.toml:2: "), "{text}");
}

#[test]
fn a_connection_that_no_bot_serves_is_told() {
    let text = format!("{GOOD}\n[connections.other]\nplatform = \"soroush\"\ntoken = {{ file = \"t\" }}\n");
    insta::assert_snapshot!(problems(&text), @"connections.other: no bot serves it, so what is written there would be lost");
}
