//! A host that nobody looks after: connections are cut, sends go wrong, the process is killed, and new
//! builds come, good and bad, while people write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hodhod_platforms::playground::soroush::WireLog;
use serde_json::Value;

use super::account::Account;
use super::builds::{Builds, Kind};
use super::schedule::{Action, schedule};
use super::traffic::{Book, Traffic};
use crate::{BotSetup, PATIENCE, Running, Setup, TOKEN, replace};

/// How long the last message is waited for before another one is written: it may have gone into a
/// connection that was cut.
const LAST: Duration = Duration::from_secs(5);

/// What a host has to bear.
#[derive(Clone, Copy, Debug)]
pub struct Wear {
    /// For how long.
    pub length: Duration,
    /// Messages a second.
    pub rate: f64,
    /// Chats.
    pub chats: usize,
    /// What decides what happens when.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Unattended {
    /// The messages.
    pub book: Book,
    /// What became of them.
    pub account: Account,
    /// Messages without an answer at the end of what went into a connection that has ended: nothing
    /// tells that they were ever read.
    pub in_the_gap: Vec<usize>,
    /// Messages without an answer that were followed by an answered one on their connection, so that
    /// the host must have read them.
    pub lost: Vec<usize>,
    /// What happened, by kind.
    pub happened: BTreeMap<String, usize>,
    /// Starts while a bad build was in place.
    pub bad_starts: usize,
    /// Messages that were answered once more without a send in doubt in their chat, of which the host's
    /// log has a line each.
    pub unexplained: usize,
    /// What the store has counted.
    pub totals: Value,
}

impl Unattended {
    /// What the store has counted under a name.
    pub fn total(&self, name: &str) -> u64 {
        self.totals[name].as_u64().unwrap_or_default()
    }

    /// Everything that is wrong with the account, in words.
    pub fn flaws(&self) -> Vec<String> {
        let answered = self.account.answered as u64;
        let handed = (self.account.said - self.in_the_gap.len()) as u64;
        let (repeated, resent) = (self.account.repeated.len() as u64, self.total("in_doubt_resent"));
        let checks = [
            (self.lost.is_empty(), format!("lost: {:?}", self.lost)),
            (self.total("arrivals") == answered, format!("{} stored, {answered} answered", self.total("arrivals"))),
            (self.total("handled") == answered, format!("{} handled, {answered} answered", self.total("handled"))),
            (handed == answered, format!("{handed} arrived for all that is known, {answered} answered")),
            (self.unexplained == 0, format!("{} answers too many", self.unexplained)),
            (repeated <= resent, format!("{repeated} answers came twice, {resent} sends were in doubt")),
            (self.account.out_of_order.is_empty(), format!("out of order: {:?}", self.account.out_of_order)),
            (self.account.strays == 0, format!("{} strays: {:?}", self.account.strays, self.book.strays)),
            (self.total("dead") == 0, format!("{} dead letters", self.total("dead"))),
            (self.total("failed") == 0, format!("{} sends failed", self.total("failed"))),
            (self.total("duplicates") == 0, format!("{} messages came twice", self.total("duplicates"))),
        ];
        checks.into_iter().filter(|(holds, _)| !holds).map(|(_, flaw)| flaw).collect()
    }
}

impl Wear {
    /// Runs it, with the state of the host in a folder of this one.
    ///
    /// # Panics
    /// Where the host does not do something in time.
    pub async fn run(&self, folder: &Path) -> Unattended {
        let mut site = Site::new(folder).await;
        let mut host = Some(site.start().await);
        let mut traffic = Traffic::start(&site.setup.server, self.rate, self.chats);
        let began = Instant::now();
        for (at, action) in schedule(self.seed, self.length) {
            tokio::time::sleep_until((began + at).into()).await;
            site.count(&action);
            let server = &site.setup.server;
            match action {
                Action::Cut(end) => server.disconnect(TOKEN, end).expect("the token is known"),
                Action::FailSends(count, fault) => server.fail_sends(count, fault),
                Action::Build(kind) => site.put(kind),
                Action::Kill(more) => {
                    if let Some(host) = host.take() {
                        host.kill().await;
                    }
                    for after in more {
                        let host = site.setup.start();
                        host.live(after).await;
                        host.kill().await;
                    }
                    host = Some(site.start().await);
                }
            }
        }
        tokio::time::sleep_until((began + self.length).into()).await;
        traffic.hush().await;
        site.setup.server.clear_faults();
        site.put(Kind::Good);
        let running = host.take().expect("it was started");
        settled(&site.setup, &traffic).await;
        let status = running.idle().await;
        // While the last connection stands: nothing of it may be missing.
        let wire = site.setup.server.wire(TOKEN).expect("the token is known");
        running.stop().await;
        let book = traffic.end().await;
        let account = Account::of(&book, self.chats);
        let (in_the_gap, lost) = apart(&account.unanswered, &wire);
        let totals = status["totals"].clone();
        let unexplained = unexplained(&account, self.chats, &site.setup.log());
        let Site { happened, bad_starts, .. } = site;
        Unattended { book, account, in_the_gap, lost, happened, bad_starts, unexplained, totals }
    }
}

/// The folder, the file of the bot, and what is in it.
struct Site {
    setup: Setup,
    file: PathBuf,
    builds: Builds,
    in_place: Kind,
    number: u32,
    happened: BTreeMap<String, usize>,
    bad_starts: usize,
}

impl Site {
    async fn new(folder: &Path) -> Self {
        // Its build is put there before the host starts; the bot is to forgive whatever befalls it.
        let limits = "attempts = 1000, backoff = \"100 ms\"";
        let mut setup = Setup::within(folder, []).await;
        let file = setup.folder.path().join("bot.wasm");
        setup = setup.bot(BotSetup::new("guests").called("bot").at(&file).limits(limits));
        let (builds, happened) = (Builds::default(), BTreeMap::new());
        let mut site = Self { setup, file, builds, in_place: Kind::Good, number: 0, happened, bad_starts: 0 };
        site.put(Kind::Good);
        site
    }

    /// Puts a build that was never there into the place of the file.
    fn put(&mut self, kind: Kind) {
        replace(&self.file, &self.builds.make(kind, self.number));
        self.number += 1;
        self.in_place = kind;
    }

    /// Starts the host, whatever lies in the place of its bot's file.
    async fn start(&mut self) -> Running {
        self.bad_starts += usize::from(self.in_place != Kind::Good);
        self.setup.start_ready().await
    }

    fn count(&mut self, action: &Action) {
        let mut one = |name: String, times: usize| *self.happened.entry(name).or_default() += times;
        match action {
            Action::Cut(_) => one("connections cut".to_owned(), 1),
            Action::FailSends(count, _) => one("sends that go wrong".to_owned(), *count),
            Action::Build(kind) => one(format!("new builds: one that {kind}"), 1),
            Action::Kill(more) => one("kills".to_owned(), 1 + more.len()),
        }
    }
}

/// Waits until a message is answered before which everybody else's was.
async fn settled(setup: &Setup, traffic: &Traffic) {
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let (last, written) = (traffic.say(), Instant::now());
        while written.elapsed() < LAST {
            if traffic.is_answered(last) {
                // Chats are no order for one another, but what waits is waited for below.
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(Instant::now() < deadline, "the host does not answer; log:\n{}", setup.log());
    }
}

/// The answers that came once more, beyond the sends in doubt that the host has logged for their chat.
fn unexplained(account: &Account, chats: usize, log: &str) -> usize {
    let mut doubts = vec![0_usize; chats];
    for line in log.lines().filter(|line| line.contains("in doubt")) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let number = || line["chat"].as_str()?.rsplit_once("person-")?.1.parse::<usize>().ok();
        if let Some(doubts) = number().and_then(|number| doubts.get_mut(number)) {
            *doubts += 1;
        }
    }
    let mut unexplained = account.doubled.len();
    for message in &account.repeated {
        match &mut doubts[message % chats] {
            0 => unexplained += 1,
            doubts => *doubts -= 1,
        }
    }
    unexplained
}

/// The unanswered messages that are the end of what went into a connection that has ended, and the
/// others. A stream is read in order, so what the host had no time to store is its end.
fn apart(unanswered: &[usize], wire: &WireLog) -> (Vec<usize>, Vec<usize>) {
    let unanswered: BTreeSet<u64> = unanswered.iter().map(|message| *message as u64).collect();
    let ended = wire.connections.iter().filter(|connection| !connection.open);
    let ends = ended
        .flat_map(|connection| connection.written.clone().rev().take_while(|message| unanswered.contains(message)));
    let gap: BTreeSet<u64> = ends.collect();
    let numbers = |set: Vec<&u64>| set.iter().filter_map(|number| usize::try_from(**number).ok()).collect();
    (numbers(gap.iter().collect()), numbers(unanswered.difference(&gap).collect()))
}
