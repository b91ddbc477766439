//! What a person gave, and when something has to be done about it.
//!
//! Its times are worked out here and nowhere else: a token is renewed before it dies, and what failed is
//! tried again soon at first, because an answer that got lost can be asked for only within two minutes.

use std::time::Duration;

use hodhod_core::ids::BotName;
use hodhod_core::time::Millis;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::person::Person;
use super::token::Pair;

/// A token that has less left than this may die on the way.
const TRAVEL: Duration = Duration::from_secs(10);

/// The least that is left of a token when it is renewed, where it lives that long.
const LEAST_MARGIN: Duration = Duration::from_secs(60);

/// Before a failed attempt is made again; it doubles with each failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The longest wait between attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// What a person gave.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    /// One of the person's few.
    pub(super) id: String,
    pub(super) person: Person,
    /// The bot that asked for it.
    pub(super) bot: BotName,
    pub(super) scopes: Vec<String>,
    /// When the person gave it.
    pub(super) granted: Millis,
    /// Where the person came back to: a pair is renewed with the address it was got with.
    pub(super) redirect: String,
    #[serde(with = "exposed")]
    pub(super) access: SecretString,
    #[serde(with = "exposed_if_any")]
    pub(super) refresh: Option<SecretString>,
    /// When the access token came.
    pub(super) issued: Millis,
    /// When it dies.
    pub(super) expires: Millis,
    /// The attempts to renew it that failed or did not end.
    pub(super) renewing: Tries,
    /// The attempts to subscribe with this access token; absent where there is nothing left to do.
    pub(super) subscribing: Option<Tries>,
}

/// Attempts that failed or did not end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tries {
    pub(super) failures: u32,
    /// The next is not made before this.
    pub(super) not_before: Millis,
}

impl Tries {
    /// One more. `luck` in 0..1 spreads what failed together.
    pub(super) fn another(self, now: Millis, luck: f64) -> Self {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        let wait = wait.mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0);
        Self { failures: self.failures.saturating_add(1), not_before: now + wait }
    }
}

impl Grant {
    /// Takes another pair. Subscriptions end with the token that they were made with.
    pub(super) fn take(&mut self, pair: Pair, subscribes: bool, now: Millis) {
        self.access = pair.access;
        // A server that gives none means the old one: RFC 6749, section 6.
        self.refresh = pair.refresh.or(self.refresh.take());
        self.issued = now;
        self.expires = now + pair.life;
        self.renewing = Tries::default();
        self.subscribing = subscribes.then(Tries::default);
    }

    /// True while the access token can be shown.
    pub(super) fn is_usable(&self, now: Millis) -> bool {
        now + TRAVEL.min(self.life() / 10) < self.expires
    }

    /// True where the pair should be renewed.
    pub(super) fn is_due(&self, now: Millis) -> bool {
        self.refresh.is_some() && now >= self.due()
    }

    /// When the pair should be renewed: with a fifth of its life left.
    fn due(&self) -> Millis {
        let margin = (self.life() / 5).max(LEAST_MARGIN).min(self.life() / 2);
        (self.expires - margin).max(self.renewing.not_before)
    }

    /// When something has to be done; `None` for never.
    pub(super) fn next(&self) -> Option<Millis> {
        let renew = self.refresh.is_some().then(|| self.due());
        let subscribe = self.subscribing.map(|tries| tries.not_before);
        renew.into_iter().chain(subscribe).min()
    }

    /// When it is over by itself: never, where it can be renewed.
    pub(super) fn ends(&self) -> Option<Millis> {
        self.refresh.is_none().then_some(self.expires)
    }

    /// True where it is over.
    pub(super) fn is_over(&self, now: Millis) -> bool {
        self.ends().is_some_and(|ends| ends <= now)
    }

    /// True for the same consent with the same pair.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.access.expose_secret() == other.access.expose_secret()
    }

    /// True where all that an older consent allows is allowed by this one, to the same bot.
    pub(super) fn replaces(&self, older: &Self) -> bool {
        self.bot == older.bot && older.scopes.iter().all(|scope| self.scopes.contains(scope))
    }

    fn life(&self) -> Duration {
        self.expires.since(self.issued)
    }
}

/// A secret within a record, which is sealed as a whole.
mod exposed {
    use secrecy::{ExposeSecret, SecretString};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose_secret())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
        String::deserialize(from).map(SecretString::from)
    }
}

mod exposed_if_any {
    use secrecy::{ExposeSecret, SecretString};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(ExposeSecret::expose_secret).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
        Option::<String>::deserialize(from).map(|text| text.map(SecretString::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long both of an old pair still work after a new one was given, by Divar's page.
    const GRACE: Duration = Duration::from_secs(120);

    fn grant(life: u64) -> Grant {
        Grant {
            id: "1".to_owned(),
            person: Person::parse("ettI=").unwrap(),
            bot: "clerk".into(),
            scopes: vec!["USER_ID".to_owned()],
            granted: Millis(0),
            redirect: String::new(),
            access: "a".into(),
            refresh: Some("r".into()),
            issued: Millis(0),
            expires: Millis(life * 1000),
            renewing: Tries::default(),
            subscribing: None,
        }
    }

    #[test]
    fn a_pair_is_renewed_with_a_fifth_of_its_life_left_and_a_minute_at_least() {
        for (life, due) in [(3600, 2880), (7200, 5760), (200, 140), (100, 50), (10, 5)] {
            let grant = grant(life);
            assert!(!grant.is_due(Millis(due * 1000 - 1)), "{life}");
            assert!(grant.is_due(Millis(due * 1000)) && grant.is_usable(Millis(due * 1000)), "{life}");
            assert!(!grant.is_usable(Millis(life * 1000)), "{life}");
        }
        let once = Grant { refresh: None, ..grant(3600) };
        assert!(!once.is_due(Millis(3_600_000)));
        assert_eq!(once.ends(), Some(Millis(3_600_000)));
    }

    #[test]
    fn an_answer_that_got_lost_is_asked_for_several_times_within_the_grace() {
        let (mut tries, mut now) = (Tries::default(), Millis(0));
        let mut within = 0;
        while now < Millis(0) + GRACE {
            tries = tries.another(now, 1.0);
            now = tries.not_before;
            within += 1;
        }
        assert!(within >= 7, "{within}");
        let waits = |tries: Tries| tries.another(Millis(0), 1.0).not_before;
        assert_eq!(waits(Tries { failures: u32::MAX, ..tries }), Millis(0) + LONGEST_WAIT);
    }

    #[test]
    fn no_print_of_it_shows_a_token() {
        let grant = Grant { access: "s3cr3t".into(), refresh: Some("s3cr3t".into()), ..grant(1) };
        assert!(!format!("{grant:?}").contains("s3cr3t"));
        let back: Grant = serde_json::from_str(&serde_json::to_string(&grant).unwrap()).unwrap();
        assert!(back.is_same(&grant));
    }
}
