//! A messenger that calls: so many events a second on so many connections, with `kill -9` of the host in the middle.
//! What the host does not answer with 200 is pushed again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use hodhod_platforms::playground::divar::{Outcome, Person, Pushing, Sent, Settings};
use serde_json::Value;

use crate::{BotSetup, DivarSetup, Running, eventually};

/// How often it is looked whether somebody has to write.
const BEAT: Duration = Duration::from_millis(1);

/// How often what happened is taken from the messenger, which has no room for all of it.
const LOOK: Duration = Duration::from_millis(100);

/// How many people write. Each has a conversation, whose events go one after the other.
const PEOPLE: usize = 1000;

/// What is done to a host.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Events a second.
    pub rate: f64,
    /// For how long.
    pub length: Duration,
    /// Connections of the messenger.
    pub connections: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Flooded {
    /// Messages that were written.
    pub said: usize,
    /// How often each was answered by the bot. Those that were not are not there.
    pub answers: BTreeMap<usize, usize>,
    /// How long each 200 took that was given.
    pub took: Vec<Duration>,
    /// Requests that were not answered with 200, and were made again.
    pub again: u64,
    /// Events that were given up.
    pub given_up: u64,
    /// How long nobody answered while the host started anew.
    pub away: Duration,
    /// What the store of the host has counted.
    pub totals: Value,
}

impl Flooded {
    /// What is wrong with the account, in words; nothing where each message was handled once.
    pub fn flaws(&self) -> Vec<String> {
        let total = |name: &str| self.totals[name].as_u64().unwrap_or(u64::MAX);
        let more: usize = self.answers.values().map(|times| times - 1).sum();
        let flaws = [
            ("without an answer", (self.said - self.answers.len()) as u64),
            ("stored more than once or not at all", total("arrivals").abs_diff(self.said as u64)),
            ("handled more than once or not at all", total("handled").abs_diff(self.said as u64)),
            ("answered more often than sends in doubt explain", (more as u64).saturating_sub(total("in_doubt_resent"))),
            ("given up by the messenger", self.given_up),
            ("dead letters", total("dead")),
        ];
        flaws.into_iter().filter(|(_, times)| *times > 0).map(|(what, times)| format!("{times} {what}")).collect()
    }

    fn note(&mut self, setup: &DivarSetup) {
        for Sent { text, .. } in setup.server.take_sent() {
            let number = text.parse().unwrap_or_else(|_| panic!("{text:?} answers nothing"));
            *self.answers.entry(number).or_default() += 1;
        }
        for push in setup.server.take_pushes() {
            self.again += u64::from(push.tries.saturating_sub(1));
            let last = push.attempts.back();
            match last.map(|attempt| &attempt.outcome) {
                Some(Outcome::Answered { status: 200, .. }) => self.took.extend(last.map(|attempt| attempt.took)),
                _ => self.given_up += 1,
            }
        }
    }
}

impl Flood {
    /// Runs it, with the state of the host in a folder of this one.
    ///
    /// # Panics
    /// Where the host does not do something in time.
    pub async fn run(&self, folder: &Path) -> Flooded {
        let pushing = Pushing {
            connections: self.connections,
            timeout: Duration::from_secs(10),
            attempts: u32::MAX,
            pause: Duration::from_millis(100),
        };
        let settings = Settings { pushing, ..Settings::default() };
        let setup = DivarSetup::within(folder, [BotSetup::new("echo")], settings).await;
        for person in 0..PEOPLE {
            let phone = format!("0935{person:07}");
            setup.server.add_person(Person::new(&name(person), &phone)).expect("there is room for people");
        }
        let mut host = setup.start_ready().await;
        let mut flooded = Flooded::default();
        let (first, second) = (self.length / 2, self.length);
        let began = Instant::now();
        self.write(&setup, &mut flooded, began, first).await;
        let away = Instant::now();
        let (killed, ()) = tokio::join!(host_again(&setup, host), self.write(&setup, &mut flooded, began, second));
        (host, flooded.away) = (killed.0, killed.1 - away);
        eventually("all of it is taken", async || {
            flooded.note(&setup);
            let counts = setup.server.push_counts();
            if counts.waiting == 0 { Ok(()) } else { Err(counts) }
        })
        .await;
        flooded.totals = host.idle().await["totals"].clone();
        host.stop().await;
        flooded.note(&setup);
        flooded
    }

    /// People write at the rate until so long after it began.
    async fn write(&self, setup: &DivarSetup, flooded: &mut Flooded, began: Instant, until: Duration) {
        let (mut beats, mut looked) = (tokio::time::interval(BEAT), Instant::now());
        while began.elapsed() < until {
            beats.tick().await;
            while (flooded.said as f64) < began.elapsed().as_secs_f64() * self.rate {
                let number = flooded.said;
                setup.server.say(&name(number % PEOPLE), &number.to_string()).expect("the messenger takes it");
                flooded.said += 1;
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                flooded.note(setup);
            }
        }
    }
}

fn name(person: usize) -> String {
    format!("person-{person}")
}

/// Kills a host and starts another in its place. Gives that one, and when it was ready.
async fn host_again(setup: &DivarSetup, host: Running) -> (Running, Instant) {
    host.kill().await;
    let host = setup.start_ready().await;
    (host, Instant::now())
}
