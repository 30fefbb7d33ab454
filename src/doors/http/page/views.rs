//! What each view is made of: the same questions as the API's, answered as a document.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use hyper::{StatusCode, Uri, header};

use super::super::ask::{hide_names, may_ask_about, unknown_place};
use super::super::events::{find, json_response, read, to_json};
use super::super::gate::require_reader;
use super::super::problem::Problem;
use super::super::query;
use super::{Shown, address, document};
use crate::doors::{Desk, today};
use crate::event::{Sender, Word};
use crate::hotspot::{By, Question, Window};
use crate::index::{Filter, HotspotsAnswer, Order};
use crate::page::{self, Address, Visit};
use crate::sheet;

/// The rows of an export unless said otherwise.
const ALL: usize = 1000;
/// The days of a calendar unless said otherwise: eighteen weeks, as many as are kept in memory.
const CALENDAR_DAYS: i32 = 126;
/// The latest events of a place.
const LATEST: usize = 20;

fn visit(desk: &Desk, address: Address) -> Visit {
    Visit {
        address,
        today: today(),
        seen: *desk.recorder.visible().borrow(),
        behind: desk.behind(),
    }
}

/// `GET /page` shows what hurts most.
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let address = address(&uri)?;
    let query::Hotspots { question, top } = query::Hotspots::read(&address.query())?;
    let visit = visit(&desk, address);
    let (by, answer) = rank(&desk, &sender, question, top).await?;
    let events = desk.index.events();
    Ok(document(StatusCode::OK, page::list(&visit, by, &answer, events)))
}

async fn rank(
    desk: &Arc<Desk>,
    sender: &Sender,
    mut question: Question,
    top: usize,
) -> Result<(By, HotspotsAnswer), Problem> {
    let by = question.by;
    if by == By::Person {
        question.person = may_ask_about(desk, sender, question.person)?;
    }
    let answer = read(desk, move |desk| desk.index.hotspots(&question, top)).await?;
    Ok((by, answer))
}

/// `GET /page/map` shows the tree of places.
pub(super) async fn map(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let address = address(&uri)?;
    let query::Hotspots { mut question, .. } = query::Hotspots::read(&address.query())?;
    question.by = By::Place;
    let visit = visit(&desk, address);
    let land = read(&desk, move |desk| desk.index.land(&question)).await?;
    Ok(document(StatusCode::OK, page::map(&visit, &land)))
}

/// `GET /page/why` shows everything behind one place's rank.
pub(super) async fn why(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let address = address(&uri)?;
    let query::Why { question, place } = query::Why::read(&address.query())?;
    if question.person.is_some() {
        may_ask_about(&desk, &sender, question.person.clone())?;
    }
    let visit = visit(&desk, address);
    let filter = Filter {
        since: Some(question.window.since),
        until: Some(question.window.until),
        under: Some(place.clone()),
        kind: question.kinds.first().copied(),
        version: question.version.clone(),
        person: question.person.clone(),
        actor: Some(question.actor),
        ..Filter::default()
    };
    let asked = place.clone();
    let answer = read(&desk, move |desk| {
        let Some(why) = desk.index.why(&question, &asked)? else { return Ok(None) };
        let latest = desk.index.list(&filter, Order::Newest, None, LATEST)?;
        Ok(Some((why, latest.events)))
    });
    let Some((mut why, latest)) = answer.await? else {
        return Err(unknown_place(&desk, &place).into());
    };
    if !desk.rules().shows_names {
        hide_names(&mut why, sender.name());
    }
    Ok(document(StatusCode::OK, page::place(&visit, &why, &latest)))
}

/// `GET /page/calendar` shows friction and use by day.
pub(super) async fn calendar(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let address = address(&uri)?;
    let query::Hotspots { mut question, .. } = query::Hotspots::read(&address.query())?;
    if question.person.is_some() {
        may_ask_about(&desk, &sender, question.person.clone())?;
    }
    if address.get("since").is_none() {
        question.window = Window::ending(question.window.until, CALENDAR_DAYS);
    }
    let visit = visit(&desk, address);
    let window = question.window;
    let days = read(&desk, move |desk| desk.index.calendar(&question)).await?;
    Ok(document(StatusCode::OK, page::calendar(&visit, window, &days)))
}

/// `GET /page/event/{id}` shows one event, and all that is stored of it.
pub(super) async fn event(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Shown> {
    require_reader(&sender)?;
    let visit = visit(&desk, Address::read(uri.path(), ""));
    let stored = read(&desk, move |desk| Ok(find(desk, &id))).await??;
    Ok(document(StatusCode::OK, page::event(&visit, &stored.event, stored.is_retracted)))
}

/// `GET /page/hotspots.json` gives the list as the API does.
pub(super) async fn json(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    let (_, answer) = export(&desk, &sender, &uri).await?;
    Ok(json_response(StatusCode::OK, to_json(&answer)))
}

/// `GET /page/hotspots.csv` gives the list as `snag hotspots --csv` does.
pub(super) async fn csv(
    State(desk): State<Arc<Desk>>,
    Extension(sender): Extension<Sender>,
    uri: Uri,
) -> Result<Response, Shown> {
    let (by, answer) = export(&desk, &sender, &uri).await?;
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((headers, sheet::hotspots(&answer, by.word())).into_response())
}

async fn export(
    desk: &Arc<Desk>,
    sender: &Sender,
    uri: &Uri,
) -> Result<(By, HotspotsAnswer), Shown> {
    require_reader(sender)?;
    let address = Address::read(uri.path(), uri.query().unwrap_or_default());
    let query::Hotspots { question, top } = query::Hotspots::read(&address.query())?;
    let top = if address.get("top").is_some() { top } else { ALL };
    Ok(rank(desk, sender, question, top).await?)
}
