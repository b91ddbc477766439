//! Every limit of a bot: one row each, in one table.
//!
//! The table is the only place where a limit has its number. The struct that the code reads, the
//! keys of the configuration, the limits that a manifest may ask for and `docs/limits.md` are made
//! from it, so none of them can differ from another.

use std::fmt::{self, Write as _};
use std::time::Duration;

/// What a number of a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Time,
    /// Things.
    Count,
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name: the key in the configuration, in a manifest and in what is told when it is reached.
    pub name: &'static str,
    /// What it bounds.
    pub what: &'static str,
    /// What its number counts.
    pub unit: Unit,
    /// The number where nobody says otherwise.
    pub default: u64,
    /// The numbers that an operator may choose; `None` where it is fixed.
    pub range: Option<(u64, u64)>,
    /// What happens when it is reached.
    pub reached: &'static str,
}

/// Why a limit cannot have a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is no such limit.
    #[error("there is no such limit")]
    Unknown,
    /// It is not for the operator to choose.
    #[error("it is fixed")]
    Fixed,
    /// It is outside of what can be chosen.
    #[error("must be from {least} to {most}")]
    Range {
        /// The smallest.
        least: Amount,
        /// The largest.
        most: Amount,
    },
}

/// A number with its unit, as a person writes it: `32 MiB`, `5 s`, `64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The number.
    pub number: u64,
    /// What it counts.
    pub unit: Unit,
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const BYTES: [(u64, &str); 4] = [(1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B")];
        const TIME: [(u64, &str); 4] = [(3_600_000, " h"), (60_000, " min"), (1000, " s"), (1, " ms")];
        let units = match self.unit {
            Unit::Bytes => &BYTES,
            Unit::Time => &TIME,
            Unit::Count => return write!(f, "{}", self.number),
        };
        let fits = |(size, _): &&(u64, &str)| self.number >= *size && self.number.is_multiple_of(*size);
        match units.iter().find(fits) {
            Some((size, name)) => write!(f, "{}{name}", self.number / size),
            None => write!(f, "{}{}", self.number, units[3].1),
        }
    }
}

/// A type that a limit has in code.
trait Number: Sized {
    fn from_number(number: u64) -> Self;
    fn to_number(&self) -> u64;
}

impl Number for u64 {
    fn from_number(number: u64) -> Self {
        number
    }

    fn to_number(&self) -> u64 {
        *self
    }
}

impl Number for usize {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn to_number(&self) -> u64 {
        *self as u64
    }
}

impl Number for u32 {
    fn from_number(number: u64) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }

    fn to_number(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for Duration {
    fn from_number(number: u64) -> Self {
        Self::from_millis(number)
    }

    fn to_number(&self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;

macro_rules! limits {
    (
        $( $(#[doc = $what:literal])+ $name:ident: $type:ty = $default:expr, $least:expr => $most:expr, $unit:ident, $reached:literal; )+
        fixed: $( $(#[doc = $fixed_what:literal])+ $fixed:ident / $constant:ident: $fixed_type:ty = $number:expr, $fixed_unit:ident, $fixed_reached:literal; )+
    ) => {
        /// How much a bot may use.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits {
            $( $(#[doc = $what])+ pub $name: $type, )+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $name: <$type>::from_number($default), )+ }
            }
        }

        impl Limits {
            /// The number of a limit; `None` if there is no such limit.
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $( stringify!($name) => Some(self.$name.to_number()), )+
                    $( stringify!($fixed) => Some($number), )+
                    _ => None,
                }
            }

            /// Those that are not the usual ones.
            pub fn chosen(&self) -> impl Iterator<Item = (&'static Row, u64)> {
                let number = |row: &Row| self.get(row.name).filter(|number| row.range.is_some() && *number != row.default);
                TABLE.iter().filter_map(move |row| Some((row, number(row)?)))
            }

            /// Chooses the number of a limit.
            ///
            /// # Errors
            /// Where there is no such limit, it is fixed, or the number is out of its range.
            pub fn set(&mut self, name: &str, number: u64) -> Result<(), LimitError> {
                let row = row(name).ok_or(LimitError::Unknown)?;
                let (least, most) = row.range.ok_or(LimitError::Fixed)?;
                if !(least..=most).contains(&number) {
                    let amount = |number| Amount { number, unit: row.unit };
                    return Err(LimitError::Range { least: amount(least), most: amount(most) });
                }
                match name {
                    $( stringify!($name) => self.$name = <$type>::from_number(number), )+
                    _ => return Err(LimitError::Unknown),
                }
                Ok(())
            }
        }

        $( $(#[doc = $fixed_what])+ pub const $constant: $fixed_type = $number; )+

        /// Every limit.
        pub const TABLE: &[Row] = &[
            $( Row {
                name: stringify!($name),
                what: concat!($($what),+),
                unit: Unit::$unit,
                default: $default,
                range: Some(($least, $most)),
                reached: $reached,
            }, )+
            $( Row {
                name: stringify!($fixed),
                what: concat!($($fixed_what),+),
                unit: Unit::$fixed_unit,
                default: $number,
                range: None,
                reached: $fixed_reached,
            }, )+
        ];
    };
}

limits! {
    /// memory of a turn, over all memories and tables of the component
    memory: u64 = 32 * MIB, MIB => 4 * GIB, Bytes, "growing is refused; a bot that then gives up fails with `memory`";
    /// processor time of a turn
    cpu: Duration = 100, 1 => 60 * SECOND, Time, "the turn fails with `cpu`";
    /// time of a turn from start to end, waiting included
    wall: Duration = 5 * SECOND, 1 => 10 * 60 * SECOND, Time, "the turn fails with `wall`";
    /// turns of the bot under way at once
    turns: usize = 64, 1 => 10_000, Count, "the next ones wait";
    /// messages a turn may send
    sends: usize = 32, 0 => 10_000, Count, "`quota-exceeded`";
    /// messages the bot may send in a minute
    sends_minute: u64 = 60_000, 1 => 100_000_000, Count, "`rate-limited` until the minute is over";
    /// messages the bot may send to one chat in a minute
    sends_chat_minute: u64 = 6000, 1 => 100_000_000, Count, "`rate-limited` until the minute is over";
    /// different values a turn may read
    reads: usize = 1024, 1 => 100_000, Count, "`quota-exceeded`";
    /// values a turn may write
    writes: usize = 256, 0 => 10_000, Count, "`quota-exceeded`";
    /// bytes of messages, values, keys and timers in one turn; overwriting counts again
    buffer: usize = MIB, KIB => 64 * MIB, Bytes, "`quota-exceeded`";
    /// bytes of one stored value
    value: usize = 64 * KIB, 1 => 2 * MIB, Bytes, "`too-large`";
    /// bytes of one key, and of the id of a timer
    key: usize = 256, 1 => 4 * KIB, Bytes, "`too-large`";
    /// keys in one bucket
    bucket_keys: u64 = 10_000, 1 => 1_000_000_000, Count, "`quota-exceeded`";
    /// bytes of keys and values in one bucket
    bucket_bytes: u64 = 16 * MIB, 1 => 1024 * GIB, Bytes, "`quota-exceeded`";
    /// keys of the bot in all buckets
    bot_keys: u64 = 1_000_000, 1 => 1_000_000_000, Count, "`quota-exceeded`";
    /// bytes of keys and values of the bot in all buckets
    bot_bytes: u64 = 256 * MIB, 1 => 1024 * GIB, Bytes, "`quota-exceeded`";
    /// bytes of what a timer brings its bot
    payload: usize = 4 * KIB, 0 => 64 * KIB, Bytes, "`too-large`";
    /// timers of the bot that stand
    timers: u64 = 10_000, 0 => 10_000_000, Count, "`quota-exceeded`";
    /// log lines of one turn, those of standard output and error included
    log_lines: usize = 64, 0 => 10_000, Count, "the others are dropped, and their number is logged";
    /// bytes of one log line
    log_line: usize = 4 * KIB, 16 => 64 * KIB, Bytes, "the line is cut";
    /// log lines of the bot in a minute
    log_lines_minute: u64 = 6000, 0 => 1_000_000, Count, "the others are dropped, and their number is logged";
    /// bytes of log lines of the bot in a minute
    log_bytes_minute: u64 = MIB, 0 => GIB, Bytes, "the others are dropped, and their number is logged";
    /// turns that one instance serves, one after another; what the bot keeps in its memory stays for the next
    reuse: u64 = 1, 1 => 1_000_000, Count, "the next turn gets a fresh instance";
    /// bytes of a file that the bot reads
    download: u64 = 32 * MIB, 1 => GIB, Bytes, "`too-large`";
    /// bytes of a file that the bot uploads
    upload: u64 = 32 * MIB, 1 => GIB, Bytes, "`too-large`";
    /// files that a turn may read or upload
    files: usize = 8, 0 => 1000, Count, "`quota-exceeded`";
    /// HTTP requests of the bot in a minute
    http_minute: u64 = 600, 1 => 1_000_000, Count, "the request fails until the minute is over: `connection-limit-reached`";
    /// HTTP requests of the bot under way at once
    http_at_once: usize = 8, 1 => 1000, Count, "the next ones wait";
    /// bytes of the body of an HTTP request
    http_request: u64 = MIB, 0 => GIB, Bytes, "the request fails: `HTTP-request-body-size`";
    /// bytes of the body of an HTTP response
    http_response: u64 = 4 * MIB, 0 => GIB, Bytes, "the body fails: `HTTP-response-body-size`";
    /// header fields of an HTTP request or response
    http_headers: usize = 64, 1 => 256, Count, "the request fails: `HTTP-request-header-section-size`, `HTTP-response-header-section-size`";
    /// time of an HTTP request from start to the end of its response; never more than is left of the turn
    http_time: Duration = 10 * SECOND, 1 => 10 * 60 * SECOND, Time, "the request fails: `connection-timeout`, `HTTP-response-timeout`";
    /// requests of the bot to a platform itself (`hodhod:divar`) in a minute
    platform_minute: u64 = 600, 1 => 1_000_000, Count, "`rate-limited` until the minute is over";
    /// requests of the bot to a platform itself under way at once
    platform_at_once: usize = 8, 1 => 1000, Count, "the next ones wait";
    /// bytes of a platform's own answer, as JSON
    platform_answer: usize = 256 * KIB, KIB => 2 * MIB, Bytes, "`too-large`";
    /// time of a request to a platform itself; never more than is left of the turn
    platform_time: Duration = 3 * SECOND, 1 => 10 * 60 * SECOND, Time, "`timeout`";
    /// events waiting in one chat
    waiting_chat: usize = 10_000, 1 => 10_000_000, Count, "an arrival becomes a dead letter";
    /// events waiting in all chats
    waiting: usize = 100_000, 1 => 100_000_000, Count, "an arrival becomes a dead letter";
    /// tries of an event
    attempts: u32 = 5, 1 => 1000, Count, "the event becomes a dead letter";
    /// wait after the first failed try of an event; it doubles with each further one
    backoff: Duration = SECOND, 1 => HOUR, Time, "the event is tried again";
    /// failures in a row after which the bot rests, longer each time
    failures: u32 = 10, 1 => 1_000_000, Count, "the bot is degraded; its events wait";
    /// rests in a row after which the bot is quarantined
    rests: u32 = 8, 1 => 1000, Count, "the bot is quarantined until the operator releases it";

    fixed:
    /// stack of the component
    stack / STACK: usize = 512 << 10, Bytes, "the turn fails with `stack`";
    /// core instances of one component
    instances / INSTANCES: u32 = 64, Count, "it does not load, or the turn fails with `quota`";
    /// memories of one component
    memories / MEMORIES: u32 = 8, Count, "it does not load, or the turn fails with `quota`";
    /// tables of one component
    tables / TABLES: u32 = 64, Count, "it does not load, or the turn fails with `quota`";
    /// bytes of a component's file
    component / COMPONENT: u64 = 64 << 20, Bytes, "it does not load";
    /// bytes of a manifest
    manifest / MANIFEST: usize = 64 << 10, Bytes, "it does not load";
    /// bytes of strings and lists that one call takes out of the component
    host_call / HOST_CALL: usize = 4 << 20, Bytes, "the turn fails with `quota`";
    /// handles that the component holds at once
    handles / HANDLES: usize = 1024, Count, "the turn fails with `quota`";
    /// buckets, streams, requests and other resources that the host keeps for a turn
    resources / RESOURCES: usize = 256, Count, "a bucket or an upload: `quota-exceeded`; what else it opens: the turn fails with `quota`";
    /// random bytes in one call
    random / RANDOM: u64 = 64 << 10, Bytes, "the turn fails with `quota`";
    /// bytes in one call that reads or writes a file
    piece / PIECE: usize = 1 << 20, Bytes, "`too-large`";
    /// bytes of the head of an HTTP request or response
    http_head / HTTP_HEAD: usize = 64 << 10, Bytes, "the request fails: `HTTP-request-header-section-size`, `HTTP-response-header-section-size`";
    /// bytes of what one request tells a platform itself, as JSON
    platform_request / PLATFORM_REQUEST: usize = 16 << 10, Bytes, "`too-large`";
    /// memory for compiling a component
    compile_memory / COMPILE_MEMORY: u64 = 4 << 30, Bytes, "it does not load";
    /// processor time for compiling a component
    compile_cpu / COMPILE_CPU: u64 = 240_000, Time, "it does not load";
    /// time for compiling a component
    compile_time / COMPILE_TIME: u64 = 300_000, Time, "it does not load";
    /// bytes of a component's compiled code
    compiled / COMPILED: u64 = 512 << 20, Bytes, "it does not load";
    /// components whose compiled code is kept
    cache_entries / CACHE_ENTRIES: usize = 64, Count, "what was not used for longest is removed, and compiled anew when it is loaded";
    /// bytes of compiled code that is kept
    cache_bytes / CACHE_BYTES: u64 = 2 << 30, Bytes, "what was not used for longest is removed, and compiled anew when it is loaded";
}

/// The limit of this name.
pub fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

impl Row {
    /// A number of this limit, for a person.
    pub fn amount(&self, number: u64) -> Amount {
        Amount { number, unit: self.unit }
    }
}

/// `docs/limits.md`: the table, with what has to be known to read it.
pub fn page() -> String {
    let mut page = String::from(
        "# Limits\n\n\
         Every limit of a bot. `hodhod limits` prints this page, from the table that the program works with.\n\n\
         A limit with a range is a key of `limits` in the bot's part of [the configuration](configuration.md), and a\n\
         plugin may ask for it in [its manifest](grants.md). A refusal such as `quota-exceeded` is a value: the import\n\
         returns it, with the name of the quota or the size that is allowed or how long to wait, and the bot may go on.\n\
         A failure ends the turn, which then has no effects, and counts as a try of its event. The operator is warned\n\
         in the log when 80 % of a quota is used, once an hour for each quota of a bot.\n\n\
         Each limit has a test whose name begins with `limit_` and the limit's name. What is counted over many turns is\n\
         counted as of the disk: turns under way at the same moment may go beyond it by what they write.\n\n\
         The bounds of the host, of its connections and of its store are in [bounds.md](bounds.md).\n\n\
         | limit | what | number | from – to | when it is reached |\n|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let range = row.range.map_or_else(
            || "fixed".to_owned(),
            |(least, most)| format!("{} – {}", row.amount(least), row.amount(most)),
        );
        let (name, what, default, reached) = (row.name, row.what.trim(), row.amount(row.default), row.reached);
        // Writing to a string cannot fail.
        let _infallible = writeln!(page, "| `{name}` | {what} | {default} | {range} | {reached} |");
    }
    page
}

#[cfg(test)]
mod tests;
