//! What each view is made of: the same questions as the API's, answered as a document.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use hyper::{StatusCode, header};

use super::super::ask::{hide_names, unknown_place};
use super::super::events::{find, json_response, read, to_json};
use super::super::problem::Problem;
use super::super::query;
use super::asked::Asked;
use super::{Shown, document};
use crate::event::Word;
use crate::hotspot::{By, Question, Sort, Window};
use crate::index::{Filter, HotspotsAnswer, Order};
use crate::page;
use crate::sheet;

/// The rows of an export unless said otherwise.
const ALL: usize = 1000;
/// The days of a calendar unless said otherwise: eighteen weeks, as many as are kept in memory.
const CALENDAR_DAYS: i32 = 126;
/// The latest events of a place.
const LATEST: usize = 20;

/// `GET /page` shows what hurts most.
pub(super) async fn list(asked: Asked) -> Result<Response, Shown> {
    let query::Rows { question, top } = asked.hotspots()?;
    let (by, answer) = rank(&asked, question, top).await?;
    let events = asked.desk.index.events();
    Ok(document(StatusCode::OK, page::list(&asked.visit, by, &answer, events)))
}

async fn rank(
    asked: &Asked,
    mut question: Question,
    top: usize,
) -> Result<(By, HotspotsAnswer), Problem> {
    let by = question.by;
    asked.narrow(&mut question)?;
    let answer = read(&asked.desk, move |desk| desk.index.hotspots(&question, top)).await?;
    Ok((by, answer))
}

/// `GET /page/map` shows the tree of places.
pub(super) async fn map(asked: Asked) -> Result<Response, Shown> {
    let query::Rows { mut question, .. } = asked.hotspots()?;
    // Whatever a list was by: a map names nobody.
    (question.by, question.sort) = (By::Place, Sort::default());
    asked.narrow(&mut question)?;
    let land = read(&asked.desk, move |desk| desk.index.land(&question)).await?;
    Ok(document(StatusCode::OK, page::map(&asked.visit, &land)))
}

/// `GET /page/why` shows everything behind one place's rank.
pub(super) async fn why(asked: Asked) -> Result<Response, Shown> {
    let query::Why { mut question, place } = query::Why::read(&asked.visit.address.query())?;
    asked.narrow(&mut question)?;
    let filter = Filter {
        since: Some(question.window.since),
        until: Some(question.window.until),
        under: Some(place.clone()),
        class: question.class,
        kind: question.kind,
        ..Filter::of(&question)
    };
    let at = place.clone();
    let answer = read(&asked.desk, move |desk| {
        let Some(why) = desk.index.why(&question, &at)? else { return Ok(None) };
        let latest = desk.index.list(&filter, Order::Newest, None, LATEST)?;
        Ok(Some((why, latest.events)))
    });
    let Some((mut why, latest)) = answer.await? else {
        return Err(unknown_place(&asked.desk, place).await.into());
    };
    if !asked.desk.rules().shows_names {
        hide_names(&mut why, asked.sender.name());
    }
    Ok(document(StatusCode::OK, page::place(&asked.visit, &why, &latest)))
}

/// `GET /page/calendar` shows friction and use by day.
pub(super) async fn calendar(asked: Asked) -> Result<Response, Shown> {
    let query::Rows { mut question, .. } = asked.hotspots()?;
    // As a map.
    question.by = By::Place;
    asked.narrow(&mut question)?;
    if asked.visit.address.get("since").is_none() {
        question.window = Window::ending(question.window.until, CALENDAR_DAYS);
    }
    let window = question.window;
    let days = read(&asked.desk, move |desk| desk.index.calendar(&question)).await?;
    Ok(document(StatusCode::OK, page::calendar(&asked.visit, window, &days)))
}

/// `GET /page/event/{id}` shows one event, and all that is stored of it.
pub(super) async fn event(asked: Asked, Path(id): Path<String>) -> Result<Response, Shown> {
    let stored = read(&asked.desk, move |desk| Ok(find(desk, &id))).await??;
    Ok(document(StatusCode::OK, page::event(&asked.visit, &stored.event, stored.is_retracted)))
}

/// `GET /page/hotspots.json` gives the list as the API does.
pub(super) async fn json(asked: Asked) -> Result<Response, Shown> {
    let (_, answer) = export(&asked).await?;
    Ok(json_response(StatusCode::OK, to_json(&answer)))
}

/// `GET /page/hotspots.csv` gives the list as `snag hotspots --csv` does.
pub(super) async fn csv(asked: Asked) -> Result<Response, Shown> {
    let (by, answer) = export(&asked).await?;
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((headers, sheet::hotspots(&answer, by.word())).into_response())
}

/// `GET /page/hotspots.md` gives the list as a table to paste into an issue.
pub(super) async fn markdown(asked: Asked) -> Result<Response, Shown> {
    let (by, answer) = export(&asked).await?;
    let headers = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
    Ok((headers, sheet::markdown::hotspots(&answer, by.word())).into_response())
}

async fn export(asked: &Asked) -> Result<(By, HotspotsAnswer), Shown> {
    let query::Rows { question, top } = asked.hotspots()?;
    let top = if asked.visit.address.get("top").is_some() { top } else { ALL };
    Ok(rank(asked, question, top).await?)
}
