//! `sekisho config doctor`: does our configuration fit the Postfix in front of us, and is that Postfix safe?
//!
//! Everything is read and nothing is written: [`settings`] is what the Postfix is set to (from its own `postconf`, else from
//! its [`files`]), [`milters`] tells which of its milters are ours, [`rules`] and [`smuggling`] look for what is wrong. A
//! finding names what is set where, why that matters, and the line to write.

mod files;
mod milters;
mod rules;
mod settings;
mod smuggling;

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sekisho_core::step::Value;
use sekisho_core::visible::is_harmless;
use serde_json::json;

use self::settings::{Origin, Service, Setting, Settings};
use crate::config::Config;
use crate::fault::{Fault, shown};
use crate::postfix::{self, Postfix};
use crate::speech::Talk;
use crate::terminal::{Paint, Tone, line_width, wrap};
use crate::{Exit, Streams};

/// The most octets of `main.cf` or `master.cf` that are read.
const FILE_MAX: u64 = 4 * 1024 * 1024;
/// How long a listener may take to answer a knock.
const KNOCK: Duration = Duration::from_secs(2);

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    /// Mails are lost, forged or unjudged.
    Error,
    /// Something works otherwise than one would expect, or fails with time.
    Warning,
    /// Worth knowing; nothing has to change.
    Note,
}

impl Severity {
    /// Returns the stable word.
    fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq)]
struct Finding {
    /// How much it matters.
    severity: Severity,
    /// Its stable name; the sentence is `doctor-` and this.
    rule: &'static str,
    /// What the sentence names.
    arguments: Vec<(&'static str, Value)>,
    /// What is set, as `name = value`.
    set: Option<String>,
    /// Where that is set; for what nobody sets, nothing.
    origin: Option<Place>,
    /// Where to write what.
    change: Option<(Place, String)>,
}

/// A place in the configuration of Postfix, or in ours.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// `main.cf`.
    Main,
    /// A service in `master.cf`: name and kind.
    Master(String, String),
    /// Our own file.
    Ours,
}

impl Finding {
    /// Makes a finding about nothing that is set.
    fn new<const N: usize>(severity: Severity, rule: &'static str, arguments: [(&'static str, Value); N]) -> Finding {
        Finding { severity, rule, arguments: arguments.into(), set: None, origin: None, change: None }
    }

    /// Adds what is set.
    fn about(mut self, setting: Setting<'_>) -> Finding {
        self.set = Some(format!("{} = {}", setting.name, setting.value).trim_end().to_owned());
        self.origin = match setting.origin {
            Origin::Default => None,
            Origin::Main => Some(Place::Main),
            Origin::Service(service) => Some(Place::of(service)),
        };
        self
    }

    /// Adds that the same parameter should have this value, at the place where it is set now.
    fn better(mut self, setting: Setting<'_>, value: &str) -> Finding {
        self.change = Some(match setting.origin {
            Origin::Default | Origin::Main => (Place::Main, format!("{} = {value}", setting.name)),
            Origin::Service(service) => (Place::of(service), option(setting.name, value)),
        });
        self
    }

    /// Adds a line to write.
    fn write(mut self, place: Place, line: impl Into<String>) -> Finding {
        self.change = Some((place, line.into()));
        self
    }
}

/// Writes an option of a service as `master.cf` wants it.
fn option(name: &str, value: &str) -> String {
    if value.contains([' ', '\t']) { format!("  -o {{ {name} = {value} }}") } else { format!("  -o {name}={value}") }
}

impl Place {
    /// Names a service.
    fn of(service: &Service) -> Place {
        Place::Master(service.name.clone(), service.kind.clone())
    }

    /// Writes it for eyes.
    fn shown(&self, directory: Option<&Path>, config: &Config) -> String {
        let file = |name: &str| directory.unwrap_or(Path::new(postfix::USUAL)).join(name).display().to_string();
        match self {
            Place::Main => file("main.cf"),
            Place::Master(name, kind) => format!("{} ({name} {kind})", file("master.cf")),
            Place::Ours => config.path().unwrap_or(Path::new("sekisho.toml")).display().to_string(),
        }
    }
}

/// Examines our configuration and a Postfix; says what was found.
pub(crate) fn run(
    config: &Config,
    named: Option<&Path>,
    is_json: bool,
    talk: &Talk,
    streams: &mut Streams<'_>,
) -> anyhow::Result<Exit> {
    let mut findings = rules::own(config);
    let usual = Path::new(postfix::USUAL);
    let postfix = match named {
        Some(directory) => Some(Postfix::at(directory).map_err(|why| Postfix::none_at(directory).because(why))?),
        None => Postfix::at(usual).ok(),
    };
    let settings = postfix.as_ref().map(read).transpose()?;
    match &settings {
        Some(settings) => {
            findings.extend(rules::postfix(config, settings, &listens));
            findings.extend(smuggling::find(settings));
        }
        None => findings.push(Finding::new(Severity::Note, "no-postfix", [("path", shown(usual))])),
    }
    // What matters most comes first; what several services share is said once.
    findings.sort_by_key(|finding| finding.severity);
    let mut told: Vec<Finding> = Vec::new();
    for finding in findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    let report = Report { config, directory: postfix.as_ref().map(Postfix::directory), settings: settings.as_ref() };
    let said = if is_json {
        report.json(&told, talk)
    } else {
        let paint = Paint { on: streams.setting.stdout_colour };
        report.text(&told, talk, paint, line_width(streams.setting.width))
    };
    streams.stdout.write_all(said.as_bytes())?;
    let is_clean = told.iter().all(|finding| finding.severity == Severity::Note);
    Ok(if is_clean { Exit::Clean } else { Exit::Found })
}

/// Reads what a Postfix is set to: from its own `postconf`, or from its files where there is none.
fn read(postfix: &Postfix) -> Result<Settings, Fault> {
    if postfix.command("postconf").is_some() {
        let ask = |arguments: &[&str]| {
            let said = postfix.call("postconf", arguments)?;
            Ok::<_, Fault>(String::from_utf8_lossy(&said).into_owned())
        };
        return Ok(Settings::of_postconf(&ask(&["-x"])?, &ask(&["-n"])?, &ask(&["-M"])?, &ask(&["-P", "-x"])?));
    }
    let file = |name: &str| -> Result<String, Fault> {
        let path: PathBuf = postfix.directory().join(name);
        let about = fs::metadata(&path).map_err(|why| Fault::io("fault-read", &path, &why))?;
        if about.len() > FILE_MAX {
            let size = (FILE_MAX / (1024 * 1024)).into();
            return Err(Fault::new("fault-large", [("path", shown(&path)), ("size", size)]));
        }
        let text = fs::read(&path).map_err(|why| Fault::io("fault-read", &path, &why))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    Ok(files::read(&file("main.cf")?, &file("master.cf")?))
}

/// Tells whether somebody listens at an address: a connection is made and closed.
fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, KNOCK).is_ok()
}

/// What a report is about.
struct Report<'a> {
    /// Our configuration.
    config: &'a Config,
    /// The folder of the Postfix.
    directory: Option<&'a Path>,
    /// What it is set to.
    settings: Option<&'a Settings>,
}

impl Report<'_> {
    /// Writes the findings for a person.
    fn text(&self, findings: &[Finding], talk: &Talk, paint: Paint, columns: usize) -> String {
        let mut text = String::new();
        for finding in findings {
            let tone = match finding.severity {
                Severity::Error => Tone::Bad,
                Severity::Warning => Tone::Odd,
                Severity::Note => Tone::Dim,
            };
            let severity = paint.tone(tone, &talk.word(&format!("doctor-{}", finding.severity.as_str())));
            let _ = writeln!(text, "{severity}: {}", finding.rule);
            if let Some(set) = &finding.set {
                let place = match &finding.origin {
                    Some(place) => place.shown(self.directory, self.config),
                    None => talk.word("doctor-default"),
                };
                let _ = writeln!(text, "  {} ({place})", visible(set));
            }
            let said = talk.say(&format!("doctor-{}", finding.rule), &finding.arguments);
            for (line, _) in wrap(&[(Tone::Plain, said)], columns.saturating_sub(2), paint) {
                let _ = writeln!(text, "  {line}");
            }
            if let Some((place, line)) = &finding.change {
                let place = place.shown(self.directory, self.config);
                let said = talk.say("doctor-change", &[("place", place.into())]);
                let _ = writeln!(text, "  {said}\n      {}", paint.tone(Tone::Strong, &visible(line)));
            }
            text.push('\n');
        }
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        let counts = [("errors", Severity::Error), ("warnings", Severity::Warning), ("notes", Severity::Note)];
        let counts = counts.map(|(name, severity)| (name, Value::from(count(severity) as u64)));
        let _ = writeln!(text, "{}", talk.say("doctor-summary", &counts));
        text
    }

    /// Writes the findings for a program.
    fn json(&self, findings: &[Finding], talk: &Talk) -> String {
        let place = |place: &Place| match place {
            Place::Main => json!({ "file": "main.cf", "service": null }),
            Place::Master(name, kind) => json!({ "file": "master.cf", "service": format!("{name}/{kind}") }),
            Place::Ours => json!({ "file": "sekisho.toml", "service": null }),
        };
        let findings = findings.iter().map(|finding| {
            json!({
                "severity": finding.severity.as_str(),
                "rule": finding.rule,
                "set": finding.set,
                "set_in": finding.origin.as_ref().map(place),
                "says": talk.say(&format!("doctor-{}", finding.rule), &finding.arguments),
                "change": finding.change.as_ref().map(|(_, line)| line.trim()),
                "change_in": finding.change.as_ref().map(|(at, _)| place(at)),
            })
        });
        let version = self.settings.and_then(|settings| settings.version);
        let postfix = self.directory.map(|directory| {
            json!({ "directory": directory.to_string_lossy(), "version": version.map(|(a, b, c)| format!("{a}.{b}.{c}")) })
        });
        let path = self.config.path().map(Path::to_string_lossy);
        format!("{}\n", json!({ "path": path, "postfix": postfix, "findings": findings.collect::<Vec<_>>() }))
    }
}

/// Writes a line of a file whole, so that it can be copied, and so that a terminal is not harmed by it.
fn visible(line: &str) -> String {
    line.chars().map(|character| if is_harmless(character) { character } else { char::REPLACEMENT_CHARACTER }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_core::speech::Lang;

    #[test]
    fn every_rule_has_its_sentence_and_every_sentence_its_rule() {
        let sources = [include_str!("doctor/rules.rs"), include_str!("doctor/smuggling.rs"), include_str!("doctor.rs")];
        let code = sources.map(|source| source.split("#[cfg(test)]").next().unwrap()).concat();
        let literals: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
        for lang in Lang::ALL {
            let ids = Talk::messages_of(lang).into_iter().filter_map(|id| Some(id.strip_prefix("doctor-")?.to_owned()));
            let ids: Vec<String> = ids.collect();
            assert!(ids.len() > 30, "{ids:?}");
            let page = include_str!("../../../docs/postfix.md");
            for id in &ids {
                let is_used = literals.contains(&&**id) || literals.contains(&&*format!("doctor-{id}"));
                let is_severity = ["error", "warning", "note"].contains(&&**id);
                let is_frame = ["default", "change", "summary"].contains(&&**id);
                assert!(is_used || is_severity, "{id}");
                assert!(is_severity || is_frame || page.contains(&format!("`{id}`")), "docs/postfix.md lacks {id}");
            }
            let named = code.split("Finding::new(").skip(1).filter_map(|call| {
                let call = call.split(")").next()?;
                Some(call.split('"').nth(1)?.to_owned())
            });
            // What the others are called stands in a table or a variable, and the tests of the whole command say each.
            for rule in named.filter(|rule| rule.contains('-')) {
                assert!(ids.contains(&rule), "{rule}");
            }
        }
    }
}
