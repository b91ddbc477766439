//! Text of strangers, where an operator reads it: in logs, on a terminal, in a status.

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

/// True if a text has nothing that [`clean`] would take out.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(commands)
}

/// True for what a terminal does rather than shows. The marks that join and part Persian letters are text.
fn commands(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    fn a_line_is_cut_between_characters_and_keeps_persian() {
        assert_eq!(clean("می‌روم", 100), "می‌روم");
        assert_eq!(clean("سلام", 5), "سل…");
    }
}
