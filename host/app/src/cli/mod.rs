//! The command line: one file a verb.

mod asked;
mod backup;
mod chat;
mod check;
mod client;
mod compile;
mod control;
mod dead;
mod embed;
mod generations;
mod inspect;
mod limits;
mod logs;
mod outbox;
mod output;
mod privacy;
mod reread;
mod run;
mod status;
mod timers;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hodhod_core::health::Order;

use crate::wiring;

/// Runs chat bots as sandboxed WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "hodhod", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs the host until SIGTERM or Ctrl-C, then drains and exits.
    Run(run::Run),
    /// Says what is wrong with the configuration and the plugins, where, and what to write.
    Check(check::Check),
    /// Says how a running host is doing.
    Status(status::Status),
    /// Prints the newest lines of a running host's log.
    Logs(logs::Logs),
    /// Says what a component is and wants, without running it.
    Inspect(inspect::Inspect),
    /// Prints every limit of a bot.
    Limits(limits::Limits),
    /// Prints what is stored of people, where and for how long, to be given to them.
    Privacy(privacy::Privacy),
    /// Puts a manifest into a component.
    Embed(embed::Embed),
    /// Lets the events of a bot wait. What is under way ends; nothing is lost.
    Pause(control::Control),
    /// Ends a pause.
    Resume(control::Control),
    /// Ends the turns of a bot that are under way, at once and without effects, and pauses it.
    Kill(control::Control),
    /// Takes a bot out of service until it is released.
    Quarantine(control::Control),
    /// Lets a bot run again that is quarantined, or that rests after failures.
    Release(control::Control),
    /// Looks at the files of plugins now. A running host does so by itself when they change.
    Reload(generations::Reload),
    /// Lets the build before serve again.
    Rollback(generations::OfBot),
    /// Says which builds have served since the host started, and why others did not.
    Generations(generations::OfBot),
    /// Events that bots could not handle: looks at them, has them tried again, drops them.
    #[command(subcommand)]
    Dead(dead::Dead),
    /// Messages that wait to be sent: looks at them, holds back those of a connection.
    #[command(subcommand)]
    Outbox(outbox::Outbox),
    /// Timers that bots have set.
    #[command(subcommand)]
    Timers(timers::Timers),
    /// What is stored of a person: shows it, erases it.
    #[command(subcommand)]
    User(user::User),
    /// Has a running host read its configuration again, as SIGHUP does, and says what came of it.
    Reread(reread::Reread),
    /// Copies the database into a file, also while a host runs.
    Backup(backup::MakeBackup),
    /// Puts a backup in the place of the database.
    Restore(backup::Restore),
    /// Talks to bots in this terminal, through a local Soroush server: no account, no network.
    Chat(chat::Chat),
    /// What the host starts to compile a component.
    #[command(name = wiring::COMPILE, hide = true)]
    Compile(compile::Compile),
}

/// The configuration, as every verb takes it.
#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "hodhod.toml")]
    config: PathBuf,
}

/// Runs the program. Exit codes: 0 all is well, 1 it is not, 2 the command line is wrong.
pub(crate) fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Run(run) => run.run(),
        Verb::Check(check) => check.run(),
        Verb::Status(status) => status.run(),
        Verb::Logs(logs) => logs.run(),
        Verb::Inspect(inspect) => inspect.run(),
        Verb::Limits(limits) => limits.run(),
        Verb::Privacy(privacy) => privacy.run(),
        Verb::Embed(embed) => embed.run(),
        Verb::Pause(bot) => bot.run(Order::Pause),
        Verb::Resume(bot) => bot.run(Order::Resume),
        Verb::Kill(bot) => bot.run(Order::Kill),
        Verb::Quarantine(bot) => bot.run(Order::Quarantine),
        Verb::Release(bot) => bot.run(Order::Release),
        Verb::Reload(reload) => reload.run(),
        Verb::Rollback(bot) => bot.roll_back(),
        Verb::Generations(bot) => bot.list(),
        Verb::Dead(dead) => dead.run(),
        Verb::Outbox(outbox) => outbox.run(),
        Verb::Timers(timers) => timers.run(),
        Verb::User(user) => user.run(),
        Verb::Reread(reread) => reread.run(),
        Verb::Backup(backup) => backup.run(),
        Verb::Restore(restore) => restore.run(),
        Verb::Chat(chat) => chat.run(),
        Verb::Compile(compile) => Ok(compile.run()),
    };
    result.unwrap_or_else(|error| {
        output::complain(&format!("error: {error:#}"));
        ExitCode::FAILURE
    })
}

/// A runtime for everything but turns. Its threads, and all that this one starts later, are prompt.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    hodhod_engine::priority::prompt();
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("hodhod").build()
}
