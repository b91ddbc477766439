//! What the bot says, in two languages.

use hodhod_plugin::text::match_key;
use serde::{Deserialize, Serialize};

use crate::board::{Cell, End, Side};
use crate::game::Score;
use crate::opponent::Level;

/// What the bot speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Language {
    /// فارسی
    #[default]
    #[serde(rename = "fa")]
    Persian,
    /// English
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// As the operator writes it.
    pub(crate) fn read(word: &str) -> Self {
        if word == "en" { Self::English } else { Self::Persian }
    }

    fn either(self, persian: &'static str, english: &'static str) -> &'static str {
        match self {
            Self::Persian => persian,
            Self::English => english,
        }
    }

    /// A number in its digits.
    pub(crate) fn number(self, number: u32) -> String {
        let digits = number.to_string();
        match self {
            Self::English => digits,
            Self::Persian => digits.chars().map(persian_digit).collect(),
        }
    }

    /// What a cell is called.
    pub(crate) fn cell(self, cell: Cell) -> String {
        self.number(u32::from(cell) + 1)
    }

    pub(crate) fn greeting(self) -> &'static str {
        self.either(
            "سلام! بیایید دوز بازی کنیم: سه خانه در یک ردیف، برنده است. شما ❌ هستید و من ⭕.",
            "Hello! Let us play noughts and crosses: three in a row win. You are ❌, and I am ⭕.",
        )
    }

    pub(crate) fn help(self) -> &'static str {
        self.either(
            "دوز: سه خانه در یک ردیف، برنده است. شما ❌ هستید و من ⭕؛ نوبت آغاز با هر بازی عوض می‌شود.\n\
             خانه را با دکمه‌اش بگیرید، یا شماره‌اش را از ۱ تا ۹ بنویسید.\n\n\
             /new – بازی تازه\n\
             /board – صفحهٔ این بازی\n\
             /level – آسان، متوسط یا سخت\n\
             /score – امتیازها\n\
             /en – English",
            "Noughts and crosses: three in a row win. You are ❌, and I am ⭕; we begin in turn.\n\
             Take a cell by its button, or write its number, 1 to 9.\n\n\
             /new – a new game\n\
             /board – the board of this game\n\
             /level – easy, medium or hard\n\
             /score – the score\n\
             /fa – فارسی",
        )
    }

    pub(crate) fn your_turn(self) -> &'static str {
        self.either("نوبت شماست.", "It is your turn.")
    }

    pub(crate) fn i_took(self, cell: Cell) -> String {
        let cell = self.cell(cell);
        match self {
            Self::Persian => format!("خانهٔ {cell} را گرفتم."),
            Self::English => format!("I take {cell}."),
        }
    }

    pub(crate) fn new_game(self, level: Level) -> String {
        let level = self.level(level);
        match self {
            Self::Persian => format!("بازی تازه ({level})."),
            Self::English => format!("A new game ({level})."),
        }
    }

    pub(crate) fn over(self, end: End) -> &'static str {
        match end {
            End::Won(Side::Person) => self.either("آفرین، بردید! 🎉", "Well done, you win! 🎉"),
            End::Won(Side::Computer) => self.either("این بار من بردم.", "This time I win."),
            End::Drawn => self.either("مساوی شد.", "It is a draw."),
        }
    }

    pub(crate) fn taken(self) -> &'static str {
        self.either("این خانه پر است؛ خانهٔ دیگری بگیرید.", "This cell is taken; take another.")
    }

    pub(crate) fn stale(self) -> &'static str {
        self.either(
            "این صفحه قدیمی است؛ صفحهٔ تازه پایین‌تر است، و /board دوباره نشانش می‌دهد.",
            "This board is an old one; the new one is further down, and /board shows it again.",
        )
    }

    pub(crate) fn no_game(self) -> &'static str {
        self.either("بازی‌ای در میان نیست. یکی آغاز کنیم؟", "There is no game. Shall we begin one?")
    }

    pub(crate) fn which_level(self) -> &'static str {
        self.either("چقدر سخت؟ بازی تازه‌ای آغاز می‌شود.", "How hard? A new game will begin.")
    }

    pub(crate) fn unknown(self) -> &'static str {
        self.either("شمارهٔ یک خانه را بنویسید، یا /help.", "Write the number of a cell, or /help.")
    }

    pub(crate) fn language_chosen(self) -> &'static str {
        self.either("از این پس فارسی.", "English from now on.")
    }

    pub(crate) fn score(self, score: Score) -> String {
        let [won, lost, drawn] = [score.won, score.lost, score.drawn].map(|count| self.number(count));
        match self {
            Self::Persian => format!("برد شما {won} · برد من {lost} · مساوی {drawn}"),
            Self::English => format!("You {won} · I {lost} · draws {drawn}"),
        }
    }

    pub(crate) fn again(self) -> &'static str {
        self.either("بازی دوباره", "Play again")
    }

    pub(crate) fn level(self, level: Level) -> &'static str {
        match level {
            Level::Easy => self.either("آسان", "easy"),
            Level::Medium => self.either("متوسط", "medium"),
            Level::Hard => self.either("سخت", "hard"),
        }
    }

    /// The other language: its name and its command.
    pub(crate) fn other(self) -> (&'static str, &'static str) {
        match self {
            Self::Persian => ("English", "/en"),
            Self::English => ("فارسی", "/fa"),
        }
    }
}

/// The level that a person means, in whichever language.
pub(crate) fn level_of(text: &str) -> Option<Level> {
    let key = match_key(text);
    let is_meant = |level: &Level| {
        [level.word(), Language::Persian.level(*level), Language::English.level(*level)]
            .iter()
            .any(|name| match_key(name) == key)
    };
    Level::ALL.into_iter().find(is_meant)
}

fn persian_digit(digit: char) -> char {
    let value = digit.to_digit(10).unwrap_or(0);
    char::from_u32(u32::from('۰') + value).unwrap_or(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_of_their_language() {
        assert_eq!(Language::Persian.number(1205), "۱۲۰۵");
        assert_eq!(Language::English.number(1205), "1205");
        assert_eq!(Language::Persian.cell(8), "۹");
    }

    #[test]
    fn a_level_is_known_in_both_languages() {
        for (text, level) in [("آسان", Level::Easy), (" متوسط ", Level::Medium), ("HARD", Level::Hard)] {
            assert_eq!(level_of(text), Some(level));
        }
        assert_eq!(level_of("بسیار سخت"), None);
    }
}
