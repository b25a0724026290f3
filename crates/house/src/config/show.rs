//! What is in force, as TOML with the origin of each value, or as JSON

use std::fmt::Write;
use std::path::Path;

use sekisho_core::visible::is_harmless;
use serde_json::{Map, Value, json};

use super::conduct::Change;
use super::{Config, LocalParts, Mode, OidcSection, OnAuthor, OnFailure, OnReject, OnTemperror, Quarantine, raw};
use crate::fault::{Fault, shown};
use crate::people::access::Scope;
use crate::speech::Talk;
use crate::terminal::{pad, width};

/// One option with its value.
pub(super) struct Shown {
    /// Its section.
    section: &'static str,
    /// The list of tables that it belongs to, and which of them, from 0; nothing for an option of the section itself. A list
    /// without a name is the section.
    table: Option<(&'static str, usize)>,
    /// Its name.
    name: &'static str,
    /// Its value; null where it has none.
    value: Value,
}

impl Shown {
    /// Returns `section.option`, or `section.list[0].option`.
    pub(super) fn path(&self) -> String {
        match self.table {
            None => format!("{}.{}", self.section, self.name),
            Some(("", number)) => format!("{}[{number}].{}", self.section, self.name),
            Some((list, number)) => format!("{}.{list}[{number}].{}", self.section, self.name),
        }
    }

    /// Returns the line that opens its table in TOML.
    fn heading(&self) -> String {
        match self.table {
            None => format!("[{}]", self.section),
            Some(("", _)) => format!("[[{}]]", self.section),
            Some((list, _)) => format!("[[{}.{list}]]", self.section),
        }
    }
}

/// Shows one table of a list after the other.
fn tables<T, const N: usize>(
    section: &'static str,
    list: &'static str,
    tables: &[T],
    show: impl Fn(&T) -> [(&'static str, Value); N],
) -> Vec<Shown> {
    let one = |(number, table)| {
        let options = show(table).into_iter();
        options.map(move |(name, value)| Shown { section, table: Some((list, number)), name, value })
    };
    tables.iter().enumerate().flat_map(one).collect()
}

/// Shows a list of things that can be written.
fn texts<T: ToString>(all: &[T]) -> Value {
    all.iter().map(|one| Value::from(one.to_string())).collect()
}

/// Lists every option with the value that is in force.
pub(super) fn options(config: &Config) -> Vec<Shown> {
    let option = |section, name, value| Shown { section, table: None, name, value };
    let file = |path: Option<&Path>| Value::from(path.map(|path| path.to_string_lossy().into_owned()));
    let Config {
        dns,
        check,
        spf,
        arc,
        gate,
        sign,
        seal,
        http,
        oidc,
        intake,
        log,
        serve,
        store,
        lake,
        reports,
        names,
        ..
    } = config;
    let mut all = vec![
        option("dns", "upstreams", texts(&dns.upstreams)),
        option("dns", "timeout_seconds", dns.timeout.as_secs().into()),
        option("dns", "cache_megabytes", (dns.cache_octets / (1024 * 1024)).into()),
        option("dns", "ca_file", dns.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned()).into()),
        option("check", "max_signatures", check.max_signatures.into()),
        option("check", "max_header_bytes", check.max_header_bytes.into()),
        option("check", "max_fields", check.max_fields.into()),
        option("check", "lang", check.lang.map(sekisho_core::speech::Lang::as_str).into()),
        option("spf", "void_lookups", spf.void_lookups.into()),
        option("arc", "trusted_sealers", texts(&arc.trusted_sealers)),
        option("gate", "listen", texts(&gate.listen)),
        option("gate", "mode", gate.conduct.mode.as_str().into()),
        option("gate", "author", gate.conduct.author.as_str().into()),
        option("gate", "dmarc_reject", gate.conduct.dmarc_reject.as_str().into()),
        option("gate", "temperror", gate.conduct.temperror.as_str().into()),
        option("gate", "failure", gate.conduct.failure.as_str().into()),
        option("gate", "quarantine", gate.conduct.quarantine.as_str().into()),
        option("gate", "help", gate.help.clone().into()),
        option("gate", "authserv_id", gate.authserv_id.clone().into()),
        option("gate", "verdict_id", gate.verdict_id.into()),
        option("gate", "replay_copies", gate.replay_copies.into()),
        option("gate", "max_sessions", gate.max_sessions.into()),
        option("gate", "max_sessions_per_client", gate.max_sessions_per_client.into()),
        option("sign", "listen", texts(&sign.listen)),
        option("sign", "check", sign.check.as_str().into()),
        option("sign", "unsigned", sign.unsigned.as_str().into()),
        option("sign", "canonicalization", sign.canonicalization().into()),
        option("sign", "expire_days", sign.expire_days.into()),
        option("sign", "oversigned", texts(&sign.oversigned)),
        option("http", "listen", texts(&http.listen)),
        option("http", "trusted_proxies", texts(&http.trusted_proxies)),
        option("http", "certificate", file(http.tls.as_ref().map(|tls| tls.certificate.as_path()))),
        option("http", "key", file(http.tls.as_ref().map(|tls| tls.key.as_path()))),
    ];
    all.extend(of_oidc(oidc));
    all.push(option("intake", "listen", texts(&intake.listen)));
    all.push(option("intake", "lmtp", texts(&intake.lmtp)));
    all.push(option("intake", "host", intake.host.clone().into()));
    all.extend(intake.kinds().map(|(name, patterns)| option("intake", name, texts(patterns))));
    all.extend([
        option("intake", "relays", texts(&intake.relays)),
        option("intake", "trusted_authserv_ids", texts(&intake.trusted_authserv_ids)),
        option("intake", "distrusted_reporters", texts(&intake.distrusted_reporters)),
        option("intake", "certificate", file(intake.tls.as_ref().map(|tls| tls.certificate.as_path()))),
        option("intake", "key", file(intake.tls.as_ref().map(|tls| tls.key.as_path()))),
        option("intake", "require_tls", intake.require_tls.into()),
        option("intake", "max_message_megabytes", (intake.message_octets / 1_000_000).into()),
        option("intake", "max_recipients", intake.max_recipients.into()),
        option("intake", "max_mails", intake.max_mails.into()),
        option("intake", "max_sessions", intake.max_sessions.into()),
        option("intake", "max_sessions_per_client", intake.max_sessions_per_client.into()),
        option("intake", "mails_per_minute", intake.mails_per_minute.into()),
        option("intake", "posts_per_minute", intake.posts_per_minute.into()),
        option("intake", "megabytes_per_minute", (intake.octets_per_minute / 1_000_000).into()),
        option("intake", "megabytes_per_day", (intake.octets_per_day / 1_000_000).into()),
        option("intake", "reserve_megabytes", (intake.reserve_octets / 1_000_000).into()),
        option("intake", "idle_seconds", intake.idle.as_secs().into()),
        option("intake", "data_seconds", intake.data.as_secs().into()),
        option("log", "level", log.level.as_str().into()),
        option("log", "format", log.format.as_str().into()),
        option("serve", "user", serve.user.clone().into()),
        option("serve", "confine", serve.confine.into()),
        option(
            "serve",
            "runtime_folder",
            serve.runtime_folder.as_ref().map(|path| path.to_string_lossy().into_owned()).into(),
        ),
        option("store", "folder", store.folder.as_ref().map(|path| path.to_string_lossy().into_owned()).into()),
        option("store", "events", store.events.into()),
        option("store", "local_parts", store.local_parts.as_str().into()),
        option("store", "ledger", store.ledger.as_ref().map(ToString::to_string).into()),
        option("store", "vault", store.vault.as_ref().map(ToString::to_string).into()),
        option("store", "vault_region", store.vault_region.clone().into()),
        option("store", "vault_endpoint", store.vault_endpoint.clone().into()),
        option("store", "lake", store.lake.as_ref().map(ToString::to_string).into()),
        option("store", "lake_region", store.lake_region.clone().into()),
        option("store", "lake_endpoint", store.lake_endpoint.clone().into()),
        option("lake", "mail_days", lake.mail.into()),
        option("lake", "fact_days", lake.fact.into()),
        option("lake", "aggregate_days", lake.aggregate.into()),
        option("lake", "tls_days", lake.tls.into()),
        option("lake", "failure_days", lake.failure.into()),
    ]);
    // The tables of a list stand below the options of their section: TOML wants it so.
    all.extend(tables("gate", "rules", &gate.rules, |rule| {
        let Change { mode, author, dmarc_reject, temperror, failure, quarantine } = rule.change;
        [
            ("recipients", texts(&rule.recipients)),
            ("authors", texts(&rule.authors)),
            ("networks", texts(&rule.networks)),
            ("users", texts(&rule.users)),
            ("mode", mode.map(Mode::as_str).into()),
            ("author", author.map(OnAuthor::as_str).into()),
            ("dmarc_reject", dmarc_reject.map(OnReject::as_str).into()),
            ("temperror", temperror.map(OnTemperror::as_str).into()),
            ("failure", failure.map(OnFailure::as_str).into()),
            ("quarantine", quarantine.map(Quarantine::as_str).into()),
        ]
    }));
    all.extend(tables("gate", "relays", &gate.relays, |relay| {
        [
            ("networks", texts(&relay.networks)),
            ("hop", relay.hop.to_string().into()),
            ("keep_results", texts(&relay.keep_results)),
        ]
    }));
    all.extend(tables("sign", "keys", &sign.keys, |key| {
        [
            ("domain", key.domain.to_string().into()),
            ("selector", key.selector.to_string().into()),
            ("key", key.path.to_string_lossy().into()),
            ("subdomains", key.subdomains.into()),
        ]
    }));
    all.extend(tables("sign", "senders", &sign.senders, |sender| {
        [("networks", texts(&sender.networks)), ("users", texts(&sender.users)), ("domains", texts(&sender.domains))]
    }));
    all.extend(tables("store", "privacy", &store.privacy, |rule| {
        [
            ("recipients", texts(&rule.recipients)),
            ("events", rule.events.into()),
            ("omit", rule.omit.iter().map(|field| Value::from(field.as_str())).collect()),
            ("local_parts", rule.local_parts.map(LocalParts::as_str).into()),
            ("consent", rule.consent.clone().into()),
            ("days", rule.days.into()),
        ]
    }));
    let key = seal.key.as_ref();
    all.extend([
        option("seal", "domain", key.map(|key| key.domain.to_string()).into()),
        option("seal", "selector", key.map(|key| key.selector.to_string()).into()),
        option("seal", "key", key.map(|key| key.path.to_string_lossy().into_owned()).into()),
        option("seal", "when", seal.when.as_str().into()),
        option("seal", "lists", texts(&seal.lists)),
        option("reports", "relay", reports.relay.as_ref().map(ToString::to_string).into()),
        option("reports", "relay_tls", reports.relay_tls.as_str().into()),
        option("reports", "from", reports.from.as_ref().map(ToString::to_string).into()),
        option("reports", "organization", reports.organization.clone().into()),
        option("reports", "contact", reports.contact.as_ref().map(ToString::to_string).into()),
        option("reports", "domain", reports.domain.as_ref().map(ToString::to_string).into()),
        option("reports", "max_recipients", reports.max_recipients.into()),
        option("reports", "max_megabytes", (reports.max_octets >> 20).into()),
        option("reports", "failures", reports.failures.into()),
        option("reports", "failures_per_day", reports.failures_per_day.into()),
        option("names", "as_database", file(names.as_database.as_deref())),
        option("names", "country_database", file(names.country_database.as_deref())),
    ]);
    all.extend(tables("names", "own", &names.own, |own| {
        [("domain", own.domain.to_string().into()), ("sources", texts(&own.sources))]
    }));
    all.extend(tables("webhooks", "", &config.webhooks, |hook| {
        [
            ("url", hook.url.to_string().into()),
            ("secret_file", hook.secret.to_string_lossy().into()),
            ("events", texts(&hook.events)),
            ("private", hook.private.into()),
        ]
    }));
    all
}

/// The options of one section, or of one table of a list, as people are shown them.
pub(crate) struct InForce {
    /// The line that opens it.
    pub(crate) heading: String,
    /// Each option with its value, empty where it has none, and where that comes from.
    pub(crate) options: Vec<(&'static str, String, String)>,
}

/// Lists the options that the file sets: path, value, and where it stands.
pub(crate) fn written(config: &Config, talk: &Talk) -> Vec<(String, String, String)> {
    let options = options(config);
    let options = options.iter().filter(|option| config.lines.contains_key(&option.path()));
    options.map(|option| (option.path(), plain(&option.value), origin(config, option, talk))).collect()
}

/// Lists what is in force, by section.
pub(crate) fn in_force(config: &Config, talk: &Talk) -> Vec<InForce> {
    let mut sections: Vec<InForce> = Vec::new();
    let mut place = None;
    for option in options(config) {
        if place.replace((option.section, option.table)) != Some((option.section, option.table)) {
            sections.push(InForce { heading: option.heading(), options: Vec::new() });
        }
        let value = if option.value.is_null() { String::new() } else { plain(&option.value) };
        let origin = origin(config, &option, talk);
        sections.iter_mut().next_back().into_iter().for_each(|section| {
            section.options.push((option.name, value.clone(), origin.clone()));
        });
    }
    sections
}

/// Lists the options of the provider of identities.
fn of_oidc(section: &OidcSection) -> Vec<Shown> {
    let option = |name, value| Shown { section: "oidc", table: None, name, value };
    let provider = section.provider.as_ref();
    let text = |value: Option<&str>| Value::from(value.map(str::to_owned));
    let secret = provider.and_then(|one| one.secret.as_ref()).map(|path| path.to_string_lossy().into_owned());
    let mut all = vec![
        option("issuer", text(provider.map(|one| &*one.issuer))),
        option("client_id", text(provider.map(|one| &*one.client))),
        option("client_secret_file", secret.into()),
        option("name", text(provider.map(|one| &*one.name))),
        option("scopes", texts(&section.scopes)),
        option("desk", text(provider.map(|one| &*one.desk))),
    ];
    all.extend(tables("oidc", "people", &section.people, |rule| {
        let (claim, value) = rule.claim.clone().unzip();
        let domains = match &rule.scope {
            Scope::All => Value::Array(Vec::new()),
            Scope::Domains(names) => texts(names),
        };
        [
            ("claim", claim.into()),
            ("value", value.into()),
            ("email_domain", rule.email_domain.as_ref().map(ToString::to_string).into()),
            ("role", rule.role.word().into()),
            ("domains", domains),
        ]
    }));
    all
}

/// Writes it as TOML that can be read again; an option without a value is a comment.
pub(super) fn toml(config: &Config, talk: &Talk) -> String {
    let mut text = String::new();
    let mut place = None;
    let options = options(config);
    // JSON's strings, numbers and lists are TOML's too.
    let line = |option: &Shown| match &option.value {
        Value::Null => format!("# {} =", option.name),
        value => format!("{} = {}", option.name, plain(value)),
    };
    let columns = options.iter().map(|option| width(&line(option))).max().unwrap_or_default().min(60);
    for option in &options {
        if place.replace((option.section, option.table)) != Some((option.section, option.table)) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", option.heading());
        }
        let _ = writeln!(text, "{}  # {}", pad(&line(option), columns), origin(config, option, talk));
    }
    text
}

/// Writes a value as TOML that means the same to a machine and to the eye: what is invisible in it is escaped.
fn plain(value: &Value) -> String {
    let escaped = |odd: char| match u32::from(odd) {
        odd @ ..=0xffff => format!("\\u{odd:04x}"),
        odd => format!("\\U{odd:08x}"),
    };
    escape(&value.to_string(), escaped)
}

/// Escapes what is invisible in a text, or turns its direction.
fn escape(text: &str, escaped: impl Fn(char) -> String) -> String {
    text.chars().map(|letter| if is_harmless(letter) { letter.to_string() } else { escaped(letter) }).collect()
}

/// Says where a value comes from.
fn origin(config: &Config, option: &Shown, talk: &Talk) -> String {
    match (config.lines.get(&option.path()), &config.path) {
        (Some(line), Some(path)) => {
            talk.say("origin-file", &[("path", shown(path)), ("line", line.to_string().into())])
        }
        _ => talk.word("origin-default"),
    }
}

/// Writes it as JSON.
pub(super) fn json(config: &Config) -> String {
    let mut sections = Map::new();
    for option in options(config) {
        let said = json!({ "value": option.value, "line": config.lines.get(&option.path()) });
        let section = sections.entry(option.section).or_insert(Value::Null);
        match option.table {
            None => section[option.name] = said,
            Some(("", number)) => put(section, number, option.name, said),
            Some((list, number)) => put(&mut section[list], number, option.name, said),
        }
    }
    for (section, list) in raw::lists() {
        let list = &mut sections.entry(section).or_insert(Value::Null)[list];
        if list.is_null() {
            *list = json!([]);
        }
    }
    for section in raw::LISTS {
        sections.entry(*section).or_insert(json!([]));
    }
    let said = json!({ "path": config.path.as_deref().map(Path::to_string_lossy), "config": sections });
    // RFC 8259 §7: what is beyond the first plane is a pair.
    let pair = |odd: char| odd.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect();
    escape(&said.to_string(), pair) + "\n"
}

/// Puts an option into a table of a list.
fn put(list: &mut Value, number: usize, name: &'static str, said: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    if let Some(tables) = list.as_array_mut() {
        tables.resize_with(tables.len().max(number + 1), || json!({}));
        tables[number][name] = said;
    }
}

/// Writes the faults of a file as JSON.
pub(super) fn faults(path: Option<&Path>, faults: &[Fault], talk: &Talk) -> String {
    let said: Vec<String> = faults.iter().map(|fault| fault.say(talk)).collect();
    format!("{}\n", json!({ "path": path.map(Path::to_string_lossy), "faults": said }))
}
