//! Lists come in pages, so that no answer has no end.

use serde::Deserialize;

/// Most rows of a page.
pub const LONGEST_PAGE: usize = 1000;

/// Rows of a page where nobody says how many.
const USUAL_PAGE: usize = 100;

/// How many rows a page is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "usize")]
pub(super) struct Limit(usize);

impl TryFrom<usize> for Limit {
    type Error = String;

    fn try_from(rows: usize) -> Result<Self, String> {
        match rows {
            1..=LONGEST_PAGE => Ok(Self(rows)),
            _ => Err(format!("a page has from 1 to {LONGEST_PAGE} rows")),
        }
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL_PAGE)
    }
}

impl Limit {
    /// What is to be looked for to know whether there is a next page.
    pub(super) fn and_one(self) -> usize {
        self.0 + 1
    }
}

/// The page of what was found, and whether there is more.
pub(super) fn page<T>(mut found: Vec<T>, limit: Limit) -> (Vec<T>, bool) {
    let more = found.len() > limit.0;
    found.truncate(limit.0);
    (found, more)
}
