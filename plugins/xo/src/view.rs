//! Boards as buttons and as text.
//!
//! A free cell is called by its number, and a board names itself in each of its buttons: on platforms where a press
//! is a text like any other (Soroush) a text is still one cell of one board, and one of an older board is known.

use hodhod_plugin::{Button, Keyboard};

use crate::board::{Board, Cell, Side};
use crate::game::{Game, Sheet};
use crate::opponent::Level;
use crate::words::Language;

/// The command of a cell's button.
pub(crate) const TAKE: &str = "x";

/// The nine cells. Divar shows three rows of three at most, so there is room for nothing else.
pub(crate) fn cells(game: &Game, language: Language) -> Keyboard {
    let Sheet { game: number, taken } = game.sheet();
    let cell = |cell: Cell| {
        let label = game.board.at(cell).map_or_else(|| language.cell(cell), |side| mark(side).to_owned());
        Button::event(label, format!("/{TAKE} {number}.{taken} {}", cell + 1))
    };
    Keyboard::rows((0..3).map(|row| (3 * row..3 * row + 3).map(cell)))
}

/// The board and the cell that a button named, as far as it named them.
pub(crate) fn pressed(arguments: &str) -> Option<(Sheet, Cell)> {
    let (sheet, cell) = arguments.split_once(' ')?;
    let (game, taken) = sheet.split_once('.')?;
    let cell = cell.parse::<Cell>().ok()?.checked_sub(1).filter(|cell| *cell < 9)?;
    Some((Sheet { game: game.parse().ok()?, taken: taken.parse().ok()? }, cell))
}

/// The board as three lines.
pub(crate) fn lines(board: Board) -> String {
    let cell = |cell: Cell| board.at(cell).map_or("▫️", mark);
    let line = |row: Cell| (3 * row..3 * row + 3).map(cell).collect::<String>();
    (0..3).map(line).collect::<Vec<_>>().join("\n")
}

/// What can be done between two games.
pub(crate) fn menu(language: Language) -> Keyboard {
    let (other, command) = language.other();
    Keyboard::row([Button::event(language.again(), "/new")])
        .and_row(levels(language))
        .and_row([Button::event(other, command)])
}

/// The levels as buttons.
pub(crate) fn levels(language: Language) -> impl Iterator<Item = Button> {
    Level::ALL.into_iter().map(move |level| Button::event(language.level(level), format!("/level {}", level.word())))
}

fn mark(side: Side) -> &'static str {
    match side {
        Side::Person => "❌",
        Side::Computer => "⭕",
    }
}

#[cfg(test)]
mod tests {
    use hodhod_plugin::Press;

    use super::*;
    use crate::board::tests::board;

    #[test]
    fn a_button_names_its_board_and_its_cell() {
        let game = Game { number: 12, level: Level::Easy, board: board("x.. .o. ...") };
        let Keyboard::Show(rows) = cells(&game, Language::Persian) else { panic!("no keyboard") };
        let labels: Vec<_> = rows.iter().flatten().map(|button| button.label.as_str()).collect();
        assert_eq!(labels, ["❌", "۲", "۳", "۴", "⭕", "۶", "۷", "۸", "۹"]);
        for (cell, button) in rows.iter().flatten().enumerate() {
            let Press::Event(data) = &button.press else { panic!("{button:?}") };
            let (seen, named) = pressed(data.strip_prefix("/x ").unwrap()).unwrap();
            assert_eq!((seen, usize::from(named)), (Sheet { game: 12, taken: 2 }, cell));
        }
    }

    #[test]
    fn what_no_button_says_is_no_cell() {
        for text in ["", "5", "1.2", "1.2 0", "1.2 10", "1.2 -1", "1.2 x", "1 5", "a.b 5", "1.2 256", "-1.2 5"] {
            assert_eq!(pressed(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_board_is_three_lines() {
        assert_eq!(lines(board("x.. .o. ..x")), "❌▫️▫️\n▫️⭕▫️\n▫️▫️❌");
    }

    #[test]
    fn every_keyboard_has_at_most_three_rows_of_three() {
        for language in [Language::Persian, Language::English] {
            let Keyboard::Show(rows) = menu(language) else { panic!("no keyboard") };
            assert!(rows.len() <= 3 && rows.iter().all(|row| (1..=3).contains(&row.len())));
        }
    }
}
