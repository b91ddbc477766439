//! Nothing is lost, doubled or out of order while builds come and go and the process dies: the long
//! proofs of `hodhod-bench`, for as long as a test may take.

use std::time::Duration;

use hodhod_tests::soak::{Kind, Reloads, Wear};

#[tokio::test(flavor = "multi_thread")]
async fn under_load_every_message_is_answered_once_and_by_a_good_build_whatever_is_put_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let reloads = Reloads { replacements: 12, rate: 200.0, chats: 20, gap: Duration::from_millis(300) };
    let reloaded = reloads.run(folder.path()).await;
    assert!(reloaded.account.is_exact(), "{:?}", reloaded.account);
    assert_eq!(reloaded.by_another, Vec::<usize>::new());
    for replaced in &reloaded.replaced {
        let (step, reason) = replaced.fate.last().unwrap();
        assert_eq!(step, replaced.kind.fate(), "{}: {reason}", replaced.kind);
        assert_eq!(replaced.first_answer.is_some(), replaced.kind == Kind::Good);
    }
    assert_eq!((&reloaded.totals["dead"], &reloaded.totals["in_doubt_resent"]), (&0.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_balances_after_cuts_kills_and_builds_that_come_while_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let seed = rand::random();
    println!("seed {seed}");
    let wear = Wear { length: Duration::from_secs(12), rate: 200.0, chats: 20, seed };
    let unattended = wear.run(folder.path()).await;
    assert_eq!(unattended.flaws(), Vec::<String>::new(), "{:?}", unattended.happened);
    assert!(unattended.account.answered > 1000, "{:?}", unattended.totals);
}
