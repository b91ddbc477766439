//! What a migration does, well or badly: the configuration says it, as messages say it of turns.

use hodhod_plugin::{Context, Error, Result};

use crate::words::{number, one, three};
use crate::{damage, effects, outside};

/// Keeps «from» under `migrated` of the bot's bucket and counts under `migrations`, and then does what it is told.
pub(crate) fn run(ctx: &Context, from: &str) -> Result<(), Error> {
    let told = ctx.config("migrate")?.unwrap_or_default();
    let (verb, rest) = one(&told);
    if verb.is_empty() {
        return Ok(());
    }
    effects::set(("bot", "migrated", from))?;
    effects::count(("bot", "migrations"))?;
    match verb {
        "rename" => rename(one(rest)),
        "trap" => damage::trap(),
        "spin" => damage::spin(),
        "alloc" => damage::alloc_without_end(),
        "sleep" => number(rest).map(damage::sleep).map(drop),
        "refuse" => Err(Error::Other(rest.to_owned())),
        "open" => effects::get(one(rest)).map(drop),
        "send-to" => effects::send_to(ctx, three(rest)).map(drop),
        "flood" => loop {
            effects::send_to(ctx, three(rest))?;
        },
        "connect" => outside::connect(rest).and_then(|said| said.map_or(Ok(()), |said| Err(Error::Other(said)))),
        other => Err(Error::Invalid(format!("no migration \"{other}\""))),
    }
}

fn rename((old, new): (&str, &str)) -> Result<(), Error> {
    if let Some(value) = effects::get(("bot", old))?.filter(|value| value != "none") {
        effects::set(("bot", new, &value))?;
        effects::delete(("bot", old))?;
    }
    Ok(())
}
