//! Ids of people and keys of files: opaque, but of one alphabet.
//!
//! The examples of the developer page carry blanks and line breaks inside keys. They are accidents
//! of its layout: without them all keys of a kind have the same length and are valid base64url. So
//! white space goes, and anything else outside the alphabet makes the key unusable, because a key
//! becomes part of a path.

/// Ids seen are 59 characters long.
const MAX_ID: usize = 512;

/// File keys seen are 315 or 507 characters long.
const MAX_KEY: usize = 4096;

/// An id of a person or the name of a channel; `None` if it cannot be one.
pub(super) fn clean_id(text: &str) -> Option<String> {
    clean(text, MAX_ID)
}

/// A key of a file; `None` if it cannot be one.
pub(super) fn clean_key(text: &str) -> Option<String> {
    clean(text, MAX_KEY)
}

fn clean(text: &str, longest: usize) -> Option<String> {
    let key: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let of_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || b"_.~-".contains(&byte);
    // A path of dots alone is a step up, not a name.
    let is_name = key.bytes().any(|byte| byte != b'.');
    (key.len() <= longest && is_name && key.bytes().all(of_alphabet)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_and_anything_else_outside_the_alphabet_is_refused() {
        assert_eq!(clean_key(" aB_9 \r\n-.~\tz ").as_deref(), Some("aB_9-.~z"));
        for bad in ["", "  ", ".", "..", "a/b", "a%2Fb", "سلام", "a\u{a0}b", "http://a", "a?b", "a#b", "@a"] {
            assert_eq!(clean_key(bad), None, "{bad:?}");
        }
        assert_eq!(clean_id(&"a".repeat(MAX_ID + 1)), None);
        assert!(clean_key(&"a".repeat(507)).is_some());
    }
}
