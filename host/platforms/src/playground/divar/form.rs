//! Fields as browsers write them, in an address or a body.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// The fields. A field that is there twice is an error: which of the two is meant, nobody knows.
pub(super) fn parse(text: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text) {
        if fields.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(fields)
}
