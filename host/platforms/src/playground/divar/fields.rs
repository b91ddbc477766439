//! The members of a JSON object, looked at with care: what is missing or wrong is said by name.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::settings::Rules;

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Flaw(String);

impl From<Flaw> for Refusal {
    fn from(flaw: Flaw) -> Self {
        Self::invalid(flaw.0)
    }
}

/// An object, and how it is called.
pub(super) struct Fields<'a> {
    name: &'a str,
    object: &'a Map<String, Value>,
    strict: bool,
}

impl<'a> Fields<'a> {
    pub(super) fn of(name: &'a str, value: &'a Value, rules: &Rules) -> Result<Self, Flaw> {
        let object = value.as_object().ok_or_else(|| Flaw(format!("{name} is not a JSON object")))?;
        Ok(Self { name, object, strict: rules.refuse_unknown_members })
    }

    /// Nothing but these, if the rules say so.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Flaw> {
        match self.object.keys().find(|member| self.strict && !known.contains(&member.as_str())) {
            Some(unknown) => Err(self.flaw(&format!("has an unknown member {unknown:?}"))),
            None => Ok(()),
        }
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.iter()
    }

    /// A member; absent and null are one.
    pub(super) fn maybe(&self, member: &str) -> Option<&'a Value> {
        self.object.get(member).filter(|value| !value.is_null())
    }

    pub(super) fn value(&self, member: &str) -> Result<&'a Value, Flaw> {
        self.maybe(member).ok_or_else(|| self.flaw(&format!("has no {member}")))
    }

    /// A list; absent is empty.
    pub(super) fn list(&self, member: &str) -> Result<&'a [Value], Flaw> {
        match self.maybe(member) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.flaw(&format!("has {member} that are no list"))),
        }
    }

    pub(super) fn maybe_text(&self, member: &str) -> Result<Option<&'a str>, Flaw> {
        match self.maybe(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.flaw(&format!("has a {member} that is no string"))),
        }
    }

    /// A string with something in it.
    pub(super) fn text(&self, member: &str) -> Result<&'a str, Flaw> {
        let text = self.maybe_text(member)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| self.flaw(&format!("has no {member}")))
    }

    pub(super) fn flaw(&self, text: &str) -> Flaw {
        Flaw(format!("{} {text}", self.name))
    }
}
