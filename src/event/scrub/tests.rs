//! The corpus of secrets and of their look-alikes, and what must hold for any text.
//!
//! In `tests/data/secrets.tsv` each line is a rule, a text and what is left of it. All secrets are
//! made up. So that nobody's scanner mistakes them for real ones, each is broken by a `·` that is
//! taken out here; `⏎` is a line break and `␛` an escape.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::*;
use crate::event::Event;

struct Example {
    rule: &'static str,
    text: String,
    clean: String,
}

fn corpus() -> Vec<Example> {
    let plain = |cell: &str| cell.replace('·', "").replace('⏎', "\n").replace('␛', "\x1b");
    include_str!("../../../tests/data/secrets.tsv")
        .lines()
        .map(|line| {
            let cells: Vec<&'static str> = line.split('\t').collect();
            let [rule, text, clean] = cells[..] else { panic!("three cells: {line}") };
            Example { rule, text: plain(text), clean: plain(clean) }
        })
        .collect()
}

/// What the corpus says is secret in a text: what lies between the parts that stay.
fn secrets(example: &Example) -> Vec<String> {
    let placeholder = regex::Regex::new(r"\[scrubbed:[a-z-]+\]").unwrap();
    let kept: Vec<&str> = placeholder.split(&example.clean).collect();
    let mut rest = example.text.strip_prefix(kept[0]).unwrap();
    let mut secrets = Vec::new();
    for (at, kept_next) in kept.iter().enumerate().skip(1) {
        let last = at + 1 == kept.len();
        let end = if last { rest.len() - kept_next.len() } else { rest.find(kept_next).unwrap() };
        secrets.push(rest[..end].to_owned());
        rest = &rest[end + kept_next.len()..];
    }
    secrets
}

fn event(more: &Value) -> Event {
    let mut event = json!({
        "id": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "class": "report",
        "at": "2026-11-20T10:00:00Z",
        "received_at": "2026-11-20T10:00:00Z",
        "place": "web/checkout/pay",
        "person": "alice",
        "person_verified": true,
        "actor": "human",
        "source": "cli",
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(event).unwrap()
}

fn scrubbed(event: &Event) -> Vec<(&str, &str)> {
    event.scrubbed.iter().map(|one| (one.rule.as_str(), one.field.as_str())).collect()
}

/// Made up, and put together here so that it lies in no file.
fn github_token() -> String {
    format!("ghp_{}", "Fake0".repeat(8))
}

#[test]
fn every_secret_of_the_corpus_is_taken_out() {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Example { rule, text, clean } in corpus() {
        *count.entry(rule).or_default() += 1;
        match scrub(&text) {
            Some((got, rules)) if got == clean && rules.contains(&rule) => {}
            other => wrong.push(format!("{rule}: {text:?}\n  want {clean:?}\n  got  {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(100 <= count.values().sum::<usize>());
    for rule in rules::names() {
        assert!(3 <= count.get(rule).copied().unwrap_or(0), "{rule} has too few examples");
    }
}

#[test]
fn look_alikes_stay() {
    let lines: Vec<&str> = include_str!("../../../tests/data/look-alikes.txt").lines().collect();
    assert!(150 <= lines.len());
    let wrong: Vec<_> = lines.iter().filter_map(|line| scrub(line)).collect();
    assert!(wrong.is_empty(), "{} wrong:\n{wrong:#?}", wrong.len());
}

/// What a pattern matches, made from the pattern: without what looks around, and with the letters
/// of ASCII only.
fn matched_by(pattern: &str) -> impl Strategy<Value = String> + use<> {
    let ascii = [
        (r"(?-u:\b)", ""),
        (r"\b|", ""),
        (r"\b", ""),
        ("|$", ""),
        ("(?-u:", "(?:"),
        ("(?i-u:", "(?:"),
        ("(?i:", "(?:"),
        (r"\w*", "[0-9A-Za-z_]*"),
        (r"\w{", "[0-9A-Za-z_]{"),
        (r"\w", "0-9A-Za-z_"),
    ];
    let replace = |pattern: String, (from, to): (&str, &str)| pattern.replace(from, to);
    prop::string::string_regex(&ascii.into_iter().fold(pattern.to_owned(), replace)).unwrap()
}

#[test]
fn whatever_a_rule_matches_has_a_mark_of_it() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for (regex, _) in rules::marked("") {
        let mut met = 0;
        for _ in 0..40 {
            let text = matched_by(regex.as_str()).new_tree(&mut runner).unwrap().current();
            met += usize::from(regex.is_match(&text));
            for text in [text.to_ascii_uppercase(), text] {
                for (regex, is_marked) in rules::marked(&text) {
                    assert!(is_marked || !regex.is_match(&text), "{regex} matches {text:?}");
                }
            }
        }
        assert!(10 < met, "{regex} is met {met} times only");
    }
    let lines = include_str!("../../../tests/data/look-alikes.txt").lines().map(str::to_owned);
    for text in corpus().into_iter().map(|example| example.text).chain(lines) {
        for (regex, is_marked) in rules::marked(&text) {
            assert!(is_marked || !regex.is_match(&text), "{regex} matches {text:?}");
        }
    }
}

#[test]
fn scrubbing_twice_changes_nothing() {
    for example in corpus() {
        assert_eq!(scrub(&example.clean), None, "{}", example.text);
    }
}

#[test]
fn no_secret_is_left_anywhere_in_an_event() {
    for example in corpus() {
        let text = &example.text;
        let mut event = event(&json!({
            "note": text, "expected": text, "got": text, "workaround": text, "task": text,
            "version": text, "claimed_person": text, "person": text,
            "signal": {"name": "crash", "rule": text},
            "tags": {"x": text, text: "x"},
            "evidence": {"log": [text, {"deep": text, text: 1}]},
        }));
        scrub_event(&mut event);
        let stored = String::from_utf8(event.to_json()).unwrap();
        for secret in secrets(&example) {
            let escaped = serde_json::to_string(&secret).unwrap();
            let escaped = escaped.trim_matches('"');
            assert!(!stored.contains(escaped), "{secret:?} is left in {stored}");
        }
        let again = event.clone();
        scrub_event(&mut event);
        assert_eq!(event, again, "{text}");
    }
}

#[test]
fn a_raw_line_of_json_hides_nothing() {
    for example in corpus() {
        let line = json!({"place": "web", "note": example.text}).to_string();
        let broken = &line[..line.len() - 1];
        let clean = scrub(broken).map_or(broken.to_owned(), |(clean, _)| clean);
        for secret in secrets(&example) {
            let escaped = serde_json::to_string(&secret).unwrap();
            assert!(!clean.contains(escaped.trim_matches('"')), "{secret} is left in {clean}");
        }
    }
}

#[test]
fn pointers_lead_to_the_field() {
    let token = github_token();
    let mut event = event(&json!({
        "note": format!("{token} and {token}"),
        "task": "buy",
        "signal": {"name": "failure", "rule": format!("exit 1 of x {token}")},
        "tags": {"a/b": token, "db_password": "hunter2", "ok": "fine"},
        "evidence": {
            "env": [format!("A={token}"), "B=1"],
            "x~y": {"api-key": 12, "token_count": 12, "auth": true, "cookies": [1, 2], "pwd": ""},
            "argv": ["mysql", "--password", "hunter2", "--verbose", "shop"],
            "headers": [["Cookie", "sid=1"], {"name": "X-Api-Key", "value": "hunter2"}],
            "card": 4_111_111_111_111_111_u64,
        },
    }));
    scrub_event(&mut event);
    assert_eq!(
        scrubbed(&event),
        [
            ("github-token", "/note"),
            ("github-token", "/signal/rule"),
            ("github-token", "/tags/a~1b"),
            ("key", "/tags/db_password"),
            ("key", "/evidence/argv/2"),
            ("card-number", "/evidence/card"),
            ("github-token", "/evidence/env/0"),
            ("key", "/evidence/headers/0/1"),
            ("key", "/evidence/headers/1/value"),
            ("key", "/evidence/x~0y/api-key"),
            ("key", "/evidence/x~0y/cookies"),
        ]
    );
    assert_eq!(event.note.unwrap(), "[scrubbed:github-token] and [scrubbed:github-token]");
    assert_eq!(event.tags["db_password"], "[scrubbed:key]");
    let left = json!({
        "api-key": "[scrubbed:key]", "token_count": 12, "auth": true, "cookies": "[scrubbed:key]",
        "pwd": "",
    });
    assert_eq!(event.evidence.unwrap()["x~y"], left);
}

#[test]
fn secrets_in_keys_go_and_no_value_is_lost() {
    let (one, two) = (github_token(), format!("{}1", github_token()));
    let mut event = event(&json!({"evidence": {"by": {one: 1, two: 2, "three": 3}}}));
    scrub_event(&mut event);
    let left = json!({"[scrubbed:github-token]": 1, "[scrubbed:github-token] 2": 2, "three": 3});
    assert_eq!(event.evidence.as_ref().unwrap()["by"], left);
    assert_eq!(
        scrubbed(&event),
        [
            ("github-token", "/evidence/by/[scrubbed:github-token]"),
            ("github-token", "/evidence/by/[scrubbed:github-token] 2"),
        ]
    );
}

#[test]
fn what_was_scrubbed_before_stays_listed() {
    let mut event = event(&json!({
        "note": "[scrubbed:jwt]",
        "tags": {"token": "[scrubbed:github-token]"},
        "scrubbed": [{"rule": "jwt", "field": "/note"}],
    }));
    let before = event.clone();
    scrub_event(&mut event);
    assert_eq!(event, before);
}

#[test]
fn identity_and_place_stay() {
    let mut event = event(&json!({"place": "web/4111111111111111x", "note": github_token()}));
    let (id, place) = (event.id, event.place.clone());
    scrub_event(&mut event);
    assert_eq!((event.id, event.place), (id, place));
}

#[test]
fn names_of_secrets() {
    let names = "password passwd pwd db_password dbPassword DB_PASSWORD userpassword password2 \
        password_confirmation passwordHash passphrase secret client_secret clientSecret \
        SECRET_KEY_BASE secrets token token2 api_token accessToken X-Auth-Token _authToken \
        api_key api-key apikey apiKey APIKey X-Api-Key api_keys auth basic_auth x-auth \
        PGPASSWORD SSHPASS dbpassword adminpassword ansible_become_pass MYAPIKEY topsecret \
        authorization Proxy-Authorization authorization_header cookie cookies Set-Cookie \
        credential credentials aws.credentials private_key private-key privateKey ssh_key \
        access_key AWS_SECRET_ACCESS_KEY AccountKey SharedAccessKey session session_id sessionId \
        sessionid PHPSESSID jwt bearer otp cvv SMTP_PASS oauth_token OAuthToken --password";
    for name in names.split_whitespace() {
        assert!(scrub_key(name), "{name} names a secret");
    }
}

#[test]
fn names_of_no_secrets() {
    let names = "token_count tokens max_tokens token_type tokenizer author authority authored_by \
        authenticated auth_method oauth oauth_provider OAuth keyboard key keys keyword monkey \
        primary_key public_key cache_key sort_key password_reset_url password_length passed pass \
        first_pass passenger compass secretary secret_santa_list cookie_consent cookie_count \
        session_count session_length DESKTOP_SESSION XDG_SESSION_TYPE SSH_AUTH_SOCK hash text \
        value header id name user note base64 - _ 42";
    for name in names.split_whitespace().chain([""]) {
        assert!(!scrub_key(name), "{name} names no secret");
    }
}

#[test]
fn work_is_bounded_by_the_length_of_a_text() {
    let units = [
        "token=(",
        "token=a(",
        "token=a().",
        "token = a(",
        "password=$X ",
        "?token=%(%26token=%(",
        "?token=%26",
        "authorization=",
        "x:%2F%2Fu:p@sha256:",
        "a.token=b.token=",
        "--token ",
        "[scrubbed:jwt] token=x1x ",
        "token=\"<\\\"",
        "-----BEGIN PRIVATE KEY-----\"",
        "token=",
        "a_token_count=",
        "Bearer ",
        "4111 ",
        "41",
        "eyJ-",
        "https://a:",
        "&code=",
        "\"token\":\"",
        "\\\"token\\\":\\\"",
        "curl -u ",
        "Authorization: ",
        "authorization=digest a=b,",
        "-----END PRIVATE KEY-----",
        "a",
        "x://u:p@",
        "do{}",
        "cookie: a=",
    ];
    for unit in units {
        let text = unit.repeat((1 << 19) / unit.len());
        // Work that grows with the square of the length would take hours here.
        if let Some((clean, _)) = scrub(&text) {
            assert!(scrub(&clean).is_none(), "{unit}");
            assert!(!clean.contains("x1x") && !clean.contains("1x "), "{unit}");
        }
    }
}

#[test]
fn however_many_secrets_a_text_has_each_goes_whole() {
    let lines =
        ["user=ana password=Summer123", "--token Summer123 x", "a = \"password=Summer123\""];
    for line in lines {
        let text = format!("{line}\nstate token=none key=a(b)\n").repeat(1000);
        let (clean, _) = scrub(&text).unwrap();
        assert!(!clean.contains("ummer"), "{line}");
        assert_eq!(clean.matches("state token=none key=a(b)\n").count(), 1000, "{line}");
    }
}

#[test]
fn of_a_text_that_only_tries_patience_the_rest_is_taken() {
    let (clean, _) = scrub(&format!("so {}password=Summer123", "snag_".repeat(1 << 16))).unwrap();
    assert_eq!(clean, format!("so {}[scrubbed:snag-token]", "snag_".repeat(rules::PATIENCE)));
}

#[test]
fn a_value_longer_than_is_looked_at_goes_whole() {
    let long = "x1".repeat(4000);
    let (clean, _) = scrub(&format!("set DB_PASSWORD={long} here")).unwrap();
    assert_eq!(clean, "set DB_PASSWORD=[scrubbed:key] here");
    let line = "MIIFAKEDKRYfmt07CJQXelsz6BIPWdkry5AHOVcjqx4\n".repeat(3000);
    let dashes = "-".repeat(5);
    let key = format!("{dashes}BEGIN PRIVATE KEY{dashes}\n{line}{dashes}END PRIVATE KEY{dashes}");
    assert_eq!(scrub(&key).unwrap().0, "[scrubbed:private-key]");
    let cut = format!("{dashes}BEGIN PRIVATE KEY{dashes}\n{line}");
    assert_eq!(scrub(&cut).unwrap().0, "[scrubbed:private-key]");
    let two = format!("{cut}\"{key}");
    assert_eq!(scrub(&two).unwrap().0, "[scrubbed:private-key]\"[scrubbed:private-key]");
}

#[test]
fn thousands_of_keys_that_become_the_same_are_numbered_on() {
    let tags: serde_json::Map<String, Value> =
        (0..3000).map(|n| (format!("{}{n:04}", github_token()), json!(n))).collect();
    let mut event = event(&json!({"evidence": {"by": tags}}));
    scrub_event(&mut event);
    let by = &event.evidence.unwrap()["by"];
    assert_eq!(by.as_object().unwrap().len(), 3000);
    assert_eq!(by["[scrubbed:github-token] 3000"], 2999);
}

/// Texts made of the parts that secrets are made of: far likelier to meet a rule than chance.
fn near_secrets() -> impl Strategy<Value = String> {
    let parts: Vec<String> = corpus()
        .into_iter()
        .flat_map(|example| {
            let cut = |at: usize| {
                let ends = example.text.char_indices().map(|(at, _)| at);
                ends.take_while(|end| *end <= at).last().unwrap_or(0)
            };
            let (third, half) = (cut(example.text.len() / 3), cut(example.text.len() / 2));
            [
                example.text[..half].to_owned(),
                example.text[third..].to_owned(),
                example.text.clone(),
                example.clean.clone(),
            ]
        })
        .chain(
            ["=", ":", "\"", "\\\"", "@", "/", " ", "\n", "\\n", "[", "]", "é", "%3D"]
                .map(String::from),
        )
        .collect();
    prop::collection::vec(prop::sample::select(parts), 0..8).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_is_settled_by_one_scrubbing(
        text in prop_oneof![near_secrets(), "\\PC{0,80}", any::<String>()],
    ) {
        if let Some((clean, rules)) = scrub(&text) {
            prop_assert_ne!(&clean, &text);
            prop_assert!(!rules.is_empty());
            prop_assert_eq!(scrub(&clean), None);
        }
    }

    #[test]
    fn a_token_is_found_wherever_it_stands(
        before in "[^A-Za-z0-9]{0,8}|[a-z ]{0,12} ",
        after in "[^A-Za-z0-9_]{0,8}| [a-z ]{0,12}",
    ) {
        let token = github_token();
        let (clean, _) = scrub(&format!("{before}{token}{after}")).unwrap();
        prop_assert!(!clean.contains(&token[4..]));
    }
}

proptest! {
    #[test]
    fn most_names_need_no_second_look(
        name in prop_oneof![
            "[a-zA-Z0-9_.-]{0,12}(Secret|TOKEN|apiKey|Pass|pwd|session|JWT|otp|cred|Auth|kEY|oAuth)?[0-9]{0,2}(_hash|-id|Key)?",
            "(x[_-])?(\u{212a}ey|pa\u{17f}s|\u{17f}ecret|to\u{212a}en|api\u{212a}ey)",
            "\\PC{0,20}",
        ],
    ) {
        prop_assert_eq!(scrub_key(&name), key::names_a_secret(&name));
    }
}

#[test]
fn every_listed_name_gets_a_second_look() {
    for name in key::listed() {
        for name in [name.to_ascii_uppercase(), format!("x-{name}"), name] {
            assert_eq!(scrub_key(&name), key::names_a_secret(&name), "{name}");
            assert!(scrub_key(&name), "{name}");
        }
    }
}
