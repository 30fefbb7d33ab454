//! Following a daemon: what it records, while it records it.

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;

use super::sse::{Frame, Parser};
use super::{ClientError, Requests, Target};
use crate::event::{Event, Retraction};

/// A stream says something every 15 seconds: one that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// What a daemon records, while it records it.
pub struct Stream {
    target: Target,
    body: Incoming,
    parser: Parser,
    frames: VecDeque<Frame>,
    /// The connection ends with it.
    _requests: Requests,
}

/// Something a stream tells.
#[derive(Clone, Debug)]
pub struct News {
    /// The journal's sequence: whoever comes back says it, and is told what came behind.
    pub position: u64,
    /// What happened.
    pub what: What,
    /// The same as it was told, as JSON; empty where nothing happened.
    pub json: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// An event was recorded.
    Event(Box<Event>),
    /// An event was taken back.
    Retraction(Retraction),
    /// The journal has lost records.
    Missing(Missing),
    /// Nothing that was asked for, or nothing this snag knows: only the position moved.
    Nothing,
}

/// Sequences that the journal has lost.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Missing {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Stream {
    pub(super) fn new(target: Target, body: Incoming, requests: Requests) -> Self {
        let (parser, frames) = (Parser::default(), VecDeque::new());
        Self { target, body, parser, frames, _requests: requests }
    }

    /// What happens next. After an error the stream is of no use: follow anew, behind the position.
    pub async fn next(&mut self) -> Result<News, ClientError> {
        let strange = || ClientError::Strange(self.target.clone());
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return News::of(frame).ok_or_else(strange);
            }
            let told = tokio::time::timeout(SILENCE, self.body.frame()).await;
            let told = told.map_err(|_| ClientError::Silent(self.target.clone()))?;
            let chunk = told.ok_or_else(|| ClientError::Ended(self.target.clone()))?;
            let chunk = chunk.map_err(ClientError::Broken)?;
            if let Some(bytes) = chunk.data_ref() {
                self.frames.extend(self.parser.push(bytes).map_err(|_| strange())?);
            }
        }
    }
}

impl News {
    /// None for a frame that is none of ours.
    fn of(frame: Frame) -> Option<Self> {
        let Frame { id, event, data: json } = frame;
        let what = match event.as_str() {
            "event" => What::Event(Box::new(serde_json::from_str(&json).ok()?)),
            "retraction" => What::Retraction(serde_json::from_str(&json).ok()?),
            "missing" => What::Missing(serde_json::from_str(&json).ok()?),
            _ => What::Nothing,
        };
        Some(Self { position: id.parse().ok()?, what, json })
    }
}
