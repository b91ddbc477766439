//! Ids and tokens of the shapes that Divar's have. None of them can be guessed, but a person's.

use rand::RngExt;
use sha2::{Digest, Sha256};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// From the beginning of the Gregorian calendar, where a UUID's time starts, to 1970, in units of 100 ns.
const TO_1970: u64 = 0x01b2_1dd2_1381_4000;

/// The id of a conversation: a random UUID.
pub(super) fn conversation() -> String {
    uuid(rand::rng().random(), 4)
}

/// The id of a message: a UUID that carries its time, as those in Divar's pages do.
pub(super) fn message(micros: u64) -> String {
    let time = micros.wrapping_mul(10).wrapping_add(TO_1970).to_be_bytes();
    let [high, higher, middle_1, middle_2, low_1, low_2, low_3, low_4] = time;
    let mut bytes: [u8; 16] = rand::rng().random();
    for (place, byte) in bytes.iter_mut().zip([low_1, low_2, low_3, low_4, middle_1, middle_2, high, higher]) {
        *place = byte;
    }
    uuid(bytes, 1)
}

fn uuid(mut bytes: [u8; 16], version: u8) -> String {
    bytes[6] = (bytes[6] & 0x0f) | (version << 4);
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A token of 256 bits, in base64 for addresses.
pub(super) fn token(prefix: &str) -> String {
    let mut random = rand::rng();
    let letters = (0..43).map(|_| char::from(BASE64_URL[random.random_range(0..BASE64_URL.len())]));
    prefix.chars().chain(letters).collect()
}

/// A token of 256 bits, in base64 proper: it may have characters that an address or a form must escape.
pub(super) fn upload_token() -> String {
    base64(&rand::rng().random::<[u8; 32]>())
}

/// How one app knows one phone: always the same, and in base64 proper, as in Divar's pages.
pub(super) fn user(app: &str, phone: &str) -> String {
    base64(&Sha256::digest(format!("{app}\n{phone}")))
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or_default();
            text.push(if place <= group.len() { char::from(BASE64[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("fooba", "Zm9vYmE=")] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn a_message_id_carries_its_time() {
        // That of the example of a text message in Divar's pages is e7a08a2c-8ee4-11ef-…, 800 ns later.
        let id = message(1_729_429_926_152_042);
        assert!(id.starts_with("e7a08a24-8ee4-11ef-"), "{id}");
        assert!(message(2).starts_with("13814014-"), "the low part moves by tens of 100 ns");
        assert_ne!(message(7), message(7));
    }

    #[test]
    fn a_person_has_one_id_in_an_app_and_others_elsewhere() {
        assert_eq!(user("a", "0912"), user("a", "0912"));
        assert_ne!(user("a", "0912"), user("b", "0912"));
        assert_eq!(user("a", "0912").len(), 44);
    }
}
