//! The keys under a person's input line.

use serde_json::Value;

/// Rows of keys; empty when the person sees none.
pub type Keyboard = Vec<Vec<Button>>;

/// One key: the person reads `text`, the bot gets `command` as a TEXT message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// What stands on the key.
    pub text: String,
    /// What a press sends.
    pub command: String,
}

/// Reads the `keyboard` of a message: an array of rows, a row an array of keys, both strings of a key
/// present and not empty. Other members of a key are ignored.
pub(super) fn parse(value: &Value) -> Result<Keyboard, &'static str> {
    let rows = value.as_array().ok_or("keyboard is not an array")?;
    let rows = rows.iter().map(|row| {
        let keys = row.as_array().ok_or("a row of the keyboard is not an array")?;
        keys.iter().map(button).collect::<Result<Vec<_>, _>>()
    });
    let rows: Keyboard = rows.collect::<Result<_, &'static str>>()?;
    // A row without keys takes no place on the screen.
    Ok(rows.into_iter().filter(|row| !row.is_empty()).collect())
}

fn button(value: &Value) -> Result<Button, &'static str> {
    let member = |name| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = member("text").ok_or("a key of the keyboard has no text")?;
    let command = member("command").ok_or("a key of the keyboard has no command")?;
    Ok(Button { text: text.to_owned(), command: command.to_owned() })
}
