//! Request bodies: read whole, within limits of size, time and memory, and decoded.
//!
//! A bomb costs no more than an honest body, and a crowd of large ones waits for its turn. Doors that
//! speak HTTP share the room there is; how they say no is their own affair ([`BodyError`]).

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest body, on the wire and decoded.
pub const MAX_BODY: usize = 4 * 1024 * 1024;
/// A plain body up to this size takes no part in [`Bodies`]: an event is never made to wait by
/// somebody's crowd of events.
const SMALL: usize = 64 * 1024;
/// What larger ones may take together, as they came and decoded, in KiB.
const MOST_KIB: usize = 64 * 1024;
/// The longest a client may take to send one, and the longest it is made to wait for room.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The window that a Brotli decoder keeps at most (RFC 7932).
const BROTLI_WINDOW: usize = 16 * 1024 * 1024;

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// On the wire or decoded.
    #[error("a request has at most 4 MiB, decoded: send less at once")]
    TooLarge,
    /// It did not come in time.
    #[error("the body was not there within 10 seconds: send it again")]
    TooSlow,
    /// The connection ended in it.
    #[error("the body broke off: send it again")]
    BrokeOff,
    /// It is packed in a way that is not taken here.
    #[error(
        "the body's `Content-Encoding` is none that is taken here: send it as it is, or packed with gzip"
    )]
    Unknown,
    /// It is not packed as it says.
    #[error("the body is not what its `Content-Encoding` says: pack it again")]
    NotPacked,
    /// Too many large ones at the same time.
    #[error(
        "so many large requests come in at the same time that there was no room for this one within 10 seconds, and nothing was recorded: send it again"
    )]
    Busy,
}

impl BodyError {
    /// What HTTP calls it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokeOff | Self::NotPacked => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The memory of all large bodies that are being read or worked on.
#[derive(Clone)]
pub struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_KIB)))
    }
}

/// A body, decoded. Its room is given back when it is dropped.
pub struct Whole {
    /// The bytes.
    pub bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Reads and decodes a body that is packed in one of these ways, once there is room for it.
    pub async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        taken: &[Encoding],
    ) -> Result<Whole, BodyError> {
        let encoding = Encoding::of(headers).filter(|encoding| taken.contains(encoding));
        let encoding = encoding.ok_or(BodyError::Unknown)?;
        let declared = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        if declared.is_some_and(|declared| MAX_BODY < declared) {
            return Err(BodyError::TooLarge);
        }
        // What is small is there before any room is taken: who is slow to say it keeps nobody out.
        let (mut body, mut wire) = (body, BytesMut::new());
        let is_all = in_time(fill(&mut wire, &mut body, SMALL)).await?;
        let most = if is_all { wire.len() } else { declared.unwrap_or(MAX_BODY) };
        let room = self.take(encoding, most).await?;
        if !is_all && !in_time(fill(&mut wire, &mut body, MAX_BODY)).await? {
            return Err(BodyError::TooLarge);
        }
        let wire = wire.freeze();
        if encoding == Encoding::Identity {
            return Ok(Whole { bytes: wire, _room: room });
        }
        // Off the threads that serve sockets: a body of 200,000 empty gzip members takes a second.
        let decoded = tokio::task::spawn_blocking(move || {
            encoding.decode(wire).map(|bytes| Whole { bytes, _room: room })
        });
        decoded.await.unwrap_or(Err(BodyError::NotPacked))
    }

    /// Takes the room a body may need at most.
    async fn take(
        &self,
        encoding: Encoding,
        wire: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
        let most = match encoding {
            Encoding::Identity if wire <= SMALL => return Ok(None),
            Encoding::Identity => wire,
            Encoding::Brotli => wire + MAX_BODY + BROTLI_WINDOW,
            Encoding::Gzip | Encoding::Deflate | Encoding::Zstd => wire + MAX_BODY,
        };
        let kib = u32::try_from(most.div_ceil(1024)).unwrap_or(u32::MAX);
        let room = tokio::time::timeout(BODY_TIME, self.0.clone().acquire_many_owned(kib));
        match room.await {
            Ok(Ok(room)) => Ok(Some(room)),
            Ok(Err(_)) | Err(_) => Err(BodyError::Busy),
        }
    }
}

/// Reads on until there are more bytes than this, or the body ends; says whether it did.
async fn fill(wire: &mut BytesMut, body: &mut Body, most: usize) -> Result<bool, BodyError> {
    while wire.len() <= most {
        match body.frame().await {
            None => return Ok(true),
            Some(Err(_)) => return Err(BodyError::BrokeOff),
            // Trailers are nothing to us.
            Some(Ok(frame)) => wire.extend(frame.into_data()),
        }
    }
    Ok(false)
}

async fn in_time<T>(read: impl Future<Output = Result<T, BodyError>>) -> Result<T, BodyError> {
    tokio::time::timeout(BODY_TIME, read).await.unwrap_or(Err(BodyError::TooSlow))
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950), which HTTP calls deflate.
    Deflate,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// The one that the headers name. Some SDKs name none by an empty text, some by `UTF-8`.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, second) = (values.next(), values.next());
        match (first.map(|value| value.as_bytes().to_ascii_lowercase()).as_deref(), second) {
            (None | Some(b"" | b"identity" | b"utf-8"), None) => Some(Self::Identity),
            (Some(b"gzip" | b"x-gzip"), None) => Some(Self::Gzip),
            (Some(b"deflate"), None) => Some(Self::Deflate),
            (Some(b"br"), None) => Some(Self::Brotli),
            (Some(b"zstd"), None) => Some(Self::Zstd),
            _ => None,
        }
    }

    fn decode(self, wire: Bytes) -> Result<Bytes, BodyError> {
        let from = wire.as_ref();
        match self {
            Self::Identity => Ok(wire),
            Self::Gzip => read_limited(flate2::bufread::MultiGzDecoder::new(from)),
            Self::Deflate => read_limited(flate2::bufread::ZlibDecoder::new(from)),
            Self::Brotli => read_limited(brotli_decompressor::Decompressor::new(from, 4096)),
            Self::Zstd => read_limited(unpack_zstd(from).map_err(|_| BodyError::NotPacked)?),
        }
    }
}

/// A window is at most as large as RFC 9659 lets a sender choose it: the decoder keeps one.
fn unpack_zstd(wire: impl BufRead) -> io::Result<impl Read> {
    const WINDOW_LOG: u32 = 23;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(wire)?;
    decoder.window_log_max(WINDOW_LOG)?;
    Ok(decoder)
}

/// Reads to the end, never more than a body may have: a bomb costs no more than an honest body.
fn read_limited(from: impl Read) -> Result<Bytes, BodyError> {
    // Of memory only what is written counts, and growing would take thrice as much at its end.
    let mut plain = Vec::with_capacity(MAX_BODY + 1);
    let read: io::Result<usize> = from.take(MAX_BODY as u64 + 1).read_to_end(&mut plain);
    match read {
        Err(_) => Err(BodyError::NotPacked),
        Ok(_) if MAX_BODY < plain.len() => Err(BodyError::TooLarge),
        Ok(_) => Ok(plain.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    #[tokio::test]
    async fn large_bodies_share_their_room_and_small_ones_need_none() {
        let bodies = Bodies::default();
        assert!(bodies.take(Encoding::Identity, SMALL).await.unwrap().is_none());
        let mut taken = Vec::new();
        for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
            taken.push(bodies.take(encoding, MAX_BODY).await.unwrap());
        }
        let left = MOST_KIB - 5 * MAX_BODY / 1024;
        assert_eq!(bodies.0.available_permits(), left, "what is packed is there twice");
        drop(taken);
        assert_eq!(bodies.0.available_permits(), MOST_KIB);
    }

    /// A body of so many bytes, which does not say so before.
    struct Pieces(usize);

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            let piece = self.0.min(10_000);
            self.0 -= piece;
            Poll::Ready((piece != 0).then(|| Ok(Frame::data(vec![b'x'; piece].into()))))
        }
    }

    #[tokio::test]
    async fn a_small_body_of_unknown_length_takes_no_room_and_a_large_one_is_read_to_its_limit() {
        let (headers, plain) = (HeaderMap::new(), &[Encoding::Identity]);
        let body = |bytes| Body::new(Pieces(bytes));
        let bodies = Bodies::default();
        let small = bodies.read(&headers, body(SMALL), plain).await.unwrap();
        assert_eq!((small.bytes.len(), bodies.0.available_permits()), (SMALL, MOST_KIB));
        let large = bodies.read(&headers, body(MAX_BODY), plain).await.unwrap();
        assert_eq!(large.bytes.len(), MAX_BODY);
        assert_eq!(bodies.0.available_permits(), MOST_KIB - MAX_BODY / 1024);
        let beyond = bodies.read(&headers, body(MAX_BODY + 1), plain).await.err();
        assert_eq!(beyond, Some(BodyError::TooLarge));
    }
}
