//! What is in force, as TOML with the origin of each value, or as JSON

use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::Config;
use crate::fault::{Fault, shown};
use crate::speech::Talk;
use crate::terminal::{pad, width};

/// One option with its value.
pub(super) struct Shown {
    /// Its section.
    section: &'static str,
    /// Its name.
    name: &'static str,
    /// Its value; null where it has none.
    value: Value,
}

impl Shown {
    /// Returns `section.option`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Lists every option with the value that is in force.
pub(super) fn options(config: &Config) -> Vec<Shown> {
    let option = |section, name, value| Shown { section, name, value };
    let Config { dns, check, spf, arc, gate, http, log, serve, .. } = config;
    let texts = |texts: &mut dyn Iterator<Item = String>| texts.map(Value::from).collect::<Value>();
    vec![
        option("dns", "upstreams", texts(&mut dns.upstreams.iter().map(ToString::to_string))),
        option("dns", "timeout_seconds", dns.timeout.as_secs().into()),
        option("dns", "cache_megabytes", (dns.cache_octets / (1024 * 1024)).into()),
        option("dns", "ca_file", dns.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned()).into()),
        option("check", "max_signatures", check.max_signatures.into()),
        option("check", "max_header_bytes", check.max_header_bytes.into()),
        option("check", "max_fields", check.max_fields.into()),
        option("check", "lang", check.lang.map(sekisho_core::speech::Lang::as_str).into()),
        option("spf", "void_lookups", spf.void_lookups.into()),
        option("arc", "trusted_sealers", texts(&mut arc.trusted_sealers.iter().map(ToString::to_string))),
        option("gate", "listen", texts(&mut gate.listen.iter().map(ToString::to_string))),
        option("gate", "mode", gate.mode.as_str().into()),
        option("gate", "authserv_id", gate.authserv_id.clone().into()),
        option("gate", "max_sessions", gate.max_sessions.into()),
        option("gate", "max_sessions_per_client", gate.max_sessions_per_client.into()),
        option("http", "listen", texts(&mut http.listen.iter().map(ToString::to_string))),
        option("log", "level", log.level.as_str().into()),
        option("log", "format", log.format.as_str().into()),
        option("serve", "user", serve.user.clone().into()),
        option("serve", "confine", serve.confine.into()),
        option(
            "serve",
            "runtime_folder",
            serve.runtime_folder.as_ref().map(|path| path.to_string_lossy().into_owned()).into(),
        ),
    ]
}

/// Writes it as TOML that can be read again; an option without a value is a comment.
pub(super) fn toml(config: &Config, talk: &Talk) -> String {
    let mut text = String::new();
    let mut section = "";
    let options = options(config);
    // JSON's strings, numbers and lists are TOML's too.
    let line = |option: &Shown| match &option.value {
        Value::Null => format!("# {} =", option.name),
        value => format!("{} = {value}", option.name),
    };
    let columns = options.iter().map(|option| width(&line(option))).max().unwrap_or_default().min(60) + 2;
    for option in &options {
        if option.section != section {
            let gap = if section.is_empty() { "" } else { "\n" };
            section = option.section;
            let _ = writeln!(text, "{gap}[{section}]");
        }
        let _ = writeln!(text, "{}# {}", pad(&line(option), columns), origin(config, option, talk));
    }
    text
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
        let line = config.lines.get(&option.path());
        let section = sections.entry(option.section).or_insert_with(|| json!({}));
        section[option.name] = json!({ "value": option.value, "line": line });
    }
    format!("{}\n", json!({ "path": config.path.as_deref().map(Path::to_string_lossy), "config": sections }))
}

/// Writes the faults of a file as JSON.
pub(super) fn faults(path: Option<&Path>, faults: &[Fault], talk: &Talk) -> String {
    let said: Vec<String> = faults.iter().map(|fault| fault.say(talk)).collect();
    format!("{}\n", json!({ "path": path.map(Path::to_string_lossy), "faults": said }))
}
