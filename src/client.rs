//! A client for our own HTTP, over the unix socket or over TCP; `snag` is its first user.
//!
//! # Promises
//!
//! - No redirect is followed, and a token goes only where its caller said.
//! - A problem that the daemon tells is passed on in its own words.

mod sse;
mod stream;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::event::MAX_EVENT;

pub use stream::{Missing, News, Stream, What};

/// How long a daemon may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer to a question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may take to a post that is large, and to whatever takes long.
const LONG_PATIENCE: Duration = Duration::from_mins(1);
/// What takes longer takes its time, and whoever waits hears so.
const SILENCE: Duration = Duration::from_secs(1);
/// The type of a body that is one thing.
const JSON: &str = "application/json";
/// The type of a body that is events, one a line.
const LINES: &str = "application/x-ndjson";

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A unix socket.
    Unix(PathBuf),
    /// A host and a port.
    Tcp {
        /// A name or an address; IPv6 in brackets.
        host: String,
        /// The port.
        port: u16,
    },
}

/// A text that names no daemon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is written otherwise.
    #[error(
        "`{0}` names no snagd: write it like unix:/run/snag/snag.sock or http://127.0.0.1:7624"
    )]
    Strange(String),
    /// It is behind TLS.
    #[error(
        "`{0}` is behind TLS, which snag does not speak: bring it here, as `ssh -L 7624:localhost:7624 HOST` does, and name http://127.0.0.1:7624"
    )]
    Tls(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || match text.strip_prefix("https://") {
            Some(_) => TargetError::Tls(text.to_owned()),
            None => TargetError::Strange(text.to_owned()),
        };
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Unix(path.into())) };
        }
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let authority = rest.trim_end_matches('/');
        let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        let is_odd = host.is_empty() || host.contains(['/', '@', '?', '#']);
        if is_odd { Err(wrong()) } else { Ok(Self::Tcp { host: host.to_owned(), port }) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } => write!(f, "http://{host}:{port}"),
        }
    }
}

impl Target {
    /// Whether it is on this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                let address = host.trim_start_matches('[').trim_end_matches(']');
                host == "localhost"
                    || address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
        }
    }
}

/// Why there is no answer, or not the one asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("no snagd answers at {0}: start one with `snagd`, or name another with `--url`")]
    Away(Target),
    /// It could not be asked.
    #[error("{target} cannot be reached: check `--url`, and that you may use it")]
    Unreachable {
        /// Where.
        target: Target,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The conversation broke off; whether the request was carried out is unknown.
    #[error("snagd broke off in the middle of an answer: try again")]
    Broken(#[source] hyper::Error),
    /// It took the request and said nothing.
    #[error(
        "snagd at {0} does not answer: it may hang or be very busy; look at its log, then try again"
    )]
    Silent(Target),
    /// It ended a stream: it was told to stop.
    #[error("snagd at {0} has stopped: start it again with `snagd`")]
    Ended(Target),
    /// The daemon told a problem.
    #[error("{}", .0.detail)]
    Told(Told),
    /// What came back is not what snagd answers.
    #[error(
        "what answers at {0} is not the snagd this snag knows: check `--url`, and that both have the same version"
    )]
    Strange(Target),
}

/// A problem (RFC 9457), as far as a client looks into it.
#[derive(Clone, Debug, Deserialize)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// What happened and what to change.
    pub detail: String,
    /// Whatever else it tells.
    #[serde(flatten)]
    pub more: serde_json::Map<String, Value>,
}

impl Told {
    /// Whether it is a problem of this kind, like `id-lost`.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        let said = self.more.get("type").and_then(Value::as_str);
        said.and_then(|said| said.strip_prefix("urn:snag:problem:")) == Some(kind)
    }

    /// Whether the daemon has an event of the same id, be it in other words. Where it has lost that one,
    /// what was sent may be all that is left.
    #[must_use]
    pub fn has_event(&self) -> bool {
        self.status == StatusCode::CONFLICT.as_u16() && !self.is("id-lost")
    }
}

/// What became of a batch.
#[derive(Debug, Default, Deserialize)]
pub struct Tally {
    /// Events recorded now,
    pub accepted: u64,
    /// and before.
    pub duplicate: u64,
    /// Signals beyond what is kept of one person in an hour: counted, and not to be sent again.
    #[serde(default)]
    pub beyond: u64,
    /// Lines that could not be recorded.
    pub rejected: Vec<RejectedLine>,
}

/// A line that could not be recorded.
#[derive(Debug, Deserialize)]
pub struct RejectedLine {
    /// Which one, from 1.
    pub line: usize,
    /// Why.
    pub problem: Told,
}

/// An answer that is no problem.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status, a success.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// snagd says yes in JSON or without a word. A captive portal says it with a page.
    fn is_ours(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        self.status == StatusCode::NO_CONTENT
            || kind.is_some_and(|kind| kind.starts_with(b"application/json"))
    }
}

/// A connection to a daemon.
pub struct Connection {
    target: Target,
    token: Option<String>,
    requests: Requests,
    when_slow: Option<fn()>,
}

impl Connection {
    /// Connects; `token` is sent along with every request.
    pub async fn open(target: &Target, token: Option<String>) -> Result<Self, ClientError> {
        let opened = timeout(CONNECT_PATIENCE, Self::connect(target, token)).await;
        opened.unwrap_or_else(|_| {
            let source = io::ErrorKind::TimedOut.into();
            Err(ClientError::Unreachable { target: target.clone(), source })
        })
    }

    async fn connect(target: &Target, token: Option<String>) -> Result<Self, ClientError> {
        let away = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::Away(target.clone())
            }
            _ => ClientError::Unreachable { target: target.clone(), source },
        };
        let requests = match target {
            Target::Unix(path) => shake_hands(UnixStream::connect(path).await.map_err(away)?).await,
            Target::Tcp { host, port } => {
                let host = host.trim_start_matches('[').trim_end_matches(']');
                let stream = TcpStream::connect((host, *port)).await.map_err(away)?;
                stream.set_nodelay(true).map_err(away)?;
                shake_hands(stream).await
            }
        };
        Ok(Self { target: target.clone(), token, requests: requests?, when_slow: None })
    }

    /// Has `tell` called whenever an answer takes longer than a second.
    pub fn tell_when_slow(&mut self, tell: fn()) {
        self.when_slow = Some(tell);
    }

    /// Reads.
    pub async fn get(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, None, Bytes::new(), PATIENCE).await
    }

    /// Reads what the daemon has to look through its store for.
    pub async fn get_patiently(&mut self, path: &str) -> Result<Answer, ClientError> {
        self.send(Method::GET, path, None, Bytes::new(), LONG_PATIENCE).await
    }

    /// Deletes; any other yes than snagd's is none.
    pub async fn delete(&mut self, path: &str) -> Result<(), ClientError> {
        let answer = self.send(Method::DELETE, path, None, Bytes::new(), PATIENCE).await?;
        let is_done = answer.status == StatusCode::NO_CONTENT;
        is_done.then_some(()).ok_or_else(|| ClientError::Strange(self.target.clone()))
    }

    /// Posts JSON.
    pub async fn post(&mut self, path: &str, json: Bytes) -> Result<Answer, ClientError> {
        let patience = patience_for(&json);
        self.send(Method::POST, path, Some(JSON), json, patience).await
    }

    /// Posts JSON that the daemon has to look through its store for.
    pub async fn post_patiently(&mut self, path: &str, json: Bytes) -> Result<Answer, ClientError> {
        self.send(Method::POST, path, Some(JSON), json, LONG_PATIENCE).await
    }

    /// Follows what is recorded from now on, or behind a position; `path` is `/v1/stream` and what
    /// is asked for.
    pub async fn follow(mut self, path: &str, after: Option<u64>) -> Result<Stream, ClientError> {
        let mut request = self.request(Method::GET, path, None, Bytes::new())?;
        if let Some(after) = after {
            request.headers_mut().insert("last-event-id", after.into());
        }
        let answered = exchange(&mut self.requests, request);
        let (head, body) =
            within(PATIENCE, self.when_slow, &self.target, answered).await?.into_parts();
        let is_stream = head.headers.get(header::CONTENT_TYPE);
        if is_stream.is_some_and(|kind| kind == "text/event-stream") {
            return Ok(Stream::new(self.target, body, self.requests));
        }
        let body = within(PATIENCE, self.when_slow, &self.target, body.collect()).await?;
        Err(self.problem(head.status, &body.to_bytes()))
    }

    /// Where it goes.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Posts events, one a line (NDJSON); a bad line sinks none of the others.
    pub async fn post_lines(&mut self, lines: Bytes) -> Result<Tally, ClientError> {
        let target = self.target.clone();
        let strange = |_| ClientError::Strange(target);
        let patience = patience_for(&lines);
        match self.send(Method::POST, "/v1/events", Some(LINES), lines, patience).await {
            Ok(answer) => serde_json::from_slice(&answer.body).map_err(strange),
            // Every line was bad.
            Err(ClientError::Told(told)) if told.more.contains_key("rejected") => {
                serde_json::from_value(Value::Object(told.more)).map_err(strange)
            }
            Err(error) => Err(error),
        }
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Bytes,
        patience: Duration,
    ) -> Result<Answer, ClientError> {
        let request = self.request(method, path, content_type, body)?;
        let answered = async {
            let (head, body) = exchange(&mut self.requests, request).await?.into_parts();
            Ok((head, body.collect().await?.to_bytes()))
        };
        let (head, body) = within(patience, self.when_slow, &self.target, answered).await?;
        if head.status.is_success() {
            let answer = Answer { status: head.status, headers: head.headers, body };
            return if answer.is_ours() {
                Ok(answer)
            } else {
                Err(ClientError::Strange(self.target.clone()))
            };
        }
        Err(self.problem(head.status, &body))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&'static str>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let host = match &self.target {
            Target::Unix(_) => "localhost".to_owned(),
            Target::Tcp { host, port } => format!("{host}:{port}"),
        };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let strange = |_| ClientError::Strange(self.target.clone());
        request.body(Full::new(body)).map_err(strange)
    }

    /// What an answer says that is no success.
    fn problem(&self, status: StatusCode, body: &[u8]) -> ClientError {
        match serde_json::from_slice(body) {
            Ok(told) => ClientError::Told(told),
            // A proxy says so of the snagd behind it.
            Err(_) if (502..=504).contains(&status.as_u16()) => {
                ClientError::Away(self.target.clone())
            }
            Err(_) => ClientError::Strange(self.target.clone()),
        }
    }
}

/// How long an answer to a post may take.
fn patience_for(body: &Bytes) -> Duration {
    if body.len() <= MAX_EVENT { PATIENCE } else { LONG_PATIENCE }
}

type Requests = SendRequest<Full<Bytes>>;

async fn exchange(
    requests: &mut Requests,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error> {
    requests.ready().await?;
    requests.send_request(request).await
}

/// Waits for an answer, and not for ever.
async fn within<T>(
    patience: Duration,
    when_slow: Option<fn()>,
    target: &Target,
    answered: impl Future<Output = Result<T, hyper::Error>>,
) -> Result<T, ClientError> {
    let mut answered = pin!(answered);
    let mut done = timeout(SILENCE, answered.as_mut()).await;
    if done.is_err() {
        if let Some(tell) = when_slow {
            tell();
        }
        done = timeout(patience.saturating_sub(SILENCE), answered).await;
    }
    done.map_err(|_| ClientError::Silent(target.clone()))?.map_err(ClientError::Broken)
}

async fn shake_hands<S>(stream: S) -> Result<Requests, ClientError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (requests, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::Broken)?;
    // Ends when the requests' handle is dropped or the other side hangs up; both show there.
    tokio::spawn(connection);
    Ok(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_read_as_they_print() {
        for text in ["unix:/run/snag/snag.sock", "http://127.0.0.1:7624", "http://[::1]:80"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("http://h:1/".parse::<Target>().unwrap().to_string(), "http://h:1");
        for text in [
            "",
            "unix:",
            "localhost:7624",
            "https://h:1",
            "http://h",
            "http://u@h:1",
            "http://h:99999",
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("http://127.0.0.1:7624"), "{error}");
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        let is_local = |text: &str| text.parse::<Target>().unwrap().is_local();
        assert!(
            is_local("unix:/x") && is_local("http://localhost:1") && is_local("http://[::1]:1")
        );
        assert!(!is_local("http://snag.acme.example:80") && !is_local("http://10.0.0.1:80"));
    }
}
