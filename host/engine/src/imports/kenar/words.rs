//! What can be asked for, as far as it is known without asking. Divar's words are not listed here, as there may be
//! more of them tomorrow; but each becomes a part of an address or of a header.

use hodhod_core::text::is_clean;

use crate::bindings::hodhod::bot::types::Error;

/// Longest token of an ad, in bytes: Divar says that they will have up to 16.
const TOKEN: usize = 64;

/// Longest id of a person, in bytes: Divar says that they have up to 64.
const PERSON: usize = 256;

pub(super) fn token(token: &str) -> Result<(), Error> {
    let is_one =
        token.len() <= TOKEN && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if is_one && !token.is_empty() { Ok(()) } else { Err(invalid("no ad has such a token")) }
}

pub(super) fn person(user: &str) -> Result<(), Error> {
    let is_one = user.len() <= PERSON && !user.contains(char::is_whitespace) && is_clean(user);
    if is_one && !user.is_empty() { Ok(()) } else { Err(invalid("nobody has such an id")) }
}

pub(super) fn scopes(scopes: &[String]) -> Result<(), Error> {
    // A blank is what parts scopes on the way.
    let is_one = |scope: &String| !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic());
    if scopes.is_empty() {
        Err(invalid("there is nothing to consent to"))
    } else if scopes.iter().all(is_one) {
        Ok(())
    } else {
        Err(invalid("a scope is a word"))
    }
}

fn invalid(why: &str) -> Error {
    Error::Invalid(why.to_owned())
}
