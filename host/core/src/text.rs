//! Text between the host and a person: what strangers wrote, where an operator reads it in logs, on a
//! terminal or in a status; and what an operator wrote and may have meant otherwise.

/// The text without control characters, line breaks and direction marks that reorder what follows, at
/// most `longest` bytes of it.
pub fn clean(text: &str, longest: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(longest));
    for character in text.chars() {
        let shown = match character {
            '\t' => ' ',
            c if commands(c) => '\u{fffd}',
            c => c,
        };
        if cleaned.len() + shown.len_utf8() > longest {
            cleaned.push('…');
            break;
        }
        cleaned.push(shown);
    }
    cleaned
}

/// The JSON as it is, with what [`clean`] would take out written as escapes: the same JSON, which cannot
/// command a terminal.
pub fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if commands(character) {
            // None of them is beyond the first plane, so one escape is enough.
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// True if a text has nothing that [`clean`] would take out.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(commands)
}

/// True for what a terminal does rather than shows. The marks that join and part Persian letters are text.
fn commands(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The known word that is nearest to what was written, if one is near.
pub fn suggest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(written, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_command_a_terminal() {
        assert_eq!(
            clean("\x1b[31mred\x1b[0m\r\n\u{9b}2J\u{202e}", 100),
            "\u{fffd}[31mred\u{fffd}[0m\u{fffd}\u{fffd}\u{fffd}2J\u{fffd}"
        );
    }

    #[test]
    fn json_that_cannot_command_a_terminal_is_the_same_json() {
        let text = "\u{9b}2J\u{202e}\x7f می‌روم \x1b";
        let json = serde_json::to_string(text).unwrap();
        assert!(!is_clean(&json) && is_clean(&escape(&json)), "{}", escape(&json));
        assert_eq!(serde_json::from_str::<String>(&escape(&json)).unwrap(), text);
        assert!(escape(&json).contains("می‌روم"));
    }

    #[test]
    fn a_line_is_cut_between_characters_and_keeps_persian() {
        assert_eq!(clean("می‌روم", 100), "می‌روم");
        assert_eq!(clean("سلام", 5), "سل…");
    }
}
