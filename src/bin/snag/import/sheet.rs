//! CSV: one event a row, as spreadsheets and trackers write it.
//!
//! The first row names the columns: the fields of an event, and `tags.NAME` for what is free.
//! Commas, semicolons and tabs are told apart by which of them makes the first row a header. An
//! empty cell says nothing. The `'` that our own export writes before what a spreadsheet would run
//! as a formula is taken off again.

use std::io::{BufRead, Read};

use anyhow::Context;
use bytes::Bytes;
use bytes::buf::{Buf, Reader as BytesReader};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use snag::event::{Day, Draft, Field, MAX_EVENT, Word, nearest};

use super::{Met, Ready, Row, ready};
use crate::render::csv::unled;
use crate::stop::{Code, stop};

/// What may stand between two cells.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The rows of a sheet below its header.
pub(super) struct Sheet {
    text: Bytes,
    reader: csv::Reader<BytesReader<Bytes>>,
    columns: Vec<Column>,
    met: Met,
    /// Up to where lines were counted, and how many.
    counted: usize,
    lines: usize,
}

/// What a column says of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    Field(&'static str),
    Tag(String),
    Signal(&'static str),
    Decision(&'static str),
    /// A column without a name, which must be empty.
    Nameless,
}

impl Sheet {
    /// Reads the header; what it names wrongly is refused before anything is sent.
    pub(super) fn read(mut input: Box<dyn BufRead>) -> anyhow::Result<Self> {
        let mut text = Vec::new();
        input.read_to_end(&mut text).context("the input cannot be read")?;
        let text = Bytes::from(text);
        let known =
            |names: &Vec<String>| names.iter().filter(|name| Column::of(name).is_some()).count();
        let headers = SEPARATORS.map(|separator| (separator, header(&text, separator)));
        // Of equals the last is the greatest: without any separator it is a comma.
        let best = headers.into_iter().rev().max_by_key(|(_, names)| (known(names), names.len()));
        let (separator, names) = best.unwrap_or_default();
        let columns = columns(&names).map_err(|reason| stop(Code::Usage, reason))?;
        let mut reader = reader(&text, separator);
        let mut header = csv::ByteRecord::new();
        reader.read_byte_record(&mut header).context("the header cannot be read")?;
        Ok(Self { text, reader, columns, met: Met::default(), counted: 0, lines: 1 })
    }

    /// The line on which what was read at `offset` begins: line ends before it are not part of it.
    fn line_at(&mut self, offset: usize) -> usize {
        let rest = self.text.get(offset..).unwrap_or_default();
        let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.text.get(self.counted..offset + skipped).unwrap_or_default();
        self.lines += passed.split(|byte| *byte == b'\n').count() - 1;
        self.counted = offset + skipped;
        self.lines
    }

    fn event(&mut self, cells: &csv::ByteRecord) -> Result<Ready, String> {
        let draft = draft(&self.columns, cells)?;
        let content = draft.to_json();
        if MAX_EVENT < content.len() {
            return Err(format!(
                "has {} bytes, at most {MAX_EVENT} are kept: shorten it, or close a quote that was \
                 left open",
                content.len()
            ));
        }
        ready(draft, &mut self.met, &content)
    }
}

impl Iterator for Sheet {
    type Item = anyhow::Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut cells = csv::ByteRecord::new();
            match self.reader.read_byte_record(&mut cells).context("the sheet cannot be read") {
                Err(error) => return Some(Err(error)),
                Ok(false) => return None,
                Ok(true) => {}
            }
            if cells.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            let offset = cells.position().map_or(0, csv::Position::byte);
            let line = self.line_at(usize::try_from(offset).unwrap_or(usize::MAX));
            let end = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
            let event = match self.text.get(self.counted..end) {
                Some(row) if end == self.text.len() && is_open(row) => {
                    Err("opens a quote that is never closed: close it, or double it".to_owned())
                }
                _ => self.event(&cells),
            };
            return Some(Ok(Row { line, bytes: cells.as_slice().len() + cells.len(), event }));
        }
    }
}

fn reader(text: &Bytes, separator: u8) -> csv::Reader<BytesReader<Bytes>> {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).flexible(true);
    builder.from_reader(text.clone().reader())
}

/// The names in the first row.
fn header(text: &Bytes, separator: u8) -> Vec<String> {
    let mut cells = csv::ByteRecord::new();
    // A row that cannot be read names nothing.
    let _ = reader(text, separator).read_byte_record(&mut cells);
    cells.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
}

/// What the columns say, or everything that is wrong with the header.
fn columns(names: &[String]) -> Result<Vec<Column>, String> {
    let mut columns = Vec::new();
    let mut faults = Vec::new();
    for name in names {
        match Column::of(name) {
            Some(column) if column != Column::Nameless && columns.contains(&column) => {
                faults.push(format!("the column `{name}` stands there twice"));
            }
            Some(column) => columns.push(column),
            None => {
                let near = nearest(&normal(name), Field::WORDS.iter().copied());
                let hint = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
                faults.push(format!("there is no column `{name}`{hint}"));
            }
        }
    }
    let says = |field| columns.contains(&Column::Field(field));
    if faults.is_empty() && !says("place") && !says("same_as") {
        faults.push("the column `place` is missing: it says where it happened".to_owned());
    }
    if faults.is_empty() {
        return Ok(columns);
    }
    Err(format!(
        "{}; nothing was sent. The first line names the columns: the fields of an event, \
         like place,person,note,severity,at, and tags.NAME for what is free",
        faults.join("; ")
    ))
}

/// A name as fields are written.
fn normal(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_")
}

impl Column {
    fn of(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Self::Nameless);
        }
        let free = name.strip_prefix("tags.").or_else(|| name.strip_prefix("tag:"));
        if let Some(tag) = free.filter(|tag| !tag.is_empty()) {
            return Some(Self::Tag(tag.to_owned()));
        }
        let name = normal(name);
        let field = |of: &[&'static str], name: &str| of.iter().copied().find(|one| *one == name);
        match name.split_once('.') {
            Some(("signal", part)) => field(&["name", "count", "rule"], part).map(Self::Signal),
            Some(("decision", part)) => {
                field(&["verdict", "by", "at", "severity", "note"], part).map(Self::Decision)
            }
            _ => field(Field::WORDS, &name).map(Self::Field),
        }
    }
}

/// The draft a row says.
fn draft(columns: &[Column], cells: &csv::ByteRecord) -> Result<Draft, String> {
    let mut fields = Map::new();
    let mut faults = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        let cell = std::str::from_utf8(cell)
            .map_err(|_| "is no UTF-8: save the sheet as \"CSV UTF-8\"".to_owned())?;
        let cell = &unled(cell);
        if cell.trim().is_empty() {
            continue;
        }
        let said = match columns.get(at) {
            Some(Column::Field(field)) => value(field, cell).map(|value| (*field, value)),
            Some(Column::Tag(tag)) => Ok(("tags", json!({ tag: cell }))),
            Some(Column::Signal(part)) => {
                value(part, cell).map(|value| ("signal", json!({ *part: value })))
            }
            Some(Column::Decision(part)) => {
                value(part, cell).map(|value| ("decision", json!({ *part: value })))
            }
            Some(Column::Nameless) => {
                Err("has a cell in a column without a name: name the column".to_owned())
            }
            None => Err(format!(
                "has {} cells, the header {}: put what contains a separator in quotes",
                cells.len(),
                columns.len()
            )),
        };
        match said {
            Ok((field, value)) => say(&mut fields, field, value),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let mut draft = Draft::default();
    for (field, value) in fields {
        draft.set(&field, value);
    }
    Ok(draft)
}

/// Whether the last row ends within a quote: quotes come in pairs, and a cell without any may hold
/// one (`a 5" screen`), but then nothing follows on another line.
fn is_open(row: &[u8]) -> bool {
    let quotes = row.split(|byte| *byte == b'"').count() - 1;
    !quotes.is_multiple_of(2) && row.trim_ascii().contains(&b'\n')
}

/// Says a field, or more of one that has parts.
fn say(fields: &mut Map<String, Value>, field: &str, value: Value) {
    match (fields.get_mut(field), value) {
        (Some(Value::Object(said)), Value::Object(more)) => said.extend(more),
        (_, value) => drop(fields.insert(field.to_owned(), value)),
    }
}

/// What a cell says of a field.
fn value(field: &str, cell: &str) -> Result<Value, String> {
    let word = cell.trim();
    match field {
        "at" | "received_at" => {
            instant(word).map(Value::from).ok_or_else(|| no_instant(field, word))
        }
        "lost_minutes" | "count" => word
            .parse::<u32>()
            .map(Value::from)
            .map_err(|_| format!("`{field}` cannot be `{word}`: write a whole number, like 15")),
        "at_clamped" | "person_verified" => word
            .to_lowercase()
            .parse::<bool>()
            .map(Value::from)
            .map_err(|_| format!("`{field}` cannot be `{word}`: write true or false")),
        "tags" | "signal" | "evidence" | "scrubbed" => {
            serde_json::from_str(word).map_err(|error| {
                format!("`{field}` is no JSON ({error}): write it like {{\"key\":\"value\"}}")
            })
        }
        "class" | "actor" | "kind" | "feeling" | "outcome" => {
            Ok(word.to_lowercase().replace([' ', '_'], "-").into())
        }
        _ => Ok(cell.into()),
    }
}

/// An instant as it is written, or the noon of a day.
pub(super) fn instant(word: &str) -> Option<String> {
    let day = Day::parse(word).ok().map(|day| format!("{day}T12:00:00Z"));
    day.or_else(|| word.parse::<Timestamp>().ok().map(|_| word.to_owned()))
}

/// What is said of a word that is neither.
pub(super) fn no_instant(field: &str, word: &str) -> String {
    format!(
        "`{field}` cannot be `{word}`: write a day like 2026-11-20, or an instant with its zone like 2026-11-20T14:30:00Z or 2026-11-20T15:30:00+01:00"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(text: &str) -> anyhow::Result<Sheet> {
        Sheet::read(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())))
    }

    /// Each row: its line, and its draft as JSON without what is made here, or what is wrong.
    fn rows(text: &str) -> Vec<(usize, Result<Value, String>)> {
        let row = |row: anyhow::Result<Row>| {
            let row = row.unwrap();
            let event = row.event.map(|ready| {
                let mut event: Value = serde_json::from_slice(&ready.draft.to_json()).unwrap();
                let fields = event.as_object_mut().unwrap();
                for made_here in ["id", "source", "received_at"] {
                    assert!(fields.remove(made_here).is_some(), "{made_here}");
                }
                event
            });
            (row.line, event)
        };
        sheet(text).unwrap().map(row).collect()
    }

    fn ids(text: &str) -> Vec<Value> {
        let id = |row: anyhow::Result<Row>| {
            let json = row.unwrap().event.ok().unwrap().draft.to_json();
            serde_json::from_slice::<Value>(&json).unwrap()["id"].clone()
        };
        sheet(text).unwrap().map(id).collect()
    }

    #[test]
    fn cells_become_fields() {
        let text = "place,Person,at,lost minutes,severity,outcome,tags.browser,tag:Team,signal.name,signal.count,evidence,version\n\
             web/pay,ana,2026-11-20,15,P1,Worked around,firefox,,crash,2,\"{\"\"exit_code\"\":3}\",1.10\n";
        let expected = json!({
            "place": "web/pay", "person": "ana", "at": "2026-11-20T12:00:00Z", "lost_minutes": 15,
            "severity": "major", "outcome": "worked-around", "tags": {"browser": "firefox"},
            "signal": {"name": "crash", "count": 2}, "evidence": {"exit_code": 3},
            "version": "1.10",
        });
        assert_eq!(rows(text), [(2, Ok(expected))]);
    }

    #[test]
    fn separators_line_ends_and_quotes_as_programs_write_them() {
        let expected = [
            (2, Ok(json!({"place": "web", "note": "a,\n\"b\"; c", "person": "ana"}))),
            (4, Ok(json!({"place": "api", "note": "d"}))),
        ];
        for separator in [",", ";", "\t"] {
            for end in ["\n", "\r\n"] {
                let lines = ["place,note,person", "web,\"a§\n\"\"b\"\"¶ c\",ana", "api,d", ""];
                let text =
                    lines.join(end).replace(',', separator).replace('§', ",").replace('¶', ";");
                assert_eq!(rows(&text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let text =
            "\r\n\r\nplace,note\r\n\r\nweb,\"one\r\n\r\ntwo\"\r\n,\r\nweb,three\r\n\r\nweb,four";
        let lines: Vec<_> = rows(text).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [5, 9, 11]);
    }

    #[test]
    fn formulas_come_back_as_they_were() {
        for (cell, note) in [
            ("'=1+1", "=1+1"),
            ("'-x", "-x"),
            ("'@me", "@me"),
            ("'＝1", "＝1"),
            ("-x", "-x"),
            ("'tis", "'tis"),
            ("''=1", "'=1"),
            ("'''=1", "''=1"),
            ("''tis", "''tis"),
        ] {
            let text = format!("place,note\nweb,{cell}\n");
            assert_eq!(rows(&text), [(2, Ok(json!({"place": "web", "note": note})))], "{cell}");
        }
    }

    #[test]
    fn a_bad_row_says_what_to_change() {
        for (cells, reason) in [
            ("20.11.2026,,", "`at` cannot be `20.11.2026`: write a day like 2026-11-20, or"),
            ("2026-11-20 14:30,,", "`at` cannot be `2026-11-20 14:30`: write a day"),
            (",15 min,", "`lost_minutes` cannot be `15 min`: write a whole number, like 15"),
            (",,urgent", "`severity` cannot be `urgent`: write cosmetic"),
            (",,,what", "column without a name"),
            (",,,,more", "has 6 cells, the header 5: put what contains a separator in quotes"),
        ] {
            let rows = rows(&format!("place,at,lost_minutes,severity,\nweb,{cells}\n"));
            let [(2, Err(found))] = rows.as_slice() else { panic!("{rows:?}") };
            assert!(found.contains(reason), "{found}");
        }
    }

    #[test]
    fn a_quote_left_open_is_named() {
        let text = format!("place,note\nweb,\"open\n{}", "web,fine\n".repeat(20_000));
        let rows = rows(&text);
        let [(2, Err(found))] = rows.as_slice() else { panic!("{}", rows.len()) };
        assert!(found.starts_with("opens a quote that is never closed"), "{found}");
    }

    #[test]
    fn a_wrong_header_is_refused_whole() {
        for (header, reason) in [
            ("plac,note", "there is no column `plac`: did you mean `place`?"),
            (
                "place,summary,tags.",
                "there is no column `summary`; there is no column `tags.`: did you mean `tags`?;",
            ),
            ("place,note,Note", "the column `Note` stands there twice"),
            ("note,person", "the column `place` is missing"),
            ("Ort;Notiz", "there is no column `Ort`; there is no column `Notiz`"),
            ("\n\n", "the column `place` is missing"),
        ] {
            let error = sheet(header).err().unwrap().to_string();
            assert!(error.contains(reason) && error.contains("nothing was sent"), "{error}");
        }
    }

    #[test]
    fn ids_are_of_the_row_and_its_content() {
        let ours = ids("place,note\nweb,a\nweb,a\nweb,b\n");
        assert_eq!(ours.iter().collect::<std::collections::HashSet<_>>().len(), 3);
        // Other columns, separators and line ends; the same events.
        assert_eq!(ids("note;place;person\r\na;web;\r\n\r\na;web;\r\nb;web;\r\n"), ours);
        // A bad row that was mended changes no other.
        assert_eq!(ids("place,note\nweb,a\nweb,x\nweb,b\n")[2], ours[2]);
    }
}
