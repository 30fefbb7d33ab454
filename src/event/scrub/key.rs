//! Keys whose name says that their value is a secret.

use super::marks::{Marks, states};

/// Words that name a secret wherever they end a name.
const SECRETS: &str = "accesskey accesstoken apikey apitoken auth authorization authtoken \
    bearer clientsecret \
    cookie cookies credential credentials creds csrftoken cvc cvv dbpass idtoken jsessionid \
    jwt otp passcode passphrase passwd password passwords pgpass phpsessid privatekey pwd \
    refreshtoken secret secretkey secrets sessid sessionid sessionkey sessiontoken sshkey \
    sshpass token userpass usertoken xsrftoken";

/// Words that name a secret with whatever is written before them, as in `PGPASSWORD`.
const ENDS: [&str; 5] = ["apikey", "passphrase", "passwd", "password", "secret"];

/// Two words that name a secret together: `key` and `pass` alone do not.
const PAIRS: [(&str, &str); 3] = [
    (
        "access account api deploy encryption gpg host master private secret service session \
            shared signing ssh",
        "key",
    ),
    ("admin become db ftp mail mysql pg proxy redis root smtp ssh sudo user", "pass"),
    ("sess session", "id"),
];

/// What a name of ASCII letters contains, in any case, if it names a secret: a piece of each of
/// [`SECRETS`], and of one side of each of [`PAIRS`].
const PIECES: &[&str] = &[
    "pass", "pwd", "secret", "token", "auth", "cookie", "cred", "sess", "jwt", "bearer", "otp",
    "cvv", "cvc", "key",
];

/// Words after a secret's name that only say how it is written.
const FORMS: &str =
    "b64 base base64 confirm confirmation encoded hash header json new old plain raw text value";

/// Whether a key's name says that its value is a secret.
///
/// The last word decides, as in `api_token`, `dbPassword`, `X-Api-Key`: what comes before it only
/// says whose. So `token_count`, `author`, `keyboard` and `max_tokens` are none. Words are the
/// segments of snake, kebab, dotted and camel case.
///
/// `session` is one if it is the whole name or stands before `id` or `key`: whoever holds the id
/// of a web session is that person. `DESKTOP_SESSION` and `session_count` are none.
#[must_use]
pub fn scrub_key(key: &str) -> bool {
    may_name_a_secret(key) && names_a_secret(key)
}

/// Whether it is worth to look at the words of a name: of most names it is not.
fn may_name_a_secret(key: &str) -> bool {
    static ANY: Marks<{ states(&[PIECES]) }> = Marks::new(&[PIECES]);
    // Some letters beyond ASCII have a small one within it.
    !key.is_ascii() || ANY.of(key) != 0
}

/// The same as [`scrub_key`], word by word.
pub(super) fn names_a_secret(key: &str) -> bool {
    // A key that held a secret itself is no name any more.
    if key.contains(super::OPEN) {
        return false;
    }
    let words = words(key);
    let Some(last) = words.iter().rposition(|word| !lists(FORMS, word)) else {
        return false;
    };
    let owner = last.checked_sub(1).map(|at| words[at].as_str());
    let last = words[last].as_str();
    let pair = |(owners, thing): &(&str, &str)| {
        last.trim_end_matches('s') == thing.trim_end_matches('s')
            && owner.is_some_and(|owner| lists(owners, owner))
    };
    lists(SECRETS, last)
        || ENDS.iter().any(|end| last.ends_with(end))
        || PAIRS.iter().any(pair)
        || (last == "session" && owner.is_none())
}

/// Whether a `PWD` is the shell's working directory, not a password.
pub(super) fn is_directory(key: &str, value: &str) -> bool {
    let drive = value.get(1..3).is_some_and(|rest| matches!(rest, ":\\" | ":/"));
    key.eq_ignore_ascii_case("pwd") && (value.starts_with(['/', '~']) || drive)
}

/// Whether a list of words, written as one text, has this one.
pub(super) fn lists(words: &str, word: &str) -> bool {
    words.split(' ').any(|listed| listed == word)
}

/// The words of a name, in lower case and without the digits that number them.
fn words(key: &str) -> Vec<String> {
    // Written so, it is one word; and it names a protocol, not a secret.
    let key = key.replace("OAuth", "Oauth");
    let mut words = vec![String::new()];
    let mut letters = key.chars().peekable();
    let mut previous = ' ';
    while let Some(letter) = letters.next() {
        let before_lower = letters.peek().is_some_and(char::is_ascii_lowercase);
        let hump = letter.is_uppercase()
            && (previous.is_lowercase() || (previous.is_uppercase() && before_lower));
        if hump || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        previous = letter;
    }
    words.iter().map(|word| trim_number(word)).filter(|word| !word.is_empty()).collect()
}

/// `password2` is `password`, and `base64` stays what it is.
fn trim_number(word: &str) -> String {
    if lists(FORMS, word) {
        return word.to_owned();
    }
    word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// Each name that is listed as a secret's, and each pair.
#[cfg(test)]
pub(super) fn listed() -> Vec<String> {
    let pairs = PAIRS.iter().flat_map(|(owners, thing)| {
        owners.split_whitespace().map(move |owner| format!("{owner}_{thing}"))
    });
    let ends = ENDS.iter().map(|end| format!("their{end}"));
    SECRETS.split_whitespace().map(str::to_owned).chain(ends).chain(pairs).collect()
}
