use std::path::Path;

use super::*;
use crate::config;

fn written(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_pages_of_privacy_are_what_the_program_says() {
    let page = |language| Facts::default().page(language);
    let old = "is old: write it anew, in a folder without a hodhod.toml, with `hodhod privacy";
    assert!(written("privacy.md") == page(Language::En), "docs/privacy.md {old} > docs/privacy.md`");
    assert!(
        written("privacy.fa.md") == page(Language::Fa),
        "docs/privacy.fa.md {old} --language fa > docs/privacy.fa.md`"
    );
}

fn facts(text: &str) -> Facts {
    Facts::of(&config::parse(text, "hodhod.toml", Path::new(".")).unwrap(), "hodhod.toml")
}

/// In both, the same facts stand in the same order.
#[test]
fn an_operators_numbers_bots_and_servers_are_in_both_languages() {
    let facts = facts(
        "[host]\nremember = \"36 h\"\nkeep_dead = \"14 d\"\ntraces = { endpoint = \"https://traces.example:4318/secret-path\" }\n\
         [connections.shop]\nplatform = \"soroush\"\ntoken = { env = \"T\" }\ngive_up = \"90 min\"\n\
         [connections.desk]\nplatform = \"soroush\"\ntoken = { env = \"T\" }\ngive_up = \"2 h\"\n\
         [bots.echo]\nplugin = \"echo.wasm\"\nconnections = [\"shop\", \"desk\"]\ngrants = { messenger = true, keyvalue = true }\n\
         [bots.asker]\nplugin = \"a.wasm\"\nconnections = [\"shop\"]\n\
         grants = { messenger = true, timers = true, http = { hosts = [\"https://api.example\"] } }\n",
    );
    let (english, persian) = (facts.page(Language::En), facts.page(Language::Fa));
    for words in [
        "those of `hodhod.toml`",
        "| 14 days, and at most 10,000 for each bot |",
        "| 36 hours |",
        "after 2 hours without success",
        "at `traces.example`",
        "| `shop` | 90 minutes |",
        "| `desk` | 2 hours |",
        "| `echo` | `shop`, `desk` | yes | no | none |",
        "| `asker` | `shop` | no | yes | `https://api.example` |",
        "15 minutes",
        "90 days",
    ] {
        assert!(english.contains(words), "{words}: {english}");
    }
    for words in [
        "۱۴ روز",
        "۳۶ ساعت",
        "تا ۲ ساعت نشود",
        "| `shop` | ۹۰ دقیقه |",
        "| `echo` | `shop`, `desk` | بله | نه | هیچ |",
        "۱۰۰٬۰۰۰",
    ] {
        assert!(persian.contains(words), "{words}: {persian}");
    }
    assert!(!english.contains("secret-path") && !persian.contains("secret-path"));
    let shape = |page: &str| -> Vec<usize> {
        let lines = page.lines().filter(|line| line.starts_with(['|', '#', '*']));
        lines.map(|line| line.matches(" | ").count()).collect()
    };
    assert_eq!(shape(&english), shape(&persian));
    let without = |page: String| page.lines().filter(|line| line.starts_with('#')).count();
    assert_eq!(without(Facts::default().page(Language::En)) + 1, without(english), "the defaults are no host's");
}

#[test]
fn a_name_of_the_configuration_stays_in_its_cell() {
    let facts = facts(
        "[connections.\"a|b`c\\nd\"]\nplatform = \"soroush\"\ntoken = { env = \"T\" }\n\
         [bots.\"x|y\"]\nplugin = \"e.wasm\"\nconnections = [\"a|b`c\\nd\"]\ngrants = { messenger = true }\n",
    );
    let page = facts.page(Language::En);
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("| `a b c") && rows[0].matches('|').count() == 3, "{rows:?}");
    assert!(rows[1].starts_with("| `x y` |") && rows[1].matches('|').count() == 6, "{rows:?}");
}

#[test]
fn times_are_told_in_the_largest_unit_that_fits() {
    let days = |days: u64| Duration::from_secs(days * 24 * 3600);
    assert_eq!(measure(days(7)), (7, 0));
    assert_eq!(measure(Duration::from_secs(36 * 3600)), (36, 1));
    assert_eq!(measure(Duration::from_millis(1500)), (1500, 4));
    assert_eq!(measure(Duration::ZERO), (0, 4));
}
