//! Routes: a path, a method and what answers there, kept together so that whoever lists routes and
//! whoever serves them cannot disagree.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::{self, MethodRouter};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};

use super::problem::Problem;
use super::{Hall, page};

/// One of them. `HEAD` is answered wherever `GET` is.
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) method: Method,
    answers: MethodRouter<Hall>,
}

impl Route {
    pub(super) fn get<H: Handler<T, Hall>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { path, method: Method::GET, answers: routing::get(handler) }
    }

    pub(super) fn post<H: Handler<T, Hall>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { path, method: Method::POST, answers: routing::post(handler) }
    }

    pub(super) fn delete<H: Handler<T, Hall>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { path, method: Method::DELETE, answers: routing::delete(handler) }
    }
}

/// All routes, and what is known of each before a request goes there.
pub(super) struct Routes {
    pub(super) router: Router,
    known: matchit::Router<Known>,
}

/// What is known of a path's routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The path as it is written above: requests are counted by it.
    pub(super) path: &'static str,
    /// Whether something is posted there.
    pub(super) takes_posts: bool,
}

impl Routes {
    /// The API's routes, which a lost client is told of, and the page's.
    pub(super) fn new(api: Vec<Route>, page: impl IntoIterator<Item = Route>, hall: Hall) -> Self {
        let mut told = Vec::new();
        let mut takes_posts = BTreeMap::new();
        let mut router = Router::new();
        for Route { path, method, .. } in &api {
            told.push(format!("{method} {path}"));
        }
        for Route { path, method, answers } in api.into_iter().chain(page) {
            router = router.route(path, answers);
            *takes_posts.entry(path).or_default() |= method == Method::POST;
        }
        let known = takes_posts.into_iter().map(|(path, takes_posts)| Known { path, takes_posts });
        Self { router: lost(router, &told).with_state(hall), known: by_path(known) }
    }

    /// What is known of the routes of a path, where it has some.
    pub(super) fn of(&self, path: &str) -> Option<Known> {
        self.known.at(path).ok().map(|found| *found.value)
    }
}

#[expect(clippy::expect_used, reason = "the router has taken the same paths")]
fn by_path(known: impl IntoIterator<Item = Known>) -> matchit::Router<Known> {
    let mut paths = matchit::Router::new();
    for known in known {
        paths.insert(known.path, known).expect("two routes do not meet");
    }
    paths
}

/// Has requests answered that no route takes.
fn lost(router: Router<Hall>, told: &[String]) -> Router<Hall> {
    let unknown = format!("the API has {}", told.join(", "));
    router
        .fallback(async |headers: HeaderMap| {
            if is_browser(&headers) {
                return page::nowhere();
            }
            Problem::not_found(unknown).into_response()
        })
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "wrong-method",
                "That cannot be done here",
                "events are posted to /v1/events, deleted at /v1/events/{id}, and everything is read with GET",
            )
        })
}

/// Whether an answer is for people to look at.
fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
