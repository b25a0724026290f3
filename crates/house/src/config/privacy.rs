//! `[[store.privacy]]`: what is kept otherwise of mails for some recipients
//!
//! The secrecy of communications (通信の秘密) is the recipient's as much as the sender's: what is kept of a mail beyond what its
//! delivery needs rests on the consent of those whom the mail is for. So a rule speaks of recipients' domains, and where a mail has
//! recipients under several rules the strictest holds for all of it.

use std::ops::Range;

use sekisho_core::event::MailEvent;
use sekisho_core::name::DomainName;
use serde::Deserialize;
use toml::Spanned;

use super::Faults;
use super::raw::{choice, number, required};
use super::sign::all;
use super::store::LocalParts;
use crate::fault::Fault;
use crate::sign::read_name;

/// The options of a rule.
pub(super) const OPTIONS: &[&str] = &["recipients", "events", "omit", "local_parts", "consent", "days"];

/// The most days: a hundred years.
const MOST: u64 = 36_525;

/// A rule as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPrivacy {
    /// Domains.
    recipients: Option<Vec<Spanned<String>>>,
    /// Whether anything is kept.
    events: Option<bool>,
    /// What is not.
    omit: Option<Vec<Spanned<String>>>,
    /// What is kept of the names of people.
    local_parts: Option<Spanned<String>>,
    /// On whose consent that rests.
    consent: Option<String>,
    /// For how long.
    days: Option<Spanned<i64>>,
}

/// Something that an Event can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The address of the client.
    ClientIp,
    /// What the client called itself.
    Helo,
    /// The MAIL FROM address.
    MailFrom,
    /// The recipients' domains and number.
    Recipients,
    /// The MTA's name for the mail.
    QueueId,
    /// What the DNS told.
    Facts,
}

impl Field {
    /// Everything that can be left out.
    pub(crate) const ALL: [Field; 6] =
        [Field::ClientIp, Field::Helo, Field::MailFrom, Field::Recipients, Field::QueueId, Field::Facts];

    /// Returns the word of the configuration.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Field::ClientIp => "client_ip",
            Field::Helo => "helo",
            Field::MailFrom => "mail_from",
            Field::Recipients => "recipients",
            Field::QueueId => "queue_id",
            Field::Facts => "facts",
        }
    }

    /// Reads the word.
    fn read(text: &str) -> Result<Field, Fault> {
        let found = Field::ALL.into_iter().find(|field| field.as_str() == text);
        found.ok_or_else(|| {
            let known = Field::ALL.map(Field::as_str).join(", ");
            Fault::new("fault-privacy-field", [("value", text.to_owned().into()), ("known", known.into())])
        })
    }

    /// Takes it out of an Event.
    fn leave_out(self, mail: &mut MailEvent) {
        match self {
            Field::ClientIp => mail.client_ip = None,
            Field::Helo => mail.helo.clear(),
            Field::MailFrom => {
                mail.mail_from_local.clear();
                mail.mail_from_domain.clear();
                mail.spf_domain = None;
            }
            Field::Recipients => {
                mail.recipient_domains.clear();
                mail.recipients = 0;
            }
            Field::QueueId => mail.queue_id.clear(),
            Field::Facts => mail.facts.clear(),
        }
    }
}

/// What is kept otherwise of mails for some recipients. Where several rules fit a domain, the last one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Privacy {
    /// The domains of the recipients, each with what is below it.
    pub(crate) recipients: Vec<DomainName>,
    /// Whether anything is kept.
    pub(crate) events: bool,
    /// What is left out.
    pub(crate) omit: Vec<Field>,
    /// What is kept of names before the at sign; nothing where that is as everywhere.
    pub(crate) local_parts: Option<LocalParts>,
    /// On whose consent it rests.
    pub(crate) consent: Option<String>,
    /// For how many days; nothing where that is as everywhere.
    pub(crate) days: Option<u32>,
}

impl Privacy {
    /// Checks what was written.
    pub(super) fn check(at: Range<usize>, raw: RawPrivacy, faults: &mut Faults) -> Option<Privacy> {
        let recipients = required(raw.recipients, "store.privacy.recipients", at.clone(), faults)?;
        let recipients = all(recipients, faults, |text| read_name("fault-domain", text));
        if recipients.is_empty() {
            faults.push((at.clone(), Fault::new("fault-required", [("name", "store.privacy.recipients".into())])));
        }
        let (all_parts, word) = (&LocalParts::ALL, LocalParts::as_str);
        let local_parts = choice(raw.local_parts, "store.privacy.local_parts", all_parts, word, faults);
        let consent = raw.consent.filter(|consent| !consent.trim().is_empty());
        // Whoever reads people's names must be able to say who agreed to it.
        if local_parts == Some(LocalParts::Keep) && consent.is_none() {
            faults.push((at, Fault::new("fault-privacy-consent", [])));
        }
        let mut omit = all(raw.omit.unwrap_or_default(), faults, Field::read);
        omit.sort_unstable();
        omit.dedup();
        let days = number(raw.days, "store.privacy.days", 1..=MOST, faults).and_then(|days| days.try_into().ok());
        Some(Privacy { recipients, events: raw.events.unwrap_or(true), omit, local_parts, consent, days })
    }

    /// Returns for how many days it keeps mails, where that is otherwise than everywhere. Mails whose recipients are left out are
    /// not found again, so of them nothing is forgotten early.
    pub(crate) fn forgets_after(&self) -> Option<u32> {
        self.days.filter(|_| !self.omit.contains(&Field::Recipients))
    }

    /// Tells whether it names days that nobody can keep to.
    pub(super) fn forgets_in_vain(&self) -> bool {
        self.events && self.days.is_some() && self.forgets_after().is_none()
    }

    /// Tells whether it speaks of a recipient's domain.
    fn fits(&self, recipient: &DomainName) -> bool {
        self.recipients.iter().any(|domain| recipient.is_at_or_below(domain))
    }
}

/// What is kept of one mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Whether anything is.
    pub(crate) events: bool,
    /// What is kept of names before the at sign.
    pub(crate) local_parts: LocalParts,
    /// What is left out.
    omit: Vec<Field>,
}

impl Kept {
    /// Finds what is kept of a mail for these recipients: of all that holds for any of them the strictest.
    pub(crate) fn of<'a>(
        rules: &[Privacy],
        usual: LocalParts,
        recipients: impl Iterator<Item = &'a DomainName>,
    ) -> Kept {
        let mut kept = Kept { events: true, local_parts: usual, omit: Vec::new() };
        let rule_of = |recipient: &DomainName| rules.iter().rev().find(|rule| rule.fits(recipient));
        // What a rule keeps that is usually not kept is kept only where every recipient's rule does.
        let mut mildest: Option<LocalParts> = None;
        for recipient in recipients {
            let rule = rule_of(recipient);
            let parts = rule.and_then(|rule| rule.local_parts).unwrap_or(usual);
            mildest = Some(mildest.map_or(parts, |so_far| so_far.stricter(parts)));
            if let Some(rule) = rule {
                kept.events &= rule.events;
                kept.omit.extend(&rule.omit);
            }
        }
        kept.local_parts = mildest.unwrap_or(usual);
        kept
    }

    /// Tells whether something is kept.
    pub(crate) fn has(&self, field: Field) -> bool {
        !self.omit.contains(&field)
    }

    /// Tells whether what the DNS told is kept: what was asked names the HELO and MAIL FROM domains, and with macros the client.
    pub(crate) fn has_facts(&self) -> bool {
        [Field::Facts, Field::Helo, Field::MailFrom, Field::ClientIp].iter().all(|field| self.has(*field))
    }

    /// Takes out of an Event what is not kept.
    pub(crate) fn apply(&self, mail: &mut MailEvent) {
        self.omit.iter().for_each(|field| field.leave_out(mail));
        if !self.has_facts() {
            mail.facts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(recipients: &[&str], change: impl FnOnce(&mut Privacy)) -> Privacy {
        let recipients = recipients.iter().map(|name| DomainName::parse(name).unwrap()).collect();
        let mut rule =
            Privacy { recipients, events: true, omit: Vec::new(), local_parts: None, consent: None, days: None };
        change(&mut rule);
        rule
    }

    fn kept(rules: &[Privacy], recipients: &[&str]) -> Kept {
        let recipients: Vec<DomainName> = recipients.iter().map(|name| DomainName::parse(name).unwrap()).collect();
        Kept::of(rules, LocalParts::Hash, recipients.iter())
    }

    #[test]
    fn the_strictest_rule_of_any_recipient_holds_for_the_whole_mail() {
        let rules = [
            rule(&["open.example"], |rule| rule.local_parts = Some(LocalParts::Keep)),
            rule(&["quiet.example"], |rule| rule.omit = vec![Field::ClientIp]),
            rule(&["silent.example"], |rule| rule.events = false),
        ];
        assert_eq!(kept(&rules, &["open.example"]).local_parts, LocalParts::Keep);
        assert_eq!(kept(&rules, &["open.example", "other.example"]).local_parts, LocalParts::Hash);
        let both = kept(&rules, &["open.example", "www.quiet.example"]);
        assert_eq!((both.events, both.local_parts, &both.omit[..]), (true, LocalParts::Hash, &[Field::ClientIp][..]));
        assert!(!kept(&rules, &["other.example", "silent.example"]).events);
        assert_eq!(kept(&rules, &[]), Kept { events: true, local_parts: LocalParts::Hash, omit: vec![] });
    }

    #[test]
    fn of_several_rules_for_a_domain_the_last_one_holds() {
        let rules = [
            rule(&["a.example"], |rule| rule.events = false),
            rule(&["b.a.example"], |rule| rule.omit = vec![Field::Helo]),
        ];
        assert!(!kept(&rules, &["a.example"]).events && !kept(&rules, &["c.a.example"]).events);
        assert!(kept(&rules, &["x.b.a.example"]).events);
    }

    #[test]
    fn days_are_in_vain_where_the_recipients_are_not_known_any_more() {
        let of = |omit: &[Field], days| {
            let rule = rule(&["a.example"], |rule| (rule.omit, rule.days) = (omit.to_vec(), days));
            (rule.forgets_in_vain(), rule.forgets_after())
        };
        assert_eq!(of(&[Field::Recipients], Some(30)), (true, None));
        assert_eq!(of(&[Field::Recipients], None), (false, None));
        assert_eq!(of(&[Field::Helo], Some(30)), (false, Some(30)));
        let silent = rule(&["a.example"], |rule| {
            (rule.events, rule.omit, rule.days) = (false, vec![Field::Recipients], Some(30));
        });
        assert!(!silent.forgets_in_vain(), "of what was never kept nothing has to be forgotten");
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let mut mail = MailEvent {
            client_ip: Some("192.0.2.1".to_owned()),
            helo: "mx.example".to_owned(),
            mail_from_domain: "a.example".to_owned(),
            mail_from_local: "taro".to_owned(),
            spf_domain: Some("a.example".to_owned()),
            recipient_domains: vec!["b.example".to_owned()],
            recipients: 2,
            queue_id: "4XYZ".to_owned(),
            facts: vec![Default::default()],
            ..MailEvent::default()
        };
        let rules = [rule(&["b.example"], |rule| rule.omit = Field::ALL.to_vec())];
        let kept = kept(&rules, &["b.example"]);
        kept.apply(&mut mail);
        assert_eq!(mail, MailEvent::default());
        assert!(!kept.has_facts());
    }
}
