//! Who may see the page: links that are good once, and the cookie they leave behind.
//!
//! A cookie says whom it lets in and until when, and is sealed with what only this daemon can
//! write: nothing of it is stored, so it outlives a restart, and a new token ends all of them. Its
//! name has the port in it, because cookies know no ports and there may be two daemons.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{self, HeaderMap};

use super::super::gate::Peer;
use super::super::problem::Problem;
use crate::doors::token::{base64url, random_key};
use crate::doors::{Desk, now};
use crate::event::Sender;
use crate::page::HOME;

/// How long a link is good, once.
pub(super) const LINK_TIME: Duration = Duration::from_mins(1);
/// How long a cookie is, in seconds.
const COOKIE_TIME: i64 = 30 * 86_400;
/// Links that wait to be used.
const MOST_LINKS: usize = 64;

/// The links that were given and not used yet; their keys are kept as hashes.
#[derive(Clone, Default)]
pub(in crate::doors::http) struct Links(Arc<Mutex<Vec<Link>>>);

struct Link {
    key: blake3::Hash,
    sender: Sender,
    /// The user who asked for it, where the kernel says.
    user: Option<u32>,
    given: Instant,
}

impl Links {
    /// The key of a new link, which lets in as `sender`, and this user alone where one is known.
    pub(super) fn make(&self, sender: Sender, user: Option<u32>) -> Result<String, Problem> {
        let key = random_key().map_err(|error| {
            tracing::error!(%error, "the system gives no random numbers");
            Problem::internal()
        })?;
        let link = Link { key: blake3::hash(key.as_bytes()), sender, user, given: Instant::now() };
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if MOST_LINKS <= links.len() {
            links.remove(0);
        }
        links.push(link);
        Ok(key)
    }

    /// Uses a link up: whom it lets in, if this user comes by it.
    ///
    /// A browser is started with the link among its arguments, which everybody on this machine can read:
    /// so nobody else's is let in. What root connects is a relay for somebody.
    pub(super) fn take(&self, key: &str, comes: Option<u32>) -> Option<Sender> {
        let key = blake3::hash(key.as_bytes());
        let mut links = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.given.elapsed() < LINK_TIME);
        let is_for_them = |link: &Link| match (link.user, comes) {
            (Some(user), Some(comes)) => user == comes || user == 0 || comes == 0,
            (None, _) | (_, None) => true,
        };
        let at = links.iter().position(|link| link.key == key && is_for_them(link))?;
        Some(links.remove(at).sender)
    }
}

/// The name of this daemon's cookie: cookies of one host go to all of its ports.
fn cookie_name(peer: Peer) -> String {
    match peer {
        Peer::Tcp { local, .. } => format!("snag-{}", local.port()),
        Peer::Unix { .. } => "snag".to_owned(),
    }
}

/// The header that leaves a cookie with a browser.
pub(super) fn cookie(desk: &Desk, peer: Peer, sender: &Sender) -> String {
    let until = now().as_second() + COOKIE_TIME;
    // Whoever comes by TCP may not name others, even where they may over the unix socket.
    let (class, name) = match sender {
        Sender::Peer { login } => ("peer", login.as_str()),
        Sender::Owner { name } | Sender::Token { name } => ("token", name.as_str()),
        Sender::Anonymous => ("nobody", ""),
    };
    let said = format!("{until}.{class}.{}", base64url(name.as_bytes()));
    let seal = seal(desk, &said);
    let secure = if desk.rules().behind_proxy { "; Secure" } else { "" };
    let name = cookie_name(peer);
    format!(
        "{name}={said}.{seal}; Path={HOME}; Max-Age={COOKIE_TIME}; HttpOnly; SameSite=Strict{secure}"
    )
}

/// Whom the cookie of a request lets in.
pub(in crate::doors::http) fn reader(
    headers: &HeaderMap,
    peer: Peer,
    desk: &Desk,
) -> Option<Sender> {
    let name = cookie_name(peer);
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies =
        lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.find_map(|(key, value)| (key == name).then(|| open(desk, value)).flatten())
}

fn open(desk: &Desk, cookie: &str) -> Option<Sender> {
    let (said, sealed) = cookie.rsplit_once('.')?;
    if !is_same(&seal(desk, said), sealed) {
        return None;
    }
    let mut parts = said.split('.');
    let (until, class, name) = (parts.next()?, parts.next()?, parts.next()?);
    if until.parse::<i64>().ok()? < now().as_second() {
        return None;
    }
    let name = from_base64url(name)?;
    match class {
        "peer" => Some(Sender::Peer { login: name }),
        "token" => Some(Sender::Token { name }),
        _ => None,
    }
}

fn seal(desk: &Desk, said: &str) -> String {
    base64url(desk.token.seal(&format!("snag page {said}")).as_bytes())
}

/// What proves that a form is ours: nobody else's page can read it.
pub(super) fn form_token(desk: &Desk, sender: &Sender) -> String {
    base64url(desk.token.seal(&format!("snag form {}", sender.name())).as_bytes())
}

/// Whether two texts are one, in a time that does not tell where they differ.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    blake3::hash(one.as_bytes()) == blake3::hash(other.as_bytes())
}

fn from_base64url(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if 8 <= held {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_once() {
        let links = Links::default();
        let ana = Sender::Peer { login: "ana".to_owned() };
        let key = links.make(ana.clone(), Some(1000)).unwrap();
        assert_eq!(links.take("snag", Some(1000)), None);
        assert_eq!(links.take(&key, Some(1001)), None, "another user's browser");
        assert_eq!(links.take(&key, Some(1000)), Some(ana.clone()));
        assert_eq!(links.take(&key, Some(1000)), None);
        for (user, comes) in [(Some(1000), Some(0)), (Some(1000), None), (None, Some(1001))] {
            let key = links.make(ana.clone(), user).unwrap();
            assert_eq!(links.take(&key, comes), Some(ana.clone()), "{user:?} {comes:?}");
        }
        let first = links.make(ana.clone(), None).unwrap();
        for _ in 0..MOST_LINKS {
            links.make(ana.clone(), None).unwrap();
        }
        assert_eq!(links.take(&first, None), None, "the oldest goes where there are many");
    }

    proptest::proptest! {
        #[test]
        fn names_survive_a_cookie(name in "\\PC{0,40}") {
            proptest::prop_assert_eq!(from_base64url(&base64url(name.as_bytes())), Some(name));
        }
    }
}
