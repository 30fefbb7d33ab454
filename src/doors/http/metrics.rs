//! `GET /metrics`: figures for whoever watches machines.
//!
//! Places, people and what they wrote are never in it, not as labels either: the figures are about
//! snagd, not about anybody's friction. It is read like everything else, with the token.

mod page;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{self, HeaderMap};

use self::page::{Kind, Page};
use super::events::read;
use super::gate::require_reader;
use super::problem::Problem;
use super::requests::Requests;
use super::weight::Weights;
use crate::doors::Desk;
use crate::event::{Sender, Source, Word};
use crate::recorder::Fate;

/// `GET /metrics` shows the figures as OpenMetrics, or as Prometheus' older text.
pub(super) async fn metrics(
    State(desk): State<Arc<Desk>>,
    State(requests): State<Arc<Requests>>,
    Extension(sender): Extension<Sender>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    require_reader(&sender)?;
    let page = if wants_open_metrics(&headers) { Page::open() } else { Page::classic() };
    let kind = page.content_type();
    let text = read(&desk, move |desk| Ok(render(page, desk, &requests))).await?;
    Ok(([(header::CONTENT_TYPE, kind), (header::VARY, "accept")], text).into_response())
}

/// The newer format where it is asked for by name, and not after the older one.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let weights = Weights::of(headers, &header::ACCEPT);
    let newer = weights.first_of(&["application/openmetrics-text"]).unwrap_or(0.0);
    let older = weights.first_of(&["text/plain"]).unwrap_or(0.0);
    0.0 < newer && older <= newer
}

fn render(mut page: Page, desk: &Desk, requests: &Requests) -> String {
    let version = env!("CARGO_PKG_VERSION");
    page.family("snag_build_info", Kind::Info, "What runs.");
    page.sample("snag_build_info", &[("version", version)], 1);
    page.family("process_start_time_seconds", Kind::Gauge, "When snagd started, in Unix time.");
    let started = desk.facts.started_at.as_duration().as_secs_f64();
    page.sample("process_start_time_seconds", &[], started);
    recording(&mut page, desk);
    serving(&mut page, requests);
    storing(&mut page, desk);
    dropping(&mut page, desk);
    keyed(&mut page, desk);
    page.finish()
}

fn recording(page: &mut Page, desk: &Desk) {
    let meter = desk.recorder.meter();
    let name = "snag_events_ingested_total";
    page.family(
        name,
        Kind::Counter,
        "Events that came in, by their source and what became of them.",
    );
    for source in Source::ALL {
        for fate in Fate::ALL {
            let labels = [("source", source.word()), ("outcome", fate.word())];
            page.sample(name, &labels, meter.events(*source, fate));
        }
    }
    let name = "snag_ingest_duration_seconds";
    page.family(name, Kind::Histogram, "From the end of the recorder's queue until the answer.");
    page.histogram(name, &meter.ingest);
    let name = "snag_store_flush_duration_seconds";
    page.family(name, Kind::Histogram, "The journal's write and fdatasync of a batch.");
    page.histogram(name, &meter.flush);
    let (jobs, kib) = desk.recorder.waiting();
    page.family("snag_queue_jobs", Kind::Gauge, "Requests that wait for the writer.");
    page.sample("snag_queue_jobs", &[], jobs);
    page.family("snag_queue_bytes", Kind::Gauge, "What they and those being written weigh.");
    page.sample("snag_queue_bytes", &[], kib * 1024);
}

fn serving(page: &mut Page, requests: &Requests) {
    let name = "snag_http_requests_total";
    page.family(name, Kind::Counter, "Requests answered, by route, method and status.");
    for (asked, count) in requests.read() {
        let code = asked.code.to_string();
        let labels = [("route", asked.route), ("method", asked.method), ("code", &*code)];
        page.sample(name, &labels, count);
    }
}

fn storing(page: &mut Page, desk: &Desk) {
    page.family("snag_events", Kind::Gauge, "Events recorded and not taken back.");
    page.sample("snag_events", &[], desk.index.events());
    let name = "snag_store_size_bytes";
    page.family(name, Kind::Gauge, "Room taken on disk.");
    page.sample(name, &[("part", "journal")], desk.journal.size_bytes());
    page.sample(name, &[("part", "index")], desk.index.size_bytes());
}

fn dropping(page: &mut Page, desk: &Desk) {
    let (waiting, _) = desk.dropped();
    page.family("snag_spool_files", Kind::Gauge, "Files that wait in the drop directory.");
    page.sample("snag_spool_files", &[], waiting);
    let name = "snag_dropdir_errors_total";
    page.family(name, Kind::Counter, "Dropped files that went into rejected/, whole or in part.");
    page.sample(name, &[], desk.drops.rejected.load(Ordering::Relaxed));
}

fn keyed(page: &mut Page, desk: &Desk) {
    let counts = &desk.side.sentry;
    let name = "snag_sentry_items_total";
    page.family(name, Kind::Counter, "Items of Sentry envelopes, and what became of them.");
    for (item, fate, count) in counts.read() {
        page.sample(name, &[("item", item), ("outcome", fate.word())], count);
    }
    let name = "snag_sentry_limited_total";
    page.family(name, Kind::Counter, "Requests refused because their key had sent too many.");
    page.sample(name, &[], counts.limited.load(Ordering::Relaxed));
    let browser = &desk.side.browser;
    let name = "snag_browser_beyond_total";
    page.family(name, Kind::Counter, "Signals of pages that were too many, and so not kept.");
    for (limit, count) in [("load", &browser.beyond_load), ("hour", &browser.beyond_hour)] {
        page.sample(name, &[("limit", limit)], count.load(Ordering::Relaxed));
    }
    let name = "snag_browser_limited_total";
    page.family(
        name,
        Kind::Counter,
        "Requests of pages refused because their key had sent too many.",
    );
    page.sample(name, &[], browser.limited.load(Ordering::Relaxed));
    let name = "snag_client_lost_events_total";
    page.family(name, Kind::Counter, "Events that Sentry SDKs say they had to drop themselves.");
    page.sample(name, &[], counts.lost.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_format_is_the_one_asked_for() {
        let wants = |accept: &'static str| {
            let headers = [(header::ACCEPT, HeaderValue::from_static(accept))];
            wants_open_metrics(&headers.into_iter().collect())
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert!(wants(prometheus) && wants("application/openmetrics-text"));
        for older in ["", "*/*", "text/plain", "application/json", "nonsense;;q=,"] {
            assert!(!wants(older), "{older}");
        }
        assert!(!wants("text/plain, application/openmetrics-text;q=0.9"));
        assert!(!wants("application/openmetrics-text;q=0"));
        assert!(!wants_open_metrics(&HeaderMap::new()));
    }
}
