//! What an ID token says, judged (OpenID Connect Core 1.0 §3.1.3.7): of whom, for whom, when, and in answer to what

use sekisho_core::name::DomainName;
use sekisho_core::visible::is_harmless;
use sekisho_ledger::{Role, Subject};
use serde_json::{Map, Value};

use super::Unproven;
use crate::config::oidc::PeopleRule;
use crate::people::access::Scope;

/// How far the clocks of a provider and ours may be apart, in seconds.
const SKEW: i64 = 300;
/// The most octets of a subject (Core 1.0 §2).
const MOST_OF_A_SUBJECT: usize = 255;
/// The most characters of a name that is shown.
const MOST_OF_A_NAME: usize = 60;

/// What an ID token has to say.
pub(super) struct Expected<'a> {
    /// Who the provider is.
    pub(super) issuer: &'a str,
    /// Who we are.
    pub(super) client: &'a str,
    /// What we asked with.
    pub(super) nonce: &'a str,
    /// Now, in seconds.
    pub(super) now: i64,
}

/// Somebody for whom a provider vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// Who it is there.
    pub(crate) subject: Subject,
    /// All that is said of them.
    claims: Map<String, Value>,
}

/// Judges what a token says whose signature is right.
pub(super) fn judge(claims: Map<String, Value>, expected: &Expected<'_>) -> Result<Vouched, Unproven> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    // Step 2: whoever else signed it, it is not our provider's word.
    if text("iss") != Some(expected.issuer) {
        return Err(Unproven::Refused("the token is another issuer's"));
    }
    check_audience(&claims, expected.client)?;
    check_time(&claims, expected.now)?;
    // Step 11: it answers what this browser asked, and not what another one did.
    if text("nonce") != Some(expected.nonce) {
        return Err(Unproven::Refused("the token answers another question"));
    }
    let subject = text("sub").filter(|subject| !subject.is_empty() && subject.len() <= MOST_OF_A_SUBJECT);
    let subject = subject.ok_or(Unproven::Refused("the token names nobody"))?.to_owned();
    Ok(Vouched { subject: Subject { issuer: expected.issuer.to_owned(), subject }, claims })
}

/// Steps 3 to 5: the token is for us, and where it is for others as well, it was made for us.
fn check_audience(claims: &Map<String, Value>, client: &str) -> Result<(), Unproven> {
    let (is_for_us, is_for_others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client, false),
        Some(Value::Array(all)) => (all.iter().any(|one| one.as_str() == Some(client)), all.len() > 1),
        _ => (false, false),
    };
    let party = claims.get("azp");
    let is_ours = match party {
        Some(party) => party.as_str() == Some(client),
        None => !is_for_others,
    };
    if is_for_us && is_ours { Ok(()) } else { Err(Unproven::Refused("the token is for somebody else")) }
}

/// Steps 9 and 10: the token was made just now, and is still good.
fn check_time(claims: &Map<String, Value>, now: i64) -> Result<(), Unproven> {
    // RFC 7519 §2: seconds, maybe with a fraction.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a second does not count, and what is too large saturates"
    )]
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64).map(|seconds| seconds as i64);
    let (Some(made), Some(ends)) = (seconds("iat"), seconds("exp")) else {
        return Err(Unproven::Refused("the token has no time"));
    };
    if ends.saturating_add(SKEW) <= now {
        return Err(Unproven::Refused("the token has expired"));
    }
    let is_fresh = made.saturating_sub(now).saturating_abs() <= SKEW;
    let begins = seconds("nbf").unwrap_or(made);
    if !is_fresh || begins > now.saturating_add(SKEW) {
        return Err(Unproven::Refused("the token was not made just now"));
    }
    Ok(())
}

impl Vouched {
    /// Returns how the person is called.
    pub(crate) fn name(&self) -> Option<String> {
        let name = self.text("name")?.trim();
        (!name.is_empty()).then(|| name.chars().filter(|c| is_harmless(*c)).take(MOST_OF_A_NAME).collect())
    }

    /// Returns by which names they could sign in here, the best first.
    pub(crate) fn logins(&self) -> impl Iterator<Item = &str> {
        ["preferred_username", "email"].into_iter().filter_map(|claim| self.text(claim))
    }

    /// Returns what the first rule that fits gives them.
    pub(crate) fn rights(&self, rules: &[PeopleRule]) -> Option<(Role, Scope)> {
        rules.iter().find(|rule| self.fits(rule)).map(|rule| (rule.role, rule.scope.clone()))
    }

    /// Tells whether a rule means them: all of it has to hold.
    fn fits(&self, rule: &PeopleRule) -> bool {
        rule.claim.as_ref().is_none_or(|(claim, value)| self.says(claim, value))
            && rule.email_domain.as_ref().is_none_or(|domain| self.email_domain().as_ref() == Some(domain))
    }

    /// Tells whether a claim says this, or lists it.
    fn says(&self, claim: &str, value: &str) -> bool {
        match self.claim(claim) {
            Some(Value::String(said)) => said == value,
            Some(Value::Array(all)) => all.iter().any(|said| said.as_str() == Some(value)),
            _ => false,
        }
    }

    /// Returns a claim: by its whole name, else what it is within others.
    fn claim(&self, name: &str) -> Option<&Value> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let within = || rest.split('.').try_fold(self.claims.get(first)?, |at, part| at.get(part));
        self.claims.get(name).or_else(within)
    }

    /// Returns the domain of their address, where the provider has verified that it is theirs: anybody can claim one.
    fn email_domain(&self) -> Option<DomainName> {
        let is_verified = self.claims.get("email_verified") == Some(&Value::Bool(true));
        let (local, domain) = self.text("email")?.rsplit_once('@')?;
        // A quoted name may hold an at sign (RFC 5321 §4.1.2), and nobody has one: two of them are a trick.
        let is_plain = !local.is_empty() && !local.contains('@');
        DomainName::parse(domain).ok().filter(|_| is_verified && is_plain)
    }

    /// Returns what a claim says.
    fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Now.
    const NOW: i64 = 1_790_000_000;

    /// Returns what an honest provider says.
    fn honest() -> Map<String, Value> {
        let claims = json!({
            "iss": "https://id.example", "aud": "desk", "sub": "1", "iat": NOW, "exp": NOW + 600, "nonce": "n",
            "email": "hana@Example.org", "email_verified": true, "groups": ["abuse", "mail"], "realm": { "roles": ["r"] },
            "a.b": "whole",
        });
        claims.as_object().unwrap().clone()
    }

    /// Judges what an honest provider says, with some claims in place of others; null takes one away.
    fn judged(changes: &Value) -> Result<Vouched, Unproven> {
        let mut claims = honest();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        judge(claims, &Expected { issuer: "https://id.example", client: "desk", nonce: "n", now: NOW })
    }

    #[test]
    fn an_honest_token_vouches_within_the_skew_of_two_clocks() {
        for changes in [
            json!({}),
            json!({ "aud": ["desk"] }),
            json!({ "aud": ["desk", "other"], "azp": "desk" }),
            json!({ "azp": "desk" }),
            json!({ "iat": NOW - 299, "exp": NOW - 299 }),
            json!({ "iat": NOW + 299, "nbf": NOW + 299 }),
            json!({ "iat": NOW as f64 + 0.5 }),
        ] {
            let vouched = judged(&changes);
            assert_eq!(vouched.unwrap().subject.subject, "1", "{changes}");
        }
    }

    #[test]
    fn a_token_that_is_wrong_in_one_thing_vouches_for_nobody() {
        for changes in [
            json!({ "iss": "https://id.example/" }),
            json!({ "iss": null }),
            json!({ "aud": "other" }),
            json!({ "aud": null }),
            json!({ "aud": [] }),
            json!({ "aud": { "desk": 1 } }),
            json!({ "aud": ["desk", "other"] }),
            json!({ "aud": ["desk", "other"], "azp": "other" }),
            json!({ "azp": "other" }),
            json!({ "azp": 1 }),
            json!({ "exp": NOW - 300 }),
            json!({ "exp": null }),
            json!({ "exp": "2100" }),
            json!({ "iat": NOW + 301 }),
            json!({ "iat": NOW - 301 }),
            json!({ "iat": null }),
            json!({ "iat": 1e300 }),
            json!({ "iat": -1e300 }),
            json!({ "nbf": NOW + 301 }),
            json!({ "nonce": "m" }),
            json!({ "nonce": null }),
            json!({ "sub": "" }),
            json!({ "sub": 1 }),
            json!({ "sub": null }),
            json!({ "sub": "a".repeat(256) }),
        ] {
            assert!(matches!(judged(&changes), Err(Unproven::Refused(_))), "{changes}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_as_a_whole_decides() {
        let rule = |claim: Option<(&str, &str)>, domain: Option<&str>, role| PeopleRule {
            claim: claim.map(|(claim, value)| (claim.to_owned(), value.to_owned())),
            email_domain: domain.map(|domain| DomainName::parse(domain).unwrap()),
            role,
            scope: Scope::All,
        };
        let vouched = judged(&json!({})).unwrap();
        let role = |rules: &[PeopleRule]| vouched.rights(rules).map(|(role, _)| role);
        let fits = |claim, domain| role(&[rule(claim, domain, Role::Viewer)]).is_some();
        assert!(fits(Some(("groups", "abuse")), None) && fits(Some(("realm.roles", "r")), None));
        assert!(fits(Some(("a.b", "whole")), None) && fits(None, Some("example.org")));
        assert!(fits(Some(("groups", "mail")), Some("example.org")));
        for (claim, value) in
            [("groups", "abus"), ("group", "abuse"), ("realm", "r"), ("realm.roles.r", "r"), ("email_verified", "true")]
        {
            assert!(!fits(Some((claim, value)), None), "{claim}");
        }
        assert!(!fits(None, Some("sub.example.org")) && !fits(None, Some("org")));
        assert!(!fits(Some(("groups", "abuse")), Some("other.example")), "all of a rule has to hold");
        let two = [rule(Some(("groups", "mail")), None, Role::Analyst), rule(None, Some("example.org"), Role::Admin)];
        assert_eq!((role(&two), role(&[])), (Some(Role::Analyst), None));
    }

    #[test]
    fn an_address_that_nobody_verified_has_no_domain() {
        for changes in
            [json!({ "email_verified": null }), json!({ "email_verified": "true" }), json!({ "email_verified": false })]
        {
            assert_eq!(judged(&changes).unwrap().email_domain(), None, "{changes}");
        }
        let odd = judged(&json!({ "email": "evil@other.example@example.org", "name": " Ha\u{0}na \n" })).unwrap();
        assert_eq!(odd.email_domain(), None);
        assert_eq!((odd.name().as_deref(), odd.logins().count()), (Some("Hana"), 1));
    }
}
