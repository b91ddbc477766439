//! The text in English.

use std::fmt::Write as _;
use std::time::Duration;

use hodhod_core::store::MOST_RECORDS;
use hodhod_core::vault::{LINK_LIFE, QUESTION_LIFE, REVOCATION_LIFE};

use super::{Facts, code, codes, measure};

fn time(time: Duration) -> String {
    let (number, unit) = measure(time);
    let unit = ["day", "hour", "minute", "second", "millisecond"][unit];
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

fn count(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

/// All of it.
pub(super) fn page(facts: &Facts) -> String {
    let numbers = match &facts.file {
        None => "The numbers are those that hold where a configuration says nothing else.".to_owned(),
        Some(file) => format!("The numbers are those of {}.", code(file)),
    };
    let (keep_dead, remember) = (time(facts.retention.keep_dead), time(facts.retention.remember));
    let (give_up, question, link) = (time(facts.give_up()), time(QUESTION_LIFE), time(LINK_LIFE));
    let revocation = time(REVOCATION_LIFE);
    let (letters, records) = (count(facts.dead_letters()), count(MOST_RECORDS));
    let traces = match &facts.traces {
        None => "A receiver of traces, where whoever runs the host has set one up".to_owned(),
        Some(receiver) => format!("The receiver of traces at {}", code(receiver)),
    };
    let mut page = format!(
        "\
# Privacy

What a host of hodhod stores of the people who write to its bots, where, and for how long. `hodhod privacy` prints this
page, and `hodhod privacy --language fa` prints it [in Persian](privacy.fa.md); where there is a configuration, with the
numbers of that host. Whoever runs bots may give it to the people who use them, and has to add what the bots do with
what they are told. {numbers}

## What is stored

All of it is on the machine of whoever runs the host and, where nothing else is said, in the database of its state
folder.

| what | for how long |
|---|---|
| what somebody writes, sends or presses, with their id and that of the chat, their name where the platform tells it, and the time | until the bot has handled it, as a rule less than a second; longer while the bot is held back. Then it is deleted |
| the same where the bot could not handle it (a dead letter), with the reason | {keep_dead}, and at most {letters} for each bot |
| what a bot sends to a chat | until the platform has taken it or refused it; after {give_up} without success it is given up and deleted |
| a hash of what tells one message from another (128 bits), by which a message that comes twice is known; nothing can be read in it | {remember} |
| what a bot keeps of a person or a chat, as it sees fit; timers that it sets for a chat, with what they bring it | until the bot deletes it, or the person is erased or takes back what they allowed on Divar |
| what a person allowed an app to do on Divar, with the tokens for it; sealed with a key that is not in the database | until the person takes it back, or is erased |
| a permission that a person was asked for on Divar and has not answered; sealed in the same way | {question} |
| which conversation on Divar is with which person; sealed in the same way | {link} after it was last seen; the newest {records} |
| that a person took back what they allowed on Divar: their id until bots are told of it, then a hash of it; sealed in the same way | {revocation} |
| the bytes of a file while a bot reads or sends it, in the folder `spool`, without a name | until that turn of the bot is over |
| in the log: ids of chats, and what goes wrong; no message, apart from what a bot prints, or says when it fails or refuses one | the newest 1 MiB in the memory of the host; what is written to standard error as long as whoever runs the host keeps it |
| what there was of all this when a backup was made | as long as whoever runs the host keeps the backup |

What is too old goes when the host starts and once an hour. What is deleted is overwritten in the database. The
database's own log may hold it until that starts over, after about 40 MiB of writes or at the next stop; after somebody was
erased it starts over at once.

## What is not stored

* Messages that were handled, and messages that were sent.
* Files. They stay on the platform; a bot can read them there as long as the platform keeps them.
* Phone numbers and profiles. The host asks nobody for them on its own. Where a message or the platform's answer brings
  one, the bot is told, and may keep it as above.

## Who sees it

* The bot that somebody writes to. It sees nothing of what other bots keep, and never a token.
* Whoever runs the host. The database is readable by the owner of the host only. What is sealed cannot be read in
  a copy of the database; everything else in it can.
* The platform, which carries the messages and has rules of its own.
* Servers that a bot is allowed to ask: it may tell them what it was told.
* {traces}: it learns when events come and what becomes of them, not whose they are or what they say.

## What a person may ask for

Whoever runs the host can show what is stored of somebody, and erase it:

```sh
hodhod user export CONNECTION --user ID
hodhod user erase CONNECTION --user ID --yes
```

Who takes back on Divar what they allowed an app has all that is known to be theirs erased by that, where Divar tells the
host of it, and need ask nobody. Bots are told then, so that they delete what only they know to be that person's.

With `--chat ID` in the place of `--user ID` it is what is stored of a chat. What is left after that: the hashes, until
their time is over; logs and backups from before; what a bot keeps for all chats together, where nobody can tell whose
it is; what a bot told other servers; and what the platform has.
",
    );
    if facts.file.is_some() {
        page.push_str(
            "\n## This host\n\n| connection | a message that cannot be sent is given up after |\n|---|---|\n",
        );
        for (name, give_up) in &facts.connections {
            // Writing to a string cannot fail.
            let _infallible = writeln!(page, "| {} | {} |", code(name), time(*give_up));
        }
        page.push_str(
            "\n| bot | connections | stores values | sets timers | servers that it may ask |\n|---|---|---|---|---|\n",
        );
        for bot in &facts.bots {
            let may = |may: bool| if may { "yes" } else { "no" };
            let servers = if bot.servers.is_empty() { "none".to_owned() } else { codes(&bot.servers) };
            let (name, connections) = (code(&bot.name), codes(&bot.connections));
            let (keeps, timers) = (may(bot.keeps), may(bot.timers));
            let _infallible = writeln!(page, "| {name} | {connections} | {keeps} | {timers} | {servers} |");
        }
    }
    page
}
