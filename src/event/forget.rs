//! Who or what is to be forgotten, and what that means for what is kept.
//!
//! The words of others are not looked into: who is named in somebody else's note stays named there.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::decision::SOMEBODY;
use super::{Decided, Decision, Event, Muting, Place, Record, Retraction};

/// A person, a place or one event that is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forget {
    /// Every event of a person, or told in their name.
    Person(String),
    /// Every event at a place and below it.
    Place(Place),
    /// One event.
    Id(Uuid),
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Remains {
    /// It has nothing to do with it.
    All,
    /// It goes.
    Nothing,
    /// It stays without a name or a reference.
    Changed(Record),
}

impl Forget {
    /// What a record must hold, as it is written, to have anything to do with it.
    #[must_use]
    pub fn needle(&self) -> String {
        match self {
            Self::Person(name) => {
                let quoted = serde_json::Value::from(name.as_str()).to_string();
                // As it stands between the quotes.
                quoted[1..quoted.len() - 1].to_owned()
            }
            Self::Place(place) => place.to_string(),
            Self::Id(id) => id.to_string(),
        }
    }

    /// Whether a text that is no record names it: a file that was not taken, whole or torn.
    ///
    /// Of JSON a text in it has to say it and nothing else; of what is none, words of it have to.
    #[must_use]
    pub fn is_named_in(&self, text: &str) -> bool {
        match serde_json::from_str(text) {
            Ok(value) => self.is_said_in(&value),
            Err(_) => text.lines().any(|line| match serde_json::from_str(line) {
                Ok(value) => self.is_said_in(&value),
                Err(_) => has_words(line, &self.needle()),
            }),
        }
    }

    fn is_said_in(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => match self {
                Self::Person(name) => text == name,
                Self::Place(place) => Place::parse(text).is_ok_and(|it| it.is_under(place)),
                Self::Id(id) => Uuid::try_parse(text).is_ok_and(|it| it == *id),
            },
            Value::Array(values) => values.iter().any(|value| self.is_said_in(value)),
            Value::Object(fields) => fields.values().any(|value| self.is_said_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Whether an event is to be forgotten.
    #[must_use]
    pub fn covers(&self, event: &Event) -> bool {
        match self {
            Self::Person(name) => {
                event.person == *name || event.claimed_person.as_ref() == Some(name)
            }
            Self::Place(place) => event.place.is_under(place),
            Self::Id(id) => event.id == *id,
        }
    }

    /// What becomes of a record.
    #[must_use]
    pub fn remains_of(&self, record: Record) -> Remains {
        match (self, record) {
            (_, Record::Event(event)) if self.covers(&event) => Remains::Nothing,
            (Self::Id(id), Record::Event(event)) if event.same_as == Some(*id) => {
                // What agrees with nothing would say nothing: it agrees with itself.
                let same_as = Some(event.id);
                Remains::Changed(Record::Event(Box::new(Event { same_as, ..*event })))
            }
            (Self::Id(id), Record::Retraction(retraction)) if retraction.id == *id => {
                Remains::Nothing
            }
            (Self::Person(name), Record::Retraction(retraction)) if retraction.by == *name => {
                let by = SOMEBODY.to_owned();
                Remains::Changed(Record::Retraction(Retraction { by, ..retraction }))
            }
            (_, Record::Decided(decided)) => self.remains_of_decided(*decided),
            (_, Record::Muting(muting)) => self.remains_of_muting(muting),
            _ => Remains::All,
        }
    }

    /// A decision goes with its event; of who is forgotten, the words go and the verdict stays.
    fn remains_of_decided(&self, decided: Decided) -> Remains {
        let Decided { id, place, person, decision: Decision { by, .. } } = &decided;
        let goes = match self {
            Self::Person(name) => person == name,
            Self::Place(above) => place.is_under(above),
            Self::Id(event) => id == event,
        };
        if goes {
            return Remains::Nothing;
        }
        match self {
            Self::Person(name) if by == name => {
                Remains::Changed(Record::Decided(Box::new(decided.by_somebody())))
            }
            _ => Remains::All,
        }
    }

    fn remains_of_muting(&self, muting: Muting) -> Remains {
        match self {
            Self::Place(above) if muting.place.is_under(above) => Remains::Nothing,
            Self::Person(name) if muting.by == *name => {
                Remains::Changed(Record::Muting(muting.by_somebody()))
            }
            _ => Remains::All,
        }
    }
}

/// Whether words stand in a text, and not as a part of longer ones.
fn has_words(text: &str, words: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
    text.match_indices(words).any(|(at, _)| {
        !text[..at].ends_with(goes_on) && !text[at + words.len()..].starts_with(goes_on)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event;

    fn remains(forget: &Forget, record: Record) -> Remains {
        let bytes = record.encode();
        let text = String::from_utf8(bytes).unwrap();
        let remains = forget.remains_of(record);
        assert!(remains == Remains::All || text.contains(&forget.needle()), "{text}");
        remains
    }

    /// Whom a record names in the end, who is no longer ana.
    fn by(changed: &Record) -> String {
        let text = String::from_utf8(changed.encode()).unwrap();
        assert!(!text.contains("ana"), "{text}");
        let (_, by) = text.split_once(r#""by":""#).unwrap();
        by.split('"').next().unwrap().to_owned()
    }

    #[test]
    fn it_covers_what_it_says_and_nothing_else() {
        let of = |json| Record::Event(Box::new(event(json)));
        let at = of(r#"{"place":"web/pay","note":"x"}"#);
        let place = |text| Forget::Place(Place::parse(text).unwrap());
        assert_eq!(remains(&place("web"), at.clone()), Remains::Nothing);
        assert_eq!(remains(&place("we"), at.clone()), Remains::All);
        assert_eq!(remains(&Forget::Person("ana".to_owned()), at.clone()), Remains::Nothing);
        assert_eq!(remains(&Forget::Person("an".to_owned()), at.clone()), Remains::All);
        let id = Forget::Id(Uuid::from_u128(7));
        assert_eq!(remains(&id, at), Remains::Nothing);

        let too = r#"{"id":"00000000-0000-7000-8000-000000000001","place":"web/pay","note":"x","same_as":"00000000-0000-0000-0000-000000000007"}"#;
        let Remains::Changed(Record::Event(changed)) = remains(&id, of(too)) else { panic!() };
        assert_eq!((changed.same_as, changed.note.as_deref()), (Some(changed.id), Some("x")));

        let taken_back = Record::Retraction(Retraction {
            id: Uuid::from_u128(7),
            at: "2026-11-20T12:00:00Z".parse().unwrap(),
            by: "ana".to_owned(),
        });
        assert_eq!(remains(&id, taken_back.clone()), Remains::Nothing);
        let ana = Forget::Person("ana".to_owned());
        let Remains::Changed(changed) = remains(&ana, taken_back) else { panic!() };
        assert_eq!(by(&changed), "somebody");
    }

    #[test]
    fn decisions_go_with_their_events_and_names_with_their_people() {
        let decided = |person: &str, by: &str| {
            let json = format!(
                r#"{{"id":"00000000-0000-0000-0000-000000000007","place":"web/pay","person":"{person}","at":"2026-11-20T12:00:00Z","verdict":"confirmed","by":"{by}","note":"said by {by}"}}"#
            );
            Record::Decided(serde_json::from_str(&json).unwrap())
        };
        let web = Forget::Place(Place::parse("web").unwrap());
        let id = Forget::Id(Uuid::from_u128(7));
        let ana = Forget::Person("ana".to_owned());
        assert_eq!(remains(&web, decided("ana", "bob")), Remains::Nothing);
        assert_eq!(remains(&id, decided("ana", "bob")), Remains::Nothing);
        assert_eq!(remains(&ana, decided("ana", "bob")), Remains::Nothing);
        assert_eq!(remains(&ana, decided("bob", "bob")), Remains::All);
        let Remains::Changed(changed) = remains(&ana, decided("bob", "ana")) else { panic!() };
        assert_eq!(by(&changed), "somebody");

        let json = r#"{"place":"web/pay","signal":"rerun","at":"2026-11-20T12:00:00Z","is_muted":true,"by":"ana"}"#;
        let muting = || Record::Muting(serde_json::from_str(json).unwrap());
        assert_eq!(remains(&web, muting()), Remains::Nothing);
        assert_eq!(remains(&id, muting()), Remains::All);
        let Remains::Changed(changed) = remains(&ana, muting()) else { panic!() };
        assert_eq!(by(&changed), "somebody");
    }

    #[test]
    fn it_is_named_by_what_says_it_and_not_by_what_only_has_its_letters() {
        let person = |name: &str| Forget::Person(name.to_owned());
        let web = Forget::Place(Place::parse("web/pay").unwrap());
        let id = Forget::Id(Uuid::from_u128(7));
        let named = r#"{"place":"Web/Pay/card","nte":"the bold button of ana","person":"bo","same_as":"00000000-0000-0000-0000-000000000007"}"#;
        let lines = format!("{{\"torn\n{named}\n");
        for text in [named, &format!("[{named}]"), &lines] {
            for forget in [&person("bo"), &web, &id] {
                assert!(forget.is_named_in(text), "{forget:?} in {text}");
            }
            let we = Forget::Place(Place::parse("web/pa").unwrap());
            for forget in [&person("b"), &person("ana"), &person("bol"), &we] {
                assert!(!forget.is_named_in(text), "{forget:?} in {text}");
            }
        }
        let torn = r#"{"place":"web/pay/card","person":"Ana Bo","#;
        assert!(person("Ana Bo").is_named_in(torn) && web.is_named_in(torn));
        assert!(!person("na Bo").is_named_in(torn) && !person("Ana B").is_named_in(torn));
    }

    #[test]
    fn it_reads_as_it_is_written() {
        for json in [
            r#"{"person":"ana"}"#,
            r#"{"place":"web/pay"}"#,
            r#"{"id":"00000000-0000-0000-0000-000000000007"}"#,
        ] {
            let forget: Forget = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&forget).unwrap(), json);
        }
    }
}
