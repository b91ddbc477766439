//! The `state` of a consent: the one thing that ties a person's browser to the bot and the chat that asked.
//!
//! It is random, works once, for a quarter of an hour, on the connection that made it. The vault knows it by
//! its hash, so a copy of the vault's names is no heap of usable links.

use std::collections::{HashMap, VecDeque};

use hodhod_core::ids::{BotName, Chat, ConnectionName};
use hodhod_core::store::StoreError;
use hodhod_core::text::hex;
use hodhod_core::time::Millis;
use hodhod_core::vault::{QUESTION_LIFE, Record};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::digest::digest;
use super::parts::{Parts, gone, put};
use super::person::Person;
use super::told::Told;

/// The kind of its records.
const STATE: &str = "state";

/// Of one bot: one each second of its life. With one more the oldest goes.
const MAX_PER_BOT: usize = 1_000;

/// Of one bot and one who makes it ask. With one more the oldest of theirs goes, so that nobody who presses again
/// and again ends the questions of others. A person answers the last one, or one a little above it.
const MAX_PER_ASKER: usize = 8;

/// Random bytes in it.
const LENGTH: usize = 32;

/// Records that are read at once.
const PAGE: usize = 256;

/// What was asked, of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) connection: ConnectionName,
    pub(super) bot: BotName,
    pub(super) chat: Chat,
    /// Who asked, where Divar said so: nobody else is to answer.
    #[serde(default)]
    pub(super) person: Option<Person>,
    pub(super) scopes: Vec<String>,
    /// The bot's own.
    pub(super) data: String,
    /// Where the person comes back to.
    pub(super) redirect: String,
}

/// A state that nobody else can use any more.
pub(super) struct Claim {
    /// The hash of the state.
    pub(super) id: String,
    pub(super) asked: Asked,
    record: Record,
}

/// Who made a bot ask, as far as that is known: what one of them does counts for them alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asker {
    Person(Person),
    /// Nobody said who it is in it.
    Chat(Chat),
}

impl Asked {
    /// Who is to answer, where that is known: who asked, or who the chat is with.
    pub(super) fn whom(&self) -> Option<Person> {
        self.person.clone().or_else(|| Person::of_chat(self.chat.id.as_str()))
    }

    /// Who made the bot ask; `None` where it did so by itself, or for what happened in no chat.
    fn asker(&self) -> Option<Asker> {
        let in_chat = || (!self.chat.id.as_str().is_empty()).then(|| Asker::Chat(self.chat.clone()));
        self.whom().map(Asker::Person).or_else(in_chat)
    }
}

/// The states that are out, by bot and from the oldest on. The vault is the truth; this is what has to be
/// counted.
#[derive(Default)]
pub(super) struct Outstanding(Option<Bots>);

type Bots = HashMap<BotName, VecDeque<Issued>>;

/// A state that is out.
struct Issued {
    expires: Millis,
    /// Its hash.
    id: String,
    asker: Option<Asker>,
}

/// True for what can be a state at all.
pub(super) fn is_state(text: &str) -> bool {
    text.len() == 2 * LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Parts {
    /// A new state. Cancelling it may leave one behind that nobody knows.
    pub(super) async fn issue(&self, asked: &Asked) -> Result<SecretString, StoreError> {
        let state = SecretString::from(hex(&rand::random::<[u8; LENGTH]>()));
        let id = digest(state.expose_secret());
        let (now, asker) = (self.now(), asked.asker());
        let expires = now + QUESTION_LIFE;
        let value = serde_json::to_string(asked).map_err(|error| StoreError::Failed(error.to_string()))?;
        let record =
            Record { person: asked.whom().map(|person| person.sender()), expires: Some(expires), value: value.into() };

        let mut outstanding = self.writing.lock().await;
        let of_bot = self.load(&mut outstanding).await?.entry(asked.bot.clone()).or_default();
        of_bot.retain(|issued| issued.expires > now);
        let surplus = surplus(of_bot, asker.as_ref());
        let mut changes = vec![put(STATE, &id, record)];
        changes.extend(surplus.iter().map(|id| gone(STATE, id)));
        self.vault.change(changes).await?;
        of_bot.retain(|issued| !surplus.contains(&issued.id));
        of_bot.push_back(Issued { expires, id, asker });
        Ok(state)
    }

    /// Uses a state; `None` where it is none, or no longer.
    pub(super) async fn claim(&self, state: &str) -> Result<Option<Claim>, StoreError> {
        let mut outstanding = self.writing.lock().await;
        let Some(claim) = self.look_up(state).await? else { return Ok(None) };
        // Whoever takes it is the one, also beside another program on the same vault.
        if self.vault.take(STATE, &claim.id).await?.is_none() {
            return Ok(None);
        }
        outstanding.remove(&claim);
        Ok(Some(claim))
    }

    /// Uses a state and keeps what is to be told of it, in one step; `None` where it is none, or no longer.
    pub(super) async fn claim_and_tell(
        &self,
        state: &str,
        told: impl FnOnce(&Claim) -> Told,
    ) -> Result<Option<Told>, StoreError> {
        let mut outstanding = self.writing.lock().await;
        let Some(claim) = self.look_up(state).await? else { return Ok(None) };
        let told = told(&claim);
        self.vault.change(vec![gone(STATE, &claim.id), told.change()?]).await?;
        outstanding.remove(&claim);
        Ok(Some(told))
    }

    /// Makes a state good again that was claimed and not used.
    pub(super) async fn put_back(&self, claim: Claim) -> Result<(), StoreError> {
        let mut outstanding = self.writing.lock().await;
        let expires = claim.record.expires.unwrap_or_default();
        self.vault.change(vec![put(STATE, &claim.id, claim.record)]).await?;
        if let Some(bots) = &mut outstanding.0 {
            // The oldest of all, as it was.
            let asker = claim.asked.asker();
            bots.entry(claim.asked.bot).or_default().push_front(Issued { expires, id: claim.id, asker });
        }
        Ok(())
    }

    async fn look_up(&self, state: &str) -> Result<Option<Claim>, StoreError> {
        if !is_state(state) {
            return Ok(None);
        }
        let id = digest(state);
        let Some(record) = self.vault.get(STATE, &id).await? else { return Ok(None) };
        let asked = serde_json::from_str::<Asked>(record.value.expose_secret()).ok();
        let of_ours = asked.filter(|asked| asked.connection == self.setup.name);
        Ok(of_ours.map(|asked| Claim { id, asked, record }))
    }

    /// The states that are out, read from the vault where nobody has yet.
    async fn load<'a>(&self, outstanding: &'a mut Outstanding) -> Result<&'a mut Bots, StoreError> {
        if outstanding.0.is_none() {
            let mut found: Vec<(BotName, Issued)> = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = self.vault.list(STATE, after.as_deref(), PAGE).await?;
                let full = page.len() == PAGE;
                after = page.last().map(|(id, _)| id.clone());
                for (id, record) in page {
                    if let Ok(asked) = serde_json::from_str::<Asked>(record.value.expose_secret()) {
                        let (expires, asker) = (record.expires.unwrap_or_default(), asked.asker());
                        found.push((asked.bot, Issued { expires, id, asker }));
                    }
                }
                if !full {
                    break;
                }
            }
            found.sort_by(|(_, one), (_, other)| (one.expires, &one.id).cmp(&(other.expires, &other.id)));
            let mut bots = Bots::new();
            for (bot, issued) in found {
                bots.entry(bot).or_default().push_back(issued);
            }
            outstanding.0 = Some(bots);
        }
        Ok(outstanding.0.get_or_insert_default())
    }
}

/// The states of a bot that go where one more of an asker comes: the oldest of theirs, and then of all.
fn surplus(of_bot: &VecDeque<Issued>, asker: Option<&Asker>) -> Vec<String> {
    let is_theirs = |issued: &&Issued| asker.is_some() && issued.asker.as_ref() == asker;
    let of_asker = (of_bot.iter().filter(is_theirs).count() + 1).saturating_sub(MAX_PER_ASKER);
    let mut surplus: Vec<&String> = of_bot.iter().filter(is_theirs).map(|issued| &issued.id).take(of_asker).collect();
    let of_all = (of_bot.len() - surplus.len() + 1).saturating_sub(MAX_PER_BOT);
    let others: Vec<&String> = of_bot.iter().map(|issued| &issued.id).filter(|id| !surplus.contains(id)).collect();
    surplus.extend(others.into_iter().take(of_all));
    surplus.into_iter().cloned().collect()
}

impl Outstanding {
    fn remove(&mut self, claim: &Claim) {
        if let Some(of_bot) = self.0.as_mut().and_then(|bots| bots.get_mut(&claim.asked.bot)) {
            of_bot.retain(|issued| issued.id != claim.id);
        }
    }
}
