//! What a secret looks like: one table of rules.
//!
//! Most texts have no secret, and compiling all rules takes longer than recording an event. So
//! each rule names its marks, one of which is in whatever it matches: a text is searched for all
//! marks at once, and only the rules whose marks it has are compiled, once, and tried.
//!
//! # Promises
//!
//! - A rule matches in time linear in the text, whatever the text.
//! - No rule matches a placeholder, nor anything inside one.
//! - There is no rule for "looks random": hashes, ids and checksums stay readable.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Captures, Regex};

use super::check::{self, Check, Seen};
use super::marks::{Marks, states};

/// Where a token may begin: at a word's edge, or right after what only looks like a part of the
/// word (`%3D`, the `n` of an escaped line break, the `m` of a terminal colour).
const START: &str = r"(?:\b|_|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\[bfnrt]|(?:\x1b|\\u001[bB]|\\x1[bB]|\\033|\\e)\[[0-9;]*m)";

/// Between the name of a header and its value: plain, in JSON, in a shell, URL-encoded.
const COLON: &str = r#"\\*["']?\s*(?:=>|[:=]|%3[Aa])(?:\s|%20|\\*["'])*"#;

/// Words that a key's name must contain before [`super::scrub_key`] is asked.
const WORD: &str =
    "(?i-u:pass|pwd|secret|token|auth|cookie|cred|session|jwt|bearer|otp|cvv|cvc|key)";

/// The same, as marks.
const WORDS: &[&str] = &[
    "pass", "pwd", "secret", "token", "auth", "cookie", "cred", "session", "jwt", "bearer", "otp",
    "cvv", "cvc", "key",
];

/// What a card's number begins with.
const DIGITS: &[&str] = &["2", "3", "4", "5", "6"];

/// Between the groups of a card's number.
const GAP: &str = r"(?:[ +.\u{a0}-]|%20)";

/// The user's name in a URL: an escaped `@` may be in it, but nothing that would end it.
const USER: &str =
    r#"(?:[^\s/@:?#"'<>%\[\\]|%(?:2[14-689A-Ea-e]|3[0-9BDbd]|[4-9A-Fa-f][0-9A-Fa-f]))*"#;

/// What a rule found, before overlaps are settled.
pub(super) struct Hit {
    /// What to take out.
    pub(super) span: Range<usize>,
    /// Where the rule stands in the table: of two equal hits the earlier rule is named.
    pub(super) rank: usize,
    /// The rule.
    pub(super) rule: &'static str,
}

/// A refused match of so many bytes is looked at once more without being counted: however many there
/// are, that is linear in the text.
const LONGEST_FREE: usize = 512;
/// Longer ones may have so many times the length of the text together.
pub(super) const PATIENCE: usize = 4;

/// All secrets in the text; without compiling a rule (and without an allocation) where nothing
/// hints at one.
pub(super) fn hits(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut marked = MARKS.of(text);
    while marked != 0 {
        let rank = marked.trailing_zeros() as usize;
        marked &= marked - 1;
        if RULES[rank].is_likely(text) {
            collect(text, rank, &mut hits);
        }
    }
    hits
}

/// Compiles every rule.
pub(super) fn compile() {
    for rank in 0..RULES.len() {
        regex(rank);
    }
}

/// One way in which one kind of secret is written.
#[derive(Clone, Copy)]
struct Rule {
    /// What the person sees.
    name: &'static str,
    /// Whatever it matches contains one of these: one with capitals as it is written, one without
    /// in any case.
    marks: &'static [&'static str],
    /// Whatever it matches has at least so many digits: the marks of a card's number are in most
    /// texts that have a number at all.
    digits: usize,
    form: Form,
    /// How it looks: the group `s` is what is taken out, `k` the name it was given.
    pattern: &'static str,
    /// What an expression cannot say.
    check: Check,
}

/// How a secret is known.
#[derive(Clone, Copy)]
enum Form {
    /// It carries its own mark: nothing around it needs to be known.
    Token,
    /// By what stands around it.
    Value,
}

impl Rule {
    /// The whole expression.
    fn expression(&self) -> String {
        match self.form {
            Form::Token => format!("(?-u:{START}(?<s>{}))", self.pattern),
            Form::Value => {
                [("START", START), ("COLON", COLON), ("WORD", WORD), ("GAP", GAP), ("USER", USER)]
                    .iter()
                    .fold(self.pattern.to_owned(), |pattern, (name, part)| {
                        pattern.replace(name, part)
                    })
                    .replace(r"\b", r"(?-u:\b)")
            }
        }
    }

    /// Whether a text that has a mark in some case may match: marks with capitals are meant as they are
    /// written.
    fn is_likely(&self, text: &str) -> bool {
        let is_written = |mark: &&str| {
            !mark.bytes().any(|byte| byte.is_ascii_uppercase()) || text.contains(*mark)
        };
        let digits = || text.bytes().filter(u8::is_ascii_digit).count();
        (self.digits == 0 || self.digits <= digits()) && self.marks.iter().any(is_written)
    }
}

/// The expression of a rule, compiled when it is needed first.
#[expect(clippy::expect_used, reason = "the table is constant, and a test compiles it")]
fn regex(rank: usize) -> &'static Regex {
    static COMPILED: [OnceLock<Regex>; RULES.len()] = [const { OnceLock::new() }; RULES.len()];
    COMPILED[rank].get_or_init(|| Regex::new(&RULES[rank].expression()).expect("a rule compiles"))
}

/// Adds what a rule finds. Where one near-secret lies within the next without end, as nobody writes
/// who means no harm, the rest of the text is taken for a secret.
fn collect(text: &str, rank: usize, hits: &mut Vec<Hit>) {
    let rule = &RULES[rank];
    let mut from = 0;
    let mut patience = PATIENCE.saturating_mul(text.len());
    while let Some(found) = regex(rank).captures_at(text, from) {
        let (whole, seen) = seen(text, &found);
        let span = (rule.check)(&seen).or_else(|| {
            if LONGEST_FREE < whole.len() {
                patience = patience.saturating_sub(whole.len());
            }
            (patience == 0).then_some(seen.span.start..text.len())
        });
        if let Some(span) = span {
            from = seen.span.end.max(span.end);
            hits.push(Hit { span, rank, rule: rule.name });
        } else {
            // What was refused may hide a secret that begins later.
            let next = text[whole.start..].chars().next().map_or(1, char::len_utf8);
            from = seen.span.start.max(whole.start + next);
        }
    }
}

/// Where a match lies, and what a check is shown of it.
fn seen<'t>(text: &'t str, found: &Captures<'t>) -> (Range<usize>, Seen<'t>) {
    let whole = found.get_match().range();
    let span = found.name("s").map_or(whole.clone(), |group| group.range());
    let key = found.name("k").map_or("", |group| group.as_str());
    (whole, Seen { text, key, span })
}

/// Each mark sets the bit of its rule.
static MARKS: Marks<{ states(&LISTS) }> = Marks::new(&LISTS);

/// The marks of each rule.
const LISTS: [&[&str]; RULES.len()] = {
    let mut lists: [&[&str]; RULES.len()] = [&[]; RULES.len()];
    let mut rank = 0;
    while rank < RULES.len() {
        lists[rank] = RULES[rank].marks;
        rank += 1;
    }
    lists
};

const fn token(name: &'static str, marks: &'static [&'static str], pattern: &'static str) -> Rule {
    Rule { name, marks, digits: 0, form: Form::Token, pattern, check: check::any }
}

const fn value(
    name: &'static str,
    marks: &'static [&'static str],
    pattern: &'static str,
    check: Check,
) -> Rule {
    Rule { name, marks, digits: 0, form: Form::Value, pattern, check }
}

#[rustfmt::skip] // A token, a line.
const RULES: &[Rule] = &[
    token("aws-key", &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    token("aws-key", &["A3T"], r"A3T[A-Z0-9][A-Z2-7]{16}\b"),
    token("github-token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[0-9A-Za-z]{36}\w*"),
    token("github-token", &["github_pat_"], r"github_pat_\w{36,}"),
    token("gitlab-token", &["glpat-", "glptt-", "gldt-", "glrt-", "glrtr-", "gloas-", "glsoat-", "glcbt-", "glft-", "glimt-", "glagent-", "glffct-", "glwt-"], r"gl(?:pat|ptt|dt|rt|rtr|oas|soat|cbt|ft|imt|agent|ffct|wt)-[\w-]{20,}(?:\.[\w-]+)*"),
    token("gitlab-token", &["GR1348941"], r"GR1348941[\w-]{20,}"),
    token("slack-token", &["xox"], r"(?:xoxe\.)?xox[a-z]-[0-9A-Za-z-]{10}[\w-]*"),
    token("slack-token", &["xapp-"], r"xapp-[0-9]-[0-9A-Za-z-]{10}[\w-]*"),
    token("stripe-key", &["k_live_", "k_test_", "k_prod_"], r"[sr]k_(?:live|test|prod)_[0-9A-Za-z]{16}\w*"),
    token("stripe-key", &["whsec_"], r"whsec_[0-9A-Za-z+/]{24}[\w+/]*={0,2}"),
    token("google-key", &["AIza"], r"AIza[\w-]{35,}"),
    token("google-key", &["ya29.", "GOCSPX-", "1//0"], r"(?:ya29\.|GOCSPX-|1//0)[\w-]{20}[\w.-]*"),
    token("npm-token", &["npm_"], r"npm_[0-9A-Za-z]{36}\w*"),
    token("pypi-token", &["pypi-AgE"], r"pypi-AgE[\w-]{50,}"),
    token("anthropic-key", &["sk-ant-"], r"sk-ant-[\w-]{20,}"),
    token("openai-key", &["sk-"], r"sk-(?:proj|svcacct|admin|None|or-v1)-[\w-]{32,}"),
    token("openai-key", &["sk-"], r"sk-[0-9A-Za-z]{32}[\w-]*"),
    token("sendgrid-key", &["SG."], r"SG\.[\w-]{16,}\.[\w-]{32,}"),
    token("vault-token", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[\w-]{24,}"),
    token("digitalocean-token", &["doo_v1_", "dop_v1_", "dor_v1_"], r"do[opr]_v1_[a-f0-9]{64}\w*"),
    token("databricks-token", &["dapi"], r"dapi[a-f0-9]{32}(?:-[0-9]+)?\b"),
    token("twilio-key", &["SK"], r"SK[a-f0-9]{32}\b"),
    token("azure-secret", &["Q~"], r"[\w.~]{3}[0-9]Q~[\w.~-]{31,}"),
    token("age-secret-key", &["age-secret-key-"], r"(?i:AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50})\w*"),
    Rule { check: check::mixed_case, ..token("snag-token", &["snag_"], r"snag_[\w-]{43,}") },
    token("jwt", &["eyJ"], r"eyJ[\w-]{10,}\.eyJ[\w-]{6,}(?:\.[\w-]*)?"),
    token("jwt", &["eyJ"], r"eyJ[\w-]{10,}\.[\w-]*\.[\w-]{12,}\.[\w-]+\.[\w-]+"),
    Rule { check: check::random, ..token("service-token", &["hf_", "gsk_", "r8_", "xai-", "pplx-"], r"(?:hf_|gsk_|r8_|xai-|pplx-)[0-9A-Za-z]{30,}\b") },
    Rule { check: check::random, ..token("service-token", &["dckr_pat_", "figd_", "lin_api_", "ntn_", "rubygems_", "pscale_tkn_", "shpat_", "shpss_", "shpca_", "shppa_", "glsa_", "sbp_", "sb_secret_"], r"(?:dckr_pat_|figd_|lin_api_|ntn_|rubygems_|pscale_tkn_|shp(?:at|ss|ca|pa)_|glsa_|sbp_|sb_secret_)[\w-]{24,}") },
    token("service-token", &["sntrys_eyJ", "sntryu_", "glc_eyJ"], r"(?:(?:sntrys|glc)_eyJ[0-9A-Za-z+/]{20}[\w+/=-]*|sntryu_[a-f0-9]{64}\w*)"),
    token("service-token", &["ATATT3xFfGF0"], r"ATATT3xFfGF0[\w-]{20}[\w=-]*"),
    token("service-token", &["PMAK-", "NRAK-", "tskey-", "sq0csp-"], r"(?:PMAK-[0-9a-f]{24}-[0-9a-f]{34}|NRAK-[0-9A-Z]{27}|tskey-[a-z]{2,}-[0-9A-Za-z]{6,}-[0-9A-Za-z]{16}|sq0csp-[\w-]{40})[\w-]*"),
    token("service-token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa."], r"dp\.(?:pt|st|ct|sa)\.(?:[\w-]{1,40}\.)?[0-9A-Za-z]{40}\w*"),
    // A bot's number and its key, of Telegram.
    token("service-token", &[":AA"], r"(?:bot)?[0-9]{8,10}:AA[\w-]{33,}"),
    value(
        "service-token",
        &["webhooks"],
        r"\b(?i-u:discord(?:app)?\.com)(?:\\*/|%2[Ff])api(?:(?:\\*/|%2[Ff])v[0-9]{1,2})?(?:\\*/|%2[Ff])webhooks(?:\\*/|%2[Ff])[0-9]{10,}(?:\\*/|%2[Ff])(?<s>[[:word:]-]{40,})",
        check::any,
    ),
    // A key as PuTTY keeps it.
    value(
        "private-key",
        &["private-lines"],
        r"\b(?i-u:private-lines):[ \t]*[0-9]+(?:\s|\\[nr])+(?<s>(?:[0-9A-Za-z+/]{64}(?:\s|\\[nr])+)*[0-9A-Za-z+/]{4,64}={0,2})",
        check::any,
    ),
    // The head of a block; the check finds where it ends.
    value(
        "private-key",
        &["PRIVATE"],
        r"(?<s>-{4,5} ?BEGIN(?:[ +]|%20)(?:[A-Z0-9]+(?:[ +]|%20)){0,3}PRIVATE(?:[ +]|%20)KEY(?:(?:[ +]|%20)BLOCK)? ?-{4,5})",
        check::block,
    ),
    // The foot of a block whose head was cut off, as in the tail of a log.
    value(
        "private-key",
        &["PRIVATE"],
        r"(?<s>-{4,5} ?END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5})",
        check::rest_of_block,
    ),
    // The head in base64, as in a Kubernetes secret.
    token(
        "private-key",
        &["LS0tLS1CRUdJTiB"],
        r"LS0tLS1CRUdJTiB(?:SU0EgUFJJVkFUR|EU0EgUFJJVkFUR|FQyBQUklWQVRF|QUklWQVRFIEtFW|PUEVOU1NIIFBSSVZBVE|FTkNSWVBURUQgUFJJVkFUR)[0-9A-Za-z+/=]*",
    ),
    Rule {
        digits: 14,
        ..value(
            "card-number",
            DIGITS,
            r"START(?<s>(?:[2-6][0-9]{13,18}|[2-6][0-9]{3}GAP[0-9]{4}GAP[0-9]{4}GAP[0-9]{4}(?:GAP[0-9]{3})?|3[0-9]{3}GAP[0-9]{6}GAP[0-9]{4,5})\b)",
            check::card,
        )
    },
    value(
        "bearer-token",
        &["authorization"],
        r#"(?i-u:authorization)COLON(?i-u:bearer|basic|token|api-?key|bot|key|negotiate|ntlm|geniekey)(?:\s|%20|\\[nrt])+\\*["']?(?<s>[0-9A-Za-z._~+/=:-]{4,})"#,
        check::no_prose,
    ),
    value(
        "bearer-token",
        &["authorization"],
        r"(?i-u:authorization)COLON(?i-u:digest|oauth|hawk|mac|signature|aws4-hmac-sha256)\s+(?<s>[^\s,<>=\[\]]+=[^\s,<>\[\]]+(?:,\s*[^\s,<>=\[\]]+=[^\s,<>\[\]]+)*)",
        check::any,
    ),
    value(
        "bearer-token",
        &["authorization"],
        r"(?i-u:authorization)COLON(?<s>[0-9A-Za-z._~+/=-]{20,})",
        check::random,
    ),
    value(
        "bearer-token",
        &["bearer"],
        r"START(?i-u:bearer)(?:\s|%20|\\[nrt])+(?<s>[0-9A-Za-z._~+/=-]{16,})",
        check::random,
    ),
    // What curl makes an `Authorization: Basic` of.
    value(
        "bearer-token",
        &["curl"],
        r#"\bcurl\b[^\n]*?\s(?:-u|--user)[ =]?["']?[^\s:"']+:(?<s>[^\s"'`\\]+)"#,
        check::given,
    ),
    value(
        "key",
        &["cookie:"],
        r"\b(?i-u:(?:set-)?cookie):[ \t]*(?<s>[[:word:].-]+=)",
        check::line,
    ),
    value(
        "key",
        &["x-", "private-", "job-", "deploy-", "api-", "access-", "auth-", "proxy-", "apikey"],
        r"\b(?<k>(?i-u:(?:x|private|job|deploy|api|access|auth|proxy)-[[:word:]-]+|apikey)):[ \t]*(?<s>[0-9A-Za-z._~+/=-]{8,})",
        check::header,
    ),
    value(
        "aws-key",
        &["secret"],
        r"(?i-u:secret[_.-]?(?:access[_.-]?)?key)(?:COLON|>)(?<s>[0-9A-Za-z/+]{40})(?:[^0-9A-Za-z/+]|$)",
        check::any,
    ),
    value(
        "slack-token",
        &["hooks.slack"],
        r"hooks\.slack(?:-gov)?\.com(?:\\*/|%2[Ff])(?:services|workflows|triggers)(?:\\*/|%2[Ff])(?<s>[0-9A-Za-z_/%\\+-]{20,})",
        check::any,
    ),
    value(
        "url-password",
        &["@", "%40"],
        r#"\b[A-Za-z][0-9A-Za-z+.-]*(?::|%3[Aa])(?:\\*/|%2[Ff]){2}USER(?::|%3[Aa])(?<s>[^\s/?#"'<>`\\]+)(?:@|%40)[[:word:]\[%]"#,
        check::password,
    ),
    // The same with a `?` or `#` that should have been encoded; after digits it is a port.
    value(
        "url-password",
        &["@"],
        r#"\b[A-Za-z][0-9A-Za-z+.-]*://USER:(?<s>[^\s/?#@"'<>`\\]*[^\s/?#@"'<>`\\0-9][^\s/?#@"'<>`\\]*[?#][^\s/@"'<>`\\]*)@[[:word:]\[%]"#,
        check::password,
    ),
    value(
        "query-secret",
        &["=", "%3d"],
        r#"(?:[?&#]|&amp;|%3[Ff]|%26|\\u0026)(?<k>(?i-u:[[:word:].-]*(?:token|secret|password|passwd|pwd|signature|api[_-]?key|access[_-]?key)|sig|auth|key|code|otp|jwt|sid|session(?:_?id)?))(?:=|%3[Dd])(?<s>[^&\s"'<>#`)\[\]{}|,;\\]+)"#,
        check::parameter,
    ),
    value(
        "key",
        WORDS,
        r#"(?<k>[[:word:].-]*WORD[[:word:].-]*)\\*["'`]?[ \t]*(?:=>|:=|[:=])\s*[bru]?\\*["'`](?<s>[^\s"'`\\,;)\]}])"#,
        check::quoted,
    ),
    value(
        "key",
        &["="],
        r#"(?<k>[[:word:].-]*WORD[[:word:].-]*)=(?<s>[^\s"'`\\=>&;,])"#,
        check::assigned,
    ),
    value(
        "key",
        &[" =", "= ", "\t=", "=\t"],
        r#"(?<k>[[:word:].-]*WORD[[:word:].-]*)(?:[ \t]+=[ \t]*|=[ \t]+)(?<s>[^\s"'`\\=>&;,])"#,
        check::spaced,
    ),
    value(
        "key",
        &["--"],
        r#"--(?<k>[[:word:].-]*WORD[[:word:].-]*)[ \t]+(?<s>[^\s"'`\\=>&;,-])"#,
        check::spaced,
    ),
];

/// Each pattern, and whether the text has a mark of its rule.
#[cfg(test)]
pub(super) fn marked(text: &str) -> impl Iterator<Item = (&'static Regex, bool)> + '_ {
    let marked = MARKS.of(text);
    let rules = RULES.iter().enumerate();
    rules.map(move |(rank, rule)| (regex(rank), marked & 1 << rank != 0 && rule.is_likely(text)))
}

/// The names of all rules, each once.
#[cfg(test)]
pub(super) fn names() -> std::collections::BTreeSet<&'static str> {
    RULES.iter().map(|rule| rule.name).collect()
}
