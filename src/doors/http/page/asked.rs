//! What every view begins with: a reader, what they ask for, and the day it is.
//!
//! # Promises
//!
//! - Nobody but a reader gets beyond this.
//! - What a view is asked has no empty fields: whoever sends some is sent to the address without.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use hyper::Uri;
use hyper::http::request::Parts;

use super::super::Hall;
use super::super::ask::narrow;
use super::super::gate::require_reader;
use super::super::problem::Problem;
use super::super::query;
use super::Shown;
use crate::doors::{Desk, today};
use crate::event::Sender;
use crate::hotspot::Question;
use crate::page::{Address, Visit};

/// A view that a reader asks for.
pub(super) struct Asked {
    pub(super) desk: Arc<Desk>,
    pub(super) sender: Sender,
    pub(super) visit: Visit,
}

impl FromRequestParts<Hall> for Asked {
    type Rejection = Shown;

    async fn from_request_parts(parts: &mut Parts, hall: &Hall) -> Result<Self, Shown> {
        let desk = Arc::<Desk>::from_ref(hall);
        // The gate says of every request who sends it.
        let sender = parts.extensions.get::<Sender>().cloned().unwrap_or(Sender::Anonymous);
        require_reader(&sender)?;
        let visit = visit(&desk, address(&parts.uri)?);
        Ok(Self { desk, sender, visit })
    }
}

impl Asked {
    /// What a ranking, a map or a calendar is asked.
    pub(super) fn hotspots(&self) -> Result<query::Rows, Problem> {
        query::Rows::of_hotspots(&self.visit.address.query())
    }

    /// Narrows a question to the people the reader may be told of.
    pub(super) fn narrow(&self, question: &mut Question) -> Result<(), Problem> {
        narrow(&self.desk, &self.sender, question)
    }
}

/// A visit to an address at this moment.
pub(super) fn visit(desk: &Desk, address: Address) -> Visit {
    let seen = *desk.recorder.visible().borrow();
    Visit { address, today: today(), seen, behind: desk.behind() }
}

/// The address of a request. A field that a form left empty asks for nothing, and has no place in
/// an address that is passed on.
fn address(uri: &Uri) -> Result<Address, Shown> {
    let query = uri.query().unwrap_or_default();
    let address = Address::read(uri.path(), query);
    let has_empty = form_urlencoded::parse(query.as_bytes()).any(|(_, value)| value.is_empty());
    if has_empty { Err(Shown::Elsewhere(address)) } else { Ok(address) }
}
