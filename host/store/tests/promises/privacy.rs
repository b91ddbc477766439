//! A body goes with its row.

use std::fs;

use hodhod_core::store::{Arrival, SendOutcome, Store};

use crate::kit::{Kit, arrival, done, event, send, settled};

/// How often a text is in the files of the folder.
fn found(kit: &Kit, text: &str) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(kit.folder()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        count += bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count();
    }
    count
}

/// Bodies of many sizes, some in pages of their own, so that pages are shared, split and freed.
fn body(secret: &str, n: usize) -> String {
    secret.repeat(1 + n * 37 % 400)
}

#[tokio::test]
async fn the_files_hold_no_body_of_what_is_done_after_a_close() {
    const EVENT: &str = "a secret told to the bot";
    const SEND: &str = "a secret told by the bot";
    const KEY: &str = "a name that identifies a person";
    let mut kit = Kit::new();
    for round in 0..20 {
        let arrivals =
            (0..40).map(|n| Arrival { event: event(&body(EVENT, n)), ..arrival(&format!("{KEY} {round} {n}")) });
        let appended = kit.append(arrivals.collect()).await.unwrap();
        let mut turns: Vec<_> = appended.iter().map(|appended| done(crate::kit::row(appended))).collect();
        for (n, turn) in turns.iter_mut().enumerate() {
            turn.sends = vec![send(turn.seq, 0, &body(SEND, n))];
        }
        if round == 10 {
            assert!(found(&kit, EVENT) > 0 && kit.events().await.len() == 40, "the search finds what is there");
        }
        if round % 5 == 4 {
            // Now the bodies are not only in the log but in the database too.
            kit.reopen().await;
        }
        // Some wait while others come and go.
        let later = turns.split_off(35);
        let rows = kit.commit(turns).await.unwrap().concat();
        kit.attempt(rows.clone()).await.unwrap();
        kit.settle(rows.into_iter().map(|row| settled(row, SendOutcome::Delivered)).collect()).await.unwrap();
        let rows = kit.commit(later).await.unwrap().concat();
        kit.settle(rows.into_iter().map(|row| settled(row, SendOutcome::Failed)).collect()).await.unwrap();
    }
    kit.close().await;
    for secret in [EVENT, SEND, KEY] {
        assert_eq!(found(&kit, secret), 0, "{secret}");
    }
}
