//! The buttons under a message: at most three rows of at most three (Divar's developer pages,
//! `chat/users_conversations.md`).

use hodhod_core::outgoing::Button;
use hodhod_core::platform::Unsendable;
use serde::Serialize;

use super::action::Action;
use super::origin::Kind;
use super::outgoing::invalid;

/// Rows of a grid.
const ROWS: usize = 3;

/// Buttons of a row.
const COLUMNS: usize = 3;

/// Names of icons seen have up to 36 letters.
const LONGEST_ICON: usize = 64;

/// A grid, as it stands in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Grid {
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    buttons: Vec<Key>,
}

#[derive(Debug, Serialize)]
struct Key {
    action: Action,
    caption: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
}

/// The icons of a grid, by row: `[["HOME",null],["SEND"]]`.
pub(super) type Icons = Vec<Vec<Option<String>>>;

impl Grid {
    /// The grid of these buttons in a conversation of a kind.
    pub(super) fn of(rows: &[Vec<Button>], icons: &Icons, kind: Kind, nonce: &str) -> Result<Self, Unsendable> {
        if rows.is_empty() {
            return Err(invalid("the keyboard has no rows; to show none, leave it out"));
        }
        if rows.len() > ROWS {
            return Err(invalid(&format!("the keyboard has {} rows; Divar shows {ROWS}", rows.len())));
        }
        if icons.len() > rows.len() {
            return Err(invalid("there are icons for more rows than the keyboard has"));
        }
        let no_icons = Vec::new();
        let icons = icons.iter().chain(std::iter::repeat(&no_icons));
        let rows = rows.iter().zip(icons).map(|(buttons, icons)| row(buttons, icons, kind, nonce));
        Ok(Self { rows: rows.collect::<Result<_, _>>()? })
    }
}

fn row(buttons: &[Button], icons: &[Option<String>], kind: Kind, nonce: &str) -> Result<Row, Unsendable> {
    if buttons.is_empty() {
        return Err(invalid("a row of the keyboard has no buttons"));
    }
    if buttons.len() > COLUMNS {
        return Err(invalid(&format!("a row of the keyboard has {} buttons; Divar shows {COLUMNS}", buttons.len())));
    }
    if icons.len() > buttons.len() {
        return Err(invalid("a row has more icons than buttons"));
    }
    let icons = icons.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let keys = buttons.iter().zip(icons).map(|(button, icon)| key(button, icon, kind, nonce));
    Ok(Row { buttons: keys.collect::<Result<_, _>>()? })
}

fn key(button: &Button, icon: Option<&str>, kind: Kind, nonce: &str) -> Result<Key, Unsendable> {
    if button.label.trim().is_empty() {
        return Err(invalid("a button has no label"));
    }
    // Which names there are changes with Divar's OpenAPI document; what they are made of does not.
    let of_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = |icon: &str| (1..=LONGEST_ICON).contains(&icon.len()) && icon.bytes().all(of_name);
    if icon.is_some_and(|icon| !is_name(icon)) {
        return Err(invalid("an icon is not a name such as \"HOME\""));
    }
    let action = Action::of(&button.press, kind, nonce)?;
    Ok(Key { action, caption: button.label.clone(), icon: icon.map(str::to_owned) })
}
