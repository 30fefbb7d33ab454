//! Problems (RFC 9457): what a client did that cannot be done, and what to change.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::{StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::doors::limits::SIGNALS_AN_HOUR;
use crate::doors::{chain, lost_before};
use crate::event::{DraftError, Fault, Rejection};
use crate::index::IndexError;
use crate::recorder::Refusal;

/// One problem, as it is sent. Boxed, because it travels as the error of every handler.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Clone, Debug, Serialize)]
struct Parts {
    /// A stable URN, one for each kind of problem.
    r#type: String,
    title: &'static str,
    status: u16,
    /// What happened and what to change.
    detail: String,
    /// One entry for each field that is wrong, with a JSON pointer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// What this kind of problem tells beside that.
    #[serde(flatten)]
    more: Map<String, Value>,
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem of a kind, with what to change.
    pub(super) fn new(
        status: StatusCode,
        kind: &str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            r#type: format!("urn:snag:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            retry_after: None,
        }))
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What kind of problem it is, in words.
    pub(super) fn title(&self) -> &'static str {
        self.0.title
    }

    /// What happened and what to change.
    pub(super) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Tells one thing more.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// Asks the client to come again in so many seconds.
    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", "The request cannot be read", detail)
    }

    pub(super) fn query(parameter: &str, detail: String) -> Self {
        let problem = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-query",
            "The query asks for something that cannot be asked",
            detail,
        );
        problem.with("parameter", parameter)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing here", detail)
    }

    /// The index may not have come to it yet.
    pub(super) fn behind(detail: impl Into<String>) -> Self {
        let title = "The index is being built";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "behind", title, detail).retry_after(5)
    }

    pub(super) fn conflict(id: Uuid) -> Self {
        let detail = format!(
            "the id {id} belongs to another event, and that one stays: give this event an id of its own"
        );
        Self::new(StatusCode::CONFLICT, "id-taken", "The id is taken", detail)
            .with("instance", format!("/v1/events/{id}"))
    }

    /// What is sent may be the only copy left.
    pub(super) fn lost_before(id: Uuid) -> Self {
        let title = "The event of that id is lost";
        Self::new(StatusCode::CONFLICT, "id-lost", title, lost_before(id))
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "That is too much at once", detail)
    }

    /// Without `Retry-After`: it is counted, and is not to come again.
    pub(super) fn too_many_signals(person: &str) -> Self {
        let detail = format!(
            "`{person}` had {SIGNALS_AN_HOUR} signals in this hour, and no more are kept: this one is counted, so do not send it again; reports are always taken"
        );
        let title = "More signals than are kept";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-signals", title, detail)
    }

    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        let title = "The body is of a kind that is not taken";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type", title, detail)
    }

    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "You may not do that", detail)
    }

    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "token-needed", "A token is needed", detail)
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "snagd failed",
            "snagd could not read its index: what was recorded is safe in the journal; start snagd again, and the index is rebuilt from it",
        )
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let mut problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-event",
            "The event cannot be recorded as it is",
            rejection.to_string(),
        );
        problem.0.errors = rejection.faults;
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, kind, title) = match refusal {
            Refusal::Full => (StatusCode::SERVICE_UNAVAILABLE, "busy", "snagd is busy"),
            Refusal::NoRoom => (StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The disk is full"),
            Refusal::TooLarge => return Self::too_large(refusal.to_string()),
            Refusal::Failed => (StatusCode::SERVICE_UNAVAILABLE, "stopping", "snagd is stopping"),
        };
        let problem = Self::new(status, kind, title, refusal.to_string());
        if refusal == Refusal::NoRoom { problem } else { problem.retry_after(1) }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        tracing::error!(error = %chain(&error), "a query failed");
        if matches!(error, IndexError::Lost { .. }) {
            let detail = "snagd's journal has lost the event: `snagd verify` says where, and a backup may have it (`snag restore`)";
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Self::new(status, "lost", "The event is lost", detail);
        }
        Self::internal()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // Writing to memory cannot fail, and every key is a string.
        let body = Bytes::from(serde_json::to_vec(&self).unwrap_or_default());
        let status = self.status();
        let mut response =
            (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.0.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = header::HeaderValue::from_static("Bearer realm=\"snag\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
