//! What a whole verdict costs beside the bare cryptography under it, and beside `mail-auth`, as ratios.
//!
//! `cargo bench -p sekisho-bench --bench verify [-- FILTER]`, or `-- profile` to have something to look at with `perf`.
//! A verdict is SPF of both identities, DKIM, ARC, DMARC and
//! every Step, in process, with all answers cached and all rounds counted: it begins with the octets of the mail and no
//! facts. The bare cryptography is one verification with a parsed key per examined signature and one SHA-256 of the
//! mail. We, and then mail-auth, are timed in turns with it over a hundred different mails, so that other work on the
//! machine hits both alike; each ratio is the median of the ratios of neighbours.
#![expect(clippy::print_stdout, reason = "a benchmark tells what it found")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up must stop")]

use std::collections::HashMap;
use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::Dmarc;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::Spf;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, MessageAuthenticator, Parameters, Txt};
use sekisho_core::facts::{Answer, Facts, Question};
use sekisho_core::name::DomainName;
use sekisho_core::zone::Zone;
use sekisho_mail::body::{BodyHasher, BodyPlan};
use sekisho_mail::dkim::sign::Signer;
use sekisho_mail::dkim::signing_key::{NewKey, SigningKey};
use sekisho_mail::envelope::Envelope;
use sekisho_mail::hearing::Hearing;
use sekisho_mail::message::Message;
use sekisho_mail::policy::Policy;
use sekisho_mail::verdict::{DmarcResult, Verdict};
use sekisho_testkit::second_opinion::cache::{Answering, Overheard, no_such_name};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many different mails are judged.
const MAILS: usize = 100;
/// How many times each of them is judged, at least.
const ROUNDS: usize = 7;
/// How long one kind is timed, at least.
const LEAST: Duration = Duration::from_millis(1500);

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let world = World::new();
    if filter == "profile" {
        return world.profile();
    }
    println!(
        "{:<24}{:>9}{:>11}{:>11}{:>8}{:>10}{:>13}",
        "mail", "octets", "bare µs", "ours µs", "ratio", "target", "mail-auth ×"
    );
    for (name, target, signatures, line) in bodies() {
        for size in [5_000, 41_000, 1_000_000].into_iter().filter(|_| name.contains(&filter)) {
            let mails: Vec<Vec<u8>> = (0..MAILS).map(|at| world.mail(at, size, signatures, &line)).collect();
            let (bare, ours) = world.time(&mails, signatures, |mail, at| {
                let (verdict, _) = world.hear(mail, at, |question| Arc::clone(&world.cache[question]));
                assert_eq!(verdict.dmarc.result, DmarcResult::Pass);
                black_box(verdict);
            });
            let (beside_peer, theirs) = world.time(&mails, signatures, |mail, at| assert!(world.ask_peer(mail, at)));
            let (ratio, peer) = (median_ratio(&ours, &bare), median_ratio(&theirs, &beside_peer));
            let verdict = if ratio <= target { "" } else { "  above its target" };
            println!(
                "{name:<24}{size:>9}{:>11.1}{:>11.1}{ratio:>8.2}{:>10}{peer:>13.2}{verdict}",
                median(bare.clone()),
                median(ours.clone()),
                format!("≤ {target}"),
            );
        }
    }
}

/// Writes one line of a body.
type Line = Box<dyn Fn(usize) -> String>;

/// Returns the kinds of mails: name, the ratio aimed at, how many signatures, one line of the body.
fn bodies() -> Vec<(&'static str, f64, usize, Line)> {
    let word = |at: usize| ["gate", "paper", "officer", "road", "traveller", "clerk"][at * 7 % 6];
    let text = move |at: usize| (0..11).map(|more| word(at + more * more)).collect::<Vec<_>>().join(" ");
    let base64 = |at: usize| format!("{:x<76}", format!("{:X}", at * 2_654_435_761));
    let html = move |at: usize| format!("{}<td class=\"cell\">{} {}</td>", " ".repeat(at * 2 % 26), word(at), at);
    let spaces = |at: usize| format!("{} a\tb  c{}", " ".repeat(at % 40), " \t ".repeat(at % 12));
    vec![
        ("text", 1.5, 1, Box::new(text)),
        ("text, three signatures", 1.5, 3, Box::new(text)),
        ("base64", 1.5, 1, Box::new(base64)),
        ("indented HTML", 2.5, 1, Box::new(html)),
        ("adversarial white space", 4.0, 1, Box::new(spaces)),
    ]
}

/// The keys, the cached answers, and what the peer needs.
struct World {
    /// Who signs: twice with RSA, once with Ed25519.
    signers: [Signer; 3],
    /// The answers, as a cache holds them.
    cache: HashMap<Question, Arc<Answer>>,
    /// What mail-auth finds in its cache, by the name with its last dot.
    texts: HashMap<Box<[u8]>, Txt>,
    /// mail-auth.
    peer: MessageAuthenticator,
    /// What runs it.
    runtime: tokio::runtime::Runtime,
    /// The deciding configuration.
    policy: Arc<Policy>,
    /// An RSA key of the size that signs the mails, a hash, and its signature, for the bare verification.
    rsa: (ParsedPublicKey, Digest, Vec<u8>),
    /// The same for Ed25519.
    ed25519: (ParsedPublicKey, Digest, Vec<u8>),
}

/// What is known of each domain: an ordinary sender with a provider's include, a bounce domain of its own, a policy.
const ZONE: &str = r#"
example.org                TXT "v=spf1 include:_spf.provider.example ip4:198.51.100.0/24 -all"
example.org                TXT "some-verification=0123456789abcdef0123456789abcdef"
_spf.provider.example      TXT "v=spf1 include:_a.provider.example include:_b.provider.example ~all"
_a.provider.example        TXT "v=spf1 ip4:203.0.113.0/24 ip4:198.51.100.128/25 ip6:2001:db8:1::/48 ~all"
_b.provider.example        TXT "v=spf1 ip4:192.0.2.0/25 ip6:2001:db8:2::/48 ~all"
bounce.example.org         TXT "v=spf1 include:_spf.provider.example -all"
out.provider.example       TXT "v=spf1 a -all"
out.provider.example       A   192.0.2.10
_dmarc.example.org         TXT "v=DMARC1; p=reject; rua=mailto:dmarc@example.org"
"#;

impl World {
    /// Makes the keys and fills the caches.
    fn new() -> World {
        let mut zone = Zone::parse(ZONE).unwrap();
        let name = |text: &str| DomainName::parse(text).unwrap();
        let kinds = [("s1", NewKey::Rsa2048), ("s2", NewKey::Rsa2048), ("s3", NewKey::Ed25519)];
        let signers = kinds.map(|(selector, kind)| {
            let key = SigningKey::generate(kind, &SystemRandom::new()).unwrap();
            zone.parse_line(&format!("{selector}._domainkey.example.org TXT {}", key.record())).unwrap();
            Signer::new(name("example.org"), name(selector), key)
        });
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let hash = digest(&SHA256, b"any header");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut signature).unwrap();
        let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref()).unwrap();
        let short = Ed25519KeyPair::generate().unwrap();
        let short_key = ParsedPublicKey::new(&ED25519, short.public_key().as_ref()).unwrap();
        let mut world = World {
            texts: HashMap::new(),
            cache: HashMap::new(),
            peer: MessageAuthenticator::new(Default::default(), Default::default()).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
            policy: Arc::new(Policy::default()),
            rsa: (key, hash, signature),
            ed25519: (short_key, hash, short.sign(hash.as_ref()).as_ref().to_vec()),
            signers,
        };
        world.fill(&zone);
        world
    }

    /// Asks the zone once for all that these mails need.
    fn fill(&mut self, zone: &Zone) {
        for at in 0..2 {
            let mail = self.mail(at, 5_000, self.signers.len(), &|_| "x".to_owned());
            let (verdict, facts) = self.hear(&mail, at, |question| Arc::new(zone.answer(question)));
            assert_eq!(verdict.dmarc.result, DmarcResult::Pass, "the mails of the benchmark are good ones");
            assert_eq!(verdict.dmarc.aligned.len(), 2);
            for (question, answer) in facts.iter() {
                let answer = Answer::new(answer.outcome.clone(), answer.ttl);
                if let Some(text) = parse_for_peer(&question.name, &answer) {
                    self.texts.insert(format!("{}.", question.name).into_bytes().into(), text);
                }
                self.cache.insert(question.clone(), Arc::new(answer));
            }
        }
    }

    /// Writes one mail of about `size` octets, and signs it so often.
    fn mail(&self, at: usize, size: usize, signatures: usize, line: &dyn Fn(usize) -> String) -> Vec<u8> {
        let mut header = String::new();
        for hop in 0..4 {
            let _ = write!(
                header,
                "Received: from host{hop}.provider.example (host{hop}.provider.example [192.0.2.{hop}])\r\n\tby mx{hop}.example.net \
                 (Postfix) with ESMTPS id {at:08X}{hop}\r\n\tfor <reader{at}@example.net>; Sun, 22 Nov 2026 02:4{hop}:46 +0000 (UTC)\r\n"
            );
        }
        let _ = write!(
            header,
            "Date: Sun, 22 Nov 2026 02:41:46 +0000\r\nFrom: The Clerk <clerk{at}@example.org>\r\nReply-To: desk@example.org\r\n\
             To: Reader {at} <reader{at}@example.net>\r\nSubject: Notice {at} about the road and its papers\r\n\
             Message-ID: <{at:016x}.notice@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\nList-Unsubscribe: <https://example.org/u/{at:016x}>\r\n\
             List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nX-Mailer: a mailer of some kind 1.{at}\r\n"
        );
        let mut body = String::with_capacity(size + 100);
        for number in at.. {
            if header.len() + body.len() + 900 * signatures >= size {
                break;
            }
            body.push_str(&line(number));
            body.push_str("\r\n");
        }
        let raw = [header.as_str(), "\r\n", &body].concat().into_bytes();
        let now = jiff::Timestamp::from_second(1_795_315_306).unwrap();
        let fields = self.signers[..signatures].iter().map(|signer| {
            let mut plan = BodyPlan::new();
            signer.plan(&mut plan);
            let mut hasher = BodyHasher::new(&plan);
            hasher.update(body.as_bytes());
            signer.sign(&Message::parse(&raw).header(), &hasher.finish(), now).unwrap()
        });
        fields.chain([raw.clone()]).collect::<Vec<_>>().concat()
    }

    /// Does the bare cryptography of one mail.
    #[inline(never)]
    fn verify_bare(&self, raw: &[u8], signatures: usize) {
        black_box(digest(&SHA256, black_box(raw)));
        for at in 0..signatures {
            if at < 2 {
                let (key, hash, signature) = &self.rsa;
                key.verify_digest_sig(hash, signature).unwrap();
            } else {
                let (key, hash, signature) = &self.ed25519;
                key.verify_sig(hash.as_ref(), signature).unwrap();
            }
        }
    }

    /// Judges one mail from its octets to the verdict, beginning without facts.
    #[inline(never)]
    fn hear(&self, raw: &[u8], at: usize, answer: impl Fn(&Question) -> Arc<Answer>) -> (Verdict, Facts) {
        let message = Message::parse(raw);
        let header = message.header();
        let now = jiff::Timestamp::from_second(1_795_315_400).unwrap();
        let (helo, mail_from) = envelope(at);
        let envelope = Envelope {
            client_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10))),
            helo: Some(helo.as_bytes().into()),
            mail_from: Some(mail_from.as_bytes().into()),
        };
        let mut hearing = Hearing::open(envelope, Arc::clone(&self.policy));
        let mut facts = Facts::default();
        while let Err(missing) = hearing.proceed(&facts, &header, now) {
            missing.0.into_iter().for_each(|question| {
                let answer = answer(&question);
                facts.insert(question, answer);
            });
        }
        let mut hasher = BodyHasher::new(&hearing.body_plan());
        message.body().for_each(|piece| hasher.update(&piece));
        hearing.close(&hasher.finish());
        (hearing.verdict(&facts, &header, now).unwrap(), facts)
    }

    /// Lets mail-auth judge one mail.
    fn ask_peer(&self, raw: &[u8], at: usize) -> bool {
        let message = AuthenticatedMessage::parse(raw).unwrap();
        let (helo, mail_from) = envelope(at);
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
        let known = |asked: &Overheard| self.texts.get(asked.text()?).cloned();
        let texts = Answering(|asked: &Overheard| Some(known(asked).unwrap_or_else(no_such_name)));
        let cached = |params| Parameters::new(params).with_txt_cache(&texts);
        self.runtime.block_on(async {
            let dkim = self.peer.verify_dkim(Parameters::new(&message).with_txt_cache(&texts)).await;
            let ehlo = self.peer.verify_spf(cached(SpfParameters::verify_ehlo(ip, helo, "mx.example.net"))).await;
            let spf = SpfParameters::verify_mail_from(ip, helo, "mx.example.net", mail_from);
            let spf = self.peer.verify_spf(cached(spf)).await;
            let domain = mail_from.split_once('@').unwrap().1;
            let parameters = DmarcParameters::new(&message, &dkim, domain, &spf);
            let dmarc = self.peer.verify_dmarc(Parameters::new(parameters).with_txt_cache(&texts)).await;
            black_box(ehlo);
            *dmarc.dkim_result() == mail_auth::DmarcResult::Pass
        })
    }

    /// Judges small mails again and again, and does their bare cryptography: something for `perf record` to look at, and
    /// for callgrind, which counts instructions (`--toggle-collect='*World*hear'`, `'*World*verify_bare'`).
    fn profile(&self) {
        let line = |at: usize| format!("a line of text that is as long as lines of text are, number {at}");
        let mails: Vec<Vec<u8>> = (0..MAILS).map(|at| self.mail(at, 5_000, 1, &line)).collect();
        for _ in 0..20 {
            for (at, mail) in mails.iter().enumerate() {
                black_box(self.hear(mail, at, |question| Arc::clone(&self.cache[question])));
                self.verify_bare(mail, 1);
            }
        }
    }

    /// Times the bare cryptography and `judge` in turns; microseconds a mail.
    fn time(&self, mails: &[Vec<u8>], signatures: usize, judge: impl Fn(&[u8], usize)) -> (Vec<f64>, Vec<f64>) {
        let (mut bare, mut judged) = (Vec::new(), Vec::new());
        let begun = Instant::now();
        let mut round = 0;
        while round < ROUNDS || begun.elapsed() < LEAST {
            for (at, mail) in mails.iter().enumerate() {
                bare.push(micros(|| self.verify_bare(mail, signatures)));
                judged.push(micros(|| judge(mail, at)));
            }
            round += 1;
        }
        (bare, judged)
    }
}

/// Returns HELO and MAIL FROM of a mail: every other one bounces to a subdomain, so that the walk is needed.
fn envelope(at: usize) -> (&'static str, &'static str) {
    let mail_from = if at.is_multiple_of(2) { "clerk@example.org" } else { "b-17@bounce.example.org" };
    ("out.provider.example", mail_from)
}

/// Reads a TXT answer as mail-auth keeps it.
fn parse_for_peer(name: &DomainName, answer: &Answer) -> Option<Txt> {
    let texts = answer.outcome.records().iter().filter_map(|record| Some(record.text()?.into_owned()));
    let first = name.labels().next()?;
    texts.into_iter().find_map(|text| {
        if first == b"_dmarc" {
            Dmarc::parse(&text).ok().map(|record| Txt::Dmarc(Arc::new(record)))
        } else if name.labels().any(|label| label == b"_domainkey") {
            DomainKey::parse(&text).ok().map(|record| Txt::DomainKey(Arc::new(record)))
        } else {
            Spf::parse(&text).ok().map(|record| Txt::Spf(Arc::new(record)))
        }
    })
}

/// Times one run.
fn micros(run: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_secs_f64() * 1e6
}

/// Returns the median of the ratios of neighbours.
fn median_ratio(of: &[f64], beside: &[f64]) -> f64 {
    median(of.iter().zip(beside).map(|(one, other)| one / other).collect())
}

/// Returns the median.
fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of[of.len() / 2]
}
