//! Query strings: read strictly, so that a mistyped filter is no filter silently ignored.

use std::borrow::Cow;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::problem::Problem;
use crate::doors::today;
use crate::event::{Actor, Class, Place, Word, nearest};
use crate::hotspot::{By, Question, Shape, Window, WindowError};
use crate::index::{Cursor, Filter, Order};

/// The rows of a ranking unless said otherwise.
const DEFAULT_TOP: usize = 20;
/// The days of a coverage unless said otherwise.
const COVERAGE_DAYS: &str = "14d";
/// The events of a page unless said otherwise, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

/// What `/v1/hotspots` and `/v1/signals` are asked, and for how many rows.
pub(super) struct Rows {
    pub(super) question: Question,
    pub(super) top: usize,
}

/// What `/v1/why` is asked.
pub(super) struct Why {
    pub(super) question: Question,
    pub(super) place: Place,
}

/// What `/v1/events` is asked.
pub(super) struct Events {
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) after: Option<Cursor>,
    pub(super) limit: usize,
}

/// What `/v1/stream` is asked.
pub(super) struct Stream {
    pub(super) filter: Filter,
    /// The sequence behind which it begins; now, if none is said.
    pub(super) after: Option<u64>,
}

impl Rows {
    pub(super) fn of_hotspots(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let top = parameters.number("top", DEFAULT_TOP)?;
        let mut question = parameters.question()?;
        question.by = parameters.word("by")?.unwrap_or_default();
        question.class = parameters.one_class()?;
        question.shape = parameters.shape()?;
        question.sort = parameters.word("sort")?.unwrap_or_default();
        parameters.finish()?;
        if question.by != By::Place && question.shape != Shape::Folded {
            return Err(Problem::query(
                "by",
                "`flat` and `depth` are about places: leave them out, or leave `by` out".to_owned(),
            ));
        }
        Ok(Self { question, top })
    }

    pub(super) fn of_signals(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let top = parameters.number("top", DEFAULT_TOP)?;
        let question = parameters.question()?;
        parameters.finish()?;
        Ok(Self { question, top })
    }
}

/// What `/v1/coverage` is asked.
pub(super) fn coverage(query: &str) -> Result<Question, Problem> {
    let mut parameters = Parameters::parse(query);
    let (since, until) = (parameters.take("since")?, parameters.take("until")?);
    let since = since.as_deref().unwrap_or(COVERAGE_DAYS);
    let window = window(Some(since), until.as_deref())?;
    let question = Question {
        under: parameters.place("under")?,
        actor: parameters.word::<Actor>("actor")?.unwrap_or(Actor::Human),
        ..Question::over(window)
    };
    parameters.finish()?;
    Ok(question)
}

impl Why {
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let Some(place) = parameters.place("place")? else {
            let detail = "`place` is missing: ask like /v1/why?place=web/checkout/pay";
            return Err(Problem::query("place", detail.to_owned()));
        };
        let mut question = parameters.question()?;
        question.class = parameters.one_class()?;
        parameters.finish()?;
        Ok(Self { question, place })
    }
}

impl Events {
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let (since, until) = (parameters.take("since")?, parameters.take("until")?);
        let is_bounded = since.is_some() || until.is_some();
        let window = window(since.as_deref(), until.as_deref())?;
        let filter = Filter {
            since: since.is_some().then_some(window.since),
            until: is_bounded.then_some(window.until),
            ..parameters.filter()?
        };
        let order = match parameters.take("order")?.as_deref() {
            None | Some("newest") => Order::Newest,
            Some("oldest") => Order::Oldest,
            Some(_) => {
                return Err(Problem::query("order", "`order` is one of newest, oldest".to_owned()));
            }
        };
        let after = parameters.take("cursor")?.map(|text| {
            Cursor::parse(&text).ok_or_else(|| {
                Problem::query(
                    "cursor",
                    "`cursor` is not one of ours: take `next` of the page before as it is"
                        .to_owned(),
                )
            })
        });
        let after = after.transpose()?;
        let limit = parameters.number("limit", DEFAULT_LIMIT)?;
        parameters.finish()?;
        Ok(Self { filter, order, after, limit })
    }
}

impl Stream {
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let after = parameters.take("after")?.map(|text| {
            text.parse().map_err(|_| {
                let detail = "`after` is the `id` of the last frame that was seen, a whole number; 0 begins with the first record";
                Problem::query("after", detail.to_owned())
            })
        });
        let after = after.transpose()?;
        let filter = parameters.filter()?;
        parameters.finish()?;
        Ok(Self { filter, after })
    }
}

/// How `/v1/forget` is asked.
pub(super) struct Forget {
    /// It is only tried.
    pub(super) is_dry: bool,
    /// What cannot be read of a damaged journal may go.
    pub(super) loses_damaged: bool,
}

impl Forget {
    pub(super) fn read(query: &str) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(query);
        let is_dry = parameters.switch("dry_run")?;
        let loses_damaged = parameters.switch("lose_damaged")?;
        parameters.finish()?;
        Ok(Self { is_dry, loses_damaged })
    }
}

/// The parameters not looked at yet.
struct Parameters<'a> {
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    known: Vec<&'static str>,
}

impl<'a> Parameters<'a> {
    fn parse(query: &'a str) -> Self {
        Self { left: form_urlencoded::parse(query.as_bytes()).collect(), known: Vec::new() }
    }

    fn take(&mut self, name: &'static str) -> Result<Option<Cow<'a, str>>, Problem> {
        self.known.push(name);
        let mut found = None;
        while let Some(position) = self.left.iter().position(|(left, _)| left == name) {
            let (_, value) = self.left.remove(position);
            if found.replace(value).is_some() {
                return Err(Problem::query(
                    name,
                    format!("`{name}` stands there twice: say it once"),
                ));
            }
        }
        Ok(found)
    }

    fn word<W: Word>(&mut self, name: &'static str) -> Result<Option<W>, Problem> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        if let Some(word) = W::find(&text) {
            return Ok(Some(word));
        }
        let hint = match nearest(&text, W::WORDS.iter().copied()) {
            Some(word) => format!(" (did you mean `{word}`?)"),
            None => String::new(),
        };
        Err(Problem::query(name, format!("`{name}` is one of {}{hint}", W::WORDS.join(", "))))
    }

    fn place(&mut self, name: &'static str) -> Result<Option<Place>, Problem> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        let place = Place::parse(&text);
        place.map(Some).map_err(|error| Problem::query(name, format!("`{name}` {error}")))
    }

    /// A name as it was recorded, which is never empty.
    fn name(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        let said = self.take(name)?;
        if said.as_deref().is_some_and(|said| said.trim().is_empty()) {
            let detail = format!("`{name}` is empty: say which, or leave it out");
            return Err(Problem::query(name, detail));
        }
        Ok(said.map(Cow::into_owned))
    }

    fn number(&mut self, name: &'static str, default: usize) -> Result<usize, Problem> {
        let Some(text) = self.take(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.ok_or_else(|| {
            Problem::query(name, format!("`{name}` is a whole number from 1 to {MOST}"))
        })
    }

    /// What lists and streams of events have in common.
    fn filter(&mut self) -> Result<Filter, Problem> {
        Ok(Filter {
            under: self.place("under")?,
            class: self.word::<Class>("class")?,
            kind: self.word("kind")?,
            version: self.name("version")?,
            person: self.name("person")?,
            actor: self.word("actor")?,
            ..Filter::default()
        })
    }

    /// What hotspots and why have in common.
    fn question(&mut self) -> Result<Question, Problem> {
        let (since, until) = (self.take("since")?, self.take("until")?);
        let window = window(since.as_deref(), until.as_deref())?;
        Ok(Question {
            under: self.place("under")?,
            kind: self.word("kind")?,
            version: self.name("version")?,
            person: self.name("person")?,
            actor: self.word::<Actor>("actor")?.unwrap_or(Actor::Human),
            ..Question::over(window)
        })
    }

    /// The class that a ranking is about; uses hurt nobody.
    fn one_class(&mut self) -> Result<Option<Class>, Problem> {
        match self.word("class")? {
            Some(Class::Use) => {
                Err(Problem::query("class", "`class` is one of report, signal".to_owned()))
            }
            class => Ok(class),
        }
    }

    fn switch(&mut self, name: &'static str) -> Result<bool, Problem> {
        match self.take(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("" | "true") => Ok(true),
            Some(_) => Err(Problem::query(name, format!("`{name}` is true or false"))),
        }
    }

    fn shape(&mut self) -> Result<Shape, Problem> {
        let flat = self.switch("flat")?;
        let depth = self.take("depth")?.map(|text| {
            let depth = text.parse().ok().filter(|depth| (1..=8).contains(depth));
            depth.ok_or_else(|| {
                Problem::query("depth", "`depth` is a whole number from 1 to 8".to_owned())
            })
        });
        match (flat, depth.transpose()?) {
            (true, Some(_)) => Err(Problem::query(
                "depth",
                "`flat` and `depth` exclude each other: say one".to_owned(),
            )),
            (true, None) => Ok(Shape::Flat),
            (false, Some(depth)) => Ok(Shape::Depth(depth)),
            (false, None) => Ok(Shape::Folded),
        }
    }

    /// The end: whatever nobody asked for is unknown.
    fn finish(self) -> Result<(), Problem> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let hint = match nearest(name, self.known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", self.known.join(", ")),
        };
        Err(Problem::query(name, format!("there is no parameter `{name}` here: {hint}")))
    }
}

fn window(since: Option<&str>, until: Option<&str>) -> Result<Window, Problem> {
    Window::read(since, until, today()).map_err(|error| {
        let is_until = matches!(error, WindowError::Until(_));
        Problem::query(if is_until { "until" } else { "since" }, error.to_string())
    })
}

/// The link to the next page (RFC 8288): the same question, another cursor.
pub(super) fn next_link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    let query = query.append_pair("cursor", cursor).finish();
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}
