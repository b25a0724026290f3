//! The configuration: one TOML file, read in two stages
//!
//! [`raw`] takes what was written and refuses what it does not know, with the line and the nearest name. Each section then
//! checks its values, and [`Config`] is complete and does not change any more. No file at all is a configuration too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use sekisho_ask::Source;
use sekisho_core::facts::Facts;
use sekisho_mail::policy::Policy;

use self::arc::ArcSection;
use self::check::CheckSection;
pub(crate) use self::conduct::{Conduct, Mode, OnAuthor, OnFailure, OnReject, OnTemperror, Quarantine};
pub(crate) use self::dns::{DnsSection, Upstream, bad_upstream};
pub(crate) use self::gate::{GateSection, Relay, Rule};
pub(crate) use self::http::HttpSection;
pub(crate) use self::intake::{AddressPattern, IntakeSection, TlsFiles};
pub(crate) use self::log::{Format, Level, LogSection};
pub(crate) use self::names::{NamesSection, OwnSource};
pub(crate) use self::oidc::OidcSection;
use self::privacy::Privacy;
use self::raw::RawConfig;
pub(crate) use self::reports::{RelayTls, ReportsSection, SmtpRelay};
pub(crate) use self::seal::SealSection;
use self::serve::ServeSection;
pub(crate) use self::sign::SignSection;
use self::spf::SpfSection;
pub(crate) use self::store::{LedgerAddress, LocalParts, StoreSection};
pub(crate) use self::webhooks::Webhook;
use crate::cli::{ConfigArguments, ConfigCommand};
use crate::fault::{Fault, shown};
use crate::gate::Office;
use crate::lake::Keep;
use crate::reports::told::Trust;
use crate::speech::Talk;
use crate::terminal::Paint;
use crate::webhooks::Courier;
use crate::{Exit, Streams, doctor};

mod arc;
mod check;
mod conduct;
mod dns;
mod gate;
mod http;
mod intake;
mod lake;
mod log;
mod names;
pub(crate) mod nearest;
pub(crate) mod network;
pub(crate) mod oidc;
pub(crate) mod privacy;
mod raw;
mod reports;
pub(crate) mod seal;
mod serve;
pub(crate) mod show;
pub(crate) mod sign;
mod spf;
mod store;
mod webhooks;

/// The most octets of a configuration file.
const FILE_MAX: u64 = 1024 * 1024;

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where answers come from.
    pub(crate) dns: DnsSection,
    /// How mails are judged and told.
    pub(crate) check: CheckSection,
    /// SPF's limits.
    pub(crate) spf: SpfSection,
    /// Whose ARC chains count.
    pub(crate) arc: ArcSection,
    /// The mail filter.
    pub(crate) gate: GateSection,
    /// The signing of what goes out.
    pub(crate) sign: SignSection,
    /// Where the daemon can be watched.
    pub(crate) http: HttpSection,
    /// Who vouches for people.
    pub(crate) oidc: OidcSection,
    /// Where reports arrive by SMTP.
    pub(crate) intake: IntakeSection,
    /// What it writes down.
    pub(crate) log: LogSection,
    /// Its process.
    pub(crate) serve: ServeSection,
    /// The seal on what is handed on.
    pub(crate) seal: SealSection,
    /// What is kept, and where.
    pub(crate) store: StoreSection,
    /// How long Events are kept.
    pub(crate) lake: Keep,
    /// The reports that we send.
    pub(crate) reports: ReportsSection,
    /// How sources are named.
    pub(crate) names: NamesSection,
    /// Who is told of what happens.
    pub(crate) webhooks: Vec<Webhook>,
    /// Where it was read from; nothing where all is default.
    pub(crate) path: Option<PathBuf>,
    /// The line of each option that the file sets, by `section.option` or `section.list[0].option`.
    lines: BTreeMap<String, usize>,
}

impl Config {
    /// Reads the file that is named, or the first of the usual places that exists; without any, all is default.
    pub(crate) fn load(named: Option<&Path>, places: &[PathBuf]) -> Result<Config, Fault> {
        match Config::find(named, places) {
            None => Config::parse(None, "").map_err(first),
            Some(path) => Config::parse(Some(path), &read(path)?).map_err(first),
        }
    }

    /// Returns where people reach the desk: where the provider of identities sends them back to, else at the first listener.
    pub(crate) fn desk(&self) -> String {
        self.public_desk().map_or_else(|| self.http.usual_desk(), str::to_owned)
    }

    /// Returns where the configuration says that people reach the desk.
    pub(crate) fn public_desk(&self) -> Option<&str> {
        self.oidc.provider.as_ref().map(|provider| provider.desk.as_str())
    }

    /// Reads what is written in the program itself.
    pub(crate) fn built_in(text: &str) -> Result<Config, Fault> {
        Config::parse(None, text).map_err(first)
    }

    /// Returns which file counts.
    fn find<'a>(named: Option<&'a Path>, places: &'a [PathBuf]) -> Option<&'a Path> {
        named.or_else(|| places.iter().map(PathBuf::as_path).find(|path| path.exists()))
    }

    /// Checks what a file says and names every fault.
    fn parse(path: Option<&Path>, text: &str) -> Result<Config, Vec<Fault>> {
        let place = path.unwrap_or(Path::new("sekisho.toml"));
        let raw = RawConfig::parse(text)
            .map_err(|faults| faults.into_iter().map(|fault| fault.at(place)).collect::<Vec<_>>())?;
        let RawConfig { sections, lines, unknown: mut all } = raw;
        let mut faults = Vec::new();
        let config = Config {
            dns: DnsSection::check(sections.dns, &mut faults),
            check: CheckSection::check(sections.check, &mut faults),
            spf: SpfSection::check(sections.spf, &mut faults),
            arc: ArcSection::check(sections.arc, &mut faults),
            gate: GateSection::check(sections.gate, &mut faults),
            sign: SignSection::check(sections.sign, &mut faults),
            http: HttpSection::check(sections.http, &mut faults),
            oidc: OidcSection::check(sections.oidc, &mut faults),
            intake: IntakeSection::check(sections.intake, &mut faults),
            log: LogSection::check(sections.log, &mut faults),
            serve: ServeSection::check(sections.serve, &mut faults),
            seal: SealSection::check(sections.seal, &mut faults),
            store: StoreSection::check(sections.store, &mut faults),
            lake: Keep::check(sections.lake, &mut faults),
            reports: ReportsSection::check(sections.reports, &mut faults),
            names: NamesSection::check(sections.names, &mut faults),
            webhooks: Webhook::check_all(sections.webhooks, &mut faults),
            path: path.map(Path::to_owned),
            lines,
        };
        all.extend(faults.into_iter().map(|(at, fault)| raw::LineFault::of(text, at, fault)));
        if all.is_empty() {
            return Ok(config);
        }
        all.sort_by_key(raw::LineFault::line);
        Err(all.into_iter().map(|fault| fault.at(place)).collect())
    }

    /// Names the line of the option that is to blame for a fault, where the file sets it.
    pub(crate) fn blame(&self, option: &str, fault: Fault) -> Fault {
        match (self.lines.get(option), &self.path) {
            (Some(line), Some(path)) => {
                Fault::new("fault-line", [("path", shown(path)), ("line", line.to_string().into())]).because(fault)
            }
            _ => fault,
        }
    }

    /// Opens the files that it names with secrets, as the daemon does at its start; names those that cannot be used.
    fn open_files(&self) -> Result<(), Vec<Fault>> {
        let mut faults = Office::open(self).err().unwrap_or_default();
        let refused = crate::http::tls::open(&self.http).err();
        faults.extend(refused.map(|fault| self.blame("http.certificate", fault)));
        let refused = crate::oidc::Provider::open(&self.oidc).err();
        faults.extend(refused.map(|fault| self.blame("oidc.client_secret_file", fault)));
        let refused = self.courier(&Source::Facts(Facts::default())).err();
        faults.extend(refused);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Makes ready to call the webhooks, whose names are asked of `source`.
    pub(crate) fn courier(&self, source: &Source) -> Result<Courier, Fault> {
        let opened = Courier::open(&self.webhooks, source);
        opened.map_err(|(number, fault)| self.blame(&format!("webhooks[{number}].secret_file"), fault))
    }

    /// Returns what is in order and yet probably not what was meant, as ids of messages.
    fn notes(&self) -> Vec<&'static str> {
        let SignSection { listen, keys, senders, .. } = &self.sign;
        let is_meant = !(listen.is_empty() && keys.is_empty() && senders.is_empty());
        let notes = [
            (is_meant && listen.is_empty(), "note-sign-no-listener"),
            (is_meant && keys.is_empty(), "note-sign-no-key"),
            (is_meant && senders.is_empty(), "note-sign-no-sender"),
            (self.serve.user.as_deref().is_some_and(is_nobody), "note-serve-user"),
            (self.store.privacy.iter().any(Privacy::forgets_in_vain), "note-privacy-days"),
        ];
        let notes = notes.into_iter().filter(|(holds, _)| *holds).map(|(_, note)| note);
        notes.chain(crate::http::tls::doubt(&self.http)).collect()
    }

    /// Returns the file that it was read from; nothing where all is default.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Returns whose reports count.
    pub(crate) fn trust(&self, unproven: bool) -> Trust {
        Trust { unproven, distrusted: self.intake.distrusted_reporters.clone() }
    }

    /// Returns the part that decides verdicts.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            max_signatures: self.check.max_signatures,
            max_header_bytes: self.check.max_header_bytes,
            max_fields: self.check.max_fields,
            trusted_sealers: self.arc.trusted_sealers.clone(),
            spf_void_lookups: self.spf.void_lookups,
            ..Policy::default()
        }
    }
}

/// Tells whether this machine knows no user of that name.
fn is_nobody(name: &str) -> bool {
    nix::unistd::User::from_name(name).is_ok_and(|user| user.is_none())
}

/// Returns a configuration that a test writes.
#[cfg(test)]
pub(crate) fn config_for_testing(text: &str) -> Config {
    Config::parse(None, text).map_err(|faults| faults.iter().map(ToString::to_string).collect::<String>()).unwrap()
}

/// The faults of values: where each stands, and what is wrong.
type Faults = Vec<(std::ops::Range<usize>, Fault)>;

/// Reads an address to listen on.
fn read_listen(text: &str) -> Result<SocketAddr, Fault> {
    text.parse().map_err(|_| Fault::new("fault-listen", [("value", text.to_owned().into())]))
}

/// Returns the first of some faults, which are never none.
fn first(faults: Vec<Fault>) -> Fault {
    faults.into_iter().next().unwrap_or_else(|| Fault::new("fault-ours", []))
}

/// Reads a file of bounded size.
fn read(path: &Path) -> Result<String, Fault> {
    let refused = |error: io::Error| Fault::io("fault-read", path, &error);
    let about = fs::metadata(path).map_err(refused)?;
    if about.is_dir() {
        return Err(refused(io::ErrorKind::IsADirectory.into()));
    }
    if about.len() > FILE_MAX {
        return Err(Fault::new("fault-large", [("path", shown(path)), ("size", (FILE_MAX / (1024 * 1024)).into())]));
    }
    let text = fs::read(path).map_err(refused)?;
    String::from_utf8(text)
        .map_err(|_| Fault::new("fault-config", [("path", shown(path))]).because(Fault::new("why-not-utf8", [])))
}

impl ConfigArguments {
    /// Checks or shows the configuration.
    pub(crate) fn run(self, talk: &Talk, streams: &mut Streams<'_>) -> anyhow::Result<Exit> {
        let path = Config::find(self.config.as_deref(), &streams.setting.config_places);
        let text = path.map(read).transpose()?.unwrap_or_default();
        // A check looks at the files that are named, too.
        let is_check = matches!(self.what, ConfigCommand::Check);
        let config = Config::parse(path, &text).and_then(|config| match config.open_files() {
            Err(faults) if is_check => Err(faults),
            _ => Ok(config),
        });
        let exit = match (config, self.what) {
            (Ok(config), ConfigCommand::Doctor { postfix }) => {
                doctor::run(&config, postfix.as_deref(), self.json, talk, streams)?
            }
            (Ok(config), ConfigCommand::Show) => {
                let shown = if self.json { show::json(&config) } else { show::toml(&config, talk) };
                streams.stdout.write_all(shown.as_bytes())?;
                Exit::Clean
            }
            (Ok(config), ConfigCommand::Check) => {
                let said = match (self.json, path) {
                    (true, _) => show::faults(path, &[], talk),
                    (false, Some(path)) => talk.say("config-fine", &[("path", shown(path))]) + "\n",
                    (false, None) => talk.word("config-none") + "\n",
                };
                streams.stdout.write_all(said.as_bytes())?;
                for note in config.notes() {
                    writeln!(streams.stderr, "sekisho: {}", talk.word(note))?;
                }
                Exit::Clean
            }
            (Err(faults), ConfigCommand::Check | ConfigCommand::Doctor { .. }) if self.json => {
                streams.stdout.write_all(show::faults(path, &faults, talk).as_bytes())?;
                Exit::Found
            }
            (Err(faults), what) => {
                let paint = Paint { on: streams.setting.stderr_colour };
                for fault in &faults {
                    writeln!(streams.stderr, "{} {}", paint.bad("sekisho:"), fault.say(talk))?;
                }
                if matches!(what, ConfigCommand::Check | ConfigCommand::Doctor { .. }) {
                    Exit::Found
                } else {
                    Exit::NotDone
                }
            }
        };
        streams.stdout.flush()?;
        Ok(exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file that shows every option.
    const EXAMPLE: &str = include_str!("../../../etc/sekisho.toml");

    /// Returns the example with every option in force.
    fn opened() -> String {
        EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(option) if option.starts_with("[[") => format!("{option}\n"),
                Some(option) if option.contains(" = ") && !option.starts_with(' ') => format!("{option}\n"),
                _ => format!("{line}\n"),
            })
            .collect()
    }

    #[test]
    fn of_many_values_of_a_wrong_type_each_is_named_with_its_line_and_nothing_else() {
        let opened = opened();
        let wrong = |line: &str| match line.split_once(" = ") {
            Some((option, _)) if !line.starts_with('#') => format!("{option} = {{}}\n"),
            _ => format!("{line}\n"),
        };
        let text: String = opened.lines().map(wrong).collect();
        let lines = (1..).zip(text.lines()).filter(|(_, line)| line.ends_with(" = {}"));
        let expected: Vec<String> = lines.map(|(at, _)| format!("sekisho.toml:{at}")).collect();
        let faults = Config::parse(None, &text).unwrap_err();
        let named: Vec<String> = faults.iter().map(|fault| fault.to_string().split(": ").take(1).collect()).collect();
        assert_eq!(named, expected, "{faults:?}");
        assert!(expected.len() > 100, "{}", expected.len());
    }

    #[test]
    fn the_example_is_read_and_changes_nothing() {
        let mut example = Config::parse(Some(Path::new("x")), EXAMPLE).unwrap();
        assert_eq!(example.lines.len(), 0, "every option of the example is commented out");
        example.path = None;
        assert_eq!(example, Config::parse(None, "").unwrap());
    }

    #[test]
    fn the_example_shows_every_option_with_its_default() {
        let example =
            Config::parse(None, &opened()).map_err(|faults| faults.iter().map(ToString::to_string).collect::<String>());
        let example = example.unwrap();
        let shown: Vec<String> = show::options(&example).into_iter().map(|option| option.path()).collect();
        assert_eq!(
            example.lines.keys().cloned().collect::<std::collections::BTreeSet<_>>(),
            shown.into_iter().collect()
        );
        let default = Config::parse(None, "").unwrap();
        assert_eq!(example.check, CheckSection { lang: example.check.lang, ..default.check });
        assert_eq!(example.spf, default.spf);
        assert_eq!((example.dns.timeout, example.dns.cache_octets), (default.dns.timeout, default.dns.cache_octets));
    }

    #[test]
    fn no_file_judges_as_the_recommended_policy_does() {
        assert_eq!(Config::parse(None, "").unwrap().policy(), Policy::default());
    }
}
