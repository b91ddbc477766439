//! Noughts and crosses against the computer, on the buttons of whatever platform the person is on.
//!
//! In a chatbot on Divar the board is nine buttons: each press is answered at once by a notice, and the next board
//! comes as a message. Elsewhere the message alone answers.

mod board;
mod game;
mod opponent;
mod view;
mod words;

use std::hash::{BuildHasher, Hasher, RandomState};

use hodhod_plugin::{Answer, Bot, Content, Context, Keyboard, Message, Outgoing, Result, Router, text};

use crate::board::Cell;
use crate::game::{Memory, Moved, Sheet};
use crate::opponent::Level;
use crate::words::Language;

/// The platform that waits for an answer to a press.
const DIVAR: &str = "divar";

/// Where a chat's memory is kept.
const MEMORY: &str = "xo";

#[derive(Default)]
struct Xo;

impl Xo {
    fn router() -> Router<Self> {
        Router::new()
            .command(view::TAKE, "", Self::press)
            .command("start", "", Self::start)
            .command("new", "", |_, ctx, _| Table::open(ctx)?.new_game())
            .command("board", "", |_, ctx, _| Table::open(ctx)?.show())
            .command("level", "", Self::level)
            .command("score", "", |_, ctx, _| Table::open(ctx)?.score())
            .command("help", "", |_, ctx, _| Table::open(ctx)?.help())
            .command("fa", "", |_, ctx, _| Table::open(ctx)?.speak(Language::Persian))
            .command("en", "", |_, ctx, _| Table::open(ctx)?.speak(Language::English))
            .fallback(Self::other)
    }

    fn start(&mut self, ctx: &Context, _payload: &str) -> Result {
        let mut table = Table::open(ctx)?;
        if table.memory.game.is_some() {
            return table.show();
        }
        let greeting = table.language.greeting();
        table.begin(greeting)
    }

    fn press(&mut self, ctx: &Context, arguments: &str) -> Result {
        match view::pressed(arguments) {
            Some((seen, cell)) => Table::open(ctx)?.play(cell, Some(seen)),
            None => self.other(ctx, arguments),
        }
    }

    fn level(&mut self, ctx: &Context, name: &str) -> Result {
        let mut table = Table::open(ctx)?;
        match words::level_of(name) {
            Some(level) => {
                table.memory.level = Some(level);
                table.new_game()
            }
            None => table.say(table.language.which_level(), Keyboard::row(view::levels(table.language))),
        }
    }

    /// The number of a cell, the name of a level, or nothing that is known here.
    fn other(&mut self, ctx: &Context, text: &str) -> Result {
        let table = Table::open(ctx)?;
        // Others talk to each other in a group, also in numbers.
        let is_private = ctx.message().is_some_and(|message| message.private);
        if !is_private && table.memory.game.is_none() {
            return Ok(());
        }
        let number = text::parse_number::<Cell>(text).and_then(|number| number.checked_sub(1));
        if let Some(cell) = number.filter(|cell| *cell < 9) {
            return table.play(cell, None);
        }
        if !is_private {
            return Ok(());
        }
        if words::level_of(text).is_some() {
            return self.level(ctx, text);
        }
        ctx.reply(table.language.unknown())?;
        Ok(())
    }
}

impl Bot for Xo {
    fn on_message(&mut self, ctx: &Context, message: &Message) -> Result {
        // A move stands, whatever becomes of the text that made it; and two programs would never end.
        if message.edited || message.sender.automated {
            return Ok(());
        }
        // A buyer and a seller talk about an ad; what is written there has one of their names.
        if message.platform == DIVAR && !message.private {
            return Ok(());
        }
        match &message.content {
            Content::Text(text) | Content::Button(text) => Self::router().text(self, ctx, text),
            Content::Start(payload) => self.start(ctx, payload.as_deref().unwrap_or_default()),
            _ => Ok(()),
        }
    }
}

/// One turn at the table: the memory of the chat, and how to speak to whoever sits there.
struct Table<'c> {
    ctx: &'c Context<'c>,
    memory: Memory,
    language: Language,
}

impl<'c> Table<'c> {
    fn open(ctx: &'c Context<'c>) -> Result<Self> {
        let memory: Memory = ctx.chat_values().get(MEMORY)?.unwrap_or_default();
        let language = match memory.language {
            Some(language) => language,
            None => Language::read(&ctx.config("language")?.unwrap_or_default()),
        };
        Ok(Self { ctx, memory, language })
    }

    fn keep(&self) -> Result {
        Ok(self.ctx.chat_values().set(MEMORY, &self.memory)?)
    }

    /// Takes a cell, and tells what came of it.
    fn play(mut self, cell: Cell, seen: Option<Sheet>) -> Result {
        let language = self.language;
        match self.memory.play(cell, seen, chance()) {
            Moved::On(cell) => {
                self.keep()?;
                let took = language.i_took(cell);
                self.notice(&took)?;
                self.board(&took)
            }
            Moved::Over(end, board) => {
                self.keep()?;
                let over = language.over(end);
                self.notice(over)?;
                let score = language.score(self.memory.score);
                self.say(&format!("{over}\n\n{}\n\n{score}", view::lines(board)), view::menu(language))
            }
            Moved::Taken => self.no_move(language.taken()),
            Moved::Stale => self.no_move(language.stale()),
            Moved::NoGame => {
                self.notice(language.no_game())?;
                self.show()
            }
        }
    }

    /// Nothing has changed: a notice is enough, where there are notices.
    fn no_move(&self, why: &str) -> Result {
        if self.waits() { self.notice(why) } else { self.board(why) }
    }

    fn new_game(mut self) -> Result {
        let level = self.level()?;
        let note = self.language.new_game(level);
        self.begin(&note)
    }

    /// Begins a game after these words.
    fn begin(&mut self, words: &str) -> Result {
        let level = self.level()?;
        let (_, first) = self.memory.begin(level, chance());
        self.keep()?;
        self.notice(&self.language.new_game(level))?;
        match first {
            Some(cell) => self.board(&format!("{words} {}", self.language.i_took(cell))),
            None => self.board(words),
        }
    }

    fn level(&self) -> Result<Level> {
        Ok(match self.memory.level {
            Some(level) => level,
            None => words::level_of(&self.ctx.config("level")?.unwrap_or_default()).unwrap_or_default(),
        })
    }

    /// Shows what there is: a board, or that there is none.
    fn show(&self) -> Result {
        self.board("")
    }

    fn score(self) -> Result {
        let score = self.language.score(self.memory.score);
        self.notice(&score)?;
        self.ctx.reply(score)?;
        Ok(())
    }

    fn help(self) -> Result {
        self.ctx.reply(self.language.help())?;
        Ok(())
    }

    fn speak(mut self, language: Language) -> Result {
        self.language = language;
        self.memory.language = Some(language);
        self.keep()?;
        self.notice(language.language_chosen())?;
        self.board(language.language_chosen())
    }

    /// These words with the board, or with what there is to do without one.
    fn board(&self, words: &str) -> Result {
        let (then, keyboard) = match &self.memory.game {
            Some(game) => (self.language.your_turn(), view::cells(game, self.language)),
            None => (self.language.no_game(), view::menu(self.language)),
        };
        self.say([words, then].join(" ").trim_start(), keyboard)
    }

    fn say(&self, text: &str, keyboard: Keyboard) -> Result {
        self.ctx.reply(Outgoing::text(text).keyboard(keyboard))?;
        Ok(())
    }

    /// True where a press waits for a notice. Elsewhere one would be a message of its own.
    fn waits(&self) -> bool {
        self.ctx
            .message()
            .is_some_and(|message| message.platform == DIVAR && matches!(message.content, Content::Button(_)))
    }

    fn notice(&self, text: &str) -> Result {
        if self.waits() {
            self.ctx.respond(Answer::notice(text))?;
        }
        Ok(())
    }
}

/// Numbers below the one that is given, other ones in each turn.
fn chance() -> impl FnMut(usize) -> usize {
    let mut state = RandomState::new().build_hasher().finish() | 1;
    move |below| {
        // Xorshift: nothing depends on it but which of two good cells is taken.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0).checked_rem(below).unwrap_or(0)
    }
}

hodhod_plugin::export!(Xo);
hodhod_plugin::manifest!("../manifest.json");

#[cfg(test)]
mod tests;
