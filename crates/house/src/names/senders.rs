//! Well-known senders: a table of whose hosts, signatures and SPF includes are whose (`data/senders.toml`)

use std::collections::HashMap;
use std::sync::OnceLock;

use sekisho_core::speech::Lang;
use serde::Deserialize;

/// A well-known sender.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sender {
    /// What it is called.
    pub(crate) name: String,
    /// What it is called in Japanese, where that differs.
    ja: Option<String>,
    /// Its own domains: hosts, envelopes, signatures.
    domains: Vec<String>,
    /// What its customers include.
    #[serde(default)]
    pub(crate) spf: Vec<String>,
    /// Whether it gives mailboxes to people, who forward mail.
    #[serde(default)]
    pub(crate) mailbox: bool,
    /// Where all that is to be seen.
    source: String,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The senders.
    sender: Vec<Sender>,
}

/// The senders by what they are known by.
struct Table {
    /// All of them.
    senders: Vec<Sender>,
    /// Which of them a domain belongs to.
    domains: HashMap<String, usize>,
    /// Whose include a name is.
    includes: HashMap<String, usize>,
}

impl Sender {
    /// Returns what it is called in a language.
    pub(crate) fn name_in(&self, lang: Lang) -> &str {
        match (lang, &self.ja) {
            (Lang::Ja, Some(ja)) => ja,
            _ => &self.name,
        }
    }

    /// Tells whether a text is what it is called.
    pub(crate) fn is_called(&self, text: &str) -> bool {
        self.name.eq_ignore_ascii_case(text) || self.ja.as_deref() == Some(text)
    }
}

/// Returns the sender whose domain a name is, or lies below.
pub(crate) fn by_domain(name: &str) -> Option<&'static Sender> {
    let (table, name) = (table(), name.trim_end_matches('.').to_ascii_lowercase());
    let mut rest = name.as_str();
    loop {
        if let Some(sender) = table.domains.get(rest).and_then(|at| table.senders.get(*at)) {
            return Some(sender);
        }
        rest = rest.split_once('.')?.1;
    }
}

/// Returns the sender whose customers include a name in their SPF records.
pub(crate) fn by_include(name: &str) -> Option<&'static Sender> {
    let (table, name) = (table(), name.trim_end_matches('.').to_ascii_lowercase());
    table.includes.get(&name).and_then(|at| table.senders.get(*at)).or_else(|| by_domain(&name))
}

/// Tells whether a sender is called so.
pub(crate) fn is_known(name: &str) -> bool {
    table().senders.iter().any(|sender| sender.is_called(name))
}

/// Returns the table.
fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let file: File = toml::from_str(include_str!("../../data/senders.toml"))
            .expect("the table is part of the program, and a test reads it");
        let index = |of: fn(&Sender) -> &[String]| {
            let each = file.sender.iter().enumerate();
            each.flat_map(|(at, sender)| of(sender).iter().map(move |name| (name.clone(), at))).collect()
        };
        let (domains, includes) = (index(|sender| &sender.domains), index(|sender| &sender.spf));
        Table { senders: file.sender, domains, includes }
    })
}

#[cfg(test)]
mod tests {
    use sekisho_core::name::DomainName;

    use super::*;

    #[test]
    fn a_name_belongs_to_the_sender_whose_domain_it_lies_below() {
        for (name, sender) in [
            ("mail-sor-f41.google.com", Some("Google Workspace")),
            ("example-org.20230601.GAPPSSMTP.com.", Some("Google Workspace")),
            ("a8-31.smtp-out.amazonses.com", Some("Amazon SES")),
            ("amazonses.com", Some("Amazon SES")),
            ("notamazonses.com", None),
            ("google.com.example", None),
            ("com", None),
            ("", None),
        ] {
            assert_eq!(by_domain(name).map(|sender| &*sender.name), sender, "{name}");
        }
        assert_eq!(by_include("_spf.google.com").map(|sender| &*sender.name), Some("Google Workspace"));
        // A customer's own include below the sender's domain.
        assert_eq!(
            by_include("fc1234.cuenote.jp").map(|sender| sender.name_in(Lang::Ja)),
            Some("Cuenote（ユミルリンク）")
        );
        assert_eq!(by_include("spf.example.org"), None);
    }

    #[test]
    fn the_table_names_each_sender_and_each_domain_once_and_says_where_it_is_from() {
        let table = table();
        assert!(table.senders.len() >= 50, "{}", table.senders.len());
        let (mut names, mut domains, mut includes) = (Vec::new(), Vec::new(), Vec::new());
        for sender in &table.senders {
            assert!(!sender.domains.is_empty() && !sender.name.is_empty(), "{sender:?}");
            let is_told = ["https://", "DNS: TXT ", "hosts"].iter().any(|way| sender.source.starts_with(way));
            assert!(is_told, "{sender:?}");
            names.push(&sender.name);
            domains.extend(&sender.domains);
            includes.extend(&sender.spf);
        }
        for name in domains.iter().chain(&includes) {
            let read = DomainName::parse(name.as_str()).unwrap();
            assert!(read.label_count() >= 2 && read.to_string() == **name, "{name}");
        }
        for mut all in [names, domains, includes] {
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), count, "something stands twice");
        }
    }
}
