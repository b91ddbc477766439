//! Ways to write down a keyboard.

use crate::{Button, Keyboard, Press};

impl Keyboard {
    /// One row of buttons.
    pub fn row(buttons: impl IntoIterator<Item = Button>) -> Self {
        Self::rows([buttons])
    }

    /// Rows of buttons.
    ///
    /// ```
    /// use hodhod_plugin::{Button, Keyboard};
    ///
    /// let keyboard = Keyboard::rows([
    ///     [Button::event("بله", "/yes"), Button::event("خیر", "/no")],
    ///     [Button::url("راهنما", "https://example.org/"), Button::event("بعداً", "/later")],
    /// ]);
    /// # assert!(matches!(keyboard, Keyboard::Show(rows) if rows.len() == 2));
    /// ```
    pub fn rows<R: IntoIterator<Item = Button>>(rows: impl IntoIterator<Item = R>) -> Self {
        Self::Show(rows.into_iter().map(|row| row.into_iter().collect()).collect())
    }

    /// This keyboard with one more row below, for rows of different lengths.
    #[must_use]
    pub fn and_row(self, buttons: impl IntoIterator<Item = Button>) -> Self {
        let mut rows = match self {
            Self::Show(rows) => rows,
            Self::Hide => Vec::new(),
        };
        rows.push(buttons.into_iter().collect());
        Self::Show(rows)
    }
}

impl Button {
    /// Tells the bot `data` when it is pressed: see [`Bot::on_button`](crate::Bot::on_button).
    pub fn event(label: impl Into<String>, data: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Event(data.into()) }
    }

    /// Opens a web address.
    pub fn url(label: impl Into<String>, address: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Url(address.into()) }
    }

    /// Opens the bot's own page, which is told this JSON (Divar).
    pub fn app(label: impl Into<String>, json: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::App(json.into()) }
    }

    /// Does what only this platform can, as its own JSON says.
    pub fn native(label: impl Into<String>, json: impl Into<String>) -> Self {
        Self { label: label.into(), press: Press::Native(json.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(keyboard: &Keyboard) -> Vec<Vec<&str>> {
        match keyboard {
            Keyboard::Show(rows) => {
                rows.iter().map(|row| row.iter().map(|button| button.label.as_str()).collect()).collect()
            }
            Keyboard::Hide => Vec::new(),
        }
    }

    #[test]
    fn rows_and_buttons_keep_their_order() {
        let button = |label: &str| Button::event(label, label);
        assert_eq!(labels(&Keyboard::row([button("a"), button("b")])), [["a", "b"]]);
        assert_eq!(
            labels(&Keyboard::rows([[button("a"), button("b")], [button("c"), button("d")]])),
            [["a", "b"], ["c", "d"]]
        );
        assert_eq!(
            labels(&Keyboard::row([button("a"), button("b")]).and_row([button("c")])),
            [vec!["a", "b"], vec!["c"]]
        );
    }

    #[test]
    fn a_row_below_a_hidden_keyboard_shows_it() {
        assert_eq!(labels(&Keyboard::Hide.and_row([Button::url("a", "https://example.org")])), [["a"]]);
    }

    #[test]
    fn a_button_does_what_its_name_says() {
        assert_eq!(Button::event("a", "x").press, Press::Event("x".into()));
        assert_eq!(Button::url("a", "x").press, Press::Url("x".into()));
        assert_eq!(Button::app("a", "{}").press, Press::App("{}".into()));
        assert_eq!(Button::native("a", "{}").press, Press::Native("{}".into()));
    }
}
