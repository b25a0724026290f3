//! `[oidc]`: a provider of identities that vouches for people, and what those may do for whom it does

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use reqwest::Url;
use sekisho_core::name::DomainName;
use sekisho_ledger::Role;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::{choice, required};
use super::sign::{all, read};
use crate::fault::Fault;
use crate::people::access::Scope;
use crate::sign::read_name;

/// The options.
pub(super) const OPTIONS: &[&str] = &["issuer", "client_id", "client_secret_file", "name", "scopes", "desk"];
/// The options of `[[oidc.people]]`.
pub(super) const PEOPLE_OPTIONS: &[&str] = &["claim", "value", "email_domain", "role", "domains"];

/// What was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawOidc {
    /// An address.
    issuer: Option<Spanned<String>>,
    /// Who we are there.
    client_id: Option<String>,
    /// A path.
    client_secret_file: Option<String>,
    /// What the provider is called.
    name: Option<String>,
    /// Words.
    scopes: Option<Vec<Spanned<String>>>,
    /// An address.
    desk: Option<Spanned<String>>,
    /// `[[oidc.people]]`
    people: Vec<Spanned<RawPeople>>,
}

/// What was written of one `[[oidc.people]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawPeople {
    /// The name of a claim.
    claim: Option<Spanned<String>>,
    /// What it says.
    value: Option<Spanned<String>>,
    /// A domain.
    email_domain: Option<Spanned<String>>,
    /// A role.
    role: Option<Spanned<String>>,
    /// Domains.
    domains: Option<Vec<Spanned<String>>>,
}

/// Who vouches, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OidcSection {
    /// Who vouches, where anybody does.
    pub(crate) provider: Option<ProviderTable>,
    /// What is asked for.
    pub(crate) scopes: Vec<String>,
    /// What those may do who come in; the first that fits decides. Without any only those come in who are known.
    pub(crate) people: Vec<PeopleRule>,
}

/// A provider of identities, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProviderTable {
    /// What it calls itself, to the letter (OpenID Connect Discovery 1.0 §4.3).
    pub(crate) issuer: String,
    /// Who we are there.
    pub(crate) client: String,
    /// The file with the secret that we share; none where the provider wants none.
    pub(crate) secret: Option<PathBuf>,
    /// What people call it.
    pub(crate) name: String,
    /// Where browsers reach the desk, without a slash at the end.
    pub(crate) desk: String,
}

/// Who comes in as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeopleRule {
    /// A claim, and what it has to say or to list.
    pub(crate) claim: Option<(String, String)>,
    /// The domain of an address that the provider has verified.
    pub(crate) email_domain: Option<DomainName>,
    /// What they may do.
    pub(crate) role: Role,
    /// What they may see.
    pub(crate) scope: Scope,
}

impl Default for OidcSection {
    fn default() -> OidcSection {
        let scopes = ["openid", "profile", "email"].map(str::to_owned).into();
        OidcSection { provider: None, scopes, people: Vec::new() }
    }
}

impl OidcSection {
    /// Checks what was written.
    pub(super) fn check(raw: RawOidc, faults: &mut Faults) -> OidcSection {
        let scopes = match raw.scopes {
            None => OidcSection::default().scopes,
            Some(written) => with_openid(all(written, faults, read_scope)),
        };
        let people =
            raw.people.into_iter().filter_map(|one| PeopleRule::check(one.span(), one.into_inner(), faults)).collect();
        let desk = raw.desk.and_then(|desk| read(&desk, faults, read_desk));
        let issuer = raw.issuer.and_then(|issuer| Some((issuer.span(), read(&issuer, faults, read_issuer)?)));
        let provider = issuer.and_then(|(at, issuer)| {
            let client = required(raw.client_id, "oidc.client_id", at.clone(), faults);
            let desk = required(desk, "oidc.desk", at, faults);
            let name = raw.name.filter(|name| !name.trim().is_empty());
            let name = name.unwrap_or_else(|| host_of(&issuer));
            let secret = raw.client_secret_file.map(PathBuf::from);
            Some(ProviderTable { issuer, client: client?, secret, name, desk: desk? })
        });
        OidcSection { provider, scopes, people }
    }
}

impl PeopleRule {
    /// Checks what was written.
    fn check(at: Range<usize>, raw: RawPeople, faults: &mut Faults) -> Option<PeopleRule> {
        let missing = |name: &'static str| Fault::new("fault-required", [("name", name.into())]);
        let claim = match (raw.claim, raw.value) {
            (Some(claim), Some(value)) => Some((claim.into_inner(), value.into_inner())),
            (Some(claim), None) => {
                faults.push((claim.span(), missing("oidc.people.value")));
                return None;
            }
            (None, Some(value)) => {
                faults.push((value.span(), missing("oidc.people.claim")));
                return None;
            }
            (None, None) => None,
        };
        let email = raw.email_domain;
        if claim.is_none() && email.is_none() {
            faults.push((at.clone(), missing("oidc.people.claim")));
        }
        let email_domain = match email {
            Some(domain) => Some(read(&domain, faults, |text| read_name("fault-domain", text))?),
            None => None,
        };
        let role = choice(raw.role, "oidc.people.role", Role::ALL, Role::word, faults);
        let role = required(role, "oidc.people.role", at.clone(), faults)?;
        let scope = read_scope_of(raw.domains, at, faults)?;
        (claim.is_some() || email_domain.is_some()).then_some(PeopleRule { claim, email_domain, role, scope })
    }
}

/// Reads what somebody may see: no list is everything, as in an invitation.
fn read_scope_of(domains: Option<Vec<Spanned<String>>>, at: Range<usize>, faults: &mut Faults) -> Option<Scope> {
    let domains = domains.unwrap_or_default();
    let words: Vec<&str> = domains.iter().map(|word| word.get_ref().as_str()).collect();
    match Scope::read(&words) {
        Ok(_) if words.is_empty() => Some(Scope::All),
        Ok(scope) => Some(scope),
        Err(fault) => {
            // Beside another word, since a star stands alone.
            let wrong = domains.iter().find(|word| Scope::read(&["a.example", word.get_ref()]).is_err());
            faults.push((wrong.map_or(at, Spanned::span), fault));
            None
        }
    }
}

/// Adds the scope without which it is no OpenID Connect (Core 1.0 §3.1.2.1).
fn with_openid(mut scopes: Vec<String>) -> Vec<String> {
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    scopes
}

/// Reads a scope (RFC 6749 §3.3).
fn read_scope(text: &str) -> Result<String, Fault> {
    let is_scope = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\');
    if is_scope {
        Ok(text.to_owned())
    } else {
        Err(Fault::new("fault-oidc-scope", [("value", text.to_owned().into())]))
    }
}

/// Reads an issuer: an address without query and fragment (OpenID Connect Core 1.0 §2), kept to the letter.
fn read_issuer(text: &str) -> Result<String, Fault> {
    let url = read_place(text)?;
    if url.query().is_some() { Err(bad_place(text)) } else { Ok(text.to_owned()) }
}

/// Reads where the desk is: its pages begin at the root.
fn read_desk(text: &str) -> Result<String, Fault> {
    let url = read_place(text)?;
    if url.query().is_some() || url.path() != "/" {
        return Err(bad_place(text));
    }
    Ok(url.origin().ascii_serialization())
}

/// Reads an address that secrets may travel to: by TLS, or on this machine.
pub(crate) fn read_place(text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).ok().filter(is_fair);
    url.filter(|url| url.fragment().is_none() && url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| bad_place(text))
}

/// Tells whether secrets may travel there.
pub(crate) fn is_fair(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host_str().is_some(),
        "http" => is_here(url),
        _ => false,
    }
}

/// Tells whether a place is on this machine.
pub(crate) fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Says that an address is none that secrets may travel to.
fn bad_place(text: &str) -> Fault {
    Fault::new("fault-place", [("value", text.to_owned().into())])
}

/// Returns the host of an address: what a provider is called that nobody gave a name.
fn host_of(issuer: &str) -> String {
    Url::parse(issuer).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::config_for_testing;
    use super::*;

    #[test]
    fn a_provider_has_a_name_and_asks_for_openid_whatever_else_is_asked_for() {
        let said = "issuer = \"https://id.example.org/realms/house/\"\nclient_id = \"sekisho\"\ndesk = \"https://desk.example.org/\"\n";
        let section = config_for_testing(&format!("[oidc]\n{said}scopes = [\"groups\"]\n")).oidc;
        let provider = section.provider.unwrap();
        assert_eq!((&*provider.name, &*provider.desk), ("id.example.org", "https://desk.example.org"));
        assert_eq!(provider.issuer, "https://id.example.org/realms/house/", "to the letter");
        assert_eq!(section.scopes, ["openid", "groups"]);
        assert_eq!(config_for_testing("").oidc, OidcSection::default());
    }

    #[test]
    fn secrets_travel_by_tls_or_stay_on_this_machine() {
        for fair in ["https://id.example.org", "http://127.0.0.1:8080/x", "http://[::1]:1", "http://localhost/"] {
            assert!(read_place(fair).is_ok(), "{fair}");
        }
        for bad in [
            "http://id.example.org",
            "http://127.0.0.1.evil.example/",
            "ftp://localhost/",
            "https://user@id.example.org",
            "https://:secret@id.example.org",
            "https://id.example.org/#x",
            "id.example.org",
            "",
        ] {
            assert!(read_place(bad).is_err(), "{bad}");
        }
        assert!(read_desk("https://desk.example/sub").is_err() && read_issuer("https://id.example/?x").is_err());
    }

    #[test]
    fn a_rule_says_who_and_as_what() {
        let rules = |text: &str| config_for_testing(text).oidc.people;
        let [rule] = &rules("[[oidc.people]]\nclaim = \"groups\"\nvalue = \"abuse\"\nrole = \"analyst\"\n")[..] else {
            panic!()
        };
        assert_eq!(
            (&rule.claim, rule.role, &rule.scope),
            (&Some(("groups".into(), "abuse".into())), Role::Analyst, &Scope::All)
        );
        let [rule] =
            &rules("[[oidc.people]]\nemail_domain = \"a.example\"\nrole = \"viewer\"\ndomains = [\"a.example\"]\n")[..]
        else {
            panic!()
        };
        assert_eq!(rule.scope, Scope::of(["a.example"]).unwrap());
        let table = "[[oidc.people]]\nemail_domain = \"a.example\"\nrole = \"viewer\"\n";
        assert_eq!(rules(&format!("{table}domains = [\"*\"]\n"))[0].scope, Scope::All);
        for bad in ["all", "*.example"] {
            let text = format!("{table}domains = [\"b.example\",\n\"{bad}\"]\n");
            let faults = super::super::Config::parse(None, &text).unwrap_err();
            let said = faults[0].to_string();
            assert!(faults.len() == 1 && said.contains(":5") && said.contains(bad), "{said}");
        }
    }
}
