//! Routes: a path, a method and what answers there, kept together so that whoever lists routes and
//! whoever serves them cannot disagree.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::handler::Handler;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use hyper::header::{self, HeaderMap};
use hyper::{Method, StatusCode};

use super::gate::check_content_type;
use super::problem::Problem;
use super::{Hall, page};
use crate::doors::side::RouteName;

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
        // What is posted anywhere else is not found, whatever it is declared as.
        let answers = routing::post(handler).route_layer(middleware::from_fn(declared));
        Self { path, method: Method::POST, answers }
    }

    pub(super) fn delete<H: Handler<T, Hall>, T: 'static>(path: &'static str, handler: H) -> Self {
        Self { path, method: Method::DELETE, answers: routing::delete(handler) }
    }
}

/// The router of the API's routes, which a lost client is told of, and of the page's.
pub(super) fn router(
    api: impl IntoIterator<Item = Route>,
    page: impl IntoIterator<Item = Route>,
    hall: Hall,
) -> Router {
    let mut known = Vec::new();
    let mut router = Router::new();
    for Route { path, method, answers } in api {
        known.push(format!("{method} {path}"));
        router = router.route(path, answers);
    }
    for Route { path, answers, .. } in page {
        router = router.route(path, answers);
    }
    let unknown = format!("the API has {}", known.join(", "));
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
        .layer(middleware::from_fn(name_route))
        .with_state(hall)
}

/// Lets only what is declared as it must be come to a route that takes a body.
async fn declared(request: Request, next: Next) -> Result<Response, Problem> {
    check_content_type(&request)?;
    Ok(next.run(request).await)
}

/// Whether an answer is for people to look at.
fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Leaves the route's path, as it is written above, with the answer: requests are counted by it.
async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(RouteName(route.into()));
    }
    response
}
