//! Accepting connections: an accept loop of our own over hyper, which has the limits.

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::deadline::Deadline;
use super::gate::{self, Peer};
use super::pack::{self, Packing};
use super::requests::{NONE, Requests};
use super::route::Routes;
use super::stream::Streams;
use super::workers::Workers;
use super::{Hall, events, page};
use crate::doors::side::{RouteName, SideDoor};
use crate::doors::{Desk, chain};

/// Connections at the same time, of each listener: a crowd on TCP leaves the unix socket free.
const MOST_CONNECTIONS: usize = 1024;
/// Descriptors that no crowd gets: for the journal, the index, dropped files, and what streams read.
const KEPT_DESCRIPTORS: usize = 128;
/// A request's line and headers together.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// How long a client may take to send a request's head, or say nothing between two.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a client may read nothing of an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);
/// How far the index is, like `120000/1000000`, on every answer while it catches up with the
/// journal: until then answers are incomplete.
pub const BEHIND: HeaderName = HeaderName::from_static("snag-behind");
/// How many events an answer lacks because the journal has lost them; absent where it lacks none.
pub const LACKS: HeaderName = HeaderName::from_static("snag-lacks");
/// How long a connection stays open once the daemon stops, for a request that was on its way.
const LINGER: Duration = Duration::from_secs(1);
/// How long the accept loop rests when the process is out of file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Where requests come from. The caller has bound it.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// What every connection of the door shares.
pub struct Door {
    desk: Arc<Desk>,
    requests: Arc<Requests>,
    routes: Routes,
    /// Doors of others, on the same sockets.
    beside: Vec<SideDoor>,
}

impl Door {
    /// A door to this desk, with others beside it; its streams end when `stop` says so.
    #[must_use]
    pub fn new(desk: Arc<Desk>, beside: Vec<SideDoor>, stop: CancellationToken) -> Self {
        let requests = Arc::<Requests>::default();
        let hall = Hall {
            desk: desk.clone(),
            requests: requests.clone(),
            streams: Streams::new(stop),
            links: page::Links::default(),
        };
        let routes = Routes::new(super::routes(), page::routes(), hall);
        Self { desk, requests, routes, beside }
    }
}

/// Accepts until told to stop, then lets the requests in flight finish. Each connection is served by
/// one of these workers.
///
/// Dropping the future cuts every connection off.
pub async fn serve(
    door: Arc<Door>,
    listener: Listener,
    workers: Arc<Workers>,
    stop: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(most_connections(getrlimit(Resource::Nofile).current)));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = door.accept(&listener, &room, &stop) => accepted,
        };
        match accepted {
            Ok(connection) => {
                let (worker, held) = workers.free();
                let held_to_its_end = async move {
                    connection.await;
                    std::mem::drop(held);
                };
                connections.spawn_on(held_to_its_end, worker);
            }
            Err(error) => {
                // Out of descriptors, most likely: waiting is all that helps.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(REST).await;
            }
        }
    }
    std::mem::drop(listener);
    // One that panicked must not take the others with it.
    while connections.join_next().await.is_some() {}
}

/// As many as a process with this limit has descriptors for, shared by two listeners.
fn most_connections(limit: Option<u64>) -> usize {
    let descriptors =
        limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    (descriptors.saturating_sub(KEPT_DESCRIPTORS) / 2).clamp(1, MOST_CONNECTIONS)
}

type Connection = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Door {
    /// Takes the next connection, once there is room for one more.
    async fn accept(
        self: &Arc<Self>,
        listener: &Listener,
        room: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> io::Result<Connection> {
        let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
        match listener {
            Listener::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let peer = Peer::Tcp { remote, local: stream.local_addr()? };
                let stream = stream.into_std()?;
                let open = move || TcpStream::from_std(stream);
                Ok(Box::pin(self.clone().converse(open, peer, stop.clone(), permit)))
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = Peer::Unix { uid: stream.peer_cred()?.uid() };
                let stream = stream.into_std()?;
                let open = move || UnixStream::from_std(stream);
                Ok(Box::pin(self.clone().converse(open, peer, stop.clone(), permit)))
            }
        }
    }

    /// Answers the requests of one connection, opened by its worker, until it ends or the daemon stops.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        self: Arc<Self>,
        open: impl FnOnce() -> io::Result<S>,
        peer: Peer,
        stop: CancellationToken,
        _permit: OwnedSemaphorePermit,
    ) {
        let stream = match open() {
            Ok(stream) => Deadline::new(stream, WRITE_TIME, stop.clone()),
            Err(error) => {
                tracing::warn!(%error, "could not take a connection");
                return;
            }
        };
        let service = service_fn(async |request: Request<Incoming>| {
            let has_body = !request.body().is_end_stream();
            let answer = self.answer(request, peer).await;
            // Told so, a client opens another connection for what comes next.
            answer.map(|answer| {
                let is_last = stop.is_cancelled() || has_body && is_before_body(answer.status());
                if is_last { close_after(answer) } else { answer }
            })
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // A client may close its side once it has said all.
            .half_close(true)
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // What was sent before may not have been read, and nobody may answer it later.
                if let Ok(ended) = timeout(LINGER, connection.as_mut()).await {
                    ended
                } else {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = %chain(&error), "a connection broke off");
        }
    }

    /// Every answer goes this way: past the gate, to its handler, counted and packed.
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Result<Response, Infallible> {
        let method = request.method().clone();
        let packing = Packing::wanted(request.headers());
        let beside = self.beside.iter().find(|door| (door.takes)(request.uri().path()));
        let (route, response) = match beside {
            Some(door) => self.answer_beside(door, request, peer).await?,
            None => self.answer_here(request, peer).await?,
        };
        self.requests.count(route, &method, response.status());
        Ok(pack::pack(packing, response).await)
    }

    async fn answer_here(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Result<(&'static str, Response), Infallible> {
        let sender = match gate::check(&request, peer, &self.desk) {
            Ok(sender) => sender,
            Err(problem) => return Ok((NONE, problem.into_response())),
        };
        let known = self.routes.of(request.uri().path());
        let route = known.map_or(NONE, |known| known.path);
        // What is posted anywhere else is not found, whatever it is declared as.
        if known.is_some_and(|known| known.takes_posts)
            && request.method() == Method::POST
            && let Err(problem) = gate::check_content_type(&request)
        {
            return Ok((route, problem.into_response()));
        }
        let mut request = request.map(Body::new);
        let mut response = if route == events::PATH && request.method() == Method::POST {
            // Past the router, which would take a twentieth of the time of a post.
            events::record(State(self.desk.clone()), Extension(sender), request)
                .await
                .into_response()
        } else {
            request.extensions_mut().insert(sender);
            request.extensions_mut().insert(peer);
            self.routes.router.clone().oneshot(request).await?
        };
        if let Some(behind) = self.desk.behind().and_then(|behind| behind.parse().ok()) {
            response.headers_mut().insert(BEHIND, behind);
        }
        Ok((route, response))
    }

    async fn answer_beside(
        &self,
        door: &SideDoor,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Result<(&'static str, Response), Infallible> {
        let caller = match gate::check_aside(&request, peer, &self.desk) {
            Ok(caller) => caller,
            Err(problem) => return Ok((NONE, problem.into_response())),
        };
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(caller);
        let response = door.answers.clone().oneshot(request).await?;
        let route = response.extensions().get::<RouteName>();
        Ok((route.map_or(NONE, |route| route.0), response))
    }
}

/// Whether a refusal may be said before the body was read. What is left of that on its way would be taken
/// for the next request, so hyper ends the connection, but without a word to the client.
fn is_before_body(status: StatusCode) -> bool {
    let is_read = matches!(status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY);
    (status.is_client_error() || status.is_server_error()) && !is_read
}

/// An answer behind which the connection ends.
fn close_after(mut answer: Response) -> Response {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_connections_as_there_are_descriptors_for() {
        let cases = [(0, 1), (129, 1), (132, 2), (2174, 1023), (2176, 1024), (u64::MAX, 1024)];
        for (limit, most) in cases {
            assert_eq!(most_connections(Some(limit)), most, "{limit}");
        }
        assert_eq!(most_connections(None), 1024, "without a limit");
    }
}
