//! Writes with a deadline: a client that reads nothing is let go, not waited for.
//!
//! # Promises
//!
//! - A write that makes no progress for so long fails, and the connection with it. A client that
//!   reads slowly makes progress, however slow.
//! - Once the daemon is told to stop, it waits for a second only.
//! - A client that is still sending what was refused gets to read why: it is listened to for a second.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a write may stand still when the daemon stops.
const HURRY: Duration = Duration::from_secs(1);

/// How long a client may go on sending once it has its last answer.
const LINGER: Duration = Duration::from_secs(1);

/// A stream whose writes have a deadline.
pub(super) struct Deadline<S> {
    stream: S,
    /// How long a write may stand still.
    patience: Duration,
    /// When the write that stands still fails; none while writes go through.
    due: Option<Pin<Box<Sleep>>>,
    /// When nothing that is still sent is read any more; none before the end.
    over: Option<Pin<Box<Sleep>>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    is_stopping: bool,
}

impl<S> Deadline<S> {
    /// Gives each write of a stream so much patience.
    pub(super) fn new(stream: S, patience: Duration, stop: CancellationToken) -> Self {
        let stop = Box::pin(stop.cancelled_owned());
        Self { stream, patience, due: None, over: None, stop, is_stopping: false }
    }

    /// Ready with the answer to a write, or with an error once it has stood still for too long.
    fn await_progress<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.due = None;
            return written;
        }
        if !self.is_stopping && self.is_stopping(cx) {
            self.patience = self.patience.min(HURRY);
            self.due = None;
        }
        let due = self.due.get_or_insert_with(|| Box::pin(sleep(self.patience)));
        ready!(due.as_mut().poll(cx));
        let gone = "the client reads nothing of what it is sent";
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, gone)))
    }
}

impl<S> Deadline<S> {
    fn is_stopping(&mut self, cx: &mut Context<'_>) -> bool {
        self.is_stopping = self.is_stopping || self.stop.as_mut().poll(cx).is_ready();
        self.is_stopping
    }
}

impl<S: AsyncRead + Unpin> Deadline<S> {
    /// Reads what still comes, to no purpose: were we gone, the client's system would drop the answer.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_stopping(cx) {
            return Poll::Ready(());
        }
        let over = self.over.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        while over.as_mut().poll(cx).is_pending() {
            let mut unread = [MaybeUninit::uninit(); 16 * 1024];
            let mut unread = ReadBuf::uninit(&mut unread);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut unread));
            if read.is_err() || unread.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadline<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Deadline<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.await_progress(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.await_progress(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.await_progress(flushed, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
        ready!(self.await_progress(shut, cx))?;
        self.poll_linger(cx).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);
    /// More than a socket holds.
    const MUCH: usize = 8 * 1024 * 1024;

    fn sockets(stop: &CancellationToken) -> (Deadline<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Deadline::new(ours, PATIENCE, stop.clone()), theirs)
    }

    // Time is paused: it jumps to the next deadline whenever nothing else can happen.
    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_is_let_go() {
        let (mut ours, _theirs) = sockets(&CancellationToken::new());
        let started = Instant::now();
        let error = ours.write_all(&vec![0; MUCH]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_slowly_is_served() {
        let (mut ours, mut theirs) = sockets(&CancellationToken::new());
        let started = Instant::now();
        let reading = tokio::spawn(async move {
            let (mut read, mut buffer) = (0, vec![0; MUCH / 16]);
            while read < MUCH {
                tokio::time::sleep(PATIENCE * 9 / 10).await;
                read += theirs.read(&mut buffer).await.unwrap();
            }
        });
        ours.write_all(&vec![0; MUCH]).await.unwrap();
        assert!(PATIENCE * 2 < started.elapsed(), "it never stood still: the test tries nothing");
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn told_to_stop_there_is_little_patience() {
        let stop = CancellationToken::new();
        let (mut ours, _theirs) = sockets(&stop);
        let started = Instant::now();
        let (written, ()) = tokio::join!(
            async { ours.write_all(&vec![0; MUCH]).await.map_err(|error| error.kind()) },
            async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                stop.cancel();
            },
        );
        assert_eq!(written, Err(io::ErrorKind::TimedOut));
        assert_eq!(started.elapsed().as_secs(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_still_sending_gets_to_read_the_answer() {
        let (mut ours, mut theirs) = sockets(&CancellationToken::new());
        let reading = tokio::spawn(async move {
            theirs.write_all(&vec![0; MUCH]).await.unwrap();
            let mut answer = String::new();
            theirs.read_to_string(&mut answer).await.unwrap();
            answer
        });
        ours.write_all(b"too much").await.unwrap();
        ours.shutdown().await.unwrap();
        drop(ours);
        assert_eq!(reading.await.unwrap(), "too much");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_listened_to_for_long() {
        let stop = CancellationToken::new();
        for seconds in [1, 0] {
            let (mut ours, _theirs) = sockets(&stop);
            let started = Instant::now();
            ours.shutdown().await.unwrap();
            assert_eq!(started.elapsed().as_secs(), seconds);
            stop.cancel();
        }
    }
}
