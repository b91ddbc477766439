//! A build that cannot take over leaves everything as it was.

use futures::future::{Either, select};

use super::*;

/// Does it, and then ends like this.
fn in_vain(turn: &mut Turn, result: TurnResult) -> TurnResult {
    rename(turn);
    turn.send(Chat::new(CONNECTION, "a"), Outgoing::text("never")).unwrap();
    let timer = Timer { id: "never".to_owned(), chat: None, due: Millis(0), payload: String::new() };
    turn.set_timer(timer, Missed::Fire).unwrap();
    result
}

#[test]
fn a_bot_whose_turns_do_not_end_is_busy_and_goes_on() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "stay").await;
        let two = two();
        let told = {
            let replacing = std::pin::pin!(rig.replace(two.clone()));
            let time = std::pin::pin!(async {
                rig.settle().await;
                rig.clock.advance(Duration::from_secs(12));
                std::future::pending::<()>().await;
            });
            match select(replacing, time).await {
                Either::Left((told, _)) => told,
                Either::Right(_) => unreachable!("it never ends"),
            }
        };
        assert!(told.as_ref().is_err_and(MigrateError::is_the_hosts), "{told:?}");
        assert_eq!((two.told().len(), rig.bot.generation().number), (0, 1));
        rig.arrive(vec![text("b", "2", "")]).await;
        rig.settle().await;
        assert_eq!(rig.sent_to("b"), ["1: 1"], "turns begin again");
        rig.crash();
    });
}

#[test]
fn a_migration_that_fails_leaves_everything_as_it_was() {
    let refusing: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, TurnResult::Reject("too old".to_owned()));
    let failing: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, failing());
    let asking: fn(&mut Turn) -> TurnResult = |turn| in_vain(turn, TurnResult::Retry(Duration::ZERO));
    for (migrate, words) in [(refusing, "too old"), (failing, "panic: oh"), (asking, "another time")] {
        run(async {
            let rig = fresh().await;
            rig.say("1", "").await;
            let told = rig.replace(version("2", "total", Some(migrate))).await.unwrap_err();
            assert!(!told.is_the_hosts() && told.to_string().contains(words), "{told}");
            assert!(told.to_string().contains("version \"1\""), "{told}");
            rig.say("2", "").await;
            assert_eq!(rig.sent_to("a"), ["1: 1", "1: 2"]);
            assert_eq!((rig.value("migrations"), rig.build().await), (None, build("1")));
            assert_eq!(rig.host.turns().running(&BOT.into()), 0);
            rig.stop().await;
        });
    }
}

#[test]
fn a_commit_that_is_refused_leaves_everything_as_it_was_and_it_can_be_done_again() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        rig.store.fail([Failpoint::Migrate]);
        let two = two();
        let told = rig.replace(two.clone()).await;
        assert!(matches!(told, Err(MigrateError::Store(StoreError::Failed(_)))), "{told:?}");
        rig.say("2", "").await;
        assert_eq!((rig.sent_to("a"), rig.bot.generation().number), (vec!["1: 1".to_owned(), "1: 2".to_owned()], 1));
        rig.replace(two.clone()).await.unwrap();
        rig.say("3", "").await;
        assert_eq!(rig.sent_to("a")[2], "2: 3");
        assert_eq!(rig.value("migrations").as_deref(), Some("1"));
        rig.stop().await;
    });
}
