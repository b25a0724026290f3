//! The official SPF test suites of RFC 4408 and RFC 7208: YAML documents, one a scenario

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use sekisho_core::facts::{Kind, Outcome, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

/// One document of a suite: a world, and what must be true in it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: String,
    /// Its DNS.
    pub zone: Zone,
    /// Its tests, in the order of the file.
    pub tests: Vec<Test>,
}

/// One test: who says what, and which results are right.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name in the suite.
    pub name: String,
    /// What it is about; often empty.
    pub description: String,
    /// The sections of the RFC that it tests.
    pub spec: String,
    /// The HELO name, as octets.
    pub helo: Vec<u8>,
    /// The client's address.
    pub host: IpAddr,
    /// The MAIL FROM address, as octets; empty for the null path.
    pub mail_from: Vec<u8>,
    /// The results that are right, the preferred one first.
    pub results: Vec<String>,
    /// What the test says of the explanation.
    pub explanation: Explanation,
}

/// What a test says of the explanation of a fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// Nothing.
    Any,
    /// There is none (`DEFAULT` in the suite: the receiver's own text is used).
    Default,
    /// It is this one.
    Exactly(String),
}

impl Explanation {
    /// Tells whether an explanation is what the test wants.
    pub fn allows(&self, explanation: Option<&str>) -> bool {
        match self {
            Explanation::Any => true,
            Explanation::Default => explanation.is_none(),
            Explanation::Exactly(text) => explanation == Some(text),
        }
    }
}

/// The cases where the suite of RFC 4408 prefers another of its right results than RFC 7208 does: ours, and why.
pub const CHANGED: &[(&str, &str, &str)] = &[
    ("spfonly", "none", "only TXT records are asked for (§3.1)"),
    ("txttimeout", "temperror", "only TXT records are asked for (§3.1)"),
    ("spfoverride", "fail", "only TXT records are asked for (§3.1)"),
    ("multitxt1", "permerror", "the TXT records alone are two (§3.1, §4.5)"),
    ("multispf2", "pass", "the TXT record alone is one (§3.1, §4.5)"),
    ("invalid-domain-empty-label", "fail", "left open by §4.8; a name that cannot be asked for does not match"),
    ("invalid-domain-long", "fail", "left open by §4.8; a name that cannot be asked for does not match"),
    ("invalid-domain-long-via-macro", "fail", "left open by §4.8; a name that cannot be asked for does not match"),
    ("exists-dnserr", "temperror", "a lookup that times out is a temperror (§5)"),
    ("mx-limit", "permerror", "more than ten names of an MX are a permerror (§4.6.4)"),
];

/// Reads a suite.
///
/// # Panics
///
/// Panics where the file is no SPF suite: a test cannot go on then.
pub fn load(path: &Path) -> Vec<Scenario> {
    let text = fs::read_to_string(path).expect("the suite can be read");
    let documents = YamlLoader::load_from_str(&text).expect("the suite is YAML");
    documents.iter().filter(|document| document.as_hash().is_some()).map(scenario).collect()
}

/// Reads one document.
fn scenario(document: &Yaml) -> Scenario {
    Scenario {
        name: text(&document["description"]),
        zone: zone(document["zonedata"].as_hash().expect("a scenario has a zone")),
        tests: document["tests"].as_hash().expect("a scenario has tests").iter().map(test).collect(),
    }
}

/// Reads one test.
fn test((name, test): (&Yaml, &Yaml)) -> Test {
    let results = match &test["result"] {
        Yaml::Array(several) => several.iter().map(text).collect(),
        one => vec![text(one)],
    };
    let explanation = match &test["explanation"] {
        Yaml::BadValue | Yaml::Null => Explanation::Any,
        some => Some(text(some)).filter(|text| text != "DEFAULT").map_or(Explanation::Default, Explanation::Exactly),
    };
    Test {
        name: text(name),
        description: text(&test["description"]),
        spec: text(&test["spec"]),
        helo: octets(&test["helo"]),
        host: text(&test["host"]).parse().expect("the host is an address"),
        mail_from: octets(&test["mailfrom"]),
        results,
        explanation,
    }
}

/// Reads a zone; what the suite's own drivers do to it is done here too.
fn zone(data: &Hash) -> Zone {
    let mut zone = Zone::default();
    for (name, entries) in data {
        let name = DomainName::parse(octets(name)).expect("a zone has names");
        fill(&mut zone, &name, entries.as_vec().map_or(&[], Vec::as_slice));
    }
    zone
}

/// Reads what one name has.
fn fill(zone: &mut Zone, name: &DomainName, entries: &[Yaml]) {
    let pairs = || entries.iter().filter_map(Yaml::as_hash).flatten().map(|(kind, value)| (text(kind), value));
    let has_txt = pairs().any(|(kind, _)| kind == "TXT");
    let mut kinds = Vec::new();
    for (kind, value) in pairs() {
        // Records of the old type SPF stand for TXT records, unless the name has TXT records of its own.
        let kind = match kind.as_str() {
            "SPF" if has_txt => continue,
            "SPF" => "TXT",
            other => other,
        };
        match record(kind, value) {
            Some(Entry::Alias(target)) => zone.add_cname(name.clone(), target),
            Some(Entry::Record(record)) => {
                kinds.push(record.kind());
                zone.add(name.clone(), record);
            }
            None => {}
        }
    }
    // `TIMEOUT` means the questions to which there is no answer.
    if entries.iter().any(|entry| entry.as_str() == Some("TIMEOUT")) {
        for kind in Kind::ALL.into_iter().filter(|kind| !kinds.contains(kind)) {
            zone.add_failure(name.clone(), Some(kind), Outcome::Timeout);
        }
    }
}

/// What a line of a zone gives a name.
enum Entry {
    /// A record.
    Record(Record),
    /// Another name.
    Alias(DomainName),
}

/// Reads one record; `NONE` and text without strings are none.
fn record(kind: &str, value: &Yaml) -> Option<Entry> {
    if value.as_str() == Some("NONE") {
        return None;
    }
    let host = |value: &Yaml| match octets(value).as_slice() {
        [] => DomainName::root(),
        some => DomainName::parse(some).expect("a record names a host"),
    };
    let record = match kind {
        "A" => Record::A(text(value).parse().expect("an IPv4 address")),
        "AAAA" => Record::Aaaa(text(value).parse().expect("an IPv6 address")),
        "PTR" => Record::Ptr(host(value)),
        "CNAME" => return Some(Entry::Alias(host(value))),
        "MX" => {
            let preference = value[0].as_i64().and_then(|number| u16::try_from(number).ok());
            Record::Mx { preference: preference.expect("a preference"), exchange: host(&value[1]) }
        }
        "TXT" => match value {
            Yaml::Array(strings) if strings.is_empty() => return None,
            Yaml::Array(strings) => Record::Txt(strings.iter().map(|string| octets(string).into()).collect()),
            one => Record::Txt(split_string(&octets(one))),
        },
        other => panic!("a record of type {other}"),
    };
    Some(Entry::Record(record))
}

/// Returns a value's octets: the suite writes each as the character of that number.
fn octets(value: &Yaml) -> Vec<u8> {
    text(value).chars().map(|character| u8::try_from(u32::from(character)).expect("one octet")).collect()
}

/// Returns a value as text.
fn text(value: &Yaml) -> String {
    match value {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::BadValue | Yaml::Null => String::new(),
        Yaml::Array(several) => several.iter().map(text).collect::<Vec<_>>().join(", "),
        other => panic!("no text: {other:?}"),
    }
}
