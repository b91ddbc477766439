//! Several workers, each on a thread of its own.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::*;
use crate::platform::Intake;
use crate::testing::TestPlatform;

/// Counts its turns.
fn counting(handled: &Arc<AtomicUsize>) -> impl Fn(&mut Turn) -> BoxFuture<'_, TurnResult> + Send + Sync + 'static {
    let handled = handled.clone();
    move |_: &mut Turn| {
        handled.fetch_add(1, Ordering::SeqCst);
        async { TurnResult::Done }.boxed()
    }
}

#[test]
fn events_that_come_one_by_one_are_all_handled_whichever_worker_rests() {
    // One alone is told of the next event just when it is about to rest.
    [1, 3].into_iter().for_each(handle);
}

/// Lets workers handle events that come one by one.
fn handle(workers: usize) {
    run(async {
        let (store, clock, platform) =
            (MemoryStore::default(), TestClock::default(), Arc::new(TestPlatform::default()));
        let host = Host::new(Arc::new(store.clone()), Arc::new(clock.clone()), 1 + workers, 100);
        let handled = Arc::new(AtomicUsize::new(0));
        let rig = Rig::start_host(host, &store, &clock, platform, fast(), Limits::default(), counting(&handled)).await;
        let work = |worker| {
            let host = rig.host.clone();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            thread::spawn(move || runtime.block_on(host.work(worker)))
        };
        // The first one is the rig's, and goes while it rests.
        let threads: Vec<_> = (1..=workers).map(work).collect();
        rig.settle().await;
        let Rig { host, tasks, .. } = rig;
        let [first, server] = <[_; 2]>::try_from(tasks).unwrap();
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        let intake = host.inbox().of(CONNECTION.into());
        let (began, mut told) = (Instant::now(), 0);
        // As many as there are workers and fewer, so that they begin and end their rests all the time.
        for round in 0..3000 {
            for _ in 0..=round % workers {
                told += 1;
                intake.take(vec![text(&(told % 50).to_string(), &told.to_string(), "")]).await.unwrap();
            }
            while handled.load(Ordering::SeqCst) < told {
                assert!(began.elapsed() < Duration::from_secs(60), "an event waits and nobody knows");
                yield_now().await;
            }
        }
        host.drain();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        host.close();
        server.await.unwrap();
        assert_eq!(handled.load(Ordering::SeqCst), told, "each of them once");
    });
}
