//! Persian as people type it: digits of three scripts, two letters with two codes each, and the
//! half-space.
//!
//! Nothing here changes what a person wrote; it makes keys and numbers *from* it. What a bot sends
//! back or stores is better the original.

mod key;
mod number;

pub use key::match_key;
pub use number::{digits_to_ascii, parse_number};

/// Characters that a person neither sees nor means: marks of direction and of joining.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200D}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// What may surround a text without belonging to it: blanks, half-spaces, invisible marks.
pub(crate) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{200C}' || is_invisible(c)
}
