//! A person's browser: it shows the consent page, brings the answer back to the app, and follows where it is sent.

use reqwest::header::LOCATION;
use url::Url;

use super::consent::Shown;
use super::deliver::describe;
use super::error::Error;
use super::events;
use super::server::DivarServer;

/// How often a browser lets itself be sent on.
const REDIRECTS: usize = 10;

/// Where a browser ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The addresses that it went to, in order.
    pub visited: Vec<String>,
    /// The HTTP status of the last one.
    pub status: u16,
    /// The page there.
    pub body: String,
}

impl DivarServer {
    /// A person opens a consent link, or one that leads to it, says yes, and is brought back to the app.
    ///
    /// # Errors
    /// If the page shows an error instead of the question, or the app's server cannot be reached.
    pub async fn consent(&self, person: &str, url: &str) -> Result<Landing, Error> {
        let back = self.answer_consent(person, url, true).await?;
        self.visit(&back).await
    }

    /// The same with a no.
    ///
    /// # Errors
    /// As [`consent`](Self::consent).
    pub async fn refuse(&self, person: &str, url: &str) -> Result<Landing, Error> {
        let back = self.answer_consent(person, url, false).await?;
        self.visit(&back).await
    }

    /// A person answers, and the browser does not go back to the app: the address where it would go, with the code.
    ///
    /// # Errors
    /// As [`consent`](Self::consent).
    pub async fn answer_consent(&self, person: &str, url: &str, yes: bool) -> Result<String, Error> {
        let page = self.find_page(url).await?;
        match self.shared().authorize(page.query().unwrap_or_default()) {
            Shown::Question(id, _) => {
                self.shared().decide(&id, person, yes).map(String::from).map_err(Error::NoConsentPage)
            }
            Shown::Back(url) => Ok(url.into()),
            Shown::Wrong(text) => Err(Error::NoConsentPage(text)),
        }
    }

    /// Whether an address is the consent page of this server.
    #[must_use]
    pub fn is_consent(&self, url: &str) -> bool {
        Url::parse(url).is_ok_and(|url| self.is_page(&url))
    }

    /// A browser goes to an address, and where it is sent from there.
    ///
    /// # Errors
    /// If a server cannot be reached, or sends it on for ever.
    pub async fn visit(&self, url: &str) -> Result<Landing, Error> {
        let mut visited = vec![url.to_owned()];
        let mut next = parse(url)?;
        loop {
            let (status, to, body) = self.get(&next).await?;
            let Some(to) = to else { return Ok(Landing { visited, status, body }) };
            if visited.len() > REDIRECTS {
                return Err(Error::NoAnswer("it sends the browser on for ever".to_owned()));
            }
            visited.push(to.to_string());
            next = to;
        }
    }

    /// A person takes back all that they allowed. The app is told if they allowed that too: the scopes
    /// `NOTIFICATION_ACCESS_REVOCATION` and `USER_ID`. Returns how many events were put on their way.
    ///
    /// # Errors
    /// If nobody is called so, or the server keeps no more.
    pub fn revoke(&self, person: &str) -> Result<usize, Error> {
        let shared = self.shared();
        let faults = shared.faults().now;
        let world = shared.world();
        let id = world.person(person)?.id.clone();
        let taken = shared.grants().revoke(person);
        let told = taken.iter().any(|scopes| scopes.has("NOTIFICATION_ACCESS_REVOCATION") && scopes.has("USER_ID"));
        if told { shared.push(&id, None, &events::revocation(&id), &faults) } else { Ok(0) }
    }

    /// Follows a link until it is the consent page.
    async fn find_page(&self, url: &str) -> Result<Url, Error> {
        let mut next = parse(url)?;
        for _ in 0..REDIRECTS {
            if self.is_page(&next) {
                return Ok(next);
            }
            match self.get(&next).await? {
                (_, Some(to), _) => next = to,
                (status, None, _) => {
                    return Err(Error::NoConsentPage(format!("{next} is another page (HTTP {status})")));
                }
            }
        }
        Err(Error::NoAnswer("it sends the browser on for ever".to_owned()))
    }

    fn is_page(&self, url: &Url) -> bool {
        Url::parse(&self.shared().base).is_ok_and(|base| base.origin() == url.origin()) && url.path() == "/oauth2/auth"
    }

    /// One page: its status, where it sends the browser, and what is on it.
    async fn get(&self, url: &Url) -> Result<(u16, Option<Url>, String), Error> {
        let failed = |error: reqwest::Error| Error::NoAnswer(describe(&error));
        let answer = self.shared().http.get(url.clone()).send().await.map_err(failed)?;
        let to = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection());
        let to = to.and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
        let (status, body) = self.shared().read(answer).await.map_err(failed)?;
        Ok((status, to, String::from_utf8_lossy(&body).into_owned()))
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|error| Error::NoAnswer(format!("{url:?} is no address: {error}")))
}
