//! The gate: who may come in at all, decided before routing, for every path and method.
//!
//! Over the unix socket the kernel says who it is, and no browser comes. Over TCP `Host` and `Origin` are
//! checked: any web page, container or other user can reach a loopback port. A page that rebinds its name
//! to 127.0.0.1 (DNS rebinding) sends its own `Host`; a page that posts across sites sends an
//! `Origin` or `Sec-Fetch-Site`, or a content type no preflight guards. None of them gets past
//! here, and there is no switch to turn the gate off. The content type is looked at where a body is
//! taken: elsewhere there is nothing to get past to.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use hyper::header::{self, HeaderMap, HeaderName};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode};

use super::page;
use super::problem::Problem;
use crate::doors::side::Caller;
use crate::doors::{Desk, Rules};
use crate::event::Sender;

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Peer {
    /// A process of any user of this machine, over the unix socket.
    Unix {
        /// As the kernel says (`SO_PEERCRED`).
        uid: u32,
    },
    /// Somebody over TCP.
    Tcp {
        /// Their address.
        remote: SocketAddr,
        /// The address of ours they connected to.
        local: SocketAddr,
    },
}

/// Lets a request in, by the rules of this moment, and says who sends it.
pub(super) fn check<B>(request: &Request<B>, peer: Peer, desk: &Desk) -> Result<Sender, Problem> {
    let rules = desk.rules();
    if let Peer::Tcp { local, .. } = peer {
        check_addressing(request, local, &rules.allowed_hosts)?;
    }
    identify(request, peer, &rules, desk)
}

/// Lets a request to a side door in, which decides for itself who may post: it is meant for this
/// daemon all the same.
pub(super) fn check_aside<B>(
    request: &Request<B>,
    peer: Peer,
    desk: &Desk,
) -> Result<Caller, Problem> {
    let rules = desk.rules();
    let is_here = match peer {
        Peer::Unix { .. } => true,
        Peer::Tcp { local, remote } => {
            check_host(request, local, &rules.allowed_hosts)?;
            remote.ip().is_loopback() && !rules.behind_proxy && !is_forwarded(request.headers())
        }
    };
    Ok(Caller { is_here })
}

/// Whether a request is meant for this daemon, and comes from no page of another site.
pub(super) fn check_addressing<B>(
    request: &Request<B>,
    local: SocketAddr,
    allowed_hosts: &[String],
) -> Result<(), Problem> {
    let host = check_host(request, local, allowed_hosts)?;
    if is_followed_link(request) { Ok(()) } else { check_origin(request.headers(), &host) }
}

/// Whether somebody follows a link to the page, from wherever: a browser shows it to them alone. From
/// another site it leaves our cookie at home, and the page is locked.
fn is_followed_link<B>(request: &Request<B>) -> bool {
    let says = |name: &str, what: &str| {
        request.headers().get(name).is_some_and(|value| value.as_bytes() == what.as_bytes())
    };
    request.method() == Method::GET
        && page::is_page(request.uri().path())
        && !request.headers().contains_key(header::ORIGIN)
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}

fn check_host<'a, B>(
    request: &'a Request<B>,
    local: SocketAddr,
    allowed_hosts: &[String],
) -> Result<Cow<'a, str>, Problem> {
    let bad = || Problem::malformed("send exactly one `Host` header, like `Host: localhost:7624`");
    let host = only(request.headers(), &header::HOST).map_err(|()| bad())?.ok_or_else(bad)?;
    if request.uri().authority().is_none() && is_usual(host, local) {
        return Ok(Cow::Borrowed(host));
    }
    let authority: Authority = host.parse().map_err(|_| bad())?;
    if authority.as_str().contains('@') {
        return Err(bad());
    }
    if request.uri().authority().is_some_and(|target| *target != authority) {
        return Err(Problem::malformed(
            "the request line names another host than the `Host` header",
        ));
    }
    let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let is_ours = name == "localhost" || is_address(&name, local.ip());
    let port_fits = authority.port().is_none_or(|port| port.as_u16() == local.port());
    let is_allowed = allowed_hosts.iter().any(|allowed| {
        allowed.eq_ignore_ascii_case(&name) || allowed.eq_ignore_ascii_case(authority.as_str())
    });
    if (is_ours && port_fits) || is_allowed {
        return Ok(Cow::Owned(host.to_ascii_lowercase()));
    }
    Err(Problem::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong-host",
        "snagd does not answer to that name",
        "use localhost and the port snagd listens on; to allow another name, add it to `allowed_hosts` in snagd's configuration",
    ))
}

/// Whether a host is ours as nearly everybody writes it, which is told at a glance.
fn is_usual(host: &str, local: SocketAddr) -> bool {
    let ours = |(name, port): (&str, &str)| {
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let fits = is_number && port.parse() == Ok(local.port());
        fits && (name == "localhost" || name.parse() == Ok(local.ip()))
    };
    host.rsplit_once(':').is_some_and(ours)
}

fn is_address(name: &str, local: IpAddr) -> bool {
    name.trim_start_matches('[').trim_end_matches(']').parse() == Ok(local)
}

/// Requests of web pages other than our own are refused. `host` has passed its check, so an
/// origin of that host is this daemon itself.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let refuse = || {
        Problem::forbidden(
            "this API is not for web pages of other sites: post from a program, or with `snag log`",
        )
    };
    let origin = only(headers, &header::ORIGIN).map_err(|()| refuse())?;
    if let Some(origin) = origin {
        let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        return if own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            Ok(())
        } else {
            Err(refuse())
        };
    }
    let site = headers.get_all("sec-fetch-site").iter();
    let is_foreign = site.into_iter().any(|site| site != "same-origin" && site != "none");
    if is_foreign { Err(refuse()) } else { Ok(()) }
}

/// What is posted must be declared as JSON: a page cannot do that without asking first. Our own
/// page has a form, which carries a token instead. Every route that takes a body stands behind this.
pub(super) fn check_content_type<B>(request: &Request<B>) -> Result<(), Problem> {
    let headers = request.headers();
    if page::is_page(request.uri().path()) {
        return match only(headers, &header::CONTENT_TYPE) {
            Ok(Some(page::FORM)) => Ok(()),
            _ => Err(Problem::unsupported(
                "the page takes what its own form sends, and nothing else",
            )),
        };
    }
    if ContentType::of(headers).is_some() {
        return Ok(());
    }
    Err(Problem::unsupported(
        "send `Content-Type: application/json`, or `application/x-ndjson` for one event a line",
    ))
}

/// The bodies that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentType {
    /// One event, or a list of them.
    Json,
    /// One event a line.
    Ndjson,
    /// One event as `CloudEvents` has it,
    CloudEvent,
    /// or a list of them.
    CloudEvents,
}

impl ContentType {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = only(headers, &header::CONTENT_TYPE).ok()??;
        let essence = value.split(';').next().unwrap_or_default().trim();
        let known = [
            ("application/json", Self::Json),
            ("application/x-ndjson", Self::Ndjson),
            ("application/jsonl", Self::Ndjson),
            ("application/cloudevents+json", Self::CloudEvent),
            ("application/cloudevents-batch+json", Self::CloudEvents),
        ];
        let found = known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(essence));
        found.map(|(_, kind)| kind)
    }
}

fn identify<B>(
    request: &Request<B>,
    peer: Peer,
    rules: &Rules,
    desk: &Desk,
) -> Result<Sender, Problem> {
    let remote = match peer {
        Peer::Unix { uid } => return Ok(rules.owner.sender(uid)),
        Peer::Tcp { remote, .. } => remote,
    };
    let wrong = || {
        Problem::unauthorized(
            "the token is not the one of this snagd: send `Authorization: Bearer` and the content of the file `token` in its state directory",
        )
    };
    let headers = request.headers();
    let is_page = page::is_page(request.uri().path());
    match only(headers, &header::AUTHORIZATION).map_err(|()| wrong())? {
        Some(authorization) => {
            let (scheme, token) = authorization.split_once(' ').ok_or_else(wrong)?;
            if scheme.eq_ignore_ascii_case("bearer") && desk.token.matches(token.trim()) {
                return Ok(Sender::Token { name: rules.owner.name.clone() });
            }
            Err(wrong())
        }
        // A cookie is good for the page alone; who has none is told so by the page itself.
        None if is_page => Ok(page::reader(headers, peer, desk).unwrap_or(Sender::Anonymous)),
        None if remote.ip().is_loopback() && !rules.behind_proxy && !is_forwarded(headers) => {
            Ok(Sender::Anonymous)
        }
        None => Err(Problem::unauthorized(
            "from another machine, or behind a proxy, everything needs a token: send `Authorization: Bearer` and the token",
        )),
    }
}

/// Whether a proxy says that a request comes from elsewhere, though it reaches us from this machine.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(header::FORWARDED) || headers.contains_key("x-forwarded-for")
}

/// Reading over TCP needs a token.
pub(super) fn require_reader(sender: &Sender) -> Result<(), Problem> {
    if *sender == Sender::Anonymous {
        return Err(Problem::unauthorized(
            "reading over TCP needs the token: send `Authorization: Bearer` and the content of the file `token` in snagd's state directory, which `snag` takes from SNAG_TOKEN, or ask over the unix socket",
        ));
    }
    Ok(())
}

/// The one value of a header; an error where there are several or it is no text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}
