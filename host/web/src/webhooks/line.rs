//! The time that the other side may take between two requests and over the head of one.
//!
//! Connections are kept for the next request, which may be long in coming; a head that has begun may not. The HTTP
//! library knows one time for both, so this stream keeps it: it knows whether a request is under way, and sees the
//! first byte of the next.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::Bounds;

/// Nothing has come yet.
const NEW: u8 = 0;
/// A head is coming.
const HEAD: u8 = 1;
/// A request is under way.
const BUSY: u8 = 2;
/// It was answered, and nothing of the next has come.
const IDLE: u8 = 3;
/// The head took too long.
const TOO_SLOW: u8 = 4;

/// Bytes of what nobody wants that are read at once.
const UNWANTED: usize = 4 << 10;

/// What a connection is doing.
#[derive(Debug, Default)]
pub(super) struct Line {
    doing: AtomicU8,
    /// True if it ends while the other side may still be sending.
    is_cut: AtomicBool,
}

/// A request under way, until it is dropped.
pub(super) struct Busy<'a>(&'a Line);

impl Line {
    /// A request begins.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.set(BUSY);
        Busy(self)
    }

    /// True while no request has come since the one before, if there was one.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.get(), NEW | HEAD)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.get() == IDLE
    }

    /// True once it has ended because of it.
    pub(super) fn was_too_slow(&self) -> bool {
        self.get() == TOO_SLOW
    }

    /// Notes that nobody reads the rest of what the other side is sending.
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    fn get(&self) -> u8 {
        self.doing.load(Ordering::Acquire)
    }

    fn set(&self, doing: u8) {
        self.doing.store(doing, Ordering::Release);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(IDLE);
    }
}

/// A stream that fails when the other side takes too long, and that lets it read to the end what it was told.
pub(super) struct Timely<T> {
    stream: T,
    line: Arc<Line>,
    head: Duration,
    idle: Duration,
    linger: Duration,
    timer: Pin<Box<Sleep>>,
    /// What the timer is for.
    timed: u8,
    is_shut: bool,
}

impl<T> Timely<T> {
    pub(super) fn new(stream: T, line: Arc<Line>, bounds: &Bounds) -> Self {
        let Bounds { head, idle, linger, .. } = *bounds;
        let timer = Box::pin(sleep_until(Instant::now() + head));
        Self { stream, line, head, idle, linger, timer, timed: NEW, is_shut: false }
    }

    /// Times what the connection is doing now. The first head counts from the connection.
    fn time(&mut self) {
        let doing = self.line.get();
        let goes_on = doing == self.timed || (doing == HEAD && self.timed == NEW);
        if !goes_on && doing != BUSY {
            let time = if doing == IDLE { self.idle } else { self.head };
            self.timer.as_mut().reset(Instant::now() + time);
        }
        self.timed = doing;
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Timely<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && matches!(self.line.get(), NEW | IDLE) {
            self.time();
            self.line.set(HEAD);
        }
        self.time();
        if read.is_ready() || self.timed == BUSY {
            return read;
        }
        ready!(self.timer.as_mut().poll(cx));
        if self.timed == HEAD {
            self.line.set(TOO_SLOW);
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "no request came in time")))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Timely<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Where the other side may still be sending, reads on for a moment after it is told that nothing more comes:
    /// if the connection is closed under them they may never read why.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.is_shut {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.is_shut = true;
            this.timer.as_mut().reset(Instant::now() + this.linger);
        }
        let mut unwanted = [0; UNWANTED];
        loop {
            if !this.line.is_cut.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            if this.timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buffer = ReadBuf::new(&mut unwanted);
            match ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    fn timely() -> (Timely<DuplexStream>, Arc<Line>, DuplexStream) {
        let (near, far) = duplex(64);
        let line = Arc::new(Line::default());
        (Timely::new(near, line.clone(), &Bounds::default()), line, far)
    }

    /// How long a read of one byte after the other goes on, and the last of it.
    async fn read(stream: &mut Timely<DuplexStream>) -> (Duration, io::Result<u8>) {
        let began = Instant::now();
        loop {
            let read = stream.read_u8().await;
            if read.is_err() {
                return (began.elapsed(), read);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_and_who_says_it_byte_by_byte_have_the_same_time() {
        let bounds = Bounds::default();
        let (mut silent, line, _far) = timely();
        let (took, ended) = read(&mut silent).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(took >= bounds.head && took < bounds.head * 2 && !line.was_too_slow(), "{took:?}");

        let (mut slow, line, mut far) = timely();
        let dripping = tokio::spawn(async move {
            while far.write_u8(b'x').await.is_ok() {
                sleep(Duration::from_millis(700)).await;
            }
        });
        let (took, ended) = read(&mut slow).await;
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(took >= bounds.head && took < bounds.head + Duration::from_secs(1) && line.was_too_slow(), "{took:?}");
        drop(slow);
        dripping.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time_and_none_is_kept_while_one_is_under_way() {
        let bounds = Bounds::default();
        let (mut stream, line, mut far) = timely();
        far.write_u8(b'x').await.unwrap();
        stream.read_u8().await.unwrap();
        let busy = line.busy();
        let long = tokio::time::timeout(bounds.idle * 10, stream.read_u8()).await;
        assert!(long.is_err(), "whoever answers has their own time");
        drop(busy);
        assert!(line.is_idle());
        let later = tokio::spawn(async move {
            sleep(Bounds::default().idle - Duration::from_secs(1)).await;
            far.write_u8(b'x').await.unwrap();
            far
        });
        stream.read_u8().await.unwrap();
        let (took, ended) = read(&mut stream).await;
        assert!(ended.is_err() && took >= bounds.head && took < bounds.head * 2 && line.was_too_slow(), "{took:?}");
        drop(later.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_waits_for_who_is_sending_to_read_it_and_not_for_ever() {
        let (mut stream, line, mut far) = timely();
        line.cut();
        let reads = tokio::spawn(async move {
            far.write_all(&[0; 500]).await.unwrap();
            let mut told = Vec::new();
            far.read_to_end(&mut told).await.unwrap();
            told
        });
        stream.write_all(b"too large").await.unwrap();
        stream.shutdown().await.unwrap();
        drop(stream);
        assert_eq!(reads.await.unwrap(), b"too large");

        for is_cut in [true, false] {
            let (mut stream, line, _far) = timely();
            if is_cut {
                line.cut();
            }
            let (began, linger) = (Instant::now(), Bounds::default().linger);
            stream.shutdown().await.unwrap();
            let took = began.elapsed();
            assert!((took >= linger) == is_cut && took < linger * 2, "{took:?}");
        }
    }
}
