//! People who write at a steady rate whatever becomes of the host, and a record of what was said to
//! whom and when, on the messenger's side: what the host says of itself is not asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hodhod_platforms::playground::soroush::{Sent, SoroushServer};
use tokio::task::JoinHandle;

use crate::TOKEN;

/// How often it is looked whether somebody has to write.
const BEAT: Duration = Duration::from_millis(1);

/// How often what was sent is taken from the messenger, which keeps when each was sent.
const LOOK: Duration = Duration::from_millis(20);

/// An answer of a bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The message that it answers.
    pub message: usize,
    /// The build that says so.
    pub build: u32,
    /// The chat where it came.
    pub chat: usize,
    /// When the messenger had it.
    pub at: Instant,
}

/// What was said and answered.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// When each message was written. They are numbered from 0, and go to the chats in turn.
    pub said: Vec<Instant>,
    /// The answers, as the messenger got them.
    pub answers: Vec<Answer>,
    /// What came and is no answer to anything.
    pub strays: Vec<String>,
}

impl Book {
    fn note(&mut self, sent: &Sent) {
        let read = || {
            let (build, message) = sent.body().strip_prefix("good-")?.split_once(' ')?;
            let chat = sent.to().strip_prefix("person-")?;
            Some(Answer {
                message: message.parse().ok().filter(|message| *message < self.said.len())?,
                build: build.parse().ok()?,
                chat: chat.parse().ok()?,
                at: sent.at,
            })
        };
        match read() {
            Some(answer) => self.answers.push(answer),
            None => self.strays.push(format!("{}: {}", sent.to(), sent.body())),
        }
    }

    /// How long the first answer took to each of the messages that were written at such a time.
    pub fn latencies(&self, counts: impl Fn(Instant) -> bool) -> Vec<Duration> {
        let mut first = vec![None; self.said.len()];
        for answer in &self.answers {
            first[answer.message].get_or_insert(answer.at);
        }
        let both = self.said.iter().zip(first).filter(|(said, _)| counts(**said));
        both.filter_map(|(said, at)| Some(at?.saturating_duration_since(*said))).collect()
    }
}

/// People who write.
pub struct Traffic {
    line: Arc<Line>,
    writing: Option<JoinHandle<()>>,
    reading: JoinHandle<()>,
}

struct Line {
    server: SoroushServer,
    chats: usize,
    book: Mutex<Book>,
}

impl Traffic {
    /// So many messages a second, over so many chats, until [`hush`](Self::hush).
    pub fn start(server: &SoroushServer, a_second: f64, chats: usize) -> Self {
        let line = Arc::new(Line { server: server.clone(), chats, book: Mutex::default() });
        let (writer, reader) = (line.clone(), line.clone());
        let writing = tokio::spawn(async move {
            let (began, mut beats) = (Instant::now(), tokio::time::interval(BEAT));
            loop {
                beats.tick().await;
                while (writer.book().said.len() as f64) < began.elapsed().as_secs_f64() * a_second {
                    writer.say();
                }
            }
        });
        let reading = tokio::spawn(async move {
            let mut looks = tokio::time::interval(LOOK);
            loop {
                looks.tick().await;
                reader.read();
            }
        });
        Self { line, writing: Some(writing), reading }
    }

    /// Nobody writes any more.
    pub async fn hush(&mut self) {
        if let Some(writing) = self.writing.take() {
            writing.abort();
            // Cancelled, which is what was wanted.
            let _cancelled = writing.await;
        }
    }

    /// One more message. Gives its number.
    pub fn say(&self) -> usize {
        self.line.say()
    }

    /// True if this message was answered.
    pub fn is_answered(&self, message: usize) -> bool {
        self.line.book().answers.iter().rev().any(|answer| answer.message == message)
    }

    /// True if a build has answered since then.
    pub fn has_answered(&self, build: u32, since: Instant) -> bool {
        let book = self.line.book();
        book.answers.iter().rev().take_while(|answer| answer.at >= since).any(|answer| answer.build == build)
    }

    /// The whole record.
    pub async fn end(mut self) -> Book {
        self.hush().await;
        self.reading.abort();
        self.line.read();
        let mut book = self.line.book();
        std::mem::take(&mut *book)
    }
}

impl Line {
    fn say(&self) -> usize {
        let mut book = self.book();
        let message = book.said.len();
        book.said.push(Instant::now());
        let chat = format!("person-{}", message % self.chats);
        // Under the lock of the book, so that the messenger numbers its messages in the same way.
        self.server.say(TOKEN, &chat, &format!("build {message}")).expect("the messenger takes it");
        message
    }

    fn read(&self) {
        let mut book = self.book();
        let sent = self.server.take_sent(TOKEN).expect("the token is known");
        sent.iter().for_each(|sent| book.note(sent));
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
