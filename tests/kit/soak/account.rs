//! What was said, settled against what was answered.

use super::traffic::{Answer, Book};

/// What became of the messages. Each list is of numbers of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Messages that were written.
    pub said: usize,
    /// Messages that have an answer.
    pub answered: usize,
    /// Those that have none.
    pub unanswered: Vec<usize>,
    /// Answered once more, right after the answer before: what a send in doubt looks like that is sent again.
    pub repeated: Vec<usize>,
    /// Answered once more after something else was answered in the chat, which nothing explains.
    pub doubled: Vec<usize>,
    /// Answered for the first time after a later message of their chat.
    pub out_of_order: Vec<usize>,
    /// Answered in another chat, or not an answer at all.
    pub strays: usize,
}

impl Account {
    /// Of what was said in so many chats.
    pub fn of(book: &Book, chats: usize) -> Self {
        let mut account = Self { said: book.said.len(), strays: book.strays.len(), ..Self::default() };
        let mut answered = vec![false; book.said.len()];
        let mut last: Vec<Option<usize>> = vec![None; chats];
        let mut latest: Vec<Option<usize>> = vec![None; chats];
        for Answer { message, chat, .. } in &book.answers {
            if message % chats != *chat {
                account.strays += 1;
                continue;
            }
            if last[*chat] == Some(*message) {
                account.repeated.push(*message);
            } else if answered[*message] {
                account.doubled.push(*message);
            } else if latest[*chat] > Some(*message) {
                account.out_of_order.push(*message);
            }
            answered[*message] = true;
            last[*chat] = Some(*message);
            latest[*chat] = latest[*chat].max(Some(*message));
        }
        account.unanswered = (0..book.said.len()).filter(|message| !answered[*message]).collect();
        account.answered = account.said - account.unanswered.len();
        account
    }

    /// True if each message was answered exactly once, in its chat and in order.
    pub fn is_exact(&self) -> bool {
        *self == Self { said: self.said, answered: self.said, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Six messages in two chats, and these answers: which message, in which chat.
    fn account(answers: &[(usize, usize)]) -> Account {
        let at = Instant::now();
        let answers = answers.iter().map(|(message, chat)| Answer { message: *message, build: 0, chat: *chat, at });
        Account::of(&Book { said: vec![at; 6], answers: answers.collect(), strays: Vec::new() }, 2)
    }

    #[test]
    fn an_account_is_exact_where_each_message_has_one_answer_in_order() {
        let exact = account(&[(0, 0), (1, 1), (3, 1), (2, 0), (5, 1), (4, 0)]);
        assert!(exact.is_exact(), "{exact:?}");
    }

    #[test]
    fn what_is_lost_repeated_doubled_out_of_order_or_astray_is_noticed() {
        let one_more = |more: &[(usize, usize)]| {
            let mut answers = vec![(0, 0), (1, 1), (2, 0), (3, 1)];
            answers.extend(more);
            account(&answers)
        };
        let missing = one_more(&[(4, 0)]);
        assert_eq!((missing.unanswered.as_slice(), missing.is_exact()), ([5].as_slice(), false));
        assert_eq!(one_more(&[(3, 1), (4, 0), (5, 1)]).repeated, [3]);
        assert_eq!(one_more(&[(4, 0), (2, 0), (5, 1)]).doubled, [2]);
        assert_eq!(account(&[(0, 0), (1, 1), (4, 0), (2, 0), (3, 1), (5, 1)]).out_of_order, [2]);
        let astray = one_more(&[(4, 1), (5, 1)]);
        assert_eq!((astray.strays, astray.unanswered.as_slice()), (1, [4].as_slice()));
    }
}
