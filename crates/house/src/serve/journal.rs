//! The log: one event is one line, for people or for programs
//!
//! What came from outside cannot begin a line, move a cursor or fill a disk: control characters are escaped, and a field
//! is cut after 2 KB. Levels and formats may change while the daemon runs.

use std::fmt::{self, Write};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use jiff::Timestamp;
use sekisho_core::visible::is_harmless;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Format, Level, LogSection};

/// The most octets of one field in a line.
const FIELD_MAX: usize = 2000;

/// Opens the log of this process.
pub(crate) fn open(section: LogSection) -> Arc<Journal> {
    let journal = Arc::new(Journal::new(section, to_stderr));
    // Only the first call of a process decides where log lines go; a test may call twice.
    let _ = tracing_subscriber::registry().with(Shared(Arc::clone(&journal))).try_init();
    journal
}

/// Where lines go, and what is written there.
pub(crate) struct Journal {
    /// Takes a line.
    write: fn(&[u8]),
    /// The configured level, by its place in [`LEVELS`].
    level: AtomicU8,
    /// Whether lines are objects.
    is_json: AtomicBool,
}

/// The levels of the configuration as the library has them.
const LEVELS: [LevelFilter; 4] = [LevelFilter::ERROR, LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG];

/// Writes a line where people look.
fn to_stderr(line: &[u8]) {
    // Nobody is left to hear that stderr is closed.
    let _ = io::Write::write_all(&mut io::stderr().lock(), line);
}

impl Journal {
    /// Opens a journal.
    fn new(section: LogSection, write: fn(&[u8])) -> Journal {
        let journal = Journal { write, level: AtomicU8::new(0), is_json: AtomicBool::new(false) };
        journal.set(section);
        journal
    }

    /// Changes what is written, from the next event on.
    pub(super) fn set(&self, section: LogSection) {
        let level = match section.level {
            Level::Error => 0,
            Level::Warn => 1,
            Level::Info => 2,
            Level::Debug => 3,
        };
        self.level.store(level, Ordering::Relaxed);
        self.is_json.store(section.format == Format::Json, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Returns the configured level.
    fn level(&self) -> LevelFilter {
        LEVELS.get(usize::from(self.level.load(Ordering::Relaxed))).copied().unwrap_or(LevelFilter::INFO)
    }

    /// Tells whether an event is written: ours from the level on; of libraries only what helps to find a fault.
    fn wants(&self, about: &Metadata<'_>) -> bool {
        let is_ours = about.target().starts_with("sekisho");
        let level = self.level();
        *about.level() <= level && (is_ours || level == LevelFilter::DEBUG && *about.level() <= LevelFilter::WARN)
    }
}

/// A journal that the one who reloads the configuration holds as well.
struct Shared(Arc<Journal>);

impl<S: Subscriber> Layer<S> for Shared {
    fn enabled(&self, about: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.0.wants(about)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let is_json = self.0.is_json.load(Ordering::Relaxed);
        (self.0.write)(line(event, Timestamp::now(), is_json).as_bytes());
    }
}

/// Writes an event as one line.
fn line(event: &Event<'_>, now: Timestamp, is_json: bool) -> String {
    let mut line = Line { text: String::with_capacity(512), fields: String::new(), is_json };
    let level = event.metadata().level();
    // Microseconds always, so that columns line up.
    let _ = match is_json {
        true => write!(line.text, "{{\"time\":\"{now:.6}\",\"level\":\"{}\"", level.as_str().to_lowercase()),
        false => write!(line.text, "{now:.6} {level:<5} "),
    };
    event.record(&mut line);
    let Line { mut text, fields, .. } = line;
    text.push_str(&fields);
    text.push_str(if is_json { "}\n" } else { "\n" });
    text
}

/// A line that is being written.
struct Line {
    /// Time, level and message.
    text: String,
    /// The fields, which stand behind them.
    fields: String,
    /// Whether it is an object.
    is_json: bool,
}

impl Line {
    /// Writes one value; what is empty is left out.
    fn put(&mut self, name: &str, value: fmt::Arguments<'_>, is_number: bool) {
        let is_message = name == "message";
        let out = if is_message { &mut self.text } else { &mut self.fields };
        let begin = out.len();
        let (before, behind) = match (self.is_json, is_message) {
            (true, _) => (",\"", "\":"),
            (false, true) => ("", ""),
            (false, false) => (" ", "="),
        };
        if self.is_json || !is_message {
            [before, name, behind].into_iter().for_each(|piece| out.push_str(piece));
        }
        let value_begin = out.len();
        let is_quoted = self.is_json && !is_number;
        out.push_str(if is_quoted { "\"" } else { "" });
        let escaped_begin = out.len();
        let mut escaped = Escaped { out, left: FIELD_MAX, is_json: self.is_json, is_cut: false, has_space: false };
        let _ = escaped.write_fmt(value);
        let Escaped { out, has_space, .. } = escaped;
        if out.len() == escaped_begin {
            return out.truncate(begin);
        }
        if is_quoted {
            out.push('"');
        } else if !self.is_json && !is_message && has_space {
            out.insert(value_begin, '"');
            out.push('"');
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format_args!("{value:?}"), false);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), format_args!("{value}"), false);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field.name(), format_args!("{value}"), false);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), format_args!("{value}"), true);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), format_args!("{value}"), true);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), format_args!("{value}"), true);
    }
}

/// Text that can do no harm in a line, and is no longer than it may be.
struct Escaped<'a> {
    /// Where it goes.
    out: &'a mut String,
    /// How many octets more it may have.
    left: usize,
    /// Whether it stands in an object.
    is_json: bool,
    /// Whether there was more than it may have.
    is_cut: bool,
    /// Whether it has to be quoted to be read as one value.
    has_space: bool,
}

impl Escaped<'_> {
    /// Adds something whole, or says that there was more.
    fn push(&mut self, piece: &str) {
        if self.is_cut {
            return;
        }
        if let Some(left) = self.left.checked_sub(piece.len()) {
            self.left = left;
            self.out.push_str(piece);
        } else {
            self.is_cut = true;
            self.out.push('…');
        }
    }
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Most values are names, numbers and words of ours.
        if !self.is_cut && text.len() <= self.left && text.bytes().all(is_plain) {
            self.push(text);
            return Ok(());
        }
        for character in text.chars() {
            if self.is_cut {
                return Err(fmt::Error);
            }
            self.has_space |= matches!(character, ' ' | '=' | '"');
            match character {
                '"' if self.is_json || self.has_space => self.push("\\\""),
                // Escapes of ours and of others stay readable in text.
                '\\' if self.is_json => self.push("\\\\"),
                _ if is_harmless(character) => self.push(character.encode_utf8(&mut [0; 4])),
                _ if self.is_json => {
                    let units: String =
                        character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
                    self.push(&units);
                }
                _ if character.is_ascii() => self.push(&format!("\\x{:02x}", u32::from(character))),
                _ => self.push(&format!("\\u{{{:x}}}", u32::from(character))),
            }
        }
        Ok(())
    }
}

/// Tells whether an octet stands for itself wherever it is written.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\' | b'=')
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tracing::{debug, info, warn};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    /// Catches the lines that are written meanwhile.
    fn lines(section: LogSection, events: impl FnOnce(&dyn Fn(LogSection))) -> Vec<String> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _alone = ONE_AT_A_TIME.lock().unwrap();
        let write: fn(&[u8]) = |line| LINES.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        let journal = Arc::new(Journal::new(section, write));
        let subscriber = tracing_subscriber::registry().with(Shared(Arc::clone(&journal)));
        tracing::subscriber::with_default(subscriber, || events(&|section| journal.set(section)));
        std::mem::take(&mut LINES.lock().unwrap())
    }

    const TEXT: LogSection = LogSection { level: Level::Info, format: Format::Text };
    const JSON: LogSection = LogSection { level: Level::Info, format: Format::Json };

    #[test]
    fn an_event_is_one_line_that_does_no_harm() {
        let hostile = "a\r\nb\u{1b}[2J\u{2028}\u{85}\"c\"";
        let said = lines(TEXT, |_| {
            info!(queue.id = "4xyz", helo = %hostile, none = "", count = 3, "judged a {}", "mail\n");
        });
        let [line] = &said[..] else { panic!("{said:?}") };
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.parse::<Timestamp>().is_ok() && time.len() == 27, "{time}");
        assert_eq!(
            rest,
            "INFO  judged a mail\\x0a queue.id=4xyz helo=\"a\\x0d\\x0ab\\x1b[2J\\u{2028}\\u{85}\\\"c\\\"\" count=3\n"
        );
        let said = lines(JSON, |_| info!(helo = %hostile, count = 3, yes = true, "judged"));
        assert_eq!(said[0].lines().count(), 1);
        assert!(!said[0].contains('\u{1b}') && !said[0].contains('\u{2028}'));
        let object: serde_json::Value = serde_json::from_str(&said[0]).unwrap();
        assert_eq!(object["level"], "info");
        assert_eq!(object["message"], "judged");
        assert_eq!((&object["helo"], &object["count"], &object["yes"]), (&hostile.into(), &3.into(), &true.into()));
    }

    #[test]
    fn a_megabyte_is_cut() {
        for section in [TEXT, JSON] {
            for filling in ["x", "\n", "\"", "関", "\u{e0001}"] {
                let said = lines(section, |_| info!(helo = %filling.repeat(1 << 20), "judged"));
                assert!(said[0].len() < 2200 && said[0].contains('…'), "{} octets of {filling:?}", said[0].len());
            }
        }
    }

    #[test]
    fn levels_and_formats_change_while_it_runs() {
        let said = lines(TEXT, |set| {
            debug!("not yet");
            warn!(target: "somebody_else", "never");
            set(LogSection { level: Level::Debug, format: Format::Json });
            debug!("now");
            set(LogSection { level: Level::Error, format: Format::Json });
            warn!("no more");
        });
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("\"now\""));
    }
}
