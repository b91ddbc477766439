//! A kept line for a person: what the log shows on a terminal, of an object that a host gave.

use std::fmt::Write as _;

use hodhod_core::text::clean;
use serde_json::{Map, Value};

/// Longest line that is shown, in bytes.
const LONGEST: usize = 8 << 10;

/// A line of the log for a person, without anything that could command a terminal. What is no such line is shown
/// as it is.
pub(crate) fn line(json: &str) -> String {
    let text = match serde_json::from_str(json) {
        Ok(Value::Object(mut fields)) => match fields.get("missed").and_then(Value::as_u64) {
            Some(missed) if fields.len() == 1 => format!("… {missed} lines came too fast and are not shown"),
            _ => sentence(&mut fields),
        },
        _ => json.to_owned(),
    };
    clean(&text, LONGEST)
}

fn sentence(fields: &mut Map<String, Value>) -> String {
    let mut take = |name: &str| fields.remove(name).as_ref().map(plain).unwrap_or_default();
    let (at, level, message) = (take("timestamp"), take("level"), take("message"));
    let mut text = format!("{at} {level:>5} {message}");
    for (name, value) in fields {
        // Writing to a string cannot fail.
        let _infallible = write!(text, " {name}={}", plain(value));
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_the_log_of_a_terminal() {
        let json = r#"{"timestamp":"2026-01-02T03:04:05Z","level":"INFO","bot":"echo","context":"","message":"می‌روم","turns":3}"#;
        assert_eq!(line(json), "2026-01-02T03:04:05Z  INFO می‌روم bot=echo context= turns=3");
        assert_eq!(line(r#"{"missed":12}"#), "… 12 lines came too fast and are not shown");
        assert_eq!(line("no object"), "no object");
    }

    #[test]
    fn no_line_commands_the_terminal_of_who_reads_it() {
        let json =
            serde_json::json!({ "level": "\u{1b}[2J", "message": "\u{1b}]0;x\u{7}\u{202e}", "a\u{1b}": "\u{9b}1m" });
        let shown = line(&json.to_string());
        assert!(hodhod_core::text::is_clean(&shown), "{shown:?}");
        assert!(hodhod_core::text::is_clean(&line("\u{1b}[2J")));
    }
}
