//! The form: the same checks and the same recorder as every door.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use hyper::header::HeaderMap;
use hyper::{StatusCode, Uri};
use uuid::Uuid;

use super::super::body;
use super::super::events::read;
use super::super::gate::require_reader;
use super::super::problem::Problem;
use super::asked::visit;
use super::{Shown, document, keys, see};
use crate::doors::Desk;
use crate::event::{Draft, Fault, Sender, Source};
use crate::page::{self, Address, Form, RECORD};
use crate::recorder::{Fate, Recorded};

/// Places to choose from.
const MOST_PLACES: usize = 200;

type Said = Vec<(String, String)>;

/// `GET /page/record` shows the form, with what the address says filled in.
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let said = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    let said: Said = said.collect();
    let done = said.iter().find(|(name, _)| name == "done");
    let done = done.and_then(|(_, id)| Uuid::try_parse(id).ok());
    let recorded = match done {
        Some(id) => read(&desk, move |desk| desk.index.event(id)).await?,
        None => None,
    };
    let recorded = recorded.as_ref().map(|stored| page::Recorded { event: &stored.event });
    Ok(form(&desk, &sender, StatusCode::OK, &said, &[], recorded))
}

/// `POST /page/record` records what the form says.
pub(super) async fn record(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let body = body::read(&desk.bodies, &headers, body).await?;
    let said: Said = form_urlencoded::parse(&body.bytes).into_owned().collect();
    let token = said.iter().find(|(name, _)| name == "token").map_or("", |(_, token)| token);
    if !keys::is_same(token, &keys::form_token(&desk, &sender)) {
        return Err(Problem::forbidden(
            "the form is not one of this snagd, or an old one: open it again, and say it again",
        )
        .into());
    }
    let event = match desk.admit(draft(&said), sender.clone(), Source::Http) {
        Ok(event) => event,
        Err(rejection) => {
            desk.recorder.meter().count(Source::Http, Fate::Rejected);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(form(&desk, &sender, status, &said, &rejection.faults, None));
        }
    };
    let id = event.id;
    match desk.recorder.record_or_refuse(vec![event]).await?.pop() {
        Some(Recorded::Conflict(id)) => Err(Problem::conflict(id).into()),
        Some(Recorded::Lost(id)) => Err(Problem::lost_before(id).into()),
        _ => Ok(see(&format!("{RECORD}?done={id}"))),
    }
}

/// The draft that a form says; what was left empty is not said.
fn draft(said: &Said) -> Draft {
    let mut draft = Draft::default();
    for (name, value) in said {
        let value = value.trim();
        let is_asked_for = name == "id" || page::FIELDS.contains(&name.as_str());
        if value.is_empty() || !is_asked_for {
            continue;
        }
        match value.parse::<u32>() {
            Ok(number) if name == "lost_minutes" => draft.set(name, number),
            // A browser ends the lines of a form as HTTP does.
            _ => draft.set(name, value.replace("\r\n", "\n")),
        }
    }
    draft
}

fn form(
    desk: &Desk,
    sender: &Sender,
    status: StatusCode,
    said: &Said,
    faults: &[Fault],
    recorded: Option<page::Recorded>,
) -> Response {
    let mut places = desk.index.places();
    places.truncate(MOST_PLACES);
    let token = keys::form_token(desk, sender);
    let id = said.iter().find(|(name, _)| name == "id").and_then(|(_, id)| id.parse().ok());
    let form = Form {
        id: id.unwrap_or_else(Uuid::now_v7),
        token: &token,
        said: if recorded.is_some() { &[] } else { said },
        faults,
        places: &places,
        recorded,
    };
    let visit = visit(desk, Address::read(RECORD, ""));
    document(status, page::record(&visit, &form))
}
