//! What the API takes as a body, and what it says of one that it does not take.

use hyper::header::HeaderMap;

use super::problem::Problem;
use crate::doors::body::{Bodies, BodyError, Encoding, Whole};

/// How a body may be packed.
const TAKEN: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

/// Reads and decodes a body, once there is room for it.
pub(super) async fn read(
    bodies: &Bodies,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<Whole, Problem> {
    Ok(bodies.read(headers, body, &TAKEN).await?)
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let detail = error.to_string();
        match error {
            BodyError::TooLarge => {
                Self::too_large("a request has at most 4 MiB, decoded: send fewer events at once")
            }
            BodyError::TooSlow => {
                Self::new(error.status(), "too-slow", "The body came too slowly", detail)
            }
            BodyError::BrokeOff | BodyError::NotPacked => Self::malformed(detail),
            BodyError::Unknown => Self::unsupported(
                "send the body as it is, or with `Content-Encoding: gzip` or `zstd`",
            ),
            BodyError::Busy => {
                Self::new(error.status(), "busy", "snagd is busy", detail).retry_after(1)
            }
        }
    }
}
