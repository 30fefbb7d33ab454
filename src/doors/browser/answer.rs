//! How a page is told no: a problem (RFC 9457), which a page of a strange origin cannot read.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header;
use serde_json::json;

use crate::doors::body::BodyError;
use crate::doors::limits;
use crate::recorder::Refusal;

/// Why nothing of what a page told was recorded.
#[derive(Debug)]
pub(super) struct No {
    status: StatusCode,
    detail: String,
    retry_after: Option<u64>,
}

impl No {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "the snippet is read with GET from /snag.js and /snag-dialog.js, and posts to /browser/KEY/events";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    pub(super) fn strange_page() -> Self {
        let detail = "only pages whose origin is among `origins` in snagd's configuration may post here: add it there, like \"https://shop.acme.example\"";
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn unknown_key() -> Self {
        let detail = "snagd does not know the key, or it was revoked: `snag snippet` makes another";
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn malformed(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn too_large(detail: String) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// A key's rate is used up.
    pub(super) fn too_many(wait: Duration) -> Self {
        let retry_after = Some(wait.as_secs() + 1);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, limits::TOO_MANY) }
    }
}

impl From<BodyError> for No {
    fn from(error: BodyError) -> Self {
        let retry_after = (error == BodyError::Busy).then_some(1);
        Self { retry_after, ..Self::new(error.status(), error.to_string()) }
    }
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        let (status, retry_after) = match refusal {
            Refusal::Full | Refusal::Failed => (StatusCode::SERVICE_UNAVAILABLE, Some(1)),
            Refusal::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, None),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        };
        Self { retry_after, ..Self::new(status, refusal.to_string()) }
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let mut problem =
            json!({"title": title, "status": self.status.as_u16(), "detail": self.detail});
        if self.status == StatusCode::BAD_REQUEST {
            // To the page: nothing of this will ever be taken, so do not keep it.
            problem["rejected"] = json!([]);
        }
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, headers, Bytes::from(problem.to_string())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
