//! Persons are erased while whatever else happens.

use proptest::prelude::*;

use super::*;

/// What may happen while persons are erased.
#[derive(Clone, Debug)]
enum Step {
    Arrive(u8),
    Run(u8),
    Pass(u16),
    Erase(u8),
    Forget(u8),
    FailCommit,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3u8).prop_map(Step::Arrive),
        5 => (1..30u8).prop_map(Step::Run),
        2 => (1..2000u16).prop_map(Step::Pass),
        2 => (0..3u8).prop_map(Step::Erase),
        2 => (0..3u8).prop_map(Step::Forget),
        1 => Just(Step::FailCommit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a person wrote before they were erased is nowhere afterwards, whenever that was; what others wrote, and
    /// what came later, is all there.
    #[test]
    fn whatever_happens_what_was_erased_is_nowhere_and_the_rest_is_all_there(steps in prop::collection::vec(step(), 1..80)) {
        run(async {
            let (store, clock) = (MemoryStore::default(), TestClock::default());
            let limits = Limits { turns: 2, ..Limits::default() };
            // Others run within a turn.
            let rig = Rig::start(&store, &clock, fast(), limits, |turn: &mut Turn| {
                async move {
                    for _ in 0..3 {
                        yield_now().await;
                    }
                    keeping(turn).await
                }
                .boxed()
            })
            .await;
            rig.platform.set_private_chats();
            let mut written: Vec<(u8, String)> = Vec::new();
            // By person, how many messages there were when an erasure began.
            let mut erasures = Vec::new();
            for step in steps {
                match step {
                    Step::Arrive(chat) => {
                        let message = format!("m{}", written.len());
                        written.push((chat, message.clone()));
                        rig.arrive(vec![text(&chat.to_string(), &message, &message)]).await;
                    }
                    Step::Run(times) => for _ in 0..times { yield_now().await; },
                    Step::Pass(ms) => clock.advance(Duration::from_millis(u64::from(ms))),
                    Step::Erase(chat) => {
                        let person = Person::known_as(CONNECTION.into(), chat.to_string().into()).with_chat(chat.to_string().into());
                        erasures.push((chat, written.len(), erase(&rig, person)));
                    }
                    Step::Forget(chat) => {
                        // Each wish is one of its own.
                        let since = clock.now() + Duration::from_millis(erasures.len() as u64);
                        let forgetting = wishes::forget(&rig, &chat.to_string(), since).await;
                        let done = spawn_local(async move {
                            forgetting.await.unwrap().map(|()| Erasure::default()).map_err(|_| EraseError::Busy)
                        });
                        erasures.push((chat, written.len(), done));
                    }
                    Step::FailCommit => store.fail([Failpoint::Commit]),
                }
            }
            let waiting = || store.totals().now_or_never().unwrap().unwrap().waiting_events;
            rig.until(|| waiting() == 0 && erasures.iter().all(|(_, _, erasing)| erasing.is_finished())).await;
            let mut done = Vec::new();
            for (chat, began, erasing) in erasures {
                // Where commits were refused for too long nothing is erased, and that is told.
                let erased = erasing.await.unwrap();
                prop_assert!(matches!(erased, Ok(_) | Err(EraseError::Busy)), "{erased:?}");
                done.push((chat, began, erased.is_ok()));
            }
            let values = store.values();
            for (number, (chat, message)) in written.iter().enumerate() {
                // What came while an erasure waited may have gone with it.
                let stays = !done.iter().any(|(of, _, is_done)| of == chat && *is_done);
                let kept = values.contains_key(&format!("chat/{message}"));
                if done.iter().any(|(of, began, is_done)| of == chat && number < *began && *is_done) {
                    prop_assert!(!kept, "{message} of {chat} is back");
                }
                if stays {
                    prop_assert!(kept, "{message} of {chat} is lost");
                }
                prop_assert_eq!(kept, values.contains_key(&format!("user/{message}")));
            }
            prop_assert_eq!(rig.host.turns().held(), (0, 0));
            prop_assert_eq!(rig.host.turns().waiting(&BOT.into()), (0, 0));
            rig.stop().await;
            Ok(())
        })?;
    }
}
