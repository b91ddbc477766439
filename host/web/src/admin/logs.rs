//! The newest lines of the log, and those to come.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use hodhod_core::ids::BotName;
use serde::Deserialize;

use super::{Said, no_bot};
use crate::Web;
use crate::refusal::Refusal;

/// What keeps the newest lines of the log.
pub trait Logs: Send + Sync {
    /// Lines about one bot or about everything, each a JSON object with its line break; goes on with those to
    /// come, for ever, if it is to `follow`.
    fn read(&self, bot: Option<&str>, follow: bool) -> BoxStream<'static, String>;
}

/// How long no line may come before an empty one does.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// The lines, with an empty one wherever none comes for long. A connection whose other end is gone without a word is
/// noticed only by what is written to it, and keeps its place until then.
fn with_signs_of_life(lines: BoxStream<'static, String>) -> impl Stream<Item = String> + Send + 'static {
    stream::unfold(lines, |mut lines| async {
        let line = match tokio::time::timeout(SIGN_OF_LIFE, lines.next()).await {
            Ok(line) => line?,
            Err(_nothing_came) => "\n".to_owned(),
        };
        Some((line, lines))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    bot: Option<String>,
    #[serde(default)]
    follow: bool,
}

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/logs", get(logs))
}

async fn logs(State(web): State<Web>, Said(Wanted { bot, follow }): Said<Wanted>) -> Result<Response, Refusal> {
    if let Some(bot) = bot.as_deref().filter(|bot| web.host().turns().bot(&BotName::from(*bot)).is_none()) {
        return Err(no_bot(&web, bot));
    }
    // Readers stay, and leave connections to others.
    let place = web.0.readers.clone().try_acquire_owned().map_err(|_all_taken| {
        Refusal::too_many("too many read the log at once; ask again when one of them has gone")
    })?;
    let lines = with_signs_of_life(web.0.joints.logs.read(bot.as_deref(), follow)).map(move |line| {
        let _place = &place;
        Ok::<_, Infallible>(line)
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn where_no_line_comes_an_empty_one_does_so_that_a_dead_connection_is_noticed() {
        let lines = stream::iter(["a\n".to_owned()]).chain(stream::pending());
        let mut lines = Box::pin(with_signs_of_life(lines.boxed()));
        let began = tokio::time::Instant::now();
        let mut next = async || lines.next().await.unwrap();
        assert_eq!([next().await, next().await, next().await], ["a\n", "\n", "\n"]);
        assert_eq!(began.elapsed(), 2 * SIGN_OF_LIFE);
    }

    #[tokio::test]
    async fn lines_that_end_end() {
        let lines = stream::iter(["a\n".to_owned()]).boxed();
        assert_eq!(with_signs_of_life(lines).collect::<Vec<_>>().await, ["a\n"]);
    }
}
