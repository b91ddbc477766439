//! A host that starts with another build than the one that served last.

use super::*;

#[test]
fn a_crash_before_the_commit_lets_it_run_again_and_one_after_it_does_not() {
    for is_committed in [false, true] {
        run(async {
            let rig = fresh().await;
            rig.say("1", "").await;
            let mut build = rig.host.turns().prepare_build(&rig.bot, two(), &rig.bot.actor()).await.unwrap();
            rig.arrive(vec![text("a", "2", "")]).await;
            if is_committed {
                // Stored, and the process is gone before the build serves.
                rig.host.turns().store_builds(std::slice::from_mut(&mut build)).await.unwrap();
            }
            let (store, clock) = (rig.store.clone(), rig.clock.clone());
            rig.crash();
            let two = two();
            let rig = start(&store, &clock, two.clone()).await;
            rig.settle().await;
            assert_eq!(two.told().len(), usize::from(!is_committed));
            assert_eq!(rig.value("migrations").as_deref(), Some("1"), "once, all in all");
            assert_eq!(rig.sent_to("a"), ["2: 2"]);
            rig.stop().await;
        });
    }
}

#[test]
fn a_build_that_was_put_there_while_the_host_was_away_migrates_before_anything_is_served() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        rig.arrive(vec![text("a", "2", "stay")]).await;
        let (store, clock) = (rig.store.clone(), rig.clock.clone());
        rig.crash();
        let rig = start(
            &store,
            &clock,
            version(
                "2",
                "total",
                Some(|turn| {
                    rename(turn);
                    let at = Chat::new(CONNECTION, "owner");
                    turn.send(at, Outgoing::text("migrated")).unwrap();
                    TurnResult::Done
                }),
            ),
        )
        .await;
        rig.settle().await;
        assert_eq!(rig.sent_to("owner"), ["migrated"], "once");
        assert_eq!(rig.value("count"), None);
        rig.crash();
    });
}

#[test]
fn where_the_first_build_cannot_migrate_the_one_that_served_before_does_and_the_host_says_so_where_there_is_none() {
    run(async {
        let rig = fresh().await;
        rig.say("1", "").await;
        let (store, clock) = (rig.store.clone(), rig.clock.clone());
        rig.crash();
        let host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1, 100);
        let actor = Actor::new(BOT.into(), [].into(), limits(), host.outboxes().clone());
        let bad = version("2", "total", Some(|_| TurnResult::Reject("no".to_owned())));
        host.add_bot(Bot::new(actor, bad));
        let (bot, error) = host.take_over().await.unwrap_err();
        assert_eq!(
            (bot.as_str(), error.to_string()),
            (BOT, "it cannot migrate the values of version \"1\": no".into())
        );
        assert_eq!(Store::build(&store, BOT.into()).await.unwrap(), build("1"));
    });
}
