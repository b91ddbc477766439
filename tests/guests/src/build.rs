//! Which build of this component runs.

use std::hint::black_box;

use crate::{Answer, damage};

/// Tests change these bytes in the built component: what kind of build it is, and its number.
static BUILD: &str = "build-good-000000";

/// Says which build answers, before the text; or traps, where this is a build that does.
pub(crate) fn answer(text: &str) -> Answer {
    match black_box(BUILD).strip_prefix("build-") {
        Some(build) if build.starts_with("good") => Ok(Some(format!("{build} {text}"))),
        _ => damage::trap(),
    }
}
