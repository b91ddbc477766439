//! Tells a buyer and a seller on Divar what it costs to send what they talk about.
//!
//! Somebody opens it from their conversation. The first time they are led to Divar's page on which they let the bot
//! write there in their name; from then on they come straight back. Either way the quote appears in the conversation,
//! with a button for each of the two to accept it.
//!
//! The bot has no page of its own. An opening is answered at once, as a browser waits for it, and the quote is computed
//! in a turn of its own, that of a timer which is due at once: reading the ad may take long, and be tried again.

mod consent;
mod prices;
mod quote;
mod words;

use std::time::Duration;

use hodhod_plugin::divar::{COMPLETION, News, Post};
use hodhod_plugin::{Answer, Bot, Context, Delivery, Error, Failure, Opening, Outcome, Outgoing, Result, Timer, log};
use serde::{Deserialize, Serialize};

use crate::prices::{Found, Prices};
use crate::quote::{Accepted, Quote};

/// The timer that computes a quote, one for each conversation.
const COMPUTE: &str = "quote";

/// Where a conversation's quote is kept, and the number of the last one.
const QUOTE: &str = "quote";
const NUMBER: &str = "quotes";

/// How long the same quote is not sent again, in milliseconds: whoever opens the bot twice wants it once.
const SOON: u64 = 60_000;

/// What a quote is to be computed of: what the timer brings, and what comes back with a consent.
#[derive(Debug, Serialize, Deserialize)]
struct Wish {
    post: String,
    /// Whose name it is to have; not known while they are asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

#[derive(Default)]
struct Courier;

impl Bot for Courier {
    fn on_opening(&mut self, ctx: &Context, opening: &Opening) -> Result {
        let back = ctx.annotation("divar.completion-url").unwrap_or(COMPLETION);
        let address = match next(ctx, opening) {
            Ok(address) => address,
            // Somebody looks at an empty page: they are better off where they came from.
            Err(error) => {
                log::error(format_args!("an opening came to nothing: {error}"));
                None
            }
        };
        ctx.respond(Answer::url(address.as_deref().unwrap_or(back)))?;
        Ok(())
    }

    fn on_other(&mut self, ctx: &Context, name: &str, json: &str) -> Result {
        match News::read(name, json) {
            Some(News::Granted(granted)) => {
                let (Some(user), Some(chat)) = (granted.user, ctx.chat()) else { return Ok(()) };
                consent::remember(ctx, &user, chat)?;
                let wish: Wish = serde_json::from_str(&granted.data).map_err(Failure::reject)?;
                Ok(compute(ctx, &Wish { user: Some(user), ..wish })?)
            }
            Some(News::Refused(refused)) => {
                log::info(format_args!("no consent: {}", refused.reason.unwrap_or_default()));
                Ok(())
            }
            Some(News::Revoked { .. }) | None => Ok(()),
        }
    }

    fn on_event_other(&mut self, ctx: &Context, name: &str, json: &str) -> Result {
        if let Some(News::Revoked { user, .. }) = News::read(name, json) {
            // Of one of several consents too: asking once more than needed harms nobody.
            consent::forget(ctx, &user)?;
        }
        Ok(())
    }

    fn on_timer(&mut self, ctx: &Context, timer: &Timer) -> Result {
        if timer.id != COMPUTE {
            return Ok(());
        }
        let wish: Wish = serde_json::from_str(&timer.payload).map_err(Failure::reject)?;
        send_quote(ctx, &wish)
    }

    fn on_button(&mut self, ctx: &Context, data: &str) -> Result {
        let Some((number, party)) = quote::pressed(data) else { return Ok(()) };
        let values = ctx.chat_values();
        let Some(mut quote) = values.get::<Quote>(QUOTE)? else {
            return Ok(ctx.respond(Answer::notice(words::STALE))?);
        };
        let notice = match quote.accept(number, party) {
            Accepted::Stale => words::STALE,
            Accepted::Again => words::ACCEPTED_AGAIN,
            Accepted::Half => words::ACCEPTED_HALF,
            Accepted::Whole => {
                let contact = ctx.config("contact")?.unwrap_or_default();
                ctx.reply(Outgoing::text(words::agreed(&quote.price(), &contact)).in_name_of(&quote.user))?;
                words::ACCEPTED_WHOLE
            }
        };
        values.set(QUOTE, &quote)?;
        ctx.respond(Answer::notice(notice))?;
        Ok(())
    }

    fn on_delivery(&mut self, ctx: &Context, delivery: &Delivery) -> Result {
        let Outcome::Failed(why) = &delivery.outcome else { return Ok(()) };
        log::warn(format_args!("not delivered: {why}"));
        if let Some(quote) = ctx.chat_values().get::<Quote>(QUOTE)?
            && quote.message == delivery.message
        {
            consent::doubt(ctx, &quote.user, &delivery.chat)?;
            ctx.chat_values().delete(QUOTE)?;
        }
        Ok(())
    }

    /// In the app's own chatbot a link is enough. Elsewhere people talk to each other, and not to it.
    fn on_text(&mut self, ctx: &Context, text: &str) -> Result {
        if ctx.message().is_none_or(|message| !message.private || message.edited || message.sender.automated) {
            return Ok(());
        }
        match token(text) {
            Some(token) => tell(ctx, token),
            None => about(ctx),
        }
    }

    fn on_start(&mut self, ctx: &Context, _payload: Option<&str>) -> Result {
        match ctx.annotation("divar.post-token") {
            Some(token) => tell(ctx, token),
            None => about(ctx),
        }
    }
}

/// Where the browser of whoever opened the bot goes next: to the page on which they consent, or, with `None`, back. If
/// they have consented, the quote is on its way.
fn next(ctx: &Context, opening: &Opening) -> Result<Option<String>, Error> {
    // Alone with the bot there is nobody to share a quote with.
    if ctx.message().is_none_or(|message| message.private) {
        return Ok(None);
    }
    let (Some(chat), Some(conversation)) = (ctx.chat(), ctx.annotation("divar.conversation")) else { return Ok(None) };
    let carried = serde_json::from_str(&opening.data).ok().map(|wish: Wish| wish.post);
    let Some(post) = ctx.annotation("divar.post-token").map(ToOwned::to_owned).or(carried) else { return Ok(None) };
    if let Some(user) = ctx.sender().and_then(|sender| sender.id.clone())
        && consent::is_given(ctx, &user, chat)?
    {
        compute(ctx, &Wish { post, user: Some(user) })?;
        return Ok(None);
    }
    // The other one may accept hours later, and a consent without the last of these is over after one.
    let scopes =
        [format!("CONVERSATION_SEND_MESSAGE.{conversation}"), "USER_ID".to_owned(), "offline_access".to_owned()];
    let data = serde_json::to_string(&Wish { post, user: None }).map_err(|error| Error::Other(error.to_string()))?;
    ctx.divar()?.request_consent(&scopes, &data).map(Some)
}

/// Has the quote of this conversation computed, in a turn of its own.
fn compute(ctx: &Context, wish: &Wish) -> Result<(), Error> {
    let payload = serde_json::to_string(wish).map_err(|error| Error::Other(error.to_string()))?;
    ctx.set_timer(COMPUTE, Duration::ZERO, &payload)
}

/// Computes the quote and writes it into the conversation.
fn send_quote(ctx: &Context, wish: &Wish) -> Result {
    let user = wish.user.as_deref().unwrap_or_default();
    let values = ctx.chat_values();
    let is_the_same =
        |before: &Quote| before.post == wish.post && before.user == user && ctx.now().saturating_sub(before.at) < SOON;
    if values.get::<Quote>(QUOTE)?.as_ref().is_some_and(is_the_same) {
        return Ok(());
    }
    let (post, found, elsewhere) = match look(ctx, &wish.post) {
        Ok(Looked::Found(post, found, elsewhere)) => (post, found, elsewhere),
        // In a person's name nothing is said that they did not ask for.
        Ok(Looked::NoPrice(post)) => {
            log::warn(format_args!("no price for {:?}", post.city.unwrap_or_default()));
            return Ok(());
        }
        Err(error) if passes(&error) => return Err(error.into()),
        Err(error) => {
            log::warn(format_args!("no quote for the ad {}: {error}", wish.post));
            return Ok(());
        }
    };
    let number = values.increment(NUMBER, 1)?;
    let mut quote = Quote::new(number, &post, user, found.tomans, ctx.now());
    quote.message = ctx.reply(quote.message(quote::text(&post, &found, elsewhere)))?;
    values.set(QUOTE, &quote)?;
    Ok(())
}

/// What an ad and the price table say.
enum Looked {
    Found(Box<Post>, Found, Option<u64>),
    NoPrice(Box<Post>),
}

fn look(ctx: &Context, token: &str) -> Result<Looked, Error> {
    let post = Box::new(ctx.divar()?.post(token)?);
    let (prices, odd) = Prices::read(&ctx.config("prices")?.unwrap_or_default());
    for row in odd {
        log::error(format_args!("this row of the prices cannot be read: {row}"));
    }
    let elsewhere = ctx.config("elsewhere")?.and_then(|number| number.parse().ok());
    Ok(match prices.find(post.city.as_deref(), post.district.as_deref()) {
        Some(found) => Looked::Found(post, found, elsewhere),
        None => Looked::NoPrice(post),
    })
}

/// Tells a person alone with the bot what it would cost.
fn tell(ctx: &Context, token: &str) -> Result {
    let text = match look(ctx, token) {
        Ok(Looked::Found(post, found, elsewhere)) => quote::text(&post, &found, elsewhere),
        Ok(Looked::NoPrice(_)) => words::NO_PRICE.to_owned(),
        Err(error) if passes(&error) => return Err(error.into()),
        Err(Error::Unsupported(_)) => words::NOT_HERE.to_owned(),
        Err(error) => {
            log::info(format_args!("no quote for the ad {token}: {error}"));
            words::NO_AD.to_owned()
        }
    };
    ctx.reply(text)?;
    Ok(())
}

fn about(ctx: &Context) -> Result {
    ctx.reply(words::ABOUT)?;
    Ok(())
}

/// True for what may be otherwise in a moment.
fn passes(error: &Error) -> bool {
    matches!(error, Error::RateLimited(_) | Error::Timeout | Error::Unavailable(_))
}

/// The token of an ad, out of a link to it or as it is.
fn token(text: &str) -> Option<&str> {
    let text = text.trim();
    let link = text.split_whitespace().find(|word| word.contains("divar.ir/v/"));
    let last = match link {
        Some(link) => link.split(['?', '#']).next()?.trim_end_matches('/').rsplit('/').next()?,
        None => text,
    };
    let is_one =
        (8..=16).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_one.then_some(last)
}

hodhod_plugin::export!(Courier);
hodhod_plugin::manifest!("../manifest.json");

#[cfg(test)]
mod tests;
