//! The computer: which cells it would take, the same worth to it each.

use serde::{Deserialize, Serialize};

use crate::board::{Board, Cell, End, Side};

/// How well it plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// Looks where it plays now and then.
    Easy,
    /// Sees a line that can be ended, and no further.
    #[default]
    Medium,
    /// Sees everything, and never loses.
    Hard,
}

impl Level {
    pub(crate) const ALL: [Self; 3] = [Self::Easy, Self::Medium, Self::Hard];

    /// What stands in commands and in the configuration.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Easy => "easy",
            Self::Medium => "medium",
            Self::Hard => "hard",
        }
    }
}

/// The cell that the computer takes, if one is free. `pick` gives a number below the one that it gets.
pub(crate) fn choose(board: Board, level: Level, mut pick: impl FnMut(usize) -> usize) -> Option<Cell> {
    let attentive = level != Level::Easy || pick(3) == 0;
    let cells = candidates(board, level, attentive);
    cells.get(pick(cells.len().max(1))).copied()
}

/// The cells that are best, as far as it sees.
fn candidates(board: Board, level: Level, attentive: bool) -> Vec<Cell> {
    if level == Level::Hard {
        return best(board);
    }
    let free: Vec<_> = board.free().collect();
    if !attentive {
        return free;
    }
    // Its own line first, and then the other's.
    let ends_a_line = |side: Side| -> Vec<Cell> {
        free.iter().copied().filter(|cell| board.with(side, *cell).end() == Some(End::Won(side))).collect()
    };
    [ends_a_line(Side::Computer), ends_a_line(Side::Person), free.clone()]
        .into_iter()
        .find(|cells| !cells.is_empty())
        .unwrap_or_default()
}

/// The cells from which the game ends best, whatever the person does.
fn best(board: Board) -> Vec<Cell> {
    if board.taken() == 0 {
        // All of them end in a draw; these leave more ways to go wrong.
        return vec![0, 2, 4, 6, 8];
    }
    let worth = |cell: Cell| -worth(board.with(Side::Computer, cell), Side::Person, -WIN, WIN);
    let worths: Vec<_> = board.free().map(|cell| (cell, worth(cell))).collect();
    let most = worths.iter().map(|(_, worth)| *worth).max();
    worths.into_iter().filter(|(_, worth)| Some(*worth) == most).map(|(cell, _)| cell).collect()
}

/// More than any game is worth.
const WIN: i32 = 100;

/// What a board is worth to the side whose turn it is: more the sooner it wins, and the later it loses. What is
/// beyond `least` and `most` has been decided elsewhere, and is not looked at closely.
fn worth(board: Board, side: Side, mut least: i32, most: i32) -> i32 {
    let left = 9_u32.saturating_sub(board.taken());
    match board.end() {
        Some(End::Drawn) => return 0,
        // Whoever has a line has just made it.
        Some(End::Won(_)) => return -1 - i32::try_from(left).unwrap_or(0),
        None => {}
    }
    for cell in board.free() {
        least = least.max(-worth(board.with(side, cell), side.other(), -most, -least));
        if least >= most {
            break;
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::tests::board;

    /// Every game that can come of a board, with whatever the person does and whatever the computer may do.
    fn play(board: Board, side: Side, level: Level, ends: &mut Vec<End>) {
        if let Some(end) = board.end() {
            return ends.push(end);
        }
        let cells = match side {
            Side::Person => board.free().collect(),
            Side::Computer => candidates(board, level, true),
        };
        assert!(!cells.is_empty());
        for cell in cells {
            play(board.with(side, cell), side.other(), level, ends);
        }
    }

    #[test]
    fn the_hard_one_never_loses_whoever_begins() {
        for first in [Side::Person, Side::Computer] {
            let mut ends = Vec::new();
            play(Board::default(), first, Level::Hard, &mut ends);
            assert!(!ends.contains(&End::Won(Side::Person)));
            assert!(ends.contains(&End::Won(Side::Computer)) && ends.contains(&End::Drawn));
        }
    }

    #[test]
    fn the_medium_one_can_be_beaten_but_not_by_a_plain_line() {
        let mut ends = Vec::new();
        play(Board::default(), Side::Person, Level::Medium, &mut ends);
        assert!(ends.contains(&End::Won(Side::Person)));
        assert_eq!(candidates(board("xx. ... o.."), Level::Medium, true), [2]);
    }

    #[test]
    fn an_end_in_sight_is_taken_before_another_is_stopped() {
        for level in [Level::Medium, Level::Hard] {
            assert_eq!(candidates(board("oo. xx. ..x"), level, true), [2], "{level:?}");
        }
    }

    #[test]
    fn the_hard_one_wins_as_soon_as_it_can_and_loses_as_late() {
        assert_eq!(candidates(board("oo. .x. x.x"), Level::Hard, true), [2]);
        // Lost either way; one way ends at once.
        assert_eq!(candidates(board("x.x .o. xo."), Level::Hard, true), [1]);
    }

    #[test]
    fn the_easy_one_takes_any_free_cell_and_looks_now_and_then() {
        let board = board("oo. xx. ...");
        for picked in 0..5 {
            let mut picks = [1, picked].into_iter();
            assert!(choose(board, Level::Easy, |_| picks.next().unwrap()).is_some());
        }
        let mut picks = [0, 0].into_iter();
        assert_eq!(choose(board, Level::Easy, |_| picks.next().unwrap()), Some(2));
    }

    #[test]
    fn on_a_full_board_there_is_nothing_to_choose() {
        for level in Level::ALL {
            assert_eq!(choose(board("xox xxo oxo"), level, |_| 0), None);
        }
    }
}
