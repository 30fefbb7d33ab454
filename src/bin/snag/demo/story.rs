//! The story that `snag demo` tells: nine weeks of six people and their own product, `acme`, a
//! platform for small web shops with a web interface, a command line, an API and docs.
//!
//! The words are in `story.txt`, written by hand; the calendar, the ids and the uses are here. All
//! days are counted back from today, so what is planted shows on whatever day the demo runs.
//! Weeks therefore do not follow the real weekend: of seven days, those 7n and 7n + 6 days ago are
//! days of rest. The last thing happened yesterday: nothing lies ahead of any clock.
//!
//! # Promises
//!
//! - Pure: the same day gives the same drafts; what looks like chance is [`chance`], a hash of a counter.
//! - An event's id depends on its position in the story alone, so replaying it on one day changes
//!   nothing.
//! - Every draft is admitted as it is, and nothing in it has to be scrubbed.
//!
//! # What is planted, and why
//!
//! The last 28 days are shown; the five weeks before give trends something to compare with.
//!
//! | place | what the ranking must say | what it shows |
//! |---|---|---|
//! | `web/checkout/pay` | first, 5 people, `worse` | weeks of grumbling, then 1.4.2 broke it |
//! | `cli/deploy` | second, 6 people, `better` | 1.4.1 cured it: 45 person-days before, none since |
//! | `web/settings` | spread over 3 of 3 | three pages hurt alike, so it is not the page |
//! | `web/reports/export` | `new` | came with 1.4.2, met by 4 people at once |
//! | `docs/quickstart` | low, `unclear` | steady: a little of every newcomer |
//! | `web/search/results` | with what was filed at `web/search` | a parent explained by its child |
//! | `api/webhooks` | 20, 1 person | one loud person never tops the list |
//! | `cli/sync` | 10 | 42 crashes in a loop are one bad day of one person |
//! | `cli/logs` | no row | delight, which is no pain |
//!
//! Uses of `web/checkout/pay` and `cli/deploy` make hurt per use known there. There is one "me
//! too", two reports of agents, a quiet week with a public holiday, and two newcomers, whose first
//! weeks fill `docs/quickstart`.

use jiff::{SignedDuration, Timestamp};
use snag::event::{Day, Draft};
use uuid::Uuid;

mod entry;
#[cfg(test)]
mod tests;

use entry::{Entry, Moment, Telling};

const TEXT: &str = include_str!("story.txt");

/// The namespace of all ids of the story; any UUID would do, but it must never change.
const NAMESPACE: Uuid = Uuid::from_u128(0x7d1c_53e0_6f0b_4c1e_9a37_2b8e_51d0_aa96);
/// Uses are numbered from here on, so that a note more does not change their ids.
const FIRST_USE: usize = 100_000;

/// How many days ago the story begins.
const BEGINNING: i32 = 64;

/// The team, and how many days ago each of them joined.
const TEAM: [(&str, i32); 6] = [
    ("ana", BEGINNING),
    ("ben", BEGINNING),
    ("chi", BEGINNING),
    ("dora", 40),
    ("eli", BEGINNING),
    ("femi", 47),
];

/// Who was away, from and until how many days ago; nobody named is everybody.
const AWAY: [(Option<&str>, i32, i32); 5] = [
    // The quiet week, with a public holiday in its middle.
    (Some("ana"), 47, 43),
    (Some("eli"), 47, 43),
    (None, 45, 45),
    (Some("chi"), 26, 22),
    (Some("eli"), 2, 2),
];

/// Versions of acme, and how many days ago each was released, the latest first.
const RELEASES: [(&str, i32); 4] =
    [("1.4.2", 5), ("1.4.1", 11), ("1.4.0", 38), ("1.3.0", i32::MAX)];

/// Where uses are counted, and the most of a day; what is used more stands here more often.
const USED: [(&str, u32); 8] = [
    ("web/checkout/pay", 9),
    ("cli/deploy", 6),
    ("cli/logs", 4),
    ("web/checkout/pay", 9),
    ("cli/deploy", 6),
    ("web/search/results", 12),
    ("web/checkout/pay", 9),
    ("web/admin/orders", 15),
];

/// Everything that happened up to yesterday, as it would have been posted, the earliest first.
pub(crate) fn story(today: Day) -> Vec<Draft> {
    let mut all = told(today);
    all.extend(used(today));
    // Stable, so that what happened at one time stays in the order of the story.
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, draft)| draft).collect()
}

/// What was said and noticed.
fn told(today: Day) -> Vec<(Timestamp, Draft)> {
    let entries: Vec<Entry> = entry::entries(TEXT).collect();
    let all: Vec<Telling> = entries.iter().flat_map(Entry::tellings).collect();
    let draft = |(number, telling): (usize, &Telling)| {
        // Between eight and five; a loop starts once and goes on every 37 seconds.
        let start = 8 * 3600 + chance(number - telling.nth, "when", 9 * 3600);
        let at = at(today, telling.moment, start) + telling.pause();
        let order = 4_100 + chance(number, "order", 5_900);
        let mut draft = telling.draft(order, 31 + chance(number, "seconds", 60));
        stamp(&mut draft, number, at, telling.moment);
        let original = telling.original().and_then(|original| {
            all.iter().position(|other| other.is_at(telling.entry.place, original))
        });
        if let Some(original) = original {
            draft.set("same_as", id(original));
        }
        (at, draft)
    };
    all.iter().enumerate().map(draft).collect()
}

/// What was used: of each person at work one place is counted a day, and sent in the evening.
fn used(today: Day) -> impl Iterator<Item = (Timestamp, Draft)> {
    let days = (1..=BEGINNING).flat_map(|days_ago| TEAM.map(|(who, _)| Moment { days_ago, who }));
    // Numbered before anybody is left out: another holiday does not change the ids.
    let days = (FIRST_USE..).zip(days).filter(|(_, moment)| is_at_work(*moment));
    days.map(move |(number, moment)| {
        let at = at(today, moment, 17 * 3600 + 1800 + chance(number, "when", 900));
        let (place, most) = pick(number);
        let mut draft = Draft::default();
        stamp(&mut draft, number, at, moment);
        draft.set("class", "use");
        draft.set("place", place);
        draft.set("count", 1 + chance(number, "uses", most));
        (at, draft)
    })
}

/// The place that is counted, and its most.
fn pick(number: usize) -> (&'static str, u32) {
    let at = chance(number, "place", 8);
    usize::try_from(at).ok().and_then(|at| USED.get(at)).copied().unwrap_or(USED[0])
}

/// What every event of the story says.
fn stamp(draft: &mut Draft, number: usize, at: Timestamp, moment: Moment) {
    draft.set("id", id(number));
    draft.set("at", at.to_string());
    draft.set("person", moment.who);
    draft.set("version", version(moment.days_ago));
}

fn id(number: usize) -> String {
    Uuid::new_v5(&NAMESPACE, number.to_string().as_bytes()).to_string()
}

/// So many seconds into the day.
fn at(today: Day, moment: Moment, seconds: u32) -> Timestamp {
    today.plus(-moment.days_ago).start() + SignedDuration::from_secs(seconds.into())
}

/// The version in use so many days ago.
fn version(days_ago: i32) -> &'static str {
    let release = RELEASES.iter().find(|&&(_, released)| days_ago <= released);
    release.map_or("1.3.0", |&(version, _)| version)
}

/// Whether somebody had joined, was not away, and it was no day of rest.
fn is_at_work(Moment { days_ago, who }: Moment) -> bool {
    let has_joined = TEAM.iter().any(|&(name, joined)| name == who && days_ago <= joined);
    let is_away = AWAY.iter().any(|&(name, from, to)| {
        name.is_none_or(|name| name == who) && (to..=from).contains(&days_ago)
    });
    has_joined && !is_away && !matches!(days_ago.rem_euclid(7), 0 | 6)
}

/// What looks like chance: FNV-1a of what is asked, mixed as in `SplitMix64`, then cut to less
/// than `below`.
fn chance(number: usize, what: &str, below: u32) -> u32 {
    let seed =
        what.bytes().chain(number.to_string().bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((mixed ^ (mixed >> 31)) % u64::from(below.max(1))).unwrap_or(0)
}
