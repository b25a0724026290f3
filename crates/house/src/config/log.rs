//! `[log]`: what the daemon writes down, and how it looks

use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::choice;

/// The options.
pub(super) const OPTIONS: &[&str] = &["level", "format"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawLog {
    /// A level.
    level: Option<Spanned<String>>,
    /// A format.
    format: Option<Spanned<String>>,
}

/// From which importance on an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What we could not do.
    Error,
    /// What somebody should look at, too.
    Warn,
    /// Every verdict, too.
    Info,
    /// What helps to find a fault, too.
    Debug,
}

impl Level {
    /// Every level.
    const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people: time, level, sentence, fields.
    Text,
    /// For programs: one object a line.
    Json,
}

impl Format {
    /// Every format.
    const ALL: [Format; 2] = [Format::Text, Format::Json];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
        }
    }
}

/// What the daemon writes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogSection {
    /// From which importance on.
    pub(crate) level: Level,
    /// How it looks.
    pub(crate) format: Format,
}

impl Default for LogSection {
    fn default() -> LogSection {
        LogSection { level: Level::Info, format: Format::Text }
    }
}

impl LogSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawLog, faults: &mut Faults) -> LogSection {
        let default = LogSection::default();
        LogSection {
            level: choice(raw.level, "log.level", &Level::ALL, Level::as_str, faults).unwrap_or(default.level),
            format: choice(raw.format, "log.format", &Format::ALL, Format::as_str, faults).unwrap_or(default.format),
        }
    }
}
