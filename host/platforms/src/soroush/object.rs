//! Finds the end of a JSON object in text that arrives in pieces.

/// How far into an object the text so far has come.
///
/// Only braces and strings are looked at: whether the rest is JSON is for the JSON parser to say.
#[derive(Debug, Default)]
pub(super) struct Object {
    /// Braces that are open; 0 is outside of any object.
    depth: usize,
    in_string: bool,
    /// The last character was a backslash in a string.
    escaped: bool,
}

impl Object {
    /// True between the first brace and the last.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// Reads on. Returns the length up to and including the brace that closes the object, if that
    /// is in `text`; then it stands before the next object.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.in_string {
                let stop = find_either(rest, b'"', b'\\')?;
                self.in_string = rest.get(stop) != Some(&b'"');
                self.escaped = self.in_string;
                at += stop + 1;
            } else {
                let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}'))?;
                at += stop + 1;
                match rest.get(stop) {
                    Some(b'"') => self.in_string = true,
                    Some(b'{') => self.depth += 1,
                    _ => {
                        self.depth = self.depth.saturating_sub(1);
                        if self.depth == 0 {
                            return Some(at);
                        }
                    }
                }
            }
        }
        None
    }
}

/// The place of the first of two bytes. Looks at blocks first, which the compiler turns into
/// vector instructions: most of a message is neither line end nor quote.
pub(super) fn find_either(bytes: &[u8], one: u8, other: u8) -> Option<usize> {
    let is_hit = |byte: &u8| *byte == one || *byte == other;
    let clean =
        bytes.chunks_exact(32).take_while(|block| !block.iter().fold(false, |hit, byte| hit | is_hit(byte))).count();
    let start = clean * 32;
    bytes.get(start..)?.iter().position(is_hit).map(|offset| start + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_the_brace_that_closes_the_first() {
        for (text, end) in [
            ("{}", Some(2)),
            (r#"{"a":{"b":1}} x"#, Some(13)),
            (r#"{"a":"}"}"#, Some(9)),
            (r#"{"a":"\"}"}"#, Some(11)),
            (r#"{"a":"\\"}}"#, Some(10)),
            (r#"{"a":"#, None),
            (r#"{"a":"}"#, None),
        ] {
            assert_eq!(Object::default().read(text.as_bytes()), end, "{text}");
        }
    }

    #[test]
    fn it_does_not_matter_where_the_text_is_cut() {
        let text = r#"{"a":"\\\"{}","b":{"c":"سلام"}}"#.as_bytes();
        for cut in 0..text.len() {
            let mut object = Object::default();
            assert_eq!(object.read(&text[..cut]), None);
            assert_eq!(object.read(&text[cut..]), Some(text.len() - cut), "cut at {cut}");
            assert!(!object.is_open());
        }
    }

    #[test]
    fn the_first_hit_is_found_in_every_place() {
        for length in 0..100 {
            for place in 0..length {
                let mut bytes = vec![b'x'; length];
                bytes[place] = b'\r';
                assert_eq!(find_either(&bytes, b'\n', b'\r'), Some(place));
            }
            assert_eq!(find_either(&vec![b'x'; length], b'\n', b'\r'), None);
        }
    }
}
