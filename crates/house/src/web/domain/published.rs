//! What a domain publishes now, drawn: what is wrong with it and what mends it, its SPF record with all that it includes and what
//! that costs, its DMARC policy

use sekisho_ask::{Errand, Source as Asked};
use sekisho_core::facts::Facts;
use sekisho_core::finding::{Finding, Severity};
use sekisho_core::name::DomainName;
use sekisho_core::visible::Visible;
use sekisho_mail::policy::Policy;
use sekisho_mail::spf::outline::{Outline, Standing, Sums, Term, Trouble};
use sekisho_mail::verdict::{Disposition, SpfResult};
use sekisho_watch::audit::{Audit, audit};

use crate::web::frame::Frame;
use crate::web::shown;

/// The most questions: a record that costs far too much is followed for a while.
const QUESTIONS: usize = 400;
/// What is proposed where there is no policy yet.
const REJECT: &str = "v=DMARC1; p=reject";
/// The most lines that are drawn.
const LINES: usize = 200;
/// From so many networks in a row on they are one line.
const MANY_NETWORKS: usize = 4;
/// The deepest line that the stylesheet indents.
const DEEPEST: usize = 6;

/// What a domain publishes, as it is shown.
#[derive(Default)]
pub(super) struct Published {
    /// What there is to tell, the worst first.
    pub(super) findings: Vec<Found>,
    /// The SPF record, from top to bottom.
    pub(super) spf: Vec<Branch>,
    /// What the SPF record costs and lets pass, in words.
    pub(super) cost: String,
    /// Where the policy stands, and what it says.
    pub(super) dmarc: Option<(String, String)>,
    /// The policy with `p=reject` in it and all else as it is; nothing where it has that already.
    pub(super) proposal: Option<String>,
    /// Why nothing is known.
    pub(super) unknown: Option<String>,
}

/// A finding, as it is shown.
pub(super) struct Found {
    /// How it looks.
    pub(super) state: &'static str,
    /// How bad it is, in a word.
    pub(super) severity: String,
    /// What it is.
    pub(super) says: String,
    /// What to do about it.
    pub(super) advice: String,
    /// Where that is written.
    pub(super) section: &'static str,
    /// Its stable id.
    pub(super) rule: &'static str,
}

/// A line of the SPF tree.
pub(super) struct Branch {
    /// The term, or the domain and its record.
    pub(super) text: String,
    /// What is to be said of it.
    pub(super) note: String,
    /// Classes of the stylesheet: how it looks, and how deep it lies.
    pub(super) class: String,
}

/// Asks the DNS what a domain publishes.
pub(super) async fn published(source: &Asked, domain: &DomainName, policy: &Policy, frame: &Frame) -> Published {
    match audited(source, domain, policy).await {
        Some(audited) => drawn(&audited, policy, frame),
        None => Published {
            proposal: Some(REJECT.to_owned()),
            unknown: Some(frame.say("desk-published-unknown")),
            ..Published::default()
        },
    }
}

/// Asks the DNS what a domain publishes, and finds what is wrong with it; nothing where the DNS cannot be asked.
pub(crate) async fn audited(source: &Asked, domain: &DomainName, policy: &Policy) -> Option<Audit> {
    let (mut known, mut errand) = (Facts::default(), Errand::new(super::PATIENCE, QUESTIONS));
    let audited = source.satisfy(&mut known, &mut errand, |facts| audit(facts, domain, policy)).await;
    audited.inspect_err(|why| tracing::warn!(error = %why, "what a domain publishes cannot be told")).ok()
}

/// Draws what was found.
fn drawn(audited: &Audit, policy: &Policy, frame: &Frame) -> Published {
    let mut tree = Tree { frame, limit: policy.spf_lookups as usize, lookups: 0, lines: Vec::new() };
    tree.draw(&audited.spf, 0);
    let mut spf = tree.lines;
    if spf.len() > LINES {
        let more = [("number", (spf.len() - LINES).into())];
        spf.truncate(LINES);
        let text = frame.tell("desk-spf-more", &more);
        spf.push(Branch { text, note: String::new(), class: "depth-1".to_owned() });
    }
    let record = |(at, record): &(DomainName, std::sync::Arc<sekisho_mail::dmarc::record::Record>)| {
        (format!("_dmarc.{at}"), Visible(&record.text).to_string())
    };
    Published {
        findings: audited.findings.iter().map(|finding| Found::of(finding, frame)).collect(),
        spf,
        cost: cost(&audited.spf, &audited.sums, policy, frame),
        dmarc: audited.dmarc.as_ref().map(record),
        proposal: proposal(audited),
        unknown: None,
    }
}

/// Proposes the domain's policy with `p=reject`, so that its other tags are not lost on the way.
fn proposal(audited: &Audit) -> Option<String> {
    let own = audited.dmarc.as_ref().filter(|(at, _)| *at == audited.spf.domain);
    let Some((_, record)) = own else { return Some(REJECT.to_owned()) };
    let text = std::str::from_utf8(&record.text).ok()?;
    let is_policy = |tag: &&str| tag.split('=').next().is_some_and(|name| name.trim() == "p");
    let tags: Vec<&str> = text.split(';').map(str::trim).filter(|tag| !tag.is_empty()).collect();
    let with = |tag: &str| if is_policy(&tag) { "p=reject".to_owned() } else { tag.to_owned() };
    let proposed: Vec<String> = match tags.iter().any(is_policy) {
        true => tags.iter().map(|tag| with(tag)).collect(),
        false => [*tags.first()?, "p=reject"].iter().chain(tags.get(1..)?).map(ToString::to_string).collect(),
    };
    (record.p != Some(Disposition::Reject)).then(|| proposed.join("; "))
}

/// Says what a record costs and lets pass; nothing where there is none.
fn cost(outline: &Outline, sums: &Sums, policy: &Policy, frame: &Frame) -> String {
    if !matches!(outline.standing, Standing::Single(_)) {
        return String::new();
    }
    let told = [
        ("lookups", sums.lookups.into()),
        ("limit", u64::from(policy.spf_lookups).into()),
        ("voids", sums.voids.into()),
        ("addresses", shown::number(sums.ipv4).into()),
        ("count", sums.ipv4.into()),
    ];
    frame.tell("desk-spf-cost", &told)
}

impl Found {
    /// Puts a finding into words.
    fn of(finding: &Finding, frame: &Frame) -> Found {
        Found {
            state: match finding.severity {
                Severity::Fault => "fail",
                Severity::Warning => "odd",
                Severity::Note => "none",
            },
            severity: frame.word("severity", finding.severity.as_str()),
            says: frame.talk.finding(finding),
            advice: frame.talk.advice(finding),
            section: finding.rule.section,
            rule: finding.rule.id,
        }
    }
}

/// The SPF tree while it is drawn.
struct Tree<'a> {
    /// Who says things.
    frame: &'a Frame,
    /// How many lookups are allowed.
    limit: usize,
    /// How many were counted so far.
    lookups: usize,
    /// The lines so far.
    lines: Vec<Branch>,
}

impl Tree<'_> {
    /// Draws a record and all below it.
    fn draw(&mut self, outline: &Outline, depth: usize) {
        let (state, note) = self.standing(&outline.standing);
        self.push(&shown::name(&outline.domain.to_string()), note, state, depth);
        let mut terms = outline.terms.as_slice();
        while let Some(term) = terms.first() {
            let networks = terms.iter().take_while(|term| is_network(term)).count();
            if networks >= MANY_NETWORKS {
                let note = self.frame.tell("desk-spf-networks", &[("number", (networks - 1).into())]);
                self.push(&text(term), note, "", depth + 1);
                terms = terms.get(networks..).unwrap_or_default();
                continue;
            }
            self.draw_term(term, depth + 1);
            terms = terms.get(1..).unwrap_or_default();
        }
    }

    /// Draws a term and the record that it leads to.
    fn draw_term(&mut self, term: &Term, depth: usize) {
        self.lookups += usize::from(term.is_lookup);
        let is_beyond = term.is_lookup && self.lookups > self.limit;
        let mut notes = Vec::new();
        if term.is_lookup {
            let word = if is_beyond { "desk-spf-lookup-beyond" } else { "desk-spf-lookup" };
            notes.push(self.frame.tell(word, &[("number", self.lookups.into())]));
        }
        notes.extend(term.trouble.map(|trouble| self.frame.say(&format!("desk-spf-{}", word(trouble)))));
        let state = match (term.trouble, term.result) {
            _ if is_beyond => "fail",
            (Some(Trouble::Void | Trouble::Unavailable), _) => "odd",
            (Some(Trouble::NoRecord | Trouble::Exchanges(_)), _) => "fail",
            // What is named passes; only an odd end is lit.
            (_, Some(SpfResult::Pass)) if term.networks == [(0, u32::MAX)] => "fail",
            _ => "",
        };
        self.push(&text(term), notes.join(" · "), state, depth);
        if let Some(below) = &term.below {
            self.draw(below, depth + 1);
        }
    }

    /// Adds a line.
    fn push(&mut self, text: &str, note: String, state: &str, depth: usize) {
        let class = format!("{state} depth-{}", depth.min(DEEPEST));
        self.lines.push(Branch { text: text.to_owned(), note, class });
    }

    /// Says what is published at a name.
    fn standing(&self, standing: &Standing) -> (&'static str, String) {
        let frame = self.frame;
        match standing {
            Standing::Single(text) => ("", Visible(text).to_string()),
            Standing::Absent => ("odd", frame.say("desk-no-record")),
            Standing::Several(count) => ("fail", frame.tell("desk-spf-several", &[("number", (*count).into())])),
            Standing::Broken { text, .. } => ("fail", Visible(text).to_string()),
            Standing::Unavailable(outcome) => ("odd", frame.word("outcome", outcome)),
            Standing::Loop => ("fail", frame.say("desk-spf-loop")),
            _ => ("none", frame.say("desk-spf-unfollowed")),
        }
    }
}

/// Tells whether a term names a network and nothing else.
fn is_network(term: &Term) -> bool {
    let is_ip = |prefix: &[u8]| term.text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    is_ip(b"ip4:") || is_ip(b"ip6:")
}

/// Returns a term as it is shown.
fn text(term: &Term) -> String {
    Visible(&term.text).to_string()
}

/// Returns the word for what is wrong with a term.
fn word(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Void => "void",
        Trouble::Exchanges(_) => "exchanges",
        Trouble::NoRecord => "no-record",
        Trouble::Unavailable => "unavailable",
        Trouble::Macros => "macros",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_core::zone::Zone;

    #[test]
    fn what_is_proposed_keeps_the_other_tags() {
        for (published, proposed) in [
            ("v=DMARC1; p=none; rua=mailto:d@a.example", Some("v=DMARC1; p=reject; rua=mailto:d@a.example")),
            ("v=DMARC1;p = quarantine;adkim=s;", Some("v=DMARC1; p=reject; adkim=s")),
            ("v=DMARC1; rua=mailto:d@a.example", Some("v=DMARC1; p=reject; rua=mailto:d@a.example")),
            ("v=DMARC1; p=reject; adkim=s", None),
            ("nothing of the kind", Some(REJECT)),
        ] {
            let zone = Zone::parse(&format!("_dmarc.a.example TXT \"{published}\"\n")).unwrap();
            let (domain, policy) = (DomainName::parse("a.example").unwrap(), Policy::default());
            let audited = zone.satisfy(&mut Facts::default(), |facts| audit(facts, &domain, &policy));
            assert_eq!(proposal(&audited).as_deref(), proposed, "{published}");
        }
    }
}
