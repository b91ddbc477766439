//! Configurations that nobody would write: what is wrong is told with its place, and no secret with it.

use hodhod_core::testing::fuzz;

use super::*;

const WORDS: [&[u8]; 40] = [
    b"[host]\n",
    b"[connections.shop]\n",
    b"[bots.echo]\n",
    b"[bots.echo.grants.http]\n",
    b"[[bots.echo.grants.http.secrets]]\n",
    b"platform = ",
    b"token = ",
    b"secret = ",
    b"{ env = \"T\" }",
    b"{ file = \"t\" }",
    b"plugin = ",
    b"connections = ",
    b"grants = ",
    b"limits = ",
    b"config = ",
    b"digest = ",
    b"hosts = ",
    b"methods = ",
    b"allow_private = ",
    b"pace = ",
    b"template = ",
    b"listen = ",
    b"\"soroush\"",
    b"\"32 MiB\"",
    b"\"18446744073709551615 d\"",
    b"\"5/s\"",
    b"\"0/s\"",
    b"\"https://*.example.org\"",
    b"-1",
    b"99999999999999999999",
    b"nan",
    b"1979-05-27T07:32:00Z",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"\\u001b\"",
    b"\"\"\"",
    b"\xd9\x84",
    b"\n",
];

/// Written where only a secret stands, and nowhere else.
const SECRET: &str = "zq7Hidden7qz";

/// The ways in which a person writes a secret into the file by mistake.
fn written() -> [toml::Value; 4] {
    let text = toml::Value::from(SECRET);
    let table =
        |key: &str, value: &toml::Value| toml::Value::from(toml::Table::from_iter([(key.to_owned(), value.clone())]));
    let nested = table("env", &table("value", &text));
    [text.clone(), table("value", &text), vec![text].into(), nested]
}

fn told(text: &str) -> Result<Config, Vec<String>> {
    parse(text, "hodhod.toml", Path::new("/etc/hodhod")).map_err(|problems| {
        assert!(!problems.is_empty(), "refused, and nothing is wrong");
        for problem in &problems {
            assert!(!problem.at.trim().is_empty() && !problem.what.trim().is_empty(), "{problem:?}");
            assert!(problem.write.as_ref().is_none_or(|line| !line.is_empty()), "{problem:?}");
        }
        problems.iter().map(ToString::to_string).collect()
    })
}

fn http<'a>(file: &'a mut toml::Table, bot: &str) -> Option<&'a mut toml::Value> {
    file.get_mut("bots")?.get_mut(bot)?.get_mut("grants")?.get_mut("http")
}

/// The file with a secret where a secret, or what holds one, belongs: one for each place.
fn planted(file: &toml::Table, secret: &toml::Value) -> Vec<toml::Table> {
    let mut planted = Vec::new();
    let mut plant = |change: &dyn Fn(&mut toml::Table) -> Option<()>| {
        let mut file = file.clone();
        if change(&mut file).is_some() {
            planted.push(file);
        }
    };
    let names = |name: &str| -> Vec<String> {
        file.get(name).and_then(toml::Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let set = |at: Option<&mut toml::Value>, key: &str| {
        at?.as_table_mut()?.insert(key.to_owned(), secret.clone());
        Some(())
    };
    for name in names("connections") {
        plant(&|file| set(file.get_mut("connections")?.get_mut(&name), "token"));
        plant(&|file| set(file.get_mut("connections"), &name));
    }
    let traces = |file: &'_ mut toml::Table, change: &dyn Fn(&mut toml::Value) -> Option<()>| {
        change(file.get_mut("host")?.get_mut("traces")?)
    };
    plant(&|file| traces(file, &|traces| set(traces.get_mut("headers"), "authorization")));
    plant(&|file| traces(file, &|traces| set(Some(traces), "headers")));
    plant(&|file| {
        traces(file, &|traces| {
            *traces.get_mut("endpoint")? = format!("https://user:{SECRET}@otlp.example.com").into();
            Some(())
        })
    });
    for name in names("bots") {
        plant(&|file| set(http(file, &name)?.get_mut("secrets")?.get_mut(0), "secret"));
        plant(&|file| set(http(file, &name), "secrets"));
        plant(&|file| {
            let host = http(file, &name)?.get_mut("hosts")?.get_mut(0)?;
            *host = format!("https://user:{SECRET}@api.example.com").into();
            Some(())
        });
    }
    planted
}

fn check(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let outcome = match told(&text) {
        Ok(config) => {
            assert!(config.host.workers > 0 && config.host.turns > 0 && !config.bots.is_empty());
            let named = |name: &hodhod_core::ids::ConnectionName| {
                config.connections.iter().any(|connection| connection.name == *name)
            };
            assert!(config.bots.iter().all(|bot| bot.connections.iter().all(named)), "{config:?}");
            vec![format!("read {} {}", config.connections.len(), config.bots.len())]
        }
        Err(problems) => {
            let mut words: Vec<_> = problems.iter().take(4).map(fuzz::words).collect();
            words.sort();
            words
        }
    };
    match toml::from_str::<toml::Table>(&text) {
        // Planted below where it belongs; where it stands already it may be a name, which is told.
        Ok(file) if !text.contains(SECRET) => {
            for secret in written() {
                for file in planted(&file, &secret) {
                    let Ok(text) = toml::to_string(&file) else { continue };
                    for problem in told(&text).err().into_iter().flatten() {
                        assert!(!problem.contains(SECRET), "{problem}\nfor\n{text}");
                    }
                }
            }
        }
        Ok(_) => {}
        // What is no TOML is told by its place, whatever stands there. A key may be quoted.
        Err(_) if text.contains(SECRET) => {
            for problem in told(&text).err().into_iter().flatten() {
                assert!(problem.contains("key") || !problem.contains(SECRET), "{problem}");
            }
        }
        Err(_) => {}
    }
    outcome
}

#[test]
fn fuzz_configuration_tells_each_problem_with_its_place_and_no_secret() {
    let seeds = fuzz::corpus(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/configuration"));
    fuzz::run("configuration", seeds, &WORDS, check);
}
