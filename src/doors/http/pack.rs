//! Packing answers: gzip or zstd, for clients that say they take it.
//!
//! By hand, because the answers are whole and both packers are here already for request bodies:
//! a layer for streams would bring six crates more.

use std::io::{self, Write};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Collected};
use hyper::header::{self, HeaderMap, HeaderValue};

use super::weight::Weights;

/// Less than this is not worth the time, nor the bytes that say how it is packed.
const SMALL: u64 = 1024;

/// How an answer may be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The one the client likes best; zstd where it does not care, for that is the faster.
    pub(super) fn wanted(headers: &HeaderMap) -> Option<Self> {
        // Programs mostly say nothing of it.
        headers.get(header::ACCEPT_ENCODING)?;
        let weights = Weights::of(headers, &header::ACCEPT_ENCODING);
        let weight = |names: &[&str]| weights.first_of(names).unwrap_or(0.0);
        let (zstd, gzip) = (weight(&["zstd", "*"]), weight(&["gzip", "x-gzip", "*"]));
        let best = zstd.max(gzip);
        if best <= 0.0 || best < weight(&["identity"]) {
            return None;
        }
        Some(if gzip <= zstd { Self::Zstd } else { Self::Gzip })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn pack(self, plain: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::default());
                packer.write_all(plain)?;
                packer.finish()
            }
            Self::Zstd => zstd::bulk::compress(plain, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

/// Packs an answer as the client wants it. One whose length is not known, like the stream of
/// events, is left alone.
pub(super) async fn pack(wanted: Option<Packing>, mut response: Response) -> Response {
    let Some(length) = response.body().size_hint().exact() else { return response };
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().append(header::VARY, vary);
    let (Some(packing), SMALL..) = (wanted, length) else { return response };
    let (mut head, body) = response.into_parts();
    // The bytes are there already, nothing is waited for.
    let plain = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let bytes = plain.clone();
    let packed = tokio::task::spawn_blocking(move || packing.pack(&bytes)).await;
    // Packing into memory does not fail; if it did, the client would have the answer all the same.
    let Ok(Ok(packed)) = packed else { return Response::from_parts(head, Body::from(plain)) };
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(packing.name()));
    Response::from_parts(head, Body::from(packed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accepts: &[&'static str]) -> Option<Packing> {
        let mut headers = HeaderMap::new();
        for accept in accepts {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(accept));
        }
        Packing::wanted(&headers)
    }

    #[test]
    fn the_client_decides() {
        for nothing in
            ["", "identity", "br", "gzip;q=0", "*;q=0", "zstd;q=x", "gzip;q=0.5, identity"]
        {
            assert_eq!(wanted(&[nothing]), None, "{nothing}");
        }
        assert_eq!(wanted(&[]), None);
        assert_eq!(wanted(&["gzip"]), Some(Packing::Gzip));
        assert_eq!(wanted(&["X-GZIP"]), Some(Packing::Gzip));
        assert_eq!(wanted(&["gzip, deflate, br, zstd"]), Some(Packing::Zstd));
        assert_eq!(wanted(&["gzip", "zstd;q=0.9"]), Some(Packing::Gzip));
        assert_eq!(wanted(&["*"]), Some(Packing::Zstd));
        assert_eq!(wanted(&["*, zstd;q=0"]), Some(Packing::Gzip));
        assert_eq!(wanted(&["gzip;q=0.001, identity;q=0"]), Some(Packing::Gzip));
    }
}
