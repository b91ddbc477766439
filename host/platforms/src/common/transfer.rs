//! How long a file may be on its way, down or up.
//!
//! A bound of silence alone bounds nothing: a peer that moves one byte before each silence is over holds a
//! send or a turn for as long as it likes. So a file has to move at a least rate too, averaged over the
//! whole way. Of a file with a largest size that makes a longest time, which nobody can stretch.
//!
//! Down, only time in which the peer is waited for counts: a bot that reads slowly is bounded by its turn.
//! Up, all of it does, wherever the bytes come from.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use hodhod_core::platform::{FileBytes, FileError};
use reqwest::Response;
use tokio::time::{Instant, timeout};

/// The least rate of a file, in bytes a second: that of the slowest lines of telephones. By it a picture of
/// 5 MiB has 22 minutes, and a film of 50 MiB, the largest that is moved outside of a turn, 3 hours and a half.
pub(crate) const LEAST_RATE: u64 = 4 << 10;

/// What a file may take of which so many bytes have moved. The longest silence comes on top once, so that
/// a slow beginning is none.
fn allowed(quiet: Duration, moved: u64) -> Duration {
    quiet.saturating_add(Duration::from_millis(moved.saturating_mul(1000) / LEAST_RATE))
}

/// Waits for the head of an answer, whose bytes are yet to come.
pub(crate) async fn head(
    quiet: Duration,
    asking: impl Future<Output = Result<Response, reqwest::Error>>,
    told: impl FnOnce(reqwest::Error) -> FileError,
) -> Result<Response, FileError> {
    timeout(quiet, asking).await.map_err(|_elapsed| silent(quiet))?.map_err(told)
}

/// A file that comes.
#[derive(Debug)]
pub(crate) struct Coming {
    /// The longest silence.
    quiet: Duration,
    /// How long the peer has been waited for.
    waited: Duration,
    /// Bytes that have come.
    moved: u64,
}

impl Coming {
    pub(crate) fn new(quiet: Duration) -> Self {
        Self { quiet, waited: Duration::ZERO, moved: 0 }
    }

    /// Waits for the next piece; `None` behind the last one. Cancelling it loses none.
    pub(crate) async fn piece<E>(
        &mut self,
        coming: impl Future<Output = Result<Option<Bytes>, E>>,
        told: impl FnOnce(E) -> FileError,
    ) -> Result<Option<Bytes>, FileError> {
        let left = allowed(self.quiet, self.moved).saturating_sub(self.waited);
        let began = Instant::now();
        let piece = timeout(left.min(self.quiet), coming).await;
        self.waited = self.waited.saturating_add(began.elapsed());
        let piece = piece.map_err(|_elapsed| if left < self.quiet { slow() } else { silent(self.quiet) })?;
        let piece = piece.map_err(told)?;
        self.moved = self.moved.saturating_add(piece.as_ref().map_or(0, |piece| piece.len() as u64));
        Ok(piece)
    }
}

/// A file that goes.
#[derive(Debug)]
pub(crate) struct Going {
    quiet: Duration,
    /// Bytes that were taken from it.
    moved: Arc<AtomicU64>,
}

impl Going {
    /// The file, and its bytes as they are to go out: at most so many.
    pub(crate) fn new(quiet: Duration, bytes: FileBytes, most: u64) -> (Self, FileBytes) {
        let moved = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&moved);
        let bytes = bytes.and_then(move |piece| {
            let length = piece.len() as u64;
            let so_far = counted.fetch_add(length, Ordering::Relaxed).saturating_add(length);
            std::future::ready(if so_far > most { Err(FileError::TooLarge(most)) } else { Ok(piece) })
        });
        (Self { quiet, moved }, bytes.boxed())
    }

    /// Waits for the answer to it, of which its bytes going out are a part. Cancelling it gives the file up.
    pub(crate) async fn answered<T>(self, answer: impl Future<Output = T>) -> Result<T, FileError> {
        let began = Instant::now();
        let mut answer = pin!(answer);
        loop {
            let before = self.moved.load(Ordering::Relaxed);
            let left = allowed(self.quiet, before).saturating_sub(began.elapsed());
            match timeout(left.min(self.quiet), &mut answer).await {
                Ok(answer) => return Ok(answer),
                // What has moved meanwhile has earned time.
                Err(_elapsed) if self.moved.load(Ordering::Relaxed) > before && !left.is_zero() => {}
                Err(_elapsed) if left < self.quiet => return Err(slow()),
                Err(_elapsed) => return Err(silent(self.quiet)),
            }
        }
    }
}

fn silent(quiet: Duration) -> FileError {
    FileError::Unavailable(format!("the server said nothing for {} ms", quiet.as_millis()))
}

fn slow() -> FileError {
    FileError::Unavailable(format!("it moves at less than {LEAST_RATE} bytes a second"))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use futures::stream;
    use tokio::time::sleep;

    use super::*;

    const QUIET: Duration = Duration::from_secs(30);

    /// Longer than any file may take.
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// One piece after a wait.
    async fn after(wait: Duration, bytes: usize) -> Result<Option<Bytes>, Infallible> {
        sleep(wait).await;
        Ok(Some(vec![0; bytes].into()))
    }

    /// Reads such pieces for as long as that goes well, at most a day.
    async fn read(wait: Duration, bytes: usize) -> (Duration, Option<FileError>) {
        let began = Instant::now();
        let mut coming = Coming::new(QUIET);
        while began.elapsed() < A_DAY {
            if let Err(error) = coming.piece(after(wait, bytes), |never| match never {}).await {
                return (began.elapsed(), Some(error));
            }
        }
        (began.elapsed(), None)
    }

    /// Such pieces without an end.
    fn pieces(wait: Duration, bytes: usize) -> FileBytes {
        let one = move |()| async move {
            sleep(wait).await;
            Ok(Some((Bytes::from(vec![0; bytes]), ())))
        };
        stream::try_unfold((), one).boxed()
    }

    /// Hands such pieces to a peer that takes all of them and never answers, for at most a day.
    async fn write(wait: Duration, bytes: usize, most: u64) -> (Duration, Option<FileError>) {
        let began = Instant::now();
        let (going, mut bytes) = Going::new(QUIET, pieces(wait, bytes), most);
        let taking = async {
            while let Some(piece) = bytes.next().await {
                piece?;
            }
            Ok(())
        };
        let ended = timeout(A_DAY, going.answered(taking)).await;
        (began.elapsed(), ended.ok().and_then(|ended| ended.and_then(|told| told).err()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_moves_a_byte_before_each_silence_is_over_is_given_up_in_both_directions() {
        for every in [1, 10, 29] {
            for (took, error) in
                [read(Duration::from_secs(every), 1).await, write(Duration::from_secs(every), 1, u64::MAX).await]
            {
                assert_eq!(error, Some(slow()), "a byte each {every} s");
                assert!((QUIET..QUIET * 2).contains(&took), "a byte each {every} s: {took:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_moves_at_the_least_rate_is_not_given_up_and_a_slower_one_is() {
        let every = Duration::from_secs(20);
        let enough = usize::try_from(LEAST_RATE).unwrap() * 20;
        assert_eq!(read(every, enough).await.1, None);
        assert_eq!(write(every, enough, u64::MAX).await.1, None);
        assert_eq!(read(every, enough - enough / 20).await.1, Some(slow()));
        assert_eq!(write(every, enough - enough / 20, u64::MAX).await.1, Some(slow()));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_a_peer_gives_first_it_has_no_longer_than_its_bytes_earn() {
        let mut coming = Coming::new(QUIET);
        let began = Instant::now();
        let megabyte = 1 << 20;
        coming.piece(after(Duration::ZERO, megabyte), |never| match never {}).await.unwrap();
        let error = loop {
            if let Err(error) = coming.piece(after(Duration::from_secs(29), 1), |never| match never {}).await {
                break error;
            }
        };
        assert_eq!(error, slow());
        // 30 s, and 256 s for a megabyte.
        assert!(began.elapsed() < Duration::from_secs(287), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_given_up_after_the_longest_silence() {
        let began = Instant::now();
        let mut coming = Coming::new(QUIET);
        let nothing = pending::<Result<Option<Bytes>, Infallible>>();
        assert_eq!(coming.piece(nothing, |never| match never {}).await, Err(silent(QUIET)));
        assert_eq!(began.elapsed().as_secs(), 30);
        // Also where it gave much at once.
        let much = Bytes::from(vec![0; 1 << 20]);
        let (going, mut bytes) = Going::new(QUIET, stream::iter([Ok(much)]).boxed(), u64::MAX);
        let taking = async {
            while bytes.next().await.is_some() {}
            pending::<()>().await;
        };
        assert_eq!(going.answered(taking).await, Err(silent(QUIET)));
        assert!(began.elapsed() <= QUIET * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_its_time_is_not_the_peers_fault() {
        let mut coming = Coming::new(QUIET);
        for _ in 0..100 {
            let piece = ready(Ok::<_, Infallible>(Some(Bytes::from_static(b"x"))));
            coming.piece(piece, |never| match never {}).await.unwrap();
            sleep(QUIET * 2).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_out_ends_at_its_limit() {
        assert_eq!(write(Duration::ZERO, 1000, 9_999).await.1, Some(FileError::TooLarge(9_999)));
    }
}
