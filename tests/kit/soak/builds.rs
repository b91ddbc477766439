//! One program in many builds, good ones and bad ones, without compiling it more than once.

use std::fmt::{self, Display};

use sha2::{Digest, Sha256};

use crate::{beside, component, noted};

/// What `guests` has in it for its build: its kind, and its number.
const BUILD: &[u8; 17] = b"build-good-000000";

/// What a build is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It answers `build TEXT` with `good-NUMBER TEXT`.
    Good,
    /// It imports what is not granted.
    Unlinkable,
    /// Half of its file is missing.
    Truncated,
    /// It traps as soon as there is an instance of it.
    TrapsAtOnce,
    /// It never ends to begin.
    Hangs,
    /// It begins well, and traps at each message.
    TrapsAtMessages,
}

impl Kind {
    /// Those that must not serve, or not for long.
    pub const BAD: [Self; 5] =
        [Self::Unlinkable, Self::Truncated, Self::TrapsAtOnce, Self::Hangs, Self::TrapsAtMessages];

    /// What becomes of such a file, in the words of `hodhod generations`.
    pub fn fate(self) -> &'static str {
        match self {
            Self::Good => "applied",
            Self::Unlinkable | Self::Truncated | Self::TrapsAtOnce | Self::Hangs => "rejected",
            Self::TrapsAtMessages => "rolled-back",
        }
    }
}

/// What it does, after "a build that".
impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Good => "is good",
            Self::Unlinkable => "imports what is not granted",
            Self::Truncated => "is half of a file",
            Self::TrapsAtOnce => "traps as it begins",
            Self::Hangs => "hangs as it begins",
            Self::TrapsAtMessages => "traps at each message",
        })
    }
}

/// Makes builds.
#[derive(Debug)]
pub struct Builds {
    guests: Vec<u8>,
    place: usize,
    unlinkable: Vec<u8>,
}

impl Default for Builds {
    /// # Panics
    /// Where the guests are not built, or have their build in them other than once.
    fn default() -> Self {
        let read = |name| std::fs::read(component(name)).expect("a component can be read");
        let guests = read("guests");
        let mut places = (0..guests.len()).filter(|place| guests[*place..].starts_with(BUILD));
        let place = places.next().expect("the guests know their build");
        assert_eq!(places.next(), None, "the build stands there once");
        Self { place, unlinkable: read("guests_http"), guests }
    }
}

impl Builds {
    /// The file of a build. No two of them are the same.
    pub fn make(&self, kind: Kind, number: u32) -> Vec<u8> {
        let marked = |kind: &str| {
            let mut bytes = self.guests.clone();
            let mark = format!("build-{kind}-{number:06}");
            bytes[self.place..self.place + BUILD.len()].copy_from_slice(mark.as_bytes());
            bytes
        };
        match kind {
            Kind::Good => marked("good"),
            Kind::Unlinkable => noted(&self.unlinkable, number),
            Kind::Truncated => {
                let mut bytes = marked("half");
                bytes.truncate(bytes.len() / 2);
                bytes
            }
            Kind::TrapsAtOnce => beside(&marked("dies"), "(module (func $s unreachable) (start $s))", 1),
            Kind::Hangs => beside(&marked("hang"), "(module (func $s (loop (br 0))) (start $s))", 1),
            Kind::TrapsAtMessages => marked("trap"),
        }
    }
}

/// The SHA-256 of a file, as the host writes it.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
