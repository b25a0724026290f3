//! The worlds of DMARC's walk through the whole command: every identifier passes or fails by real means

use jiff::Timestamp;
use sekisho_core::facts::{Kind, Outcome, Record};
use sekisho_core::name::DomainName;
use sekisho_core::presentation::split_string;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::SigningKey;
use sekisho_mail::message::Message;
use sekisho_testkit::dns::DnsServer;
use sekisho_testkit::suites::dmarc::{Expectation, Identifier, Mechanism, worlds};
use serde_json::Value;

use crate::whole::{Check, side_by_side, wrong_facts};

/// When the mails are signed and judged.
pub(crate) const NOW: &str = "2026-06-01T12:00:00Z";

/// How long one verdict waits: for the three tries for an answer that does not come, and then for those that do.
const TIMEOUT: &str = "9";

/// A mail with its world and its MAIL FROM.
pub(crate) struct Real {
    /// The mail, signed where that is asked for.
    pub(crate) mail: Vec<u8>,
    /// The domain of MAIL FROM, where SPF is asked.
    pub(crate) mail_from: Option<DomainName>,
    /// The world, with keys and SPF records.
    pub(crate) zone: Zone,
}

#[test]
fn every_world_of_the_walk_ends_in_the_command_as_expected() {
    let worlds = worlds();
    let cases: Vec<_> = worlds
        .iter()
        .flat_map(|world| world.expectations.iter().map(move |expectation| (world, expectation)))
        .collect();
    let wrong = side_by_side(&cases, |(world, expectation)| {
        let wrong = judge(&world.zone, expectation);
        (!wrong.is_empty()).then(|| format!("{}: {}: {}", world.title, expectation.asked, wrong.join("; ")))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(cases.len(), 81);
}

/// Judges one mail and names what is not as expected.
fn judge(zone: &Zone, expectation: &Expectation) -> Vec<String> {
    let real = realise(zone, expectation);
    let server = DnsServer::start(real.zone.clone());
    let mut check = Check::mail(real.mail).dns(&server).and("--at", NOW).and("--timeout", TIMEOUT);
    if let Some(domain) = &real.mail_from {
        check = check.and("--client-ip", "192.0.2.77").and("--mail-from", format!("bounce@{domain}"));
    }
    let json = check.judge();
    let mut wrong = wrong_facts(&json, &real.zone);
    wrong.extend(not_realised(&json, expectation));
    let mut compare = |what: &str, is: &Value, wanted: &str| {
        let is = is.as_str().unwrap_or("-");
        if is != wanted {
            wrong.push(format!("{what} is {is}, expected {wanted}"));
        }
    };
    let dmarc = &json["dmarc"];
    compare("author", &json["author"]["result"], "ok");
    compare("domain", &dmarc["domain"], &expectation.author.to_string());
    compare("result", &dmarc["result"], &expectation.result);
    for (what, wanted) in &expectation.wanted {
        match what.as_str() {
            "aligned" => {
                let aligned: Vec<&str> =
                    dmarc["aligned"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
                compare("aligned", &aligned.join(",").into(), wanted);
            }
            "org" => compare("org", &dmarc["organizational_domain"], wanted),
            "at" => compare("at", &dmarc["policy_domain"], wanted),
            "policy" => compare("policy", &dmarc["policy"], wanted),
            "do" => compare("do", &dmarc["disposition"], wanted),
            other => panic!("unknown expectation {other}"),
        }
    }
    compare("verdict", &json["verdict"], action(dmarc));
    wrong
}

/// Returns what DESIGN §7 makes of a DMARC verdict, where nothing else speaks against the mail.
fn action(dmarc: &Value) -> &'static str {
    match (dmarc["result"].as_str(), dmarc["disposition"].as_str(), dmarc["policy"].as_str()) {
        (Some("fail"), Some("quarantine" | "reject"), _) => "quarantine",
        (Some("temperror"), _, policy) if policy != Some("none") => "tempfail",
        _ => "accept",
    }
}

/// Names what SPF and DKIM found out otherwise than the expectation says.
fn not_realised(json: &Value, expectation: &Expectation) -> Vec<String> {
    let word = |passes| if passes { "pass" } else { "temperror" };
    let spf = expectation.identifiers.iter().find(|one| one.mechanism == Mechanism::Spf);
    let dkim = expectation.identifiers.iter().filter(|one| one.mechanism == Mechanism::Dkim);
    let wanted: Vec<_> = dkim.map(|one| (Some(word(one.passes)), Some(one.domain.to_string()))).collect();
    let signatures = json["dkim"].as_array().unwrap();
    let found: Vec<_> =
        signatures.iter().map(|one| (one["result"].as_str(), one["domain"].as_str().map(str::to_owned))).collect();
    let mut wrong = Vec::new();
    if json["spf"]["result"].as_str() != spf.map(|one| word(one.passes)) {
        wrong.push(format!("SPF is {}", json["spf"]["result"]));
    }
    if found != wanted {
        wrong.push(format!("DKIM is {found:?}, expected {wanted:?}"));
    }
    wrong
}

/// Makes the mail that an expectation speaks of, and adds to its world what its identifiers need.
pub(crate) fn realise(zone: &Zone, expectation: &Expectation) -> Real {
    let text =
        format!("From: <author@{}>\r\nTo: <you@example.net>\r\nSubject: x\r\n\r\nHello.\r\n", expectation.author);
    let mut real = Real { mail: text.into_bytes(), mail_from: None, zone: zone.clone() };
    // Each signature goes on top of those before it.
    for (number, identifier) in expectation.identifiers.iter().enumerate().rev() {
        let Identifier { mechanism, passes, domain } = identifier;
        let txt = |text: &str| Record::Txt(split_string(text.as_bytes()));
        let (name, record) = match mechanism {
            Mechanism::Spf => {
                real.mail_from = Some(domain.clone());
                (domain.clone(), txt("v=spf1 +all"))
            }
            Mechanism::Dkim => {
                let signer = signer(domain, &format!("s{number}"));
                real.mail = [sign(&signer, &real.mail), real.mail].concat();
                let below = domain.child(b"_domainkey").unwrap();
                (below.child(format!("s{number}").as_bytes()).unwrap(), txt(&signer.key.record()))
            }
        };
        if *passes {
            real.zone.add(name, record);
        } else {
            real.zone.add_failure(name, Some(Kind::Txt), Outcome::Servfail);
        }
    }
    real
}

/// Returns a signer with a key that is always the same.
pub(crate) fn signer(domain: &DomainName, selector: &str) -> Signer {
    Signer::new(domain.clone(), DomainName::parse(selector).unwrap(), SigningKey::from_seed(&[42; 32]).unwrap())
}

/// Returns the signature of a mail.
pub(crate) fn sign(signer: &Signer, mail: &[u8]) -> Vec<u8> {
    let message = Message::parse(mail);
    let mut plan = BodyPlan::new();
    signer.plan(&mut plan);
    let mut hasher = BodyHasher::new(&plan);
    message.body().for_each(|piece| hasher.update(&piece));
    let now: Timestamp = NOW.parse().unwrap();
    signer.sign(&message.header(), &hasher.finish(), now).unwrap()
}
