//! What a verdict rested on, kept in a file, so that it can be judged again next year, offline, to the same octet
//!
//! One JSON object a line, one line a mail; a mail is found again by the SHA-256 of its octets.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sekisho_core::facts::{Answer, Facts, Kind, Outcome, Question, Record};
use sekisho_core::name::DomainName;
use sekisho_mail::envelope::Envelope;
use sekisho_mail::policy::Policy;
use serde_json::{Value, json};

use super::desk::Judged;
use super::json;
use crate::fault::{Fault, shown};

/// What the file says it is.
const FORMAT: &str = "sekisho-facts";
/// The version of the format that is written and read.
const VERSION: u64 = 1;
/// The most octets of a file that is read.
const FILE_MAX: u64 = 1024 * 1024 * 1024;

/// The file that facts are kept in. A file that exists is never overwritten, and one in which nothing was kept is not
/// left behind.
pub(super) struct Keeper {
    /// Its path.
    path: PathBuf,
    /// Its end.
    file: BufWriter<File>,
    /// Whether something was kept.
    is_used: bool,
}

impl Keeper {
    /// Creates the file.
    pub(super) fn create(path: &Path) -> Result<Keeper, Fault> {
        let file = File::create_new(path).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AlreadyExists => Fault::new("why-facts-exist", []),
                io::ErrorKind::NotFound => Fault::new("why-no-folder", []),
                _ => Fault::system(&error),
            };
            Fault::new("fault-write", [("path", shown(path))]).because(why)
        })?;
        Ok(Keeper { path: path.to_owned(), file: BufWriter::new(file), is_used: false })
    }

    /// Keeps one verdict's facts.
    pub(super) fn keep(&mut self, judged: &Judged) -> Result<(), Fault> {
        self.is_used = true;
        writeln!(self.file, "{}", write(judged)).map_err(|error| self.fault(&error))
    }

    /// Writes everything out.
    pub(super) fn finish(mut self) -> Result<(), Fault> {
        self.file.flush().map_err(|error| self.fault(&error))
    }

    /// Says that the file cannot be written.
    fn fault(&self, error: &io::Error) -> Fault {
        Fault::io("fault-write", &self.path, error)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if !self.is_used {
            // An empty file that cannot be removed does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What was kept of one verdict.
#[derive(Debug)]
pub(super) struct Kept {
    /// The mail's SHA-256.
    sha256: String,
    /// Where it was found.
    source: String,
    /// When it was judged.
    pub(super) judged_at: Timestamp,
    /// How it came.
    pub(super) envelope: Envelope,
    /// Whether MAIL FROM was read from the Return-Path field.
    pub(super) from_return_path: bool,
    /// The policy that decided.
    pub(super) policy: Arc<Policy>,
    /// The answers.
    pub(super) facts: Facts,
}

/// Everything that a file keeps.
pub(super) struct Keeping {
    /// Where.
    path: PathBuf,
    /// What, in the file's order.
    kept: Vec<Kept>,
}

impl Keeping {
    /// Reads a file.
    pub(super) fn open(path: &Path) -> Result<Keeping, Fault> {
        let refused = |error: io::Error| Fault::io("fault-read", path, &error);
        if fs::metadata(path).map_err(refused)?.len() > FILE_MAX {
            return Err(Fault::new(
                "fault-large",
                [("path", shown(path)), ("size", (FILE_MAX / (1024 * 1024)).into())],
            ));
        }
        let text = fs::read(path).map_err(refused)?;
        // Whatever file this is, its first octets tell whether it is one of ours.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(Fault::new("fault-facts", [("path", shown(path))]).because(Fault::new("why-no-facts", [])));
        }
        let mut kept = Vec::new();
        for (index, line) in text.split(|&b| b == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
            kept.push(read(line).map_err(|why| {
                let line = (index + 1).to_string();
                Fault::new("fault-line", [("path", shown(path)), ("line", line.into())]).because(why)
            })?);
        }
        Ok(Keeping { path: path.to_owned(), kept })
    }

    /// Returns what was kept of a mail; where it was kept more than once, of the one found at the same place.
    pub(super) fn find(&self, sha256: &str, source: &str) -> Result<&Kept, Fault> {
        let mut same = self.kept.iter().filter(|kept| kept.sha256 == sha256);
        let first = same.clone().next();
        same.find(|kept| kept.source == source)
            .or(first)
            .ok_or_else(|| Fault::new("fault-not-kept", [("facts", shown(&self.path))]))
    }
}

/// Writes what a verdict rests on, that of a second hearing included, so that both can be judged again.
fn write(judged: &Judged) -> Value {
    let mut facts = judged.facts.clone();
    if let Some(what_if) = &judged.what_if {
        for (question, answer) in what_if.facts.iter().filter(|(question, _)| !what_if.proposed.has(question)) {
            facts.insert(question.clone(), Arc::new(Answer::new(answer.outcome.clone(), answer.ttl)));
        }
    }
    let policy = &judged.policy;
    json!({
        "format": FORMAT,
        "version": VERSION,
        "source": judged.source,
        "sha256": judged.sha256,
        "judged_at": json::time(judged.judged_at),
        "envelope": {
            "client_ip": judged.envelope.client_ip.map(|address| address.to_string()),
            "helo": octets(judged.envelope.helo.as_deref()),
            "mail_from": octets(judged.envelope.mail_from.as_deref()),
            "from_return_path": judged.from_return_path,
        },
        "policy": {
            "max_signatures": policy.max_signatures,
            "max_header_bytes": policy.max_header_bytes,
            "max_fields": policy.max_fields,
            "trusted_sealers": policy.trusted_sealers.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "spf_lookups": policy.spf_lookups,
            "spf_void_lookups": policy.spf_void_lookups,
        },
        "facts": json::facts(&facts),
    })
}

/// Writes octets as text where they are, else as base64.
fn octets(octets: Option<&[u8]>) -> Value {
    match octets.map(|octets| (octets, std::str::from_utf8(octets))) {
        None => Value::Null,
        Some((_, Ok(text))) => text.into(),
        Some((octets, Err(_))) => json!({ "base64": STANDARD.encode(octets) }),
    }
}

/// Reads one line.
fn read(line: &[u8]) -> Result<Kept, Fault> {
    let object: Value = serde_json::from_slice(line).map_err(|_| Fault::new("why-facts-json", []))?;
    if object["format"] != FORMAT {
        return Err(Fault::new("why-no-facts", []));
    }
    if object["version"] != VERSION {
        return Err(Fault::new("why-facts-version", [("version", object["version"].to_string().into())]));
    }
    let facts = object["facts"].as_array().ok_or_else(|| lacks("facts"))?;
    Ok(Kept {
        sha256: text(&object, "sha256")?.to_owned(),
        source: text(&object, "source")?.to_owned(),
        judged_at: parsed(&object, "judged_at")?,
        envelope: read_envelope(&object["envelope"])?,
        from_return_path: object["envelope"]["from_return_path"].as_bool().unwrap_or(false),
        policy: Arc::new(read_policy(&object["policy"])?),
        facts: facts.iter().map(read_fact).collect::<Result<_, Fault>>()?,
    })
}

/// Says that a field is missing or is not what it should be.
fn lacks(field: &'static str) -> Fault {
    Fault::new("why-facts-field", [("field", field.into())])
}

/// Reads a text.
fn text<'a>(object: &'a Value, field: &'static str) -> Result<&'a str, Fault> {
    object[field].as_str().ok_or_else(|| lacks(field))
}

/// Reads a text that stands for something.
fn parsed<T: std::str::FromStr>(object: &Value, field: &'static str) -> Result<T, Fault> {
    text(object, field)?.parse().map_err(|_| lacks(field))
}

/// Reads a number.
fn number<T: TryFrom<u64>>(object: &Value, field: &'static str) -> Result<T, Fault> {
    object[field].as_u64().and_then(|number| number.try_into().ok()).ok_or_else(|| lacks(field))
}

/// Reads a number that files of the first days lack.
fn later<T: TryFrom<u64>>(object: &Value, field: &'static str, default: T) -> Result<T, Fault> {
    if object[field].is_null() { Ok(default) } else { number(object, field) }
}

/// Reads a domain name.
fn name(object: &Value, field: &'static str) -> Result<DomainName, Fault> {
    DomainName::from_presentation(text(object, field)?).map_err(|why| lacks(field).because(why))
}

/// Reads octets, or null.
fn read_octets(object: &Value, field: &'static str) -> Result<Option<Box<[u8]>>, Fault> {
    match &object[field] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.as_bytes().into())),
        other => {
            let octets = STANDARD.decode(text(other, "base64")?).map_err(|_| lacks(field))?;
            Ok(Some(octets.into_boxed_slice()))
        }
    }
}

/// Reads `envelope`.
fn read_envelope(object: &Value) -> Result<Envelope, Fault> {
    let client_ip = if object["client_ip"].is_null() { None } else { Some(parsed(object, "client_ip")?) };
    Ok(Envelope { client_ip, helo: read_octets(object, "helo")?, mail_from: read_octets(object, "mail_from")? })
}

/// Reads `policy`.
fn read_policy(object: &Value) -> Result<Policy, Fault> {
    let sealers = object["trusted_sealers"].as_array().ok_or_else(|| lacks("trusted_sealers"))?;
    let default = Policy::default();
    let sealer = |value: &Value| DomainName::from_presentation(value.as_str()?).ok();
    Ok(Policy {
        max_signatures: number(object, "max_signatures")?,
        max_header_bytes: later(object, "max_header_bytes", default.max_header_bytes)?,
        max_fields: later(object, "max_fields", default.max_fields)?,
        trusted_sealers: sealers
            .iter()
            .map(|value| sealer(value).ok_or_else(|| lacks("trusted_sealers")))
            .collect::<Result<_, _>>()?,
        spf_lookups: number(object, "spf_lookups")?,
        spf_void_lookups: number(object, "spf_void_lookups")?,
        ..default
    })
}

/// Reads one object of `facts`.
fn read_fact(object: &Value) -> Result<(Question, Answer), Fault> {
    let kind = Kind::parse(text(object, "type")?).ok_or_else(|| lacks("type"))?;
    let question = Question::new(kind, name(object, "name")?);
    let outcome = match text(object, "outcome")? {
        "answer" => {
            let records = object["records"].as_array().ok_or_else(|| lacks("records"))?;
            Outcome::Records(records.iter().map(|record| read_record(kind, record)).collect::<Result<_, Fault>>()?)
        }
        word => super::what_if::failure(word).ok_or_else(|| lacks("outcome"))?,
    };
    Ok((question, Answer::new(outcome, number(object, "ttl")?)))
}

/// Reads one of `records`.
fn read_record(kind: Kind, record: &Value) -> Result<Record, Fault> {
    let data = record.as_str().ok_or_else(|| lacks("records"))?;
    Record::from_presentation(kind, data).map_err(|why| lacks("records").because(why))
}
