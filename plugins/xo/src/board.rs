//! The rules: nine cells, two marks, and what a line is.

use serde::{Deserialize, Serialize};

/// A cell, 0 to 8, row by row.
pub(crate) type Cell = u8;

/// The lines that win, a bit a cell.
const LINES: [u16; 8] = [0o007, 0o070, 0o700, 0o111, 0o222, 0o444, 0o421, 0o124];

/// All nine cells.
const FULL: u16 = 0o777;

/// Who has taken which cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Board {
    person: u16,
    computer: u16,
}

/// Somebody who takes cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    /// Whoever presses.
    Person,
    /// The bot.
    Computer,
}

/// How a game ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// This side has a line.
    Won(Side),
    /// The board is full, and nobody has one.
    Drawn,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Person => Self::Computer,
            Self::Computer => Self::Person,
        }
    }
}

impl Board {
    /// Who has the cell.
    pub(crate) fn at(self, cell: Cell) -> Option<Side> {
        let bit = bit(cell);
        if self.person & bit != 0 {
            Some(Side::Person)
        } else if self.computer & bit != 0 {
            Some(Side::Computer)
        } else {
            None
        }
    }

    /// The cells that nobody has.
    pub(crate) fn free(self) -> impl Iterator<Item = Cell> {
        (0..9).filter(move |cell| self.at(*cell).is_none())
    }

    /// The cells that somebody has.
    pub(crate) fn taken(self) -> u32 {
        (self.person | self.computer).count_ones()
    }

    /// With one more cell; one that is taken stays whose it is.
    #[must_use]
    pub(crate) fn with(mut self, side: Side, cell: Cell) -> Self {
        if self.at(cell).is_none() {
            match side {
                Side::Person => self.person |= bit(cell),
                Side::Computer => self.computer |= bit(cell),
            }
        }
        self
    }

    /// How it ended, if it has.
    pub(crate) fn end(self) -> Option<End> {
        let has_line = |cells: u16| LINES.iter().any(|line| cells & line == *line);
        if has_line(self.person) {
            Some(End::Won(Side::Person))
        } else if has_line(self.computer) {
            Some(End::Won(Side::Computer))
        } else {
            (self.person | self.computer == FULL).then_some(End::Drawn)
        }
    }
}

fn bit(cell: Cell) -> u16 {
    1 << (cell % 9)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A board as it is drawn: `x` is the person, `o` the computer.
    pub(crate) fn board(drawn: &str) -> Board {
        let cells = drawn.chars().filter(|c| !c.is_whitespace()).zip(0..);
        cells.fold(Board::default(), |board, (mark, cell)| match mark {
            'x' => board.with(Side::Person, cell),
            'o' => board.with(Side::Computer, cell),
            _ => board,
        })
    }

    #[test]
    fn every_line_wins_and_nothing_else_does() {
        let lines = ["012", "345", "678", "036", "147", "258", "048", "246"];
        for (a, b, c) in (0..9).flat_map(|a| (0..9).flat_map(move |b| (0..9).map(move |c| (a, b, c)))) {
            let cells = [a, b, c];
            let board = cells.iter().fold(Board::default(), |board, cell| board.with(Side::Computer, *cell));
            let is_line = lines.iter().any(|line| line.bytes().all(|digit| cells.contains(&(digit - b'0'))));
            assert_eq!(board.end(), is_line.then_some(End::Won(Side::Computer)), "{cells:?}");
        }
    }

    #[test]
    fn a_full_board_without_a_line_is_drawn() {
        assert_eq!(board("xox xxo oxo").end(), Some(End::Drawn));
        assert_eq!(board("xox xxo ox.").end(), None);
        assert_eq!(board("xxx oo. ...").end(), Some(End::Won(Side::Person)));
    }

    #[test]
    fn a_cell_that_is_taken_stays_whose_it_is() {
        let board = board("x.. ... ...");
        assert_eq!(board.with(Side::Computer, 0), board);
        assert_eq!((board.taken(), board.free().count()), (1, 8));
    }
}
