//! Request bodies: read whole, within limits of size, time and memory, and decoded.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::Problem;

/// The largest body, on the wire and decoded.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// A plain body up to this size takes no part in [`Bodies`]: an event is never made to wait by
/// somebody's crowd of events.
const SMALL: usize = 64 * 1024;
/// What larger ones may take together, as they came and decoded, in KiB.
const MOST_KIB: usize = 64 * 1024;
/// The longest a client may take to send one, and the longest it is made to wait for room.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The memory of all large bodies that are being read or worked on.
#[derive(Clone)]
pub(super) struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_KIB)))
    }
}

/// A body, decoded. Its room is given back when it is dropped.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// Reads and decodes a body, once there is room for it.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: axum::body::Body,
    ) -> Result<Whole, Problem> {
        let encoding = Encoding::of(headers)?;
        let declared = body.size_hint().upper().and_then(|size| usize::try_from(size).ok());
        let room = self.take(encoding, declared.unwrap_or(MAX_BODY)).await?;
        let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, MAX_BODY).collect());
        let wire = match whole.await {
            Err(_) => {
                return Err(Problem::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "too-slow",
                    "The body came too slowly",
                    "the body was not there within 10 seconds: send it again",
                ));
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
            Ok(Err(_)) => return Err(Problem::malformed("the body broke off: send it again")),
            Ok(Ok(body)) => body.to_bytes(),
        };
        if encoding == Encoding::Identity {
            return Ok(Whole { bytes: wire, _room: room });
        }
        // Off the threads that serve sockets: a body of 200,000 empty gzip members takes a second.
        let decoded = tokio::task::spawn_blocking(move || {
            encoding.decode(wire).map(|bytes| Whole { bytes, _room: room })
        });
        decoded.await.unwrap_or_else(|_| Err(not_packed()))
    }

    /// Takes the room a body may need at most, before any of it is read.
    async fn take(
        &self,
        encoding: Encoding,
        wire: usize,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if MAX_BODY < wire {
            return Err(too_large());
        }
        let most = match encoding {
            Encoding::Identity if wire <= SMALL => return Ok(None),
            Encoding::Identity => wire,
            Encoding::Gzip | Encoding::Zstd => wire + MAX_BODY,
        };
        let kib = u32::try_from(most.div_ceil(1024)).unwrap_or(u32::MAX);
        let room = tokio::time::timeout(BODY_TIME, self.0.clone().acquire_many_owned(kib));
        match room.await {
            Ok(Ok(room)) => Ok(Some(room)),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }
}

fn too_large() -> Problem {
    Problem::too_large("a request has at most 4 MiB, decoded: send fewer events at once")
}

fn busy() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        "snagd is busy",
        "so many large requests come in at the same time that there was no room for this one within 10 seconds, and nothing was recorded: send it again, with the same ids, or fewer events at once",
    )
    .retry_after(1)
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, second) = (values.next(), values.next());
        match (first.map(|value| value.as_bytes().to_ascii_lowercase()).as_deref(), second) {
            (None | Some(b"" | b"identity"), None) => Ok(Self::Identity),
            (Some(b"gzip" | b"x-gzip"), None) => Ok(Self::Gzip),
            (Some(b"zstd"), None) => Ok(Self::Zstd),
            _ => Err(Problem::unsupported(
                "send the body as it is, or with `Content-Encoding: gzip` or `zstd`",
            )),
        }
    }

    fn decode(self, wire: Bytes) -> Result<Bytes, Problem> {
        match self {
            Self::Identity => Ok(wire),
            Self::Gzip => read_limited(flate2::bufread::MultiGzDecoder::new(wire.as_ref())),
            Self::Zstd => read_limited(unpack_zstd(wire.as_ref()).map_err(|_| not_packed())?),
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

fn not_packed() -> Problem {
    Problem::malformed("the body is not what its `Content-Encoding` says: pack it again")
}

/// Reads to the end, never more than a body may have: a bomb costs no more than an honest body.
fn read_limited(from: impl Read) -> Result<Bytes, Problem> {
    let mut plain = Vec::new();
    let read: io::Result<usize> = from.take(MAX_BODY as u64 + 1).read_to_end(&mut plain);
    match read {
        Err(_) => Err(not_packed()),
        Ok(_) if MAX_BODY < plain.len() => Err(too_large()),
        Ok(_) => Ok(plain.into()),
    }
}

#[cfg(test)]
mod tests {
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
        let too_large = bodies.take(Encoding::Identity, MAX_BODY + 1).await.err();
        assert!(too_large.is_some(), "and needs no room to be refused");
        drop(taken);
        assert_eq!(bodies.0.available_permits(), MOST_KIB);
    }
}
