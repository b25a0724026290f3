//! SPF in worlds of our own: what the official suites lack

use std::net::IpAddr;
use std::sync::LazyLock;

use jiff::Timestamp;
use sekisho_core::facts::{Facts, Missing, Question};
use sekisho_core::name::DomainName;
use sekisho_core::speech::{Lang, Speech, message_id};
use sekisho_core::step::{Check, Step, Trace};
use sekisho_core::zone::Zone;
use sekisho_mail::policy::Policy;
use sekisho_mail::speech;
use sekisho_mail::spf::{Request, judge};
use sekisho_mail::verdict::{Identity, SpfVerdict};

/// The sentences of both languages.
static SPEECHES: LazyLock<Vec<Speech>> =
    LazyLock::new(|| Lang::ALL.into_iter().map(|lang| Speech::new(lang, speech::sources(lang)).unwrap()).collect());

/// Who asks what.
#[derive(Clone, Copy)]
struct Mail {
    identity: Identity,
    client: &'static str,
    helo: &'static [u8],
    from: &'static [u8],
}

/// A mail of `u@example.org` from 192.0.2.1.
const MAIL: Mail =
    Mail { identity: Identity::MailFrom, client: "192.0.2.1", helo: b"mail.example.net", from: b"u@example.org" };

/// What came out.
struct Heard {
    verdict: SpfVerdict,
    steps: Vec<Step>,
    facts: Facts,
    rounds: Vec<Vec<Question>>,
}

impl Heard {
    fn result(&self) -> &'static str {
        self.verdict.result.as_str()
    }

    fn rules(&self) -> Vec<&'static str> {
        self.steps.iter().map(|step| step.rule.id).collect()
    }

    fn says(&self) -> Vec<String> {
        self.steps.iter().map(|step| SPEECHES[0].step(step)).collect()
    }
}

impl Mail {
    fn request(&self) -> Request<'static> {
        let client_ip: IpAddr = self.client.parse().unwrap();
        Request { identity: self.identity, client_ip, helo: self.helo, mail_from: self.from, receiver: None }
    }

    fn judged(&self, facts: &Facts, trace: &mut Trace) -> Result<SpfVerdict, Missing> {
        judge(facts, &self.request(), &Policy::default(), Timestamp::UNIX_EPOCH, trace)
    }

    fn hear(&self, zone: &Zone) -> Heard {
        let mut trace = Trace::new(Check::Spf);
        let mut facts = Facts::default();
        let mut rounds = Vec::new();
        let verdict = zone.satisfy(&mut facts, |facts| {
            self.judged(facts, &mut trace).inspect_err(|missing| rounds.push(missing.0.clone()))
        });
        assert_speaks(&trace);
        Heard { verdict, steps: trace.into_steps(), facts, rounds }
    }

    fn hear_in(&self, zone: &str) -> Heard {
        self.hear(&Zone::parse(zone).unwrap())
    }
}

/// Checks that every step has its sentence in both languages, with all that the sentence names.
pub(crate) fn assert_speaks(trace: &Trace) {
    for step in trace.steps() {
        for speech in SPEECHES.iter() {
            speech.check(&message_id(step.rule.id), &step.arguments).unwrap();
        }
    }
}

/// Returns a zone whose `example.org` publishes `record`, in strings as a zone file wants them, and some more lines.
fn publishing(record: &str, more: &str) -> Zone {
    let mut zone = Zone::parse(more).unwrap();
    let strings = sekisho_core::presentation::split_string(record.as_bytes());
    zone.add(DomainName::parse("example.org").unwrap(), sekisho_core::facts::Record::Txt(strings));
    zone
}

#[test]
fn limits_are_counted_through_include_and_redirect() {
    let a = |count: usize| vec!["a:other.example.org"; count].join(" ");
    let zone = |last: usize| {
        publishing(
            &format!("v=spf1 include:one.example.org {} redirect=two.example.org", a(3)),
            &format!(
                "other.example.org A 198.51.100.1\none.example.org TXT \"v=spf1 {} -all\"\n\
                 two.example.org TXT \"v=spf1 {} ip4:192.0.2.1 -all\"",
                a(3),
                a(last)
            ),
        )
    };
    // 1 include, 3 in it, 3 after it, 1 redirect, 2 behind it.
    let heard = MAIL.hear(&zone(2));
    assert_eq!((heard.result(), heard.verdict.lookups), ("pass", 10));
    let heard = MAIL.hear(&zone(3));
    assert_eq!((heard.result(), heard.verdict.lookups), ("permerror", 10));
    assert!(heard.rules().contains(&"spf.lookups"));
}

#[test]
fn void_lookups_are_counted_through_include() {
    let zone = |own: &str| {
        publishing(
            &format!("v=spf1 include:one.example.org {own} ip4:192.0.2.1"),
            "one.example.org TXT \"v=spf1 a:no1.example.org a:no2.example.org -all\"\nhas.example.org A 198.51.100.1",
        )
    };
    let heard = MAIL.hear(&zone("a:has.example.org"));
    assert_eq!((heard.result(), heard.verdict.void_lookups), ("pass", 2));
    let heard = MAIL.hear(&zone("exists:no3.example.org"));
    assert_eq!((heard.result(), heard.verdict.void_lookups), ("permerror", 3));
    assert_eq!(heard.rules().last(), Some(&"spf.void-lookups"));
}

#[test]
fn exchangers_without_addresses_of_the_family_are_not_void_lookups() {
    let zone = "example.org TXT \"v=spf1 mx ip6:2001:db8::/32\"\nexample.org MX 1 a.example.org\n\
                example.org MX 2 b.example.org\nexample.org MX 3 c.example.org\na.example.org A 192.0.2.1";
    let heard = Mail { client: "2001:db8::1", ..MAIL }.hear_in(zone);
    assert_eq!((heard.result(), heard.verdict.void_lookups), ("pass", 0));
}

#[test]
fn a_name_that_is_too_long_loses_labels_from_its_left() {
    let label = "x".repeat(60);
    let kept = [label.as_str(); 4].join(".");
    let zone =
        publishing(&format!("v=spf1 exists:%{{l}}.lost.{kept}.example -all"), &format!("{kept}.example A 127.0.0.2"));
    assert_eq!(MAIL.hear(&zone).result(), "pass");
}

#[test]
fn a_mapped_client_is_an_ipv4_client() {
    let mapped = Mail { client: "::ffff:192.0.2.1", ..MAIL };
    assert_eq!(mapped.hear_in("example.org TXT \"v=spf1 ip6:::/0 -all\"").result(), "fail");
    assert_eq!(mapped.hear_in("example.org TXT \"v=spf1 ip4:192.0.2.0/24 -all\"").result(), "pass");
}

#[test]
fn the_outer_qualifier_is_kept_through_nested_includes() {
    let heard = MAIL.hear_in(
        "example.org TXT \"v=spf1 ~include:one.example.org -all exp=own.example.org\"\n\
         one.example.org TXT \"v=spf1 include:two.example.org -all exp=other.example.org\"\n\
         two.example.org TXT \"v=spf1 ip4:192.0.2.1 -all\"",
    );
    assert_eq!(heard.result(), "softfail");
    let depths: Vec<u8> = heard.steps.iter().map(|step| step.depth).collect();
    assert_eq!(depths, [0, 0, 0, 1, 1, 2, 2, 1, 0, 0]);
}

#[test]
fn every_failure_of_a_server_is_a_temperror() {
    for failure in ["servfail", "timeout", "refused", "truncated"] {
        for record in ["a:x.example.org", "mx:x.example.org", "exists:x.example.org", "include:x.example.org"] {
            let zone = publishing(&format!("v=spf1 {record} -all"), &format!("x.example.org * !{failure}"));
            assert_eq!(MAIL.hear(&zone).result(), "temperror", "{record} {failure}");
        }
        let zone = publishing("v=spf1 redirect=x.example.org", &format!("x.example.org * !{failure}"));
        assert_eq!(MAIL.hear(&zone).result(), "temperror");
        assert_eq!(MAIL.hear_in(&format!("example.org TXT !{failure}")).result(), "temperror");
        // §5.5, §6.2: neither the client's name nor an explanation spoils a verdict.
        let more = format!("1.2.0.192.in-addr.arpa PTR !{failure}\nx.example.org TXT !{failure}");
        assert_eq!(MAIL.hear(&publishing("v=spf1 ptr -all exp=x.example.org", &more)).result(), "fail");
    }
}

#[test]
fn an_exchanger_that_matches_outdoes_one_that_fails() {
    let more = "example.org MX 1 a.example.org\nexample.org MX 2 b.example.org\na.example.org A !timeout\n";
    let zone = publishing("v=spf1 mx -all", &format!("{more}b.example.org A 192.0.2.1"));
    assert_eq!(MAIL.hear(&zone).result(), "pass");
    let zone = publishing("v=spf1 mx -all", &format!("{more}b.example.org A 192.0.2.2"));
    assert_eq!(MAIL.hear(&zone).result(), "temperror");
}

#[test]
fn explanations_are_bounded_and_printable() {
    let explain = |words: &str, mail: Mail| {
        let zone = publishing("v=spf1 -all exp=why.example.org", &format!("why.example.org TXT {words}"));
        mail.hear(&zone).verdict.explanation
    };
    assert_eq!(explain("\"%{s} %{t} %{r}.\"", MAIL).as_deref(), Some("u@example.org 0 unknown."));
    let odd = Mail { from: b"a\r\nb\x1b\xff@example.org", ..MAIL };
    assert_eq!(explain("\"no %{l}\"", odd).as_deref(), Some("no a??b??"));
    assert_eq!(explain("\"a\\009b\"", MAIL), None);
    let long = format!("\"{}\"", "%{d}".repeat(60));
    assert_eq!(explain(&long, MAIL).map(|text| text.len()), Some(512));
}

#[test]
fn a_local_part_beyond_ascii_is_in_no_name() {
    let zone = publishing("v=spf1 exists:%{l}.users.example.org -all", "users.example.org A 127.0.0.2");
    let heard = Mail { from: "日本@example.org".as_bytes(), ..MAIL }.hear(&zone);
    assert_eq!((heard.result(), heard.verdict.void_lookups), ("fail", 0));
}

#[test]
fn names_of_a_client_beyond_the_tenth_are_ignored() {
    let client = "1.2.0.192.in-addr.arpa PTR";
    let others: String = (0..10).map(|i| format!("{client} h{i}.example.net\n")).collect();
    let own = format!("{client} own.example.org\n");
    let address = "own.example.org A 192.0.2.1\n";
    let late = publishing("v=spf1 ptr -all", &format!("{others}{own}{address}"));
    assert_eq!(MAIL.hear(&late).result(), "fail");
    let early = publishing("v=spf1 ptr -all", &format!("{own}{others}{address}"));
    assert_eq!(MAIL.hear(&early).result(), "pass");
}

#[test]
fn the_helo_identity_is_judged_by_the_helo_name() {
    let mail = Mail { identity: Identity::Helo, ..MAIL };
    let heard = mail.hear_in("mail.example.net TXT \"v=spf1 a -all\"\nmail.example.net A 192.0.2.1");
    assert_eq!((heard.result(), heard.verdict.domain.as_str()), ("pass", "mail.example.net"));
    assert_eq!(heard.verdict.identity, Identity::Helo);
}

#[test]
fn the_null_path_is_judged_as_mail_from() {
    let heard = Mail { from: b"", ..MAIL }.hear_in("mail.example.net TXT \"v=spf1 exists:%{l}.%{o} -all\"");
    assert_eq!((heard.result(), heard.verdict.identity), ("fail", Identity::MailFrom));
    let asked = Question::new(sekisho_core::facts::Kind::A, DomainName::parse("postmaster.mail.example.net").unwrap());
    assert!(heard.facts.has(&asked));
}

#[test]
fn a_round_names_every_first_question_that_the_limit_lets_be_reached() {
    let asked = |record: &str| -> Vec<String> {
        let heard = MAIL.hear(&publishing(record, ""));
        heard.rounds.get(1).map(|round| round.iter().map(ToString::to_string).collect()).unwrap_or_default()
    };
    assert_eq!(
        asked("v=spf1 a include:i.example mx exists:e.example ptr a:%{l}.example a:b.example redirect=r.example"),
        ["A example.org", "TXT i.example", "MX example.org", "A b.example", "TXT r.example"]
    );
    // Ten terms, and not an eleventh; none behind a term that surely matches.
    let many: String = (0..12).map(|i| format!(" a:h{i}.example")).collect();
    assert_eq!(asked(&format!("v=spf1{many}")).len(), 10);
    assert_eq!(asked("v=spf1 a:x.example ip4:192.0.2.0/24 a:y.example redirect=r.example").len(), 1);
    assert_eq!(asked("v=spf1 a:x.example ?all redirect=r.example").len(), 1);
}

#[test]
fn what_was_asked_ahead_counts_only_when_it_is_reached() {
    let zone =
        publishing("v=spf1 a:yes.example.org a:no1.example a:no2.example a:no3.example", "yes.example.org A 192.0.2.1");
    let heard = MAIL.hear(&zone);
    assert_eq!((heard.result(), heard.verdict.lookups, heard.verdict.void_lookups), ("pass", 1, 0));
    assert_eq!(heard.facts.len(), 5);
}

#[test]
fn no_identity_costs_more_than_111_questions() {
    let mut more = String::new();
    for domain in 0..10 {
        for host in 0..10 {
            more.push_str(&format!("d{domain}.example MX 1 h{host}.d{domain}.example\n"));
        }
    }
    for host in 0..12 {
        more.push_str(&format!("1.2.0.192.in-addr.arpa PTR h{host}.client.example\n"));
    }
    let terms = |count: usize| (0..count).map(|i| format!(" mx:d{i}.example")).collect::<String>();
    let record = format!("v=spf1{} -all exp=%{{p}}.example", terms(10));
    let heard = MAIL.hear(&publishing(&record, &more));
    assert_eq!((heard.result(), heard.facts.len()), ("fail", 111));
    let record = format!("v=spf1{} exists:%{{p}}.example -all", terms(9));
    let heard = MAIL.hear(&publishing(&record, &more));
    assert_eq!(heard.result(), "fail");
    assert!(heard.facts.len() <= 111, "{} questions", heard.facts.len());
}

#[test]
fn loops_and_monsters_end_in_a_clear_verdict() {
    let heard = MAIL.hear_in("example.org TXT \"v=spf1 include:example.org -all\"");
    assert_eq!((heard.result(), heard.verdict.lookups), ("permerror", 10));
    let heard = MAIL.hear_in("example.org TXT \"v=spf1 redirect=example.org\"");
    assert_eq!((heard.result(), heard.verdict.lookups), ("permerror", 10));
    let networks: String = (0..450).map(|i| format!(" ip4:10.{}.{}.0/24", i / 250, i % 250)).collect();
    let heard = MAIL.hear(&publishing(&format!("v=spf1{networks} -all"), ""));
    assert_eq!((heard.result(), heard.steps.len()), ("fail", 5));
    for piece in ["%{d}", "%{s9r.-+,/_=}", "%%", "%{l1r-}.", "%{h}%{i}", "%{d9999999999}"] {
        let macros = format!("v=spf1 exists:{} -all", piece.repeat(65_536 / piece.len()));
        let result = MAIL.hear(&publishing(&macros, "")).result();
        assert!(["fail", "permerror"].contains(&result), "{piece}: {result}");
    }
    let open = format!("v=spf1 exists:{} -all", "%{".repeat(32_768));
    assert_eq!(MAIL.hear(&publishing(&open, "")).result(), "permerror");
}

#[test]
fn a_fail_is_understood_at_one_glance() {
    let heard = MAIL.hear_in(
        "example.org TXT \"v=spf1 ip4:198.51.100.0/24 include:mta.example -all\"\nmta.example TXT \"v=spf1 a ?all\"\nmta.example A 203.0.113.1",
    );
    assert_eq!(
        heard.says(),
        [
            "may 192.0.2.1 send mail as example.org?",
            "example.org publishes `v=spf1 ip4:198.51.100.0/24 include:mta.example -all`",
            "`ip4:198.51.100.0/24` does not contain 192.0.2.1",
            "`include:mta.example` brings in the record of mta.example",
            "mta.example publishes `v=spf1 a ?all`",
            "`a` does not match: the only address of mta.example is another one",
            "`?all` matches every host",
            "`include:mta.example` does not match: mta.example gives neutral",
            "`-all` matches every host",
            "example.org does not allow 192.0.2.1 (`-all` in the record of example.org)",
        ]
    );
}

#[test]
fn every_rule_is_reached_by_some_world() {
    let more = "a.example.org A 192.0.2.1\nb.example.org A 198.51.100.1\nslow.example.org * !timeout\n\
                1.2.0.192.in-addr.arpa PTR a.example.org\n9.2.0.192.in-addr.arpa PTR !timeout\n\
                yes.example.org TXT \"v=spf1 ip4:192.0.2.1\"\nno.example.org TXT \"v=spf1 -all\"\n\
                why.example.org TXT \"because\"\nbad.example.org TXT \"%{x}\"\nbroken.example.org TXT \"v=spf1 moo\"\n\
                m.example.org MX 1 a.example.org\nn.example.org MX 1 b.example.org\n\
                twice.example.org TXT \"v=spf1\"\ntwice.example.org TXT \"v=spf1\"";
    let many: String = (0..11).map(|i| format!("\nmany.example.org MX {i} a.example.org")).collect();
    let more = format!("{more}{many}");
    let mut reached = std::collections::BTreeSet::new();
    for record in [
        "+a:a.example.org",
        "a:b.example.org ~all",
        "?all",
        "-all exp=why.example.org",
        "-all exp=bad.example.org",
        "-all exp=none.example.org",
        "mx:m.example.org",
        "mx:n.example.org",
        "mx:many.example.org",
        "ptr",
        "ptr:b.example.org",
        "exists:a.example.org",
        "exists:1.example.org exists:2.example.org exists:3.example.org",
        "ip4:10.0.0.0/8 ip4:192.0.2.0/24",
        "a:a..example.org",
        "a:slow.example.org",
        "include:yes.example.org",
        "include:no.example.org",
        "include:none.example.org",
        "include:broken.example.org",
        "include:slow.example.org",
        "include:twice.example.org",
        "redirect=yes.example.org",
        "redirect=none.example.org",
        "a\tb",
        "moo",
        "1=x",
        "all:x.example",
        "a:",
        "a:x",
        "a:192.0.2.1",
        "a:%x.example",
        "a:%{t}.example",
        "ip4:x",
        "ip6:x",
        "a/99",
        "exp=a.example exp=a.example",
        "a a a a a a a a a a a",
    ] {
        let mail = if record == "ptr:b.example.org" { Mail { client: "192.0.2.1", ..MAIL } } else { MAIL };
        let own = format!("{more}\nexample.org A 198.51.100.1");
        reached.extend(mail.hear(&publishing(&format!("v=spf1 {record}"), &own)).rules());
    }
    let slow = Mail { client: "192.0.2.9", ..MAIL };
    reached.extend(slow.hear(&publishing("v=spf1 ptr", &more)).rules());
    for from in ["", "u@[192.0.2.1]", "u@x", "u@a..b", "u@none.example"] {
        reached.extend(Mail { from: from.as_bytes(), ..MAIL }.hear_in("").rules());
    }
    reached.extend(Mail { from: b"", helo: b"", ..MAIL }.hear_in("").rules());
    reached.extend(Mail { identity: Identity::Helo, ..MAIL }.hear_in("").rules());
    // No world breaks a judgement off: that is our own fault alone.
    let all = speech::rules().map(|rule| rule.id).filter(|id| id.starts_with("spf.") && *id != "spf.broken-off");
    let missed: Vec<_> = all.filter(|id| !reached.contains(id)).collect();
    assert!(missed.is_empty(), "no world reaches {missed:?}");
}
