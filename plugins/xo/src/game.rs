//! What a chat remembers: the game under way, the score, and how the person wants it.

use serde::{Deserialize, Serialize};

use crate::board::{Board, Cell, End, Side};
use crate::opponent::{self, Level};
use crate::words::Language;

/// Everything that is kept of a chat, as one value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// What the person chose; the operator's otherwise.
    pub(crate) language: Option<Language>,
    /// Likewise.
    pub(crate) level: Option<Level>,
    pub(crate) score: Score,
    /// Games that were begun.
    pub(crate) games: u32,
    pub(crate) game: Option<Game>,
}

/// How games have ended, as the person sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Score {
    pub(crate) won: u32,
    pub(crate) lost: u32,
    pub(crate) drawn: u32,
}

/// A game under way. It is always the person's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Game {
    pub(crate) number: u32,
    pub(crate) level: Level,
    pub(crate) board: Board,
}

/// A board as its buttons name it, so that those of an older one are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) game: u32,
    pub(crate) taken: u32,
}

/// What came of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The computer has taken this cell, and the game goes on.
    On(Cell),
    /// It is over.
    Over(End, Board),
    /// Somebody has the cell.
    Taken,
    /// There is a newer board.
    Stale,
    /// There is no game.
    NoGame,
}

impl Game {
    pub(crate) fn sheet(&self) -> Sheet {
        Sheet { game: self.number, taken: self.board.taken() }
    }
}

impl Memory {
    /// Begins a game. Whoever did not begin the last one begins this one; the cell that the computer took, if it did.
    pub(crate) fn begin(&mut self, level: Level, pick: impl FnMut(usize) -> usize) -> (Game, Option<Cell>) {
        self.games = self.games.wrapping_add(1);
        let mut game = Game { number: self.games, level, board: Board::default() };
        let first = if self.games.is_multiple_of(2) { opponent::choose(game.board, level, pick) } else { None };
        if let Some(cell) = first {
            game.board = game.board.with(Side::Computer, cell);
        }
        self.game = Some(game);
        (game, first)
    }

    /// The person takes a cell, of the board that they saw if they pressed a button of it, and the computer answers.
    pub(crate) fn play(&mut self, cell: Cell, seen: Option<Sheet>, pick: impl FnMut(usize) -> usize) -> Moved {
        let Some(game) = &mut self.game else { return Moved::NoGame };
        if seen.is_some_and(|seen| seen != game.sheet()) {
            return Moved::Stale;
        }
        if game.board.at(cell).is_some() {
            return Moved::Taken;
        }
        game.board = game.board.with(Side::Person, cell);
        let answer = match game.board.end() {
            None => opponent::choose(game.board, game.level, pick),
            Some(_) => None,
        };
        if let Some(cell) = answer {
            game.board = game.board.with(Side::Computer, cell);
        }
        match (game.board.end(), answer) {
            (None, Some(cell)) => Moved::On(cell),
            (Some(end), _) => {
                let board = game.board;
                self.game = None;
                self.score.count(end);
                Moved::Over(end, board)
            }
            // A board that has not ended has a free cell.
            (None, None) => Moved::Stale,
        }
    }
}

impl Score {
    fn count(&mut self, end: End) {
        let count = match end {
            End::Won(Side::Person) => &mut self.won,
            End::Won(Side::Computer) => &mut self.lost,
            End::Drawn => &mut self.drawn,
        };
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::tests::board;

    fn memory(drawn: &str) -> Memory {
        let game = Game { number: 7, level: Level::Hard, board: board(drawn) };
        Memory { games: 7, game: Some(game), ..Memory::default() }
    }

    #[test]
    fn a_board_is_played_once_however_often_it_is_pressed() {
        let mut memory = memory("x.. .o. ...");
        let seen = memory.game.map(|game| game.sheet());
        assert!(matches!(memory.play(2, seen, |_| 0), Moved::On(1)));
        let after = memory.game;
        assert_eq!(memory.play(3, seen, |_| 0), Moved::Stale);
        assert_eq!(memory.play(2, seen, |_| 0), Moved::Stale);
        assert_eq!(memory.game, after);
    }

    #[test]
    fn a_cell_that_is_taken_is_no_move() {
        let mut memory = memory("x.. .o. ...");
        for cell in [0, 4] {
            assert_eq!(memory.play(cell, None, |_| 0), Moved::Taken);
        }
        assert_eq!(memory.game.unwrap().board.taken(), 2);
    }

    #[test]
    fn each_end_is_counted_and_ends_the_game() {
        for (drawn, cell, end, score) in [
            ("xx. oo. ...", 2, End::Won(Side::Person), Score { won: 1, ..Score::default() }),
            ("oo. xx. x..", 8, End::Won(Side::Computer), Score { lost: 1, ..Score::default() }),
            ("xox xxo o.o", 7, End::Drawn, Score { drawn: 1, ..Score::default() }),
        ] {
            let mut memory = memory(drawn);
            assert!(matches!(memory.play(cell, None, |_| 0), Moved::Over(ended, _) if ended == end), "{drawn}");
            assert_eq!((memory.score, memory.game), (score, None));
            assert_eq!(memory.play(cell, None, |_| 0), Moved::NoGame);
        }
    }

    #[test]
    fn they_begin_in_turn() {
        let mut memory = Memory::default();
        let began: Vec<_> = (0..4).map(|_| memory.begin(Level::Hard, |_| 0).1.is_some()).collect();
        assert_eq!(began, [false, true, false, true]);
        let boards: Vec<_> = (0..2).map(|_| memory.begin(Level::Easy, |_| 0).0.sheet()).collect();
        assert_ne!(boards[0].game, boards[1].game, "an older game's buttons are known");
    }
}
