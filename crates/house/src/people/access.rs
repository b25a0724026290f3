//! Access: who may do what, and see whose mail
//!
//! **Whose neighbour is whom.** A customer of `a.example` may read, whole, a mail whose recipients are all in `a.example` or below: it is
//! their own post. Of a mail that somebody sent *in the name* of `a.example` to others they may know what receivers would tell in a
//! report: that there was one, from which host, and what came of it: no recipient, no local part, no subject, no Evidence. It is the
//! post of a neighbour. The same holds for a mail to people of both houses. What has nothing to do with `a.example`, they do not see
//! at all; a page about it looks as if there were none.
//!
//! Which domains that are says [`Scope`]; `sekisho_core::search` holds the rule over the mails of the lake (`within`).

use std::fmt;

use sekisho_core::name::DomainName;
use sekisho_core::speech::Lang;
use sekisho_ledger::{Id, Role};

use crate::fault::Fault;
use crate::sign::read_name;

/// How every domain is written.
const EVERY: &str = "*";
/// The most domains of a scope.
pub(crate) const MOST_DOMAINS: usize = 200;

/// Who asks: a person with a browser, or a program in a person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    /// The person.
    pub(crate) person: Id,
    /// The name they sign in by.
    pub(crate) login: String,
    /// How they are called.
    pub(crate) name: String,
    /// What they may do.
    pub(crate) role: Role,
    /// What they may see.
    pub(crate) scope: Scope,
    /// What is spoken to them; none is what the browser asks for.
    pub(crate) lang: Option<Lang>,
}

impl Viewer {
    /// Tells whether they may do something.
    pub(crate) fn may(&self, need: Need) -> bool {
        rank(self.role) >= rank(need.role()) && (!need.is_of_the_house() || self.scope == Scope::All)
    }
}

/// Acts that need a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Look after one's own account: password, second factor, tokens.
    OwnAccount,
    /// Look at verdicts, rows of reports and sums.
    Look,
    /// Judge as if other records were published.
    Simulate,
    /// Have a mail or a report of one's own judged.
    Drop,
    /// Take much of what may be looked at away in a file.
    Export,
    /// Look at a mail or a report as it came. Every look is written down.
    LookAtEvidence,
    /// Look at the state of the house: listeners, queues, disks.
    LookAtHouse,
    /// Change what the house does.
    ChangeSettings,
    /// Invite people, change what they may do, lock them out.
    ManagePeople,
    /// Read what people did.
    ReadAudit,
}

impl Need {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Need; 10] = [
        Need::OwnAccount,
        Need::Look,
        Need::Simulate,
        Need::Drop,
        Need::Export,
        Need::LookAtEvidence,
        Need::LookAtHouse,
        Need::ChangeSettings,
        Need::ManagePeople,
        Need::ReadAudit,
    ];

    /// Returns the least role that may.
    pub(crate) fn role(self) -> Role {
        match self {
            Need::OwnAccount | Need::Look => Role::Viewer,
            Need::Simulate | Need::Drop | Need::Export | Need::LookAtEvidence => Role::Analyst,
            Need::LookAtHouse | Need::ChangeSettings | Need::ManagePeople | Need::ReadAudit => Role::Admin,
        }
    }

    /// Tells whether it concerns every customer, so that nobody may whose scope is some of them.
    pub(crate) fn is_of_the_house(self) -> bool {
        matches!(self, Need::LookAtHouse | Need::ChangeSettings | Need::ManagePeople | Need::ReadAudit)
    }
}

/// Returns the place of a role: whoever may more stands higher. A role that we do not know yet may nothing.
pub(crate) fn rank(role: Role) -> u8 {
    match role {
        Role::Viewer => 1,
        Role::Analyst => 2,
        Role::Admin => 3,
        _ => 0,
    }
}

/// Which domains somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every one.
    All,
    /// These and what is below them; none is nothing at all.
    Domains(Vec<DomainName>),
}

impl Scope {
    /// Reads what stands in the ledger: `"*"`, or a list of names. What cannot be read is no scope, and whoever has it sees nothing.
    pub(crate) fn parse(text: &str) -> Result<Scope, BadScope> {
        match serde_json::from_str(text).map_err(|_| BadScope)? {
            serde_json::Value::String(all) if all == EVERY => Ok(Scope::All),
            // Whoever wrote it so meant the same.
            serde_json::Value::Array(names) if names == [EVERY] => Ok(Scope::All),
            serde_json::Value::Array(names) => {
                let names = names.iter().map(|name| name.as_str().ok_or(BadScope));
                Scope::of(names.collect::<Result<Vec<_>, _>>()?)
            }
            _ => Err(BadScope),
        }
    }

    /// Reads a scope that somebody writes: domains, or `*` alone, which is every one. A word that is neither is named.
    pub(crate) fn read(words: &[&str]) -> Result<Scope, Fault> {
        if words == [EVERY] {
            return Ok(Scope::All);
        }
        let names = words.iter().map(|word| read_domain(word)).collect::<Result<Vec<_>, _>>()?;
        let texts: Vec<String> = names.iter().map(DomainName::to_string).collect();
        Scope::of(texts.iter().map(String::as_str))
            .map_err(|_| Fault::new("fault-scope-many", [("most", MOST_DOMAINS.into())]))
    }

    /// Makes a scope of names.
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Scope, BadScope> {
        let mut all = Vec::new();
        for name in names {
            let name = DomainName::parse_unicode(name).map_err(|_| BadScope)?;
            // The root covers everything, and nobody means that by a name.
            if name.is_root() || all.len() >= MOST_DOMAINS {
                return Err(BadScope);
            }
            all.push(name);
        }
        all.sort();
        all.dedup();
        Ok(Scope::Domains(all))
    }

    /// Writes it for the ledger.
    pub(crate) fn to_text(&self) -> String {
        self.to_value().to_string()
    }

    /// Writes it as JSON.
    pub(crate) fn to_value(&self) -> serde_json::Value {
        match self {
            Scope::All => EVERY.into(),
            Scope::Domains(names) => names.iter().map(DomainName::to_string).collect(),
        }
    }

    /// Returns their names, as the lake is asked; none is every one.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        match self {
            Scope::All => None,
            Scope::Domains(names) => Some(names.iter().map(DomainName::to_string).collect()),
        }
    }

    /// Tells whether something is about one of them. What is about none is the house's.
    pub(crate) fn covers_text(&self, domain: Option<&str>) -> bool {
        let is_covered = |name: DomainName| self.covers(&name);
        *self == Scope::All || domain.and_then(|name| DomainName::parse(name).ok()).is_some_and(is_covered)
    }

    /// Tells whether a domain is one of them, or below one.
    pub(crate) fn covers(&self, domain: &DomainName) -> bool {
        match self {
            Scope::All => true,
            Scope::Domains(names) => names.iter().any(|name| domain.is_at_or_below(name)),
        }
    }

    /// Returns what both scopes cover: a token sees nothing that its person does not.
    pub(crate) fn within(&self, outer: &Scope) -> Scope {
        let (Scope::Domains(inner), Scope::Domains(around)) = (self, outer) else {
            return if *self == Scope::All { outer.clone() } else { self.clone() };
        };
        let both = inner.iter().filter(|name| outer.covers(name)).chain(around.iter().filter(|name| self.covers(name)));
        let mut names: Vec<DomainName> = both.cloned().collect();
        names.sort();
        names.dedup();
        Scope::Domains(names)
    }
}

/// Reads a domain of a scope. Nobody means a whole top-level domain, and many a word (`all`, `none`) would be one.
fn read_domain(word: &str) -> Result<DomainName, Fault> {
    let name = read_name("fault-scope-word", word)?;
    if name.labels().count() > 1 {
        return Ok(name);
    }
    Err(Fault::new("fault-scope-word", [("value", word.to_owned().into())]))
}

/// A text that is no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadScope;

impl fmt::Display for BadScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a scope is at most {MOST_DOMAINS} domain names, and none of them the root")
    }
}

impl std::error::Error for BadScope {}

/// The name that somebody signs in by: in lower case, 1 to 64 of `a-z 0-9 . _ @ + -`, and first a letter or a digit. So no two look
/// alike, and none is mistaken for an option or a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login(String);

impl Login {
    /// The most octets.
    const MOST: usize = 64;

    /// Reads what somebody typed.
    pub(crate) fn parse(text: &str) -> Option<Login> {
        let text = text.trim();
        let is_sound = |octet: u8| octet.is_ascii_alphanumeric() || b"._@+-".contains(&octet);
        let starts = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        (starts && text.len() <= Login::MOST && text.bytes().all(is_sound)).then(|| Login(text.to_ascii_lowercase()))
    }

    /// Returns it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a scope of some domains.
    fn scope(texts: &[&str]) -> Scope {
        Scope::of(texts.iter().copied()).unwrap()
    }

    #[test]
    fn a_scope_covers_its_domains_and_what_is_below_them() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        for (domain, is_covered) in [
            ("a.example", true),
            ("A.Example", true),
            ("x.y.a.example", true),
            ("xa.example", false),
            ("a.example.b.example", false),
            ("example", false),
            ("b.example", false),
        ] {
            assert_eq!(scope(&["a.example", "c.example"]).covers(&name(domain)), is_covered, "{domain}");
            assert!(Scope::All.covers(&name(domain)) && !scope(&[]).covers(&name(domain)));
        }
    }

    #[test]
    fn a_scope_is_read_back_and_what_is_none_opens_nothing() {
        for one in [Scope::All, scope(&[]), scope(&["A.example.", "日本.example", "a.example"])] {
            assert_eq!(Scope::parse(&one.to_text()), Ok(one.clone()), "{one:?}");
        }
        assert_eq!(scope(&["a.example", "A.EXAMPLE"]).to_text(), r#"["a.example"]"#);
        for bad in ["", "*", "null", "{}", "\"all\"", "[1]", "[\".\"]", "[\"\"]", "[\"a..b\"]", "[\"a.example\"]…"] {
            assert_eq!(Scope::parse(bad), Err(BadScope), "{bad}");
        }
        let many: Vec<String> = (0..=MOST_DOMAINS).map(|number| format!("{number}.example")).collect();
        assert_eq!(Scope::of(many.iter().map(String::as_str)), Err(BadScope));
    }

    #[test]
    fn a_scope_that_somebody_writes_is_domains_or_a_star_alone_and_the_wrong_word_is_named() {
        assert_eq!(Scope::read(&["*"]).unwrap(), Scope::All);
        assert_eq!(Scope::parse("[\"*\"]"), Ok(Scope::All), "as it may stand in a ledger");
        assert_eq!(
            Scope::read(&["B\u{fc}cher.example", "a.example."]).unwrap(),
            scope(&["a.example", "xn--bcher-kva.example"])
        );
        assert_eq!(Scope::read(&[]).unwrap(), scope(&[]));
        let many: Vec<String> = (0..=MOST_DOMAINS).map(|number| format!("{number}.example")).collect();
        assert!(Scope::read(&many.iter().map(String::as_str).collect::<Vec<_>>()).is_err());
        for bad in
            ["all", "none", "*", "*.example", "a..example", "a b.example", ".", "", "http://a.example", "a@b.example"]
        {
            let fault = Scope::read(&["ok.example", bad]).unwrap_err();
            assert!(fault.to_string().contains(&format!("`{bad}`")), "{bad:?}: {fault}");
        }
        assert_eq!(Scope::parse("[\"*\",\"a.example\"]").map(|scope| scope == Scope::All), Ok(false));
    }

    #[test]
    fn roles_may_what_those_below_them_may_and_a_scoped_admin_rules_no_house() {
        let viewer = |role, scope| Viewer {
            person: Id::new(0, [0; 10]),
            login: "a".to_owned(),
            name: String::new(),
            role,
            scope,
            lang: None,
        };
        for (role, all, scoped) in [(Role::Viewer, 2, 2), (Role::Analyst, 6, 6), (Role::Admin, 10, 6)] {
            let count = |viewer: Viewer| Need::ALL.iter().filter(|need| viewer.may(**need)).count();
            assert_eq!((count(viewer(role, Scope::All)), count(viewer(role, scope(&["a.example"])))), (all, scoped));
        }
        assert!(!viewer(Role::Viewer, Scope::All).may(Need::LookAtEvidence));
        assert!(!viewer(Role::Analyst, Scope::All).may(Need::ReadAudit));
    }

    #[test]
    fn a_login_is_of_a_small_alphabet_in_lower_case() {
        assert_eq!(Login::parse(" Hana.Sato+1@a-b_c.example ").unwrap().as_str(), "hana.sato+1@a-b_c.example");
        for bad in ["", " ", "-a", ".a", "a b", "関", "a\0", "a/b", "a\u{202e}", &"a".repeat(65)] {
            assert_eq!(Login::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_two_scopes_have_in_common_covers_what_both_cover(
            one in prop::collection::vec("([ab]\\.){0,2}[ab]", 0..4),
            other in prop::collection::vec("([ab]\\.){0,2}[ab]", 0..4),
            name in "([ab]\\.){0,3}[ab]",
        ) {
            let of = |names: &[String]| Scope::of(names.iter().map(String::as_str)).unwrap();
            let (one, other, name) = (of(&one), of(&other), DomainName::parse(&name).unwrap());
            prop_assert_eq!(one.within(&other).covers(&name), one.covers(&name) && other.covers(&name));
            prop_assert_eq!(Scope::All.within(&other), other.clone());
            prop_assert_eq!(one.within(&Scope::All), one);
        }
    }
}
