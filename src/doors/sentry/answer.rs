//! Answers in the shape that Sentry's SDKs read.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{self, HeaderName, HeaderValue};
use serde_json::json;
use uuid::Uuid;

use super::auth::KeyError;
use crate::doors::body::BodyError;
use crate::doors::limits;
use crate::recorder::Refusal;

/// What SDKs are told not to send, because it would be dropped: they honour it even on a 200.
const UNWANTED: HeaderValue = HeaderValue::from_static(
    "3600:transaction;span;profile;replay;log_item;log_byte;trace_metric;monitor:organization",
);
pub(super) const RATE_LIMITS: HeaderName = HeaderName::from_static("x-sentry-rate-limits");

/// Why an envelope was not taken, or not all of it.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) status: StatusCode,
    detail: String,
    causes: Vec<String>,
    retry_after: Option<u64>,
}

impl Complaint {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), causes: Vec::new(), retry_after: None }
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// Some of it could not be read; so many events were recorded all the same.
    pub(super) fn malformed(recorded: usize, causes: Vec<String>) -> Self {
        let detail = format!("not all of the envelope could be read; recorded: {recorded}");
        Self { causes, ..Self::new(StatusCode::BAD_REQUEST, detail) }
    }

    /// A key's rate is used up.
    pub(super) fn too_many(wait: Duration) -> Self {
        let retry_after = Some(wait.as_secs() + 1);
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, limits::TOO_MANY) }
    }
}

impl From<KeyError> for Complaint {
    fn from(error: KeyError) -> Self {
        Self::forbidden(error.to_string())
    }
}

impl From<BodyError> for Complaint {
    fn from(error: BodyError) -> Self {
        // The one that an SDK waits after.
        let is_busy = error == BodyError::Busy;
        let status = if is_busy { StatusCode::TOO_MANY_REQUESTS } else { error.status() };
        let retry_after = is_busy.then_some(1);
        Self { retry_after, ..Self::new(status, error.to_string()) }
    }
}

impl From<Refusal> for Complaint {
    fn from(refusal: Refusal) -> Self {
        let (status, retry_after) = match refusal {
            Refusal::Full => (StatusCode::TOO_MANY_REQUESTS, Some(1)),
            Refusal::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, None),
            Refusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Refusal::Failed => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        Self { retry_after, ..Self::new(status, refusal.to_string()) }
    }
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        let body = json!({"detail": self.detail, "causes": self.causes});
        let mut response = in_json(self.status, body.to_string());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Yes: it is on disk.
pub(super) fn taken(id: Option<Uuid>) -> Response {
    let body = id.map_or(json!({}), |id| json!({"id": id.simple().to_string()}));
    in_json(StatusCode::OK, body.to_string())
}

/// Tells the SDK what not to send. The measure is Sentry's own; Spotlight has none.
pub(super) fn tell_unwanted(response: &mut Response) {
    response.headers_mut().insert(RATE_LIMITS, UNWANTED);
}

fn in_json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Bytes::from(body)).into_response()
}
