//! What a verdict means for the mail: the conduct of the house over what the verdict asks for
//!
//! Monitoring is the default: every mail is judged and annotated, and none is refused. A published `p=reject` alone is no
//! ground to refuse (RFC 9989 §5.4); the second ground is one that the house names. Where the house departs from what the
//! author's domain asks for, that is an [`Override`], in the words of the reports that are sent to it (RFC 9990).

use std::net::IpAddr;

use sekisho_core::name::DomainName;
use sekisho_mail::header::Header;
use sekisho_mail::verdict::{Disposition, DmarcResult, Ground, Verdict};

use super::hearing::Unjudged;
use crate::config::sign::DomainPattern;
use crate::config::{
    Conduct, GateSection, Mode, OnAuthor, OnFailure, OnReject, OnTemperror, Quarantine, Rule, network,
};

/// What is done with a mail; a later word is the harder one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// It passes.
    Pass,
    /// It passes, marked for the filter behind us.
    Mark,
    /// It goes into the MTA's hold queue.
    Hold,
    /// The client shall try again.
    PutOff,
    /// The client is refused.
    Refuse,
}

impl Act {
    /// Everything that is done.
    pub(crate) const ALL: [Act; 5] = [Act::Pass, Act::Mark, Act::Hold, Act::PutOff, Act::Refuse];

    /// Returns the stable word for logs and counters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Act::Pass => "pass",
            Act::Mark => "quarantine-header",
            Act::Hold => "quarantine-hold",
            Act::PutOff => "tempfail",
            Act::Refuse => "refuse",
        }
    }
}

/// What reports say where the house only watches.
const WATCHING: &str = "monitoring only";
/// What they say where a published `reject` stands alone (RFC 9989 §5.4).
const ALONE: &str = "no second ground to reject";

/// Why less was done than the author's domain asks for (RFC 9990, PolicyOverrideType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Override {
    /// The house decides otherwise.
    LocalPolicy(&'static str),
    /// The mail looks like one of a mailing list.
    MailingList,
    /// A forwarder that is trusted saw DMARC pass.
    TrustedForwarder,
}

impl Override {
    /// Every way to do less.
    #[cfg(test)]
    pub(super) const ALL: [Override; 4] = [
        Override::LocalPolicy(WATCHING),
        Override::LocalPolicy(ALONE),
        Override::MailingList,
        Override::TrustedForwarder,
    ];

    /// Returns the word of the reports.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Override::LocalPolicy(_) => "local_policy",
            Override::MailingList => "mailing_list",
            Override::TrustedForwarder => "trusted_forwarder",
        }
    }

    /// Returns what the reports say beside it.
    pub(super) fn comment(self) -> &'static str {
        match self {
            Override::LocalPolicy(comment) => comment,
            Override::MailingList => "mailing list fields",
            Override::TrustedForwarder => "arc=pass",
        }
    }
}

/// What is done, and where that departs from what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// What is done.
    pub(super) act: Act,
    /// Why less is done than the author's domain asks for.
    pub(super) departs: Option<Override>,
}

/// What rules may ask of a mail besides its verdict.
#[derive(Clone, Copy)]
pub(super) struct Circumstances<'a> {
    /// The address of the client.
    pub(super) client: Option<IpAddr>,
    /// Who has logged in.
    pub(super) login: Option<&'a [u8]>,
    /// The recipients.
    pub(super) recipients: &'a [Box<[u8]>],
}

/// Decides about a mail that was judged. All recipients of a mail get one answer: where their domains have different
/// rules, the mildest, since nobody shall lose mail by a rule that is not theirs.
pub(super) fn decide(
    section: &GateSection,
    circumstances: &Circumstances<'_>,
    verdict: &Verdict,
    header: &Header<'_>,
) -> Decision {
    let domains = recipient_domains(circumstances.recipients);
    let decisions = domains.iter().map(|recipient| {
        let conduct = conduct_for(section, circumstances, recipient.as_ref(), verdict.author.domain.as_ref());
        decide_by(conduct, verdict, header)
    });
    decisions.min_by_key(|decision| decision.act).unwrap_or(Decision { act: Act::Pass, departs: None })
}

/// Decides about a mail that nobody judged: the mildest of what its recipients' rules say.
pub(super) fn decide_unjudged(section: &GateSection, circumstances: &Circumstances<'_>, why: Unjudged) -> Act {
    let acts = recipient_domains(circumstances.recipients).into_iter().map(|recipient| {
        let conduct = conduct_for(section, circumstances, recipient.as_ref(), None);
        match (why, conduct.failure) {
            // A sender can make a header as large as it likes: that is no failure of ours, and nobody can tell the author.
            (Unjudged::TooLarge, _) if conduct.mode == Mode::Monitor => Act::Pass,
            (Unjudged::TooLarge, _) => without_author(conduct),
            // A mail that may kill us is not sent for again; where verdicts decide it does not pass as if it had one.
            (Unjudged::Suspect, _) if conduct.mode == Mode::Monitor => Act::Pass,
            (Unjudged::Suspect, _) => quarantine(conduct),
            (Unjudged::Failed, OnFailure::Pass) => Act::Pass,
            (Unjudged::Failed, OnFailure::PutOff) => Act::PutOff,
        }
    });
    acts.min().unwrap_or(Act::Pass)
}

/// Returns what quarantine is.
fn quarantine(conduct: Conduct) -> Act {
    match conduct.quarantine {
        Quarantine::Header => Act::Mark,
        Quarantine::Hold => Act::Hold,
    }
}

/// Returns what is done with a mail without one author to rely on.
fn without_author(conduct: Conduct) -> Act {
    match conduct.author {
        OnAuthor::Refuse => Act::Refuse,
        OnAuthor::Quarantine => quarantine(conduct),
        OnAuthor::Pass => Act::Pass,
    }
}

/// Returns the domains of the recipients, each once; one unknown domain where there are none.
pub(super) fn recipient_domains(recipients: &[Box<[u8]>]) -> Vec<Option<DomainName>> {
    let mut domains: Vec<Option<DomainName>> = recipients.iter().map(|path| domain_of(path)).collect();
    domains.sort_unstable();
    domains.dedup();
    if domains.is_empty() {
        domains.push(None);
    }
    domains
}

/// Returns the domain of a recipient.
fn domain_of(path: &[u8]) -> Option<DomainName> {
    let at = memchr::memrchr(b'@', path)?;
    DomainName::parse_unicode(path.get(at + 1..)?).ok()
}

/// Returns the conduct of the house for one recipient domain: every rule that fits changes it, in their order.
fn conduct_for(
    section: &GateSection,
    circumstances: &Circumstances<'_>,
    recipient: Option<&DomainName>,
    author: Option<&DomainName>,
) -> Conduct {
    let is_named = |patterns: &[DomainPattern], name: Option<&DomainName>| {
        patterns.is_empty() || name.is_some_and(|name| patterns.iter().any(|pattern| pattern.matches(name)))
    };
    let fits = |rule: &&Rule| {
        is_named(&rule.recipients, recipient)
            && is_named(&rule.authors, author)
            && (rule.networks.is_empty() || circumstances.client.is_some_and(|ip| network::contain(&rule.networks, ip)))
            && (rule.users.is_empty()
                || circumstances.login.is_some_and(|login| rule.users.iter().any(|user| user.matches(login))))
    };
    section.rules.iter().filter(fits).fold(section.conduct, |conduct, rule| rule.change.of(conduct))
}

/// Decides by the conduct for one recipient.
fn decide_by(conduct: Conduct, verdict: &Verdict, header: &Header<'_>) -> Decision {
    let asked = verdict.dmarc.disposition;
    if conduct.mode == Mode::Monitor {
        let departs = (asked != Disposition::None).then_some(Override::LocalPolicy(WATCHING));
        return Decision { act: Act::Pass, departs };
    }
    let quarantine = quarantine(conduct);
    let act = |act| Decision { act, departs: None };
    let Some(ground) = verdict.grounds.first() else { return act(Act::Pass) };
    match ground {
        Ground::AuthorMissing | Ground::AuthorMultiple | Ground::AuthorUnusable => act(without_author(conduct)),
        Ground::DmarcTemperror => act(match conduct.temperror {
            OnTemperror::PutOff => Act::PutOff,
            OnTemperror::Pass => Act::Pass,
        }),
        Ground::ArcOverride => Decision { act: Act::Pass, departs: Some(Override::TrustedForwarder) },
        Ground::DmarcFail if asked == Disposition::Reject => match conduct.dmarc_reject {
            OnReject::Refuse => act(Act::Refuse),
            OnReject::RefuseUnlessList if !has_list_traits(header) => act(Act::Refuse),
            OnReject::RefuseUnlessList => Decision { act: quarantine, departs: Some(Override::MailingList) },
            OnReject::Quarantine => Decision { act: quarantine, departs: Some(Override::LocalPolicy(ALONE)) },
        },
        _ => act(quarantine),
    }
}

/// Tells whether a mail has what mailing lists add (RFC 2369, RFC 2919). What every bulk sender adds, such as
/// List-Unsubscribe, is no trait of a list.
fn has_list_traits(header: &Header<'_>) -> bool {
    let is_list = |value: &[u8]| value.trim_ascii().eq_ignore_ascii_case(b"list");
    ["List-Id", "List-Post", "Mailing-List"].iter().any(|name| header.first(name).is_some())
        || header.first("Precedence").is_some_and(|field| is_list(field.value()))
}

/// Returns the answer to a client that is refused or put off: what, whose policy, and where there is help.
pub(super) fn refusal(act: Act, verdict: &Verdict, help: Option<&str>) -> String {
    let domain = verdict.dmarc.domain.as_ref().map(ToString::to_string).unwrap_or_default();
    let said = match (act, verdict.dmarc.result) {
        (Act::PutOff, _) => {
            format!("451 4.7.5 The domain {domain} could not be verified just now, please try again later")
        }
        (_, DmarcResult::Fail) => {
            let policy = verdict.dmarc.policy.map_or("none", Disposition::as_str);
            let stands_at = verdict.dmarc.policy_domain.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "550 5.7.1 Refused: neither SPF nor DKIM prove that this mail is from {domain} (DMARC policy of {stands_at}: {policy})"
            )
        }
        _ => match verdict.author.reason {
            Some(reason) => {
                format!("550 5.7.1 Refused: nobody can tell the author of this mail (From field: {reason})")
            }
            None => "550 5.7.1 Refused: nobody can tell the author of this mail (From field)".to_owned(),
        },
    };
    match help {
        Some(help) => format!("{said}; help: {help}"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use sekisho_core::facts::Facts;
    use sekisho_core::zone::Zone;
    use sekisho_mail::body::{BodyHasher, BodyPlan};
    use sekisho_mail::envelope::Envelope;
    use sekisho_mail::hearing::Hearing;
    use sekisho_mail::policy::Policy;

    use super::*;

    const ENFORCE: Conduct = Conduct {
        mode: Mode::Enforce,
        author: OnAuthor::Refuse,
        dmarc_reject: OnReject::Quarantine,
        temperror: OnTemperror::PutOff,
        failure: OnFailure::Pass,
        quarantine: Quarantine::Header,
    };

    /// Judges a mail without any proof of its author.
    fn judged(header: &str) -> Verdict {
        let zone =
            Zone::parse("_dmarc.a.example TXT \"v=DMARC1; p=reject\"\n_dmarc.q.example TXT \"v=DMARC1; p=quarantine\"");
        let (mut facts, zone) = (Facts::default(), zone.unwrap());
        let header = Header::parse(header.as_bytes());
        let mut hearing = Hearing::open(Envelope::default(), Arc::new(Policy::default()));
        zone.satisfy(&mut facts, |facts| hearing.proceed(facts, &header, Timestamp::UNIX_EPOCH));
        hearing.close(&BodyHasher::new(&BodyPlan::new()).finish());
        hearing.verdict(&facts, &header, Timestamp::UNIX_EPOCH).unwrap()
    }

    fn decided(conduct: Conduct, header: &str) -> (Act, Option<&'static str>) {
        let decision = decide_by(conduct, &judged(header), &Header::parse(header.as_bytes()));
        (decision.act, decision.departs.map(Override::as_str))
    }

    #[test]
    fn monitoring_refuses_nothing_and_says_what_it_left_undone() {
        let monitor = Conduct::default();
        assert_eq!(decided(monitor, "From: x@a.example\r\n"), (Act::Pass, Some("local_policy")));
        assert_eq!(decided(monitor, "Subject: no author\r\n"), (Act::Pass, None));
    }

    #[test]
    fn a_published_rejection_needs_a_second_ground() {
        let mail = "From: x@a.example\r\n";
        let list = "From: x@a.example\r\nList-Id: <l.example>\r\n";
        let (once, always) = (
            Conduct { dmarc_reject: OnReject::RefuseUnlessList, ..ENFORCE },
            Conduct { dmarc_reject: OnReject::Refuse, ..ENFORCE },
        );
        assert_eq!(decided(ENFORCE, mail), (Act::Mark, Some("local_policy")));
        assert_eq!(decided(once, mail), (Act::Refuse, None));
        assert_eq!(decided(once, list), (Act::Mark, Some("mailing_list")));
        assert_eq!(decided(always, list), (Act::Refuse, None));
        assert_eq!(decided(always, "From: x@q.example\r\n"), (Act::Mark, None));
    }

    #[test]
    fn rules_change_the_conduct_for_those_they_fit_and_recipients_share_the_mildest() {
        let section = crate::config::config_for_testing(
            "[gate]
             mode = 'enforce'
             [[gate.rules]]
             authors = ['a.example']
             dmarc_reject = 'refuse'
             [[gate.rules]]
             recipients = ['soft.example', '*.soft.example']
             mode = 'monitor'
             [[gate.rules]]
             networks = ['192.0.2.0/24']
             mode = 'monitor'
             [[gate.rules]]
             users = ['@a.example']
             mode = 'monitor'",
        )
        .gate;
        let header = Header::parse(b"From: x@a.example\r\n");
        let verdict = judged("From: x@a.example\r\n");
        let act = |recipients: &[&str], client: &str, login: &str| {
            let recipients: Vec<Box<[u8]>> = recipients.iter().map(|path| path.as_bytes().into()).collect();
            let login = Some(login.as_bytes()).filter(|login| !login.is_empty());
            let around = Circumstances { client: client.parse().ok(), login, recipients: &recipients };
            decide(&section, &around, &verdict, &header).act
        };
        assert_eq!(act(&["r@hard.example"], "198.51.100.1", ""), Act::Refuse);
        assert_eq!(act(&["r@soft.example"], "198.51.100.1", ""), Act::Pass);
        assert_eq!(act(&["r@hard.example", "r@X.SOFT.example"], "198.51.100.1", ""), Act::Pass);
        assert_eq!(act(&["r@hard.example"], "192.0.2.7", ""), Act::Pass);
        assert_eq!(act(&["r@hard.example"], "198.51.100.1", "me@a.example"), Act::Pass);
        assert_eq!(act(&["no domain", "r@hard.example"], "", "me@b.example"), Act::Refuse);
        assert_eq!(act(&[], "", ""), Act::Refuse);
    }

    #[test]
    fn refusals_name_the_domain_the_policy_and_the_help() {
        let said = refusal(Act::Refuse, &judged("From: x@a.example\r\n"), Some("https://help.example/"));
        assert_eq!(
            said,
            "550 5.7.1 Refused: neither SPF nor DKIM prove that this mail is from a.example (DMARC policy of a.example: reject); help: https://help.example/"
        );
        let said = refusal(Act::Refuse, &judged("From: x@a.example\r\nFrom: y@b.example\r\n"), None);
        assert!(said.starts_with("550 5.7.1 Refused: nobody can tell the author of this mail (From field: "), "{said}");
    }
}
