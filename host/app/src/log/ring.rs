//! The newest lines of the log, kept in memory for those who follow them.
//!
//! A reader has a place in the ring and nothing else: no queue of its own, so readers cost nothing,
//! however slow they are, and nobody who writes a line waits for one. A reader that is overtaken is
//! told how many lines it missed and goes on with the oldest that there is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::stream::{self, Stream};
use tokio::sync::watch;

/// Bytes of lines that are kept: some thousand lines, hours of a host that is well.
const BYTES: usize = 1 << 20;

/// What a line takes besides its text, roughly.
const FRAME: usize = 64;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The bot that it is about, or that wrote it.
    pub(crate) bot: Option<Arc<str>>,
    /// An object of JSON, without a line break.
    pub(crate) json: Arc<str>,
}

impl Line {
    fn weight(&self) -> usize {
        FRAME + self.json.len() + self.bot.as_ref().map_or(0, |bot| bot.len())
    }
}

/// The newest lines.
#[derive(Debug)]
pub(crate) struct Ring {
    lines: Mutex<Lines>,
    /// The number of the next line, for those who wait for it.
    next: watch::Sender<u64>,
    most: usize,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    /// The number of the first that is kept; lines are counted from 0.
    first: u64,
    bytes: usize,
}

impl Lines {
    /// The number of the next line.
    fn next(&self) -> u64 {
        self.first + self.kept.len() as u64
    }
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A line.
    Line(Arc<str>),
    /// So many lines, of any bot, came and went since the last that was read.
    Missed(u64),
}

impl Default for Ring {
    fn default() -> Self {
        Self::of(BYTES)
    }
}

impl Ring {
    fn of(most: usize) -> Self {
        Self { lines: Mutex::default(), next: watch::Sender::new(0), most }
    }

    /// Keeps a line; the oldest go for it. One that has no room by itself counts as one that came and went.
    pub(crate) fn push(&self, line: Line) {
        let mut lines = self.lock();
        lines.bytes += line.weight();
        lines.kept.push_back(line);
        while lines.bytes > self.most
            && let Some(oldest) = lines.kept.pop_front()
        {
            lines.bytes -= oldest.weight();
            lines.first += 1;
        }
        // Under the lock, so that the number never goes back.
        self.next.send_replace(lines.next());
    }

    /// A reader of what is kept, of one bot or of all, that goes on with what comes if it is to `follow`.
    pub(crate) fn read(self: &Arc<Self>, bot: Option<&str>, follow: bool) -> Reader {
        let (next, until) = {
            let lines = self.lock();
            (lines.first, (!follow).then(|| lines.next()))
        };
        Reader { ring: self.clone(), next, until, bot: bot.map(Arc::from) }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Lines change by whole calls, so a panic elsewhere leaves them sound.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who reads the ring.
#[derive(Debug)]
pub(crate) struct Reader {
    ring: Arc<Ring>,
    /// The number of the line to read next.
    next: u64,
    /// Where it ends; absent for one who follows.
    until: Option<u64>,
    bot: Option<Arc<str>>,
}

impl Reader {
    /// What comes next; waits for it if the reader follows, and gives `None` at the end if not. Dropping
    /// the future loses no line.
    pub(crate) async fn next(&mut self) -> Option<Read> {
        loop {
            if let Some(read) = self.ready() {
                return Some(read);
            }
            if self.until.is_some() {
                return None;
            }
            let next = self.next;
            let mut newest = self.ring.next.subscribe();
            // The sender is in the ring, which is held here.
            let _open = newest.wait_for(|newest| *newest > next).await;
        }
    }

    /// What it reads as lines of JSON, each with its line break: lines of the log, and `{"missed":…}`.
    pub(crate) fn lines(self) -> impl Stream<Item = String> + Send + 'static {
        stream::unfold(self, |mut reader| async {
            let line = match reader.next().await? {
                Read::Line(json) => format!("{json}\n"),
                Read::Missed(lines) => format!("{{\"missed\":{lines}}}\n"),
            };
            Some((line, reader))
        })
    }

    /// What there is to read without waiting. Moves past lines of other bots.
    fn ready(&mut self) -> Option<Read> {
        let lines = self.ring.lock();
        let end = self.until.unwrap_or(u64::MAX).min(lines.next());
        let missed = lines.first.min(end).saturating_sub(self.next);
        if missed > 0 {
            self.next += missed;
            return Some(Read::Missed(missed));
        }
        let skip = usize::try_from(self.next.saturating_sub(lines.first)).unwrap_or(usize::MAX);
        let left = usize::try_from(end.saturating_sub(self.next)).unwrap_or(usize::MAX);
        let wanted = |line: &Line| self.bot.is_none() || line.bot == self.bot;
        let found = lines.kept.range(skip.min(lines.kept.len())..).take(left).position(wanted);
        match found {
            None => {
                self.next = self.next.max(end);
                None
            }
            Some(at) => {
                self.next += at as u64 + 1;
                lines.kept.get(skip + at).map(|line| Read::Line(line.json.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, StreamExt};

    use super::*;

    fn line(bot: Option<&str>, text: &str) -> Line {
        Line { bot: bot.map(Arc::from), json: text.into() }
    }

    /// What a reader gets without waiting.
    fn all(reader: &mut Reader) -> Vec<Read> {
        std::iter::from_fn(|| reader.next().now_or_never().flatten()).collect()
    }

    fn texts(read: &[Read]) -> Vec<&str> {
        read.iter()
            .map(|read| match read {
                Read::Line(text) => &**text,
                Read::Missed(_) => "missed",
            })
            .collect()
    }

    #[test]
    fn who_follows_gets_what_was_kept_and_what_comes() {
        let ring = Arc::new(Ring::default());
        ring.push(line(None, "1"));
        let (mut follows, mut reads) = (ring.read(None, true), ring.read(None, false));
        assert_eq!(texts(&all(&mut follows)), ["1"]);
        ring.push(line(None, "2"));
        assert_eq!(texts(&all(&mut follows)), ["2"]);
        assert_eq!(texts(&all(&mut reads)), ["1"], "what came after the question is not part of the answer");
        assert_eq!(reads.next().now_or_never(), Some(None));
        assert_eq!(follows.next().now_or_never(), None);
    }

    #[test]
    fn one_bot_is_followed_without_the_others() {
        let ring = Arc::new(Ring::default());
        for (bot, text) in [(Some("a"), "1"), (None, "2"), (Some("b"), "3"), (Some("a"), "4")] {
            ring.push(line(bot, text));
        }
        assert_eq!(texts(&all(&mut ring.read(Some("a"), false))), ["1", "4"]);
        assert_eq!(texts(&all(&mut ring.read(Some("nobody"), false))), Vec::<&str>::new());
        assert_eq!(texts(&all(&mut ring.read(None, false))), ["1", "2", "3", "4"]);
    }

    #[test]
    fn a_slow_reader_is_told_how_many_lines_it_missed_and_holds_nobody_up() {
        let ring = Arc::new(Ring::of(10 * (FRAME + 2)));
        ring.push(line(None, "00"));
        let mut slow = ring.read(None, true);
        assert_eq!(texts(&all(&mut slow)), ["00"]);
        for number in 1..=50 {
            ring.push(line(None, &format!("{number:02}")));
        }
        let read = all(&mut slow);
        assert_eq!(read[0], Read::Missed(40));
        assert_eq!(texts(&read[1..]), ["41", "42", "43", "44", "45", "46", "47", "48", "49", "50"]);
    }

    #[test]
    fn the_log_is_bounded_by_bytes_whatever_is_written() {
        let ring = Arc::new(Ring::of(1000));
        for number in 0..200 {
            ring.push(line(Some("bot"), &"x".repeat(number * 7)));
            let lines = ring.lock();
            assert!(lines.bytes <= 1000);
            assert_eq!(lines.bytes, lines.kept.iter().map(Line::weight).sum::<usize>());
        }
        // The last have no room by themselves.
        assert_eq!(all(&mut ring.read(None, false)), Vec::new());
        let mut follows = ring.read(None, true);
        ring.push(line(None, &"x".repeat(2000)));
        ring.push(line(None, "small"));
        assert_eq!(all(&mut follows), [Read::Missed(1), Read::Line("small".into())]);
    }

    #[test]
    fn what_is_read_is_one_object_a_line() {
        let ring = Arc::new(Ring::of(2 * (FRAME + 2)));
        let reader = ring.read(None, true);
        for _ in 0..3 {
            ring.push(line(None, "{}"));
        }
        let lines: Vec<_> = reader.lines().take(3).collect::<Vec<_>>().now_or_never().unwrap();
        assert_eq!(lines.concat(), "{\"missed\":1}\n{}\n{}\n");
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_the_next_line() {
        let ring = Arc::new(Ring::default());
        let mut reader = ring.read(Some("a"), true);
        let waiting = tokio::spawn(async move { reader.next().await });
        tokio::task::yield_now().await;
        ring.push(line(Some("b"), "not for it"));
        tokio::task::yield_now().await;
        ring.push(line(Some("a"), "for it"));
        assert_eq!(waiting.await.unwrap(), Some(Read::Line("for it".into())));
    }
}
