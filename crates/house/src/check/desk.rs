//! What happens to one mail, from its octets to the text that is told

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::{Timestamp, Unit};
use sekisho_core::facts::{Facts, Question};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::header::Header;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::Verdict;

use super::facts_file::{Keeping, Kept};
use super::input::Mail;
use super::judge::{Heard, Judge, Layers};
use super::options::Options;
use super::what_if::{self, Change};
use super::{account, from_field, json};
use crate::Setting;
use crate::cli::{CheckArguments, StepsShown};
use crate::config::Config;
use crate::fault::Fault;
use crate::received::{self, Client};
use crate::speech::Talk;
use crate::terminal::{Paint, line_width};

/// Everything that the judging of any mail of one command needs.
pub(super) struct Desk {
    /// What was asked for.
    pub(super) options: Options,
    /// Who judges.
    judge: Judge,
    /// What earlier verdicts rested on, where they are replayed.
    keeping: Option<Keeping>,
    /// The language.
    pub(super) talk: Talk,
    /// How wide and colourful the account is.
    pub(super) layout: Layout,
    /// Whether stdout is a terminal.
    on_terminal: bool,
}

/// How an account is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The columns of a line.
    pub(super) width: usize,
    /// The colours.
    pub(super) paint: Paint,
}

/// A mail that was judged.
pub(super) struct Judged {
    /// Where it was found.
    pub(super) source: String,
    /// The SHA-256 of its octets, in hexadecimal.
    pub(super) sha256: String,
    /// Its envelope, as far as it is known.
    pub(super) envelope: Envelope,
    /// Whether MAIL FROM was read from the Return-Path field.
    pub(super) from_return_path: bool,
    /// When it was judged.
    pub(super) judged_at: Timestamp,
    /// The policy that decided.
    pub(super) policy: Arc<Policy>,
    /// Its From fields, harmless to show.
    pub(super) from: Vec<String>,
    /// Whether it is one of many.
    pub(super) many: bool,
    /// What it proves.
    pub(super) verdict: Verdict,
    /// What that rests on.
    pub(super) facts: Facts,
    /// Whether a judge never came to its end, by our fault.
    pub(super) is_broken_off: bool,
    /// What it would prove with other answers.
    pub(super) what_if: Option<WhatIf>,
}

/// The second hearing of a mail, with some answers replaced.
pub(super) struct WhatIf {
    /// What the mail would prove.
    pub(super) verdict: Verdict,
    /// What that would rest on.
    pub(super) facts: Facts,
    /// The answers that were replaced.
    pub(super) proposed: Facts,
    /// What differs.
    pub(super) changes: Vec<Change>,
}

/// A judged mail with the words for it.
pub(super) struct Told {
    /// The mail.
    pub(super) judged: Judged,
    /// What goes to stdout.
    pub(super) text: String,
    /// What is worth a line on stderr.
    pub(super) notes: Vec<Fault>,
}

impl Desk {
    /// Prepares to judge as the command line and the configuration say.
    pub(super) fn open(
        arguments: CheckArguments,
        config: &Config,
        talk: Talk,
        setting: &Setting,
    ) -> Result<Desk, Fault> {
        let options = Options::new(arguments, config)?;
        let keeping = options.facts.as_deref().map(Keeping::open).transpose()?;
        let judge = Judge::new(&options, config)?;
        let layout = Layout { width: line_width(setting.width), paint: Paint { on: setting.stdout_colour } };
        Ok(Desk { options, judge, keeping, talk, layout, on_terminal: setting.width.is_some() })
    }

    /// Judges one mail and finds the words for it.
    pub(super) async fn judge(self: Arc<Desk>, mail: Mail) -> Result<Told, Fault> {
        let judged = self.hear(&mail).await?;
        let mut notes = Vec::new();
        if judged.is_broken_off {
            notes.push(Fault::new("note-stuck", [("path", judged.source.as_bytes().into())]));
        }
        if let Some(what_if) = &judged.what_if {
            let unasked = what_if::unasked(&what_if.proposed, &what_if.facts);
            notes.extend(unasked.map(|question| unasked_note(&judged.source, question)));
        }
        let text = if self.options.json {
            json::text(&judged, self.options.steps, &self.talk, self.on_terminal && !judged.many)
        } else {
            account::text(&judged, self.options.steps, &self.talk, self.layout)
        };
        Ok(Told { judged, text, notes })
    }

    /// Judges one mail; a fault names it.
    async fn hear(&self, mail: &Mail) -> Result<Judged, Fault> {
        if !Message::parse_within(&mail.raw, &self.options.policy).is_plausible() {
            return Err(Fault::new("fault-no-mail", [("path", mail.source.as_bytes().into())]));
        }
        let judged = self.hear_mail(mail).await;
        judged.map_err(|why| Fault::new("fault-mail", [("path", mail.source.as_bytes().into())]).because(why))
    }

    /// Judges one mail, and once more where answers are to be replaced.
    async fn hear_mail(&self, mail: &Mail) -> Result<Judged, Fault> {
        let sha256 = hexadecimal(digest(&SHA256, &mail.raw).as_ref());
        let kept = self.keeping.as_ref().map(|keeping| keeping.find(&sha256, &mail.source)).transpose()?;
        let policy = match kept {
            Some(kept) if !self.options.config_given => Arc::clone(&kept.policy),
            _ => Arc::clone(&self.options.policy),
        };
        let message = Message::parse_within(&mail.raw, &policy);
        let header = message.header();
        let (envelope, from_return_path) = self.envelope(&header, kept)?;
        let judged_at = self.judged_at(kept);
        let from = from_field::shown(&header);
        // The hearing reads it anew: of many fields one list is enough.
        drop(header);
        let hearing = self.judge.prepare(&message, &envelope, &policy, judged_at);
        let base = kept.map(|kept| &kept.facts);
        let Heard { verdict, facts, mut is_broken_off } = hearing.hear(Layers { over: None, under: base }).await;
        let what_if = match &self.options.what_if {
            None => None,
            Some(proposed) => {
                let layers = Layers { over: Some(proposed), under: Some(&facts) };
                let second = self.judge.prepare(&message, &envelope, &policy, judged_at).after(base).hear(layers).await;
                is_broken_off |= second.is_broken_off;
                let changes = what_if::changes(&verdict, &second.verdict);
                Some(WhatIf { verdict: second.verdict, facts: second.facts, proposed: proposed.clone(), changes })
            }
        };
        let (source, many) = (mail.source.clone(), mail.many);
        Ok(Judged {
            source,
            sha256,
            envelope,
            from_return_path,
            judged_at,
            policy,
            from,
            many,
            verdict,
            facts,
            is_broken_off,
            what_if,
        })
    }

    /// Returns the envelope: what the command line says, else what was kept, else what our own servers wrote.
    fn envelope(&self, header: &Header<'_>, kept: Option<&Kept>) -> Result<(Envelope, bool), Fault> {
        let mut envelope = self.options.envelope.clone();
        if let Some(hop) = &self.options.trust_received {
            let Client { address, helo } = received::client(header, hop)?;
            envelope.client_ip = Some(address);
            envelope.helo = envelope.helo.or(helo);
        }
        if let Some(kept) = kept {
            let Envelope { client_ip, helo, mail_from } = kept.envelope.clone();
            let from_return_path = kept.from_return_path && envelope.mail_from.is_none();
            envelope.client_ip = envelope.client_ip.or(client_ip);
            envelope.helo = envelope.helo.or(helo);
            envelope.mail_from = envelope.mail_from.or(mail_from);
            return Ok((envelope, from_return_path));
        }
        if envelope.client_ip.is_some() && envelope.mail_from.is_none() {
            envelope.mail_from = received::return_path(header);
            let found = envelope.mail_from.is_some();
            return Ok((envelope, found));
        }
        Ok((envelope, false))
    }

    /// Returns the time to judge by, in whole seconds: as said, as kept, or now.
    fn judged_at(&self, kept: Option<&Kept>) -> Timestamp {
        let at = self.options.at.or(kept.map(|kept| kept.judged_at)).unwrap_or_else(Timestamp::now);
        at.round(Unit::Second).unwrap_or(at)
    }
}

/// Judges one mail that came by no command, and writes the object of the contract; nothing where it is no mail.
pub(crate) async fn told(judge: &Judge, raw: &[u8], envelope: Envelope, talk: &Talk) -> Option<String> {
    let policy = Arc::new(Policy::default());
    let message = Message::parse_within(raw, &policy);
    if !message.is_plausible() {
        return None;
    }
    let (mut envelope, now) = (envelope, Timestamp::now());
    let from_return_path = envelope.client_ip.is_some() && envelope.mail_from.is_none();
    if from_return_path {
        envelope.mail_from = received::return_path(&message.header());
    }
    let judged_at = now.round(Unit::Second).unwrap_or(now);
    let heard = judge.prepare(&message, &envelope, &policy, judged_at).hear(Layers::default()).await;
    let judged = Judged {
        source: "-".to_owned(),
        sha256: hexadecimal(digest(&SHA256, raw).as_ref()),
        from_return_path: from_return_path && envelope.mail_from.is_some(),
        envelope,
        judged_at,
        policy: Arc::clone(&policy),
        from: Vec::new(),
        many: true,
        verdict: heard.verdict,
        facts: heard.facts,
        is_broken_off: heard.is_broken_off,
        what_if: None,
    };
    Some(json::text(&judged, StepsShown::All, talk, false))
}

/// Says that a proposed answer was of no use.
fn unasked_note(source: &str, question: &Question) -> Fault {
    Fault::new("note-unasked", [("path", source.as_bytes().into()), ("question", question.to_string().into())])
}

/// Returns octets in hexadecimal.
fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
