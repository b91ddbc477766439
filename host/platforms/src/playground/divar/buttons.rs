//! The buttons under a message: at most three rows of three, each with one action.

use serde_json::{Map, Value};

use super::fields::{Fields, Flaw};
use super::settings::Rules;

/// Rows and buttons: Divar's page `chat/users_conversations.md`.
const MOST: usize = 3;

/// Rows of buttons; empty where a message has none.
pub type Buttons = Vec<Vec<Button>>;

/// One button.
#[derive(Debug, Clone, PartialEq)]
pub struct Button {
    /// What stands on it.
    pub caption: String,
    /// The name of its picture.
    pub icon: Option<String>,
    /// What a press does.
    pub action: Action,
}

/// What a press does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Opens an address.
    OpenDirectLink(String),
    /// Asks the app's server for an address, with this `data`, and opens it.
    OpenServerLink(Map<String, Value>),
    /// Asks the app's server what to do, with this `data`.
    GetDynamicAction(Map<String, Value>),
    /// Opens the page of a post.
    OpenPostPage(String),
    /// Opens the page where an owner manages a post.
    OpenPostManagePage(String),
}

/// Reads a grid of buttons.
pub(super) fn grid(name: &str, value: &Value, rules: &Rules) -> Result<Buttons, Flaw> {
    let grid = Fields::of(name, value, rules)?;
    grid.only(&["rows"])?;
    let rows = grid.list("rows")?;
    if rows.len() > MOST {
        return Err(grid.flaw("has more than three rows"));
    }
    rows.iter().map(|row| self::row(&format!("{name}.rows"), row, rules)).collect()
}

fn row(name: &str, value: &Value, rules: &Rules) -> Result<Vec<Button>, Flaw> {
    let row = Fields::of(name, value, rules)?;
    row.only(&["buttons"])?;
    let buttons = row.list("buttons")?;
    if buttons.len() > MOST {
        return Err(row.flaw("has more than three buttons in a row"));
    }
    buttons.iter().map(|button| self::button(&format!("{name}.buttons"), button, rules)).collect()
}

fn button(name: &str, value: &Value, rules: &Rules) -> Result<Button, Flaw> {
    let button = Fields::of(name, value, rules)?;
    button.only(&["action", "caption", "icon", "icon_name"])?;
    let caption = button.text("caption")?;
    if rules.caption.is_some_and(|longest| caption.chars().count() > longest) {
        return Err(button.flaw("has a caption that is too long"));
    }
    // The names in the OpenAPI document are of this form; "None" and "home" are not among them.
    let icon = button.maybe_text("icon")?;
    if icon.is_some_and(|icon| {
        icon.is_empty() || !icon.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    }) {
        return Err(button.flaw("has an icon of an unknown name"));
    }
    let icon = icon.or(button.maybe_text("icon_name")?).map(str::to_owned);
    let action = action(&format!("{name}.action"), button.value("action")?, rules)?;
    Ok(Button { caption: caption.to_owned(), icon, action })
}

/// Reads an action: an object with exactly one member.
pub(super) fn action(name: &str, value: &Value, rules: &Rules) -> Result<Action, Flaw> {
    let action = Fields::of(name, value, rules)?;
    let mut members = action.members();
    let (Some((kind, what)), None) = (members.next(), members.next()) else {
        return Err(action.flaw("must have exactly one member"));
    };
    let inner = format!("{name}.{kind}");
    let data = || -> Result<Map<String, Value>, Flaw> {
        let fields = Fields::of(&inner, what, rules)?;
        fields.only(&["data"])?;
        match fields.maybe("data") {
            None => Ok(Map::new()),
            Some(data) => data.as_object().cloned().ok_or_else(|| fields.flaw("has data that is no object")),
        }
    };
    let post = || -> Result<String, Flaw> {
        let fields = Fields::of(&inner, what, rules)?;
        fields.only(&["post_token"])?;
        fields.text("post_token").map(str::to_owned)
    };
    match kind.as_str() {
        "open_direct_link" => match what.as_str() {
            Some(link) if !link.is_empty() => Ok(Action::OpenDirectLink(link.to_owned())),
            _ => Err(action.flaw("must have an address in open_direct_link")),
        },
        "open_server_link" => data().map(Action::OpenServerLink),
        "get_dynamic_action" => data().map(Action::GetDynamicAction),
        "open_post_page" => post().map(Action::OpenPostPage),
        "open_post_manage_page" => post().map(Action::OpenPostManagePage),
        _ => Err(action.flaw("is of an unknown kind")),
    }
}
