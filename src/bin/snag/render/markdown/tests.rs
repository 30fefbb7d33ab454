//! What a report looks like, and what a reader of Markdown makes of it.

use crate::query::Query;
use insta::assert_snapshot;
use proptest::prelude::*;
use pulldown_cmark::{Event as Seen, Options, Parser, Tag, TagEnd};
use serde_json::json;
use snag::event::is_unprintable;
use snag::hotspot::By;

use super::inline::Inline;
use super::*;
use crate::render::sample::{by, crash, full, hotspots as ranked, look, month, report, why_of};

fn see(markdown: &str) -> Vec<Seen<'_>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    Parser::new_ext(markdown, options).collect()
}

/// The text a reader sees, without markup and without what keeps names from being called.
fn shown(seen: &[Seen<'_>]) -> String {
    let texts = seen.iter().filter_map(|seen| match seen {
        Seen::Text(text) | Seen::Code(text) => Some(text.as_ref()),
        _ => None,
    });
    texts.collect::<String>().replace('\u{200b}', "")
}

/// Whether an issue tracker finds a name or a number to link to; it does not look into code.
fn calls(markdown: &str) -> bool {
    let texts = see(markdown).into_iter().map(|seen| match seen {
        Seen::Text(text) => text.into_string(),
        _ => "\n".to_owned(),
    });
    let text: Vec<char> = texts.collect::<String>().chars().collect();
    text.windows(2).any(|pair| matches!(pair[0], '@' | '#') && pair[1].is_alphanumeric())
}

/// Nothing but what our own reports are made of.
#[track_caller]
fn is_harmless(markdown: &str) {
    for seen in see(markdown) {
        let is_ours = match &seen {
            Seen::Start(tag) => matches!(
                tag,
                Tag::Paragraph
                    | Tag::Heading { .. }
                    | Tag::BlockQuote(None)
                    | Tag::Table(_)
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::TableCell
                    | Tag::Strong
            ),
            Seen::Text(_) | Seen::Code(_) | Seen::SoftBreak | Seen::End(_) => true,
            _ => false,
        };
        assert!(is_ours, "{seen:?} in\n{markdown}");
    }
    assert!(
        !markdown.chars().any(|letter| is_unprintable(letter) && letter != '\n'),
        "{markdown:?}"
    );
    assert!(!calls(markdown), "it calls somebody:\n{markdown}");
}

/// Rows and cells of each table, its head among the rows.
fn tables(markdown: &str) -> Vec<Vec<usize>> {
    let mut tables: Vec<Vec<usize>> = Vec::new();
    for seen in see(markdown) {
        match seen {
            Seen::Start(Tag::Table(_)) => tables.push(Vec::new()),
            Seen::Start(Tag::TableHead | Tag::TableRow) => tables.last_mut().unwrap().push(0),
            Seen::End(TagEnd::TableCell) => {
                *tables.last_mut().unwrap().last_mut().unwrap() += 1;
            }
            _ => {}
        }
    }
    tables
}

#[test]
fn the_ranking() {
    let mut told = month();
    told.push(crash("11-19", "cli/deploy", "bob"));
    let mut answer = ranked(&told);
    answer.rows.truncate(3);
    answer.more = 1;
    let kinds = hotspots(&by(&month(), By::Kind), &Query::default(), &look(80));
    let empty = hotspots(&ranked(&[]), &Query::default(), &look(80));
    assert_snapshot!(format!(
        "{}----\n{kinds}----\n{empty}",
        hotspots(&answer, &Query::default(), &look(80))
    ));
}

#[test]
fn whoever_sorts_by_the_last_day_sees_it() {
    let answer = HotspotsAnswer { sort: Sort::Last, ..ranked(&month()) };
    let told = hotspots(&answer, &Query::default(), &look(80));
    let rows = &tables(&told)[0];
    assert!(told.contains("| trend | last met | worst outcome |"), "{told}");
    assert!(rows.iter().all(|cells| *cells == 9), "{told}");
    assert!(told.contains("| 2026-11-20 |"), "{told}");
}

#[test]
fn the_explanation() {
    let told = month();
    let reports = ["web/checkout/pay", "web/search", "web", "web/home"]
        .map(|at| why(&why_of(&told, at), &Query::default(), &look(80)));
    assert_snapshot!(reports.join("----\n"));
}

#[test]
fn the_list() {
    let told = [full(), crash("11-20", "cli/deploy", "bob")];
    assert_snapshot!(events(&told, &look(80)));
}

#[test]
fn what_somebody_wrote_does_nothing() {
    let text = |text: &str| Inline::text(&look(80).safe(text)).to_string();
    assert_eq!(text("a | b"), r"a \| b");
    assert_eq!(text("<img src=x> &lt; `x`"), r"\<img src=x\> \&lt; \`x\`");
    assert_eq!(text("# no heading"), r"\# no heading");
    assert_eq!(text("1. no list"), r"1\. no list");
    assert_eq!(text("- no list - here"), r"\- no list - here");
    assert_eq!(
        text("ask @ana about #7, a\u{202e}b"),
        "ask @\u{200b}ana about \\#\u{200b}7, a\\\\u{202e}b"
    );
    let code = |text: &str| Inline::code(&look(80).safe(text)).to_string();
    assert_eq!(code("snag why web/a"), "`snag why web/a`");
    assert_eq!(code("a ``b` c"), "```a ``b` c```");
    assert_eq!(code("`"), "`` ` ``");
}

/// Text as somebody writes it who wants to be more than text.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "|",
        "\\",
        "\\|",
        "`",
        "``",
        "```\n",
        "~~~\n",
        "<b>",
        "<!--",
        "-->",
        "&amp;",
        "@ana",
        "#7",
        "a/b#7",
        "* ",
        "- ",
        "+ ",
        "1. ",
        "# ",
        "> ",
        "[a](b)",
        "![a](b)",
        "[^1]",
        "[x]: y",
        "- [ ] ",
        "**",
        "__",
        "~~",
        "$x$",
        "===",
        "---",
        "\n",
        "\n\n",
        "\r\n",
        "    code",
        "\t",
        "\u{202e}",
        "\u{9b}2J",
        ":smile:",
        "https://x.example",
    ]);
    let piece = prop_oneof![nasty.prop_map(str::to_owned), any::<String>(), "[a-z ]{0,20}"];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_report_is_only_what_we_made_it(texts in prop::collection::vec(text(), 4)) {
        let more = json!({"note": texts[0], "version": texts[1], "got": texts[2], "severity": "blocker"});
        let told = [
            report("11-19", "web/a", &texts[3], more.clone()),
            report("11-18", "web/a", &texts[1], more),
            report("11-18", "cli/b", &texts[2], json!({"note": texts[3]})),
        ];
        let look = look(80);
        let list = events(&told, &look);
        is_harmless(&list);
        prop_assert_eq!(tables(&list), [vec![6; 4]], "{}", list);
        for key in [By::Place, By::Person, By::Version, By::Kind] {
            let answer = by(&told, key);
            let ranked = hotspots(&answer, &Query::default(), &look);
            is_harmless(&ranked);
            prop_assert_eq!(tables(&ranked), [vec![7; answer.rows.len() + 1]], "{}", ranked);
        }
        let answer = why_of(&told, "web/a");
        let explained = why(&answer, &Query::default(), &look);
        is_harmless(&explained);
        prop_assert_eq!(tables(&explained), [vec![3; answer.why.people.len() + 2]], "{}", explained);
    }

    #[test]
    fn what_was_written_is_what_is_seen(text in text()) {
        let safe = look(80).safe(&text);
        let seen = see(&Inline::text(&safe).to_string()).into_iter().map(Seen::into_static).collect::<Vec<_>>();
        prop_assert_eq!(shown(&seen), safe.as_str().trim().replace('\u{200b}', ""));
        let code = Inline::code(&safe).to_string();
        let seen = see(&code);
        if !safe.as_str().trim().is_empty() {
            let spans: Vec<_> = seen.iter().filter(|seen| matches!(seen, Seen::Code(_))).collect();
            prop_assert_eq!(spans.len(), 1, "{}", code);
            prop_assert_eq!(shown(&seen), safe.as_str().replace('\u{200b}', ""));
        }
    }
}
