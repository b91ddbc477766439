//! One record, sealed and opened.
//!
//! `XChaCha20-Poly1305` with a random nonce of 192 bits, which may be drawn as often as one likes. What stands
//! beside the sealed part in its row, and where the row stands, is authenticated with it: a row that is moved to
//! another name, kind or connection, given to another person or another time, does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::{Record, VaultKey};
use crate::ids::SenderId;
use crate::store::{RecordsOf, SealedRecord};
use crate::time::Millis;

/// The form of what is sealed. Another one gets another number.
const FORM: u8 = 1;

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Why a row does not open: nothing more can be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Altered;

/// Seals a record. `None` where it is longer than any text can be, so that nothing is cut.
pub(super) fn seal(
    key: &VaultKey,
    of: &RecordsOf,
    name: &str,
    record: &Record,
    written: Millis,
) -> Option<SealedRecord> {
    let mut row = SealedRecord {
        name: key.name(&of.connection, of.kind, name),
        person: record.person.as_ref().map(|person| key.person(&of.connection, person)),
        expires: record.expires,
        written,
        sealed: Vec::new(),
    };
    let nonce: [u8; NONCE] = rand::random();
    let plain = written_out(name, record)?;
    let payload = Payload { msg: &plain, aad: &beside(of, &row) };
    let cipher = XChaCha20Poly1305::new((&*key.seal).into());
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
    row.sealed = [&[FORM][..], &nonce, &sealed].concat();
    Some(row)
}

/// Opens a record; gives its name too.
pub(super) fn open(key: &VaultKey, of: &RecordsOf, row: &SealedRecord) -> Result<(String, Record), Altered> {
    let (form, rest) = row.sealed.split_first().ok_or(Altered)?;
    let (nonce, sealed) = rest.split_first_chunk::<NONCE>().ok_or(Altered)?;
    if *form != FORM {
        return Err(Altered);
    }
    let payload = Payload { msg: sealed, aad: &beside(of, row) };
    let cipher = XChaCha20Poly1305::new((&*key.seal).into());
    let plain = Zeroizing::new(cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Altered)?);
    read(&plain, row.expires).ok_or(Altered)
}

/// What is authenticated beside the sealed part. With its length before each part, no two rows have the same text.
fn beside(of: &RecordsOf, row: &SealedRecord) -> Vec<u8> {
    let expires = row.expires.map(|at| at.0.to_le_bytes());
    let written = row.written.0.to_le_bytes();
    let parts: [&[u8]; 7] = [
        &[FORM],
        of.connection.as_str().as_bytes(),
        of.kind.as_bytes(),
        &row.name,
        row.person.as_ref().map_or(&[], |person| &person[..]),
        expires.as_ref().map_or(&[], |at| &at[..]),
        &written,
    ];
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_le_bytes());
        text.extend_from_slice(part);
    }
    text
}

/// Name, person and value, each with its length. Made in one piece, so that no copy of it stays behind.
fn written_out(name: &str, record: &Record) -> Option<Zeroizing<Vec<u8>>> {
    let person = record.person.as_ref().map_or("", SenderId::as_str);
    let value = record.value.expose_secret();
    let mut plain = Zeroizing::new(Vec::with_capacity(13 + name.len() + person.len() + value.len()));
    plain.push(u8::from(record.person.is_some()));
    for part in [name, person, value] {
        plain.extend_from_slice(&u32::try_from(part.len()).ok()?.to_le_bytes());
        plain.extend_from_slice(part.as_bytes());
    }
    Some(plain)
}

fn read(plain: &[u8], expires: Option<Millis>) -> Option<(String, Record)> {
    let (has_person, mut rest) = plain.split_first()?;
    let mut part = || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (part, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        rest = after;
        std::str::from_utf8(part).ok()
    };
    let (name, person, value) = (part()?, part()?, part()?);
    let person = (*has_person == 1).then(|| SenderId::from(person));
    rest.is_empty().then(|| (name.to_owned(), Record { person, expires, value: SecretString::from(value) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> VaultKey {
        VaultKey::new([7; 32])
    }

    fn of(connection: &str, kind: &'static str) -> RecordsOf {
        RecordsOf { connection: connection.into(), kind, key: key().id() }
    }

    fn record(person: Option<&str>, expires: Option<u64>, value: &str) -> Record {
        Record { person: person.map(SenderId::from), expires: expires.map(Millis), value: value.into() }
    }

    fn sealed(record: &Record) -> SealedRecord {
        seal(&key(), &of("shop", "grant"), "u1", record, Millis(5)).unwrap()
    }

    fn opens(row: &SealedRecord) -> bool {
        open(&key(), &of("shop", "grant"), row).is_ok()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_as_it_was(
            name in ".*", person in prop::option::of(".*"), expires in any::<Option<u64>>(), value in ".*",
        ) {
            let written = record(person.as_deref(), expires, &value);
            let row = seal(&key(), &of("shop", "grant"), &name, &written, Millis(5)).unwrap();
            let (read_name, read) = open(&key(), &of("shop", "grant"), &row).unwrap();
            prop_assert_eq!((read_name, read.person, read.expires), (name, written.person, written.expires));
            prop_assert_eq!(read.value.expose_secret(), value);
        }

        #[test]
        fn a_bit_that_was_flipped_anywhere_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut row = sealed(&record(Some("u1"), Some(9), "a token"));
            let at = at.index(row.sealed.len());
            row.sealed[at] ^= 1 << bit;
            prop_assert!(!opens(&row));
        }

        #[test]
        fn no_bytes_make_it_panic(sealed in prop::collection::vec(any::<u8>(), 0..100)) {
            let row = SealedRecord { sealed, ..self::sealed(&record(None, None, "")) };
            prop_assert!(!opens(&row));
        }
    }

    #[test]
    fn whose_it_is_when_it_ends_and_where_it_stands_cannot_be_changed() {
        let row = sealed(&record(Some("u1"), Some(9), "a token"));
        assert!(opens(&row));
        let other = seal(&key(), &of("shop", "grant"), "u2", &record(None, None, ""), Millis(5)).unwrap();
        for changed in [
            SealedRecord { name: other.name, ..row.clone() },
            SealedRecord { person: None, ..row.clone() },
            SealedRecord { person: Some([0; 16]), ..row.clone() },
            SealedRecord { expires: None, ..row.clone() },
            SealedRecord { expires: Some(Millis(10)), ..row.clone() },
            SealedRecord { written: Millis(6), ..row.clone() },
            SealedRecord { sealed: other.sealed.clone(), ..row.clone() },
        ] {
            assert!(!opens(&changed), "{changed:?}");
        }
        for elsewhere in [of("other", "grant"), of("shop", "link"), of("shopg", "rant")] {
            assert_eq!(open(&key(), &elsewhere, &row).unwrap_err(), Altered);
        }
        assert_eq!(open(&VaultKey::new([8; 32]), &of("shop", "grant"), &row).unwrap_err(), Altered);
    }

    #[test]
    fn the_same_record_is_sealed_otherwise_each_time_and_holds_nothing_to_be_read() {
        let record = record(Some("u1"), None, "a token");
        let (one, other) = (sealed(&record), sealed(&record));
        assert_ne!(one.sealed, other.sealed);
        for text in ["a token", "u1"] {
            assert!(!one.sealed.windows(text.len()).any(|window| window == text.as_bytes()));
        }
        assert!(!format!("{record:?}").contains("token"));
    }

    #[test]
    fn a_row_that_another_program_sealed_in_another_form_is_not_guessed_at() {
        let mut row = sealed(&record(None, None, "a token"));
        row.sealed[0] = 2;
        assert!(!opens(&row));
    }
}
