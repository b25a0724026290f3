//! The public ARC suite: messages with chains, and what a validator or a sealer makes of them

use std::collections::HashSet;

use sekisho_core::facts::Record;
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use yaml_rust2::{Yaml, YamlLoader};

use super::find;

/// Some messages that share a zone.
pub struct Scenario {
    /// What they are about.
    pub description: String,
    /// The keys.
    pub zone: Zone,
    /// The sealer's private key as PEM, where the scenario is about sealing.
    pub private_key: Option<String>,
    /// The messages.
    pub cases: Vec<Case>,
}

/// One message.
pub struct Case {
    /// Its name in the suite.
    pub name: String,
    /// The message, with CRLF.
    pub message: Vec<u8>,
    /// What a validator says: `none`, `pass` or `fail`; nothing where the suite leaves it open.
    pub cv: Option<String>,
    /// What a sealer writes, where the case is about sealing.
    pub sealed: Option<Sealed>,
}

/// What a sealer is told, and what it must write.
pub struct Sealed {
    /// The moment of sealing, in seconds since 1970.
    pub time: i64,
    /// The fields to sign, between colons.
    pub headers: String,
    /// The authserv-id.
    pub authserv_id: String,
    /// The ARC-Seal field's value; empty where nothing must be written.
    pub seal: String,
    /// The ARC-Message-Signature field's value.
    pub message_signature: String,
    /// The ARC-Authentication-Results field's value.
    pub results: String,
}

/// Reads the validation suite; nothing where it is not there, which is said loudly.
pub fn validation() -> Option<Vec<Scenario>> {
    load("arc/arc-draft-validation-tests.yml")
}

/// Reads the sealing suite; nothing where it is not there, which is said loudly.
pub fn sealing() -> Option<Vec<Scenario>> {
    load("arc/arc-draft-sign-tests.yml")
}

/// Reads one file of the suite.
fn load(file: &str) -> Option<Vec<Scenario>> {
    let text = std::fs::read_to_string(find(file)?).expect("the suite can be read");
    let documents = YamlLoader::load_from_str(&number_twins(&text)).expect("the suite is YAML");
    Some(documents.iter().filter(|document| document["tests"].as_hash().is_some()).map(scenario).collect())
}

/// Numbers cases of one name in one document: the suite has such, and both are run.
fn number_twins(text: &str) -> String {
    let mut seen = HashSet::new();
    let mut numbered = String::with_capacity(text.len());
    for line in text.lines() {
        let is_case = line.starts_with("  ") && line[2..].starts_with(|c: char| c.is_ascii_alphabetic());
        match line.strip_suffix(':').filter(|_| is_case) {
            Some(name) if !seen.insert(name) => numbered.extend([name, "_again:"]),
            _ => numbered.push_str(line),
        }
        numbered.push('\n');
        if line.starts_with("---") {
            seen.clear();
        }
    }
    numbered
}

/// Reads one scenario.
fn scenario(document: &Yaml) -> Scenario {
    let mut zone = Zone::default();
    for (name, record) in document["txt-records"].as_hash().into_iter().flatten() {
        let name = DomainName::parse(text(name)).expect("a name of the suite is a name");
        zone.add(name, Record::Txt(split_string(text(record).as_bytes())));
    }
    let tests = document["tests"].as_hash().expect("a scenario has tests");
    Scenario {
        description: text(&document["description"]).trim().to_owned(),
        zone,
        private_key: document["privatekey"].as_str().map(str::to_owned),
        cases: tests.iter().map(|(name, test)| case(text(name), test)).collect(),
    }
}

/// Reads one case.
fn case(name: &str, test: &Yaml) -> Case {
    let cv = test["cv"].as_str().map(|cv| cv.trim().to_ascii_lowercase()).filter(|cv| !cv.is_empty());
    let sealed = test["srv-id"].as_str().map(|authserv_id| Sealed {
        time: test["t"].as_i64().expect("a time is a number"),
        headers: text(&test["sig-headers"]).to_owned(),
        authserv_id: authserv_id.to_owned(),
        seal: text(&test["AS"]).to_owned(),
        message_signature: text(&test["AMS"]).to_owned(),
        results: text(&test["AAR"]).to_owned(),
    });
    Case { name: name.to_owned(), message: text(&test["message"]).replace('\n', "\r\n").into_bytes(), cv, sealed }
}

/// Returns a string of the suite; what is not there is empty.
fn text(yaml: &Yaml) -> &str {
    yaml.as_str().unwrap_or_default()
}
