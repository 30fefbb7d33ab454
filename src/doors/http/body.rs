//! Request bodies: read whole, within limits of size and time, and decoded.

use std::io::{self, Read};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};

use super::problem::Problem;

/// The largest body, on the wire and decoded.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;
/// The longest a client may take to send one.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Reads and decodes a body.
pub(super) async fn read(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, Problem> {
    let encoding = Encoding::of(headers)?;
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
    encoding.decode(wire)
}

fn too_large() -> Problem {
    Problem::too_large("a request has at most 4 MiB, decoded: send fewer events at once")
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
            Self::Gzip => {
                let mut packed = wire.as_ref();
                let plain = read_limited(flate2::bufread::GzDecoder::new(&mut packed))?;
                if packed.is_empty() { Ok(plain) } else { Err(not_packed()) }
            }
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(wire.as_ref());
                read_limited(decoder.map_err(|_| not_packed())?)
            }
        }
    }
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
