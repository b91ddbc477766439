//! A conversation in lines of text: what somebody types becomes what people on Divar do, and what the app does
//! becomes lines to read. It reads and prints nothing itself.

use std::collections::HashMap;
use std::time::Duration;

use hodhod_core::text::clean;
use url::Url;

use super::app::{App, Person, Post};
use super::buttons::{Action, Buttons};
use super::error::Error;
use super::press::Pressed;
use super::push::PushCounts;
use super::sent::{Sent, SentBy, SentFeed};
use super::server::DivarServer;
use super::talk::{Media, Touchpoint};
use super::world::Side;

/// The two people whom one person plays: the first has a post, the second asks about it.
const YOU: &str = "you";
const BUYER: &str = "buyer";
const POST: &str = "Bicycle1";

const HELP: &str = "\
Type a message and press Enter. Beside that:
  :1 :2 …              press the button with this number
  :start [PLACE]       open the chatbot from my-post, my-divar, divar-pro, chat or demand-post
  :chat bot|post       talk to the chatbot, or to one another about the post
  :be you|buyer        be the one who sells, or the one who buys
  :open [post]         open the app from the menu of the chat, or from the page of the post
  :accept :refuse      answer the last question for consent; an address may follow
  :revoke              take back what you allowed
  :block :unblock      want no messages, or want them again
  :here LAT LON        share a place
  :contact NAME PHONE  share a contact";

/// Where somebody talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Chatbot,
    Post,
}

/// The buttons that somebody sees in a place: those of the newest message that has some.
#[derive(Default)]
struct Shown {
    /// The message, and row and column of each button.
    buttons: Vec<(u64, usize, usize)>,
    text: String,
}

/// One person who types, and plays both sides.
pub struct Terminal {
    server: DivarServer,
    feed: SentFeed,
    /// How the app is called in what is shown.
    name: String,
    me: &'static str,
    place: Place,
    shown: HashMap<(&'static str, Place), Shown>,
    /// The last question for consent that was seen.
    asked: Option<String>,
}

impl Terminal {
    /// Adds the people whom a terminal plays to an app.
    #[must_use]
    pub fn people(app: App) -> App {
        let post = Post::new(POST, "bicycles", "دوچرخه").data("price", serde_json::json!({ "value": 1_100_000 }));
        app.person(Person::new(YOU, "09120000001").post(post)).person(Person::new(BUYER, "09120000002"))
    }

    /// A conversation on a server whose app has the [`people`](Self::people); the name is how the app is called in what
    /// is shown.
    ///
    /// # Errors
    /// If they are not there.
    pub fn new(server: DivarServer, name: &str) -> Result<Self, Error> {
        for person in [YOU, BUYER] {
            server.user_id(person)?;
        }
        let feed = server.subscribe_sent();
        let name = clean(name, usize::MAX);
        let shown = HashMap::new();
        Ok(Self { server, feed, name, me: YOU, place: Place::Chatbot, shown, asked: None })
    }

    /// Opens the chatbot, as a person does who sees it first.
    ///
    /// # Errors
    /// If the server keeps no more.
    pub fn greet(&mut self) -> Result<(), Error> {
        self.server.start_chat(self.me, &Touchpoint::MyDivar).map(drop)
    }

    /// What can be typed.
    #[must_use]
    pub fn help() -> &'static str {
        HELP
    }

    /// Does what a line says. Returns what there is to read now; empty where there is nothing.
    pub async fn line(&mut self, line: &str) -> String {
        match self.typed(line).await {
            Ok(shown) => shown,
            Err(error) => clean(&error.to_string(), 1000),
        }
    }

    /// The next message of the app, as it is to be read; `None` once the server stopped.
    ///
    /// A call that is dropped has taken nothing.
    pub async fn next(&mut self) -> Option<String> {
        let sent = self.feed.next().await?;
        Some(self.message(&sent))
    }

    /// Waits until the app has taken every event. What it makes of them may take longer.
    ///
    /// # Errors
    /// If that takes too long.
    pub async fn settled(&self, timeout: Duration) -> Result<PushCounts, Error> {
        self.server.wait_until_pushed(timeout).await
    }

    async fn typed(&mut self, line: &str) -> Result<String, Error> {
        let Some(command) = line.strip_prefix(':') else {
            if !line.trim().is_empty() {
                self.say(line)?;
            }
            return Ok(String::new());
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["start"] => self.greet()?,
            ["start", place] => match self.touchpoint(place) {
                Some(touchpoint) => drop(self.server.start_chat(self.me, &touchpoint)?),
                None => return Ok(HELP.to_owned()),
            },
            ["chat", "bot"] => return Ok(self.go(self.me, Place::Chatbot)),
            ["chat", "post"] => return Ok(self.go(self.me, Place::Post)),
            ["be", "you"] => return Ok(self.go(YOU, self.place)),
            ["be", "buyer"] => return Ok(self.go(BUYER, self.place)),
            ["open"] => {
                let url = self.server.open_from_chat(self.me, POST, BUYER).await?;
                return Ok(self.link("opens", &url));
            }
            ["open", "post"] => {
                let url = self.server.open_from_post(self.me, POST, serde_json::Map::new()).await?;
                return Ok(self.link("opens", &url));
            }
            ["accept", link @ ..] if link.len() <= 1 => return self.answer(link.first().copied(), true).await,
            ["refuse", link @ ..] if link.len() <= 1 => return self.answer(link.first().copied(), false).await,
            ["revoke"] => drop(self.server.revoke(self.me)?),
            ["block"] => self.block(true)?,
            ["unblock"] => self.block(false)?,
            ["here", latitude, longitude] => match (latitude.parse(), longitude.parse()) {
                (Ok(latitude), Ok(longitude)) => self.send(Media::Location { latitude, longitude })?,
                _ => return Ok("a place is two numbers, as in :here 35.7 51.4".to_owned()),
            },
            ["contact", name, phone] => {
                self.send(Media::Contact { name: Some((*name).to_owned()), phone: (*phone).to_owned() })?;
            }
            [number] => match number.parse() {
                Ok(number) => return self.press(number).await,
                Err(_) => return Ok(HELP.to_owned()),
            },
            _ => return Ok(HELP.to_owned()),
        }
        Ok(String::new())
    }

    fn say(&self, text: &str) -> Result<(), Error> {
        match self.place {
            Place::Chatbot => self.server.say(self.me, text).map(drop),
            Place::Post => self.server.say_in_post(POST, BUYER, self.side(), text).map(drop),
        }
    }

    fn send(&self, media: Media) -> Result<(), Error> {
        match self.place {
            Place::Chatbot => self.server.send_media(self.me, media).map(drop),
            Place::Post => self.server.send_media_in_post(POST, BUYER, self.side(), media).map(drop),
        }
    }

    fn block(&self, blocked: bool) -> Result<(), Error> {
        match self.place {
            Place::Chatbot => self.server.block(self.me, blocked),
            Place::Post => self.server.block_in_post(POST, BUYER, self.side(), blocked),
        }
    }

    fn side(&self) -> Side {
        if self.me == YOU { Side::Seller } else { Side::Buyer }
    }

    fn touchpoint(&self, place: &str) -> Option<Touchpoint> {
        let post = || Some(POST.to_owned());
        Some(match place {
            "my-post" => Touchpoint::MyPost(post()),
            "my-divar" => Touchpoint::MyDivar,
            "divar-pro" => Touchpoint::DivarPro,
            "chat" => Touchpoint::Chat(self.server.post_conversation(POST, BUYER).ok()),
            "demand-post" => Touchpoint::DemandPost(post()),
            _ => return None,
        })
    }

    /// Is somebody somewhere from now on, and shows the buttons there.
    fn go(&mut self, me: &'static str, place: Place) -> String {
        (self.me, self.place) = (me, place);
        let who = match (me, place) {
            (YOU, Place::Chatbot) => "you are with the chatbot",
            (YOU, Place::Post) => "you are with the buyer of your post",
            (_, Place::Chatbot) => "you are the buyer, with the chatbot",
            (_, Place::Post) => "you are the buyer, with the owner of the post",
        };
        let buttons = self.shown.get(&(me, place)).map(|shown| shown.text.as_str()).unwrap_or_default();
        format!("{who}{buttons}")
    }

    async fn press(&mut self, number: usize) -> Result<String, Error> {
        let shown = self.shown.get(&(self.me, self.place));
        let button = shown.and_then(|shown| shown.buttons.get(number.checked_sub(1)?));
        let &(message, row, column) = button.ok_or(Error::NoButton)?;
        let pressed = self.server.press(self.me, message, row, column).await?;
        Ok(self.pressed(pressed))
    }

    fn pressed(&mut self, pressed: Pressed) -> String {
        match pressed {
            Pressed::Link(url) => self.link("link", &url),
            Pressed::Opened(url) => self.link("opens", &url),
            Pressed::PostPage(post) => format!("the page of the post {}", shown(&post)),
            Pressed::ManagePage(post) => format!("the page to manage the post {}", shown(&post)),
            Pressed::Answered { text, then } => {
                let text = text.map(|text| format!("{}: {}", self.name, shown(&text)));
                let then = then.map(|then| self.pressed(*then));
                text.into_iter().chain(then).collect::<Vec<_>>().join("\n")
            }
        }
    }

    fn link(&mut self, what: &str, url: &str) -> String {
        let question = self.question(url).unwrap_or_default();
        format!("{what}: {}{question}", shown(url))
    }

    /// What a link asks for, if it asks for consent.
    fn question(&mut self, url: &str) -> Option<String> {
        if !self.server.is_consent(url) {
            return None;
        }
        self.asked = Some(url.to_owned());
        let scope =
            Url::parse(url).ok()?.query_pairs().find(|(name, _)| name == "scope").map(|(_, scope)| scope.into_owned());
        Some(format!("\n      it asks for {}   (:accept or :refuse)", shown(&scope.unwrap_or_default())))
    }

    async fn answer(&mut self, link: Option<&str>, yes: bool) -> Result<String, Error> {
        let Some(link) = link.map(str::to_owned).or_else(|| self.asked.take()) else {
            return Ok("nothing was asked; an address may follow".to_owned());
        };
        let landing =
            if yes { self.server.consent(self.me, &link).await? } else { self.server.refuse(self.me, &link).await? };
        // The address has the code in it.
        let end = landing.visited.last().and_then(|url| Url::parse(url).ok());
        let end = end.map(|mut url| {
            url.set_query(None);
            url.to_string()
        });
        Ok(format!("the browser ends at {} (HTTP {})", shown(&end.unwrap_or_default()), landing.status))
    }

    fn message(&mut self, sent: &Sent) -> String {
        let name = &self.name;
        let who = match &sent.by {
            SentBy::Chatbot { to } if to == self.me => format!("{name}>"),
            SentBy::Chatbot { to } => format!("{name} to {to}>"),
            SentBy::Person { name: person, .. } => format!("{name} as {person}>"),
        };
        let what = match &sent.file {
            Some(file) => format!("file {}", shown(&file.name)),
            None => shown(&sent.text),
        };
        let mut lines = format!("{who} {what}");
        for word in sent.text.split_whitespace() {
            lines.push_str(&self.question(word).unwrap_or_default());
        }
        for person in [YOU, BUYER] {
            let (buttons, place) = match &sent.by {
                SentBy::Chatbot { to } if to == person => (&sent.buttons, Place::Chatbot),
                SentBy::Chatbot { .. } => continue,
                SentBy::Person { name, .. } if name == person => (&sent.buttons, Place::Post),
                SentBy::Person { .. } => (&sent.receiver_buttons, Place::Post),
            };
            if buttons.is_empty() {
                continue;
            }
            let seen = rows(sent.index, buttons);
            if person == self.me && place == self.place {
                lines.push_str(&seen.text);
            }
            self.shown.insert((person, place), seen);
        }
        lines
    }
}

/// Buttons in rows, each with its number.
fn rows(message: u64, buttons: &Buttons) -> Shown {
    let mut seen = Shown::default();
    for (row, buttons) in buttons.iter().enumerate() {
        let mut labels = Vec::new();
        for (column, button) in buttons.iter().enumerate() {
            seen.buttons.push((message, row, column));
            let leads = if matches!(button.action, Action::GetDynamicAction(_)) { "" } else { " ↗" };
            labels.push(format!("[:{} {}{leads}]", seen.buttons.len(), clean(&button.caption, usize::MAX)));
        }
        seen.text.push_str("\n      ");
        seen.text.push_str(&labels.join("  "));
    }
    seen
}

/// A text with its lines, and without what would command the terminal.
fn shown(text: &str) -> String {
    text.split('\n').map(|line| clean(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}
